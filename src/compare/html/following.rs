//! Follow and Cross on the page: how old what is shown is, what it costs, and where one way overtakes
//! another.

use std::fmt::Write;

use crate::compare::follow::Settings;
use crate::compare::follow::cross::{self, COMPARED, Crossed, Point};
use crate::compare::follow::figures::Followed;
use crate::compare::follow::table::{POINT, SECTIONS};
use crate::compare::html::drawing::{Bar, CLASSES, Crossing, Curve, Key, Row, bars, curves, marks};
use crate::compare::html::{cell, push_table, text};
use crate::compare::table::number;
use crate::compare::tally::Spread;

/// All of Follow.
pub fn follow(settings: &Settings, followed: &[Followed]) -> String {
    let Settings { followers, changes, changes_per_second, .. } = settings;
    let rhythm = settings.rhythm.replace('-', " ");
    let mut out = format!(
        "<section>\n<h2>What it costs to keep up</h2>\n<p>{followers} follow one item; {changes} changes, \
         {changes_per_second} in a second, {rhythm}.</p>\n"
    );
    out += &ages(followed);
    out += &staleness(followed);
    out += &stacked(followed);
    out += &one_each(
        followed,
        "quiet_bytes",
        "Bytes while nothing happens, for each follower and second",
        "bytes",
    );
    out += &one_each(followed, "missed", "Changes that a follower never saw", "changes");
    for section in SECTIONS {
        let has = |one: &Followed, name: &str| one.figures.contains_key(name);
        let columns: Vec<_> = section.columns.iter().filter(|column| column.is_used(followed)).collect();
        let headings: Vec<_> = columns.iter().map(|column| (column.0.to_owned(), None)).collect();
        let names: Vec<&str> = columns.iter().map(|column| column.1).collect();
        let rows = followed.iter().filter(|one| names.iter().any(|name| has(one, name)));
        let rows: Vec<_> = rows.map(|one| (one.words(), cells(one, &names))).collect();
        if !rows.is_empty() {
            _ = writeln!(out, "<h3>{}</h3>", text(section.title));
            push_table("way", &headings, rows.iter().map(|(way, cells)| (&**way, cells.clone())), &mut out);
        }
    }
    out += "<dl>\n";
    for one in followed {
        _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", text(&one.words()), text(one.differs));
    }
    out + "</dl>\n</section>\n"
}

/// All of Cross.
pub fn crossings(settings: &Settings, crossed: &Crossed) -> String {
    let mut out = format!(
        "<section>\n<h2>Where being told overtakes polling</h2>\n<p>{} follow one item; each rate for {} seconds. \
         Where it happens was measured on both sides, and nothing is claimed of what lies between.</p>\n",
        settings.followers,
        number(crossed.seconds)
    );
    for (figure, words) in COMPARED {
        out += &cost_curves(crossed, figure, words);
    }
    let point = |point: &Point| {
        let rate = number(point.changes_per_second);
        let cells = std::iter::once(rate).chain(cells(&point.followed, POINT)).collect();
        (point.followed.words(), cells)
    };
    let rows: Vec<(String, Vec<String>)> = crossed.points.iter().map(point).collect();
    let headings = ["changes/s", "bytes", "server CPU us", "missed", "% current", "age p50 ms", "age p99 ms"];
    let headings = headings.map(|heading| (heading.to_owned(), None));
    push_table("way", &headings, rows.iter().map(|(way, cells)| (&**way, cells.clone())), &mut out);
    out += "<h3>Where one overtakes the other, in changes a second</h3>\n";
    let rate = |rate: Option<f64>| rate.map_or("–".to_owned(), number);
    let rows: Vec<(String, Vec<String>)> = crossed
        .crossings
        .iter()
        .map(|one| {
            let ages = [&one.poller_age_p50_ms, &one.told_age_p50_ms];
            let ages = ages.map(|age| cell(age.as_ref().map(|figure| figure.spread)));
            let [least, most] = one.measured.map(number);
            let says = [one.told.to_owned(), one.compared.to_owned(), rate(one.low), rate(one.high)];
            let cells = says.into_iter().chain([format!("{least} to {most}")]).chain(ages);
            (format!("{} {} s", one.poller, one.poll_seconds), cells.collect())
        })
        .collect();
    let headings = [
        "or told",
        "compared",
        "polling costs more up to",
        "told from",
        "measured",
        "age p50 ms: polling",
        "told",
    ];
    let headings = headings.map(|heading| (heading.to_owned(), None));
    push_table("polling", &headings, rows.iter().map(|(way, cells)| (&**way, cells.clone())), &mut out);
    for one in crossed.crossings.iter().filter(|one| one.low.is_none() || one.high.is_none()) {
        let words = format!("{} every {} s or {}: {}", one.poller, one.poll_seconds, one.told, one.says);
        _ = writeln!(out, "<p>{}</p>", text(&words));
    }
    out + "</section>\n"
}

fn spread(one: &Followed, name: &str) -> Option<Spread> {
    one.figures.get(name).map(|figure| figure.spread)
}

fn cells(one: &Followed, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| cell(spread(one, name))).collect()
}

/// How old what is shown is, by way. An age of nothing has no place on a logarithmic scale.
fn ages(followed: &[Followed]) -> String {
    let of = |one: &Followed| -> Option<Vec<Spread>> {
        let least = |spread: Spread| {
            let [median, min, max] = [spread.median, spread.min, spread.max].map(|age| age.max(AGE_MS_MIN));
            Spread { median, min, max }
        };
        ["age_p50_ms", "age_p99_ms", "age_max_ms"].iter().map(|name| spread(one, name).map(least)).collect()
    };
    let rows: Vec<(String, Vec<Spread>)> =
        followed.iter().filter_map(|one| Some((one.words(), of(one)?))).collect();
    let says =
        ["p50: half of the time it is no older", "p99: 99 of 100 parts of the time", "max: the oldest"];
    let keys: Vec<Key> =
        CLASSES.iter().zip(says).map(|(class, says)| Key { class, says: says.to_owned() }).collect();
    let rows: Vec<(&str, Vec<Spread>)> =
        rows.iter().map(|(words, marks)| (&**words, marks.clone())).collect();
    if rows.is_empty() {
        String::new()
    } else {
        marks("How old what is shown is", "milliseconds; 0.01 and less at the left", &keys, &rows)
    }
}

/// The same by how often is polled, where that was varied.
fn staleness(followed: &[Followed]) -> String {
    let mut lines: Vec<Curve> = Vec::new();
    for one in followed {
        let (Some(every), Some(age)) = (one.poll_seconds, spread(one, "age_p50_ms")) else { continue };
        match lines.iter_mut().find(|line| line.says == one.way) {
            Some(line) => line.points.push((every, age)),
            None => lines.push(Curve { says: one.way.to_owned(), points: vec![(every, age)] }),
        }
    }
    lines.retain(|line| line.points.len() > 1);
    lines.iter_mut().for_each(|line| line.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    if lines.is_empty() {
        return String::new();
    }
    let axes = ["seconds from one poll to the next", "milliseconds (half of the time it is no older)"];
    curves("How old what is shown is, by how often is polled", axes, &lines, &[])
}

fn stacked(followed: &[Followed]) -> String {
    let parts = [
        ("payload", "changing_payload_bytes", "payload"),
        ("fields", "changing_fields_bytes", "lines and fields, or the JSON around the payload"),
        ("framing", "changing_framing_bytes", "frames and chunks"),
        ("deflated", "changing_deflated_bytes", "compressed: payload and JSON in one"),
        ("header", "changing_header_bytes", "headers of TCP and IP"),
    ];
    let is_used =
        |name: &str| followed.iter().filter_map(|one| spread(one, name)).any(|spread| spread.max > 0.0);
    let keys = parts.iter().filter(|(_, name, _)| is_used(name));
    let keys: Vec<Key> = keys.map(|(class, _, says)| Key { class, says: (*says).to_owned() }).collect();
    let bar = |one: &Followed| {
        let parts = parts.iter().filter_map(|(class, name, _)| Some((*class, spread(one, name)?.median)));
        Some(Bar { sign: "", parts: parts.collect(), whole: spread(one, "changing_bytes")? })
    };
    rows(followed, bar, |rows| {
        bars("Bytes while it changes, for each follower and second", "bytes", &keys, rows)
    })
}

fn one_each(followed: &[Followed], name: &str, title: &str, unit: &str) -> String {
    let bar = |one: &Followed| spread(one, name).map(|whole| Bar::of("payload", whole));
    rows(followed, bar, |rows| bars(title, unit, &[], rows))
}

/// One bar for each way that has one; nothing where none has.
fn rows(
    followed: &[Followed],
    bar: impl Fn(&Followed) -> Option<Bar>,
    draw: impl FnOnce(&[Row]) -> String,
) -> String {
    let named: Vec<(String, Bar)> =
        followed.iter().filter_map(|one| Some((one.words(), bar(one)?))).collect();
    let rows: Vec<Row> = named.iter().map(|(name, bar)| Row { name, bars: vec![bar.clone()] }).collect();
    if rows.is_empty() { String::new() } else { draw(&rows) }
}

/// What each way costs at each rate, and between which rates one overtakes another.
fn cost_curves(crossed: &Crossed, figure: &str, words: &str) -> String {
    let mut lines: Vec<Curve> = Vec::new();
    for point in &crossed.points {
        let Some(cost) = spread(&point.followed, figure) else { continue };
        let says = point.followed.words();
        match lines.iter_mut().find(|line| line.says == says) {
            Some(line) => line.points.push((point.changes_per_second, cost)),
            None => lines.push(Curve { says, points: vec![(point.changes_per_second, cost)] }),
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    lines.iter_mut().for_each(|line| line.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    let mark = |one: &cross::Crossing| {
        let (from, to) = (one.low?, one.high?);
        let range = format!("{} to {} changes/s", number(from), number(to));
        let says = format!("{} {} s | {}: {range}", one.poller, one.poll_seconds, one.told);
        Some(Crossing { from, to, says })
    };
    let marks: Vec<Crossing> =
        crossed.crossings.iter().filter(|one| one.figure == figure).filter_map(mark).collect();
    let title = format!("What it costs to keep up, by how often it changes: {words}");
    curves(&title, ["changes a second", &format!("{words}, for each follower and second")], &lines, &marks)
}

/// Whatever is younger is drawn as if it had this age.
const AGE_MS_MIN: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use crate::compare::report::Figure;
    use clap::Parser;

    fn settings() -> Settings {
        let Command::Compare(compare) = Cli::parse_from(["bothways", "compare"]).command else { panic!() };
        Settings::of(&compare)
    }

    /// One way of which each figure of the tables is that.
    fn followed(way: &'static str, poll_seconds: Option<f64>, value: f64) -> Followed {
        let columns = SECTIONS.iter().flat_map(|section| section.columns).map(|column| column.1);
        let spread = Spread { median: value, min: value * 0.5, max: value * 2.0 };
        let figure = |name: &str| (name.to_owned(), Figure { unit: "x", spread });
        Followed {
            way,
            poll_seconds,
            differs: "<script>",
            followers: 3,
            rounds: 2,
            figures: columns.chain(POINT.iter().copied()).map(figure).collect(),
            system_calls: Default::default(),
            left_out: None,
        }
    }

    #[track_caller]
    fn parse(markup: &str) -> roxmltree::Document<'_> {
        let document = roxmltree::Document::parse(markup).unwrap();
        assert!(!document.descendants().any(|node| node.has_tag_name("script")));
        document
    }

    fn count(document: &roxmltree::Document, class: &str) -> usize {
        let has = |node: &roxmltree::Node| {
            node.attribute("class").is_some_and(|of| of.split(' ').any(|name| name == class))
        };
        document.descendants().filter(has).count()
    }

    #[test]
    fn polling_at_several_paces_is_a_curve() {
        let polled = [followed("poll", Some(1.0), 500.0), followed("poll", Some(0.25), 123.5)];
        let markup = follow(&settings(), &[&polled[..], &[followed("socket", None, 0.0)]].concat());
        let document = parse(&markup);
        assert_eq!(count(&document, "curve"), 1);
        for words in ["poll 0.25 s", "123.5", "61.8 to 247", "&lt;script&gt;"] {
            assert!(markup.contains(words), "{words}: {markup}");
        }
        assert_eq!(count(&parse(&follow(&settings(), &[followed("events", None, 7.0)])), "curve"), 0);
    }

    #[test]
    fn rates_are_curves_and_what_was_found_is_marked() {
        let point = |followed: Followed, changes_per_second| Point { changes_per_second, followed };
        let points = [1.0, 8.0, 64.0].iter().flat_map(|&rate| {
            [
                point(followed("poll", Some(1.0), 300.0), rate),
                point(followed("socket", None, 40.0 * rate), rate),
            ]
        });
        let crossing = |low| cross::Crossing {
            poller: "poll",
            poll_seconds: 1.0,
            told: "socket",
            figure: "changing_bytes",
            compared: "bytes",
            low,
            high: Some(8.0),
            measured: [1.0, 64.0],
            poller_age_p50_ms: None,
            told_age_p50_ms: None,
            says: "<script> always".to_owned(),
        };
        let mut crossed =
            Crossed { seconds: 4.0, points: points.collect(), crossings: vec![crossing(Some(7.25))] };
        let markup = crossings(&settings(), &crossed);
        let document = parse(&markup);
        // One drawing for bytes, which has the crossing, and its key; and one for processor time.
        assert_eq!((count(&document, "curve"), count(&document, "crossing")), (4, 2));
        assert!(markup.contains("poll 1 s | socket: 7.25 to 8 changes/s"), "{markup}");
        crossed.crossings = vec![crossing(None)];
        let markup = crossings(&settings(), &crossed);
        assert_eq!(count(&parse(&markup), "crossing"), 0, "what was not found is not marked");
        assert!(markup.contains("or socket: &lt;script&gt; always"), "{markup}");
    }
}
