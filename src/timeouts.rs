//! Every wait, named, in one place.
//!
//! Each field is a flag of `bothways serve` in seconds, decimals allowed (`--head-seconds 2.5`),
//! and an environment variable (`BOTHWAYS_HEAD_SECONDS`); its doc comment is the flag's help.

use std::time::Duration;

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
