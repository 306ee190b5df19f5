//! One round of one way of calling.
//!
//! ```text
//!   a round:   scrape scrape ┊ open ┊ call, call, … ┊ close ┊ settle ┊ scrape    then once more, at a rate
//!                   └ what a scrape costs  └─────── counted ────────┘    └ system calls of the round
//! ```

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::compare::costs::{Costs, Paced, Round, histogram, record};
use crate::compare::count_method::Counting;
use crate::compare::load_client::{Ask, Caller, total};
use crate::compare::open_loop::Pace;
use crate::compare::run_error::RunError;
use crate::compare::server::{Server, Waits};
use crate::compare::system_calls::calls_between;
use crate::compare::workloads::call_plan::{Lasts, Workload};
use crate::compare::workloads::workload::calls_of;
use crate::error::CommandError;
use crate::netlab::sys;

/// Runs rounds of workloads against one server.
#[derive(Clone, Copy, Debug)]
pub struct CallRunner<'r> {
    pub server: &'r Server,
    pub counting: &'r Counting,
    pub calls: u32,
    pub rate: Option<u32>,
}

impl CallRunner<'_> {
    /// One way, once.
    pub fn round(&self, course: &Workload) -> Result<Round, RunError> {
        self.run(course).map_err(|stop| stop.or_interrupted(&self.server.interrupted))
    }

    fn run(&self, course: &Workload) -> Result<Round, RunError> {
        let is_kept = course.plan.lasts == Lasts::All;
        self.server.check_interrupted()?;
        let scrape = || self.server.system_calls(Waits::UntilInterrupted);
        let scrapes = [scrape()?, scrape()?];
        self.counting.settle()?;

        // Where there is another count, a call is not burdened with asking the kernel.
        let ask = if is_kept || self.counting.wire().is_none() { Ask::Kernel } else { Ask::Nobody };
        let mut callers = self.callers(course, ask);
        let begin = total(&callers, self.counting.wire())?;
        if is_kept {
            self.open_all(&mut callers)?;
        }
        let opened = total(&callers, self.counting.wire())?;
        let server_before = self.server.processor_time();
        let begun = Instant::now();
        let timed = self.ask(course, &mut callers)?;
        let took = begun.elapsed();
        // Less than before is that of another process, which has the number of one that has ended.
        let server_time = server_before.zip(self.server.processor_time());
        let server_time = server_time.and_then(|(before, now)| now.checked_sub(before));
        if !is_kept {
            callers.iter_mut().try_for_each(Caller::close)?;
            self.counting.settle()?;
        }
        let asked = total(&callers, self.counting.wire())?;
        callers.iter_mut().try_for_each(Caller::close)?;
        self.counting.settle()?;
        let closed = total(&callers, self.counting.wire())?;
        self.counting.check("segments", &(closed - begin))?;
        let disagreement = callers.iter_mut().find_map(|caller| caller.disagreement.take());
        let disagreement = match disagreement {
            Some(failure) if self.server.is_ours() => return Err(RunError::Inconsistent(failure)),
            other => other.map(|failure| failure.to_string()),
        };

        self.server.check_interrupted()?;
        let last_scrape = scrape()?;
        Ok(Round {
            calls: self.calls.into(),
            writes: u64::from(self.calls).div_ceil(course.calls_in_one_write as u64),
            opening: opened - begin,
            asking: asked - opened,
            closing: self.told_of_ends(closed - asked),
            took,
            first: callers.first().and_then(|caller| caller.first),
            latency: timed.latency,
            paced: self.paced(course)?,
            client_time: timed.client_time,
            server_time,
            system_calls: calls_between(&scrapes, &scrapes[1], &last_scrape),
            disagreement,
        })
    }

    fn callers<'c>(&self, course: &'c Workload, ask: Ask) -> Vec<Caller<'c>> {
        let caller = |_| Caller::new(&course.plan, ask, Some(Arc::clone(&self.server.interrupted)));
        (0..course.callers).map(caller).collect()
    }

    /// Over a distance at the same time: no server waits for ever for the first who opened until the last one
    /// has.
    fn open_all(&self, callers: &mut [Caller]) -> Result<(), CommandError> {
        if !self.server.is_far() {
            return callers.iter_mut().try_for_each(Caller::open);
        }
        thread::scope(|scope| {
            let threads: Vec<_> = callers.iter_mut().map(|caller| scope.spawn(|| caller.open())).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("a panic ends the process"))
        })
    }

    /// All calls, by all callers at a time.
    fn ask(&self, course: &Workload, callers: &mut [Caller]) -> Result<Timed, RunError> {
        let (count, calls) = (callers.len(), self.calls as usize);
        if let [caller] = callers {
            return self.ask_alone(course, caller, calls);
        }
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for (n, caller) in callers.iter_mut().enumerate() {
                let calls = calls_of(calls, count, n);
                threads.push(scope.spawn(move || self.ask_alone(course, caller, calls)));
            }
            let mut all = Timed { latency: histogram(), client_time: Duration::ZERO };
            for thread in threads {
                let timed = thread.join().expect("a panic ends the process")?;
                all.latency.add(&timed.latency).expect("it grows as it needs");
                all.client_time += timed.client_time;
            }
            Ok(all)
        })
    }

    fn ask_alone(&self, course: &Workload, caller: &mut Caller, calls: usize) -> Result<Timed, RunError> {
        let mut latency = histogram();
        let before = sys::processor_time_of_thread();
        let mut left = calls;
        while left > 0 {
            self.server.check_interrupted()?;
            let now = left.min(course.calls_in_one_write);
            caller.ask(now, |took| record(&mut latency, took))?;
            left -= now;
        }
        Ok(Timed { latency, client_time: sys::processor_time_of_thread() - before })
    }

    /// The calls once more, each at its time.
    fn paced(&self, course: &Workload) -> Result<Option<Paced>, RunError> {
        let Some(per_second) = self.rate else { return Ok(None) };
        let (calls, calls_in_one_write) = (self.calls, course.calls_in_one_write);
        let pace = Pace { calls, per_second, calls_in_one_write, interrupted: &self.server.interrupted };
        let mut callers = self.callers(course, Ask::Nobody);
        if course.plan.lasts == Lasts::All {
            self.open_all(&mut callers)?;
        }
        let paced = pace.keep(&mut callers)?;
        callers.iter_mut().try_for_each(Caller::close)?;
        self.counting.settle()?;
        Ok(Some(paced))
    }

    /// Whoever is asked about a connection before it is closed tells nothing of how it ends.
    fn told_of_ends(&self, closing: Costs) -> Costs {
        Costs { network: closing.network.filter(|_| self.counting.wire().is_some()), ..closing }
    }
}

struct Timed {
    latency: Histogram<u64>,
    client_time: Duration,
}
