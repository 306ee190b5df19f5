//! Wake-ups from other threads: the committer and the other loops wake a loop that sleeps in its poll.

use crate::metrics::loop_metrics::SharedMetrics;
use crate::metrics::totals::MetricId;
use crate::server::slab::RESERVED_IDS;
use mio::{Poll, Token, Waker};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

// A token holds the slot of a peer and its generation, 32 bits each.
const _: () = assert!(usize::BITS == 64);

/// The token of the waker; those of the listeners follow.
pub const WAKER: Token = Token(RESERVED_IDS as usize);

/// The end that other threads hold.
#[derive(Clone)]
pub struct WakeSender {
    letters: Arc<WakeState>,
    waker: Arc<Waker>,
    metrics: Arc<SharedMetrics>,
}

/// The end that the loop holds.
pub struct WakeReceiver {
    letters: Arc<WakeState>,
}

#[derive(Default)]
struct WakeState {
    /// Woken already, and has not looked yet.
    rung: AtomicBool,
    go_away: AtomicBool,
    /// How often the loop has looked.
    looks: AtomicU64,
    /// It looks no more.
    ended: AtomicBool,
}

/// Creates both ends for the loop that sleeps in `poll`.
pub fn mailbox(poll: &Poll, metrics: Arc<SharedMetrics>) -> io::Result<(WakeSender, WakeReceiver)> {
    let letters = Arc::new(WakeState::default());
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    Ok((WakeSender { letters: letters.clone(), waker, metrics }, WakeReceiver { letters }))
}

impl WakeSender {
    /// Starts a turn, in which the loop catches up with the journal.
    pub fn ring(&self) {
        if self.letters.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        self.metrics.totals.add(MetricId::CallsWake, 1);
        if let Err(error) = self.waker.wake() {
            log::error!("a loop cannot be woken: {error}");
        }
    }

    /// Asks the loop to finish what was begun, and end.
    pub fn go_away(&self) {
        self.letters.go_away.store(true, Ordering::Release);
        self.ring();
    }

    /// How often the loop has looked into its mailbox, which it does in the turn after a ring. None: it
    /// has ended.
    pub fn looks(&self) -> Option<u64> {
        let ended = self.letters.ended.load(Ordering::Relaxed);
        (!ended).then(|| self.letters.looks.load(Ordering::Relaxed))
    }
}

impl WakeReceiver {
    /// Looks into it: is the loop asked to end? What comes from now on rings again.
    pub fn open(&self) -> bool {
        self.letters.looks.fetch_add(1, Ordering::Relaxed);
        // A swap, so that what was done before a ring that came just now is seen behind this.
        self.letters.rung.swap(false, Ordering::AcqRel);
        self.letters.go_away.load(Ordering::Acquire)
    }
}

impl Drop for WakeReceiver {
    fn drop(&mut self) {
        self.letters.ended.store(true, Ordering::Relaxed);
    }
}
