//! Where the loops put down what they ask for, and the keeper takes it up.

use crate::error::ApiError;
use crate::model::change::Write;
use crate::store::committed::Ticket;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// A queue of writes between many loops and one keeper, bounded by the bytes of what it holds.
pub struct WriteQueue {
    pile: Mutex<Pile>,
    changed: Condvar,
    bytes_max: usize,
}

/// A write, and who is to be told what became of it.
pub struct Asked {
    /// The loop.
    pub reader: usize,
    pub ticket: Ticket,
    /// Or why there was no room for it.
    pub write: Result<Write, ApiError>,
}

#[derive(Default)]
struct Pile {
    asked: VecDeque<Asked>,
    bytes: usize,
    is_closed: bool,
}

impl Pile {
    /// One write always has.
    fn has_room(&self, bytes: usize, bytes_max: usize) -> bool {
        self.bytes == 0 || self.bytes + bytes <= bytes_max
    }
}

/// What the keeper is to do next.
pub enum Taken {
    /// Decide these, in order.
    Writes(VecDeque<Asked>),
    /// It has waited long enough.
    Nothing,
    /// No loop asks for anything any more.
    Closed,
}

impl WriteQueue {
    pub fn new(bytes_max: usize) -> WriteQueue {
        WriteQueue { pile: Mutex::default(), changed: Condvar::new(), bytes_max }
    }

    /// Is there room for a write of so many bytes, before all that waits to be put down?
    pub fn has_room(&self, bytes: usize) -> bool {
        self.lock().has_room(bytes, self.bytes_max)
    }

    /// Puts down what is waiting. In the place of what there is no room for lies a refusal, for
    /// outcomes keep the order of what was asked.
    pub fn ask(&self, reader: usize, waiting: &mut Vec<(Ticket, Write)>) {
        let mut pile = self.lock();
        let was_empty = pile.asked.is_empty();
        for (ticket, write) in waiting.drain(..) {
            let bytes = write.bytes();
            let has_room = pile.has_room(bytes, self.bytes_max);
            if has_room {
                pile.bytes += bytes;
            }
            let write = if has_room { Ok(write) } else { Err(ApiError::StoreBehind) };
            pile.asked.push_back(Asked { reader, ticket, write });
        }
        if was_empty {
            self.changed.notify_one();
        }
    }

    /// No more is going to be asked.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Waits for something to do, so long at the most.
    pub fn take(&self, wait: Option<Duration>) -> Taken {
        let is_idle = |pile: &mut Pile| pile.asked.is_empty() && !pile.is_closed;
        let pile = self.lock();
        let mut pile = match wait {
            Some(wait) => self.changed.wait_timeout_while(pile, wait, is_idle).expect("no loop panicked").0,
            None => self.changed.wait_while(pile, is_idle).expect("no loop panicked"),
        };
        pile.bytes = 0;
        match std::mem::take(&mut pile.asked) {
            asked if !asked.is_empty() => Taken::Writes(asked),
            _ if pile.is_closed => Taken::Closed,
            _ => Taken::Nothing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pile> {
        self.pile.lock().expect("no loop panicked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::{Act, CollectionId};

    fn write(bytes: usize) -> Write {
        let act = Act::Create { id: None, members: "x".repeat(bytes) };
        Write::new(CollectionId(0), act)
    }

    #[test]
    fn what_there_is_no_room_for_is_refused_in_its_place() {
        let desk = WriteQueue::new(2 * write(100).bytes());
        assert!(desk.has_room(1 << 30), "one write always has room");
        let sizes = [100, 200, 100, 0];
        desk.ask(3, &mut (0..).map(Ticket).zip(sizes.map(write)).collect());
        assert!(!desk.has_room(write(0).bytes()));
        let Taken::Writes(asked) = desk.take(None) else { panic!() };
        let is_taken: Vec<_> = asked.iter().map(|asked| (asked.ticket.0, asked.write.is_ok())).collect();
        assert_eq!(is_taken, [(0, true), (1, false), (2, true), (3, false)]);
        assert!(desk.has_room(1 << 30), "what was taken up makes room");
    }
}
