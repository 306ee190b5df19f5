//! The pieces of which charts are made, as SVG. Classes are those of `page.css`.

use std::fmt::{self, Write};

use crate::compare::costs::Spread;
use crate::compare::report::document::{Chart, MARK_CLASSES};
use crate::compare::report::scale::Scale;
use crate::render::escape::push_content;

/// A figure of the page that is being drawn.
pub struct Svg(String);

impl Svg {
    /// Begins a figure. Its title and legend stand above the drawing.
    pub fn begin(chart: &Chart, height: f64) -> Svg {
        let title = escaped(&chart.title);
        let mut svg = Svg(format!("<figure>\n<figcaption><b>{title}</b>"));
        for (n, entry) in chart.legend.iter().enumerate() {
            svg.push(format_args!(r#" <span class="key"><svg viewBox="0 0 14 14" width="14" height="14">"#));
            match MARK_CLASSES.contains(&entry.class) {
                true => svg.mark(n, entry.class, 7.0, 7.0),
                false => svg.push(format_args!(r#"<rect class="{}" width="14" height="14"/>"#, entry.class)),
            }
            svg.push(format_args!("</svg> {}</span>", escaped(&entry.words)));
        }
        svg.push(format_args!(
            "</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\"><title>{title}</title>"
        ));
        svg
    }

    pub fn end(self) -> String {
        self.0 + "</svg>\n</figure>\n"
    }

    pub fn push(&mut self, markup: fmt::Arguments) {
        _ = self.0.write_fmt(markup);
    }

    pub fn text(&mut self, class: &str, x: f64, y: f64, words: &str) {
        if !words.is_empty() {
            let (y, words) = (y + 4.5, escaped(words));
            self.push(format_args!(r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{words}</text>"#));
        }
    }

    /// Draws a mark whose shape depends on `n`.
    pub fn mark(&mut self, n: usize, class: &str, x: f64, y: f64) {
        let (left, top, above) = (x - 4.5, y - 4.5, y - 6.0);
        match n % 4 {
            0 => self.push(format_args!(r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="5"/>"#)),
            1 => self.push(format_args!(
                r#"<rect class="{class}" x="{left:.1}" y="{top:.1}" width="9" height="9"/>"#
            )),
            2 => self.push(format_args!(r#"<path class="{class}" d="M{x:.1} {above:.1}l6 6 -6 6 -6 -6z"/>"#)),
            _ => self.push(format_args!(r#"<path class="{class}" d="M{x:.1} {above:.1}l6 10h-12z"/>"#)),
        }
    }

    /// Draws a whisker from the least to the most. A halo sets it off from a bar.
    pub fn whisker(&mut self, scale: &Scale, spread: &Spread, y: f64) {
        let (from, to) = (scale.at(spread.min), scale.at(spread.max));
        let (top, bottom) = (y - 4.0, y + 4.0);
        for class in ["halo", "whisker"] {
            self.push(format_args!(
                r#"<path class="{class}" d="M{from:.1} {top:.1}V{bottom:.1}M{from:.1} {y:.1}H{to:.1}M{to:.1} {top:.1}V{bottom:.1}"/>"#
            ));
        }
    }

    /// Draws the lines of a horizontal axis from top to bottom, with their labels and the unit.
    pub fn grid(&mut self, scale: &Scale, unit: &str, height: f64) {
        for (value, label) in scale.ticks() {
            let x = scale.at(value);
            self.push(format_args!(
                r#"<line class="grid" x1="{x:.1}" y1="0" x2="{x:.1}" y2="{height:.1}"/>"#
            ));
            self.text("tick", x, height + 12.0, &label);
        }
        self.text("tick", (scale.from + scale.to) / 2.0, height + 30.0, unit);
    }
}

/// Returns words as text without markup.
pub fn escaped(words: &str) -> String {
    let mut out = String::new();
    push_content(words, &mut out);
    out
}

pub const WIDTH: f64 = 720.0;
pub const HEADING_HEIGHT: f64 = 18.0;
pub const AXIS_HEIGHT: f64 = 38.0;
