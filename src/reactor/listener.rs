//! Listening sockets: bind, accept, and pause when accepting fails.

use crate::config::Timeouts;
use crate::metrics::loop_metrics::Metrics;
use crate::metrics::totals::MetricId;
use crate::reactor::sys;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// Options of every listening socket, which accepted sockets inherit.
#[derive(Clone, Debug, Default)]
pub struct SocketOptions {
    /// TCP congestion control, by its name in the kernel.
    pub congestion: Option<String>,
    /// Seconds for which the kernel holds back a connection that has sent nothing (`TCP_DEFER_ACCEPT`).
    pub defer_accept: Option<u16>,
    /// Send buffer of each connection, in bytes (`SO_SNDBUF`).
    pub send_buffer_bytes: Option<u32>,
}

/// Connections that wait in the kernel until they are accepted.
const BACKLOG: i32 = 4096;

/// Binds one listening socket for each loop, all to the same address. The kernel distributes connections over them.
///
/// Port 0 picks a free port, the same for all.
///
/// # Errors
///
/// Another program listens on the address, even if it shares the port.
pub fn bind(
    address: SocketAddr,
    loops: usize,
    tuning: &SocketOptions,
) -> io::Result<(SocketAddr, Vec<Listener>)> {
    if address.port() != 0 {
        // With SO_REUSEPORT a second server would take half of the connections of the first. A socket without the option
        // is rejected instead.
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

/// Shares one inherited listening socket between all loops.
///
/// It cannot be distributed as by [`bind`]: connections that wait at a second socket would be reset when this process
/// ends. So a connection wakes every loop that sleeps (mio does not offer `EPOLLEXCLUSIVE`). The first one accepts it; for
/// the others it is a turn and a system call in vain. Busy loops are not woken.
pub fn share(socket: &Socket, loops: usize, tuning: &SocketOptions) -> io::Result<Vec<Listener>> {
    // Another loop may accept the connection first; then this one must not block.
    socket.set_nonblocking(true)?;
    tune(socket, tuning)?;
    // Each loop has a descriptor of its own, closed on exec.
    (0..loops).map(|_| Ok(Listener::new(TcpListener::from_std(socket.try_clone()?.into())))).collect()
}

/// Sets the options, which accepted sockets inherit.
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

/// A listener of one loop, and until when it is paused.
pub struct Listener {
    pub socket: TcpListener,
    /// Connections may wait; their readiness is reported only once.
    pub pending: bool,
    paused_until: Option<Instant>,
    /// A failure was logged, and nothing was accepted since.
    warned: bool,
}

impl Listener {
    pub fn new(socket: TcpListener) -> Listener {
        Listener { socket, pending: false, paused_until: None, warned: false }
    }

    /// Accepts one connection, or returns `None` if none waits.
    ///
    /// If the process has no file descriptor left, the listener pauses, and connections wait in the kernel.
    pub fn accept(&mut self, now: Instant, metrics: &mut Metrics) -> Option<TcpStream> {
        loop {
            metrics.inc(MetricId::CallsAccept);
            match self.socket.accept() {
                Ok((stream, _)) => {
                    self.warned = false;
                    return Some(stream);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pending = false;
                    return None;
                }
                Err(error) if is_of_one_peer(&error) => continue,
                Err(error) => {
                    if !self.warned {
                        log::warn!("accepting rests, {:?} at a time: {error}", Timeouts::ACCEPT_PAUSE);
                    }
                    self.warned = true;
                    self.pause(now);
                    return None;
                }
            }
        }
    }

    pub fn pause(&mut self, now: Instant) {
        self.paused_until = Some(now + Timeouts::ACCEPT_PAUSE);
    }

    /// Returns whether connections may wait, and the listener is not paused.
    pub fn is_ready(&self, now: Instant) -> bool {
        self.pending && self.paused_until.is_none_or(|until| until <= now)
    }

    /// Returns when a paused listener with waiting connections accepts again.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.paused_until.filter(|_| self.pending)
    }
}

/// Returns whether the error belongs to one connection that was closed before it was accepted (accept(2)).
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
