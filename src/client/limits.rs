//! Every size and wait of the client, in one place.

use std::time::Duration;

use crate::config::Timeouts;

/// One read. The receive buffer of the kernel holds more; this much at a time is quick enough.
pub const READ_BYTES: usize = 16 * 1024;

/// Longest message or event that is taken: room for a collection of some hundred thousand items.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Longest response that is read as a whole, in bytes.
pub const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most that is read of why something was refused.
pub const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Most that is heard and not yet acted on. Past it, the server is not read.
pub const QUEUED_EVENTS_MAX: usize = 64;

/// How long to wait for the server's close frame once ours is sent.
pub const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// `watch`: longest wait for the connection, and for the answer that opens it.
pub const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// `watch`: how long a silence may be.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// After so long without news, a server is pinged where that can be said.
    pub ping_after: Duration,
    /// A server that sends not one byte for so long is gone.
    pub most: Duration,
}

impl Silence {
    /// Three heartbeats, or answers to pings, should have come before it is too long.
    pub const DEFAULT: Silence = Silence {
        ping_after: Timeouts::DEFAULT.heartbeat,
        most: Timeouts::DEFAULT.heartbeat.saturating_mul(3),
    };
}

/// `watch`: before it is tried again for the first time. An event stream can ask for another (`retry`).
pub const RETRY_FIRST: Duration = Duration::from_millis(250);

/// `watch`: longest that is waited before it is tried again.
pub const RETRY_MAX: Duration = Duration::from_secs(10);

/// `watch`: shortest first wait that an event stream can ask for.
pub const RETRY_MIN: Duration = Duration::from_millis(50);
