//! The experiment *Ask*: what a call costs, by way.

use crate::compare::costs::Spread;
use crate::compare::experiments::requests::figures::{Asked, FIGURES};
use crate::compare::report::caveats;
use crate::compare::report::charts::{
    BarFigures, FigureRow, FigureTable, bars, bytes, percentiles, plain_bars, table,
};
use crate::compare::report::document::{Bar, Block, Chart, Document, FILL_CLASSES, Output};
use crate::compare::report::figures::Report;

/// Adds a section for each table that has figures.
pub fn add(report: &Report, document: &mut Document) {
    let ask = &report.ask;
    let trips = plain_bars(
        ask,
        "Round trips before the first useful byte",
        "round trips",
        &[("round_trips_first", "")],
    );
    // Without a distance, the time of the first answer measures this machine alone.
    let first = report.distance.as_ref().and_then(|_| {
        plain_bars(ask, "From nothing to the first whole answer", "microseconds", &[("first_answer_us", "")])
    });
    let both = [("server_us_per_call", "server"), ("client_us_per_call", "client")];
    let processor = plain_bars(ask, "Processor time for each call", "microseconds", &both);
    let closed = percentiles(ask, CLOSED_LOOP, "microseconds", "latency_*_us", PERCENTILES);
    let open = percentiles(ask, OPEN_LOOP, "microseconds", "paced_*_us", PERCENTILES);
    let contents = [
        (vec![bytes_by_direction(ask), segments(ask)], caveats::of_travel(report)),
        (vec![trips, first], caveats::of_connections(report)),
        (vec![closed, processor, system_calls(ask)], caveats::of_latency(report)),
        (vec![open], caveats::of_rate(report)),
    ];
    for (section, (charts, notes)) in TABLES.iter().zip(contents) {
        let columns = section.columns_of(ask);
        if columns.is_empty() {
            continue;
        }
        let mut table = table(&columns, ask.iter().filter(|asked| asked.rounds > 0));
        for (column, (heading, figure)) in table.columns.iter_mut().skip(1).zip(&columns) {
            let unit = FIGURES.iter().find(|kind| kind.name == *figure).map(|kind| kind.unit);
            column.unit = unit.filter(|unit| !heading.ends_with(unit));
        }
        document.heading(Output::All, 2, section.title);
        document.charts(charts);
        document.add(Output::All, Block::Table(table));
        document.paragraphs(Output::All, notes);
    }
}

/// How each way differs from another.
pub fn differences(ask: &[Asked]) -> Block {
    Block::Terms(ask.iter().map(|asked| (asked.way.to_owned(), asked.differs.clone())).collect())
}

/// The ways of which segments were sent again.
pub fn retransmissions(ask: &[Asked]) -> impl Iterator<Item = String> {
    ask.iter().filter(|asked| asked.sent_again > 0).map(|Asked { way, sent_again, rounds, .. }| {
        let segments = if *sent_again == 1 { "segment was" } else { "segments were" };
        format!(
            "{way}: {sent_again} {segments} sent again within {rounds} rounds, for no acknowledgement came in \
             time; the figures have that in them, and its answers"
        )
    })
}

/// The ways of which segments and bytes are not known.
pub fn unknown_traffic(ask: &[Asked]) -> impl Iterator<Item = String> {
    ask.iter().filter_map(|Asked { way, unsaid, .. }| {
        Some(format!("{way}: segments and bytes cannot be said, for {}", unsaid.as_ref()?))
    })
}

fn bytes_by_direction(ask: &[Asked]) -> Option<Chart> {
    let both = [
        BarFigures::bytes("→", "bytes_sent_per_call", "*_bytes_sent_per_call"),
        BarFigures::bytes("←", "bytes_received_per_call", "*_bytes_received_per_call"),
    ];
    bytes(ask, "Bytes for each call: → to the server, ← from it", "JSON-RPC", &both)
}

fn segments(ask: &[Asked]) -> Option<Chart> {
    let parts = [("payload", "segments_sent_per_call"), ("fields", "segments_received_per_call")];
    let parts = parts.map(|(class, figure)| (class, figure.to_owned())).to_vec();
    let legend = [("payload", "to the server"), ("fields", "from the server")];
    let bar = [BarFigures { sign: "", whole: "segments_per_call", parts }];
    bars(ask, "TCP segments for each call", "segments", &legend, &bar)
}

/// The most frequent system calls, each with a class of its own, and the others together.
fn system_calls(ask: &[Asked]) -> Option<Chart> {
    let mut names: Vec<(&str, f64)> = Vec::new();
    for (name, figure) in ask.iter().flat_map(|asked| &asked.system_calls) {
        match names.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += figure.spread.median,
            None => names.push((name, figure.spread.median)),
        }
    }
    names.retain(|(_, sum)| *sum > 0.0);
    names.sort_by(|a, b| b.1.total_cmp(&a.1));
    let others = FILL_CLASSES.len() - 1;
    let mut rows = Vec::new();
    for asked in ask {
        let mut parts = FILL_CLASSES.map(|class| (class, 0.0));
        for (name, figure) in &asked.system_calls {
            let rank = names.iter().position(|(known, _)| known == name).unwrap_or(others);
            parts[rank.min(others)].1 += figure.spread.median;
        }
        let whole = asked.spread("system_calls_per_call").into_iter();
        rows.push((
            asked.name(),
            whole.map(|whole| Bar { sign: "", parts: parts.to_vec(), whole }).collect(),
        ));
    }
    let mut legend: Vec<(&'static str, &str)> =
        FILL_CLASSES.into_iter().zip(names.iter().map(|(name, _)| *name)).collect();
    if let Some(last) = legend.get_mut(others) {
        last.1 = "others";
    }
    Chart::bars("System calls of the server for each call", "calls", &legend, rows)
}

impl FigureRow for Asked {
    fn name(&self) -> String {
        self.way.to_owned()
    }

    fn spread(&self, figure: &str) -> Option<Spread> {
        self.figures.get(figure).map(|figure| figure.spread)
    }

    /// A column of zeros tells nothing. Where openings are known, a gap says that closings are not.
    fn tells(&self, figure: &str) -> bool {
        match figure {
            "closing_segments" => self.figures.contains_key("opening_segments"),
            "closing_bytes" => self.figures.contains_key("opening_bytes"),
            "deflated_bytes_per_call" => self.spread(figure).is_some_and(|spread| spread.max > 0.0),
            _ => self.figures.contains_key(figure),
        }
    }

    fn mark(&self, figure: &str) -> &'static str {
        caveats::mark(self, figure)
    }
}

const CLOSED_LOOP: &str =
    "How long a call takes at full speed, from writing it to its whole answer: a closed loop";
const OPEN_LOOP: &str = "How long a call takes at the stated rate, from when it was due: an open loop";
const PERCENTILES: [&str; 3] =
    ["p50: half took no longer", "p99: 99 of 100 took no longer", "max: the longest"];

const TABLES: &[FigureTable] = &[
    FigureTable {
        title: "What travels for one call",
        columns: &[
            ("connections", "connections_per_call"),
            ("segments", "segments_per_call"),
            ("bytes", "bytes_per_call"),
            ("= payload", "payload_bytes_per_call"),
            ("+ fields", "fields_bytes_per_call"),
            ("+ framing", "framing_bytes_per_call"),
            ("+ deflated", "deflated_bytes_per_call"),
            ("+ TCP/IP", "header_bytes_per_call"),
        ],
    },
    FigureTable {
        title: "Around the calls, for each connection",
        columns: &[
            ("opening: segments", "opening_segments"),
            ("bytes", "opening_bytes"),
            ("closing: segments", "closing_segments"),
            ("bytes", "closing_bytes"),
            ("first answer: round trips", "round_trips_first"),
            ("first answer: microseconds", "first_answer_us"),
        ],
    },
    FigureTable {
        title: "What one call takes (microseconds)",
        columns: &[
            ("system calls", "system_calls_per_call"),
            ("server CPU", "server_us_per_call"),
            ("client CPU", "client_us_per_call"),
            ("p50", "latency_p50_us"),
            ("p99", "latency_p99_us"),
            ("max", "latency_max_us"),
            ("calls/s", "calls_per_second"),
        ],
    },
    FigureTable {
        title: "At the stated rate, from when each call should have been made (microseconds)",
        columns: &[
            ("p50", "paced_p50_us"),
            ("p99", "paced_p99_us"),
            ("max", "paced_max_us"),
            ("woke late: p50", "paced_wake_p50_us"),
            ("p99", "paced_wake_p99_us"),
            ("calls/s", "paced_calls_per_second"),
            ("last late by: milliseconds", "paced_behind_ms"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_a_figure() {
        for (_, figure) in TABLES.iter().flat_map(|table| table.columns) {
            assert!(FIGURES.iter().any(|kind| kind.name == *figure), "{figure}");
        }
    }
}
