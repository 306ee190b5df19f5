//! What is compressed for clients that can read it, in one place: messages of WebSockets (RFC 7692), and bodies
//! over HTTP (gzip).
//!
//! Each field is a flag of `bothways serve` and an environment variable; its doc comment is the
//! flag's help.
//! Every size and count that bounds what a peer can make this program hold, in one place.
//!
//! Each field is a flag of `bothways serve` (`--head-bytes-max`) and an environment variable
//! (`BOTHWAYS_HEAD_BYTES_MAX`); its doc comment is the flag's help.
//! Whose pages may make calls: a browser says from which origin a page came (RFC 6454, Fetch §3.1).
//!
//! The field is a flag of `bothways serve` and an environment variable; its doc comment is the flag's
//! help. What follows from it for a request is decided in `http/origin.rs`.
//! Every wait, named, in one place.
//!
//! Each field is a flag of `bothways serve` in seconds, decimals allowed (`--head-seconds 2.5`),
//! and an environment variable (`BOTHWAYS_HEAD_SECONDS`); its doc comment is the flag's help.

use std::time::Duration;

/// Whether, how well, and at what price in memory.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Compression")]
pub struct Compression {
    /// Whether permessage-deflate is agreed to when a client offers it, and a body sent as gzip when one takes it.
    #[arg(
        id = "compression",
        long,
        env = "BOTHWAYS_COMPRESSION",
        value_name = "ON_OR_OFF",
        default_value = "on"
    )]
    pub switch: Switch,

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
    pub takeover: Takeover,

    /// How hard to try, from 1 (fast) to 9 (small). 3 saves nearly what 6 does, in half of the time.
    #[arg(id = "compression_level", long = "compression-level", env = "BOTHWAYS_COMPRESSION_LEVEL", value_name = "LEVEL",
          default_value_t = Compression::DEFAULT.level, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub level: u8,

    /// How far back to refer at most, as a power of two: 15 is 32 KiB, 9 is 512 bytes. A client may
    /// ask for less.
    #[arg(id = "compression_window_bits", long = "compression-window-bits", env = "BOTHWAYS_COMPRESSION_WINDOW_BITS",
          value_name = "BITS", default_value_t = Compression::DEFAULT.window_bits,
          value_parser = clap::value_parser!(u8).range(9..=15))]
    pub window_bits: u8,

    /// Shortest message or body that is compressed. Below it little is saved, and more time is lost than a
    /// whole call takes; with `--compression-takeover`, 32 pays.
    #[arg(id = "compression_threshold_bytes", long = "compression-threshold-bytes",
          env = "BOTHWAYS_COMPRESSION_THRESHOLD_BYTES", value_name = "BYTES",
          default_value_t = Compression::DEFAULT.threshold_bytes)]
    pub threshold_bytes: usize,

    /// Longest body that is compressed. Others wait meanwhile: about 10 ms for a mebibyte.
    #[arg(id = "compression_body_bytes_max", long = "compression-body-bytes-max",
          env = "BOTHWAYS_COMPRESSION_BODY_BYTES_MAX", value_name = "BYTES",
          default_value_t = Compression::DEFAULT.body_bytes_max)]
    pub body_bytes_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    On,
    Off,
}

/// Who takes the window of one message over into the next (RFC 7692 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Takeover {
    None,
    Sent,
    Both,
}

impl Compression {
    pub const DEFAULT: Compression = Compression {
        switch: Switch::On,
        takeover: Takeover::None,
        level: 3,
        window_bits: 15,
        threshold_bytes: 256,
        body_bytes_max: 1024 * 1024,
    };

    pub const OFF: Compression = Compression { switch: Switch::Off, ..Compression::DEFAULT };
}

impl Default for Compression {
    fn default() -> Compression {
        Compression::DEFAULT
    }
}

/// How much of everything is allowed.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Longest request head, in bytes. Browsers stay under 8 KiB; the rest is room for cookies.
    #[arg(long, env = "BOTHWAYS_HEAD_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.head_bytes_max, value_parser = at_least_one())]
    pub head_bytes_max: usize,

    /// Longest request target, in bytes. RFC 9110 §4.1 asks for at least 8000.
    #[arg(long, env = "BOTHWAYS_TARGET_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.target_bytes_max, value_parser = at_least_one())]
    pub target_bytes_max: usize,

    /// Most fields in a request head, 128 at the most. Browsers send about 20.
    #[arg(long, env = "BOTHWAYS_FIELDS_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.fields_max,
          value_parser = fields_max)]
    pub fields_max: usize,

    /// Longest request body, in bytes, after chunks are joined.
    #[arg(long, env = "BOTHWAYS_BODY_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.body_bytes_max, value_parser = at_least_one())]
    pub body_bytes_max: usize,

    /// Longest item, in bytes of its JSON.
    #[arg(long, env = "BOTHWAYS_ITEM_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.item_bytes_max, value_parser = at_least_one())]
    pub item_bytes_max: usize,

    /// Longest chunk-size line with its extensions, in bytes. Nobody sends extensions but attackers.
    #[arg(long, env = "BOTHWAYS_CHUNK_LINE_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.chunk_line_bytes_max, value_parser = at_least_one())]
    pub chunk_line_bytes_max: usize,

    /// Longest trailer section behind a chunked body, in bytes. Trailers are read and dropped.
    #[arg(long, env = "BOTHWAYS_TRAILER_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.trailer_bytes_max, value_parser = at_least_one())]
    pub trailer_bytes_max: usize,

    /// Longest WebSocket message, in bytes, after fragments are joined.
    #[arg(long, env = "BOTHWAYS_MESSAGE_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.message_bytes_max, value_parser = at_least_one())]
    pub message_bytes_max: usize,

    /// How many times as long as it came a compressed message may become; 1 MiB every one may.
    #[arg(long, env = "BOTHWAYS_INFLATED_TIMES_MAX", value_name = "TIMES", default_value_t = Limits::DEFAULT.inflated_times_max, value_parser = at_least_one())]
    pub inflated_times_max: usize,

    /// A message at /echo whose first frame is as long as this goes back in parts, each as it comes.
    #[arg(long, env = "BOTHWAYS_PASSED_BYTES_MIN", value_name = "BYTES", default_value_t = Limits::DEFAULT.passed_bytes_min, value_parser = at_least_one())]
    pub passed_bytes_min: usize,

    /// Most connections open at a time, over all loops. Past it, new ones wait in the kernel's queue.
    #[arg(long, env = "BOTHWAYS_CONNECTIONS_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.connections_max, value_parser = at_least_one())]
    pub connections_max: usize,

    /// Most calls of one peer that wait for the journal at a time. Past it, the peer is not read.
    #[arg(long, env = "BOTHWAYS_CALLS_WAITING_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.calls_waiting_max,
          value_parser = at_least_one())]
    pub calls_waiting_max: usize,

    /// Most calls in one JSON-RPC batch.
    #[arg(long, env = "BOTHWAYS_BATCH_CALLS_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.batch_calls_max, value_parser = at_least_one())]
    pub batch_calls_max: usize,

    /// Changes kept for those who come back with a position.
    #[arg(long, env = "BOTHWAYS_HISTORY_CHANGES_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.history_changes_max, value_parser = at_least_one())]
    pub history_changes_max: usize,

    /// Bytes of the items in these changes; the oldest are kept no more where that is reached first.
    #[arg(long, env = "BOTHWAYS_HISTORY_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.history_bytes_max, value_parser = at_least_one())]
    pub history_bytes_max: usize,

    /// Most keys of POSTs that are kept (Idempotency-Key). Past it, the oldest are forgotten first.
    #[arg(long, env = "BOTHWAYS_IDEMPOTENCY_KEYS_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.idempotency_keys_max, value_parser = at_least_one())]
    pub idempotency_keys_max: usize,

    /// Bytes of these keys with the items that they created; where that is reached first, too.
    #[arg(long, env = "BOTHWAYS_IDEMPOTENCY_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.idempotency_bytes_max, value_parser = at_least_one())]
    pub idempotency_bytes_max: usize,

    /// Most subscriptions of one socket.
    #[arg(long, env = "BOTHWAYS_SUBSCRIPTIONS_MAX", value_name = "COUNT", default_value_t = Limits::DEFAULT.subscriptions_max, value_parser = at_least_one())]
    pub subscriptions_max: usize,

    /// Bytes that may wait for a listener. Past it nothing is added; when it has read, it goes on from
    /// its own position.
    #[arg(long, env = "BOTHWAYS_LISTENER_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.listener_bytes_max, value_parser = at_least_one())]
    pub listener_bytes_max: usize,

    /// Bytes of writes that may wait for the disk. Past it, a write is refused with 503.
    #[arg(long, env = "BOTHWAYS_STORE_WAITING_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.store_waiting_bytes_max, value_parser = at_least_one())]
    pub store_waiting_bytes_max: usize,

    /// Bytes that may wait to be written to one peer. Past it, the peer is not read until it reads.
    #[arg(long, env = "BOTHWAYS_OUTBOX_BYTES_MAX", value_name = "BYTES", default_value_t = Limits::DEFAULT.outbox_bytes_max, value_parser = at_least_one())]
    pub outbox_bytes_max: usize,
}

impl Limits {
    pub const DEFAULT: Limits = Limits {
        head_bytes_max: 16 * 1024,
        target_bytes_max: 8 * 1024,
        fields_max: 100,
        body_bytes_max: 1024 * 1024,
        item_bytes_max: 1024 * 1024,
        chunk_line_bytes_max: 256,
        trailer_bytes_max: 4 * 1024,
        message_bytes_max: 16 * 1024 * 1024,
        inflated_times_max: 100,
        passed_bytes_min: 128 * 1024,
        connections_max: 100_000,
        calls_waiting_max: 64,
        batch_calls_max: 1000,
        history_changes_max: 10_000,
        history_bytes_max: 64 * 1024 * 1024,
        idempotency_keys_max: 100_000,
        idempotency_bytes_max: 64 * 1024 * 1024,
        subscriptions_max: 100,
        listener_bytes_max: 64 * 1024,
        store_waiting_bytes_max: 64 * 1024 * 1024,
        outbox_bytes_max: 256 * 1024,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

/// Room for the fields of one head stands on the stack; this is how many fit.
pub const FIELDS_ROOM: usize = 128;

/// Bytes of texts of one whole collection that the peers of one loop may be reading. Every change
/// makes a new text, and whoever reads slowly holds on to the old one. Past it, 503.
pub const LISTINGS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a compressed message may say however short it came.
pub const INFLATED_BYTES_FREE: usize = 1024 * 1024;

/// Memory that the library of the store may use for pages of its file.
pub const STORE_CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Most collections of a store: their numbers have sixteen bits.
pub const COLLECTIONS_MAX: usize = 1 << 16;

/// Most browsers for which it is counted what they were served; the half of them heard of last always are.
/// Each holds 400 bytes.
pub const VISITORS_MAX: usize = 2048;

/// Longest Idempotency-Key, in bytes without quotes. So has Stripe.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Longest query, in bytes: every item is held against it. In a request the target ends earlier.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;

/// Most parameters of a query, each field of `_sort` counted as one: every item is held against each.
pub const QUERY_PARAMETERS_MAX: usize = 32;

/// Most items on one page.
pub const PER_PAGE_MAX: usize = 1000;

/// Items on a page where the query does not say how many. So does json-server.
pub const PER_PAGE_USUAL: usize = 10;

/// Most operations of one JSON Patch. It is applied while other writes wait, and an operation can
/// cost as much as the whole item.
pub const PATCH_OPERATIONS_MAX: usize = 100;

/// Most bytes of a control frame's payload (RFC 6455 §5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

fn at_least_one() -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(1..)
}

fn fields_max(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=FIELDS_ROOM).contains(&count) => Ok(count),
        _ => Err(format!("must be 1 to {FIELDS_ROOM}")),
    }
}

/// The origins that are listed, besides the server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Origins {
    /// Whose pages may make calls besides the server's own: an origin, such as `https://example.org`, or
    /// `*` for any. May be given more than once.
    #[arg(id = "origin", long = "origin", env = "BOTHWAYS_ORIGIN", value_name = "URL", value_delimiter = ',', value_parser = origin)]
    pub listed: Vec<Origin>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Any,
    /// As browsers write it: lower case, without the port that is usual for the scheme.
    One(Box<str>),
}

impl Origins {
    /// Only the server's own.
    pub const NONE: Origins = Origins { listed: Vec::new() };

    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub fn has_any(&self) -> bool {
        self.listed.contains(&Origin::Any)
    }

    pub fn has(&self, origin: &[u8]) -> bool {
        let is_it = |listed: &Origin| match listed {
            Origin::Any => true,
            Origin::One(one) => one.as_bytes().eq_ignore_ascii_case(origin),
        };
        self.listed.iter().any(is_it)
    }
}

/// Port that goes without saying (RFC 6454 §6.2).
pub fn usual_port(scheme: &[u8]) -> &'static str {
    if scheme.eq_ignore_ascii_case(b"http") {
        ":80"
    } else if scheme.eq_ignore_ascii_case(b"https") {
        ":443"
    } else {
        ""
    }
}

fn origin(text: &str) -> Result<Origin, String> {
    if text == "*" {
        return Ok(Origin::Any);
    }
    let wrong = || "an origin is SCHEME://HOST or SCHEME://HOST:PORT with nothing behind it, or *".to_owned();
    let lower = text.to_ascii_lowercase();
    let (scheme, host) = lower.split_once("://").ok_or_else(wrong)?;
    if !is_scheme(scheme) || !is_host(host) {
        return Err(wrong());
    }
    let host = host.strip_suffix(usual_port(scheme.as_bytes())).unwrap_or(host);
    Ok(Origin::One(format!("{scheme}://{host}").into()))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// A name, an IPv4 address or an IPv6 address in brackets, and perhaps a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_address = bracketed.is_some_and(|inside| inside.parse::<std::net::Ipv6Addr>().is_ok());
    (is_address || (!host.is_empty() && host.bytes().all(is_name)))
        && port.is_none_or(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'))
}

/// How long everything may take.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Waits, in seconds")]
pub struct Timeouts {
    /// From a connection's first byte, or its opening, to the end of the request head; then 408.
    #[arg(long = "head-seconds", env = "BOTHWAYS_HEAD_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub head: Duration,

    /// Longest silence inside a request body or an unfinished WebSocket message.
    #[arg(long = "body-seconds", env = "BOTHWAYS_BODY_SECONDS", value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub body: Duration,

    /// How long a kept HTTP connection may wait for its next request.
    #[arg(long = "keep-alive-seconds", env = "BOTHWAYS_KEEP_ALIVE_SECONDS", value_name = "SECONDS", default_value = "75", value_parser = seconds)]
    pub keep_alive: Duration,

    /// How long a WebSocket may be silent before it is pinged.
    #[arg(long = "idle-seconds", env = "BOTHWAYS_IDLE_SECONDS", value_name = "SECONDS", default_value = "45", value_parser = seconds)]
    pub idle: Duration,

    /// How long a pinged WebSocket may stay silent before it is given up.
    #[arg(long = "pong-seconds", env = "BOTHWAYS_PONG_SECONDS", value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub pong: Duration,

    /// How often an event stream on which nothing happens shows that it is alive.
    #[arg(long = "heartbeat-seconds", env = "BOTHWAYS_HEARTBEAT_SECONDS", value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub heartbeat: Duration,

    /// How often listeners to whom nothing happens are told how far the log has come meanwhile.
    #[arg(long = "position-seconds", env = "BOTHWAYS_POSITION_SECONDS", value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub position: Duration,

    /// Longest that an answer is held for who prefers to wait (`Prefer: wait`).
    #[arg(long = "hold-seconds", env = "BOTHWAYS_HOLD_SECONDS", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub hold: Duration,

    /// How long the key of a POST is kept (Idempotency-Key), in whole seconds, over restarts too.
    #[arg(long = "idempotency-seconds", env = "BOTHWAYS_IDEMPOTENCY_SECONDS", value_name = "SECONDS", default_value = "86400", value_parser = seconds)]
    pub idempotency: Duration,

    /// From sending a close frame to the peer's, or from the last answer of an HTTP connection to
    /// the peer's end of stream; then the socket is dropped.
    #[arg(long = "close-seconds", env = "BOTHWAYS_CLOSE_SECONDS", value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub close: Duration,

    /// How long a peer may take nothing of what is written to it.
    #[arg(long = "write-stall-seconds", env = "BOTHWAYS_WRITE_STALL_SECONDS", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub write_stall: Duration,

    /// After SIGTERM or SIGINT: how long peers may take to finish before they are dropped.
    #[arg(long = "drain-seconds", env = "BOTHWAYS_DRAIN_SECONDS", value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub drain: Duration,
}

impl Timeouts {
    pub const DEFAULT: Timeouts = Timeouts {
        head: Duration::from_secs(10),
        body: Duration::from_secs(20),
        keep_alive: Duration::from_secs(75),
        idle: Duration::from_secs(45),
        pong: Duration::from_secs(20),
        heartbeat: Duration::from_secs(15),
        position: Duration::from_secs(20),
        hold: Duration::from_secs(60),
        idempotency: Duration::from_secs(24 * 60 * 60),
        close: Duration::from_secs(5),
        write_stall: Duration::from_secs(30),
        drain: Duration::from_secs(10),
    };

    /// How long accepting rests when the process has no file descriptor left, or too many peers.
    pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
    /// When the process is asked to end: how long peers that have connected and said nothing yet may take
    /// to begin. What they ask may be on the way.
    pub const FIRST_WORD: Duration = Duration::from_secs(1);
    /// How long a supervisor may take nothing of what it is told.
    pub const SUPERVISOR: Duration = Duration::from_secs(5);

    /// What the store is given at least to save what waits for it, when the drain is over.
    pub const SAVE_MIN: Duration = Duration::from_secs(1);

    /// How long after the disk was full the keeper looks whether there is room again: each look opens the
    /// store, which reads its file.
    pub const STORE_RETRY: Duration = Duration::from_secs(2);
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts::DEFAULT
    }
}

/// Decimal seconds, from one millisecond to a year.
pub fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.001..=31_536_000.0).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err("must be 0.001 to 31536000".to_owned()),
    }
}

/// The configuration of a server, the same for all loops.
#[derive(Clone, Debug, Default)]
pub struct ServerConfig {
    pub limits: Limits,
    pub timeouts: Timeouts,
    pub compression: Compression,
    pub origins: Origins,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, expected) in [
            ("http://localhost:5173", "http://localhost:5173"),
            ("HTTPS://Example.org", "https://example.org"),
            ("https://example.org:443", "https://example.org"),
            ("http://example.org:80", "http://example.org"),
            ("http://example.org:443", "http://example.org:443"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://[::80]", "http://[::80]"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(origin(text), Ok(Origin::One(expected.into())), "{text}");
        }
        assert_eq!(origin("*"), Ok(Origin::Any));
    }

    #[test]
    fn whatever_no_browser_says_is_refused() {
        for bad in [
            "",
            "null",
            "localhost",
            "localhost:5173",
            "http://",
            "http://a/",
            "http://a/b",
            "http://a?b",
            "http://u@a",
            "http://a:",
            "http://a:x",
            "http://a:+1",
            "http://a:65536",
            "http://*.a",
            "http://a b",
            "http://ä",
            "http://[::1",
            "http://[x]",
            "http://a:1:2",
            "1http://a",
            "**",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
