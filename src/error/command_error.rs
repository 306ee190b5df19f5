//! Errors that end a command.

use std::fmt;
use std::io;

/// Why a command failed: one line for standard error, and an exit status.
#[derive(Debug)]
pub enum CommandError {
    /// The arguments are invalid: exit status 2.
    Usage(String),
    /// The command failed, or the server answered with an error: exit status 1.
    Failed(String),
    /// The server answered with an error status: exit status 1.
    Refused { status: u16, line: String },
    /// The connection could not be made, or was lost; a retry may succeed: exit status 1.
    Lost(String),
    /// Standard output could not be written: exit status 1.
    Output(io::Error),
}

impl CommandError {
    pub fn exit_status(&self) -> u8 {
        match self {
            CommandError::Usage(_) => 2,
            CommandError::Failed(_)
            | CommandError::Refused { .. }
            | CommandError::Lost(_)
            | CommandError::Output(_) => 1,
        }
    }

    /// Treats a closed standard output as success, as in `bothways watch … | head -1`.
    pub fn ignore_broken_pipe(outcome: Result<(), CommandError>) -> Result<(), CommandError> {
        match outcome {
            Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Usage(line)
            | CommandError::Failed(line)
            | CommandError::Refused { line, .. }
            | CommandError::Lost(line) => f.write_str(line),
            CommandError::Output(error) => write!(f, "standard output cannot be written: {error}"),
        }
    }
}

impl std::error::Error for CommandError {}

/// Trims a text of a server, and replaces control characters, so that it fits on one line.
pub fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broken_pipe_is_passed_over() {
        let pass = |kind| CommandError::ignore_broken_pipe(Err(CommandError::Output(io::Error::from(kind))));
        assert!(pass(io::ErrorKind::BrokenPipe).is_ok());
        assert!(pass(io::ErrorKind::StorageFull).is_err());
    }

    #[test]
    fn what_a_server_says_stays_on_its_line() {
        assert_eq!(one_line(" a\r\nb\u{1b}[1m\n"), "a  b [1m");
    }
}
