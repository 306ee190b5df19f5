//! The command line: every command and flag, and the commands without a module of their own.

pub mod args;
pub mod check;
pub mod compare_args;
pub mod config_args;
pub mod export;
mod flag_conflicts;
mod value_parsers;
