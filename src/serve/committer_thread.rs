//! The thread of the keeper: it waits, and reads the clock.

use crate::config::Timeouts;
use crate::metrics::totals;
use crate::store::committer::Keeper;
use crate::store::write_queue::{Desk, Taken};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

/// A keeper at work.
pub struct Keeping {
    desk: Arc<Desk>,
    outcome: Receiver<Result<(), String>>,
}

impl Keeping {
    pub fn begin(keeper: Keeper, desk: Arc<Desk>) -> Keeping {
        let (tell, outcome) = mpsc::channel();
        let taken_from = desk.clone();
        thread::spawn(move || tell.send(run(keeper, &taken_from)));
        Keeping { desk, outcome }
    }

    /// No loop asks for anything any more: what was asked is made safe, until then at the latest. An
    /// error: something that was answered is not safe, or the disk has failed, or gives no answer.
    pub fn end(self, by: Instant) -> Result<(), String> {
        self.desk.close();
        let left = by.saturating_duration_since(Instant::now()).max(Timeouts::FINAL_SYNC_MIN);
        let silent = |_| Err("the disk gives no answer, and is waited for no longer".to_owned());
        self.outcome.recv_timeout(left).unwrap_or_else(silent)
    }
}

fn run(mut keeper: Keeper, desk: &Desk) -> Result<(), String> {
    loop {
        let wait = keeper.next_deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match desk.take(wait) {
            Taken::Writes(asked) => keeper.settle(asked, Instant::now()),
            Taken::Nothing => keeper.save(Instant::now()),
            Taken::Closed => return keeper.close(Instant::now()),
        }
        totals::hand_in();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_gives_no_answer_is_not_waited_for_without_end() {
        let desk = Arc::new(Desk::new(1));
        let (hangs, outcome) = mpsc::channel();
        let keeping = Keeping { desk: desk.clone(), outcome };
        assert!(keeping.end(Instant::now()).unwrap_err().contains("gives no answer"));
        assert!(matches!(desk.take(None), Taken::Closed), "the keeper is asked to end");
        drop(hangs);
    }
}
