//! One connection of a caller, and what every byte that comes or goes on it is for.
//!
//! ```text
//!   on HTTP     head ─▶ fields             body ─▶ payload      chunk lines ─▶ framing
//!   on a socket frame headers ─▶ framing   JSON-RPC ─▶ fields and payload
//!   on others   an echo, or the clock: all of a message is payload
//! ```

use std::io::{self, Write};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::client::buffered_stream::{Arrival, Stream};
use crate::client::response::{self, status_words};
use crate::client::websocket::random;
use crate::compare::costs::{Application, Both};
use crate::compare::load_client::WHOLE_WAIT;
use crate::compare::rpc_reply::Reply;
use crate::compare::workloads::call_plan::Plan;
use crate::error::CommandError;
use crate::error::ProtocolError;
use crate::http::framing::ResponseFraming;
use crate::netlab::sys;
use crate::netlab::tcp_info::TcpInfo;
use crate::netlab::traffic::{Network, Segments};
use crate::websocket::close;
use crate::websocket::frame::{self, Opcode};
use crate::websocket::message::{Event, Reader, Step};

/// A connection.
#[derive(Debug)]
pub struct Line {
    pub stream: Stream,
    /// On a socket.
    pub reader: Option<Reader>,
    /// What had been said before it.
    pub before: Both<Application>,
    /// The server has ended its side, as far as was read. The kernel may know of an end that nobody has read.
    pub ended: bool,
    /// Calls made on it.
    pub calls: u32,
    /// Responses heard on it.
    pub responses: u32,
    /// The last of them said that no other follows.
    pub was_last: bool,
}

impl Line {
    /// One response, the body of which is the payload.
    pub fn hear_response(&mut self, plan: &Plan, heard: &mut Application) -> Result<(), CommandError> {
        self.check_kept()?;
        let stream = &mut self.stream;
        stream.whole_within(WHOLE_WAIT);
        let before = stream.used_bytes();
        let (status, framing, persistent) =
            response::read_head(stream, false, |head, _| (head.status, head.framing, head.persistent))?;
        let head_end = stream.used_bytes();
        let mut payload = 0;
        response::read_body(stream, framing, |piece| {
            payload += piece.len() as u64;
            Ok(())
        })?;
        heard.fields += head_end - before;
        heard.payload += payload;
        heard.framing += stream.used_bytes() - head_end - payload;
        self.ended = framing == ResponseFraming::UntilClose;
        self.responses += 1;
        self.was_last = !persistent;
        check_status(status, plan.expected)
    }

    /// All of HTTP/1.0 is over after one call, and much else after some: nginx answers 1000, if nothing else
    /// is said.
    fn check_kept(&self) -> Result<(), CommandError> {
        match (self.was_last, self.responses) {
            (false, _) => Ok(()),
            (true, 1) => Err(CommandError::Failed(NOT_KEPT.to_owned())),
            (true, most) => {
                let words =
                    format!("the server keeps a connection for {most} calls and no longer; see --calls");
                Err(CommandError::Failed(words))
            }
        }
    }

    /// Writes that much at once. What is longer than the buffers between here and there is written beside
    /// the reading: else both sides could wait for each other for ever.
    pub fn send(&mut self, bytes: Vec<u8>) -> Result<Writing, CommandError> {
        self.check_kept()?;
        if bytes.len() <= WRITTEN_ALONE_MAX {
            self.stream.write(&bytes)?;
            return Ok(None);
        }
        let mut end = self.stream.writing_end()?;
        Ok(Some(thread::spawn(move || end.write_all(&bytes))))
    }

    /// Each in a frame of its own.
    pub fn send_messages(
        &mut self,
        texts: &[String],
        said: &mut Application,
    ) -> Result<Writing, CommandError> {
        let mut out = Vec::new();
        for text in texts {
            frame::encode_masked(Opcode::Text, text.as_bytes(), random()?, &mut out);
        }
        said.framing += out.len() as u64 - bytes_of(texts);
        self.send(out)
    }

    /// A message that is nothing but payload.
    pub fn hear_payload(&mut self, said: &mut Both<Application>) -> Result<String, CommandError> {
        let Message { text, used, .. } = self.hear_message(said)?;
        said.received.framing += used - text.len() as u64;
        said.received.payload += text.len() as u64;
        Ok(text)
    }

    /// The reply to the call with that id.
    pub fn hear_reply(
        &mut self,
        id: usize,
        expected: u16,
        said: &mut Both<Application>,
    ) -> Result<(), CommandError> {
        let Message { text, used, is_deflated } = self.hear_message(said)?;
        let reply = Reply::read(&text)?;
        if reply.id != id {
            let words = format!("the server answered call {} where {id} was next", reply.id);
            return Err(CommandError::Failed(words));
        }
        let text_bytes = text.len() as u64;
        if is_deflated {
            let header = header_bytes(used);
            said.received.framing += header;
            said.received.deflated += used - header;
        } else {
            said.received.framing += used - text_bytes;
            said.received.payload += reply.body_bytes;
            said.received.fields += text_bytes - reply.body_bytes;
        }
        check_status(reply.status, expected)
    }

    /// The next message, which nobody has counted yet. Pings are answered on the way.
    fn hear_message(&mut self, said: &mut Both<Application>) -> Result<Message, CommandError> {
        self.stream.whole_within(WHOLE_WAIT);
        loop {
            if self.stream.unread().is_empty() {
                read_on(&mut self.stream)?;
            }
            let before = self.stream.used_bytes();
            let is_deflated = self.stream.unread()[0] & RSV1 != 0;
            let heard = self.hear_event()?;
            let used = self.stream.used_bytes() - before;
            if let Heard::Text(text) = heard {
                return Ok(Message { text, used, is_deflated });
            }
            said.received.framing += used;
            if let Heard::Ping(payload) = heard {
                let mut out = Vec::new();
                frame::encode_masked(Opcode::Pong, &payload, random()?, &mut out);
                self.stream.write(&out)?;
                said.sent.framing += out.len() as u64;
            }
        }
    }

    fn hear_event(&mut self) -> Result<Heard, CommandError> {
        let Line { stream, reader, .. } = self;
        let reader = reader.as_mut().expect("only a socket is listened to");
        loop {
            let (bytes, at) = stream.unread_mut();
            match reader.next(bytes, at, MESSAGE_BYTES_MAX) {
                Ok(Step::NeedMore) => read_on(stream)?,
                Ok(Step::Event(Event::Text(text))) => return Ok(Heard::Text(text.as_str().to_owned())),
                Ok(Step::Event(Event::Ping(payload))) => return Ok(Heard::Ping(payload.to_vec())),
                Ok(Step::Event(_)) => return Ok(Heard::Other),
                Err(fault) => return Err(broken(fault)),
            }
        }
    }

    /// Closes in good order, so that the server ends the connection (RFC 6455 §7.1.1).
    pub fn say_goodbye(&mut self, said: &mut Both<Application>) -> Result<(), CommandError> {
        let (mut body, mut out) = (Vec::new(), Vec::new());
        close::encode_body(close::NORMAL, "", &mut body);
        frame::encode_masked(Opcode::Close, &body, random()?, &mut out);
        self.stream.write(&out)?;
        said.sent.framing += out.len() as u64;
        let before = self.stream.used_bytes();
        self.wait_for_end()?;
        self.stream.consume(self.stream.unread().len());
        said.received.framing += self.stream.used_bytes() - before;
        Ok(())
    }

    /// A server that was asked to close may not do it.
    pub fn wait_for_end(&mut self) -> Result<(), CommandError> {
        self.stream.wait_for_reads(Some(CLOSES_WITHIN))?;
        self.stream.whole_within(CLOSES_WITHIN);
        loop {
            match self.stream.read_more() {
                Ok(Arrival::Bytes) => {}
                Ok(Arrival::End) => break,
                Err(failure) => {
                    let words = "the server was asked to close the connection, and did not";
                    return Err(CommandError::Failed(format!("{words} within {CLOSES_WITHIN:?}: {failure}")));
                }
            }
        }
        self.ended = true;
        Ok(())
    }

    /// The kernel looks whether the peer has ended its side a moment before it counts the bytes: a FIN that
    /// comes in that moment is known when it is asked once more.
    pub fn info(&self) -> Result<TcpInfo, CommandError> {
        let mut info = self.ask_kernel()?;
        loop {
            let again = self.ask_kernel()?;
            if again == info {
                return Ok(info);
            }
            info = again;
        }
    }

    fn ask_kernel(&self) -> Result<TcpInfo, CommandError> {
        sys::tcp_info(self.stream.socket()).map_err(|error| {
            CommandError::Failed(format!("the kernel does not tell of a connection: {error}"))
        })
    }

    pub fn is_ipv6(&self) -> bool {
        self.stream.socket().peer_addr().is_ok_and(|address| address.is_ipv6())
    }
}

/// A text message, and what it was on the wire.
struct Message {
    text: String,
    used: u64,
    is_deflated: bool,
}

/// What is still being written, if it is not written yet.
pub type Writing = Option<JoinHandle<io::Result<()>>>;

/// Waits until all of it is written.
pub fn finish(writing: Writing) -> Result<(), CommandError> {
    let Some(thread) = writing else { return Ok(()) };
    let written = thread.join().expect("a panic ends the process");
    written.map_err(|error| CommandError::Lost(format!("writing to the server failed: {error}")))
}

pub fn bytes_of(texts: &[String]) -> u64 {
    texts.iter().map(|text| text.len() as u64).sum()
}

enum Heard {
    Text(String),
    Ping(Vec<u8>),
    Other,
}

pub fn read_on(stream: &mut Stream) -> Result<(), CommandError> {
    match stream.read_more()? {
        Arrival::Bytes => Ok(()),
        Arrival::End => {
            Err(CommandError::Lost("the server closed the connection without an answer".to_owned()))
        }
    }
}

pub fn check_status(status: u16, expected: u16) -> Result<(), CommandError> {
    if status == expected {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "the server answered {}, and {expected} was expected",
        status_words(status)
    )))
}

pub const NOT_KEPT: &str = "the server does not keep the connection";

pub fn broken(fault: ProtocolError) -> CommandError {
    CommandError::Failed(format!("the server broke a rule of WebSocket: {fault}"))
}

/// Of one unmasked frame that is so long with its header (RFC 6455 §5.2).
fn header_bytes(frame_bytes: u64) -> u64 {
    match frame_bytes {
        0..=127 => 2,
        128..=65_539 => 4,
        _ => 10,
    }
}

/// The bytes that we have counted and those that the kernel has. Known causes of a difference: SYN and FIN
/// each count as one. `ended`: the server's FIN was read; where it came and was not, the kernel says so.
pub fn agree(info: &TcpInfo, said: &Both<Application>, ended: bool) -> Result<(), CommandError> {
    let (sent, received) =
        (said.sent.total() + 1, said.received.total() + u64::from(ended || info.peer_has_ended));
    if (info.bytes_acknowledged, info.bytes_received) == (sent, received) {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "two counts disagree: of one connection the kernel says {} bytes acknowledged and {} received, and \
         {sent} and {received} were written and read",
        info.bytes_acknowledged, info.bytes_received
    )))
}

/// Segments as they were counted; their headers as they follow from that (RFC 9293 §3.1, RFC 7323 §3).
pub fn network_of(info: &TcpInfo, said: &Both<Application>, is_ipv6: bool) -> Network {
    let ip = if is_ipv6 { 40 } else { 20 };
    // The first of each side has options that the others have not.
    let (usual, at_first) = if info.timestamps { (ip + 32, 8) } else { (ip + 20, 12) };
    let side = |segments: u64, said: &Application| Segments {
        segments,
        bytes: segments * usual + at_first + said.total(),
        carried: said.total(),
    };
    Network {
        sent: side(info.segments_sent, &said.sent),
        received: side(info.segments_received, &said.received),
        round_trips: None,
        retransmitted: info.retransmitted,
    }
}

/// What the buffers of both ends are sure to take.
const WRITTEN_ALONE_MAX: usize = 32 * 1024;
/// Longest wait for the end of a connection that the server was asked to close.
const CLOSES_WITHIN: Duration = Duration::from_secs(5);
/// Longest message that is taken: as long as the longest item, and room for what is said about it.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// On the first byte of a frame (RFC 7692 §6).
const RSV1: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sent: u64, received: u64) -> Both<Application> {
        let of = |fields| Application { fields, ..Application::default() };
        Both { sent: of(sent), received: of(received) }
    }

    #[test]
    fn a_frame_has_the_header_that_its_length_needs() {
        let of = |payload: u64| {
            header_bytes(payload + [2, 4, 10][usize::from(payload > 125) + usize::from(payload > 65_535)])
        };
        assert_eq!([0, 125, 126, 65_535, 65_536].map(of), [2, 2, 4, 4, 10]);
    }

    #[test]
    fn syn_and_fin_are_the_only_difference_there_may_be() {
        let info = TcpInfo { bytes_acknowledged: 48, bytes_received: 161, ..TcpInfo::default() };
        assert!(agree(&info, &said(47, 161), false).is_ok());
        assert!(agree(&info, &said(47, 160), true).is_ok());
        assert!(agree(&TcpInfo { peer_has_ended: true, ..info }, &said(47, 160), false).is_ok());
        assert!(agree(&TcpInfo { peer_has_ended: true, ..info }, &said(47, 160), true).is_ok());
        let words = agree(&info, &said(47, 160), false).unwrap_err().to_string();
        assert!(
            words.ends_with("48 bytes acknowledged and 161 received, and 48 and 160 were written and read")
        );
    }

    #[test]
    fn headers_follow_from_segments() {
        let info = TcpInfo { segments_sent: 4, segments_received: 2, timestamps: true, ..TcpInfo::default() };
        let network = network_of(&info, &said(47, 161), false);
        assert_eq!((network.sent.bytes, network.received.bytes), (4 * 52 + 8 + 47, 2 * 52 + 8 + 161));
        assert_eq!(network_of(&info, &said(0, 0), true).header_bytes(), 6 * 72 + 16);
    }
}
