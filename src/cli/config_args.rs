//! The flags that set the structs of [`config`](crate::config), with their environment variables and help.

use crate::cli::value_parsers::{at_least_one, fields_max, seconds};
use crate::config::{
    AllowedOrigin, AllowedOrigins, CompressionConfig, ContextTakeover, Limits, OnOff, Timeouts,
};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum, value_parser};
use std::time::Duration;

/// Makes the flags of [`Limits`]: each field has one, of the same name, with the default of the field.
macro_rules! limit_args {
    ($($(#[$($doc:tt)*])* $field:ident: $env:literal, $unit:literal, $parser:expr;)*) => {
        #[derive(Args, Clone, Debug)]
        #[command(next_help_heading = "Limits")]
        pub struct LimitArgs {
            $($(#[$($doc)*])*
            #[arg(long, env = $env, value_name = $unit, default_value_t = Limits::DEFAULT.$field,
                  value_parser = $parser)]
            $field: usize,)*
        }

        impl From<LimitArgs> for Limits {
            fn from(args: LimitArgs) -> Limits {
                Limits { $($field: args.$field,)* }
            }
        }
    };
}

/// Makes the flags of [`Timeouts`]: the name of each, its variable, and its default in seconds.
macro_rules! timeout_args {
    ($($(#[$($doc:tt)*])* $field:ident: $long:literal, $env:literal, $default:literal;)*) => {
        #[derive(Args, Clone, Debug)]
        #[command(next_help_heading = "Waits, in seconds")]
        pub struct TimeoutArgs {
            $($(#[$($doc)*])*
            #[arg(long = $long, env = $env, value_name = "SECONDS", default_value = $default,
                  value_parser = seconds)]
            $field: Duration,)*
        }

        impl From<TimeoutArgs> for Timeouts {
            fn from(args: TimeoutArgs) -> Timeouts {
                Timeouts { $($field: args.$field,)* }
            }
        }
    };
}

limit_args! {
    /// Longest request head, in bytes. Browsers stay under 8 KiB; the rest is room for cookies.
    head_bytes_max: "BOTHWAYS_HEAD_BYTES_MAX", "BYTES", at_least_one();

    /// Longest request target, in bytes. RFC 9110 §4.1 asks for at least 8000.
    target_bytes_max: "BOTHWAYS_TARGET_BYTES_MAX", "BYTES", at_least_one();

    /// Most fields in a request head, 128 at the most. Browsers send about 20.
    fields_max: "BOTHWAYS_FIELDS_MAX", "COUNT", fields_max;

    /// Longest request body, in bytes, after chunks are joined.
    body_bytes_max: "BOTHWAYS_BODY_BYTES_MAX", "BYTES", at_least_one();

    /// Longest item, in bytes of its JSON.
    item_bytes_max: "BOTHWAYS_ITEM_BYTES_MAX", "BYTES", at_least_one();

    /// Longest chunk-size line with its extensions, in bytes. Nobody sends extensions but attackers.
    chunk_line_bytes_max: "BOTHWAYS_CHUNK_LINE_BYTES_MAX", "BYTES", at_least_one();

    /// Longest trailer section behind a chunked body, in bytes. Trailers are read and dropped.
    trailer_bytes_max: "BOTHWAYS_TRAILER_BYTES_MAX", "BYTES", at_least_one();

    /// Longest WebSocket message, in bytes, after fragments are joined.
    message_bytes_max: "BOTHWAYS_MESSAGE_BYTES_MAX", "BYTES", at_least_one();

    /// How many times as long as it came a compressed message may become; 1 MiB every one may.
    inflated_times_max: "BOTHWAYS_INFLATED_TIMES_MAX", "TIMES", at_least_one();

    /// A message at /echo whose first frame is as long as this goes back in parts, each as it comes.
    passed_bytes_min: "BOTHWAYS_PASSED_BYTES_MIN", "BYTES", at_least_one();

    /// Most connections open at a time, over all loops. Past it, new ones wait in the kernel's queue.
    connections_max: "BOTHWAYS_CONNECTIONS_MAX", "COUNT", at_least_one();

    /// Most calls of one peer that wait for the journal at a time. Past it, the peer is not read.
    calls_waiting_max: "BOTHWAYS_CALLS_WAITING_MAX", "COUNT", at_least_one();

    /// Most calls in one JSON-RPC batch.
    batch_calls_max: "BOTHWAYS_BATCH_CALLS_MAX", "COUNT", at_least_one();

    /// Changes kept for those who come back with a position.
    history_changes_max: "BOTHWAYS_HISTORY_CHANGES_MAX", "COUNT", at_least_one();

    /// Bytes of the items in these changes; the oldest are kept no more where that is reached first.
    history_bytes_max: "BOTHWAYS_HISTORY_BYTES_MAX", "BYTES", at_least_one();

    /// Most keys of POSTs that are kept (Idempotency-Key). Past it, the oldest are forgotten first.
    idempotency_keys_max: "BOTHWAYS_IDEMPOTENCY_KEYS_MAX", "COUNT", at_least_one();

    /// Bytes of these keys with the items that they created; where that is reached first, too.
    idempotency_bytes_max: "BOTHWAYS_IDEMPOTENCY_BYTES_MAX", "BYTES", at_least_one();

    /// Most subscriptions of one socket.
    subscriptions_max: "BOTHWAYS_SUBSCRIPTIONS_MAX", "COUNT", at_least_one();

    /// Bytes that may wait for a listener. Past it nothing is added; when it has read, it goes on from
    /// its own position.
    listener_bytes_max: "BOTHWAYS_LISTENER_BYTES_MAX", "BYTES", at_least_one();

    /// Bytes of writes that may wait for the disk. Past it, a write is refused with 503.
    store_waiting_bytes_max: "BOTHWAYS_STORE_WAITING_BYTES_MAX", "BYTES", at_least_one();

    /// Bytes that may wait to be written to one peer. Past it, the peer is not read until it reads.
    outbox_bytes_max: "BOTHWAYS_OUTBOX_BYTES_MAX", "BYTES", at_least_one();
}

timeout_args! {
    /// From a connection's first byte, or its opening, to the end of the request head; then 408.
    head: "head-seconds", "BOTHWAYS_HEAD_SECONDS", "10";

    /// Longest silence inside a request body or an unfinished WebSocket message.
    body: "body-seconds", "BOTHWAYS_BODY_SECONDS", "20";

    /// How long a kept HTTP connection may wait for its next request.
    keep_alive: "keep-alive-seconds", "BOTHWAYS_KEEP_ALIVE_SECONDS", "75";

    /// How long a WebSocket may be silent before it is pinged.
    idle: "idle-seconds", "BOTHWAYS_IDLE_SECONDS", "45";

    /// How long a pinged WebSocket may stay silent before it is given up.
    pong: "pong-seconds", "BOTHWAYS_PONG_SECONDS", "20";

    /// How often an event stream on which nothing happens shows that it is alive.
    heartbeat: "heartbeat-seconds", "BOTHWAYS_HEARTBEAT_SECONDS", "15";

    /// How often listeners to whom nothing happens are told how far the log has come meanwhile.
    position: "position-seconds", "BOTHWAYS_POSITION_SECONDS", "20";

    /// Longest that an answer is held for who prefers to wait (`Prefer: wait`).
    hold: "hold-seconds", "BOTHWAYS_HOLD_SECONDS", "60";

    /// How long the key of a POST is kept (Idempotency-Key), in whole seconds, over restarts too.
    idempotency: "idempotency-seconds", "BOTHWAYS_IDEMPOTENCY_SECONDS", "86400";

    /// From sending a close frame to the peer's, or from the last answer of an HTTP connection to
    /// the peer's end of stream; then the socket is dropped.
    close: "close-seconds", "BOTHWAYS_CLOSE_SECONDS", "5";

    /// How long a peer may take nothing of what is written to it.
    write_stall: "write-stall-seconds", "BOTHWAYS_WRITE_STALL_SECONDS", "30";

    /// After SIGTERM or SIGINT: how long peers may take to finish before they are dropped.
    drain: "drain-seconds", "BOTHWAYS_DRAIN_SECONDS", "10";
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Compression")]
pub struct CompressionArgs {
    /// Whether permessage-deflate is agreed to when a client offers it, and a body sent as gzip when one takes it.
    #[arg(
        id = "compression",
        long,
        env = "BOTHWAYS_COMPRESSION",
        value_name = "ON_OR_OFF",
        default_value = "on"
    )]
    switch: OnOff,

    /// Whose messages may refer back to earlier ones, which both ends must then keep: nobody's; what the
    /// server sends, at up to 371 KiB for each connection until it has been silent for
    /// `--idle-seconds`; or what clients send, too, at 47 KiB more until the connection ends.
    #[arg(
        id = "compression_takeover",
        long = "compression-takeover",
        env = "BOTHWAYS_COMPRESSION_TAKEOVER",
        value_name = "WHOSE",
        default_value = "none"
    )]
    context_takeover: ContextTakeover,

    /// How hard to try, from 1 (fast) to 9 (small). 3 saves nearly what 6 does, in half of the time.
    #[arg(id = "compression_level", long = "compression-level", env = "BOTHWAYS_COMPRESSION_LEVEL", value_name = "LEVEL",
          default_value_t = CompressionConfig::DEFAULT.level, value_parser = value_parser!(u8).range(1..=9))]
    level: u8,

    /// How far back to refer at most, as a power of two: 15 is 32 KiB, 9 is 512 bytes. A client may
    /// ask for less.
    #[arg(id = "compression_window_bits", long = "compression-window-bits", env = "BOTHWAYS_COMPRESSION_WINDOW_BITS",
          value_name = "BITS", default_value_t = CompressionConfig::DEFAULT.window_bits,
          value_parser = value_parser!(u8).range(9..=15))]
    window_bits: u8,

    /// Shortest message or body that is compressed. Below it little is saved, and more time is lost than a
    /// whole call takes; with `--compression-takeover`, 32 pays.
    #[arg(id = "compression_threshold_bytes", long = "compression-threshold-bytes",
          env = "BOTHWAYS_COMPRESSION_THRESHOLD_BYTES", value_name = "BYTES",
          default_value_t = CompressionConfig::DEFAULT.threshold_bytes)]
    threshold_bytes: usize,

    /// Longest body that is compressed. Others wait meanwhile: about 10 ms for a mebibyte.
    #[arg(id = "compression_body_bytes_max", long = "compression-body-bytes-max",
          env = "BOTHWAYS_COMPRESSION_BODY_BYTES_MAX", value_name = "BYTES",
          default_value_t = CompressionConfig::DEFAULT.body_bytes_max)]
    body_bytes_max: usize,
}

impl From<CompressionArgs> for CompressionConfig {
    fn from(args: CompressionArgs) -> CompressionConfig {
        CompressionConfig {
            switch: args.switch,
            context_takeover: args.context_takeover,
            level: args.level,
            window_bits: args.window_bits,
            threshold_bytes: args.threshold_bytes,
            body_bytes_max: args.body_bytes_max,
        }
    }
}

impl ValueEnum for OnOff {
    fn value_variants<'a>() -> &'a [OnOff] {
        &[OnOff::On, OnOff::Off]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            OnOff::On => "on",
            OnOff::Off => "off",
        }))
    }
}

impl ValueEnum for ContextTakeover {
    fn value_variants<'a>() -> &'a [ContextTakeover] {
        &[ContextTakeover::None, ContextTakeover::Sent, ContextTakeover::Both]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            ContextTakeover::None => "none",
            ContextTakeover::Sent => "sent",
            ContextTakeover::Both => "both",
        }))
    }
}

#[derive(Args, Clone, Debug)]
pub struct OriginArgs {
    /// Whose pages may make calls besides the server's own: an origin, such as `https://example.org`, or
    /// `*` for any. May be given more than once.
    #[arg(
        id = "origin",
        long = "origin",
        env = "BOTHWAYS_ORIGIN",
        value_name = "URL",
        value_delimiter = ','
    )]
    origins: Vec<AllowedOrigin>,
}

impl From<OriginArgs> for AllowedOrigins {
    fn from(args: OriginArgs) -> AllowedOrigins {
        AllowedOrigins { listed: args.origins }
    }
}
