//! The experiment *Follow*: how old what a subscriber shows is, and what it costs.

use std::collections::BTreeSet;

use crate::compare::costs::Spread;
use crate::compare::experiments::updates::figures::Followed;
use crate::compare::format::{number, rate_words};
use crate::compare::options::UpdateOptions;
use crate::compare::report::charts::{
    BarFigures, FigureRow, FigureTable, bytes, curves, percentiles, plain_bars, table,
};
use crate::compare::report::document::{Block, Chart, Document, Lines, Output, YScale};

/// Adds the section, where there are figures of any way.
pub fn add(settings: &UpdateOptions, followed: &[Followed], document: &mut Document) {
    if followed.is_empty() {
        return;
    }
    let UpdateOptions { followers, changes, changes_per_second, rhythm, .. } = settings;
    let rhythm = rhythm.name().replace('-', " ");
    document.paragraph(Output::Text, "");
    document.heading(Output::Page, 2, "What it costs to keep up");
    document.paragraph(
        Output::All,
        format!(
            "{followers} follow one item; {changes} changes, {changes_per_second} in a second, {rhythm}."
        ),
    );
    document.paragraphs(Output::All, notes_on_rates(settings, followed));
    let known = "How long it takes from writing a change to its being known";
    let changing = [BarFigures::bytes("", "changing_bytes", "changing_*_bytes")];
    let quiet = "Bytes while nothing happens, for each follower and second";
    document.charts([
        percentiles(followed, "How old what is shown is", MILLISECONDS, "age_*_ms", AGES),
        percentiles(followed, known, MILLISECONDS, "known_*_ms", KNOWN),
        age_by_interval(followed),
        bytes(followed, "Bytes while it changes, for each follower and second", "JSON", &changing),
        plain_bars(followed, quiet, "bytes", &[("quiet_bytes", "")]),
        plain_bars(followed, "Changes that a follower never saw", "changes", &[("missed", "")]),
    ]);
    for part in TABLES {
        let columns = part.columns_of(followed);
        if !columns.is_empty() {
            document.heading(Output::All, 3, part.title);
            let rows = followed.iter();
            let rows = rows.filter(|one| columns.iter().any(|(_, name)| one.figures.contains_key(*name)));
            document.add(Output::All, Block::Table(table(&columns, rows)));
        }
    }
    let differs = |name: String, one: &Followed| (name, one.differs.to_owned());
    let ways = followed.chunk_by(|a, b| a.way == b.way).map(|all| differs(all[0].way.to_owned(), &all[0]));
    document.add(Output::Text, Block::Terms(ways.collect()));
    let each = followed.iter().map(|one| differs(one.words(), one));
    document.add(Output::Page, Block::Terms(each.collect()));
}

/// What must be known to read figures of each second.
fn notes_on_rates(settings: &UpdateOptions, followed: &[Followed]) -> Vec<String> {
    let mut windows = followed.iter().map(|one| one.spread("changes").zip(one.spread("changing_seconds")));
    let Some((changes, seconds)) = windows.find_map(|window| window) else { return Vec::new() };
    let (changes, seconds) = (changes.median, seconds.median);
    let mut notes = vec![format!(
        "What is said of each second while it changes is of {} changes: {} in {} seconds.",
        rate_words(changes / seconds),
        number(changes),
        rate_words(seconds)
    )];
    notes.extend(notes_on_polls(settings.followers, settings.quiet_seconds.as_secs_f64(), followed.iter()));
    notes.extend(notes_on_polls(settings.followers, seconds, followed.iter()));
    notes
}

/// Notes on intervals of which a time is no multiple: the polls in it are too few for it, or too many. Subscribers poll
/// one after the other, and the time begins in the middle between two polls.
pub fn notes_on_polls<'f>(
    followers: u16,
    seconds: f64,
    followed: impl Iterator<Item = &'f Followed>,
) -> impl Iterator<Item = String> {
    let intervals: BTreeSet<u64> =
        followed.filter_map(|one| one.poll_seconds).map(|every| (every * 1000.0).round() as u64).collect();
    intervals.into_iter().filter_map(move |millis| {
        let every = millis as f64 / 1000.0;
        let due = f64::from(followers) * seconds / every;
        let made = due.round();
        let off = (made / due - 1.0) * 100.0;
        if off.abs() < OFF_PERCENT_MIN {
            return None;
        }
        let [every, seconds, due] = [every, seconds, due].map(rate_words);
        let (off, more) = (number(off.abs()), if off < 0.0 { "less" } else { "more" });
        Some(format!(
            "Polls every {every} s are {due} in {seconds} s, of all {followers} who follow, and {made} are made: {off} % \
             {more} than go with each second."
        ))
    })
}

/// The age by interval of polling, where several were measured.
fn age_by_interval(followed: &[Followed]) -> Option<Chart> {
    let points = followed
        .iter()
        .filter_map(|one| Some((one.way.to_owned(), one.poll_seconds?, one.spread("age_p50_ms")?)));
    let mut curves = curves(points);
    curves.retain(|curve| curve.points.len() > 1);
    let lines = Lines {
        y_label: "milliseconds (half of the time it is no older)".to_owned(),
        y_scale: YScale::Logarithmic,
        curves,
        ranges: Vec::new(),
    };
    let title = "How old what is shown is, by how often is polled";
    (!lines.curves.is_empty()).then(|| Chart::lines(title, "seconds from one poll to the next", lines))
}

impl FigureRow for Followed {
    fn name(&self) -> String {
        self.words()
    }

    fn spread(&self, figure: &str) -> Option<Spread> {
        self.figures.get(figure).map(|figure| figure.spread)
    }

    /// Zero compressed bytes tell nothing, and neither does staleness where all that is not current is stale.
    fn tells(&self, figure: &str) -> bool {
        let Some(Spread { median, .. }) = self.spread(figure) else { return false };
        match figure {
            "changing_deflated_bytes" => median > 0.0,
            "stale_percent" => self
                .spread("current_percent")
                .is_some_and(|current| (median + current.median - 100.0).abs() > 1e-6),
            _ => true,
        }
    }
}

/// Polls that are off by less need no note.
const OFF_PERCENT_MIN: f64 = 1.0;

const MILLISECONDS: &str = "milliseconds; nothing stands at the left";
const AGES: [&str; 3] =
    ["p50: half of the time it is no older", "p99: 99 of 100 parts of the time", "max: the oldest"];
const KNOWN: [&str; 3] = ["p50: half of the changes are known by then", "p99: 99 of 100", "max: all of them"];

pub const TABLES: &[FigureTable] = &[
    FigureTable {
        title: "What one follower learns, how old what it shows is over time, and how long until it knows of a change \
                (milliseconds)",
        columns: &[
            ("seen", "seen"),
            ("missed", "missed"),
            ("% current", "current_percent"),
            ("% stale", "stale_percent"),
            ("age p50", "age_p50_ms"),
            ("p99", "age_p99_ms"),
            ("max", "age_max_ms"),
            ("known after p50", "known_p50_ms"),
            ("p99", "known_p99_ms"),
            ("max", "known_max_ms"),
        ],
    },
    FigureTable {
        title: "While nothing happens, for each follower and second",
        columns: &[
            ("requests", "quiet_asked"),
            ("connections", "quiet_connections"),
            ("segments", "quiet_segments"),
            ("bytes", "quiet_bytes"),
            ("system calls", "quiet_system_calls"),
            ("server CPU us", "quiet_server_us"),
            ("client CPU us", "quiet_client_us"),
        ],
    },
    FigureTable {
        title: "While it changes, for each follower and second",
        columns: &[
            ("requests", "changing_asked"),
            ("connections", "changing_connections"),
            ("segments", "changing_segments"),
            ("bytes there", "changing_bytes_sent"),
            ("bytes back", "changing_bytes_received"),
        ],
    },
    FigureTable {
        title: "The bytes of that, and what they were for",
        columns: &[
            ("bytes", "changing_bytes"),
            ("= payload", "changing_payload_bytes"),
            ("+ fields", "changing_fields_bytes"),
            ("+ framing", "changing_framing_bytes"),
            ("+ deflated", "changing_deflated_bytes"),
            ("+ TCP/IP", "changing_header_bytes"),
        ],
    },
    FigureTable {
        title: "And what it took, the changes themselves included (nobody: of one second alone)",
        columns: &[
            ("system calls", "changing_system_calls"),
            ("server CPU us", "changing_server_us"),
            ("client CPU us", "changing_client_us"),
            ("change late p99 us", "writer_late_p99_us"),
            ("max", "writer_late_max_us"),
        ],
    },
    FigureTable {
        title: "Until all have seen the first state, for each follower",
        columns: &[
            ("requests", "opening_asked"),
            ("connections", "opening_connections"),
            ("segments", "opening_segments"),
            ("bytes", "opening_bytes"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::costs::Figure;
    use crate::compare::experiments::crossover::cross_result::COMPARED;
    use crate::compare::experiments::updates::figures::{COSTS, FIGURES, PHASES};
    use crate::compare::report::samples::{self, count, page_of, parse, spread, update_settings};
    use crate::compare::report::sections::crossover::POINT;

    /// One way without any figure.
    fn polled(every: f64) -> Followed {
        Followed { figures: Default::default(), ..samples::followed("poll", Some(every), 0.0) }
    }

    fn section(followed: &[Followed]) -> String {
        page_of(|document| add(&update_settings(), followed, document))
    }

    #[test]
    fn polling_at_several_paces_is_a_curve() {
        let followed = samples::followed;
        let polled = [followed("poll", Some(1.0), 500.0), followed("poll", Some(0.25), 123.5)];
        let markup = section(&[&polled[..], &[followed("socket", None, 0.0)]].concat());
        assert_eq!(count(&markup, "curve"), 1);
        for words in ["poll 0.25 s", "123.5", "61.8 to 247", "&lt;script&gt;"] {
            assert!(markup.contains(words), "{words}: {markup}");
        }
        let document = parse(&markup);
        let figures = document.descendants().filter(|node| node.has_tag_name("figcaption"));
        let titles: Vec<&str> = figures.filter_map(|node| node.first_element_child()?.text()).collect();
        assert!(titles.contains(&"How long it takes from writing a change to its being known"), "{titles:?}");
        assert_eq!(count(&section(&[followed("events", None, 7.0)]), "curve"), 0);
    }

    #[test]
    fn polls_that_do_not_fill_the_time_are_said() {
        let lines = |followers, seconds, every| -> Vec<String> {
            notes_on_polls(followers, seconds, [polled(every), polled(every)].iter()).collect()
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
        assert_eq!(notes_on_rates(&update_settings(), &[told.clone()]), [""; 0], "nothing was measured");
        for (name, value) in [("changes", 4.0), ("changing_seconds", 3.1)] {
            let figure = Figure { unit: "x", spread: spread(value, value, value) };
            told.figures.insert(name.to_owned(), figure);
        }
        told.poll_seconds = None;
        assert_eq!(
            notes_on_rates(&update_settings(), &[told]),
            ["What is said of each second while it changes is of 1.29 changes: 4 in 3.1 seconds."]
        );
    }

    #[test]
    fn every_column_is_a_figure() {
        let costs =
            COSTS.iter().flat_map(|cost| PHASES.iter().map(|phase| format!("{}_{}", phase.0, cost.0)));
        let names: Vec<String> = FIGURES.iter().map(|figure| figure.0.to_owned()).chain(costs).collect();
        let columns = TABLES.iter().flat_map(|table| table.columns).chain(POINT).map(|column| column.1);
        for column in columns.chain(COMPARED.iter().map(|compared| compared.figure)) {
            assert!(names.iter().any(|name| name == column), "{column}");
        }
    }
}
