//! When bytes arrive at the other end of an emulated link. The time is an argument; nothing is sent here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::netlab::emulated_link::link_settings::LinkSettings;

/// One direction, shared by all connections: bytes queue behind those sent before them.
#[derive(Debug)]
pub struct LinkDirection {
    one_way: Duration,
    bits_per_second: Option<u64>,
    /// When the last bit sent so far has left.
    idle_from: Option<Instant>,
}

impl LinkDirection {
    pub fn new(settings: &LinkSettings) -> LinkDirection {
        LinkDirection {
            one_way: settings.one_way(),
            bits_per_second: settings.bits_per_second,
            idle_from: None,
        }
    }

    /// Returns when bytes that are sent now arrive.
    pub fn send(&mut self, now: Instant, bytes: usize) -> Instant {
        let begins = self.idle_from.map_or(now, |idle| idle.max(now));
        let takes = self
            .bits_per_second
            .map_or(Duration::ZERO, |bits| Duration::from_secs_f64(bytes as f64 * 8.0 / bits as f64));
        self.idle_from = Some(begins + takes);
        begins + takes + self.one_way
    }
}

/// The congestion window of one side of a connection: ten segments at first (RFC 6928), one byte more for each
/// acknowledged byte (RFC 5681 §3.1, slow start), up to the bandwidth-delay product.
#[derive(Debug)]
pub struct SlowStartWindow {
    bytes: u64,
    bytes_max: u64,
    in_flight: u64,
    /// Maximum of `in_flight` since it was zero.
    in_flight_most: u64,
    sent: VecDeque<InFlightBytes>,
}

#[derive(Debug)]
struct InFlightBytes {
    bytes: u64,
    acknowledged: Instant,
}

impl SlowStartWindow {
    pub fn new(settings: &LinkSettings) -> SlowStartWindow {
        let bytes_max = settings.bandwidth_delay_product().map_or(u64::MAX, |bytes| bytes.max(FIRST_WINDOW));
        SlowStartWindow {
            bytes: FIRST_WINDOW,
            bytes_max,
            in_flight: 0,
            in_flight_most: 0,
            sent: VecDeque::new(),
        }
    }

    /// Returns how many bytes may be sent now.
    pub fn room(&mut self, now: Instant) -> u64 {
        while let Some(sent) = self.sent.front()
            && sent.acknowledged <= now
        {
            // An unused window does not grow (RFC 7661).
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

    /// Records bytes that are sent now and acknowledged at that time.
    pub fn send(&mut self, bytes: u64, acknowledged: Instant) {
        self.in_flight += bytes;
        self.in_flight_most = self.in_flight_most.max(self.in_flight);
        self.sent.push_back(InFlightBytes { bytes, acknowledged });
    }

    /// Returns when the next acknowledgement arrives.
    pub fn next_room(&self) -> Option<Instant> {
        self.sent.front().map(|sent| sent.acknowledged)
    }
}

/// Payload of a segment with an MTU of 1500 and TCP timestamps.
pub const SEGMENT_BYTES: usize = 1448;
/// Headers of IP and TCP of that segment.
pub const HEADER_BYTES: usize = 52;
const FIRST_WINDOW: u64 = 10 * SEGMENT_BYTES as u64;

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(40);

    fn distance(bits_per_second: Option<u64>) -> LinkSettings {
        LinkSettings { round_trip: RTT, bits_per_second }
    }

    /// Sends all of it, and says when the last byte arrives: in the time of a clock that is ours.
    fn transfer(bytes: usize, distance: &LinkSettings) -> Duration {
        let (mut link, mut window) = (LinkDirection::new(distance), SlowStartWindow::new(distance));
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
        let mut link = LinkDirection::new(&distance(None));
        assert_eq!([link.send(now, 1500), link.send(now, 1500)], [now + RTT / 2; 2]);
    }

    #[test]
    fn what_leaves_waits_for_what_left_before() {
        let now = Instant::now();
        // 1250 bytes are a millisecond.
        let mut link = LinkDirection::new(&distance(Some(10_000_000)));
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
        let mut window = SlowStartWindow::new(&narrow);
        let now = Instant::now();
        for n in 0..20 {
            let room = window.room(now + RTT * n);
            window.send(room, now + RTT * (n + 1));
        }
        assert_eq!(window.bytes, 10_000_000 / 8 * 40 / 1000);
        // A megabyte then takes no less than its bits do.
        assert!(transfer(1_000_000, &narrow) > Duration::from_millis(800));
        let thin = SlowStartWindow::new(&distance(Some(56_000)));
        assert_eq!(thin.bytes_max, FIRST_WINDOW);
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut window = SlowStartWindow::new(&distance(None));
        let now = Instant::now();
        for n in 0..100 {
            assert_eq!(window.room(now + RTT * n), FIRST_WINDOW);
            window.send(100, now + RTT * n + RTT / 2);
        }
    }
}
