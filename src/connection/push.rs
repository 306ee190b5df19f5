//! A connection that listens: what it is told of its own accord, in the form of its mode.

use crate::connection::broadcast::{Broadcast, Form};
use crate::connection::turn_context::{ModeContext, TurnContext};
use crate::connection::{Connection, Mode};
use crate::http::event_stream;
use crate::websocket::close;
use std::sync::Arc;

impl Connection {
    /// How this peer is told of changes, if it listens.
    pub fn form(&self) -> Option<Form> {
        match &self.mode {
            Mode::WebSocket(socket) if socket.is_open() => Some(socket.form()),
            Mode::Events(events) if !events.is_over() => Some(Form::Event),
            _ => None,
        }
    }

    /// Tells this peer alone. `id` is where an event stream goes on from.
    pub fn tell(&mut self, id: &[u8], text: &[u8], turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        match mode {
            Mode::WebSocket(socket) if socket.is_open() => {
                socket.say(text, &mut ModeContext { outbox, waits, turn });
            }
            Mode::Events(events) if !events.is_over() => event_stream::encode(id, text, outbox.own()),
            _ => {}
        }
    }

    /// The same of a text in three pieces, of which the middle one is long, and shared with others.
    pub fn tell_long(
        &mut self,
        id: &[u8],
        front: &[u8],
        value: Arc<[u8]>,
        end: &[u8],
        turn: &mut TurnContext,
    ) {
        let Connection { mode, outbox, waits, .. } = self;
        match mode {
            Mode::WebSocket(socket) if socket.is_open() => {
                socket.say_long(front, value, end, &mut ModeContext { outbox, waits, turn });
            }
            Mode::Events(events) if !events.is_over() => {
                let own = outbox.own();
                event_stream::begin(id, own);
                own.extend_from_slice(front);
                outbox.put(&value);
                let own = outbox.own();
                own.extend_from_slice(end);
                own.extend_from_slice(event_stream::END);
            }
            _ => {}
        }
    }

    /// What the peer wants to be told cannot be told now: it may come again.
    pub fn try_later(&mut self, turn: &mut TurnContext) {
        let Connection { mode, outbox, waits, .. } = self;
        match mode {
            Mode::WebSocket(socket) => {
                socket.close(close::TRY_AGAIN_LATER, &mut ModeContext { outbox, waits, turn });
            }
            Mode::Events(events) => events.end(),
            Mode::Http(_) | Mode::Lingering => {}
        }
    }

    /// A frame that was compressed for many has been put into the outbox: it is nothing that a later
    /// one may refer to.
    pub fn told_with_others(&mut self) {
        if let Mode::WebSocket(socket) = &mut self.mode {
            socket.rest();
        }
    }

    /// Sends news. A peer that has not yet read what was sent before gets none.
    pub fn push(&mut self, news: &Broadcast, turn: &mut TurnContext) {
        if let Mode::WebSocket(socket) = &self.mode
            && socket.is_open()
            && self.outbox.is_empty()
        {
            self.outbox.own().extend_from_slice(&news.encoded(Form::Frame, turn));
        }
    }
}
