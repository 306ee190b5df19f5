//! "REST vs WebSocket Comparison and Benchmarks": N messages of M bytes, each waited for over HTTP, and all
//! sent at once over a WebSocket.
//!
//! Two things differ there at a time, and more. Here it is first done so, and then one thing is varied:
//!
//! ```text
//!   HTTP, one at a time ── new connection │ lean headers │ all at once
//!   echo, all at once   ── one at a time  │ a call as HTTP makes it, one at a time, all at once
//! ```

use crate::client::url::Url;
use crate::compare::costs::Round;
use crate::compare::headers;
use crate::compare::interleaved_runs::Turns;
use crate::compare::reproductions::reproduction::{How, Repeated, Row, Section, figures, ratios};
use crate::compare::workloads::workload_builder::{Recipe, What, courses};
use crate::error::CommandError;

pub const PUBLISHED_BY: &str = "Arun Gupta, 2014";

/// So many messages, as far as `--calls` allows.
const MESSAGES: [u32; 6] = [10, 100, 500, 1_000, 5_000, 10_000];
/// Of a message, where their number is varied; and where their length is.
const MESSAGE_BYTES: u32 = 64;
const MESSAGE_BYTES_VARIED: [u32; 3] = [64, 1_000, 10_000];
/// How many times as fast the socket is said to be there, at most.
const TIMES_FASTER: f64 = 10.0;
/// Characters in the headers of a request and its response there.
const HEADER_BYTES: f64 = 663.0;

pub fn repeat(calls: u32, turns: &Turns) -> Result<Repeated, CommandError> {
    let mut counts: Vec<u32> = MESSAGES.into_iter().filter(|count| *count <= calls).collect();
    if counts.is_empty() {
        counts.push(calls);
    }
    let most = counts[counts.len() - 1].min(VARIED_MESSAGES_MAX);
    let by_count: Vec<(u32, u32)> = counts.iter().map(|&count| (count, MESSAGE_BYTES)).collect();
    let by_length = MESSAGE_BYTES_VARIED.map(|bytes| (most, bytes));
    let sections = vec![
        as_published("As published, by number of messages of 64 bytes", &by_count, turns)?,
        as_published("As published, by length of a message", &by_length, turns)?,
    ];
    Ok(([sections, by_one_thing(most, turns)?].concat(), NOTES))
}

/// As published: the two, for each number and length of messages.
fn as_published(title: &str, pairs: &[(u32, u32)], turns: &Turns) -> Result<Section, CommandError> {
    let browser = headers::of_browser_without_coding()?;
    let mut courses = Vec::new();
    for &(count, bytes) in pairs {
        let url = item(bytes, turns)?;
        courses.push((Recipe::new(&url, What::Get).with(&browser).course()?, count));
        let echo = Recipe::new(&url, What::Echo(bytes as usize)).with(&browser);
        courses.push((echo.at_once(count as usize).course()?, count));
    }
    let rounds = turns.take(&courses)?;
    let mut rows = Vec::new();
    for (&(count, bytes), rounds) in pairs.iter().zip(rounds.chunks(2)) {
        let [http, echo] = [&rounds[0], &rounds[1]].map(|rounds| milliseconds(rounds));
        let what = |what: &str| format!("{count} × {bytes} bytes: {what}");
        rows.push(Row::new(what("HTTP, one at a time"), &http, How::Measured));
        rows.push(Row::new(what("echo, all at once"), &echo, How::Measured));
        rows.push(Row::new(what("times as long"), &ratios(&http, &echo), How::Ratio));
    }
    Ok(Section { title: title.to_owned(), unit: "milliseconds, and times", rows })
}

/// One thing after the other.
fn by_one_thing(count: u32, turns: &Turns) -> Result<Vec<Section>, CommandError> {
    let url = item(MESSAGE_BYTES, turns)?;
    let browser = headers::of_browser_without_coding()?;
    let http = Recipe::new(&url, What::Get);
    let call = Recipe::new(&url, What::Call).with(&browser);
    let echo = Recipe::new(&url, What::Echo(MESSAGE_BYTES as usize)).with(&browser);
    let recipes = [
        ("HTTP, one at a time, as published", http.clone().with(&browser)),
        ("  but a new connection for each", http.clone().with(&browser).every(1)),
        ("  but lean headers", http.clone()),
        ("  but all at once", http.clone().with(&browser).at_once(count as usize)),
        ("  but lean headers, and all at once", http.at_once(count as usize)),
        ("echo, all at once, as published", echo.clone().at_once(count as usize)),
        ("  but one at a time", echo),
        ("the same call by the socket, one at a time", call.clone()),
        ("the same call by the socket, all at once", call.at_once(count as usize)),
    ];
    let rounds = turns.take(&courses(&recipes, count)?)?;

    let mut times = Vec::new();
    let headers = figures("fields_bytes_per_call", &rounds[0]);
    let headers = Row::new("headers alone, HTTP as published", &headers, How::Measured);
    let mut bytes = vec![headers.against(HEADER_BYTES)];
    for ((name, _), rounds) in recipes.iter().zip(&rounds) {
        times.push(Row::new(*name, &milliseconds(rounds), How::Measured));
        bytes.push(Row::new(*name, &figures("bytes_per_call", rounds), How::Measured));
    }
    let took: Vec<Vec<f64>> = rounds.iter().map(|rounds| milliseconds(rounds)).collect();
    let of = |what: &str, [of, to]: [usize; 2]| Row::new(what, &ratios(&took[of], &took[to]), How::Ratio);
    let ratios = vec![
        of("as published: HTTP one at a time, echo all at once", [0, 5]).against(TIMES_FASTER),
        of("both one at a time: HTTP, echo", [0, 6]),
        of("both one at a time: HTTP, the same call", [0, 7]),
        of("both one at a time, lean: HTTP, the same call", [2, 7]),
        of("both all at once: HTTP, the same call", [3, 8]),
        of("both all at once, lean: HTTP, the same call", [4, 8]),
        of("a new connection for each, a kept one: HTTP", [1, 0]),
        of("one at a time, all at once: HTTP", [0, 3]),
        of("one at a time, all at once: echo", [6, 5]),
    ];
    let section =
        |title: &str, unit, rows| Section { title: format!("{title}, {count} messages"), unit, rows };
    Ok(vec![
        section("One thing varied at a time", "milliseconds", times),
        section("How many times as long the first takes as the second", "times", ratios),
        section("The same, what travels for each message", "bytes", bytes),
    ])
}

/// What is asked for, of so many bytes. Where it is interrupted nothing will be, and it need not be there.
fn item(bytes: u32, turns: &Turns) -> Result<Url, CommandError> {
    let id = format!("m{bytes}");
    if turns.server.is_interrupted() {
        return Ok(turns.server.url.clone());
    }
    if let Some(url) = turns.server.has(&id)? {
        return Ok(url);
    }
    Ok(turns.server.put(&id, bytes)?.0)
}

fn milliseconds(rounds: &[Round]) -> Vec<f64> {
    rounds.iter().map(|round| round.took.as_secs_f64() * 1000.0).collect()
}

const NOTES: &[&str] = &[
    "Known for certain of what was published are the 663 characters of headers and \"up to 10 times \
     faster\"; the times themselves could not be had as text, and are not put in.",
    "Published was an echo by both roads, over HTTP as a POST of which one is shown: it asks to keep the \
     connection. Here it is a GET, whose answer has that many bytes; \"the same call\" is that GET \
     over the socket. On connections that are kept, opening them is not in the time.",
];

/// Where one thing is varied: at once they are all in memory.
const VARIED_MESSAGES_MAX: u32 = 1_000;
