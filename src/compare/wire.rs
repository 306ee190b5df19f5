//! What passes the loopback of a network of one's own, or the tunnel in it, counted packet by packet and by
//! direction when it is sent: the handshake of TCP and its end are in it, and what was sent again is told apart.
//!
//! ```text
//!   Ring ─▶ thread, every few milliseconds ─▶ Counter: to the server's port? sent, else received
//!                                                │          seen before? sent again
//!   /proc/self/net/snmp, dev ── a second count ──┴─▶ settle: both say the same, or the run fails
//! ```

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::compare::distance::tunnel::{NEAR, Tunnel};
use crate::compare::kernel::{Device, Ring};
use crate::compare::proc;
use crate::compare::segment::Segment;
use crate::compare::sequence::Sequence;
use crate::compare::tally::{Network, Segments};
use crate::failure::Failure;

/// Counts from the first packet of its network on, until it is dropped.
#[derive(Debug)]
pub struct Wire {
    state: Arc<Mutex<State>>,
    tunnel: Option<Arc<Tunnel>>,
    /// What the kernel had counted that went by another way.
    before: proc::Network,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    counter: Counter,
    device: Device,
}

impl Wire {
    /// What this ring has seen since its network was made, beside a server that listens on this port, perhaps
    /// behind a tunnel.
    pub fn open(ring: Ring, port: u16, tunnel: Option<Arc<Tunnel>>) -> Result<Wire, Failure> {
        let failed = |error: io::Error| Failure::Failed(format!("packets cannot be counted: {error}"));
        let device = if tunnel.is_some() { Device::Tunnel } else { Device::Loopback };
        let state = Arc::new(Mutex::new(State { ring, counter: Counter::beside(port), device }));
        let watched = Arc::downgrade(&state);
        thread::Builder::new().name("wire".to_owned()).spawn(move || keep_empty(&watched)).map_err(failed)?;
        let before = if device == Device::Tunnel { read_at_rest(device)? } else { proc::Network::default() };
        Ok(Wire { state, tunnel, before })
    }

    /// Everything that was sent so far. On a machine that is busy some of it is under way for a moment, and
    /// is waited for.
    pub fn network(&self) -> Result<Network, Failure> {
        self.so_far(|counter| counter.network)
    }

    /// The same without one connection, which is known by the client's port and is still open.
    pub fn network_without(&self, port: u16) -> Result<Network, Failure> {
        self.so_far(|counter| {
            let aside = counter.connections.get(&port).map_or(Network::NONE, |one| one.network);
            counter.network - aside
        })
    }

    fn so_far(&self, part: impl Fn(&Counter) -> Network) -> Result<Network, Failure> {
        let sent = self.read_counters().map_err(Failure::Failed)?.sent();
        self.wait(|counter| {
            let seen = counter.as_the_kernel_counts().sent();
            if seen < sent {
                return Err(format!("two counts disagree: TCP sent {sent} segments, and {seen} were seen"));
            }
            Ok(part(counter))
        })
    }

    /// Waits until every connection that began has ended on both sides, and the kernel says of all that it
    /// has sent, received and carried what was seen here. Nobody else talks in this network, so no
    /// difference may last.
    pub fn settle(&self) -> Result<(), Failure> {
        self.wait(|counter| match counter.open() {
            0 => agree(&self.read_counters()?, counter, self.lost()),
            open => Err(format!("{open} connections did not end within {SETTLES_WITHIN:?}")),
        })
    }

    /// Asks again and again until there is an answer, or until the time is over: then why there is none.
    fn wait<T>(&self, ask: impl Fn(&Counter) -> Result<T, String>) -> Result<T, Failure> {
        let until = Instant::now() + SETTLES_WITHIN;
        loop {
            // The lock is not held over the sleep.
            let answer = ask(self.lock().look()?);
            match answer {
                Ok(answer) => return Ok(answer),
                Err(why) if Instant::now() > until => return Err(Failure::Failed(why)),
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn read_counters(&self) -> Result<proc::Network, String> {
        let device = if self.tunnel.is_some() { Device::Tunnel } else { Device::Loopback };
        Ok(read_counters(device)?.since(&self.before))
    }

    /// A tunnel drops what it has no room for.
    fn lost(&self) -> u64 {
        self.tunnel.as_ref().map_or(0, |tunnel| tunnel.lost())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_in(&mut self) {
        let State { ring, counter, device } = self;
        ring.drain(|bytes, head| {
            // What comes out of a tunnel was counted when it went in.
            let is_sent = *device == Device::Loopback || head.get(12..16) == Some(&NEAR.octets());
            if is_sent {
                counter.count(bytes, head);
            }
        });
    }

    /// All that has come by now, if that is all there was, and nothing else.
    fn look(&mut self) -> Result<&Counter, Failure> {
        self.take_in();
        let failed = |words| Err(Failure::Failed(words));
        match (self.ring.take_lost(), self.counter.others) {
            (Ok(0), 0) => Ok(&self.counter),
            (Ok(0), others) => failed(format!("somebody else talks in this network: {others} packets")),
            (Ok(lost), _) => failed(format!("{lost} packets passed uncounted: they came too fast")),
            (Err(error), _) => failed(format!("packets lost in counting cannot be asked for: {error}")),
        }
    }
}

fn read_counters(device: Device) -> Result<proc::Network, String> {
    proc::network(device.name()).ok_or_else(|| "/proc/self/net cannot be read".to_owned())
}

/// What was asked of the server until now went by the loopback: when the last of it has arrived.
fn read_at_rest(device: Device) -> Result<proc::Network, Failure> {
    let mut last = read_counters(device).map_err(Failure::Failed)?;
    loop {
        thread::sleep(LOOKS_EVERY);
        let now = read_counters(device).map_err(Failure::Failed)?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
}

/// Whether two counts of the same packets do, and if not, of what. Some may have been lost between being sent
/// and being received; how long those were nobody knows.
fn agree(kernel: &proc::Network, counter: &Counter, lost: u64) -> Result<(), String> {
    let seen = counter.as_the_kernel_counts();
    let bytes = if lost > 0 { seen.bytes } else { kernel.bytes };
    let pairs = [
        ("segments that TCP sent", kernel.segments_sent, seen.segments_sent),
        ("segments that TCP sent again", kernel.retransmitted, seen.retransmitted),
        ("segments that TCP received", kernel.segments_received + lost, seen.segments_received),
        ("packets of the device", kernel.packets + lost, seen.packets),
        ("bytes of the device", bytes, seen.bytes),
    ];
    match pairs.into_iter().find(|(_, kernel, seen)| kernel != seen) {
        None => Ok(()),
        Some((what, kernel, seen)) => {
            Err(format!("two counts disagree: of {what} the kernel says {kernel}, and {seen} were seen"))
        }
    }
}

/// Makes room until nobody counts any more.
fn keep_empty(watched: &Weak<Mutex<State>>) {
    while let Some(state) = watched.upgrade() {
        state.lock().unwrap_or_else(PoisonError::into_inner).take_in();
        drop(state);
        thread::sleep(LOOKS_EVERY);
    }
}

#[derive(Debug)]
struct Counter {
    server: u16,
    network: Network,
    /// SYNs of the server among what was sent again.
    answers_again: u64,
    /// Packets that are no TCP to or from the server.
    others: u64,
    /// By the client's port.
    connections: HashMap<u16, Connection>,
}

#[derive(Debug)]
struct Connection {
    /// The number of the SYN with which it began.
    first: u32,
    sent: Sequence,
    received: Sequence,
    network: Network,
    /// The client has said something that is not answered yet.
    asked: bool,
    sent_end: bool,
    received_end: bool,
}

impl Counter {
    fn beside(server: u16) -> Counter {
        let network = Network { round_trips: Some(0), ..Network::default() };
        Counter { server, network, answers_again: 0, others: 0, connections: HashMap::new() }
    }

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
    fn open(&self) -> usize {
        let is_open = |connection: &&Connection| !(connection.sent_end && connection.received_end);
        self.connections.values().filter(is_open).count()
    }

    /// What the kernel should say of that. What is sent again it counts apart, but for a SYN that answers
    /// one, which it counts with both.
    fn as_the_kernel_counts(&self) -> proc::Network {
        let segments = self.network.segments();
        proc::Network {
            segments_received: segments,
            segments_sent: segments - self.network.retransmitted + self.answers_again,
            retransmitted: self.network.retransmitted,
            packets: segments,
            bytes: self.network.bytes(),
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

/// Longest wait for the far end of a connection that was closed: a little more than the server's for ours.
const SETTLES_WITHIN: Duration = Duration::from_secs(6);
const LOOKS_EVERY: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::segment::tests::{ACK, packet};
    use crate::compare::segment::{FIN, RST, SYN};

    /// From port, to port, flags, sequence number, bytes.
    fn count(packets: &[(u16, u16, u8, u32, usize)]) -> Counter {
        let mut counter = Counter::beside(80);
        for &(from, to, flags, sequence, carried) in packets {
            let (bytes, head) = packet(from, to, flags, sequence, carried);
            counter.count(bytes, &head);
        }
        counter
    }

    const CALL: &[(u16, u16, u8, u32, usize)] = &[
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
    fn a_difference_is_told_with_both_numbers() {
        let counter = count(CALL);
        let kernel = counter.as_the_kernel_counts();
        assert_eq!(agree(&kernel, &counter, 0), Ok(()));
        let more = proc::Network { segments_sent: 11, ..kernel };
        let words = "two counts disagree: of segments that TCP sent the kernel says 11, and 10 were seen";
        assert_eq!(agree(&more, &counter, 0), Err(words.to_owned()));
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
