//! Curves: a figure that depends on another.
//!
//! ```text
//!   │        ╱─ push        a curve goes through the medians; its band from the least to the most of the rounds
//!   │─────╳:───  polling
//!   │   ╱  :                a range from top to bottom: somewhere in here something happens
//!   └─────────
//! ```

use crate::compare::report::document::{Chart, Curve, Lines, MarkedRange, YScale};
use crate::compare::report::scale::Scale;
use crate::compare::report::svg::{AXIS_HEIGHT, HEADING_HEIGHT, Svg};

/// Draws curves and the ranges that are marked.
pub fn lines(chart: &Chart, lines: &Lines) -> String {
    let points = || lines.curves.iter().flat_map(|curve| &curve.points);
    let (left, right) = ends(points().map(|(x, _)| *x));
    let across = Scale::logarithmic(left, right, CURVES_FROM, CURVES_TO);
    let up = match lines.y_scale {
        YScale::Percent { .. } => Scale::linear(100.0, HEIGHT, HEADING_HEIGHT),
        YScale::Logarithmic => {
            let (least, most) = ends(points().flat_map(|(_, y)| [y.min, y.median, y.max]));
            Scale::logarithmic(least, most, HEIGHT, HEADING_HEIGHT)
        }
    };
    let mut svg = Svg::begin(chart, HEIGHT + AXIS_HEIGHT);
    svg.grid(&across, &chart.unit, HEIGHT);
    svg.text("tick start", 0.0, 6.0, &lines.y_label);
    for (n, range) in lines.ranges.iter().enumerate() {
        draw_range(n, range, &across, &mut svg);
    }
    for (value, label) in up.ticks() {
        draw_level("grid", up.at(value), &mut svg);
        svg.text("name tick", CURVES_FROM - 8.0, up.at(value), &label);
    }
    if let YScale::Percent { limit } = lines.y_scale {
        draw_level("level", up.at(limit), &mut svg);
    }
    // Names stand at the ends of their curves, one below the other, and above the axis.
    let mut order: Vec<(usize, &Curve, f64)> = lines
        .curves
        .iter()
        .enumerate()
        .filter_map(|(n, curve)| Some((n, curve, up.at(curve.points.last()?.1.median))))
        .collect();
    order.sort_by(|a, b| a.2.total_cmp(&b.2));
    let (mut label_y, count) = (f64::MIN, order.len());
    for (rank, (n, curve, y)) in order.into_iter().enumerate() {
        draw_curve(n, curve, &across, &up, &mut svg);
        let lowest = HEIGHT - (count - 1 - rank) as f64 * LABEL_STEP;
        label_y = f64::max(y.min(lowest), label_y + LABEL_STEP);
        svg.text(&format!("value {}", Lines::class(n)), CURVES_TO + 8.0, label_y, &curve.name);
    }
    svg.end()
}

/// The least and the greatest value above zero.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values = values.filter(|value| *value > 0.0);
    values.fold((f64::MAX, 0.0), |(least, most), value| (f64::min(least, value), f64::max(most, value)))
}

fn draw_level(class: &str, y: f64, svg: &mut Svg) {
    svg.push(format_args!(
        r#"<line class="{class}" x1="{CURVES_FROM}" y1="{y:.1}" x2="{CURVES_TO}" y2="{y:.1}"/>"#
    ));
}

fn draw_range(n: usize, range: &MarkedRange, across: &Scale, svg: &mut Svg) {
    let (from, to) = (across.at(range.from), across.at(range.to));
    let (width, height) = ((to - from).max(2.0), HEIGHT - HEADING_HEIGHT);
    svg.push(format_args!(
        r#"<rect class="crossing" x="{from:.1}" y="{HEADING_HEIGHT}" width="{width:.1}" height="{height:.1}"/>"#
    ));
    // Ranges may overlap, so each letter is below the one before.
    let y = HEADING_HEIGHT + LABEL_STEP * ((n % LETTERS_MAX) as f64 + 0.5);
    svg.text("tick", (from + to) / 2.0, y, &Lines::letter(n).to_string());
}

fn draw_curve(n: usize, curve: &Curve, across: &Scale, up: &Scale, svg: &mut Svg) {
    let class = Lines::class(n);
    let point = |x: f64, y: f64| format!("{:.1},{:.1}", across.at(x), up.at(y));
    let most = curve.points.iter().map(|(x, y)| point(*x, y.max));
    let least = curve.points.iter().rev().map(|(x, y)| point(*x, y.min));
    let band = most.chain(least).collect::<Vec<_>>().join(" ");
    let line = curve.points.iter().map(|(x, y)| point(*x, y.median)).collect::<Vec<_>>().join(" ");
    svg.push(format_args!(
        r#"<polygon class="band {class}" points="{band}"/><polyline class="curve {class}" points="{line}"/>"#
    ));
    for (x, y) in &curve.points {
        svg.mark(n, class, across.at(*x), up.at(y.median));
    }
}

const CURVES_FROM: f64 = 66.0;
const CURVES_TO: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const LABEL_STEP: f64 = 16.0;
/// The letters of ranges below each other; the next is at the top again.
const LETTERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::report::document::Plot;
    use crate::compare::report::samples::{HOSTILE, count, spread};

    fn curve(name: &str, slope: f64) -> Curve {
        let at = |x| (x, spread(90.0 + slope * x, 100.0 + slope * x, 110.0 + slope * x));
        Curve { name: name.to_owned(), points: [0.1, 1.0, 10.0].map(at).to_vec() }
    }

    fn draw(curves: &[Curve], ranges: &[MarkedRange], y_scale: YScale) -> String {
        let lines =
            Lines { y_label: HOSTILE.to_owned(), y_scale, curves: curves.to_vec(), ranges: ranges.to_vec() };
        let chart = Chart::lines(HOSTILE, "updates a second", lines);
        let Plot::Lines(drawn) = &chart.plot else { panic!() };
        super::lines(&chart, drawn)
    }

    #[test]
    fn curves_have_bands_and_may_cross() {
        let both = [curve(HOSTILE, 0.0), curve("push", 20.0)];
        let range = MarkedRange { from: 2.0, to: 3.0, words: HOSTILE.to_owned() };
        let drawing = draw(&both, &[range], YScale::Logarithmic);
        let counts = ["band", "curve", "crossing", "level"].map(|class| count(&drawing, class));
        assert_eq!(counts, [2, 2, 2, 0]);
        assert_eq!(count(&draw(&[], &[], YScale::Logarithmic), "curve"), 0);
    }

    #[test]
    fn nothing_and_all_of_it_have_a_place_among_percents() {
        let points = vec![(1.0, spread(0.0, 0.0, 0.0)), (9.0, spread(100.0, 100.0, 100.0))];
        let curve = Curve { name: "poll".to_owned(), points };
        let drawing = draw(&[curve], &[], YScale::Percent { limit: 50.0 });
        assert_eq!(count(&drawing, "level"), 1);
        assert!(drawing.contains(r#"cy="300.0""#) && drawing.contains(r#"cy="18.0""#), "{drawing}");
    }

    #[test]
    fn names_do_not_stand_on_each_other_nor_below_the_axis() {
        let zero = |n| Curve { name: format!("way {n}"), points: vec![(1.0, spread(0.0, 0.0, 0.0))] };
        let drawing = draw(&[0, 1, 2, 3, 4].map(zero), &[], YScale::Percent { limit: 50.0 });
        let document = roxmltree::Document::parse(&drawing).unwrap();
        let is_name = |node: &roxmltree::Node| node.text().is_some_and(|text| text.starts_with("way "));
        let names = document.descendants().filter(|node| node.has_tag_name("text")).filter(is_name);
        let mut ys: Vec<f64> = names.map(|name| name.attribute("y").unwrap().parse().unwrap()).collect();
        ys.sort_by(f64::total_cmp);
        assert!(ys.len() == 5 && ys.windows(2).all(|two| two[1] - two[0] >= 15.9), "{ys:?}");
        assert!(*ys.last().unwrap() <= HEIGHT + 5.0, "{ys:?}");
    }
}
