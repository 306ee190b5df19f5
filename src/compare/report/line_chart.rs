//! Curves: something that depends on something else.
//!
//! ```text
//!   │        ╱─ told        a curve goes through the medians; its band from the least to the most of the rounds
//!   │─────╳:───  polled
//!   │   ╱  :                a stretch from top to bottom: in here something happens
//!   └─────────
//! ```

use std::fmt::Write;

use crate::compare::costs::Spread;
use crate::compare::report::bar_chart::{
    AXIS_HEIGHT, CLASSES, HEADING_HEIGHT, Key, begin, end, push_grid, push_mark, push_text,
};
use crate::compare::report::scale::Scale;

#[derive(Clone, Debug)]
pub struct Curve {
    pub says: String,
    /// From left to right.
    pub points: Vec<(f64, Spread)>,
}

/// Where, from left to right, something happens, and what.
#[derive(Clone, Debug)]
pub struct Stretch {
    pub from: f64,
    pub to: f64,
    pub says: String,
}

/// How what depends is drawn.
#[derive(Clone, Copy, Debug)]
pub enum Up {
    /// Each power of ten as high as any other. Nothing has no place there.
    Logarithmic,
    /// From nothing to all of it, and where it is too much.
    Percent { too_much: f64 },
}

#[derive(Clone, Debug)]
pub struct Chart<'c> {
    pub title: &'c str,
    /// Below, and at the left.
    pub axes: [&'c str; 2],
    pub up: Up,
    pub curves: &'c [Curve],
    pub stretches: &'c [Stretch],
}

impl Chart<'_> {
    /// From the fifth on colours come again, and the names tell.
    pub fn draw(&self) -> String {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let (left, right) = ends(points().map(|(x, _)| *x));
        let across = Scale::logarithmic(left, right, CURVES_FROM, CURVES_TO);
        let up = match self.up {
            Up::Percent { .. } => Scale::linear(100.0, CURVES_HEIGHT, HEADING_HEIGHT),
            Up::Logarithmic => {
                let (least, most) = ends(points().flat_map(|(_, y)| [y.min, y.median, y.max]));
                Scale::logarithmic(least, most, CURVES_HEIGHT, HEADING_HEIGHT)
            }
        };
        let key = |(n, stretch): (usize, &Stretch)| {
            let says = format!("{}: {}", letter(n), stretch.says);
            Key { class: "crossing", says }
        };
        // Where the page is narrow, the names behind the curves are out of sight.
        let name = |(n, curve): (usize, &Curve)| Key { class: class(n), says: curve.says.clone() };
        let names = self.curves.iter().enumerate().map(name);
        let keys: Vec<Key> = names.chain(self.stretches.iter().enumerate().map(key)).collect();
        let mut out = begin(self.title, &keys, CURVES_HEIGHT + AXIS_HEIGHT);
        push_grid(&across, self.axes[0], CURVES_HEIGHT, &mut out);
        push_text("tick start", 0.0, 6.0, self.axes[1], &mut out);
        for (n, stretch) in self.stretches.iter().enumerate() {
            push_stretch(n, stretch, &across, &mut out);
        }
        for (value, label) in up.ticks() {
            push_level("grid", up.at(value), &mut out);
            push_text("name tick", CURVES_FROM - 8.0, up.at(value), &label, &mut out);
        }
        if let Up::Percent { too_much } = self.up {
            push_level("level", up.at(too_much), &mut out);
        }
        self.push_curves(&across, &up, &mut out);
        end(out)
    }

    /// Names stand where their curves end, and not on each other.
    fn push_curves(&self, across: &Scale, up: &Scale, out: &mut String) {
        let last = |curve: &Curve| Some(up.at(curve.points.last()?.1.median));
        let mut order: Vec<(usize, f64)> =
            self.curves.iter().enumerate().filter_map(|(n, curve)| Some((n, last(curve)?))).collect();
        order.sort_by(|a, b| a.1.total_cmp(&b.1));
        // As many as there are must have room above the axis.
        let room = |below: usize| CURVES_HEIGHT - below as f64 * LABEL_STEP;
        let (mut label_y, count) = (f64::MIN, order.len());
        for (rank, (n, y)) in order.into_iter().enumerate() {
            let (curve, class) = (&self.curves[n], class(n));
            push_curve(n, curve, class, across, up, out);
            label_y = f64::max(y.min(room(count - 1 - rank)), label_y + LABEL_STEP);
            push_text(&format!("value {class}"), CURVES_TO + 8.0, label_y, &curve.says, out);
        }
    }
}

fn class(n: usize) -> &'static str {
    CLASSES[n % CLASSES.len()]
}

/// The least and the most that is more than nothing.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values = values.filter(|value| *value > 0.0);
    values.fold((f64::MAX, 0.0), |(least, most), value| (f64::min(least, value), f64::max(most, value)))
}

fn push_level(class: &str, y: f64, out: &mut String) {
    _ = write!(out, r#"<line class="{class}" x1="{CURVES_FROM}" y1="{y:.1}" x2="{CURVES_TO}" y2="{y:.1}"/>"#);
}

/// Stretches are told apart by these, one below the other where they lie on each other.
fn letter(n: usize) -> char {
    char::from(b'a' + (n % 26) as u8)
}

/// From top to bottom.
fn push_stretch(n: usize, stretch: &Stretch, across: &Scale, out: &mut String) {
    let (from, to) = (across.at(stretch.from), across.at(stretch.to));
    _ = write!(
        out,
        r#"<rect class="crossing" x="{from:.1}" y="{HEADING_HEIGHT}" width="{:.1}" height="{:.1}"/>"#,
        (to - from).max(2.0),
        CURVES_HEIGHT - HEADING_HEIGHT
    );
    let y = HEADING_HEIGHT + LABEL_STEP * ((n % LETTERS_MAX) as f64 + 0.5);
    push_text("tick", (from + to) / 2.0, y, &letter(n).to_string(), out);
}

fn push_curve(n: usize, curve: &Curve, class: &str, across: &Scale, up: &Scale, out: &mut String) {
    let point = |x: f64, y: f64| format!("{:.1},{:.1} ", across.at(x), up.at(y));
    let most = curve.points.iter().map(|(x, y)| point(*x, y.max));
    let least = curve.points.iter().rev().map(|(x, y)| point(*x, y.min));
    let band: String = most.chain(least).collect();
    let line: String = curve.points.iter().map(|(x, y)| point(*x, y.median)).collect();
    _ = write!(
        out,
        r#"<polygon class="band {class}" points="{}"/><polyline class="curve {class}" points="{}"/>"#,
        band.trim_end(),
        line.trim_end()
    );
    for (x, y) in &curve.points {
        push_mark(n, class, across.at(*x), up.at(y.median), out);
    }
}

const CURVES_FROM: f64 = 66.0;
const CURVES_TO: f64 = 560.0;
const CURVES_HEIGHT: f64 = 300.0;
const LABEL_STEP: f64 = 16.0;
/// So many letters stand below each other; then it begins again at the top.
const LETTERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::report::bar_chart::tests::{HOSTILE, count, spread};

    fn curve(says: &str, slope: f64) -> Curve {
        let at = |x| (x, spread(90.0 + slope * x, 100.0 + slope * x, 110.0 + slope * x));
        Curve { says: says.to_owned(), points: [0.1, 1.0, 10.0].map(at).to_vec() }
    }

    fn draw(curves: &[Curve], stretches: &[Stretch], up: Up) -> String {
        Chart { title: HOSTILE, axes: ["updates a second", HOSTILE], up, curves, stretches }.draw()
    }

    #[test]
    fn curves_have_bands_and_may_cross() {
        let both = [curve(HOSTILE, 0.0), curve("push", 20.0)];
        let stretch = Stretch { from: 2.0, to: 3.0, says: HOSTILE.to_owned() };
        let drawing = draw(&both, &[stretch], Up::Logarithmic);
        let counts = ["band", "curve", "crossing", "level"].map(|class| count(&drawing, class));
        assert_eq!(counts, [2, 2, 2, 0]);
        assert_eq!(count(&draw(&[], &[], Up::Logarithmic), "curve"), 0);
    }

    #[test]
    fn nothing_and_all_of_it_have_a_place_among_percents() {
        let points = vec![(1.0, spread(0.0, 0.0, 0.0)), (9.0, spread(100.0, 100.0, 100.0))];
        let drawing = draw(&[Curve { says: "poll".to_owned(), points }], &[], Up::Percent { too_much: 50.0 });
        assert_eq!(count(&drawing, "level"), 1);
        assert!(drawing.contains(r#"cy="300.0""#) && drawing.contains(r#"cy="18.0""#), "{drawing}");
    }

    #[test]
    fn names_do_not_stand_on_each_other_nor_below_the_axis() {
        let zero = |n| Curve { says: format!("way {n}"), points: vec![(1.0, spread(0.0, 0.0, 0.0))] };
        let drawing = draw(&[0, 1, 2, 3, 4].map(zero), &[], Up::Percent { too_much: 50.0 });
        let document = roxmltree::Document::parse(&drawing).unwrap();
        let is_name = |node: &roxmltree::Node| node.text().is_some_and(|text| text.starts_with("way "));
        let names = document.descendants().filter(|node| node.has_tag_name("text")).filter(is_name);
        let mut ys: Vec<f64> = names.map(|name| name.attribute("y").unwrap().parse().unwrap()).collect();
        ys.sort_by(f64::total_cmp);
        assert!(ys.len() == 5 && ys.windows(2).all(|two| two[1] - two[0] >= 15.9), "{ys:?}");
        assert!(*ys.last().unwrap() <= CURVES_HEIGHT + 5.0, "{ys:?}");
    }
}
