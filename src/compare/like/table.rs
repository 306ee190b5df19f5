//! A repetition as tables, for people at a terminal.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use crate::compare::like::{How, Published, Repetition, Row};
use crate::compare::table::{number, words};

pub fn text(repetition: &Repetition) -> String {
    let mut out = String::new();
    _ = writeln!(
        out,
        "{}, published by {}, and repeated here in {} rounds.\nMedian of the rounds, and in brackets the \
         least and the most where they differ.\n\n{}",
        repetition.like, repetition.published_by, repetition.rounds, repetition.counting.says
    );
    for section in &repetition.sections {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(vec![
            "what",
            "published",
            "here",
            "which is",
        ]);
        for row in &section.rows {
            table.add_row(cells(row));
        }
        for column in table.column_iter_mut().skip(1).take(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        _ = writeln!(out, "\n{} ({})\n{table}", section.title, section.unit);
    }
    for note in &repetition.notes {
        _ = writeln!(out, "{note}");
    }
    out
}

fn cells(row: &Row) -> [String; 4] {
    let how = match row.how {
        How::Measured => "measured",
        How::Multiplied => "multiplied",
        How::Ratio => "a ratio",
    };
    let published: Vec<String> = row.published.iter().map(published).collect();
    [row.what.clone(), published.join(", "), words(&row.here), how.to_owned()]
}

fn published(published: &Published) -> String {
    match published.of {
        Some(of) => format!("{of} {}", number(published.figure)),
        None => number(published.figure),
    }
}
