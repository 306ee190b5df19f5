//! The order in which things become true, for all loops of the process.
//!
//! A loop asks for a write with [`Journal::append`] and goes on; [`Journal::settle`] then has every
//! write that waits decided, one after the other, against the state that all writes before it have
//! made, whichever loop they came from. Only what is settled is applied, answered and told.
//!
//! Where nothing is to last, the loop that asks decides, under the lock of the [`log`](crate::store::commit_log).
//! Where it is, a [`keeper`](crate::store::committer) decides in a thread of its own, and what it has made safe
//! comes out of the log in a later turn.

use crate::model::change::Write;
use crate::store::commit_log::{SharedLog, Wake};
use crate::store::committed::{Outcome, Settled, Ticket};
use crate::store::idempotency_table::{Decided, Keys};
use crate::store::state::State;
use crate::store::write_queue::WriteQueue;
use std::sync::Arc;

/// One loop's handle to the log that all loops share.
pub struct Journal {
    log: Arc<SharedLog>,
    reader: usize,
    /// Everything up to this edition of the log has been applied.
    seen: u64,
    waiting: Vec<(Ticket, Write)>,
    decides: Decides,
}

enum Decides {
    TheLoop,
    /// Whoever takes up what lies on the desk.
    TheKeeper(Arc<WriteQueue>),
}

/// The journals of so many loops, on a log that begins at `head` and is forgotten on exit.
///
/// `wake` holds one function for each loop, which makes that loop call [`Journal::settle`] soon.
pub fn in_memory(head: u64, keys: Keys, wake: Vec<Wake>) -> Vec<Journal> {
    journals(wake.len(), Arc::new(SharedLog::new(head, Some(keys), wake)), || Decides::TheLoop)
}

/// The journals of so many loops, whose writes a keeper takes from the desk.
pub fn kept(loops: usize, log: Arc<SharedLog>, desk: &Arc<WriteQueue>) -> Vec<Journal> {
    journals(loops, log, || Decides::TheKeeper(desk.clone()))
}

fn journals(loops: usize, log: Arc<SharedLog>, decides: impl Fn() -> Decides) -> Vec<Journal> {
    (0..loops)
        .map(|reader| Journal { log: log.clone(), reader, seen: 0, waiting: Vec::new(), decides: decides() })
        .collect()
}

impl Journal {
    /// Asks for a write. Its outcome comes out of [`Journal::settle`], in the order asked.
    pub fn append(&mut self, ticket: Ticket, write: Write) {
        self.waiting.push((ticket, write));
    }

    /// Has whoever decides room for this? Where not, it is refused at once: to lie and wait with the others
    /// it would need room too.
    pub fn has_room(&self, write: &Write) -> bool {
        match &self.decides {
            Decides::TheLoop => true,
            Decides::TheKeeper(desk) => desk.has_room(write.bytes()),
        }
    }

    /// Is this loop to be woken by every change of another? It is at once, where it has not seen all.
    pub fn listen(&self, listening: bool) {
        self.log.lock().listen(self.reader, listening);
    }

    /// Is a write asked for that has not been settled, nor handed on?
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Brings the state up to all that is settled so far, and says what that was.
    pub fn catch_up(&mut self, state: &mut State, settled: &mut Vec<Settled>) {
        let edition = self.log.edition();
        if edition != self.seen {
            // What is added from here on may be brought too, and is then looked for in vain: once.
            self.seen = edition;
            self.log.lock().bring(self.reader, state, settled);
        }
    }

    /// Has every write asked for decided, and applies all that is new to the state.
    pub fn settle(&mut self, state: &mut State, settled: &mut Vec<Settled>) {
        if !self.waiting.is_empty() {
            match &self.decides {
                Decides::TheLoop => return self.decide(state, settled),
                Decides::TheKeeper(desk) => desk.ask(self.reader, &mut self.waiting),
            }
        }
        self.catch_up(state, settled);
    }

    fn decide(&mut self, state: &mut State, settled: &mut Vec<Settled>) {
        let mut log = self.log.lock();
        log.bring(self.reader, state, settled);
        let before = state.position();
        for (ticket, write) in self.waiting.drain(..) {
            let keys = log.keys.as_mut().expect("the loops decide");
            let decided = keys.decide(write, state);
            // There is no store in which what is forgotten could lie.
            keys.have_gone();
            let outcome = match decided {
                Ok(Decided::Change(change)) => {
                    state.apply(&change);
                    log.push(&change, Some(self.reader));
                    Outcome::Changed(change)
                }
                Ok(Decided::Repeated(earlier)) => Outcome::Repeated(earlier),
                Err(refusal) => Outcome::Refused(refusal),
            };
            settled.push(Settled { ticket: Some(ticket), outcome });
        }
        if state.position() != before {
            self.seen = self.log.publish(&mut log, Some(self.reader));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::Once;
    use crate::model::change::{Act, Change, CollectionId};
    use crate::model::idempotency_key::Key;
    use crate::store::commit_log::BEHIND_MAX;
    use crate::store::idempotency_table::{Bounds, Earlier};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use std::time::Duration;

    fn create() -> Write {
        let act = Act::Create { id: None, members: "".into() };
        Write::new(CollectionId(0), act)
    }

    fn keys() -> Keys {
        Keys::new(Bounds { time: Duration::from_secs(100), keys_max: 100, bytes_max: 1 << 20 }, 0)
    }

    fn change(settled: Settled) -> Change {
        let Outcome::Changed(change) = settled.outcome else { panic!("{settled:?}") };
        change
    }

    fn state() -> State {
        State::new(7, &["tasks".to_owned()], 100)
    }

    #[test]
    fn what_one_loop_settled_every_other_sees() {
        let mut journals = in_memory(0, keys(), vec![Box::new(|| ()), Box::new(|| ())]);
        let (mut a, mut b) = (journals.remove(0), journals.remove(0));
        let (mut on_a, mut on_b, mut news) = (state(), state(), Vec::new());
        a.append(Ticket(1), create());
        a.settle(&mut on_a, &mut news);
        assert_eq!(news[0].ticket, Some(Ticket(1)));
        news.clear();
        b.catch_up(&mut on_b, &mut news);
        assert_eq!(on_b.collection(CollectionId(0)).len(), 1);
        assert_eq!((news.len(), news[0].ticket), (1, None));
        assert!(a.log.lock().kept() == 0, "what all have seen is forgotten");

        // Both ask at once: the second is decided on top of the first, whoever it comes from.
        b.append(Ticket(2), create());
        a.append(Ticket(3), create());
        b.settle(&mut on_b, &mut news);
        a.settle(&mut on_a, &mut news);
        let ids: Vec<_> = on_a.collection(CollectionId(0)).items().map(|r| r.id().to_owned()).collect();
        assert_eq!(ids, ["1", "2", "3"]);
    }

    #[test]
    fn a_key_counts_whichever_loop_is_asked() {
        let mut journals = in_memory(0, keys(), vec![Box::new(|| ()), Box::new(|| ())]);
        let (mut state_a, mut state_b, mut news) = (state(), state(), Vec::new());
        let once = Once { key: Key::read("k").unwrap(), at: 1 };
        let create = || Write { once: Some(Box::new(once.clone())), ..create() };
        journals[0].append(Ticket(1), create());
        journals[1].append(Ticket(2), create());
        journals[0].settle(&mut state_a, &mut news);
        let first = change(news.pop().unwrap());
        journals[1].settle(&mut state_b, &mut news);
        let earlier = Earlier { collection: first.collection, record: first.record.clone() };
        assert_eq!(news[0], Settled { ticket: None, outcome: Outcome::Changed(first) });
        assert_eq!(news[1], Settled { ticket: Some(Ticket(2)), outcome: Outcome::Repeated(earlier) });
        assert_eq!((news.len(), state_b.position().seq), (2, 1));
    }

    #[test]
    fn an_idle_loop_is_woken_before_much_is_kept_for_it() {
        static WOKEN: AtomicUsize = AtomicUsize::new(0);
        let wake = || {
            WOKEN.fetch_add(1, Ordering::Relaxed);
        };
        let mut journals = in_memory(0, keys(), vec![Box::new(|| ()), Box::new(wake)]);
        let (mut state, mut news) = (state(), Vec::new());
        for n in 0..BEHIND_MAX {
            assert_eq!(WOKEN.load(Ordering::Relaxed), 0, "after {n}");
            journals[0].append(Ticket(n), create());
            journals[0].settle(&mut state, &mut news);
        }
        assert_eq!(WOKEN.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn many_threads_agree_on_one_order() {
        const LOOPS: usize = 4;
        const WRITES: u64 = 500;
        let journals = in_memory(0, keys(), (0..LOOPS).map(|_| Box::new(|| ()) as Wake).collect());
        let threads: Vec<_> = journals
            .into_iter()
            .map(|mut journal| {
                std::thread::spawn(move || {
                    let (mut state, mut settled) = (state(), Vec::new());
                    for n in 0..WRITES {
                        journal.append(Ticket(n), create());
                        journal.settle(&mut state, &mut settled);
                    }
                    while state.position().seq < WRITES * LOOPS as u64 {
                        journal.catch_up(&mut state, &mut settled);
                        std::thread::yield_now();
                    }
                    settled.into_iter().map(|s| change(s).record).collect::<Vec<_>>()
                })
            })
            .collect();
        let orders: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(orders[0].len() as u64, WRITES * LOOPS as u64);
        assert!(orders.iter().all(|order| *order == orders[0]));
    }

    #[test]
    fn whoever_is_woken_sees_that_there_is_something_new() {
        let shared: Arc<OnceLock<Arc<SharedLog>>> = Arc::default();
        let seen = Arc::new(AtomicU64::new(0));
        let (there, see) = (shared.clone(), seen.clone());
        let wake = move || see.store(there.get().unwrap().edition(), Ordering::Release);
        let mut journals = in_memory(0, keys(), vec![Box::new(|| ()), Box::new(wake)]);
        shared.set(journals[0].log.clone()).ok().unwrap();
        journals[1].listen(true);
        journals[0].append(Ticket(1), create());
        journals[0].settle(&mut state(), &mut Vec::new());
        assert_eq!(seen.load(Ordering::Acquire), 1);
    }
}
