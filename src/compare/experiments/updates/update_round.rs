//! One round of one way: all who follow, a time in which nothing happens, and the changes.
//!
//! ```text
//!   writer ── change 0 ──────────────────────────── 1, 2, 3, … each at its time ─────────── the end mark
//!   followers        open, see 0 ┊ nothing happens ┊ see, or miss             ┊ see the last ┊ close
//!   read counters  ┊             ┊                 ┊                          ┊              ┊
//!                   └─ opening ──┘└──── quiet ────┘└──────── changing ────────┘
//! ```
//!
//! Polls are spread evenly: with K who poll every N seconds, somebody does every N/K. Parts of a round begin
//! in the middle between two of these, so that each has as many polls as it is long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, mpsc};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::compare::costs::{histogram, record};
use crate::compare::count_method::Counting;
use crate::compare::experiments::updates::age::{Ages, View};
use crate::compare::experiments::updates::change_writer::{Writer, Written};
use crate::compare::experiments::updates::sampler::{Eyes, Phase, Reading};
use crate::compare::experiments::updates::subscriber::{END, Follower};
use crate::compare::experiments::updates::subscriber_connection::SubscriberTarget;
use crate::compare::experiments::updates::subscriber_stats::Ledger;
use crate::compare::experiments::updates::update_series::UpdateSeries;
use crate::compare::headers::Extra;
use crate::compare::options::CompareOptions;
use crate::compare::run_error::RunError;
use crate::compare::server::Server;

/// Runs rounds of one workload after the other against one server.
#[derive(Clone, Copy, Debug)]
pub struct UpdateRunner<'r> {
    pub server: &'r Server,
    pub counting: &'r Counting,
    pub extra: &'r Extra,
    pub followers: u16,
    pub item_bytes: u32,
    /// Older than this, what is shown is stale.
    pub stale_after: Duration,
    /// As [`rest`] says.
    pub rest: Duration,
}

/// What is done in a round.
#[derive(Clone, Copy, Debug)]
pub struct Course<'c> {
    pub lane: UpdateSeries,
    /// How long nothing happens, if at all.
    pub quiet: Option<Duration>,
    /// When each change is made, from the first on.
    pub times: &'c [Duration],
    /// How long it is measured: at least a rest longer than it takes to make the changes.
    pub window: Duration,
}

/// One way, once.
#[derive(Clone, Debug)]
pub struct Round {
    pub followers: u16,
    pub changes: u32,
    pub opening: Phase,
    pub quiet: Option<Phase>,
    pub changing: Phase,
    /// Of all followers together: states that were shown, and changes that were never.
    pub seen: u64,
    pub missed: u64,
    pub ages: Ages,
    pub stale_after: Duration,
    /// From writing a change to its being shown, or one after it; in nanoseconds.
    pub known_after: Histogram<u64>,
    /// How much later than it should have been each change was written, and how long its answer took.
    pub late: Histogram<u64>,
    pub writes: Histogram<u64>,
}

impl<'r> UpdateRunner<'r> {
    /// Creates a runner with these options.
    pub fn new(
        options: &CompareOptions,
        server: &'r Server,
        counting: &'r Counting,
        extra: &'r Extra,
    ) -> UpdateRunner<'r> {
        UpdateRunner {
            server,
            counting,
            extra,
            followers: options.follow.followers,
            item_bytes: options.payload_bytes,
            stale_after: Duration::from_millis(options.follow.stale_ms.into()),
            rest: rest(options),
        }
    }

    pub fn round(&self, course: &Course) -> Result<Round, RunError> {
        self.counting.settle()?;
        let mut writer = Writer::open(self.server, self.item_bytes)?;
        writer.put(0)?;
        let followers = if course.lane == UpdateSeries::Baseline { 0 } else { self.followers };
        let ledgers: Vec<Ledger> = (0..followers).map(|_| Ledger::default()).collect();
        let eyes = Eyes {
            server: self.server,
            counting: self.counting,
            ledgers: &ledgers,
            port: writer.port,
            a_scrape: [writer.system_calls()?, writer.system_calls()?],
        };
        let begin = eyes.read(&mut writer)?;
        let epoch = Instant::now();
        let (measured, all_views) = self.gather(course, &eyes, &mut writer, epoch)?;
        drop(writer);
        self.counting.settle()?;
        let end = eyes.read_counts()?;
        self.counting.check("segments of those who follow", &(end.costs - begin.costs))?;

        let Measured { opened, quiet, changing, written, start } = measured;
        let mut round = Round {
            followers,
            changes: course.times.len() as u32,
            opening: eyes.phase(&begin, &opened),
            quiet: quiet.as_ref().map(|[from, to]| eyes.phase(from, to)),
            changing: eyes.phase(&changing[0], &changing[1]),
            seen: 0,
            missed: 0,
            ages: Ages::default(),
            stale_after: self.stale_after,
            known_after: histogram(),
            late: histogram(),
            writes: histogram(),
        };
        let window = changing.map(|reading| reading.at - epoch);
        round.write_down(&all_views, course, &written, [epoch, start], window)?;
        Ok(round)
    }

    /// Lets all follow while the changes are made: what was measured, and what each has shown.
    fn gather(
        &self,
        course: &Course,
        eyes: &Eyes,
        writer: &mut Writer,
        epoch: Instant,
    ) -> Result<(Measured, Vec<Vec<View>>), RunError> {
        let (stop, base) = (AtomicBool::new(false), OnceLock::new());
        thread::scope(|scope| {
            let (tell, ready) = mpsc::channel();
            let mut threads: Vec<Thread> = Vec::new();
            for (n, ledger) in eyes.ledgers.iter().enumerate() {
                let follower = self.follower(course.lane, n, ledger, &stop, &base, epoch);
                let tell = tell.clone();
                threads.push(scope.spawn(move || follower.follow(tell)));
            }
            drop(tell);
            let all_ready = ready.iter().take(threads.len()).count() == threads.len();
            let measured = match all_ready {
                true => self.measure(course, eyes, writer, &threads, &base),
                false => Err(RunError::failed("not all who follow could begin")),
            };
            // Whatever came of it, they shall end: those who ask see this, and all others the end mark.
            stop.store(true, Ordering::Release);
            threads.iter().for_each(|thread| thread.thread().unpark());
            let ended = writer.put(END);
            let outcomes: Vec<_> =
                threads.into_iter().map(|thread| thread.join().expect("a panic ends the process")).collect();
            // What a follower says is nearer to the cause than what became of the whole.
            let views = outcomes.into_iter().collect::<Result<_, _>>()?;
            ended?;
            Ok((measured?, views))
        })
    }

    fn follower<'f>(
        &'f self,
        lane: UpdateSeries,
        n: usize,
        ledger: &'f Ledger,
        stop: &'f AtomicBool,
        base: &'f OnceLock<Instant>,
        epoch: Instant,
    ) -> Follower<'f> {
        let (way, every) = match lane {
            UpdateSeries::Polling(way, every) => (way, every),
            UpdateSeries::Push(way) => (way, Duration::ZERO),
            UpdateSeries::Baseline => unreachable!("there are no followers"),
        };
        let target = SubscriberTarget {
            way,
            url: &self.server.url,
            extra: self.extra,
            ledger,
            asks_kernel: self.counting.wire().is_none(),
        };
        let first = every.mul_f64((n + 1) as f64 / f64::from(self.followers));
        Follower { target, epoch, every, base, first, stop }
    }

    fn measure(
        &self,
        course: &Course,
        eyes: &Eyes,
        writer: &mut Writer,
        threads: &[Thread],
        base: &OnceLock<Instant>,
    ) -> Result<Measured, RunError> {
        self.server.sleep_until(Instant::now() + self.rest)?;
        let opened = eyes.read(writer)?;
        let base = *base.get_or_init(Instant::now);
        threads.iter().for_each(|thread| thread.thread().unpark());

        let mut quiet = None;
        if let Some(time) = course.quiet {
            let from = self.begin_part(course.lane, base, eyes, writer)?;
            self.server.sleep_until(from.at + time)?;
            quiet = Some([from, eyes.read(writer)?]);
        }
        let from = self.begin_part(course.lane, base, eyes, writer)?;
        let start = Instant::now();
        let written = writer.make(course.times, start, &self.server.interrupted)?;
        // Reading takes a while, where the server is far away.
        self.server.sleep_until(start + course.window)?;
        let changing = [from, eyes.read(writer)?];
        self.wait_for_last(course, eyes.ledgers, threads)?;
        Ok(Measured { opened, quiet, changing, written, start })
    }

    /// In the middle between two polls.
    fn begin_part(
        &self,
        lane: UpdateSeries,
        base: Instant,
        eyes: &Eyes,
        writer: &mut Writer,
    ) -> Result<Reading, RunError> {
        if let Some(every) = lane.every() {
            let gap = every.as_secs_f64() / f64::from(self.followers);
            let passed = (base.elapsed().as_secs_f64() / gap + 0.5).ceil();
            self.server.sleep_until(base + Duration::from_secs_f64((passed + 0.5) * gap))?;
        }
        eyes.read(writer)
    }

    /// Until everybody shows the last change.
    fn wait_for_last(&self, course: &Course, ledgers: &[Ledger], threads: &[Thread]) -> Result<(), RunError> {
        let last = course.times.len() as u32;
        let wait = course.lane.every().unwrap_or_default() + LAST_WITHIN;
        let until = Instant::now() + wait;
        loop {
            let late = ledgers.iter().filter(|ledger| ledger.shown() != last).count();
            // Who has ended before the end has failed, and says why.
            if late == 0 || threads.iter().any(ScopedJoinHandle::is_finished) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(RunError::inconsistent(format!(
                    "{late} of {} who follow by {} did not come to know the last change within {wait:?}",
                    ledgers.len(),
                    course.lane.name()
                )));
            }
            self.server.sleep_until(Instant::now() + Duration::from_millis(5))?;
        }
    }
}

type Thread<'s> = ScopedJoinHandle<'s, Result<Vec<View>, RunError>>;

struct Measured {
    opened: Reading,
    /// From, and to.
    quiet: Option<[Reading; 2]>,
    changing: [Reading; 2],
    written: Written,
    start: Instant,
}

impl Round {
    /// What was shown, against what was written.
    fn write_down(
        &mut self,
        all_views: &[Vec<View>],
        course: &Course,
        written: &Written,
        [epoch, start]: [Instant; 2],
        [from, to]: [Duration; 2],
    ) -> Result<(), RunError> {
        for (&time, &sent) in course.times.iter().zip(&written.sent) {
            record(&mut self.late, sent.saturating_duration_since(start + time));
        }
        for (&sent, &answered) in written.sent.iter().zip(&written.answered) {
            record(&mut self.writes, answered - sent);
        }
        let answered: Vec<Duration> = written.answered.iter().map(|&answered| answered - epoch).collect();
        for views in all_views {
            self.ages.add(from, to, &answered, views);
            let (seen, missed) = seen_and_missed(views);
            if seen + missed != u64::from(self.changes) {
                return Err(RunError::inconsistent(format!(
                    "two counts disagree: of {} changes one follower has seen {seen} and missed {missed}",
                    self.changes
                )));
            }
            self.seen += seen;
            self.missed += missed;
            for (at, number) in known(views) {
                let sent = written.sent[number as usize - 1] - epoch;
                record(&mut self.known_after, at.saturating_sub(sent));
            }
        }
        Ok(())
    }
}

/// Changes whose state was shown, and those that lie between two that were. The first view is that before
/// the first change.
fn seen_and_missed(views: &[View]) -> (u64, u64) {
    let missed = views.windows(2).map(|two| u64::from(two[1].number - two[0].number) - 1).sum();
    (views.len() as u64 - 1, missed)
}

/// When each change was known: shown, or gone by in one that was.
fn known(views: &[View]) -> impl Iterator<Item = (Duration, u32)> {
    views.windows(2).flat_map(|two| (two[0].number + 1..=two[1].number).map(|number| (two[1].at, number)))
}

/// For what is still on its way, and for what answers it.
pub fn rest(options: &CompareOptions) -> Duration {
    REST + options.rtt.unwrap_or_default()
}

/// For acknowledgements that wait (40 ms), and for who is busy.
const REST: Duration = Duration::from_millis(100);
/// How long it may take, beside waiting for the next poll, to learn of the last change.
const LAST_WITHIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_known_when_it_is_shown_or_one_after_it() {
        let at = Duration::from_secs;
        let views = [(0, 0), (5, 1), (7, 4)].map(|(seconds, number)| View { at: at(seconds), number });
        let known: Vec<_> = known(&views).collect();
        assert_eq!(known, [(at(5), 1), (at(7), 2), (at(7), 3), (at(7), 4)]);
    }

    #[test]
    fn what_lies_between_two_looks_was_missed() {
        let views = |numbers: &[u32]| -> Vec<View> {
            numbers.iter().map(|&number| View { at: Duration::ZERO, number }).collect()
        };
        assert_eq!(seen_and_missed(&views(&[0, 1, 2, 3])), (3, 0));
        assert_eq!(seen_and_missed(&views(&[0, 2, 3, 7])), (3, 4));
        assert_eq!(seen_and_missed(&views(&[0])), (0, 0));
    }
}
