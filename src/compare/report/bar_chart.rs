//! Drawings as SVG: bars in rows, and marks on a logarithmic line. [`curves`](crate::compare::report::line_chart) are made of the same pieces.
//!
//! ```text
//!   name  → ▇▇▇▇▒▒▒░░░ 384        a bar is the median; its whisker goes from the least to the most of the
//!         ← ▇▇▒▒▒├──┤ 205 (…)     rounds, and the words beside it say the same
//!   name    ●──┤  ■────┤  ◆       marks, each with its own whisker
//! ```
//!
//! What a colour says, a pattern, a shape or a word says, too. Colours and patterns are those of `page.css`.

use std::fmt::Write;

use crate::compare::costs::Spread;
use crate::compare::format::{number, words};
use crate::compare::report::html::text;
use crate::compare::report::scale::Scale;

/// What a class of `page.css` stands for.
#[derive(Clone, Debug)]
pub struct Key {
    pub class: &'static str,
    pub says: String,
}

/// One way.
#[derive(Clone, Debug)]
pub struct Row<'r> {
    pub name: &'r str,
    pub bars: Vec<Bar>,
}

#[derive(Clone, Debug)]
pub struct Bar {
    /// A sign before it, where a row has several.
    pub sign: &'static str,
    /// Class and length of each piece, from the left.
    pub parts: Vec<(&'static str, f64)>,
    pub whole: Spread,
}

/// Bars in rows, on a scale that begins at nothing.
pub fn bars(title: &str, unit: &str, keys: &[Key], rows: &[Row]) -> String {
    let wholes = rows.iter().flat_map(|row| &row.bars).map(|bar| bar.whole.max.max(bar.length()));
    let longest = rows.iter().flat_map(|row| &row.bars).map(|bar| words(&bar.whole).len()).max();
    let to = (WIDTH - longest.unwrap_or(0) as f64 * LETTER_WIDTH - 8.0).min(BARS_TO);
    let margin = margin(rows.iter().map(|row| row.name));
    let scale = Scale::linear(wholes.fold(0.0, f64::max), margin + BARS_ASIDE, to);
    let height = rows.iter().map(|row| row.height()).sum::<f64>();
    let mut out = begin(title, keys, height + AXIS_HEIGHT);
    push_grid(&scale, unit, height, &mut out);
    let mut y = 0.0;
    for row in rows {
        let middle = y + (row.height() - BAR_STEP + BAR_HEIGHT) / 2.0;
        push_text("name", margin, middle, row.name, &mut out);
        for (n, bar) in row.bars.iter().enumerate() {
            bar.push(&scale, y + ROW_GAP / 2.0 + n as f64 * BAR_STEP, &mut out);
        }
        y += row.height();
    }
    end(out)
}

impl Row<'_> {
    fn height(&self) -> f64 {
        self.bars.len() as f64 * BAR_STEP + ROW_GAP
    }
}

impl Bar {
    /// Of one piece.
    pub fn of(class: &'static str, whole: Spread) -> Bar {
        Bar { sign: "", parts: vec![(class, whole.median)], whole }
    }

    /// Medians of parts need not add up to the median of the whole.
    fn length(&self) -> f64 {
        self.parts.iter().map(|(_, value)| value.max(0.0)).sum()
    }

    fn push(&self, scale: &Scale, y: f64, out: &mut String) {
        let middle = y + BAR_HEIGHT / 2.0;
        push_text("sign", scale.from - 6.0, middle, self.sign, out);
        let mut so_far = 0.0;
        for &(class, value) in self.parts.iter().filter(|(_, value)| *value > 0.0) {
            let (from, to) = (scale.at(so_far), scale.at(so_far + value));
            _ = write!(
                out,
                r#"<rect class="{class}" x="{from:.1}" y="{y:.1}" width="{:.1}" height="{BAR_HEIGHT}"/>"#,
                to - from
            );
            so_far += value;
        }
        let mut end = scale.at(so_far.max(0.0));
        if !self.whole.is_exact() {
            push_whisker(scale, &self.whole, middle, out);
            end = end.max(scale.at(self.whole.max));
        }
        push_text("value", end + 6.0, middle, &words(&self.whole), out);
    }
}

/// Three marks at most in each row, on a logarithmic scale; their medians stand on the right. What is nothing, or next
/// to it, has no place there, and stands at the left end.
pub fn marks(title: &str, unit: &str, keys: &[Key], rows: &[(&str, Vec<Spread>)]) -> String {
    let all = || rows.iter().flat_map(|(_, marks)| marks);
    let most = all().map(|spread| spread.max).fold(0.0, f64::max);
    let least = all().map(|spread| spread.min).filter(|value| *value > 0.0).fold(f64::MAX, f64::min);
    let least = least.max(most / MARKS_ACROSS_MAX);
    let margin = margin(rows.iter().map(|row| row.0));
    let scale = Scale::logarithmic(least, most, margin + BARS_ASIDE, MARKS_TO);
    let height = rows.len() as f64 * MARKS_STEP + HEADING_HEIGHT;
    let mut out = begin(title, keys, height + AXIS_HEIGHT);
    push_grid(&scale, unit, height, &mut out);
    let column = |n: usize| MARKS_TO + (n + 1) as f64 * COLUMN_WIDTH;
    for (n, key) in keys.iter().enumerate() {
        push_text(
            "heading",
            column(n),
            HEADING_HEIGHT / 2.0,
            key.says.split(':').next().unwrap_or(""),
            &mut out,
        );
    }
    for (n, (name, marks)) in rows.iter().enumerate() {
        let y = HEADING_HEIGHT + (n as f64 + 0.5) * MARKS_STEP;
        push_text("name", margin, y, name, &mut out);
        for (n, (spread, key)) in marks.iter().zip(keys).enumerate() {
            push_whisker(&scale, spread, y, &mut out);
            push_mark(n, key.class, scale.at(spread.median), y, &mut out);
            push_text("heading", column(n), y, &number(spread.median), &mut out);
        }
    }
    end(out)
}

/// The same shape for the same number.
pub fn push_mark(n: usize, class: &str, x: f64, y: f64, out: &mut String) {
    _ = match n % 4 {
        0 => write!(out, r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="5"/>"#),
        1 => write!(
            out,
            r#"<rect class="{class}" x="{:.1}" y="{:.1}" width="9" height="9"/>"#,
            x - 4.5,
            y - 4.5
        ),
        2 => write!(out, r#"<path class="{class}" d="M{x:.1} {:.1}l6 6 -6 6 -6 -6z"/>"#, y - 6.0),
        _ => write!(out, r#"<path class="{class}" d="M{x:.1} {:.1}l6 10h-12z"/>"#, y - 6.0),
    };
}

/// Where names end, so that the longest has room.
fn margin<'r>(names: impl Iterator<Item = &'r str>) -> f64 {
    names.map(|name| name.len() as f64 * LETTER_WIDTH).fold(NAMES_TO_MIN, f64::max)
}

/// From the least to the most.
fn push_whisker(scale: &Scale, spread: &Spread, y: f64, out: &mut String) {
    let (from, to) = (scale.at(spread.min), scale.at(spread.max));
    let (top, bottom) = (y - 4.0, y + 4.0);
    let path =
        format!("M{from:.1} {top:.1}V{bottom:.1}M{from:.1} {y:.1}H{to:.1}M{to:.1} {top:.1}V{bottom:.1}");
    // On the bar, too, it is to be seen.
    _ = write!(out, r#"<path class="halo" d="{path}"/><path class="whisker" d="{path}"/>"#);
}

/// Lines from top to bottom, and what they stand for.
pub fn push_grid(scale: &Scale, unit: &str, height: f64, out: &mut String) {
    for (value, label) in scale.ticks() {
        let x = scale.at(value);
        _ = write!(out, r#"<line class="grid" x1="{x:.1}" y1="0" x2="{x:.1}" y2="{height:.1}"/>"#);
        push_text("tick", x, height + 12.0, &label, out);
    }
    push_text("tick", (scale.from + scale.to) / 2.0, height + 30.0, unit, out);
}

pub fn push_text(class: &str, x: f64, y: f64, words: &str, out: &mut String) {
    if !words.is_empty() {
        _ = write!(out, r#"<text class="{class}" x="{x:.1}" y="{:.1}">{}</text>"#, y + 4.5, text(words));
    }
}

/// What it shows, and by which signs, stands above it.
pub fn begin(title: &str, keys: &[Key], height: f64) -> String {
    let title = text(title);
    let mut out = format!("<figure>\n<figcaption><b>{title}</b>");
    for (n, Key { class, says }) in keys.iter().enumerate() {
        out += r#" <span class="key"><svg viewBox="0 0 14 14" width="14" height="14">"#;
        // The keys of marks are marks.
        match CLASSES.contains(class) {
            true => push_mark(n, class, 7.0, 7.0, &mut out),
            false => _ = write!(out, r#"<rect class="{class}" width="14" height="14"/>"#),
        }
        _ = write!(out, "</svg> {}</span>", text(says));
    }
    _ = write!(
        out,
        "</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\"><title>{title}</title>"
    );
    out
}

pub fn end(out: String) -> String {
    out + "</svg>\n</figure>\n"
}

/// Of marks and curves, in their order.
pub const CLASSES: [&str; 4] = ["first", "second", "third", "fourth"];

const WIDTH: f64 = 720.0;
const NAMES_TO_MIN: f64 = 122.0;
const BARS_ASIDE: f64 = 24.0;
const BARS_TO: f64 = 560.0;
/// Of digits, about; other signs are narrower.
const LETTER_WIDTH: f64 = 7.8;
const BAR_HEIGHT: f64 = 13.0;
const BAR_STEP: f64 = 16.0;
const ROW_GAP: f64 = 9.0;
const MARKS_TO: f64 = 520.0;
const MARKS_STEP: f64 = 24.0;
/// So many times the least is the most, at most.
const MARKS_ACROSS_MAX: f64 = 1e6;
const COLUMN_WIDTH: f64 = 64.0;
pub const HEADING_HEIGHT: f64 = 18.0;
pub const AXIS_HEIGHT: f64 = 38.0;

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const HOSTILE: &str = "</text><script>alert(1)</script>";

    pub fn spread(min: f64, median: f64, max: f64) -> Spread {
        Spread { median, min, max }
    }

    /// How many elements have that class, in markup that is well-formed.
    #[track_caller]
    pub fn count(drawing: &str, class: &str) -> usize {
        let document = roxmltree::Document::parse(drawing).unwrap();
        let has = |node: &roxmltree::Node| {
            node.attribute("class").is_some_and(|of| of.split(' ').any(|name| name == class))
        };
        assert!(!document.descendants().any(|node| node.has_tag_name("script")));
        document.descendants().filter(has).count()
    }

    #[test]
    fn a_bar_shows_its_parts_and_its_spread() {
        let bar = |whole| Bar {
            sign: "→",
            parts: vec![("payload", 64.0), ("fields", 40.0), ("framing", 0.0)],
            whole,
        };
        let rows = [Row {
            name: HOSTILE,
            bars: vec![bar(spread(104.0, 104.0, 104.0)), bar(spread(90.0, 104.0, 200.0))],
        }];
        let drawing = bars(HOSTILE, "bytes", &[Key { class: "payload", says: HOSTILE.to_owned() }], &rows);
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
        let keys = [Key { class: "first", says: "p50: half".to_owned() }];
        let rows = [("none", vec![spread(0.0, 0.0, 0.0)]), ("some", vec![spread(2.0, 20.0, 200.0)])];
        let drawing = marks("x", "ms", &keys, &rows);
        assert!(drawing.contains(">0</text>") && drawing.contains(r#"cx="146.0""#), "{drawing}");
        assert!(drawing.contains(">10</text>") && !drawing.contains(">0.1</text>"), "{drawing}");
    }

    #[test]
    fn marks_have_shapes_and_their_numbers() {
        let keys = ["first", "second"].map(|class| Key { class, says: format!("{class}: what it is") });
        let drawing = marks(
            "x",
            "us",
            &keys,
            &[(HOSTILE, vec![spread(1.0, 60.0, 90.0), spread(100.0, 250.5, 4000.0)])],
        );
        assert_eq!(
            (count(&drawing, "whisker"), count(&drawing, "first"), count(&drawing, "second")),
            (2, 2, 2)
        );
        assert!(drawing.contains(">60</text>") && drawing.contains(">250.5</text>"), "{drawing}");
    }
}
