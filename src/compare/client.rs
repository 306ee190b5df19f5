//! One caller: opens connections, asks, and knows of every byte what it was for.
//!
//! ```text
//!   Plan ─▶ Caller ── open ── ask, ask, … ── close
//!              │        on HTTP   head ─▶ fields    body ─▶ payload    chunk lines ─▶ framing
//!              │        on socket frame headers ─▶ framing    JSON-RPC ─▶ fields and payload
//!              └─ said: the bytes of both directions, held against what the kernel has counted
//! ```
//!
//! What the bytes mean is said by [`client`](crate::client), [`http`](crate::http) and
//! [`websocket`](crate::websocket), as everywhere.

use std::time::{Duration, Instant};

use crate::client::opening::{self, Asks, Offered};
use crate::client::response::{self, status_words};
use crate::client::socket::random;
use crate::client::stream::{Arrival, Stream};
use crate::compare::kernel;
use crate::compare::plan::{Lasts, Plan, Road};
use crate::compare::reply::Reply;
use crate::compare::tally::{Application, Both, Network, Segments, TcpInfo};
use crate::exchange::envelope::SUBPROTOCOL;
use crate::failure::Failure;
use crate::fault::Fault;
use crate::http::framing::ResponseFraming;
use crate::websocket::close;
use crate::websocket::deflate::Inflater;
use crate::websocket::frame::{self, Opcode, Role};
use crate::websocket::message::{Event, Reader, Step};

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
    /// Of which one the kernel has counted something else, and what.
    pub disagreement: Option<Failure>,
    /// How long the first connection took to open, apart from its first call.
    opening: Duration,
    /// From nothing to the first whole answer.
    pub first: Option<Duration>,
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
}

impl<'p> Caller<'p> {
    pub fn new(plan: &'p Plan, ask_of_each: Ask) -> Caller<'p> {
        let (said, closed) = (Both::default(), Network::default());
        Caller {
            plan,
            ask_of_each,
            line: None,
            connections: 0,
            said,
            closed,
            opening: Duration::ZERO,
            first: None,
            disagreement: None,
        }
    }

    /// Connects, and shakes hands where that is needed.
    pub fn open(&mut self) -> Result<(), Failure> {
        let (before, begun) = (self.said, Instant::now());
        let mut stream = Stream::connect(&self.plan.url, ANSWER_WAIT)?;
        self.connections += 1;
        let reader = match &self.plan.road {
            Road::Http(_) => None,
            Road::Socket { offered, .. } => Some(self.shake_hands(&mut stream, *offered)?),
        };
        self.line = Some(Line { stream, reader, before, ended: false });
        self.opening = begun.elapsed();
        Ok(())
    }

    fn shake_hands(&mut self, stream: &mut Stream, offered: Offered) -> Result<Reader, Failure> {
        let asks = Asks { subprotocol: Some(SUBPROTOCOL), offered, extra: &self.plan.extra };
        let shaken = opening::shake_hands(stream, &self.plan.url.authority, "/rpc", &asks)?;
        self.said.sent.fields += shaken.asked_bytes;
        self.said.received.fields += shaken.answered_bytes;
        match shaken.agreement {
            Some(agreement) => Ok(Reader::inflating(Role::Client, Inflater::new(agreement.server))),
            None if offered == Offered::Deflate => {
                Err(Failure::Failed("the server does not agree to compression".to_owned()))
            }
            None => Ok(Reader::new(Role::Client)),
        }
    }

    /// So many calls in one write; `answered` is told how long each of them took.
    pub fn ask(&mut self, calls: usize, mut answered: impl FnMut(Duration)) -> Result<(), Failure> {
        let begun = Instant::now();
        // What opening took before is added; what it takes now is in the time of the call.
        let opening = if self.line.is_some() { self.opening } else { Duration::ZERO };
        if self.line.is_none() {
            self.open()?;
        }
        let first = &mut self.first;
        let mut answered = |took: Duration| {
            first.get_or_insert(opening + took);
            answered(took);
        };
        let line = self.line.as_mut().expect("it was opened");
        match &self.plan.road {
            Road::Http(request) => {
                line.stream.write(&request.repeat(calls))?;
                self.said.sent.fields += (request.len() * calls) as u64;
                for _ in 0..calls {
                    line.hear_response(self.plan, &mut self.said.received)?;
                    answered(begun.elapsed());
                }
            }
            Road::Socket { texts, .. } => {
                let mut out = Vec::new();
                for text in &texts[..calls] {
                    frame::encode_masked(Opcode::Text, text.as_bytes(), random()?, &mut out);
                }
                let text_bytes: usize = texts[..calls].iter().map(String::len).sum();
                self.said.sent.fields += text_bytes as u64;
                self.said.sent.framing += (out.len() - text_bytes) as u64;
                line.stream.write(&out)?;
                for id in 1..=calls {
                    line.hear_reply(id, self.plan.expected, &mut self.said)?;
                    answered(begun.elapsed());
                }
            }
        }
        if self.plan.lasts != Lasts::All {
            self.close()?;
        }
        Ok(())
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
            let disagreement = agree(&info, &said, line.ended).err();
            self.disagreement = self.disagreement.take().or(disagreement);
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

    /// The reply to the call with that id. Pings are answered on the way.
    fn hear_reply(&mut self, id: usize, expected: u16, said: &mut Both<Application>) -> Result<(), Failure> {
        loop {
            if self.stream.unread().is_empty() {
                read_on(&mut self.stream)?;
            }
            let before = self.stream.used_bytes();
            let is_deflated = self.stream.unread()[0] & RSV1 != 0;
            let heard = self.hear_event()?;
            let used = self.stream.used_bytes() - before;
            let Heard::Text(text) = heard else {
                said.received.framing += used;
                if let Heard::Ping(payload) = heard {
                    let mut out = Vec::new();
                    frame::encode_masked(Opcode::Pong, &payload, random()?, &mut out);
                    self.stream.write(&out)?;
                    said.sent.framing += out.len() as u64;
                }
                continue;
            };
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
            return check_status(reply.status, expected);
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

enum Heard {
    Text(String),
    Ping(Vec<u8>),
    Other,
}

pub fn read_on(stream: &mut Stream) -> Result<(), Failure> {
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

pub fn broken(fault: Fault) -> Failure {
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
pub fn agree(info: &TcpInfo, said: &Both<Application>, ended: bool) -> Result<(), Failure> {
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

/// Longest wait for a connection, and for each piece of an answer.
pub const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Longest message that is taken: as long as the longest item, and room for what is said about it.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
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
