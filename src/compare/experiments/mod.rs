//! The four experiments.

pub mod crossover;
pub mod idle_connections;
pub mod requests;
pub mod updates;

use crate::compare::count_method::Counting;
use crate::compare::experiments::crossover::cross_result::Crossed;
use crate::compare::experiments::requests::call_runner::CallRunner;
use crate::compare::experiments::updates::update_round::UpdateRunner;
use crate::compare::headers::Extra;
use crate::compare::options::{CompareOptions, Experiment};
use crate::compare::report::figures::Report;
use crate::compare::server::Server;
use crate::error::CommandError;

/// Runs the selected experiments one after the other. The report has the results of all before one that fails.
pub fn run(
    options: &CompareOptions,
    server: &Server,
    counting: &Counting,
    extra: &Extra,
    report: &mut Report,
) -> Result<(), CommandError> {
    let is_next = |report: &Report, experiment| report.complete && options.experiments.contains(&experiment);
    if is_next(report, Experiment::Ask) {
        let runner = CallRunner { server, counting, calls: options.calls, rate: options.rate };
        report.complete = requests::run(options, &runner, extra, &mut report.ask, &mut report.notes)?;
    }
    if is_next(report, Experiment::Hold) {
        let mut held = Vec::new();
        report.complete = idle_connections::run(options, server, counting, &mut held)?;
        report.hold = held;
    }
    let runner = UpdateRunner::new(options, server, counting, extra);
    if is_next(report, Experiment::Follow) {
        report.complete = updates::run(options, &runner, &mut report.follow)?;
    }
    if is_next(report, Experiment::Cross) {
        let mut crossed = Crossed::default();
        report.complete = crossover::run(options, &runner, &mut crossed)?;
        report.cross = Some(crossed);
    }
    Ok(())
}
