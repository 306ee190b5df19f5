//! The thread of the committer: waits for writes and reads the clock.

use crate::config::Timeouts;
use crate::metrics::loop_metrics::SharedMetrics;
use crate::metrics::totals::MetricId;
use crate::store::committer::Committer;
use crate::store::write_queue::{Taken, WriteQueue};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

/// A running committer.
pub struct CommitterThread {
    desk: Arc<WriteQueue>,
    outcome: Receiver<Result<(), String>>,
}

impl CommitterThread {
    pub fn start(keeper: Committer, desk: Arc<WriteQueue>, metrics: Arc<SharedMetrics>) -> CommitterThread {
        let (sender, outcome) = mpsc::channel();
        let queue = desk.clone();
        thread::spawn(move || sender.send(run(keeper, &queue, &metrics)));
        CommitterThread { desk, outcome }
    }

    /// Closes the write queue, and waits until all that is in it is durable, but not after `deadline`.
    ///
    /// # Errors
    ///
    /// A write that was answered is not durable, or the disk has failed, or does not respond.
    pub fn join(self, deadline: Instant) -> Result<(), String> {
        self.desk.close();
        let left = deadline.saturating_duration_since(Instant::now()).max(Timeouts::FINAL_SYNC_MIN);
        self.outcome
            .recv_timeout(left)
            .unwrap_or_else(|_| Err("the disk gives no answer, and is waited for no longer".to_owned()))
    }
}

fn run(mut keeper: Committer, desk: &WriteQueue, metrics: &SharedMetrics) -> Result<(), String> {
    loop {
        let wait = keeper.next_deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match desk.take(wait) {
            Taken::Writes(asked) => keeper.settle(asked, Instant::now()),
            Taken::Nothing => keeper.save(Instant::now()),
            Taken::Closed => return keeper.close(Instant::now()),
        }
        metrics.totals.add(MetricId::StoreSyncs, keeper.take_syncs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_gives_no_answer_is_not_waited_for_without_end() {
        let desk = Arc::new(WriteQueue::new(1));
        let (hangs, outcome) = mpsc::channel();
        let thread = CommitterThread { desk: desk.clone(), outcome };
        assert!(thread.join(Instant::now()).unwrap_err().contains("gives no answer"));
        assert!(matches!(desk.take(None), Taken::Closed), "the keeper is asked to end");
        drop(hangs);
    }
}
