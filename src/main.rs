//! Reads the arguments, runs one command, and turns its result into an exit status.

use bothways::cli::{Cli, Command};
use bothways::serve;
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let result: Result<u8, String> = match &cli.command {
        Command::Serve(serve) => serve::run(serve).map(|()| 0),
        Command::Call(_) => todo!(),
        Command::Watch(_) => todo!(),
    };
    match result {
        Ok(status) => status.into(),
        Err(error) => {
            eprintln!("bothways: {error}");
            ExitCode::FAILURE
        }
    }
}
