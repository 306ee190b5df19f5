//! Calls at a stated rate: each has its time, whatever became of those before it.
//!
//! ```text
//!   due       ┊1    ┊2    ┊3    ┊4    ┊5      one after the other, by all callers in turn
//!   written   ┊1    ┊2──────────╮3╮4  ┊5      who waits for an answer is late, and asks as soon as it can
//!   took       ──    ─────────── ─── ──       from when it was due to its whole answer
//! ```
//!
//! So a server that stalls is not asked less, and everybody's wait counts: the loop is open. Where several
//! calls go in one write, they are written when the last of them is due, and the others have waited for it.
//!
//! Who sleeps wakes late: the kernel lets several sleep on until it can wake them at once, and a processor
//! at rest must be roused. So the kernel is told not to, and the last moment is spent awake; how late callers
//! are all the same is a figure.

use std::hint;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::compare::costs::{Paced, Round, Spread, record};
use crate::compare::format::words;
use crate::compare::load_client::Caller;
use crate::compare::run_error::RunError;
use crate::compare::workloads::workload::calls_of;
use crate::netlab::sys;

/// So many calls, so many in a second.
#[derive(Clone, Copy, Debug)]
pub struct Pace<'p> {
    pub calls: u32,
    pub per_second: u32,
    pub calls_in_one_write: usize,
    pub interrupted: &'p AtomicBool,
}

impl Pace<'_> {
    /// All calls. The connections of the callers are open, where they are kept.
    pub fn keep(&self, callers: &mut [Caller]) -> Result<Paced, RunError> {
        let (count, start) = (callers.len(), Instant::now() + GATHERS_WITHIN);
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for (n, caller) in callers.iter_mut().enumerate() {
                let times = Times { start, per_second: self.per_second, first: n, callers: count };
                let calls = calls_of(self.calls as usize, count, n);
                threads.push(scope.spawn(move || self.keep_alone(caller, &times, calls)));
            }
            let mut all = Paced::default();
            for thread in threads {
                all.add(&thread.join().expect("a panic ends the process")?);
            }
            Ok(all)
        })
    }

    fn keep_alone(&self, caller: &mut Caller, times: &Times, calls: usize) -> Result<Paced, RunError> {
        sys::wake_on_time();
        let mut paced = Paced::default();
        let mut made = 0;
        while made < calls {
            let end = calls.min(made + self.calls_in_one_write);
            let due = times.due(end - 1);
            let is_early = Instant::now() < due;
            self.wait_until(due)?;
            paced.behind = due.elapsed();
            paced.took = (due + paced.behind).saturating_duration_since(times.start);
            if is_early {
                record(&mut paced.wakes, paced.behind);
            }
            let mut asked = made..end;
            caller.ask(end - made, |_| {
                let call = asked.next().expect("no call has two answers");
                record(&mut paced.latency, times.due(call).elapsed());
            })?;
            made = end;
        }
        Ok(paced)
    }

    fn wait_until(&self, due: Instant) -> Result<(), RunError> {
        let wakes = due - self.spins();
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(RunError::Interrupted);
            }
            let left = wakes.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::sleep(left.min(LOOKS_UP_EVERY));
        }
        while Instant::now() < due {
            hint::spin_loop();
        }
        Ok(())
    }

    /// How long before its time a caller is awake.
    fn spins(&self) -> Duration {
        SPINS_MAX.min(Duration::from_secs(1) / (SPINS_SHARE * self.per_second))
    }
}

/// When the calls of one caller are due, who has every so many-th of all.
#[derive(Debug)]
struct Times {
    start: Instant,
    per_second: u32,
    first: usize,
    callers: usize,
}

impl Times {
    /// Of its calls, counted from 0. The first of all is due when one could have been made: so as many as
    /// are due in a second are so many.
    fn due(&self, call: usize) -> Instant {
        let of_all = self.first + call * self.callers + 1;
        self.start + Duration::from_secs_f64(of_all as f64 / f64::from(self.per_second))
    }
}

/// Of which rounds the rate was not kept, and by how much.
pub fn shortfall(per_second: u32, rounds: &[Round]) -> Option<String> {
    let paced = || rounds.iter().filter_map(|round| Some((round, round.paced.as_ref()?)));
    let missed = paced().filter(|(round, paced)| !is_kept(per_second, round.calls, paced)).count();
    let made = Spread::of(paced().map(|(round, paced)| paced.calls_per_second(round.calls)))?;
    let behind = Spread::of(paced().map(|(_, paced)| paced.behind_ms()))?;
    if missed == 0 {
        return None;
    }
    Some(format!(
        "{missed} of {} rounds did not keep {per_second} calls/s: {} calls/s were made, and the last was \
         written {} ms late",
        paced().count(),
        words(&made),
        words(&behind)
    ))
}

fn is_kept(per_second: u32, calls: u64, paced: &Paced) -> bool {
    let enough = f64::from(per_second) * KEPT_SHARE;
    paced.behind <= BEHIND_MAX && paced.calls_per_second(calls) >= enough
}

/// Until then every thread of a pace has been started.
const GATHERS_WITHIN: Duration = Duration::from_millis(10);
/// So soon an interrupt is seen.
const LOOKS_UP_EVERY: Duration = Duration::from_millis(100);
/// Most that a caller is awake before its time: about as long as it takes to be woken on a virtual machine.
const SPINS_MAX: Duration = Duration::from_micros(100);
/// One part of so many of one processor is what all callers may take so, for the server needs some, too.
const SPINS_SHARE: u32 = 10;
/// Of the calls that were wanted in a second, those that must have been made.
const KEPT_SHARE: f64 = 0.95;
/// Latest that the last call may be written: about what a scheduler takes away from somebody at times.
const BEHIND_MAX: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_take_turns_and_keep_one_rate() {
        let start = Instant::now();
        let due = |callers, first, call| {
            Times { start, per_second: 1000, first, callers }.due(call).duration_since(start).as_millis()
        };
        assert_eq!([0, 1, 999].map(|call| due(1, 0, call)), [1, 2, 1000]);
        assert_eq!(
            [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)].map(|(n, call)| due(3, n, call)),
            [1, 2, 3, 4, 5]
        );
    }

    #[test]
    fn all_callers_together_spin_a_tenth_of_a_processor_at_most() {
        let interrupted = AtomicBool::new(false);
        for per_second in [1, 500, 1000, 20_000, 1_000_000] {
            let pace = Pace { calls: 1, per_second, calls_in_one_write: 1, interrupted: &interrupted };
            assert!(pace.spins() * per_second <= Duration::from_millis(100), "{per_second}");
        }
    }

    #[track_caller]
    fn check(took_ms: u64, behind_ms: u64, expected: bool) {
        let (took, behind) = (Duration::from_millis(took_ms), Duration::from_millis(behind_ms));
        assert_eq!(is_kept(100, 100, &Paced { took, behind, ..Paced::default() }), expected);
    }

    #[test]
    fn a_rate_is_kept_or_it_is_not() {
        check(1000, 0, true);
        check(1010, 10, true);
        // Of many calls a few percent are a long wait; of few calls a short wait is many percent.
        check(1011, 11, false);
        check(1060, 10, false);
    }
}
