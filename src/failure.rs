//! Why a command ends without having done what it was asked for.

use std::fmt;
use std::io;

/// One line for standard error, and the exit status that goes with it.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for something that cannot be: exit status 2.
    Usage(String),
    /// It was tried, and it failed, or the server said no: exit status 1.
    Failed(String),
    /// The server said no, in a status: exit status 1.
    Refused { status: u16, line: String },
    /// There is no connection, or no longer; another time there may be one: exit status 1.
    Lost(String),
    /// What was to be printed could not be: exit status 1.
    Output(io::Error),
}

impl Failure {
    pub fn exit_status(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Failed(_) | Failure::Refused { .. } | Failure::Lost(_) | Failure::Output(_) => 1,
        }
    }

    /// Nobody reads on (`bothways watch … | head -1`): that is an end like another.
    pub fn pass_over_broken_pipe(outcome: Result<(), Failure>) -> Result<(), Failure> {
        match outcome {
            Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(line)
            | Failure::Failed(line)
            | Failure::Refused { line, .. }
            | Failure::Lost(line) => f.write_str(line),
            Failure::Output(error) => write!(f, "standard output cannot be written: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

/// What a server says, fit for one line of ours.
pub fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broken_pipe_is_passed_over() {
        let pass = |kind| Failure::pass_over_broken_pipe(Err(Failure::Output(io::Error::from(kind))));
        assert!(pass(io::ErrorKind::BrokenPipe).is_ok());
        assert!(pass(io::ErrorKind::StorageFull).is_err());
    }

    #[test]
    fn what_a_server_says_stays_on_its_line() {
        assert_eq!(one_line(" a\r\nb\u{1b}[1m\n"), "a  b [1m");
    }
}
