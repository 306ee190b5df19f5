//! What passes the loopback of a network of one's own, or the tunnel in it, counted packet by packet and by
//! direction when it is sent: the handshake of TCP and its end are in it, and what was sent again is told apart.
//!
//! ```text
//!   Ring ─▶ thread, every few milliseconds ─▶ Counter: to the server's port? sent, else received
//!                                                │          seen before? sent again
//!   /proc/self/net/snmp, dev ── a second count ──┴─▶ settle: both say the same, or the run fails
//! ```

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::CommandError;
use crate::netlab::device::Device;
use crate::netlab::emulated_link::tunnel::{NEAR, Tunnel};
use crate::netlab::packet_counter::Counter;
use crate::netlab::packet_ring::PacketRing;
use crate::netlab::proc;
use crate::netlab::traffic::Network;

/// Counts from the first packet of its network on, until it is dropped.
#[derive(Debug)]
pub struct Wire {
    state: Arc<Mutex<CaptureState>>,
    tunnel: Option<Arc<Tunnel>>,
    /// What the kernel has counted that went by another way.
    elsewhere: Mutex<proc::Network>,
}

#[derive(Debug)]
struct CaptureState {
    ring: PacketRing,
    counter: Counter,
    device: Device,
}

impl Wire {
    /// What this ring has seen since its network was made, beside a server that listens on this port, perhaps
    /// behind a tunnel.
    pub fn open(ring: PacketRing, port: u16, tunnel: Option<Arc<Tunnel>>) -> Result<Wire, CommandError> {
        let failed = |error: io::Error| CommandError::Failed(format!("packets cannot be counted: {error}"));
        let device = if tunnel.is_some() { Device::Tunnel } else { Device::Loopback };
        let state = Arc::new(Mutex::new(CaptureState { ring, counter: Counter::beside(port), device }));
        let watched = Arc::downgrade(&state);
        thread::Builder::new().name("wire".to_owned()).spawn(move || keep_empty(&watched)).map_err(failed)?;
        let wire = Wire { state, tunnel, elsewhere: Mutex::default() };
        wire.pass_over(proc::Network::default())?;
        Ok(wire)
    }

    /// What is said meanwhile weighs nothing, and goes by the loopback. Where that is not what is watched, the
    /// kernel counts it all the same: then it is passed over.
    pub fn aside<T>(&self, talk: impl FnOnce() -> T) -> Result<T, CommandError> {
        self.settle()?;
        let counted = self.read_counters().map_err(CommandError::Failed)?;
        let said = talk();
        self.pass_over(counted)?;
        self.settle()?;
        Ok(said)
    }

    /// Behind a tunnel: all that the kernel has counted since it had counted so much went by the loopback.
    fn pass_over(&self, counted: proc::Network) -> Result<(), CommandError> {
        if self.tunnel.is_none() {
            return Ok(());
        }
        self.wait(|_| match proc::open_ends() {
            Some(0) => Ok(()),
            Some(open) => Err(format!("{open} ends of connections were not over within {SETTLES_WITHIN:?}")),
            None => Err(NO_COUNTERS.to_owned()),
        })?;
        let elsewhere = read_at_rest(Device::Tunnel)? - counted;
        *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner) = elsewhere;
        Ok(())
    }

    /// Everything that was sent so far. On a machine that is busy some of it is under way for a moment, and
    /// is waited for.
    pub fn network(&self) -> Result<Network, CommandError> {
        self.so_far(|counter| counter.network)
    }

    /// The same without one connection, which is known by the client's port and is still open.
    pub fn network_without(&self, port: u16) -> Result<Network, CommandError> {
        self.so_far(|counter| {
            let aside = counter.connections.get(&port).map_or(Network::NONE, |one| one.network);
            counter.network - aside
        })
    }

    fn so_far(&self, part: impl Fn(&Counter) -> Network) -> Result<Network, CommandError> {
        let sent = self.read_counters().map_err(CommandError::Failed)?.sent();
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
    pub fn settle(&self) -> Result<(), CommandError> {
        self.wait(|counter| match counter.open() {
            0 => agree(&self.read_counters()?, counter, self.lost()),
            open => Err(format!("{open} connections did not end within {SETTLES_WITHIN:?}")),
        })
    }

    /// Asks again and again until there is an answer, or until the time is over: then why there is none.
    fn wait<T>(&self, ask: impl Fn(&Counter) -> Result<T, String>) -> Result<T, CommandError> {
        let until = Instant::now() + SETTLES_WITHIN;
        loop {
            // The lock is not held over the sleep.
            let answer = ask(self.lock().look()?);
            match answer {
                Ok(answer) => return Ok(answer),
                Err(why) if Instant::now() > until => return Err(CommandError::Failed(why)),
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Packets for which a tunnel had no room, so far.
    pub fn dropped(&self) -> u64 {
        self.lost() + self.read_counters().map_or(0, |counters| counters.dropped)
    }

    /// What is watched.
    pub fn device(&self) -> Device {
        if self.tunnel.is_some() { Device::Tunnel } else { Device::Loopback }
    }

    fn read_counters(&self) -> Result<proc::Network, String> {
        let elsewhere = *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(read_counters(self.device())? - elsewhere)
    }

    /// A tunnel drops what it has no room for.
    fn lost(&self) -> u64 {
        self.tunnel.as_ref().map_or(0, |tunnel| tunnel.lost())
    }

    fn lock(&self) -> MutexGuard<'_, CaptureState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CaptureState {
    fn take_in(&mut self) {
        let CaptureState { ring, counter, device } = self;
        ring.drain(|bytes, head| {
            // What comes out of a tunnel was counted when it went in.
            let is_sent = *device == Device::Loopback || head.get(12..16) == Some(&NEAR.octets());
            if is_sent {
                counter.count(bytes, head);
            }
        });
    }

    /// All that has come by now, if that is all there was, and nothing else.
    fn look(&mut self) -> Result<&Counter, CommandError> {
        self.take_in();
        let failed = |words| Err(CommandError::Failed(words));
        match (self.ring.take_lost(), self.counter.others) {
            (Ok(0), 0) => Ok(&self.counter),
            (Ok(0), others) => failed(format!("somebody else talks in this network: {others} packets")),
            (Ok(lost), _) => failed(format!("{lost} packets passed uncounted: they came too fast")),
            (Err(error), _) => failed(format!("packets lost in counting cannot be asked for: {error}")),
        }
    }
}

fn read_counters(device: Device) -> Result<proc::Network, String> {
    proc::network(device.name()).ok_or_else(|| NO_COUNTERS.to_owned())
}

/// When the last acknowledgement has arrived.
fn read_at_rest(device: Device) -> Result<proc::Network, CommandError> {
    let mut last = read_counters(device).map_err(CommandError::Failed)?;
    loop {
        thread::sleep(LOOKS_EVERY);
        let now = read_counters(device).map_err(CommandError::Failed)?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
}

/// Whether two counts of the same packets do, and if not, of what. Some may have been lost between being sent
/// and being received, by the tunnel or before it; how long those were nobody knows.
fn agree(kernel: &proc::Network, counter: &Counter, lost: u64) -> Result<(), String> {
    let seen = counter.as_the_kernel_counts();
    let lost = lost + kernel.dropped;
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
fn keep_empty(watched: &Weak<Mutex<CaptureState>>) {
    while let Some(state) = watched.upgrade() {
        state.lock().unwrap_or_else(PoisonError::into_inner).take_in();
        drop(state);
        thread::sleep(LOOKS_EVERY);
    }
}

/// Longest wait for the far end of a connection that was closed: a little more than the server's for ours.
const SETTLES_WITHIN: Duration = Duration::from_secs(6);
const LOOKS_EVERY: Duration = Duration::from_millis(20);
const NO_COUNTERS: &str = "/proc/self/net cannot be read";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlab::packet_counter::tests::{CALL, count};

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
    fn what_a_device_dropped_was_sent_and_not_received() {
        let counter = count(CALL);
        let kernel = counter.as_the_kernel_counts();
        let received = kernel.segments_received - 3;
        let dropped =
            proc::Network { segments_received: received, packets: kernel.packets - 3, bytes: 9, ..kernel };
        assert!(agree(&dropped, &counter, 2).is_err());
        assert_eq!(agree(&proc::Network { dropped: 2, ..dropped }, &counter, 1), Ok(()));
    }
}
