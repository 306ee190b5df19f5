//! What a connection waits for, and until when. At most one wait each for reading and writing.

use crate::config::Timeouts;
use crate::error::ProtocolError;
use std::time::{Duration, Instant};

/// What the peer is expected to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The rest of a request head.
    Head,
    /// The first byte of whoever has come, and said nothing when the process was asked to end.
    FirstWord,
    /// More of a body, or of an unfinished message.
    Body,
    /// The next request on a kept connection.
    KeepAlive,
    /// Anything on a WebSocket.
    Idle,
    /// Anything on a WebSocket after our ping.
    Pong,
    /// Nothing: an event stream is due to show that it is alive.
    Heartbeat,
    /// Nothing: an answer is held until what was asked for changes.
    Held,
    /// The peer's part of closing.
    Close,
}

impl Wait {
    pub fn length(self, timeouts: &Timeouts) -> Duration {
        match self {
            Wait::Head => timeouts.head,
            Wait::FirstWord => Timeouts::FIRST_BYTE,
            Wait::Body => timeouts.body,
            Wait::KeepAlive => timeouts.keep_alive,
            Wait::Idle => timeouts.idle,
            Wait::Pong => timeouts.pong,
            Wait::Heartbeat => timeouts.heartbeat,
            Wait::Held => timeouts.hold,
            Wait::Close => timeouts.close,
        }
    }
}

#[derive(Debug, Default)]
pub struct Waits {
    /// Without a time while the peer is not read.
    reading: Option<(Wait, Option<Instant>)>,
    writing: Option<Instant>,
}

impl Waits {
    /// Starts to wait, in place of whatever was waited for.
    pub fn begin(&mut self, wait: Wait, now: Instant, timeouts: &Timeouts) {
        self.reading = Some((wait, Some(now + wait.length(timeouts))));
    }

    /// The same, for a time that the peer chose.
    pub fn begin_until(&mut self, wait: Wait, until: Instant) {
        self.reading = Some((wait, Some(until)));
    }

    /// As `begin`, but goes on where this is waited for already.
    pub fn go_on(&mut self, wait: Wait, now: Instant, timeouts: &Timeouts) {
        if self.reading.is_none_or(|(current, _)| current != wait) {
            self.begin(wait, now, timeouts);
        }
    }

    /// It is our turn: the peer need do nothing.
    pub fn end(&mut self) {
        // That one is not the peer's: it ends with the answer.
        if !matches!(self.reading, Some((Wait::Held, _))) {
            self.reading = None;
        }
    }

    /// What was held is answered.
    pub fn end_held(&mut self) {
        self.reading = self.reading.filter(|(wait, _)| *wait != Wait::Held);
    }

    /// The peer is not read: it is not late, whatever it does. Its part of closing has a time of its own,
    /// and so has what is not waited for from the peer.
    pub fn suspend(&mut self) {
        if let Some((wait, until)) = &mut self.reading
            && !matches!(wait, Wait::Close | Wait::Heartbeat | Wait::Held)
        {
            *until = None;
        }
    }

    /// It is read again, and has all the time of what was waited for.
    pub fn resume(&mut self, now: Instant, timeouts: &Timeouts) {
        if let Some((wait, None)) = self.reading {
            self.begin(wait, now, timeouts);
        }
    }

    pub fn is_for(&self, wait: Wait) -> bool {
        self.reading.is_some_and(|(current, _)| current == wait)
    }

    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Something is to be written, and the peer must take some of it.
    pub fn begin_writing(&mut self, now: Instant, timeouts: &Timeouts) {
        self.writing = Some(now + timeouts.write_stall);
    }

    pub fn go_on_writing(&mut self, now: Instant, timeouts: &Timeouts) {
        if self.writing.is_none() {
            self.begin_writing(now, timeouts);
        }
    }

    pub fn end_writing(&mut self) {
        self.writing = None;
    }

    pub fn next(&self) -> Option<Instant> {
        let reading = self.reading.and_then(|(_, until)| until);
        reading.into_iter().chain(self.writing).min()
    }

    /// Which wait for reading is over?
    pub fn over(&mut self, now: Instant) -> Option<Wait> {
        let (wait, until) = self.reading?;
        (until? <= now).then(|| {
            self.reading = None;
            wait
        })
    }

    pub fn stalled(&self, now: Instant, timeouts: &Timeouts) -> Option<ProtocolError> {
        let until = self.writing?;
        (until <= now).then_some(ProtocolError::WriteStalled { after: timeouts.write_stall })
    }
}
