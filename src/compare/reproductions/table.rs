//! The document of a reproduction.

use crate::compare::format::{number, words};
use crate::compare::report::document::{Block, Cell, Document, Output, Table};
use crate::compare::reproductions::reproduction::{How, Published, Repetition, Row};

pub fn document(repetition: &Repetition) -> Document {
    let Repetition { like, published_by, rounds, counting, .. } = repetition;
    let mut document = Document::new(like, String::new(), repetition.complete);
    let rounds_words = in_rounds(*rounds);
    document.paragraph(
        Output::All,
        format!("{like}, published by {published_by}, and repeated here {rounds_words}\n\n{}", counting.says),
    );
    if let Some(distance) = &repetition.distance {
        document.paragraph(Output::All, format!("\n{}", distance.words()));
    }
    for section in &repetition.sections {
        let mut table = Table::new(["what", "published", "here", "which is"]);
        table.columns[3].is_words = true;
        section.rows.iter().for_each(|row| table.row(&row.what, cells(row, (*rounds).into())));
        document.heading(Output::All, 2, format!("{} ({})", section.title, section.unit));
        document.add(Output::All, Block::Table(table));
    }
    document.paragraphs(Output::All, repetition.notes.iter().copied());
    document
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

fn cells(row: &Row, wanted: usize) -> [Cell; 3] {
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
    [published.join(", "), here, how.to_owned()].map(Cell::Words)
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
