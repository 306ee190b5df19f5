//! The settings of the experiments on updates.

use std::time::Duration;

use serde::Serialize;

use crate::compare::options::UpdateOptions;

/// The options of the experiments on updates, as reports show them.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateSettings {
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

impl UpdateSettings {
    /// The settings of a run.
    pub fn of(options: &UpdateOptions) -> UpdateSettings {
        UpdateSettings {
            followers: options.followers,
            changes: options.changes,
            changes_per_second: options.changes_per_second,
            rhythm: options.rhythm.name(),
            seed: options.seed,
            poll_seconds: options.poll_seconds.iter().map(Duration::as_secs_f64).collect(),
            quiet_seconds: options.quiet_seconds.as_secs_f64(),
            stale_ms: options.stale_ms,
            cross_seconds: options.cross_seconds.as_secs_f64(),
            cross_rate_max: options.cross_rate_max,
        }
    }
}

/// Describes from which age on a state is stale.
pub fn stale_words(ms: u32) -> String {
    if ms == 0 { "not the newest".to_owned() } else { format!("older than {ms} ms") }
}
