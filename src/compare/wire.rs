//! What passes the loopback of a network of one's own, counted packet by packet and by direction: the
//! handshake of TCP and its end are in it.
//!
//! ```text
//!   Ring ─▶ thread, every few milliseconds ─▶ Counter: to the server's port? sent, else received
//!                                                │
//!   /proc/self/net/snmp, dev ── a second count ──┴─▶ check: both the same, or the run fails
//! ```

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::compare::kernel::Ring;
use crate::compare::proc;
use crate::compare::tally::{Network, Segments};
use crate::failure::Failure;

/// Counts from when it is opened until it is dropped.
#[derive(Debug)]
pub struct Wire {
    state: Arc<Mutex<State>>,
    /// What the kernel had counted when it began.
    before: proc::Network,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    counter: Counter,
}

impl Wire {
    /// To be opened where nobody talks, beside a server that listens on this port.
    pub fn open(port: u16) -> Result<Wire, Failure> {
        let failed = |error: io::Error| Failure::Failed(format!("packets cannot be counted: {error}"));
        let ring = Ring::open().map_err(failed)?;
        let before = read_counters()?;
        let counter = Counter { server: port, ..Counter::default() };
        let state = Arc::new(Mutex::new(State { ring, counter }));
        let watched = Arc::downgrade(&state);
        thread::Builder::new().name("wire".to_owned()).spawn(move || keep_empty(&watched)).map_err(failed)?;
        Ok(Wire { state, before })
    }

    /// Everything so far. What a peer on this machine has written before is in it.
    pub fn network(&self) -> Result<Network, Failure> {
        let retransmitted = read_counters()?.retransmitted - self.before.retransmitted;
        let state = &mut *self.lock();
        state.drain();
        Ok(Network { retransmitted, ..state.counter.network() })
    }

    /// The same without one connection, which is known by the client's port and is still open.
    pub fn network_without(&self, port: u16) -> Result<Network, Failure> {
        let retransmitted = read_counters()?.retransmitted - self.before.retransmitted;
        let state = &mut *self.lock();
        state.drain();
        let aside = state.counter.connections.get(&port).map_or(Network::NONE, |one| one.network);
        Ok(Network { retransmitted, ..state.counter.network() - aside })
    }

    /// Waits until every connection that began has ended on both sides.
    pub fn settle(&self) -> Result<(), Failure> {
        let until = Instant::now() + SETTLES_WITHIN;
        loop {
            let open = {
                let state = &mut *self.lock();
                state.drain();
                state.counter.open()
            };
            if open == 0 {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(Failure::Failed(format!(
                    "{open} connections did not end within {SETTLES_WITHIN:?}"
                )));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Holds what was counted here against what the kernel says that it sent, received and carried. No
    /// difference has a cause that is known: nobody else talks in this network.
    pub fn check(&self) -> Result<(), Failure> {
        let counted = self.network()?;
        let (others, lost) = {
            let state = self.lock();
            (state.counter.others, state.ring.take_lost())
        };
        let lost = lost.map_err(|error| {
            Failure::Failed(format!("packets lost in counting cannot be asked for: {error}"))
        })?;
        if lost > 0 {
            return Err(Failure::Failed(format!("{lost} packets passed uncounted: they came too fast")));
        }
        let now = read_counters()?;
        let more = |of: fn(&proc::Network) -> u64| of(&now) - of(&self.before);
        // What is sent again is not among what is sent (RFC 4022, tcpOutSegs), but for answers to a SYN.
        let (sent, again) = (more(|n| n.segments_sent), more(|n| n.retransmitted));
        let pairs = [
            ("segments that TCP sent", counted.segments().clamp(sent, sent + again), counted.segments()),
            ("segments that TCP received", more(|n| n.segments_received), counted.segments()),
            ("packets on the loopback", more(|n| n.packets), counted.segments() + others),
            ("bytes on the loopback", more(|n| n.bytes), counted.bytes()),
            ("packets that are not ours", others, 0),
        ];
        for (what, kernel, ours) in pairs {
            if kernel != ours {
                let words =
                    format!("two counts disagree: of {what} the kernel says {kernel}, and {ours} were seen");
                return Err(Failure::Failed(words));
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn drain(&mut self) {
        let State { ring, counter } = self;
        ring.drain(|bytes, head| counter.count(bytes, head));
    }
}

fn read_counters() -> Result<proc::Network, Failure> {
    proc::network().ok_or_else(|| Failure::Failed("/proc/self/net cannot be read".to_owned()))
}

/// Makes room until nobody counts any more.
fn keep_empty(watched: &Weak<Mutex<State>>) {
    while let Some(state) = watched.upgrade() {
        state.lock().unwrap_or_else(PoisonError::into_inner).drain();
        drop(state);
        thread::sleep(LOOKS_EVERY);
    }
}

#[derive(Debug, Default)]
struct Counter {
    server: u16,
    sent: Segments,
    received: Segments,
    round_trips: u64,
    /// Packets that are no TCP to or from the server.
    others: u64,
    /// By the client's port.
    connections: HashMap<u16, Connection>,
}

#[derive(Debug)]
struct Connection {
    network: Network,
    /// The client has said something that is not answered yet.
    asked: bool,
    sent_end: bool,
    received_end: bool,
}

impl Connection {
    const NEW: Connection =
        Connection { network: Network::NONE, asked: false, sent_end: false, received_end: false };
}

impl Counter {
    fn count(&mut self, bytes: usize, head: &[u8]) {
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
        let counted = Segments { segments: 1, bytes: bytes as u64, carried: segment.carried };
        *(if is_sent { &mut self.sent } else { &mut self.received }) += counted;
        if is_sent && segment.begins {
            // A port that was used before is used again.
            self.connections.insert(port, Connection::NEW);
        }
        let connection = self.connections.entry(port).or_insert(Connection::NEW);
        let network = &mut connection.network;
        *(if is_sent { &mut network.sent } else { &mut network.received }) += counted;
        connection.sent_end |= segment.resets || (segment.ends && is_sent);
        connection.received_end |= segment.resets || (segment.ends && !is_sent);
        // An acknowledgement alone says nothing, and nobody waits for it.
        let says_something = segment.begins || segment.carried > 0;
        if is_sent {
            connection.asked |= says_something;
        } else if says_something && connection.asked {
            connection.asked = false;
            connection.network.round_trips = connection.network.round_trips.map(|trips| trips + 1);
            self.round_trips += 1;
        }
    }

    /// Connections of which one end or both are not over.
    fn open(&self) -> usize {
        let is_open = |connection: &&Connection| !(connection.sent_end && connection.received_end);
        self.connections.values().filter(is_open).count()
    }

    fn network(&self) -> Network {
        Network {
            sent: self.sent,
            received: self.received,
            round_trips: Some(self.round_trips),
            retransmitted: 0,
        }
    }
}

/// What the headers of one packet say (RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1).
#[derive(Debug, PartialEq, Eq)]
struct Segment {
    from: u16,
    to: u16,
    begins: bool,
    ends: bool,
    resets: bool,
    carried: u64,
}

impl Segment {
    /// None if it is no segment of TCP. `head` may be cut behind the fixed part of TCP's header.
    fn parse(bytes: usize, head: &[u8]) -> Option<Segment> {
        let first = *head.first()?;
        let (header_bytes, protocol) = match first >> 4 {
            4 => (usize::from(first & 0x0f) * 4, *head.get(9)?),
            6 => (40, *head.get(6)?),
            _ => return None,
        };
        if protocol != TCP {
            return None;
        }
        let tcp = head.get(header_bytes..header_bytes + 20)?;
        let tcp_bytes = usize::from(tcp[12] >> 4) * 4;
        let flags = tcp[13];
        Some(Segment {
            from: u16::from_be_bytes([tcp[0], tcp[1]]),
            to: u16::from_be_bytes([tcp[2], tcp[3]]),
            begins: flags & SYN != 0,
            ends: flags & FIN != 0,
            resets: flags & RST != 0,
            carried: bytes.checked_sub(header_bytes + tcp_bytes)? as u64,
        })
    }
}

/// Longest wait for the far end of a connection that was closed: a little more than the server's for ours.
const SETTLES_WITHIN: Duration = Duration::from_secs(6);
const LOOKS_EVERY: Duration = Duration::from_millis(20);

const TCP: u8 = 6;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of IPv4 as it goes from port to port; timestamps make its headers 52 bytes.
    fn packet(from: u16, to: u16, flags: u8, carried: usize) -> (usize, Vec<u8>) {
        let mut head = vec![0; 52];
        head[0] = 0x45;
        head[9] = TCP;
        head[20..22].copy_from_slice(&from.to_be_bytes());
        head[22..24].copy_from_slice(&to.to_be_bytes());
        head[32] = 8 << 4;
        head[33] = flags;
        (52 + carried, head)
    }

    fn count(packets: &[(u16, u16, u8, usize)]) -> Counter {
        let mut counter = Counter { server: 80, ..Counter::default() };
        for &(from, to, flags, carried) in packets {
            let (bytes, head) = packet(from, to, flags, carried);
            counter.count(bytes, &head);
        }
        counter
    }

    const ACK: u8 = 0x10;

    #[test]
    fn a_call_on_a_new_connection_is_ten_segments_and_two_round_trips() {
        let counter = count(&[
            (9, 80, SYN, 0),
            (80, 9, SYN | ACK, 0),
            (9, 80, ACK, 0),
            (9, 80, ACK, 47),
            (80, 9, ACK, 0),
            (80, 9, ACK, 161),
            (9, 80, ACK, 0),
            (9, 80, FIN | ACK, 0),
            (80, 9, FIN | ACK, 0),
            (9, 80, ACK, 0),
        ]);
        let network = counter.network();
        assert_eq!((network.sent.segments, network.received.segments), (6, 4));
        assert_eq!((network.sent.carried, network.received.carried), (47, 161));
        assert_eq!((network.bytes(), network.header_bytes()), (10 * 52 + 208, 520));
        assert_eq!((network.round_trips, counter.open(), counter.others), (Some(2), 0, 0));
    }

    #[test]
    fn one_connection_can_be_told_from_the_others() {
        let counter = count(&[(9, 80, ACK, 47), (8, 80, ACK, 20), (80, 8, ACK, 30), (80, 9, ACK, 161)]);
        let rest = counter.network() - counter.connections[&9].network;
        assert_eq!((rest.segments(), rest.bytes(), rest.round_trips), (2, 2 * 52 + 50, Some(1)));
    }

    #[test]
    fn many_calls_in_one_write_are_one_round_trip() {
        let counter = count(&[(9, 80, ACK, 1400), (9, 80, ACK, 900), (80, 9, ACK, 1400), (80, 9, ACK, 700)]);
        assert_eq!((counter.network().round_trips, counter.open()), (Some(1), 1));
    }

    #[test]
    fn an_end_said_twice_is_one_side() {
        assert_eq!(count(&[(9, 80, SYN, 0), (9, 80, FIN, 0), (9, 80, FIN, 0)]).open(), 1);
    }

    #[test]
    fn a_reset_ends_both_sides_and_a_port_can_be_used_again() {
        assert_eq!(count(&[(9, 80, SYN, 0), (80, 9, RST, 0)]).open(), 0);
        assert_eq!(count(&[(9, 80, SYN, 0), (80, 9, RST, 0), (9, 80, SYN, 0)]).open(), 1);
    }

    #[test]
    fn what_is_not_ours_is_told_apart() {
        assert_eq!(count(&[(9, 81, SYN, 0)]).others, 1);
        let (bytes, mut head) = packet(9, 80, SYN, 0);
        head[9] = 17;
        assert_eq!(Segment::parse(bytes, &head), None);
        assert_eq!(Segment::parse(40, &head[..30]), None);
        assert_eq!(Segment::parse(0, &[]), None);
    }

    #[test]
    fn ipv6_has_a_header_of_forty_bytes() {
        let (_, four) = packet(9, 80, ACK, 0);
        let mut head = vec![0; 40];
        head[0] = 0x60;
        head[6] = TCP;
        head.extend_from_slice(&four[20..]);
        assert_eq!(Segment::parse(40 + 32 + 5, &head).map(|segment| segment.carried), Some(5));
    }
}
