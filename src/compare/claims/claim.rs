//! The statements, one row each: what is said, how it is tried, what that says, and the predicate that the
//! verdict must pass.

use crate::compare::claims::evidence::Evidence;
use crate::compare::format::number;

/// What is not in the evidence, because it was interrupted, makes None of all that is said with it.
pub struct Claim {
    /// As it is commonly said.
    pub said: &'static str,
    pub experiment: &'static str,
    pub verdict: Verdict,
    /// Whether the figures bear the verdict out.
    pub holds: fn(&Evidence) -> Option<bool>,
    /// On which number it depends, or how far it goes.
    pub condition: fn(&Evidence) -> Option<String>,
    /// The figures, in words.
    pub counted: fn(&Evidence) -> Option<String>,
    pub because: fn(&Evidence) -> Option<String>,
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

/// Words in which there is no figure.
pub fn said(words: &str) -> Option<String> {
    Some(words.to_owned())
}

pub fn n(value: f64) -> String {
    number(value)
}

/// In percent, to a tenth.
pub fn percent(of: f64) -> String {
    n((of * 1000.0).round() / 10.0)
}

/// By how many percent the second is less.
pub fn less(of: f64, than: f64) -> String {
    percent(1.0 - than / of)
}

/// The same to a whole percent, of figures that vary a little.
pub fn about_less(of: f64, than: f64) -> String {
    n(((1.0 - than / of) * 100.0).round())
}

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

/// Computed: the payload from which on that is less than one byte in twenty, if all else stays as long.
pub fn little_saved_from(e: &Evidence) -> Option<f64> {
    let beside = e.bytes("kept")? - PAYLOAD;
    Some((saved(e)? * 20.0 - beside).ceil())
}

/// Bytes of opening and closing, and of what the first exchange is more than each after it.
pub fn around(e: &Evidence, course: &str) -> Option<f64> {
    Some(e.least(course, "opening_bytes")? + e.least(course, "closing_bytes")? + e.first_exchange(course)?)
}

/// Computed: so many calls save what the socket costs more around them.
pub fn repaid_after(e: &Evidence) -> Option<f64> {
    Some((around(e, "socket")? - around(e, "kept")?) / saved(e)?)
}

/// Of each round the time that half of the calls took at most, in whole microseconds: the median of them,
/// the least and the most.
pub fn half(e: &Evidence, course: &str) -> Option<String> {
    let spread = e.spread(course, "latency_p50_us")?;
    let [median, min, max] = [spread.median, spread.min, spread.max].map(|us| n(us.round()));
    Some(format!("~{median} µs (~{min} to ~{max})"))
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

/// How many times the second is in the first, to a tenth.
pub fn to_one(of: f64, to: f64) -> String {
    n((of / to * 10.0).round() / 10.0)
}
