//! Notifications to one peer, as its mode sends them.

use crate::connection::broadcast::{Broadcast, Form};
use crate::connection::connection_mode::ConnectionMode;
use crate::connection::mode::Mode;
use crate::connection::turn_context::ModeContext;
use crate::http::event_stream;
use crate::websocket::close;
use std::sync::Arc;

impl ConnectionMode {
    /// Returns how notifications are encoded for this peer, or `None` if it gets none.
    #[inline]
    pub fn form(&self) -> Option<Form> {
        match self {
            ConnectionMode::WebSocket(socket) if socket.is_open() => Some(socket.form()),
            ConnectionMode::EventStream(events) if !events.is_over() => Some(Form::Event),
            _ => None,
        }
    }

    /// Sends one notification. `id` is where an event stream resumes.
    pub fn tell(&mut self, id: &[u8], text: &[u8], cx: &mut ModeContext) {
        match self {
            ConnectionMode::WebSocket(socket) if socket.is_open() => socket.say(text, cx),
            ConnectionMode::EventStream(events) if !events.is_over() => {
                event_stream::encode(id, text, cx.outbox.own());
            }
            _ => {}
        }
    }

    /// Sends one notification in three pieces, of which the middle one is long, and shared with other peers.
    pub fn tell_long(&mut self, id: &[u8], front: &[u8], value: Arc<[u8]>, end: &[u8], cx: &mut ModeContext) {
        match self {
            ConnectionMode::WebSocket(socket) if socket.is_open() => socket.say_long(front, value, end, cx),
            ConnectionMode::EventStream(events) if !events.is_over() => {
                let own = cx.outbox.own();
                event_stream::begin(id, own);
                own.extend_from_slice(front);
                cx.outbox.put(&value);
                let own = cx.outbox.own();
                own.extend_from_slice(end);
                own.extend_from_slice(event_stream::END);
            }
            _ => {}
        }
    }

    /// Ends a subscription that cannot be served now: the peer may come back.
    pub fn try_later(&mut self, cx: &mut ModeContext) {
        match self {
            ConnectionMode::WebSocket(socket) => socket.close(close::TRY_AGAIN_LATER, cx),
            ConnectionMode::EventStream(events) => events.end(),
            ConnectionMode::Http(_) | ConnectionMode::Lingering(_) => {}
        }
    }

    /// A frame that was compressed for many joins the outbox: a later one cannot refer back to it.
    pub fn told_with_others(&mut self) {
        if let ConnectionMode::WebSocket(socket) = self {
            socket.rest();
        }
    }

    /// Sends what is broadcast to a WebSocket. A peer with output that waits gets none.
    pub fn push(&mut self, news: &Broadcast, cx: &mut ModeContext) {
        if let ConnectionMode::WebSocket(socket) = self
            && socket.is_open()
            && cx.outbox.is_empty()
        {
            cx.outbox.own().extend_from_slice(&news.encoded(Form::Frame, cx.turn));
        }
    }
}
