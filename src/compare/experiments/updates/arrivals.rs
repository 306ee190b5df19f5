//! When changes are made. Their number and the time for all of them are the same for each pattern.
//!
//! ```text
//!   evenly      ▏  ▏  ▏  ▏  ▏  ▏  ▏  ▏
//!   at random   ▏▏   ▏ ▏      ▏▏ ▏   ▏      a Poisson process, of which the count is known
//!   in bursts   ▎▎▎▎           ▎▎▎▎         so many at once
//! ```

use std::time::Duration;

use serde::Serialize;

/// A pattern of arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    Evenly,
    /// A Poisson process.
    AtRandom,
    /// Bursts of [`BURST`] changes.
    InBursts,
}

impl Arrivals {
    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Arrivals::Evenly => "evenly",
            Arrivals::AtRandom => "at-random",
            Arrivals::InBursts => "in-bursts",
        }
    }
}

/// How many changes in a burst.
pub const BURST: u32 = 10;

/// The time of each, from the beginning; none is later than [`stretch`].
pub fn times(rhythm: Arrivals, changes: u32, per_second: f64, seed: u64) -> Vec<Duration> {
    let seconds = |n: f64| Duration::from_secs_f64(n / per_second);
    match rhythm {
        Arrivals::Evenly => (0..changes).map(|n| seconds(n.into())).collect(),
        Arrivals::InBursts => (0..changes).map(|n| seconds((n - n % BURST).into())).collect(),
        // Where it is known how many events a Poisson process has in a stretch of time, each of them may
        // be anywhere in it, whatever the others do.
        Arrivals::AtRandom => {
            let mut chance = Chance(seed);
            let mut times: Vec<_> =
                (0..changes).map(|_| seconds(chance.next() * f64::from(changes))).collect();
            times.sort();
            times
        }
    }
}

/// How long all of them take.
pub fn stretch(changes: u32, per_second: f64) -> Duration {
    Duration::from_secs_f64(f64::from(changes) / per_second)
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers for the same seed, on every machine.
struct Chance(u64);

impl Chance {
    /// From 0 to, and without, 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(rhythm: Arrivals, changes: u32, per_second: f64) -> Vec<u128> {
        times(rhythm, changes, per_second, 1).iter().map(Duration::as_millis).collect()
    }

    #[test]
    fn evenly_is_one_after_the_other() {
        assert_eq!(millis(Arrivals::Evenly, 4, 10.0), [0, 100, 200, 300]);
        assert_eq!(stretch(4, 10.0), Duration::from_millis(400));
    }

    #[test]
    fn a_burst_is_ten_at_once_and_the_rate_is_kept() {
        let bursts = millis(Arrivals::InBursts, 25, 10.0);
        assert_eq!((bursts[0], bursts[9], bursts[10], bursts[19], bursts[24]), (0, 0, 1000, 1000, 2000));
    }

    #[test]
    fn chance_is_that_of_the_paper() {
        // The first output for the seed 1234567, of the reference implementation.
        let mut chance = Chance(1_234_567);
        assert_eq!((chance.next() * (1u64 << 53) as f64) as u64, 6_457_827_717_110_365_317 >> 11);
    }

    #[test]
    fn at_random_is_the_same_for_the_same_seed_and_has_gaps_of_a_poisson_process() {
        let of = |seed| times(Arrivals::AtRandom, 20_000, 100.0, seed);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
        let times = of(7);
        assert!(times.is_sorted() && *times.last().unwrap() < stretch(20_000, 100.0));
        // Of exponential gaps, one in e is longer than the mean; evenly spread, none would be.
        let longer = times.windows(2).filter(|two| two[1] - two[0] > Duration::from_millis(10)).count();
        let share = longer as f64 / 19_999.0;
        assert!((share - (-1.0f64).exp()).abs() < 0.02, "{share}");
    }
}
