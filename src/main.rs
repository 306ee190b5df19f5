//! Reads the arguments, runs one command, and turns its result into an exit status.

use bothways::cli::args::{Cli, Command};
use bothways::cli::check;
use bothways::cli::export;
use bothways::client::call;
use bothways::client::watch;
use bothways::compare;
use bothways::serve;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let outcome = match cli.command {
        Command::Serve(serve) => serve::run(&(*serve).into()),
        Command::Call(call) => call::run(&call.into()),
        Command::Watch(watch) => watch::run(&watch.into()),
        Command::Export(export) => export::run(&export),
        Command::Check(check) => check::run(&check),
        Command::Compare(compare) => compare::run(&compare.into()),
    };
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "bothways: {failure}");
    ExitCode::from(failure.exit_status())
}
