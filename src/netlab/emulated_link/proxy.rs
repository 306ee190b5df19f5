//! The distance as a relay: a port on the loopback, and behind it the server.
//!
//! ```text
//!   client ─▶ accepted at once ┊ one round trip: the handshake ┊ first byte may leave
//!                              └ half of it: the server is connected to
//!   each direction:  read what the window lets ─▶ Link: arrives then ─▶ wait ─▶ write
//! ```
//!
//! The kernel answers whoever connects to the relay at once, so what a handshake takes is put before the
//! first byte; nothing is resent, and no window but that of slow start is kept. Four threads for each
//! connection: threads wait to a fraction of a millisecond, readiness in whole ones.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::error::CommandError;
use crate::netlab::emulated_link::link_model::{HEADER_BYTES, LinkDirection, SEGMENT_BYTES, SlowStartWindow};
use crate::netlab::emulated_link::link_settings::LinkSettings;

/// Listens, and carries what comes to that server, as long as this process lives. Says on which port.
pub fn start(server: SocketAddr, settings: LinkSettings) -> Result<u16, CommandError> {
    let failed = |error: io::Error| CommandError::Failed(format!("a relay cannot be set up: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let road = Road { server, settings, there: link(&settings), back: link(&settings) };
    let spawned = name("distance").spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let road = road.clone();
            // Without a thread the connection is dropped, and the client reports that.
            let _ = name("relay").spawn(move || road.carry(client, Instant::now()));
        }
    });
    spawned.map_err(failed)?;
    Ok(port)
}

fn name(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

fn link(settings: &LinkSettings) -> Arc<Mutex<LinkDirection>> {
    Arc::new(Mutex::new(LinkDirection::new(settings)))
}

#[derive(Clone, Debug)]
struct Road {
    server: SocketAddr,
    settings: LinkSettings,
    there: Arc<Mutex<LinkDirection>>,
    back: Arc<Mutex<LinkDirection>>,
}

impl Road {
    /// One connection, from its handshake on. If one end is lost, so is the other.
    fn carry(&self, client: TcpStream, begun: Instant) -> Option<()> {
        sleep_until(begun + self.settings.one_way());
        let server = TcpStream::connect(self.server).ok()?;
        for socket in [&client, &server] {
            socket.set_nodelay(true).ok()?;
        }
        sleep_until(begun + self.settings.round_trip);
        let (from, to) = (server.try_clone().ok()?, client.try_clone().ok()?);
        let back = self.clone();
        name("relay").spawn(move || back.pump(&from, &to, &back.back)).ok()?;
        self.pump(&client, &server, &self.there)
    }

    /// One direction, until its end has been passed on.
    fn pump(&self, mut from: &TcpStream, to: &TcpStream, link: &Mutex<LinkDirection>) -> Option<()> {
        let (sender, pieces) = mpsc::channel();
        let writing = to.try_clone().ok()?;
        name("relay").spawn(move || deliver(&writing, &pieces)).ok()?;
        let mut window = SlowStartWindow::new(&self.settings);
        let mut bytes = vec![0; READ_BYTES];
        loop {
            let room = window.room(Instant::now());
            if room == 0 {
                sleep_until(window.next_room()?);
                continue;
            }
            let room = room.min(READ_BYTES as u64) as usize;
            let came = match from.read(&mut bytes[..room]) {
                Ok(came) => came,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            let now = Instant::now();
            let mut link = link.lock().unwrap_or_else(PoisonError::into_inner);
            if came == 0 {
                return sender.send((link.send(now, HEADER_BYTES), Vec::new())).ok();
            }
            for piece in bytes[..came].chunks(SEGMENT_BYTES) {
                let arrives = link.send(now, piece.len() + HEADER_BYTES);
                window.send(piece.len() as u64, arrives + self.settings.one_way());
                sender.send((arrives, piece.to_vec())).ok()?;
            }
        }
    }
}

/// Writes each piece when it arrives; an empty one is the end.
fn deliver(mut to: &TcpStream, pieces: &Receiver<(Instant, Vec<u8>)>) {
    for (arrives, piece) in pieces {
        sleep_until(arrives);
        if piece.is_empty() {
            // Who has gone already needs no end.
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
        if to.write_all(&piece).is_err() {
            // The reader of this end then ends, too.
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn sleep_until(then: Instant) {
    thread::sleep(then.saturating_duration_since(Instant::now()));
}

/// Most that is read at a time.
const READ_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RTT: Duration = Duration::from_millis(20);

    /// A server that takes requests of one byte, each of which says how many thousand bytes it wants.
    fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let mut wanted = [0];
                while client.read(&mut wanted).unwrap() == 1 {
                    client.write_all(&vec![b'a'; 1000 * usize::from(wanted[0])]).unwrap();
                }
            }
        });
        address
    }

    fn relayed(bits_per_second: Option<u64>) -> u16 {
        start(server(), LinkSettings { round_trip: RTT, bits_per_second }).unwrap()
    }

    fn ask(mut socket: &TcpStream, thousands: u8) {
        socket.write_all(&[thousands]).unwrap();
        socket.read_exact(&mut vec![0; 1000 * usize::from(thousands)]).unwrap();
    }

    /// Lower bounds only: whoever is at work beside us can make it longer.
    #[test]
    fn a_new_connection_waits_for_two_round_trips_and_a_kept_one_for_one() {
        let port = relayed(None);
        let begun = Instant::now();
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        ask(&socket, 1);
        assert!(begun.elapsed() >= 2 * RTT, "{:?}", begun.elapsed());
        let begun = Instant::now();
        ask(&socket, 1);
        assert!(begun.elapsed() >= RTT, "{:?}", begun.elapsed());
        socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!((&socket).read(&mut [0]).unwrap(), 0, "its end comes through, too");
    }

    #[test]
    fn a_long_answer_takes_the_rounds_of_slow_start() {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, relayed(None))).unwrap();
        ask(&socket, 1);
        let begun = Instant::now();
        // 69 segments: 10, 20, 39.
        ask(&socket, 100);
        assert!(begun.elapsed() >= 3 * RTT, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_narrow_road_takes_the_time_of_its_bits() {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, relayed(Some(1_000_000)))).unwrap();
        let begun = Instant::now();
        ask(&socket, 25);
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_server_that_is_not_there_ends_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let port = start(address, LinkSettings { round_trip: RTT, bits_per_second: None }).unwrap();
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(matches!(socket.read(&mut [0]), Ok(0) | Err(_)));
    }
}
