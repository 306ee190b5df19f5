//! The rows of Follow and of Cross, for people at a terminal.

use std::fmt::Write;

use comfy_table::Table;

use crate::compare::follow::Settings;
use crate::compare::follow::cross::{Crossed, rate_words};
use crate::compare::follow::figures::Followed;
use crate::compare::report::Figure;
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

/// What was measured at which rate, and where one way overtakes another.
pub fn crossings(settings: &Settings, crossed: &Crossed) -> String {
    let headings =
        vec!["way", "changes/s", "bytes", "server CPU us", "missed", "% current", "age p50", "p99"];
    let mut table = new_table(headings);
    for point in &crossed.points {
        let figures = &point.followed.figures;
        let cells = POINT.iter().map(|name| cell(figures.get(*name)));
        let row = [point.followed.words(), rate_words(point.changes_per_second)];
        table.add_row(row.into_iter().chain(cells).collect::<Vec<_>>());
    }
    let mut out = format!(
        "\n{} follow one item; each rate for {} seconds. For each follower and second, and the age of what it \
         shows in milliseconds\n{}\n",
        settings.followers,
        crossed.seconds,
        align(table)
    );
    let headings = vec![
        "polling",
        "or told",
        "compared",
        "costs more: polling up to",
        "told from",
        "measured",
        "age there p50: polling",
        "told",
    ];
    let mut table = new_table(headings);
    for one in &crossed.crossings {
        let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), rate_words);
        let age = |figure: &Option<Figure>| cell(figure.as_ref());
        let [least, most] = one.measured.map(rate_words);
        table.add_row(vec![
            format!("{} {} s", one.poller, one.poll_seconds),
            one.told.to_owned(),
            one.compared.to_owned(),
            rate(one.low),
            rate(one.high),
            format!("{least} to {most}"),
            age(&one.poller_age_p50_ms),
            age(&one.told_age_p50_ms),
        ]);
    }
    _ = writeln!(out, "\nWhere one overtakes the other, in changes a second\n{}", align(table));
    for one in crossed.crossings.iter().filter(|one| one.low.is_none() || one.high.is_none()) {
        _ = writeln!(out, "{} every {} s or {}: {}", one.poller, one.poll_seconds, one.told, one.says);
    }
    out
}

/// What is told of each rate.
pub const POINT: &[&str] =
    &["changing_bytes", "changing_server_us", "missed", "current_percent", "age_p50_ms", "age_p99_ms"];

/// A table of Follow.
pub struct Section {
    pub title: &'static str,
    pub columns: &'static [Column],
}

/// A heading, and the figure below it.
pub struct Column(pub &'static str, pub &'static str);

impl Column {
    /// One of nothing but zeros says nothing, where it is about compression.
    pub fn is_used(&self, followed: &[Followed]) -> bool {
        let of = |one: &Followed| one.figures.get(self.1).map(|figure| figure.spread.max);
        let says = |most: f64| self.1 != "changing_deflated_bytes" || most > 0.0;
        followed.iter().filter_map(of).any(says)
    }
}

/// Of Follow.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "What one follower learns, and how old what it shows is (milliseconds, over time)",
        columns: &[
            Column("seen", "seen"),
            Column("missed", "missed"),
            Column("% current", "current_percent"),
            Column("age p50", "age_p50_ms"),
            Column("p99", "age_p99_ms"),
            Column("max", "age_max_ms"),
        ],
    },
    Section {
        title: "From writing a change to its being known (microseconds)",
        columns: &[
            Column("p50", "notice_p50_us"),
            Column("p99", "notice_p99_us"),
            Column("max", "notice_max_us"),
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
        for column in columns.chain(POINT.iter().copied()).chain(COMPARED.iter().map(|compared| compared.0)) {
            assert!(names.iter().any(|name| name == column), "{column}");
        }
    }
}
