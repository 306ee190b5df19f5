//! The server loop over a simulated network: sockets in memory, and a clock that the test advances.
//!
//! ```text
//!   test ── connect, send, receive, reset ──▶ SimulatedSockets ◀── Sockets ── ServerLoop::turn
//!      └─── advance ──▶ Instant ──────────────────────────────────────────────────▲
//! ```
//!
//! The turn is the one that serves. Only what the reactor and the committer's thread do is simulated: readiness, time,
//! and when a queued batch is committed.

use super::readers::LIMITS;
use super::simulated_sockets::{SimulatedSocket, SimulatedSockets, SocketState};
use bothways::config::{AllowedOrigins, CompressionConfig, ServerConfig, Timeouts};
use bothways::connection::turn_context::TurnContext;
use bothways::metrics::loop_metrics::Metrics;
use bothways::pubsub::peer_table::PeerId;
use bothways::server::ServerLoop;
use bothways::store::commit_log::{SharedLog, Wake};
use bothways::store::committer::{Committer, Sync};
use bothways::store::disk::change_rows::Keeps;
use bothways::store::disk::durable_store::{Epoch, OnDisk, no_progress};
use bothways::store::disk::store_error::StoreError;
use bothways::store::idempotency_table::{Bounds, Keys};
use bothways::store::journal::{self, Journal};
use bothways::store::state::State;
use bothways::store::write_queue::{Taken, WriteQueue};
use bothways::websocket::permessage_deflate::deflated_bytes_max;
use chrono::{DateTime, Local};
use redb::backends::InMemoryBackend;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub struct Simulation {
    server: ServerLoop<SimulatedSockets>,
    turn: TurnContext<'static>,
    committer: Option<SimulatedCommitter>,
    /// Turns before the committer takes what is queued.
    pub commit_delay: usize,
    /// The journal wants another turn.
    woken: Arc<AtomicBool>,
    buffer_bytes: usize,
    start: Instant,
    now: Instant,
}

/// Who decides and commits the writes of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// The loop itself, in memory.
    Inline,
    /// The committer, from its queue, to a store.
    Queued,
}

static CONFIG: ServerConfig = ServerConfig {
    limits: LIMITS,
    timeouts: Timeouts::DEFAULT,
    compression: CompressionConfig::DEFAULT,
    origins: AllowedOrigins::NONE,
};

/// The same in every run, so that positions have the same text.
const EPOCH: u32 = 0x3f9c2a7b;
/// So few and so short that they are evicted, too.
const RETENTION: Bounds = Bounds { time: Duration::from_secs(100), keys_max: 2, bytes_max: 1000 };
const HISTORY: Keeps = Keeps { changes_max: 1000, bytes_max: 1 << 20 };
const HISTORY_BYTES: usize = 1 << 20;
const QUEUE_BYTES_MAX: usize = 1 << 20;

impl Simulation {
    /// Starts a server with empty collections of these names, which reads `buffer_bytes` at a time.
    pub fn new(names: &[String], buffer_bytes: usize, commits: Commits) -> Simulation {
        let now = Instant::now();
        let woken = Arc::new(AtomicBool::new(false));
        let flag = woken.clone();
        let wake: Wake = Box::new(move || flag.store(true, Ordering::Relaxed));
        let (journal, state, committer) = match commits {
            Commits::Inline => {
                let journal = journal::in_memory(0, Keys::new(RETENTION, 0), vec![wake]).remove(0);
                (journal, State::new(EPOCH, names, HISTORY_BYTES), None)
            }
            Commits::Queued => {
                let (committer, journal) = SimulatedCommitter::new(names, wake);
                (journal, committer.state.fork(), Some(committer))
            }
        };
        let open = Arc::new(AtomicUsize::new(0));
        let server = ServerLoop::new(SimulatedSockets::default(), open, journal, state, buffer_bytes, now);
        let turn = TurnContext::new(&CONFIG, Metrics::default(), now);
        Simulation { server, turn, committer, commit_delay: 0, woken, buffer_bytes, start: now, now }
    }

    /// A peer connects. The next turn accepts it.
    pub fn connect(&mut self) -> usize {
        self.server.sockets_mut().all.push(SimulatedSocket::default());
        self.server.sockets().all.len() - 1
    }

    /// Returns a peer's end of its connection.
    pub fn peer(&mut self, peer: usize) -> &mut SimulatedSocket {
        &mut self.server.sockets_mut().all[peer]
    }

    /// Returns what a peer was sent so far.
    pub fn received(&self, peer: usize) -> &[u8] {
        &self.server.sockets().all[peer].received
    }

    pub fn advance(&mut self, time: Duration) {
        self.now += time;
    }

    pub fn turn(&mut self) {
        let wall_ms = (self.now - self.start).as_millis() as i64;
        let read_wall_clock = || DateTime::from_timestamp_millis(wall_ms).expect("a time in this century");
        self.woken.store(false, Ordering::Relaxed);
        self.server.begin_turn(self.now, || read_wall_clock().with_timezone(&Local), &mut self.turn);
        let ready = self.server.sockets_mut().take_ready();
        self.server.turn(&ready, &mut self.turn);
        if self.commit_delay > 0 {
            self.commit_delay -= 1;
            self.woken.store(true, Ordering::Relaxed);
        } else if let Some(committer) = &mut self.committer {
            committer.commit(self.now);
        }
        self.check_memory();
    }

    /// Lets the server stop accepting and drain its connections.
    pub fn request_shutdown(&mut self) {
        self.server.request_shutdown();
        self.woken.store(true, Ordering::Relaxed);
    }

    /// What is held for a peer is bounded, whatever it does.
    fn check_memory(&self) {
        let bytes_max = held_bytes_max(self.buffer_bytes);
        for peer in
            self.server.sockets().all.iter().filter_map(|socket| self.server.peer(PeerId(socket.token?)))
        {
            let held = peer.connection.held_bytes();
            assert!(held <= bytes_max, "{held} bytes are held for one peer, more than {bytes_max}");
        }
    }

    /// Runs turns until nothing is left to do before a peer acts or time passes. A peer that is paused then stays so,
    /// unless it does not read.
    pub fn run_until_quiet(&mut self) {
        let mut turns = 0;
        while !self.is_quiet() {
            self.turn();
            turns += 1;
            assert!(turns < 100_000, "it never comes to rest");
        }
        for socket in &self.server.sockets().all {
            if let Some(peer) = socket.token.and_then(|token| self.server.peer(PeerId(token))) {
                assert!(!peer.is_paused() || socket.is_blocked, "a peer is paused, and nothing will wake it");
                assert!(socket.inbox.is_empty() || socket.is_blocked, "what was sent is not read");
            }
        }
    }

    fn is_quiet(&mut self) -> bool {
        !self.server.has_work()
            && !self.woken.load(Ordering::Relaxed)
            && !self.server.sockets().all.iter().any(|socket| socket.token.is_some() && socket.ready.is_any())
    }

    /// Nobody sends or receives any more: every peer is closed when its timers have fired.
    pub fn run_until_all_closed(&mut self) {
        self.run_until_quiet();
        let end = self.now + Duration::from_secs(3600);
        while self.server.sockets().all.iter().any(|socket| socket.state != SocketState::Closed) {
            let next = self.server.next_deadline().expect("a peer is connected, and no timer runs for it");
            self.advance(next.saturating_duration_since(self.now));
            assert!(self.now < end, "a silent peer stays connected for ever");
            self.turn();
            self.run_until_quiet();
        }
    }

    pub fn is_closed(&self, peer: usize) -> bool {
        self.server.sockets().all[peer].state == SocketState::Closed
    }

    /// Returns whether the peer will be sent nothing more.
    pub fn has_ended(&self, peer: usize) -> bool {
        self.is_closed(peer) || self.server.sockets().all[peer].write_is_shut
    }

    pub fn state(&self) -> &State {
        self.server.state()
    }
}

/// The committer, its queue and its store in memory.
struct SimulatedCommitter {
    committer: Committer,
    queue: Arc<WriteQueue>,
    state: State,
}

impl SimulatedCommitter {
    fn new(names: &[String], wake: Wake) -> (SimulatedCommitter, Journal) {
        let mut store =
            OnDisk::open_with(InMemoryBackend::new(), Epoch::Begin(EPOCH), HISTORY, &no_progress()).unwrap();
        store.declare(names).unwrap();
        let state = State::stocked(store.load(&*no_progress()).unwrap(), HISTORY_BYTES);
        let log = Arc::new(SharedLog::new(0, None, vec![wake]));
        let queue = Arc::new(WriteQueue::new(QUEUE_BYTES_MAX));
        let journal = journal::kept(1, log.clone(), &queue).remove(0);
        let reopen = Box::new(|| Err(StoreError::Empty));
        let committer =
            Committer::new(store, reopen, state.fork(), Keys::new(RETENTION, 0), log, Sync::Always);
        (SimulatedCommitter { committer, queue, state }, journal)
    }

    /// Commits everything that is queued as one batch.
    fn commit(&mut self, now: Instant) {
        if let Taken::Writes(writes) = self.queue.take(Some(Duration::ZERO)) {
            self.committer.settle(writes, now);
        }
    }
}

/// Bytes that may be held for one peer where `buffer_bytes` are read at a time: the beginning of a head, a body or a
/// message and one buffer, each in memory that grew by doubling; and output until reading stops, a batch of answers,
/// and the answers of all calls that may wait together.
pub fn held_bytes_max(buffer_bytes: usize) -> usize {
    let message_bytes_max = deflated_bytes_max(LIMITS.message_bytes_max);
    let in_bytes = buffer_bytes + LIMITS.head_bytes_max + LIMITS.body_bytes_max + message_bytes_max;
    2 * in_bytes + 2 * LIMITS.outbox_bytes_max + (LIMITS.calls_waiting_max + 2) * ANSWER_BYTES_MAX
}

/// No answer in these tests is longer, lists included.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
