//! The keys of POSTs, and what each has created: whoever asks again is answered again, and nothing else
//! happens.
//!
//! ```text
//!   Write with a key ─▶ has it come before? ── no ──▶ the state decides ─▶ the key is kept with the change
//!                        └─ yes ─▶ with the same item: as before · with another: refused
//! ```
//!
//! A key belongs to its collection. What was refused keeps none. The fingerprint of a call is what it asks
//! for itself: the members, and the id where one was chosen. So no two calls share one by chance.
//!
//! Whoever decides has the keys: where nothing is to last they lie in the [`log`](crate::store::commit_log), or else with
//! the [`keeper`](crate::store::committer), which writes them down in the commit of their changes.

use crate::error::ApiError;
use crate::model::change::{Act, Change, CollectionId, Once, Write};
use crate::model::idempotency_key::Key;
use crate::model::record::Record;
use crate::store::state::State;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::time::Duration;

/// The newest keys, bounded by their age, their number and their bytes.
pub struct Keys {
    keeps: Bounds,
    /// Oldest first, which is in order of their changes.
    kept: VecDeque<Kept>,
    /// How many have gone from the front.
    gone: u64,
    /// From collection and key to the place, counted from the first that ever was.
    index: HashTable<u64>,
    hasher: DefaultHashBuilder,
    bytes: usize,
    /// The latest second that anybody has told.
    now: u64,
    /// What is kept no more, and may still lie in the store; oldest first.
    forgotten: Vec<Kept>,
}

/// How long, how many, and how many bytes of them.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub time: Duration,
    pub keys_max: usize,
    pub bytes_max: usize,
}

/// A key, and the item as it was created.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub key: Key,
    pub earlier: Earlier,
    /// The id was asked for, and not given.
    pub is_chosen: bool,
    /// In seconds of the clock on the wall.
    pub at: u64,
}

/// What an earlier write has made.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    pub collection: CollectionId,
    /// Its seq is that of the change.
    pub record: Record,
}

/// What a write comes to.
pub enum Decided {
    /// To be applied.
    Change(Change),
    /// It has happened already.
    Repeated(Earlier),
}

/// The clocks of the loops are not read at the same time, so one may be behind another. Further behind,
/// the clock on the wall was set back.
const SET_BACK_SECONDS: u64 = 60;

/// What a key takes beside its text and that of its item, about.
const ROOM: usize = 128;

impl Kept {
    fn bytes(&self) -> usize {
        ROOM + self.key.as_str().len() + self.earlier.record.json().len()
    }

    fn has_name_of(&self, other: &Kept) -> bool {
        self.earlier.collection == other.earlier.collection && self.key == other.key
    }

    /// Of the change.
    pub fn seq(&self) -> u64 {
        self.earlier.record.seq
    }

    /// Is it of a call that asked for the same?
    fn is_of(&self, act: &Act) -> bool {
        let record = &self.earlier.record;
        let Act::Create { id, members } = act else { return false };
        let has_same_id = match id {
            Some(id) => self.is_chosen && **id == *record.id(),
            None => !self.is_chosen,
        };
        has_same_id && members == record.members()
    }
}

impl Keys {
    /// None so far. `now` is in seconds of the clock on the wall.
    pub fn new(keeps: Bounds, now: u64) -> Keys {
        Keys {
            keeps,
            kept: VecDeque::new(),
            gone: 0,
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            bytes: 0,
            now,
            forgotten: Vec::new(),
        }
    }

    /// What lay in the store, oldest first, in the place of all that is kept here.
    pub fn restocked(&self, stock: Vec<Kept>) -> Keys {
        let mut keys = Keys::new(self.keeps, self.now);
        stock.into_iter().for_each(|kept| keys.keep(kept));
        keys
    }

    /// The latest second that it was told.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// What `write` comes to now. Where a change comes of it, it is kept here, and is to be applied.
    #[inline]
    pub fn decide(&mut self, write: Write, state: &State) -> Result<Decided, ApiError> {
        if write.once.is_none() {
            return state.decide(write).map(Decided::Change);
        }
        if let Some(earlier) = self.known(&write)? {
            return Ok(Decided::Repeated(earlier));
        }
        let once = write.once.clone().expect("it is known by a key");
        let is_chosen = matches!(write.act, Act::Create { id: Some(_), .. });
        let change = state.decide(write)?;
        let earlier = Earlier { collection: change.collection, record: change.record.clone() };
        let Once { key, at } = *once;
        self.keep(Kept { key, earlier, is_chosen, at });
        Ok(Decided::Change(change))
    }

    /// What an earlier write with the same key has made. Refused where it asked for something else.
    pub fn known(&mut self, write: &Write) -> Result<Option<Earlier>, ApiError> {
        let Some(once) = &write.once else { return Ok(None) };
        self.tell_time(once.at);
        match self.find(write.collection, &once.key) {
            None => Ok(None),
            Some(kept) if kept.is_of(&write.act) => Ok(Some(kept.earlier.clone())),
            Some(_) => Err(ApiError::IdempotencyKeyReused),
        }
    }

    fn find(&self, collection: CollectionId, key: &Key) -> Option<&Kept> {
        let at = |place: u64| &self.kept[(place - self.gone) as usize];
        let place = self.index.find(self.hash(collection, key), |&place| {
            let kept = at(place);
            kept.earlier.collection == collection && kept.key == *key
        })?;
        Some(at(*place)).filter(|kept| !self.is_over(kept))
    }

    fn keep(&mut self, newest: Kept) {
        let hash = self.hash(newest.earlier.collection, &newest.key);
        let Keys { kept, gone, index, hasher, .. } = self;
        let at = |place: u64| &kept[(place - *gone) as usize];
        let place = *gone + kept.len() as u64;
        match index.find_mut(hash, |&older| at(older).has_name_of(&newest)) {
            // Its time is over.
            Some(older) => *older = place,
            None => {
                index.insert_unique(hash, place, |&place| {
                    hash_with(hasher, at(place).earlier.collection, &at(place).key)
                });
            }
        }
        self.bytes += newest.bytes();
        self.kept.push_back(newest);
        self.make_room();
    }

    /// Ages go on from there. Where the clock was set back they stay as they are.
    fn tell_time(&mut self, now: u64) {
        if now.saturating_add(SET_BACK_SECONDS) < self.now {
            let back = self.now - now;
            let all = self.kept.iter_mut().chain(&mut self.forgotten);
            all.for_each(|kept| kept.at = kept.at.saturating_sub(back));
            self.now = now;
        }
        self.now = self.now.max(now);
        self.make_room();
    }

    fn is_over(&self, kept: &Kept) -> bool {
        let seconds = self.keeps.time.as_secs() + u64::from(self.keeps.time.subsec_nanos() > 0);
        self.now.saturating_sub(kept.at) > seconds
    }

    fn make_room(&mut self) {
        while let Some(oldest) = self.kept.front()
            && (self.is_over(oldest)
                || self.kept.len() > self.keeps.keys_max
                || self.bytes > self.keeps.bytes_max)
        {
            let hash = self.hash(oldest.earlier.collection, &oldest.key);
            self.bytes -= oldest.bytes();
            // A newer one with the same key has taken its place in the index.
            if let Ok(entry) = self.index.find_entry(hash, |&place| place == self.gone) {
                entry.remove();
            }
            self.forgotten.extend(self.kept.pop_front());
            self.gone += 1;
        }
    }

    /// Nothing after the change with this seq has happened, and what was forgotten to make room for it is
    /// kept again.
    pub fn undo_after(&mut self, seq: u64) {
        // One that was too long for all the room has forgotten itself with the others.
        if !self.forgotten.iter().chain(&self.kept).any(|kept| kept.seq() > seq) {
            return;
        }
        let there = self.forgotten.drain(..).chain(self.kept.drain(..));
        let there = there.filter(|kept| kept.seq() <= seq).collect();
        *self = self.restocked(there);
    }

    /// Those of this change, and of all after it.
    pub fn since(&self, seq: u64) -> impl Iterator<Item = &Kept> {
        let from = self.kept.partition_point(|kept| kept.seq() < seq);
        self.kept.range(from..)
    }

    /// The seqs of those that are to go from the store.
    pub fn forgotten(&self) -> impl Iterator<Item = u64> {
        self.forgotten.iter().map(Kept::seq)
    }

    /// They lie in the store no more, where there is one.
    pub fn have_gone(&mut self) {
        self.forgotten.clear();
    }

    fn hash(&self, collection: CollectionId, key: &Key) -> u64 {
        hash_with(&self.hasher, collection, key)
    }
}

fn hash_with(hasher: &DefaultHashBuilder, collection: CollectionId, key: &Key) -> u64 {
    hasher.hash_one((collection, key.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { time: Duration::from_secs(100), keys_max: 3, bytes_max: 1 << 20 };

    struct House {
        state: State,
        keys: Keys,
    }

    /// What became of a write: the id of what was created, now or earlier.
    #[derive(Debug, PartialEq)]
    enum Became {
        New(String),
        Old(String),
        Refused(ApiError),
    }

    fn new(id: &str) -> Became {
        Became::New(id.to_owned())
    }

    fn old(id: &str) -> Became {
        Became::Old(id.to_owned())
    }

    fn write(collection: u16, key: &str, at: u64, id: Option<&str>, members: &str) -> Write {
        let act = Act::Create { id: id.map(Into::into), members: members.to_owned() };
        let once = Some(Box::new(Once { key: Key::read(key).unwrap(), at }));
        Write { once, ..Write::new(CollectionId(collection), act) }
    }

    impl House {
        fn forgotten(&self) -> Vec<u64> {
            self.keys.forgotten().collect()
        }

        fn new(keeps: Bounds) -> House {
            let state = State::new(7, &["tasks".to_owned(), "notes".to_owned()], 1000);
            House { state, keys: Keys::new(keeps, 0) }
        }

        fn ask(&mut self, write: Write) -> Became {
            match self.keys.decide(write, &self.state) {
                Ok(Decided::Change(change)) => {
                    self.state.apply(&change);
                    Became::New(change.record.id().to_owned())
                }
                Ok(Decided::Repeated(earlier)) => Became::Old(earlier.record.id().to_owned()),
                Err(refusal) => Became::Refused(refusal),
            }
        }

        /// In the first collection, without an id.
        fn post(&mut self, key: &str, at: u64) -> Became {
            self.ask(write(0, key, at, None, ""))
        }
    }

    #[test]
    fn what_is_asked_for_again_has_happened() {
        let mut house = House::new(BOUNDS);
        assert_eq!(house.ask(write(0, "a", 1, None, "\"n\":1")), new("1"));
        assert_eq!(house.ask(write(0, "a", 1, None, "\"n\":1")), old("1"));
        let reused = Became::Refused(ApiError::IdempotencyKeyReused);
        assert_eq!(house.ask(write(0, "a", 1, None, "\"n\":2")), reused);
        assert_eq!(
            house.ask(write(0, "a", 1, Some("1"), "\"n\":1")),
            reused,
            "an id that is chosen is another call"
        );
        assert_eq!(
            house.ask(write(1, "a", 1, None, "\"n\":2")),
            new("1"),
            "another collection has other keys"
        );
        let remove = Act::Remove { id: "1".into() };
        house.ask(Write { act: remove, once: None, ..write(0, "a", 1, None, "") });
        assert_eq!(house.ask(write(0, "a", 1, None, "\"n\":1")), old("1"), "as it was created");
        assert_eq!(house.state.position().seq, 3);
    }

    #[test]
    fn what_was_refused_keeps_no_key() {
        let mut house = House::new(BOUNDS);
        assert_eq!(house.ask(write(0, "a", 1, Some("x"), "")), new("x"));
        let taken = Became::Refused(ApiError::IdTaken { id: "x".into() });
        assert_eq!(house.ask(write(0, "b", 1, Some("x"), "")), taken);
        assert_eq!(house.ask(write(0, "b", 1, Some("y"), "")), new("y"));
        assert_eq!(house.ask(write(0, "a", 1, Some("x"), "")), old("x"));
    }

    #[test]
    fn keys_are_kept_for_their_time_and_no_longer() {
        let mut house = House::new(BOUNDS);
        assert_eq!(house.post("a", 1000), new("1"));
        assert_eq!(house.post("b", 1050), new("2"));
        assert_eq!(house.post("a", 1100), old("1"));
        assert_eq!(house.post("a", 1101), new("3"));
        assert_eq!((house.forgotten(), house.keys.bytes), (vec![1], 2 * (ROOM + 1 + 10)));
        assert_eq!(house.post("b", 1150), old("2"));
        // One loop's clock is behind another's.
        assert_eq!(house.post("b", 1149), old("2"));
    }

    #[test]
    fn a_key_behind_one_that_is_younger_goes_as_well() {
        let mut house = House::new(BOUNDS);
        assert_eq!(house.post("a", 1002), new("1"));
        assert_eq!(house.post("b", 1000), new("2"));
        assert_eq!(house.post("b", 1101), new("3"));
        assert_eq!(house.post("a", 1101), old("1"));
        assert_eq!(house.post("b", 1103), old("3"), "when the older one has gone too");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_key_older_nor_younger() {
        let mut house = House::new(BOUNDS);
        assert_eq!(house.post("a", 1_000_000), new("1"));
        assert_eq!(house.post("b", 1_000_040), new("2"));
        // An hour back: the first is 40 seconds old.
        assert_eq!(house.post("a", 996_440), old("1"));
        assert_eq!(house.post("a", 996_500), old("1"));
        assert_eq!(house.post("a", 996_501), new("3"));
        assert_eq!(house.post("b", 996_501), old("2"));
        assert_eq!(house.post("c", 0), new("4"), "to the beginning of time");
        assert_eq!(house.post("c", u64::MAX), new("5"));
    }

    #[test]
    fn the_oldest_make_room() {
        let mut house = House::new(BOUNDS);
        for (key, id) in [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")] {
            assert_eq!(house.post(key, 1), new(id));
        }
        assert_eq!(house.post("b", 1), old("2"));
        assert_eq!(house.post("a", 1), new("5"));
        assert_eq!(house.forgotten(), [1, 2]);

        let mut house = House::new(Bounds { bytes_max: 2 * (ROOM + 1 + 10), ..BOUNDS });
        for (key, id) in [("a", "1"), ("b", "2"), ("c", "3")] {
            assert_eq!(house.post(key, 1), new(id));
        }
        assert_eq!(house.post("b", 1), old("2"));
        assert_eq!(house.ask(write(0, "d", 1, None, &format!("\"x\":\"{}\"", "x".repeat(500)))), new("4"));
        assert_eq!((house.keys.kept.len(), house.keys.bytes), (0, 0), "longer than all the room");
        assert!(house.keys.index.is_empty());
    }

    #[test]
    fn what_did_not_happen_is_not_kept() {
        let mut house = House::new(BOUNDS);
        house.post("a", 1);
        house.post("b", 1);
        house.keys.undo_after(1);
        assert_eq!(house.post("a", 1), old("1"));
        assert_eq!(house.post("b", 1), new("3"));
        assert_eq!(house.keys.since(2).map(|kept| kept.key.as_str()).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn what_made_room_for_what_did_not_happen_is_kept_again() {
        let mut house = House::new(BOUNDS);
        for (key, at) in [("a", 10), ("b", 30), ("c", 30)] {
            house.post(key, at);
        }
        house.keys.have_gone();
        let before: Vec<Kept> = house.keys.since(0).cloned().collect();
        house.post("d", 30);
        house.post("e", 30);
        assert_eq!(house.forgotten(), [1, 2]);
        house.keys.undo_after(3);
        assert_eq!((house.keys.since(0).cloned().collect(), house.forgotten()), (before, vec![]));
        assert_eq!(house.post("b", 30), old("2"));
        // What is too old stays forgotten, whatever becomes of what came then.
        house.post("d", 111);
        house.keys.undo_after(3);
        assert_eq!(house.forgotten(), [1]);
        assert_eq!(house.keys.since(0).map(Kept::seq).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn many_keys_are_found_and_forgotten() {
        let mut house = House::new(Bounds { keys_max: 100, ..BOUNDS });
        for n in 1..=1000 {
            assert_eq!(house.post(&format!("k{n}"), n / 20), new(&n.to_string()));
            let earlier = (n * 7) % 100;
            let expected = if earlier < n { Some(old(&(n - earlier).to_string())) } else { None };
            let again = expected.is_some().then(|| house.post(&format!("k{}", n - earlier), n / 20));
            assert_eq!(again, expected, "{n}");
        }
        let stock: Vec<Kept> = house.keys.since(0).cloned().collect();
        assert_eq!((stock.len(), house.keys.index.len()), (100, 100));
        let again = house.keys.restocked(stock.clone());
        assert_eq!(again.since(0).cloned().collect::<Vec<_>>(), stock);
        assert_eq!(again.bytes, house.keys.bytes);
    }

    #[test]
    fn what_was_too_long_in_vain_takes_no_key_with_it() {
        let mut house = House::new(Bounds { bytes_max: 2 * (ROOM + 1 + 10), ..BOUNDS });
        house.post("a", 1);
        house.post("b", 1);
        house.keys.have_gone();
        house.ask(write(0, "c", 1, None, &format!("\"x\":\"{}\"", "x".repeat(500))));
        house.keys.undo_after(2);
        assert_eq!(house.forgotten(), Vec::<u64>::new());
        assert_eq!(house.post("a", 1), old("1"));
    }
}
