//! What the rounds of Follow say, as values.
//!
//! Costs are those of all followers together, divided by their number and by the seconds that it took:
//! so a poll and a push can be held against each other. The server's include what the changes themselves
//! cost it, which is what the lane `nobody` shows, undivided.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::compare::costs::{Application, Figure, Spread};
use crate::compare::experiments::updates::sampler::Phase;
use crate::compare::experiments::updates::update_round::Round;
use crate::compare::experiments::updates::update_series::UpdateSeries;
use crate::compare::system_calls::figures_by_name;
use crate::netlab::traffic::Network;

/// One way of following.
#[derive(Clone, Debug, Serialize)]
pub struct Followed {
    pub way: &'static str,
    /// How often it asks, where it is one that asks every so often.
    pub poll_seconds: Option<f64>,
    /// In which one thing it differs, and from which other way.
    pub differs: &'static str,
    pub followers: u16,
    pub rounds: usize,
    /// By name: those of [`FIGURES`]; and those of [`COSTS`] with `opening_` (for each follower), `quiet_` or
    /// `changing_` (for each follower and second) before it.
    pub figures: BTreeMap<String, Figure>,
    /// Of the server, while the changes were made, for each second, by name.
    pub system_calls: BTreeMap<String, Figure>,
    pub left_out: Option<String>,
}

impl Followed {
    pub fn new(lane: UpdateSeries, followers: u16, rounds: &[Round], left_out: Option<String>) -> Followed {
        let mut figures = BTreeMap::new();
        let mut put = |name: String, unit, values: Vec<f64>| {
            if let Some(spread) = Spread::of(values.into_iter()) {
                figures.insert(name, Figure { unit, spread });
            }
        };
        for &(name, unit, of) in FIGURES {
            put(name.to_owned(), unit, rounds.iter().filter_map(of).collect());
        }
        for &(name, unit, of) in COSTS {
            for (phase, part, per_second) in PHASES {
                let values = rounds.iter().filter_map(|round| {
                    let phase = part(round)?;
                    Some(of(phase)? / divisor(round, phase, *per_second))
                });
                put(format!("{phase}_{name}"), unit, values.collect());
            }
        }
        Followed {
            way: lane.name(),
            poll_seconds: lane.every().map(|every| every.as_secs_f64()),
            differs: lane.difference(),
            followers: if lane == UpdateSeries::Baseline { 0 } else { followers },
            rounds: rounds.len(),
            figures,
            system_calls: figures_by_name("calls/s", rounds, |round| {
                Some((round.changing.system_calls.as_ref()?, round.changing.took.as_secs_f64()))
            }),
            left_out,
        }
    }

    /// Its name, and how often.
    pub fn words(&self) -> String {
        self.poll_seconds.map_or(self.way.to_owned(), |every| format!("{} {every} s", self.way))
    }
}

/// What is divided by: followers, of whom there may be none, and seconds.
fn divisor(round: &Round, phase: &Phase, per_second: bool) -> f64 {
    let seconds = if per_second { phase.took.as_secs_f64() } else { 1.0 };
    f64::from(round.followers.max(1)) * seconds
}

type OfRound = fn(&Round) -> Option<f64>;
type OfPhase = fn(&Phase) -> Option<f64>;

/// Name, unit, and where a round has it.
pub const FIGURES: &[(&str, &str, OfRound)] = &[
    ("changes", "changes", |round| Some(round.changes.into())),
    // Of one follower; the mean of all.
    ("seen", "changes", |round| each(round, round.seen)),
    ("missed", "changes", |round| each(round, round.missed)),
    ("age_p50_ms", "milliseconds", |round| age(round, round.ages.quantile(0.5))),
    ("age_p99_ms", "milliseconds", |round| age(round, round.ages.quantile(0.99))),
    ("age_max_ms", "milliseconds", |round| age(round, round.ages.max())),
    ("age_mean_ms", "milliseconds", |round| age(round, round.ages.mean())),
    ("current_percent", "percent", |round| percent(round, round.ages.current_share())),
    ("stale_percent", "percent", |round| {
        percent(round, round.ages.share_older_than(round.stale_after.as_secs_f64()))
    }),
    ("known_p50_ms", "milliseconds", |round| known(round, round.known_after.value_at_quantile(0.5))),
    ("known_p99_ms", "milliseconds", |round| known(round, round.known_after.value_at_quantile(0.99))),
    ("known_max_ms", "milliseconds", |round| known(round, round.known_after.max())),
    ("writer_late_p99_us", "microseconds", |round| Some(micros(round.late.value_at_quantile(0.99)))),
    ("writer_late_max_us", "microseconds", |round| Some(micros(round.late.max()))),
    ("write_p50_us", "microseconds", |round| Some(micros(round.writes.value_at_quantile(0.5)))),
    ("write_p99_us", "microseconds", |round| Some(micros(round.writes.value_at_quantile(0.99)))),
    ("changing_seconds", "seconds", |round| Some(round.changing.took.as_secs_f64())),
];

/// Name, unit, and where a phase has it.
pub const COSTS: &[(&str, &str, OfPhase)] = &[
    ("asked", "requests", |phase| Some(phase.asked as f64)),
    ("connections", "connections", |phase| Some(phase.costs.connections as f64)),
    ("segments", "segments", |phase| network(phase, Network::segments)),
    ("bytes", "bytes", |phase| network(phase, Network::bytes)),
    ("bytes_sent", "bytes", |phase| network(phase, |network| network.sent.bytes)),
    ("bytes_received", "bytes", |phase| network(phase, |network| network.received.bytes)),
    ("header_bytes", "bytes", |phase| network(phase, Network::header_bytes)),
    ("payload_bytes", "bytes", |phase| Some(said(phase, |said| said.payload))),
    ("fields_bytes", "bytes", |phase| Some(said(phase, |said| said.fields))),
    ("framing_bytes", "bytes", |phase| Some(said(phase, |said| said.framing))),
    ("deflated_bytes", "bytes", |phase| Some(said(phase, |said| said.deflated))),
    ("client_us", "microseconds", |phase| Some(phase.client_time.as_nanos() as f64 / 1000.0)),
    ("server_us", "microseconds", |phase| Some(phase.server_time?.as_nanos() as f64 / 1000.0)),
    ("system_calls", "calls", |phase| Some(phase.system_calls.as_ref()?.values().sum::<u64>() as f64)),
];

type Part = fn(&Round) -> Option<&Phase>;

/// The name of a part of a round, where it is, and whether its costs are told for each second.
pub const PHASES: &[(&str, Part, bool)] = &[
    ("opening", |round| Some(&round.opening), false),
    ("quiet", |round| round.quiet.as_ref(), true),
    ("changing", |round| Some(&round.changing), true),
];

fn each(round: &Round, sum: u64) -> Option<f64> {
    (round.followers > 0).then(|| sum as f64 / f64::from(round.followers))
}

/// From seconds; none where nobody has shown anything.
fn age(round: &Round, seconds: f64) -> Option<f64> {
    (round.followers > 0).then_some(seconds * 1000.0)
}

fn percent(round: &Round, share: f64) -> Option<f64> {
    (round.followers > 0).then_some(share * 100.0)
}

/// In milliseconds.
fn known(round: &Round, nanos: u64) -> Option<f64> {
    (round.followers > 0).then(|| micros(nanos) / 1000.0)
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

fn network(phase: &Phase, of: fn(&Network) -> u64) -> Option<f64> {
    Some(of(phase.costs.network.as_ref()?) as f64)
}

fn said(phase: &Phase, of: fn(&Application) -> u64) -> f64 {
    let said = &phase.costs.application;
    (of(&said.sent) + of(&said.received)) as f64
}
