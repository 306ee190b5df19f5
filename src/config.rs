//! Limits, timeouts, compression and allowed origins: plain structs, and the reason for each value.
//!
//! The flags that set them, with help text and environment variable, are in `cli/config_args.rs`.

use std::net::Ipv6Addr;
use std::str::FromStr;
use std::time::Duration;

/// Bounds on what a peer can make the server hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request head. Browsers stay below 8 KiB; the rest is room for cookies.
    pub head_bytes_max: usize,
    /// Longest request target. RFC 9110 §4.1 recommends at least 8000 bytes.
    pub target_bytes_max: usize,
    /// Most fields in a request head, at most [`FIELDS_ROOM`]. Browsers send about 20.
    pub fields_max: usize,
    /// Longest request body, without chunk framing.
    pub body_bytes_max: usize,
    /// Longest item, as JSON.
    pub item_bytes_max: usize,
    /// Longest chunk-size line with its extensions. Only attackers send extensions.
    pub chunk_line_bytes_max: usize,
    /// Longest trailer section after a chunked body. Trailers are read and dropped.
    pub trailer_bytes_max: usize,
    /// Longest WebSocket message, after fragments are joined.
    pub message_bytes_max: usize,
    /// Highest decompression ratio of a WebSocket message: stops decompression bombs. A message may always
    /// decompress to [`INFLATED_BYTES_ALWAYS_ALLOWED`].
    pub inflated_times_max: usize,
    /// First frame of a message from which on `/echo` streams the message back, in place of buffering it.
    pub passed_bytes_min: usize,
    /// Most open connections, over all loops. Further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Most writes of one peer that await the journal. Above it, the peer is not read.
    pub calls_waiting_max: usize,
    /// Most calls in one JSON-RPC batch.
    pub batch_calls_max: usize,
    /// Changes retained for replay.
    pub history_changes_max: usize,
    /// Bytes of the items in the retained changes. The oldest are evicted at whichever bound is reached first.
    pub history_bytes_max: usize,
    /// Most retained idempotency keys. Above it, the oldest are evicted.
    pub idempotency_keys_max: usize,
    /// Bytes of the retained idempotency keys with the items that they created.
    pub idempotency_bytes_max: usize,
    /// Most subscriptions of one WebSocket.
    pub subscriptions_max: usize,
    /// Longest output queue of a subscriber. Above it, pushing pauses; the subscriber then catches up from its
    /// position.
    pub listener_bytes_max: usize,
    /// Longest write queue. Above it, a write is rejected with 503.
    pub store_waiting_bytes_max: usize,
    /// Longest output queue of a peer. Above it, the peer is not read until it has read.
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

/// Most fields of a head that a connection can hold: the array for them is on the stack.
pub const FIELDS_ROOM: usize = 128;

/// Bytes of renderings of one collection that the peers of one loop may be reading; above it, 503. Each change
/// makes a new rendering, and a slow reader keeps the old one alive.
pub const RENDERED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Decompressed size that is allowed at any ratio, in bytes.
pub const INFLATED_BYTES_ALWAYS_ALLOWED: usize = 1024 * 1024;

/// Memory that redb may use for pages of the store's file.
pub const STORE_CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Most collections of a store: their numbers have sixteen bits.
pub const COLLECTIONS_MAX: usize = 1 << 16;

/// Longest Idempotency-Key, in bytes without quotes. Stripe has the same bound.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Longest query, in bytes: each item is compared with all of it. In a request the target ends earlier.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;

/// Most parameters of a query, each field of `_sort` included: each item is compared with every one.
pub const QUERY_PARAMETERS_MAX: usize = 32;

/// Most items on one page.
pub const PER_PAGE_MAX: usize = 1000;

/// Items on a page if the query does not set their number, as in json-server.
pub const PER_PAGE_DEFAULT: usize = 10;

/// Most operations of one JSON Patch. Other writes wait while it is applied, and one operation can cost as
/// much as the whole item.
pub const PATCH_OPERATIONS_MAX: usize = 100;

/// Longest payload of a control frame, in bytes (RFC 6455 §5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

/// How long everything may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a connection, or from its opening, to the end of the request head; then 408.
    pub head: Duration,
    /// Longest silence inside a request body or an incomplete WebSocket message.
    pub body: Duration,
    /// How long a keep-alive connection may wait for its next request.
    pub keep_alive: Duration,
    /// How long a WebSocket may be silent before the server sends a ping.
    pub idle: Duration,
    /// How long a WebSocket may stay silent after a ping.
    pub pong: Duration,
    /// Interval of heartbeats on an event stream without events.
    pub heartbeat: Duration,
    /// Interval of `position` notifications to subscribers without changes.
    pub position: Duration,
    /// Longest wait of a long poll (`Prefer: wait`).
    pub hold: Duration,
    /// How long an idempotency key is retained, in whole seconds, across restarts.
    pub idempotency: Duration,
    /// From sending a close frame to receiving the peer's, or from the last response of an HTTP connection
    /// to the peer's end of stream; then the socket is closed.
    pub close: Duration,
    /// How long a peer may read nothing of what was written to it.
    pub write_stall: Duration,
    /// How long peers may take to finish after SIGTERM or SIGINT.
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

    /// How long a listener pauses when the process has no file descriptor left, or too many peers.
    pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

    /// How long a peer that has sent nothing yet may take to begin after a shutdown was requested: its
    /// request may be on the way.
    pub const FIRST_BYTE: Duration = Duration::from_secs(1);

    /// How long a write to the socket of systemd may block.
    pub const NOTIFY: Duration = Duration::from_secs(5);

    /// Least time in which the store may save its queue when the drain is over.
    pub const FINAL_SYNC_MIN: Duration = Duration::from_secs(1);

    /// Interval at which the committer retries after the disk was full. Each attempt opens the store, which
    /// reads its file.
    pub const STORE_RETRY: Duration = Duration::from_secs(2);
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts::DEFAULT
    }
}

/// Compression of WebSocket messages (RFC 7692) and of HTTP bodies (gzip).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompressionConfig {
    /// Whether the server accepts an offer of permessage-deflate, and gzip in Accept-Encoding.
    pub switch: OnOff,
    /// Which direction keeps its window between messages. The server's costs up to 371 KiB for each connection
    /// until that has been idle for [`Timeouts::idle`]; the clients' costs another 47 KiB until it ends.
    pub context_takeover: ContextTakeover,
    /// From 1 (fast) to 9 (small). Level 3 saves nearly as much as 6 in half of the time.
    pub level: u8,
    /// Largest window, as a power of two: 15 is 32 KiB, 9 is 512 bytes. A client may request a smaller one.
    pub window_bits: u8,
    /// Shortest message or body that is compressed. A shorter one saves little, and compressing it takes longer
    /// than a whole call; with context takeover 32 bytes are worth it.
    pub threshold_bytes: usize,
    /// Longest body that is compressed: 1 MiB takes about 10 ms, during which other peers wait.
    pub body_bytes_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOff {
    On,
    Off,
}

/// The directions in which a message may refer to earlier ones (RFC 7692 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextTakeover {
    None,
    Sent,
    Both,
}

impl CompressionConfig {
    pub const DEFAULT: CompressionConfig = CompressionConfig {
        switch: OnOff::On,
        context_takeover: ContextTakeover::None,
        level: 3,
        window_bits: 15,
        threshold_bytes: 256,
        body_bytes_max: 1024 * 1024,
    };

    pub const OFF: CompressionConfig = CompressionConfig { switch: OnOff::Off, ..CompressionConfig::DEFAULT };
}

impl Default for CompressionConfig {
    fn default() -> CompressionConfig {
        CompressionConfig::DEFAULT
    }
}

/// The configuration of a server, the same for all loops.
#[derive(Clone, Debug, Default)]
pub struct ServerConfig {
    pub limits: Limits,
    pub timeouts: Timeouts,
    pub compression: CompressionConfig,
    pub origins: AllowedOrigins,
}

/// Origins whose pages may make calls, besides the server's own (RFC 6454, Fetch §3.1).
///
/// `http/cors.rs` decides what follows from it for a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins {
    pub listed: Vec<AllowedOrigin>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    Any,
    /// As browsers serialize it: in lower case, without the default port of the scheme.
    One(Box<str>),
}

impl AllowedOrigins {
    /// No origin but the server's own.
    pub const NONE: AllowedOrigins = AllowedOrigins { listed: Vec::new() };

    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub fn has_any(&self) -> bool {
        self.listed.contains(&AllowedOrigin::Any)
    }

    pub fn has(&self, origin: &[u8]) -> bool {
        self.listed.iter().any(|listed| match listed {
            AllowedOrigin::Any => true,
            AllowedOrigin::One(one) => one.as_bytes().eq_ignore_ascii_case(origin),
        })
    }
}

/// `SCHEME://HOST`, `SCHEME://HOST:PORT`, or `*` for any origin.
impl FromStr for AllowedOrigin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<AllowedOrigin, &'static str> {
        const WRONG: &str = "an origin is SCHEME://HOST or SCHEME://HOST:PORT with nothing behind it, or *";
        if text == "*" {
            return Ok(AllowedOrigin::Any);
        }
        let lower = text.to_ascii_lowercase();
        let (scheme, host) = lower.split_once("://").ok_or(WRONG)?;
        if !is_scheme(scheme) || !is_host(host) {
            return Err(WRONG);
        }
        let host = host.strip_suffix(default_port(scheme.as_bytes())).unwrap_or(host);
        Ok(AllowedOrigin::One(format!("{scheme}://{host}").into()))
    }
}

/// The port that a browser leaves out, with its colon (RFC 6454 §6.2). Empty for a scheme without one.
pub fn default_port(scheme: &[u8]) -> &'static str {
    if scheme.eq_ignore_ascii_case(b"http") {
        ":80"
    } else if scheme.eq_ignore_ascii_case(b"https") {
        ":443"
    } else {
        ""
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// A name, an IPv4 address or an IPv6 address in brackets, and an optional port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_address = bracketed.is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok());
    let is_name =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    (is_address || is_name) && port.is_none_or(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'))
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
            assert_eq!(text.parse(), Ok(AllowedOrigin::One(expected.into())), "{text}");
        }
        assert_eq!("*".parse(), Ok(AllowedOrigin::Any));
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
            assert!(bad.parse::<AllowedOrigin>().is_err(), "{bad}");
        }
    }
}
