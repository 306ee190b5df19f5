//! The experiment *follow*: what it costs to follow a resource, and how old the known state is.
//!
//! ```text
//!   arrivals: when? ─▶ change_writer ─▶ the server ─▶ K × subscriber, each with its own thread
//!                        │                              │ subscriber_connection: each byte and its purpose
//!                        │ answered                     │ subscriber_stats: totals so far
//!                        └────────────▶ age ◀───────────┘ views: what was shown, from when on
//!                                        │
//!   update_round: one round ◀────────────┘
//!     └─▶ figures ─▶ report
//! ```
//!
//! The writer and the subscribers are one process with one clock, so ages are exact. The experiment *cross* runs rounds
//! of the same kind at different rates.

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

use crate::compare::experiments::crossover;
use crate::compare::experiments::updates::figures::Followed;
use crate::compare::experiments::updates::update_round::{Course, UpdateRunner};
use crate::compare::experiments::updates::update_series::UpdateSeries;
use crate::compare::interleaved_runs::{SeriesRounds, interleave};
use crate::compare::options::{CompareOptions, Experiment};
use crate::compare::progress::progress;
use crate::error::CommandError;

/// Runs all rounds of all selected series, in turns. Returns false if it was interrupted.
///
/// # Errors
///
/// Fails if two counts disagree. A series that fails alone is left out.
pub fn run(
    options: &CompareOptions,
    runner: &UpdateRunner,
    followed: &mut Vec<Followed>,
) -> Result<bool, CommandError> {
    let follow = &options.follow;
    let per_second = follow.changes_per_second;
    let times = arrivals::times(follow.rhythm, follow.changes, per_second, follow.seed);
    let window = window(options);
    let lanes =
        [UpdateSeries::Baseline].into_iter().chain(UpdateSeries::selected(&options.follow, ways::ALL));
    let mut lanes: Vec<_> = lanes.map(SeriesRounds::new).collect();
    let progress = progress(lanes.len() * usize::from(options.rounds));
    let words = |lane: &UpdateSeries| format!("follow by {}", lane.words());
    let complete = interleave(&mut lanes, 1..=options.rounds, &progress, words, |&lane, _| {
        runner.round(&Course { lane, quiet: Some(follow.quiet_seconds), times: &times, window })
    })?;
    progress.finish_and_clear();
    for SeriesRounds { series, rounds, left_out } in lanes {
        followed.push(Followed::new(series, runner.followers, &rounds, left_out));
    }
    Ok(complete)
}

/// Checks that the experiments on updates can run with these options.
pub fn check(options: &CompareOptions) -> Result<(), CommandError> {
    let follows = options.experiments.contains(&Experiment::Follow);
    let crosses = options.experiments.contains(&Experiment::Cross);
    if (follows || crosses) && options.url.is_some() {
        let words = "follow and cross change what they follow, and so take a server of our own, and no --url";
        return Err(CommandError::Usage(words.to_owned()));
    }
    if follows {
        check_polls(options)?;
    }
    if crosses { crossover::check(options) } else { Ok(()) }
}

/// Checks that every poller polls at least once in each part of a round.
fn check_polls(options: &CompareOptions) -> Result<(), CommandError> {
    let quiet = options.follow.quiet_seconds;
    let (window, changes) = (window(options), options.follow.changes);
    let all = UpdateSeries::selected(&options.follow, ways::ALL);
    for every in all.iter().filter_map(|series| series.every()) {
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

/// The time in which the changes are measured.
fn window(options: &CompareOptions) -> Duration {
    let follow = &options.follow;
    arrivals::stretch(follow.changes, follow.changes_per_second) + update_round::rest(options)
}
