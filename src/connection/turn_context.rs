//! The inputs of a turn that are the same for all peers: time, configuration, codecs and metrics.
//!
//! No static influences what a connection sends: the same bytes with the same context give the same output.

use crate::config::{AllowedOrigins, CompressionConfig, Limits, ServerConfig, Timeouts};
use crate::connection::outbox::Outbox;
use crate::connection::timer_table::{Timer, TimerTable};
use crate::http::content_coding::GzipCodec;
use crate::metrics::loop_metrics::Metrics;
use crate::websocket::permessage_deflate::DeflateCodec;
use std::time::Instant;

/// One loop has one context, and sets its time at the beginning of each turn.
#[derive(Debug)]
pub struct TurnContext<'r> {
    pub now: Instant,
    /// The same moment for the `Date` field, as an IMF-fixdate.
    pub date: [u8; 29],
    pub limits: &'r Limits,
    pub timeouts: &'r Timeouts,
    pub compression: &'r CompressionConfig,
    pub origins: &'r AllowedOrigins,
    pub codecs: Codecs,
    pub metrics: Metrics,
}

/// What the connections of a loop compress and decompress with.
#[derive(Debug, Default)]
pub struct Codecs {
    pub gzip: GzipCodec,
    pub deflate: DeflateCodec,
}

impl<'r> TurnContext<'r> {
    pub fn new(config: &'r ServerConfig, metrics: Metrics, now: Instant) -> TurnContext<'r> {
        let ServerConfig { limits, timeouts, compression, origins } = config;
        TurnContext {
            now,
            date: [b'0'; 29],
            limits,
            timeouts,
            compression,
            origins,
            codecs: Codecs::default(),
            metrics,
        }
    }

    /// Begins a turn at this moment: the budgets are available again.
    pub fn begin(&mut self, now: Instant, date: [u8; 29]) {
        (self.now, self.date) = (now, date);
        self.codecs.gzip.reset_budget();
    }
}

/// What a mode reads and changes of its connection, besides itself.
pub struct ModeContext<'c, 'r> {
    pub outbox: &'c mut Outbox,
    pub waits: &'c mut TimerTable,
    pub turn: &'c mut TurnContext<'r>,
}

impl ModeContext<'_, '_> {
    pub fn begin(&mut self, timer: Timer) {
        self.waits.begin(timer, self.turn.now, self.turn.timeouts);
    }
}
