//! The network between peers and the server loop, in memory: short reads and writes, resets, urgent data and readiness.

use bothways::config::Timeouts;
use bothways::connection::outbox::{Outbox, SLICES_MAX};
use bothways::metrics::loop_metrics::Metrics;
use bothways::server::sockets::{ReadResult, Ready, SendHint, Sockets};
use std::io::{self, IoSlice};
use std::time::Instant;

/// One listener, and every socket that was ever connected, by the number of its peer.
#[derive(Default)]
pub struct SimulatedSockets {
    pub all: Vec<SimulatedSocket>,
    pub paused_until: Option<Instant>,
    has_stopped: bool,
}

/// The network between one peer and the server.
#[derive(Default)]
pub struct SimulatedSocket {
    pub state: SocketState,
    /// Set while readiness is reported.
    pub token: Option<u64>,
    pub ready: Readiness,
    /// Sent by the peer, and not read yet.
    pub inbox: Vec<u8>,
    /// A read stops there once: a byte of urgent data.
    pub urgent_at: Option<usize>,
    pub is_ended: bool,
    pub is_reset: bool,
    /// How many bytes can be written, and whether a write was told that none can.
    pub room: usize,
    pub is_blocked: bool,
    pub write_is_shut: bool,
    pub received: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SocketState {
    #[default]
    InBacklog,
    Open,
    Closed,
}

/// Readiness that was not reported yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    pub readable: bool,
    pub urgent: bool,
    pub writable: bool,
}

impl Readiness {
    pub fn is_any(self) -> bool {
        self != Readiness::default()
    }
}

/// A full socket becomes writable when it has room for so many bytes.
const WRITABLE_BYTES: usize = 20;

impl SimulatedSocket {
    /// Sends bytes to the server.
    pub fn send(&mut self, bytes: &[u8]) {
        assert!(!self.is_ended, "nothing follows the end");
        self.inbox.extend_from_slice(bytes);
        self.ready.readable = true;
    }

    /// Sends bytes of which the first is urgent.
    pub fn send_urgent(&mut self, bytes: &[u8]) {
        self.urgent_at = Some(self.inbox.len());
        self.ready.urgent = true;
        self.send(bytes);
    }

    /// Ends the direction to the server.
    pub fn end(&mut self) {
        self.is_ended = true;
        (self.ready.readable, self.ready.urgent) = (true, true);
    }

    pub fn reset(&mut self) {
        self.is_reset = true;
        self.ready = Readiness { readable: true, urgent: true, writable: true };
    }

    /// Makes room for so many more bytes.
    pub fn receive(&mut self, bytes: usize) {
        self.room = self.room.saturating_add(bytes);
        // Like a kernel, which does not report room for a few bytes.
        if self.room >= WRITABLE_BYTES {
            self.ready.writable |= std::mem::take(&mut self.is_blocked);
        }
    }
}

impl SimulatedSockets {
    /// Takes the readiness of every registered socket.
    pub fn take_ready(&mut self) -> Vec<Ready> {
        let mut reported = Vec::new();
        for socket in self.all.iter_mut().filter(|socket| socket.ready.is_any()) {
            let Some(token) = socket.token else { continue };
            let Readiness { readable, urgent, writable } = std::mem::take(&mut socket.ready);
            reported.push(Ready { token, readable, urgent, writable });
        }
        reported
    }
}

impl Sockets for SimulatedSockets {
    type Socket = usize;

    fn ready_listener(&self, from: usize, now: Instant) -> Option<usize> {
        let is_paused = self.paused_until.is_some_and(|until| until > now);
        let waits = self.all.iter().any(|socket| socket.state == SocketState::InBacklog);
        (from == 0 && waits && !is_paused && !self.has_stopped).then_some(0)
    }

    fn accept(&mut self, _: usize, _: Instant, _: &mut Metrics) -> Option<usize> {
        let peer = self.all.iter().position(|socket| socket.state == SocketState::InBacklog)?;
        self.all[peer].state = SocketState::Open;
        Some(peer)
    }

    fn pause_accepting(&mut self, _: usize, now: Instant) {
        self.paused_until = Some(now + Timeouts::ACCEPT_PAUSE);
    }

    /// Connections in the backlog are reset, like those of a listener that is closed.
    fn stop_accepting(&mut self) {
        self.has_stopped = true;
        for socket in self.all.iter_mut().filter(|socket| socket.state == SocketState::InBacklog) {
            socket.state = SocketState::Closed;
        }
    }

    fn register(&mut self, &mut peer: &mut usize, token: u64, _: &mut Metrics) -> io::Result<()> {
        let socket = &mut self.all[peer];
        let urgent = socket.ready.urgent || socket.is_ended || socket.is_reset;
        (socket.token, socket.ready) = (Some(token), Readiness { readable: true, urgent, writable: true });
        Ok(())
    }

    fn read(&mut self, &mut peer: &mut usize, buffer: &mut [u8]) -> io::Result<ReadResult> {
        let socket = &mut self.all[peer];
        if socket.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if socket.inbox.is_empty() {
            return Ok(if socket.is_ended { ReadResult::Eof } else { ReadResult::WouldBlock });
        }
        let mut bytes = buffer.len().min(socket.inbox.len());
        if let Some(urgent_at) = socket.urgent_at {
            bytes = if urgent_at > 0 { bytes.min(urgent_at) } else { bytes };
            socket.urgent_at = (urgent_at > bytes).then(|| urgent_at - bytes);
        }
        buffer[..bytes].copy_from_slice(&socket.inbox[..bytes]);
        socket.inbox.drain(..bytes);
        Ok(ReadResult::Bytes(bytes))
    }

    fn write(
        &mut self,
        &mut peer: &mut usize,
        outbox: &Outbox,
        trailing: &[u8],
        _: SendHint,
    ) -> io::Result<Option<usize>> {
        let socket = &mut self.all[peer];
        assert!(!socket.write_is_shut, "nothing is written after the end");
        if socket.is_reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if socket.room == 0 {
            socket.is_blocked = true;
            return Ok(None);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = outbox.slices(trailing, &mut slices);
        let before = socket.received.len();
        for slice in &slices[..count] {
            let bytes = slice.len().min(socket.room);
            socket.received.extend_from_slice(&slice[..bytes]);
            socket.room -= bytes;
        }
        Ok(Some(socket.received.len() - before))
    }

    fn shut_down_write(&mut self, &mut peer: &mut usize, _: &mut Metrics) -> io::Result<()> {
        self.all[peer].write_is_shut = true;
        Ok(())
    }

    fn close(&mut self, peer: usize, _: &mut Metrics) {
        (self.all[peer].state, self.all[peer].token) = (SocketState::Closed, None);
    }
}
