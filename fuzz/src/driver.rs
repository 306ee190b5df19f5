//! One connection with everything behind it, driven as the event loop drives it, but for the socket.

use super::readers::LIMITS;
use bothways::api::outcome::Outcome;
use bothways::api::{resources, routes};
use bothways::compression::Compression;
use bothways::connection::broadcast::Broadcast;
use bothways::connection::step::Step;
use bothways::connection::terms::Terms;
use bothways::connection::{Connection, Fate};
use bothways::exchange::call::{Answer, Talk};
use bothways::store::journal::{self, Journal, Settled, Ticket};
use bothways::store::shelf::Shelf;
use bothways::timeouts::Timeouts;
use std::io::IoSlice;
use std::time::Instant;

/// When writes are settled, and how fast the peer reads what is written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At once, and everything.
    Prompt,
    /// When the turn is over, and a few bytes a turn.
    Late,
}

pub struct Driver {
    pace: Pace,
    connection: Connection,
    journal: Journal,
    shelf: Shelf,
    now: Instant,
    paused: bool,
    end: End,
    /// What the peer has been sent.
    pub written: Vec<u8>,
    /// Has it become a WebSocket?
    pub talks: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// Our side is ended: nothing may be written any more.
    Lingering,
    Gone,
}

/// What a peer is sent that comes in these pieces, and then ends its side.
pub fn drive(pace: Pace, pieces: &[&[u8]]) -> Driver {
    let mut driver = Driver::new(pace);
    for piece in pieces {
        driver.show(piece);
    }
    driver.end_of_input();
    driver
}

/// However the bytes are cut, the peer is sent the same.
pub fn check(bytes: &[u8], pieces: &[&[u8]]) {
    let whole = drive(Pace::Prompt, &[bytes]);
    let cut = drive(Pace::Prompt, pieces);
    let late = drive(Pace::Late, pieces);
    // Whoever expects 100 (Continue) and has sent the body already needs no invitation to send it.
    if bytes.to_ascii_lowercase().windows(6).any(|word| word == b"expect") {
        return;
    }
    assert_eq!(text(&cut), text(&whole), "cut");
    // On a socket an echo may overtake an answer that the journal keeps waiting.
    if !whole.talks {
        assert_eq!(text(&late), text(&whole), "cut, with a late journal and a slow reader");
    }
}

fn text(driver: &Driver) -> String {
    driver.written.escape_ascii().to_string()
}

impl Driver {
    pub fn new(pace: Pace) -> Driver {
        let now = Instant::now();
        let connection = Connection::new(&terms(now));
        let journal = journal::new_log(EPOCH, vec![Box::new(|| ())]).remove(0);
        let shelf = Shelf::new(EPOCH, &["tasks".to_owned()], 1 << 20);
        let (paused, end) = (false, End::Open);
        Driver { pace, connection, journal, shelf, now, paused, end, written: Vec::new(), talks: false }
    }

    /// The socket has brought these bytes.
    pub fn show(&mut self, piece: &[u8]) {
        if self.end != End::Gone {
            self.turn(&mut piece.to_vec());
            self.turn_until_unpaused();
        }
    }

    /// The peer has ended its side; and with that, ours must end too.
    pub fn end_of_input(&mut self) {
        if self.end != End::Gone {
            self.connection.end_of_input();
            self.turn(&mut []);
            self.turn_until_unpaused();
        }
        while self.end != End::Gone && !self.connection.outbox().is_empty() {
            self.flush();
        }
        assert_eq!(self.end, End::Gone, "the peer has ended, and the connection has not");
    }

    fn turn_until_unpaused(&mut self) {
        let mut turns = 0;
        while self.end != End::Gone && (self.paused || self.connection.is_owed()) {
            self.turn(&mut []);
            turns += 1;
            assert!(turns < 1_000_000, "it waits for nothing");
        }
        // What is written is the peer's to take; what is read is ours to hold.
        let held = self.connection.held_bytes() - self.connection.outbox().len();
        assert!(held <= HELD_BYTES_MAX, "{held} bytes are held for a peer that must send more");
    }

    fn turn(&mut self, fresh: &mut [u8]) {
        self.take_in(fresh);
        self.settle();
        self.flush();
    }

    /// As the event loop has it.
    fn take_in(&mut self, fresh: &mut [u8]) {
        let mut carry = self.connection.take_carry();
        if carry.is_empty() {
            let used = self.read_on(fresh);
            self.connection.keep(&fresh[used..]);
        } else {
            carry.extend_from_slice(fresh);
            let used = self.read_on(&mut carry);
            self.connection.keep_carry(carry, used);
        }
    }

    fn read_on(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        loop {
            let step = self.connection.next(bytes, &mut at, &terms(self.now));
            let call = match step {
                Step::Call(call) => call,
                Step::Again => continue,
                Step::NeedMore | Step::Wait => {
                    self.paused = matches!(step, Step::Wait);
                    assert!(at <= bytes.len(), "used {at} of {} bytes", bytes.len());
                    return at;
                }
            };
            let outcome = routes::take_up(&call, &self.shelf);
            drop(call);
            self.act(outcome);
        }
    }

    fn act(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answer(answer) => self.connection.answer(answer, &terms(self.now)),
            Outcome::Write(write) => {
                self.journal.append(Ticket(0), write);
                self.connection.postpone();
                if self.pace == Pace::Prompt {
                    self.settle();
                }
            }
            Outcome::Talk(talk) => {
                let announcement = Broadcast::new("The time is: 12:34:56".to_owned());
                let first_words = (talk == Talk::Clock).then_some(&announcement);
                self.connection.talk(talk, first_words, &terms(self.now));
                self.talks = true;
            }
        }
    }

    fn settle(&mut self) {
        let mut settled = Vec::new();
        self.journal.settle(&mut self.shelf, &mut settled);
        for Settled { outcome, .. } in settled {
            let answer = match outcome {
                Ok(change) => resources::answer_to(change, &self.shelf),
                Err(refusal) => Answer::from(refusal),
            };
            self.connection.answer(answer, &terms(self.now));
        }
    }

    fn flush(&mut self) {
        let most = if self.pace == Pace::Prompt { usize::MAX } else { FEW_BYTES };
        let mut taken = 0;
        while !self.connection.outbox().is_empty() && taken < most {
            let bytes = first_bytes(&mut self.connection, most - taken);
            assert_eq!(self.end, End::Open, "nothing is written behind the end: {bytes:?}");
            taken += bytes.len();
            self.connection.wrote(bytes.len(), &terms(self.now));
            self.written.extend(bytes);
        }
        if !self.connection.outbox().is_empty() {
            return;
        }
        match self.connection.fate() {
            Fate::Stay => {}
            Fate::Close => self.end = End::Gone,
            Fate::Linger => {
                self.connection.linger(&terms(self.now));
                self.paused = false;
                self.end = End::Lingering;
            }
        }
    }
}

/// What a socket would take in one write.
fn first_bytes(connection: &mut Connection, most: usize) -> Vec<u8> {
    let outbox = connection.outbox();
    let mut slices = [IoSlice::new(&[]); bothways::connection::outbox::SLICES_MAX];
    let count = outbox.slices(&mut slices);
    slices[..count].iter().flat_map(|slice| slice.iter().copied()).take(most).collect()
}

fn terms(now: Instant) -> Terms<'static> {
    Terms {
        now,
        date: *b"Sun, 06 Nov 1994 08:49:37 GMT",
        limits: &LIMITS,
        timeouts: &Timeouts::DEFAULT,
        compression: &Compression::DEFAULT,
    }
}

/// The same for all, so that every position has the same name.
const EPOCH: u32 = 0x3f9c2a7b;

/// Fewer than any answer has.
const FEW_BYTES: usize = 7;

/// A head, a body or a message that is half read, in a buffer that grew by doubling.
const HELD_BYTES_MAX: usize = 2 * (LIMITS.head_bytes_max + LIMITS.body_bytes_max + LIMITS.message_bytes_max);
