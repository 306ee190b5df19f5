//! What is written into a store: each time all of it, or nothing.

use crate::config::COLLECTIONS_MAX;
use crate::model::change::{Change, CollectionId, Op};
use crate::store::disk::change_rows::{self, Row};
use crate::store::disk::durable_store::OnDisk;
use crate::store::disk::store_error::{StoreError, damaged};
use crate::store::disk::tables::{CHANGES, COLLECTIONS, ITEMS, KEYS};
use crate::store::idempotency_table::{Earlier, Kept, Keys};
use crate::store::name_set::Names;
use crate::store::snapshot::{Stock, Tally};
use crate::store::state::State;
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeSet;

impl OnDisk {
    /// Adds empty collections behind those that are there.
    pub fn declare(&mut self, names: &[String]) -> Result<(), StoreError> {
        let there = self.names()?;
        let transaction = self.database.begin_write()?;
        {
            let mut collections = transaction.open_table(COLLECTIONS)?;
            let mut known: Names = there.iter().map(String::as_str).collect();
            let new = names.iter().filter(|name| known.add(name.as_str()));
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

    /// Fills an empty store, all at once. Some collection has changed at its position.
    pub fn fill(&mut self, stock: &Stock) -> Result<(), StoreError> {
        if stock.collections.len() > COLLECTIONS_MAX {
            return Err(damaged(format!("a store has at most {COLLECTIONS_MAX} collections")));
        }
        let transaction = self.database.begin_write()?;
        {
            let mut collections = transaction.open_table(COLLECTIONS)?;
            let mut items = transaction.open_table(ITEMS)?;
            for (number, stocked) in (0..=u16::MAX).zip(&stock.collections) {
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

    /// Where the clock on the wall was set back: no key is younger than `now` from here on.
    pub fn age_keys(&mut self, now: u64) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        let mut younger = Vec::new();
        {
            let mut table = transaction.open_table(KEYS)?;
            for row in table.iter()? {
                let (seq, row) = row?;
                let (collection, at, is_chosen, key, json) = row.value();
                if at > now {
                    younger.push((seq.value(), collection, is_chosen, key.to_owned(), json.to_owned()));
                }
            }
            for (seq, collection, is_chosen, key, json) in &younger {
                table.insert(seq, (*collection, now, *is_chosen, key.as_str(), json.as_str()))?;
            }
        }
        if younger.is_empty() {
            return Ok(transaction.abort()?);
        }
        Ok(transaction.commit()?)
    }

    /// Makes these changes safe, with their keys. The state has applied them.
    pub fn commit(&mut self, changes: &[Change], state: &State, keys: &Keys) -> Result<(), StoreError> {
        let [first, last] = [changes.first(), changes.last()].map(|change| change.map(|of| of.position.seq));
        let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
        let transaction = self.database.begin_write()?;
        write_items(&transaction, changes)?;
        write_tallies(&transaction, changes, state)?;
        let of_these = keys.since(first).take_while(|kept| kept.seq() <= last);
        write_keys(&transaction, of_these, keys.forgotten())?;
        let row = Row::of(first, changes);
        let needless = self.rows.needless_with(&row, self.keeps);
        write_changes(&transaction, first, changes, self.rows.oldest(needless))?;
        transaction.commit()?;
        self.rows.drop_oldest(needless);
        self.rows.push(row);
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

/// As one row; and rows that are needed no more go.
fn write_changes(
    transaction: &WriteTransaction,
    first: u64,
    changes: &[Change],
    needless: impl Iterator<Item = u64>,
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(CHANGES)?;
    let mut row = Vec::new();
    changes.iter().for_each(|change| change_rows::write_change(change, &mut row));
    table.insert(first, row.as_slice())?;
    for first in needless {
        table.remove(first)?;
    }
    Ok(())
}

fn write_keys<'k>(
    transaction: &WriteTransaction,
    kept: impl Iterator<Item = &'k Kept>,
    forgotten: impl Iterator<Item = u64>,
) -> Result<(), StoreError> {
    let (mut kept, mut forgotten) = (kept.peekable(), forgotten.peekable());
    if kept.peek().is_none() && forgotten.peek().is_none() {
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
    state: &State,
) -> Result<(), StoreError> {
    let mut collections = transaction.open_table(COLLECTIONS)?;
    let changed: BTreeSet<u16> = changes.iter().map(|change| change.collection.0).collect();
    for number in changed {
        let collection = state.collection(CollectionId(number));
        let Tally { changed, counter, chosen_max } = collection.tally();
        collections.insert(number, (&**collection.name(), changed, counter, chosen_max))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::change_rows::Keeps;
    use crate::store::disk::durable_store::Epoch;
    use crate::store::disk::fault_injection::File;
    use crate::store::disk::integrity;
    use crate::store::snapshot::Stocked;
    use std::rc::Rc;

    #[test]
    fn there_can_be_as_many_collections_as_there_are_numbers_and_no_more() {
        let keeps = Keeps { changes_max: 100, bytes_max: 1 << 20 };
        let open = || OnDisk::open_with(File::default(), Epoch::Begin(7), keeps, &(Rc::new(|_| ()) as _));
        let names: Vec<String> = (0..COLLECTIONS_MAX).map(|n| format!("c{n}")).collect();
        let stock = Stock::beginning(7, names.iter().cloned().map(Stocked::empty).collect());
        let mut filled = open().unwrap();
        filled.fill(&stock).unwrap();
        let loaded = filled.load(&|_| ()).unwrap();
        assert_eq!((integrity::faults(&loaded).len(), loaded == stock), (0, true));

        let mut declared = open().unwrap();
        declared.declare(&names).unwrap();
        assert!(declared.load(&|_| ()).unwrap() == stock);
        declared.declare(&names).unwrap();
        let why = declared.declare(&["more".to_owned()]).unwrap_err().to_string();
        assert!(why.ends_with("a store has at most 65536 collections"), "{why}");
    }
}
