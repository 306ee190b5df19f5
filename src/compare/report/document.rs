//! A document as values: headings, paragraphs, tables and charts in their order, without a format.
//!
//! ```text
//!   Report ─▶ sections ─▶ Document ─┬─▶ text       for a terminal; charts have no form there
//!   Reproduction ─────────▶  │      ├─▶ html       one page; charts as SVG
//!   claims ───────────────▶  │      └─▶ markdown
//!                            └ each block names the outputs that it is for
//! ```
//!
//! JSON is printed from the values themselves, which have more figures than a document shows.

use crate::compare::costs::Spread;

/// A title, and blocks in the order in which they are printed.
#[derive(Clone, Debug)]
pub struct Document {
    pub title: &'static str,
    /// The program, its version and the date.
    pub byline: String,
    /// False where the run was interrupted.
    pub complete: bool,
    pub blocks: Vec<(Output, Block)>,
}

/// The outputs that a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    All,
    Text,
    Page,
}

#[derive(Clone, Debug)]
pub enum Block {
    /// Level 2 begins a section, level 3 a part of it. A section of a class has a layout of its own on the page.
    Heading {
        level: u8,
        words: String,
        class: Option<&'static str>,
    },
    /// Words, after a label where it is not empty. Without words it is an empty line.
    Paragraph {
        label: &'static str,
        words: String,
    },
    /// Terms, and what is said about each.
    Terms(Vec<(String, String)>),
    /// A command as a shell takes it.
    Command(String),
    Table(Table),
    Chart(Chart),
}

#[derive(Clone, Debug)]
pub struct Table {
    /// The first is that of the row names.
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub heading: String,
    pub unit: Option<&'static str>,
    /// Words are aligned on the left, numbers on the right.
    pub is_words: bool,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    /// What a reader must know about the name.
    pub about: Option<String>,
    pub cells: Vec<Cell>,
}

#[derive(Clone, Debug)]
pub enum Cell {
    Words(String),
    /// A figure, where there is one, and the sign of a footnote.
    Figure(Option<Spread>, &'static str),
}

#[derive(Clone, Debug)]
pub struct Chart {
    pub title: String,
    /// The unit of the horizontal axis.
    pub unit: String,
    pub legend: Vec<LegendEntry>,
    pub plot: Plot,
}

/// What a fill or a mark stands for. Its class is that of `page.css`.
#[derive(Clone, Debug)]
pub struct LegendEntry {
    pub class: &'static str,
    pub words: String,
}

#[derive(Clone, Debug)]
pub enum Plot {
    /// Names, each with bars on a scale that begins at zero.
    Bars(Vec<(String, Vec<Bar>)>),
    /// Names, each with up to three marks on a logarithmic scale.
    Marks(Vec<(String, Vec<Spread>)>),
    Lines(Lines),
}

/// Curves over a logarithmic axis.
#[derive(Clone, Debug)]
pub struct Lines {
    pub y_label: String,
    pub y_scale: YScale,
    pub curves: Vec<Curve>,
    pub ranges: Vec<MarkedRange>,
}

#[derive(Clone, Debug)]
pub struct Bar {
    /// A sign in front, where a row has several bars.
    pub sign: &'static str,
    /// Class and length of each part, from the left.
    pub parts: Vec<(&'static str, f64)>,
    pub whole: Spread,
}

/// A curve through medians, with a band from the least to the most.
#[derive(Clone, Debug)]
pub struct Curve {
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, Spread)>,
}

/// A range of the horizontal axis in which something happens.
#[derive(Clone, Debug)]
pub struct MarkedRange {
    pub from: f64,
    pub to: f64,
    pub words: String,
}

#[derive(Clone, Copy, Debug)]
pub enum YScale {
    /// Zero has no place on it.
    Logarithmic,
    /// From 0 to 100, with a line at a limit.
    Percent { limit: f64 },
}

/// The classes of parts of bars. Those of bytes by purpose have the names of the purposes.
pub const FILL_CLASSES: [&str; 5] = ["payload", "fields", "framing", "deflated", "header"];
/// The classes of marks and curves, in their order.
pub const MARK_CLASSES: [&str; 4] = ["first", "second", "third", "fourth"];

impl Chart {
    pub fn new(title: &str, unit: &str, legend: &[(&'static str, &str)], plot: Plot) -> Chart {
        let entries = legend.iter().map(|&(class, words)| LegendEntry { class, words: words.to_owned() });
        Chart { title: title.to_owned(), unit: unit.to_owned(), legend: entries.collect(), plot }
    }

    /// Bars of the rows that have any; none where no row has.
    pub fn bars(
        title: &str,
        unit: &str,
        legend: &[(&'static str, &str)],
        mut rows: Vec<(String, Vec<Bar>)>,
    ) -> Option<Chart> {
        rows.retain(|(_, bars)| !bars.is_empty());
        (!rows.is_empty()).then(|| Chart::new(title, unit, legend, Plot::Bars(rows)))
    }

    /// Curves, with a legend of their names and of the ranges.
    pub fn lines(title: impl Into<String>, unit: &str, lines: Lines) -> Chart {
        let names = lines.curves.iter().enumerate();
        let names = names.map(|(n, curve)| LegendEntry { class: Lines::class(n), words: curve.name.clone() });
        let ranges = lines.ranges.iter().enumerate().map(|(n, range)| LegendEntry {
            class: "crossing",
            words: format!("{}: {}", Lines::letter(n), range.words),
        });
        let legend = names.chain(ranges).collect();
        Chart { title: title.into(), unit: unit.to_owned(), legend, plot: Plot::Lines(lines) }
    }
}

impl Lines {
    /// The class of the nth curve. Colours repeat from the fifth on; the names remain distinct.
    pub fn class(n: usize) -> &'static str {
        MARK_CLASSES[n % MARK_CLASSES.len()]
    }

    /// The letter of the nth range.
    pub fn letter(n: usize) -> char {
        char::from(b'a' + (n % 26) as u8)
    }
}

impl Document {
    pub fn new(title: &'static str, byline: String, complete: bool) -> Document {
        Document { title, byline, complete, blocks: Vec::new() }
    }

    pub fn add(&mut self, output: Output, block: Block) {
        self.blocks.push((output, block));
    }

    pub fn heading(&mut self, output: Output, level: u8, words: impl Into<String>) {
        self.add(output, Block::Heading { level, words: words.into(), class: None });
    }

    pub fn paragraph(&mut self, output: Output, words: impl Into<String>) {
        self.add(output, Block::Paragraph { label: "", words: words.into() });
    }

    pub fn paragraphs<W: Into<String>>(&mut self, output: Output, all: impl IntoIterator<Item = W>) {
        all.into_iter().for_each(|words| self.paragraph(output, words));
    }

    /// Charts that have something to show.
    pub fn charts(&mut self, charts: impl IntoIterator<Item = Option<Chart>>) {
        charts.into_iter().flatten().for_each(|chart| self.add(Output::Page, Block::Chart(chart)));
    }

    /// The blocks that this output has.
    pub fn blocks_for(&self, output: Output) -> impl Iterator<Item = &Block> {
        let blocks = self.blocks.iter().filter(move |(of, _)| [Output::All, output].contains(of));
        blocks.map(|(_, block)| block)
    }
}

impl Table {
    /// A table whose rows follow. All columns but the first have numbers.
    pub fn new<'h>(headings: impl IntoIterator<Item = &'h str>) -> Table {
        let columns = headings.into_iter().enumerate().map(|(n, heading)| Column {
            heading: heading.to_owned(),
            unit: None,
            is_words: n == 0,
        });
        Table { columns: columns.collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, name: impl Into<String>, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row { name: name.into(), about: None, cells: cells.into_iter().collect() });
    }
}

impl From<Option<Spread>> for Cell {
    fn from(spread: Option<Spread>) -> Cell {
        Cell::Figure(spread, "")
    }
}
