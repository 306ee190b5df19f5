//! Courses that take turns, round by round, so that whatever changes meanwhile changes for all of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::compare::costs::Round;
use crate::compare::count_method::Counting;
use crate::compare::experiments::requests::{Bench, Stop};
use crate::compare::experiments::updates::change_writer;
use crate::compare::server::Server;
use crate::compare::workloads::workload::Workload;
use crate::error::CommandError;

/// Where courses are run.
#[derive(Clone, Copy, Debug)]
pub struct Turns<'t> {
    pub server: &'t Server,
    pub counting: &'t Counting,
    pub rounds: u16,
    pub interrupted: &'t AtomicBool,
}

impl Turns<'_> {
    /// Of each course, with so many calls in a round, its rounds: fewer than are wanted where it is
    /// interrupted, and each of them whole. A first one, which is short, is thrown away.
    pub fn take(&self, courses: &[(Workload, u32)]) -> Result<Vec<Vec<Round>>, CommandError> {
        let mut all = vec![Vec::new(); courses.len()];
        for n in 0..=self.rounds {
            for ((course, calls), rounds) in courses.iter().zip(&mut all) {
                let calls = if n == 0 { (*calls).min(WARM_UP_CALLS) } else { *calls };
                let Some(round) = until_interrupted(self.round(course, calls))? else { return Ok(all) };
                if n > 0 {
                    rounds.push(round);
                }
            }
        }
        Ok(all)
    }

    fn round(&self, course: &Workload, calls: u32) -> Result<Round, Stop> {
        self.look_up()?;
        let Turns { server, counting, interrupted, .. } = *self;
        Bench { server, counting, calls, rate: None, interrupted }.round(course)
    }

    /// Waits until nobody talks any more.
    pub fn settle(&self) -> Result<(), CommandError> {
        self.counting.settle()
    }

    /// Does nothing for so long, or until it is interrupted.
    pub fn rest(&self, time: Duration) -> Result<(), Stop> {
        let is_over = change_writer::sleep_until(Instant::now() + time, self.interrupted);
        if is_over { Ok(()) } else { Err(Stop::Interrupted) }
    }

    pub fn look_up(&self) -> Result<(), Stop> {
        if self.is_interrupted() { Err(Stop::Interrupted) } else { Ok(()) }
    }

    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// None where it was interrupted: that is no failure of what was done until then.
pub fn until_interrupted<T>(done: Result<T, Stop>) -> Result<Option<T>, CommandError> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(Stop::Interrupted) => Ok(None),
        Err(Stop::Failed(failure) | Stop::Doubted(failure)) => Err(failure),
    }
}

/// How a command ends that was interrupted, when it has printed what there was.
pub fn interrupted() -> CommandError {
    CommandError::Failed("interrupted: what was measured until then is incomplete".to_owned())
}

/// Calls of the round that is thrown away.
const WARM_UP_CALLS: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_interrupt_is_no_failure() {
        let failed = || CommandError::Failed("no answer".to_owned());
        assert_eq!(until_interrupted(Ok(7)).unwrap(), Some(7));
        assert_eq!(until_interrupted::<u8>(Err(Stop::Interrupted)).unwrap(), None);
        assert!(until_interrupted::<u8>(Err(Stop::Failed(failed()))).is_err());
        assert!(until_interrupted::<u8>(Err(Stop::Doubted(failed()))).is_err());
    }
}
