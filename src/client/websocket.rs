//! A WebSocket from the client's end: messages in, frames out (RFC 6455 §5, §7).
//!
//! [`handshake`](crate::client::handshake) opens a [`WebSocketConnection`]. Another thread can send on it
//! through a [`WebSocketSender`] while this one waits for messages:
//!
//! ```text
//! handshake ─→ WebSocketConnection ── receive() → ServerMessage::{Text, Binary, Ping, Pong, Close, …}
//!                └─ sender() ─→ WebSocketSender   ping, pong, close, each frame under a fresh random mask
//! ```
//!
//! Nothing is answered automatically: the owner answers a ping with a pong and a close with a close.

use std::net::Shutdown;

use crate::client::byte_observer::{ByteObserver, BytePurpose};
use crate::client::client_connection::{Arrival, ClientConnection};
use crate::client::limits::MESSAGE_BYTES_MAX;
use crate::client::transport::Transport;
use crate::error::{CommandError, ProtocolError, one_line};
use crate::http::parsed::Parsed;
use crate::websocket::close::{self, Closing};
use crate::websocket::frame::{self, Header, Opcode, Role};
use crate::websocket::message::{Event, Reader, Step};
use crate::websocket::permessage_deflate::{Agreement, Inflater};

/// What the server sent.
#[derive(Debug, PartialEq, Eq)]
pub enum ServerMessage {
    Text {
        text: String,
        is_compressed: bool,
    },
    Binary {
        bytes: usize,
    },
    /// To be answered with the same payload (§5.5.2).
    Ping(Vec<u8>),
    Pong,
    /// To be answered with the same code (§5.5.1).
    Close(Closing),
    /// The server broke a rule: it is to be [told so](WebSocketConnection::fail), and nothing more is received
    /// (§7.1.7).
    ProtocolError(ProtocolError),
    /// The server ended the connection.
    End,
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct WebSocketConnection<O = ()> {
    pub connection: ClientConnection<O>,
    reader: Reader,
    frames: FrameObserver,
}

/// Sends on a connection that another thread reads.
#[derive(Debug)]
pub struct WebSocketSender {
    transport: Transport,
}

impl<O: ByteObserver> WebSocketConnection<O> {
    pub fn new(connection: ClientConnection<O>, agreement: Option<Agreement>) -> WebSocketConnection<O> {
        let reader = match agreement {
            Some(agreement) => Reader::inflating(Role::Client, Inflater::new(agreement.server)),
            None => Reader::new(Role::Client),
        };
        WebSocketConnection { connection, reader, frames: FrameObserver::default() }
    }

    /// Returns the half that sends, for another thread. The observer is not told of its frames.
    pub fn sender(&self) -> Result<WebSocketSender, CommandError> {
        Ok(WebSocketSender { transport: self.connection.transport().try_clone()? })
    }

    /// Waits for the next message. After a `Close` only `End` follows; after `End`, `ProtocolError` or a failure,
    /// nothing.
    pub fn receive(&mut self) -> Result<ServerMessage, CommandError> {
        loop {
            let (bytes, used, observer) = self.connection.buffer_mut();
            let start = *used;
            let message = match self.reader.next(bytes, used, MESSAGE_BYTES_MAX) {
                Ok(Step::Event(event)) => Some(to_message(event)),
                Ok(Step::NeedMore) => None,
                Err(fault) => Some(ServerMessage::ProtocolError(fault)),
            };
            self.frames.observe(&bytes[start..*used], observer);
            match message {
                Some(ServerMessage::Text { text, .. }) => {
                    return Ok(ServerMessage::Text { text, is_compressed: self.frames.is_compressed });
                }
                Some(message) => return Ok(message),
                None if self.connection.read_more()? == Arrival::End => return Ok(ServerMessage::End),
                None => {}
            }
        }
    }

    pub fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), CommandError> {
        let mut out = Vec::new();
        self.encode(opcode, payload, &mut out)?;
        self.connection.transport().write_all(&out)
    }

    /// Appends a frame to `out`, to be written by the caller.
    pub fn encode(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) -> Result<(), CommandError> {
        let before = out.len();
        let mask: [u8; 4] = random()?;
        frame::encode_masked(opcode, payload, mask, out);
        let header = out.len() - before - mask.len() - payload.len();
        let observer = &mut self.connection.observer;
        observer.sent(BytePurpose::FrameHeader, header as u64);
        observer.sent(BytePurpose::MaskingKey, mask.len() as u64);
        let purpose =
            if opcode.is_control() { BytePurpose::ControlPayload } else { BytePurpose::MessagePayload };
        observer.sent(purpose, payload.len() as u64);
        Ok(())
    }

    /// Without a code, the close frame is empty.
    pub fn send_close(&mut self, code: Option<u16>) -> Result<(), CommandError> {
        self.send(Opcode::Close, &close_body(code))
    }

    /// Tells the server which rule it broke, if it still reads, and returns the failure that this is.
    pub fn fail(&mut self, fault: ProtocolError) -> CommandError {
        let _ = self.send_close(Some(fault.codes().close_code));
        rule_broken(fault)
    }
}

impl WebSocketSender {
    /// Without a code, the close frame is empty.
    pub fn close(&mut self, code: Option<u16>) -> Result<(), CommandError> {
        self.send(Opcode::Close, &close_body(code))
    }

    /// Tells the server which rule it broke, if it still reads, and returns the failure that this is.
    pub fn fail(&mut self, fault: ProtocolError) -> CommandError {
        let _ = self.close(Some(fault.codes().close_code));
        rule_broken(fault)
    }

    /// Ends the connection at once; the thread that reads it sees the end.
    pub fn shut_down(&self) {
        // An error means that it has ended already.
        let _ = self.transport.shut_down(Shutdown::Both);
    }

    pub fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), CommandError> {
        let mut out = Vec::new();
        frame::encode_masked(opcode, payload, random()?, &mut out);
        self.transport.write_all(&out)
    }
}

/// Follows the frames that a reader has used, to tell an observer what each byte was for.
#[derive(Debug, Default)]
struct FrameObserver {
    /// Of the current frame.
    payload_left: u64,
    is_control: bool,
    /// Of the current message, which control frames can interrupt.
    is_compressed: bool,
}

impl FrameObserver {
    fn observe(&mut self, mut bytes: &[u8], observer: &mut impl ByteObserver) {
        while !bytes.is_empty() {
            let used = if self.payload_left == 0 {
                let Ok(Parsed::Whole { value: header, used }) = Header::parse(bytes) else {
                    unreachable!("a reader uses complete headers only");
                };
                self.payload_left = header.payload_bytes;
                self.is_control = header.opcode.is_control();
                if matches!(header.opcode, Opcode::Text | Opcode::Binary) {
                    self.is_compressed = header.rsv1;
                }
                observer.received(BytePurpose::FrameHeader, used as u64);
                used
            } else {
                let used = bytes.len().min(self.payload_left as usize);
                self.payload_left -= used as u64;
                observer.received(self.payload_purpose(), used as u64);
                used
            };
            bytes = &bytes[used..];
        }
    }

    fn payload_purpose(&self) -> BytePurpose {
        match (self.is_control, self.is_compressed) {
            (true, _) => BytePurpose::ControlPayload,
            (false, true) => BytePurpose::CompressedPayload,
            (false, false) => BytePurpose::MessagePayload,
        }
    }
}

fn to_message(event: Event) -> ServerMessage {
    match event {
        Event::Part(_) => unreachable!("only a passing reader returns parts"),
        Event::Text(text) => ServerMessage::Text { text: text.as_str().to_owned(), is_compressed: false },
        Event::Binary(payload) => ServerMessage::Binary { bytes: payload.len() },
        Event::Ping(payload) => ServerMessage::Ping(payload.to_vec()),
        Event::Pong(_) => ServerMessage::Pong,
        Event::Close(closing) => ServerMessage::Close(closing),
    }
}

fn close_body(code: Option<u16>) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(code) = code {
        close::encode_body(code, "", &mut body);
    }
    body
}

pub fn rule_broken(fault: ProtocolError) -> CommandError {
    CommandError::Failed(format!("the server broke a rule of WebSocket: {fault}"))
}

/// `the server closed the connection: CODE REASON`; also for the codes that never travel (§7.1.5).
pub fn close_message(code: u16, reason: &str) -> String {
    format!("the server closed the connection: {code} {}", one_line(reason)).trim_end().to_owned()
}

/// Bytes that cannot be predicted (§10.3).
pub fn random<const BYTES: usize>() -> Result<[u8; BYTES], CommandError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| CommandError::Failed(format!("the system has no random bytes: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::handshake::{HandshakeOptions, handshake};
    use crate::client::limits::CLOSE_WAIT;
    use crate::client::test_server;
    use crate::client::url::Url;
    use std::io::{ErrorKind, Read, Write};
    use std::time::Duration;

    fn open_at(address: std::net::SocketAddr) -> WebSocketConnection {
        let url: Url = format!("ws://{address}/").parse().unwrap();
        let connection = ClientConnection::connect(&url, Duration::from_secs(5), ()).unwrap();
        let options = HandshakeOptions { subprotocol: Some("one"), ..HandshakeOptions::default() };
        handshake(connection, &url.authority, "/ws", &options).unwrap()
    }

    fn text(text: &str) -> ServerMessage {
        ServerMessage::Text { text: text.to_owned(), is_compressed: false }
    }

    #[test]
    fn both_ends_are_heard() {
        let (address, server) = test_server::serve(|mut socket| {
            let head = test_server::shake_hands(&mut socket, Some("one"));
            socket.write_all(b"\x81\x02hi\x01\x01a\x89\x01p\x80\x01b\x82\x03\x00\x01\x02").unwrap();
            let frames = [test_server::read_frame(&mut socket), test_server::read_frame(&mut socket)];
            socket.write_all(b"\x88\x05\x03\xe8bye").unwrap();
            (head, frames)
        });
        let mut websocket = open_at(address);
        assert_eq!(websocket.receive().unwrap(), text("hi"));
        assert_eq!(websocket.receive().unwrap(), ServerMessage::Ping(b"p".to_vec()));
        assert_eq!(websocket.receive().unwrap(), text("ab"));
        assert_eq!(websocket.receive().unwrap(), ServerMessage::Binary { bytes: 3 });
        websocket.send(Opcode::Pong, b"p").unwrap();
        websocket.send_close(Some(close::NORMAL)).unwrap();
        let closing = Closing { code: Some(close::NORMAL), reason: "bye".to_owned() };
        assert_eq!(websocket.receive().unwrap(), ServerMessage::Close(closing));
        assert_eq!(websocket.receive().unwrap(), ServerMessage::End);

        let (head, [pong, close]) = server.join().unwrap();
        assert!(
            head.starts_with("GET /ws HTTP/1.1\r\n") && head.contains("\r\nSec-WebSocket-Protocol: one\r\n")
        );
        assert!(head.contains(&format!("\r\nHost: {address}\r\n")));
        assert_eq!((pong.0, pong.1), (Opcode::Pong, b"p".to_vec()));
        assert_eq!((close.0, close.1), (Opcode::Close, vec![0x03, 0xe8]));
        assert_ne!(pong.2, close.2, "a mask is used once");
    }

    #[test]
    fn a_server_that_breaks_a_rule_is_told_and_left() {
        for (frame, fault, code) in [
            (&b"\x81\x80abcd"[..], ProtocolError::MaskedFrame, 1002),
            (b"\xc1\x00", ProtocolError::ReservedBits, 1002),
            (b"\x81\x01\xff", ProtocolError::TextNotUtf8, 1007),
            (b"\x88\x02\x03\xed", ProtocolError::CloseCodeInvalid { code: 1005 }, 1002),
        ] {
            let (address, server) = test_server::serve(move |mut socket| {
                test_server::shake_hands(&mut socket, None);
                socket.write_all(frame).unwrap();
                test_server::read_frame(&mut socket)
            });
            let mut websocket = open_at(address);
            assert_eq!(websocket.receive().unwrap(), ServerMessage::ProtocolError(fault));
            let words = format!("the server broke a rule of WebSocket: {fault}");
            assert_eq!(websocket.fail(fault).to_string(), words);
            let (opcode, payload, _) = server.join().unwrap();
            assert_eq!((opcode, close::parse(&payload).unwrap().code), (Opcode::Close, Some(code)));
        }
    }

    #[test]
    fn a_client_lets_the_server_end_the_connection() {
        let (address, server) = test_server::serve(|mut socket| {
            test_server::shake_hands(&mut socket, None);
            assert_eq!(test_server::read_frame(&mut socket).0, Opcode::Close);
            socket.write_all(b"\x88\x02\x03\xe8").unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let early = socket.read(&mut [0]).map_err(|error| error.kind());
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            socket.set_read_timeout(None).unwrap();
            (early, socket.read(&mut [0]).unwrap())
        });
        let mut websocket = open_at(address);
        websocket.send_close(Some(close::NORMAL)).unwrap();
        websocket.connection.read_to_end(CLOSE_WAIT, BytePurpose::AfterClose).unwrap();
        drop(websocket);
        let (early, end) = server.join().unwrap();
        assert!(matches!(early, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{early:?}");
        assert_eq!(end, 0);
    }

    #[test]
    fn a_closing_is_said_in_one_line() {
        assert_eq!(close_message(1001, ""), "the server closed the connection: 1001");
        assert_eq!(close_message(1008, "too\nslow"), "the server closed the connection: 1008 too slow");
    }

    #[derive(Debug, Default)]
    struct Received(Vec<(BytePurpose, u64)>);

    impl ByteObserver for Received {
        fn sent(&mut self, _: BytePurpose, _: u64) {}
        fn received(&mut self, purpose: BytePurpose, bytes: u64) {
            self.0.push((purpose, bytes));
        }
    }

    #[test]
    fn every_byte_of_a_frame_is_observed_with_its_purpose() {
        use BytePurpose::{CompressedPayload, ControlPayload, FrameHeader, MessagePayload};
        let frames = b"\x01\x02he\x89\x01p\x80\x01y\xc1\x03abc\x88\x02\x03\xe8";
        let expected = [
            (FrameHeader, 2),
            (MessagePayload, 2),
            (FrameHeader, 2),
            (ControlPayload, 1),
            (FrameHeader, 2),
            (MessagePayload, 1),
            (FrameHeader, 2),
            (CompressedPayload, 3),
            (FrameHeader, 2),
            (ControlPayload, 2),
        ];
        let (mut whole, mut received) = (FrameObserver::default(), Received::default());
        whole.observe(frames, &mut received);
        assert_eq!(received.0, expected);
        // A reader uses a header as a whole, and a payload as far as it has arrived.
        let (mut cut, mut received) = (FrameObserver::default(), Received::default());
        for piece in [&frames[..3], &frames[3..7], &frames[7..]] {
            cut.observe(piece, &mut received);
        }
        let sum =
            |purpose| received.0.iter().filter(|(other, _)| *other == purpose).map(|(_, n)| n).sum::<u64>();
        assert_eq!([FrameHeader, MessagePayload, ControlPayload, CompressedPayload].map(sum), [10, 3, 3, 3]);
    }
}
