//! One end of a connection, on which a test reads as a dialogue.

use crate::server::PROMPT;
use serde_json::Value;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

pub struct Peer {
    stream: TcpStream,
    /// Heard, and not yet taken.
    heard: Vec<u8>,
    pub said_bytes: usize,
    pub heard_bytes: usize,
}

impl Peer {
    #[track_caller]
    pub fn connect(address: &str) -> Peer {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_read_timeout(Some(PROMPT)).unwrap();
        stream.set_write_timeout(Some(PROMPT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream, heard: Vec::new(), said_bytes: 0, heard_bytes: 0 }
    }

    #[track_caller]
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
        self.said_bytes += bytes.as_ref().len();
    }

    /// Says what a peer may say that is not listened to any more.
    pub fn try_to_say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// We have nothing more to say.
    pub fn end(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Hears exactly these words. A `*` stands for anything before the character behind it.
    #[track_caller]
    pub fn hear(&mut self, expected: &str) {
        loop {
            match begins_with(&self.heard, expected.as_bytes()) {
                Some(Ok(used)) => {
                    self.heard.drain(..used);
                    return;
                }
                None if self.more() => {}
                _ => panic!("expected {expected:?}\n   heard {:?}", String::from_utf8_lossy(&self.heard)),
            }
        }
    }

    #[track_caller]
    pub fn response(&mut self) -> Response {
        let mut response = self.response_to_head();
        if !matches!(response.status, 100..=199 | 204 | 304) {
            let length = response.field("Content-Length").expect("a body has a length");
            response.body = self.take(length.parse().unwrap());
        }
        response
    }

    /// A response without a body, whatever it says.
    #[track_caller]
    pub fn response_to_head(&mut self) -> Response {
        let end = loop {
            match self.heard.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => assert!(self.more(), "the stream ended inside a head: {}", self.so_far()),
            }
        };
        Response::read(String::from_utf8(self.take(end)).unwrap())
    }

    /// Hears the end of the stream, and nothing before it.
    #[track_caller]
    pub fn hear_end(&mut self) {
        assert!(self.heard.is_empty() && !self.more(), "heard more: {}", self.so_far());
    }

    /// Is there nothing to hear for so long?
    #[track_caller]
    pub fn hears_nothing_for(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let mut byte = [0];
        let nothing = match uninterrupted(|| self.stream.read(&mut byte)) {
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            Ok(bytes) => {
                self.heard.extend_from_slice(&byte[..bytes]);
                false
            }
        };
        self.stream.set_read_timeout(Some(PROMPT)).unwrap();
        nothing && self.heard.is_empty()
    }

    /// Becomes a WebSocket.
    #[track_caller]
    pub fn shake_hands(&mut self, path: &str) {
        self.say(handshake(path));
        assert_eq!(self.response().status, 101);
    }

    /// Says a masked frame. `first` is its first byte: FIN, reserved bits, opcode.
    #[track_caller]
    pub fn say_frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.say(masked(first, payload.as_ref()));
    }

    #[track_caller]
    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.take(2);
        assert_eq!(head[1] & 0x80, 0, "a server must not mask");
        let length = match head[1] {
            126 => u16::from_be_bytes(self.take(2).try_into().unwrap()).into(),
            127 => u64::from_be_bytes(self.take(8).try_into().unwrap()) as usize,
            short => short.into(),
        };
        (head[0], self.take(length))
    }

    #[track_caller]
    pub fn hear_frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let (heard, said) = self.frame();
        let text = String::from_utf8_lossy(&said);
        assert!(
            heard == first && said == payload.as_ref(),
            "heard {heard:#x} {} bytes: {text:.200}",
            said.len()
        );
    }

    /// Hears one message, in however many fragments.
    #[track_caller]
    pub fn hear_message(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let (mut heard, mut said) = self.frame();
        assert_eq!(heard & 0x7f, first & 0x7f, "{}", said.escape_ascii());
        while heard & 0x80 == 0 {
            let (next, part) = self.frame();
            assert_eq!(next & 0x7f, 0, "{}", part.escape_ascii());
            heard = next;
            said.extend(part);
        }
        let beginning = said[..said.len().min(200)].escape_ascii();
        assert!(said == payload.as_ref(), "{} bytes: {beginning}", said.len());
    }

    /// Hears a close frame with this code; gives its reason.
    #[track_caller]
    pub fn hear_close(&mut self, code: u16) -> String {
        let (first, payload) = self.frame();
        assert_eq!(first, CLOSE);
        assert_eq!(u16::from_be_bytes([payload[0], payload[1]]), code);
        String::from_utf8(payload[2..].to_vec()).unwrap()
    }

    /// One call as JSON-RPC, and the message that answers.
    #[track_caller]
    pub fn call(&mut self, message: impl AsRef<[u8]>) -> Value {
        self.say_frame(TEXT, message);
        let (first, payload) = self.frame();
        assert_eq!(first, TEXT);
        serde_json::from_slice(&payload).unwrap()
    }

    /// Everything up to these bytes, and them.
    #[track_caller]
    pub fn until(&mut self, end: &[u8]) -> String {
        let mut from = 0;
        loop {
            let found = self.heard[from..].windows(end.len()).position(|window| window == end);
            if let Some(at) = found {
                return String::from_utf8(self.take(from + at + end.len())).unwrap();
            }
            from = (self.heard.len() + 1).saturating_sub(end.len());
            assert!(self.more(), "the stream ended after: {}", self.so_far());
        }
    }

    #[track_caller]
    pub fn take(&mut self, bytes: usize) -> Vec<u8> {
        while self.heard.len() < bytes {
            assert!(self.more(), "the stream ended after: {}", self.so_far());
        }
        self.heard.drain(..bytes).collect()
    }

    /// Waits for more bytes. `false`: there is an end instead.
    #[track_caller]
    fn more(&mut self) -> bool {
        let mut piece = [0; 64 * 1024];
        match uninterrupted(|| self.stream.read(&mut piece)) {
            Ok(bytes) => {
                self.heard.extend_from_slice(&piece[..bytes]);
                self.heard_bytes += bytes;
                bytes > 0
            }
            Err(error) => panic!("{error}; heard so far: {}", self.so_far()),
        }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.heard[..self.heard.len().min(2000)]).into_owned()
    }
}

/// A process that is stopped and goes on finds its timed reads and writes cut short (signal(7)).
pub fn uninterrupted<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// `None`: it may, when there is more. `Some(Err(()))`: it does not.
fn begins_with(heard: &[u8], expected: &[u8]) -> Option<Result<usize, ()>> {
    let mut at = 0;
    let mut expected = expected.iter().copied();
    while let Some(byte) = expected.next() {
        if byte == b'*' {
            let stop = expected.next().expect("something stands behind a *");
            at += heard[at..].iter().position(|&heard| heard == stop)? + 1;
            continue;
        }
        match heard.get(at) {
            None => return None,
            Some(&heard) if heard == byte => at += 1,
            Some(_) => return Some(Err(())),
        }
    }
    Some(Ok(at))
}

#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    fn read(head: String) -> Response {
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line");
        let field = |line: &str| {
            let (name, value) = line.split_once(": ").expect("a field");
            (name.to_owned(), value.to_owned())
        };
        let status = status[..3].parse().expect("a status");
        Response { status, fields: lines.map(field).collect(), body: Vec::new() }
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The seq of the position that it says.
    #[track_caller]
    pub fn position(&self) -> u64 {
        let etag = self.field("ETag").expect("it has a position").trim_matches('"');
        etag.split('-').nth(1).expect("a position").parse().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// First bytes of whole frames.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

/// With the key of RFC 6455 §1.3.
pub fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A client's frame.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(0x80 | length as u8),
        length @ ..65536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The payload of a close frame.
pub fn closing(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}
