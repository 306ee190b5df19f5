//! The experiment *Cross*: how often something must change for polling to be cheaper than being told, and how stale
//! is then what either shows.
//!
//! ```text
//!   cost │                     ╱ told: for each change
//!        │                  ╱
//!        │───────────────╳──────── polled: for each question, whatever happens
//!        │            ╱  :
//!        │         ╱     : somewhere in here: measured on both sides, and nothing is claimed of what lies between
//!        └──┴────┴────┴─┴┴┴────┴────┴─▶ changes a second
//! ```
//!
//! A question always comes later than the word of who knows. So of staleness it is also asked from which rate on what
//! somebody shows is stale for more than half of the time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::cli::{Compare, Following, Rhythm};
use crate::compare::ask::Stop;
use crate::compare::follow::course::{Bench, Course, Round, rest};
use crate::compare::follow::figures::Followed;
use crate::compare::follow::rhythm;
use crate::compare::follow::search::{Bracket, Words, search};
use crate::compare::follow::ways::Lane;
use crate::compare::progress;
use crate::compare::report::Figure;
use crate::compare::table::number;
use crate::failure::Failure;

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
    /// All that in words.
    pub says: String,
}

/// One figure of both at the same rate.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pair {
    pub polling: Figure,
    pub told: Figure,
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
    /// All that in words.
    pub says: String,
}

impl Crossing {
    /// Where the two rates do not say all of it: the ways, and what there is to say.
    pub fn words(&self) -> Option<String> {
        let is_found = self.decided && self.low.is_some() && self.high.is_some();
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
        let is_found = self.decided && self.low.is_some() && self.high.is_some();
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

const STALE_WORDS: Words = Words {
    about: "stale",
    up_to: "for half of the time at most",
    from: "for more than half of it",
    never: "for half of the time at most at each rate measured",
    always: "for more than half of the time at each rate measured",
};

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
    if changes_max(compare) < 2 || window < 2 * rest(compare) {
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
    let mut book =
        Book { compare, bench, window, lanes: &lanes, measured: BTreeMap::new(), progress: progress(0) };
    crossed.seconds = window.as_secs_f64();
    let searched = book.search_all(crossed);
    book.progress.finish_and_clear();
    crossed.points = book.points();
    match searched {
        Ok(()) => Ok(true),
        Err(Stop::Interrupted) => Ok(false),
        Err(Stop::Failed(failure) | Stop::Doubted(failure)) => Err(failure),
    }
}

/// What was measured so far: by way, in the order in which they are told, and by the number of changes in the window.
struct Book<'b> {
    compare: &'b Compare,
    bench: &'b Bench<'b>,
    window: Duration,
    lanes: &'b [Lane],
    measured: BTreeMap<(usize, u32), Point>,
    progress: indicatif::ProgressBar,
}

impl Book<'_> {
    fn search_all(&mut self, crossed: &mut Crossed) -> Result<(), Stop> {
        let (pollers, told): (Vec<Lane>, Vec<Lane>) = self.lanes.iter().copied().partition(is_poller);
        let most = changes_max(self.compare);
        for compared in COMPARED {
            for &poller in &pollers {
                for &told in &told {
                    let figure = compared.figure;
                    let bracket = search(most, |changes| {
                        Ok::<_, Stop>(
                            self.median(told, changes, figure)? > self.median(poller, changes, figure)?,
                        )
                    })?;
                    crossed.crossings.extend(self.crossing(poller, told, compared, &bracket));
                }
            }
        }
        for &lane in self.lanes {
            let is_stale = |stale: Option<f64>| stale.is_some_and(|percent| percent > STALE_PERCENT_MAX);
            let bracket =
                search(most, |changes| Ok::<_, Stop>(is_stale(self.median(lane, changes, STALE)?)))?;
            crossed.staleness.extend(self.staleness(lane, &bracket));
        }
        Ok(())
    }

    /// The median of a figure, measured now where it was not before.
    fn median(&mut self, lane: Lane, changes: u32, figure: &str) -> Result<Option<f64>, Stop> {
        if !self.measured.contains_key(&self.key(lane, changes)) {
            self.measure(lane, changes)?;
        }
        Ok(self.figure(lane, changes, figure).map(|figure| figure.spread.median))
    }

    /// Of what was measured. The server's processor time is not known on every system.
    fn figure(&self, lane: Lane, changes: u32, name: &str) -> Option<Figure> {
        self.measured[&self.key(lane, changes)].followed.figures.get(name).copied()
    }

    fn measure(&mut self, lane: Lane, changes: u32) -> Result<(), Stop> {
        let follow = &self.compare.follow;
        // All are made early enough to be acknowledged in the window, so that it costs what it costs.
        let per_second = f64::from(changes) / (self.window - self.bench.rest).as_secs_f64();
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
            match self.bench.round(&course) {
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

    fn write_down(&mut self, lane: Lane, changes: u32, rounds: &[Round]) {
        if !rounds.is_empty() {
            let followed = Followed::new(lane, self.bench.followers, rounds, None);
            let point = Point { changes_per_second: self.rate(changes), followed };
            self.measured.insert(self.key(lane, changes), point);
        }
    }

    fn key(&self, lane: Lane, changes: u32) -> (usize, u32) {
        let place = self.lanes.iter().position(|one| *one == lane);
        (place.expect("it is one of those that are measured"), changes)
    }

    fn rate(&self, changes: u32) -> f64 {
        f64::from(changes) / self.window.as_secs_f64()
    }

    /// None, where the figure is not known.
    fn crossing(&self, poller: Lane, told: Lane, compared: &Compared, bracket: &Bracket) -> Option<Crossing> {
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
            says,
        })
    }

    fn staleness(&self, lane: Lane, bracket: &Bracket) -> Option<Staleness> {
        let stale_ms = self.compare.follow.stale_ms;
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
            says: bracket.says(&STALE_WORDS, |changes| self.rate(changes)),
        })
    }

    fn points(self) -> Vec<Point> {
        self.measured.into_values().collect()
    }
}
