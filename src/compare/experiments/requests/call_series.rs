//! The rounds of one way of calling, and what they come to.

use crate::compare::costs::Round;
use crate::compare::experiments::requests::figures::Asked;
use crate::compare::headers::Extra;
use crate::compare::options::CompareOptions;
use crate::compare::workloads::ways::Way;
use crate::compare::workloads::workload::{self, Workload};
use crate::error::CommandError;

/// One way, and its rounds so far.
pub struct CallSeries {
    pub way: Way,
    pub workload: Option<Workload>,
    pub rounds: Vec<Round>,
    /// Why it is not measured, or no longer.
    pub left_out: Option<String>,
}

impl CallSeries {
    /// Creates the series of a way, which is left out if it has no workload.
    pub fn new(way: Way, workload: Result<Workload, CommandError>) -> CallSeries {
        let left_out = workload.as_ref().err().map(CommandError::to_string);
        CallSeries { way, workload: workload.ok(), rounds: Vec::new(), left_out }
    }

    /// Forgets the system calls of all rounds if those of one are unknown: the others may be of another process.
    /// Returns whether it did.
    pub fn forget_doubtful_system_calls(&mut self) -> bool {
        let is_doubtful = self.rounds.iter().any(|round| round.system_calls.is_none());
        if is_doubtful {
            self.rounds.iter_mut().for_each(|round| round.system_calls = None);
        }
        is_doubtful
    }

    /// The figures of all rounds.
    pub fn result(self, options: &CompareOptions, extra: &Extra) -> Asked {
        let mut asked = Asked::new(self.way, options, self.rounds, self.left_out);
        if let Some(words) = workload::no_difference(self.way, extra) {
            asked.differs = words.to_owned();
        }
        asked
    }
}
