//! The round-trip time and bandwidth of an emulated link.

use std::time::Duration;

/// What a link is to emulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    pub round_trip: Duration,
    /// Bandwidth of each direction. `None`: unlimited.
    pub bits_per_second: Option<u64>,
}

impl LinkSettings {
    /// The delay of one direction.
    pub fn one_way(&self) -> Duration {
        self.round_trip / 2
    }

    /// Bytes that can be in flight in both directions together.
    pub fn bandwidth_delay_product(&self) -> Option<u64> {
        let bits = self.bits_per_second? as f64 * self.round_trip.as_secs_f64();
        Some((bits / 8.0) as u64)
    }
}
