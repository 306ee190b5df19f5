//! How late a visitor was told, as the server saw it.
//!
//! ```text
//!   a change became true ──▶ Ring: when, of the last 1024            ┌──▶ how late each was told
//!   told up to there     ──▶ Place of this road: ── the ring between ┤
//!   asked now            ──▶                        them             └──▶ how long it has lacked one
//! ```
//!
//! A road is told of one collection, that which was told last: another one begins anew. Times are microseconds
//! since the process began.

use std::collections::VecDeque;

/// Changes whose times are kept. Of more between two tellings the oldest are not counted.
const CHANGES_MAX: usize = 1024;

/// Who has not asked for longer than a minute had not been waiting: it begins anew.
const WAITED_US_MAX: u64 = 60_000_000;

/// A change became true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    pub seq: u64,
    pub collection: u16,
    pub at_us: u64,
}

/// The changes of late, by their seq.
#[derive(Default)]
pub struct Ring {
    changes: VecDeque<Published>,
}

impl Ring {
    /// Every loop says when it heard of a change; whichever was the first knows when it became true.
    pub fn publish(&mut self, change: Published) {
        if self.changes.back().is_none_or(|last| last.seq < change.seq) {
            self.changes.push_back(change);
            if self.changes.len() > CHANGES_MAX {
                self.changes.pop_front();
            }
        } else if let Ok(n) = self.changes.binary_search_by_key(&change.seq, |known| known.seq) {
            let known = &mut self.changes[n];
            known.at_us = known.at_us.min(change.at_us);
        }
    }

    /// Those of a collection that come after this seq, in order.
    fn after(&self, seq: u64, collection: u16) -> impl Iterator<Item = &Published> {
        let first = self.changes.partition_point(|change| change.seq <= seq);
        self.changes.range(first..).filter(move |change| change.collection == collection)
    }
}

/// A visitor was told everything of a collection up to this seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub collection: u16,
    pub upto: u64,
    pub since: Since,
}

/// What was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The state, in answer to a question.
    Asked,
    /// What changed since it was told before.
    Before,
    /// The state, to one who begins to follow: nobody was waiting.
    Anew,
}

/// What was told on one road, and how late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    place: Option<Place>,
    /// Changes that were told, and by how much they were late, all together.
    pub changes: u64,
    pub late_us: u64,
    /// By how much the last of them was.
    pub last_us: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    collection: u16,
    upto: u64,
    at_us: u64,
}

impl Lateness {
    pub fn told(&mut self, told: Told, at_us: u64, ring: &Ring) {
        let Told { collection, upto, since } = told;
        let goes_on = |place: &Place| {
            let has_waited = since == Since::Before || at_us.saturating_sub(place.at_us) <= WAITED_US_MAX;
            place.collection == collection && since != Since::Anew && has_waited
        };
        if let Some(place) = self.place.filter(goes_on) {
            for change in ring.after(place.upto, collection).take_while(|change| change.seq <= upto) {
                self.last_us = at_us.saturating_sub(change.at_us);
                self.late_us += self.last_us;
                self.changes += 1;
            }
        }
        self.place = Some(Place { collection, upto, at_us });
    }

    /// What is told next is late for nobody.
    pub fn begin_anew(&mut self) {
        self.place = None;
    }

    /// For how long there has been a change that it was not told of yet. 0: there is none.
    pub fn lacks_us(&self, now_us: u64, ring: &Ring) -> u64 {
        let oldest = self.place.and_then(|place| ring.after(place.upto, place.collection).next().copied());
        oldest.map_or(0, |change| now_us.saturating_sub(change.at_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn ring(changes: &[(u64, u16, u64)]) -> Ring {
        let mut ring = Ring::default();
        for &(seq, collection, at_us) in changes {
            ring.publish(Published { seq, collection, at_us });
        }
        ring
    }

    fn told(upto: u64, since: Since) -> Told {
        Told { collection: 0, upto, since }
    }

    #[test]
    fn who_asks_again_is_as_late_as_what_it_hears() {
        let ring = ring(&[(1, 0, 100), (2, 0, 5_000), (3, 1, 6_000), (4, 0, 9_000)]);
        let mut polling = Lateness::default();
        polling.told(told(1, Since::Asked), 1_000, &ring);
        assert_eq!(
            (polling.changes, polling.lacks_us(2_000, &ring)),
            (0, 0),
            "the first answer is late for nobody"
        );
        // The change 2 is in its collection, and is told at 11 000 together with 4. That of another one is not.
        assert_eq!(polling.lacks_us(8_000, &ring), 3_000);
        polling.told(told(4, Since::Asked), 11_000, &ring);
        assert_eq!((polling.changes, polling.late_us, polling.last_us), (2, 6_000 + 2_000, 2_000));
        // Nothing new: nothing to be late for.
        polling.told(told(4, Since::Asked), 15_000, &ring);
        assert_eq!((polling.changes, polling.late_us, polling.last_us), (2, 8_000, 2_000));
        assert_eq!(polling.lacks_us(20_000, &ring), 0);
    }

    #[test]
    fn who_was_not_waiting_is_not_late() {
        let ring = ring(&[(1, 0, 0), (2, 0, 10)]);
        for (since, at_us, counted) in [
            (Since::Asked, WAITED_US_MAX, 1),
            (Since::Asked, WAITED_US_MAX + 1, 0),
            (Since::Before, 9 * WAITED_US_MAX, 1),
            (Since::Anew, 20, 0),
        ] {
            let mut lateness = Lateness::default();
            lateness.told(told(1, Since::Anew), 0, &ring);
            lateness.told(told(2, since), at_us, &ring);
            assert_eq!(lateness.changes, counted, "{since:?} at {at_us}");
            assert_eq!(lateness.lacks_us(at_us, &ring), 0);
        }
        let mut lateness = Lateness::default();
        lateness.told(told(1, Since::Asked), 0, &ring);
        lateness.begin_anew();
        assert_eq!(lateness.lacks_us(20, &ring), 0);
        lateness.told(told(2, Since::Asked), 20, &ring);
        assert_eq!(lateness.changes, 0);
    }

    #[test]
    fn another_collection_begins_anew() {
        let ring = ring(&[(1, 0, 0), (2, 1, SECOND), (3, 0, 2 * SECOND)]);
        let mut lateness = Lateness::default();
        lateness.told(told(1, Since::Asked), 10, &ring);
        lateness.told(Told { collection: 1, upto: 1, since: Since::Asked }, 20, &ring);
        assert_eq!((lateness.changes, lateness.lacks_us(3 * SECOND, &ring)), (0, 2 * SECOND));
    }

    #[test]
    fn a_change_became_true_when_the_first_loop_heard_of_it() {
        let ring = ring(&[(1, 0, 50), (2, 0, 60), (1, 0, 40), (2, 0, 90), (0, 0, 5)]);
        let times: Vec<(u64, u64)> = ring.changes.iter().map(|change| (change.seq, change.at_us)).collect();
        assert_eq!(times, [(1, 40), (2, 60)]);
    }

    #[test]
    fn the_ring_has_an_end() {
        let mut lateness = Lateness::default();
        let mut ring = Ring::default();
        lateness.told(told(0, Since::Asked), 0, &ring);
        for seq in 1..=3 * CHANGES_MAX as u64 {
            ring.publish(Published { seq, collection: 0, at_us: seq });
            assert!(ring.changes.len() <= CHANGES_MAX);
        }
        lateness.told(told(3 * CHANGES_MAX as u64, Since::Asked), SECOND, &ring);
        assert_eq!(lateness.changes, CHANGES_MAX as u64);
    }
}
