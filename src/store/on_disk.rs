//! The store that lasts: items, changes of late, counters and epoch in one file.
//!
//! The file is redb's. `docs/reference/store.md` shows its tables. A commit is one transaction: either
//! all of it is there when the store is opened again, or nothing of it.

use super::guarded::{Guarded, Trouble};
use super::keys::{Earlier, Kept, Keys};
use super::rows;
use super::shelf::Shelf;
use super::stock::{Stock, Stocked, Tally};
use super::store_error::{StoreError, damaged};
use super::untouched::{Commits, Trust, Untouched};
use crate::exchange::change::{Change, CollectionId, Op, Position};
use crate::exchange::idempotency::Key;
use crate::exchange::record::Record;
use crate::limits::{COLLECTIONS_MAX, STORE_CACHE_BYTES};
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use redb::{StorageBackend, TableDefinition, WriteTransaction};
use std::collections::{BTreeSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::rc::Rc;

pub struct OnDisk {
    database: Database,
    trouble: Trouble,
    epoch: u32,
    /// The rows of changes, oldest first, and what all of them hold.
    rows: VecDeque<Row>,
    changes: usize,
    bytes: usize,
    keeps: Keeps,
}

/// How many changes of late are kept, and how many bytes of them.
#[derive(Clone, Copy, Debug)]
pub struct Keeps {
    pub changes_max: usize,
    pub bytes_max: usize,
}

struct Row {
    first: u64,
    changes: usize,
    bytes: usize,
}

/// How far opening has come. A large store takes its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// From 0 to 1.
    Checked(f64),
    Loaded {
        items: u64,
        of: u64,
    },
}

pub type Watcher = Rc<dyn Fn(Progress)>;

/// Of the log in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// The one that is there; or this, where a new one must begin.
    Begin(u32),
    /// This one: nobody goes on from a position of before.
    Anew(u32),
    /// This one, in which the process has been all the time.
    GoOn(u32),
}

/// What is said of the whole: `format`, `epoch`, and `lossy`, which is 1 while answers are given before
/// their changes are safe. The seq of the last change is that of the collection that changed last: a
/// commit touches no page that it need not.
const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("about");
/// By number: name, seq of its last change, counter, largest number chosen as an id.
const COLLECTIONS: TableDefinition<u16, (&str, u64, u64, u64)> = TableDefinition::new("collections");
/// By number of the collection, and id: seq of its creation, seq of its last change, JSON.
const ITEMS: TableDefinition<(u16, &str), (u64, u64, &str)> = TableDefinition::new("items");
/// By seq of the first: changes that were committed together.
const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");

/// By seq of the change: collection, second, whether the id was chosen, key, and JSON of what was created.
const KEYS: TableDefinition<u64, (u16, u64, bool, &str, &str)> = TableDefinition::new("keys");

/// What this program writes, and the only one that it reads.
pub const FORMAT: u64 = 1;

/// A file that is shorter has not even the library's header.
const HEADER_BYTES: u64 = 4096;

/// Items loaded between two looks at the progress.
const LOADED_STEP: u64 = 10_000;

impl OnDisk {
    /// Opens the store, or begins one. All that was ever written into it is checked.
    pub fn open(path: &Path, epoch: Epoch, keeps: Keeps, watcher: &Watcher) -> Result<OnDisk, StoreError> {
        let is_new = !path.try_exists()?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let file = FileBackend::new(file)?;
        let store = OnDisk::open_with(file, epoch, keeps, watcher)?;
        if is_new {
            // A file that is safe is lost all the same as long as its name is not.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(store)
    }

    pub fn open_with(
        file: impl StorageBackend,
        epoch: Epoch,
        keeps: Keeps,
        watcher: &Watcher,
    ) -> Result<OnDisk, StoreError> {
        let mut store = OnDisk::unread(file, keeps, watcher)?;
        store.epoch = match epoch {
            Epoch::Begin(fresh) => store.begin(fresh, false)?,
            Epoch::Anew(fresh) => store.begin(fresh, true)?,
            Epoch::GoOn(epoch) => epoch,
        };
        Ok(store)
    }

    /// Opens the store to look into it. The file stays as it is.
    pub fn look(path: &Path, trust: Trust, watcher: &Watcher) -> Result<OnDisk, StoreError> {
        let file = Untouched::new(FileBackend::new(File::open(path)?)?, trust)?;
        if file.len()? == 0 {
            return Err(StoreError::Empty);
        }
        let mut store = OnDisk::unread(file, Keeps { changes_max: 0, bytes_max: 0 }, watcher)?;
        match store.about("format")? {
            Some(FORMAT) => {}
            Some(other) => return Err(StoreError::Format(other)),
            None => return Err(damaged("it does not say which format it has")),
        }
        let epoch = store.about("epoch")?.and_then(|epoch| u32::try_from(epoch).ok());
        store.epoch = epoch.ok_or_else(|| damaged("it has no epoch of 32 bits"))?;
        Ok(store)
    }

    /// Looks whether all is there that was ever stored, and gives it. `look` at a store forgives what can
    /// happen in a crash; here nothing is forgiven but what was never answered.
    pub fn inspect(path: &Path, watcher: &Watcher) -> Result<(OnDisk, Stock), StoreError> {
        let file = Untouched::new(FileBackend::new(File::open(path)?)?, Trust::Newest)?;
        let Commits { primary, is_behind, is_certain } = match file.len()? {
            0 => return Err(StoreError::Empty),
            HEADER_BYTES.. => file.commits()?,
            _ => return Err(damaged("it is too short")),
        };
        drop(file);
        let mut store = OnDisk::look(path, Trust::Only(primary), watcher)?;
        if is_behind && is_certain {
            return Err(damaged("its header does not name the last commit"));
        }
        if is_behind {
            // It ended between two writes of the header. Both commits must be there then.
            store.load(&**watcher)?;
            drop(store);
            store = OnDisk::look(path, Trust::Only(primary.other()), watcher)?;
        }
        let stock = store.load(&**watcher)?;
        Ok((store, stock))
    }

    fn unread(file: impl StorageBackend, keeps: Keeps, watcher: &Watcher) -> Result<OnDisk, StoreError> {
        let trouble = Trouble::default();
        let file = Guarded::new(file, trouble.clone())?;
        let watcher = watcher.clone();
        let database = Database::builder()
            .set_cache_size(STORE_CACHE_BYTES)
            .set_check_integrity_on_open(true)
            .set_repair_callback(move |session| watcher(Progress::Checked(session.progress())))
            .create_with_backend(file)?;
        let rows = VecDeque::new();
        Ok(OnDisk { database, trouble, epoch: 0, rows, changes: 0, bytes: 0, keeps })
    }

    fn about(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let transaction = self.database.begin_read()?;
        let value = transaction.open_table(ABOUT)?.get(name)?.map(|guard| guard.value());
        Ok(value)
    }

    /// Changes that were told may be lacking, for it was not closed.
    pub fn may_lack_changes(&self) -> Result<bool, StoreError> {
        Ok(self.about("lossy")? == Some(1))
    }

    /// The epoch of what is there. Where there is nothing, or changes that were told may be lost, a new
    /// one begins: nobody goes on from a position that means something else now.
    fn begin(&self, fresh: u32, is_anew: bool) -> Result<u32, StoreError> {
        let transaction = self.database.begin_write()?;
        let epoch = {
            let mut about = transaction.open_table(ABOUT)?;
            let read = |name| Ok::<_, StoreError>(about.get(name)?.map(|guard| guard.value()));
            match read("format")? {
                Some(FORMAT) | None => {}
                Some(other) => return Err(StoreError::Format(other)),
            }
            let (kept, is_lossy) = (read("epoch")?, read("lossy")? == Some(1));
            let epoch = match kept {
                Some(epoch) if !is_lossy && !is_anew => {
                    u32::try_from(epoch).map_err(|_| damaged("its epoch has more than 32 bits"))?
                }
                _ => fresh,
            };
            about.insert("format", FORMAT)?;
            about.insert("epoch", u64::from(epoch))?;
            about.insert("lossy", 0)?;
            if is_lossy {
                log::warn!("the store was not closed, and may lack its last changes: a new epoch begins");
            }
            if is_lossy || is_anew {
                transaction.open_table(CHANGES)?.retain(|_, _| false)?;
            }
            transaction.open_table(COLLECTIONS)?;
            transaction.open_table(ITEMS)?;
            transaction.open_table(CHANGES)?;
            transaction.open_table(KEYS)?;
            epoch
        };
        transaction.commit()?;
        Ok(epoch)
    }

    /// What went wrong with the file first.
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// Of its log.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The names of its collections, by number.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let transaction = self.database.begin_read()?;
        let mut names = Vec::new();
        for row in transaction.open_table(COLLECTIONS)?.iter()? {
            let (number, row) = row?;
            if usize::from(number.value()) != names.len() {
                return Err(damaged(format!("there is no collection with the number {}", names.len())));
            }
            names.push(row.value().0.to_owned());
        }
        Ok(names)
    }

    /// Adds empty collections behind those that are there.
    pub fn declare(&mut self, names: &[String]) -> Result<(), StoreError> {
        let there = self.names()?;
        let transaction = self.database.begin_write()?;
        {
            let mut collections = transaction.open_table(COLLECTIONS)?;
            let new = names.iter().filter(|name| !there.contains(name));
            for (number, name) in (there.len()..).zip(new) {
                if number >= COLLECTIONS_MAX {
                    return Err(damaged(format!("a store has at most {COLLECTIONS_MAX} collections")));
                }
                collections.insert(number as u16, (name.as_str(), 0, 0, 0))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Everything that is in it.
    pub fn load(&mut self, watcher: &dyn Fn(Progress)) -> Result<Stock, StoreError> {
        let transaction = self.database.begin_read()?;
        let mut collections = Vec::new();
        for row in transaction.open_table(COLLECTIONS)?.iter()? {
            let (_, row) = row?;
            let (name, changed, counter, chosen_max) = row.value();
            let tally = Tally { changed, counter, chosen_max };
            collections.push(Stocked { name: name.to_owned(), tally, items: Vec::new() });
        }
        let seq = collections.iter().map(|collection| collection.tally.changed).max().unwrap_or(0);
        let position = Position { epoch: self.epoch, seq };
        let items = transaction.open_table(ITEMS)?;
        let (of, mut loaded) = (items.len()?, 0);
        for (number, collection) in collections.iter_mut().enumerate() {
            let number = number as u16;
            let mut created = Vec::new();
            for row in items.range((number, "")..)? {
                let (key, row) = row?;
                let ((of_collection, id), (born, changed, json)) = (key.value(), row.value());
                if of_collection != number {
                    break;
                }
                let record = Record::stored(json, changed).filter(|record| record.id() == id);
                let record = record.filter(|_| born <= changed);
                let name = &collection.name;
                let record =
                    record.ok_or_else(|| damaged(format!("/{name}/{id} is not the item of that id")))?;
                created.push((born, record));
                loaded += 1;
                if loaded % LOADED_STEP == 0 {
                    watcher(Progress::Loaded { items: loaded, of });
                }
            }
            created.sort_unstable_by_key(|(born, _)| *born);
            collection.items = created.into_iter().map(|(_, record)| record).collect();
        }
        if loaded != of {
            return Err(damaged(format!("{} of its items are in no collection", of - loaded)));
        }
        let changes = self.load_changes(position)?;
        Ok(Stock { position, collections, changes })
    }

    fn load_changes(&mut self, position: Position) -> Result<Vec<Change>, StoreError> {
        let transaction = self.database.begin_read()?;
        let mut changes: Vec<Change> = Vec::new();
        (self.rows, self.changes, self.bytes) = (VecDeque::new(), 0, 0);
        for row in transaction.open_table(CHANGES)?.iter()? {
            let (key, row) = row?;
            let first = key.value();
            let read = rows::read_changes(Position { seq: first, ..position }, row.value());
            let read = read.ok_or_else(|| damaged(format!("the changes from {first} on cannot be read")))?;
            if changes.last().is_some_and(|last| last.position.seq + 1 != first) {
                return Err(damaged(format!("changes are missing before {first}")));
            }
            self.remember(first, &read);
            changes.extend(read);
        }
        if changes.last().is_some_and(|last| last.position.seq != position.seq) {
            return Err(damaged(format!("its changes do not end at {}", position.seq)));
        }
        Ok(changes)
    }

    /// The keys that are in it, oldest first. None of them is younger than `now`: where the clock on the
    /// wall was set back, they are as old as that from here on.
    pub fn load_keys(&mut self, now: u64) -> Result<Vec<Kept>, StoreError> {
        let transaction = self.database.begin_read()?;
        let mut changed = Vec::new();
        for row in transaction.open_table(COLLECTIONS)?.iter()? {
            changed.push(row?.1.value().1);
        }
        let (mut keys, mut younger) = (Vec::new(), Vec::new());
        for row in transaction.open_table(KEYS)?.iter()? {
            let (of, row) = row?;
            let (of, (collection, at, is_chosen, key, json)) = (of.value(), row.value());
            let read = Key::stored(key).zip(Record::stored(json, of));
            let (key, record) = read
                .filter(|_| changed.get(usize::from(collection)).is_some_and(|&seq| of <= seq))
                .ok_or_else(|| damaged(format!("the key of the change {of} cannot be read")))?;
            let earlier = Earlier { collection: CollectionId(collection), record };
            keys.push(Kept { key, earlier, is_chosen, at: at.min(now) });
            if at > now {
                younger.push(keys.len() - 1);
            }
        }
        drop(transaction);
        if !younger.is_empty() {
            let transaction = self.database.begin_write()?;
            write_keys(&transaction, younger.iter().map(|&n| &keys[n]), &[])?;
            transaction.commit()?;
        }
        Ok(keys)
    }

    /// Makes these changes safe, with their keys. The shelf has applied them.
    pub fn commit(&mut self, changes: &[Change], shelf: &Shelf, keys: &Keys) -> Result<(), StoreError> {
        let [first, last] = [changes.first(), changes.last()].map(|change| change.map(|of| of.position.seq));
        let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
        let transaction = self.database.begin_write()?;
        write_items(&transaction, changes)?;
        write_tallies(&transaction, changes, shelf)?;
        let of_these = keys.since(first).take_while(|kept| kept.seq() <= last);
        write_keys(&transaction, of_these, keys.forgotten())?;
        self.remember(first, changes);
        self.write_changes(&transaction, first, changes)?;
        transaction.commit()?;
        Ok(())
    }

    fn remember(&mut self, first: u64, changes: &[Change]) {
        let row = Row { first, changes: changes.len(), bytes: changes.iter().map(Change::bytes).sum() };
        self.changes += row.changes;
        self.bytes += row.bytes;
        self.rows.push_back(row);
    }

    /// As one row; and rows that are needed no more go.
    fn write_changes(
        &mut self,
        transaction: &WriteTransaction,
        first: u64,
        changes: &[Change],
    ) -> Result<(), StoreError> {
        let mut table = transaction.open_table(CHANGES)?;
        let mut row = Vec::new();
        changes.iter().for_each(|change| rows::write_change(change, &mut row));
        table.insert(first, row.as_slice())?;
        while let Some(oldest) = self.rows.front()
            && (self.changes - oldest.changes >= self.keeps.changes_max
                || self.bytes - oldest.bytes >= self.keeps.bytes_max)
        {
            table.remove(oldest.first)?;
            self.changes -= oldest.changes;
            self.bytes -= oldest.bytes;
            self.rows.pop_front();
        }
        Ok(())
    }

    /// Fills an empty store, all at once. Some collection has changed at its position.
    pub fn fill(&mut self, stock: &Stock) -> Result<(), StoreError> {
        if stock.collections.len() > COLLECTIONS_MAX {
            return Err(damaged(format!("a store has at most {COLLECTIONS_MAX} collections")));
        }
        let transaction = self.database.begin_write()?;
        {
            let mut collections = transaction.open_table(COLLECTIONS)?;
            let mut items = transaction.open_table(ITEMS)?;
            for (number, stocked) in (0..).zip(&stock.collections) {
                let Tally { changed, counter, chosen_max } = stocked.tally;
                collections.insert(number, (stocked.name.as_str(), changed, counter, chosen_max))?;
                for record in &stocked.items {
                    items.insert((number, record.id()), (record.seq, record.seq, record.json()))?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// From here on until it is closed, changes may be told before they are safe.
    pub fn may_lose(&mut self) -> Result<(), StoreError> {
        self.set_lossy(1)
    }

    /// Everything that was told is safe.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.set_lossy(0)?;
        Ok(self.database.close()?)
    }

    fn set_lossy(&mut self, lossy: u64) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        let before = transaction.open_table(ABOUT)?.insert("lossy", lossy)?.map(|guard| guard.value());
        if before == Some(lossy) {
            return Ok(transaction.abort()?);
        }
        transaction.commit()?;
        Ok(())
    }
}

fn write_items(transaction: &WriteTransaction, changes: &[Change]) -> Result<(), StoreError> {
    let mut items = transaction.open_table(ITEMS)?;
    for Change { position, collection, op, record, .. } in changes {
        let key = (collection.0, record.id());
        let born = match op {
            Op::Created => position.seq,
            Op::Updated => {
                let row = items.get(key)?.map(|row| row.value().0);
                row.ok_or_else(|| damaged(format!("an item with the id {} is not there", record.id())))?
            }
            Op::Deleted => {
                items.remove(key)?;
                continue;
            }
        };
        items.insert(key, (born, record.seq, record.json()))?;
    }
    Ok(())
}

fn write_keys<'k>(
    transaction: &WriteTransaction,
    kept: impl Iterator<Item = &'k Kept>,
    forgotten: &[u64],
) -> Result<(), StoreError> {
    let mut kept = kept.peekable();
    if kept.peek().is_none() && forgotten.is_empty() {
        return Ok(());
    }
    let mut table = transaction.open_table(KEYS)?;
    for seq in forgotten {
        table.remove(seq)?;
    }
    for Kept { key, earlier: Earlier { collection, record }, is_chosen, at } in kept {
        table.insert(record.seq, (collection.0, *at, *is_chosen, key.as_str(), record.json()))?;
    }
    Ok(())
}

fn write_tallies(
    transaction: &WriteTransaction,
    changes: &[Change],
    shelf: &Shelf,
) -> Result<(), StoreError> {
    let mut collections = transaction.open_table(COLLECTIONS)?;
    let changed: BTreeSet<u16> = changes.iter().map(|change| change.collection.0).collect();
    for number in changed {
        let collection = shelf.collection(CollectionId(number));
        let Tally { changed, counter, chosen_max } = collection.tally();
        collections.insert(number, (&**collection.name(), changed, counter, chosen_max))?;
    }
    Ok(())
}
