//! The order in which things become true, for all loops of the process. It forgets on exit.
//!
//! A loop asks for a write with [`Journal::append`] and goes on; [`Journal::settle`] then decides
//! every write that waits, one after the other, against the state that all writes before it have
//! made, whichever loop they came from. Only what is settled is applied, answered and told.

use super::shelf::Shelf;
use crate::exchange::change::{Change, Write};
use crate::refusal::Refusal;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Whoever asked for a write is found again by this. The journal does not look into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub u64);

/// What became of a write, or a change that another loop asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Of the write that asked for it, where this loop's did.
    pub ticket: Option<Ticket>,
    pub outcome: Result<Change, Refusal>,
}

/// One loop's handle to the log that all loops share.
pub struct Journal {
    shared: Arc<Shared>,
    reader: usize,
    waiting: Vec<(Ticket, Write)>,
}

struct Shared {
    /// The seq of the last change, so that a loop sees without the lock that it is behind.
    head: AtomicU64,
    log: Mutex<Log>,
}

/// The changes that some loop has not applied yet.
struct Log {
    epoch: u32,
    head: u64,
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
    /// Tells the loop that it falls behind.
    wake: Box<dyn Fn() + Send>,
}

/// A loop that has nothing to do is told of changes once so many wait for it, or so many bytes of
/// them. This bounds what is kept for it; any call it takes up brings it up to date anyway.
const BEHIND_MAX: u64 = 1024;
const BEHIND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The journals of so many loops, on one new log.
///
/// `wake` holds one function for each loop, which makes that loop call [`Journal::settle`] soon.
pub fn new_log(epoch: u32, wake: Vec<Box<dyn Fn() + Send>>) -> Vec<Journal> {
    let loops = wake.len();
    let readers =
        wake.into_iter().map(|wake| Reader { applied: 0, behind_bytes: 0, listening: false, wake }).collect();
    let log = Log { epoch, head: 0, changes: VecDeque::new(), readers };
    let shared = Arc::new(Shared { head: AtomicU64::new(0), log: Mutex::new(log) });
    (0..loops).map(|reader| Journal { shared: shared.clone(), reader, waiting: Vec::new() }).collect()
}

impl Journal {
    /// Asks for a write. Its outcome comes out of [`Journal::settle`], in the order asked.
    pub fn append(&mut self, ticket: Ticket, write: Write) {
        self.waiting.push((ticket, write));
    }

    /// Is this loop to be woken by every change of another? It is at once, where it has not seen all.
    pub fn listen(&self, listening: bool) {
        let mut log = self.shared.lock();
        let head = log.head;
        let reader = &mut log.readers[self.reader];
        reader.listening = listening;
        if listening && reader.applied != head {
            (reader.wake)();
        }
    }

    /// Is a write asked for that has not been settled?
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Brings the shelf up to all that is settled so far, and says what that was.
    pub fn catch_up(&mut self, shelf: &mut Shelf, settled: &mut Vec<Settled>) {
        // Acquire pairs with the release in `settle`: what a peer was answered before its call
        // came here is in the log that this loop is about to lock.
        if self.shared.head.load(Ordering::Acquire) != shelf.position().seq {
            let mut log = self.shared.lock();
            log.bring(self.reader, shelf, settled);
        }
    }

    /// Decides every write asked for, and applies all that is new to the shelf.
    pub fn settle(&mut self, shelf: &mut Shelf, settled: &mut Vec<Settled>) {
        if self.waiting.is_empty() {
            return self.catch_up(shelf, settled);
        }
        let mut log = self.shared.lock();
        log.bring(self.reader, shelf, settled);
        for (ticket, write) in self.waiting.drain(..) {
            let outcome = shelf.decide(write);
            if let Ok(change) = &outcome {
                shelf.apply(change);
                log.push(change);
            }
            settled.push(Settled { ticket: Some(ticket), outcome });
        }
        log.has_all(self.reader);
        log.forget_applied();
        // Before anybody is woken: who is looks here first, and would find nothing and sleep on.
        self.shared.head.store(log.head, Ordering::Release);
        log.wake_those_behind(self.reader);
    }
}

impl Shared {
    /// A loop that panics takes the process down, so a poisoned lock is never met.
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("no loop panicked")
    }
}

impl Log {
    /// A change that has been applied by the loop that asked for it. Where there is no other loop,
    /// nobody is going to ask for it again.
    fn push(&mut self, change: &Change) {
        debug_assert_eq!((change.position.epoch, change.position.seq), (self.epoch, self.head + 1));
        self.head += 1;
        if self.readers.len() > 1 {
            self.changes.push_back(change.clone());
            let bytes = change.record.json().len();
            self.readers.iter_mut().for_each(|reader| reader.behind_bytes += bytes);
        }
    }

    /// Applies what `reader` has not seen.
    fn bring(&mut self, reader: usize, shelf: &mut Shelf, settled: &mut Vec<Settled>) {
        let unseen = (self.head - shelf.position().seq) as usize;
        for change in self.changes.range(self.changes.len() - unseen..) {
            shelf.apply(change);
            settled.push(Settled { ticket: None, outcome: Ok(change.clone()) });
        }
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

    fn wake_those_behind(&self, but: usize) {
        for (n, reader) in self.readers.iter().enumerate() {
            let behind = self.head - reader.applied;
            let is_late = behind >= BEHIND_MAX || reader.behind_bytes >= BEHIND_BYTES_MAX;
            if n != but && behind > 0 && (reader.listening || is_late) {
                (reader.wake)();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::change::{Act, CollectionId, Conditions};
    use std::sync::atomic::AtomicUsize;

    fn create() -> Write {
        let act = Act::Create { id: None, members: "".into() };
        Write { collection: CollectionId(0), act, conditions: Conditions::default() }
    }

    fn shelf() -> Shelf {
        Shelf::new(7, &["tasks".to_owned()], 100)
    }

    #[test]
    fn what_one_loop_settled_every_other_sees() {
        let mut journals = new_log(7, vec![Box::new(|| ()), Box::new(|| ())]);
        let (mut a, mut b) = (journals.remove(0), journals.remove(0));
        let (mut on_a, mut on_b, mut news) = (shelf(), shelf(), Vec::new());
        a.append(Ticket(1), create());
        a.settle(&mut on_a, &mut news);
        assert_eq!(news[0].ticket, Some(Ticket(1)));
        news.clear();
        b.catch_up(&mut on_b, &mut news);
        assert_eq!(on_b.collection(CollectionId(0)).len(), 1);
        assert_eq!((news.len(), news[0].ticket), (1, None));
        assert!(a.shared.lock().changes.is_empty(), "what all have seen is forgotten");

        // Both ask at once: the second is decided on top of the first, whoever it comes from.
        b.append(Ticket(2), create());
        a.append(Ticket(3), create());
        b.settle(&mut on_b, &mut news);
        a.settle(&mut on_a, &mut news);
        let ids: Vec<_> = on_a.collection(CollectionId(0)).items().map(|r| r.id().to_owned()).collect();
        assert_eq!(ids, ["1", "2", "3"]);
    }

    #[test]
    fn an_idle_loop_is_woken_before_much_is_kept_for_it() {
        static WOKEN: AtomicUsize = AtomicUsize::new(0);
        let wake = || {
            WOKEN.fetch_add(1, Ordering::Relaxed);
        };
        let mut journals = new_log(7, vec![Box::new(|| ()), Box::new(wake)]);
        let (mut shelf, mut news) = (shelf(), Vec::new());
        for n in 0..BEHIND_MAX {
            assert_eq!(WOKEN.load(Ordering::Relaxed), 0, "after {n}");
            journals[0].append(Ticket(n), create());
            journals[0].settle(&mut shelf, &mut news);
        }
        assert_eq!(WOKEN.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn many_threads_agree_on_one_order() {
        const LOOPS: usize = 4;
        const WRITES: u64 = 500;
        let journals = new_log(7, (0..LOOPS).map(|_| Box::new(|| ()) as Box<dyn Fn() + Send>).collect());
        let threads: Vec<_> = journals
            .into_iter()
            .map(|mut journal| {
                std::thread::spawn(move || {
                    let (mut shelf, mut settled) = (shelf(), Vec::new());
                    for n in 0..WRITES {
                        journal.append(Ticket(n), create());
                        journal.settle(&mut shelf, &mut settled);
                    }
                    while shelf.position().seq < WRITES * LOOPS as u64 {
                        journal.catch_up(&mut shelf, &mut settled);
                        std::thread::yield_now();
                    }
                    settled.into_iter().map(|s| s.outcome.unwrap().record.clone()).collect::<Vec<_>>()
                })
            })
            .collect();
        let orders: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(orders[0].len() as u64, WRITES * LOOPS as u64);
        assert!(orders.iter().all(|order| *order == orders[0]));
    }

    #[test]
    fn whoever_is_woken_sees_that_there_is_something_new() {
        let shared: Arc<std::sync::OnceLock<Arc<Shared>>> = Arc::default();
        let seen = Arc::new(AtomicU64::new(0));
        let (there, see) = (shared.clone(), seen.clone());
        let wake = move || see.store(there.get().unwrap().head.load(Ordering::Acquire), Ordering::Release);
        let mut journals = new_log(7, vec![Box::new(|| ()), Box::new(wake)]);
        shared.set(journals[0].shared.clone()).ok().unwrap();
        journals[1].listen(true);
        journals[0].append(Ticket(1), create());
        journals[0].settle(&mut shelf(), &mut Vec::new());
        assert_eq!(seen.load(Ordering::Acquire), 1);
    }
}
