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
use super::guarded::Failed;
use super::keys::{Decided, Kept, Keys};
use super::log::{Reply, SharedLog, Verdict};
use super::on_disk::OnDisk;
use super::shelf::Shelf;
use super::standing::{Board, Standing};
use super::stock::Stock;
use super::store_error::StoreError;
use crate::exchange::change::{Change, Write};
use crate::meter::{self, Count};
use crate::refusal::Refusal;
use crate::timeouts::Timeouts;
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
    reopen: Reopen,
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

enum Disk {
    Good(OnDisk),
    /// There was no room. It is tried again at this time.
    Full(Instant),
    /// Nothing is stored any more, for this reason.
    Failed(String),
}

/// Opens the store again.
pub type Reopen = Box<dyn FnMut() -> Result<OnDisk, StoreError> + Send>;

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
        Keeper {
            log,
            board: shelf.board().clone(),
            shelf,
            keys,
            disk: Disk::Good(disk),
            reopen,
            sync,
            at_risk: Vec::new(),
            at_risk_bytes: 0,
            save_by: None,
        }
    }

    /// When there is something to [save](Keeper::save), or there may be room again.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.save_by
    }

    /// Decides all of this, and makes it safe together.
    pub fn settle(&mut self, asked: VecDeque<Asked>, now: Instant) {
        self.try_again(now);
        let mut news = self.decide(asked);
        match self.sync {
            Sync::Always => {
                if let Err(refusal) = self.commit(&news.changes, now) {
                    let head = self.log.lock().head();
                    news.refuse_all(&refusal, head);
                    self.keys.undo_after(head);
                }
                self.publish(news);
            }
            Sync::Interval(interval) => {
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
        // A shelf whose changes were refused is ahead of what is true.
        let seq_refused = self.log.lock().head();
        for Asked { reader, ticket, write } in asked {
            let outcome = match &refusal {
                Some(refusal) => write.and_then(|write| self.refuse(&write, refusal.clone())),
                None => write.and_then(|write| self.keys.decide(write, &self.shelf)),
            };
            let verdict = match outcome {
                Ok(Decided::Repeated(earlier)) => Verdict::Repeated(earlier),
                Ok(Decided::Change(change)) => {
                    self.shelf.apply(&change);
                    news.changes.push(change);
                    Verdict::Changed
                }
                Err(refusal) => Verdict::Refused(refusal),
            };
            let seq = if refusal.is_some() { seq_refused } else { self.shelf.position().seq };
            news.replies.push((reader, Reply { ticket, seq, verdict }));
        }
        news
    }

    /// Nothing is written now. What has been before is there all the same.
    fn refuse(&mut self, write: &Write, refusal: Refusal) -> Result<Decided, Refusal> {
        self.keys.known(write)?.map(Decided::Repeated).ok_or(refusal)
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
        let Disk::Good(disk) = &mut self.disk else {
            unreachable!("nothing is decided while the disk is not good");
        };
        let Err(error) = disk.commit(changes, &self.shelf, &self.keys) else {
            self.keys.have_gone();
            meter::one(Count::StoreSyncs);
            return Ok(());
        };
        let failed = disk.trouble().get();
        Err(self.stop(failed, &error, now))
    }

    /// The file is not touched any more, until there is room or until the server is started anew.
    fn stop(&mut self, failed: Option<Failed>, error: &StoreError, now: Instant) -> Refusal {
        let standing = match failed {
            Some(failed) if failed.is_for_want_of_room() => {
                log::error!("writes are refused until there is room on the disk: {failed}");
                self.wait_for_room(now);
                Standing::Full
            }
            failed => {
                let why = failed.map_or_else(|| error.to_string(), |failed| failed.to_string());
                self.give_up(why);
                Standing::Failed
            }
        };
        self.board.set(standing);
        standing.refusal().expect("it is not good")
    }

    fn give_up(&mut self, why: String) {
        log::error!("writes are refused until the server is started anew: {why}");
        self.board.set(Standing::Failed);
        self.disk = Disk::Failed(why);
        self.save_by = None;
    }

    fn wait_for_room(&mut self, now: Instant) {
        let at = now + Timeouts::STORE_RETRY;
        self.disk = Disk::Full(at);
        // Also where nothing is to be saved: as long as /readyz says no, nobody may ask for anything.
        self.save_by = Some(at);
    }

    /// Where there was no room: is there now?
    fn try_again(&mut self, now: Instant) {
        match self.disk {
            Disk::Full(at) if at <= now => {}
            _ => return,
        }
        match self.open_again() {
            Ok((disk, stock, keys)) if stock.position.seq == self.safe_seq() => {
                if self.at_risk.is_empty() {
                    self.shelf = self.shelf.restocked(stock);
                    self.keys = self.keys.restocked(keys);
                }
                self.disk = Disk::Good(disk);
                // What was answered comes first: as long as there is no room for it, nothing more is taken.
                if self.save_answered(now).is_ok() {
                    log::info!("the store is open again: writes are taken");
                    self.board.set(Standing::Good);
                }
            }
            Ok((_, stock, _)) => {
                let [is, should] = [stock.position.seq, self.safe_seq()];
                self.give_up(format!("the store is at {is} where it should be at {should}"));
            }
            Err(error) => {
                log::warn!("the store cannot be opened again: {error}");
                self.wait_for_room(now);
            }
        }
    }

    fn open_again(&mut self) -> Result<(OnDisk, Stock, Vec<Kept>), StoreError> {
        let mut disk = (self.reopen)()?;
        let stock = disk.load(&|_| ())?;
        let keys = disk.load_keys(self.keys.now())?;
        Ok((disk, stock, keys))
    }

    /// The seq of the last change that was made safe.
    fn safe_seq(&self) -> u64 {
        self.log.lock().head() - self.at_risk.len() as u64
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
        if let Disk::Good(_) = self.disk {
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
        if let Disk::Full(at) = &mut self.disk {
            if self.sync == Sync::Always {
                // All that was answered is safe, and to look for room takes as long as to start.
                return Ok(());
            }
            *at = now;
        }
        self.save(now);
        match self.disk {
            Disk::Good(disk) => disk.close().map_err(|error| error.to_string()),
            Disk::Full(_) if self.at_risk.is_empty() => Ok(()),
            Disk::Full(_) => Err(format!(
                "the disk is full, and {} changes that were answered are lost",
                self.at_risk.len()
            )),
            Disk::Failed(why) => Err(why),
        }
    }
}

impl News {
    /// Nothing of it has happened; the last change is still the one with this seq.
    fn refuse_all(&mut self, refusal: &Refusal, seq: u64) {
        self.changes.clear();
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
    use crate::store::desk::{Desk, Taken};
    use crate::store::failing_file::{Fault, File};
    use crate::store::journal::{self, Journal, Outcome, Ticket};
    use crate::store::keys::Bounds;
    use crate::store::on_disk::{Epoch, Keeps};
    use std::io;
    use std::rc::Rc;

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
            let shelf = Shelf::stocked(disk.load(&|_| ()).unwrap(), 1000);
            let keeps = Bounds { time: Duration::from_secs(100), keys_max: 3, bytes_max: 1 << 20 };
            let keys = Keys::new(keeps, second).restocked(disk.load_keys(second).unwrap());
            let log = Arc::new(SharedLog::new(shelf.position().seq, None, vec![Box::new(|| ())]));
            let desk = Arc::new(Desk::new(1 << 20));
            let journal = journal::kept(1, log.clone(), &desk).remove(0);
            let again = file.clone();
            let keeper = Keeper::new(disk, Box::new(move || open(&again)), shelf.fork(), keys, log, sync);
            House { file: file.clone(), keeper, desk, journal, shelf, now: Instant::now() }
        }

        /// Posts items with these keys together, each at its second.
        fn post(&mut self, calls: &[(&str, u64)]) -> Vec<Became> {
            for &(key, at) in calls {
                let once = Once { key: Key::read(key).unwrap(), at };
                let act = Act::Create { id: None, members: String::new() };
                let (collection, conditions) = (CollectionId(0), Conditions::default());
                let write = Write { collection, act, conditions, once: Some(Box::new(once)) };
                self.journal.append(Ticket(0), write);
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
        house.keeper.reopen = Box::new(|| panic!("it is opened again"));
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
        house.keeper.reopen = Box::new(move || open(&other));
        house.now += Timeouts::STORE_RETRY;
        assert_eq!(house.post(&[("b", 1)]), [Became::Refused(Refusal::StoreFailed)]);
        let why = house.keeper.close(house.now).unwrap_err();
        assert_eq!(why, "the store is at 0 where it should be at 1");
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
        let kept = open(&file).unwrap().load_keys(1101).unwrap();
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
