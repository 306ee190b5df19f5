//! Series that take turns, round by round, so that whatever changes on the machine meanwhile changes for all of them.

use std::ops::RangeInclusive;

use indicatif::ProgressBar;

use crate::compare::costs::Round;
use crate::compare::count_method::Counting;
use crate::compare::experiments::requests::call_runner::CallRunner;
use crate::compare::run_error::{RunError, until_interrupted};
use crate::compare::server::Server;
use crate::compare::workloads::call_plan::Workload;
use crate::error::CommandError;

/// The server that workloads run against, and the number of rounds.
#[derive(Clone, Copy, Debug)]
pub struct Turns<'t> {
    pub server: &'t Server,
    pub counting: &'t Counting,
    pub rounds: u16,
}

impl Turns<'_> {
    /// Runs each workload with its number of calls in each round, in turns, after a short round that is not counted.
    /// An interrupted run has fewer rounds, all of them complete.
    pub fn take(&self, courses: &[(Workload, u32)]) -> Result<Vec<Vec<Round>>, CommandError> {
        let mut all = vec![Vec::new(); courses.len()];
        for n in 0..=self.rounds {
            for ((course, calls), rounds) in courses.iter().zip(&mut all) {
                let calls = if n == 0 { (*calls).min(WARM_UP_CALLS) } else { *calls };
                let runner = CallRunner { server: self.server, counting: self.counting, calls, rate: None };
                let Some(round) = until_interrupted(runner.round(course))? else { return Ok(all) };
                if n > 0 {
                    rounds.push(round);
                }
            }
        }
        Ok(all)
    }
}

/// The rounds of one series so far, and why further ones are missing.
#[derive(Debug)]
pub struct SeriesRounds<S, R> {
    pub series: S,
    pub rounds: Vec<R>,
    pub left_out: Option<String>,
}

impl<S, R> SeriesRounds<S, R> {
    pub fn new(series: S) -> SeriesRounds<S, R> {
        SeriesRounds { series, rounds: Vec::new(), left_out: None }
    }
}

/// Runs all rounds of all series, in turns. Round 0 is not counted. A series that fails alone is left out. Returns false
/// if the run was interrupted.
///
/// # Errors
///
/// Fails if two counts disagree.
pub fn interleave<S, R>(
    all: &mut [SeriesRounds<S, R>],
    numbers: RangeInclusive<u16>,
    progress: &ProgressBar,
    words: impl Fn(&S) -> String,
    run: impl Fn(&S, u16) -> Result<R, RunError>,
) -> Result<bool, CommandError> {
    let last = *numbers.end();
    for n in numbers {
        for one in all.iter_mut().filter(|one| one.left_out.is_none()) {
            progress.set_message(format!("round {n} of {last}: {}", words(&one.series)));
            match run(&one.series, n) {
                Ok(_) if n == 0 => {}
                Ok(round) => one.rounds.push(round),
                Err(RunError::Failed(error)) => one.left_out = Some(error.to_string()),
                Err(RunError::Inconsistent(error)) => return Err(error),
                Err(RunError::Interrupted) => return Ok(false),
            }
            progress.inc(1);
        }
    }
    Ok(true)
}

/// Calls of the first round, which is not counted.
pub const WARM_UP_CALLS: u32 = 100;
