//! A repetition as tables, for people at a terminal.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use crate::compare::format::{number, words};
use crate::compare::reproductions::reproduction::{How, Published, Repetition, Row};

pub fn text(repetition: &Repetition) -> String {
    let mut out = String::new();
    if !repetition.complete {
        out += "INCOMPLETE: this was interrupted; what follows was measured by then.\n\n";
    }
    _ = writeln!(
        out,
        "{}, published by {}, and repeated here {}\n\n{}",
        repetition.like,
        repetition.published_by,
        in_rounds(repetition.rounds),
        repetition.counting.says
    );
    if let Some(distance) = &repetition.distance {
        _ = writeln!(out, "\n{}", distance.words());
    }
    for section in &repetition.sections {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(vec![
            "what",
            "published",
            "here",
            "which is",
        ]);
        for row in &section.rows {
            table.add_row(cells(row, repetition.rounds.into()));
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

/// A median of one has no least and no most.
fn in_rounds(rounds: u16) -> String {
    match rounds {
        1 => "in one round: how far the figures differ is not known.".to_owned(),
        rounds => format!(
            "in {rounds} rounds.\nMedian of the rounds, and in brackets the least and the most where they differ."
        ),
    }
}

fn cells(row: &Row, wanted: usize) -> [String; 4] {
    let how = match row.how {
        How::Measured => "measured",
        How::Multiplied => "multiplied",
        How::Ratio => "a ratio",
    };
    let published: Vec<String> = row.published.iter().map(published).collect();
    let here = match &row.here {
        Some(here) if row.rounds == wanted => words(here),
        Some(here) => format!("{}, {} of {wanted} rounds", words(here), row.rounds),
        None => "not measured".to_owned(),
    };
    [row.what.clone(), published.join(", "), here, how.to_owned()]
}

fn published(published: &Published) -> String {
    match published.of {
        Some(of) => format!("{of} {}", number(published.figure)),
        None => number(published.figure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_round_has_no_median() {
        assert_eq!(in_rounds(1), "in one round: how far the figures differ is not known.");
        assert!(in_rounds(2).starts_with("in 2 rounds.\nMedian of the rounds, "));
    }
}
