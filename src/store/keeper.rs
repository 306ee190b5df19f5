//! Decides what is asked for, makes it safe, and only then lets it be true.
//!
//! ```text
//!   desk ─▶ decide in order ─▶ commit and sync ─▶ publish: every loop applies, answers and tells
//!     ▲                          one for all          │
//!     └──── what is asked meanwhile waits ────────────┘
//! ```
//!
//! The keeper is driven by a thread of its own. It has a shelf, which is ahead of all others by what is
//! being made safe. Whatever is asked for during a sync shares the next one, so that many writers wait for
//! few syncs.

use super::desk::Asked;
use super::disk::{Disk, Reopen};
use super::keys::{Decided, Keys};
use super::log::{Reply, SharedLog, Verdict};
use super::on_disk::OnDisk;
use super::shelf::{Shelf, Tried};
use super::standing::{Board, Standing};
use crate::exchange::change::{Change, Write};
use crate::meter::{self, Count};
use crate::refusal::Refusal;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub struct Keeper {
    log: Arc<SharedLog>,
    board: Board,
    /// Everything decided so far.
    shelf: Shelf,
    /// Those of everything decided so far.
    keys: Keys,
    disk: Disk,
    sync: Sync,
    /// Published, and not yet safe.
    at_risk: Vec<Change>,
    at_risk_bytes: usize,
    /// When they are to be made safe.
    save_by: Option<Instant>,
}

/// What was decided together.
#[derive(Default)]
struct News {
    changes: Vec<Change>,
    /// What the shelf needs to take them back, one by one.
    tried: Vec<Tried>,
    /// With the loop that each is for, in the order asked.
    replies: Vec<(usize, Reply)>,
}

/// When a change is made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before it is answered and told.
    Always,
    /// So much later at the most. What was answered since the last sync is lost in a crash.
    Interval(Duration),
}

/// Bytes of changes that may wait for the next sync of an interval.
const AT_RISK_BYTES_MAX: usize = 16 * 1024 * 1024;

impl Keeper {
    /// Keeps the log in this store, whose stock is on the shelf.
    pub fn new(
        disk: OnDisk,
        reopen: Reopen,
        shelf: Shelf,
        keys: Keys,
        log: Arc<SharedLog>,
        sync: Sync,
    ) -> Keeper {
        let board = shelf.board().clone();
        let disk = Disk::new(disk, reopen, board.clone());
        Keeper { log, board, shelf, keys, disk, sync, at_risk: Vec::new(), at_risk_bytes: 0, save_by: None }
    }

    /// When there is something to [save](Keeper::save), or there may be room again.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.disk.deadline(self.save_by)
    }

    /// Decides all of this, and makes it safe together.
    pub fn settle(&mut self, asked: VecDeque<Asked>, now: Instant) {
        self.try_again(now);
        let mut news = self.decide(asked);
        match self.sync {
            Sync::Always => {
                if let Err(refusal) = self.commit(&news.changes, now) {
                    self.take_back(&mut news, &refusal);
                }
                news.changes.iter().for_each(|change| self.shelf.is_sure(change));
                self.publish(news);
            }
            Sync::Interval(interval) => {
                // Whatever becomes of it, it is answered, and is not taken back.
                news.changes.iter().for_each(|change| self.shelf.is_sure(change));
                let changes = news.changes.clone();
                self.publish(news);
                self.put_off(changes, now + interval, now);
            }
        }
    }

    /// What is decided here is true for nobody yet.
    fn decide(&mut self, asked: VecDeque<Asked>) -> News {
        let mut news = News::default();
        let refusal = self.board.get().refusal();
        for Asked { reader, ticket, write } in asked {
            let outcome = match &refusal {
                Some(refusal) => write.and_then(|write| self.refuse(&write, refusal.clone())),
                None => write.and_then(|write| self.keys.decide(write, &self.shelf)),
            };
            let verdict = match outcome {
                Ok(Decided::Repeated(earlier)) => Verdict::Repeated(earlier),
                Ok(Decided::Change(change)) => {
                    news.tried.push(self.shelf.try_out(&change));
                    news.changes.push(change);
                    Verdict::Changed
                }
                Err(refusal) => Verdict::Refused(refusal),
            };
            let seq = self.shelf.position().seq;
            news.replies.push((reader, Reply { ticket, seq, verdict }));
        }
        news
    }

    /// Nothing is written now. What has been before is there all the same.
    fn refuse(&mut self, write: &Write, refusal: Refusal) -> Result<Decided, Refusal> {
        self.keys.known(write)?.map(Decided::Repeated).ok_or(refusal)
    }

    /// Nothing of it has happened.
    fn take_back(&mut self, news: &mut News, refusal: &Refusal) {
        for (change, tried) in news.changes.drain(..).zip(news.tried.drain(..)).rev() {
            self.shelf.take_back(&change, tried);
        }
        let seq = self.shelf.position().seq;
        self.keys.undo_after(seq);
        news.refuse_all(refusal, seq);
    }

    fn publish(&self, news: News) {
        let mut log = self.log.lock();
        news.changes.iter().for_each(|change| log.push(change, None));
        for (reader, reply) in news.replies {
            log.reply(reader, reply);
        }
        self.log.publish(&mut log, None);
    }

    /// Makes changes safe, or says what whoever asked for them is told.
    fn commit(&mut self, changes: &[Change], now: Instant) -> Result<(), Refusal> {
        if changes.is_empty() {
            return Ok(());
        }
        self.disk.commit(changes, &self.shelf, &self.keys, now)?;
        self.keys.have_gone();
        meter::one(Count::StoreSyncs);
        Ok(())
    }

    /// Where there was no room: is there now?
    fn try_again(&mut self, now: Instant) {
        let safe = self.shelf.at(self.shelf.position().seq - self.at_risk.len() as u64);
        // What was answered comes first: as long as there is no room for it, nothing more is taken.
        if self.disk.try_again(safe, now) && self.save_answered(now).is_ok() {
            log::info!("the store is open again: writes are taken");
            self.board.set(Standing::Good);
        }
    }

    fn put_off(&mut self, changes: Vec<Change>, by: Instant, now: Instant) {
        if changes.is_empty() {
            return;
        }
        self.at_risk_bytes += changes.iter().map(Change::bytes).sum::<usize>();
        self.at_risk.extend(changes);
        let by = *self.save_by.get_or_insert(by);
        if self.at_risk_bytes > AT_RISK_BYTES_MAX || by <= now {
            self.save(now);
        }
    }

    /// Makes safe what was told before it was.
    pub fn save(&mut self, now: Instant) {
        self.try_again(now);
        if self.disk.is_good() {
            // A failure has been told to whoever can do something about it.
            let _ = self.save_answered(now);
        }
    }

    fn save_answered(&mut self, now: Instant) -> Result<(), Refusal> {
        let changes = std::mem::take(&mut self.at_risk);
        let saved = self.commit(&changes, now);
        match saved {
            Ok(()) => (self.at_risk_bytes, self.save_by) = (0, None),
            Err(_) => self.at_risk = changes,
        }
        saved
    }

    /// Saves what is to be saved. An error: something that was answered is not safe, or the disk has
    /// failed.
    pub fn close(mut self, now: Instant) -> Result<(), String> {
        if self.disk.is_full() && self.at_risk.is_empty() {
            // All that was answered is safe, and to look for room takes as long as to start.
            return Ok(());
        }
        self.disk.look_now(now);
        self.save(now);
        self.disk.close(self.at_risk.len())
    }
}

impl News {
    /// The last change is still the one with this seq.
    fn refuse_all(&mut self, refusal: &Refusal, seq: u64) {
        for (_, reply) in &mut self.replies {
            reply.seq = seq;
            // What was safe before is answered.
            if !matches!(&reply.verdict, Verdict::Repeated(earlier) if earlier.record.seq <= seq) {
                reply.verdict = Verdict::Refused(refusal.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::change::{Act, CollectionId, Conditions, Once};
    use crate::exchange::idempotency::Key;
    use crate::exchange::record::Record;
    use crate::limits::STORE_CACHE_BYTES;
    use crate::store::desk::{Desk, Taken};
    use crate::store::failing_file::{Fault, File};
    use crate::store::journal::{self, Journal, Outcome, Ticket};
    use crate::store::keys::Bounds;
    use crate::store::on_disk::Epoch;
    use crate::store::rows::Keeps;
    use crate::store::soundness;
    use crate::store::stock::{Stock, Stocked, Tally};
    use crate::store::store_error::StoreError;
    use crate::timeouts::Timeouts;
    use std::io;
    use std::rc::Rc;
    use std::sync::Mutex;

    /// There is no room for anything.
    const FULL: Fault = Fault::Ever { after: 0, kind: io::ErrorKind::StorageFull };

    fn open(file: &File) -> Result<OnDisk, StoreError> {
        let keeps = Keeps { changes_max: 100, bytes_max: 1 << 20 };
        OnDisk::open_with(file.clone(), Epoch::Begin(7), keeps, &(Rc::new(|_| ()) as _))
    }

    /// A loop, its keeper, and the disk under it.
    struct House {
        file: File,
        keeper: Keeper,
        desk: Arc<Desk>,
        journal: Journal,
        shelf: Shelf,
        now: Instant,
    }

    /// What became of a write: the id of what was created, now or earlier; or why it was refused.
    #[derive(Debug, PartialEq)]
    enum Became {
        New(String),
        Old(String),
        Refused(Refusal),
    }

    impl House {
        /// At this second of the clock on the wall.
        fn open(file: &File, second: u64, sync: Sync) -> House {
            let mut disk = open(file).unwrap();
            disk.declare(&["tasks".to_owned()]).unwrap();
            disk.age_keys(second).unwrap();
            let shelf = Shelf::stocked(disk.load(&|_| ()).unwrap(), 1000);
            let keeps = Bounds { time: Duration::from_secs(100), keys_max: 3, bytes_max: 1 << 20 };
            let keys = Keys::new(keeps, second).restocked(disk.load_keys().unwrap());
            let log = Arc::new(SharedLog::new(shelf.position().seq, None, vec![Box::new(|| ())]));
            let desk = Arc::new(Desk::new(1 << 20));
            let journal = journal::kept(1, log.clone(), &desk).remove(0);
            let again = file.clone();
            let keeper = Keeper::new(disk, Box::new(move || open(&again)), shelf.fork(), keys, log, sync);
            House { file: file.clone(), keeper, desk, journal, shelf, now: Instant::now() }
        }

        /// Posts items with these keys together, each at its second.
        fn post(&mut self, calls: &[(&str, u64)]) -> Vec<Became> {
            let creates = calls.iter().map(|&(key, at)| {
                let once = Once { key: Key::read(key).unwrap(), at };
                (Act::Create { id: None, members: String::new() }, Some(Box::new(once)))
            });
            self.ask(creates.collect())
        }

        /// Asks for these together.
        fn ask(&mut self, acts: Vec<(Act, Option<Box<Once>>)>) -> Vec<Became> {
            for (act, once) in acts {
                let (collection, conditions) = (CollectionId(0), Conditions::default());
                self.journal.append(Ticket(0), Write { collection, act, conditions, once });
            }
            let mut settled = Vec::new();
            self.journal.settle(&mut self.shelf, &mut settled);
            let Taken::Writes(asked) = self.desk.take(None) else { panic!() };
            self.keeper.settle(asked, self.now);
            self.journal.settle(&mut self.shelf, &mut settled);
            let became = |outcome| match outcome {
                Outcome::Changed(change) => Became::New(change.record.id().to_owned()),
                Outcome::Repeated(earlier) => Became::Old(earlier.record.id().to_owned()),
                Outcome::Refused(refusal) => Became::Refused(refusal),
            };
            settled.into_iter().map(|settled| became(settled.outcome)).collect()
        }
    }

    fn new(id: &str) -> Became {
        Became::New(id.to_owned())
    }

    fn old(id: &str) -> Became {
        Became::Old(id.to_owned())
    }

    fn full() -> Became {
        Became::Refused(Refusal::StoreFull)
    }

    #[test]
    fn what_was_made_safe_is_repeated_on_a_full_disk_and_nothing_else() {
        let mut house = House::open(&File::default(), 1, Sync::Always);
        assert_eq!(house.post(&[("a", 1), ("a", 1), ("b", 1)]), [new("1"), old("1"), new("2")]);
        house.file.fail(FULL);
        assert_eq!(house.post(&[("c", 1), ("a", 1), ("c", 1)]), [full(), old("1"), full()]);
        assert_eq!(house.post(&[("a", 1), ("c", 1)]), [old("1"), full()], "it does not try now");
        house.file.mend();
        house.now += Timeouts::STORE_RETRY;
        assert_eq!(house.post(&[("c", 1), ("a", 1), ("b", 1)]), [new("3"), old("1"), old("2")]);
        let file = house.file.clone();
        house.keeper.close(house.now).unwrap();
        let mut house = House::open(&file, 1, Sync::Always);
        assert_eq!(house.post(&[("c", 1), ("b", 1)]), [old("3"), old("2")]);
    }

    #[test]
    fn a_full_disk_is_not_looked_at_again_where_nothing_is_to_be_saved() {
        let mut house = House::open(&File::default(), 1, Sync::Always);
        house.file.fail(FULL);
        assert_eq!(house.post(&[("a", 1)]), [full()]);
        house.keeper.disk.reopen_by(Box::new(|| panic!("it is opened again")));
        house.keeper.close(house.now + Timeouts::STORE_RETRY).unwrap();
    }

    #[test]
    fn a_store_that_is_another_when_there_is_room_is_not_written() {
        let (file, other) = (File::default(), File::default());
        for file in [&file, &other] {
            House::open(file, 1, Sync::Always).keeper.close(Instant::now()).unwrap();
        }
        let mut house = House::open(&file, 1, Sync::Always);
        assert_eq!(house.post(&[("a", 1)]), [new("1")]);
        house.file.fail(FULL);
        assert_eq!(house.post(&[("b", 1)]), [full()]);
        house.keeper.disk.reopen_by(Box::new(move || open(&other)));
        house.now += Timeouts::STORE_RETRY;
        assert_eq!(house.post(&[("b", 1)]), [Became::Refused(Refusal::StoreFailed)]);
        let why = house.keeper.close(house.now).unwrap_err();
        assert_eq!(why, "the store is at 00000007-0 where it should be at 00000007-1");
    }

    /// A store with more in it than the library keeps in memory, so that whoever loads it reads the file.
    fn large() -> File {
        let (file, items) = (File::default(), STORE_CACHE_BYTES as u64 / 10_000);
        let long = format!("\"x\":\"{}\"", "x".repeat(12_000));
        let tally = Tally { changed: items, counter: items, chosen_max: 0 };
        let items = (1..=items).map(|n| Record::new(&n.to_string(), long.clone(), n)).collect();
        let mut disk = open(&file).unwrap();
        disk.fill(&Stock::beginning(7, vec![Stocked { name: "tasks".to_owned(), tally, items }])).unwrap();
        disk.close().unwrap();
        file
    }

    #[test]
    fn as_long_as_the_disk_is_full_no_item_is_read() {
        let file = large();
        let before = file.bytes_read();
        let mut house = House::open(&file, 1, Sync::Always);
        let by_start = file.bytes_read() - before;
        let opened = Arc::new(Mutex::new(Vec::new()));
        let (again, note) = (house.file.clone(), opened.clone());
        let reopen = move || {
            again.mend();
            let before = again.bytes_read();
            let disk = open(&again);
            again.fail(FULL);
            note.lock().unwrap().push((before, again.bytes_read()));
            disk
        };
        house.keeper.disk.reopen_by(Box::new(reopen));
        house.file.fail(FULL);
        for n in 0..3 {
            assert_eq!(house.post(&[("a", 1), ("b", 1)]), [full(), full()]);
            house.now += Timeouts::STORE_RETRY;
            let opened = opened.lock().unwrap();
            assert_eq!(opened.len(), n, "it was tried again each time");
            let Some((before, after)) = opened.last() else { continue };
            let (by_opening, behind) = (after - before, file.bytes_read() - after);
            let by_loading = by_start - by_opening;
            assert!(by_loading > 1 << 20 && behind * 10 < by_loading, "{behind}, by loading {by_loading}");
        }
    }

    #[test]
    fn what_was_decided_in_vain_leaves_no_trace() {
        let mut house = House::open(&File::default(), 1, Sync::Always);
        let put = |id: &str| Act::Replace { id: id.into(), members: "\"n\":1".into() };
        let remove = |id: &str| Act::Remove { id: id.into() };
        assert_eq!(house.post(&[("a", 1), ("b", 1), ("c", 1)]), ["1", "2", "3"].map(new));
        house.file.fail(FULL);
        let acts = [remove("1"), put("2"), put("9"), remove("9"), remove("2"), put("1")];
        let refused = house.ask(acts.map(|act| (act, None)).into());
        assert_eq!(refused, [(); 6].map(|()| full()));
        house.now += Timeouts::STORE_RETRY;
        // The oldest key makes room for nothing.
        assert_eq!(house.post(&[("d", 1), ("a", 1)]), [full(), old("1")]);
        house.file.mend();
        house.now += Timeouts::STORE_RETRY;
        assert_eq!(house.post(&[("a", 1), ("d", 1)]), [old("1"), new("4")]);
        let file = house.file.clone();
        house.keeper.close(house.now).unwrap();
        let stock = open(&file).unwrap().load(&|_| ()).unwrap();
        let items: Vec<&str> = stock.collections[0].items.iter().map(|item| item.json()).collect();
        assert_eq!(items, ["1", "2", "3", "4"].map(|id| format!("{{\"id\":\"{id}\"}}")));
        assert_eq!(soundness::faults(&stock), [""; 0]);
    }

    #[test]
    fn what_is_told_before_it_is_safe_keeps_its_key_all_the_same() {
        let mut house = House::open(&File::default(), 1, Sync::Interval(Duration::from_secs(1)));
        assert_eq!(house.post(&[("a", 1)]), [new("1")]);
        house.file.fail(FULL);
        house.now += Duration::from_secs(1);
        house.keeper.save(house.now);
        assert_eq!(house.post(&[("a", 1), ("b", 1)]), [old("1"), full()]);
        house.file.mend();
        house.now += Timeouts::STORE_RETRY;
        assert_eq!(house.post(&[("b", 1), ("c", 1), ("d", 1)]), [new("2"), new("3"), new("4")]);
        let file = house.file.clone();
        house.keeper.close(house.now).unwrap();
        // The oldest was forgotten before it was saved.
        let mut house = House::open(&file, 1, Sync::Always);
        assert_eq!(house.post(&[("d", 1), ("b", 1), ("a", 1)]), [old("4"), old("2"), new("5")]);
    }

    #[test]
    fn what_is_forgotten_lies_in_the_store_no_more() {
        let mut house = House::open(&File::default(), 1000, Sync::Always);
        assert_eq!(house.post(&[("a", 1000), ("b", 1050)]), [new("1"), new("2")]);
        assert_eq!(house.post(&[("c", 1101)]), [new("3")]);
        let file = house.file.clone();
        house.keeper.close(house.now).unwrap();
        let kept = open(&file).unwrap().load_keys().unwrap();
        assert_eq!(kept.iter().map(|kept| kept.seq()).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn a_clock_set_back_between_two_starts_keeps_no_key_for_ever() {
        let mut house = House::open(&File::default(), 1_000_000, Sync::Always);
        assert_eq!(house.post(&[("a", 1_000_000)]), [new("1")]);
        let file = house.file.clone();
        house.keeper.close(house.now).unwrap();
        // It is as old as the start, and grows older from there, over further starts too.
        House::open(&file, 1000, Sync::Always).keeper.close(Instant::now()).unwrap();
        let mut house = House::open(&file, 1090, Sync::Always);
        assert_eq!(house.post(&[("a", 1100)]), [old("1")]);
        house.keeper.close(house.now).unwrap();
        let mut house = House::open(&file, 1101, Sync::Always);
        assert_eq!(house.post(&[("a", 1101)]), [new("2")]);
    }
}
