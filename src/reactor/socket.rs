//! The sockets of a loop over TCP: the trait [`Sockets`] on mio's non-blocking streams.

use crate::connection::outbox::{Outbox, SLICES_MAX};
use crate::metrics::loop_metrics::Metrics;
use crate::metrics::totals::MetricId;
use crate::reactor::listener::Listener;
use crate::reactor::wakeup::WAKER;
use crate::server::sockets::{ReadResult, Ready, SendHint, Sockets};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

pub struct TcpSockets {
    poll: Poll,
    listeners: Vec<Listener>,
}

impl TcpSockets {
    /// Registers the listeners, whose tokens follow [`WAKER`].
    pub fn new(poll: Poll, mut listeners: Vec<Listener>) -> io::Result<TcpSockets> {
        for (n, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(&mut listener.socket, Token(WAKER.0 + 1 + n), Interest::READABLE)?;
        }
        Ok(TcpSockets { poll, listeners })
    }

    /// Sleeps until something is ready, another thread wakes this loop, or the timeout passes.
    pub fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Marks the listener of this token: connections wait at it.
    pub fn mark_listener(&mut self, token: Token) {
        if let Some(listener) = self.listeners.get_mut(token.0 - WAKER.0 - 1) {
            listener.pending = true;
        }
    }

    /// Marks every listener, so that the next turn empties their backlogs.
    pub fn mark_listeners(&mut self) {
        for listener in &mut self.listeners {
            listener.pending = true;
        }
    }

    /// Returns when a paused listener accepts again.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.listeners.iter().filter_map(Listener::next_deadline).min()
    }
}

/// The readiness of a peer, as mio reports it.
pub fn readiness(event: &Event) -> Ready {
    Ready {
        token: event.token().0 as u64,
        readable: event.is_readable(),
        writable: event.is_writable(),
        urgent: event.is_read_closed() || event.is_error() || is_priority(event),
    }
}

impl Sockets for TcpSockets {
    type Socket = TcpStream;

    fn ready_listener(&self, from: usize, now: Instant) -> Option<usize> {
        let position = self.listeners.iter().skip(from).position(|listener| listener.is_ready(now));
        position.map(|n| from + n)
    }

    fn accept(&mut self, listener: usize, now: Instant, metrics: &mut Metrics) -> Option<TcpStream> {
        self.listeners[listener].accept(now, metrics)
    }

    fn pause_accepting(&mut self, listener: usize, now: Instant) {
        self.listeners[listener].pause(now);
    }

    /// Deregisters them as well, since a socket that other processes hold is not closed by dropping it, and would go
    /// on waking this loop.
    fn stop_accepting(&mut self) {
        for mut listener in self.listeners.drain(..) {
            let _ = self.poll.registry().deregister(&mut listener.socket);
        }
    }

    fn register(&mut self, socket: &mut TcpStream, token: u64, metrics: &mut Metrics) -> io::Result<()> {
        metrics.inc(MetricId::CallsRegister);
        self.poll.registry().register(socket, Token(token as usize), interests())
    }

    fn read(&mut self, socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<ReadResult> {
        loop {
            match socket.read(buffer) {
                Ok(0) => return Ok(ReadResult::Eof),
                Ok(bytes) => return Ok(ReadResult::Bytes(bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(ReadResult::WouldBlock),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
    }

    fn write(
        &mut self,
        socket: &mut TcpStream,
        outbox: &Outbox,
        trailing: &[u8],
        hint: SendHint,
    ) -> io::Result<Option<usize>> {
        loop {
            let single = match (outbox.single(), trailing) {
                (Some([]), trailing) => Some(trailing),
                (single, []) => single,
                _ => None,
            };
            let written = match (single, hint) {
                (Some(bytes), SendHint::More) => socket.write(bytes),
                (Some(bytes), SendHint::Close) => send_before_close(socket, bytes),
                (None, _) => {
                    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                    let count = outbox.slices(trailing, &mut slices);
                    socket.write_vectored(&slices[..count])
                }
            };
            match written {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
    }

    fn shut_down_write(&mut self, socket: &mut TcpStream, metrics: &mut Metrics) -> io::Result<()> {
        metrics.inc(MetricId::CallsShutdown);
        SockRef::from(&*socket).shutdown(Shutdown::Write)
    }

    /// Dropping the stream closes it, which also ends its registration.
    fn close(&mut self, socket: TcpStream, metrics: &mut Metrics) {
        metrics.inc(MetricId::CallsClose);
        drop(socket);
    }
}

fn interests() -> Interest {
    let both = Interest::READABLE | Interest::WRITABLE;
    #[cfg(target_os = "linux")]
    let both = both | Interest::PRIORITY;
    both
}

fn is_priority(event: &Event) -> bool {
    #[cfg(target_os = "linux")]
    return event.is_priority();
    #[cfg(not(target_os = "linux"))]
    return false;
}

#[cfg(target_os = "linux")]
fn send_before_close(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    SockRef::from(stream).send_with_flags(bytes, libc::MSG_MORE | libc::MSG_NOSIGNAL)
}

#[cfg(not(target_os = "linux"))]
fn send_before_close(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    stream.write(bytes)
}
