//! Which connection must be looked at next, and when.
//!
//! Deadlines move with every request, and nearly always further away. So a slot is entered once,
//! with the deadline it had then; when that moment comes, the connection is asked for its deadline
//! of now, and is entered again. Moving a deadline further away costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

#[derive(Debug, Default)]
pub struct TimerQueue {
    queue: BinaryHeap<Reverse<(Instant, usize)>>,
    /// For each slot the earliest moment at which it is in the queue.
    entered: Vec<Option<Instant>>,
}

impl TimerQueue {
    /// The connection in `slot` must be looked at by then.
    pub fn enter(&mut self, slot: usize, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        if self.entered.len() <= slot {
            self.entered.resize(slot + 1, None);
        }
        let entered = &mut self.entered[slot];
        if entered.is_none_or(|earlier| deadline < earlier) {
            *entered = Some(deadline);
            self.queue.push(Reverse((deadline, slot)));
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((moment, _))| *moment)
    }

    /// A slot whose moment has come. It is no longer entered.
    pub fn due(&mut self, now: Instant) -> Option<usize> {
        loop {
            let Reverse((moment, slot)) = *self.queue.peek()?;
            if moment > now {
                return None;
            }
            self.queue.pop();
            // An entry that an earlier one has replaced says nothing any more.
            if self.entered[slot] == Some(moment) {
                self.entered[slot] = None;
                return Some(slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_slot_is_looked_at_when_its_earliest_deadline_comes() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = TimerQueue::default();
        timers.enter(3, Some(at(75)));
        timers.enter(3, Some(at(10)));
        timers.enter(5, Some(at(20)));
        timers.enter(5, Some(at(90)));
        timers.enter(7, None);
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.due(at(9)), None);
        assert_eq!(timers.due(at(30)), Some(3));
        assert_eq!(timers.due(at(30)), Some(5));
        assert_eq!(timers.due(at(30)), None);
        timers.enter(3, Some(at(75)));
        assert_eq!(timers.due(at(75)), Some(3), "the slot's old entry at 75 is not taken for a second one");
        assert_eq!(timers.due(at(1000)), None);
    }
}
