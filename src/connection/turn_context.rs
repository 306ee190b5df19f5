//! What holds for all peers during one turn: the time, read once, and the rules of the house.

use crate::config::AllowedOrigins;
use crate::config::CompressionConfig;
use crate::config::Limits;
use crate::config::Timeouts;
use crate::connection::outbox::Outbox;
use crate::connection::timer_table::{Wait, Waits};
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub now: Instant,
    /// The same moment for the `Date` field, as an IMF-fixdate.
    pub date: [u8; 29],
    pub limits: &'a Limits,
    pub timeouts: &'a Timeouts,
    pub compression: &'a CompressionConfig,
    pub origins: &'a AllowedOrigins,
}

/// What a mode may touch of its connection, besides itself.
pub struct Reach<'c> {
    pub outbox: &'c mut Outbox,
    pub waits: &'c mut Waits,
    pub terms: &'c Terms<'c>,
}

impl Reach<'_> {
    pub fn begin(&mut self, wait: Wait) {
        self.waits.begin(wait, self.terms.now, self.terms.timeouts);
    }
}
