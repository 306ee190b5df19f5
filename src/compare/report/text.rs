//! A document as text, for a terminal. Charts have no form here.

use std::fmt::Write;

use comfy_table::{CellAlignment, presets};

use crate::compare::format::words;
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
