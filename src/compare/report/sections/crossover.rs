//! The experiment *Cross*: what each way costs at each rate, how stale what it shows is, and where one way overtakes
//! another.

use crate::compare::experiments::crossover::bracket::rate_words;
use crate::compare::experiments::crossover::{
    COMPARED, Compared, Crossed, Crossing, STALE, STALE_PERCENT_MAX, Staleness,
};
use crate::compare::experiments::updates::{Settings, stale_words};
use crate::compare::report::charts::{FigureColumn, FigureRow, cells, curves};
use crate::compare::report::document::{
    Block, Cell, Chart, Document, Lines, MarkedRange, Output, Table, YScale,
};
use crate::compare::report::sections::updates::notes_on_polls;
use crate::compare::report::text::number;

/// Adds the section. An interrupted run has what was found by then.
pub fn add(settings: &Settings, crossed: &Crossed, document: &mut Document) {
    if crossed.points.is_empty() {
        return;
    }
    let (followers, seconds) = (settings.followers, crossed.seconds);
    let stale = stale_words(settings.stale_ms);
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
        for (output, is_stale) in
            [(Output::Text, format!("it is stale ({stale})")), (Output::Page, format!("what is shown is {stale}"))]
        {
            let title = format!("From which rate on {is_stale} for more than half of the time, in changes a second");
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
    let (title, lines) = if compared.figure == STALE {
        let ranges = crossed.staleness.iter().filter_map(|one| range(&one.name(), one.low, one.high));
        let lines = Lines {
            y_label: format!("% of the time in which it is {stale}"),
            y_scale: YScale::Percent { limit: STALE_PERCENT_MAX },
            curves,
            ranges: ranges.collect(),
        };
        ("How stale what is shown is, by how often it changes".to_owned(), lines)
    } else {
        let unit = if compared.unit == about { "" } else { "microseconds of " };
        let of_figure = crossed.crossings.iter().filter(|one| one.figure == compared.figure);
        let ranges = of_figure.filter_map(|one| {
            range(&format!("{} {} s or {}", one.poller, one.poll_seconds, one.told), one.low, one.high)
        });
        let lines = Lines {
            y_label: format!("{unit}{about}, for each follower and second"),
            y_scale: YScale::Logarithmic,
            curves,
            ranges: ranges.collect(),
        };
        (format!("What it costs to keep up, by how often it changes: {about}"), lines)
    };
    Some(Chart::lines(title, "changes a second", lines))
}

fn range(name: &str, low: Option<f64>, high: Option<f64>) -> Option<MarkedRange> {
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
