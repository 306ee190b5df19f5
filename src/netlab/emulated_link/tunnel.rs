//! The distance in a network of our own: a device through which every packet between client and server
//! goes, and is held back for its time.
//!
//! ```text
//!   client 192.0.2.1 ─▶ to 192.0.2.2 ─▶ device ─▶ Link: arrives then ─▶ wait ─┐
//!   server 192.0.2.1 ◀─ from 192.0.2.2 ◀──────── device ◀── addresses swapped ─┘
//! ```
//!
//! Nobody has the address 192.0.2.2: what is sent there comes out here, and goes back in as if it came
//! from there. Each side believes that the other is far away. Swapped addresses leave every checksum as
//! it was; all else is the kernel's own.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Instant;

use crate::netlab::device::MTU;
use crate::netlab::emulated_link::link_model::LinkDirection;
use crate::netlab::emulated_link::link_settings::LinkSettings;
use crate::netlab::sys;

/// Where the server listens, and where the client is. Of those that are nobody's (RFC 5737 §3).
pub const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Where the client finds the server.
pub const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// A packet, and when it arrives.
type Held = (Instant, Vec<u8>);

/// Carries packets as long as this process lives.
#[derive(Debug)]
pub struct Tunnel {
    device: File,
    /// The server's port, by which the two directions are told apart.
    server: AtomicU16,
    lost: AtomicU64,
}

impl Tunnel {
    /// To be begun in a network of our own.
    pub fn start(settings: LinkSettings) -> io::Result<Arc<Tunnel>> {
        let device = sys::open_tunnel(NEAR)?;
        let tunnel = Tunnel { device, server: AtomicU16::new(0), lost: AtomicU64::new(0) };
        let tunnel = Arc::new(tunnel);
        let name = |name: &str| thread::Builder::new().name(name.to_owned());
        let mut directions = Vec::new();
        for _ in 0..2 {
            let (sender, packets) = mpsc::sync_channel(HELD_MAX);
            let carrier = Arc::clone(&tunnel);
            name("distance").spawn(move || carrier.deliver(&packets))?;
            directions.push((LinkDirection::new(&settings), sender));
        }
        let reader = Arc::clone(&tunnel);
        name("tunnel").spawn(move || reader.read(&mut directions))?;
        Ok(tunnel)
    }

    /// The server listens on this port.
    pub fn serve(&self, port: u16) {
        self.server.store(port, Ordering::Relaxed);
    }

    /// Packets for which there was no room: as in any router, the sender has to notice.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Acquire)
    }

    fn read(&self, directions: &mut [(LinkDirection, SyncSender<Held>)]) {
        let mut bytes = vec![0; MTU];
        loop {
            let packet = match (&self.device).read(&mut bytes) {
                Ok(length) => &mut bytes[..length],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            let Some(to) = turn_around(packet) else { continue };
            let is_back = to != self.server.load(Ordering::Relaxed);
            let (link, sender) = &mut directions[usize::from(is_back)];
            let arrives = link.send(Instant::now(), packet.len());
            if sender.try_send((arrives, packet.to_vec())).is_err() {
                self.lost.fetch_add(1, Ordering::Release);
            }
        }
    }

    fn deliver(&self, packets: &Receiver<Held>) {
        for (arrives, packet) in packets {
            thread::sleep(arrives.saturating_duration_since(Instant::now()));
            if (&self.device).write(&packet).is_err() {
                self.lost.fetch_add(1, Ordering::Release);
            }
        }
    }
}

/// Makes a packet to somebody one from them, and says to which port it goes. None if it is no packet of IPv4
/// that carries ports.
fn turn_around(packet: &mut [u8]) -> Option<u16> {
    if packet.first()? >> 4 != 4 {
        return None;
    }
    let header_bytes = usize::from(packet[0] & 0x0f) * 4;
    let to = packet.get(header_bytes + 2..header_bytes + 4)?;
    let to = u16::from_be_bytes([to[0], to[1]]);
    let (from_address, to_address) = packet[12..20].split_at_mut(4);
    from_address.swap_with_slice(to_address);
    Some(to)
}

/// Packets that each direction holds at most: as many as `tc netem` does by itself.
const HELD_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_comes_back_from_where_it_went() {
        let mut packet = [0; 40];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&NEAR.octets());
        packet[16..20].copy_from_slice(&FAR.octets());
        packet[22..24].copy_from_slice(&8080u16.to_be_bytes());
        assert_eq!(turn_around(&mut packet), Some(8080));
        assert_eq!((&packet[12..16], &packet[16..20]), (&FAR.octets()[..], &NEAR.octets()[..]));
        packet[0] = 0x60;
        assert_eq!(turn_around(&mut packet), None);
        assert_eq!(turn_around(&mut [0x45; 21]), None);
        assert_eq!(turn_around(&mut []), None);
    }
}
