//! The store as the committer finds it: good, full, or failed.
//!
//! ```text
//!               no room                          the store ends where it should
//!   Good ──────────────────▶ Full until it is ──────────────────────────────────▶ Good
//!     └─ anything else fails     tried again ─── it ends elsewhere ─┐
//!                └──────────────────────────────────────────────────┴──▶ Failed
//! ```
//!
//! After a failure the file is not used any longer. A file without room is reopened from time to time. Its
//! contents need not be loaded then: the committer has them.

use crate::config::Timeouts;
use crate::error::ApiError;
use crate::model::change::{Change, Position};
use crate::store::disk::change_rows::Rows;
use crate::store::disk::durable_store::OnDisk;
use crate::store::disk::fail_stop_file::Failed;
use crate::store::disk::store_error::StoreError;
use crate::store::idempotency_table::Keys;
use crate::store::state::State;
use crate::store::write_status::{Board, Standing};
use std::mem;
use std::time::Instant;

pub struct Disk {
    state: DiskState,
    reopen: Reopen,
    /// Says good only when the keeper does: there may be something to be saved first.
    board: Board,
}

enum DiskState {
    Good(OnDisk),
    /// There was no room. It is tried again at this time; the store has these rows of changes.
    Full(Instant, Rows),
    /// Nothing is stored any more, for this reason.
    Failed(String),
}

/// Opens the store again.
pub type Reopen = Box<dyn FnMut() -> Result<OnDisk, StoreError> + Send>;

impl Disk {
    pub fn new(store: OnDisk, reopen: Reopen, board: Board) -> Disk {
        Disk { state: DiskState::Good(store), reopen, board }
    }

    pub fn is_good(&self) -> bool {
        matches!(self.state, DiskState::Good(_))
    }

    pub fn is_full(&self) -> bool {
        matches!(self.state, DiskState::Full(..))
    }

    /// When to look at it: when something is to be saved, or when there may be room again. That also where
    /// nothing is to be saved: as long as /readyz says no, nobody may ask for anything.
    pub fn deadline(&self, save_by: Option<Instant>) -> Option<Instant> {
        match self.state {
            DiskState::Good(_) => save_by,
            DiskState::Full(at, _) => Some(at),
            DiskState::Failed(_) => None,
        }
    }

    /// Makes changes safe, or says what whoever asked for them is told.
    pub fn commit(
        &mut self,
        changes: &[Change],
        state: &State,
        keys: &Keys,
        now: Instant,
    ) -> Result<(), ApiError> {
        let DiskState::Good(store) = &mut self.state else {
            unreachable!("nothing is decided while the disk is not good");
        };
        let Err(error) = store.commit(changes, state, keys) else { return Ok(()) };
        let standing = match store.trouble().get() {
            Some(failed) if failed.is_for_want_of_room() => self.wait_for_room(&failed, now),
            failed => self.give_up(failed.map_or_else(|| error.to_string(), |failed| failed.to_string())),
        };
        Err(standing.refusal().expect("it is not good"))
    }

    fn wait_for_room(&mut self, failed: &Failed, now: Instant) -> Standing {
        log::error!("writes are refused until there is room on the disk: {failed}");
        // Closed at once, so that it can be opened again.
        if let DiskState::Good(store) = mem::replace(&mut self.state, DiskState::Failed(failed.to_string())) {
            self.state = DiskState::Full(now + Timeouts::STORE_RETRY, store.into_rows());
        }
        self.stand(Standing::Full)
    }

    fn give_up(&mut self, why: String) -> Standing {
        log::error!("writes are refused until the server is started anew: {why}");
        self.state = DiskState::Failed(why);
        self.stand(Standing::Failed)
    }

    fn stand(&mut self, standing: Standing) -> Standing {
        self.board.set(standing);
        standing
    }

    /// Where there was no room: is it open again now? The store must end at this position.
    pub fn try_again(&mut self, safe: Position, now: Instant) -> bool {
        let DiskState::Full(at, rows) = &mut self.state else { return false };
        if *at > now {
            return false;
        }
        let opened = (self.reopen)().and_then(|store| Ok((store.position()?, store)));
        match opened {
            Ok((position, store)) if position == safe => {
                self.state = DiskState::Good(store.going_on(mem::take(rows)));
                return true;
            }
            Ok((position, _)) => {
                self.give_up(format!("the store is at {position} where it should be at {safe}"));
            }
            Err(error) => {
                log::warn!("the store cannot be opened again: {error}");
                *at = now + Timeouts::STORE_RETRY;
            }
        }
        false
    }

    /// Its time to be tried again has come.
    pub fn look_now(&mut self, now: Instant) {
        if let DiskState::Full(at, _) = &mut self.state {
            *at = now;
        }
    }

    /// An error: so many changes that were answered are not safe, or the disk has failed.
    pub fn close(self, at_risk: usize) -> Result<(), String> {
        match self.state {
            DiskState::Good(store) => store.close().map_err(|error| error.to_string()),
            DiskState::Full(..) if at_risk == 0 => Ok(()),
            DiskState::Full(..) => {
                Err(format!("the disk is full, and {at_risk} changes that were answered are lost"))
            }
            DiskState::Failed(why) => Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::STORE_CACHE_BYTES;
    use crate::model::change::Act;
    use crate::model::record::Record;
    use crate::store::committer::Sync;
    use crate::store::disk::fault_injection::File;
    use crate::store::disk::integrity;
    use crate::store::snapshot::{Stock, Stocked, Tally};
    use crate::store::test_store::{Became, FULL, House, full, new, old, open};
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_full_disk_is_not_looked_at_again_where_nothing_is_to_be_saved() {
        let mut house = House::open(&File::default(), 1, Sync::Always, Instant::now());
        house.file.fail(FULL);
        assert_eq!(house.post(&[("a", 1)]), [full()]);
        house.reopen_by(Box::new(|| panic!("it is opened again")));
        house.keeper.close(house.now + Timeouts::STORE_RETRY).unwrap();
    }

    #[test]
    fn a_store_that_is_another_when_there_is_room_is_not_written() {
        let (file, other) = (File::default(), File::default());
        for file in [&file, &other] {
            House::open(file, 1, Sync::Always, Instant::now()).keeper.close(Instant::now()).unwrap();
        }
        let mut house = House::open(&file, 1, Sync::Always, Instant::now());
        assert_eq!(house.post(&[("a", 1)]), [new("1")]);
        house.file.fail(FULL);
        assert_eq!(house.post(&[("b", 1)]), [full()]);
        house.reopen_by(Box::new(move || open(&other)));
        house.now += Timeouts::STORE_RETRY;
        assert_eq!(house.post(&[("b", 1)]), [Became::Refused(ApiError::StoreFailed)]);
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
        let mut house = House::open(&file, 1, Sync::Always, Instant::now());
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
        house.reopen_by(Box::new(reopen));
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
        let mut house = House::open(&File::default(), 1, Sync::Always, Instant::now());
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
        assert_eq!(integrity::faults(&stock), [""; 0]);
    }
}
