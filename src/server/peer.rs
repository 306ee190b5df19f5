//! One peer in its loop: when it is read, when it pauses, and what becomes of it.
//!
//! ```text
//!   told ─▶ read: fill … take in … calls ─▶ write: drain … ─▶ Next
//! ```
//!
//! Its socket is only met as a [`Socket`]. So a test can take its part, and every short read, short
//! write and reset can be had without one.

use crate::api::outcome::Outcome;
use crate::api::read_context::{ReadCache, ReadContext};
use crate::api::routes;
use crate::api::topic::{Follow, Interest};
use crate::connection::connection_event::Step;
use crate::connection::turn_context::Terms;
use crate::connection::{Connection, Fate};
use crate::error::ApiError;
use crate::metrics::totals::{self, Count};
use crate::model::call::{Answer, Body, Call, Talk, Wish};
use crate::pubsub::subscribers::{Audience, Subscription};
use crate::pubsub::topics::ChannelId;
use crate::reactor::socket::{Filled, Socket, Then};
use crate::server::clock::Clock;
use crate::server::peer_stats::Guest;
use crate::store::committed::{Settled, Ticket};
use crate::store::journal::Journal;
use crate::store::state::State;
use mio::Token;
use std::io;

pub struct Peer {
    pub connection: Connection,
    /// The socket may have more to read.
    readable: bool,
    /// A short read need not mean that the socket is empty: there is an end, an error, or an octet
    /// of urgent data, at which the kernel cuts a read short.
    eager: bool,
    /// What it sent waits for its turn.
    paused: bool,
    /// It is among those to be read on in the next turn.
    queued: bool,
    following: Option<Box<Following>>,
    guest: Guest,
}

/// What a peer listens to.
#[derive(Default)]
struct Following {
    subscriptions: Vec<Subscription>,
    /// The call that is asked again when what it asks for changes.
    held: Option<Call<'static>>,
}

/// Of a call that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    Runs,
    IsOver,
}

/// What a call needs to be taken up.
pub struct Calls<'a> {
    pub journal: &'a mut Journal,
    pub state: &'a mut State,
    pub cache: &'a mut ReadCache,
    pub settled: &'a mut Vec<Settled>,
    pub clock: &'a mut Clock,
    pub audience: &'a mut Audience,
}

/// What is to be done with a peer that has been written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is told when there is more.
    Rest,
    /// The socket takes nothing now: its deadline may have changed.
    Blocked,
    /// Read on in the next turn. Said once, until it is [taken up again](Peer::taken_up).
    Again,
    /// End our side of the stream, and tell [`Peer::linger`].
    Linger,
    Close,
}

/// Bytes made of one peer's compressed messages in a turn, past which the others get theirs.
const INFLATED_PER_TURN: usize = 1024 * 1024;

/// Reads tried for one peer in a turn, where they do not fill the buffer.
const READS_PER_TURN: usize = 4;

impl Peer {
    /// Just accepted: what it wants to say may be there already.
    pub fn new(terms: &Terms) -> Peer {
        let connection = Connection::new(terms);
        Peer {
            connection,
            readable: true,
            eager: false,
            paused: false,
            queued: false,
            following: None,
            guest: Guest::default(),
        }
    }

    /// There is something to read.
    pub fn told_readable(&mut self) {
        self.readable = true;
    }

    /// There is an end, an error or an octet of urgent data.
    pub fn told_special(&mut self) {
        (self.readable, self.eager) = (true, true);
    }

    /// It was to be read on in this turn.
    pub fn taken_up(&mut self) {
        self.queued = false;
    }

    /// Is there something of it that waits for answers to leave first?
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Reads what it has sent and takes up its calls. An error: the socket is gone.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        socket: &mut impl Socket,
        token: Token,
        calls: &mut Calls,
        terms: &Terms,
    ) -> io::Result<()> {
        if self.paused {
            self.take_in(&mut [], socket, token, calls, terms)?;
        }
        for _ in 0..READS_PER_TURN {
            if !self.readable || self.paused || !self.connection.may_receive(terms) {
                break;
            }
            match socket.fill(buffer)? {
                Filled::Bytes(bytes) => {
                    totals::count(Count::BytesRead, bytes);
                    self.readable = bytes == buffer.len() || self.eager;
                    self.take_in(&mut buffer[..bytes], socket, token, calls, terms)?;
                    self.guest.read(&self.connection);
                    // Whoever fills the buffer has had its share: the others get their turn.
                    if bytes == buffer.len() {
                        break;
                    }
                }
                Filled::End => {
                    self.readable = false;
                    self.connection.end_of_input();
                    self.take_in(&mut [], socket, token, calls, terms)?;
                }
                Filled::WouldBlock => {
                    self.readable = false;
                    self.eager = false;
                }
            }
        }
        Ok(())
    }

    /// Shows the connection what came, behind what it has kept, and takes up its calls.
    fn take_in(
        &mut self,
        fresh: &mut [u8],
        socket: &mut impl Socket,
        token: Token,
        calls: &mut Calls,
        terms: &Terms,
    ) -> io::Result<()> {
        let mut carry = self.connection.take_carry();
        if carry.is_empty() {
            let used = self.read_on(fresh, socket, token, calls, terms)?;
            self.connection.keep(&fresh[used..]);
        } else {
            carry.extend_from_slice(fresh);
            let used = self.read_on(&mut carry, socket, token, calls, terms)?;
            self.connection.keep_carry(carry, used);
        }
        Ok(())
    }

    /// How many of the bytes were used.
    fn read_on(
        &mut self,
        bytes: &mut [u8],
        socket: &mut impl Socket,
        token: Token,
        calls: &mut Calls,
        terms: &Terms,
    ) -> io::Result<usize> {
        let (mut at, mut inflated) = (0, 0);
        loop {
            inflated += self.connection.take_inflated();
            if inflated > INFLATED_PER_TURN {
                self.paused = true;
                return Ok(at);
            }
            let from = at;
            let goes_on = match self.connection.next(bytes, &mut at, terms) {
                Step::Call(call) => {
                    self.guest.note(&call, &self.connection, calls.state);
                    // What one peer has been answered, every other may rely on.
                    calls.journal.catch_up(calls.state, calls.settled);
                    let browser = self.connection.visitor();
                    let mut cx = ReadContext { state: calls.state, cache: calls.cache, browser };
                    match routes::dispatch(&call, &mut cx) {
                        Outcome::Follow(follow) => {
                            let by = call.wish.clone();
                            drop(call);
                            self.follow(&by, &follow, token, calls, terms);
                        }
                        Outcome::Wait(interest) => {
                            let call = call.into_owned();
                            self.hold(call, &interest, token, calls, terms);
                        }
                        outcome => {
                            drop(call);
                            self.act(outcome, token, calls, terms);
                        }
                    }
                    true
                }
                Step::Say(bytes) => {
                    self.say(bytes, socket, terms)?;
                    true
                }
                Step::Again => true,
                Step::NeedMore => {
                    self.paused = false;
                    false
                }
                Step::Wait => {
                    self.paused = true;
                    false
                }
            };
            // Only now: a handshake has become a socket by what was done, and is counted there.
            self.guest.used(at - from, &self.connection);
            if !goes_on {
                return Ok(at);
            }
        }
    }

    /// The socket has taken so many bytes, in one write.
    pub fn count_written(&mut self, bytes: usize) {
        totals::count(Count::BytesWritten, bytes);
        self.guest.wrote(bytes, &self.connection);
    }

    /// Writes what is in the outbox and these bytes behind it; what the socket does not take is kept.
    fn say(&mut self, bytes: &[u8], socket: &mut impl Socket, terms: &Terms) -> io::Result<()> {
        let outbox = self.connection.outbox();
        let written = socket.drain(outbox, bytes, Then::More)?.unwrap_or(0);
        self.count_written(written);
        let outbox = self.connection.outbox();
        let of_outbox = written.min(outbox.len());
        outbox.own().extend_from_slice(&bytes[written - of_outbox..]);
        self.connection.wrote(of_outbox, terms);
        Ok(())
    }

    fn act(&mut self, outcome: Outcome, token: Token, calls: &mut Calls, terms: &Terms) {
        match outcome {
            Outcome::Answer(answer) => self.connection.answer(answer, terms),
            Outcome::Write(write) if !calls.journal.has_room(&write) => {
                self.connection.answer(ApiError::StoreBehind.into(), terms);
            }
            Outcome::Write(mut write) => {
                if let Some(once) = &mut write.once {
                    once.at = calls.clock.second();
                }
                calls.journal.append(Ticket(token.0 as u64), write);
                self.connection.postpone();
            }
            Outcome::Talk(talk) => {
                let first_words = (talk == Talk::Clock).then(|| calls.clock.announcement());
                self.connection.talk(talk, first_words.as_ref(), terms);
                if talk == Talk::Clock {
                    calls.clock.listen(token);
                }
            }
            Outcome::Unfollow(interest) => {
                let form = self.connection.form();
                let had = form.is_some_and(|form| calls.audience.unsubscribe(self, &interest, form));
                let answer =
                    if had { Answer::new(204, Body::Nothing) } else { ApiError::NotSubscribed.into() };
                self.connection.answer(answer, terms);
            }
            Outcome::Follow(_) | Outcome::Wait(_) => unreachable!("taken up by whoever has the call"),
        }
    }

    /// The peer wants to be told: on its socket, on one that its request becomes, or as a stream.
    fn follow(&mut self, wish: &Wish, follow: &Follow, token: Token, calls: &mut Calls, terms: &Terms) {
        let Calls { audience, state, .. } = calls;
        let is_call = self.connection.form().is_some();
        match wish {
            Wish::Socket => self.connection.talk(Talk::Calls, None, terms),
            _ if is_call => {}
            _ => self.connection.stream(terms),
        }
        // Whoever asked for the head only is told nothing.
        let Some(form) = self.connection.form() else { return };
        let joined = audience.subscribe(self, token, follow, form, state, terms);
        if is_call {
            let answer = joined.map_or_else(Answer::from, |()| Answer::new(204, Body::Nothing));
            self.connection.answer(answer, terms);
        }
    }

    fn hold(
        &mut self,
        call: Call<'static>,
        interest: &Interest,
        token: Token,
        calls: &mut Calls,
        terms: &Terms,
    ) {
        let seconds = if let Wish::Wait(seconds) = call.wish { seconds } else { 0 };
        self.connection.hold(seconds, terms);
        calls.audience.await_change(self, token, interest, calls.state);
        self.following.get_or_insert_default().held = Some(Call { wish: Wish::Answer, ..call });
    }

    /// Answers the call that was held, as things are now: where they are as they were, only if its time
    /// is over.
    pub fn answer_held(
        &mut self,
        audience: &mut Audience,
        state: &State,
        cache: &mut ReadCache,
        terms: &Terms,
        time: Time,
    ) {
        let Some(call) = self.following.as_ref().and_then(|following| following.held.as_ref()) else {
            return;
        };
        let mut cx = ReadContext { state, cache, browser: self.connection.visitor() };
        let Outcome::Answer(answer) = routes::dispatch(call, &mut cx) else { return };
        if answer.status == 304 && time == Time::Runs {
            return;
        }
        audience.dismiss(self);
        self.following = None;
        self.connection.answer(answer, terms);
    }

    pub fn subscriptions(&self) -> &[Subscription] {
        self.following.as_ref().map_or(&[], |following| &following.subscriptions)
    }

    pub fn add(&mut self, subscription: Subscription) {
        self.following.get_or_insert_default().subscriptions.push(subscription);
    }

    pub fn set(&mut self, n: usize, subscription: Subscription) {
        self.following.get_or_insert_default().subscriptions[n] = subscription;
    }

    pub fn remove(&mut self, channel: ChannelId) -> Option<Subscription> {
        let subscriptions = &mut self.following.as_mut()?.subscriptions;
        let n = subscriptions.iter().position(|subscription| subscription.channel == channel)?;
        Some(subscriptions.remove(n))
    }

    pub fn remove_any(&mut self) -> Option<Subscription> {
        let subscription = self.following.as_mut()?.subscriptions.pop();
        if subscription.is_none() {
            self.following = None;
        }
        subscription
    }

    /// It was current in this channel, and has been told nothing after this seq.
    pub fn stay_behind(&mut self, channel: ChannelId, seq: u64) {
        let mut subscriptions = self.following.iter_mut().flat_map(|following| &mut following.subscriptions);
        if let Some(subscription) = subscriptions.find(|subscription| subscription.channel == channel) {
            subscription.stay_behind(seq);
        }
    }

    /// Writes until everything is written or the socket takes no more; then says what the connection
    /// wants to be done with it. An error: the socket is gone.
    pub fn write(&mut self, socket: &mut impl Socket, terms: &Terms) -> io::Result<Next> {
        let was_held = !self.connection.may_receive(terms);
        while !self.connection.outbox().is_empty() {
            let then = if self.connection.fate() == Fate::Close { Then::Close } else { Then::More };
            let written = socket.drain(self.connection.outbox(), &[], then)?;
            self.count_written(written.unwrap_or(0));
            self.connection.wrote(written.unwrap_or(0), terms);
            if written.is_none() {
                // The socket takes nothing now, but what it has brought is not told of twice.
                // And one that paused because it had to read first has nobody else to wake it.
                let go_on = if self.paused { was_held && !self.connection.is_owed() } else { self.readable };
                let more = go_on && self.connection.may_receive(terms);
                return Ok(if more && self.again() == Next::Again { Next::Again } else { Next::Blocked });
            }
        }
        Ok(match self.connection.fate() {
            Fate::Close => Next::Close,
            Fate::Linger => Next::Linger,
            // What it is waited for may have begun anew.
            Fate::Stay if was_held || self.can_go_on() => self.again(),
            Fate::Stay => Next::Rest,
        })
    }

    /// Everything was written: is there something to be read that need not wait for more?
    fn can_go_on(&self) -> bool {
        if self.paused { !self.connection.is_owed() } else { self.readable }
    }

    fn again(&mut self) -> Next {
        if std::mem::replace(&mut self.queued, true) { Next::Rest } else { Next::Again }
    }

    /// Our side of the stream has been ended. What it sent meanwhile is dropped, and its end may be
    /// there already.
    pub fn linger(&mut self, terms: &Terms) -> Next {
        self.connection.linger(terms);
        self.paused = false;
        self.told_special();
        self.again()
    }
}
