//! The statements, one row each: what is said, how it is tried, what that says, and the predicate that the
//! verdict must pass.

use crate::compare::claims::evidence::Evidence;
use crate::compare::claims::{asking, following};
use crate::compare::table::number;

pub struct Claim {
    /// As it is commonly said.
    pub said: &'static str,
    pub experiment: &'static str,
    pub verdict: Verdict,
    /// Whether the figures bear the verdict out.
    pub holds: fn(&Evidence) -> bool,
    /// On which number it depends, or how far it goes.
    pub condition: Option<fn(&Evidence) -> String>,
    /// The figures, in words.
    pub counted: fn(&Evidence) -> String,
    pub because: fn(&Evidence) -> String,
    /// The command that does it again.
    pub again: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    True,
    TrueIf,
    False,
}

impl Verdict {
    pub fn words(self) -> &'static str {
        match self {
            Verdict::True => "true",
            Verdict::TrueIf => "true under a condition",
            Verdict::False => "false",
        }
    }
}

/// All of them, in the order in which they are told.
pub fn all() -> impl Iterator<Item = &'static Claim> {
    asking::CLAIMS.iter().chain(following::CLAIMS)
}

/// Of the item that is asked for.
pub const PAYLOAD: f64 = 64.0;

pub fn n(value: f64) -> String {
    number(value)
}

/// By how many percent the second is less.
pub fn less(of: f64, than: f64) -> String {
    n(((1.0 - than / of) * 1000.0).round() / 10.0)
}

pub fn trips(e: &Evidence, course: &str) -> f64 {
    e.least(course, "round_trips_per_call")
}

pub fn first(e: &Evidence, course: &str) -> f64 {
    e.least(course, "round_trips_first")
}

pub fn fields(e: &Evidence, course: &str) -> f64 {
    e.least(course, "fields_bytes_per_call")
}

/// All bytes of a call that are not payload.
pub fn overhead(e: &Evidence, course: &str) -> f64 {
    e.bytes(course) - PAYLOAD
}

/// By a call over the socket, against one over HTTP on a kept connection.
pub fn saved(e: &Evidence) -> f64 {
    e.bytes("kept") - e.bytes("socket")
}

/// The payload from which on that is less than one byte in twenty.
pub fn little_saved_from(e: &Evidence) -> f64 {
    (saved(e) * 20.0 - overhead(e, "kept")).ceil()
}

/// Bytes of opening and closing.
pub fn around(e: &Evidence, course: &str) -> f64 {
    e.least(course, "opening_bytes") + e.least(course, "closing_bytes")
}

/// So many calls save what the socket costs more around them.
pub fn repaid_after(e: &Evidence) -> f64 {
    (around(e, "socket") - around(e, "kept")) / saved(e)
}
