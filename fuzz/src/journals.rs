//! The journal against a plain list: several loops, a keeper, a file that fails and a machine that
//! crashes, all driven by one thread.
//!
//! ```text
//!   a2        always synced (`i`: at intervals; `m`: in memory), two loops
//!   ca sa     a letter says what happens, the one behind it to whom: loop 1 asks for a new item,
//!   kk ua     and hands it on; the keeper has its turn; loop 1 looks what is new
//! ```

use super::failing_file::{Crash, Fault, File};
use bothways::error::ApiError;
use bothways::model::change::{Act, Change, CollectionId, Conditions, Op, Position, Tags, Write};
use bothways::model::json_object::Object;
use bothways::store::commit_log::{SharedLog, Wake};
use bothways::store::committed::{Outcome, Settled, Ticket};
use bothways::store::committer::{Committer, Sync};
use bothways::store::disk::change_rows::Keeps;
use bothways::store::disk::durable_store::{Epoch, OnDisk};
use bothways::store::disk::store_error::StoreError;
use bothways::store::idempotency_table::{Bounds, Keys};
use bothways::store::journal::{self, Journal};
use bothways::store::state::State;
use bothways::store::write_queue::{Taken, WriteQueue};
use bothways::store::write_status::Standing;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Memory,
    Always,
    Interval,
}

/// What happens next. A loop's number is taken modulo the number of loops.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Ask {
        at: usize,
        collection: u16,
        wish: Wish,
    },
    /// What a loop has asked for is decided, or handed to the keeper.
    Settle {
        at: usize,
    },
    CatchUp {
        at: usize,
    },
    Listen {
        at: usize,
        listening: bool,
    },
    /// The keeper's.
    Turn,
    Wait(Duration),
    Fault(Fault),
    /// Whatever was wrong with the file is mended.
    Mend,
    /// The process ends in good order, and a new one begins.
    Restart,
    /// It does not.
    Crash(Crash),
}

/// Ids are small numbers, so that what is chosen and what is given meet.
#[derive(Clone, Copy, Debug)]
pub enum Wish {
    Create,
    CreateAs(u8),
    Put(u8),
    /// Where there is none.
    PutNew(u8),
    /// Over the state that this loop knows.
    PutOver(u8),
    Patch(u8),
    Remove(u8),
}

/// Whatever happens, every loop has seen one list of changes, and what was asked for is settled once
/// and in order. After a crash everything is there that was said to be safe, and nothing that was refused.
pub fn check_journal(input: &[u8]) {
    let line = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (first, rest) = input.split_at(line);
    let mode = match first.first() {
        Some(b'm') => Mode::Memory,
        Some(b'i') => Mode::Interval,
        _ => Mode::Always,
    };
    let loops = first.get(1).map_or(1, |byte| usize::from(byte & 3).max(1));
    let letters: Vec<u8> = rest.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let steps: Vec<Step> =
        letters.chunks_exact(2).take(STEPS_MAX).filter_map(|two| step(two[0], two[1])).collect();
    check_steps(mode, loops, &steps);
}

const STEPS_MAX: usize = 300;

/// A capital letter is about the second collection.
fn step(letter: u8, more: u8) -> Option<Step> {
    let (at, id) = (usize::from(more & 31).wrapping_sub(1) & 3, (more >> 2 & 7) + 1);
    let collection = u16::from(letter.is_ascii_uppercase());
    let ask = |wish| Some(Step::Ask { at, collection, wish });
    let kind = if more.is_ascii_uppercase() { ErrorKind::StorageFull } else { ErrorKind::Other };
    let after = usize::from(more & 31);
    match letter.to_ascii_lowercase() {
        b'c' => ask(Wish::Create),
        b'd' => ask(Wish::CreateAs(id)),
        b'p' => ask(Wish::Put(id)),
        b'n' => ask(Wish::PutNew(id)),
        b'o' => ask(Wish::PutOver(id)),
        b'q' => ask(Wish::Patch(id)),
        b'x' => ask(Wish::Remove(id)),
        b's' => Some(Step::Settle { at }),
        b'u' => Some(Step::CatchUp { at }),
        b'l' => Some(Step::Listen { at, listening: letter == b'l' }),
        b'k' => Some(Step::Turn),
        b'w' => Some(Step::Wait(Duration::from_millis(200 * after as u64))),
        b'f' => Some(Step::Fault(Fault::Once { after, kind })),
        b'e' => Some(Step::Fault(Fault::Ever { after, kind })),
        b'r' => Some(Step::Fault(Fault::NoRoom)),
        b'g' => Some(Step::Mend),
        b'z' => Some(Step::Restart),
        b'y' if more == b'a' => Some(Step::Crash(Crash::Nothing)),
        b'y' if more == b'z' => Some(Step::Crash(Crash::All)),
        b'y' => Some(Step::Crash(Crash::Some(more.into()))),
        _ => None,
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// The file failed so often.
    pub failures: usize,
    pub changes: u64,
    pub refused: usize,
}

pub fn check_steps(mode: Mode, loops: usize, steps: &[Step]) -> Seen {
    let mut world = World::new(mode, loops);
    for &step in steps {
        world.take(step);
    }
    world.end();
    world.seen
}

const BOUNDS: Bounds = Bounds { time: Duration::from_secs(60), keys_max: 2, bytes_max: 1000 };
const NAMES: [&str; 2] = ["tasks", "notes"];
const KEEPS: Keeps = Keeps { changes_max: 8, bytes_max: 1 << 20 };
const ITEM_BYTES_MAX: usize = 1000;
const DESK_BYTES_MAX: usize = 1500;
const INTERVAL: Duration = Duration::from_secs(1);

struct World {
    mode: Mode,
    file: File,
    now: Instant,
    /// What should be.
    model: Model,
    process: Process,
    ticket: u64,
    /// The epoch that the next log gets, if a new one begins.
    fresh: u32,
    seen: Seen,
}

/// Everything that ends with a process.
struct Process {
    epoch: u32,
    loops: Vec<Loop>,
    kept: Option<(Committer, Arc<WriteQueue>, Arc<SharedLog>)>,
    /// On the desk, in order.
    asked: VecDeque<Asked>,
    asked_bytes: usize,
    /// Changes that were refused because the file failed for ever: nobody can know what is in it.
    unsure: Vec<Told>,
}

struct Loop {
    journal: Journal,
    state: State,
    is_woken: Arc<AtomicBool>,
    /// Not handed on.
    waiting: Vec<(Asked, usize)>,
    /// Handed on, in order.
    open: VecDeque<u64>,
    /// Decided, in order.
    due: VecDeque<(u64, Result<u64, ApiError>)>,
}

#[derive(Clone)]
struct Asked {
    at: usize,
    ticket: u64,
    collection: u16,
    wish: Wish,
    /// What the item was when it was asked for.
    over: Option<u64>,
    has_room: bool,
}

/// All that ever happened, and what was true after it.
struct Model {
    changes: Vec<Told>,
    states: Vec<ModelState>,
    /// Changes up to here are kept by nobody.
    history_begins: u64,
    /// Everything up to here cannot be lost.
    safe: u64,
}

#[derive(Clone, Debug, PartialEq)]
struct Told {
    collection: u16,
    op: Op,
    id: String,
    json: String,
    /// The last number that the collection has given as an id.
    counter: u64,
}

#[derive(Clone, Debug, Default)]
struct ModelState {
    seq: u64,
    collections: [Items; 2],
}

#[derive(Clone, Debug, Default)]
struct Items {
    counter: u64,
    changed: u64,
    /// Id, members, seq of the last change; in order of creation.
    items: Vec<(String, String, u64)>,
}

impl World {
    fn new(mode: Mode, loops: usize) -> World {
        let file = File::default();
        let process = Process::begin(mode, loops, &file, 1).expect("a new file holds a new store");
        let model =
            Model { changes: Vec::new(), states: vec![ModelState::default()], history_begins: 0, safe: 0 };
        let seen = Seen::default();
        World { mode, file, now: Instant::now(), model, process, ticket: 0, fresh: 2, seen }
    }

    fn take(&mut self, step: Step) {
        let loops = self.process.loops.len();
        match step {
            Step::Ask { at, collection, wish } => self.ask(at % loops, collection, wish),
            Step::Settle { at } => self.settle(at % loops),
            Step::CatchUp { at } => self.catch_up(at % loops),
            Step::Listen { at, listening } => self.process.loops[at % loops].journal.listen(listening),
            Step::Turn => self.turn(),
            Step::Wait(time) => self.now += time,
            Step::Fault(fault) => self.file.fail(fault),
            Step::Mend => self.file.mend(),
            Step::Restart => self.restart(),
            Step::Crash(crash) => self.crash(crash),
        }
    }

    fn ask(&mut self, at: usize, collection: u16, wish: Wish) {
        self.ticket += 1;
        let ticket = self.ticket;
        let seat = &mut self.process.loops[at];
        let known = |id: u8| {
            seat.state.collection(CollectionId(collection)).get(&id.to_string()).map(|record| record.seq)
        };
        let over = if let Wish::PutOver(id) = wish { known(id) } else { None };
        let asked = Asked { at, ticket, collection, wish, over, has_room: true };
        let write = asked.write(self.process.epoch);
        let bytes = write.bytes();
        seat.journal.append(Ticket(ticket), write);
        seat.waiting.push((asked, bytes));
    }

    fn settle(&mut self, at: usize) {
        let Process { loops, kept, asked, asked_bytes, epoch, .. } = &mut self.process;
        let seat = &mut loops[at];
        for (mut write, bytes) in seat.waiting.drain(..) {
            seat.open.push_back(write.ticket);
            if kept.is_none() {
                let decided = self.model.decide(&write);
                seat.due.push_back((write.ticket, self.model.note(decided)));
                continue;
            }
            write.has_room = *asked_bytes == 0 || *asked_bytes + bytes <= DESK_BYTES_MAX;
            *asked_bytes += if write.has_room { bytes } else { 0 };
            asked.push_back(write);
        }
        let (mut settled, before) = (Vec::new(), seat.state.position().seq);
        seat.journal.settle(&mut seat.state, &mut settled);
        seat.hold(&self.model, *epoch, before, settled, &mut self.seen);
    }

    fn catch_up(&mut self, at: usize) {
        let seat = &mut self.process.loops[at];
        let (mut settled, before) = (Vec::new(), seat.state.position().seq);
        seat.journal.catch_up(&mut seat.state, &mut settled);
        seat.hold(&self.model, self.process.epoch, before, settled, &mut self.seen);
    }

    /// What the thread of the keeper does.
    fn turn(&mut self) {
        let Process { loops, kept, asked, asked_bytes, unsure, .. } = &mut self.process;
        let Some((keeper, desk, log)) = kept else { return };
        let (before, failures) = (log.lock().head(), self.file.failures());
        assert_eq!(before, self.model.head());
        match desk.take(Some(Duration::ZERO)) {
            Taken::Closed => panic!("nobody closed it"),
            Taken::Nothing => {
                if keeper.next_deadline().is_some_and(|deadline| deadline <= self.now) {
                    keeper.save(self.now);
                }
                assert_eq!(log.lock().head(), before, "nothing was asked for");
            }
            Taken::Writes(writes) => {
                assert_eq!(writes.len(), asked.len());
                keeper.settle(writes, self.now);
                *asked_bytes = 0;
                let standing = loops[0].state.board().get();
                let mut decided = Vec::new();
                for write in &*asked {
                    let outcome =
                        if write.has_room { self.model.decide(write) } else { Err(ApiError::StoreBehind) };
                    decided.push(self.model.note(outcome));
                }
                let after = log.lock().head();
                if after == before && standing != Standing::Good {
                    assert!(self.file.failures() > 0, "{standing:?}, and the file is good");
                    let refused = self.model.take_back(before);
                    if self.file.failures() > failures + 1 && self.mode == Mode::Always {
                        *unsure = refused;
                    }
                    decided.fill(Err(standing.refusal().unwrap()));
                } else {
                    assert_eq!(after, self.model.head(), "{standing:?}");
                    unsure.clear();
                }
                for (write, outcome) in asked.drain(..).zip(decided) {
                    let seat = &mut loops[write.at];
                    seat.due.push_back((write.ticket, outcome));
                    assert!(seat.is_woken.load(Ordering::Relaxed), "whoever is answered is woken");
                }
            }
        }
        let is_good = loops[0].state.board().get() == Standing::Good;
        if self.mode == Mode::Always || is_good && keeper.next_deadline().is_none() {
            self.model.safe = self.model.head();
        }
    }

    fn restart(&mut self) {
        let Some((keeper, ..)) = self.process.kept.take() else { return };
        let closed = keeper.close(self.now);
        if closed.is_ok() {
            self.model.safe = self.model.head();
        }
        let is_well = self.file.failures() == 0;
        assert!(closed.is_ok() || !is_well, "{closed:?}");
        self.begin_again(is_well);
    }

    fn crash(&mut self, crash: Crash) {
        // Nothing reaches the file any more, whatever the library does when it is dropped.
        self.file.cut_off();
        self.process.kept = None;
        self.file.crash(crash);
        self.begin_again(false);
    }

    /// `is_well`: it ended in good order, and nothing had failed.
    fn begin_again(&mut self, is_well: bool) {
        self.seen.failures += self.file.failures();
        self.file.begin_again();
        if self.mode == Mode::Memory {
            return;
        }
        let fresh = self.fresh;
        self.fresh += 1;
        let (before, unsure) = (self.process.epoch, std::mem::take(&mut self.process.unsure));
        let loops = self.process.loops.len();
        let process = Process::begin(self.mode, loops, &self.file, fresh);
        self.process = process.unwrap_or_else(|error| panic!("it cannot be opened again: {error}"));
        let position = self.process.loops[0].state.position();
        let head = self.model.head();
        if position.seq == head + unsure.len() as u64 && position.seq > head {
            unsure.into_iter().for_each(|told| self.model.push(told));
        }
        let head = self.model.head();
        match self.mode {
            Mode::Interval => {
                assert!(position.seq >= self.model.safe && position.seq <= head, "{position} of {head}");
                if is_well {
                    assert_eq!(position.epoch, before, "it was closed in good order");
                }
                assert!(position.epoch != before || position.seq == head, "a gap without a word");
                self.model.take_back(position.seq);
                if position.epoch != before {
                    self.model.history_begins = position.seq;
                }
            }
            _ => assert_eq!((position.epoch, position.seq), (before, head), "all that was answered, no more"),
        }
        self.model.safe = position.seq;
        for seat in &self.process.loops {
            seat.compare(&self.model, self.process.epoch);
        }
    }

    /// Everything that was asked for is settled, and is still there when it is looked for again.
    fn end(&mut self) {
        for at in 0..self.process.loops.len() {
            self.settle(at);
        }
        self.turn();
        for at in 0..self.process.loops.len() {
            self.catch_up(at);
            let seat = &self.process.loops[at];
            assert!(seat.open.is_empty() && !seat.journal.is_waiting(), "somebody waits in vain");
        }
        self.seen.changes = self.model.head();
        self.restart();
    }
}

impl Process {
    fn begin(mode: Mode, loops: usize, file: &File, fresh: u32) -> Result<Process, StoreError> {
        let woken: Vec<Arc<AtomicBool>> = (0..loops).map(|_| Arc::default()).collect();
        let wake = |woken: &Arc<AtomicBool>| {
            let woken = woken.clone();
            Box::new(move || woken.store(true, Ordering::Relaxed)) as Wake
        };
        let wake = woken.iter().map(wake).collect();
        let names = NAMES.map(str::to_owned);
        let (journals, state, kept) = if mode == Mode::Memory {
            let state = State::new(fresh, &names, ITEM_BYTES_MAX).keeping(KEEPS.changes_max, KEEPS.bytes_max);
            (journal::in_memory(0, Keys::new(BOUNDS, 0), wake), state, None)
        } else {
            let mut disk =
                OnDisk::open_with(file.clone(), Epoch::Begin(fresh), KEEPS, &(Rc::new(|_| ()) as _))?;
            disk.declare(&names)?;
            let stock = disk.load(&|_| ())?;
            let sync = if mode == Mode::Always { Sync::Always } else { Sync::Interval(INTERVAL) };
            if mode == Mode::Interval {
                disk.may_lose()?;
            }
            let position = stock.position;
            let state = State::stocked(stock, ITEM_BYTES_MAX).keeping(KEEPS.changes_max, KEEPS.bytes_max);
            let log = Arc::new(SharedLog::new(position.seq, None, wake));
            let desk = Arc::new(WriteQueue::new(DESK_BYTES_MAX));
            let again = file.clone();
            let reopen =
                move || OnDisk::open_with(again.clone(), Epoch::GoOn, KEEPS, &(Rc::new(|_| ()) as _));
            let ahead = state.fork().keeping(0, 0);
            let keeper =
                Committer::new(disk, Box::new(reopen), ahead, Keys::new(BOUNDS, 0), log.clone(), sync);
            (journal::kept(loops, log.clone(), &desk), state, Some((keeper, desk, log)))
        };
        let seat = |(journal, is_woken)| Loop {
            journal,
            state: state.fork(),
            is_woken,
            waiting: Vec::new(),
            open: VecDeque::new(),
            due: VecDeque::new(),
        };
        let loops = journals.into_iter().zip(woken).map(seat).collect();
        let epoch = state.position().epoch;
        Ok(Process { epoch, loops, kept, asked: VecDeque::new(), asked_bytes: 0, unsure: Vec::new() })
    }
}

impl Loop {
    /// What a loop was told is held against what happened.
    fn hold(&mut self, model: &Model, epoch: u32, before: u64, settled: Vec<Settled>, seen: &mut Seen) {
        self.is_woken.store(false, Ordering::Relaxed);
        let mut seq = before;
        for Settled { ticket, outcome } in settled {
            let outcome = match outcome {
                Outcome::Changed(change) => {
                    seq += 1;
                    assert_eq!(change.position, Position { epoch, seq }, "each once, in order");
                    assert_eq!(Told::new(&change), model.changes[seq as usize - 1]);
                    Ok(seq)
                }
                Outcome::Refused(refusal) => Err(refusal),
                Outcome::Repeated(_) => panic!("nobody gives a key"),
            };
            let Some(Ticket(ticket)) = ticket else {
                assert!(outcome.is_ok(), "nobody asked for what is refused");
                continue;
            };
            seen.refused += usize::from(outcome.is_err());
            assert_eq!(self.open.pop_front(), Some(ticket), "answered in the order asked");
            assert_eq!(self.due.pop_front(), Some((ticket, outcome)));
        }
        assert!(self.due.is_empty(), "decided, and not told: {:?}", self.due);
        assert_eq!(seq, model.head(), "everything that is true is brought");
        self.compare(model, epoch);
    }

    fn compare(&self, model: &Model, epoch: u32) {
        let position = self.state.position();
        assert_eq!(position, Position { epoch, seq: model.head() });
        let state = model.states.last().unwrap();
        for (number, should) in (0..).zip(&state.collections) {
            let is = self.state.collection(CollectionId(number));
            let items = is.items().map(|record| (record.json().to_owned(), record.seq));
            let should_be = should.items.iter().map(|(id, members, seq)| (json(id, members), *seq));
            assert!(items.eq(should_be), "{:?} should be {should:?}", is.items().collect::<Vec<_>>());
            assert_eq!(is.changed(), should.changed);
        }
        let oldest = model.history_begins.max(position.seq.saturating_sub(KEEPS.changes_max as u64));
        for since in oldest.saturating_sub(2)..=position.seq + 1 {
            let is = self.state.history().since(since);
            let is: Option<Vec<Told>> = is.map(|changes| changes.map(Told::new).collect());
            let should = (oldest..=position.seq).contains(&since);
            assert_eq!(is.as_deref(), should.then(|| &model.changes[since as usize..]), "since {since}");
        }
    }
}

impl Asked {
    fn write(&self, epoch: u32) -> Write {
        let value = format!("\"v\":{}", self.ticket);
        let id = |id: u8| id.to_string().into_boxed_str();
        let (mut if_match, mut if_none_match) = (None, None);
        let act = match self.wish {
            Wish::Create => Act::Create { id: None, members: value },
            Wish::CreateAs(n) => Act::Create { id: Some(id(n)), members: value },
            Wish::Put(n) => Act::Replace { id: id(n), members: value },
            Wish::PutNew(n) => {
                if_none_match = Some(Box::new(Tags::Any));
                Act::Replace { id: id(n), members: value }
            }
            Wish::PutOver(n) => {
                let known = self.over.map(|seq| Position { epoch, seq });
                if_match = Some(Box::new(Tags::List(known.into_iter().collect())));
                Act::Replace { id: id(n), members: value }
            }
            Wish::Patch(n) => {
                let merge = Object::read(&format!("{{\"w\":{}}}", self.ticket)).unwrap();
                Act::Patch { id: id(n), merge: Box::new(merge) }
            }
            Wish::Remove(n) => Act::Remove { id: id(n) },
        };
        let conditions = Conditions { if_match, if_none_match };
        Write { collection: CollectionId(self.collection), act, conditions, once: None }
    }
}

impl Model {
    fn head(&self) -> u64 {
        self.changes.len() as u64
    }

    /// The slow way.
    fn decide(&self, asked: &Asked) -> Result<Told, ApiError> {
        let items = &self.states.last().unwrap().collections[usize::from(asked.collection)];
        let find = |id: &str| items.items.iter().find(|(other, ..)| other == id);
        let value = format!("\"v\":{}", asked.ticket);
        let told = |op, id: &str, members: &str| Told {
            collection: asked.collection,
            op,
            id: id.to_owned(),
            json: json(id, members),
            counter: items.counter,
        };
        let put = |n: u8| {
            let id = n.to_string();
            told(if find(&id).is_some() { Op::Updated } else { Op::Created }, &id, &value)
        };
        match asked.wish {
            Wish::Create => {
                let free = |number: &u64| find(&number.to_string()).is_none();
                let number = (items.counter + 1..).find(free).unwrap();
                Ok(Told { counter: number, ..told(Op::Created, &number.to_string(), &value) })
            }
            Wish::CreateAs(n) => match find(&n.to_string()) {
                Some(_) => Err(ApiError::IdTaken { id: n.to_string() }),
                None => Ok(told(Op::Created, &n.to_string(), &value)),
            },
            Wish::Put(n) => Ok(put(n)),
            Wish::PutNew(n) if find(&n.to_string()).is_some() => Err(ApiError::ConditionFailed),
            Wish::PutNew(n) => Ok(put(n)),
            Wish::PutOver(n) => match find(&n.to_string()) {
                Some((.., seq)) if asked.over == Some(*seq) => Ok(put(n)),
                _ => Err(ApiError::ConditionFailed),
            },
            Wish::Patch(n) => {
                let (id, members, _) = find(&n.to_string()).ok_or(ApiError::NoSuchItem)?;
                let kept = members.split(',').next().unwrap();
                let members = format!("{kept},\"w\":{}", asked.ticket);
                Ok(told(Op::Updated, id, &members))
            }
            Wish::Remove(n) => {
                let (id, members, _) = find(&n.to_string()).ok_or(ApiError::NoSuchItem)?;
                Ok(told(Op::Deleted, id, members))
            }
        }
    }

    fn note(&mut self, decided: Result<Told, ApiError>) -> Result<u64, ApiError> {
        self.push(decided?);
        Ok(self.head())
    }

    fn push(&mut self, told: Told) {
        let mut state = self.states.last().unwrap().clone();
        state.seq += 1;
        let items = &mut state.collections[usize::from(told.collection)];
        (items.changed, items.counter) = (state.seq, told.counter);
        let prefix = json(&told.id, "");
        let members = told.json[prefix.len() - 1..].trim_start_matches(',').trim_end_matches('}').to_owned();
        let at = items.items.iter().position(|(id, ..)| *id == told.id);
        match (told.op, at) {
            (Op::Created, _) => items.items.push((told.id.clone(), members, state.seq)),
            (Op::Updated, at) => items.items[at.unwrap()] = (told.id.clone(), members, state.seq),
            (Op::Deleted, at) => _ = items.items.remove(at.unwrap()),
        }
        self.states.push(state);
        self.changes.push(told);
    }

    /// What came after this is not true.
    fn take_back(&mut self, seq: u64) -> Vec<Told> {
        self.states.truncate(seq as usize + 1);
        self.changes.split_off(seq as usize)
    }
}

impl Told {
    fn new(change: &Change) -> Told {
        let Change { collection, op, record, counter, .. } = change;
        let (id, json) = (record.id().to_owned(), record.json().to_owned());
        Told { collection: collection.0, op: *op, id, json, counter: *counter }
    }
}

fn json(id: &str, members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    format!("{{\"id\":\"{id}\"{comma}{members}}}")
}
