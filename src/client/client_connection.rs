//! One connection to a server: a socket, the bytes that arrived and are not used yet, and an observer
//! that is told what each byte is for.
//!
//! ```text
//! ClientConnection ── send_request ─→ read_head ─→ read_body ──→ HTTP
//!    ├─ handshake::handshake ─────→ WebSocketConnection ───────→ messages
//!    └─ EventStreamConnection::open ───────────────────────────→ events
//! ```

use std::io::ErrorKind;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::byte_observer::{ByteObserver, BytePurpose};
use crate::client::limits::{READ_BYTES, REFUSAL_BYTES_MAX, RESPONSE_BYTES_MAX};
use crate::client::transport::{Transport, is_timeout};
use crate::client::url::Url;
use crate::config::{FIELDS_ROOM, Limits};
use crate::error::{CommandError, ProtocolError, one_line};
use crate::http::body::BodyReader;
use crate::http::framing::ResponseFraming;
use crate::http::head::{self, FieldRoom, ResponseHead};
use crate::http::headers::Known;
use crate::http::parsed::Parsed;
use crate::http::response::reason;

#[derive(Debug)]
pub struct ClientConnection<O = ()> {
    transport: Transport,
    /// Is told of every byte that is sent or used.
    pub observer: O,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that are used.
    used: usize,
    /// Longest silence of the server while a cancel flag is set.
    silence_max: Duration,
    deadline: Option<ReadDeadline>,
    cancel_flag: Option<Arc<AtomicBool>>,
    /// The server's FIN was read.
    has_ended: bool,
}

/// The time by which what is being read must be complete, and how long that was when it was set.
#[derive(Clone, Copy, Debug)]
struct ReadDeadline {
    at: Instant,
    within: Duration,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    Bytes,
    /// The server sends nothing more.
    End,
}

/// A response that was read completely.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Another request may follow on the connection.
    pub is_persistent: bool,
    pub etag: Option<String>,
    pub is_gzip: bool,
    pub body: Vec<u8>,
}

/// The body of a response that is being read.
#[derive(Debug)]
pub struct ResponseBody {
    reader: BodyReader,
    framing: ResponseFraming,
    /// What its bytes are for, apart from chunk lines.
    purpose: BytePurpose,
}

impl<O: ByteObserver> ClientConnection<O> {
    /// Connects to the first address of the host that accepts. `timeout` limits the attempt at each
    /// address, and then each read and each write.
    pub fn connect(url: &Url, timeout: Duration, observer: O) -> Result<ClientConnection<O>, CommandError> {
        Ok(ClientConnection {
            transport: Transport::connect(url, timeout)?,
            observer,
            buffer: Vec::new(),
            used: 0,
            silence_max: timeout,
            deadline: None,
            cancel_flag: None,
            has_ended: false,
        })
    }

    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Returns whether the server has ended its side, as far as it was read.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Fails each later read as soon as this flag is set.
    pub fn set_cancel_flag(&mut self, flag: Arc<AtomicBool>) -> Result<(), CommandError> {
        self.cancel_flag = Some(flag);
        self.set_read_timeout(None)
    }

    /// Fails reads after that time, however often bytes arrive.
    pub fn set_deadline(&mut self, within: Duration) {
        self.deadline = Some(ReadDeadline { at: Instant::now() + within, within });
    }

    /// Limits each read; `None` is no limit. With a cancel flag, reads end more often to look at it, and the
    /// timeout of [`ClientConnection::connect`] still holds.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<(), CommandError> {
        let is_cancellable = self.cancel_flag.is_some();
        self.transport.set_read_timeout(if is_cancellable { Some(CANCEL_POLL_INTERVAL) } else { timeout })
    }

    /// Returns the bytes that arrived and are not used.
    pub fn buffered(&self) -> &[u8] {
        &self.buffer[self.used..]
    }

    /// Returns all bytes of the buffer, how many of them are used, and the observer: for a reader that unmasks in
    /// place, and tells the observer what it has used.
    pub fn buffer_mut(&mut self) -> (&mut [u8], &mut usize, &mut O) {
        (&mut self.buffer, &mut self.used, &mut self.observer)
    }

    /// Marks that many bytes as used.
    pub fn consume(&mut self, purpose: BytePurpose, bytes: usize) {
        self.used += bytes;
        if bytes > 0 {
            self.observer.received(purpose, bytes as u64);
        }
    }

    /// Waits for more bytes, and appends them to the buffer.
    pub fn read_more(&mut self) -> Result<Arrival, CommandError> {
        self.buffer.drain(..mem::take(&mut self.used));
        let mut room = [0; READ_BYTES];
        let started = Instant::now();
        loop {
            self.check_cancelled()?;
            match self.transport.read(&mut room) {
                Ok(0) => {
                    self.has_ended = true;
                    return Ok(Arrival::End);
                }
                Ok(count) => {
                    self.buffer.extend_from_slice(&room[..count]);
                    return Ok(Arrival::Bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(error.kind()) => {
                    if self.cancel_flag.is_none() || started.elapsed() >= self.silence_max {
                        return Err(CommandError::Lost("the server sent nothing for too long".to_owned()));
                    }
                }
                Err(error) => {
                    return Err(CommandError::Lost(format!("reading from the server failed: {error}")));
                }
            }
        }
    }

    fn check_cancelled(&self) -> Result<(), CommandError> {
        if self.cancel_flag.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(CommandError::Lost("interrupted while the server was waited for".to_owned()));
        }
        match self.deadline {
            Some(ReadDeadline { at, within }) if Instant::now() >= at => {
                Err(CommandError::Lost(format!("the server's answer was not whole within {within:?}")))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether there is something to read, or will be within `timeout`. An error counts as something: the
    /// next read reports it.
    pub fn has_input(&self, timeout: Duration) -> Result<bool, CommandError> {
        if !self.buffered().is_empty() {
            return Ok(true);
        }
        self.set_read_timeout(Some(timeout))?;
        let peeked = self.transport.socket().peek(&mut [0]);
        self.set_read_timeout(Some(self.silence_max))?;
        Ok(!peeked.is_err_and(|error| is_timeout(error.kind())))
    }

    /// Waits for the server to end the connection, and drops what arrives until then. So the server and not the
    /// client remembers the connection (TIME-WAIT; RFC 6455 §7.1.1).
    pub fn read_to_end(&mut self, within: Duration, purpose: BytePurpose) -> Result<(), CommandError> {
        self.set_read_timeout(Some(within))?;
        self.set_deadline(within);
        loop {
            self.consume(purpose, self.buffered().len());
            if self.read_more()? == Arrival::End {
                return Ok(());
            }
        }
    }

    /// Sends a request, its body included.
    pub fn send_request(&mut self, request: &[u8]) -> Result<(), CommandError> {
        self.transport.write_all(request)?;
        self.observer.sent(BytePurpose::Request, request.len() as u64);
        Ok(())
    }

    /// Reads the head of a response, and calls `take` with it and with its bytes, the blank line included. Interim
    /// responses (RFC 9110 §15.2) are dropped, except 101, after which no other follows.
    pub fn read_head<T>(
        &mut self,
        method: &str,
        take: impl FnOnce(&ResponseHead, &[u8]) -> T,
    ) -> Result<T, CommandError> {
        let mut searched = 0;
        loop {
            let mut room = FieldRoom::new();
            let bytes = &self.buffer[self.used..];
            match head::parse_response(bytes, &mut searched, &LIMITS, method == "HEAD", &mut room) {
                Ok(Parsed::Whole { value: head, used }) if matches!(head.status, 100 | 102..=199) => {
                    self.consume(BytePurpose::ResponseHead, used);
                }
                Ok(Parsed::Whole { value: head, used }) => {
                    let taken = take(&head, &bytes[..used]);
                    self.consume(BytePurpose::ResponseHead, used);
                    return Ok(taken);
                }
                Ok(Parsed::NeedMore) => {
                    if self.read_more()? == Arrival::End {
                        return Err(no_answer());
                    }
                }
                Err(fault) => return Err(unreadable(fault)),
            }
        }
    }

    /// Reads the body that follows, and calls `on_piece` with each piece as it arrives.
    pub fn read_body(
        &mut self,
        framing: ResponseFraming,
        mut on_piece: impl FnMut(&[u8]) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let mut body = ResponseBody::new(framing, BytePurpose::Body);
        let mut piece = Vec::new();
        while body.read_piece(self, &mut piece)? {
            on_piece(&piece)?;
            piece.clear();
        }
        Ok(())
    }

    /// Reads a response to a GET or another request whose response has a body.
    pub fn read_response(&mut self) -> Result<Response, CommandError> {
        let (mut response, framing) = self.read_head("GET", |head, _| {
            let etag = head.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("ETag"));
            let response = Response {
                status: head.status,
                is_persistent: head.persistent,
                etag: etag.map(|(_, value)| String::from_utf8_lossy(value).into_owned()),
                is_gzip: head.fields.list_has(Known::ContentEncoding, "gzip"),
                body: Vec::new(),
            };
            (response, head.framing)
        })?;
        self.read_body(framing, |piece| {
            response.body.extend_from_slice(piece);
            if response.body.len() <= RESPONSE_BYTES_MAX {
                return Ok(());
            }
            Err(CommandError::Failed(format!(
                "the server's answer is longer than {RESPONSE_BYTES_MAX} bytes"
            )))
        })?;
        Ok(response)
    }

    /// Returns the failure that a rejecting response is: `what`, the status, and the `detail` of its problem object
    /// (RFC 9457 §3.1.4) if it has one.
    pub fn rejected(&mut self, what: &str, status: u16, framing: ResponseFraming) -> CommandError {
        let mut body = Vec::new();
        // Without a complete body there is no detail, for whichever reason.
        let _ = self.read_body(framing, |piece| {
            body.extend_from_slice(piece);
            if body.len() <= REFUSAL_BYTES_MAX {
                Ok(())
            } else {
                Err(CommandError::Failed("too long".to_owned()))
            }
        });
        let detail = match serde_json::from_slice::<Value>(&body).unwrap_or_default().get("detail") {
            Some(Value::String(detail)) => format!(": {}", one_line(detail)),
            _ => String::new(),
        };
        CommandError::Refused { status, line: format!("{what}: {}{detail}", status_words(status)) }
    }
}

impl ResponseBody {
    pub fn new(framing: ResponseFraming, purpose: BytePurpose) -> ResponseBody {
        ResponseBody { reader: BodyReader::of_response(framing), framing, purpose }
    }

    /// Waits for the next piece and appends it to `piece`. False after the last.
    pub fn read_piece<O: ByteObserver>(
        &mut self,
        connection: &mut ClientConnection<O>,
        piece: &mut Vec<u8>,
    ) -> Result<bool, CommandError> {
        loop {
            let before = piece.len();
            let progress = self.reader.read(connection.buffered(), piece, &LIMITS).map_err(unreadable)?;
            let content = piece.len() - before;
            connection.consume(self.purpose, content);
            connection.consume(BytePurpose::ChunkFraming, progress.used - content);
            if content > 0 {
                return Ok(true);
            }
            if progress.done {
                return Ok(false);
            }
            if connection.read_more()? == Arrival::End {
                return match self.framing {
                    ResponseFraming::UntilClose => Ok(false),
                    _ => {
                        Err(CommandError::Lost("the server closed the connection inside the body".to_owned()))
                    }
                };
            }
        }
    }
}

/// The failure of a server that closes a connection on which it owes a response.
pub fn no_answer() -> CommandError {
    CommandError::Lost("the server closed the connection without an answer".to_owned())
}

/// `404 Not Found`, or the number alone if the status has no name.
pub fn status_words(status: u16) -> String {
    format!("{status} {}", reason(status)).trim_end().to_owned()
}

fn unreadable(fault: ProtocolError) -> CommandError {
    CommandError::Failed(format!("the server's answer cannot be read: {fault}"))
}

/// How often a read looks at the cancel flag.
const CANCEL_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Only one head, or one piece of a body, is in memory at a time, so the length of a body is not limited.
const LIMITS: Limits = Limits {
    head_bytes_max: 64 * 1024,
    fields_max: FIELDS_ROOM,
    body_bytes_max: usize::MAX,
    ..Limits::DEFAULT
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::test_server;
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    fn connect(address: SocketAddr, timeout: Duration) -> Result<ClientConnection, CommandError> {
        ClientConnection::connect(&format!("http://{address}/").parse().unwrap(), timeout, ())
    }

    /// To a server that accepts and sends nothing. The listener must outlive the connection.
    fn to_silent_server(timeout: Duration) -> (ClientConnection, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        (connect(listener.local_addr().unwrap(), timeout).unwrap(), listener)
    }

    /// To a server that sends a byte every few milliseconds, for ever.
    fn to_dripping_server() -> ClientConnection {
        let (address, _server) = test_server::serve(|mut socket| {
            while socket.write_all(b".").is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        });
        connect(address, Duration::from_secs(30)).unwrap()
    }

    fn read_until_failure(connection: &mut ClientConnection) -> String {
        loop {
            if let Err(failure) = connection.read_more() {
                return failure.to_string();
            }
        }
    }

    #[test]
    fn nobody_there_is_said_in_one_line() {
        // A port that was free a moment ago.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let failure = connect(address, Duration::from_secs(5)).unwrap_err();
        assert!(failure.to_string().starts_with("cannot connect to 127.0.0.1:"), "{failure}");
    }

    #[test]
    fn a_silent_server_is_not_waited_for_for_ever() {
        let (mut connection, _listener) = to_silent_server(Duration::from_millis(20));
        let failure = connection.read_more().unwrap_err();
        assert_eq!(failure.to_string(), "the server sent nothing for too long");
    }

    #[test]
    fn a_server_that_drips_is_not_heard_for_ever() {
        let mut connection = to_dripping_server();
        connection.set_deadline(Duration::from_millis(50));
        let words = "the server's answer was not whole within 50ms";
        assert_eq!(read_until_failure(&mut connection), words);
    }

    #[test]
    fn who_is_interrupted_waits_no_longer() {
        let (silent, _listener) = to_silent_server(Duration::from_secs(30));
        for mut connection in [silent, to_dripping_server()] {
            let (flag, begun) = (Arc::new(AtomicBool::new(false)), Instant::now());
            connection.set_cancel_flag(Arc::clone(&flag)).unwrap();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(50));
                flag.store(true, Ordering::Relaxed);
            });
            let words = "interrupted while the server was waited for";
            assert_eq!(read_until_failure(&mut connection), words);
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        }
    }

    #[test]
    fn who_looks_up_still_waits_no_longer_than_was_said() {
        let (mut connection, _listener) = to_silent_server(3 * CANCEL_POLL_INTERVAL);
        connection.set_cancel_flag(Arc::default()).unwrap();
        let begun = Instant::now();
        assert_eq!(connection.read_more().unwrap_err().to_string(), "the server sent nothing for too long");
        assert!(begun.elapsed() >= 3 * CANCEL_POLL_INTERVAL, "{:?}", begun.elapsed());
    }

    /// Status and body of a response that arrives byte by byte, before its connection ends.
    fn read(response: &'static str) -> Result<(u16, String), String> {
        let (address, _server) = test_server::serve(move |mut socket| {
            response.bytes().for_each(|byte| socket.write_all(&[byte]).unwrap());
        });
        let response = connect(address, Duration::from_secs(5)).unwrap().read_response();
        let Response { status, body, .. } = response.map_err(|failure| failure.to_string())?;
        Ok((status, String::from_utf8(body).unwrap()))
    }

    #[track_caller]
    fn check(response: &'static str, status: u16, body: &str) {
        assert_eq!(read(response), Ok((status, body.to_owned())), "{response}");
    }

    #[test]
    fn every_framing_is_read() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmilk and more", 200, "milk");
        check("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end");
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmilk\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n",
            200,
            "milk!",
        );
        check("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
    }

    #[test]
    fn interim_responses_are_passed_over() {
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n\
             HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
            201,
            "",
        );
    }

    #[test]
    fn half_an_answer_is_none() {
        let why = |answer| read(answer).unwrap_err();
        assert_eq!(why("HTTP/1.1 200 OK\r\n"), "the server closed the connection without an answer");
        assert_eq!(
            why("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nmilk"),
            "the server closed the connection inside the body"
        );
        assert!(why("SSH-2.0\r\n\r\n").starts_with("the server's answer cannot be read: "));
    }

    #[derive(Debug, Default)]
    struct Received(Vec<(BytePurpose, u64)>);

    impl ByteObserver for Received {
        fn sent(&mut self, _: BytePurpose, _: u64) {}
        fn received(&mut self, purpose: BytePurpose, bytes: u64) {
            match self.0.last_mut() {
                Some((last, sum)) if *last == purpose => *sum += bytes,
                _ => self.0.push((purpose, bytes)),
            }
        }
    }

    #[test]
    fn every_byte_of_a_response_is_observed_with_its_purpose() {
        let head = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (address, _server) = test_server::serve(move |mut socket| {
            write!(socket, "{head}4\r\nmilk\r\n0\r\n\r\nmore").unwrap();
        });
        let url = format!("http://{address}/").parse().unwrap();
        let mut connection =
            ClientConnection::connect(&url, Duration::from_secs(5), Received::default()).unwrap();
        connection.read_response().unwrap();
        assert!(!connection.has_ended());
        connection.read_to_end(Duration::from_secs(5), BytePurpose::Surplus).unwrap();
        assert!(connection.has_ended());
        let of = |purpose| {
            let all = connection.observer.0.iter().filter(|(other, _)| *other == purpose);
            all.map(|(_, bytes)| bytes).sum::<u64>()
        };
        assert_eq!(of(BytePurpose::ResponseHead), head.len() as u64);
        assert_eq!([BytePurpose::Body, BytePurpose::ChunkFraming, BytePurpose::Surplus].map(of), [4, 10, 4]);
    }
}
