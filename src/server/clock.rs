//! The clock of a loop: the time of timers, of the `Date` field and of `/ws`.

use crate::api;
use crate::connection::broadcast::Broadcast;
use crate::http::date::imf_fixdate;
use crate::pubsub::peer_table::PeerId;
use chrono::{DateTime, Local, Timelike};
use std::time::{Duration, Instant};

pub struct Clock {
    now: Instant,
    wall: DateTime<Local>,
    date: [u8; 29],
    /// The next full second, when `wall` and `date` are read again.
    holds_until: Instant,
    subscribers: Vec<PeerId>,
    /// The Unix second that was announced last.
    announced: i64,
}

impl Clock {
    pub fn new(now: Instant) -> Clock {
        Clock {
            now,
            wall: DateTime::default(),
            date: [0; 29],
            holds_until: now,
            subscribers: Vec::new(),
            announced: 0,
        }
    }

    /// Begins a turn at this moment. The wall clock is read once a second.
    pub fn tick(&mut self, now: Instant, read_wall_clock: impl FnOnce() -> DateTime<Local>) {
        self.now = now;
        if now >= self.holds_until {
            self.wall = read_wall_clock();
            self.date = imf_fixdate(self.wall.timestamp().max(0) as u64);
            // A leap second counts on past a thousand milliseconds.
            let past = Duration::from_nanos(u64::from(self.wall.nanosecond() % 1_000_000_000));
            self.holds_until = now + (Duration::from_secs(1) - past);
        }
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    /// Returns the Unix second.
    pub fn second(&self) -> u64 {
        self.wall.timestamp().max(0) as u64
    }

    pub fn date(&self) -> [u8; 29] {
        self.date
    }

    pub fn subscribe(&mut self, id: PeerId) {
        self.subscribers.push(id);
    }

    /// Returns the time of day as a message.
    pub fn announcement(&self) -> Broadcast {
        let time = self.wall.format("%H:%M:%S").to_string();
        Broadcast::new(b"", api::clock::announcement(&time).into_bytes())
    }

    /// Returns when the next message of `/ws` is due.
    pub fn next_announcement(&self) -> Option<Instant> {
        (!self.subscribers.is_empty()).then_some(self.holds_until)
    }

    /// Returns the message for all subscribers, if a new second has begun.
    pub fn announce(&mut self) -> Option<Broadcast> {
        let second = self.wall.timestamp();
        if second == self.announced {
            return None;
        }
        self.announced = second;
        (!self.subscribers.is_empty()).then(|| self.announcement())
    }

    /// Takes all subscribers. Those that are still connected [subscribe](Clock::subscribe) again.
    pub fn take_subscribers(&mut self) -> Vec<PeerId> {
        std::mem::take(&mut self.subscribers)
    }
}
