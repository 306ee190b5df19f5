//! HttpArena: the same server with connections that are kept, with a new one after every tenth request, and
//! as an echo of WebSocket messages.
//!
//! It was measured on a machine of 64 and more threads with a load generator of its own. What can be
//! repeated on another are the ratios.

use crate::compare::costs::Round;
use crate::compare::interleaved_runs::Turns;
use crate::compare::reproductions::reproduction::{How, Published, Repeated, Row, Section, ratios};
use crate::compare::workloads::workload_builder::{Recipe, What, courses};
use crate::error::CommandError;

pub const PUBLISHED_BY: &str = "HttpArena, April 2026, with 512 connections";

/// Millions a second.
struct Entry {
    of: &'static str,
    kept: f64,
    every_tenth_new: f64,
    echo: f64,
}

const ENTRIES: [Entry; 3] = [
    Entry { of: "actix", kept: 2.94, every_tenth_new: 1.20, echo: 3.40 },
    Entry { of: "ASP.NET", kept: 1.73, every_tenth_new: 0.49, echo: 1.84 },
    Entry { of: "helidon", kept: 1.56, every_tenth_new: 0.59, echo: 2.37 },
];

const REQUESTS_OF_EACH: u32 = 10;
const ECHO_BYTES: usize = 5;

pub fn repeat(calls: u32, connections: usize, turns: &Turns) -> Result<Repeated, CommandError> {
    let url = &turns.server.url;
    let get = Recipe::new(url, What::Get).on(connections);
    let recipes = [
        ("requests, kept", get.clone()),
        ("requests, a new connection after every tenth", get.clone().every(REQUESTS_OF_EACH)),
        ("requests, a new connection for each", get.every(1)),
        ("echoes of 5 bytes", Recipe::new(url, What::Echo(ECHO_BYTES)).on(connections)),
        ("the same calls by the socket", Recipe::new(url, What::Call).on(connections)),
    ];
    // As many for each connection, and whole tens.
    let unit = connections as u32 * REQUESTS_OF_EACH;
    let calls = calls.div_ceil(unit) * unit;
    let rounds = turns.take(&courses(&recipes, calls)?)?;
    let rates: Vec<Vec<f64>> = rounds.iter().map(|rounds| a_second(rounds)).collect();

    let mut rows = Vec::new();
    let mut opened = Vec::new();
    for (((name, _), rates), rounds) in recipes.iter().zip(&rates).zip(&rounds) {
        let connections: Vec<f64> =
            rounds.iter().map(|round| round.asking.connections as f64 / round.calls as f64).collect();
        rows.push(Row::new(*name, rates, How::Measured));
        opened.push(Row::new(*name, &connections, How::Measured));
    }
    let against =
        |of: fn(&Entry) -> f64| ENTRIES.iter().map(|e| Published { of: Some(e.of), figure: of(e) }).collect();
    let row = |what: &str, n: usize, published| Row {
        published,
        ..Row::new(what, &ratios(&rates[n], &rates[0]), How::Ratio)
    };
    let ratios = vec![
        row("a new connection after every tenth : kept", 1, against(|e| e.every_tenth_new / e.kept)),
        row("a new connection for each : kept", 2, Vec::new()),
        row("echoes : requests, kept", 3, against(|e| e.echo / e.kept)),
        row("the same calls by the socket : requests, kept", 4, Vec::new()),
    ];
    let title = format!("On {connections} connections, one at a time on each");
    let sections = vec![
        Section { title, unit: "a second", rows },
        Section { title: "Ratios".to_owned(), unit: "times", rows: ratios },
        Section { title: "Opened for each of them".to_owned(), unit: "connections", rows: opened },
    ];
    Ok((sections, NOTES))
}

fn a_second(rounds: &[Round]) -> Vec<f64> {
    rounds.iter().map(|round| round.calls as f64 / round.took.as_secs_f64()).collect()
}

const NOTES: &[&str] = &[
    "Published in millions a second: actix 2.94, 1.20 and 3.40, ASP.NET 1.73, 0.49 and 1.84, helidon \
     1.56, 0.59 and 2.37 (kept, new after every tenth, echoes). The ratios are of these.",
    "Here one loop serves, and each connection has a thread of ours on the same cores: what is measured \
     is both together.",
    "An echo does less than a request: nothing is looked up and nothing is said about it. The same \
     calls by the socket do the same.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_ratios_are_those_of_the_published_rates() {
        let ratios =
            ENTRIES.map(|e| [e.every_tenth_new / e.kept, e.echo / e.kept].map(|r| (r * 100.0).round()));
        assert_eq!(ratios, [[41.0, 116.0], [28.0, 106.0], [38.0, 152.0]]);
    }
}
