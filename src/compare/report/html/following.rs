//! Follow on the page: how old what is shown is, and what it costs.

use std::fmt::Write;

use crate::compare::costs::Spread;
use crate::compare::experiments::updates::Settings;
use crate::compare::experiments::updates::figures::Followed;
use crate::compare::report::bar_chart::{Bar, CLASSES, Key, Row, bars, marks};
use crate::compare::report::html::{cell, push_table, text};
use crate::compare::report::line_chart::{Chart, Curve, Up};
use crate::compare::report::update_tables::{SECTIONS, beside};

/// All of Follow.
pub fn follow(settings: &Settings, followed: &[Followed]) -> String {
    let Settings { followers, changes, changes_per_second, .. } = settings;
    let rhythm = settings.rhythm.replace('-', " ");
    let mut out = format!(
        "<section>\n<h2>What it costs to keep up</h2>\n<p>{followers} follow one item; {changes} changes, \
         {changes_per_second} in a second, {rhythm}.</p>\n"
    );
    for line in beside(settings, followed) {
        _ = writeln!(out, "<p>{}</p>", text(&line));
    }
    out += &ages(followed);
    out += &known(followed);
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

pub fn spread(one: &Followed, name: &str) -> Option<Spread> {
    one.figures.get(name).map(|figure| figure.spread)
}

pub fn cells(one: &Followed, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| cell(spread(one, name))).collect()
}

/// How old what is shown is, by way.
fn ages(followed: &[Followed]) -> String {
    let says =
        ["p50: half of the time it is no older", "p99: 99 of 100 parts of the time", "max: the oldest"];
    percentiles(followed, "age", "How old what is shown is", says)
}

fn known(followed: &[Followed]) -> String {
    let says = ["p50: half of the changes are known by then", "p99: 99 of 100", "max: all of them"];
    percentiles(followed, "known", "How long it takes from writing a change to its being known", says)
}

fn percentiles(followed: &[Followed], what: &str, title: &str, says: [&str; 3]) -> String {
    let of = |one: &Followed| -> Option<Vec<Spread>> {
        ["p50", "p99", "max"].iter().map(|which| spread(one, &format!("{what}_{which}_ms"))).collect()
    };
    let rows: Vec<(String, Vec<Spread>)> =
        followed.iter().filter_map(|one| Some((one.words(), of(one)?))).collect();
    let keys: Vec<Key> =
        CLASSES.iter().zip(says).map(|(class, says)| Key { class, says: says.to_owned() }).collect();
    let rows: Vec<(&str, Vec<Spread>)> =
        rows.iter().map(|(words, marks)| (&**words, marks.clone())).collect();
    if rows.is_empty() {
        String::new()
    } else {
        marks(title, "milliseconds; nothing stands at the left", &keys, &rows)
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
    let title = "How old what is shown is, by how often is polled";
    Chart { title, axes, up: Up::Logarithmic, curves: &lines, stretches: &[] }.draw()
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

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::cli::compare_args::compare_options;
    use crate::compare::report::figures::Figure;
    use crate::compare::report::update_tables::POINT;

    pub fn settings() -> Settings {
        Settings::of(&compare_options(&[]))
    }

    /// One way of which each figure of the tables is that.
    pub fn followed(way: &'static str, poll_seconds: Option<f64>, value: f64) -> Followed {
        let columns = SECTIONS.iter().flat_map(|section| section.columns).map(|column| column.1);
        let spread = Spread { median: value, min: value * 0.5, max: value * 2.0 };
        let figure = |name: &str| (name.to_owned(), Figure { unit: "x", spread });
        Followed {
            way,
            poll_seconds,
            differs: "<script>",
            followers: 3,
            rounds: 2,
            figures: columns.chain(POINT.iter().map(|column| column.1)).map(figure).collect(),
            system_calls: Default::default(),
            left_out: None,
        }
    }

    #[track_caller]
    pub fn parse(markup: &str) -> roxmltree::Document<'_> {
        let document = roxmltree::Document::parse(markup).unwrap();
        assert!(!document.descendants().any(|node| node.has_tag_name("script")));
        document
    }

    pub fn count(document: &roxmltree::Document, class: &str) -> usize {
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
        let figures = document.descendants().filter(|node| node.has_tag_name("figcaption"));
        let titles: Vec<&str> = figures.filter_map(|node| node.first_element_child()?.text()).collect();
        assert!(titles.contains(&"How long it takes from writing a change to its being known"), "{titles:?}");
        assert_eq!(count(&parse(&follow(&settings(), &[followed("events", None, 7.0)])), "curve"), 0);
    }
}
