//! The experiment *cross*: the rate of changes at which push becomes cheaper than polling or the reverse, and how stale
//! the known state is then.
//!
//! ```text
//!   cost │                     ╱ push: for each change
//!        │                  ╱
//!        │───────────────╳──────── polling: for each request, whatever happens
//!        │            ╱  :
//!        │         ╱     : in here: measured on both sides, and nothing is claimed of the rates between
//!        └──┴────┴────┴─┴┴┴────┴────┴─▶ changes a second
//! ```
//!
//! For staleness it also searches the rate from which on the known state is stale for more than half of the time.

pub mod bracket;
pub mod cross_result;
pub mod crossover_search;

use crate::compare::experiments::crossover::cross_result::Crossed;
use crate::compare::experiments::crossover::crossover_search::{Book, changes_max};
use crate::compare::experiments::updates::update_round::{UpdateRunner, rest};
use crate::compare::experiments::updates::update_series::UpdateSeries;
use crate::compare::experiments::updates::ways::UpdateWay;
use crate::compare::options::CompareOptions;
use crate::compare::run_error::until_interrupted;
use crate::error::CommandError;

/// The ways that are compared by default.
pub const WAYS: &[UpdateWay] =
    &[UpdateWay::Poll, UpdateWay::PollConditional, UpdateWay::Events, UpdateWay::Socket];

/// Checks that crossovers can be measured with these options.
pub fn check(options: &CompareOptions) -> Result<(), CommandError> {
    let lanes = UpdateSeries::selected(&options.follow, WAYS);
    if !lanes.iter().any(|one| one.is_polling()) || lanes.iter().all(|one| one.is_polling()) {
        return Err(CommandError::Usage(
            "cross takes --follow-ways of both kinds: one that polls, and one that is told".to_owned(),
        ));
    }
    let window = options.follow.cross_seconds;
    if let Some(every) = lanes.iter().filter_map(|lane| lane.every()).find(|&every| every > window) {
        let (every, window) = (every.as_secs_f64(), window.as_secs_f64());
        return Err(CommandError::Usage(format!(
            "--poll-seconds {every} is longer than --cross-seconds {window}: nobody would poll"
        )));
    }
    if changes_max(options) < 2 || window < 2 * rest(options) {
        let (most, window) = (options.follow.cross_rate_max, window.as_secs_f64());
        return Err(CommandError::Usage(format!(
            "--cross-rate-max {most} in --cross-seconds {window} is too little to compare"
        )));
    }
    Ok(())
}

/// Searches for all crossovers. Returns false if it was interrupted.
pub fn run(
    options: &CompareOptions,
    runner: &UpdateRunner,
    crossed: &mut Crossed,
) -> Result<bool, CommandError> {
    let lanes = UpdateSeries::selected(&options.follow, WAYS);
    let mut book = Book::new(options, runner, &lanes);
    crossed.seconds = options.follow.cross_seconds.as_secs_f64();
    let searched = book.search_all();
    // A rate may have been measured for another question, so all questions are answered at the end.
    (crossed.crossings, crossed.staleness) = book.results();
    crossed.points = book.points();
    Ok(until_interrupted(searched)?.is_some())
}
