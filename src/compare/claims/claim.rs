//! A statement: what is said, how it is tried, what that says, and the predicate that the verdict must pass.

use crate::compare::claims::evidence::Evidence;

/// One statement. Its texts name figures of the evidence in braces, as
/// [`claim_text`](crate::compare::claims::claim_text) replaces them.
pub struct Claim {
    /// As it is commonly said.
    pub said: &'static str,
    pub experiment: &'static str,
    pub verdict: Verdict,
    /// Whether the figures bear the verdict out.
    pub holds: fn(&Evidence) -> Option<bool>,
    /// On which number it depends, or how far it goes.
    pub condition: &'static str,
    /// The figures, in words.
    pub counted: &'static str,
    pub because: &'static str,
    /// The commands that do it again.
    pub again: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    True,
    TrueIf,
    False,
    /// What was seen decides nothing.
    NotDecided,
}

impl Verdict {
    pub fn words(self) -> &'static str {
        match self {
            Verdict::True => "true",
            Verdict::TrueIf => "true under a condition",
            Verdict::False => "false",
            Verdict::NotDecided => "not decided here",
        }
    }
}

/// Of the item that is asked for.
pub const PAYLOAD: f64 = 64.0;

/// Times that differ by less say nothing of a protocol: a busy machine makes more of a difference.
pub const NEAR: f64 = 3.0;
/// More than any connection of this server takes while nothing happens on it.
pub const SERVER_BYTES_MAX: f64 = 4_000.0;

/// How often the other end is waited for in a call.
pub fn trips(e: &Evidence, course: &str) -> Option<f64> {
    e.least(course, "round_trips_per_call")
}

pub fn first(e: &Evidence, course: &str) -> Option<f64> {
    e.least(course, "round_trips_first")
}

pub fn fields(e: &Evidence, course: &str) -> Option<f64> {
    e.each(course, "fields_bytes_per_call")
}

pub fn segments(e: &Evidence, course: &str) -> Option<f64> {
    e.each(course, "segments_per_call")
}

/// By a call over the socket, against one over HTTP on a connection that is there.
pub fn saved(e: &Evidence) -> Option<f64> {
    Some(e.bytes("kept")? - e.bytes("socket")?)
}

/// Bytes of opening and closing, and of what the first exchange is more than each after it.
pub fn around(e: &Evidence, course: &str) -> Option<f64> {
    Some(e.least(course, "opening_bytes")? + e.least(course, "closing_bytes")? + e.first_exchange(course)?)
}

/// Whether neither took so many times as long as the other in every round.
pub fn is_near(e: &Evidence, one: &str, other: &str, times: f64) -> Option<bool> {
    let [one, other] = [e.spread(one, "latency_p50_us")?, e.spread(other, "latency_p50_us")?];
    Some(one.min < times * other.max && other.min < times * one.max)
}

/// System calls of the server for each call on a connection that is there, to a tenth: when it looks what
/// is ready is a matter of time.
pub fn system_calls(e: &Evidence, course: &str) -> Option<f64> {
    Some((e.about_each(course, "system_calls_per_call")? * 10.0).round() / 10.0)
}
