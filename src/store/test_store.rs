//! A loop, a keeper, and a disk that is full when a test says so. Only tests have it.

use crate::error::ApiError;
use crate::model::change::{Act, CollectionId, Once, Write};
use crate::model::idempotency_key::Key;
use crate::store::commit_log::SharedLog;
use crate::store::committed::{Outcome, Ticket};
use crate::store::committer::{Committer, Sync};
use crate::store::disk::change_rows::Keeps;
use crate::store::disk::disk_state::Reopen;
use crate::store::disk::durable_store::{Epoch, OnDisk};
use crate::store::disk::fault_injection::{Fault, File};
use crate::store::disk::store_error::StoreError;
use crate::store::idempotency_table::{Bounds, Keys};
use crate::store::journal::{self, Journal};
use crate::store::state::State;
use crate::store::write_queue::{Taken, WriteQueue};
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// There is no room for anything.
pub const FULL: Fault = Fault::Ever { after: 0, kind: io::ErrorKind::StorageFull };

pub fn open(file: &File) -> Result<OnDisk, StoreError> {
    let keeps = Keeps { changes_max: 100, bytes_max: 1 << 20 };
    OnDisk::open_with(file.clone(), Epoch::Begin(7), keeps, &(Rc::new(|_| ()) as _))
}

/// A loop, its keeper, and the disk under it.
pub struct House {
    pub file: File,
    pub keeper: Committer,
    desk: Arc<WriteQueue>,
    journal: Journal,
    state: State,
    pub now: Instant,
    /// How the keeper opens the file again.
    again: Arc<Mutex<Reopen>>,
}

/// What became of a write: the id of what was created, now or earlier; or why it was refused.
#[derive(Debug, PartialEq)]
pub enum Became {
    New(String),
    Old(String),
    Refused(ApiError),
}

impl House {
    /// At this second of the clock on the wall, and at this moment.
    pub fn open(file: &File, second: u64, sync: Sync, now: Instant) -> House {
        let mut disk = open(file).unwrap();
        disk.declare(&["tasks".to_owned()]).unwrap();
        disk.age_keys(second).unwrap();
        let state = State::stocked(disk.load(&|_| ()).unwrap(), 1000);
        let keeps = Bounds { time: Duration::from_secs(100), keys_max: 3, bytes_max: 1 << 20 };
        let keys = Keys::new(keeps, second).restocked(disk.load_keys().unwrap());
        let log = Arc::new(SharedLog::new(state.position().seq, None, vec![Box::new(|| ())]));
        let desk = Arc::new(WriteQueue::new(1 << 20));
        let journal = journal::kept(1, log.clone(), &desk).remove(0);
        let same = file.clone();
        let again: Arc<Mutex<Reopen>> = Arc::new(Mutex::new(Box::new(move || open(&same))));
        let asked = again.clone();
        let reopen = Box::new(move || asked.lock().unwrap()());
        let keeper = Committer::new(disk, reopen, state.fork(), keys, log, sync);
        House { file: file.clone(), keeper, desk, journal, state, now, again }
    }

    /// From here on the keeper opens the file in this way.
    pub fn reopen_by(&self, reopen: Reopen) {
        *self.again.lock().unwrap() = reopen;
    }

    /// Posts items with these keys together, each at its second.
    pub fn post(&mut self, calls: &[(&str, u64)]) -> Vec<Became> {
        let creates = calls.iter().map(|&(key, at)| {
            let once = Once { key: Key::read(key).unwrap(), at };
            (Act::Create { id: None, members: String::new() }, Some(Box::new(once)))
        });
        self.ask(creates.collect())
    }

    /// Asks for these together.
    pub fn ask(&mut self, acts: Vec<(Act, Option<Box<Once>>)>) -> Vec<Became> {
        for (act, once) in acts {
            self.journal.append(Ticket(0), Write { once, ..Write::new(CollectionId(0), act) });
        }
        let mut settled = Vec::new();
        self.journal.settle(&mut self.state, &mut settled);
        let Taken::Writes(asked) = self.desk.take(None) else { panic!() };
        self.keeper.settle(asked, self.now);
        self.journal.settle(&mut self.state, &mut settled);
        settled
            .into_iter()
            .map(|settled| match settled.outcome {
                Outcome::Changed(change) => Became::New(change.record.id().to_owned()),
                Outcome::Repeated(earlier) => Became::Old(earlier.record.id().to_owned()),
                Outcome::Refused(refusal) => Became::Refused(refusal),
            })
            .collect()
    }
}

pub fn new(id: &str) -> Became {
    Became::New(id.to_owned())
}

pub fn old(id: &str) -> Became {
    Became::Old(id.to_owned())
}

pub fn full() -> Became {
    Became::Refused(ApiError::StoreFull)
}
