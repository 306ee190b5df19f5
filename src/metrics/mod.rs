//! TODO metrics.

pub mod browsers;
pub mod lateness;
pub mod totals;
