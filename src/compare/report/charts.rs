//! Which figures are drawn, and how.

use crate::compare::costs::Spread;
use crate::compare::experiments::idle_connections::Held;
use crate::compare::experiments::requests::figures::Asked;
use crate::compare::report::bar_chart::{Bar, CLASSES, Key, Row, bars, marks};
use crate::compare::report::caveats;
use crate::compare::report::figures::Report;

/// Bytes of each direction, by what they are for.
pub fn bytes(ask: &[Asked]) -> String {
    let of = |asked: &Asked, sign, direction: &str| {
        let part = |(class, _): &(&'static str, _)| {
            Some((*class, spread(asked, &format!("{class}_bytes_{direction}_per_call"))?.median))
        };
        let whole = spread(asked, &format!("bytes_{direction}_per_call"))?;
        Some(Bar { sign, parts: PARTS.iter().filter_map(part).collect(), whole })
    };
    let is_used = |class: &str| {
        let some =
            |asked: &Asked| spread(asked, &format!("{class}_bytes_per_call")).is_some_and(|it| it.max > 0.0);
        ask.iter().any(some)
    };
    let keys: Vec<Key> =
        PARTS.iter().filter(|(class, _)| is_used(class)).map(|(class, says)| key(class, says)).collect();
    let names = marked(ask, "bytes_per_call");
    let rows = rows(ask, &names, |asked| {
        [of(asked, "→", "sent"), of(asked, "←", "received")].into_iter().flatten().collect()
    });
    drawn(&rows, || bars("Bytes for each call: → to the server, ← from it", "bytes", &keys, &rows))
}

/// Class, which is also how its figures begin, and what it stands for.
const PARTS: &[(&str, &str)] = &[
    ("payload", "payload"),
    ("fields", "lines and fields, or the JSON-RPC around the payload"),
    ("framing", "frames and chunks"),
    ("deflated", "compressed: payload and JSON-RPC in one"),
    ("header", "headers of TCP and IP"),
];

pub fn segments(ask: &[Asked]) -> String {
    let names = marked(ask, "segments_per_call");
    let rows = rows(ask, &names, |asked| {
        let part = |class, name| Some((class, spread(asked, name)?.median));
        let parts = [part("payload", "segments_sent_per_call"), part("fields", "segments_received_per_call")];
        let bar = |whole| Bar { sign: "", parts: parts.into_iter().flatten().collect(), whole };
        spread(asked, "segments_per_call").map(bar).into_iter().collect()
    });
    let keys = [key("payload", "to the server"), key("fields", "from the server")];
    drawn(&rows, || bars("TCP segments for each call", "segments", &keys, &rows))
}

/// How long the first answer takes, and how many round trips.
pub fn first_answer(report: &Report) -> String {
    let one = |name: &'static str, title: &str, unit: &str| {
        let names = marked(&report.ask, name);
        let rows = rows(&report.ask, &names, |asked| {
            spread(asked, name).map(|whole| Bar::of("payload", whole)).into_iter().collect()
        });
        drawn(&rows, || bars(title, unit, &[], &rows))
    };
    let trips = one("round_trips_first", "Round trips before the first useful byte", "round trips");
    // Where nobody is far away, the time says how fast this machine is.
    match report.distance {
        Some(_) => trips + &one("first_answer_us", "From nothing to the first whole answer", "microseconds"),
        None => trips,
    }
}

pub fn processor_time(ask: &[Asked]) -> String {
    let names = marked(ask, "server_us_per_call");
    let rows = rows(ask, &names, |asked| {
        let bar = |class, name| Some(Bar::of(class, spread(asked, name)?));
        let both = [bar("payload", "server_us_per_call"), bar("fields", "client_us_per_call")];
        both.into_iter().flatten().collect()
    });
    let keys = [key("payload", "server"), key("fields", "client")];
    drawn(&rows, || bars("Processor time for each call", "microseconds", &keys, &rows))
}

/// Those of which there are most, each with a colour of its own; the others together.
pub fn system_calls(ask: &[Asked]) -> String {
    let mut names: Vec<(&String, f64)> = Vec::new();
    for (name, figure) in ask.iter().flat_map(|asked| &asked.system_calls) {
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += figure.spread.median,
            None => names.push((name, figure.spread.median)),
        }
    }
    names.retain(|(_, sum)| *sum > 0.0);
    names.sort_by(|a, b| b.1.total_cmp(&a.1));
    let class_of = |name: &str| {
        let rank = names.iter().position(|(known, _)| *known == name);
        STACKED[rank.unwrap_or(OTHERS).min(OTHERS)]
    };
    let ways = marked(ask, "system_calls_per_call");
    let rows = rows(ask, &ways, |asked| {
        let mut parts: Vec<(&'static str, f64)> = STACKED.map(|class| (class, 0.0)).to_vec();
        for (name, figure) in &asked.system_calls {
            let part = parts.iter_mut().find(|(class, _)| *class == class_of(name));
            part.expect("it has every class").1 += figure.spread.median;
        }
        let bar = |whole| Bar { sign: "", parts, whole };
        spread(asked, "system_calls_per_call").map(bar).into_iter().collect()
    });
    let mut keys: Vec<Key> = names.iter().take(OTHERS).map(|(name, _)| key(class_of(name), name)).collect();
    if names.len() > OTHERS {
        keys.push(key(STACKED[OTHERS], "others"));
    }
    drawn(&rows, || bars("System calls of the server for each call", "calls", &keys, &rows))
}

const STACKED: [&str; 5] = ["payload", "fields", "framing", "deflated", "header"];
const OTHERS: usize = STACKED.len() - 1;

/// Of calls made as fast as they could be.
pub fn latency(ask: &[Asked]) -> String {
    percentiles(
        ask,
        "latency",
        "How long a call takes at full speed, from writing it to its whole answer: a closed loop",
    )
}

/// Of calls made at a stated rate.
pub fn paced(ask: &[Asked]) -> String {
    percentiles(ask, "paced", "How long a call takes at the stated rate, from when it was due: an open loop")
}

fn percentiles(ask: &[Asked], what: &str, title: &str) -> String {
    let of = |asked: &Asked| -> Option<Vec<Spread>> {
        ["p50", "p99", "max"].iter().map(|which| spread(asked, &format!("{what}_{which}_us"))).collect()
    };
    let names = marked(ask, &format!("{what}_p50_us"));
    let rows: Vec<(&str, Vec<Spread>)> =
        ask.iter().zip(&names).filter_map(|(asked, name)| Some((&**name, of(asked)?))).collect();
    let says = ["p50: half took no longer", "p99: 99 of 100 took no longer", "max: the longest"];
    let keys: Vec<Key> = CLASSES.iter().zip(says).map(|(class, says)| key(class, says)).collect();
    if rows.is_empty() { String::new() } else { marks(title, "microseconds", &keys, &rows) }
}

/// Memory of connections that are held.
pub fn memory(report: &Report) -> String {
    let bar = |class, spread: &Option<Spread>| spread.map(|whole| Bar::of(class, whole));
    let row = |held: &Held| {
        let both = [bar("payload", &held.server_bytes), bar("fields", &held.kernel_bytes)];
        Row { name: held.way, bars: both.into_iter().flatten().collect() }
    };
    let rows: Vec<Row> = report.hold.iter().map(row).filter(|row| !row.bars.is_empty()).collect();
    let keys = [key("payload", "process of the server"), key("fields", "kernel, both ends")];
    drawn(&rows, || bars("Memory for each connection on which nothing happens", "bytes", &keys, &rows))
}

fn spread(asked: &Asked, name: &str) -> Option<Spread> {
    asked.figures.get(name).map(|figure| figure.spread)
}

fn key(class: &'static str, says: &str) -> Key {
    Key { class, says: says.to_owned() }
}

/// The names of all ways, with the mark that this figure has.
fn marked(ask: &[Asked], figure: &str) -> Vec<String> {
    ask.iter().map(|asked| format!("{}{}", asked.way, caveats::mark(asked, figure))).collect()
}

/// One for each way that has bars.
fn rows<'n>(ask: &[Asked], names: &'n [String], bars: impl Fn(&Asked) -> Vec<Bar>) -> Vec<Row<'n>> {
    let row = |(asked, name): (&Asked, &'n String)| Row { name, bars: bars(asked) };
    ask.iter().zip(names).map(row).filter(|row| !row.bars.is_empty()).collect()
}

/// Nothing, where there is nothing to draw.
fn drawn(rows: &[Row], draw: impl FnOnce() -> String) -> String {
    if rows.is_empty() { String::new() } else { draw() }
}
