//! What the server loop needs of the network: listeners and connected sockets, all non-blocking.
//!
//! The reactor implements [`Sockets`] over TCP, and the simulation of the tests in memory. Everything above this
//! trait is the same code, dispatched statically. Reads and writes are counted here, and other system calls by the implementation.

use crate::connection::outbox::Outbox;
use crate::metrics::loop_metrics::Metrics;
use crate::metrics::totals::MetricId;
use std::io;
use std::time::Instant;

pub trait Sockets {
    /// One connected socket.
    type Socket;

    /// Returns the first listener from `from` on at which a connection may wait, and which is not paused.
    fn ready_listener(&self, from: usize, now: Instant) -> Option<usize>;

    /// Accepts one connection, or returns `None` where none waits or accepting fails.
    fn accept(&mut self, listener: usize, now: Instant, metrics: &mut Metrics) -> Option<Self::Socket>;

    /// Leaves new connections in the backlog of the listener for a while.
    fn pause_accepting(&mut self, listener: usize, now: Instant);

    /// Closes every listener.
    fn stop_accepting(&mut self);

    /// Reports the readiness of a socket under this token from now on. What is ready already is reported too.
    fn register(&mut self, socket: &mut Self::Socket, token: u64, metrics: &mut Metrics) -> io::Result<()>;

    /// Reads once.
    fn read(&mut self, socket: &mut Self::Socket, buffer: &mut [u8]) -> io::Result<ReadResult>;

    /// Writes once: the outbox, and then the trailing bytes. Returns `None` where the write would block.
    fn write(
        &mut self,
        socket: &mut Self::Socket,
        outbox: &Outbox,
        trailing: &[u8],
        hint: SendHint,
    ) -> io::Result<Option<usize>>;

    /// Ends the outgoing direction; the peer can still send.
    fn shut_down_write(&mut self, socket: &mut Self::Socket, metrics: &mut Metrics) -> io::Result<()>;

    fn close(&mut self, socket: Self::Socket, metrics: &mut Metrics);
}

/// One socket, with the [`Sockets`] that it belongs to.
pub struct SocketHandle<'a, S: Sockets> {
    pub sockets: &'a mut S,
    pub socket: &'a mut S::Socket,
}

impl<S: Sockets> SocketHandle<'_, S> {
    #[inline]
    pub fn read(&mut self, buffer: &mut [u8], metrics: &mut Metrics) -> io::Result<ReadResult> {
        metrics.inc(MetricId::CallsRead);
        self.sockets.read(self.socket, buffer)
    }

    #[inline]
    pub fn write(
        &mut self,
        outbox: &Outbox,
        trailing: &[u8],
        hint: SendHint,
        metrics: &mut Metrics,
    ) -> io::Result<Option<usize>> {
        metrics.inc(MetricId::CallsWrite);
        self.sockets.write(self.socket, outbox, trailing, hint)
    }

    pub fn shut_down_write(&mut self, metrics: &mut Metrics) -> io::Result<()> {
        self.sockets.shut_down_write(self.socket, metrics)
    }
}

/// The result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadResult {
    Bytes(usize),
    /// The peer has ended its direction.
    Eof,
    WouldBlock,
}

/// What follows a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendHint {
    More,
    /// The socket is closed next, so the bytes may wait for the FIN and share its segment.
    Close,
}

/// The readiness of one peer's socket. It is a hint: a read or write may block all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    pub token: u64,
    pub readable: bool,
    pub writable: bool,
    /// There is an end of the stream, an error or a byte of urgent data, at which a read may stop short.
    pub urgent: bool,
}
