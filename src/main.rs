//! Runs one command, and turns its result into an exit status.

use bothways::cli;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Err(error) = cli::run(std::env::args_os()) else { return ExitCode::SUCCESS };
    // Standard error may be closed.
    let _ = writeln!(io::stderr(), "bothways: {error}");
    ExitCode::from(error.exit_status())
}
