//! The only room with sockets, mio and a clock: it reads, writes and waits.
//!
//! ```text
//!   ┌─▶ wait ─▶ tell_time ─▶ accept_new ─▶ read_ready ─▶ settle ─▶ expire ─▶ write_pending ─▶ tell_listeners ─┐
//!   └──────────────────────────────────────── one turn ───────────────────────────────────────────────────────┘
//! ```
//!
//! Each loop has a thread, a listener for each address, and a state of its own; loops share the
//! journal and nothing else. Readiness is edge-triggered, and a hint: act until it would block, or
//! until the turn's share for one peer is spent; a token nobody sits behind is normal.
//!
//! An answer that waits for nothing leaves as soon as its peer has been read. One that waits for
//! the journal leaves at the end of the turn, when everything asked for in it has been settled.

pub mod clock;
pub mod peer;
pub mod peer_stats;
pub mod slab;
pub mod timer_queue;

use crate::api::read_context::ReadCache;
use crate::api::resources;
use crate::config::AllowedOrigins;
use crate::config::CompressionConfig;
use crate::config::Limits;
use crate::config::Timeouts;
use crate::connection::Due;
use crate::connection::turn_context::Terms;
use crate::http::content_coding;
use crate::metrics::browsers;
use crate::metrics::totals::{self, Count};
use crate::pubsub::subscribers::{Audience, Seats};
use crate::reactor::listener::{Accepted, Listener};
use crate::reactor::wakeup::Mailbox;
use crate::server::clock::Clock;
use crate::server::peer::{Calls, Next, Peer, Time};
use crate::server::slab::{RESERVED_TOKENS, Slots, index_of};
use crate::server::timer_queue::Timers;
use crate::store::committed::{Outcome, Settled, Ticket};
use crate::store::journal::Journal;
use crate::store::state::State;
use chrono::Local;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The rules of the house, the same for all loops.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub limits: Limits,
    pub timeouts: Timeouts,
    pub compression: CompressionConfig,
    pub origins: AllowedOrigins,
}

pub struct EventLoop<'r> {
    rules: &'r Rules,
    /// Connections open in all loops together.
    open: &'r AtomicUsize,
    poll: Poll,
    listeners: Vec<Listener>,
    mailbox: Mailbox,
    peers: Slots<Seat>,
    timers: Timers,
    clock: Clock,
    audience: Audience,
    /// The journal wakes this loop for every change of another.
    listening: bool,
    journal: Journal,
    state: State,
    cache: ReadCache,
    /// When a loop that was asked to end does so at the latest.
    ends_by: Option<Instant>,
    /// Whatever one read brings stands here; nobody keeps it beyond the turn.
    buffer: Vec<u8>,
    /// Empty buffers for answers, lent to who has something to say.
    spare: Vec<Vec<u8>>,
    settled: Vec<Settled>,
    /// Accepted in this turn, and not yet registered: most are gone again by its end.
    fresh: Vec<Token>,
    /// Answered by the journal in this turn.
    dirty: Vec<Token>,
    /// To be read on in the next turn without being told again.
    again: Vec<Token>,
}

/// A peer, and the socket it sits behind.
struct Seat {
    stream: TcpStream,
    peer: Peer,
}

impl Seats for Slots<Seat> {
    type Socket = TcpStream;

    fn seat(&mut self, token: Token) -> Option<(&mut Peer, &mut TcpStream)> {
        self.get_mut(token).map(|Seat { stream, peer }| (peer, stream))
    }
}

/// Bytes read from one socket at a time. Whoever has filled the buffer waits until the others have had
/// their turn: in frames of six bytes it holds the work of forty thousand.
const BUFFER_BYTES: usize = 256 * 1024;
/// Peers accepted on one listener before those that are connected get their turn.
const ACCEPTS_PER_TURN: usize = 256;
const EVENTS_PER_TURN: usize = 1024;
/// Buffers kept for answers, and the largest that is kept.
const SPARE_BUFFERS_MAX: usize = 256;
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// The token of the waker; those of the listeners follow.
pub const WAKER: Token = Token(RESERVED_TOKENS);

impl<'r> EventLoop<'r> {
    pub fn new(
        rules: &'r Rules,
        open: &'r AtomicUsize,
        poll: Poll,
        mailbox: Mailbox,
        listeners: Vec<TcpListener>,
        journal: Journal,
        state: State,
    ) -> io::Result<EventLoop<'r>> {
        let mut listeners: Vec<Listener> = listeners.into_iter().map(Listener::new).collect();
        for (n, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(&mut listener.socket, listener_token(n), Interest::READABLE)?;
        }
        Ok(EventLoop {
            rules,
            open,
            poll,
            listeners,
            mailbox,
            peers: Slots::default(),
            timers: Timers::default(),
            clock: Clock::new(Instant::now(), Local::now),
            audience: Audience::new(Instant::now()),
            listening: false,
            journal,
            state,
            cache: ReadCache::default(),
            ends_by: None,
            buffer: vec![0; BUFFER_BYTES],
            spare: Vec::new(),
            settled: Vec::new(),
            fresh: Vec::new(),
            dirty: Vec::new(),
            again: Vec::new(),
        })
    }

    /// Turns until it is asked to end and has done so.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        while !self.is_over() {
            self.turn(&mut events)?;
        }
        Ok(())
    }

    /// One turn. No answer leaves before the journal has settled what it answers.
    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        let terms = self.wait(events)?; // until a socket is ready, news arrives, or a wait ends
        content_coding::begin_turn(); // a share of compressing for all
        self.tell_time(&terms); // if a second has begun
        self.accept_new(&terms); // and try at once what the new peer may already have sent
        self.read_ready(events, &terms); // bytes -> calls -> outcomes -> journal
        self.settle(&terms); // what became true: state, answers
        self.expire(&terms); // waits that are over
        self.write_pending(&terms); // one write for each peer that has something
        self.tell_listeners(&terms); // what changed, to those who follow it
        self.register_fresh(); // whoever is still here
        totals::hand_in(); // what was counted in this turn
        browsers::hand_in(); // and for whom
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.ends_by.is_some_and(|end| self.peers.is_empty() || end <= self.clock.now())
    }

    /// Waits, and reads the clock: the one place where either happens.
    fn wait(&mut self, events: &mut Events) -> io::Result<Terms<'r>> {
        let now = self.clock.now();
        let idle = self.again.is_empty()
            && !self.audience.is_busy()
            && !self.listeners.iter_mut().any(|listener| listener.is_ready(now));
        let timeout =
            if idle { self.next_deadline().map(|deadline| deadline - now) } else { Some(Duration::ZERO) };
        totals::one(Count::CallsPoll);
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => self.clock.tick(Instant::now()),
        }
        let Rules { limits, timeouts, compression, origins } = self.rules;
        Ok(Terms { now: self.clock.now(), date: self.clock.date(), limits, timeouts, compression, origins })
    }

    fn next_deadline(&self) -> Option<Instant> {
        let rests = self.listeners.iter().filter_map(Listener::next_deadline);
        let positions = self.audience.next_deadline(&self.state);
        let others = [self.timers.next(), self.clock.next_announcement(), positions, self.ends_by];
        rests.chain(others.into_iter().flatten()).min().map(|deadline| deadline.max(self.clock.now()))
    }

    /// Tells the time to those who listen, before others come in this turn and hear it first thing.
    fn tell_time(&mut self, terms: &Terms) {
        let Some(news) = self.clock.announce() else { return };
        for token in self.clock.listeners() {
            let Some(Seat { peer, .. }) = self.peers.get_mut(token) else { continue };
            self.clock.go_on_listening(token);
            peer.connection.outbox().lend(&mut self.spare);
            peer.connection.push(&news, terms);
            self.dirty.push(token);
        }
    }

    fn accept_new(&mut self, terms: &Terms) {
        for n in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_PER_TURN {
                if !self.listeners[n].is_ready(terms.now) {
                    break;
                }
                if self.open.load(Ordering::Relaxed) >= terms.limits.connections_max {
                    self.listeners[n].rest(terms.now);
                    break;
                }
                let Accepted::Peer(stream) = self.listeners[n].accept(terms.now) else { break };
                self.open.fetch_add(1, Ordering::Relaxed);
                totals::one(Count::ConnectionsAccepted);
                totals::one(Count::ConnectionsOpen);
                let token = self.peers.insert(Seat { stream, peer: Peer::new(terms) });
                self.serve(token, terms);
                self.fresh.push(token);
            }
        }
    }

    fn read_ready(&mut self, events: &Events, terms: &Terms) {
        for token in std::mem::take(&mut self.again) {
            if let Some(Seat { peer, .. }) = self.peers.get_mut(token) {
                peer.taken_up();
            }
            self.serve(token, terms);
        }
        for event in events {
            match event.token() {
                WAKER => self.open_mailbox(terms),
                token if token.0 > WAKER.0 => self.listeners_ready(token),
                token => self.peer_ready(token, event, terms),
            }
        }
        // Those who wait at a listener since before the events were read.
        self.accept_new(terms);
    }

    fn listeners_ready(&mut self, token: Token) {
        if let Some(listener) = self.listeners.get_mut(token.0 - WAKER.0 - 1) {
            listener.pending = true;
        }
    }

    fn peer_ready(&mut self, token: Token, event: &Event, terms: &Terms) {
        let Some(Seat { peer, .. }) = self.peers.get_mut(token) else { return };
        if event.is_read_closed() || event.is_error() || is_urgent(event) {
            peer.told_special();
        } else if event.is_readable() {
            peer.told_readable();
        }
        if event.is_writable() && !peer.connection.outbox().is_empty() {
            self.flush(token, terms);
        }
        self.serve(token, terms);
    }

    /// Reads what the peer has sent and takes up its calls; then writes what can be said at once.
    fn serve(&mut self, token: Token, terms: &Terms) {
        let EventLoop { peers, buffer, spare, journal, state, cache, settled, clock, audience, .. } = self;
        let Some(Seat { stream, peer }) = peers.get_mut(token) else { return };
        let mut calls = Calls { journal, state, cache, settled, clock, audience };
        peer.connection.outbox().lend(spare);
        if let Err(error) = peer.read(buffer, stream, token, &mut calls, terms) {
            log::debug!("a peer is gone: {error}");
            return self.bury(token);
        }
        self.timers.enter(index_of(token), peer.connection.next_deadline());
        self.flush(token, terms);
    }

    fn open_mailbox(&mut self, terms: &Terms) {
        let asked_to_end = self.mailbox.open();
        self.journal.catch_up(&mut self.state, &mut self.settled);
        if asked_to_end && self.ends_by.is_none() {
            self.go_away(terms);
        }
    }

    /// Serves those who are connected already, and then no more.
    fn go_away(&mut self, terms: &Terms) {
        for listener in &mut self.listeners {
            listener.pending = true;
        }
        // Until nobody waits, or the listener has to rest.
        while self.listeners.iter_mut().any(|listener| listener.is_ready(terms.now)) {
            self.accept_new(terms);
        }
        for mut listener in self.listeners.drain(..) {
            // To close it is not enough where others hold the same socket: it would go on waking us.
            let _ = self.poll.registry().deregister(&mut listener.socket);
        }
        self.ends_by = Some(terms.now + terms.timeouts.drain);
        for token in self.peers.tokens() {
            if let Some(Seat { peer, .. }) = self.peers.get_mut(token) {
                peer.connection.go_away(terms);
                peer.answer_held(&mut self.audience, &self.state, &mut self.cache, terms, Time::IsOver);
                self.timers.enter(index_of(token), peer.connection.next_deadline());
                self.flush(token, terms);
            }
        }
    }

    /// Answers every call whose write has been decided.
    fn settle(&mut self, terms: &Terms) {
        self.journal.settle(&mut self.state, &mut self.settled);
        for settled in self.settled.drain(..) {
            if let Outcome::Changed(change) = &settled.outcome {
                self.audience.hear(change);
            }
            let Some(Ticket(ticket)) = settled.ticket else { continue };
            match settled.outcome {
                Outcome::Changed(_) => totals::one(Count::Changes),
                Outcome::Repeated(_) => totals::one(Count::Replays),
                Outcome::Refused(_) => {}
            }
            let token = Token(ticket as usize);
            let Some(Seat { peer, .. }) = self.peers.get_mut(token) else { continue };
            let answer = resources::answer_to(settled.outcome, &self.state);
            peer.connection.outbox().lend(&mut self.spare);
            peer.connection.answer(answer, terms);
            if self.dirty.last() != Some(&token) {
                self.dirty.push(token);
            }
        }
    }

    fn expire(&mut self, terms: &Terms) {
        while let Some(slot) = self.timers.due(terms.now) {
            let Some((token, _)) = self.peers.at(slot) else { continue };
            let Some(Seat { peer, .. }) = self.peers.get_mut(token) else { continue };
            match peer.connection.expire(terms) {
                Ok(due) => {
                    if due == Due::Answer {
                        peer.answer_held(
                            &mut self.audience,
                            &self.state,
                            &mut self.cache,
                            terms,
                            Time::IsOver,
                        );
                    }
                    self.timers.enter(slot, peer.connection.next_deadline());
                    self.flush(token, terms);
                }
                Err(fault) => {
                    log::debug!("a peer is dropped: {fault}");
                    self.bury(token);
                }
            }
        }
    }

    fn write_pending(&mut self, terms: &Terms) {
        for token in std::mem::take(&mut self.dirty) {
            // An answer that waited for the journal may have begun another wait.
            if let Some(Seat { peer, .. }) = self.peers.get_mut(token) {
                self.timers.enter(index_of(token), peer.connection.next_deadline());
            }
            self.flush(token, terms);
        }
    }

    /// Tells those who follow something what became true in this turn.
    fn tell_listeners(&mut self, terms: &Terms) {
        let told = self.audience.tell(&mut self.peers, &self.state, &mut self.cache, terms);
        for token in told.asked {
            let Some(Seat { peer, .. }) = self.peers.get_mut(token) else { continue };
            peer.answer_held(&mut self.audience, &self.state, &mut self.cache, terms, Time::Runs);
            self.dirty.push(token);
        }
        self.dirty.extend(told.pending);
        self.write_pending(terms);
        if self.listening == self.audience.is_empty() {
            self.listening = !self.listening;
            self.journal.listen(self.listening);
        }
    }

    /// Writes what waits, and does with the peer what is to be done with it then.
    fn flush(&mut self, token: Token, terms: &Terms) {
        let Some(Seat { stream, peer }) = self.peers.get_mut(token) else { return };
        let next = peer.write(stream, terms);
        if let Some(buffer) = peer.connection.outbox().give_back()
            && self.spare.len() < SPARE_BUFFERS_MAX
            && buffer.capacity() <= SPARE_BYTES_MAX
        {
            self.spare.push(buffer);
        }
        match next {
            Ok(Next::Rest) => self.audience.has_room(peer, token),
            Ok(Next::Blocked) => self.timers.enter(index_of(token), peer.connection.next_deadline()),
            Ok(Next::Again) => {
                self.timers.enter(index_of(token), peer.connection.next_deadline());
                self.again.push(token);
            }
            Ok(Next::Linger) => self.linger(token, terms),
            Ok(Next::Close) => self.bury(token),
            Err(error) => {
                log::debug!("a peer is gone: {error}");
                self.bury(token);
            }
        }
    }

    fn linger(&mut self, token: Token, terms: &Terms) {
        let Some(Seat { stream, peer }) = self.peers.get_mut(token) else { return };
        if crate::reactor::socket::end_writing(stream).is_err() {
            return self.bury(token);
        }
        if peer.linger(terms) == Next::Again {
            self.again.push(token);
        }
        self.timers.enter(index_of(token), peer.connection.next_deadline());
    }

    /// Dropping the stream closes it, which also ends its registration.
    fn bury(&mut self, token: Token) {
        if let Some(mut seat) = self.peers.remove(token) {
            self.audience.dismiss(&mut seat.peer);
            self.open.fetch_sub(1, Ordering::Relaxed);
            totals::one_less(Count::ConnectionsOpen);
            totals::one(Count::CallsClose);
        }
    }

    /// A connection for one request is gone before this, and has cost no registration.
    fn register_fresh(&mut self) {
        for token in std::mem::take(&mut self.fresh) {
            let Some(Seat { stream, .. }) = self.peers.get_mut(token) else { continue };
            totals::one(Count::CallsRegister);
            if let Err(error) = self.poll.registry().register(stream, token, interest()) {
                log::warn!("a new peer cannot be registered, and is dropped: {error}");
                self.bury(token);
            }
        }
    }
}

fn interest() -> Interest {
    let both = Interest::READABLE | Interest::WRITABLE;
    #[cfg(target_os = "linux")]
    let both = both | Interest::PRIORITY;
    both
}

fn is_urgent(event: &Event) -> bool {
    #[cfg(target_os = "linux")]
    return event.is_priority();
    #[cfg(not(target_os = "linux"))]
    return false;
}

fn listener_token(n: usize) -> Token {
    Token(WAKER.0 + 1 + n)
}
