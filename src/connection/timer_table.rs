//! The timers of a connection: at most one for reading and one for writing.

use crate::config::Timeouts;
use crate::error::ProtocolError;
use std::time::{Duration, Instant};

/// What a timer for reading limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The rest of a request head.
    Head,
    /// The first byte of a connection that was accepted during a shutdown.
    FirstByte,
    /// More of a body, or of an unfinished message.
    Body,
    /// The next request on a keep-alive connection.
    KeepAlive,
    /// Anything on a WebSocket.
    Idle,
    /// Anything on a WebSocket after a ping.
    Pong,
    /// The interval between heartbeats of an event stream.
    Heartbeat,
    /// The time that a response is held for a change (RFC 6202 §2).
    LongPoll,
    /// The peer's close frame, or its end of the stream.
    Close,
}

impl Timer {
    pub fn duration(self, timeouts: &Timeouts) -> Duration {
        match self {
            Timer::Head => timeouts.head,
            Timer::FirstByte => Timeouts::FIRST_BYTE,
            Timer::Body => timeouts.body,
            Timer::KeepAlive => timeouts.keep_alive,
            Timer::Idle => timeouts.idle,
            Timer::Pong => timeouts.pong,
            Timer::Heartbeat => timeouts.heartbeat,
            Timer::LongPoll => timeouts.hold,
            Timer::Close => timeouts.close,
        }
    }
}

#[derive(Debug, Default)]
pub struct TimerTable {
    /// Without a deadline while the peer is not read.
    reading: Option<(Timer, Option<Instant>)>,
    writing: Option<Instant>,
}

impl TimerTable {
    /// Starts a timer for reading, in place of the current one.
    pub fn begin(&mut self, timer: Timer, now: Instant, timeouts: &Timeouts) {
        self.reading = Some((timer, Some(now + timer.duration(timeouts))));
    }

    /// Starts a timer with a deadline that the peer chose.
    pub fn begin_until(&mut self, timer: Timer, until: Instant) {
        self.reading = Some((timer, Some(until)));
    }

    /// Starts a timer unless it runs already.
    pub fn go_on(&mut self, timer: Timer, now: Instant, timeouts: &Timeouts) {
        if self.reading.is_none_or(|(current, _)| current != timer) {
            self.begin(timer, now, timeouts);
        }
    }

    /// Stops the timer for reading: nothing is expected of the peer.
    pub fn end(&mut self) {
        // A long poll is not the peer's to end: its timer stops with the answer.
        if !matches!(self.reading, Some((Timer::LongPoll, _))) {
            self.reading = None;
        }
    }

    /// Stops the timer of a long poll that was answered.
    pub fn end_held(&mut self) {
        self.reading = self.reading.filter(|(timer, _)| *timer != Timer::LongPoll);
    }

    /// Stops the clock of the timer while the peer is not read, except where the peer need not send.
    pub fn suspend(&mut self) {
        if let Some((timer, until)) = &mut self.reading
            && !matches!(timer, Timer::Close | Timer::Heartbeat | Timer::LongPoll)
        {
            *until = None;
        }
    }

    /// Restarts the timer when the peer is read again.
    pub fn resume(&mut self, now: Instant, timeouts: &Timeouts) {
        if let Some((timer, None)) = self.reading {
            self.begin(timer, now, timeouts);
        }
    }

    pub fn is_for(&self, timer: Timer) -> bool {
        self.reading.is_some_and(|(current, _)| current == timer)
    }

    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Starts the timer for writing: the peer must accept some output.
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

    /// Returns the timer for reading that has expired.
    pub fn poll_expired(&mut self, now: Instant) -> Option<Timer> {
        let (timer, until) = self.reading?;
        (until? <= now).then(|| {
            self.reading = None;
            timer
        })
    }

    pub fn stalled(&self, now: Instant, timeouts: &Timeouts) -> Option<ProtocolError> {
        let until = self.writing?;
        (until <= now).then_some(ProtocolError::WriteStalled { after: timeouts.write_stall })
    }
}
