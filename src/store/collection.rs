//! One collection of a state: its items in order of creation, and an index from ids to items.

use crate::model::change::{Change, Op};
use crate::model::record::Record;
use crate::store::snapshot::{Stocked, Tally};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::sync::Arc;

/// One collection. A clone shares the texts of the records.
#[derive(Clone)]
pub struct Collection {
    name: Arc<str>,
    tally: Tally,
    /// In order of creation. A removed item leaves an empty slot until half of the slots are empty.
    pub(super) slots: Vec<Option<Record>>,
    /// From an id to its slot. It holds no second copy of the id.
    index: HashTable<IndexEntry>,
    hasher: DefaultHashBuilder,
}

/// The hash is stored, so that the index grows without reading every record.
#[derive(Clone, Copy, Debug)]
struct IndexEntry {
    hash: u32,
    slot: u32,
}

/// What [`Collection::rollback`] needs beside the change.
#[derive(Clone, Copy, Debug)]
pub struct Undo {
    tally: Tally,
    /// The slot of the removed item.
    slot: Option<u32>,
}

impl Collection {
    /// Creates an empty collection.
    pub fn new(name: &str) -> Collection {
        Collection {
            name: name.into(),
            tally: Tally::default(),
            slots: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Creates a collection from a snapshot.
    pub fn restore(snapshot: Stocked) -> Collection {
        let Stocked { name, tally, items } = snapshot;
        let mut collection = Collection { tally, ..Collection::new(&name) };
        collection.slots.reserve_exact(items.len());
        collection.index.reserve(items.len(), |entry| spread(entry.hash));
        items.into_iter().for_each(|record| collection.add(record));
        collection
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What is stored of a collection beside its items.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The seq of the last change to any of its items.
    pub fn changed(&self) -> u64 {
        self.tally.changed
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub fn get(&self, id: &str) -> Option<&Record> {
        let slot = self.slot_of(id)?;
        self.slots[slot as usize].as_ref()
    }

    /// The items in order of creation.
    pub fn items(&self) -> impl Iterator<Item = &Record> + Clone {
        self.slots.iter().flatten()
    }

    /// The next number that is not an id yet: a client may have chosen some.
    pub fn next_number(&self) -> u64 {
        let mut number = self.tally.counter + 1;
        while number <= self.tally.chosen_max && self.get(itoa::Buffer::new().format(number)).is_some() {
            number += 1;
        }
        number
    }

    /// Applies a change to this collection. Slots are not reused before [`compact_if_sparse`], so
    /// that the change can still be rolled back.
    ///
    /// [`compact_if_sparse`]: Collection::compact_if_sparse
    pub fn apply(&mut self, change: &Change) -> Undo {
        let mut undo = Undo { tally: self.tally, slot: None };
        let chosen = change.counter == self.tally.counter;
        self.tally.changed = change.position.seq;
        self.tally.counter = change.counter;
        match change.op {
            Op::Created => {
                if chosen && let Ok(number) = change.record.id().parse::<u64>() {
                    self.tally.chosen_max = self.tally.chosen_max.max(number);
                }
                self.add(change.record.clone());
            }
            Op::Updated => self.set(change.record.clone()),
            Op::Deleted => undo.slot = Some(self.remove(change.record.id())),
        }
        undo
    }

    /// Restores the collection as it was before its last change.
    pub fn rollback(&mut self, change: &Change, undo: Undo) {
        self.tally = undo.tally;
        match (change.op, &change.before) {
            (Op::Created, _) => {
                let slot = self.remove(change.record.id());
                debug_assert_eq!(slot as usize + 1, self.slots.len(), "it was added last");
                self.slots.truncate(slot as usize);
            }
            (Op::Updated, before) => {
                self.set(before.clone().expect("an update holds the record before it"));
            }
            (Op::Deleted, _) => {
                let slot = undo.slot.expect("a removal holds the slot of the item");
                self.reinsert(change.record.clone(), slot);
            }
        }
    }

    /// Removes the empty slots if they are more than half. The cost is one step for each removal
    /// that left one.
    pub fn compact_if_sparse(&mut self) {
        if !self.is_sparse() {
            return;
        }
        self.slots.retain(Option::is_some);
        self.slots.shrink_to_fit();
        let mut index = HashTable::with_capacity(self.slots.len());
        for slot in 0..self.slots.len() as u32 {
            let entry = IndexEntry { hash: self.hash(id_of(&self.slots, slot)), slot };
            index.insert_unique(spread(entry.hash), entry, |entry| spread(entry.hash));
        }
        self.index = index;
    }

    /// Returns whether more than half of the slots are empty, and they are not few.
    pub fn is_sparse(&self) -> bool {
        self.slots.len() > 32 && self.index.len() * 2 < self.slots.len()
    }

    fn add(&mut self, record: Record) {
        let slot = self.slots.len() as u32;
        self.slots.push(None);
        self.reinsert(record, slot);
    }

    fn reinsert(&mut self, record: Record, slot: u32) {
        let entry = IndexEntry { hash: self.hash(record.id()), slot };
        self.slots[slot as usize] = Some(record);
        self.index.insert_unique(spread(entry.hash), entry, |entry| spread(entry.hash));
    }

    fn set(&mut self, record: Record) {
        let slot = self.slot_of(record.id()).expect("an update is decided only for an existing item");
        self.slots[slot as usize] = Some(record);
    }

    /// Leaves an empty slot, and returns its number.
    fn remove(&mut self, id: &str) -> u32 {
        let hash = self.hash(id);
        let slots = &self.slots;
        let entry =
            self.index.find_entry(spread(hash), |entry| entry.hash == hash && id_of(slots, entry.slot) == id);
        let (IndexEntry { slot, .. }, _) =
            entry.expect("a removal is decided only for an existing item").remove();
        self.slots[slot as usize] = None;
        slot
    }

    fn slot_of(&self, id: &str) -> Option<u32> {
        let hash = self.hash(id);
        let found =
            self.index.find(spread(hash), |entry| entry.hash == hash && id_of(&self.slots, entry.slot) == id);
        found.map(|entry| entry.slot)
    }

    fn hash(&self, id: &str) -> u32 {
        self.hasher.hash_one(id) as u32
    }
}

/// Spreads a hash over 64 bits: the table reads the upper bits as well.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn id_of(slots: &[Option<Record>], slot: u32) -> &str {
    slots[slot as usize].as_ref().expect("the index names no empty slot").id()
}
