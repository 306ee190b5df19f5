//! Tables and charts of rows of figures.

use crate::compare::costs::Spread;
use crate::compare::report::document::{Bar, Cell, Chart, Curve, FILL_CLASSES, MARK_CLASSES, Plot, Table};

/// A way of calling or of following, and its figures.
pub trait FigureRow {
    fn name(&self) -> String;

    fn spread(&self, figure: &str) -> Option<Spread>;

    /// Returns whether a column of this figure tells something about the row.
    fn tells(&self, figure: &str) -> bool {
        self.spread(figure).is_some()
    }

    /// Returns the sign of the footnote that a figure has.
    fn mark(&self, _figure: &str) -> &'static str {
        ""
    }
}

/// A table of figures: its title, and its columns.
pub struct FigureTable {
    pub title: &'static str,
    pub columns: &'static [FigureColumn],
}

/// A heading, and the name of the figure below it.
pub type FigureColumn = (&'static str, &'static str);

impl FigureTable {
    /// The columns that tell something about any of the rows.
    pub fn columns_of<R: FigureRow>(&self, rows: &[R]) -> Vec<FigureColumn> {
        let columns = self.columns.iter().copied();
        columns.filter(|(_, figure)| rows.iter().any(|row| row.tells(figure))).collect()
    }
}

/// A table with a row for each of `rows`.
pub fn table<'r, R: FigureRow + 'r>(columns: &[FigureColumn], rows: impl Iterator<Item = &'r R>) -> Table {
    let mut table = Table::new(["way"].into_iter().chain(columns.iter().map(|column| column.0)));
    rows.for_each(|row| table.row(row.name(), cells(row, columns)));
    table
}

pub fn cells<R: FigureRow>(row: &R, columns: &[FigureColumn]) -> impl Iterator<Item = Cell> {
    columns.iter().map(|(_, figure)| Cell::Figure(row.spread(figure), row.mark(figure)))
}

/// A bar of each row of a chart: its sign, the figure that it shows, and the class and figure of each part.
pub struct BarFigures {
    pub sign: &'static str,
    pub whole: &'static str,
    pub parts: Vec<(&'static str, String)>,
}

impl BarFigures {
    /// A bar of bytes by purpose. `pattern` names the figure of each purpose, with `*` in place of the purpose.
    pub fn bytes(sign: &'static str, whole: &'static str, pattern: &str) -> BarFigures {
        let parts = FILL_CLASSES.map(|class| (class, pattern.replace('*', class))).to_vec();
        BarFigures { sign, whole, parts }
    }

    fn of<R: FigureRow>(&self, row: &R) -> Option<Bar> {
        let parts =
            self.parts.iter().filter_map(|(class, figure)| Some((*class, row.spread(figure)?.median)));
        Some(Bar { sign: self.sign, parts: parts.collect(), whole: row.spread(self.whole)? })
    }
}

/// Bars of the rows that have any; none where no row has.
pub fn bars<R: FigureRow>(
    rows: &[R],
    title: &str,
    unit: &str,
    legend: &[(&'static str, &str)],
    figures: &[BarFigures],
) -> Option<Chart> {
    let rows = rows.iter().map(|row| {
        (row.name() + row.mark(figures[0].whole), figures.iter().filter_map(|bar| bar.of(row)).collect())
    });
    Chart::bars(title, unit, legend, rows.collect())
}

/// A bar for each figure of a row, without parts. Each figure has its words in the legend, unless it is alone.
pub fn plain_bars<R: FigureRow>(
    rows: &[R],
    title: &str,
    unit: &str,
    figures: &[(&'static str, &str)],
) -> Option<Chart> {
    let (mut legend, mut bars_of) = (Vec::new(), Vec::new());
    for (class, &(whole, words)) in FILL_CLASSES.into_iter().zip(figures) {
        legend.extend((figures.len() > 1).then_some((class, words)));
        bars_of.push(BarFigures { sign: "", whole, parts: vec![(class, whole.to_owned())] });
    }
    bars(rows, title, unit, &legend, &bars_of)
}

/// Bars of bytes by purpose. The legend has the purposes that there are bytes for.
pub fn bytes<R: FigureRow>(rows: &[R], title: &str, json: &str, figures: &[BarFigures]) -> Option<Chart> {
    let fields = format!("lines and fields, or the {json} around the payload");
    let deflated = format!("compressed: payload and {json} in one");
    let words = ["payload", &fields, "frames and chunks", &deflated, "headers of TCP and IP"];
    let mut legend: Vec<_> = FILL_CLASSES.into_iter().zip(words).collect();
    legend.retain(|(class, _)| {
        let parts = figures.iter().flat_map(|bar| &bar.parts).filter(|(of, _)| of == class);
        let mut spreads = parts.flat_map(|(_, name)| rows.iter().filter_map(|row| row.spread(name)));
        spreads.any(|spread| spread.max > 0.0)
    });
    bars(rows, title, "bytes", &legend, figures)
}

/// The figures `*_p50`, `*_p99` and `*_max` of each row that has all three, as marks. `pattern` is a name with `*` in
/// place of these.
pub fn percentiles<R: FigureRow>(
    rows: &[R],
    title: &str,
    unit: &str,
    pattern: &str,
    legend: [&str; 3],
) -> Option<Chart> {
    let figures = ["p50", "p99", "max"].map(|which| pattern.replace('*', which));
    let mut marks = Vec::new();
    for row in rows {
        let spreads: Option<Vec<Spread>> = figures.iter().map(|figure| row.spread(figure)).collect();
        marks.extend(spreads.map(|spreads| (row.name() + row.mark(&figures[0]), spreads)));
    }
    if marks.is_empty() {
        return None;
    }
    let legend: Vec<_> = MARK_CLASSES.into_iter().zip(legend).collect();
    Some(Chart::new(title, unit, &legend, Plot::Marks(marks)))
}

/// Curves of points that have names, in the order in which these come first.
pub fn curves(points: impl Iterator<Item = (String, f64, Spread)>) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (name, x, y) in points {
        match curves.iter_mut().find(|curve| curve.name == name) {
            Some(curve) => curve.points.push((x, y)),
            None => curves.push(Curve { name, points: vec![(x, y)] }),
        }
    }
    curves.iter_mut().for_each(|curve| curve.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    curves
}
