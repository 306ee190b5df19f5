//! What is compressed for clients that can read it, in one place: messages of WebSockets (RFC 7692), and bodies
//! over HTTP (gzip).
//!
//! Each field is a flag of `bothways serve` and an environment variable; its doc comment is the
//! flag's help.

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
