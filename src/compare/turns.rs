//! Courses that take turns, round by round, so that whatever changes meanwhile changes for all of them.

use std::sync::atomic::AtomicBool;

use crate::compare::ask::{Bench, Stop};
use crate::compare::counting::Counting;
use crate::compare::server::Server;
use crate::compare::tally::Round;
use crate::compare::ways::Course;
use crate::failure::Failure;

/// Where courses are run. Nothing of a table is told that is not whole: whatever stops one fails it.
#[derive(Clone, Copy, Debug)]
pub struct Turns<'t> {
    pub server: &'t Server,
    pub counting: &'t Counting,
    pub rounds: u16,
    pub interrupted: &'t AtomicBool,
}

impl Turns<'_> {
    /// Of each course, with so many calls in a round, its rounds. A first one, which is short, is thrown
    /// away.
    pub fn take(&self, courses: &[(Course, u32)]) -> Result<Vec<Vec<Round>>, Failure> {
        let mut all = vec![Vec::new(); courses.len()];
        for n in 0..=self.rounds {
            for ((course, calls), rounds) in courses.iter().zip(&mut all) {
                let calls = if n == 0 { (*calls).min(WARM_UP_CALLS) } else { *calls };
                let round = self.bench(calls).round(course).map_err(failure)?;
                if n > 0 {
                    rounds.push(round);
                }
            }
        }
        Ok(all)
    }

    fn bench(&self, calls: u32) -> Bench<'_> {
        let Turns { server, counting, interrupted, .. } = *self;
        Bench { server, counting, calls, rate: None, interrupted }
    }

    /// Waits until nobody talks any more.
    pub fn settle(&self) -> Result<(), Failure> {
        self.counting.settle()
    }
}

pub fn failure(stop: Stop) -> Failure {
    match stop {
        Stop::Failed(failure) | Stop::Doubted(failure) => failure,
        Stop::Interrupted => {
            Failure::Failed("interrupted: no figure of a table that is not whole".to_owned())
        }
    }
}

/// Calls of the round that is thrown away.
const WARM_UP_CALLS: u32 = 100;
