//! The experiments *Follow* and *Cross*: what it costs to keep up with what changes, and how far behind
//! one is.
//!
//! ```text
//!   rhythm: when? ─▶ writer ─▶ the server ─▶ K × follower, each in a thread
//!                      │                        │ line: each byte, and what it was for
//!                      │ answered               │ ledger: what it came to so far
//!                      └──────────▶ age ◀───────┘ views: what was shown, from when on
//!                                    │
//!   course: one round ◀──────────────┘        cross: rounds at rates, and where one overtakes the other
//!     └─▶ figures ─▶ table, JSON
//! ```
//!
//! Who writes and who follows are one process with one clock, so ages are exact.

pub mod age;
pub mod arrivals;
pub mod change_writer;
pub mod figures;
pub mod sampler;
pub mod subscriber;
pub mod subscriber_connection;
pub mod subscriber_stats;
pub mod update_round;
pub mod update_series;
pub mod ways;

use std::time::Duration;

use serde::Serialize;

use crate::compare::experiments::requests::Stop;
use crate::compare::experiments::updates::figures::Followed;
use crate::compare::experiments::updates::update_round::{Bench, Course, Round};
use crate::compare::experiments::updates::update_series::UpdateSeries;
use crate::compare::options::{CompareOptions, Experiment};
use crate::compare::progress;
use crate::error::CommandError;

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    pub followers: u16,
    pub changes: u32,
    pub changes_per_second: f64,
    /// `evenly`, `at-random` or `in-bursts`.
    pub rhythm: &'static str,
    pub seed: u64,
    pub poll_seconds: Vec<f64>,
    pub quiet_seconds: f64,
    pub stale_ms: u32,
    pub cross_seconds: f64,
    pub cross_rate_max: f64,
}

impl Settings {
    pub fn of(options: &CompareOptions) -> Settings {
        let follow = &options.follow;
        Settings {
            followers: follow.followers,
            changes: follow.changes,
            changes_per_second: follow.changes_per_second,
            rhythm: follow.rhythm.name(),
            seed: follow.seed,
            poll_seconds: follow.poll_seconds.iter().map(Duration::as_secs_f64).collect(),
            quiet_seconds: follow.quiet_seconds.as_secs_f64(),
            stale_ms: follow.stale_ms,
            cross_seconds: follow.cross_seconds.as_secs_f64(),
            cross_rate_max: follow.cross_rate_max,
        }
    }
}

/// From when on what is shown is stale.
pub fn stale_words(ms: u32) -> String {
    if ms == 0 { "not the newest".to_owned() } else { format!("older than {ms} ms") }
}

/// Whether what was asked for can be: whoever follows must see changes, and we are who makes them.
pub fn check(options: &CompareOptions) -> Result<(), CommandError> {
    let is_wanted = |experiment| options.experiments.contains(&experiment);
    if (is_wanted(Experiment::Follow) || is_wanted(Experiment::Cross)) && options.url.is_some() {
        let words = "follow and cross change what they follow, and so take a server of our own, and no --url";
        return Err(CommandError::Usage(words.to_owned()));
    }
    if is_wanted(Experiment::Follow) {
        check_polls(options)?;
    }
    if is_wanted(Experiment::Cross) { crate::compare::experiments::crossover::check(options) } else { Ok(()) }
}

/// Whoever polls must do so at least once in each part of a round: nothing would be said of it otherwise.
fn check_polls(options: &CompareOptions) -> Result<(), CommandError> {
    let quiet = options.follow.quiet_seconds;
    let (window, changes) = (window(options), options.follow.changes);
    let lanes = UpdateSeries::selected(&options.follow, ways::ALL);
    for every in lanes.iter().filter_map(|lane| lane.every()) {
        let (than, seconds) = match () {
            () if every > quiet => ("--quiet-seconds".to_owned(), quiet),
            () if every > window => (format!("the time of {changes} changes,"), window),
            () => continue,
        };
        let (every, seconds) = (every.as_secs_f64(), seconds.as_secs_f64());
        return Err(CommandError::Usage(format!(
            "--poll-seconds {every} is longer than {than} {seconds}: nobody would poll"
        )));
    }
    Ok(())
}

/// How long the changes are measured.
fn window(options: &CompareOptions) -> Duration {
    let follow = &options.follow;
    arrivals::stretch(follow.changes, follow.changes_per_second) + update_round::rest(options)
}

/// Whether all rounds were run. The ways take turns.
pub fn in_turns(
    options: &CompareOptions,
    bench: &Bench,
    followed: &mut Vec<Followed>,
) -> Result<bool, CommandError> {
    let follow = &options.follow;
    let per_second = follow.changes_per_second;
    let times = arrivals::times(follow.rhythm, follow.changes, per_second, follow.seed);
    let window = window(options);
    let lanes =
        [UpdateSeries::Baseline].into_iter().chain(UpdateSeries::selected(&options.follow, ways::ALL));
    let mut lanes: Vec<(UpdateSeries, Vec<Round>, Option<String>)> =
        lanes.map(|lane| (lane, Vec::new(), None)).collect();
    let progress = progress(lanes.len() * usize::from(options.rounds));
    let mut complete = true;
    'rounds: for n in 1..=options.rounds {
        for (lane, rounds, left_out) in lanes.iter_mut().filter(|lane| lane.2.is_none()) {
            progress.set_message(format!("round {n} of {}: follow by {}", options.rounds, lane.words()));
            let course = Course { lane: *lane, quiet: Some(follow.quiet_seconds), times: &times, window };
            match bench.round(&course) {
                Ok(round) => rounds.push(round),
                Err(Stop::Failed(failure)) => *left_out = Some(failure.to_string()),
                Err(Stop::Doubted(failure)) => return Err(failure),
                Err(Stop::Interrupted) => {
                    complete = false;
                    break 'rounds;
                }
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    let new = |(lane, rounds, left_out): (UpdateSeries, Vec<Round>, Option<String>)| {
        Followed::new(lane, bench.followers, &rounds, left_out)
    };
    followed.extend(lanes.into_iter().map(new));
    Ok(complete)
}
