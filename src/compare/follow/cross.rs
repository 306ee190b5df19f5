//! The experiment *Cross*: how often something must change for polling to be cheaper than being told.
//!
//! ```text
//!   cost │                     ╱ told: for each change
//!        │                  ╱
//!        │───────────────╳──────── polled: for each question, whatever happens
//!        │            ╱  :
//!        │         ╱     : somewhere in here: measured on both sides, and nothing is claimed of what lies between
//!        └──┴────┴────┴─┴┴┴────┴────┴─▶ changes a second
//!           a ladder of rates, and then halves of the step in which it happens
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::cli::{Compare, Following, Rhythm};
use crate::compare::ask::Stop;
use crate::compare::follow::course::{Bench, Course, REST, Round};
use crate::compare::follow::figures::Followed;
use crate::compare::follow::rhythm;
use crate::compare::follow::ways::Lane;
use crate::compare::progress;
use crate::compare::report::Figure;
use crate::failure::Failure;

/// All that was measured for it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Crossed {
    /// How long each rate was measured.
    pub seconds: f64,
    /// By way, and then by rate.
    pub points: Vec<Point>,
    /// By pair of ways, and by what is compared.
    pub crossings: Vec<Crossing>,
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
    /// Up to this rate, polling cost more, or as much, wherever it was measured. None: at no rate that was.
    pub low: Option<f64>,
    /// From this rate on, being told cost more wherever it was measured. None: at no rate that was.
    pub high: Option<f64>,
    /// The lowest and the highest rate that was measured.
    pub measured: [f64; 2],
    /// What both show at `high`, or else at the highest rate that was measured.
    pub poller_age_p50_ms: Option<Figure>,
    pub told_age_p50_ms: Option<Figure>,
    pub says: String,
}

/// What is compared: the name of the figure, and the words for it.
pub const COMPARED: &[(&str, &str)] = &[("changing_bytes", "bytes"), ("changing_server_us", "server CPU")];

/// Unless others are asked for.
pub const WAYS: &[Following] =
    &[Following::Poll, Following::PollConditional, Following::Events, Following::Socket];

/// Whether it can be measured at all.
pub fn check(compare: &Compare) -> Result<(), Failure> {
    let usage = |words: String| Err(Failure::Usage(words));
    let lanes = Lane::wanted(compare, WAYS);
    if !lanes.iter().any(is_poller) || lanes.iter().all(is_poller) {
        return usage(
            "cross takes --follow-ways of both kinds: one that polls, and one that is told".to_owned(),
        );
    }
    let window = compare.follow.cross_seconds;
    if let Some(every) = lanes.iter().filter_map(|lane| lane.every()).find(|&every| every > window) {
        let (every, window) = (every.as_secs_f64(), window.as_secs_f64());
        return usage(format!(
            "--poll-seconds {every} is longer than --cross-seconds {window}: nobody would poll"
        ));
    }
    if changes_max(compare) < 2 || window < 2 * REST {
        let (most, window) = (compare.follow.cross_rate_max, window.as_secs_f64());
        return usage(format!(
            "--cross-rate-max {most} in --cross-seconds {window} is too little to compare"
        ));
    }
    Ok(())
}

fn is_poller(lane: &Lane) -> bool {
    lane.every().is_some()
}

fn changes_max(compare: &Compare) -> u32 {
    (compare.follow.cross_rate_max * compare.follow.cross_seconds.as_secs_f64()) as u32
}

/// Whether all was measured that was needed.
pub fn find(compare: &Compare, bench: &Bench, crossed: &mut Crossed) -> Result<bool, Failure> {
    let lanes = Lane::wanted(compare, WAYS);
    let window = compare.follow.cross_seconds;
    let mut book = Book { compare, bench, window, measured: BTreeMap::new(), progress: progress(0) };
    crossed.seconds = window.as_secs_f64();
    let searched = book.search_all(&lanes, &mut crossed.crossings);
    book.progress.finish_and_clear();
    crossed.points = book.points();
    match searched {
        Ok(()) => Ok(true),
        Err(Stop::Interrupted) => Ok(false),
        Err(Stop::Failed(failure) | Stop::Doubted(failure)) => Err(failure),
    }
}

/// What was measured so far: by way, and by the number of changes in the window.
struct Book<'b> {
    compare: &'b Compare,
    bench: &'b Bench<'b>,
    window: Duration,
    measured: BTreeMap<(String, u32), Point>,
    progress: indicatif::ProgressBar,
}

impl Book<'_> {
    fn search_all(&mut self, lanes: &[Lane], crossings: &mut Vec<Crossing>) -> Result<(), Stop> {
        let (pollers, told): (Vec<Lane>, Vec<Lane>) = lanes.iter().copied().partition(is_poller);
        let most = changes_max(self.compare);
        for &(figure, words) in COMPARED {
            for &poller in &pollers {
                for &told in &told {
                    let mut unknown = false;
                    let bracket = search(most, |changes| {
                        let costs = [self.cost(poller, changes, figure)?, self.cost(told, changes, figure)?];
                        unknown |= costs.iter().any(Option::is_none);
                        Ok::<_, Stop>(costs[1] > costs[0])
                    })?;
                    // The server's processor time is not known on every system.
                    if !unknown {
                        crossings.push(self.crossing(poller, told, figure, words, &bracket));
                    }
                }
            }
        }
        Ok(())
    }

    /// The median of a figure, measured now where it was not before.
    fn cost(&mut self, lane: Lane, changes: u32, figure: &str) -> Result<Option<f64>, Stop> {
        let key = (lane.words(), changes);
        if !self.measured.contains_key(&key) {
            let point = self.measure(lane, changes)?;
            self.measured.insert(key.clone(), point);
        }
        Ok(self.measured[&key].followed.figures.get(figure).map(|figure| figure.spread.median))
    }

    fn measure(&self, lane: Lane, changes: u32) -> Result<Point, Stop> {
        let follow = &self.compare.follow;
        // All are made early enough to be acknowledged in the window, so that it costs what it costs.
        let per_second = f64::from(changes) / (self.window - REST).as_secs_f64();
        let times = match follow.rhythm {
            // One of a few in the middle of its time, and not at the border.
            Rhythm::Evenly => {
                let half = Duration::from_secs_f64(0.5 / per_second);
                rhythm::times(Rhythm::Evenly, changes, per_second, 0)
                    .iter()
                    .map(|time| *time + half)
                    .collect()
            }
            other => rhythm::times(other, changes, per_second, follow.seed),
        };
        let course = Course { lane, quiet: None, times: &times, window: self.window };
        let mut rounds: Vec<Round> = Vec::new();
        let rate = self.rate(changes);
        self.progress.inc_length(self.compare.rounds.into());
        for n in 1..=self.compare.rounds {
            let words = lane.words();
            let of = self.compare.rounds;
            self.progress.set_message(format!("round {n} of {of}: {rate} changes a second, {words}"));
            rounds.push(self.bench.round(&course)?);
            self.progress.inc(1);
        }
        let followed = Followed::new(lane, self.bench.followers, &rounds, None);
        Ok(Point { changes_per_second: rate, followed })
    }

    fn rate(&self, changes: u32) -> f64 {
        f64::from(changes) / self.window.as_secs_f64()
    }

    fn crossing(
        &self,
        poller: Lane,
        told: Lane,
        figure: &'static str,
        compared: &'static str,
        bracket: &Bracket,
    ) -> Crossing {
        let rate = |changes: u32| self.rate(changes);
        let at = bracket.high.unwrap_or(bracket.most);
        let age = |lane: Lane| self.measured[&(lane.words(), at)].followed.figures.get("age_p50_ms").copied();
        Crossing {
            poller: poller.name(),
            poll_seconds: poller.every().unwrap_or_default().as_secs_f64(),
            told: told.name(),
            figure,
            compared,
            low: bracket.low.map(rate),
            high: bracket.high.map(rate),
            measured: [rate(bracket.least), rate(bracket.most)],
            poller_age_p50_ms: age(poller),
            told_age_p50_ms: age(told),
            says: bracket.says(compared, rate),
        }
    }

    fn points(self) -> Vec<Point> {
        self.measured.into_values().collect()
    }
}

/// What a search came to, in changes within the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bracket {
    /// All that was measured up to here says that polling costs more.
    low: Option<u32>,
    /// All that was measured from here on says that being told does.
    high: Option<u32>,
    least: u32,
    most: u32,
    /// Something was measured between the two: neighbouring rates contradict each other.
    disagrees: bool,
}

/// Looks for the number of changes from which on being told costs more, between 1 and `most`.
pub fn search<E>(most: u32, mut is_told_dearer: impl FnMut(u32) -> Result<bool, E>) -> Result<Bracket, E> {
    let mut known = BTreeMap::new();
    let mut step = 1;
    while step < most {
        known.insert(step, is_told_dearer(step)?);
        step = step.saturating_mul(LADDER);
    }
    known.insert(most, is_told_dearer(most)?);
    loop {
        let bracket = Bracket::of(&known);
        match (bracket.low, bracket.high) {
            (Some(low), Some(high)) if !bracket.disagrees && !is_narrow(low, high) => {
                let middle = (f64::from(low) * f64::from(high)).sqrt().round() as u32;
                let middle = middle.clamp(low + 1, high - 1);
                known.insert(middle, is_told_dearer(middle)?);
            }
            _ => return Ok(bracket),
        }
    }
}

fn is_narrow(low: u32, high: u32) -> bool {
    high - low <= 1 || f64::from(high) / f64::from(low) <= NARROW
}

impl Bracket {
    fn of(known: &BTreeMap<u32, bool>) -> Bracket {
        let low = known.iter().take_while(|(_, is_dearer)| !**is_dearer).last().map(|(&at, _)| at);
        let high = known.iter().rev().take_while(|(_, is_dearer)| **is_dearer).last().map(|(&at, _)| at);
        let (from, to) = (low.unwrap_or(0), high.unwrap_or(u32::MAX));
        let [least, most] =
            [known.keys().next(), known.keys().last()].map(|at| *at.expect("there is a ladder"));
        Bracket { low, high, least, most, disagrees: known.keys().any(|&at| from < at && at < to) }
    }

    fn says(&self, words: &str, rate: impl Fn(u32) -> f64) -> String {
        let [least, most] = [self.least, self.most].map(|at| rate_words(rate(at)));
        match (self.low, self.high) {
            _ if self.disagrees => {
                let low = rate_words(rate(self.low.unwrap_or(self.least)));
                let high = rate_words(rate(self.high.unwrap_or(self.most)));
                format!(
                    "{words}: not decided: rates from {low} to {high} changes a second contradict each other"
                )
            }
            (Some(low), Some(high)) => {
                let (low, high) = (rate_words(rate(low)), rate_words(rate(high)));
                format!("{words}: polling costs more up to {low} changes a second, being told from {high} on")
            }
            (Some(_), None) => {
                format!(
                    "{words}: polling costs more at each rate measured, {least} to {most} changes a second"
                )
            }
            (None, _) => {
                format!(
                    "{words}: being told costs more at each rate measured, {least} to {most} changes a second"
                )
            }
        }
    }
}

/// As many digits as a rate needs to be told from its neighbour.
pub fn rate_words(rate: f64) -> String {
    let text = format!("{rate:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// From one rate that is measured to the next, at first.
const LADDER: u32 = 4;
/// So near to each other two rates on both sides are near enough.
const NARROW: f64 = 1.1;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where polling costs so much, and each change so much to who is told; and what was measured.
    fn found(most: u32, polled: f64, told: f64) -> (Bracket, Vec<u32>) {
        let mut measured = Vec::new();
        let bracket = search(most, |changes| {
            measured.push(changes);
            Ok::<_, ()>(told * f64::from(changes) > polled)
        });
        (bracket.unwrap(), measured)
    }

    #[test]
    fn the_crossing_lies_between_two_rates_that_were_measured() {
        for most in [2, 3, 64, 256, 100_000] {
            for crossing in 1..most.min(300) {
                let (bracket, measured) = found(most, f64::from(crossing) + 0.5, 1.0);
                let (low, high) = (bracket.low.unwrap(), bracket.high.unwrap());
                assert!(low <= crossing && crossing < high, "{crossing} of {most}: {bracket:?}");
                assert!(is_narrow(low, high) && !bracket.disagrees);
                assert!(measured.contains(&low) && measured.contains(&high));
                let mut once = measured.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), measured.len(), "nothing is measured twice");
                assert!(measured.len() <= 16, "{measured:?}");
            }
        }
    }

    #[test]
    fn nothing_is_claimed_beyond_what_was_measured() {
        let (bracket, measured) = found(64, 1000.0, 1.0);
        assert_eq!((bracket.low, bracket.high, measured), (Some(64), None, vec![1, 4, 16, 64]));
        let words = bracket.says("bytes", |changes| f64::from(changes) / 4.0);
        assert_eq!(words, "bytes: polling costs more at each rate measured, 0.25 to 16 changes a second");
        let (bracket, measured) = found(64, 0.5, 1.0);
        assert_eq!((bracket.low, bracket.high, measured), (None, Some(1), vec![1, 4, 16, 64]));
        let words = bracket.says("bytes", f64::from);
        assert_eq!(words, "bytes: being told costs more at each rate measured, 1 to 64 changes a second");
    }

    #[test]
    fn what_contradicts_itself_is_not_decided() {
        let noise = BTreeMap::from([(1, false), (4, true), (16, false), (64, true)]);
        let bracket = search(64, |changes| Ok::<_, ()>(noise[&changes])).unwrap();
        assert_eq!((bracket.low, bracket.high, bracket.disagrees), (Some(1), Some(64), true));
        let words = bracket.says("server CPU", f64::from);
        assert_eq!(
            words,
            "server CPU: not decided: rates from 1 to 64 changes a second contradict each other"
        );
        let upside_down = search(64, |changes| Ok::<_, ()>(changes == 1)).unwrap();
        assert_eq!((upside_down.low, upside_down.high, upside_down.disagrees), (None, None, true));
    }

    #[test]
    fn what_fails_is_not_gone_on_with() {
        assert_eq!(search(64, |changes| if changes == 4 { Err(changes) } else { Ok(false) }), Err(4));
    }
}
