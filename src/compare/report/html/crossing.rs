//! Cross on the page: what each way costs at each rate, how stale is what it shows, and where one overtakes another.

use std::fmt::Write;

use crate::compare::experiments::crossover::cross_result::{
    COMPARED, Compared, Crossed, Crossing, Point, STALE, STALE_PERCENT_MAX, Staleness,
};
use crate::compare::experiments::updates::figures::Followed;
use crate::compare::experiments::updates::update_settings::{UpdateSettings, stale_words};
use crate::compare::format::{number, rate_words};
use crate::compare::report::html::following::{cells, spread};
use crate::compare::report::html::{cell, push_table, text};
use crate::compare::report::line_chart::{Chart, Curve, Stretch, Up};
use crate::compare::report::update_tables::{POINT, cut, rates};

/// All of Cross; of what was interrupted, as far as it came.
pub fn cross(settings: &UpdateSettings, crossed: &Crossed) -> String {
    if crossed.points.is_empty() {
        return String::new();
    }
    let stale = stale_words(settings.stale_ms);
    let mut out = format!(
        "<section>\n<h2>Where being told overtakes polling</h2>\n<p>{} follow one item; each rate for {} seconds. \
         Where it happens was measured on both sides, and nothing is claimed of what lies between. What is shown is \
         stale where it is {stale}.</p>\n",
        settings.followers,
        number(crossed.seconds)
    );
    for compared in COMPARED {
        out += &chart(crossed, compared, &stale);
    }
    push_overtaken(crossed, &mut out);
    push_staleness(crossed, &stale, &mut out);
    out += "<h3>What was measured at each rate, for each follower and second</h3>\n";
    push_points(&crossed.points, &mut out);
    let followed = crossed.points.iter().map(|point| &point.followed);
    push_words(cut(settings.followers, crossed.seconds, followed), &mut out);
    out + "</section>\n"
}

/// A figure at each rate, and between which rates something happens to it.
fn chart(crossed: &Crossed, compared: &Compared, stale: &str) -> String {
    let curves = lines(&crossed.points, compared.figure);
    if curves.is_empty() {
        return String::new();
    }
    let about = compared.words.about;
    if compared.figure == STALE {
        let title = "How stale what is shown is, by how often it changes";
        let left = format!("% of the time in which it is {stale}");
        let stretches: Vec<Stretch> = crossed.staleness.iter().filter_map(too_stale).collect();
        let up = Up::Percent { too_much: STALE_PERCENT_MAX };
        return Chart {
            title,
            axes: ["changes a second", &left],
            up,
            curves: &curves,
            stretches: &stretches,
        }
        .draw();
    }
    let title = format!("What it costs to keep up, by how often it changes: {about}");
    let unit = if compared.unit == about { "" } else { "microseconds of " };
    let left = format!("{unit}{about}, for each follower and second");
    let of_it = crossed.crossings.iter().filter(|one| one.figure == compared.figure);
    let stretches: Vec<Stretch> = of_it.filter_map(overtakes).collect();
    let axes = ["changes a second", &*left];
    Chart { title: &title, axes, up: Up::Logarithmic, curves: &curves, stretches: &stretches }.draw()
}

fn lines(points: &[Point], figure: &str) -> Vec<Curve> {
    let mut lines: Vec<Curve> = Vec::new();
    for point in points {
        let Some(value) = spread(&point.followed, figure) else { continue };
        let (says, at) = (point.followed.words(), (point.changes_per_second, value));
        match lines.iter_mut().find(|line| line.says == says) {
            Some(line) => line.points.push(at),
            None => lines.push(Curve { says, points: vec![at] }),
        }
    }
    lines.iter_mut().for_each(|line| line.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    lines
}

fn overtakes(one: &Crossing) -> Option<Stretch> {
    let (from, to) = (one.low?, one.high?);
    let says = format!("{} {} s or {}: {}", one.poller, one.poll_seconds, one.told, range(from, to));
    Some(Stretch { from, to, says })
}

fn too_stale(one: &Staleness) -> Option<Stretch> {
    let (from, to) = (one.low?, one.high?);
    Some(Stretch { from, to, says: format!("{}: {}", one.name(), range(from, to)) })
}

fn range(from: f64, to: f64) -> String {
    format!("{} to {} changes/s", rate_words(from), rate_words(to))
}

fn push_overtaken(crossed: &Crossed, out: &mut String) {
    if crossed.crossings.is_empty() {
        return;
    }
    *out += "<h3>Where one overtakes the other, in changes a second</h3>\n";
    let row = |one: &Crossing| {
        let ages = [&one.poller_age_p50_ms, &one.told_age_p50_ms];
        let ages = ages.map(|age| cell(age.as_ref().map(|figure| figure.spread)));
        let [low, high, measured] = rates(one.low, one.high, one.measured);
        let cells = [one.told.to_owned(), one.compared.to_owned(), low, high, measured];
        (format!("{} {} s", one.poller, one.poll_seconds), cells.into_iter().chain(ages).collect())
    };
    let headings = [
        "or told",
        "compared",
        "more of it: polling up to",
        "told from",
        "measured",
        "age p50 ms there: polling",
        "told",
    ];
    push_rows("polling", &headings, crossed.crossings.iter().map(row), out);
    push_words(crossed.crossings.iter().filter_map(Crossing::words), out);
}

fn push_staleness(crossed: &Crossed, stale: &str, out: &mut String) {
    if crossed.staleness.is_empty() {
        return;
    }
    _ = writeln!(
        out,
        "<h3>From which rate on what is shown is {stale} for more than half of the time, in changes a second</h3>"
    );
    let row = |one: &Staleness| {
        let ends = [&one.at_lowest, &one.at_highest].map(|figure| cell(Some(figure.spread)));
        (one.name(), rates(one.low, one.high, one.measured).into_iter().chain(ends).collect())
    };
    let headings =
        ["half of it at most: up to", "more: from", "measured", "% stale at the lowest", "the highest"];
    push_rows("way", &headings, crossed.staleness.iter().map(row), out);
    push_words(crossed.staleness.iter().filter_map(Staleness::words), out);
}

fn push_points(points: &[Point], out: &mut String) {
    let names: Vec<&str> = POINT.iter().map(|column| column.1).collect();
    let row = |point: &Point| {
        let followed: &Followed = &point.followed;
        let rate = rate_words(point.changes_per_second);
        (followed.words(), std::iter::once(rate).chain(cells(followed, &names)).collect())
    };
    let headings: Vec<&str> =
        std::iter::once("changes/s").chain(POINT.iter().map(|column| column.0)).collect();
    push_rows("way", &headings, points.iter().map(row), out);
}

fn push_rows(
    first: &str,
    headings: &[&str],
    rows: impl Iterator<Item = (String, Vec<String>)>,
    out: &mut String,
) {
    let headings: Vec<_> = headings.iter().map(|heading| ((*heading).to_owned(), None)).collect();
    let rows: Vec<(String, Vec<String>)> = rows.collect();
    push_table(first, &headings, rows.iter().map(|(name, cells)| (&**name, cells.clone())), out);
}

fn push_words(all: impl Iterator<Item = String>, out: &mut String) {
    for words in all {
        _ = writeln!(out, "<p>{}</p>", text(&words));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::costs::Figure;
    use crate::compare::costs::Spread;
    use crate::compare::experiments::crossover::cross_result::Pair;
    use crate::compare::report::html::following::tests::{count, followed, parse, settings};

    fn figure(value: f64) -> Figure {
        Figure { unit: "x", spread: Spread { median: value, min: value, max: value } }
    }

    fn crossing(low: Option<f64>) -> Crossing {
        let pair = Pair { polling: figure(1.0), told: figure(2.0) };
        Crossing {
            poller: "poll",
            poll_seconds: 1.0,
            told: "socket",
            figure: "changing_bytes",
            compared: "bytes",
            low,
            high: Some(8.0),
            measured: [1.0, 64.0],
            at_lowest: pair,
            at_highest: pair,
            poller_age_p50_ms: None,
            told_age_p50_ms: None,
            decided: true,
            clear: true,
            says: "<script> always".to_owned(),
        }
    }

    fn staleness(high: Option<f64>) -> Staleness {
        Staleness {
            way: "poll",
            poll_seconds: Some(1.0),
            stale_ms: 0,
            low: Some(0.75),
            high,
            measured: [0.25, 64.0],
            at_lowest: figure(12.5),
            at_highest: figure(98.75),
            decided: true,
            clear: true,
            says: "<script> never".to_owned(),
        }
    }

    fn crossed(low: Option<f64>, high: Option<f64>) -> Crossed {
        let point = |followed, changes_per_second| Point { changes_per_second, followed };
        let points = [1.0, 8.0, 64.0].iter().flat_map(|&rate| {
            [
                point(followed("poll", Some(1.0), 30.0), rate),
                point(followed("socket", None, 0.5 * rate), rate),
            ]
        });
        Crossed {
            seconds: 4.0,
            points: points.collect(),
            crossings: vec![crossing(low)],
            staleness: vec![staleness(high)],
        }
    }

    #[test]
    fn rates_are_curves_and_what_was_found_is_marked() {
        let markup = cross(&settings(), &crossed(Some(7.25), Some(1.0)));
        let document = parse(&markup);
        // Bytes and staleness have what was found, each with its key; processor time has nothing.
        assert_eq!((count(&document, "curve"), count(&document, "crossing")), (6, 4));
        assert_eq!(count(&document, "level"), 1);
        for words in ["a: poll 1 s or socket: 7.25 to 8 changes/s", "poll 1 s: 0.75 to 1 changes/s", ">98.8<"]
        {
            assert!(markup.contains(words), "{words}: {markup}");
        }
        let markup = cross(&settings(), &crossed(None, None));
        assert_eq!(count(&parse(&markup), "crossing"), 0, "what was not found is not marked");
        for words in ["or socket: &lt;script&gt; always", "poll 1 s: &lt;script&gt; never"] {
            assert!(markup.contains(words), "{words}: {markup}");
        }
    }

    #[test]
    fn rates_have_the_digits_that_they_have_at_a_terminal() {
        let mut all = crossed(Some(11.25), Some(11.75));
        all.points[0].changes_per_second = 11.25;
        all.crossings[0].high = Some(11.5);
        let markup = cross(&settings(), &all);
        for words in [">11.25<", "socket: 11.25 to 11.5 changes/s", "poll 1 s: 0.75 to 11.75 changes/s"] {
            assert!(markup.contains(words), "{words}: {markup}");
        }
    }

    #[test]
    fn what_is_within_the_spread_is_said_though_it_was_found() {
        let mut all = crossed(Some(7.25), Some(1.0));
        all.crossings[0].says = "bytes: so; at 7.25 that is within the spread".to_owned();
        assert!(!cross(&settings(), &all).contains("within the spread"));
        all.crossings[0].clear = false;
        assert!(
            cross(&settings(), &all)
                .contains("<p>poll every 1 s or socket: bytes: so; at 7.25 that is within")
        );
    }

    #[test]
    fn what_was_interrupted_has_no_empty_tables() {
        let mut some = crossed(None, None);
        (some.crossings, some.staleness) = (Vec::new(), Vec::new());
        let markup = cross(&settings(), &some);
        let document = parse(&markup);
        let count = |name| document.descendants().filter(|node| node.has_tag_name(name)).count();
        assert_eq!((count("table"), count("figure"), count("h3")), (1, 3, 1));
        some.points.clear();
        assert_eq!(cross(&settings(), &some), "");
    }
}
