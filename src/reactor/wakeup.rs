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
    state: Arc<WakeState>,
    waker: Arc<Waker>,
    metrics: Arc<SharedMetrics>,
}

/// The end that the loop holds.
pub struct WakeReceiver {
    state: Arc<WakeState>,
}

#[derive(Default)]
struct WakeState {
    /// A wake-up was sent, and the loop has not taken it yet.
    pending: AtomicBool,
    go_away: AtomicBool,
    /// Wake-ups that the loop has taken.
    iterations: AtomicU64,
    /// The loop has ended.
    ended: AtomicBool,
}

/// Creates both ends for the loop that sleeps in `poll`.
pub fn wake_channel(poll: &Poll, metrics: Arc<SharedMetrics>) -> io::Result<(WakeSender, WakeReceiver)> {
    let state = Arc::new(WakeState::default());
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    Ok((WakeSender { state: state.clone(), waker, metrics }, WakeReceiver { state }))
}

impl WakeSender {
    /// Starts a turn, which applies what was committed.
    pub fn wake(&self) {
        if self.state.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        self.metrics.totals.add(MetricId::CallsWake, 1);
        if let Err(error) = self.waker.wake() {
            log::error!("a loop cannot be woken: {error}");
        }
    }

    /// Requests a graceful shutdown.
    pub fn go_away(&self) {
        self.state.go_away.store(true, Ordering::Release);
        self.wake();
    }

    /// Returns the number of wake-ups that the loop has taken, or `None` if it has ended.
    pub fn iterations(&self) -> Option<u64> {
        let ended = self.state.ended.load(Ordering::Relaxed);
        (!ended).then(|| self.state.iterations.load(Ordering::Relaxed))
    }
}

impl WakeReceiver {
    /// Takes a wake-up, and returns whether a shutdown was requested. Later requests wake the loop again.
    pub fn take(&self) -> bool {
        self.state.iterations.fetch_add(1, Ordering::Relaxed);
        // A swap, so that everything before a concurrent wake-up is visible after this.
        self.state.pending.swap(false, Ordering::AcqRel);
        self.state.go_away.load(Ordering::Acquire)
    }
}

impl Drop for WakeReceiver {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
    }
}
