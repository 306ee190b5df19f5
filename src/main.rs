//! Reads the arguments, runs one command, and turns its result into an exit status.

use bothways::cli::{Cli, Command};
use bothways::client::{call, watch};
use bothways::compare;
use bothways::serve;
use clap::Parser;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let (error, status) = match &cli.command {
        Command::Serve(serve) => match serve::run(serve) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => (failure.to_string(), failure.exit_status()),
        },
        Command::Call(call) => match call::run(call) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => (failure.to_string(), failure.exit_status()),
        },
        Command::Watch(watch) => match watch::run(watch) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => (failure.to_string(), failure.exit_status()),
        },
        Command::Compare(compare) => match compare::run(compare) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => (failure.to_string(), failure.exit_status()),
        },
    };
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "bothways: {error}");
    ExitCode::from(status)
}
