//! What holds for all peers during one turn: the time, read once, and the rules of the house.

use crate::limits::Limits;
use crate::timeouts::Timeouts;
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub now: Instant,
    /// The same moment for the `Date` field, as an IMF-fixdate.
    pub date: [u8; 29],
    pub limits: &'a Limits,
    pub timeouts: &'a Timeouts,
}
