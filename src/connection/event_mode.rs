//! An open event stream: nothing more is read, and what is told is written.

use super::terms::Reach;
use super::waits::Wait;
use crate::http::event_stream;
use crate::http::response;

#[derive(Debug, Default)]
pub struct EventMode {
    ended: bool,
}

/// The stream ends where the connection does, so no length is said (RFC 9112 §6.3).
const FIELDS: &[u8] =
    b"Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nVary: Accept\r\nConnection: close\r\n";

/// The head of the response.
pub fn write_head(reach: &mut Reach) {
    let mut writer = response::begin(200, &reach.terms.date, reach.outbox.own());
    writer.raw(FIELDS);
    writer.end_empty();
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
