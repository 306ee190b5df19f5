//! One peer in its loop: when it is read, when it pauses, and when it is flushed and closed.
//!
//! ```text
//!   ready ─▶ read: Sockets::read … receive … calls ─▶ flush: Sockets::write … ─▶ PeerAction
//! ```
//!
//! Its socket is only reached through [`Sockets`], so that a simulation can produce every short read, short write and
//! reset.

use crate::api::outcome::Outcome;
use crate::api::read_context::{ReadCache, ReadContext};
use crate::api::routes;
use crate::connection::Connection;
use crate::connection::broadcast::Form;
use crate::connection::connection_event::{AfterFlush, ConnectionEvent};
use crate::connection::turn_context::TurnContext;
use crate::metrics::totals::MetricId;
use crate::model::call::Wish;
use crate::pubsub::peer_subscriptions::PeerSubscriptions;
use crate::pubsub::peer_table::PushResult;
use crate::pubsub::subscribers::Subscribers;
use crate::server::call_dispatch::{CallContext, CallDispatch};
use crate::server::peer_stats::PeerStats;
use crate::server::sockets::{ReadResult, SendHint, SocketHandle, Sockets};
use crate::store::state::State;
use std::io;
use std::sync::Arc;

pub struct Peer {
    pub connection: Connection,
    pub subscriptions: PeerSubscriptions,
    /// The socket may have more to read.
    readable: bool,
    /// A short read does not mean that the socket is empty: there is an end, an error or a byte of urgent data, at
    /// which the kernel stops a read.
    read_until_blocked: bool,
    /// What it has sent waits until answers have left.
    paused: bool,
    /// It is in the ready queue of the next turn.
    queued: bool,
    stats: PeerStats,
}

/// Whether the timer of a held call still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldTimer {
    Running,
    Expired,
}

/// What the loop does with a peer after a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerAction {
    /// Waits for readiness.
    Wait,
    /// The write would block (`EWOULDBLOCK`); the peer's deadline may have changed.
    Blocked,
    /// Reads it again in the next turn. Returned once, until it is [dequeued](Peer::mark_dequeued).
    Requeue,
    /// Shuts down writing, and then calls [`Peer::linger`].
    Linger,
    Close,
}

/// Bytes that the compressed messages of one peer may become in a turn, before other peers are served.
const INFLATED_BYTES_PER_TURN: usize = 1024 * 1024;

/// Reads of one peer in a turn, where they do not fill the buffer.
const READS_PER_TURN: usize = 4;

impl Peer {
    /// Creates a peer that was just accepted. What it sends first may have arrived already.
    pub fn new(turn: &TurnContext) -> Peer {
        Peer {
            connection: Connection::new(turn),
            subscriptions: PeerSubscriptions::default(),
            readable: true,
            read_until_blocked: false,
            paused: false,
            queued: false,
            stats: PeerStats::default(),
        }
    }

    pub fn mark_readable(&mut self) {
        self.readable = true;
    }

    /// There is an end of the stream, an error or a byte of urgent data.
    pub fn mark_urgent(&mut self) {
        (self.readable, self.read_until_blocked) = (true, true);
    }

    pub fn mark_dequeued(&mut self) {
        self.queued = false;
    }

    /// Returns whether input waits until answers have left.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Reads what it has sent, and dispatches its calls.
    ///
    /// # Errors
    ///
    /// The socket is broken.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        socket: &mut SocketHandle<impl Sockets>,
        calls: &mut CallContext,
        turn: &mut TurnContext,
    ) -> io::Result<()> {
        if self.paused {
            self.receive(&mut [], socket, calls, turn)?;
        }
        for _ in 0..READS_PER_TURN {
            if !self.readable || self.paused || !self.connection.may_receive(turn) {
                break;
            }
            match socket.read(buffer, &mut turn.metrics)? {
                ReadResult::Bytes(bytes) => {
                    turn.metrics.add(MetricId::BytesRead, bytes);
                    self.readable = bytes == buffer.len() || self.read_until_blocked;
                    self.receive(&mut buffer[..bytes], socket, calls, turn)?;
                    self.stats.count_read(&self.connection, &mut turn.metrics);
                    // A peer that fills the buffer has used its budget.
                    if bytes == buffer.len() {
                        break;
                    }
                }
                ReadResult::Eof => {
                    self.readable = false;
                    self.connection.end_of_input();
                    self.receive(&mut [], socket, calls, turn)?;
                }
                ReadResult::WouldBlock => {
                    self.readable = false;
                    self.read_until_blocked = false;
                }
            }
        }
        Ok(())
    }

    /// Passes new bytes to the connection, after those that it has kept unparsed.
    fn receive(
        &mut self,
        new: &mut [u8],
        socket: &mut SocketHandle<impl Sockets>,
        calls: &mut CallContext,
        turn: &mut TurnContext,
    ) -> io::Result<()> {
        let mut unparsed = self.connection.unparsed.take();
        if unparsed.is_empty() {
            let used = self.process(new, socket, calls, turn)?;
            self.connection.unparsed.put_back(&new[used..]);
        } else {
            unparsed.extend_from_slice(new);
            let used = self.process(&mut unparsed, socket, calls, turn)?;
            self.connection.unparsed.put_back_buffer(unparsed, used);
        }
        Ok(())
    }

    /// Returns how many of the bytes were used.
    fn process(
        &mut self,
        bytes: &mut [u8],
        socket: &mut SocketHandle<impl Sockets>,
        calls: &mut CallContext,
        turn: &mut TurnContext,
    ) -> io::Result<usize> {
        let (mut at, mut inflated) = (0, 0);
        loop {
            inflated += self.connection.take_inflated();
            if inflated > INFLATED_BYTES_PER_TURN {
                self.paused = true;
                return Ok(at);
            }
            let from = at;
            let is_done = match self.connection.next(bytes, &mut at, turn) {
                ConnectionEvent::Call(call) => {
                    self.stats.record_call(&call, &self.connection, calls.state);
                    let Peer { connection, subscriptions, .. } = self;
                    CallDispatch { connection, subscriptions, calls, turn }.dispatch(call);
                    false
                }
                ConnectionEvent::WriteThrough(bytes) => {
                    self.write_through(bytes, socket, turn)?;
                    false
                }
                ConnectionEvent::Continue => false,
                ConnectionEvent::NeedMore => {
                    self.paused = false;
                    true
                }
                ConnectionEvent::Paused => {
                    self.paused = true;
                    true
                }
            };
            // Counted only now: a handshake that the call has accepted belongs to the WebSocket.
            self.stats.count_consumed(at - from, &self.connection, &mut turn.metrics);
            if is_done {
                return Ok(at);
            }
        }
    }

    /// Sends bytes that many peers share.
    pub fn push(
        &mut self,
        bytes: &Arc<[u8]>,
        socket: &mut SocketHandle<impl Sockets>,
        turn: &mut TurnContext,
    ) -> PushResult {
        let Some(form) = self.connection.form() else { return PushResult::Written };
        if form != Form::Frame {
            self.connection.told_with_others();
        }
        let outbox = self.connection.outbox();
        if outbox.is_empty() {
            // An error is met again when the rest is written.
            let written =
                socket.write(outbox, bytes, SendHint::More, &mut turn.metrics).unwrap_or(None).unwrap_or(0);
            self.count_written(written, turn);
            if written == bytes.len() {
                return PushResult::Written;
            }
            return self.queue_rest(bytes, written, turn);
        }
        if outbox.len() > turn.limits.listener_bytes_max {
            return PushResult::Behind;
        }
        outbox.put(bytes);
        PushResult::Pending
    }

    #[cold]
    fn queue_rest(&mut self, bytes: &Arc<[u8]>, written: usize, turn: &mut TurnContext) -> PushResult {
        self.connection.outbox().share(bytes.clone());
        self.connection.wrote(written, turn);
        PushResult::Pending
    }

    #[inline]
    fn count_written(&mut self, bytes: usize, turn: &mut TurnContext) {
        turn.metrics.add(MetricId::BytesWritten, bytes);
        self.stats.count_written(bytes, &self.connection, &mut turn.metrics);
    }

    /// Writes the outbox and these bytes after it; what the socket does not take joins the outbox.
    fn write_through(
        &mut self,
        bytes: &[u8],
        socket: &mut SocketHandle<impl Sockets>,
        turn: &mut TurnContext,
    ) -> io::Result<()> {
        let outbox = self.connection.outbox();
        let written = socket.write(outbox, bytes, SendHint::More, &mut turn.metrics)?.unwrap_or(0);
        self.count_written(written, turn);
        let outbox = self.connection.outbox();
        let of_outbox = written.min(outbox.len());
        outbox.own().extend_from_slice(&bytes[written - of_outbox..]);
        self.connection.wrote(of_outbox, turn);
        Ok(())
    }

    /// Answers the held call with the current state. While its timer runs, only if that state is not the client's.
    pub fn answer_held(
        &mut self,
        subscribers: &mut Subscribers,
        state: &State,
        cache: &mut ReadCache,
        turn: &mut TurnContext,
        timer: HoldTimer,
    ) {
        let Some(call) = self.subscriptions.held_mut() else { return };
        if timer == HoldTimer::Expired {
            call.wish = Wish::Answer;
        }
        let browser = self.connection.visitor();
        let mut cx = ReadContext { state, cache, browser, metrics: &mut turn.metrics };
        let Outcome::Answer(answer) = routes::dispatch(call, &mut cx) else { return };
        subscribers.unsubscribe_all(&mut self.subscriptions, &mut turn.metrics);
        self.connection.answer(answer, turn);
    }

    /// Writes until everything is written or a write would block, and returns what the connection needs next.
    ///
    /// # Errors
    ///
    /// The socket is broken.
    pub fn flush(
        &mut self,
        socket: &mut SocketHandle<impl Sockets>,
        turn: &mut TurnContext,
    ) -> io::Result<PeerAction> {
        let was_held = !self.connection.may_receive(turn);
        while !self.connection.outbox().is_empty() {
            let hint =
                if self.connection.fate() == AfterFlush::Close { SendHint::Close } else { SendHint::More };
            let written = socket.write(self.connection.outbox(), &[], hint, &mut turn.metrics)?;
            self.count_written(written.unwrap_or(0), turn);
            self.connection.wrote(written.unwrap_or(0), turn);
            if written.is_none() {
                // What has arrived is not reported twice, and a peer that paused until its output had left has nothing
                // else to wake it.
                let can_read =
                    if self.paused { was_held && !self.connection.is_owed() } else { self.readable };
                let more = can_read && self.connection.may_receive(turn);
                let requeue = more && self.requeue() == PeerAction::Requeue;
                return Ok(if requeue { PeerAction::Requeue } else { PeerAction::Blocked });
            }
        }
        Ok(match self.connection.fate() {
            AfterFlush::Close => PeerAction::Close,
            AfterFlush::Linger => PeerAction::Linger,
            // Its timers may have started again.
            AfterFlush::KeepOpen if was_held || self.can_continue() => self.requeue(),
            AfterFlush::KeepOpen => PeerAction::Wait,
        })
    }

    /// Everything was written: returns whether there is input that need not wait for more.
    fn can_continue(&self) -> bool {
        if self.paused { !self.connection.is_owed() } else { self.readable }
    }

    fn requeue(&mut self) -> PeerAction {
        if std::mem::replace(&mut self.queued, true) { PeerAction::Wait } else { PeerAction::Requeue }
    }

    /// Lingers, after writing has been shut down: input is dropped, and its end may have arrived already.
    pub fn linger(&mut self, turn: &mut TurnContext) -> PeerAction {
        self.connection.linger(turn);
        self.paused = false;
        self.mark_urgent();
        self.requeue()
    }
}
