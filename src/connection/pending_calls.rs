//! The calls of a socket: read, under way, and answered: each with a message of its own, or those of a batch
//! together.

use crate::connection::connection_event::ConnectionEvent;
use crate::connection::message_writer::MessageWriter;
use crate::connection::pipeline::Pipeline;
use crate::connection::turn_context::TurnContext;
use crate::error::ApiError;
use crate::http::response;
use crate::model::call::{Answer, Call};
use crate::model::json_rpc::{self, Id, Item, Message};
use crate::websocket::frame::Opcode;
use std::collections::VecDeque;

/// The calls of a socket that takes calls. Between two calls there are none.
#[derive(Debug, Default)]
pub struct Calls {
    pub owed: Pipeline<Asked>,
    /// Read, and not yet handed out.
    next: VecDeque<Item<'static>>,
    /// The answers of a batch under way.
    batch: Option<Vec<u8>>,
    /// How the socket ends when everything asked before is answered.
    pub end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
pub enum End {
    /// The peer's close, with its code.
    Theirs(Option<u16>),
    /// Ours.
    Ours(u16),
}

/// What must be remembered of a call to answer it.
#[derive(Debug)]
pub struct Asked {
    id: Id,
}

/// What is no call is counted as if it were a bad request.
const NO_CALL: u16 = 400;

impl Calls {
    pub fn hand_out<'a>(&mut self, item: Item<'a>, writer: &mut MessageWriter) -> ConnectionEvent<'a> {
        let bytes_max = writer.turn.limits.body_bytes_max;
        match item.call {
            Ok(call) if call.body.len() > bytes_max => {
                if let Id::Given(id) = item.id {
                    let answer = ApiError::BodyTooLong { bytes_max }.into();
                    write_answer(&id, &answer, &mut self.batch, writer);
                }
                ConnectionEvent::Continue
            }
            Ok(call) => {
                self.owed.hand_out(Asked { id: item.id });
                ConnectionEvent::Call(call)
            }
            // What is no call waits for nobody: JSON-RPC answers carry the id, not the order.
            Err(no_call) => {
                if let Id::Given(id) = item.id {
                    writer.turn.metrics.count_answer(NO_CALL);
                    write(&mut self.batch, writer, |out| json_rpc::write_no_call(&id, &no_call, out));
                }
                ConnectionEvent::Continue
            }
        }
    }

    /// Sends the answers of a batch when the last one is there.
    pub fn end_batch(&mut self, writer: &mut MessageWriter) {
        if self.next.is_empty()
            && self.owed.is_empty()
            && let Some(mut answers) = self.batch.take()
            && !answers.is_empty()
        {
            answers.push(b']');
            writer.send(Opcode::Text, &answers);
        }
    }

    pub fn is_done(&self) -> bool {
        self.next.is_empty() && self.owed.is_empty() && self.batch.is_none()
    }

    /// Only writes may be under way together; any other call waits until those before it are answered.
    pub fn must_hold(&self, item: &Item, turn: &TurnContext) -> bool {
        let waits = item.call.as_ref().is_ok_and(|call| call.method.waits_its_turn());
        !self.owed.is_empty() && (waits || self.owed.len() >= turn.limits.calls_waiting_max)
    }

    /// What was read is handed out later.
    pub fn put_off(&mut self, message: Message) {
        match message {
            Message::One(item) => self.next.push_back(owned(item)),
            Message::Batch(items) => {
                self.batch = Some(Vec::new());
                self.next.extend(items.into_iter().map(owned));
            }
        }
    }

    /// A batch is answered as a whole before the next message is read.
    pub fn is_full(&self, turn: &TurnContext) -> bool {
        self.batch.is_some() || self.owed.len() >= turn.limits.calls_waiting_max
    }

    /// What is handed out next of that which is read, if anything is left of it.
    pub fn next_read(&mut self, writer: &mut MessageWriter) -> Option<ConnectionEvent<'static>> {
        if self.must_hold(self.next.front()?, writer.turn) {
            return Some(ConnectionEvent::Paused);
        }
        let mut item = self.next.pop_front().expect("just seen");
        // The answers leave together, so the outbox cannot stop them from piling up.
        let bytes_max = writer.turn.limits.outbox_bytes_max;
        if item.call.is_ok() && self.batch.as_ref().is_some_and(|answers| answers.len() > bytes_max) {
            item.call = Err(json_rpc::batch_too_long(bytes_max));
        }
        let step = self.hand_out(item, writer);
        self.end_batch(writer);
        Some(step)
    }

    /// Answers the call handed out last, or else the oldest that waits; `speaks` says whether anybody hears it.
    pub fn answer(&mut self, answer: Answer, speaks: bool, writer: &mut MessageWriter) {
        let Calls { owed, batch, .. } = self;
        owed.settle(answer, |asked, answer, _| {
            if let (Id::Given(id), true) = (asked.id, speaks) {
                write_answer(&id, answer, batch, writer);
            }
        });
        self.end_batch(writer);
    }

    /// Bytes of what waits for its turn, or is gathered for an answer.
    pub fn held_bytes(&self) -> usize {
        let body = |item: &Item| item.call.as_ref().map_or(0, |call| call.body.len());
        let next: usize = self.next.iter().map(body).sum();
        next + self.batch.as_ref().map_or(0, Vec::len)
    }
}

fn owned(item: Item) -> Item<'static> {
    Item { id: item.id, call: item.call.map(Call::into_owned) }
}

fn write_answer(id: &str, answer: &Answer, batch: &mut Option<Vec<u8>>, writer: &mut MessageWriter) {
    writer.turn.metrics.count_answer(answer.status);
    let phrase = response::reason(answer.status);
    write(batch, writer, |out| json_rpc::write_answer(id, answer, phrase, out));
}

/// Into the batch under way, or as a message of its own.
fn write(batch: &mut Option<Vec<u8>>, writer: &mut MessageWriter, text: impl FnOnce(&mut Vec<u8>)) {
    match batch {
        Some(answers) => {
            answers.push(if answers.is_empty() { b'[' } else { b',' });
            text(answers);
        }
        None => {
            let mut message = Vec::with_capacity(256);
            text(&mut message);
            writer.send(Opcode::Text, &message);
        }
    }
}
