//! A report as tables, for people at a terminal.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use crate::compare::report::{Asked, Figure, Report};
use crate::compare::tally::Spread;

/// The whole text.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    if !report.complete {
        out += "INCOMPLETE: this was interrupted; what follows was measured by then.\n\n";
    }
    let settings = &report.settings;
    let whose = if report.server.ours { "a server of our own" } else { &*report.server.url };
    _ = writeln!(
        out,
        "{} calls in each of {} rounds, to {whose}, {} headers. Median of the rounds, and in brackets the\n\
         least and the most where they differ.\n\n{}",
        settings.calls, settings.rounds, settings.headers, report.counting.says
    );
    for Section { title, columns } in SECTIONS {
        let is_used = |column: &&Column| report.ask.iter().any(|asked| column.is_used(asked));
        let columns: Vec<&Column> = columns.iter().filter(is_used).collect();
        if !columns.is_empty() {
            _ = writeln!(out, "\n{title}\n{}", table(&report.ask, &columns));
        }
    }
    for asked in &report.ask {
        _ = writeln!(out, "{}: {}", asked.way, asked.differs);
    }
    for asked in report.ask.iter().filter(|asked| asked.sent_again > 0) {
        _ = writeln!(out, "{}: {}", asked.way, again(asked));
    }
    if !report.hold.is_empty() {
        _ = writeln!(
            out,
            "\nMemory of connections on which nothing happens, for each (bytes)\n{}",
            held(report)
        );
    }
    for asked in &report.ask {
        if let Some(why) = &asked.unsaid {
            _ = writeln!(out, "{}: segments and bytes cannot be said, for {why}", asked.way);
        }
    }
    let left_out = report.ask.iter().map(|asked| (asked.way, &asked.left_out));
    for (way, why) in left_out.chain(report.hold.iter().map(|held| (held.way, &held.left_out))) {
        if let Some(why) = why {
            _ = writeln!(out, "Left out: {way}: {why}");
        }
    }
    for note in &report.notes {
        _ = writeln!(out, "{note}");
    }
    out
}

struct Section {
    title: &'static str,
    columns: &'static [Column],
}

/// A heading, and the figure below it.
struct Column(&'static str, &'static str);

impl Column {
    /// A column of nothing but zeros says nothing.
    fn is_used(&self, asked: &Asked) -> bool {
        let figure = asked.figures.get(self.1);
        figure.is_some_and(|figure| self.1 != "deflated_bytes_per_call" || figure.spread.max > 0.0)
    }
}

const SECTIONS: &[Section] = &[
    Section {
        title: "What travels for one call",
        columns: &[
            Column("connections", "connections_per_call"),
            Column("segments", "segments_per_call"),
            Column("bytes", "bytes_per_call"),
            Column("= payload", "payload_bytes_per_call"),
            Column("+ fields", "fields_bytes_per_call"),
            Column("+ framing", "framing_bytes_per_call"),
            Column("+ deflated", "deflated_bytes_per_call"),
            Column("+ TCP/IP", "header_bytes_per_call"),
        ],
    },
    Section {
        title: "Around the calls, for each connection",
        columns: &[
            Column("opening: segments", "opening_segments"),
            Column("bytes", "opening_bytes"),
            Column("closing: segments", "closing_segments"),
            Column("bytes", "closing_bytes"),
            Column("round trips to the first answer", "round_trips_first"),
        ],
    },
    Section {
        title: "What one call takes (microseconds)",
        columns: &[
            Column("system calls", "system_calls_per_call"),
            Column("server CPU", "server_us_per_call"),
            Column("client CPU", "client_us_per_call"),
            Column("p50", "latency_p50_us"),
            Column("p99", "latency_p99_us"),
            Column("max", "latency_max_us"),
            Column("calls/s", "calls_per_second"),
        ],
    },
    Section {
        title: "At the stated rate, from when each call should have been made (microseconds)",
        columns: &[
            Column("p50", "paced_p50_us"),
            Column("p99", "paced_p99_us"),
            Column("max", "paced_max_us"),
        ],
    },
];

fn table(ask: &[Asked], columns: &[&Column]) -> Table {
    let headings = std::iter::once("way").chain(columns.iter().map(|column| column.0));
    let mut table = new_table(headings.collect());
    for asked in ask.iter().filter(|asked| asked.rounds > 0) {
        let cells = columns.iter().map(|column| cell(asked.figures.get(column.1)));
        table.add_row(std::iter::once(asked.way.to_owned()).chain(cells).collect::<Vec<_>>());
    }
    align(table)
}

fn held(report: &Report) -> Table {
    let mut table = new_table(vec!["held", "connections", "server", "kernel, both ends"]);
    for held in report.hold.iter().filter(|held| held.rounds > 0) {
        let bytes = |spread: &Option<Spread>| spread.as_ref().map_or("-".to_owned(), words);
        table.add_row(vec![
            held.way.to_owned(),
            held.connections.to_string(),
            bytes(&held.server_bytes),
            bytes(&held.kernel_bytes),
        ]);
    }
    align(table)
}

fn new_table(headings: Vec<&str>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(headings);
    table
}

fn align(mut table: Table) -> Table {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// On a loopback nothing is lost, but whoever hears nothing for a while must believe that it was.
fn again(asked: &Asked) -> String {
    let (count, rounds) = (asked.sent_again, asked.rounds);
    let segments = if count == 1 { "segment was" } else { "segments were" };
    format!(
        "{count} {segments} sent again within {rounds} rounds, for no acknowledgement came in time; the figures \
         have that in them, and its answers"
    )
}

fn cell(figure: Option<&Figure>) -> String {
    figure.map_or("-".to_owned(), |figure| words(&figure.spread))
}

/// One number where all rounds say the same; never one where they do not.
pub fn words(spread: &Spread) -> String {
    if spread.is_exact() {
        return number(spread.median);
    }
    format!("{} ({} to {})", number(spread.median), number(spread.min), number(spread.max))
}

/// As many digits as mean something.
pub fn number(value: f64) -> String {
    let text = match value.abs() {
        ..10.0 => format!("{value:.3}"),
        ..1000.0 => format!("{value:.1}"),
        _ => return format!("{value:.0}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::report::FIGURES;

    #[test]
    fn a_number_has_the_digits_that_mean_something() {
        let all = [2.0, 2.002, 0.04, 312.0, 205.5, 12_345.6, 0.0, -80.25].map(number);
        assert_eq!(all, ["2", "2.002", "0.04", "312", "205.5", "12346", "0", "-80.2"]);
    }

    #[test]
    fn rounds_that_differ_are_never_one_number() {
        assert_eq!(words(&Spread { median: 2.0, min: 2.0, max: 2.0 }), "2");
        assert_eq!(words(&Spread { median: 2.0, min: 2.0, max: 2.02 }), "2 (2 to 2.02)");
    }

    #[test]
    fn every_column_is_a_figure() {
        for column in SECTIONS.iter().flat_map(|section| section.columns) {
            assert!(FIGURES.iter().any(|kind| kind.name == column.1), "{}", column.1);
        }
    }
}
