//! A document as text, for a terminal. Charts have no form here.

use std::fmt::Write;

use comfy_table::{CellAlignment, presets};

use crate::compare::costs::Spread;
use crate::compare::report::document::{Block, Cell, Document, Output, Table};

/// The whole text.
pub fn text(document: &Document) -> String {
    let mut out = String::new();
    if !document.complete {
        out += "INCOMPLETE: this was interrupted; what follows was measured by then.\n\n";
    }
    for block in document.blocks_for(Output::Text) {
        match block {
            Block::Heading { words, .. } => _ = writeln!(out, "\n{words}"),
            Block::Paragraph { label: "", words } => _ = writeln!(out, "{words}"),
            Block::Paragraph { label, words } => _ = writeln!(out, "{label}: {words}"),
            Block::Terms(terms) => {
                terms.iter().for_each(|(term, words)| _ = writeln!(out, "{term}: {words}"));
            }
            Block::Table(table) => _ = writeln!(out, "{}", aligned(table)),
            Block::Command(_) | Block::Chart(_) => {}
        }
    }
    out
}

fn aligned(table: &Table) -> comfy_table::Table {
    let mut aligned = comfy_table::Table::new();
    aligned.load_preset(presets::UTF8_BORDERS_ONLY);
    aligned.set_header(table.columns.iter().map(|column| &column.heading));
    for row in &table.rows {
        aligned.add_row([row.name.clone()].into_iter().chain(row.cells.iter().map(cell_content)));
    }
    for (column, of) in aligned.column_iter_mut().zip(&table.columns) {
        if !of.is_words {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    aligned
}

/// Returns a cell as words: one number where all rounds agree, and never one where they do not.
pub fn cell_content(cell: &Cell) -> String {
    match cell {
        Cell::Words(words) => words.clone(),
        Cell::Figure(None, _) => "-".to_owned(),
        Cell::Figure(Some(spread), mark) => words(spread) + mark,
    }
}

/// One number where all rounds say the same; never one where they do not.
pub fn words(spread: &Spread) -> String {
    match shown(spread) {
        (median, None) => median,
        (median, Some([min, max])) => format!("{median} ({min} to {max})"),
    }
}

/// The median; and the least and the most, where the digits that are shown differ.
pub fn shown(spread: &Spread) -> (String, Option<[String; 2]>) {
    let [median, min, max] = [spread.median, spread.min, spread.max].map(number);
    let differ = min != median || max != median;
    (median, differ.then_some([min, max]))
}

/// Bits in a second, as people say them.
pub fn rate(bits: u64) -> String {
    match bits as f64 {
        bits @ ..1e6 => format!("{} kbit/s", number(bits / 1e3)),
        bits @ ..1e9 => format!("{} Mbit/s", number(bits / 1e6)),
        bits => format!("{} Gbit/s", number(bits / 1e9)),
    }
}

/// As many digits as mean something.
pub fn number(value: f64) -> String {
    let text = match value.abs() {
        ..10.0 => format!("{value:.3}"),
        ..1000.0 => format!("{value:.1}"),
        _ => return format!("{value:.0}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_that_mean_something() {
        let all = [2.0, 2.002, 0.04, 312.0, 205.5, 12_345.6, 0.0, -80.25].map(number);
        assert_eq!(all, ["2", "2.002", "0.04", "312", "205.5", "12346", "0", "-80.2"]);
    }

    #[test]
    fn a_rate_has_the_unit_that_suits_it() {
        let all = [56_000, 1_500_000, 2_000_000_000].map(rate);
        assert_eq!(all, ["56 kbit/s", "1.5 Mbit/s", "2 Gbit/s"]);
    }

    #[test]
    fn rounds_that_differ_are_never_one_number() {
        assert_eq!(words(&Spread { median: 2.0, min: 2.0, max: 2.0 }), "2");
        assert_eq!(words(&Spread { median: 2.0, min: 2.0, max: 2.02 }), "2 (2 to 2.02)");
    }
}
