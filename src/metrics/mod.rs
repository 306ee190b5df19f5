//! Counters of the process for `/metrics`, and of each browser that shows the built-in page for `/counters`.

pub mod browsers;
pub mod totals;
