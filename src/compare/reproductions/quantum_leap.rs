//! "HTML5 Web Sockets: A Quantum Leap in Scalability for the Web": the header bytes of a poll, 871, and of
//! a frame, 2, each multiplied by numbers of clients.
//!
//! Here one poll and one push are measured with all that they need to travel; what is multiplied is said
//! to be.

use crate::compare::costs::{Round, Spread};
use crate::compare::headers::{self, Extra};
use crate::compare::interleaved_runs::Turns;
use crate::compare::reproductions::push_cost::{self, Push};
use crate::compare::reproductions::reproduction::{How, Repeated, Row, Section, figures, ratios};
use crate::compare::workloads::workload_builder::{Recipe, What, courses};
use crate::error::CommandError;

pub const PUBLISHED_BY: &str = "Peter Lubbers and Frank Greco, 2010";

/// Request and response together.
const HEADER_BYTES: f64 = 871.0;
const FRAME_BYTES: f64 = 2.0;
const CLIENTS: [f64; 3] = [1_000.0, 10_000.0, 100_000.0];

/// As long as what the clock says, so that a poll and a push bring the same.
const ITEM_BYTES: u32 = 21;
const CONNECTIONS: usize = 10;
const SECONDS: usize = 2;

pub fn repeat(calls: u32, turns: &Turns) -> Result<Repeated, CommandError> {
    let (url, tag) = turns.server.put("q", ITEM_BYTES)?;
    let tag = tag.ok_or_else(|| CommandError::Failed("what was written has no tag".to_owned()))?;
    let get = Recipe::new(&url, What::Get);
    let if_changed = Recipe::new(&url, What::IfChanged(tag));

    let lean = turns.take(&[(get.clone().course()?, calls)])?;
    let lean_bytes = Spread::of(figures("fields_bytes_per_call", &lean[0]).into_iter());
    // Where it is interrupted nothing more is asked, with whatever headers.
    let padded = lean_bytes.map_or(Ok(Extra::new()), |bytes| padding(bytes.median))?;
    let browser = headers::read("browser")?;
    let polls = [
        ("a poll, headers of 871 bytes", get.clone().with(&padded)),
        ("  a new connection for each", get.clone().with(&padded).every(1)),
        ("  nothing has changed (304)", if_changed.clone().with(&padded)),
        ("a poll, headers of a browser of today", get.clone().with(&browser)),
        ("a poll, lean headers", get.clone()),
        ("  a new connection for each", get.every(1)),
        ("  nothing has changed (304)", if_changed),
    ];
    let rounds = turns.take(&courses(&polls, calls)?)?;
    let pushes = push_cost::measure(CONNECTIONS, SECONDS, &url, turns)?;

    let names: Vec<&str> = polls.iter().map(|(name, _)| *name).collect();
    let sections = vec![one(&names, &rounds, &pushes), many(&rounds, &pushes), in_pushes(&rounds, &pushes)];
    Ok((sections, NOTES))
}

/// A field that makes the headers of a poll as long as theirs were.
fn padding(lean_bytes: f64) -> Result<Extra, CommandError> {
    let missing = HEADER_BYTES - lean_bytes - "Cookie: \r\n".len() as f64;
    if missing < 1.0 {
        let words = format!("headers are {lean_bytes} bytes without any of a browser, and cannot be 871");
        return Err(CommandError::Failed(words));
    }
    Ok(vec![("Cookie".to_owned(), "x".repeat(missing as usize))])
}

/// What one of each is.
fn one(names: &[&str], rounds: &[Vec<Round>], pushes: &[Push]) -> Section {
    let headers = figures("fields_bytes_per_call", &rounds[0]);
    let headers = Row::new("headers of a poll alone", &headers, How::Measured);
    let mut rows = vec![headers.against(HEADER_BYTES)];
    for (name, rounds) in names.iter().zip(rounds) {
        rows.push(Row::new(*name, &figures("bytes_per_call", rounds), How::Measured));
    }
    let framing = Row::new("header of a frame alone", &of_each(pushes, |push| push.framing), How::Measured);
    rows.push(framing.against(FRAME_BYTES));
    rows.push(Row::new("a push", &of_each(pushes, |push| push.bytes), How::Measured));
    let title =
        "One poll, one push, of 21 bytes of payload; with payload, TCP and IP where not alone".to_owned();
    Section { title, unit: "bytes", rows }
}

fn of_each(pushes: &[Push], of: fn(&Push) -> f64) -> Vec<f64> {
    pushes.iter().map(of).collect()
}

/// What many would be.
fn many(rounds: &[Vec<Round>], pushes: &[Push]) -> Section {
    let [padded, lean_unchanged] = [0, 6].map(|n| figures("bytes_per_call", &rounds[n]));
    let headers = figures("fields_bytes_per_call", &rounds[0]);
    let [framing, push] = [of_each(pushes, |push| push.framing), of_each(pushes, |push| push.bytes)];
    let mut rows = Vec::new();
    for clients in CLIENTS {
        let row = |what: &str, bytes: &[f64]| {
            let bits: Vec<f64> = bytes.iter().map(|bytes| bytes * megabits(clients)).collect();
            Row::new(format!("{clients} clients: {what}"), &bits, How::Multiplied)
        };
        rows.push(row("headers of polls", &headers).against(HEADER_BYTES * megabits(clients)));
        rows.push(row("those polls, all of them", &padded));
        rows.push(row("polls, lean, nothing has changed", &lean_unchanged));
        rows.push(row("headers of frames", &framing).against(FRAME_BYTES * megabits(clients)));
        rows.push(row("pushes, all of them", &push));
    }
    Section { title: "Once a second".to_owned(), unit: "Mbit/s", rows }
}

/// Megabits for each byte once a second.
fn megabits(clients: f64) -> f64 {
    clients * 8.0 / 1e6
}

fn in_pushes(rounds: &[Vec<Round>], pushes: &[Push]) -> Section {
    let push = of_each(pushes, |push| push.bytes);
    let of = |what: &str, n: usize| {
        Row::new(what, &ratios(&figures("bytes_per_call", &rounds[n]), &push), How::Ratio)
    };
    let rows = vec![
        of("a poll of 871 bytes : a push", 0).against(HEADER_BYTES / FRAME_BYTES),
        of("the same, a new connection for each : a push", 1),
        of("a lean poll : a push", 4),
        of("a lean poll that brings nothing : a push", 6),
    ];
    Section { title: "How many pushes one poll is".to_owned(), unit: "times", rows }
}

const NOTES: &[&str] = &[
    "Published are bytes and bits for each second (6 968 000 and 16 000 for 1 000 clients); megabits here \
     are of 1 000 000.",
    "No thousand of clients was connected: their lines are one client's, multiplied. So were the \
     published ones.",
    "Their poll asks once a second whether or not something has changed. A push is sent when something \
     has: here the time, once a second.",
];

/// For the claims: one push on a few connections.
pub fn one_push(turns: &Turns) -> Result<Vec<Push>, CommandError> {
    push_cost::measure(CONNECTIONS, 1, &turns.server.url, turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_arithmetic_is_right() {
        let polls = CLIENTS.map(|clients| HEADER_BYTES * megabits(clients));
        let frames = CLIENTS.map(|clients| FRAME_BYTES * megabits(clients));
        for (ours, published) in polls.iter().zip([6.968, 69.68, 696.8]) {
            assert!((ours - published).abs() < 1e-9, "{ours}");
        }
        for (ours, published) in frames.iter().zip([0.016, 0.16, 1.6]) {
            assert!((ours - published).abs() < 1e-9, "{ours}");
        }
    }

    #[test]
    fn headers_are_made_as_long_as_theirs() {
        let padded = padding(206.0).unwrap();
        let field_bytes: usize = padded.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        assert_eq!(206 + field_bytes, 871);
        assert!(padding(870.0).is_err());
    }
}
