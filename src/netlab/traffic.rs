//! Segments and bytes that TCP connections sent and received.

use std::ops::{AddAssign, Sub};

use serde::Serialize;

/// Traffic of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Segments {
    pub segments: u64,
    /// Bytes with the headers of IP and TCP.
    pub bytes: u64,
    /// Payload bytes of TCP, without retransmissions.
    pub carried: u64,
}

/// Traffic of both directions: `sent` by the client, `received` by the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Network {
    pub sent: Segments,
    pub received: Segments,
    /// How often one side waited for the other. Known only where every packet is captured.
    pub round_trips: Option<u64>,
    /// Retransmitted segments. With `TCP_INFO`, those of the client only.
    pub retransmitted: u64,
}

impl Segments {
    /// Bytes of headers of IP and TCP.
    pub fn header_bytes(&self) -> u64 {
        self.bytes - self.carried
    }
}

impl Network {
    /// No traffic, where packets are captured.
    pub const NONE: Network = Network {
        sent: Segments { segments: 0, bytes: 0, carried: 0 },
        received: Segments { segments: 0, bytes: 0, carried: 0 },
        round_trips: Some(0),
        retransmitted: 0,
    };

    pub fn segments(&self) -> u64 {
        self.sent.segments + self.received.segments
    }

    pub fn bytes(&self) -> u64 {
        self.sent.bytes + self.received.bytes
    }

    /// Bytes of headers of IP and TCP, and of retransmissions.
    pub fn header_bytes(&self) -> u64 {
        self.sent.header_bytes() + self.received.header_bytes()
    }
}

/// Implements `+`, `+=` and `-` for a struct of counters, field by field.
macro_rules! impl_arithmetic {
    ($type:ident { $($field:ident),+ }) => {
        impl std::ops::Add for $type {
            type Output = $type;

            fn add(self, more: $type) -> $type {
                $type { $($field: self.$field + more.$field),+ }
            }
        }

        impl std::ops::AddAssign for $type {
            fn add_assign(&mut self, more: $type) {
                *self = *self + more;
            }
        }

        impl std::ops::Sub for $type {
            type Output = $type;

            fn sub(self, less: $type) -> $type {
                $type { $($field: self.$field - less.$field),+ }
            }
        }
    };
}
pub(crate) use impl_arithmetic;

impl_arithmetic!(Segments { segments, bytes, carried });

impl AddAssign for Network {
    /// The sum of round trips is known only if both are.
    fn add_assign(&mut self, more: Network) {
        self.sent += more.sent;
        self.received += more.received;
        self.round_trips = self.round_trips.zip(more.round_trips).map(|(some, more)| some + more);
        self.retransmitted += more.retransmitted;
    }
}

impl Sub for Network {
    type Output = Network;

    fn sub(self, less: Network) -> Network {
        Network {
            sent: self.sent - less.sent,
            received: self.received - less.received,
            round_trips: self.round_trips.zip(less.round_trips).map(|(all, before)| all - before),
            retransmitted: self.retransmitted - less.retransmitted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_what_came_between_two_readings() {
        let at = |segments: u64, trips| Network {
            sent: Segments { segments, bytes: 52 * segments, carried: 0 },
            received: Segments { segments: 1, bytes: 60, carried: 8 },
            round_trips: trips,
            retransmitted: 0,
        };
        let between = at(5, Some(9)) - at(2, Some(4));
        assert_eq!((between.segments(), between.bytes(), between.header_bytes()), (3, 156, 156));
        assert_eq!((between.round_trips, (at(5, None) - at(2, None)).round_trips), (Some(5), None));
    }
}
