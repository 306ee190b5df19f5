//! Requests in order, answers in order.
//!
//! ```text
//!          head whole, no body          ┌──────┐
//!        ┌────────── a call ───────────▶│ Head │◀─── body whole: a call ──┐
//!        │                              └──┬───┘                          │
//!        └─────────────────────────────────┤ head whole, body cut short ┌─┴────┐
//!                                          ├───────────────────────────▶│ Body │
//!                 a call that must wait    │                            └──────┘
//!   ┌──────┐◀──────────────────────────────┤
//!   │ Held │── answers before it left ──▶ a call
//!   └──────┘                               │ close, upgrade or fault    ┌───────┐
//!                                          └───────────────────────────▶│ Ended │
//!                                                                       └───────┘
//! ```
//!
//! Reading and answering are two machines: several requests may be read before the first answer leaves. Only writes
//! may be pending together, since the journal commits them in order; any other call waits for those before it.

use crate::connection::connection_event::ConnectionEvent;
use crate::connection::http_response::{Asked, write_answer, write_fault, write_stream_head};
use crate::connection::mode::Mode;
use crate::connection::pipeline::{Pipeline, Rest};
use crate::connection::request_reader::{self, Question, ServerHandshake};
use crate::connection::request_state::{RequestInProgress, RequestState};
use crate::connection::timer_table::Timer;
use crate::connection::turn_context::ModeContext;
use crate::error::{ApiError, ProtocolError};
use crate::http::body::{self, BodyReader};
use crate::http::cors::{self, Crossing};
use crate::http::framing::Framing;
use crate::http::head::{self, FieldRoom};
use crate::http::parsed::Parsed;
use crate::http::response::{self, Send};
use crate::metrics::browsers::BrowserId;
use crate::metrics::totals::MetricId;
use crate::model::call::{Answer, Talk};
use crate::model::json_rpc;
use crate::websocket::handshake;
use crate::websocket::permessage_deflate::Agreement;
use std::borrow::Cow;

#[derive(Debug, Default)]
pub struct HttpMode {
    reading: RequestState,
    owed: Pipeline<Asked>,
    /// The handshake of the call handed out last, where it was one.
    offer: Option<Box<ServerHandshake>>,
    /// Said after the last answer owed; then the connection ends.
    last_words: Option<ProtocolError>,
    /// Whether the request that could not be read wants a body in its answer.
    last_send: Send,
    /// No further request is read, and the next answer says so.
    going: bool,
    /// The oldest answer owed waits for a change.
    holding: bool,
    /// A body was announced that is not going to be read.
    left_unread: bool,
    /// Who asked last, where its head said so.
    visitor: Option<BrowserId>,
}

impl HttpMode {
    /// Before [`HttpMode::fail`]: an answer to HEAD has no body, also where the rest of the request
    /// could not be read (RFC 9110 §9.3.2). `unread` is what came of it, from its head on.
    #[cold]
    pub fn note_method(&mut self, mut unread: &[u8]) {
        // Empty lines may stand before a request (RFC 9112 §2.2). A bare line feed is none.
        while let Some(rest) = unread.strip_prefix(b"\r\n") {
            unread = rest;
        }
        self.last_send = match &self.reading {
            RequestState::Body(half) => half.asked.send,
            _ if unread.starts_with(b"HEAD ") => Send::HeadOnly,
            _ => Send::HeadAndBody,
        };
    }

    #[inline]
    fn read_on<'a>(
        &mut self,
        bytes: &'a [u8],
        at: &mut usize,
        cx: &mut ModeContext,
    ) -> Result<ConnectionEvent<'a>, ProtocolError> {
        match &mut self.reading {
            RequestState::Head { .. } => self.read_head(bytes, at, cx),
            RequestState::Body(_) => self.read_body(bytes, at, cx),
            RequestState::Blocked(_) if !self.owed.is_empty() => Ok(ConnectionEvent::Paused),
            RequestState::Blocked(_) => {
                let RequestState::Blocked(held) = std::mem::take(&mut self.reading) else {
                    unreachable!("just matched");
                };
                let (question, asked) = *held;
                self.hand_out(question, asked, cx)
            }
            RequestState::Ended => {
                *at = bytes.len();
                Ok(ConnectionEvent::NeedMore)
            }
        }
    }

    fn read_head<'a>(
        &mut self,
        bytes: &'a [u8],
        at: &mut usize,
        cx: &mut ModeContext,
    ) -> Result<ConnectionEvent<'a>, ProtocolError> {
        let RequestState::Head { searched } = &mut self.reading else {
            unreachable!("the caller matched it")
        };
        let rest = &bytes[*at..];
        if rest.is_empty() {
            self.wait_between(cx);
            return Ok(ConnectionEvent::NeedMore);
        }
        if self.holding || self.owed.len() >= cx.turn.limits.calls_waiting_max {
            return Ok(ConnectionEvent::Paused);
        }
        let mut room = FieldRoom::new();
        let (head, used) = match head::parse_request(rest, searched, cx.turn.limits, &mut room)? {
            Parsed::Whole { value, used } => (value, used),
            Parsed::NeedMore => {
                // An empty line is not yet the beginning of a request.
                if rest.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                    self.wait_between(cx);
                } else {
                    cx.waits.go_on(Timer::Head, cx.turn.now, cx.turn.timeouts);
                }
                return Ok(ConnectionEvent::NeedMore);
            }
        };
        *at += used;
        self.visitor = request_reader::visitor(head.fields);
        self.offer = None;
        let caller = cors::caller(head.fields, head.host, cx.turn.origins);
        let mut asked = Asked::new(&head, Crossing::of(caller, head.fields, cx.turn.origins));
        let mut question = request_reader::read(&head, cx.turn, &mut asked, &mut self.offer)?;
        if question.is_forbidden(caller) {
            question = Question::Refused(ApiError::OriginNotAllowed);
        }
        if !head.persistent {
            self.reading = RequestState::Ended;
        }
        match head.framing {
            Framing::None | Framing::Sized(0) => self.hand_out_or_hold(question, asked, cx),
            Framing::Sized(length) if length <= (bytes.len() - *at) as u64 => {
                body::check_declared(head.framing, cx.turn.limits)?;
                let body = &bytes[*at..*at + length as usize];
                *at += length as usize;
                self.hand_out_or_hold(question.with_body(Cow::Borrowed(body)), asked, cx)
            }
            // Whoever asks before sending the body is told at once that it is not wanted.
            _ if head.expects_continue && matches!(question, Question::Refused(_)) => {
                asked.persistent = false;
                self.left_unread = true;
                self.hand_out_or_hold(question, asked, cx)
            }
            framing => {
                body::check_declared(framing, cx.turn.limits)?;
                cx.begin(Timer::Body);
                let half = RequestInProgress {
                    question: question.into_owned(),
                    asked,
                    reader: BodyReader::new(framing),
                    body: Vec::new(),
                    // A peer that sends its body unasked needs no invitation.
                    invites: head.expects_continue && *at == bytes.len(),
                };
                self.reading = RequestState::Body(Box::new(half));
                self.invite(cx);
                Ok(ConnectionEvent::Continue)
            }
        }
    }

    /// After a pause nothing is waited for any more, and between two requests that must not stay so.
    fn wait_between(&self, cx: &mut ModeContext) {
        if self.owed.is_empty() && !cx.waits.is_reading() {
            cx.begin(Timer::KeepAlive);
        }
    }

    fn read_body<'a>(
        &mut self,
        bytes: &'a [u8],
        at: &mut usize,
        cx: &mut ModeContext,
    ) -> Result<ConnectionEvent<'a>, ProtocolError> {
        let RequestState::Body(half) = &mut self.reading else { unreachable!("the caller matched it") };
        let rest = &bytes[*at..];
        let progress = half.reader.read(rest, &mut half.body, cx.turn.limits)?;
        *at += progress.used;
        if !progress.done {
            half.invites &= rest.is_empty();
            if !rest.is_empty() || !cx.waits.is_reading() {
                cx.begin(Timer::Body);
            }
            return Ok(ConnectionEvent::NeedMore);
        }
        let next = if half.asked.persistent { RequestState::default() } else { RequestState::Ended };
        let RequestState::Body(half) = std::mem::replace(&mut self.reading, next) else {
            unreachable!("just matched");
        };
        let RequestInProgress { question, asked, body, .. } = *half;
        self.hand_out_or_hold(question.with_body(Cow::Owned(body)), asked, cx)
    }

    #[inline]
    fn hand_out_or_hold<'a>(
        &mut self,
        question: Question<'a>,
        asked: Asked,
        cx: &mut ModeContext,
    ) -> Result<ConnectionEvent<'a>, ProtocolError> {
        let must_wait =
            self.holding || matches!(&question, Question::Call(call) if call.method.waits_its_turn());
        if must_wait && !self.owed.is_empty() {
            self.reading = RequestState::Blocked(Box::new((question.into_owned(), asked)));
            return Ok(ConnectionEvent::Paused);
        }
        self.hand_out(question, asked, cx)
    }

    #[inline]
    fn hand_out<'a>(
        &mut self,
        question: Question<'a>,
        asked: Asked,
        cx: &mut ModeContext,
    ) -> Result<ConnectionEvent<'a>, ProtocolError> {
        if !asked.persistent {
            self.reading = RequestState::Ended;
        }
        cx.waits.end();
        cx.turn.metrics.inc(MetricId::Requests);
        self.owed.hand_out(asked);
        match question {
            Question::Call(call) => Ok(ConnectionEvent::Call(call)),
            Question::Refused(refusal) => {
                self.answer(refusal.into(), cx);
                Ok(ConnectionEvent::Continue)
            }
        }
    }

    /// The call handed out last is answered when what it asked for changes. Nothing behind it is taken up
    /// before that.
    pub fn hold(&mut self) {
        self.owed.postpone();
        self.holding = true;
    }

    /// The call handed out last is answered with a stream, if it wants more than its head.
    pub fn stream(&mut self, cx: &mut ModeContext) -> Send {
        let asked = self.owed.take_current().expect("a call was handed out");
        write_stream_head(&asked, cx.turn, cx.outbox);
        self.reading = RequestState::Ended;
        asked.send
    }

    /// Sends a 100 (Continue) to a peer that waits for it, once it is the next to be said.
    fn invite(&mut self, cx: &mut ModeContext) {
        if let RequestState::Body(half) = &mut self.reading
            && half.invites
            && self.owed.is_empty()
        {
            half.invites = false;
            cx.outbox.own().extend_from_slice(response::CONTINUE);
        }
    }

    /// Reads no request behind the one that is awaited, and says so with its answer.
    pub fn take_the_last(&mut self) {
        self.going = true;
    }

    /// Reads no further request, and says so with the answers still owed.
    pub fn go_away(&mut self) {
        self.going = true;
        if matches!(self.reading, RequestState::Head { searched: 0 }) {
            self.reading = RequestState::Ended;
        }
    }

    /// Will the peer go on sending what nobody reads?
    pub fn leaves_unread(&self) -> bool {
        self.left_unread
    }

    pub fn is_going(&self) -> bool {
        self.going
    }

    pub fn visitor(&self) -> Option<BrowserId> {
        self.visitor
    }

    /// Writes the 101, and says what it agreed to.
    pub fn upgrade(&mut self, talk: Talk, cx: &mut ModeContext) -> Option<Agreement> {
        let offer = self.offer.take().expect("only a handshake becomes a socket");
        let subprotocol = (talk == Talk::Calls && offer.calls).then_some(json_rpc::SUBPROTOCOL);
        let compression = offer.compression;
        cx.turn.metrics.count_answer(101);
        let (date, out) = (&cx.turn.date, cx.outbox.own());
        handshake::encode_accept(&offer.key, subprotocol, compression.as_ref(), date, out);
        compression
    }
}

impl Mode for HttpMode {
    /// Reads on in `bytes` from `*at`.
    fn next<'a>(
        &mut self,
        bytes: &'a mut [u8],
        at: &mut usize,
        cx: &mut ModeContext,
    ) -> Result<ConnectionEvent<'a>, ProtocolError> {
        let (bytes, from): (&'a [u8], usize) = (bytes, *at);
        let step = self.read_on(bytes, at, cx);
        if step.is_err() {
            self.note_method(&bytes[from..]);
        }
        step
    }

    /// The call handed out last waits for the journal.
    fn postpone(&mut self) {
        self.owed.postpone();
    }

    /// Answers the call handed out last, or else the oldest that waits.
    fn answer(&mut self, answer: Answer, cx: &mut ModeContext) {
        if std::mem::take(&mut self.holding) {
            cx.waits.end_held();
        }
        let (going, mut ended) = (self.going, false);
        self.owed.settle(answer, |mut asked, answer, rest| {
            asked.persistent &= !(going && rest == Rest::Nothing);
            ended |= !asked.persistent;
            write_answer(asked, answer, cx.turn, cx.outbox);
        });
        if ended {
            self.reading = RequestState::Ended;
        }
        if !self.owed.is_empty() {
            return;
        }
        self.invite(cx);
        if let Some(fault) = self.last_words.take() {
            write_fault(fault, self.last_send, cx.turn, cx.outbox);
        }
        // Where the next head has begun to come, the wait for the rest of it runs on.
        if matches!(self.reading, RequestState::Head { searched: 0 }) {
            cx.begin(Timer::KeepAlive);
        }
    }

    /// The stream can no longer be trusted: answers what is owed, says why, and reads no more.
    fn fail(&mut self, fault: ProtocolError, cx: &mut ModeContext) {
        self.reading = RequestState::Ended;
        if self.owed.is_empty() {
            write_fault(fault, self.last_send, cx.turn, cx.outbox);
        } else {
            self.last_words = Some(fault);
        }
    }

    /// The peer will send nothing more, and what it sent has been read.
    fn end_of_input(&mut self) {
        self.reading = RequestState::Ended;
    }

    fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    fn reads_no_more(&self) -> bool {
        matches!(self.reading, RequestState::Ended)
    }

    /// Nothing more is read, and nothing is owed.
    fn is_over(&self) -> bool {
        self.reads_no_more() && self.owed.is_empty()
    }

    /// Bytes of what is half read, or waits for its turn.
    fn held_bytes(&self) -> usize {
        match &self.reading {
            RequestState::Body(half) => half.body.capacity(),
            RequestState::Blocked(held) => match &held.0 {
                Question::Call(call) => call.body.len(),
                Question::Refused(_) => 0,
            },
            RequestState::Head { .. } | RequestState::Ended => 0,
        }
    }
}
