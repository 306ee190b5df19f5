//! One peer in its loop: when it is read, when it pauses, and what becomes of it.
//!
//! ```text
//!   told ─▶ read: fill … take in … calls ─▶ write: drain … ─▶ Next
//! ```
//!
//! Its socket is only met as a [`Socket`]. So a test can take its part, and every short read, short
//! write and reset can be had without one.

use super::clock::Clock;
use super::socket::{Filled, Socket, Then};
use crate::api::outcome::Outcome;
use crate::api::routes;
use crate::connection::step::Step;
use crate::connection::terms::Terms;
use crate::connection::{Connection, Fate};
use crate::exchange::call::Talk;
use crate::store::journal::{Journal, Settled, Ticket};
use crate::store::shelf::Shelf;
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
}

/// What a call needs to be taken up.
pub struct Calls<'a> {
    pub journal: &'a mut Journal,
    pub shelf: &'a mut Shelf,
    pub settled: &'a mut Vec<Settled>,
    pub clock: &'a mut Clock,
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

/// Reads tried for one peer in a turn, where they do not fill the buffer.
const READS_PER_TURN: usize = 4;

impl Peer {
    /// Just accepted: what it wants to say may be there already.
    pub fn new(terms: &Terms) -> Peer {
        let connection = Connection::new(terms);
        Peer { connection, readable: true, eager: false, paused: false, queued: false }
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
                    self.readable = bytes == buffer.len() || self.eager;
                    self.take_in(&mut buffer[..bytes], socket, token, calls, terms)?;
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
        let mut at = 0;
        loop {
            match self.connection.next(bytes, &mut at, terms) {
                Step::Call(call) => {
                    // What one peer has been answered, every other may rely on.
                    calls.journal.catch_up(calls.shelf, calls.settled);
                    let outcome = routes::take_up(&call, calls.shelf);
                    drop(call);
                    self.act(outcome, token, calls, terms);
                }
                Step::Say(bytes) => self.say(bytes, socket, terms)?,
                Step::Again => {}
                Step::NeedMore => {
                    self.paused = false;
                    return Ok(at);
                }
                Step::Wait => {
                    self.paused = true;
                    return Ok(at);
                }
            }
        }
    }

    /// Writes what is in the outbox and these bytes behind it; what the socket does not take is kept.
    fn say(&mut self, bytes: &[u8], socket: &mut impl Socket, terms: &Terms) -> io::Result<()> {
        let outbox = self.connection.outbox();
        let written = socket.drain(outbox, bytes, Then::More)?.unwrap_or(0);
        let of_outbox = written.min(outbox.len());
        outbox.own().extend_from_slice(&bytes[written - of_outbox..]);
        self.connection.wrote(of_outbox, terms);
        Ok(())
    }

    fn act(&mut self, outcome: Outcome, token: Token, calls: &mut Calls, terms: &Terms) {
        match outcome {
            Outcome::Answer(answer) => self.connection.answer(answer, terms),
            Outcome::Write(write) => {
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
        }
    }

    /// Writes until everything is written or the socket takes no more; then says what the connection
    /// wants to be done with it. An error: the socket is gone.
    pub fn write(&mut self, socket: &mut impl Socket, terms: &Terms) -> io::Result<Next> {
        let was_held = !self.connection.may_receive(terms);
        while !self.connection.outbox().is_empty() {
            let then = if self.connection.fate() == Fate::Close { Then::Close } else { Then::More };
            let written = socket.drain(self.connection.outbox(), &[], then)?;
            self.connection.wrote(written.unwrap_or(0), terms);
            if written.is_none() {
                // The socket takes nothing now, but what it has brought is not told of twice.
                let more = self.readable && !self.paused && self.connection.may_receive(terms);
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
