//! The texts of claims: words, with figures of the evidence in braces.
//!
//! ```text
//!   "{bytes kept} bytes by HTTP, {bytes socket} by the socket" ─▶ "353 bytes by HTTP, 267 by the socket"
//! ```
//!
//! A `~` marks a figure that differs between runs, and is rounded.

use crate::compare::claims::claim::{
    NEAR, PAYLOAD, SERVER_BYTES_MAX, around, fields, first, saved, segments, system_calls, trips,
};
use crate::compare::claims::evidence::{AT_ONCE, CALLS, Evidence, FOLLOWERS, HELD, LONG_BYTES};
use crate::compare::format::number;

/// Replaces each figure by its value. Returns `None` if one of them was not measured.
pub fn fill(text: &str, evidence: &Evidence) -> Option<String> {
    // Words and figures take turns.
    let pieces = text.split(['{', '}']).enumerate();
    pieces
        .map(|(n, piece)| if n % 2 == 0 { Some(piece.to_owned()) } else { shown(piece, evidence) })
        .collect()
}

fn shown(name: &str, e: &Evidence) -> Option<String> {
    if let Some(course) = name.strip_prefix("half ") {
        return half(e, course);
    }
    let mark = if name.starts_with('~') { "~" } else { "" };
    Some(format!("{mark}{}", number(value(name, e)?)))
}

fn value(name: &str, e: &Evidence) -> Option<f64> {
    let words: Vec<&str> = name.split(' ').collect();
    Some(match words[..] {
        ["AT_ONCE"] => AT_ONCE as f64,
        ["CALLS"] => CALLS.into(),
        ["FOLLOWERS"] => FOLLOWERS as f64,
        ["HELD"] => HELD.into(),
        ["LONG_BYTES"] => LONG_BYTES.into(),
        ["NEAR"] => NEAR,
        ["PAYLOAD"] => PAYLOAD,
        ["SERVER_BYTES_MAX"] => SERVER_BYTES_MAX,
        ["bytes", course] => e.bytes(course)?,
        ["~bytes", course] => e.bytes(course)?.round(),
        ["segments", course] => segments(e, course)?,
        ["framing", course] => e.each(course, "framing_bytes_per_call")?,
        ["headers", course] => e.each(course, "header_bytes_per_call")?,
        ["fields", course] => fields(e, course)?,
        ["fields-sent", course] => e.each(course, "fields_bytes_sent_per_call")?,
        ["fields-received", course] => fields(e, course)? - e.each(course, "fields_bytes_sent_per_call")?,
        ["trips", course] => trips(e, course)?,
        ["first", course] => first(e, course)?,
        ["first-exchange", course] => e.first_exchange(course)?,
        ["~system-calls", course] => system_calls(e, course)?,
        ["~held", kind] => e.held(kind)?.round(),
        [figure @ ("opening_segments" | "opening_bytes" | "closing_segments" | "closing_bytes"), course] => {
            e.least(course, figure)?
        }
        ["around-payload", course] => e.bytes(course)? - PAYLOAD,
        ["payload-share", course] => percent(PAYLOAD / e.bytes(course)?),
        ["~long-share", course] => (f64::from(LONG_BYTES) / e.bytes(course)? * 100.0).round(),
        // By how many percent the second has fewer bytes than the first.
        ["less", one, other] => percent(1.0 - e.bytes(other)? / e.bytes(one)?),
        ["~less", one, other] => ((1.0 - e.bytes(other)? / e.bytes(one)?) * 100.0).round(),
        ["more", one, other] => e.bytes(one)? - e.bytes(other)?,
        ["more-around", one, other] => around(e, one)? - around(e, other)?,
        ["times-trips", one, other] => trips(e, one)? / trips(e, other)?,
        // Computed: the payload from which on a socket saves less than one byte in twenty, if all else stays as long.
        ["little-saved-from"] => (saved(e)? * 20.0 - (e.bytes("kept")? - PAYLOAD)).ceil(),
        // Computed: the call that saves what is left of what a socket costs more around its calls.
        ["repaid-from"] => ((around(e, "socket")? - around(e, "kept")?) / saved(e)?).floor() + 1.0,
        ["push", "segments"] => e.push?.segments,
        ["push", "bytes"] => e.push?.bytes,
        ["push", "payload"] => e.push?.payload,
        ["push", "framing"] => e.push?.framing,
        ["pushes", course] => (e.bytes(course)? / e.push?.bytes * 10.0).round() / 10.0,
        ["told", "written"] => e.told?.written as f64,
        ["told", "polled"] => e.told?.polled as f64,
        ["told", "positions"] => e.told?.positions as f64,
        ["told", "by_events"] => e.told?.by_events as f64,
        ["told", "by_socket"] => e.told?.by_socket as f64,
        ["loops", "heard"] => e.loops?.heard as f64,
        ["loops", "resumed"] => e.loops?.resumed as f64,
        _ => unreachable!("no claim names the figure {name}"),
    })
}

/// In percent, to a tenth.
fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0
}

/// The time that half of the calls took at most, in whole microseconds: the median of the rounds, their minimum and
/// their maximum.
fn half(e: &Evidence, course: &str) -> Option<String> {
    let spread = e.spread(course, "latency_p50_us")?;
    let [median, min, max] = [spread.median, spread.min, spread.max].map(|us| number(us.round()));
    Some(format!("~{median} µs (~{min} to ~{max})"))
}
