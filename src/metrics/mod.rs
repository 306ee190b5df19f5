//! Counters of the process for `/metrics`, and of each browser that shows the built-in page for `/counters`.
//!
//! They are values: `serve` creates the [`loop_metrics::SharedMetrics`] of a process, and each loop counts in
//! [`loop_metrics::Metrics`] of its own.

pub mod browsers;
pub mod loop_metrics;
pub mod totals;
