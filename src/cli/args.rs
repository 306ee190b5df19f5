//! Every command and its flags. A flag can also be an environment variable; the flag takes precedence.

use crate::cli::compare_args::Compare;
use crate::cli::config_args::{CompressionArgs, LimitArgs, OriginArgs, TimeoutArgs};
use crate::cli::value_parsers::seconds;
use crate::client::call::CallOptions;
use crate::client::call_request::OutputMode;
use crate::client::watch::{OutputFormat, WatchOptions};
use crate::serve::options::{ServeOptions, collection_name};
use crate::store::committer::Sync;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::net::SocketAddr;
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
    /// Parses a command line.
    ///
    /// # Errors
    ///
    /// The message of the parser, and for `--help` and `--version` their text.
    pub fn read(line: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Cli, clap::Error> {
        let mut command = Cli::command();
        let matches = command.try_get_matches_from_mut(line)?;
        if let Some(("compare", compare)) = matches.subcommand() {
            let flags = command.find_subcommand("compare").expect("it is one of them");
            crate::cli::flag_conflicts::reject_conflicts(flags, compare)?;
        }
        Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve collections of JSON items, over HTTP and over WebSocket.
    Serve(Box<ServeArgs>),
    /// Make one call, over HTTP or, for a ws: URL, over the socket, and print the answer.
    Call(CallArgs),
    /// Follow a resource, over WebSocket or as an event stream, and print every message.
    Watch(WatchArgs),
    /// Print everything that is stored as a json-server style file, one item a line.
    Export(ExportArgs),
    /// Look whether a store is whole. Nothing is changed.
    Check(CheckArgs),
    /// Measure what each way of asking costs, of a server that is started for it or of any other.
    Compare(Compare),
}

#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
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
          value_parser = collection_name)]
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
    #[arg(long, env = "BOTHWAYS_SYNC", value_name = "WHEN", value_enum, default_value_t = SyncChoice::Always)]
    pub sync: SyncChoice,

    /// How long a change may be unsafe with --sync interval.
    #[arg(long, env = "BOTHWAYS_SYNC_SECONDS", value_name = "SECONDS", default_value = "1", value_parser = seconds)]
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
    pub origins: OriginArgs,

    /// Check the command line, the addresses and FILE.json, and exit.
    #[arg(long, env = "BOTHWAYS_CHECK")]
    pub check: bool,

    #[command(flatten)]
    pub limits: LimitArgs,

    #[command(flatten)]
    pub timeouts: TimeoutArgs,

    #[command(flatten)]
    pub compression: CompressionArgs,
}

impl From<ServeArgs> for ServeOptions {
    fn from(args: ServeArgs) -> ServeOptions {
        ServeOptions {
            file: args.file,
            listen: args.listen,
            collections: args.collection,
            data: args.data,
            new_epoch: args.new_epoch,
            memory: args.memory,
            sync: match args.sync {
                SyncChoice::Always => Sync::Always,
                SyncChoice::Interval => Sync::Interval(args.sync_seconds),
            },
            loops: args.loops,
            send_buffer_bytes: args.send_buffer_bytes,
            congestion: args.congestion,
            defer_accept: args.defer_accept,
            check: args.check,
            limits: args.limits.into(),
            timeouts: args.timeouts.into(),
            compression: args.compression.into(),
            origins: args.origins.into(),
        }
    }
}

/// When a change is synced to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SyncChoice {
    Always,
    Interval,
}

#[derive(Args, Clone, Debug)]
pub struct CallArgs {
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
    #[arg(long = "max-seconds", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub max: Duration,
}

impl From<CallArgs> for CallOptions {
    fn from(args: CallArgs) -> CallOptions {
        CallOptions {
            method: args.method,
            url: args.url,
            headers: args.headers,
            body: args.body.or(args.data),
            output: if args.include { OutputMode::HeadAndBody } else { OutputMode::Body },
            timeout: args.max,
        }
    }
}

#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    /// ws://HOST:PORT/PATH to follow it over WebSocket, http://HOST:PORT/PATH for an event stream.
    /// A connection that is lost is made again, and nothing is missed or said twice.
    #[arg(value_name = "URL")]
    pub url: String,

    /// Print each message as one line of JSON, and nothing else; a text that is no JSON as a JSON string.
    #[arg(long)]
    pub json: bool,
}

impl From<WatchArgs> for WatchOptions {
    fn from(args: WatchArgs) -> WatchOptions {
        let format = if args.json { OutputFormat::Json } else { OutputFormat::Text };
        WatchOptions { url: args.url, format }
    }
}

#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// The file of a store that no process has open, or http://HOST:PORT of a running server: then each
    /// collection is as it was at one position, and not all of them at the same.
    #[arg(value_name = "PATH | URL", env = "BOTHWAYS_DATA", default_value = "bothways.redb")]
    pub from: String,

    /// How long to wait for a connection, and for each part of an answer, in seconds.
    #[arg(long = "max-seconds", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub max: Duration,
}

#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The file of a store that no process has open.
    #[arg(value_name = "PATH", env = "BOTHWAYS_DATA", default_value = "bothways.redb")]
    pub path: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AllowedOrigins, CompressionConfig, Limits, Timeouts};

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_flags_the_rules_are_the_defaults() {
        let cli = Cli::parse_from(["bothways", "serve"]);
        let Command::Serve(serve) = cli.command else { panic!() };
        let options = ServeOptions::from(*serve);
        assert_eq!(options.limits, Limits::DEFAULT);
        assert_eq!(options.timeouts, Timeouts::DEFAULT);
        assert_eq!(options.compression, CompressionConfig::DEFAULT);
        assert_eq!(options.origins, AllowedOrigins::NONE);
    }
}
