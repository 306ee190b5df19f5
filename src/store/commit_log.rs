//! What all loops share: the changes that are settled, as far as some loop has not applied them yet,
//! and what whoever asked for them is told.

use crate::error::ApiError;
use crate::model::change::Change;
use crate::store::committed::{Outcome, Settled, Ticket};
use crate::store::idempotency_table::{Earlier, Keys};
use crate::store::state::State;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

pub struct SharedLog {
    /// Grows with everything that is published, so that a loop sees without the lock that there is
    /// something new.
    edition: AtomicU64,
    log: Mutex<Log>,
}

/// The changes that some loop has not applied yet.
pub struct Log {
    head: u64,
    /// Where the loops decide by themselves.
    pub keys: Option<Keys>,
    /// Up to `head`, without a gap.
    changes: VecDeque<Change>,
    readers: Vec<Reader>,
}

struct Reader {
    applied: u64,
    /// Bytes of the changes after that.
    behind_bytes: usize,
    /// It has listeners, who want to be told of every change at once.
    listening: bool,
    /// To those whose writes were settled by another thread, in the order asked.
    replies: VecDeque<Reply>,
    /// Tells the loop that there is something new.
    wake: Wake,
}

/// Makes one loop look into the log soon.
pub type Wake = Box<dyn Fn() + Send>;

/// To whoever asked for a write.
pub struct Reply {
    pub ticket: Ticket,
    /// The seq of the last change when it was decided: its own, where it made one.
    pub seq: u64,
    pub verdict: Verdict,
}

pub enum Verdict {
    /// The change with the reply's seq.
    Changed,
    Repeated(Earlier),
    Refused(ApiError),
}

/// A loop that has nothing to do is told of changes once so many wait for it, or so many bytes of
/// them. This bounds what is kept for it; any call it takes up brings it up to date anyway.
pub const BEHIND_MAX: u64 = 1024;
const BEHIND_BYTES_MAX: usize = 4 * 1024 * 1024;

impl SharedLog {
    /// Everything up to `head` is in the states of all loops.
    pub fn new(head: u64, keys: Option<Keys>, wake: Vec<Wake>) -> SharedLog {
        let readers = wake
            .into_iter()
            .map(|wake| Reader {
                applied: head,
                behind_bytes: 0,
                listening: false,
                replies: VecDeque::new(),
                wake,
            })
            .collect();
        SharedLog {
            edition: AtomicU64::new(0),
            log: Mutex::new(Log { head, keys, changes: VecDeque::new(), readers }),
        }
    }

    /// How many loops there are.
    pub fn readers(&self) -> usize {
        self.lock().readers.len()
    }

    pub fn edition(&self) -> u64 {
        // Acquire pairs with the release in `publish`: what a peer was answered before its call
        // came here is in the log that this loop is about to lock.
        self.edition.load(Ordering::Acquire)
    }

    /// A loop that panics takes the process down, so a poisoned lock is never met.
    pub fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("no loop panicked")
    }

    /// Lets all loops see what was added, and wakes those who wait for it, but not the one who adds.
    pub fn publish(&self, log: &mut Log, but: Option<usize>) -> u64 {
        log.forget_applied();
        // Before anybody is woken: who is looks here first, and would find nothing and sleep on.
        let edition = self.edition.fetch_add(1, Ordering::Release) + 1;
        log.wake_those_concerned(but);
        edition
    }
}

impl Log {
    pub fn listen(&mut self, reader: usize, listening: bool) {
        let reader = &mut self.readers[reader];
        reader.listening = listening;
        if listening && reader.applied != self.head {
            (reader.wake)();
        }
    }

    /// A change that `by` has applied already. Where there is no other reader, nobody is going to
    /// ask for it again.
    pub fn push(&mut self, change: &Change, by: Option<usize>) {
        debug_assert_eq!(change.position.seq, self.head + 1, "changes are settled in order");
        self.head += 1;
        if by.is_none() || self.readers.len() > 1 {
            self.changes.push_back(change.clone());
            let bytes = change.record.json().len();
            self.readers.iter_mut().for_each(|reader| reader.behind_bytes += bytes);
        }
        if let Some(by) = by {
            self.has_all(by);
        }
    }

    /// The seq of the last change that is published.
    pub fn head(&self) -> u64 {
        self.head
    }

    pub fn reply(&mut self, reader: usize, reply: Reply) {
        self.readers[reader].replies.push_back(reply);
    }

    /// Applies what `reader` has not seen, and says what that was.
    pub fn bring(&mut self, reader: usize, state: &mut State, settled: &mut Vec<Settled>) {
        let unseen = (self.head - state.position().seq) as usize;
        let replies = &mut self.readers[reader].replies;
        for change in self.changes.range(self.changes.len() - unseen..) {
            let seq = change.position.seq;
            tell_unchanged(replies, |reply| reply.seq < seq, settled);
            state.apply(change);
            let own = pop_if(replies, |reply| reply.seq == seq && matches!(reply.verdict, Verdict::Changed));
            let ticket = own.map(|reply| reply.ticket);
            settled.push(Settled { ticket, outcome: Outcome::Changed(change.clone()) });
        }
        tell_unchanged(replies, |_| true, settled);
        self.has_all(reader);
        if unseen > 0 {
            self.forget_applied();
        }
    }

    fn has_all(&mut self, reader: usize) {
        let reader = &mut self.readers[reader];
        (reader.applied, reader.behind_bytes) = (self.head, 0);
    }

    /// Keeps no change that every loop has.
    fn forget_applied(&mut self) {
        let slowest = self.readers.iter().map(|reader| reader.applied).min().unwrap_or(self.head);
        let needed = (self.head - slowest) as usize;
        self.changes.drain(..self.changes.len().saturating_sub(needed));
    }

    fn wake_those_concerned(&self, but: Option<usize>) {
        for (n, reader) in self.readers.iter().enumerate() {
            let behind = self.head - reader.applied;
            let is_late = behind >= BEHIND_MAX || reader.behind_bytes >= BEHIND_BYTES_MAX;
            let has_news = behind > 0 && (reader.listening || is_late);
            if Some(n) != but && (has_news || !reader.replies.is_empty()) {
                (reader.wake)();
            }
        }
    }

    #[cfg(test)]
    pub fn kept(&self) -> usize {
        self.changes.len()
    }
}

/// Those of the next replies that tell of no change, as long as they are to be told now.
fn tell_unchanged(
    replies: &mut VecDeque<Reply>,
    is_now: impl Fn(&Reply) -> bool,
    settled: &mut Vec<Settled>,
) {
    let is_next = |reply: &Reply| is_now(reply) && !matches!(reply.verdict, Verdict::Changed);
    while let Some(Reply { ticket, verdict, .. }) = pop_if(replies, is_next) {
        let outcome = match verdict {
            Verdict::Changed => unreachable!("it tells of no change"),
            Verdict::Repeated(earlier) => Outcome::Repeated(earlier),
            Verdict::Refused(refusal) => Outcome::Refused(refusal),
        };
        settled.push(Settled { ticket: Some(ticket), outcome });
    }
}

fn pop_if(replies: &mut VecDeque<Reply>, is_it: impl Fn(&Reply) -> bool) -> Option<Reply> {
    if replies.front().is_some_and(is_it) { replies.pop_front() } else { None }
}
