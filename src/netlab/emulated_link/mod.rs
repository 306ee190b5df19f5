//! A distance between client and server, on one machine.
//!
//! ```text
//!   client ──▶ ─── half a round trip, at the stated bandwidth ───▶ ── server
//!          ◀── ◀── half a round trip, at the stated bandwidth ────
//!
//!   tunnel   in a network of our own: the kernel's own packets are held back, each for its time.
//!            Handshakes, slow start, acknowledgements and ends are what the kernel makes of that.
//!   relay    elsewhere: only bytes can be held back, for the kernel answers a connection to the relay at
//!            once. The handshake and slow start are modelled.
//! ```
//!
//! What is here is told the time, and knows no socket. [`Link`] says when something arrives, [`Window`] how
//! much may be on its way.

pub mod proxy;
#[cfg_attr(not(target_os = "linux"), path = "tunnel_other.rs")]
pub mod tunnel;

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::compare::count_method::Place;
use crate::compare::options::CompareOptions;
use crate::compare::report::text::{number, rate};
use crate::compare::server::Server;
use crate::error::CommandError;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distance {
    pub round_trip: Duration,
    /// Of each direction. None: as much as there is.
    pub bits_per_second: Option<u64>,
}

/// What the report says of it.
#[derive(Clone, Debug, Serialize)]
pub struct Stretch {
    pub round_trip_ms: f64,
    pub bits_per_second: Option<u64>,
    /// `tunnel` or `relay`.
    pub how: &'static str,
    /// Packets that a tunnel dropped, for it had no room for them.
    pub dropped: u64,
    pub says: String,
}

impl Stretch {
    pub fn words(&self) -> String {
        let bandwidth = self.bits_per_second.map_or(String::new(), |bits| format!(" at {}", rate(bits)));
        let round_trip = number(self.round_trip_ms);
        let dropped = match self.dropped {
            0 => String::new(),
            dropped => format!(
                " {dropped} packets were dropped, for there was no room: what they carried was sent again."
            ),
        };
        format!("A distance of {round_trip} ms there and back{bandwidth}. {}{dropped}", self.says)
    }
}

impl Distance {
    pub fn of(options: &CompareOptions) -> Option<Distance> {
        let round_trip = options.rtt?;
        Some(Distance { round_trip, bits_per_second: options.bandwidth })
    }

    pub fn one_way(&self) -> Duration {
        self.round_trip / 2
    }

    /// Bytes that can be on their way at a time, there and back.
    fn product(&self) -> Option<u64> {
        let bits = self.bits_per_second? as f64 * self.round_trip.as_secs_f64();
        Some((bits / 8.0) as u64)
    }
}

/// Puts the distance that was asked for in front of the server.
pub fn put(
    options: &CompareOptions,
    server: &mut Server,
    place: &Place,
) -> Result<Option<Stretch>, CommandError> {
    let Some(distance) = Distance::of(options) else { return Ok(None) };
    let (how, says) = match place {
        Place::OurNetwork { tunnel: Some(tunnel), .. } => {
            let port = server.near.port;
            tunnel.serve(port);
            server.reach((tunnel::FAR, port).into());
            ("tunnel", TUNNEL)
        }
        _ => {
            let port = proxy::start(server.address()?, distance)?;
            server.reach((Ipv4Addr::LOCALHOST, port).into());
            ("relay", RELAY)
        }
    };
    Ok(Some(Stretch {
        round_trip_ms: distance.round_trip.as_secs_f64() * 1000.0,
        bits_per_second: distance.bits_per_second,
        how,
        dropped: 0,
        says: says.to_owned(),
    }))
}

const TUNNEL: &str = "The distance is a tunnel in that namespace: every packet is held back for half a \
    round trip, at the stated bandwidth. Handshakes, slow start and acknowledgements are the kernel's own.";
const RELAY: &str = "The distance is modelled by a relay, for packets cannot be held back here: one round \
    trip before the first byte of a connection, half of one for each byte, a window of 10 segments that \
    doubles. So the handshake of a connection is waited for in its first call; nothing is lost or resent; \
    segments are those between client and relay, on a loopback with an MTU of its own.";

/// One direction, shared by all connections: what leaves waits for what left before it.
#[derive(Debug)]
pub struct Link {
    one_way: Duration,
    bits_per_second: Option<u64>,
    /// When the last bit of what was sent so far has left.
    free: Option<Instant>,
}

impl Link {
    pub fn new(distance: &Distance) -> Link {
        Link { one_way: distance.one_way(), bits_per_second: distance.bits_per_second, free: None }
    }

    /// When so many bytes arrive that are sent now.
    pub fn send(&mut self, now: Instant, bytes: usize) -> Instant {
        let begins = self.free.map_or(now, |free| free.max(now));
        let takes = self
            .bits_per_second
            .map_or(Duration::ZERO, |bits| Duration::from_secs_f64(bytes as f64 * 8.0 / bits as f64));
        self.free = Some(begins + takes);
        begins + takes + self.one_way
    }
}

/// How much one side of a connection may have on its way: ten segments at first (RFC 6928), and with each
/// byte that is acknowledged one more (RFC 5681 §3.1, slow start), until the distance is full.
#[derive(Debug)]
pub struct Window {
    bytes: u64,
    bytes_max: u64,
    in_flight: u64,
    /// Most that was on its way since nothing was.
    in_flight_most: u64,
    sent: VecDeque<Sent>,
}

#[derive(Debug)]
struct Sent {
    bytes: u64,
    acknowledged: Instant,
}

impl Window {
    pub fn new(distance: &Distance) -> Window {
        let bytes_max = distance.product().map_or(u64::MAX, |bytes| bytes.max(FIRST_WINDOW));
        Window { bytes: FIRST_WINDOW, bytes_max, in_flight: 0, in_flight_most: 0, sent: VecDeque::new() }
    }

    /// How much may leave now.
    pub fn room(&mut self, now: Instant) -> u64 {
        while let Some(sent) = self.sent.front()
            && sent.acknowledged <= now
        {
            // A window that is not used does not grow (RFC 7661).
            if self.in_flight_most * 2 > self.bytes {
                self.bytes = self.bytes.saturating_add(sent.bytes).min(self.bytes_max);
            }
            self.in_flight -= sent.bytes;
            self.sent.pop_front();
        }
        if self.in_flight == 0 {
            self.in_flight_most = 0;
        }
        self.bytes.saturating_sub(self.in_flight)
    }

    /// So much leaves, and will be known to have arrived by then.
    pub fn send(&mut self, bytes: u64, acknowledged: Instant) {
        self.in_flight += bytes;
        self.in_flight_most = self.in_flight_most.max(self.in_flight);
        self.sent.push_back(Sent { bytes, acknowledged });
    }

    /// When there may be more room.
    pub fn next_room(&self) -> Option<Instant> {
        self.sent.front().map(|sent| sent.acknowledged)
    }
}

/// What a segment carries where the MTU is 1500 and timestamps are used.
pub const SEGMENT_BYTES: usize = 1448;
/// Of IP and TCP, around that.
pub const HEADER_BYTES: usize = 52;
const FIRST_WINDOW: u64 = 10 * SEGMENT_BYTES as u64;

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(40);

    fn distance(bits_per_second: Option<u64>) -> Distance {
        Distance { round_trip: RTT, bits_per_second }
    }

    /// Sends all of it, and says when the last byte arrives: in the time of a clock that is ours.
    fn transfer(bytes: usize, distance: &Distance) -> Duration {
        let (mut link, mut window) = (Link::new(distance), Window::new(distance));
        let begun = Instant::now();
        let (mut now, mut left, mut last) = (begun, bytes, begun);
        while left > 0 {
            let room = window.room(now);
            if room == 0 {
                now = window.next_room().expect("something is on its way");
                continue;
            }
            let piece = left.min(SEGMENT_BYTES).min(room as usize);
            last = link.send(now, piece + HEADER_BYTES);
            window.send(piece as u64, last + distance.one_way());
            left -= piece;
        }
        last - begun
    }

    #[test]
    fn a_link_takes_half_a_round_trip() {
        let now = Instant::now();
        let mut link = Link::new(&distance(None));
        assert_eq!([link.send(now, 1500), link.send(now, 1500)], [now + RTT / 2; 2]);
    }

    #[test]
    fn what_leaves_waits_for_what_left_before() {
        let now = Instant::now();
        // 1250 bytes are a millisecond.
        let mut link = Link::new(&distance(Some(10_000_000)));
        let ms = Duration::from_millis;
        assert_eq!(link.send(now, 1250), now + ms(1) + RTT / 2);
        assert_eq!(link.send(now, 2500), now + ms(3) + RTT / 2);
        // Whoever comes later finds it free again.
        assert_eq!(link.send(now + ms(10), 1250), now + ms(11) + RTT / 2);
    }

    #[test]
    fn a_window_doubles_with_each_round_trip() {
        // 10, 20, 40 segments: each round but the first waits a whole round trip.
        for (segments, rounds) in [(1, 0), (10, 0), (11, 1), (30, 1), (31, 2), (70, 2), (71, 3)] {
            let took = transfer(segments * SEGMENT_BYTES, &distance(None));
            assert_eq!(took, RTT * rounds + RTT / 2, "{segments} segments");
        }
    }

    #[test]
    fn a_window_grows_until_the_distance_is_full() {
        let narrow = distance(Some(10_000_000));
        let mut window = Window::new(&narrow);
        let now = Instant::now();
        for n in 0..20 {
            let room = window.room(now + RTT * n);
            window.send(room, now + RTT * (n + 1));
        }
        assert_eq!(window.bytes, 10_000_000 / 8 * 40 / 1000);
        // A megabyte then takes no less than its bits do.
        assert!(transfer(1_000_000, &narrow) > Duration::from_millis(800));
        let thin = Window::new(&distance(Some(56_000)));
        assert_eq!(thin.bytes_max, FIRST_WINDOW);
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut window = Window::new(&distance(None));
        let now = Instant::now();
        for n in 0..100 {
            assert_eq!(window.room(now + RTT * n), FIRST_WINDOW);
            window.send(100, now + RTT * n + RTT / 2);
        }
    }
}
