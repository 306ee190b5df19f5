//! What is counted, and how much the rounds differ.
//!
//! ```text
//!   Round ── opening ─┐
//!         ├─ asking ──┼─▶ Costs ── connections
//!         ├─ closing ─┘        ├── network      segments and bytes, each way, as the kernel counted
//!         ├─ latency           └── application  payload, fields, framing, as we wrote and read them
//!         └─ processor time, system calls
//! ```
//!
//! `sent` is what the client sends, `received` what it is sent.

use std::collections::BTreeMap;
use std::ops::{Add, Sub};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::netlab::traffic::{Network, impl_arithmetic};

/// One of each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Both<T> {
    pub sent: T,
    pub received: T,
}

/// What an application says, by purpose. Together these are all bytes that TCP carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Application {
    /// The representation: what the call is made for.
    pub payload: u64,
    /// What is said about it: request lines, status lines and fields; on a socket the JSON-RPC around it.
    pub fields: u64,
    /// What keeps things apart: frame headers, masks, control frames, chunk lines.
    pub framing: u64,
    /// Messages that are compressed: payload and fields, which can no longer be told apart.
    pub deflated: u64,
}

/// What was counted until a moment, or in one phase of a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// Connections opened.
    pub connections: u64,
    /// None: the kernel tells nothing of it.
    pub network: Option<Network>,
    pub application: Both<Application>,
}

/// One way, measured once.
#[derive(Clone, Debug)]
pub struct Round {
    pub calls: u64,
    /// In so many writes.
    pub writes: u64,
    /// Until the first call could be made.
    pub opening: Costs,
    /// The calls; where each has a connection of its own, with that.
    pub asking: Costs,
    /// Until the last connection was gone.
    pub closing: Costs,
    pub took: Duration,
    /// From nothing to the first whole answer.
    pub first: Option<Duration>,
    /// Nanoseconds from writing a call to having its answer whole.
    pub latency: Histogram<u64>,
    /// The same calls at a stated rate.
    pub paced: Option<Paced>,
    pub client_time: Duration,
    /// Of the server, where it can be seen.
    pub server_time: Option<Duration>,
    /// Of the server, by name, where it counts them: of the whole round.
    pub system_calls: Option<BTreeMap<String, u64>>,
    /// What the kernel has counted otherwise, of a server that is not ours: then nothing can be said of the
    /// network.
    pub disagreement: Option<String>,
}

impl Round {
    pub fn forget_network(&mut self) {
        for costs in [&mut self.opening, &mut self.asking, &mut self.closing] {
            costs.network = None;
        }
    }

    /// Calls have connections of their own, and the kernel has not told how these end.
    pub fn lacks_ends(&self) -> bool {
        let is_told = self.asking.network.is_some() && self.closing.network.is_none();
        is_told && self.asking.connections > 0
    }

    /// Segments that were sent again, from the first to the last.
    pub fn sent_again(&self) -> u64 {
        let phases = [&self.opening, &self.asking, &self.closing];
        phases.iter().filter_map(|costs| costs.network).map(|network| network.retransmitted).sum()
    }
}

/// Calls that were made at a stated rate.
#[derive(Clone, Debug)]
pub struct Paced {
    /// Nanoseconds from when a call was due to having its answer whole.
    pub latency: Histogram<u64>,
    /// Nanoseconds from when a call was due to when its caller woke, who had nothing else to wait for.
    pub wakes: Histogram<u64>,
    /// From the beginning to when the last call was written.
    pub took: Duration,
    /// From when that was due.
    pub behind: Duration,
}

impl Default for Paced {
    fn default() -> Paced {
        let (took, behind) = (Duration::ZERO, Duration::ZERO);
        Paced { latency: histogram(), wakes: histogram(), took, behind }
    }
}

impl Paced {
    /// Those of another caller.
    pub fn add(&mut self, more: &Paced) {
        for (all, more) in [(&mut self.latency, &more.latency), (&mut self.wakes, &more.wakes)] {
            all.add(more).expect("it grows as it needs");
        }
        self.took = self.took.max(more.took);
        self.behind = self.behind.max(more.behind);
    }

    pub fn calls_per_second(&self, calls: u64) -> f64 {
        calls as f64 / self.took.as_secs_f64()
    }

    pub fn behind_ms(&self) -> f64 {
        self.behind.as_secs_f64() * 1000.0
    }
}

/// What the rounds say of one figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// None where no round has that figure.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Spread { median, min, max })
    }

    /// The same in every round.
    pub fn is_exact(&self) -> bool {
        self.min == self.max
    }
}

/// A figure over all rounds, with its unit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figure {
    pub unit: &'static str,
    #[serde(flatten)]
    pub spread: Spread,
}

/// A histogram of nanoseconds, with three digits of precision.
pub fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are among those that it takes")
}

pub fn record(histogram: &mut Histogram<u64>, time: Duration) {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    histogram.record(nanos.min(LATENCY_NANOS_MAX)).expect("it grows that far");
}

/// A day: no wait here is so long.
const LATENCY_NANOS_MAX: u64 = 24 * 60 * 60 * 1_000_000_000;

impl Application {
    pub fn total(&self) -> u64 {
        self.payload + self.fields + self.framing + self.deflated
    }
}

impl_arithmetic!(Application { payload, fields, framing, deflated });

impl<T: Add<Output = T>> Add for Both<T> {
    type Output = Both<T>;

    fn add(self, more: Both<T>) -> Both<T> {
        Both { sent: self.sent + more.sent, received: self.received + more.received }
    }
}

impl Sub for Costs {
    type Output = Costs;

    fn sub(self, before: Costs) -> Costs {
        Costs {
            connections: self.connections - before.connections,
            network: self.network.zip(before.network).map(|(all, before)| all - before),
            application: self.application - before.application,
        }
    }
}

impl<T: Sub<Output = T>> Sub for Both<T> {
    type Output = Both<T>;

    fn sub(self, less: Both<T>) -> Both<T> {
        Both { sent: self.sent - less.sent, received: self.received - less.received }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> Option<Spread> {
        Spread::of(values.iter().copied())
    }

    #[test]
    fn a_spread_is_the_middle_and_both_ends() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
        assert!(spread(&[7.0, 7.0]).unwrap().is_exact());
        assert!(!spread(&[7.0, 7.5]).unwrap().is_exact());
    }

    #[test]
    fn a_latency_is_kept_to_three_digits() {
        let mut latencies = histogram();
        (1..=100).for_each(|n| record(&mut latencies, Duration::from_micros(n)));
        let middle = latencies.value_at_quantile(0.5);
        assert!((50_000..50_100).contains(&middle), "{middle}");
        record(&mut latencies, Duration::MAX);
        assert_eq!(latencies.len(), 101);
    }
}
