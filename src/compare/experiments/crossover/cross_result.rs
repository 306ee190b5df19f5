//! The results of the experiment on crossovers.

use serde::Serialize;

use crate::compare::costs::{Figure, Spread};
use crate::compare::experiments::crossover::bracket::Words;
use crate::compare::experiments::updates::figures::Followed;

/// All that was measured for it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Crossed {
    /// How long each rate was measured.
    pub seconds: f64,
    /// By way, and then by rate.
    pub points: Vec<Point>,
    /// By what is compared, and by pair of ways.
    pub crossings: Vec<Crossing>,
    /// By way.
    pub staleness: Vec<Staleness>,
}

/// One way at one rate.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    pub changes_per_second: f64,
    #[serde(flatten)]
    pub followed: Followed,
}

/// Where one way overtakes another, as far as it was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Crossing {
    pub poller: &'static str,
    pub poll_seconds: f64,
    pub told: &'static str,
    /// The figure that is compared, as in [`COMPARED`].
    pub figure: &'static str,
    /// In words.
    pub compared: &'static str,
    /// Up to this rate, polling cost more, or as much, wherever it was measured; or was as stale, or more. None: at no
    /// rate that was.
    pub low: Option<f64>,
    /// From this rate on, being told did wherever it was measured. None: at no rate that was.
    pub high: Option<f64>,
    /// The lowest and the highest rate that was measured.
    pub measured: [f64; 2],
    /// The figure there.
    pub at_lowest: Pair,
    pub at_highest: Pair,
    /// What both show at `high`, or else at the highest rate that was measured.
    pub poller_age_p50_ms: Option<Figure>,
    pub told_age_p50_ms: Option<Figure>,
    /// False: rates between the two contradict each other.
    pub decided: bool,
    /// False: at `low` or at `high` the medians differ by less than the rounds do.
    pub clear: bool,
    /// All that in words.
    pub says: String,
}

/// One figure of both at the same rate.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pair {
    pub polling: Figure,
    pub told: Figure,
}

impl Pair {
    /// Some round of the one has more than some round of the other, and some other less.
    pub fn overlaps(&self) -> bool {
        let (polling, told) = (self.polling.spread, self.told.spread);
        polling.min < told.max && told.min < polling.max
    }
}

/// From which rate on what a way shows is stale for more than half of the time.
#[derive(Clone, Debug, Serialize)]
pub struct Staleness {
    pub way: &'static str,
    pub poll_seconds: Option<f64>,
    /// Older than this is stale.
    pub stale_ms: u32,
    /// Up to this rate it was so for half of the time at most, wherever it was measured. None: at no rate that was.
    pub low: Option<f64>,
    /// From this rate on it was so for more than that wherever it was measured. None: at no rate that was.
    pub high: Option<f64>,
    pub measured: [f64; 2],
    /// For how much of the time it was.
    pub at_lowest: Figure,
    pub at_highest: Figure,
    /// False: rates between the two contradict each other.
    pub decided: bool,
    /// False: at `low` or at `high` the medians differ by less than the rounds do.
    pub clear: bool,
    /// All that in words.
    pub says: String,
}

impl Crossing {
    /// Where the two rates do not say all of it: the ways, and what there is to say.
    pub fn words(&self) -> Option<String> {
        let is_found = self.decided && self.clear && self.low.is_some() && self.high.is_some();
        let Crossing { poller, poll_seconds, told, says, .. } = self;
        (!is_found).then(|| format!("{poller} every {poll_seconds} s or {told}: {says}"))
    }
}

impl Staleness {
    /// The name of the way, and how often.
    pub fn name(&self) -> String {
        self.poll_seconds.map_or(self.way.to_owned(), |every| format!("{} {every} s", self.way))
    }

    /// As of a crossing.
    pub fn words(&self) -> Option<String> {
        let is_found = self.decided && self.clear && self.low.is_some() && self.high.is_some();
        (!is_found).then(|| format!("{}: {}", self.name(), self.says))
    }
}

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// The name of the figure.
    pub figure: &'static str,
    pub unit: &'static str,
    pub words: Words,
}

pub const COMPARED: &[Compared] = &[
    Compared { figure: "changing_bytes", unit: "bytes", words: costs("bytes") },
    Compared { figure: "changing_server_us", unit: "us", words: costs("server CPU") },
    Compared {
        figure: STALE,
        unit: "% of the time",
        words: Words {
            about: "staleness",
            up_to: "polling is staler, or as stale,",
            from: "being told is staler",
            never: "polling is fresher at no rate measured",
            always: "being told is staler at each rate measured",
        },
    },
];

const fn costs(about: &'static str) -> Words {
    Words {
        about,
        up_to: "polling costs more",
        from: "being told",
        never: "polling costs more at each rate measured",
        always: "being told costs more at each rate measured",
    }
}

/// For how much of the time what is shown is stale: the figure of that, and what is too much of it.
pub const STALE: &str = "stale_percent";
pub const STALE_PERCENT_MAX: f64 = 50.0;

/// Some rounds say that it is too much, and others that it is not.
pub fn is_around_too_much(spread: &Spread) -> bool {
    spread.min <= STALE_PERCENT_MAX && STALE_PERCENT_MAX < spread.max
}

pub const STALE_WORDS: Words = Words {
    about: "stale",
    up_to: "for half of the time at most",
    from: "for more than half of it",
    never: "for half of the time at most at each rate measured",
    always: "for more than half of the time at each rate measured",
};

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn figure(values: &[f64]) -> Figure {
        Figure { unit: "x", spread: Spread::of(values.iter().copied()).unwrap() }
    }

    #[test]
    fn what_differs_less_than_the_rounds_do_is_not_clear() {
        let overlaps =
            |polling: &[f64], told: &[f64]| Pair { polling: figure(polling), told: figure(told) }.overlaps();
        assert!(overlaps(&[1.0, 2.0, 5.0], &[3.0, 4.0, 4.0]) && overlaps(&[3.0, 3.0], &[2.0, 4.0]));
        // One round, or those that are all the same, have no spread.
        assert!(
            !overlaps(&[3.0], &[3.0]) && !overlaps(&[1.0, 2.0], &[2.5, 9.0]) && !overlaps(&[5.0], &[4.0])
        );
        assert!(!overlaps(&[0.0, 0.0], &[0.0, 8.0]), "nobody is less than the least");
        assert!(is_around_too_much(&figure(&[40.0, 49.0, 51.0]).spread));
        assert!(!is_around_too_much(&figure(&[40.0, 50.0]).spread));
        assert!(!is_around_too_much(&figure(&[51.0, 60.0]).spread));
    }
}
