//! The command line: every command and flag, and the commands without a module of their own.

pub mod args;
pub mod check;
pub mod compare_args;
pub mod config_args;
pub mod export;
mod flag_conflicts;
mod value_parsers;

use crate::cli::args::{Cli, Command};
use crate::client::{call, watch};
use crate::compare;
use crate::error::CommandError;
use crate::serve;
use std::ffi::OsString;

/// Runs the command that a command line names. A malformed command line ends the process here, as do
/// `--help` and `--version`.
pub fn run(line: impl IntoIterator<Item = OsString>) -> Result<(), CommandError> {
    let cli = Cli::read(line).unwrap_or_else(|error| error.exit());
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match cli.command {
        Command::Serve(args) => {
            raise_open_files_limit();
            serve::run(&(*args).into())
        }
        Command::Call(args) => call::run(&args.into()),
        Command::Watch(args) => watch::run(&args.into()),
        Command::Export(args) => export::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Compare(args) => {
            raise_open_files_limit();
            compare::run(&args.into())
        }
    }
}

/// Raises the limit of open files as far as the process may: each connection is one.
fn raise_open_files_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        log::warn!("the limit of open files stays as it is: {error}");
    }
}
