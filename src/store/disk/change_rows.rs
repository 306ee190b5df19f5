//! Changes as they lie in the store: one row for all that were committed together.
//!
//! Numbers are little-endian. The changes of a row follow one another without a gap, so that only the
//! first of them has its seq: it is the row's key.
//!
//! ```text
//!   change:  op u8 · collection u16 · counter u64 · record · (op 1: record before)
//!   record:  seq u64 · length u32 · JSON
//! ```

use crate::model::change::{Change, CollectionId, Op, Position};
use crate::model::record::Record;
use std::collections::VecDeque;

/// The rows that are in a store, oldest first, and what all of them hold.
#[derive(Debug, Default)]
pub struct Rows {
    rows: VecDeque<Row>,
    changes: usize,
    bytes: usize,
}

#[derive(Debug)]
pub struct Row {
    first: u64,
    changes: usize,
    bytes: usize,
}

/// How many changes of late are kept, and how many bytes of them.
#[derive(Clone, Copy, Debug)]
pub struct Keeps {
    pub changes_max: usize,
    pub bytes_max: usize,
}

impl Row {
    /// Of these changes, the first of which has this seq.
    pub fn of(first: u64, changes: &[Change]) -> Row {
        Row { first, changes: changes.len(), bytes: changes.iter().map(Change::bytes).sum() }
    }
}

impl Rows {
    pub fn push(&mut self, newest: Row) {
        self.changes += newest.changes;
        self.bytes += newest.bytes;
        self.rows.push_back(newest);
    }

    /// How many of the oldest are needed no more, once there is this one too.
    pub fn needless_with(&self, newest: &Row, keeps: Keeps) -> usize {
        let (mut changes, mut bytes) = (self.changes + newest.changes, self.bytes + newest.bytes);
        let is_needless = |oldest: &&Row| {
            (changes, bytes) = (changes - oldest.changes, bytes - oldest.bytes);
            changes >= keeps.changes_max || bytes >= keeps.bytes_max
        };
        self.rows.iter().take_while(is_needless).count()
    }

    /// The seqs by which so many of the oldest are found.
    pub fn oldest(&self, count: usize) -> impl Iterator<Item = u64> {
        self.rows.iter().take(count).map(|row| row.first)
    }

    pub fn drop_oldest(&mut self, count: usize) {
        for row in self.rows.drain(..count) {
            self.changes -= row.changes;
            self.bytes -= row.bytes;
        }
    }
}

pub fn write_change(change: &Change, row: &mut Vec<u8>) {
    let op = match change.op {
        Op::Created => 0,
        Op::Updated => 1,
        Op::Deleted => 2,
    };
    row.push(op);
    row.extend_from_slice(&change.collection.0.to_le_bytes());
    row.extend_from_slice(&change.counter.to_le_bytes());
    write_record(&change.record, row);
    if change.op == Op::Updated {
        write_record(change.before.as_ref().expect("an update knows what was there before"), row);
    }
}

fn write_record(record: &Record, row: &mut Vec<u8>) {
    row.extend_from_slice(&record.seq.to_le_bytes());
    row.extend_from_slice(&(record.json().len() as u32).to_le_bytes());
    row.extend_from_slice(record.json().as_bytes());
}

/// The changes of a row, or `None` where it is no such row.
pub fn read_changes(first: Position, mut row: &[u8]) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    while !row.is_empty() {
        let seq = first.seq + changes.len() as u64;
        changes.push(read_change(Position { seq, ..first }, &mut row)?);
    }
    Some(changes)
}

fn read_change(position: Position, row: &mut &[u8]) -> Option<Change> {
    let [op] = take(row)?;
    let op = match op {
        0 => Op::Created,
        1 => Op::Updated,
        2 => Op::Deleted,
        _ => return None,
    };
    let collection = CollectionId(u16::from_le_bytes(take(row)?));
    let counter = u64::from_le_bytes(take(row)?);
    let record = read_record(row)?;
    let before = if op == Op::Updated { Some(read_record(row)?) } else { None };
    Some(Change { position, collection, op, record, before, counter })
}

fn read_record(row: &mut &[u8]) -> Option<Record> {
    let seq = u64::from_le_bytes(take(row)?);
    let length = u32::from_le_bytes(take(row)?) as usize;
    let (text, rest) = row.split_at_checked(length)?;
    *row = rest;
    Record::stored(str::from_utf8(text).ok()?, seq)
}

fn take<const N: usize>(row: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = row.split_first_chunk()?;
    *row = rest;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(op: Op, seq: u64) -> Change {
        let record = |seq| Record::new("a", format!("\"n\":{seq}"), seq);
        let before = (op == Op::Updated).then(|| record(seq - 1));
        Change { collection: CollectionId(3), before, counter: 12, ..Change::new(op, record(seq)) }
    }

    #[test]
    fn what_is_written_is_read_again_and_nothing_shorter() {
        let changes = [change(Op::Created, 4), change(Op::Updated, 5), change(Op::Deleted, 6)];
        let (mut row, mut ends) = (Vec::new(), vec![0]);
        for change in &changes {
            write_change(change, &mut row);
            ends.push(row.len());
        }
        for cut in 0..=row.len() {
            let read = read_changes(Position { epoch: 7, seq: 4 }, &row[..cut]);
            let whole = ends.iter().position(|&end| end == cut);
            assert_eq!(read.as_deref(), whole.map(|n| &changes[..n]), "cut at {cut}");
        }
    }
}
