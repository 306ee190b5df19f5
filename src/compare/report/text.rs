//! A report as tables, for people at a terminal.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use crate::compare::costs::Spread;
use crate::compare::experiments::idle_connections;
use crate::compare::experiments::requests::figures::Asked;
use crate::compare::format::{cell, words};
use crate::compare::report::caveats;
use crate::compare::report::figures::Report;

/// The whole text.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    if !report.complete {
        out += "INCOMPLETE: this was interrupted; what follows was measured by then.\n\n";
    }
    out += &heading(report);
    if let Some(distance) = &report.distance {
        _ = writeln!(out, "\n{}", distance.words());
    }
    for section in SECTIONS {
        let columns = section.columns_of(&report.ask);
        if !columns.is_empty() {
            _ = writeln!(out, "\n{}\n{}", section.title, table(&report.ask, &columns));
            (section.beside)(report).iter().for_each(|line| out += &format!("{line}\n"));
        }
    }
    if !report.ask.is_empty() {
        out += "\n";
    }
    for asked in &report.ask {
        _ = writeln!(out, "{}: {}", asked.way, asked.differs);
    }
    for asked in report.ask.iter().filter(|asked| asked.sent_again > 0) {
        _ = writeln!(out, "{}: {}", asked.way, again(asked));
    }
    if report.hold.iter().any(|held| held.rounds > 0) {
        _ = writeln!(
            out,
            "\nMemory of connections on which nothing happens, for each (bytes)\n{}",
            held(report)
        );
    }
    for line in idle_connections::beside_weights(report.server.ours, &report.hold) {
        _ = writeln!(out, "{line}");
    }
    for asked in &report.ask {
        if let Some(why) = &asked.unsaid {
            _ = writeln!(out, "{}: segments and bytes cannot be said, for {why}", asked.way);
        }
    }
    if !report.follow.is_empty() {
        out += &crate::compare::report::update_tables::text(&report.settings.follow, &report.follow);
    }
    if let Some(crossed) = &report.cross {
        out += &crate::compare::report::update_tables::crossings(&report.settings.follow, crossed);
    }
    let left_out = report.ask.iter().map(|asked| (asked.way, &asked.left_out));
    for (way, why) in left_out.chain(report.follow.iter().map(|one| (one.way, &one.left_out))) {
        if let Some(why) = why {
            _ = writeln!(out, "Left out: {way}: {why}");
        }
    }
    for held in &report.hold {
        if let Some(why) = &held.left_out {
            _ = writeln!(out, "Not held: {}: {why}", held.way);
        }
    }
    for line in caveats::of_rounds(report) {
        _ = writeln!(out, "{line}");
    }
    for note in caveats::notes_at_the_end(report) {
        _ = writeln!(out, "{note}");
    }
    out
}

/// What was asked, of whom, and how it was counted.
fn heading(report: &Report) -> String {
    let settings = &report.settings;
    let whose = if report.server.ours { "a server of our own" } else { &*report.server.url };
    format!(
        "{}, to {whose}, {} headers. {}\n\n{}\n",
        asked_in_rounds(report),
        settings.headers,
        if settings.rounds == 1 { caveats::ONE_ROUND } else { SEVERAL_ROUNDS },
        report.counting.says
    )
}

/// How many calls, and how often.
pub fn asked_in_rounds(report: &Report) -> String {
    let (calls, rounds) = (report.settings.calls, report.settings.rounds);
    match (report.ask.is_empty(), rounds) {
        (true, 1) => "One round".to_owned(),
        (true, _) => format!("{rounds} rounds"),
        (false, 1) => format!("{calls} calls in one round"),
        (false, _) => format!("{calls} calls in each of {rounds} rounds"),
    }
}

const SEVERAL_ROUNDS: &str =
    "Median of the rounds, and in brackets the\nleast and the most where they differ.";

/// A table, where any of its columns has figures.
pub struct Section {
    pub title: &'static str,
    columns: &'static [Column],
    /// What must be known to read it.
    pub beside: fn(&Report) -> Vec<String>,
}

pub struct Column {
    pub heading: &'static str,
    /// Its name.
    pub figure: &'static str,
}

impl Section {
    pub fn columns_of(&self, ask: &[Asked]) -> Vec<&'static Column> {
        self.columns.iter().filter(|column| ask.iter().any(|asked| column.is_used(asked))).collect()
    }
}

impl Column {
    /// A column of nothing but zeros says nothing. What has an opening has an end: where that is not seen, it
    /// shall not look as if there were none.
    fn is_used(&self, asked: &Asked) -> bool {
        let name = match self.figure {
            CLOSING_SEGMENTS => "opening_segments",
            CLOSING_BYTES => "opening_bytes",
            name => name,
        };
        let figure = asked.figures.get(name);
        figure.is_some_and(|figure| name != "deflated_bytes_per_call" || figure.spread.max > 0.0)
    }
}

const fn column(heading: &'static str, figure: &'static str) -> Column {
    Column { heading, figure }
}

const CLOSING_SEGMENTS: &str = "closing_segments";
const CLOSING_BYTES: &str = "closing_bytes";

/// Of *Ask*.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "What travels for one call",
        columns: &[
            column("connections", "connections_per_call"),
            column("segments", "segments_per_call"),
            column("bytes", "bytes_per_call"),
            column("= payload", "payload_bytes_per_call"),
            column("+ fields", "fields_bytes_per_call"),
            column("+ framing", "framing_bytes_per_call"),
            column("+ deflated", "deflated_bytes_per_call"),
            column("+ TCP/IP", "header_bytes_per_call"),
        ],
        beside: caveats::of_travel,
    },
    Section {
        title: "Around the calls, for each connection",
        columns: &[
            column("opening: segments", "opening_segments"),
            column("bytes", "opening_bytes"),
            column("closing: segments", CLOSING_SEGMENTS),
            column("bytes", CLOSING_BYTES),
            column("first answer: round trips", "round_trips_first"),
            column("first answer: microseconds", "first_answer_us"),
        ],
        beside: caveats::of_connections,
    },
    Section {
        title: "What one call takes (microseconds)",
        columns: &[
            column("system calls", "system_calls_per_call"),
            column("server CPU", "server_us_per_call"),
            column("client CPU", "client_us_per_call"),
            column("p50", "latency_p50_us"),
            column("p99", "latency_p99_us"),
            column("max", "latency_max_us"),
            column("calls/s", "calls_per_second"),
        ],
        beside: caveats::of_latency,
    },
    Section {
        title: "At the stated rate, from when each call should have been made (microseconds)",
        columns: &[
            column("p50", "paced_p50_us"),
            column("p99", "paced_p99_us"),
            column("max", "paced_max_us"),
            column("woke late: p50", "paced_wake_p50_us"),
            column("p99", "paced_wake_p99_us"),
            column("calls/s", "paced_calls_per_second"),
            column("last late by: milliseconds", "paced_behind_ms"),
        ],
        beside: caveats::of_rate,
    },
];

fn table(ask: &[Asked], columns: &[&Column]) -> Table {
    let headings = std::iter::once("way").chain(columns.iter().map(|column| column.heading));
    let mut table = new_table(headings.collect());
    for asked in ask.iter().filter(|asked| asked.rounds > 0) {
        let cell = |column: &&Column| marked(asked, column.figure);
        let cells = columns.iter().map(cell);
        table.add_row(std::iter::once(asked.way.to_owned()).chain(cells).collect::<Vec<_>>());
    }
    align(table)
}

fn held(report: &Report) -> Table {
    let mut table = new_table(vec!["held", "connections", "server", "kernel, both ends"]);
    for held in report.hold.iter().filter(|held| held.rounds > 0) {
        let bytes = |spread: &Option<Spread>| {
            let shown = spread.as_ref().map(|spread| idle_connections::rounded(spread, held.connections));
            shown.map_or("-".to_owned(), |shown| words(&shown))
        };
        table.add_row(vec![
            held.way.to_owned(),
            held.connections.to_string(),
            bytes(&held.server_bytes),
            bytes(&held.kernel_bytes),
        ]);
    }
    align(table)
}

pub fn new_table(headings: Vec<&str>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(headings);
    table
}

pub fn align(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// On a loopback nothing is lost, but whoever hears nothing for a while must believe that it was.
pub fn again(asked: &Asked) -> String {
    let (count, rounds) = (asked.sent_again, asked.rounds);
    let segments = if count == 1 { "segment was" } else { "segments were" };
    format!(
        "{count} {segments} sent again within {rounds} rounds, for no acknowledgement came in time; the figures \
         have that in them, and its answers"
    )
}

fn marked(asked: &Asked, name: &str) -> String {
    match asked.figures.get(name) {
        None => cell(None),
        figure => cell(figure) + caveats::mark(asked, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::experiments::requests::figures::FIGURES;

    #[test]
    fn every_column_is_a_figure() {
        for column in SECTIONS.iter().flat_map(|section| section.columns) {
            assert!(FIGURES.iter().any(|kind| kind.name == column.figure), "{}", column.figure);
        }
    }
}
