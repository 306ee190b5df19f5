//! Courses that take turns, round by round, so that whatever changes meanwhile changes for all of them.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::compare::costs::Round;
use crate::compare::count_method::Counting;
use crate::compare::experiments::requests::call_runner::CallRunner;
use crate::compare::interrupt::sleep_until;
use crate::compare::run_error::{RunError, until_interrupted};
use crate::compare::server::Server;
use crate::compare::workloads::workload::Workload;
use crate::error::CommandError;

/// Where courses are run.
#[derive(Clone, Copy, Debug)]
pub struct Turns<'t> {
    pub server: &'t Server,
    pub counting: &'t Counting,
    pub rounds: u16,
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

    fn round(&self, course: &Workload, calls: u32) -> Result<Round, RunError> {
        self.look_up()?;
        let Turns { server, counting, .. } = *self;
        CallRunner { server, counting, calls, rate: None }.round(course)
    }

    /// Waits until nobody talks any more.
    pub fn settle(&self) -> Result<(), CommandError> {
        self.counting.settle()
    }

    /// Does nothing for so long, or until it is interrupted.
    pub fn rest(&self, time: Duration) -> Result<(), RunError> {
        let is_over = sleep_until(Instant::now() + time, &self.server.interrupted);
        if is_over { Ok(()) } else { Err(RunError::Interrupted) }
    }

    pub fn look_up(&self) -> Result<(), RunError> {
        if self.is_interrupted() { Err(RunError::Interrupted) } else { Ok(()) }
    }

    pub fn is_interrupted(&self) -> bool {
        self.server.interrupted.load(Ordering::Relaxed)
    }
}

/// Calls of the first round, which is not counted.
pub const WARM_UP_CALLS: u32 = 100;
