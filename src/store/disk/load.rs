//! Everything that is in a store, read from its tables. Nothing is written here.

use crate::model::change::{Change, CollectionId, Position};
use crate::model::idempotency_key::Key;
use crate::model::record::Record;
use crate::store::disk::change_rows::{self, Row, Rows};
use crate::store::disk::durable_store::{OnDisk, Progress};
use crate::store::disk::store_error::{StoreError, damaged};
use crate::store::disk::tables::{CHANGES, COLLECTIONS, ITEMS, KEYS};
use crate::store::idempotency_table::{Earlier, Kept};
use crate::store::snapshot::{Stock, Stocked, Tally};
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};

/// Items loaded between two looks at the progress.
const LOADED_STEP: u64 = 10_000;

impl OnDisk {
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
        self.rows = Rows::default();
        for row in transaction.open_table(CHANGES)?.iter()? {
            let (key, row) = row?;
            let first = key.value();
            let read = change_rows::read_changes(Position { seq: first, ..position }, row.value());
            let read = read.ok_or_else(|| damaged(format!("the changes from {first} on cannot be read")))?;
            if changes.last().is_some_and(|last| last.position.seq + 1 != first) {
                return Err(damaged(format!("changes are missing before {first}")));
            }
            self.rows.push(Row::of(first, &read));
            changes.extend(read);
        }
        if changes.last().is_some_and(|last| last.position.seq != position.seq) {
            return Err(damaged(format!("its changes do not end at {}", position.seq)));
        }
        Ok(changes)
    }

    /// The keys that are in it, oldest first.
    pub fn load_keys(&self) -> Result<Vec<Kept>, StoreError> {
        let transaction = self.database.begin_read()?;
        let mut changed = Vec::new();
        for row in transaction.open_table(COLLECTIONS)?.iter()? {
            changed.push(row?.1.value().1);
        }
        let mut keys = Vec::new();
        for row in transaction.open_table(KEYS)?.iter()? {
            let (of, row) = row?;
            let (of, (collection, at, is_chosen, key, json)) = (of.value(), row.value());
            let read = Key::stored(key).zip(Record::stored(json, of));
            let (key, record) = read
                .filter(|_| changed.get(usize::from(collection)).is_some_and(|&seq| of <= seq))
                .ok_or_else(|| damaged(format!("the key of the change {of} cannot be read")))?;
            let earlier = Earlier { collection: CollectionId(collection), record };
            keys.push(Kept { key, earlier, is_chosen, at });
        }
        Ok(keys)
    }
}
