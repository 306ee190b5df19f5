//! A loop without sockets: peers with everything behind them, driven as the event loop drives them,
//! turn by turn. Whoever uses it plays the network and the clock.

use super::readers::LIMITS;
use bothways::api::read_context::ReadCache;
use bothways::api::resources;
use bothways::config::AllowedOrigins;
use bothways::config::CompressionConfig;
use bothways::config::Timeouts;
use bothways::connection::Due;
use bothways::connection::outbox::{Outbox, SLICES_MAX};
use bothways::connection::turn_context::Terms;
use bothways::http::parsed::Parsed;
use bothways::pubsub::subscribers::{Audience, Seats};
use bothways::reactor::socket::{Filled, Socket, Then};
use bothways::server::clock::Clock;
use bothways::server::peer::{Calls, Next, Peer, Time};
use bothways::server::slab::{Slots, index_of};
use bothways::server::timer_queue::Timers;
use bothways::store::committed::{Outcome, Settled, Ticket};
use bothways::store::idempotency_table::{Bounds, Keys};
use bothways::store::journal::{self, Journal};
use bothways::store::state::State;
use bothways::websocket::frame::{Header, Opcode};
use bothways::websocket::permessage_deflate::deflated_bytes_max;
use chrono::{DateTime, Local};
use mio::Token;
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

/// So few and so short that they are forgotten, too.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(100), keys_max: 2, bytes_max: 1000 };

static ORIGINS: AllowedOrigins = AllowedOrigins::NONE;

pub struct House {
    pub wires: Vec<Wire>,
    /// Turns for which the journal settles nothing.
    pub journal_rests: usize,
    seats: Slots<Seat>,
    timers: Timers,
    clock: Clock,
    audience: Audience,
    journal: Journal,
    state: State,
    cache: ReadCache,
    settled: Vec<Settled>,
    dirty: Vec<Token>,
    again: Vec<Token>,
    spare: Vec<Vec<u8>>,
    buffer: Vec<u8>,
    start: Instant,
    now: Instant,
}

struct Seat {
    peer: Peer,
    wire: usize,
}

/// A socket that was full says that it can be written to when it takes so many bytes.
const WRITABLE_BYTES: usize = 20;

struct Places<'h> {
    seats: &'h mut Slots<Seat>,
    wires: &'h mut Vec<Wire>,
}

impl Seats for Places<'_> {
    type Socket = Wire;

    fn seat(&mut self, token: Token) -> Option<(&mut Peer, &mut Wire)> {
        let Seat { peer, wire } = self.seats.get_mut(token)?;
        Some((peer, &mut self.wires[*wire]))
    }
}

/// The network between a peer and us, in the place of a socket.
#[derive(Default)]
pub struct Wire {
    /// None before it is accepted, and when it is closed.
    seat: Option<Token>,
    state: WireState,
    /// Brought here, and not read.
    inbox: Vec<u8>,
    /// A read stops there once: an octet of urgent data.
    mark: Option<usize>,
    is_ended: bool,
    is_reset: bool,
    /// How many bytes it still takes, and whether it had to say that it takes none.
    room: usize,
    is_blocked: bool,
    /// Readiness that the loop has not been told.
    news: News,
    /// Our side of the stream is ended.
    write_is_ended: bool,
    /// What the peer has been sent.
    pub taken: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum WireState {
    #[default]
    AtTheDoor,
    Open,
    Closed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct News {
    readable: bool,
    special: bool,
    writable: bool,
}

impl House {
    /// With empty collections of these names. `buffer_bytes` are read at a time.
    pub fn new(names: &[String], buffer_bytes: usize) -> House {
        let now = Instant::now();
        WALL_MS.set(0);
        House {
            wires: Vec::new(),
            journal_rests: 0,
            seats: Slots::default(),
            timers: Timers::default(),
            clock: Clock::new(now, wall),
            audience: Audience::new(now),
            journal: journal::in_memory(0, Keys::new(BOUNDS, 0), vec![Box::new(|| ())]).remove(0),
            state: State::new(EPOCH, names, 1 << 20),
            cache: ReadCache::default(),
            settled: Vec::new(),
            dirty: Vec::new(),
            again: Vec::new(),
            spare: Vec::new(),
            buffer: vec![0; buffer_bytes],
            start: now,
            now,
        }
    }

    /// A peer comes, and is accepted in the next turn.
    pub fn arrive(&mut self) -> usize {
        self.wires.push(Wire::default());
        self.wires.len() - 1
    }

    pub fn bring(&mut self, peer: usize, bytes: &[u8]) {
        let wire = &mut self.wires[peer];
        assert!(!wire.is_ended, "nothing comes behind the end");
        wire.inbox.extend_from_slice(bytes);
        wire.news.readable = true;
    }

    /// As `bring`, and the first byte of it is urgent.
    pub fn bring_urgent(&mut self, peer: usize, bytes: &[u8]) {
        self.wires[peer].mark = Some(self.wires[peer].inbox.len());
        self.wires[peer].news.special = true;
        self.bring(peer, bytes);
    }

    /// The peer ends its side.
    pub fn end(&mut self, peer: usize) {
        self.wires[peer].is_ended = true;
        self.wires[peer].news = News { readable: true, special: true, writable: false };
    }

    pub fn reset(&mut self, peer: usize) {
        self.wires[peer].is_reset = true;
        self.wires[peer].news = News { readable: true, special: true, writable: true };
    }

    /// The peer takes so many bytes more.
    pub fn take(&mut self, peer: usize, bytes: usize) {
        let wire = &mut self.wires[peer];
        wire.room = wire.room.saturating_add(bytes);
        // As a kernel does, which says nothing for a few bytes.
        if wire.room >= WRITABLE_BYTES {
            wire.news.writable |= std::mem::take(&mut wire.is_blocked);
        }
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        WALL_MS.set((self.now - self.start).as_millis() as i64);
    }

    /// One turn, in the order of `EventLoop::turn`.
    pub fn turn(&mut self) {
        self.clock.tick(self.now);
        let terms = self.terms();
        self.tell_time(&terms);
        self.accept_new(&terms);
        self.read_ready(&terms);
        self.settle(&terms);
        self.expire(&terms);
        self.write_pending(&terms);
        self.tell_listeners(&terms);
        self.check_memory();
    }

    fn terms(&self) -> Terms<'static> {
        let date = *b"Sun, 06 Nov 1994 08:49:37 GMT";
        Terms {
            now: self.now,
            date,
            limits: &LIMITS,
            timeouts: &Timeouts::DEFAULT,
            compression: &CompressionConfig::DEFAULT,
            origins: &ORIGINS,
        }
    }

    fn tell_time(&mut self, terms: &Terms) {
        let Some(news) = self.clock.announce() else { return };
        for token in self.clock.listeners() {
            let Some(Seat { peer, .. }) = self.seats.get_mut(token) else { continue };
            self.clock.go_on_listening(token);
            peer.connection.outbox().lend(&mut self.spare);
            peer.connection.push(&news, terms);
            self.dirty.push(token);
        }
    }

    fn accept_new(&mut self, terms: &Terms) {
        for wire in 0..self.wires.len() {
            if self.wires[wire].state == WireState::AtTheDoor {
                let token = self.seats.insert(Seat { peer: Peer::new(terms), wire });
                self.wires[wire].state = WireState::Open;
                self.wires[wire].seat = Some(token);
                self.serve(token, terms);
                // Registering tells of all that is ready at that moment.
                let wire = &mut self.wires[wire];
                wire.news.readable = true;
                wire.news.special |= wire.is_ended || wire.is_reset;
            }
        }
    }

    fn read_ready(&mut self, terms: &Terms) {
        for token in std::mem::take(&mut self.again) {
            if let Some(Seat { peer, .. }) = self.seats.get_mut(token) {
                peer.taken_up();
            }
            self.serve(token, terms);
        }
        for wire in 0..self.wires.len() {
            let news = std::mem::take(&mut self.wires[wire].news);
            if let (Some(token), true) = (self.wires[wire].seat, news != News::default()) {
                self.peer_ready(token, news, terms);
            }
        }
    }

    fn peer_ready(&mut self, token: Token, news: News, terms: &Terms) {
        let Some(Seat { peer, .. }) = self.seats.get_mut(token) else { return };
        if news.special {
            peer.told_special();
        } else if news.readable {
            peer.told_readable();
        }
        if news.writable && !peer.connection.outbox().is_empty() {
            self.flush(token, terms);
        }
        self.serve(token, terms);
    }

    fn serve(&mut self, token: Token, terms: &Terms) {
        let House { wires, seats, buffer, spare, journal, state, cache, settled, clock, audience, .. } = self;
        let Some(Seat { peer, wire }) = seats.get_mut(token) else { return };
        let mut calls = Calls { journal, state, cache, settled, clock, audience };
        peer.connection.outbox().lend(spare);
        let wire = &mut wires[*wire];
        if peer.read(buffer, wire, token, &mut calls, terms).is_err() {
            return self.bury(token);
        }
        self.timers.enter(index_of(token), peer.connection.next_deadline());
        self.flush(token, terms);
    }

    fn settle(&mut self, terms: &Terms) {
        if self.journal_rests > 0 {
            self.journal_rests -= 1;
            return;
        }
        self.journal.settle(&mut self.state, &mut self.settled);
        for settled in self.settled.drain(..) {
            if let Outcome::Changed(change) = &settled.outcome {
                self.audience.hear(change);
            }
            let Some(Ticket(ticket)) = settled.ticket else { continue };
            let token = Token(ticket as usize);
            let Some(Seat { peer, .. }) = self.seats.get_mut(token) else { continue };
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
            let Some((token, _)) = self.seats.at(slot) else { continue };
            let Some(Seat { peer, .. }) = self.seats.get_mut(token) else { continue };
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
                Err(_) => self.bury(token),
            }
        }
    }

    fn write_pending(&mut self, terms: &Terms) {
        for token in std::mem::take(&mut self.dirty) {
            if let Some(Seat { peer, .. }) = self.seats.get_mut(token) {
                self.timers.enter(index_of(token), peer.connection.next_deadline());
            }
            self.flush(token, terms);
        }
    }

    fn tell_listeners(&mut self, terms: &Terms) {
        let House { audience, seats, wires, state, cache, .. } = self;
        let told = audience.tell(&mut Places { seats, wires }, state, cache, terms);
        for token in told.asked {
            let Some(Seat { peer, .. }) = self.seats.get_mut(token) else { continue };
            peer.answer_held(&mut self.audience, &self.state, &mut self.cache, terms, Time::Runs);
            self.dirty.push(token);
        }
        self.dirty.extend(told.pending);
        self.write_pending(terms);
    }

    fn flush(&mut self, token: Token, terms: &Terms) {
        let Some(Seat { peer, wire }) = self.seats.get_mut(token) else { return };
        let wire = &mut self.wires[*wire];
        let next = peer.write(wire, terms);
        self.spare.extend(peer.connection.outbox().give_back());
        match next {
            Ok(Next::Rest) => self.audience.has_room(peer, token),
            Ok(Next::Blocked) => self.timers.enter(index_of(token), peer.connection.next_deadline()),
            Ok(Next::Again) => self.again.push(token),
            Ok(Next::Linger) => {
                wire.write_is_ended = true;
                if peer.linger(terms) == Next::Again {
                    self.again.push(token);
                }
                self.timers.enter(index_of(token), peer.connection.next_deadline());
            }
            Ok(Next::Close) | Err(_) => self.bury(token),
        }
    }

    fn bury(&mut self, token: Token) {
        if let Some(Seat { wire, mut peer }) = self.seats.remove(token) {
            self.audience.dismiss(&mut peer);
            (self.wires[wire].seat, self.wires[wire].state) = (None, WireState::Closed);
        }
    }

    /// What is held for a peer is bounded, whatever it does.
    fn check_memory(&mut self) {
        let bytes_max = held_bytes_max(self.buffer.len());
        for wire in &self.wires {
            if let Some(Seat { peer, .. }) = wire.seat.and_then(|token| self.seats.get_mut(token)) {
                let held = peer.connection.held_bytes();
                assert!(held <= bytes_max, "{held} bytes are held for one peer, more than {bytes_max}");
            }
        }
    }

    /// Turns until nobody has anything more to do before something comes or time passes. Whoever
    /// pauses then does so for ever, but for one that does not read.
    pub fn until_quiet(&mut self) {
        let mut turns = 0;
        while !self.is_quiet() {
            self.turn();
            turns += 1;
            assert!(turns < 100_000, "it never comes to rest");
        }
        for wire in &self.wires {
            if let Some(Seat { peer, .. }) = wire.seat.and_then(|token| self.seats.get_mut(token)) {
                assert!(!peer.is_paused() || wire.is_blocked, "a peer pauses, and nothing will wake it");
                assert!(wire.inbox.is_empty() || wire.is_blocked, "what came is not read");
            }
        }
    }

    fn is_quiet(&self) -> bool {
        let has_news = |wire: &Wire| wire.state == WireState::AtTheDoor || wire.news != News::default();
        self.again.is_empty()
            && self.dirty.is_empty()
            && !self.audience.is_busy()
            && !self.journal.is_waiting()
            && !self.wires.iter().any(|wire| wire.state != WireState::Closed && has_news(wire))
    }

    /// Nobody says or takes anything any more: every peer is gone when its waits are over.
    pub fn until_all_are_gone(&mut self) {
        self.until_quiet();
        let mut waits = 0;
        while !self.seats.is_empty() {
            let Some(next) = self.timers.next() else {
                let mut here = self.wires.iter().filter_map(|wire| wire.seat);
                let seat = here.next().and_then(|token| self.seats.get_mut(token)).expect("a seat is taken");
                panic!("it is here, and nothing is waited for: {:?}", seat.peer.connection);
            };
            self.pass(next.saturating_duration_since(self.now));
            self.turn();
            self.until_quiet();
            waits += 1;
            assert!(waits < 100 * (self.wires.len() + 1), "it goes on waiting for ever");
        }
    }

    pub fn is_gone(&self, peer: usize) -> bool {
        self.wires[peer].state == WireState::Closed
    }

    /// Is the peer to get nothing more?
    pub fn has_ended(&self, peer: usize) -> bool {
        self.is_gone(peer) || self.wires[peer].write_is_ended
    }

    pub fn state(&self) -> &State {
        &self.state
    }
}

impl Socket for Wire {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<Filled> {
        if self.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if self.inbox.is_empty() {
            return Ok(if self.is_ended { Filled::End } else { Filled::WouldBlock });
        }
        let mut bytes = buffer.len().min(self.inbox.len());
        if let Some(mark) = self.mark {
            bytes = if mark > 0 { bytes.min(mark) } else { bytes };
            self.mark = (mark > bytes).then(|| mark - bytes);
        }
        buffer[..bytes].copy_from_slice(&self.inbox[..bytes]);
        self.inbox.drain(..bytes);
        Ok(Filled::Bytes(bytes))
    }

    fn drain(&mut self, outbox: &Outbox, behind: &[u8], _: Then) -> io::Result<Option<usize>> {
        assert!(!self.write_is_ended, "nothing is written behind the end");
        if self.is_reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.room == 0 {
            self.is_blocked = true;
            return Ok(None);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = outbox.slices(behind, &mut slices);
        let before = self.taken.len();
        for slice in &slices[..count] {
            let bytes = slice.len().min(self.room);
            self.taken.extend_from_slice(&slice[..bytes]);
            self.room -= bytes;
        }
        Ok(Some(self.taken.len() - before))
    }
}

/// What may be held for one peer where `buffer_bytes` are read at a time: the beginning of a head, a
/// body or a message and one buffer, each in memory that grew by doubling; and on the way out, what
/// stops reading, a batch of answers, and the answers of all that may wait together.
pub fn held_bytes_max(buffer_bytes: usize) -> usize {
    let message_bytes_max = deflated_bytes_max(LIMITS.message_bytes_max);
    let in_bytes = buffer_bytes + LIMITS.head_bytes_max + LIMITS.body_bytes_max + message_bytes_max;
    2 * in_bytes + 2 * LIMITS.outbox_bytes_max + (LIMITS.calls_waiting_max + 2) * ANSWER_BYTES_MAX
}

/// No answer in these tests is longer, lists included.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

thread_local! {
    static WALL_MS: Cell<i64> = const { Cell::new(0) };
}

fn wall() -> DateTime<Local> {
    DateTime::from_timestamp_millis(WALL_MS.get()).expect("a time in this century").with_timezone(&Local)
}

/// The same for all, so that every position has the same name.
const EPOCH: u32 = 0x3f9c2a7b;

/// When writes are settled, and how fast the peer takes what is written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At the end of the turn, and everything.
    Prompt,
    /// Turns later, and a few bytes a turn.
    Late,
}

/// What a peer is sent that comes in these pieces, and then ends its side.
pub fn drive(pace: Pace, pieces: &[&[u8]]) -> Vec<u8> {
    let mut house = House::new(&["tasks".to_owned()], 1024);
    let peer = house.arrive();
    let take = |house: &mut House| match pace {
        Pace::Prompt => house.take(peer, usize::MAX),
        Pace::Late => house.take(peer, FEW_BYTES),
    };
    for piece in pieces {
        house.bring(peer, piece);
        take(&mut house);
        house.journal_rests = if pace == Pace::Late { 2 } else { 0 };
        house.turn();
        if pace == Pace::Prompt {
            house.until_quiet();
        }
    }
    house.end(peer);
    let mut turns = 0;
    while !house.is_gone(peer) {
        take(&mut house);
        house.turn();
        turns += 1;
        assert!(turns < 1_000_000, "the peer has ended, and the connection has not");
    }
    std::mem::take(&mut house.wires[peer].taken)
}

/// However the bytes are cut, the peer is sent the same.
pub fn check(bytes: &[u8], pieces: &[&[u8]]) {
    let whole = drive(Pace::Prompt, &[bytes]);
    let cut = drive(Pace::Prompt, pieces);
    let late = drive(Pace::Late, pieces);
    let text = |said: &[u8]| said.escape_ascii().to_string();
    // Whoever expects 100 (Continue) and has sent the body already needs no invitation to send it.
    if bytes.to_ascii_lowercase().windows(6).any(|word| word == b"expect") {
        return;
    }
    // On a socket an echo or a pong may overtake an answer that waits for the journal.
    if let (Some(whole), Some(cut)) = (words(&whole), words(&cut)) {
        // Whoever breaks the rules has heard the last of what it asked before.
        if !whole.iter().any(|(opcode, payload)| *opcode == Opcode::Close && is_fault(payload)) {
            assert_eq!(sorted(cut), sorted(whole), "cut");
        }
        return;
    }
    assert_eq!(text(&cut), text(&whole), "cut");
    assert_eq!(text(&late), text(&whole), "cut, with a late journal and a slow reader");
}

/// A peer that falls silent behind its last piece, or does not read on, is gone when its waits are
/// over; whatever time passes between its pieces.
pub fn check_waits(pieces: &[&[u8]], seconds: &[u8]) {
    let mut house = House::new(&["tasks".to_owned()], 64);
    let peer = house.arrive();
    let mut seconds = seconds.iter().cycle();
    for piece in pieces {
        let &second = seconds.next().unwrap_or(&0);
        house.bring(peer, piece);
        house.take(peer, if second % 2 == 0 { usize::from(second) } else { usize::MAX });
        house.journal_rests = usize::from(second % 4);
        house.turn();
        // Most of the letters are no time at all.
        house.pass(Duration::from_secs(u64::from(second.saturating_sub(b'w')) * 5));
        house.until_quiet();
    }
    house.until_all_are_gone();
}

/// The control frames and the messages, fragments joined, behind the head of a 101, if there is one.
pub fn words(said: &[u8]) -> Option<Vec<(Opcode, Vec<u8>)>> {
    let start = said.windows(SWITCHING.len()).position(|line| line == SWITCHING)?;
    let end = said[start..].windows(4).position(|line| line == b"\r\n\r\n")?;
    let mut rest = &said[start + end + 4..];
    let (mut words, mut open) = (Vec::<(Opcode, Vec<u8>)>::new(), None);
    while let Ok(Parsed::Whole { value: header, used }) = Header::parse(rest) {
        let Some(payload) = rest[used..].get(..header.payload_bytes as usize) else { break };
        let is_continued = header.opcode == Opcode::Continuation;
        if !header.opcode.is_control() {
            assert_eq!(open.is_some(), is_continued, "fragments of one message follow each other");
        }
        match open {
            Some(message) if is_continued => {
                let (_, joined): &mut (Opcode, Vec<u8>) = &mut words[message];
                joined.extend_from_slice(payload);
                open = open.filter(|_| !header.fin);
            }
            _ => {
                words.push((header.opcode, payload.to_vec()));
                open = if header.fin { open } else { Some(words.len() - 1) };
            }
        }
        rest = &rest[used + payload.len()..];
    }
    Some(words)
}

const SWITCHING: &[u8] = b"HTTP/1.1 101 ";

fn is_fault(close: &[u8]) -> bool {
    let code = close.first_chunk().map(|code| u16::from_be_bytes(*code));
    matches!(code, Some(1002 | 1003 | 1007..=1009))
}

fn sorted(mut frames: Vec<(Opcode, Vec<u8>)>) -> Vec<String> {
    frames.sort_by(|(_, a), (_, b)| a.cmp(b));
    frames.iter().map(|(opcode, payload)| format!("{opcode:?} {}", payload.escape_ascii())).collect()
}

/// Fewer than any answer has.
const FEW_BYTES: usize = 7;
