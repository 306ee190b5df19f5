//! A document as Markdown, for the pages of `docs`. Its words may have inline Markdown. Charts have no form here.

use std::fmt::Write;

use crate::compare::report::document::{Block, Document, Output, Table};
use crate::compare::report::text::cell_content;

/// The whole page. An empty line precedes each block.
pub fn markdown(document: &Document) -> String {
    let mut out = String::new();
    if !document.complete {
        out +=
            "**INCOMPLETE**: this was interrupted. What has not been measured to the end has no verdict.\n\n";
    }
    _ = writeln!(out, "# {}", document.title);
    for block in document.blocks_for(Output::Page) {
        out += "\n";
        match block {
            Block::Heading { level, words, .. } => {
                _ = writeln!(out, "{} {words}", "#".repeat((*level).into()));
            }
            Block::Paragraph { label: "", words } => _ = writeln!(out, "{words}"),
            Block::Paragraph { label, words } => _ = writeln!(out, "**{label}:** {words}"),
            Block::Terms(terms) => {
                terms.iter().for_each(|(term, words)| _ = writeln!(out, "- {term}: {words}"));
            }
            Block::Table(table) => push_table(table, &mut out),
            Block::Command(command) => _ = writeln!(out, "```sh\n{command}\n```"),
            Block::Chart(_) => {}
        }
    }
    out
}

fn push_table(table: &Table, out: &mut String) {
    for column in &table.columns {
        _ = write!(out, "| {} ", column.heading);
    }
    _ = writeln!(out, "|\n{}|", "| --- ".repeat(table.columns.len()));
    for row in &table.rows {
        _ = write!(out, "| {} ", row.name);
        row.cells.iter().for_each(|cell| _ = write!(out, "| {} ", cell_content(cell)));
        *out += "|\n";
    }
}
