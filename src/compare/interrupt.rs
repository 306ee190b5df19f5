//! The first signal asks for an end: what was measured by then is printed. A second one takes it.
//!
//! ```text
//!   SIGINT ── asked ──┬─ within a moment: the same, sent twice ──┬─ SIGINT ── ended, with nothing said
//! ```

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::CommandError;

/// A flag that is up from the first SIGINT or SIGTERM on.
pub fn listen() -> Result<Arc<AtomicBool>, CommandError> {
    let failed = |error| CommandError::Failed(format!("cannot listen for signals: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let thread = thread::Builder::new().name("signals".to_owned());
    let spawned = thread.spawn(move || {
        let mut asked = None;
        for _ in signals.forever() {
            flag.store(true, Ordering::Relaxed);
            if is_another(*asked.get_or_insert_with(Instant::now), Instant::now()) {
                process::exit(1);
            }
        }
    });
    spawned.map_err(failed)?;
    Ok(interrupted)
}

/// Sleeps until `due`. Returns false if it was interrupted before.
pub fn sleep_until(due: Instant, interrupted: &AtomicBool) -> bool {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if interrupted.load(Ordering::Relaxed) {
            return false;
        }
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(LOOKS_UP_EVERY));
    }
}

fn is_another(asked: Instant, now: Instant) -> bool {
    now.duration_since(asked) > SENT_TWICE_WITHIN
}

/// Programs that pass a signal on, as timeout(1) does, send it to the process and to its group.
const SENT_TWICE_WITHIN: Duration = Duration::from_millis(100);

/// Longest delay until an interrupt is noticed.
const LOOKS_UP_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_was_sent_twice_is_one() {
        let asked = Instant::now();
        assert!(!is_another(asked, asked));
        assert!(!is_another(asked, asked + SENT_TWICE_WITHIN));
        assert!(is_another(asked, asked + SENT_TWICE_WITHIN + Duration::from_millis(1)));
    }
}
