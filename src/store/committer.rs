//! Decides what is asked for, makes it safe, and only then lets it be true.
//!
//! ```text
//!   desk ─▶ decide in order ─▶ commit and sync ─▶ publish: every loop applies, answers and tells
//!     ▲                          one for all          │
//!     └──── what is asked meanwhile waits ────────────┘
//! ```
//!
//! The keeper is driven by a thread of its own. It has a state, which is ahead of all others by what is
//! being made safe. Whatever is asked for during a sync shares the next one, so that many writers wait for
//! few syncs.

use crate::error::ApiError;
use crate::model::change::{Change, Write};
use crate::store::collection::Undo;
use crate::store::commit_log::{Reply, SharedLog, Verdict};
use crate::store::disk::disk_state::{Disk, Reopen};
use crate::store::disk::durable_store::OnDisk;
use crate::store::idempotency_table::{Decided, Keys};
use crate::store::state::State;
use crate::store::write_queue::Asked;
use crate::store::write_status::{Board, Standing};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub struct Committer {
    log: Arc<SharedLog>,
    board: Board,
    /// Everything decided so far.
    state: State,
    /// Those of everything decided so far.
    keys: Keys,
    disk: Disk,
    sync: Sync,
    /// Published, and not yet safe.
    at_risk: Vec<Change>,
    at_risk_bytes: usize,
    /// When they are to be made safe.
    save_by: Option<Instant>,
    /// Commits since [`Committer::take_syncs`] was called last.
    syncs: u64,
}

/// What was decided together.
#[derive(Default)]
struct News {
    changes: Vec<Change>,
    /// What the state needs to roll them back, in their order.
    undo: Vec<Undo>,
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

impl Committer {
    /// Keeps the log in this store, whose stock is in the state.
    pub fn new(
        disk: OnDisk,
        reopen: Reopen,
        state: State,
        keys: Keys,
        log: Arc<SharedLog>,
        sync: Sync,
    ) -> Committer {
        let board = state.board().clone();
        let disk = Disk::new(disk, reopen, board.clone());
        Committer {
            log,
            board,
            state,
            keys,
            disk,
            sync,
            at_risk: Vec::new(),
            at_risk_bytes: 0,
            save_by: None,
            syncs: 0,
        }
    }

    /// When there is something to [save](Committer::save), or there may be room again.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.disk.deadline(self.save_by)
    }

    /// Returns how many times changes were made durable since the last call.
    pub fn take_syncs(&mut self) -> u64 {
        std::mem::take(&mut self.syncs)
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
                news.changes.iter().for_each(|change| self.state.confirm(change));
                self.publish(news);
            }
            Sync::Interval(interval) => {
                // Whatever becomes of it, it is answered, and is not taken back.
                news.changes.iter().for_each(|change| self.state.confirm(change));
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
                None => write.and_then(|write| self.keys.decide(write, &self.state)),
            };
            let verdict = match outcome {
                Ok(Decided::Repeated(earlier)) => Verdict::Repeated(earlier),
                Ok(Decided::Change(change)) => {
                    news.undo.push(self.state.apply_tentative(&change));
                    news.changes.push(change);
                    Verdict::Changed
                }
                Err(refusal) => Verdict::Refused(refusal),
            };
            let seq = self.state.position().seq;
            news.replies.push((reader, Reply { ticket, seq, verdict }));
        }
        news
    }

    /// Nothing is written now. What has been before is there all the same.
    fn refuse(&mut self, write: &Write, refusal: ApiError) -> Result<Decided, ApiError> {
        self.keys.known(write)?.map(Decided::Repeated).ok_or(refusal)
    }

    /// Nothing of it has happened.
    fn take_back(&mut self, news: &mut News, refusal: &ApiError) {
        for (change, undo) in news.changes.drain(..).zip(news.undo.drain(..)).rev() {
            self.state.rollback(&change, undo);
        }
        let seq = self.state.position().seq;
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
    fn commit(&mut self, changes: &[Change], now: Instant) -> Result<(), ApiError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.disk.commit(changes, &self.state, &self.keys, now)?;
        self.keys.have_gone();
        self.syncs += 1;
        Ok(())
    }

    /// Where there was no room: is there now?
    fn try_again(&mut self, now: Instant) {
        let safe = self.state.at(self.state.position().seq - self.at_risk.len() as u64);
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

    fn save_answered(&mut self, now: Instant) -> Result<(), ApiError> {
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
    fn refuse_all(&mut self, refusal: &ApiError, seq: u64) {
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
    use crate::config::Timeouts;
    use crate::store::disk::fault_injection::File;
    use crate::store::test_store::{FULL, House, full, new, old, open};

    #[test]
    fn what_was_made_safe_is_repeated_on_a_full_disk_and_nothing_else() {
        let mut house = House::open(&File::default(), 1, Sync::Always, Instant::now());
        assert_eq!(house.post(&[("a", 1), ("a", 1), ("b", 1)]), [new("1"), old("1"), new("2")]);
        house.file.fail(FULL);
        assert_eq!(house.post(&[("c", 1), ("a", 1), ("c", 1)]), [full(), old("1"), full()]);
        assert_eq!(house.post(&[("a", 1), ("c", 1)]), [old("1"), full()], "it does not try now");
        house.file.mend();
        house.now += Timeouts::STORE_RETRY;
        assert_eq!(house.post(&[("c", 1), ("a", 1), ("b", 1)]), [new("3"), old("1"), old("2")]);
        let file = house.file.clone();
        house.keeper.close(house.now).unwrap();
        let mut house = House::open(&file, 1, Sync::Always, Instant::now());
        assert_eq!(house.post(&[("c", 1), ("b", 1)]), [old("3"), old("2")]);
    }

    #[test]
    fn what_is_told_before_it_is_safe_keeps_its_key_all_the_same() {
        let mut house =
            House::open(&File::default(), 1, Sync::Interval(Duration::from_secs(1)), Instant::now());
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
        let mut house = House::open(&file, 1, Sync::Always, Instant::now());
        assert_eq!(house.post(&[("d", 1), ("b", 1), ("a", 1)]), [old("4"), old("2"), new("5")]);
    }

    #[test]
    fn what_is_forgotten_lies_in_the_store_no_more() {
        let mut house = House::open(&File::default(), 1000, Sync::Always, Instant::now());
        assert_eq!(house.post(&[("a", 1000), ("b", 1050)]), [new("1"), new("2")]);
        assert_eq!(house.post(&[("c", 1101)]), [new("3")]);
        let file = house.file.clone();
        house.keeper.close(house.now).unwrap();
        let kept = open(&file).unwrap().load_keys().unwrap();
        assert_eq!(kept.iter().map(|kept| kept.seq()).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn a_clock_set_back_between_two_starts_keeps_no_key_for_ever() {
        let mut house = House::open(&File::default(), 1_000_000, Sync::Always, Instant::now());
        assert_eq!(house.post(&[("a", 1_000_000)]), [new("1")]);
        let file = house.file.clone();
        house.keeper.close(house.now).unwrap();
        // It is as old as the start, and grows older from there, over further starts too.
        House::open(&file, 1000, Sync::Always, Instant::now()).keeper.close(Instant::now()).unwrap();
        let mut house = House::open(&file, 1090, Sync::Always, Instant::now());
        assert_eq!(house.post(&[("a", 1100)]), [old("1")]);
        house.keeper.close(house.now).unwrap();
        let mut house = House::open(&file, 1101, Sync::Always, Instant::now());
        assert_eq!(house.post(&[("a", 1101)]), [new("2")]);
    }
}
