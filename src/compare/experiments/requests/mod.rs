//! The experiment *ask*: the same call again and again, in each way, in rounds.
//!
//! The ways take turns, so that whatever changes meanwhile on this machine changes for all of them.

pub mod call_runner;
pub mod figures;

use crate::compare::costs::Round;
use crate::compare::experiments::requests::call_runner::CallRunner;
use crate::compare::experiments::requests::figures::Asked;
use crate::compare::headers::Extra;
use crate::compare::interleaved_runs::{SeriesRounds, WARM_UP_CALLS, interleave};
use crate::compare::options::CompareOptions;
use crate::compare::progress::progress;
use crate::compare::workloads::call_plan::Workload;
use crate::compare::workloads::ways::{self, Way};
use crate::compare::workloads::workload;
use crate::error::CommandError;

/// Runs all rounds of all selected ways, after a short round that is not counted. Returns false if it was interrupted.
///
/// # Errors
///
/// Fails if two counts disagree. A way that fails alone is left out.
pub fn run(
    options: &CompareOptions,
    runner: &CallRunner,
    extra: &Extra,
    results: &mut Vec<Asked>,
    notes: &mut Vec<String>,
) -> Result<bool, CommandError> {
    let (url, tag) = (&runner.server.url, runner.server.tag.as_deref());
    let selected = ways::ALL.iter().filter(|way| options.ways.is_empty() || options.ways.contains(way));
    let mut all: Vec<_> = selected.map(|&way| SeriesRounds::new(way)).collect();
    let progress = progress(all.len() * (usize::from(options.rounds) + 1));
    let warm_up = CallRunner { calls: options.calls.min(WARM_UP_CALLS), rate: None, ..*runner };
    let name = |way: &Way| way.name().to_owned();
    let complete = interleave(&mut all, 0..=options.rounds, &progress, name, |&way, n| {
        let workload = Workload::new(way, options, url, tag, extra)?;
        if n == 0 { warm_up.round(&workload) } else { runner.round(&workload) }
    })?;
    progress.finish_and_clear();
    // If the system calls of one round are unknown, those of the others may be of another process.
    let is_doubtful = |rounds: &[Round]| rounds.iter().any(|round| round.system_calls.is_none());
    if runner.server.counts && all.iter().any(|one| is_doubtful(&one.rounds)) {
        notes.push(COUNTS_GO_BACK.to_owned());
    }
    for SeriesRounds { series: way, mut rounds, left_out } in all {
        if is_doubtful(&rounds) {
            rounds.iter_mut().for_each(|round| round.system_calls = None);
        }
        let mut asked = Asked::new(way, options, rounds, left_out);
        if let Some(words) = workload::no_difference(way, extra) {
            asked.differs = words.to_owned();
        }
        results.push(asked);
    }
    Ok(complete)
}

const COUNTS_GO_BACK: &str = "Not said of every way: system calls of the server, whose counts at /metrics went back \
    between two looks, as they do where several processes answer at one port.";
