//! The server loop: what one thread does for its peers, turn by turn, over the trait [`Sockets`].
//!
//! ```text
//!   broadcast_clock ─▶ accept_new ─▶ read_ready ─▶ apply_committed ─▶ fire_timers ─▶ flush_pending
//!                                                                                         │
//!                                      register_new ◀─ notify_subscribers ◀───────────────┘
//! ```
//!
//! It names neither mio nor TCP, and reads no clock: the reactor drives it with real sockets, tests and fuzz targets
//! with simulated ones. Each loop has a state of its own; loops share the journal and nothing else.
//!
//! An answer that needs no commit is written as soon as its peer has been read. One that needs a commit is written at
//! the end of the turn in which the journal has committed it.

pub mod call_dispatch;
pub mod clock;
pub mod connected_peers;
pub mod peer;
pub mod peer_stats;
pub mod slab;
pub mod sockets;
pub mod timer_queue;

use crate::api::read_context::ReadCache;
use crate::api::resources;
use crate::connection::connection_event::Due;
use crate::connection::turn_context::TurnContext;
use crate::metrics::totals::MetricId;
use crate::pubsub::peer_table::PeerId;
use crate::pubsub::subscribers::Subscribers;
use crate::server::call_dispatch::CallContext;
use crate::server::clock::Clock;
use crate::server::connected_peers::{ConnectedPeer, ConnectedPeers};
use crate::server::peer::{HoldTimer, Peer, PeerAction};
use crate::server::slab::{Slab, slot_of};
use crate::server::sockets::{Ready, SocketHandle, Sockets};
use crate::server::timer_queue::TimerQueue;
use crate::store::committed::{Outcome, Settled, Ticket};
use crate::store::journal::Journal;
use crate::store::state::State;
use chrono::{DateTime, Local};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Bytes of one read. A peer that fills the buffer waits until the others have been served: in frames of six bytes it
/// holds the work of forty thousand.
pub const READ_BUFFER_BYTES: usize = 256 * 1024;
/// Connections that one listener accepts in a turn, before connected peers are served.
const ACCEPTS_PER_TURN: usize = 256;
/// Buffers that are retained for output, and the capacity of the largest.
const POOLED_BUFFERS_MAX: usize = 256;
const POOLED_BUFFER_BYTES_MAX: usize = 64 * 1024;

pub struct ServerLoop<S: Sockets> {
    pub sockets: S,
    /// Open connections of all loops together.
    open: Arc<AtomicUsize>,
    peers: Slab<ConnectedPeer<S::Socket>>,
    timers: TimerQueue,
    clock: Clock,
    subscribers: Subscribers,
    /// Whether the journal wakes this loop for each change of another.
    wants_wakeups: bool,
    journal: Journal,
    state: State,
    cache: ReadCache,
    shutdown: Shutdown,
    /// The shared read buffer: nothing in it outlives the turn.
    buffer: Vec<u8>,
    /// Empty buffers, lent to outboxes while they hold output.
    buffer_pool: Vec<Vec<u8>>,
    committed: Vec<Settled>,
    /// Peers accepted in this turn that are not registered yet: most are gone by its end.
    unregistered: Vec<PeerId>,
    /// Peers with output since they were flushed last.
    to_flush: Vec<PeerId>,
    /// Peers that are read in the next turn without being reported ready.
    ready_queue: Vec<PeerId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shutdown {
    None,
    Requested,
    /// Accepting has stopped; peers finish until this deadline.
    Draining(Instant),
}

impl<S: Sockets> ServerLoop<S> {
    /// Creates a loop without peers. `open` counts the connections of all loops.
    pub fn new(
        open: Arc<AtomicUsize>,
        sockets: S,
        journal: Journal,
        state: State,
        now: Instant,
    ) -> ServerLoop<S> {
        ServerLoop {
            sockets,
            open,
            peers: Slab::default(),
            timers: TimerQueue::default(),
            clock: Clock::new(now),
            subscribers: Subscribers::new(now),
            wants_wakeups: false,
            journal,
            state,
            cache: ReadCache::default(),
            shutdown: Shutdown::None,
            buffer: vec![0; READ_BUFFER_BYTES],
            buffer_pool: Vec::new(),
            committed: Vec::new(),
            unregistered: Vec::new(),
            to_flush: Vec::new(),
            ready_queue: Vec::new(),
        }
    }

    /// Reads fewer bytes at a time than [`READ_BUFFER_BYTES`].
    pub fn with_read_buffer(mut self, bytes: usize) -> ServerLoop<S> {
        self.buffer = vec![0; bytes];
        self
    }

    /// Begins a turn at this moment. The wall clock is read once a second.
    pub fn begin_turn(
        &mut self,
        now: Instant,
        read_wall_clock: impl FnOnce() -> DateTime<Local>,
        turn: &mut TurnContext,
    ) {
        self.clock.tick(now, read_wall_clock);
        turn.begin(now, self.clock.date());
    }

    /// One turn. No response leaves before the journal has committed what it answers.
    pub fn turn(&mut self, ready: &[Ready], turn: &mut TurnContext) {
        self.broadcast_clock(turn); // once a second, to /ws
        self.accept_new(turn); // and read at once what a new peer has already sent
        self.read_ready(ready, turn); // bytes -> calls -> outcomes -> Journal::append; first the ready queue
        self.begin_requested_shutdown(turn);
        self.apply_committed(turn); // what the journal has committed: state, answers
        self.fire_timers(turn);
        self.flush_pending(turn); // one write for each peer with output
        self.notify_subscribers(turn); // changes to live subscribers; replay to those behind
        self.register_new(turn); // only sockets that are still open
        turn.metrics.flush_local();
    }

    /// Lets the next turn stop accepting, and close connections as they finish.
    pub fn request_shutdown(&mut self) {
        if self.shutdown == Shutdown::None {
            self.shutdown = Shutdown::Requested;
        }
    }

    /// Returns whether a shutdown is complete, or its deadline has passed.
    pub fn is_over(&self) -> bool {
        match self.shutdown {
            Shutdown::Draining(deadline) => self.peers.is_empty() || deadline <= self.clock.now(),
            _ => false,
        }
    }

    /// Returns whether the next turn has work before anything becomes ready.
    pub fn has_work(&mut self) -> bool {
        !self.ready_queue.is_empty()
            || self.subscribers.is_busy()
            || self.journal.is_waiting()
            || self.sockets.ready_listener(0, self.clock.now()).is_some()
    }

    /// Returns when a turn is due although nothing becomes ready.
    pub fn next_deadline(&self) -> Option<Instant> {
        let shutdown = match self.shutdown {
            Shutdown::Draining(deadline) => Some(deadline),
            _ => None,
        };
        let positions = self.subscribers.next_deadline(&self.state);
        let deadlines = [self.timers.next(), self.clock.next_announcement(), positions, shutdown];
        deadlines.into_iter().flatten().min()
    }

    /// Returns the moment of the current turn.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns a peer, or `None` if it is gone.
    pub fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id).map(|connected| &connected.peer)
    }

    fn broadcast_clock(&mut self, turn: &mut TurnContext) {
        let Some(time) = self.clock.announce() else { return };
        for id in self.clock.take_subscribers() {
            let Some(ConnectedPeer { peer, .. }) = self.peers.get_mut(id) else { continue };
            self.clock.subscribe(id);
            peer.connection.outbox().lend(&mut self.buffer_pool);
            peer.connection.push(&time, turn);
            self.to_flush.push(id);
        }
    }

    /// Accepts from every listener in turn, and returns how many connections.
    fn accept_new(&mut self, turn: &mut TurnContext) -> usize {
        let (mut accepted, mut from) = (0, 0);
        while let Some(listener) = self.sockets.ready_listener(from, turn.now) {
            accepted += self.accept_from(listener, turn);
            from = listener + 1;
        }
        accepted
    }

    fn accept_from(&mut self, listener: usize, turn: &mut TurnContext) -> usize {
        for accepted in 0..ACCEPTS_PER_TURN {
            if self.open.load(Ordering::Relaxed) >= turn.limits.connections_max {
                self.sockets.pause_accepting(listener, turn.now);
                return accepted;
            }
            let Some(socket) = self.sockets.accept(listener, turn.now, &mut turn.metrics) else {
                return accepted;
            };
            self.open.fetch_add(1, Ordering::Relaxed);
            turn.metrics.inc(MetricId::ConnectionsAccepted);
            turn.metrics.inc(MetricId::ConnectionsOpen);
            let id = self.peers.insert(ConnectedPeer { socket, peer: Peer::new(turn) });
            self.serve(id, turn);
            self.unregistered.push(id);
        }
        ACCEPTS_PER_TURN
    }

    fn read_ready(&mut self, ready: &[Ready], turn: &mut TurnContext) {
        for id in std::mem::take(&mut self.ready_queue) {
            if let Some(ConnectedPeer { peer, .. }) = self.peers.get_mut(id) {
                peer.mark_dequeued();
            }
            self.serve(id, turn);
        }
        for ready in ready {
            let id = PeerId(ready.token);
            // A peer that was closed earlier in this turn may still be reported.
            let Some(ConnectedPeer { peer, .. }) = self.peers.get_mut(id) else { continue };
            if ready.urgent {
                peer.mark_urgent();
            } else if ready.readable {
                peer.mark_readable();
            }
            if ready.writable && !peer.connection.outbox().is_empty() {
                self.flush(id, turn);
            }
            self.serve(id, turn);
        }
    }

    /// Reads what a peer has sent, dispatches its calls, and writes what is answered already.
    fn serve(&mut self, id: PeerId, turn: &mut TurnContext) {
        let ServerLoop { peers, sockets, buffer, buffer_pool, .. } = self;
        let Some(ConnectedPeer { socket, peer }) = peers.get_mut(id) else { return };
        let mut calls = CallContext {
            id,
            journal: &mut self.journal,
            state: &mut self.state,
            cache: &mut self.cache,
            committed: &mut self.committed,
            clock: &mut self.clock,
            subscribers: &mut self.subscribers,
        };
        peer.connection.outbox().lend(buffer_pool);
        if let Err(error) = peer.read(buffer, &mut SocketHandle { sockets, socket }, &mut calls, turn) {
            log::debug!("peer disconnected: {error}");
            return self.close(id, turn);
        }
        self.timers.enter(slot_of(id), peer.connection.next_deadline());
        self.flush(id, turn);
    }

    /// Stops accepting, after the last connections of the backlog.
    fn begin_requested_shutdown(&mut self, turn: &mut TurnContext) {
        if self.shutdown != Shutdown::Requested {
            return;
        }
        while self.accept_new(turn) > 0 {}
        self.sockets.stop_accepting();
        self.shutdown = Shutdown::Draining(turn.now + turn.timeouts.drain);
        for id in self.peers.ids() {
            let Some(ConnectedPeer { peer, .. }) = self.peers.get_mut(id) else { continue };
            peer.connection.go_away(turn);
            peer.answer_held(&mut self.subscribers, &self.state, &mut self.cache, turn, HoldTimer::Expired);
            self.timers.enter(slot_of(id), peer.connection.next_deadline());
            self.flush(id, turn);
        }
    }

    /// Applies every committed change to the state, and answers the writes of this loop's peers.
    fn apply_committed(&mut self, turn: &mut TurnContext) {
        self.journal.settle(&mut self.state, &mut self.committed);
        for committed in self.committed.drain(..) {
            if let Outcome::Changed(change) = &committed.outcome {
                self.subscribers.record_change(change);
            }
            let Some(Ticket(ticket)) = committed.ticket else { continue };
            match committed.outcome {
                Outcome::Changed(_) => turn.metrics.inc(MetricId::Changes),
                Outcome::Repeated(_) => turn.metrics.inc(MetricId::Replays),
                Outcome::Refused(_) => {}
            }
            let id = PeerId(ticket);
            let Some(ConnectedPeer { peer, .. }) = self.peers.get_mut(id) else { continue };
            let answer = resources::answer_to(committed.outcome, &self.state);
            peer.connection.outbox().lend(&mut self.buffer_pool);
            peer.connection.answer(answer, turn);
            if self.to_flush.last() != Some(&id) {
                self.to_flush.push(id);
            }
        }
    }

    fn fire_timers(&mut self, turn: &mut TurnContext) {
        while let Some(slot) = self.timers.due(turn.now) {
            let Some((id, _)) = self.peers.at(slot) else { continue };
            let Some(ConnectedPeer { peer, .. }) = self.peers.get_mut(id) else { continue };
            match peer.connection.expire(turn) {
                Ok(due) => {
                    if due == Due::Answer {
                        peer.answer_held(
                            &mut self.subscribers,
                            &self.state,
                            &mut self.cache,
                            turn,
                            HoldTimer::Expired,
                        );
                    }
                    self.timers.enter(slot, peer.connection.next_deadline());
                    self.flush(id, turn);
                }
                Err(error) => {
                    log::debug!("peer closed: {error}");
                    self.close(id, turn);
                }
            }
        }
    }

    fn flush_pending(&mut self, turn: &mut TurnContext) {
        for id in std::mem::take(&mut self.to_flush) {
            // An answer that was committed may have started another timer.
            if let Some(ConnectedPeer { peer, .. }) = self.peers.get_mut(id) {
                self.timers.enter(slot_of(id), peer.connection.next_deadline());
            }
            self.flush(id, turn);
        }
    }

    /// Sends subscribers what was committed in this turn.
    fn notify_subscribers(&mut self, turn: &mut TurnContext) {
        let ServerLoop { peers, sockets, .. } = self;
        let delivered = self.subscribers.deliver(
            &mut ConnectedPeers { peers, sockets },
            &self.state,
            &mut self.cache,
            turn,
        );
        for id in delivered.to_retry {
            let Some(ConnectedPeer { peer, .. }) = self.peers.get_mut(id) else { continue };
            peer.answer_held(&mut self.subscribers, &self.state, &mut self.cache, turn, HoldTimer::Running);
            self.to_flush.push(id);
        }
        self.to_flush.extend(delivered.to_flush);
        self.flush_pending(turn);
        if self.wants_wakeups == self.subscribers.is_empty() {
            self.wants_wakeups = !self.wants_wakeups;
            self.journal.listen(self.wants_wakeups);
        }
    }

    /// Writes a peer's output, and then does what its connection needs.
    fn flush(&mut self, id: PeerId, turn: &mut TurnContext) {
        let Some(ConnectedPeer { socket, peer }) = self.peers.get_mut(id) else { return };
        let action = peer.flush(&mut SocketHandle { sockets: &mut self.sockets, socket }, turn);
        if let Some(buffer) = peer.connection.outbox().give_back()
            && self.buffer_pool.len() < POOLED_BUFFERS_MAX
            && buffer.capacity() <= POOLED_BUFFER_BYTES_MAX
        {
            self.buffer_pool.push(buffer);
        }
        match action {
            Ok(PeerAction::Wait) => self.subscribers.mark_writable(&peer.subscriptions, id),
            Ok(PeerAction::Blocked) => self.timers.enter(slot_of(id), peer.connection.next_deadline()),
            Ok(PeerAction::Requeue) => {
                self.timers.enter(slot_of(id), peer.connection.next_deadline());
                self.ready_queue.push(id);
            }
            Ok(PeerAction::Linger) => self.linger(id, turn),
            Ok(PeerAction::Close) => self.close(id, turn),
            Err(error) => {
                log::debug!("peer disconnected: {error}");
                self.close(id, turn);
            }
        }
    }

    fn linger(&mut self, id: PeerId, turn: &mut TurnContext) {
        let Some(ConnectedPeer { socket, peer }) = self.peers.get_mut(id) else { return };
        if self.sockets.shut_down_write(socket, &mut turn.metrics).is_err() {
            return self.close(id, turn);
        }
        if peer.linger(turn) == PeerAction::Requeue {
            self.ready_queue.push(id);
        }
        self.timers.enter(slot_of(id), peer.connection.next_deadline());
    }

    fn close(&mut self, id: PeerId, turn: &mut TurnContext) {
        if let Some(ConnectedPeer { socket, mut peer }) = self.peers.remove(id) {
            self.subscribers.unsubscribe_all(&mut peer.subscriptions, &mut turn.metrics);
            self.open.fetch_sub(1, Ordering::Relaxed);
            turn.metrics.dec(MetricId::ConnectionsOpen);
            self.sockets.close(socket, &mut turn.metrics);
        }
    }

    /// A connection for one request is closed before this, and costs no registration.
    fn register_new(&mut self, turn: &mut TurnContext) {
        for id in std::mem::take(&mut self.unregistered) {
            let Some(ConnectedPeer { socket, .. }) = self.peers.get_mut(id) else { continue };
            if let Err(error) = self.sockets.register(socket, id.0, &mut turn.metrics) {
                log::warn!("connection closed, its socket cannot be registered: {error}");
                self.close(id, turn);
            }
        }
    }
}
