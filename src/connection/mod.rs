//! One peer, without its socket: bytes in, calls out; answers in, bytes out.
//!
//! ```text
//!               receive ─▶ ┌────────────────────────┐ ─▶ next: a call, or nothing yet
//!   bytes read             │       Connection       │
//!               outbox ◀── │  HTTP mode ──101──▶    │ ◀── answer, postpone, talk, push
//!   bytes to write         │        WebSocket mode  │
//!                          └────────────────────────┘
//!               next_deadline, expire: what it waits for      fate: what becomes of the socket
//! ```
//!
//! A connection never touches a socket or a clock, and does not know what a call means. Whoever
//! drives it shows it what came and what time it is, and decides the calls it hands out; nothing
//! else changes it. An idle one owns no buffer.

pub mod broadcast;
pub mod connection_event;
pub mod event_stream_mode;
pub mod http_mode;
pub mod http_response;
pub mod message_writer;
pub mod outbox;
pub mod pending_calls;
pub mod pipeline;
pub mod push;
pub mod request_reader;
pub mod timer_table;
pub mod turn_context;
pub mod websocket_mode;

use crate::connection::broadcast::{Broadcast, Form};
use crate::connection::connection_event::Step;
use crate::connection::event_stream_mode::EventMode;
use crate::connection::http_mode::HttpMode;
use crate::connection::outbox::Outbox;
use crate::connection::timer_table::{Wait, Waits};
use crate::connection::turn_context::{ModeContext, TurnContext};
use crate::connection::websocket_mode::WebSocketMode;
use crate::error::ProtocolError;
use crate::http::response::Send;
use crate::metrics::browsers::{BrowserId, TrafficClass};
use crate::model::call::{Answer, Talk};
use crate::websocket::close;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Connection {
    mode: Mode,
    /// What came and could not be used yet: the beginning of a head or of a frame, or what must
    /// wait for its turn.
    carry: Vec<u8>,
    outbox: Outbox,
    waits: Waits,
    input: Input,
    /// Who asked for what the connection has become since it is no longer HTTP.
    visitor: Option<BrowserId>,
}

#[derive(Debug)]
enum Mode {
    Http(HttpMode),
    WebSocket(WebSocketMode),
    Events(EventMode),
    /// All is written, and our side of the stream is ended. What still comes is dropped until the
    /// peer has ended too, so that no reset overtakes the last answer (RFC 9112 §9.6).
    Lingering,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// Bytes came that nobody wanted.
    Unwanted,
    Ended,
}

/// What becomes of the socket when everything has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Stay,
    /// Close it: nothing more can come that a reset would answer.
    Close,
    /// End our side, tell [`Connection::linger`], and drop what comes.
    Linger,
}

/// What is to be done for a connection whose wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// The answer that was held.
    Answer,
}

impl Connection {
    pub fn new(turn: &TurnContext) -> Connection {
        let mut waits = Waits::default();
        waits.begin(Wait::Head, turn.now, turn.timeouts);
        Connection {
            mode: Mode::Http(HttpMode::default()),
            carry: Vec::new(),
            outbox: Outbox::default(),
            waits,
            input: Input::Open,
            visitor: None,
        }
    }

    /// What is left over from earlier; the new bytes belong behind it. Show both to
    /// [`Connection::next`], and give back with [`Connection::keep`] what that did not use.
    pub fn take_carry(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.carry)
    }

    pub fn keep(&mut self, rest: &[u8]) {
        self.carry.extend_from_slice(rest);
    }

    /// As `keep`, but of the very bytes that `take_carry` gave.
    pub fn keep_carry(&mut self, mut carry: Vec<u8>, used: usize) {
        if used < carry.len() {
            carry.drain(..used);
            // A peer that has said much keeps no more memory than what is left of it needs.
            carry.shrink_to(2 * carry.len());
            self.carry = carry;
        }
    }

    /// Is something left that waits for its turn or for more?
    pub fn has_carry(&self) -> bool {
        !self.carry.is_empty()
    }

    /// Reads on in `bytes` from `*at`. Repeat until it says `NeedMore` or `Wait`.
    pub fn next<'a>(&mut self, bytes: &'a mut [u8], at: &mut usize, turn: &mut TurnContext) -> Step<'a> {
        if !self.may_receive(turn) {
            self.waits.suspend();
            return Step::Wait;
        }
        let unread = bytes.len() - *at;
        let Connection { mode, outbox, waits, .. } = self;
        let mut cx = ModeContext { outbox, waits, turn };
        let step = match mode {
            Mode::Http(http) => http.next(bytes, at, &mut cx),
            Mode::WebSocket(socket) => socket.next(bytes, at, &mut cx),
            // What is asked behind a request for events is asked of nobody.
            Mode::Events(_) => {
                *at += unread;
                Ok(Step::NeedMore)
            }
            Mode::Lingering => {
                *at += unread;
                return Step::NeedMore;
            }
        };
        match step {
            Ok(Step::NeedMore) => {
                self.used_up(unread);
                Step::NeedMore
            }
            Ok(Step::Wait) => {
                // It is our turn; the peer is not late while it is not read.
                self.waits.end();
                Step::Wait
            }
            Ok(step) => step,
            Err(fault) => {
                self.fail(fault, turn);
                Step::Again
            }
        }
    }

    /// Nothing more can be made of what has come.
    fn used_up(&mut self, unread: usize) {
        if self.input == Input::Ended {
            self.end_mode();
        } else if unread > 0 && self.reads_no_more() {
            self.input = Input::Unwanted;
        }
    }

    fn end_mode(&mut self) {
        match &mut self.mode {
            Mode::Http(http) => http.end_of_input(),
            Mode::WebSocket(socket) => socket.end(),
            Mode::Events(events) => events.end(),
            Mode::Lingering => {}
        }
    }

    /// Is some call not answered yet?
    pub fn is_owed(&self) -> bool {
        match &self.mode {
            Mode::Http(http) => http.is_owed(),
            Mode::WebSocket(socket) => socket.is_owed(),
            Mode::Events(_) | Mode::Lingering => false,
        }
    }

    fn reads_no_more(&self) -> bool {
        match &self.mode {
            Mode::Http(http) => http.reads_no_more(),
            Mode::WebSocket(socket) => socket.is_over(),
            Mode::Events(_) | Mode::Lingering => true,
        }
    }

    fn is_over(&self) -> bool {
        match &self.mode {
            Mode::Http(http) => http.is_over(),
            Mode::WebSocket(socket) => socket.is_over(),
            Mode::Events(events) => events.is_over(),
            Mode::Lingering => true,
        }
    }

    /// Answers the call handed out last; or, where none is open, the oldest that was postponed.
    pub fn answer(&mut self, answer: Answer, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        let mut cx = ModeContext { outbox, waits, turn };
        match mode {
            Mode::Http(http) => http.answer(answer, &mut cx),
            Mode::WebSocket(socket) => socket.answer(answer, &mut cx),
            Mode::Events(_) | Mode::Lingering => {}
        }
    }

    /// The call handed out last is answered when the journal has settled it.
    pub fn postpone(&mut self) {
        match &mut self.mode {
            Mode::Http(http) => http.postpone(),
            Mode::WebSocket(socket) => socket.postpone(),
            Mode::Events(_) | Mode::Lingering => {}
        }
    }

    /// The call handed out last is answered when what it asked for changes, or in so many seconds:
    /// then [`Connection::expire`] says so.
    pub fn hold(&mut self, seconds: u32, turn: &mut TurnContext) {
        let Mode::Http(http) = &mut self.mode else { unreachable!("only a request can prefer to wait") };
        http.hold();
        let until = turn.now + Duration::from_secs(seconds.into()).min(turn.timeouts.hold);
        self.waits.begin_until(Wait::Held, until);
    }

    /// The call handed out last asked for events: goes on as a stream of them.
    pub fn stream(&mut self, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        let mut cx = ModeContext { outbox, waits, turn };
        let Mode::Http(http) = mode else { unreachable!("events are asked for over HTTP") };
        if http.stream(&mut cx) == Send::HeadAndBody {
            self.visitor = http.visitor();
            self.mode = Mode::Events(EventMode::begin(&mut cx));
        }
    }

    /// Whom the peer speaks for, where the last head said so.
    pub fn visitor(&self) -> Option<BrowserId> {
        match &self.mode {
            Mode::Http(http) => http.visitor(),
            Mode::WebSocket(_) | Mode::Events(_) => self.visitor,
            Mode::Lingering => None,
        }
    }

    /// By which road it is spoken.
    pub fn road(&self) -> TrafficClass {
        match &self.mode {
            Mode::Http(_) | Mode::Lingering => TrafficClass::Requests,
            Mode::Events(_) => TrafficClass::EventStreams,
            Mode::WebSocket(_) => TrafficClass::WebSockets,
        }
    }

    /// The call handed out last was a handshake: says yes, and goes on as a socket.
    pub fn talk(&mut self, talk: Talk, first_words: Option<&Broadcast>, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        let mut cx = ModeContext { outbox, waits, turn };
        let Mode::Http(http) = mode else { unreachable!("a handshake comes over HTTP") };
        let going = http.is_going();
        let compression = http.upgrade(talk, &mut cx);
        cx.begin(Wait::Idle);
        if let Some(words) = first_words {
            cx.outbox.own().extend_from_slice(&words.encoded(Form::Frame, cx.turn));
        }
        let mut socket = WebSocketMode::new(talk, compression, cx.turn);
        if going {
            socket.close(close::GOING_AWAY, &mut cx);
        }
        self.visitor = http.visitor();
        self.mode = Mode::WebSocket(socket);
    }

    /// The peer has ended its side. What it asked before is still read with [`Connection::next`],
    /// and answered.
    pub fn end_of_input(&mut self) {
        self.input = Input::Ended;
    }

    /// The server is going: finish what was begun, and begin nothing.
    pub fn go_away(&mut self, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, carry, .. } = self;
        let mut cx = ModeContext { outbox, waits, turn };
        match mode {
            // One request more: what is not here yet may be on the way.
            Mode::Http(http) if cx.waits.is_for(Wait::Head) => {
                http.take_the_last();
                if carry.is_empty() {
                    cx.begin(Wait::FirstWord);
                }
            }
            Mode::Http(http) => http.go_away(),
            Mode::WebSocket(socket) => socket.close(close::GOING_AWAY, &mut cx),
            Mode::Events(events) => events.end(),
            Mode::Lingering => {}
        }
    }

    fn fail(&mut self, fault: ProtocolError, turn: &mut TurnContext) {
        log::debug!("a peer's connection ends: {fault}");
        if self.input == Input::Open {
            self.input = Input::Unwanted;
        }
        let Connection { mode, outbox, waits, .. } = self;
        waits.end();
        match mode {
            Mode::Http(http) => http.fail(fault, &mut ModeContext { outbox, waits, turn }),
            Mode::WebSocket(socket) => socket.fail(fault, outbox),
            Mode::Events(events) => events.end(),
            Mode::Lingering => {}
        }
    }

    /// Bytes made of compressed messages since this was asked last: far more work than they came in.
    pub fn take_inflated(&mut self) -> usize {
        match &mut self.mode {
            Mode::WebSocket(socket) => socket.take_inflated(),
            _ => 0,
        }
    }

    /// May more be read from the socket? A peer that does not read is not read either; but one that is
    /// still saying a message may say it to its end, though it goes back meanwhile.
    pub fn may_receive(&self, turn: &TurnContext) -> bool {
        let bytes_max = turn.limits.outbox_bytes_max;
        let waiting = self.outbox.len();
        waiting <= bytes_max
            || (self.is_passing() && waiting <= bytes_max.saturating_add(turn.limits.message_bytes_max))
    }

    /// Is a message under way both in and out?
    fn is_passing(&self) -> bool {
        matches!(&self.mode, Mode::WebSocket(socket) if socket.is_passing())
    }

    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Something was written, or everything.
    pub fn wrote(&mut self, bytes: usize, turn: &mut TurnContext) {
        self.outbox.advance(bytes);
        if let (true, Mode::WebSocket(socket)) = (self.outbox.is_empty(), &mut self.mode) {
            socket.refill(&mut self.outbox);
        }
        if self.may_receive(turn) {
            self.waits.resume(turn.now, turn.timeouts);
        } else {
            self.waits.suspend();
        }
        // Whoever is still speaking, and is waited for, need not listen yet.
        if self.outbox.is_empty() || (self.is_passing() && self.may_receive(turn)) {
            self.waits.end_writing();
        } else if bytes > 0 {
            self.waits.begin_writing(turn.now, turn.timeouts);
        } else {
            self.waits.go_on_writing(turn.now, turn.timeouts);
        }
    }

    /// What is to be done when everything in the outbox has been written.
    pub fn fate(&self) -> Fate {
        match self.input {
            _ if !self.is_over() => Fate::Stay,
            Input::Ended => Fate::Close,
            _ if matches!(self.mode, Mode::Lingering) => Fate::Stay,
            Input::Unwanted => Fate::Linger,
            Input::Open if !self.carry.is_empty() => Fate::Linger,
            // A peer that asked for one answer says no more; one that closes a socket well may.
            Input::Open => match &self.mode {
                Mode::Http(http) if !http.leaves_unread() => Fate::Close,
                Mode::Http(_) | Mode::WebSocket(_) | Mode::Events(_) | Mode::Lingering => Fate::Linger,
            },
        }
    }

    /// Our side of the stream has been ended.
    pub fn linger(&mut self, turn: &mut TurnContext) {
        self.mode = Mode::Lingering;
        self.carry = Vec::new();
        self.waits.begin(Wait::Close, turn.now, turn.timeouts);
    }

    /// When [`Connection::expire`] wants to be called, at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waits.next()
    }

    /// Some wait may be over. `Err`: the connection is to be dropped as it is.
    pub fn expire(&mut self, turn: &mut TurnContext) -> Result<Due, ProtocolError> {
        if let Some(fault) = self.waits.stalled(turn.now, turn.timeouts) {
            return Err(fault);
        }
        let Some(wait) = self.waits.over(turn.now) else { return Ok(Due::Nothing) };
        let after = wait.length(turn.timeouts);
        match (wait, &mut self.mode) {
            (Wait::FirstWord, _) => return Err(ProtocolError::HeadTooSlow { after }),
            (Wait::Head, _) if self.carry.is_empty() => return Err(ProtocolError::HeadTooSlow { after }),
            (Wait::Head, mode) => {
                if let Mode::Http(http) = mode {
                    http.note_method(&self.carry);
                }
                self.fail(ProtocolError::HeadTooSlow { after }, turn);
            }
            (Wait::Body, mode) => {
                if let Mode::Http(http) = mode {
                    http.note_method(&[]);
                }
                self.fail(ProtocolError::BodyTooSlow { after }, turn);
            }
            (Wait::KeepAlive, Mode::Http(http)) => http.go_away(),
            (Wait::Idle, Mode::WebSocket(socket)) => {
                socket.rest();
                socket.ping(&mut self.outbox);
                self.waits.begin(Wait::Pong, turn.now, turn.timeouts);
            }
            (Wait::Heartbeat, Mode::Events(events)) => {
                let Connection { outbox, waits, .. } = self;
                events.beat(&mut ModeContext { outbox, waits, turn });
            }
            (Wait::Held, _) => return Ok(Due::Answer),
            (Wait::Pong, _) => self.fail(ProtocolError::PeerSilent { after }, turn),
            (Wait::Close | Wait::KeepAlive | Wait::Idle | Wait::Heartbeat, _) => {
                return Err(ProtocolError::CloseTooSlow { after });
            }
        }
        Ok(Due::Nothing)
    }

    /// Bytes of memory held for this peer beyond the connection itself.
    pub fn held_bytes(&self) -> usize {
        let reading = match &self.mode {
            Mode::WebSocket(socket) => socket.held_bytes(),
            Mode::Http(http) => http.held_bytes(),
            Mode::Events(_) | Mode::Lingering => 0,
        };
        self.carry.capacity() + self.outbox.held_bytes() + reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerConfig;
    use crate::metrics::loop_metrics::Metrics;

    #[test]
    fn a_beginning_that_is_left_over_holds_no_memory_of_what_came_before_it() {
        let config = ServerConfig::default();
        let turn = TurnContext::new(&config, Metrics::default(), Instant::now());
        let mut connection = Connection::new(&turn);
        connection.keep(b"GET ");
        let mut carry = connection.take_carry();
        carry.extend_from_slice(&[b'x'; 200_000]);
        connection.keep_carry(carry, 200_000);
        assert!(connection.has_carry());
        assert!(connection.held_bytes() < 100, "{} bytes", connection.held_bytes());
    }
}
