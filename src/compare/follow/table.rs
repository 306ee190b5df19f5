//! The rows of Follow and of Cross, for people at a terminal.

use std::fmt::Write;

use comfy_table::Table;

use crate::compare::follow::cross::{Crossed, Crossing, Point, Staleness};
use crate::compare::follow::figures::Followed;
use crate::compare::follow::search::rate_words;
use crate::compare::follow::{Settings, stale_words};
use crate::compare::table::{align, cell, new_table};

/// All tables of it.
pub fn text(settings: &Settings, followed: &[Followed]) -> String {
    let mut out = String::new();
    let Settings { followers, changes, changes_per_second, rhythm, .. } = settings;
    let rhythm = rhythm.replace('-', " ");
    _ = writeln!(
        out,
        "\n{followers} follow one item; {changes} changes, {changes_per_second} in a second, {rhythm}."
    );
    for Section { title, columns } in SECTIONS {
        let columns: Vec<&Column> = columns.iter().filter(|column| column.is_used(followed)).collect();
        if !columns.is_empty() {
            _ = writeln!(out, "\n{title}\n{}", table(followed, &columns));
        }
    }
    let mut told = "";
    for one in followed.iter().filter(|one| std::mem::replace(&mut told, one.way) != one.way) {
        _ = writeln!(out, "{}: {}", one.way, one.differs);
    }
    out
}

fn table(followed: &[Followed], columns: &[&Column]) -> Table {
    let headings = std::iter::once("way").chain(columns.iter().map(|column| column.0));
    let mut table = new_table(headings.collect());
    let has = |one: &&Followed| columns.iter().any(|column| one.figures.contains_key(column.1));
    for one in followed.iter().filter(has) {
        let cells = columns.iter().map(|column| cell(one.figures.get(column.1)));
        table.add_row(std::iter::once(one.words()).chain(cells).collect::<Vec<_>>());
    }
    align(table)
}

/// What was measured at which rate, and where one way overtakes another. Of what was interrupted, as far as it
/// came.
pub fn crossings(settings: &Settings, crossed: &Crossed) -> String {
    let mut out = String::new();
    if crossed.points.is_empty() {
        return out;
    }
    let stale = stale_words(settings.stale_ms);
    _ = writeln!(
        out,
        "\n{} follow one item; each rate for {} seconds. For each follower and second; for how much of the time what\n\
         it shows is stale ({stale}); and how old it is, in milliseconds\n{}",
        settings.followers,
        crossed.seconds,
        points(&crossed.points)
    );
    if !crossed.crossings.is_empty() {
        let table = overtaken(&crossed.crossings);
        _ = writeln!(out, "\nWhere one overtakes the other, in changes a second\n{table}");
    }
    for words in crossed.crossings.iter().filter_map(Crossing::words) {
        _ = writeln!(out, "{words}");
    }
    if !crossed.staleness.is_empty() {
        _ = writeln!(
            out,
            "\nFrom which rate on it is stale ({stale}) for more than half of the time, in changes a second\n{}",
            staleness(&crossed.staleness)
        );
    }
    for words in crossed.staleness.iter().filter_map(Staleness::words) {
        _ = writeln!(out, "{words}");
    }
    out
}

fn points(points: &[Point]) -> Table {
    let mut table =
        new_table(["way", "changes/s"].into_iter().chain(POINT.iter().map(|column| column.0)).collect());
    for point in points {
        let cells = POINT.iter().map(|column| cell(point.followed.figures.get(column.1)));
        let row = [point.followed.words(), rate_words(point.changes_per_second)];
        table.add_row(row.into_iter().chain(cells).collect::<Vec<_>>());
    }
    align(table)
}

fn overtaken(crossings: &[Crossing]) -> Table {
    let headings = vec![
        "polling",
        "or told",
        "compared",
        "more of it: polling up to",
        "told from",
        "measured",
        "age there p50: polling",
        "told",
    ];
    let mut table = new_table(headings);
    for one in crossings {
        let ages = [&one.poller_age_p50_ms, &one.told_age_p50_ms].map(|age| cell(age.as_ref()));
        let ways = [format!("{} {} s", one.poller, one.poll_seconds), one.told.to_owned()];
        let row = ways.into_iter().chain([one.compared.to_owned()]);
        table.add_row(row.chain(rates(one.low, one.high, one.measured)).chain(ages).collect::<Vec<_>>());
    }
    align(table)
}

fn staleness(all: &[Staleness]) -> Table {
    let headings = vec![
        "way",
        "half of it at most: up to",
        "more: from",
        "measured",
        "% stale at the lowest",
        "the highest",
    ];
    let mut table = new_table(headings);
    for one in all {
        let ends = [&one.at_lowest, &one.at_highest].map(|figure| cell(Some(figure)));
        let row = [one.name()].into_iter().chain(rates(one.low, one.high, one.measured));
        table.add_row(row.chain(ends).collect::<Vec<_>>());
    }
    align(table)
}

/// Up to which rate, from which on, and which were measured.
pub fn rates(low: Option<f64>, high: Option<f64>, measured: [f64; 2]) -> [String; 3] {
    let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), rate_words);
    let [least, most] = measured.map(rate_words);
    [rate(low), rate(high), format!("{least} to {most}")]
}

/// What is told of each rate.
pub const POINT: &[Column] = &[
    Column("bytes", "changing_bytes"),
    Column("server CPU us", "changing_server_us"),
    Column("missed", "missed"),
    Column("% stale", "stale_percent"),
    Column("age p50", "age_p50_ms"),
    Column("p99", "age_p99_ms"),
];

/// A table of Follow.
pub struct Section {
    pub title: &'static str,
    pub columns: &'static [Column],
}

/// A heading, and the figure below it.
pub struct Column(pub &'static str, pub &'static str);

impl Column {
    /// Where nothing was compressed, or whatever is not the newest is stale, there is nothing more to say of that.
    pub fn is_used(&self, followed: &[Followed]) -> bool {
        let of = |one: &Followed, name: &str| one.figures.get(name).map(|figure| figure.spread.median);
        let says = |one: &Followed| match self.1 {
            "changing_deflated_bytes" => of(one, self.1) > Some(0.0),
            "stale_percent" => of(one, self.1)
                .zip(of(one, "current_percent"))
                .is_some_and(|(stale, current)| (stale + current - 100.0).abs() > 1e-6),
            name => one.figures.contains_key(name),
        };
        followed.iter().any(says)
    }
}

/// Of Follow.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "What one follower learns, how old what it shows is over time, and how long until it knows of a change \
                (milliseconds)",
        columns: &[
            Column("seen", "seen"),
            Column("missed", "missed"),
            Column("% current", "current_percent"),
            Column("% stale", "stale_percent"),
            Column("age p50", "age_p50_ms"),
            Column("p99", "age_p99_ms"),
            Column("max", "age_max_ms"),
            Column("known after p50", "known_p50_ms"),
            Column("p99", "known_p99_ms"),
            Column("max", "known_max_ms"),
        ],
    },
    Section {
        title: "While nothing happens, for each follower and second",
        columns: &[
            Column("requests", "quiet_asked"),
            Column("connections", "quiet_connections"),
            Column("segments", "quiet_segments"),
            Column("bytes", "quiet_bytes"),
            Column("system calls", "quiet_system_calls"),
            Column("server CPU us", "quiet_server_us"),
            Column("client CPU us", "quiet_client_us"),
        ],
    },
    Section {
        title: "While it changes, for each follower and second",
        columns: &[
            Column("requests", "changing_asked"),
            Column("connections", "changing_connections"),
            Column("segments", "changing_segments"),
            Column("bytes there", "changing_bytes_sent"),
            Column("bytes back", "changing_bytes_received"),
        ],
    },
    Section {
        title: "The bytes of that, and what they were for",
        columns: &[
            Column("bytes", "changing_bytes"),
            Column("= payload", "changing_payload_bytes"),
            Column("+ fields", "changing_fields_bytes"),
            Column("+ framing", "changing_framing_bytes"),
            Column("+ deflated", "changing_deflated_bytes"),
            Column("+ TCP/IP", "changing_header_bytes"),
        ],
    },
    Section {
        title: "And what it took, the changes themselves included (nobody: of one second alone)",
        columns: &[
            Column("system calls", "changing_system_calls"),
            Column("server CPU us", "changing_server_us"),
            Column("client CPU us", "changing_client_us"),
            Column("change late p99 us", "writer_late_p99_us"),
            Column("max", "writer_late_max_us"),
        ],
    },
    Section {
        title: "Until all have seen the first state, for each follower",
        columns: &[
            Column("requests", "opening_asked"),
            Column("connections", "opening_connections"),
            Column("segments", "opening_segments"),
            Column("bytes", "opening_bytes"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::follow::cross::COMPARED;
    use crate::compare::follow::figures::{COSTS, FIGURES, PHASES};

    #[test]
    fn every_column_is_a_figure() {
        let costs =
            COSTS.iter().flat_map(|cost| PHASES.iter().map(|phase| format!("{}_{}", phase.0, cost.0)));
        let names: Vec<String> = FIGURES.iter().map(|figure| figure.0.to_owned()).chain(costs).collect();
        let columns = SECTIONS.iter().flat_map(|section| section.columns).map(|column| column.1);
        let points = POINT.iter().map(|column| column.1);
        for column in columns.chain(points).chain(COMPARED.iter().map(|compared| compared.figure)) {
            assert!(names.iter().any(|name| name == column), "{column}");
        }
    }
}
