//! What is counted of packets, by direction and by connection.
//!
//! ```text
//!   Segment ─▶ to the server's port? sent, else received ─▶ Sequence: seen before? sent again
//! ```

use std::collections::HashMap;

use crate::netlab::proc;
use crate::netlab::tcp_segment::Segment;
use crate::netlab::tcp_sequence::Sequence;
use crate::netlab::traffic::{Network, Segments};

/// All packets that were shown to it.
#[derive(Debug)]
pub struct Counter {
    server: u16,
    pub network: Network,
    /// SYNs of the server among what was sent again.
    answers_again: u64,
    /// Packets that are no TCP to or from the server.
    pub others: u64,
    /// By the client's port.
    pub connections: HashMap<u16, Connection>,
}

#[derive(Debug)]
pub struct Connection {
    /// The number of the SYN with which it began.
    first: u32,
    sent: Sequence,
    received: Sequence,
    pub network: Network,
    /// The client has said something that is not answered yet.
    asked: bool,
    sent_end: bool,
    received_end: bool,
}

impl Counter {
    pub fn beside(server: u16) -> Counter {
        Counter { server, network: Network::NONE, answers_again: 0, others: 0, connections: HashMap::new() }
    }

    pub fn count(&mut self, bytes: usize, head: &[u8]) {
        let Some(segment) = Segment::parse(bytes, head) else {
            self.others += 1;
            return;
        };
        let (is_sent, port) = match self.server {
            server if segment.to == server => (true, segment.from),
            server if segment.from == server => (false, segment.to),
            _ => {
                self.others += 1;
                return;
            }
        };
        let connection = self.connections.entry(port).or_insert_with(|| Connection::beginning(0));
        if is_sent && segment.begins && connection.first != segment.sequence {
            // A port that was used before is used again.
            *connection = Connection::beginning(segment.sequence);
        }
        let fresh = connection.take(is_sent, &segment);
        let counted = Segments { segments: 1, bytes: bytes as u64, carried: fresh.carried };
        for network in [&mut self.network, &mut connection.network] {
            *(if is_sent { &mut network.sent } else { &mut network.received }) += counted;
            network.retransmitted += u64::from(fresh.is_again);
        }
        self.answers_again += u64::from(fresh.is_again && segment.begins && !is_sent);
        connection.sent_end |= segment.resets || (segment.ends && is_sent);
        connection.received_end |= segment.resets || (segment.ends && !is_sent);
        // An acknowledgement alone says nothing, and nobody waits for it.
        let says_something = !fresh.is_again && (segment.begins || segment.carried > 0);
        if is_sent {
            connection.asked |= says_something;
        } else if says_something && connection.asked {
            connection.asked = false;
            for network in [&mut self.network, &mut connection.network] {
                network.round_trips = network.round_trips.map(|trips| trips + 1);
            }
        }
    }

    /// Connections of which one end or both are not over.
    pub fn open(&self) -> usize {
        self.connections.values().filter(|one| !(one.sent_end && one.received_end)).count()
    }

    /// What the kernel should say of that. What is sent again it counts apart, but for a SYN that answers
    /// one, which it counts with both.
    pub fn as_the_kernel_counts(&self) -> proc::Network {
        let segments = self.network.segments();
        proc::Network {
            segments_received: segments,
            segments_sent: segments - self.network.retransmitted + self.answers_again,
            retransmitted: self.network.retransmitted,
            packets: segments,
            bytes: self.network.bytes(),
            dropped: 0,
        }
    }
}

/// What of a segment had not been seen.
struct Fresh {
    carried: u64,
    /// It says something, and not all of that is new.
    is_again: bool,
}

impl Connection {
    fn beginning(first: u32) -> Connection {
        let (sent, received) = (Sequence::default(), Sequence::default());
        let network = Network::NONE;
        Connection { first, sent, received, network, asked: false, sent_end: false, received_end: false }
    }

    /// SYN and FIN each have a number, before and behind those of the bytes.
    fn take(&mut self, is_sent: bool, segment: &Segment) -> Fresh {
        let sequence = if is_sent { &mut self.sent } else { &mut self.received };
        let (begins, ends) = (u64::from(segment.begins), u64::from(segment.ends));
        let bytes_at = segment.sequence.wrapping_add(u32::from(segment.begins));
        let begun = sequence.take(segment.sequence, begins);
        let carried = sequence.take(bytes_at, segment.carried);
        let ended = sequence.take(bytes_at.wrapping_add(segment.carried as u32), ends);
        Fresh { carried, is_again: begun + carried + ended < begins + segment.carried + ends }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::netlab::tcp_segment::tests::{ACK, packet};
    use crate::netlab::tcp_segment::{FIN, RST, SYN};

    /// From port, to port, flags, sequence number, bytes.
    pub fn count(packets: &[(u16, u16, u8, u32, usize)]) -> Counter {
        let mut counter = Counter::beside(80);
        for &(from, to, flags, sequence, carried) in packets {
            let (bytes, head) = packet(from, to, flags, sequence, carried);
            counter.count(bytes, &head);
        }
        counter
    }

    pub const CALL: &[(u16, u16, u8, u32, usize)] = &[
        (9, 80, SYN, 100, 0),
        (80, 9, SYN | ACK, 700, 0),
        (9, 80, ACK, 101, 0),
        (9, 80, ACK, 101, 47),
        (80, 9, ACK, 701, 0),
        (80, 9, ACK, 701, 161),
        (9, 80, ACK, 148, 0),
        (9, 80, FIN | ACK, 148, 0),
        (80, 9, FIN | ACK, 862, 0),
        (9, 80, ACK, 149, 0),
    ];

    #[test]
    fn a_call_on_a_new_connection_is_ten_segments_and_two_round_trips() {
        let counter = count(CALL);
        let network = counter.network;
        assert_eq!((network.sent.segments, network.received.segments), (6, 4));
        assert_eq!((network.sent.carried, network.received.carried), (47, 161));
        assert_eq!((network.bytes(), network.header_bytes()), (10 * 52 + 208, 520));
        assert_eq!((network.round_trips, counter.open(), counter.others), (Some(2), 0, 0));
        assert_eq!(network.retransmitted, 0);
    }

    #[test]
    fn what_is_sent_again_is_no_round_trip_and_carries_nothing_new() {
        for (n, &said) in CALL.iter().enumerate().filter(|(_, said)| said.2 != ACK || said.4 > 0) {
            let again = [&CALL[..=n], &[said], &CALL[n + 1..]].concat();
            let Counter { network, answers_again, .. } = count(&again);
            assert_eq!((network.segments(), network.retransmitted), (11, 1), "{said:?}");
            assert_eq!((network.sent.carried, network.received.carried), (47, 161), "{said:?}");
            assert_eq!((network.round_trips, answers_again), (Some(2), u64::from(n == 1)), "{said:?}");
        }
    }

    #[test]
    fn the_kernel_counts_apart_what_is_sent_again() {
        let of = |again: usize| {
            let kernel = count(&[&CALL[..=again], &[CALL[again]], &CALL[again + 1..]].concat());
            kernel.as_the_kernel_counts()
        };
        assert_eq!((of(3).segments_sent, of(3).retransmitted, of(3).segments_received), (10, 1, 11));
        assert_eq!((of(1).segments_sent, of(1).retransmitted, of(1).segments_received), (11, 1, 11));
    }

    #[test]
    fn one_connection_can_be_told_from_the_others() {
        let counter =
            count(&[(9, 80, ACK, 0, 47), (8, 80, ACK, 0, 20), (80, 8, ACK, 0, 30), (80, 9, ACK, 0, 161)]);
        let rest = counter.network - counter.connections[&9].network;
        assert_eq!((rest.segments(), rest.bytes(), rest.round_trips), (2, 2 * 52 + 50, Some(1)));
    }

    #[test]
    fn many_calls_in_one_write_are_one_round_trip() {
        let counter = count(&[
            (9, 80, ACK, 0, 1400),
            (9, 80, ACK, 1400, 900),
            (80, 9, ACK, 0, 1400),
            (80, 9, ACK, 1400, 700),
        ]);
        assert_eq!((counter.network.round_trips, counter.open()), (Some(1), 1));
    }

    #[test]
    fn an_end_said_twice_is_one_side() {
        assert_eq!(count(&[(9, 80, SYN, 0, 0), (9, 80, FIN, 1, 0), (9, 80, FIN, 1, 0)]).open(), 1);
    }

    #[test]
    fn a_reset_ends_both_sides_and_a_port_can_be_used_again() {
        assert_eq!(count(&[(9, 80, SYN, 5, 0), (80, 9, RST, 0, 0)]).open(), 0);
        let again = count(&[(9, 80, SYN, 5, 0), (80, 9, RST, 0, 0), (9, 80, SYN, 6, 0)]);
        assert_eq!((again.open(), again.network.retransmitted), (1, 0));
    }

    #[test]
    fn what_is_not_ours_is_told_apart() {
        let counter = count(&[(9, 81, SYN, 0, 0)]);
        assert_eq!((counter.others, counter.network.segments()), (1, 0));
    }
}
