//! Every command and flag, once. A flag can also be an environment variable; the flag wins.

use crate::config::Compression;
use crate::config::Limits;
use crate::config::Origins;
use crate::config::Timeouts;
use crate::model::record::is_id;
use clap::builder::ArgPredicate;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

/// The same JSON resources over REST and over one WebSocket.
#[derive(Debug, Parser)]
// Not as wide as the terminal: help is the same wherever it is printed.
#[command(name = "bothways", version, term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// What was said; or what the parser says of it, where it cannot be.
    pub fn read(line: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Cli, clap::Error> {
        let mut command = Cli::command();
        let said = command.try_get_matches_from_mut(line)?;
        if let Some(("compare", compare)) = said.subcommand() {
            let flags = command.find_subcommand("compare").expect("it is one of them");
            crate::cli::flag_conflicts::refuse_others(flags, compare)?;
        }
        Cli::from_arg_matches(&said).map_err(|error| error.format(&mut command))
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve collections of JSON items, over HTTP and over WebSocket.
    Serve(Box<Serve>),
    /// Make one call, over HTTP or, for a ws: URL, over the socket, and print the answer.
    Call(Call),
    /// Follow a resource, over WebSocket or as an event stream, and print every message.
    Watch(Watch),
    /// Print everything that is stored as a json-server style file, one item a line.
    Export(Export),
    /// Look whether a store is whole. Nothing is changed.
    Check(Check),
    /// Measure what each way of asking costs, of a server that is started for it or of any other.
    Compare(Compare),
}

#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// A json-server style file that a new store begins with: its top-level members are collections.
    /// `-` reads it from standard input. Where the store has collections already, it is not read; with
    /// --memory it is at each start.
    #[arg(value_name = "FILE.json")]
    pub file: Option<PathBuf>,

    /// Where to listen; port 0 picks a free one. May be given more than once. Sockets that a
    /// supervisor hands over (LISTEN_FDS) are listened on as well [default: 127.0.0.1:8080, or those
    /// sockets alone].
    #[arg(long, env = "BOTHWAYS_LISTEN", value_name = "ADDR:PORT", value_delimiter = ',')]
    pub listen: Vec<SocketAddr>,

    /// A collection to serve, beside those in the store. May be given more than once
    /// [default: tasks, where the store has none].
    #[arg(long, env = "BOTHWAYS_COLLECTION", value_name = "NAME", value_delimiter = ',',
          value_parser = collection)]
    pub collection: Vec<String>,

    /// The file in which everything is stored. It is made where there is none.
    #[arg(long, env = "BOTHWAYS_DATA", value_name = "PATH", default_value = "bothways.redb")]
    pub data: PathBuf,

    /// Begin a new epoch: who comes back with a position of before begins anew. For a store that was put
    /// back from an older copy, in which positions that were told would come to mean something else.
    #[arg(long, env = "BOTHWAYS_NEW_EPOCH")]
    pub new_epoch: bool,

    /// Keep everything in memory and forget it on exit: no file is touched.
    #[arg(long, env = "BOTHWAYS_MEMORY")]
    pub memory: bool,

    /// When a change is synced to the disk. With `always` it is before it is answered or told to anyone.
    /// With `interval` it is up to --sync-seconds later: a crash of the process or of the machine
    /// loses changes that were answered, and clients that follow begin anew.
    #[arg(long, env = "BOTHWAYS_SYNC", value_name = "WHEN", value_enum, default_value_t = When::Always)]
    pub sync: When,

    /// How long a change may be unsafe with --sync interval.
    #[arg(long, env = "BOTHWAYS_SYNC_SECONDS", value_name = "SECONDS", default_value = "1", value_parser = crate::config::seconds)]
    pub sync_seconds: Duration,

    /// How many event loops, each with a thread and a listener of its own [default: the number of cores].
    #[arg(long, env = "BOTHWAYS_LOOPS", value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub loops: Option<u16>,

    /// What the kernel keeps of what is written to one peer, in bytes; it takes twice as much
    /// [default: the system grows it as it is needed].
    #[arg(long, env = "BOTHWAYS_SEND_BUFFER_BYTES", value_name = "BYTES")]
    pub send_buffer_bytes: Option<u32>,

    /// TCP congestion control of accepted connections, by the name the kernel knows [default: the system's].
    #[arg(long, env = "BOTHWAYS_CONGESTION", value_name = "NAME")]
    pub congestion: Option<String>,

    /// Let the kernel hold a new connection back until its first bytes are there, this many seconds
    /// at most (TCP_DEFER_ACCEPT). Saves a wake-up where each request has a connection of its own.
    #[arg(long, env = "BOTHWAYS_DEFER_ACCEPT", value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub defer_accept: Option<u16>,

    #[command(flatten)]
    pub origins: Origins,

    /// Check the command line, the addresses and FILE.json, and exit.
    #[arg(long, env = "BOTHWAYS_CHECK")]
    pub check: bool,

    #[command(flatten)]
    pub limits: Limits,

    #[command(flatten)]
    pub timeouts: Timeouts,

    #[command(flatten)]
    pub compression: Compression,
}

/// When a change is made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    Always,
    Interval,
}

#[derive(Args, Clone, Debug)]
pub struct Call {
    /// GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS.
    #[arg(value_name = "METHOD")]
    pub method: String,

    /// http://HOST:PORT/PATH, or ws://HOST:PORT/PATH to make the same call over a socket (/rpc).
    #[arg(value_name = "URL")]
    pub url: String,

    /// The body; `-` reads it from standard input.
    #[arg(value_name = "BODY")]
    pub body: Option<String>,

    /// A field of the request, as `Name: value`. May be given more than once.
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    pub headers: Vec<String>,

    /// Print status and fields before the body.
    #[arg(short = 'i', long)]
    pub include: bool,

    /// The body, as curl has it.
    #[arg(short = 'd', long, value_name = "BODY", conflicts_with = "body")]
    pub data: Option<String>,

    /// How long to wait for the connection, and for each part of the answer, in seconds.
    #[arg(long = "max-seconds", value_name = "SECONDS", default_value = "30", value_parser = crate::config::seconds)]
    pub max: Duration,
}

#[derive(Args, Clone, Debug)]
pub struct Watch {
    /// ws://HOST:PORT/PATH to follow it over WebSocket, http://HOST:PORT/PATH for an event stream.
    /// A connection that is lost is made again, and nothing is missed or said twice.
    #[arg(value_name = "URL")]
    pub url: String,

    /// Print each message as one line of JSON, and nothing else; a text that is no JSON as a JSON string.
    #[arg(long)]
    pub json: bool,
}

/// Where to listen when nothing is said about it.
pub const LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080));

#[derive(Args, Clone, Debug)]
pub struct Export {
    /// The file of a store that no process has open, or http://HOST:PORT of a running server: then each
    /// collection is as it was at one position, and not all of them at the same.
    #[arg(value_name = "PATH | URL", env = "BOTHWAYS_DATA", default_value = "bothways.redb")]
    pub from: String,

    /// How long to wait for a connection, and for each part of an answer, in seconds.
    #[arg(long = "max-seconds", value_name = "SECONDS", default_value = "30", value_parser = crate::config::seconds)]
    pub max: Duration,
}

#[derive(Args, Clone, Debug)]
pub struct Check {
    /// The file of a store that no process has open.
    #[arg(value_name = "PATH", env = "BOTHWAYS_DATA", default_value = "bothways.redb")]
    pub path: PathBuf,
}

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
    pub like: Option<Like>,

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
    pub count: CountBy,

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
    pub follow_ways: Vec<Following>,

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
    pub rhythm: Rhythm,

    /// The chance of --rhythm at-random: the same seed, the same times.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,

    /// How often who polls does so. Each way of polling is measured with each of them.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_delimiter = ',', value_parser = crate::config::seconds)]
    pub poll_seconds: Vec<Duration>,

    /// How long nothing happens before the changes (follow): polls go on then, and heartbeats, and all
    /// else is silent.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = crate::config::seconds)]
    pub quiet_seconds: Duration,

    /// Older than this, what somebody shows is stale: by default, as soon as it is not the newest.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=60_000))]
    pub stale_ms: u32,

    /// How long each rate is measured (cross). The lowest is one change in that time.
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = crate::config::seconds)]
    pub cross_seconds: Duration,

    /// The highest rate that is measured, in changes a second (cross).
    #[arg(long, value_name = "RATE", default_value = "64", value_parser = rate)]
    pub cross_rate_max: f64,
}

/// How somebody learns what changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Following {
    /// GET every so often, each on a new connection.
    PollNew,
    /// The same on one connection, kept.
    Poll,
    /// As poll-new, asking whether it has changed (If-None-Match).
    PollNewConditional,
    /// As poll, asking whether it has changed.
    PollConditional,
    /// As poll, gzip accepted.
    PollGzip,
    /// As poll-conditional, but answered only when it has changed (Prefer: wait), and asked at once.
    LongPoll,
    /// Told, as Server-Sent Events.
    Events,
    /// Told, as messages of a WebSocket.
    Socket,
    /// The same, compression offered.
    SocketDeflated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Rhythm {
    Evenly,
    AtRandom,
    InBursts,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.001..=100_000.0).contains(&value) => Ok(value),
        _ => Err("must be 0.001 to 100000 in a second".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Experiment {
    Ask,
    Hold,
    Follow,
    Cross,
}

/// A table that somebody has published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Like {
    /// Lubbers and Greco, 2010: the bytes of a poll against those of a frame, for many clients.
    QuantumLeap,
    /// Arun Gupta, 2014: N messages one at a time over HTTP, and all at once over a WebSocket.
    #[value(name = "gupta-2014")]
    Gupta2014,
    /// HttpArena, April 2026: kept connections, new ones after every tenth request, and echoes.
    #[value(name = "httparena")]
    HttpArena,
}

/// Each differs from one before it in one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Way {
    /// A new connection for each call, which the client closes.
    New,
    /// The same, closed by the server (Connection: close).
    NewClosed,
    /// One connection, kept.
    Kept,
    /// The same, asking whether it has changed: it has not (304).
    Conditional,
    /// The same as kept, gzip accepted.
    KeptGzip,
    /// The same as kept, several calls in one write.
    Pipelined,
    /// The same as kept, on several connections at a time.
    Parallel,
    /// JSON-RPC over a WebSocket.
    Socket,
    /// The same, compression offered.
    SocketDeflated,
    /// The same as socket, several calls in one write.
    SocketPipelined,
    /// The same as socket, on several connections at a time.
    SocketParallel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CountBy {
    Auto,
    Namespace,
    TcpInfo,
}

fn collection(name: &str) -> Result<String, String> {
    if !is_id(name) {
        return Err("a collection's name is 1 to 64 of A-Z a-z 0-9 . _ ~ -".to_owned());
    }
    Ok(name.to_owned())
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
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_flags_the_rules_are_the_defaults() {
        let cli = Cli::parse_from(["bothways", "serve"]);
        let Command::Serve(serve) = cli.command else { panic!() };
        assert_eq!(serve.limits, Limits::DEFAULT);
        assert_eq!(serve.timeouts, Timeouts::DEFAULT);
        assert_eq!(serve.compression, Compression::DEFAULT);
        assert_eq!(serve.origins, Origins::NONE);
    }

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
        let calls = |flags: &[&str]| {
            let cli = Cli::parse_from([&["bothways", "compare"], flags].concat());
            let Command::Compare(compare) = cli.command else { panic!() };
            compare.calls
        };
        assert_eq!(calls(&[]), 1000);
        assert_eq!(calls(&["--rtt", "40ms"]), 20);
        assert_eq!(calls(&["--rtt", "40ms", "--calls", "7"]), 7);
    }
}
