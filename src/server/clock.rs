//! The time: of waits, of the `Date` field, and of those who listen to the clock.

use crate::api;
use crate::connection::broadcast::Broadcast;
use crate::http::date::imf_fixdate;
use chrono::{DateTime, Local, Timelike};
use mio::Token;
use std::time::{Duration, Instant};

pub struct Clock {
    /// Reads the clock on the wall.
    look: fn() -> DateTime<Local>,
    now: Instant,
    wall: DateTime<Local>,
    date: [u8; 29],
    /// `wall` and `date` hold until then: the next full second.
    holds_until: Instant,
    listeners: Vec<Token>,
    /// The unix second that was announced last.
    announced: i64,
}

impl Clock {
    pub fn new(now: Instant, look: fn() -> DateTime<Local>) -> Clock {
        let mut clock = Clock {
            look,
            now,
            wall: look(),
            date: [0; 29],
            holds_until: now,
            listeners: Vec::new(),
            announced: 0,
        };
        clock.tick(now);
        clock
    }

    /// A turn begins. The wall clock is read once a second.
    pub fn tick(&mut self, now: Instant) {
        self.now = now;
        if now >= self.holds_until {
            self.wall = (self.look)();
            self.date = imf_fixdate(self.wall.timestamp().max(0) as u64);
            // A leap second counts on past a thousand milliseconds.
            let past = Duration::from_nanos(u64::from(self.wall.nanosecond() % 1_000_000_000));
            self.holds_until = now + (Duration::from_secs(1) - past);
        }
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    /// The second that the clock on the wall shows, counted from 1970.
    pub fn second(&self) -> u64 {
        self.wall.timestamp().max(0) as u64
    }

    pub fn date(&self) -> [u8; 29] {
        self.date
    }

    pub fn listen(&mut self, token: Token) {
        self.listeners.push(token);
    }

    /// The time of day, for one who has just come.
    pub fn announcement(&self) -> Broadcast {
        let time = self.wall.format("%H:%M:%S").to_string();
        Broadcast::new(b"", api::clock::announcement(&time).into_bytes())
    }

    /// When somebody wants to hear the time again.
    pub fn next_announcement(&self) -> Option<Instant> {
        (!self.listeners.is_empty()).then_some(self.holds_until)
    }

    /// What is to be told to all listeners now, if a second has begun that they have not heard of.
    pub fn announce(&mut self) -> Option<Broadcast> {
        let second = self.wall.timestamp();
        if second == self.announced {
            return None;
        }
        self.announced = second;
        (!self.listeners.is_empty()).then(|| self.announcement())
    }

    /// Hands out all listeners. Those who are still there [go on listening](Clock::go_on_listening).
    pub fn listeners(&mut self) -> Vec<Token> {
        std::mem::take(&mut self.listeners)
    }

    pub fn go_on_listening(&mut self, token: Token) {
        self.listeners.push(token);
    }
}
