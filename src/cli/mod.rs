//! TODO cli.

pub mod args;
pub mod check;
pub mod export;
mod flag_conflicts;
