//! The changes of late, kept for those who come back.

use crate::model::change::Change;
use std::collections::VecDeque;

/// The newest changes without a gap, bounded by their number and by the bytes of their texts.
#[derive(Clone, Debug)]
pub struct History {
    changes: VecDeque<Change>,
    /// The seq of the newest change, kept or not.
    head: u64,
    bytes: usize,
    /// Bytes of all changes there ever were.
    bytes_ever: u64,
    changes_max: usize,
    bytes_max: usize,
}

/// How far a history had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    seq: u64,
    bytes_ever: u64,
}

impl History {
    pub fn new(changes_max: usize, bytes_max: usize) -> History {
        History::beginning_at(0, changes_max, bytes_max)
    }

    /// Of what comes after the change with this seq.
    pub fn beginning_at(head: u64, changes_max: usize, bytes_max: usize) -> History {
        History { changes: VecDeque::new(), head, bytes: 0, bytes_ever: 0, changes_max, bytes_max }
    }

    /// The same with other bounds.
    pub fn bounded(self, changes_max: usize, bytes_max: usize) -> History {
        let mut history = History { changes_max, bytes_max, ..self };
        history.make_room();
        history
    }

    /// The next change. The oldest make room for it; one that is longer than all the room is not
    /// kept, and none before it.
    pub fn push(&mut self, change: &Change) {
        debug_assert_eq!(change.position.seq, self.head + 1, "changes are kept in order");
        self.head = change.position.seq;
        self.bytes += change.bytes();
        self.bytes_ever += change.bytes() as u64;
        self.changes.push_back(change.clone());
        self.make_room();
    }

    /// The newest change has not happened. What made room for it is gone all the same.
    pub fn take_back(&mut self, newest: &Change) {
        debug_assert_eq!(newest.position.seq, self.head, "the newest is taken back first");
        self.head -= 1;
        self.bytes_ever -= newest.bytes() as u64;
        if let Some(kept) = self.changes.pop_back() {
            self.bytes -= kept.bytes();
        }
    }

    fn make_room(&mut self) {
        while self.changes.len() > self.changes_max || self.bytes > self.bytes_max {
            let Some(oldest) = self.changes.pop_front() else { return };
            self.bytes -= oldest.bytes();
        }
    }

    /// Every change after the one with this seq, or `None` where they are not all kept.
    pub fn since(&self, seq: u64) -> Option<impl DoubleEndedIterator<Item = &Change>> {
        let missing = self.head.checked_sub(seq)? as usize;
        let from = self.changes.len().checked_sub(missing)?;
        Some(self.changes.range(from..))
    }

    pub fn mark(&self) -> Mark {
        Mark { seq: self.head, bytes_ever: self.bytes_ever }
    }

    /// Has so much come since then that it will not be kept much longer?
    pub fn is_renewed_since(&self, mark: Mark) -> bool {
        self.head - mark.seq > self.changes_max as u64 / 4
            || self.bytes_ever - mark.bytes_ever > self.bytes_max as u64 / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::Op;
    use crate::model::record::Record;

    fn change(seq: u64, text_bytes: usize) -> Change {
        let members = format!("\"a\":\"{}\"", "x".repeat(text_bytes));
        Change::new(Op::Created, Record::new("1", members, seq))
    }

    fn seqs(history: &History, seq: u64) -> Option<Vec<u64>> {
        Some(history.since(seq)?.map(|change| change.position.seq).collect())
    }

    #[test]
    fn what_came_since_is_there_without_a_gap_or_not_at_all() {
        let mut history = History::new(3, 1 << 20);
        assert_eq!(seqs(&history, 0), Some(vec![]));
        (1..=5).for_each(|seq| history.push(&change(seq, 1)));
        assert_eq!(seqs(&history, 5), Some(vec![]));
        assert_eq!(seqs(&history, 3), Some(vec![4, 5]));
        assert_eq!(seqs(&history, 2), Some(vec![3, 4, 5]));
        assert_eq!(seqs(&history, 1), None, "the second is kept no more");
        assert_eq!(seqs(&history, 6), None, "that has not happened");
    }

    #[test]
    fn long_changes_push_out_more() {
        let mut history = History::new(100, 1000);
        (1..=4).for_each(|seq| history.push(&change(seq, 100)));
        assert_eq!(seqs(&history, 0).map(|seqs| seqs.len()), Some(4));
        history.push(&change(5, 600));
        assert_eq!(seqs(&history, 1), Some(vec![2, 3, 4, 5]));
        assert_eq!(seqs(&history, 0), None);
        history.push(&change(6, 2000));
        assert_eq!(seqs(&history, 6), Some(vec![]));
        assert_eq!(seqs(&history, 5), None, "longer than all the room");
        history.push(&change(7, 1));
        assert_eq!(seqs(&history, 6), Some(vec![7]));
    }
}
