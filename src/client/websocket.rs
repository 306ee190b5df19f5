//! A WebSocket from the client's end: messages in, frames out (RFC 6455 §5, §7).
//!
//! It comes in two halves, so that one thread can wait for what the server says while another
//! speaks:
//!
//! ```text
//! open ──┬─→ Incoming   hear() → Heard::{Text, Binary, Ping, Pong, Close, Broken, End}
//!        └─→ Outgoing   text, pong, close, each frame under a fresh random mask
//! ```
//!
//! Neither half answers by itself: who has both answers a ping with a pong and a close with a close.

use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::client::buffered_stream::{self, Arrival, Stream};
use crate::client::limits::{CLOSE_WAIT, MESSAGE_BYTES_MAX};
use crate::error::ProtocolError;
use crate::error::{CommandError, one_line};
use crate::websocket::close::{self, Closing};
use crate::websocket::frame::{self, Opcode, Role};
use crate::websocket::message::{Event, Reader, Step};

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Binary {
        bytes: usize,
    },
    /// To be answered with the same payload (§5.5.2).
    Ping(Vec<u8>),
    Pong,
    /// To be answered with the same code (§5.5.1).
    Close(Closing),
    /// A rule was broken: to be [told](Outgoing::fail), and nothing more to be heard (§7.1.7).
    Broken(ProtocolError),
    /// The stream ended.
    End,
}

/// The half that listens.
#[derive(Debug)]
pub struct Incoming {
    stream: Stream,
    reader: Reader,
}

/// The half that speaks.
#[derive(Debug)]
pub struct Outgoing {
    socket: TcpStream,
}

impl Incoming {
    /// From the end of the handshake on.
    pub fn new(stream: Stream) -> Incoming {
        Incoming { stream, reader: Reader::new(Role::Client) }
    }

    /// Waits for what the server says next. After a `Close` only the `End` is to come; after that, a
    /// broken rule or a failure there is nothing more to ask.
    pub fn hear(&mut self) -> Result<Heard, CommandError> {
        loop {
            let (bytes, at) = self.stream.unread_mut();
            match self.reader.next(bytes, at, MESSAGE_BYTES_MAX) {
                Ok(Step::Event(event)) => return Ok(heard(event)),
                Ok(Step::NeedMore) => {}
                Err(fault) => return Ok(Heard::Broken(fault)),
            }
            if self.stream.read_more()? == Arrival::End {
                return Ok(Heard::End);
            }
        }
    }

    /// From now on `hear` waits so long for each piece that comes; `None` is for ever.
    pub fn wait_for_reads(&self, wait: Option<Duration>) -> Result<(), CommandError> {
        self.stream.wait_for_reads(wait)
    }

    /// Waits for the server to end the connection, so that it and not we keep the memory of it
    /// (§7.1.1); but not for long: there is nothing left to be told.
    pub fn wait_for_end(&mut self) {
        let until = Instant::now() + CLOSE_WAIT;
        while self.wait_for_reads(Some(CLOSE_WAIT)).is_ok() && Instant::now() < until {
            if let Err(_) | Ok(Heard::Broken(_) | Heard::End) = self.hear() {
                return;
            }
        }
    }
}

fn heard(event: Event) -> Heard {
    match event {
        Event::Part(_) => unreachable!("only a passing reader says parts"),
        Event::Text(text) => Heard::Text(text.as_str().to_owned()),
        Event::Binary(payload) => Heard::Binary { bytes: payload.len() },
        Event::Ping(payload) => Heard::Ping(payload.to_vec()),
        Event::Pong(_) => Heard::Pong,
        Event::Close(closing) => Heard::Close(closing),
    }
}

impl Outgoing {
    /// From the end of the handshake on.
    pub fn new(socket: TcpStream) -> Outgoing {
        Outgoing { socket }
    }

    pub fn text(&mut self, text: &str) -> Result<(), CommandError> {
        self.send(Opcode::Text, text.as_bytes())
    }

    /// Asks for a sign of life.
    pub fn ping(&mut self) -> Result<(), CommandError> {
        self.send(Opcode::Ping, b"")
    }

    pub fn pong(&mut self, payload: &[u8]) -> Result<(), CommandError> {
        self.send(Opcode::Pong, payload)
    }

    /// With no code, the close frame is empty.
    pub fn close(&mut self, code: Option<u16>) -> Result<(), CommandError> {
        let mut body = Vec::new();
        if let Some(code) = code {
            close::encode_body(code, "", &mut body);
        }
        self.send(Opcode::Close, &body)
    }

    /// The server broke a rule: says which, as far as it still listens, and gives the failure that this is.
    pub fn fail(&mut self, fault: ProtocolError) -> CommandError {
        let _ = self.close(Some(fault.codes().close_code));
        CommandError::Failed(format!("the server broke a rule of WebSocket: {fault}"))
    }

    /// Ends the connection at once. Whoever listens hears it.
    pub fn shut_down(&self) {
        // It may have ended already, and that is as good.
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), CommandError> {
        let mut out = Vec::new();
        frame::encode_masked(opcode, payload, random()?, &mut out);
        buffered_stream::write(&self.socket, &out)
    }
}

/// `the server closed the connection: CODE REASON`; what has no code on the wire has one on paper
/// (§7.1.5).
pub fn closed_line(code: u16, reason: &str) -> String {
    format!("the server closed the connection: {code} {}", one_line(reason)).trim_end().to_owned()
}

/// Bytes that nobody can foresee (§10.3).
pub fn random<const BYTES: usize>() -> Result<[u8; BYTES], CommandError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| CommandError::Failed(format!("the system has no random bytes: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::handshake;
    use crate::client::test_server;
    use std::io::{ErrorKind, Read, Write};

    fn open_at(address: std::net::SocketAddr) -> (Incoming, Outgoing) {
        let url = format!("ws://{address}/").parse().unwrap();
        handshake::open(&url, "/ws", Some("one"), Duration::from_secs(5)).unwrap()
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
        let (mut incoming, mut outgoing) = open_at(address);
        assert_eq!(incoming.hear().unwrap(), Heard::Text("hi".to_owned()));
        assert_eq!(incoming.hear().unwrap(), Heard::Ping(b"p".to_vec()));
        assert_eq!(incoming.hear().unwrap(), Heard::Text("ab".to_owned()));
        assert_eq!(incoming.hear().unwrap(), Heard::Binary { bytes: 3 });
        outgoing.pong(b"p").unwrap();
        outgoing.close(Some(close::NORMAL)).unwrap();
        let closing = Closing { code: Some(close::NORMAL), reason: "bye".to_owned() };
        assert_eq!(incoming.hear().unwrap(), Heard::Close(closing));
        assert_eq!(incoming.hear().unwrap(), Heard::End);

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
            let (mut incoming, mut outgoing) = open_at(address);
            assert_eq!(incoming.hear().unwrap(), Heard::Broken(fault));
            let words = format!("the server broke a rule of WebSocket: {fault}");
            assert_eq!(outgoing.fail(fault).to_string(), words);
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
        let (mut incoming, mut outgoing) = open_at(address);
        outgoing.close(Some(close::NORMAL)).unwrap();
        incoming.wait_for_end();
        drop((incoming, outgoing));
        let (early, end) = server.join().unwrap();
        assert!(matches!(early, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{early:?}");
        assert_eq!(end, 0);
    }

    #[test]
    fn a_closing_is_said_in_one_line() {
        assert_eq!(closed_line(1001, ""), "the server closed the connection: 1001");
        assert_eq!(closed_line(1008, "too\nslow"), "the server closed the connection: 1008 too slow");
    }
}
