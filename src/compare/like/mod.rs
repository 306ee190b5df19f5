//! Tables that others have published, repeated: their figure and ours stand side by side, and then one
//! thing is varied at a time.
//!
//! ```text
//!   --like TABLE ─▶ courses ─▶ Turns ─▶ rounds ─▶ Row: published │ here │ measured, or made of what was
//!                     └ quantum_leap, gupta, arena              └ terminal, JSON
//! ```
//!
//! Where a published figure is not known for certain its place is empty: nothing is filled in.

pub mod arena;
pub mod gupta;
pub mod push;
pub mod quantum_leap;
mod table;

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::{Compare, Like};
use crate::compare::counting::Method;
use crate::compare::tally::Spread;
use crate::compare::turns::Turns;
use crate::failure::Failure;

/// A published table, and what this machine says to it.
#[derive(Clone, Debug, Serialize)]
pub struct Repetition {
    /// The version of this program.
    pub bothways: &'static str,
    pub like: &'static str,
    pub published_by: &'static str,
    pub counting: Method,
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
    /// Over the rounds of here.
    pub here: Spread,
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
    pub fn new(what: impl Into<String>, here: Spread, how: How) -> Row {
        Row { what: what.into(), published: Vec::new(), here, how }
    }

    pub fn against(self, figure: f64) -> Row {
        Row { published: vec![Published { of: None, figure }], ..self }
    }
}

/// Repeats that table, and prints it.
pub fn run(like: Like, compare: &Compare, turns: &Turns) -> Result<(), Failure> {
    let (name, published_by, (sections, notes)) = match like {
        Like::QuantumLeap => {
            ("quantum-leap", quantum_leap::PUBLISHED_BY, quantum_leap::repeat(compare.calls, turns)?)
        }
        Like::Gupta2014 => ("gupta-2014", gupta::PUBLISHED_BY, gupta::repeat(compare.calls, turns)?),
        Like::HttpArena => {
            let connections = compare.in_flight.into();
            ("httparena", arena::PUBLISHED_BY, arena::repeat(compare.calls, connections, turns)?)
        }
    };
    let repetition = Repetition {
        bothways: env!("CARGO_PKG_VERSION"),
        like: name,
        published_by,
        counting: turns.counting.method(),
        rounds: turns.rounds,
        sections,
        notes,
    };
    print(compare, &repetition)
}

fn print(compare: &Compare, repetition: &Repetition) -> Result<(), Failure> {
    let text = if compare.json {
        let json = serde_json::to_string(repetition);
        json.map_err(|error| Failure::Failed(format!("the table cannot be written as JSON: {error}")))? + "\n"
    } else {
        table::text(repetition)
    };
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output);
    Failure::pass_over_broken_pipe(written)
}

/// All sections, and the notes below them.
type Repeated = (Vec<Section>, Vec<String>);

/// Of the two in each round, how many times the one is the other.
fn ratio(of: &[f64], to: &[f64]) -> Result<Spread, Failure> {
    spread(of.iter().zip(to).map(|(of, to)| of / to))
}

fn spread(values: impl Iterator<Item = f64>) -> Result<Spread, Failure> {
    Spread::of(values).ok_or_else(|| Failure::Failed("no round has that figure".to_owned()))
}

/// Each of its three numbers so many times.
fn times(spread: Spread, factor: f64) -> Spread {
    Spread { median: spread.median * factor, min: spread.min * factor, max: spread.max * factor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_rounds_that_stood_beside_each_other() {
        let spread = ratio(&[10.0, 40.0, 9.0], &[5.0, 10.0, 3.0]).unwrap();
        assert_eq!((spread.min, spread.median, spread.max), (2.0, 3.0, 4.0));
        assert!(ratio(&[], &[]).is_err());
    }
}
