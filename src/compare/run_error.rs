//! Why a round of a measurement has no result.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::CommandError;

/// Why a round has no result.
#[derive(Debug)]
pub enum RunError {
    Failed(CommandError),
    /// Two counts disagree, or one is incomplete: no figure of the run is reliable.
    Inconsistent(CommandError),
    Interrupted,
}

impl RunError {
    /// Creates a failure.
    pub fn failed(words: impl Into<String>) -> RunError {
        RunError::Failed(CommandError::Failed(words.into()))
    }

    /// Creates an inconsistency.
    pub fn inconsistent(words: impl Into<String>) -> RunError {
        RunError::Inconsistent(CommandError::Failed(words.into()))
    }

    /// Turns a failure after an interrupt into the interrupt: nothing is waited for any more.
    pub fn or_interrupted(self, interrupted: &AtomicBool) -> RunError {
        match self {
            RunError::Failed(_) if interrupted.load(Ordering::Relaxed) => RunError::Interrupted,
            other => other,
        }
    }
}

impl From<CommandError> for RunError {
    fn from(error: CommandError) -> RunError {
        RunError::Failed(error)
    }
}

/// The value of a run, or `None` if it was interrupted.
pub fn until_interrupted<T>(outcome: Result<T, RunError>) -> Result<Option<T>, CommandError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(RunError::Interrupted) => Ok(None),
        Err(RunError::Failed(error) | RunError::Inconsistent(error)) => Err(error),
    }
}

/// The error of a command that was interrupted, after it has printed what was measured.
pub fn interrupted() -> CommandError {
    CommandError::Failed("interrupted: what was measured until then is incomplete".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_interrupt_is_no_failure() {
        assert_eq!(until_interrupted(Ok(7)).unwrap(), Some(7));
        assert_eq!(until_interrupted::<u8>(Err(RunError::Interrupted)).unwrap(), None);
        assert!(until_interrupted::<u8>(Err(RunError::failed("no answer"))).is_err());
        assert!(until_interrupted::<u8>(Err(RunError::inconsistent("no answer"))).is_err());
    }
}
