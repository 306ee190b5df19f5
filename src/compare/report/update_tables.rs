//! The rows of Follow and of Cross, for people at a terminal.

use std::collections::BTreeSet;
use std::fmt::Write;

use comfy_table::Table;

use crate::compare::experiments::crossover::bracket::rate_words;
use crate::compare::experiments::crossover::{Crossed, Crossing, Point, Staleness};
use crate::compare::experiments::updates::figures::Followed;
use crate::compare::experiments::updates::{Settings, stale_words};
use crate::compare::report::text::{align, cell, new_table, number};

/// All tables of it.
pub fn text(settings: &Settings, followed: &[Followed]) -> String {
    let mut out = String::new();
    let Settings { followers, changes, changes_per_second, rhythm, .. } = settings;
    let rhythm = rhythm.replace('-', " ");
    _ = writeln!(
        out,
        "\n{followers} follow one item; {changes} changes, {changes_per_second} in a second, {rhythm}."
    );
    for line in beside(settings, followed) {
        _ = writeln!(out, "{line}");
    }
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

/// What must be known to read what is said of each second.
pub fn beside(settings: &Settings, followed: &[Followed]) -> Vec<String> {
    let of = |one: &Followed, name| one.figures.get(name).map(|figure| figure.spread.median);
    let window = followed.iter().find_map(|one| of(one, "changes").zip(of(one, "changing_seconds")));
    let Some((changes, seconds)) = window else { return Vec::new() };
    let rate = rate_words(changes / seconds);
    let mut lines = vec![format!(
        "What is said of each second while it changes is of {rate} changes: {} in {} seconds.",
        number(changes),
        rate_words(seconds)
    )];
    lines.extend(cut(settings.followers, settings.quiet_seconds, followed.iter()));
    lines.extend(cut(settings.followers, seconds, followed.iter()));
    lines
}

/// As many polls are made in a time as fall into it: where it is no multiple of what lies between two, these are too
/// few for it, or too many. All who follow poll one after the other, and the time begins in the middle between two.
pub fn cut<'f>(
    followers: u16,
    seconds: f64,
    followed: impl Iterator<Item = &'f Followed>,
) -> impl Iterator<Item = String> {
    let every: BTreeSet<u64> =
        followed.filter_map(|one| one.poll_seconds).map(|every| (every * 1000.0).round() as u64).collect();
    every.into_iter().map(|millis| millis as f64 / 1000.0).filter_map(move |every| {
        let due = f64::from(followers) * seconds / every;
        let made = due.round();
        let off = (made / due - 1.0) * 100.0;
        (off.abs() >= CUT_PERCENT_MIN).then(|| {
            let [every, seconds, due] = [every, seconds, due].map(rate_words);
            let (off, more) = (number(off.abs()), if off < 0.0 { "less" } else { "more" });
            format!(
                "Polls every {every} s are {due} in {seconds} s, of all {followers} who follow, and {made} are made: {off} % \
                 {more} than go with each second."
            )
        })
    })
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
    for line in cut(settings.followers, crossed.seconds, crossed.points.iter().map(|point| &point.followed)) {
        _ = writeln!(out, "{line}");
    }
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

/// Whole polls in a time differ by less than that from what goes with it, and nothing is said of it.
const CUT_PERCENT_MIN: f64 = 1.0;

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
    use crate::compare::experiments::crossover::COMPARED;
    use crate::compare::experiments::crossover::tests::figure;
    use crate::compare::experiments::updates::figures::{COSTS, FIGURES, PHASES};
    use crate::compare::experiments::updates::update_series::UpdateSeries;
    use crate::compare::experiments::updates::ways::UpdateWay;
    use crate::compare::report::html::following::tests::settings;
    use std::time::Duration;

    fn polled(every: f64) -> Followed {
        Followed::new(UpdateSeries::Polling(UpdateWay::Poll, Duration::from_secs_f64(every)), 1, &[], None)
    }

    #[test]
    fn polls_that_do_not_fill_the_time_are_said() {
        let lines = |followers, seconds, every| -> Vec<String> {
            cut(followers, seconds, [polled(every), polled(every)].iter()).collect()
        };
        assert_eq!(
            lines(1, 4.0, 3.0),
            [
                "Polls every 3 s are 1.333 in 4 s, of all 1 who follow, and 1 are made: 25 % less than go with each second."
            ]
        );
        assert!(lines(1, 1.5, 1.0)[0].ends_with("2 are made: 33.3 % more than go with each second."));
        for (followers, seconds, every) in [(1, 4.0, 2.0), (20, 10.1, 0.5), (3, 4.0, 3.0), (200, 4.0, 3.0)] {
            assert_eq!(lines(followers, seconds, every), [""; 0], "{followers} {seconds} {every}");
        }
    }

    #[test]
    fn changes_of_each_second_are_said_as_they_were() {
        let mut told = polled(1.0);
        assert_eq!(beside(&settings(), &[told.clone()]), [""; 0], "nothing was measured");
        for (name, value) in [("changes", 4.0), ("changing_seconds", 3.1)] {
            told.figures.insert(name.to_owned(), figure(&[value]));
        }
        told.poll_seconds = None;
        assert_eq!(
            beside(&settings(), &[told]),
            ["What is said of each second while it changes is of 1.29 changes: 4 in 3.1 seconds."]
        );
    }

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
