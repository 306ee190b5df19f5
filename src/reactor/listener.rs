//! Bind, accept, rest.

use crate::config::Timeouts;
use crate::metrics::loop_metrics::Metrics;
use crate::metrics::totals::MetricId;
use crate::reactor::sys;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// What is asked of the kernel for every listener.
#[derive(Clone, Debug, Default)]
pub struct SocketOptions {
    /// Name of the congestion control.
    pub congestion: Option<String>,
    /// Hold a connection back until it has said something, this many seconds at most.
    pub defer_accept: Option<u16>,
    /// What the kernel keeps of what is written to one peer.
    pub send_buffer_bytes: Option<u32>,
}

/// Connections that the kernel keeps for us until they are accepted.
const BACKLOG: i32 = 4096;

/// One listening socket for each loop, all on the same address; the kernel spreads the peers.
///
/// Port 0 picks a free one, the same for all. An address that another program listens on is an
/// error, also where that program shares it.
pub fn bind(
    address: SocketAddr,
    loops: usize,
    tuning: &SocketOptions,
) -> io::Result<(SocketAddr, Vec<Listener>)> {
    if address.port() != 0 {
        // SO_REUSEPORT would let us in beside another of our kind, and half of its peers would
        // come here. A socket without the option is refused.
        let probe = socket(address)?;
        probe.set_reuse_address(true)?;
        probe.bind(&address.into())?;
    }
    let mut bound = address;
    let mut listeners = Vec::with_capacity(loops);
    for _ in 0..loops {
        let socket = socket(bound)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        tune(&socket, tuning)?;
        socket.bind(&bound.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into());
        bound = listener.local_addr()?;
        listeners.push(Listener::new(listener));
    }
    Ok((bound, listeners))
}

/// One listening socket for all loops, which somebody else has opened.
///
/// It cannot be spread as [`bind`] does: a socket of our own beside it would take those who wait there
/// with it when we end. So each loop looks at the same one. Whoever comes wakes every loop that sleeps (mio
/// knows no EPOLLEXCLUSIVE), the first takes it, and the others find nobody: a turn each, and a call in
/// vain. Loops that are busy are not woken, so it costs most where there is least to do.
pub fn share(socket: &Socket, loops: usize, tuning: &SocketOptions) -> io::Result<Vec<Listener>> {
    // Whoever is taken by another loop between being told and being accepted must not block this one.
    socket.set_nonblocking(true)?;
    tune(socket, tuning)?;
    // Each has a descriptor of its own, which no program that we might start inherits.
    (0..loops).map(|_| Ok(Listener::new(TcpListener::from_std(socket.try_clone()?.into())))).collect()
}

/// Accepted sockets inherit what is set here.
fn tune(socket: &Socket, tuning: &SocketOptions) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    if let Some(bytes) = tuning.send_buffer_bytes {
        socket.set_send_buffer_size(bytes as usize)?;
    }
    if let Some(name) = &tuning.congestion {
        socket.set_tcp_congestion(name.as_bytes()).map_err(|error| {
            io::Error::new(error.kind(), format!("the system has no congestion control {name}: {error}"))
        })?;
    }
    if let Some(seconds) = tuning.defer_accept {
        sys::defer_accept(socket, seconds)?;
    }
    Ok(())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// A listener of one loop, and until when it rests.
pub struct Listener {
    pub socket: TcpListener,
    /// Connections may wait: mio tells of new ones only once.
    pub pending: bool,
    rests_until: Option<Instant>,
    /// It was said that accepting fails, and it has not worked since.
    complained: bool,
}

impl Listener {
    pub fn new(socket: TcpListener) -> Listener {
        Listener { socket, pending: false, rests_until: None, complained: false }
    }

    /// The next one who waits.
    ///
    /// When the process has no file descriptor left the listener rests, and those who wait stay
    /// with the kernel; to try again at once would only burn the processor.
    pub fn accept(&mut self, now: Instant, metrics: &mut Metrics) -> Option<TcpStream> {
        loop {
            metrics.inc(MetricId::CallsAccept);
            match self.socket.accept() {
                Ok((stream, _)) => {
                    self.complained = false;
                    return Some(stream);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pending = false;
                    return None;
                }
                Err(error) if is_of_one_peer(&error) => continue,
                Err(error) => {
                    if !self.complained {
                        log::warn!("accepting rests, {:?} at a time: {error}", Timeouts::ACCEPT_PAUSE);
                    }
                    self.complained = true;
                    self.pause(now);
                    return None;
                }
            }
        }
    }

    pub fn pause(&mut self, now: Instant) {
        self.rests_until = Some(now + Timeouts::ACCEPT_PAUSE);
    }

    /// Returns whether connections may wait, and the listener is not paused.
    pub fn is_ready(&self, now: Instant) -> bool {
        self.pending && self.rests_until.is_none_or(|until| until <= now)
    }

    /// When it goes on, where it rests and somebody waits.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.rests_until.filter(|_| self.pending)
    }
}

/// Errors of a connection that was gone before it was accepted (accept(2)); the next may be well.
fn is_of_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
    )
}
