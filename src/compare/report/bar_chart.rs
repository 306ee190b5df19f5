//! Bars in rows, and marks on a logarithmic scale.
//!
//! ```text
//!   name  → ▇▇▇▇▒▒▒░░░ 384        a bar is the median; its whisker goes from the least to the most of the
//!         ← ▇▇▒▒▒├──┤ 205 (…)     rounds, and the words next to it say the same
//!   name    ●──┤  ■────┤  ◆       marks, each with its own whisker
//! ```
//!
//! Each colour comes with a pattern, a shape or a word that says the same.

use crate::compare::costs::Spread;
use crate::compare::format::{number, words};
use crate::compare::report::document::{Bar, Chart};
use crate::compare::report::scale::Scale;
use crate::compare::report::svg::{AXIS_HEIGHT, HEADING_HEIGHT, Svg, WIDTH};

/// Draws bars in rows, on a scale that begins at zero.
pub fn bars(chart: &Chart, rows: &[(String, Vec<Bar>)]) -> String {
    let all = || rows.iter().flat_map(|(_, bars)| bars);
    let most = all().map(|bar| bar.whole.max.max(length(bar))).fold(0.0, f64::max);
    let widest = all().map(|bar| words(&bar.whole).len()).max().unwrap_or(0) as f64 * DIGIT_WIDTH;
    let margin = margin(rows.iter().map(|(name, _)| name));
    let scale = Scale::linear(most, margin + BARS_ASIDE, (WIDTH - widest - 8.0).min(BARS_TO));
    let height = rows.iter().map(|(_, bars)| row_height(bars)).sum();
    let mut svg = Svg::begin(chart, height + AXIS_HEIGHT);
    svg.grid(&scale, &chart.unit, height);
    let mut top = 0.0;
    for (name, bars) in rows {
        svg.text("name", margin, top + (row_height(bars) - BAR_STEP + BAR_HEIGHT) / 2.0, name);
        for (n, bar) in bars.iter().enumerate() {
            draw_bar(bar, &scale, top + ROW_GAP / 2.0 + n as f64 * BAR_STEP, &mut svg);
        }
        top += row_height(bars);
    }
    svg.end()
}

fn draw_bar(bar: &Bar, scale: &Scale, y: f64, svg: &mut Svg) {
    let middle = y + BAR_HEIGHT / 2.0;
    svg.text("sign", scale.from - 6.0, middle, bar.sign);
    let mut drawn = 0.0;
    for &(class, value) in bar.parts.iter().filter(|(_, value)| *value > 0.0) {
        let from = scale.at(drawn);
        drawn += value;
        let width = scale.at(drawn) - from;
        svg.push(format_args!(
            r#"<rect class="{class}" x="{from:.1}" y="{y:.1}" width="{width:.1}" height="{BAR_HEIGHT}"/>"#
        ));
    }
    let mut end = scale.at(drawn);
    if !bar.whole.is_exact() {
        svg.whisker(scale, &bar.whole, middle);
        end = end.max(scale.at(bar.whole.max));
    }
    svg.text("value", end + 6.0, middle, &words(&bar.whole));
}

/// Medians of parts need not add up to the median of the whole.
fn length(bar: &Bar) -> f64 {
    bar.parts.iter().map(|(_, value)| value.max(0.0)).sum()
}

fn row_height(bars: &[Bar]) -> f64 {
    bars.len() as f64 * BAR_STEP + ROW_GAP
}

/// Draws up to three marks in each row, with their medians on the right. Zero, and values that are tiny next to the
/// greatest, stand at the left end.
pub fn marks(chart: &Chart, rows: &[(String, Vec<Spread>)]) -> String {
    let all = || rows.iter().flat_map(|(_, marks)| marks);
    let most = all().map(|spread| spread.max).fold(0.0, f64::max);
    let least = all().map(|spread| spread.min).filter(|value| *value > 0.0).fold(f64::MAX, f64::min);
    let margin = margin(rows.iter().map(|(name, _)| name));
    let scale = Scale::logarithmic(least.max(most / MARKS_RATIO_MAX), most, margin + BARS_ASIDE, MARKS_TO);
    let height = rows.len() as f64 * MARKS_STEP + HEADING_HEIGHT;
    let mut svg = Svg::begin(chart, height + AXIS_HEIGHT);
    svg.grid(&scale, &chart.unit, height);
    let column = |n: usize| MARKS_TO + (n + 1) as f64 * COLUMN_WIDTH;
    for (n, entry) in chart.legend.iter().enumerate() {
        let (heading, _) = entry.words.split_once(':').unwrap_or((&entry.words, ""));
        svg.text("heading", column(n), HEADING_HEIGHT / 2.0, heading);
    }
    for (row, (name, marks)) in rows.iter().enumerate() {
        let y = HEADING_HEIGHT + (row as f64 + 0.5) * MARKS_STEP;
        svg.text("name", margin, y, name);
        for (n, (spread, entry)) in marks.iter().zip(&chart.legend).enumerate() {
            svg.whisker(&scale, spread, y);
            svg.mark(n, entry.class, scale.at(spread.median), y);
            svg.text("heading", column(n), y, &number(spread.median));
        }
    }
    svg.end()
}

/// The right end of the names, so that the longest has room.
fn margin<'n>(names: impl Iterator<Item = &'n String>) -> f64 {
    names.map(|name| name.len() as f64 * DIGIT_WIDTH).fold(NAMES_TO_MIN, f64::max)
}

const NAMES_TO_MIN: f64 = 122.0;
const BARS_ASIDE: f64 = 24.0;
const BARS_TO: f64 = 560.0;
/// The width of a digit, about; most letters are narrower.
const DIGIT_WIDTH: f64 = 7.8;
const BAR_HEIGHT: f64 = 13.0;
const BAR_STEP: f64 = 16.0;
const ROW_GAP: f64 = 9.0;
const MARKS_TO: f64 = 520.0;
const MARKS_STEP: f64 = 24.0;
/// The greatest ratio of the two ends of a scale of marks.
const MARKS_RATIO_MAX: f64 = 1e6;
const COLUMN_WIDTH: f64 = 64.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::report::document::{LegendEntry, Plot};
    use crate::compare::report::samples::{HOSTILE, count, spread};

    fn chart(title: &str, unit: &str, legend: &[(&'static str, &str)]) -> Chart {
        let entry = |(class, words): &(&'static str, &str)| LegendEntry { class, words: (*words).to_owned() };
        Chart {
            title: title.to_owned(),
            unit: unit.to_owned(),
            legend: legend.iter().map(entry).collect(),
            plot: Plot::Bars(Vec::new()),
        }
    }

    #[test]
    fn a_bar_shows_its_parts_and_its_spread() {
        let bar = |whole| Bar {
            sign: "→",
            parts: vec![("payload", 64.0), ("fields", 40.0), ("framing", 0.0)],
            whole,
        };
        let both = vec![bar(spread(104.0, 104.0, 104.0)), bar(spread(90.0, 104.0, 200.0))];
        let rows = [(HOSTILE.to_owned(), both)];
        let drawing = bars(&chart(HOSTILE, "bytes", &[("payload", HOSTILE)]), &rows);
        // One of them in the key.
        assert_eq!(
            (count(&drawing, "payload"), count(&drawing, "fields"), count(&drawing, "framing")),
            (3, 2, 0)
        );
        assert_eq!(count(&drawing, "whisker"), 1, "what is exact has no spread");
        assert!(drawing.contains(">104 (90 to 200)</text>"), "{drawing}");
    }

    #[test]
    fn a_mark_of_nothing_stands_at_the_end_and_says_so() {
        let rows = [("none", spread(0.0, 0.0, 0.0)), ("some", spread(2.0, 20.0, 200.0))];
        let rows = rows.map(|(name, spread)| (name.to_owned(), vec![spread]));
        let drawing = marks(&chart("x", "ms", &[("first", "p50: half")]), &rows);
        assert!(drawing.contains(">0</text>") && drawing.contains(r#"cx="146.0""#), "{drawing}");
        assert!(drawing.contains(">10</text>") && !drawing.contains(">0.1</text>"), "{drawing}");
    }

    #[test]
    fn marks_have_shapes_and_their_numbers() {
        let legend = [("first", "first: what it is"), ("second", "second: what it is")];
        let row = vec![spread(1.0, 60.0, 90.0), spread(100.0, 250.5, 4000.0)];
        let drawing = marks(&chart("x", "us", &legend), &[(HOSTILE.to_owned(), row)]);
        assert_eq!(
            (count(&drawing, "whisker"), count(&drawing, "first"), count(&drawing, "second")),
            (2, 2, 2)
        );
        assert!(drawing.contains(">60</text>") && drawing.contains(">250.5</text>"), "{drawing}");
    }
}
