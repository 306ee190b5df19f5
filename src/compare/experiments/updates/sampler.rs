//! What is read where a part of a round begins or ends, and what lies between two readings.
//!
//! ```text
//!   counts: packets without the writer's, what was said, processor time
//!   then a scrape: system calls            ── the time of the server after it is where the next part begins
//! ```

use std::time::{Duration, Instant};

use crate::compare::costs::{Both, Costs};
use crate::compare::count_method::Counting;
use crate::compare::experiments::updates::change_writer::Writer;
use crate::compare::experiments::updates::subscriber_stats::Ledger;
use crate::compare::run_error::RunError;
use crate::compare::server::Server;
use crate::compare::system_calls::{SystemCalls, calls_between};
use crate::error::CommandError;
use crate::netlab::traffic::Network;

/// What the followers of a round have cost in a part of it.
#[derive(Clone, Debug)]
pub struct Phase {
    /// To the millisecond.
    pub took: Duration,
    pub costs: Costs,
    /// Requests made.
    pub asked: u64,
    pub client_time: Duration,
    /// Of the server: the changes themselves are in it.
    pub server_time: Option<Duration>,
    pub system_calls: SystemCalls,
}

/// Who reads where a part of a round begins or ends.
pub struct Eyes<'e> {
    pub server: &'e Server,
    pub counting: &'e Counting,
    pub ledgers: &'e [Ledger],
    /// The writer's, which is left out.
    pub port: u16,
    /// What lies between these two is what a scrape makes itself.
    pub a_scrape: [SystemCalls; 2],
}

/// Everything up to that moment.
pub struct Reading {
    pub at: Instant,
    pub costs: Costs,
    asked: u64,
    client_time: Duration,
    /// Of the server, before it was asked for its counters, and after that.
    server_time: [Option<Duration>; 2],
    system_calls: SystemCalls,
}

impl Eyes<'_> {
    pub fn read(&self, writer: &mut Writer) -> Result<Reading, RunError> {
        let mut reading = self.read_counts()?;
        reading.system_calls = writer.system_calls()?;
        reading.server_time[1] = self.server.processor_time();
        Ok(reading)
    }

    /// Without the system calls.
    pub fn read_counts(&self) -> Result<Reading, RunError> {
        let sum = |of: fn(&Ledger) -> u64| self.ledgers.iter().map(of).sum();
        Ok(Reading {
            at: Instant::now(),
            costs: Costs {
                network: Some(match self.counting.wire() {
                    Some(wire) => wire.network_without(self.port).map_err(RunError::Inconsistent)?,
                    None => self.network()?,
                }),
                application: self
                    .ledgers
                    .iter()
                    .fold(Both::default(), |sum, one| sum + one.read(|tally| tally.said)),
                connections: sum(|ledger| ledger.read(|tally| tally.connections)),
            },
            asked: sum(|ledger| ledger.read(|tally| tally.asked)),
            client_time: self.ledgers.iter().map(|one| one.read(|tally| tally.processor_time)).sum(),
            server_time: [self.server.processor_time(); 2],
            system_calls: None,
        })
    }

    fn network(&self) -> Result<Network, CommandError> {
        let mut sum = Network::default();
        for ledger in self.ledgers {
            sum += ledger.read(|tally| tally.network())?;
        }
        Ok(sum)
    }

    pub fn phase(&self, from: &Reading, to: &Reading) -> Phase {
        Phase {
            took: to_the_millisecond(to.at - from.at),
            costs: to.costs - from.costs,
            asked: to.asked - from.asked,
            client_time: to.client_time.saturating_sub(from.client_time),
            server_time: to.server_time[0].zip(from.server_time[1]).map(|(to, from)| to.saturating_sub(from)),
            system_calls: calls_between(&self.a_scrape, &from.system_calls, &to.system_calls),
        }
    }
}

/// Nobody sleeps more exactly: what is the same in all rounds is then the same in each second of them.
fn to_the_millisecond(time: Duration) -> Duration {
    Duration::from_millis((time.as_secs_f64() * 1000.0).round() as u64)
}
