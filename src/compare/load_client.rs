//! One caller: opens connections, asks, and knows of every byte what it was for.
//!
//! ```text
//!   Plan ─▶ Caller ── open ── ask, ask, … ── close      on one Line after the other
//!              └─ said: the bytes of both directions, held against what the kernel has counted
//! ```
//!
//! What the bytes mean is said by [`client`](crate::client), [`http`](crate::http) and
//! [`websocket`](crate::websocket), as everywhere.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::client::buffered_stream::Stream;
use crate::client::handshake::{self, Asks, Offered};
use crate::compare::costs::{Application, Both};
use crate::compare::load_connection::{Line, agree, bytes_of, finish, network_of};
use crate::compare::workloads::call_plan::{Lasts, Plan, Road};
use crate::error::CommandError;
use crate::netlab::traffic::Network;
use crate::websocket::frame::Role;
use crate::websocket::message::Reader;
use crate::websocket::permessage_deflate::Inflater;

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
    pub disagreement: Option<CommandError>,
    /// How long the first connection took to open, apart from its first call.
    opening: Duration,
    /// From nothing to the first whole answer.
    pub first: Option<Duration>,
    /// Who waits looks whether this is up, if there is one.
    interrupted: Option<Arc<AtomicBool>>,
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
            interrupted: None,
        }
    }

    /// Waits no longer when this is up.
    pub fn heeding(self, interrupted: Arc<AtomicBool>) -> Caller<'p> {
        Caller { interrupted: Some(interrupted), ..self }
    }

    /// Connects, and shakes hands where that is needed.
    pub fn open(&mut self) -> Result<(), CommandError> {
        let (before, begun) = (self.said, Instant::now());
        let mut stream = Stream::connect(&self.plan.url, ANSWER_WAIT)?;
        if let Some(interrupted) = &self.interrupted {
            stream.heed(Arc::clone(interrupted))?;
        }
        stream.whole_within(ANSWER_WAIT);
        self.connections += 1;
        let reader = match self.plan.road.handshake() {
            None => None,
            Some((target, subprotocol, offered)) => {
                let asks = Asks { subprotocol, offered, extra: &self.plan.extra };
                Some(self.shake_hands(&mut stream, target, &asks)?)
            }
        };
        self.line =
            Some(Line { stream, reader, before, ended: false, calls: 0, responses: 0, was_last: false });
        self.opening = begun.elapsed();
        Ok(())
    }

    fn shake_hands(
        &mut self,
        stream: &mut Stream,
        target: &str,
        asks: &Asks,
    ) -> Result<Reader, CommandError> {
        let shaken = handshake::shake_hands(stream, &self.plan.url.authority, target, asks)?;
        self.said.sent.fields += shaken.asked_bytes;
        self.said.received.fields += shaken.answered_bytes;
        match shaken.agreement {
            Some(agreement) => Ok(Reader::inflating(Role::Client, Inflater::new(agreement.server))),
            None if asks.offered == Offered::Deflate => {
                Err(CommandError::Failed("the server does not agree to compression".to_owned()))
            }
            None => Ok(Reader::new(Role::Client)),
        }
    }

    /// So many calls in one write; `answered` is told how long each of them took.
    pub fn ask(&mut self, calls: usize, mut answered: impl FnMut(Duration)) -> Result<(), CommandError> {
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
                        return Err(CommandError::Failed("the echo is not what was sent".to_owned()));
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

    /// Whether [`ask`](Caller::ask) has something to hear, or becomes so within `wait`. Who has no connection
    /// has yet to open one.
    pub fn is_told(&self, wait: Duration) -> Result<bool, CommandError> {
        let Some(line) = &self.line else { return Ok(true) };
        if !line.stream.unread().is_empty() {
            return Ok(true);
        }
        line.stream.wait_for_reads(Some(wait))?;
        let peeked = line.stream.socket().peek(&mut [0]);
        line.stream.wait_for_reads(Some(ANSWER_WAIT))?;
        let is_too_early = |kind| matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut);
        // Whatever else is wrong with it is said by who reads.
        Ok(!peeked.is_err_and(|error| is_too_early(error.kind())))
    }

    /// Ends the connection, if there is one, and holds what was said on it against what the kernel has
    /// counted.
    pub fn close(&mut self) -> Result<(), CommandError> {
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
    pub fn network(&self) -> Result<Network, CommandError> {
        let mut network = self.closed;
        if let Some(line) = &self.line {
            network += network_of(&line.info()?, &(self.said - line.before), line.is_ipv6());
        }
        Ok(network)
    }
}

/// Longest wait for a connection, for each piece of an answer, and for the whole of it.
pub const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Longest wait for a whole answer, however slowly it comes: a megabyte at 56 kbit/s takes half of it.
pub const WHOLE_WAIT: Duration = Duration::from_secs(300);
