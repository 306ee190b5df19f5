//! One peer without its socket (sans-I/O): bytes in, events out; answers in, bytes out.
//!
//! ```text
//!                          ┌──────────────────────────────────────┐
//!   bytes read ── next ──▶ │ HTTP ──101──▶ WebSocket              │ ── a call, or nothing yet
//!                          │   ├──────────▶ event stream          │
//!   bytes to write ◀────── │   └──────────▶ lingering, then close │ ◀── answer, push
//!                  outbox  └──────────────────────────────────────┘
//! ```
//!
//! Its methods are in four groups:
//!
//! - input: `next`, `end_of_input`, and the bytes that it keeps unparsed;
//! - output: `answer` and `postpone` for a call, `talk`, `stream` and `hold` for what a call may become, `push` and `tell`
//!   for notifications; then `outbox` and `wrote`;
//! - time: `next_deadline`, `expire`;
//! - shutdown: `go_away`, `linger`, and `fate`, which says what becomes of the socket.
//!
//! A connection touches no socket and no clock, and does not know what a call means. An idle one owns no buffer.

pub mod broadcast;
pub mod connection_event;
pub mod connection_mode;
pub mod event_stream_mode;
pub mod http_mode;
pub mod http_response;
pub mod lingering_mode;
pub mod message_writer;
pub mod mode;
pub mod outbox;
pub mod pending_calls;
pub mod pipeline;
pub mod push;
pub mod request_reader;
pub mod request_state;
pub mod timer_table;
pub mod turn_context;
pub mod unparsed_input;
pub mod websocket_mode;

use crate::connection::broadcast::{Broadcast, Form};
use crate::connection::connection_event::{AfterFlush, ConnectionEvent, TimeoutAction};
use crate::connection::connection_mode::ConnectionMode;
use crate::connection::event_stream_mode::EventStreamMode;
use crate::connection::http_mode::HttpMode;
use crate::connection::lingering_mode::LingeringMode;
use crate::connection::mode::Mode;
use crate::connection::outbox::Outbox;
use crate::connection::timer_table::{Timer, TimerTable};
use crate::connection::turn_context::{ModeContext, TurnContext};
use crate::connection::unparsed_input::UnparsedInput;
use crate::connection::websocket_mode::WebSocketMode;
use crate::error::ProtocolError;
use crate::http::response::Send;
use crate::metrics::browsers::{BrowserId, TrafficClass};
use crate::model::call::{Answer, Talk};
use crate::websocket::close;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Connection {
    mode: ConnectionMode,
    pub unparsed: UnparsedInput,
    outbox: Outbox,
    waits: TimerTable,
    input: Input,
    /// Who asked for what the connection has become since it is no longer HTTP.
    visitor: Option<BrowserId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// Bytes came that nobody wanted.
    Unwanted,
    Ended,
}

impl Connection {
    pub fn new(turn: &TurnContext) -> Connection {
        let mut waits = TimerTable::default();
        waits.begin(Timer::Head, turn.now, turn.timeouts);
        Connection {
            mode: ConnectionMode::Http(HttpMode::default()),
            unparsed: UnparsedInput::default(),
            outbox: Outbox::default(),
            waits,
            input: Input::Open,
            visitor: None,
        }
    }

    /// Reads on in `bytes` from `*at`. Repeat until it says `NeedMore` or `Wait`.
    pub fn next<'a>(
        &mut self,
        bytes: &'a mut [u8],
        at: &mut usize,
        turn: &mut TurnContext,
    ) -> ConnectionEvent<'a> {
        if !self.may_receive(turn) {
            self.waits.suspend();
            return ConnectionEvent::Paused;
        }
        let unread = bytes.len() - *at;
        let Connection { mode, outbox, waits, .. } = self;
        let mut cx = ModeContext { outbox, waits, turn };
        let step = mode.next(bytes, at, &mut cx);
        match step {
            Ok(ConnectionEvent::NeedMore) => {
                if self.input == Input::Ended {
                    self.mode.end_of_input();
                } else if unread > 0 && self.mode.reads_no_more() {
                    self.input = Input::Unwanted;
                }
                ConnectionEvent::NeedMore
            }
            Ok(ConnectionEvent::Paused) => {
                // It is our turn; the peer is not late while it is not read.
                self.waits.end();
                ConnectionEvent::Paused
            }
            Ok(step) => step,
            Err(fault) => {
                self.fail(fault, turn);
                ConnectionEvent::Continue
            }
        }
    }

    /// Returns whether a call is not answered yet.
    pub fn is_owed(&self) -> bool {
        self.mode.is_owed()
    }

    /// Answers the call handed out last; or, where none is open, the oldest that was postponed.
    #[inline]
    pub fn answer(&mut self, answer: Answer, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        mode.answer(answer, &mut ModeContext { outbox, waits, turn });
    }

    /// The call handed out last is answered when the journal has settled it.
    pub fn postpone(&mut self) {
        self.mode.postpone();
    }

    /// The call handed out last is answered when what it asked for changes, or in so many seconds:
    /// then [`Connection::expire`] says so.
    pub fn hold(&mut self, seconds: u32, turn: &mut TurnContext) {
        let ConnectionMode::Http(http) = &mut self.mode else {
            unreachable!("only a request can prefer to wait")
        };
        http.hold();
        let until = turn.now + Duration::from_secs(seconds.into()).min(turn.timeouts.hold);
        self.waits.begin_until(Timer::LongPoll, until);
    }

    /// The call handed out last asked for events: goes on as a stream of them.
    pub fn stream(&mut self, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        let mut cx = ModeContext { outbox, waits, turn };
        let ConnectionMode::Http(http) = mode else { unreachable!("events are asked for over HTTP") };
        if http.stream(&mut cx) == Send::HeadAndBody {
            self.visitor = http.visitor();
            self.mode = ConnectionMode::EventStream(EventStreamMode::begin(&mut cx));
        }
    }

    /// Whom the peer speaks for, where the last head said so.
    pub fn visitor(&self) -> Option<BrowserId> {
        match &self.mode {
            ConnectionMode::Http(http) => http.visitor(),
            ConnectionMode::WebSocket(_) | ConnectionMode::EventStream(_) => self.visitor,
            ConnectionMode::Lingering(_) => None,
        }
    }

    /// By which road it is spoken.
    pub fn road(&self) -> TrafficClass {
        match &self.mode {
            ConnectionMode::Http(_) | ConnectionMode::Lingering(_) => TrafficClass::Requests,
            ConnectionMode::EventStream(_) => TrafficClass::EventStreams,
            ConnectionMode::WebSocket(_) => TrafficClass::WebSockets,
        }
    }

    /// The call handed out last was a handshake: says yes, and goes on as a socket.
    pub fn talk(&mut self, talk: Talk, first_words: Option<&Broadcast>, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        let mut cx = ModeContext { outbox, waits, turn };
        let ConnectionMode::Http(http) = mode else { unreachable!("a handshake comes over HTTP") };
        let going = http.is_going();
        let compression = http.upgrade(talk, &mut cx);
        cx.begin(Timer::Idle);
        if let Some(words) = first_words {
            cx.outbox.own().extend_from_slice(&words.encoded(Form::Frame, cx.turn));
        }
        let mut socket = WebSocketMode::new(talk, compression, cx.turn);
        if going {
            socket.close(close::GOING_AWAY, &mut cx);
        }
        self.visitor = http.visitor();
        self.mode = ConnectionMode::WebSocket(socket);
    }

    /// The peer has ended its side. What it asked before is still read with [`Connection::next`],
    /// and answered.
    pub fn end_of_input(&mut self) {
        self.input = Input::Ended;
    }

    /// The server is going: finish what was begun, and begin nothing.
    pub fn go_away(&mut self, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, unparsed, .. } = self;
        let mut cx = ModeContext { outbox, waits, turn };
        match mode {
            // One request more: what is not here yet may be on the way.
            ConnectionMode::Http(http) if cx.waits.is_for(Timer::Head) => {
                http.take_the_last();
                if unparsed.is_empty() {
                    cx.begin(Timer::FirstByte);
                }
            }
            ConnectionMode::Http(http) => http.go_away(),
            ConnectionMode::WebSocket(socket) => socket.close(close::GOING_AWAY, &mut cx),
            ConnectionMode::EventStream(events) => events.end(),
            ConnectionMode::Lingering(_) => {}
        }
    }

    fn fail(&mut self, fault: ProtocolError, turn: &mut TurnContext) {
        log::debug!("a peer's connection ends: {fault}");
        if self.input == Input::Open {
            self.input = Input::Unwanted;
        }
        let Connection { mode, outbox, waits, .. } = self;
        waits.end();
        mode.fail(fault, &mut ModeContext { outbox, waits, turn });
    }

    /// Bytes made of compressed messages since this was asked last: far more work than they came in.
    pub fn take_inflated(&mut self) -> usize {
        self.mode.take_inflated()
    }

    /// May more be read from the socket? A peer that does not read is not read either; but one that is
    /// still saying a message may say it to its end, though it goes back meanwhile.
    pub fn may_receive(&self, turn: &TurnContext) -> bool {
        let bytes_max = turn.limits.outbox_bytes_max;
        let waiting = self.outbox.len();
        waiting <= bytes_max
            || (self.mode.is_passing() && waiting <= bytes_max.saturating_add(turn.limits.message_bytes_max))
    }

    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Something was written, or everything.
    pub fn wrote(&mut self, bytes: usize, turn: &mut TurnContext) {
        self.outbox.advance(bytes);
        if let (true, ConnectionMode::WebSocket(socket)) = (self.outbox.is_empty(), &mut self.mode) {
            socket.refill(&mut self.outbox);
        }
        if self.may_receive(turn) {
            self.waits.resume(turn.now, turn.timeouts);
        } else {
            self.waits.suspend();
        }
        // Whoever is still speaking, and is waited for, need not listen yet.
        if self.outbox.is_empty() || (self.mode.is_passing() && self.may_receive(turn)) {
            self.waits.end_writing();
        } else if bytes > 0 {
            self.waits.begin_writing(turn.now, turn.timeouts);
        } else {
            self.waits.go_on_writing(turn.now, turn.timeouts);
        }
    }

    /// What is to be done when everything in the outbox has been written.
    pub fn fate(&self) -> AfterFlush {
        match self.input {
            _ if !self.mode.is_over() => AfterFlush::KeepOpen,
            Input::Ended => AfterFlush::Close,
            _ if matches!(self.mode, ConnectionMode::Lingering(_)) => AfterFlush::KeepOpen,
            Input::Unwanted => AfterFlush::Linger,
            Input::Open if !self.unparsed.is_empty() => AfterFlush::Linger,
            // A peer that asked for one answer says no more; one that closes a socket well may.
            Input::Open => match &self.mode {
                ConnectionMode::Http(http) if !http.leaves_unread() => AfterFlush::Close,
                ConnectionMode::Http(_)
                | ConnectionMode::WebSocket(_)
                | ConnectionMode::EventStream(_)
                | ConnectionMode::Lingering(_) => AfterFlush::Linger,
            },
        }
    }

    /// Our side of the stream has been ended.
    pub fn linger(&mut self, turn: &mut TurnContext) {
        self.mode = ConnectionMode::Lingering(LingeringMode);
        self.unparsed = UnparsedInput::default();
        self.waits.begin(Timer::Close, turn.now, turn.timeouts);
    }

    /// When [`Connection::expire`] wants to be called, at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waits.next()
    }

    /// Some timer may be over. `Err`: the connection is to be dropped as it is.
    pub fn expire(&mut self, turn: &mut TurnContext) -> Result<TimeoutAction, ProtocolError> {
        if let Some(fault) = self.waits.stalled(turn.now, turn.timeouts) {
            return Err(fault);
        }
        let Some(timer) = self.waits.poll_expired(turn.now) else { return Ok(TimeoutAction::None) };
        let after = timer.duration(turn.timeouts);
        match (timer, &mut self.mode) {
            (Timer::FirstByte, _) => return Err(ProtocolError::HeadTooSlow { after }),
            (Timer::Head, _) if self.unparsed.is_empty() => return Err(ProtocolError::HeadTooSlow { after }),
            (Timer::Head, mode) => {
                if let ConnectionMode::Http(http) = mode {
                    http.note_method(self.unparsed.bytes());
                }
                self.fail(ProtocolError::HeadTooSlow { after }, turn);
            }
            (Timer::Body, mode) => {
                if let ConnectionMode::Http(http) = mode {
                    http.note_method(&[]);
                }
                self.fail(ProtocolError::BodyTooSlow { after }, turn);
            }
            (Timer::KeepAlive, ConnectionMode::Http(http)) => http.go_away(),
            (Timer::Idle, ConnectionMode::WebSocket(socket)) => {
                socket.rest();
                socket.ping(&mut self.outbox);
                self.waits.begin(Timer::Pong, turn.now, turn.timeouts);
            }
            (Timer::Heartbeat, ConnectionMode::EventStream(events)) => {
                let Connection { outbox, waits, .. } = self;
                events.send_heartbeat(&mut ModeContext { outbox, waits, turn });
            }
            (Timer::LongPoll, _) => return Ok(TimeoutAction::Answer),
            (Timer::Pong, _) => self.fail(ProtocolError::PeerSilent { after }, turn),
            (Timer::Close | Timer::KeepAlive | Timer::Idle | Timer::Heartbeat, _) => {
                return Err(ProtocolError::CloseTooSlow { after });
            }
        }
        Ok(TimeoutAction::None)
    }

    /// Returns how notifications are encoded for this peer, or `None` if it gets none.
    #[inline]
    pub fn form(&self) -> Option<Form> {
        self.mode.form()
    }

    /// Sends a notification to this peer alone. `id` is where an event stream resumes.
    pub fn tell(&mut self, id: &[u8], text: &[u8], turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        mode.tell(id, text, &mut ModeContext { outbox, waits, turn });
    }

    /// Sends a notification in three pieces, of which the middle one is long, and shared with other peers.
    pub fn tell_long(
        &mut self,
        id: &[u8],
        front: &[u8],
        value: Arc<[u8]>,
        end: &[u8],
        turn: &mut TurnContext,
    ) {
        let Connection { mode, outbox, waits, .. } = self;
        mode.tell_long(id, front, value, end, &mut ModeContext { outbox, waits, turn });
    }

    /// Ends a subscription that cannot be served now: the peer may come back.
    pub fn try_later(&mut self, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        mode.try_later(&mut ModeContext { outbox, waits, turn });
    }

    /// A frame that was compressed for many joins the outbox.
    pub fn told_with_others(&mut self) {
        self.mode.told_with_others();
    }

    /// Sends what is broadcast to a WebSocket. A peer with output that waits gets none.
    pub fn push(&mut self, news: &Broadcast, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        mode.push(news, &mut ModeContext { outbox, waits, turn });
    }

    /// Bytes of memory held for this peer beyond the connection itself.
    pub fn held_bytes(&self) -> usize {
        self.unparsed.capacity() + self.outbox.held_bytes() + self.mode.held_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle connection costs this and its socket.
    #[test]
    fn connection_stays_small() {
        assert_eq!([size_of::<Connection>(), size_of::<ConnectionMode>()], [288, 144]);
    }
}
