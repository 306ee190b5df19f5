//! An open event stream: nothing more is read, and what is told is written.

use crate::connection::timer_table::Wait;
use crate::connection::turn_context::Reach;
use crate::http::event_stream;

#[derive(Debug, Default)]
pub struct EventMode {
    ended: bool,
}

impl EventMode {
    pub fn begin(reach: &mut Reach) -> EventMode {
        reach.begin(Wait::Heartbeat);
        EventMode::default()
    }

    /// A peer that has anything else to be written to it is not in need of a sign of life.
    pub fn beat(&self, reach: &mut Reach) {
        if !self.ended && reach.outbox.is_empty() {
            reach.outbox.own().extend_from_slice(event_stream::HEARTBEAT);
        }
        reach.begin(Wait::Heartbeat);
    }

    pub fn end(&mut self) {
        self.ended = true;
    }

    pub fn is_over(&self) -> bool {
        self.ended
    }
}
