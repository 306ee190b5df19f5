//! A published table next to the figures of this machine.

use serde::Serialize;

use crate::compare::costs::{Round, Spread};
use crate::compare::count_method::Method;
use crate::compare::experiments::requests::figures;
use crate::compare::link::LinkReport;

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
    pub distance: Option<LinkReport>,
    /// That were wanted.
    pub rounds: u16,
    pub sections: Vec<Section>,
    /// What a reader must know beside the figures.
    pub notes: &'static [&'static str],
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

/// All sections, and the notes below them.
pub type Repeated = (Vec<Section>, &'static [&'static str]);

/// One of [`figures::FIGURES`], of each round.
pub fn figures(name: &str, rounds: &[Round]) -> Vec<f64> {
    let spreads = rounds.iter().filter_map(|round| figures::figure(name, std::slice::from_ref(round)));
    spreads.map(|spread| spread.median).collect()
}

/// Of the two in each round that both have, how many times the one is the other.
pub fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
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
