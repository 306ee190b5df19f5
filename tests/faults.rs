//! A file that fails at its first operation, at its second, and so on through all of them: what was
//! answered is there when it is opened again, and what was refused is not.

#[allow(dead_code)] // Others use the rest.
#[path = "../src/store/disk/fault_injection.rs"]
mod failing_file;
#[allow(dead_code)] // The fuzz target uses the rest.
#[path = "../fuzz/src/journals.rs"]
mod journals;

use bothways::error::ApiError;
use bothways::model::change::{Act, CollectionId, Write};
use bothways::store::commit_log::SharedLog;
use bothways::store::committed::{Outcome, Settled, Ticket};
use bothways::store::committer::{Committer, Sync};
use bothways::store::disk::change_rows::Keeps;
use bothways::store::disk::durable_store::{Epoch, OnDisk};
use bothways::store::idempotency_table::{Bounds, Keys};
use bothways::store::state::State;
use bothways::store::write_queue::{Taken, WriteQueue};
use bothways::store::write_status::Standing;
use failing_file::{Crash, Fault, File};
use journals::{Mode, Seen, Step, Wish, check_steps};
use std::io::ErrorKind::{Other, StorageFull};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Then the process ends in good order, or the machine crashes and keeps some of what was not synced.
#[test]
fn whatever_fails_what_was_answered_is_there_and_what_was_refused_is_not() {
    let crashes = [Crash::Nothing, Crash::All, Crash::Some(5)].map(Step::Crash);
    let mut plans = Vec::new();
    for mode in [Mode::Always, Mode::Interval] {
        for end in [Step::Restart, crashes[0], crashes[1]] {
            for kind in [StorageFull, Other] {
                plans.push((mode, end, Fault::Once { after: 0, kind }));
            }
        }
        for end in crashes {
            plans.push((mode, end, Fault::Ever { after: 0, kind: Other }));
        }
    }
    let (mut runs, mut failures, mut refused) = (0, 0, 0);
    let halves: Vec<_> = plans.chunks(plans.len() / 2).map(<[_]>::to_vec).collect();
    let threads =
        halves.into_iter().map(|plans| thread::spawn(move || plans.into_iter().flat_map(through).collect()));
    for thread in threads.collect::<Vec<_>>() {
        let seen: Vec<Seen> = thread.join().unwrap();
        runs += seen.len();
        failures += seen.iter().map(|seen| seen.failures).sum::<usize>();
        refused += seen.iter().map(|seen| seen.refused).sum::<usize>();
    }
    println!("{runs} runs, {failures} failures of the file, {refused} writes refused");
}

/// One run for each operation that can fail.
fn through((mode, end, fault): (Mode, Step, Fault)) -> Vec<Seen> {
    let ask = |wish| Step::Ask { at: 0, collection: 0, wish };
    let (settle, turn, wait) = (Step::Settle { at: 0 }, Step::Turn, Step::Wait(Duration::from_secs(3)));
    let before = [ask(Wish::Create), ask(Wish::Put(3)), settle, turn];
    let behind = [
        [ask(Wish::Patch(3)), ask(Wish::Create), settle, turn, wait, turn],
        [ask(Wish::Remove(1)), ask(Wish::Create), settle, turn, wait, turn],
    ];
    let run = |n| {
        let fault = match fault {
            Fault::Once { kind, .. } => Fault::Once { after: n, kind },
            _ => Fault::Ever { after: n, kind: Other },
        };
        let steps = [&before[..], &[Step::Fault(fault)], behind.as_flattened(), &[end]].concat();
        println!("{mode:?} {fault:?} {end:?}");
        check_steps(mode, 1, &steps)
    };
    let seen: Vec<Seen> = (0..).map(run).take_while(|seen| seen.failures > 0).collect();
    assert!(seen.len() > 10, "{} operations are too few", seen.len());
    seen
}

/// A keeper with one loop, which looks at the log when the test says so.
struct House {
    file: File,
    keeper: Committer,
    desk: Arc<WriteQueue>,
    log: Arc<SharedLog>,
    state: State,
    now: Instant,
}

const KEEPS: Keeps = Keeps { changes_max: 100, bytes_max: 1 << 20 };

impl House {
    fn new() -> House {
        let file = File::default();
        let open = |file, epoch| OnDisk::open_with(file, epoch, KEEPS, &(Rc::new(|_| ()) as _));
        let mut disk = open(file.clone(), Epoch::Begin(7)).unwrap();
        disk.declare(&["tasks".to_owned()]).unwrap();
        let state = State::stocked(disk.load(&|_| ()).unwrap(), 1000);
        let log = Arc::new(SharedLog::new(0, None, vec![Box::new(|| ())]));
        let again = file.clone();
        let reopen = Box::new(move || open(again.clone(), Epoch::GoOn));
        let keys = Keys::new(Bounds { time: Duration::from_secs(60), keys_max: 100, bytes_max: 1 << 20 }, 0);
        let keeper = Committer::new(disk, reopen, state.fork(), keys, log.clone(), Sync::Always);
        let desk = Arc::new(WriteQueue::new(1 << 20));
        House { file, keeper, desk, log, state, now: Instant::now() }
    }

    /// A new item is asked for, and the keeper settles it.
    fn create(&mut self, ticket: u64) {
        let act = Act::Create { id: None, members: String::new() };
        let write = Write::new(CollectionId(0), act);
        self.desk.ask(0, &mut vec![(Ticket(ticket), write)]);
        self.turn();
    }

    fn turn(&mut self) {
        match self.desk.take(Some(Duration::ZERO)) {
            Taken::Writes(asked) => self.keeper.settle(asked, self.now),
            _ if self.keeper.next_deadline().is_some_and(|deadline| deadline <= self.now) => {
                self.keeper.save(self.now);
            }
            _ => {}
        }
    }

    /// What the loop is told: the seq of each change, and each refusal.
    fn told(&mut self) -> Vec<(u64, Result<u64, ApiError>)> {
        let mut settled = Vec::new();
        self.log.lock().bring(0, &mut self.state, &mut settled);
        let told = |Settled { ticket, outcome }: Settled| {
            let outcome = match outcome {
                Outcome::Changed(change) => Ok(change.position.seq),
                Outcome::Refused(refusal) => Err(refusal),
                Outcome::Repeated(_) => panic!("no key was given"),
            };
            (ticket.expect("it asked for all").0, outcome)
        };
        settled.into_iter().map(told).collect()
    }

    fn standing(&self) -> Standing {
        self.state.board().get()
    }
}

/// The loop was busy all the time: it looks when the disk has been full, and is good again.
#[test]
fn whoever_looks_late_is_told_of_every_write_in_order() {
    let mut house = House::new();
    house.create(1);
    house.file.fail(Fault::Once { after: 0, kind: StorageFull });
    house.create(2);
    house.create(3);
    house.now += Duration::from_secs(3);
    house.create(4);
    let full = || Err(ApiError::StoreFull);
    assert_eq!(house.told(), [(1, Ok(1)), (2, full()), (3, full()), (4, Ok(2))]);
}

#[test]
fn where_there_is_room_again_writes_are_taken_though_nobody_has_asked() {
    let mut house = House::new();
    house.file.fail(Fault::Once { after: 0, kind: StorageFull });
    house.create(1);
    assert_eq!((house.standing(), house.told()), (Standing::Full, vec![(1, Err(ApiError::StoreFull))]));
    house.now += Duration::from_secs(3);
    house.turn();
    assert_eq!(house.standing(), Standing::Good, "whoever asks /readyz first would wait for ever");
}

#[test]
fn a_disk_that_fails_to_sync_is_written_no_more() {
    for after in 0.. {
        let mut house = House::new();
        house.create(1);
        house.file.fail(Fault::Once { after, kind: Other });
        house.create(2);
        if house.file.failures() == 0 {
            assert!(after > 5, "{after} operations are too few");
            break;
        }
        house.now += Duration::from_secs(60);
        house.create(3);
        assert_eq!(house.standing(), Standing::Failed, "at operation {after}");
        let failed = || Err(ApiError::StoreFailed);
        let told = house.told();
        assert_eq!(told.first(), Some(&(1, Ok(1))));
        assert_eq!(told.last(), Some(&(3, failed())));
        assert_eq!(
            house.state.collection(CollectionId(0)).len() as u64,
            house.state.position().seq,
            "it can be read"
        );
        let why = house.keeper.close(house.now).unwrap_err();
        assert!(why.ends_with("the file failed: as it was told to"), "{why}");
    }
}
