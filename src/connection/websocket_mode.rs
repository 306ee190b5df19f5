//! Messages on an open socket, and its end.
//!
//! ```text
//!   ┌──────┐  the peer's close: answered     ┌───────┐
//!   │ Open │────────────────────────────────▶│ Ended │  written out, then the socket is closed
//!   └──┬───┘                                 └───────┘
//!      │ we close: our close frame is sent       ▲
//!      ▼                                         │ the peer's close, a fault, or the wait is over
//!   ┌─────────┐                                  │
//!   │ Closing │──────────────────────────────────┘
//!   └─────────┘
//! ```

use crate::connection::broadcast::Form;
use crate::connection::connection_event::ConnectionEvent;
use crate::connection::message_writer::MessageWriter;
use crate::connection::mode::Mode;
use crate::connection::outbox::Outbox;
use crate::connection::pending_calls::{Calls, End};
use crate::connection::timer_table::Timer;
use crate::connection::turn_context::{ModeContext, TurnContext};
use crate::error::ProtocolError;
use crate::metrics::totals::MetricId;
use crate::model::call::{Answer, Talk};
use crate::model::json_rpc::{self, Message};
use crate::websocket::close;
use crate::websocket::frame::{self, Opcode, Role};
use crate::websocket::message::{self, Event, Part, Reader, Text};
use crate::websocket::permessage_deflate::{Agreement, Deflater, Inflater};
use std::borrow::Cow;
use std::sync::Arc;

#[derive(Debug)]
pub struct WebSocketMode {
    state: CloseState,
    reader: Reader,
    /// Where compression was agreed on.
    deflater: Option<Box<Deflater>>,
    talk: Talk,
    /// Where it takes calls, and one is read or under way. Boxed: a socket between two calls owns none.
    calls: Option<Box<Calls>>,
    /// The newest ping of a flood, answered when the pongs before it have been taken.
    late_ping: Option<Box<[u8]>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CloseState {
    Open,
    /// Our close frame has been sent.
    Closing,
    Ended,
}

/// Bytes waiting to be written past which only the newest ping of a flood is answered.
const PONGS_BYTES_MAX: usize = 64 * 1024;

/// Payloads from this length on are not copied; shorter ones are, so that several leave in one write.
const SAID_BYTES_MIN: usize = 16 * 1024;

impl WebSocketMode {
    pub fn new(talk: Talk, compression: Option<Agreement>, turn: &TurnContext) -> WebSocketMode {
        let reader = match compression {
            Some(agreed) => Reader::inflating(
                Role::Server,
                Inflater::new(agreed.client).within(turn.limits.inflated_times_max),
            ),
            None if talk == Talk::Echo => Reader::passing(Role::Server, turn.limits.passed_bytes_min),
            None => Reader::new(Role::Server),
        };
        let deflater = |agreed: Agreement| Box::new(Deflater::new(agreed.server, turn.compression));
        WebSocketMode {
            state: CloseState::Open,
            reader,
            deflater: compression.map(deflater),
            talk,
            calls: None,
            late_ping: None,
        }
    }

    fn take_text<'a>(
        &mut self,
        text: Text<'a>,
        cx: &mut ModeContext,
    ) -> Result<ConnectionEvent<'a>, ProtocolError> {
        match (self.talk, text) {
            (Talk::Clock, _) => Ok(ConnectionEvent::Continue),
            (Talk::Echo, text) => Ok(self.echo(Opcode::Text, text.into(), cx)),
            (Talk::Calls, Text::InPlace(text)) => {
                let message = json_rpc::read(text, cx.turn.limits.batch_calls_max);
                Ok(self.take_message(message, cx))
            }
            (Talk::Calls, Text::Gathered(text)) => {
                let message = json_rpc::read(&text, cx.turn.limits.batch_calls_max);
                self.calls.get_or_insert_default().put_off(message);
                Ok(ConnectionEvent::Continue)
            }
        }
    }

    fn echo<'a>(
        &mut self,
        opcode: Opcode,
        message: Cow<'a, [u8]>,
        cx: &mut ModeContext,
    ) -> ConnectionEvent<'a> {
        match message {
            Cow::Borrowed(message) if self.deflater.is_none() => pass_on(opcode, true, message, cx),
            message => {
                self.writer(cx).send(opcode, &message);
                ConnectionEvent::Continue
            }
        }
    }

    /// A single call that need not wait is handed out as it stands in the bytes.
    fn take_message<'a>(&mut self, message: Message<'a>, cx: &mut ModeContext) -> ConnectionEvent<'a> {
        let calls = self.calls.get_or_insert_default();
        match message {
            Message::One(item) if !calls.must_hold(&item, cx.turn) => {
                let mut writer =
                    MessageWriter { deflater: &mut self.deflater, outbox: cx.outbox, turn: cx.turn };
                calls.hand_out(item, &mut writer)
            }
            message => {
                calls.put_off(message);
                ConnectionEvent::Continue
            }
        }
    }

    /// What is read already goes before what stands in the bytes.
    fn next_read(&mut self, cx: &mut ModeContext) -> Option<ConnectionEvent<'static>> {
        let calls = self.calls.as_mut()?;
        let mut writer = MessageWriter { deflater: &mut self.deflater, outbox: cx.outbox, turn: cx.turn };
        if let Some(step) = calls.next_read(&mut writer) {
            return Some(step);
        }
        if calls.end.is_some() {
            let ended = self.end_when_answered(cx);
            return Some(if ended { ConnectionEvent::Continue } else { ConnectionEvent::Paused });
        }
        calls.is_full(cx.turn).then_some(ConnectionEvent::Paused)
    }

    /// Starts to close, unless that has begun.
    pub fn close(&mut self, code: u16, cx: &mut ModeContext) {
        if self.state == CloseState::Open {
            self.begin_end(End::Ours(code), cx);
        }
    }

    /// No message may follow a close (RFC 6455 §5.5.1), so answers that are owed go first.
    fn begin_end(&mut self, end: End, cx: &mut ModeContext) {
        let calls = self.calls.get_or_insert_default();
        if calls.end.is_none() || matches!(end, End::Theirs(_)) {
            calls.end = Some(end);
        }
        self.end_when_answered(cx);
    }

    /// Whether the socket was to end, and nothing that was asked before is left to be answered.
    fn end_when_answered(&mut self, cx: &mut ModeContext) -> bool {
        let Some(calls) = self.calls.take_if(|calls| calls.is_done()) else { return false };
        match calls.end {
            None => return false,
            Some(End::Theirs(code)) => self.answer_close(code, cx.outbox),
            Some(End::Ours(code)) => {
                write_close(code, "", cx.outbox);
                self.state = CloseState::Closing;
                cx.begin(Timer::Close);
            }
        }
        true
    }

    /// RFC 6455 §5.5.1: a close is answered with a close, usually with the same code.
    fn answer_close(&mut self, code: Option<u16>, outbox: &mut Outbox) {
        if self.state == CloseState::Open {
            match code {
                Some(code) => write_close(code, "", outbox),
                None => frame::encode(Opcode::Close, b"", outbox.own()),
            }
        }
        self.end();
    }

    pub fn end(&mut self) {
        self.state = CloseState::Ended;
        self.reader = Reader::new(Role::Server);
        self.deflater = None;
    }

    fn writer<'c, 'r>(&'c mut self, cx: &'c mut ModeContext<'_, 'r>) -> MessageWriter<'c, 'r> {
        MessageWriter { deflater: &mut self.deflater, outbox: cx.outbox, turn: cx.turn }
    }

    /// Says a text of its own accord.
    pub fn say(&mut self, text: &[u8], cx: &mut ModeContext) {
        self.writer(cx).send(Opcode::Text, text);
    }

    /// The same of a text in three pieces, of which the middle one is shared with others.
    pub fn say_long(&mut self, front: &[u8], value: Arc<[u8]>, end: &[u8], cx: &mut ModeContext) {
        if self.deflater.is_some() {
            return self.say(&[front, &value, end].concat(), cx);
        }
        let payload_bytes = (front.len() + value.len() + end.len()) as u64;
        let out = cx.outbox.own();
        let opcode = Opcode::Text;
        frame::Header { fin: true, rsv1: false, opcode, mask: None, payload_bytes }.encode(out);
        out.extend_from_slice(front);
        cx.outbox.put(&value);
        cx.outbox.own().extend_from_slice(end);
    }

    /// How many are told alike.
    pub fn form(&self) -> Form {
        match &self.deflater {
            Some(deflater) => Form::Deflated { window_bits: deflater.window_bits() },
            None => Form::Frame,
        }
    }

    /// Nothing was said for a while: gives back what only a talk needs.
    pub fn rest(&mut self) {
        if let Some(deflater) = &mut self.deflater {
            deflater.give_back();
        }
    }

    pub fn ping(&mut self, outbox: &mut Outbox) {
        frame::encode(Opcode::Ping, b"", outbox.own());
    }

    /// Everything has been written: now there is room for what was put off.
    pub fn refill(&mut self, outbox: &mut Outbox) {
        if let Some(payload) = self.late_ping.take()
            && self.state != CloseState::Ended
        {
            frame::encode(Opcode::Pong, &payload, outbox.own());
        }
    }

    pub fn is_open(&self) -> bool {
        self.state == CloseState::Open
    }

    /// Is a message begun and not read to its end?
    pub fn is_reading(&self) -> bool {
        self.reader.is_half_read()
    }
}

impl Mode for WebSocketMode {
    /// Reads on in `bytes` from `*at`. Where a message is echoed or a ping answered, no call comes.
    fn next<'a>(
        &mut self,
        bytes: &'a mut [u8],
        at: &mut usize,
        cx: &mut ModeContext,
    ) -> Result<ConnectionEvent<'a>, ProtocolError> {
        if self.state == CloseState::Ended {
            *at = bytes.len();
            return Ok(ConnectionEvent::NeedMore);
        }
        if let Some(step) = self.next_read(cx) {
            return Ok(step);
        }
        let unread = bytes.len() - *at;
        let event = match self.reader.next_with(
            bytes,
            at,
            cx.turn.limits.message_bytes_max,
            Some(&mut cx.turn.codecs.deflate),
        )? {
            message::Step::Event(event) => event,
            message::Step::NeedMore => {
                if !cx.waits.is_reading() || (self.state == CloseState::Open && unread > 0) {
                    cx.begin(match self.state {
                        CloseState::Open if self.is_reading() => Timer::Body,
                        CloseState::Open => Timer::Idle,
                        CloseState::Closing | CloseState::Ended => Timer::Close,
                    });
                }
                return Ok(ConnectionEvent::NeedMore);
            }
        };
        if self.state == CloseState::Open {
            // The peer was heard. What it is waited for next begins when all is read.
            cx.waits.end();
        }
        if self.state == CloseState::Open
            && matches!(event, Event::Text(_) | Event::Binary(_) | Event::Part(Part { fin: true, .. }))
        {
            cx.turn.metrics.inc(MetricId::Messages);
        }
        match event {
            Event::Close(closing) => {
                self.begin_end(End::Theirs(closing.code), cx);
                Ok(ConnectionEvent::Continue)
            }
            // Until the peer's close has come a ping is answered, also behind our own (RFC 6455 §5.5.2);
            // §5.5.3 allows to answer only the newest of several.
            Event::Ping(payload) => {
                if cx.outbox.len() < PONGS_BYTES_MAX {
                    frame::encode(Opcode::Pong, &payload, cx.outbox.own());
                } else {
                    self.late_ping = Some((*payload).into());
                }
                Ok(ConnectionEvent::Continue)
            }
            Event::Pong(_) => Ok(ConnectionEvent::Continue),
            _ if self.state == CloseState::Closing => Ok(ConnectionEvent::Continue),
            Event::Text(text) => self.take_text(text, cx),
            Event::Binary(payload) => match self.talk {
                Talk::Echo => Ok(self.echo(Opcode::Binary, payload.into(), cx)),
                Talk::Clock => Ok(ConnectionEvent::Continue),
                Talk::Calls => Err(ProtocolError::BinaryNotTaken),
            },
            Event::Part(part) => Ok(pass_on(part.opcode, part.fin, part.payload, cx)),
        }
    }

    /// The call handed out last waits for the journal.
    fn postpone(&mut self) {
        self.calls.as_mut().expect("a call was handed out").owed.postpone();
    }

    /// Answers the call handed out last, or else the oldest that waits.
    fn answer(&mut self, answer: Answer, cx: &mut ModeContext) {
        let calls = self.calls.as_mut().expect("a call was handed out");
        let mut writer = MessageWriter { deflater: &mut self.deflater, outbox: cx.outbox, turn: cx.turn };
        calls.answer(answer, self.state != CloseState::Ended, &mut writer);
        self.end_when_answered(cx);
    }

    /// The stream can no longer be trusted: says why, and reads no more.
    fn fail(&mut self, fault: ProtocolError, cx: &mut ModeContext) {
        if self.state == CloseState::Open {
            write_close(fault.codes().close_code, &fault.to_string(), cx.outbox);
        }
        self.end();
    }

    fn take_inflated(&mut self) -> usize {
        self.reader.take_inflated()
    }

    fn is_over(&self) -> bool {
        self.state == CloseState::Ended
    }

    fn is_owed(&self) -> bool {
        self.calls.as_ref().is_some_and(|calls| !calls.owed.is_empty())
    }

    /// Is a message half read, and its beginning said already?
    fn is_passing(&self) -> bool {
        self.reader.is_passing()
    }

    /// Bytes of what is half read, waits for its turn, or is gathered for an answer.
    fn held_bytes(&self) -> usize {
        let calls = self.calls.as_ref().map_or(0, |calls| calls.held_bytes());
        self.reader.held_bytes() + calls
    }

    fn end_of_input(&mut self) {
        self.end();
    }

    fn reads_no_more(&self) -> bool {
        self.is_over()
    }
}

/// A long payload is not copied: it is said from where it stands.
fn pass_on<'a>(opcode: Opcode, fin: bool, payload: &'a [u8], cx: &mut ModeContext) -> ConnectionEvent<'a> {
    let out = cx.outbox.own();
    frame::Header { fin, rsv1: false, opcode, mask: None, payload_bytes: payload.len() as u64 }.encode(out);
    if payload.len() >= SAID_BYTES_MIN.min(cx.turn.limits.passed_bytes_min) {
        return ConnectionEvent::WriteThrough(payload);
    }
    out.extend_from_slice(payload);
    ConnectionEvent::Continue
}

fn write_close(code: u16, reason: &str, outbox: &mut Outbox) {
    let mut body = Vec::new();
    close::encode_body(code, reason, &mut body);
    frame::encode(Opcode::Close, &body, outbox.own());
}
