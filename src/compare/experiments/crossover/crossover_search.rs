//! What was measured for Cross, and what it says of each question that was searched for.
//!
//! ```text
//!   a question ─▶ search ── at this rate? ─▶ measured, unless it was before
//!   at the end: each question, of all rates at which its ways were measured, for whichever question
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use crate::compare::costs::Figure;
use crate::compare::experiments::crossover::bracket::{Bracket, search};
use crate::compare::experiments::crossover::cross_result::{
    COMPARED, Compared, Crossing, Pair, Point, STALE, STALE_PERCENT_MAX, STALE_WORDS, Staleness,
    is_around_too_much,
};
use crate::compare::experiments::updates::arrivals;
use crate::compare::experiments::updates::arrivals::Arrivals;
use crate::compare::experiments::updates::figures::Followed;
use crate::compare::experiments::updates::update_round::{Course, Round, UpdateRunner};
use crate::compare::experiments::updates::update_series::UpdateSeries;
use crate::compare::format::{number, rate_words};
use crate::compare::options::CompareOptions;
use crate::compare::progress::progress;
use crate::compare::run_error::RunError;

/// By way, in the order in which they are told, and by the number of changes in the window.
pub struct Book<'b> {
    options: &'b CompareOptions,
    runner: &'b UpdateRunner<'b>,
    window: Duration,
    lanes: &'b [UpdateSeries],
    measured: BTreeMap<(usize, u32), Point>,
    /// Of which the search has come to its end.
    searched: Vec<Question>,
    progress: indicatif::ProgressBar,
}

/// From which rate on?
#[derive(Clone, Copy, Debug)]
enum Question {
    /// Who is told has more of it.
    Overtakes { poller: UpdateSeries, told: UpdateSeries, compared: &'static Compared },
    /// Most of the time what this way shows is stale.
    IsStale(UpdateSeries),
}

impl<'b> Book<'b> {
    pub fn new(
        options: &'b CompareOptions,
        runner: &'b UpdateRunner<'b>,
        lanes: &'b [UpdateSeries],
    ) -> Book<'b> {
        let window = options.follow.cross_seconds;
        let (measured, searched, progress) = (BTreeMap::new(), Vec::new(), progress(0));
        Book { options, runner, window, lanes, measured, searched, progress }
    }

    pub fn search_all(&mut self) -> Result<(), RunError> {
        let (pollers, told): (Vec<UpdateSeries>, Vec<UpdateSeries>) =
            self.lanes.iter().copied().partition(|one| one.is_polling());
        for compared in COMPARED {
            for &poller in &pollers {
                for &told in &told {
                    self.search(Question::Overtakes { poller, told, compared })?;
                }
            }
        }
        self.lanes.iter().try_for_each(|&lane| self.search(Question::IsStale(lane)))
    }

    fn search(&mut self, question: Question) -> Result<(), RunError> {
        let known = self.known(question);
        search(changes_max(self.options), known, |changes| {
            for lane in question.lanes() {
                if !self.measured.contains_key(&self.key(lane, changes)) {
                    self.measure(lane, changes)?;
                }
            }
            Ok::<_, RunError>(self.is_so(question, changes))
        })?;
        self.searched.push(question);
        Ok(())
    }

    /// What the medians say at each rate at which all ways were measured of which it asks.
    fn known(&self, question: Question) -> BTreeMap<u32, bool> {
        let lanes = question.lanes();
        let all = self.measured.keys().map(|&(_, changes)| changes).filter(|&changes| {
            lanes.iter().all(|&lane| self.measured.contains_key(&self.key(lane, changes)))
        });
        all.map(|changes| (changes, self.is_so(question, changes))).collect()
    }

    fn is_so(&self, question: Question, changes: u32) -> bool {
        let median = |lane, figure| self.figure(lane, changes, figure).map(|figure| figure.spread.median);
        match question {
            Question::Overtakes { poller, told, compared } => {
                median(told, compared.figure) > median(poller, compared.figure)
            }
            Question::IsStale(lane) => median(lane, STALE).is_some_and(|percent| percent > STALE_PERCENT_MAX),
        }
    }

    /// What was found, of all that was measured.
    pub fn results(&self) -> (Vec<Crossing>, Vec<Staleness>) {
        let (mut crossings, mut staleness) = (Vec::new(), Vec::new());
        for &question in &self.searched {
            let bracket = Bracket::of(&self.known(question));
            match question {
                Question::Overtakes { poller, told, compared } => {
                    crossings.extend(self.crossing(poller, told, compared, &bracket));
                }
                Question::IsStale(lane) => staleness.extend(self.staleness(lane, &bracket)),
            }
        }
        (crossings, staleness)
    }

    /// Of what was measured. The server's processor time is not known on every system.
    fn figure(&self, lane: UpdateSeries, changes: u32, name: &str) -> Option<Figure> {
        self.measured[&self.key(lane, changes)].followed.figures.get(name).copied()
    }

    fn measure(&mut self, lane: UpdateSeries, changes: u32) -> Result<(), RunError> {
        let follow = &self.options.follow;
        // All are made early enough to be acknowledged in the window, so that it costs what it costs.
        let per_second = f64::from(changes) / (self.window - self.runner.rest).as_secs_f64();
        let times = match follow.rhythm {
            // One of a few in the middle of its time, and not at the border.
            Arrivals::Evenly => {
                let half = Duration::from_secs_f64(0.5 / per_second);
                arrivals::times(Arrivals::Evenly, changes, per_second, 0)
                    .iter()
                    .map(|time| *time + half)
                    .collect()
            }
            other => arrivals::times(other, changes, per_second, follow.seed),
        };
        let course = Course { lane, quiet: None, times: &times, window: self.window };
        let mut rounds: Vec<Round> = Vec::new();
        let rate = self.rate(changes);
        self.progress.inc_length(self.options.rounds.into());
        for n in 1..=self.options.rounds {
            let words = lane.words();
            let of = self.options.rounds;
            self.progress.set_message(format!("round {n} of {of}: {rate} changes a second, {words}"));
            match self.runner.round(&course) {
                Ok(round) => rounds.push(round),
                // What there is of it is told, too.
                Err(stop) => {
                    self.write_down(lane, changes, &rounds);
                    return Err(stop);
                }
            }
            self.progress.inc(1);
        }
        self.write_down(lane, changes, &rounds);
        Ok(())
    }

    fn write_down(&mut self, lane: UpdateSeries, changes: u32, rounds: &[Round]) {
        if !rounds.is_empty() {
            let followed = Followed::new(lane, self.runner.followers, rounds, None);
            let point = Point { changes_per_second: self.rate(changes), followed };
            self.measured.insert(self.key(lane, changes), point);
        }
    }

    fn key(&self, lane: UpdateSeries, changes: u32) -> (usize, u32) {
        let place = self.lanes.iter().position(|one| *one == lane);
        (place.expect("it is one of those that are measured"), changes)
    }

    fn rate(&self, changes: u32) -> f64 {
        f64::from(changes) / self.window.as_secs_f64()
    }

    /// None, where the figure is not known.
    fn crossing(
        &self,
        poller: UpdateSeries,
        told: UpdateSeries,
        compared: &Compared,
        bracket: &Bracket,
    ) -> Option<Crossing> {
        let Compared { figure, unit, words } = *compared;
        let pair = |changes| {
            let (polling, told) = (self.figure(poller, changes, figure), self.figure(told, changes, figure));
            polling.zip(told).map(|(polling, told)| Pair { polling, told })
        };
        let (at_lowest, at_highest) = (pair(bracket.least)?, pair(bracket.most)?);
        let mut says = bracket.says(&words, |changes| self.rate(changes));
        if bracket.low.is_none() || bracket.high.is_none() {
            let of = |pair: &Pair| [pair.polling, pair.told].map(|figure| number(figure.spread.median));
            let ([polled, told], [polled_most, told_most]) = (of(&at_lowest), of(&at_highest));
            says += &format!(
                ": {polled} {unit} against {told} at the lowest, {polled_most} against {told_most} at the highest"
            );
        }
        let unclear = self.unclear(bracket, |changes| pair(changes).is_some_and(|pair| pair.overlaps()));
        says += &within_the_spread(&unclear);
        let (low, high, measured) = bracket.rates(|changes| self.rate(changes));
        let age = |lane| self.figure(lane, bracket.high.unwrap_or(bracket.most), "age_p50_ms");
        Some(Crossing {
            poller: poller.name(),
            poll_seconds: poller.every().unwrap_or_default().as_secs_f64(),
            told: told.name(),
            figure,
            compared: words.about,
            low,
            high,
            measured,
            at_lowest,
            at_highest,
            poller_age_p50_ms: age(poller),
            told_age_p50_ms: age(told),
            decided: !bracket.disagrees,
            clear: unclear.is_empty(),
            says,
        })
    }

    fn staleness(&self, lane: UpdateSeries, bracket: &Bracket) -> Option<Staleness> {
        let stale_ms = self.options.follow.stale_ms;
        let unclear = self.unclear(bracket, |changes| {
            self.figure(lane, changes, STALE).is_some_and(|figure| is_around_too_much(&figure.spread))
        });
        let [at_lowest, at_highest] =
            [bracket.least, bracket.most].map(|changes| self.figure(lane, changes, STALE));
        let (low, high, measured) = bracket.rates(|changes| self.rate(changes));
        Some(Staleness {
            way: lane.name(),
            poll_seconds: lane.every().map(|every| every.as_secs_f64()),
            stale_ms,
            low,
            high,
            measured,
            at_lowest: at_lowest?,
            at_highest: at_highest?,
            decided: !bracket.disagrees,
            clear: unclear.is_empty(),
            says: bracket.says(&STALE_WORDS, |changes| self.rate(changes)) + &within_the_spread(&unclear),
        })
    }

    /// Those of the two rates at which the rounds do not agree.
    fn unclear(&self, bracket: &Bracket, is_unclear: impl Fn(u32) -> bool) -> Vec<f64> {
        let ends = [bracket.low, bracket.high].into_iter().flatten();
        ends.filter(|&changes| is_unclear(changes)).map(|changes| self.rate(changes)).collect()
    }

    pub fn points(self) -> Vec<Point> {
        self.progress.finish_and_clear();
        self.measured.into_values().collect()
    }
}

/// Changes in the window at the highest rate.
pub fn changes_max(options: &CompareOptions) -> u32 {
    (options.follow.cross_rate_max * options.follow.cross_seconds.as_secs_f64()) as u32
}

/// Where the medians of some rates differ by less than the rounds do.
fn within_the_spread(rates: &[f64]) -> String {
    let rates: Vec<String> = rates.iter().map(|&rate| rate_words(rate)).collect();
    match rates.is_empty() {
        true => String::new(),
        false => {
            format!("; at {} changes a second that is within the spread of the rounds", rates.join(" and "))
        }
    }
}

impl Question {
    fn lanes(self) -> Vec<UpdateSeries> {
        match self {
            Question::Overtakes { poller, told, .. } => vec![told, poller],
            Question::IsStale(lane) => vec![lane],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_at_which_rounds_disagree_are_said() {
        assert_eq!(within_the_spread(&[]), "");
        let words = within_the_spread(&[2.25, 2.5]);
        assert_eq!(words, "; at 2.25 and 2.5 changes a second that is within the spread of the rounds");
    }
}
