//! The experiment *Cross*: what each way costs at each rate, how stale what it shows is, and where one way overtakes
//! another.

use crate::compare::experiments::crossover::cross_result::{
    COMPARED, Compared, Crossed, Crossing, STALE, STALE_PERCENT_MAX, Staleness,
};
use crate::compare::format::{number, rate_words};
use crate::compare::options::UpdateOptions;
use crate::compare::report::charts::{FigureColumn, FigureRow, cells, curves};
use crate::compare::report::document::{
    Block, Cell, Chart, Document, Lines, MarkedRange, Output, Table, YScale,
};
use crate::compare::report::sections::updates::notes_on_polls;

/// Adds the section. An interrupted run has what was found by then.
pub fn add(settings: &UpdateOptions, crossed: &Crossed, document: &mut Document) {
    if crossed.points.is_empty() {
        return;
    }
    let (followers, seconds) = (settings.followers, crossed.seconds);
    let stale = match settings.stale_ms {
        0 => "not the newest".to_owned(),
        ms => format!("older than {ms} ms"),
    };
    document.heading(
        Output::Text,
        2,
        format!(
            "{followers} follow one item; each rate for {seconds} seconds. For each follower and second; for how \
             much of the time what\nit shows is stale ({stale}); and how old it is, in milliseconds"
        ),
    );
    add_points(followers, crossed, Output::Text, document);
    document.heading(Output::Page, 2, "Where being told overtakes polling");
    document.paragraph(
        Output::Page,
        format!(
            "{followers} follow one item; each rate for {} seconds. Where it happens was measured on both sides, and \
             nothing is claimed of what lies between. What is shown is stale where it is {stale}.",
            number(seconds)
        ),
    );
    document.charts(COMPARED.iter().map(|compared| chart(crossed, compared, &stale)));
    if !crossed.crossings.is_empty() {
        document.heading(Output::All, 3, "Where one overtakes the other, in changes a second");
        document.add(Output::Text, crossings(&crossed.crossings, "age there p50: polling"));
        document.add(Output::Page, crossings(&crossed.crossings, "age p50 ms there: polling"));
    }
    document.paragraphs(Output::All, crossed.crossings.iter().filter_map(Crossing::words));
    if !crossed.staleness.is_empty() {
        for (output, is_stale) in [
            (Output::Text, format!("it is stale ({stale})")),
            (Output::Page, format!("what is shown is {stale}")),
        ] {
            let title =
                format!("From which rate on {is_stale} for more than half of the time, in changes a second");
            document.heading(output, 3, title);
        }
        document.add(Output::All, staleness(&crossed.staleness));
    }
    document.paragraphs(Output::All, crossed.staleness.iter().filter_map(Staleness::words));
    document.heading(Output::Page, 3, "What was measured at each rate, for each follower and second");
    add_points(followers, crossed, Output::Page, document);
}

/// What was measured at each rate.
fn add_points(followers: u16, crossed: &Crossed, output: Output, document: &mut Document) {
    let headings = ["way", "changes/s"].into_iter().chain(POINT.iter().map(|column| column.0));
    let mut table = Table::new(headings);
    for point in &crossed.points {
        let rate = Cell::Words(rate_words(point.changes_per_second));
        table.row(point.followed.words(), [rate].into_iter().chain(cells(&point.followed, POINT)));
    }
    document.add(output, Block::Table(table));
    let followed = crossed.points.iter().map(|point| &point.followed);
    document.paragraphs(output, notes_on_polls(followers, crossed.seconds, followed));
}

/// A figure at each rate, and the ranges in which one way overtakes another, or becomes too stale.
fn chart(crossed: &Crossed, compared: &Compared, stale: &str) -> Option<Chart> {
    let about = compared.words.about;
    let curves = curves(crossed.points.iter().filter_map(|point| {
        let y = point.followed.spread(compared.figure)?;
        Some((point.followed.words(), point.changes_per_second, y))
    }));
    if curves.is_empty() {
        return None;
    }
    let (title, y_label, y_scale, ranges): (_, _, _, Vec<MarkedRange>) = if compared.figure == STALE {
        let title = "How stale what is shown is, by how often it changes".to_owned();
        let ranges = crossed.staleness.iter().filter_map(|one| range(one.name(), one.low, one.high));
        let y_scale = YScale::Percent { limit: STALE_PERCENT_MAX };
        (title, format!("% of the time in which it is {stale}"), y_scale, ranges.collect())
    } else {
        let title = format!("What it costs to keep up, by how often it changes: {about}");
        let unit = if compared.unit == about { "" } else { "microseconds of " };
        let y_label = format!("{unit}{about}, for each follower and second");
        let of_figure = crossed.crossings.iter().filter(|one| one.figure == compared.figure);
        let ranges = of_figure.filter_map(|one| {
            range(format!("{} {} s or {}", one.poller, one.poll_seconds, one.told), one.low, one.high)
        });
        (title, y_label, YScale::Logarithmic, ranges.collect())
    };
    Some(Chart::lines(title, "changes a second", Lines { y_label, y_scale, curves, ranges }))
}

fn range(name: String, low: Option<f64>, high: Option<f64>) -> Option<MarkedRange> {
    let (from, to) = (low?, high?);
    let words = format!("{name}: {} to {} changes/s", rate_words(from), rate_words(to));
    Some(MarkedRange { from, to, words })
}

fn crossings(all: &[Crossing], age: &str) -> Block {
    let headings = ["polling", "or told", "compared", "more of it: polling up to", "told from", "measured"];
    let mut table = Table::new(headings.into_iter().chain([age, "told"]));
    for one in all {
        let ages = [&one.poller_age_p50_ms, &one.told_age_p50_ms];
        let ages = ages.map(|age| Cell::from(age.as_ref().map(|figure| figure.spread)));
        let ways = [one.told, one.compared].map(|words| Cell::Words(words.to_owned()));
        let cells = ways.into_iter().chain(rates(one.low, one.high, one.measured)).chain(ages);
        table.row(format!("{} {} s", one.poller, one.poll_seconds), cells);
    }
    Block::Table(table)
}

fn staleness(all: &[Staleness]) -> Block {
    let headings = ["way", "half of it at most: up to", "more: from", "measured"];
    let mut table = Table::new(headings.into_iter().chain(["% stale at the lowest", "the highest"]));
    for one in all {
        let ends = [one.at_lowest, one.at_highest].map(|figure| Cell::from(Some(figure.spread)));
        table.row(one.name(), rates(one.low, one.high, one.measured).into_iter().chain(ends));
    }
    Block::Table(table)
}

/// The rate up to which it is so, the rate from which it is not, and the range that was measured.
fn rates(low: Option<f64>, high: Option<f64>, measured: [f64; 2]) -> [Cell; 3] {
    let [low, high] = [low, high].map(|rate| rate.map_or("-".to_owned(), rate_words));
    let [least, most] = measured.map(rate_words);
    [low, high, format!("{least} to {most}")].map(Cell::Words)
}

/// The figures of each rate.
pub const POINT: &[FigureColumn] = &[
    ("bytes", "changing_bytes"),
    ("server CPU us", "changing_server_us"),
    ("missed", "missed"),
    ("% stale", "stale_percent"),
    ("age p50", "age_p50_ms"),
    ("p99", "age_p99_ms"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::costs::Figure;
    use crate::compare::experiments::crossover::cross_result::{Pair, Point};
    use crate::compare::report::samples::{count, followed, page_of, parse, spread, update_settings};

    fn section(crossed: &Crossed) -> String {
        page_of(|document| add(&update_settings(), crossed, document))
    }

    fn figure(value: f64) -> Figure {
        Figure { unit: "x", spread: spread(value, value, value) }
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
        let markup = section(&crossed(Some(7.25), Some(1.0)));
        // Bytes and staleness have what was found, each with its key; processor time has nothing.
        assert_eq!((count(&markup, "curve"), count(&markup, "crossing")), (6, 4));
        assert_eq!(count(&markup, "level"), 1);
        for words in ["a: poll 1 s or socket: 7.25 to 8 changes/s", "poll 1 s: 0.75 to 1 changes/s", ">98.8<"]
        {
            assert!(markup.contains(words), "{words}: {markup}");
        }
        let markup = section(&crossed(None, None));
        assert_eq!(count(&markup, "crossing"), 0, "what was not found is not marked");
        for words in ["or socket: &lt;script&gt; always", "poll 1 s: &lt;script&gt; never"] {
            assert!(markup.contains(words), "{words}: {markup}");
        }
    }

    #[test]
    fn rates_have_the_digits_that_they_have_at_a_terminal() {
        let mut all = crossed(Some(11.25), Some(11.75));
        all.points[0].changes_per_second = 11.25;
        all.crossings[0].high = Some(11.5);
        let markup = section(&all);
        for words in [">11.25<", "socket: 11.25 to 11.5 changes/s", "poll 1 s: 0.75 to 11.75 changes/s"] {
            assert!(markup.contains(words), "{words}: {markup}");
        }
    }

    #[test]
    fn what_is_within_the_spread_is_said_though_it_was_found() {
        let mut all = crossed(Some(7.25), Some(1.0));
        all.crossings[0].says = "bytes: so; at 7.25 that is within the spread".to_owned();
        assert!(!section(&all).contains("within the spread"));
        all.crossings[0].clear = false;
        assert!(section(&all).contains("<p>poll every 1 s or socket: bytes: so; at 7.25 that is within"));
    }

    #[test]
    fn what_was_interrupted_has_no_empty_tables() {
        let mut some = crossed(None, None);
        (some.crossings, some.staleness) = (Vec::new(), Vec::new());
        let markup = section(&some);
        let document = parse(&markup);
        let count = |name| document.descendants().filter(|node| node.has_tag_name(name)).count();
        assert_eq!((count("table"), count("figure"), count("h3")), (1, 3, 1));
        some.points.clear();
        let mut document = Document::new("title", String::new(), true);
        add(&update_settings(), &some, &mut document);
        assert!(document.blocks.is_empty());
    }
}
