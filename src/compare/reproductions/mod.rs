//! Tables that others have published, repeated: their figure and ours stand side by side, and then one
//! thing is varied at a time.
//!
//! ```text
//!   --like TABLE ─▶ courses ─▶ Turns ─▶ rounds ─▶ Row: published │ here │ measured, or made of what was
//!                     └ quantum_leap, gupta, arena              └ terminal, JSON
//! ```
//!
//! Where a published figure is not known for certain its place is empty: nothing is filled in. Where it is
//! interrupted, so are the places of ours that were not measured by then.

pub mod gupta;
pub mod http_arena;
pub mod push_cost;
pub mod quantum_leap;
mod table;

use serde::Serialize;

use crate::compare::costs::{Round, Spread};
use crate::compare::count_method::Method;
use crate::compare::interleaved_runs::{Turns, interrupted};
use crate::compare::options::{CompareOptions, PublishedTable};
use crate::compare::report::figures;
use crate::compare::report::stdout;
use crate::compare::report::text::text;
use crate::error::CommandError;
use crate::netlab::emulated_link::Stretch;

/// A published table, and what this machine says to it.
#[derive(Clone, Debug, Serialize)]
pub struct Repetition {
    /// The version of this program.
    pub bothways: &'static str,
    pub like: &'static str,
    pub published_by: &'static str,
    /// False: it was interrupted, and this is what there was by then.
    pub complete: bool,
    pub counting: Method,
    /// Between client and server, where one was put there.
    pub distance: Option<Stretch>,
    /// That were wanted.
    pub rounds: u16,
    pub sections: Vec<Section>,
    /// What a reader must know beside the figures.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Section {
    pub title: String,
    pub unit: &'static str,
    pub rows: Vec<Row>,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub what: String,
    pub published: Vec<Published>,
    /// Over the rounds of here. None: it was interrupted before there was one.
    pub here: Option<Spread>,
    /// So many there were.
    pub rounds: usize,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Published {
    /// Of which program, where there are several.
    pub of: Option<&'static str>,
    pub figure: f64,
}

/// Where a figure of here is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    Measured,
    /// A measured figure times a number of clients that were not there.
    Multiplied,
    /// Of two figures of the same round.
    Ratio,
}

impl Row {
    /// A figure of each round.
    pub fn new(what: impl Into<String>, figures: &[f64], how: How) -> Row {
        let here = Spread::of(figures.iter().copied());
        Row { what: what.into(), published: Vec::new(), here, rounds: figures.len(), how }
    }

    pub fn against(self, figure: f64) -> Row {
        Row { published: vec![Published { of: None, figure }], ..self }
    }
}

/// Repeats that table, and prints it: also when it is interrupted, which is a failure all the same.
pub fn run(
    like: PublishedTable,
    options: &CompareOptions,
    distance: Option<Stretch>,
    turns: &Turns,
) -> Result<(), CommandError> {
    let (published_by, (sections, notes)) = match like {
        PublishedTable::QuantumLeap => {
            (quantum_leap::PUBLISHED_BY, quantum_leap::repeat(options.calls, turns)?)
        }
        PublishedTable::Gupta2014 => (gupta::PUBLISHED_BY, gupta::repeat(options.calls, turns)?),
        PublishedTable::HttpArena => {
            let connections = options.in_flight.into();
            (http_arena::PUBLISHED_BY, http_arena::repeat(options.calls, connections, turns)?)
        }
    };
    let mut rows = sections.iter().flat_map(|section| &section.rows);
    let lacking = rows.find(|row| row.rounds < turns.rounds.into());
    if let (Some(row), false) = (lacking, turns.is_interrupted()) {
        return Err(CommandError::Failed(format!("{:?} is not known of every round", row.what)));
    }
    let complete = lacking.is_none();
    let repetition = Repetition {
        bothways: env!("CARGO_PKG_VERSION"),
        like: like.name(),
        published_by,
        complete,
        counting: turns.counting.method(),
        distance,
        rounds: turns.rounds,
        sections,
        notes,
    };
    if options.json {
        stdout::print_json("table", &repetition)?;
    } else {
        stdout::print(&text(&table::document(&repetition)))?;
    }
    if complete { Ok(()) } else { Err(interrupted()) }
}

/// All sections, and the notes below them.
type Repeated = (Vec<Section>, Vec<String>);

/// One of [`figures::FIGURES`], of each round.
fn figures(name: &str, rounds: &[Round]) -> Vec<f64> {
    let figures = rounds.iter().filter_map(|round| figures::figure(name, std::slice::from_ref(round)));
    figures.map(|figure| figure.median).collect()
}

/// Of the two in each round that both have, how many times the one is the other.
fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_rounds_that_stood_beside_each_other() {
        let ratio = |of: &[f64], to: &[f64]| Row::new("a : b", &ratios(of, to), How::Ratio);
        let row = ratio(&[10.0, 40.0, 9.0], &[5.0, 10.0, 3.0]);
        let spread = row.here.unwrap();
        assert_eq!((spread.min, spread.median, spread.max, row.rounds), (2.0, 3.0, 4.0, 3));
        let row = ratio(&[10.0, 40.0], &[5.0]);
        assert_eq!((row.here.unwrap().median, row.rounds), (2.0, 1), "half a round has no ratio");
        let row = ratio(&[10.0], &[]);
        assert_eq!((row.here, row.rounds), (None, 0));
    }
}
