//! The options of one run of `compare`, parsed once from the command line.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::compare::experiments::updates::arrivals::Arrivals;
use crate::compare::experiments::updates::ways::UpdateWay;
use crate::compare::workloads::ways::Way;
use crate::netlab::emulated_link::link_settings::LinkSettings;

/// What to measure, of which server, and how to print it.
#[derive(Clone, Debug)]
pub struct CompareOptions {
    /// Measure a server that is running, instead of starting one.
    pub url: Option<String>,
    /// Process of that server, for its processor time and memory.
    pub pid: Option<u32>,
    pub like: Option<PublishedTable>,
    /// Decide common statements, instead of running experiments.
    pub claims: bool,
    pub experiments: Vec<Experiment>,
    /// Ways of calling. Empty: all of them.
    pub ways: Vec<Way>,
    /// Calls in each round of each way.
    pub calls: u32,
    pub rounds: u16,
    /// Connections of the parallel ways.
    pub in_flight: u16,
    /// Calls in one write of the pipelined ways.
    pub depth: u16,
    /// Calls per second of an additional open-loop run.
    pub rate: Option<u32>,
    /// `lean`, `browser` or a file of header fields.
    pub headers: String,
    /// Length of the requested item as JSON.
    pub payload_bytes: u32,
    /// Idle connections (hold).
    pub connections: u32,
    pub count: CountChoice,
    /// Round-trip time of an emulated link.
    pub rtt: Option<Duration>,
    /// Bandwidth of that link in bits per second, for each direction.
    pub bandwidth: Option<u64>,
    /// Print JSON instead of tables.
    pub json: bool,
    /// Also write the report as HTML to this file.
    pub html: Option<PathBuf>,
    pub follow: UpdateOptions,
}

impl CompareOptions {
    /// Event loops of a server that is started: one, so that nothing is left to chance; two for the claims, some of
    /// which are about delivery between loops.
    pub fn loops(&self) -> u16 {
        if self.claims { 2 } else { 1 }
    }

    /// The link to emulate.
    pub fn link(&self) -> Option<LinkSettings> {
        Some(LinkSettings { round_trip: self.rtt?, bits_per_second: self.bandwidth })
    }
}

/// Options of the experiments follow and cross, as reports show them.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateOptions {
    /// Ways of following. Empty: the default of the experiment.
    #[serde(skip)]
    pub follow_ways: Vec<UpdateWay>,
    /// Number of subscribers, each with its own thread.
    pub followers: u16,
    /// Changes in each round of each way (follow).
    pub changes: u32,
    /// Rate of the changes (follow).
    pub changes_per_second: f64,
    pub rhythm: Arrivals,
    /// Seed of random arrivals.
    pub seed: u64,
    /// Polling intervals. Each polling way is measured once for each interval.
    #[serde(serialize_with = "all_seconds")]
    pub poll_seconds: Vec<Duration>,
    /// Time without changes at the start of each round (follow).
    #[serde(serialize_with = "seconds")]
    pub quiet_seconds: Duration,
    /// Age above which a state is stale, in milliseconds.
    pub stale_ms: u32,
    /// Time for which each rate is measured (cross).
    #[serde(serialize_with = "seconds")]
    pub cross_seconds: Duration,
    /// Highest rate that is measured, in changes per second (cross).
    pub cross_rate_max: f64,
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

fn all_seconds<S: Serializer>(times: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(times.iter().map(Duration::as_secs_f64))
}

/// One kind of measurement, by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Experiment {
    /// The cost of calls.
    Ask,
    /// The memory of idle connections.
    Hold,
    /// The cost and latency of following changes.
    Follow,
    /// The rate of changes at which push becomes cheaper than polling, or the reverse.
    Cross,
}

/// A published table that can be reproduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedTable {
    QuantumLeap,
    Gupta2014,
    HttpArena,
}

impl PublishedTable {
    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            PublishedTable::QuantumLeap => "quantum-leap",
            PublishedTable::Gupta2014 => "gupta-2014",
            PublishedTable::HttpArena => "httparena",
        }
    }
}

/// How segments are to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountChoice {
    /// In a network namespace where that is permitted, otherwise by `TCP_INFO`.
    Auto,
    Namespace,
    TcpInfo,
}
