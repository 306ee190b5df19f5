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
pub mod shutdown;
pub mod slab;
pub mod sockets;
pub mod timer_queue;

use crate::api::read_context::ReadCache;
use crate::api::resources;
use crate::connection::connection_event::TimeoutAction;
use crate::connection::turn_context::TurnContext;
use crate::metrics::totals::MetricId;
use crate::pubsub::peer_table::PeerId;
use crate::pubsub::subscribers::Subscribers;
use crate::server::call_dispatch::CallContext;
use crate::server::clock::Clock;
use crate::server::connected_peers::ConnectedPeers;
use crate::server::peer::{HoldTimer, Peer, PeerAction};
use crate::server::shutdown::Shutdown;
use crate::server::slab::slot_of;
use crate::server::sockets::{Ready, Sockets};
use crate::server::timer_queue::TimerQueue;
use crate::store::committed::{Outcome, Settled, Ticket};
use crate::store::journal::Journal;
use crate::store::state::State;
use chrono::{DateTime, Local};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

/// Bytes of one read. A peer that fills the buffer waits until the others have been served: in frames of six bytes it
/// holds the work of forty thousand.
pub const READ_BUFFER_BYTES: usize = 256 * 1024;
/// Connections that one listener accepts in a turn, before connected peers are served.
const ACCEPTS_PER_TURN: usize = 256;
/// Accept rounds of a shutdown. Together they exceed a full backlog (4096), and clients that reconnect cannot delay it.
const SHUTDOWN_ACCEPT_ROUNDS: usize = 32;
/// Buffers that are retained for output, and the capacity of the largest.
const POOLED_BUFFERS_MAX: usize = 256;
const POOLED_BUFFER_BYTES_MAX: usize = 64 * 1024;

pub struct ServerLoop<S: Sockets> {
    peers: ConnectedPeers<S>,
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

impl<S: Sockets> ServerLoop<S> {
    /// Creates a loop without peers, which reads `buffer_bytes` at a time. `open` counts the connections of all loops.
    pub fn new(
        sockets: S,
        open: Arc<AtomicUsize>,
        journal: Journal,
        state: State,
        buffer_bytes: usize,
        now: Instant,
    ) -> ServerLoop<S> {
        ServerLoop {
            peers: ConnectedPeers::new(sockets, open),
            timers: TimerQueue::default(),
            clock: Clock::new(now),
            subscribers: Subscribers::new(now),
            wants_wakeups: false,
            journal,
            state,
            cache: ReadCache::default(),
            shutdown: Shutdown::None,
            buffer: vec![0; buffer_bytes],
            buffer_pool: Vec::new(),
            committed: Vec::new(),
            unregistered: Vec::new(),
            to_flush: Vec::new(),
            ready_queue: Vec::new(),
        }
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
        self.shutdown.deadline().is_some_and(|end| self.peers.is_empty() || end <= self.clock.now())
    }

    /// Returns whether the next turn has work before anything becomes ready.
    pub fn has_work(&self) -> bool {
        !self.ready_queue.is_empty()
            || self.subscribers.is_busy()
            || self.peers.sockets.ready_listener(0, self.clock.now()).is_some()
    }

    /// Returns when a turn is due although nothing becomes ready.
    pub fn next_deadline(&self) -> Option<Instant> {
        let positions = self.subscribers.next_deadline(&self.state);
        let others = [self.timers.next(), self.clock.next_announcement(), self.shutdown.deadline()];
        others.into_iter().chain([positions]).flatten().min()
    }

    pub fn sockets(&self) -> &S {
        &self.peers.sockets
    }

    pub fn sockets_mut(&mut self) -> &mut S {
        &mut self.peers.sockets
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Returns a peer, or `None` if it is gone.
    pub fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id)
    }

    fn broadcast_clock(&mut self, turn: &mut TurnContext) {
        let Some(time) = self.clock.announce() else { return };
        for id in self.clock.take_subscribers() {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            self.clock.subscribe(id);
            peer.connection.outbox().lend(&mut self.buffer_pool);
            peer.connection.push(&time, turn);
            self.to_flush.push(id);
        }
    }

    /// Accepts from each listener up to its budget, and returns how many connections.
    fn accept_new(&mut self, turn: &mut TurnContext) -> usize {
        let (mut accepted, mut from) = (0, 0);
        while let Some(listener) = self.peers.sockets.ready_listener(from, turn.now) {
            from = listener + 1;
            for _ in 0..ACCEPTS_PER_TURN {
                let Some(id) = self.peers.accept(listener, turn) else { break };
                self.serve(id, turn);
                self.unregistered.push(id);
                accepted += 1;
            }
        }
        accepted
    }

    fn read_ready(&mut self, ready: &[Ready], turn: &mut TurnContext) {
        for id in std::mem::take(&mut self.ready_queue) {
            if let Some(peer) = self.peers.get_mut(id) {
                peer.mark_dequeued();
            }
            self.serve(id, turn);
        }
        for ready in ready {
            let id = PeerId(ready.token);
            // A peer that was closed earlier in this turn may still be reported.
            let Some(peer) = self.peers.get_mut(id) else { continue };
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
        let Some((peer, mut socket)) = self.peers.with_socket(id) else { return };
        let mut calls = CallContext {
            id,
            journal: &mut self.journal,
            state: &mut self.state,
            cache: &mut self.cache,
            committed: &mut self.committed,
            clock: &mut self.clock,
            subscribers: &mut self.subscribers,
        };
        peer.connection.outbox().lend(&mut self.buffer_pool);
        if let Err(error) = peer.read(&mut self.buffer, &mut socket, &mut calls, turn) {
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
        let mut rounds = 0..SHUTDOWN_ACCEPT_ROUNDS;
        while rounds.next().is_some() && self.accept_new(turn) > 0 {}
        self.peers.sockets.stop_accepting();
        // A held call is answered with what another peer may have been answered already.
        self.journal.catch_up(&mut self.state, &mut self.committed);
        self.shutdown = Shutdown::Draining(turn.now + turn.timeouts.drain);
        for id in self.peers.ids() {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            peer.connection.go_away(turn);
            self.answer_held(id, HoldTimer::Expired, turn);
            self.reschedule_and_flush(id, turn);
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
            let Some(peer) = self.peers.get_mut(id) else { continue };
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
            let Some(id) = self.peers.id_at(slot) else { continue };
            let Some(peer) = self.peers.get_mut(id) else { continue };
            match peer.connection.expire(turn) {
                Ok(due) => {
                    if due == TimeoutAction::Answer {
                        self.answer_held(id, HoldTimer::Expired, turn);
                    }
                    self.reschedule_and_flush(id, turn);
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
            self.reschedule_and_flush(id, turn);
        }
    }

    /// Sends subscribers what was committed in this turn.
    fn notify_subscribers(&mut self, turn: &mut TurnContext) {
        let delivered = self.subscribers.deliver(&mut self.peers, &self.state, &mut self.cache, turn);
        for id in delivered.to_retry {
            self.answer_held(id, HoldTimer::Running, turn);
            self.to_flush.push(id);
        }
        self.to_flush.extend(delivered.to_flush);
        self.flush_pending(turn);
        if self.wants_wakeups == self.subscribers.is_empty() {
            self.wants_wakeups = !self.wants_wakeups;
            self.journal.listen(self.wants_wakeups);
        }
    }

    fn answer_held(&mut self, id: PeerId, timer: HoldTimer, turn: &mut TurnContext) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.answer_held(&mut self.subscribers, &self.state, &mut self.cache, turn, timer);
        }
    }

    /// Flushes a peer whose output or timers have changed.
    fn reschedule_and_flush(&mut self, id: PeerId, turn: &mut TurnContext) {
        if let Some(peer) = self.peers.get_mut(id) {
            self.timers.enter(slot_of(id), peer.connection.next_deadline());
            self.flush(id, turn);
        }
    }

    /// Writes a peer's output, and then does what its connection needs.
    fn flush(&mut self, id: PeerId, turn: &mut TurnContext) {
        let Some((peer, mut socket)) = self.peers.with_socket(id) else { return };
        let action = peer.flush(&mut socket, turn);
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
        let Some((peer, mut socket)) = self.peers.with_socket(id) else { return };
        if socket.shut_down_write(&mut turn.metrics).is_err() {
            return self.close(id, turn);
        }
        if peer.linger(turn) == PeerAction::Requeue {
            self.ready_queue.push(id);
        }
        self.timers.enter(slot_of(id), peer.connection.next_deadline());
    }

    fn close(&mut self, id: PeerId, turn: &mut TurnContext) {
        if let Some(mut peer) = self.peers.close(id, turn) {
            self.subscribers.unsubscribe_all(&mut peer.subscriptions, &mut turn.metrics);
        }
    }

    /// A connection for one request is closed before this, and costs no registration.
    fn register_new(&mut self, turn: &mut TurnContext) {
        for id in std::mem::take(&mut self.unregistered) {
            if let Err(error) = self.peers.register(id, turn) {
                log::warn!("connection closed, its socket cannot be registered: {error}");
                self.close(id, turn);
            }
        }
    }
}
