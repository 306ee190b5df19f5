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
//! Reading and answering are two machines: several requests may be read before the first answer
//! leaves. Only writes may be under way together, for the journal settles them in order; any other
//! call waits until those before it are answered.

use crate::connection::connection_event::Step;
use crate::connection::http_response::{Asked, write_answer, write_fault, write_stream_head};
use crate::connection::pipeline::{Owed, Rest};
use crate::connection::request_reader::{self, Question, SocketOffer};
use crate::connection::timer_table::Wait;
use crate::connection::turn_context::ModeContext;
use crate::error::ApiError;
use crate::error::ProtocolError;
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
    reading: Reading,
    owed: Owed<Asked>,
    /// The handshake of the call handed out last, where it was one.
    offer: Option<Box<SocketOffer>>,
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

#[derive(Debug)]
enum Reading {
    Head { searched: usize },
    Body(Box<HalfRead>),
    Held(Box<(Question<'static>, Asked)>),
    Ended,
}

#[derive(Debug)]
struct HalfRead {
    question: Question<'static>,
    asked: Asked,
    reader: BodyReader,
    body: Vec<u8>,
    /// The peer waits for a 100 (Continue), which stands behind the answers owed before.
    invites: bool,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading::Head { searched: 0 }
    }
}

impl HttpMode {
    /// Reads on in `bytes` from `*at`.
    pub fn next<'a>(
        &mut self,
        bytes: &'a [u8],
        at: &mut usize,
        cx: &mut ModeContext,
    ) -> Result<Step<'a>, ProtocolError> {
        let from = *at;
        let step = self.read_on(bytes, at, cx);
        if step.is_err() {
            self.note_method(&bytes[from..]);
        }
        step
    }

    /// Before [`HttpMode::fail`]: an answer to HEAD has no body, also where the rest of the request
    /// could not be read (RFC 9110 §9.3.2). `unread` is what came of it, from its head on.
    #[cold]
    pub fn note_method(&mut self, unread: &[u8]) {
        self.last_send = match &self.reading {
            Reading::Body(half) => half.asked.send,
            _ if without_empty_lines(unread).starts_with(b"HEAD ") => Send::HeadOnly,
            _ => Send::HeadAndBody,
        };
    }

    #[inline]
    fn read_on<'a>(
        &mut self,
        bytes: &'a [u8],
        at: &mut usize,
        cx: &mut ModeContext,
    ) -> Result<Step<'a>, ProtocolError> {
        match &mut self.reading {
            Reading::Head { .. } => self.read_head(bytes, at, cx),
            Reading::Body(_) => self.read_body(bytes, at, cx),
            Reading::Held(_) if !self.owed.is_empty() => Ok(Step::Wait),
            Reading::Held(_) => {
                let Reading::Held(held) = std::mem::take(&mut self.reading) else {
                    unreachable!("just matched");
                };
                let (question, asked) = *held;
                self.hand_out(question, asked, cx)
            }
            Reading::Ended => {
                *at = bytes.len();
                Ok(Step::NeedMore)
            }
        }
    }

    fn read_head<'a>(
        &mut self,
        bytes: &'a [u8],
        at: &mut usize,
        cx: &mut ModeContext,
    ) -> Result<Step<'a>, ProtocolError> {
        let Reading::Head { searched } = &mut self.reading else { unreachable!("the caller matched it") };
        let rest = &bytes[*at..];
        if rest.is_empty() {
            self.wait_between(cx);
            return Ok(Step::NeedMore);
        }
        if self.holding || self.owed.len() >= cx.turn.limits.calls_waiting_max {
            return Ok(Step::Wait);
        }
        let mut room = FieldRoom::new();
        let (head, used) = match head::parse_request(rest, searched, cx.turn.limits, &mut room)? {
            Parsed::Whole { value, used } => (value, used),
            Parsed::NeedMore => {
                // An empty line is not yet the beginning of a request.
                if rest.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                    self.wait_between(cx);
                } else {
                    cx.waits.go_on(Wait::Head, cx.turn.now, cx.turn.timeouts);
                }
                return Ok(Step::NeedMore);
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
            self.reading = Reading::Ended;
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
                cx.begin(Wait::Body);
                let half = HalfRead {
                    question: question.into_owned(),
                    asked,
                    reader: BodyReader::new(framing),
                    body: Vec::new(),
                    // A peer that sends its body unasked needs no invitation.
                    invites: head.expects_continue && *at == bytes.len(),
                };
                self.reading = Reading::Body(Box::new(half));
                self.invite(cx);
                Ok(Step::Again)
            }
        }
    }

    /// After a pause nothing is waited for any more, and between two requests that must not stay so.
    fn wait_between(&self, cx: &mut ModeContext) {
        if self.owed.is_empty() && !cx.waits.is_reading() {
            cx.begin(Wait::KeepAlive);
        }
    }

    fn read_body<'a>(
        &mut self,
        bytes: &'a [u8],
        at: &mut usize,
        cx: &mut ModeContext,
    ) -> Result<Step<'a>, ProtocolError> {
        let Reading::Body(half) = &mut self.reading else { unreachable!("the caller matched it") };
        let rest = &bytes[*at..];
        let progress = half.reader.read(rest, &mut half.body, cx.turn.limits)?;
        *at += progress.used;
        if !progress.done {
            if !rest.is_empty() {
                half.invites = false;
            }
            if !rest.is_empty() || !cx.waits.is_reading() {
                cx.begin(Wait::Body);
            }
            return Ok(Step::NeedMore);
        }
        let next = if half.asked.persistent { Reading::default() } else { Reading::Ended };
        let Reading::Body(half) = std::mem::replace(&mut self.reading, next) else {
            unreachable!("just matched");
        };
        let HalfRead { question, asked, body, .. } = *half;
        self.hand_out_or_hold(question.with_body(Cow::Owned(body)), asked, cx)
    }

    #[inline]
    fn hand_out_or_hold<'a>(
        &mut self,
        question: Question<'a>,
        asked: Asked,
        cx: &mut ModeContext,
    ) -> Result<Step<'a>, ProtocolError> {
        let must_wait = match &question {
            Question::Call(call) => self.holding || call.method.waits_its_turn(),
            Question::Refused(_) => self.holding,
        };
        if must_wait && !self.owed.is_empty() {
            self.reading = Reading::Held(Box::new((question.into_owned(), asked)));
            return Ok(Step::Wait);
        }
        self.hand_out(question, asked, cx)
    }

    #[inline]
    fn hand_out<'a>(
        &mut self,
        question: Question<'a>,
        asked: Asked,
        cx: &mut ModeContext,
    ) -> Result<Step<'a>, ProtocolError> {
        if !asked.persistent {
            self.reading = Reading::Ended;
        }
        cx.waits.end();
        cx.turn.metrics.inc(MetricId::Requests);
        self.owed.hand_out(asked);
        match question {
            Question::Call(call) => Ok(Step::Call(call)),
            Question::Refused(refusal) => {
                self.answer(refusal.into(), cx);
                Ok(Step::Again)
            }
        }
    }

    /// The call handed out last waits for the journal.
    pub fn postpone(&mut self) {
        self.owed.postpone();
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
        self.reading = Reading::Ended;
        asked.send
    }

    /// Answers the call handed out last, or else the oldest that waits.
    pub fn answer(&mut self, answer: Answer, cx: &mut ModeContext) {
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
            self.reading = Reading::Ended;
        }
        if !self.owed.is_empty() {
            return;
        }
        self.invite(cx);
        if let Some(fault) = self.last_words.take() {
            write_fault(fault, self.last_send, cx.turn, cx.outbox);
        }
        // Where the next head has begun to come, the wait for the rest of it runs on.
        if matches!(self.reading, Reading::Head { searched: 0 }) {
            cx.begin(Wait::KeepAlive);
        }
    }

    /// Sends a 100 (Continue) to a peer that waits for it, once it is the next to be said.
    fn invite(&mut self, cx: &mut ModeContext) {
        if let Reading::Body(half) = &mut self.reading
            && half.invites
            && self.owed.is_empty()
        {
            half.invites = false;
            cx.outbox.own().extend_from_slice(response::CONTINUE);
        }
    }

    /// The stream can no longer be trusted: answers what is owed, says why, and reads no more.
    pub fn fail(&mut self, fault: ProtocolError, cx: &mut ModeContext) {
        self.reading = Reading::Ended;
        if self.owed.is_empty() {
            write_fault(fault, self.last_send, cx.turn, cx.outbox);
        } else {
            self.last_words = Some(fault);
        }
    }

    /// Reads no request behind the one that is awaited, and says so with its answer.
    pub fn take_the_last(&mut self) {
        self.going = true;
    }

    /// Reads no further request, and says so with the answers still owed.
    pub fn go_away(&mut self) {
        self.going = true;
        if matches!(self.reading, Reading::Head { searched: 0 }) {
            self.reading = Reading::Ended;
        }
    }

    /// The peer will send nothing more, and what it sent has been read.
    pub fn end_of_input(&mut self) {
        self.reading = Reading::Ended;
    }

    pub fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    pub fn reads_no_more(&self) -> bool {
        matches!(self.reading, Reading::Ended)
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

    /// Nothing more is read, and nothing is owed.
    pub fn is_over(&self) -> bool {
        self.reads_no_more() && self.owed.is_empty()
    }

    /// Bytes of what is half read, or waits for its turn.
    pub fn held_bytes(&self) -> usize {
        match &self.reading {
            Reading::Body(half) => half.body.capacity(),
            Reading::Held(held) => match &held.0 {
                Question::Call(call) => call.body.len(),
                Question::Refused(_) => 0,
            },
            Reading::Head { .. } | Reading::Ended => 0,
        }
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

/// Empty lines may stand before a request (RFC 9112 §2.2); a bare line feed is none, and what stands
/// behind it no request.
fn without_empty_lines(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    bytes
}
