//! One caller: opens connections, asks, and knows of every byte what it was for.
//!
//! ```text
//!   Plan ─▶ Caller ── open ── ask, ask, … ── close
//!              │        on HTTP   head ─▶ fields    body ─▶ payload    chunk lines ─▶ framing
//!              │        on socket frame headers ─▶ framing    JSON-RPC ─▶ fields and payload
//!              │        on others an echo, or the clock: all of it payload
//!              └─ said: the bytes of both directions, held against what the kernel has counted
//! ```
//!
//! What the bytes mean is said by [`client`](crate::client), [`http`](crate::http) and
//! [`websocket`](crate::websocket), as everywhere.

use std::io::{self, Write};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::client::opening::{self, Asks, Offered};
use crate::client::response::{self, status_words};
use crate::client::socket::random;
use crate::client::stream::{Arrival, Stream};
use crate::client::url::Url;
use crate::compare::headers::Extra;
use crate::compare::kernel::{self, TcpInfo};
use crate::compare::reply::Reply;
use crate::compare::tally::{Application, Both, Network, Segments};
use crate::exchange::envelope::SUBPROTOCOL;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::http::framing::ResponseFraming;
use crate::websocket::close;
use crate::websocket::deflate::Inflater;
use crate::websocket::frame::{self, Opcode, Role};
use crate::websocket::message::{Event, Reader, Step};

/// What a caller does, again and again.
#[derive(Debug)]
pub struct Plan {
    pub url: Url,
    pub road: Road,
    pub lasts: Lasts,
    /// The status of each answer.
    pub expected: u16,
    pub extra: Extra,
}

#[derive(Debug)]
pub enum Road {
    /// The bytes of the request.
    Http(Vec<u8>),
    /// The texts of the calls that go in one write, each with its own id, from 1 on.
    Socket { texts: Vec<String>, offered: Offered },
    /// A message that comes back as it went.
    Echo { text: String },
    /// Nothing is asked: a message comes every second.
    Clock,
}

impl Road {
    /// Where hands are shaken, and for which subprotocol.
    fn handshake(&self) -> Option<(&'static str, Option<&'static str>, Offered)> {
        match self {
            Road::Http(_) => None,
            Road::Socket { offered, .. } => Some(("/rpc", Some(SUBPROTOCOL), *offered)),
            Road::Echo { .. } => Some(("/echo", None, Offered::Nothing)),
            Road::Clock => Some(("/ws", None, Offered::Nothing)),
        }
    }
}

/// How long a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// Until all calls are made.
    All,
    /// For one call; then the client closes.
    OneCall,
    /// For one call; then the server closes.
    OneCallOfServer,
    /// For so many calls; then the client closes.
    Calls(u32),
}

/// Whether the kernel is asked about each connection before it is closed: one system call more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Kernel,
    Nobody,
}

#[derive(Debug)]
pub struct Caller<'p> {
    plan: &'p Plan,
    ask_of_each: Ask,
    line: Option<Line>,
    /// Connections opened so far.
    pub connections: u64,
    /// Bytes written and read so far, on all of them.
    pub said: Both<Application>,
    /// What the kernel has counted of those that are closed.
    closed: Network,
}

/// A connection.
#[derive(Debug)]
struct Line {
    stream: Stream,
    /// On a socket.
    reader: Option<Reader>,
    /// What had been said before it.
    before: Both<Application>,
    /// The server has ended its side.
    ended: bool,
    /// Calls made on it.
    calls: u32,
}

impl<'p> Caller<'p> {
    pub fn new(plan: &'p Plan, ask_of_each: Ask) -> Caller<'p> {
        let (said, closed) = (Both::default(), Network::default());
        Caller { plan, ask_of_each, line: None, connections: 0, said, closed }
    }

    /// Connects, and shakes hands where that is needed.
    pub fn open(&mut self) -> Result<(), Failure> {
        let before = self.said;
        let mut stream = Stream::connect(&self.plan.url, ANSWER_WAIT)?;
        self.connections += 1;
        let reader = match self.plan.road.handshake() {
            None => None,
            Some((target, subprotocol, offered)) => {
                let asks = Asks { subprotocol, offered, extra: &self.plan.extra };
                Some(self.shake_hands(&mut stream, target, &asks)?)
            }
        };
        self.line = Some(Line { stream, reader, before, ended: false, calls: 0 });
        Ok(())
    }

    fn shake_hands(&mut self, stream: &mut Stream, target: &str, asks: &Asks) -> Result<Reader, Failure> {
        let shaken = opening::shake_hands(stream, &self.plan.url.authority, target, asks)?;
        self.said.sent.fields += shaken.asked_bytes;
        self.said.received.fields += shaken.answered_bytes;
        match shaken.agreement {
            Some(agreement) => Ok(Reader::inflating(Role::Client, Inflater::new(agreement.server))),
            None if asks.offered == Offered::Deflate => {
                Err(Failure::Failed("the server does not agree to compression".to_owned()))
            }
            None => Ok(Reader::new(Role::Client)),
        }
    }

    /// So many calls in one write; `answered` is told how long each of them took.
    pub fn ask(&mut self, calls: usize, mut answered: impl FnMut(Duration)) -> Result<(), Failure> {
        let begun = Instant::now();
        if self.line.is_none() {
            self.open()?;
        }
        let line = self.line.as_mut().expect("it was opened");
        line.calls += calls as u32;
        match &self.plan.road {
            Road::Http(request) => {
                let writing = line.send(request.repeat(calls))?;
                self.said.sent.fields += (request.len() * calls) as u64;
                for _ in 0..calls {
                    line.hear_response(self.plan, &mut self.said.received)?;
                    answered(begun.elapsed());
                }
                finish(writing)?;
            }
            Road::Socket { texts, .. } => {
                let texts = &texts[..calls];
                let writing = line.send_messages(texts, &mut self.said.sent)?;
                self.said.sent.fields += bytes_of(texts);
                for id in 1..=calls {
                    line.hear_reply(id, self.plan.expected, &mut self.said)?;
                    answered(begun.elapsed());
                }
                finish(writing)?;
            }
            Road::Echo { text } => {
                let texts = vec![text.clone(); calls];
                let writing = line.send_messages(&texts, &mut self.said.sent)?;
                self.said.sent.payload += bytes_of(&texts);
                for _ in 0..calls {
                    if line.hear_payload(&mut self.said)? != *text {
                        return Err(Failure::Failed("the echo is not what was sent".to_owned()));
                    }
                    answered(begun.elapsed());
                }
                finish(writing)?;
            }
            Road::Clock => {
                for _ in 0..calls {
                    line.hear_payload(&mut self.said)?;
                    answered(begun.elapsed());
                }
            }
        }
        let is_over = match self.plan.lasts {
            Lasts::All => false,
            Lasts::OneCall | Lasts::OneCallOfServer => true,
            Lasts::Calls(most) => line.calls >= most,
        };
        if is_over { self.close() } else { Ok(()) }
    }

    /// Ends the connection, if there is one, and holds what was said on it against what the kernel has
    /// counted.
    pub fn close(&mut self) -> Result<(), Failure> {
        let Some(mut line) = self.line.take() else { return Ok(()) };
        if line.reader.is_some() {
            line.say_goodbye(&mut self.said)?;
        } else if self.plan.lasts == Lasts::OneCallOfServer {
            line.wait_for_end()?;
        }
        if self.ask_of_each == Ask::Kernel {
            let info = line.info()?;
            let said = self.said - line.before;
            agree(&info, &said, line.ended)?;
            self.closed += network_of(&info, &said, line.is_ipv6());
        }
        Ok(())
    }

    /// What the kernel has counted so far of all connections, where it was asked about each.
    pub fn network(&self) -> Result<Network, Failure> {
        let mut network = self.closed;
        if let Some(line) = &self.line {
            network += network_of(&line.info()?, &(self.said - line.before), line.is_ipv6());
        }
        Ok(network)
    }
}

impl Line {
    /// One response, the body of which is the payload.
    fn hear_response(&mut self, plan: &Plan, heard: &mut Application) -> Result<(), Failure> {
        let stream = &mut self.stream;
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
        check_status(status, plan.expected)?;
        if plan.lasts == Lasts::All && !persistent {
            return Err(Failure::Failed("the server does not keep the connection".to_owned()));
        }
        Ok(())
    }

    /// Writes that much at once. What is longer than the buffers between here and there is written beside
    /// the reading: else both sides could wait for each other for ever.
    fn send(&mut self, bytes: Vec<u8>) -> Result<Writing, Failure> {
        if bytes.len() <= WRITTEN_ALONE_MAX {
            self.stream.write(&bytes)?;
            return Ok(None);
        }
        let mut end = self.stream.writing_end()?;
        Ok(Some(thread::spawn(move || end.write_all(&bytes))))
    }

    /// Each in a frame of its own.
    fn send_messages(&mut self, texts: &[String], said: &mut Application) -> Result<Writing, Failure> {
        let mut out = Vec::new();
        for text in texts {
            frame::encode_masked(Opcode::Text, text.as_bytes(), random()?, &mut out);
        }
        said.framing += out.len() as u64 - bytes_of(texts);
        self.send(out)
    }

    /// A message that is nothing but payload.
    fn hear_payload(&mut self, said: &mut Both<Application>) -> Result<String, Failure> {
        let Message { text, used, .. } = self.hear_message(said)?;
        said.received.framing += used - text.len() as u64;
        said.received.payload += text.len() as u64;
        Ok(text)
    }

    /// The reply to the call with that id.
    fn hear_reply(&mut self, id: usize, expected: u16, said: &mut Both<Application>) -> Result<(), Failure> {
        let Message { text, used, is_deflated } = self.hear_message(said)?;
        let reply = Reply::read(&text)?;
        if reply.id != id {
            let words = format!("the server answered call {} where {id} was next", reply.id);
            return Err(Failure::Failed(words));
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
    fn hear_message(&mut self, said: &mut Both<Application>) -> Result<Message, Failure> {
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

    fn hear_event(&mut self) -> Result<Heard, Failure> {
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
    fn say_goodbye(&mut self, said: &mut Both<Application>) -> Result<(), Failure> {
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

    fn wait_for_end(&mut self) -> Result<(), Failure> {
        while self.stream.read_more()? == Arrival::Bytes {}
        self.ended = true;
        Ok(())
    }

    fn info(&self) -> Result<TcpInfo, Failure> {
        kernel::tcp_info(self.stream.socket())
            .map_err(|error| Failure::Failed(format!("the kernel does not tell of a connection: {error}")))
    }

    fn is_ipv6(&self) -> bool {
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
type Writing = Option<JoinHandle<io::Result<()>>>;

/// Waits until all of it is written.
fn finish(writing: Writing) -> Result<(), Failure> {
    let Some(thread) = writing else { return Ok(()) };
    let written = thread.join().expect("a panic ends the process");
    written.map_err(|error| Failure::Lost(format!("writing to the server failed: {error}")))
}

fn bytes_of(texts: &[String]) -> u64 {
    texts.iter().map(|text| text.len() as u64).sum()
}

enum Heard {
    Text(String),
    Ping(Vec<u8>),
    Other,
}

fn read_on(stream: &mut Stream) -> Result<(), Failure> {
    match stream.read_more()? {
        Arrival::Bytes => Ok(()),
        Arrival::End => Err(Failure::Lost("the server closed the connection without an answer".to_owned())),
    }
}

fn check_status(status: u16, expected: u16) -> Result<(), Failure> {
    if status == expected {
        return Ok(());
    }
    Err(Failure::Failed(format!("the server answered {}, and {expected} was expected", status_words(status))))
}

fn broken(fault: Fault) -> Failure {
    Failure::Failed(format!("the server broke a rule of WebSocket: {fault}"))
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
/// each count as one.
fn agree(info: &TcpInfo, said: &Both<Application>, ended: bool) -> Result<(), Failure> {
    let (sent, received) = (said.sent.total() + 1, said.received.total() + u64::from(ended));
    if (info.bytes_acknowledged, info.bytes_received) == (sent, received) {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "two counts disagree: of one connection the kernel says {} bytes acknowledged and {} received, and \
         {sent} and {received} were written and read",
        info.bytes_acknowledged, info.bytes_received
    )))
}

/// Segments as they were counted; their headers as they follow from that (RFC 9293 §3.1, RFC 7323 §3).
fn network_of(info: &TcpInfo, said: &Both<Application>, is_ipv6: bool) -> Network {
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
/// Longest wait for a connection, and for each piece of an answer.
pub const ANSWER_WAIT: Duration = Duration::from_secs(30);
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
