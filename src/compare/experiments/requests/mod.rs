//! The experiment *ask*: the same call again and again, in each way, in rounds.
//!
//! The ways take turns, so that whatever changes meanwhile on this machine changes for all of them.

pub mod call_runner;
pub mod call_series;
pub mod figures;

use crate::compare::experiments::requests::call_runner::CallRunner;
use crate::compare::experiments::requests::call_series::CallSeries;
use crate::compare::experiments::requests::figures::Asked;
use crate::compare::headers::Extra;
use crate::compare::interleaved_runs::WARM_UP_CALLS;
use crate::compare::options::CompareOptions;
use crate::compare::progress::progress;
use crate::compare::run_error::RunError;
use crate::compare::workloads::ways;
use crate::compare::workloads::workload::Workload;
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
    let mut all: Vec<CallSeries> =
        selected.map(|&way| CallSeries::new(way, Workload::new(way, options, url, tag, extra))).collect();
    let progress = progress(all.len() * (usize::from(options.rounds) + 1));
    let warm_up = CallRunner { calls: options.calls.min(WARM_UP_CALLS), rate: None, ..*runner };
    let mut complete = true;
    'rounds: for n in 0..=options.rounds {
        for series in &mut all {
            let (Some(workload), None) = (&series.workload, &series.left_out) else { continue };
            progress.set_message(format!("round {n} of {}: {}", options.rounds, series.way.name()));
            let outcome = if n == 0 { warm_up.round(workload) } else { runner.round(workload) };
            progress.inc(1);
            match outcome {
                Ok(_) if n == 0 => {}
                Ok(round) => series.rounds.push(round),
                Err(RunError::Failed(error)) => series.left_out = Some(error.to_string()),
                Err(RunError::Inconsistent(error)) => return Err(error),
                Err(RunError::Interrupted) => {
                    complete = false;
                    break 'rounds;
                }
            }
        }
    }
    progress.finish_and_clear();
    let mut went_back = false;
    for series in all.iter_mut().filter(|_| runner.server.counts) {
        went_back |= series.forget_doubtful_system_calls();
    }
    if went_back {
        notes.push(COUNTS_GO_BACK.to_owned());
    }
    *results = all.into_iter().map(|series| series.result(options, extra)).collect();
    Ok(complete)
}

const COUNTS_GO_BACK: &str = "Not said of every way: system calls of the server, whose counts at /metrics went back \
    between two looks, as they do where several processes answer at one port.";
