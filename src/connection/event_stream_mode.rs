//! An open event stream: nothing more is read, and what is told is written.

use crate::connection::timer_table::Wait;
use crate::connection::turn_context::ModeContext;
use crate::http::event_stream;

#[derive(Debug, Default)]
pub struct EventMode {
    ended: bool,
}

impl EventMode {
    pub fn begin(cx: &mut ModeContext) -> EventMode {
        cx.begin(Wait::Heartbeat);
        EventMode::default()
    }

    /// A peer that has anything else to be written to it is not in need of a sign of life.
    pub fn beat(&self, cx: &mut ModeContext) {
        if !self.ended && cx.outbox.is_empty() {
            cx.outbox.own().extend_from_slice(event_stream::HEARTBEAT);
        }
        cx.begin(Wait::Heartbeat);
    }

    pub fn end(&mut self) {
        self.ended = true;
    }

    pub fn is_over(&self) -> bool {
        self.ended
    }
}
