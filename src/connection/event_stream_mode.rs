//! An open event stream: nothing more is read, and notifications are written.

use crate::connection::mode::Mode;
use crate::connection::timer_table::Timer;
use crate::connection::turn_context::ModeContext;
use crate::error::ProtocolError;
use crate::http::event_stream;

#[derive(Debug, Default)]
pub struct EventStreamMode {
    ended: bool,
}

impl EventStreamMode {
    pub fn begin(cx: &mut ModeContext) -> EventStreamMode {
        cx.begin(Timer::Heartbeat);
        EventStreamMode::default()
    }

    /// Sends a comment, unless output waits, which shows the peer as much (WHATWG HTML §9.2.7).
    pub fn send_heartbeat(&self, cx: &mut ModeContext) {
        if !self.ended && cx.outbox.is_empty() {
            cx.outbox.own().extend_from_slice(event_stream::HEARTBEAT);
        }
        cx.begin(Timer::Heartbeat);
    }

    pub fn end(&mut self) {
        self.ended = true;
    }
}

/// Requests that are pipelined after the one for events are dropped: the stream has no end.
impl Mode for EventStreamMode {
    fn end_of_input(&mut self) {
        self.end();
    }

    fn fail(&mut self, _: ProtocolError, _: &mut ModeContext) {
        self.end();
    }

    fn is_over(&self) -> bool {
        self.ended
    }
}
