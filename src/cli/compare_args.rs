//! The flags of `bothways compare`.

use crate::compare::experiments::updates::arrivals::Arrivals;
use crate::compare::experiments::updates::ways::{self as update_ways, UpdateWay};
use crate::compare::options::{CompareOptions, CountChoice, Experiment, PublishedTable, UpdateOptions};
use crate::compare::workloads::ways::{self, Way};
use clap::builder::{ArgPredicate, PossibleValue};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args, Clone, Debug)]
pub struct Compare {
    /// Measure what this URL answers, http://HOST:PORT/PATH, and not a server of our own. What only
    /// its own machine or program could tell is then left out, and said to be.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// The process that serves the URL, if it is on this machine: for its processor time and memory.
    #[arg(long, value_name = "PID", requires = "url")]
    pub pid: Option<u32>,

    /// Repeat what somebody has published, and put their figures beside those of here. With it go --calls,
    /// --rounds, --count, --rtt, --bandwidth and --json, and with httparena --in-flight.
    #[arg(long, value_name = "TABLE")]
    pub like: Option<PublishedTable>,

    /// Print the page of what is commonly said, with the figures that decide it. With it go --rounds and
    /// --count.
    #[arg(long)]
    pub claims: bool,

    /// What is measured: calls (ask), connections on which nothing happens (hold), following what
    /// changes (follow), or how often it must change for polling to be cheaper than being told (cross).
    #[arg(long, value_name = "EXPERIMENT", default_value = "ask", value_delimiter = ',')]
    pub experiments: Vec<Experiment>,

    /// Which ways are measured [default: all].
    #[arg(long, value_name = "WAY", value_delimiter = ',')]
    pub ways: Vec<Way>,

    /// Calls in each round of each way; with --rtt 20, if nothing else is said.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, default_value_if("rtt", ArgPredicate::IsPresent, "20"),
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub calls: u32,

    /// How often each way is measured; what differs from round to round is shown. A short round before
    /// them is thrown away.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub rounds: u16,

    /// Connections of the ways that ask on several at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(2..=256))]
    pub in_flight: u16,

    /// Calls in one write, of the ways that do not wait for answers.
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub depth: u16,

    /// Ask once more at this rate, in calls a second, each at its time whatever became of those before it,
    /// and count from when it was due: so a server that stalls cannot hide it by not being asked. Where a
    /// rate could not be kept, the report says so.
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: Option<u32>,

    /// Fields of each request, and of each handshake: lean (Host), browser (as one sends them), or those of a
    /// file, a `Name: value` in each line.
    #[arg(long, value_name = "lean|browser|FILE", default_value = "lean")]
    pub headers: String,

    /// Length of the item that is asked for, in bytes of its JSON; of a server of our own.
    #[arg(long, value_name = "BYTES", default_value_t = 64, conflicts_with = "url", value_parser = clap::value_parser!(u32).range(64..=1_000_000))]
    pub payload_bytes: u32,

    /// Connections that are held (hold).
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,

    /// How segments are counted: exactly, in a network of our own; by what the kernel tells of each
    /// connection before it is closed; or in the first way where that is allowed (auto).
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub count: CountChoice,

    /// Put a distance between client and server: the time there and back, as 40ms or 0.2s.
    #[arg(long, value_name = "TIME", value_parser = round_trip)]
    pub rtt: Option<Duration>,

    /// What travels that distance in a second, in each direction, as 56kbit, 1.5mbit or 1gbit
    /// [default: as much as there is].
    #[arg(long, value_name = "BITS", requires = "rtt", value_parser = bits_per_second)]
    pub bandwidth: Option<u64>,

    /// Print one JSON object, and no tables.
    #[arg(long)]
    pub json: bool,

    /// Write the report as a page with drawings, too, which stands in this one file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    pub follow: Follow,
}

/// Of the experiments follow and cross.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Following what changes (follow, cross)")]
pub struct Follow {
    /// Which ways of following are measured [default: all; of cross: poll, poll-conditional, events and socket].
    #[arg(long, value_name = "WAY", value_delimiter = ',')]
    pub follow_ways: Vec<UpdateWay>,

    /// How many follow at a time. Each is a thread here, so many of them are slow to hear because of us.
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub followers: u16,

    /// Changes in each round of each way (follow).
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub changes: u32,

    /// How many changes are made in a second (follow), each at its time, whatever the server does.
    #[arg(long, value_name = "RATE", default_value = "10", value_parser = rate)]
    pub changes_per_second: f64,

    /// When they are made: evenly, at random (a Poisson process), or in bursts of ten.
    #[arg(long, value_name = "WHEN", default_value = "evenly")]
    pub rhythm: Arrivals,

    /// The chance of --rhythm at-random: the same seed, the same times.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,

    /// How often who polls does so. Each way of polling is measured with each of them.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_delimiter = ',', value_parser = crate::cli::value_parsers::seconds)]
    pub poll_seconds: Vec<Duration>,

    /// How long nothing happens before the changes (follow): polls go on then, and heartbeats, and all
    /// else is silent.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = crate::cli::value_parsers::seconds)]
    pub quiet_seconds: Duration,

    /// Older than this, what somebody shows is stale: by default, as soon as it is not the newest.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=60_000))]
    pub stale_ms: u32,

    /// How long each rate is measured (cross). The lowest is one change in that time.
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = crate::cli::value_parsers::seconds)]
    pub cross_seconds: Duration,

    /// The highest rate that is measured, in changes a second (cross).
    #[arg(long, value_name = "RATE", default_value = "64", value_parser = rate)]
    pub cross_rate_max: f64,
}

impl From<Compare> for CompareOptions {
    fn from(args: Compare) -> CompareOptions {
        let follow = args.follow;
        CompareOptions {
            url: args.url,
            pid: args.pid,
            like: args.like,
            claims: args.claims,
            experiments: args.experiments,
            ways: args.ways,
            calls: args.calls,
            rounds: args.rounds,
            in_flight: args.in_flight,
            depth: args.depth,
            rate: args.rate,
            headers: args.headers,
            payload_bytes: args.payload_bytes,
            connections: args.connections,
            count: args.count,
            rtt: args.rtt,
            bandwidth: args.bandwidth,
            json: args.json,
            html: args.html,
            follow: UpdateOptions {
                follow_ways: follow.follow_ways,
                followers: follow.followers,
                changes: follow.changes,
                changes_per_second: follow.changes_per_second,
                rhythm: follow.rhythm,
                seed: follow.seed,
                poll_seconds: follow.poll_seconds,
                quiet_seconds: follow.quiet_seconds,
                stale_ms: follow.stale_ms,
                cross_seconds: follow.cross_seconds,
                cross_rate_max: follow.cross_rate_max,
            },
        }
    }
}

impl ValueEnum for Experiment {
    fn value_variants<'v>() -> &'v [Experiment] {
        &[Experiment::Ask, Experiment::Hold, Experiment::Follow, Experiment::Cross]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Experiment::Ask => "ask",
            Experiment::Hold => "hold",
            Experiment::Follow => "follow",
            Experiment::Cross => "cross",
        }))
    }
}

impl ValueEnum for CountChoice {
    fn value_variants<'v>() -> &'v [CountChoice] {
        &[CountChoice::Auto, CountChoice::Namespace, CountChoice::TcpInfo]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            CountChoice::Auto => "auto",
            CountChoice::Namespace => "namespace",
            CountChoice::TcpInfo => "tcp-info",
        }))
    }
}

impl ValueEnum for Arrivals {
    fn value_variants<'v>() -> &'v [Arrivals] {
        &[Arrivals::Evenly, Arrivals::AtRandom, Arrivals::InBursts]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl ValueEnum for PublishedTable {
    fn value_variants<'v>() -> &'v [PublishedTable] {
        &[PublishedTable::QuantumLeap, PublishedTable::Gupta2014, PublishedTable::HttpArena]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(match self {
            PublishedTable::QuantumLeap => {
                "Lubbers and Greco, 2010: the bytes of a poll against those of a frame, for many clients"
            }
            PublishedTable::Gupta2014 => {
                "Arun Gupta, 2014: N messages one at a time over HTTP, and all at once over a WebSocket"
            }
            PublishedTable::HttpArena => {
                "HttpArena, April 2026: kept connections, new ones after every tenth request, and echoes"
            }
        }))
    }
}

impl ValueEnum for Way {
    fn value_variants<'v>() -> &'v [Way] {
        ways::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(match self {
            Way::New => "A new connection for each call, which the client closes",
            Way::NewClosed => "The same, closed by the server (Connection: close)",
            Way::Kept => "One connection, kept",
            Way::Conditional => "The same, asking whether it has changed: it has not (304)",
            Way::KeptGzip => "The same as kept, gzip accepted",
            Way::Pipelined => "The same as kept, several calls in one write",
            Way::Parallel => "The same as kept, on several connections at a time",
            Way::Socket => "JSON-RPC over a WebSocket",
            Way::SocketDeflated => "The same, compression offered",
            Way::SocketPipelined => "The same as socket, several calls in one write",
            Way::SocketParallel => "The same as socket, on several connections at a time",
        }))
    }
}

impl ValueEnum for UpdateWay {
    fn value_variants<'v>() -> &'v [UpdateWay] {
        update_ways::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(match self {
            UpdateWay::PollNew => "GET every so often, each on a new connection",
            UpdateWay::Poll => "The same on one connection, kept",
            UpdateWay::PollNewConditional => "As poll-new, asking whether it has changed (If-None-Match)",
            UpdateWay::PollConditional => "As poll, asking whether it has changed",
            UpdateWay::PollGzip => "As poll, gzip accepted",
            UpdateWay::LongPoll => {
                "As poll-conditional, but answered only when it has changed (Prefer: wait), and asked at once"
            }
            UpdateWay::Events => "Told, as Server-Sent Events",
            UpdateWay::Socket => "Told, as messages of a WebSocket",
            UpdateWay::SocketDeflated => "The same, compression offered",
        }))
    }
}

/// The options that these flags of `compare` give, for tests.
#[cfg(test)]
pub fn compare_options(flags: &[&str]) -> CompareOptions {
    use clap::FromArgMatches;

    let command = Compare::augment_args(clap::Command::new("compare"));
    let matches = command.get_matches_from([&["compare"], flags].concat());
    Compare::from_arg_matches(&matches).expect("valid flags").into()
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.001..=100_000.0).contains(&value) => Ok(value),
        _ => Err("must be 0.001 to 100000 in a second".to_owned()),
    }
}

/// From a thousandth of a second, below which the machine itself takes longer, to one second, from which
/// on TCP takes what is under way for lost.
fn round_trip(text: &str) -> Result<Duration, String> {
    let seconds = quantity(text, &[("ms", 0.001), ("s", 1.0)]);
    let seconds = seconds.filter(|seconds| (0.001..=1.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "must be 1ms to 1s, as 40ms or 0.2s".to_owned())
}

/// From what a long segment passes within a second, to more than one machine sends to itself.
fn bits_per_second(text: &str) -> Result<u64, String> {
    let bits = quantity(text, &[("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9)]);
    let bits = bits.filter(|bits| (16e3..=100e9).contains(bits));
    bits.map(|bits| bits.round() as u64)
        .ok_or_else(|| "must be 16kbit to 100gbit, as 56kbit, 1.5mbit or 1gbit".to_owned())
}

/// Digits, perhaps with a point among them, and right behind them one of the units.
fn quantity(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let is_number = number.starts_with(|c: char| c.is_ascii_digit()) && !number.ends_with('.');
    let (_, times) = units.iter().find(|(name, _)| *name == unit)?;
    Some(number.parse::<f64>().ok().filter(|_| is_number)? * times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_has_units() {
        let ms = |text| round_trip(text).ok().map(|time| time.as_millis());
        assert_eq!(["40ms", "0.5s", "1s", "1.5ms"].map(ms), [Some(40), Some(500), Some(1000), Some(1)]);
        for wrong in
            ["40", "ms", "40 ms", "40MS", "1.ms", ".5s", "1.5.1s", "-1ms", "1e2ms", "0ms", "2s", "40m"]
        {
            assert!(round_trip(wrong).is_err(), "{wrong}");
        }
        let bits = |text| bits_per_second(text).ok();
        assert_eq!(
            ["56kbit", "1.5mbit", "10mbit", "1gbit"].map(bits),
            [56_000, 1_500_000, 10_000_000, 1_000_000_000].map(Some)
        );
        for wrong in ["10", "10mb", "10Mbit", "10 mbit", "15kbit", "101gbit", "infmbit", "mbit"] {
            assert!(bits_per_second(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_distance_means_fewer_calls_unless_they_are_said() {
        let calls = |flags: &[&str]| compare_options(flags).calls;
        assert_eq!(calls(&[]), 1000);
        assert_eq!(calls(&["--rtt", "40ms"]), 20);
        assert_eq!(calls(&["--rtt", "40ms", "--calls", "7"]), 7);
    }

    #[test]
    fn every_way_is_told_by_the_name_of_its_flag() {
        for &way in ways::ALL {
            assert_eq!(compare_options(&["--ways", way.name()]).ways, [way]);
        }
        for &way in update_ways::ALL {
            assert_eq!(compare_options(&["--follow-ways", way.name()]).follow.follow_ways, [way]);
        }
    }
}
