//! The resources as they are now.

use crate::config::{Limits, RENDERED_BYTES_MAX};
use crate::error::ApiError;
use crate::model::call::Representation;
use crate::model::change::{Act, Change, CollectionId, Conditions, Op, Position, Write};
use crate::model::json_object::Object;
use crate::model::merge_patch;
use crate::model::record::Record;
use crate::render::html;
use crate::render::text;
use crate::render::xml;
use crate::store::history::History;
use crate::store::snapshot::{Stock, Stocked, Tally};
use crate::store::write_status::Board;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

/// All collections, at one position. Every loop has its own; the texts of the records are shared.
pub struct State {
    position: Position,
    item_bytes_max: usize,
    collections: Vec<Collection>,
    /// Which collection has that name, where they are many. Names never change.
    by_name: Arc<HashMap<Arc<str>, CollectionId>>,
    history: History,
    board: Board,
    descriptions: [OnceCell<Described>; 2],
}

/// A text that follows from the names of the collections alone, and its tag.
pub struct Described {
    pub tag: Position,
    pub text: Arc<[u8]>,
}

/// One collection, its items in order of creation.
pub struct Collection {
    name: Arc<str>,
    tally: Tally,
    /// A removed item leaves a hole until half of the places are holes.
    places: Vec<Option<Record>>,
    /// From an id to its place. It holds no second copy of the id.
    index: HashTable<Entry>,
    hasher: DefaultHashBuilder,
    listings: RefCell<Listings>,
    given_out: GivenOut,
}

/// The hash is kept, so that the index can grow without a look at every record.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    place: u32,
}

/// The texts of collections that some peer may still be reading.
#[derive(Default)]
struct GivenOut(RefCell<Vec<Weak<[u8]>>>);

impl GivenOut {
    /// Is there room for another text of so many bytes?
    fn has_room(&self, bytes: usize) -> bool {
        let mut given = self.0.borrow_mut();
        given.retain(|text| text.strong_count() > 0);
        let held: usize = given.iter().filter_map(Weak::upgrade).map(|text| text.len()).sum();
        held == 0 || held + bytes <= RENDERED_BYTES_MAX
    }

    fn add(&self, text: &Arc<[u8]>) {
        self.0.borrow_mut().push(Arc::downgrade(text));
    }
}

/// The whole collection in each representation that was asked for since it changed, so that all who
/// ask share it.
#[derive(Default)]
struct Listings {
    changed: u64,
    texts: [Option<Arc<[u8]>>; Representation::COUNT],
}

/// So few are looked through faster than a hash is made.
const LOOKED_THROUGH_MAX: usize = 8;

fn by_name(collections: &[Collection]) -> Arc<HashMap<Arc<str>, CollectionId>> {
    let places = collections.iter().enumerate();
    Arc::new(places.map(|(n, collection)| (collection.name.clone(), CollectionId(n as u16))).collect())
}

impl State {
    /// Empty, before the first change of a log.
    /// No item may become longer than `item_bytes_max`, as JSON.
    pub fn new(epoch: u32, names: &[String], item_bytes_max: usize) -> State {
        let collections: Vec<Collection> = names.iter().map(|name| Collection::new(name)).collect();
        let history = History::new(Limits::DEFAULT.history_changes_max, Limits::DEFAULT.history_bytes_max);
        State {
            position: Position { epoch, seq: 0 },
            item_bytes_max,
            by_name: by_name(&collections),
            collections,
            history,
            board: Board::default(),
            descriptions: Default::default(),
        }
    }

    /// What lay in a store, with all its changes of late. No item may become longer than
    /// `item_bytes_max`, as JSON.
    pub fn stocked(stock: Stock, item_bytes_max: usize) -> State {
        let Stock { position, collections, changes } = stock;
        let collections: Vec<Collection> = collections.into_iter().map(Collection::stocked).collect();
        let by_name = by_name(&collections);
        let begins_at = position.seq - changes.len() as u64;
        let mut history = History::beginning_at(begins_at, usize::MAX, usize::MAX);
        changes.iter().for_each(|change| history.push(change));
        let (board, descriptions) = Default::default();
        State { position, item_bytes_max, collections, by_name, history, board, descriptions }
    }

    /// Whether writes are taken.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Creates a copy for another thread. The texts of the records are shared.
    pub fn fork(&self) -> State {
        State {
            position: self.position,
            item_bytes_max: self.item_bytes_max,
            collections: self.collections.iter().map(Collection::fork).collect(),
            by_name: self.by_name.clone(),
            history: self.history.clone(),
            board: self.board.clone(),
            descriptions: Default::default(),
        }
    }

    /// The same, where so many changes of late are kept, and so many bytes of them.
    pub fn keeping(self, changes_max: usize, bytes_max: usize) -> State {
        State { history: self.history.bounded(changes_max, bytes_max), ..self }
    }

    /// The changes of late, up to this position.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Everything up to here has been applied.
    pub fn position(&self) -> Position {
        self.position
    }

    pub fn find(&self, name: &str) -> Option<CollectionId> {
        if self.collections.len() > LOOKED_THROUGH_MAX {
            return self.by_name.get(name).copied();
        }
        let at = self.collections.iter().position(|collection| *collection.name == *name)?;
        Some(CollectionId(at as u16))
    }

    pub fn collection(&self, id: CollectionId) -> &Collection {
        &self.collections[id.0 as usize]
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.collections.iter().map(|collection| &*collection.name)
    }

    /// One of the descriptions, made when it is asked for first.
    pub fn described(&self, which: usize, make: impl FnOnce(&[&str]) -> Described) -> &Described {
        self.descriptions[which].get_or_init(|| make(&self.names().collect::<Vec<_>>()))
    }

    /// The token under which the state with this seq goes out.
    pub fn at(&self, seq: u64) -> Position {
        Position { epoch: self.position.epoch, seq }
    }

    /// What `write` would change now. It looks and touches nothing.
    pub fn decide(&self, write: Write) -> Result<Change, ApiError> {
        let Write { act, conditions, .. } = write;
        let collection = self.collection(write.collection);
        let seq = self.position.seq + 1;
        let mut counter = collection.tally.counter;
        let (op, record, before) = match act {
            Act::Create { id, members } => {
                // A POST's conditions are about the collection, which always exists.
                if !conditions.allow_write(Some(self.at(collection.tally.changed))) {
                    return Err(ApiError::ConditionFailed);
                }
                let mut digits = itoa::Buffer::new();
                let id = match &id {
                    Some(id) if collection.get(id).is_some() => {
                        return Err(ApiError::IdTaken { id: id.to_string() });
                    }
                    Some(id) => id,
                    None => {
                        counter = collection.next_number();
                        digits.format(counter)
                    }
                };
                (Op::Created, Record::new(id, members, seq), None)
            }
            Act::Replace { id, members } => {
                let current = collection.get(&id);
                self.check(&conditions, current)?;
                let op = if current.is_some() { Op::Updated } else { Op::Created };
                (op, Record::new(&id, members, seq), current.cloned())
            }
            Act::Patch { id, merge } => {
                let current = collection.get(&id).ok_or(ApiError::NoSuchItem)?;
                self.check(&conditions, Some(current))?;
                (Op::Updated, Record::new(&id, patched(current, &merge)?, seq), Some(current.clone()))
            }
            Act::JsonPatch { id, patch } => {
                let current = collection.get(&id).ok_or(ApiError::NoSuchItem)?;
                self.check(&conditions, Some(current))?;
                let patched = patch.apply(current, self.item_bytes_max)?;
                (Op::Updated, Record::new(&id, patched, seq), Some(current.clone()))
            }
            Act::Remove { id } => {
                let current = collection.get(&id).ok_or(ApiError::NoSuchItem)?;
                self.check(&conditions, Some(current))?;
                (Op::Deleted, current.clone(), None)
            }
        };
        if record.json().len() > self.item_bytes_max && op != Op::Deleted {
            return Err(ApiError::ItemTooLong { bytes_max: self.item_bytes_max });
        }
        Ok(Change { position: self.at(seq), collection: write.collection, op, record, before, counter })
    }

    /// Only where the write could be done without its conditions: what is not there is simply not
    /// there (RFC 9110 §13.2.1).
    fn check(&self, conditions: &Conditions, current: Option<&Record>) -> Result<(), ApiError> {
        let allowed = conditions.allow_write(current.map(|record| self.at(record.seq)));
        if allowed { Ok(()) } else { Err(ApiError::ConditionFailed) }
    }

    /// Makes a change true here. Changes come in order, without a gap.
    pub fn apply(&mut self, change: &Change) {
        self.try_out(change);
        self.collections[change.collection.0 as usize].close_holes_where_many();
    }

    /// Makes a change true here that may have to be [taken back](State::take_back). Until it is
    /// [sure](State::is_sure), what is removed leaves its place to nobody.
    pub fn try_out(&mut self, change: &Change) -> Tried {
        assert_eq!(change.position.seq, self.position.seq + 1, "changes are applied in order");
        self.position = change.position;
        self.history.push(change);
        let collection = &mut self.collections[change.collection.0 as usize];
        let mut tried = Tried { tally: collection.tally, place: None };
        collection.tally.changed = change.position.seq;
        let chosen = change.counter == collection.tally.counter;
        collection.tally.counter = change.counter;
        match change.op {
            Op::Created => {
                if chosen && let Ok(number) = change.record.id().parse::<u64>() {
                    collection.tally.chosen_max = collection.tally.chosen_max.max(number);
                }
                collection.add(change.record.clone());
            }
            Op::Updated => collection.set(change.record.clone()),
            Op::Deleted => tried.place = Some(collection.remove(change.record.id())),
        }
        tried
    }

    /// It will not be taken back.
    pub fn is_sure(&mut self, change: &Change) {
        self.collections[change.collection.0 as usize].close_holes_where_many();
    }

    /// Everything is as it was before this change, the last one, was tried out.
    pub fn take_back(&mut self, change: &Change, tried: Tried) {
        assert_eq!(change.position, self.position, "the last change is taken back first");
        self.position.seq -= 1;
        self.history.take_back(change);
        let collection = &mut self.collections[change.collection.0 as usize];
        collection.tally = tried.tally;
        // Another change will have this seq.
        collection.listings.take();
        match (change.op, &change.before) {
            (Op::Created, _) => {
                let place = collection.remove(change.record.id());
                debug_assert_eq!(place as usize + 1, collection.places.len(), "it came last");
                collection.places.truncate(place as usize);
            }
            (Op::Updated, before) => {
                collection.set(before.clone().expect("an update knows what was there before"));
            }
            (Op::Deleted, _) => {
                let place = tried.place.expect("it was removed from a place");
                collection.put_back(change.record.clone(), place);
            }
        }
    }
}

/// What must be known of a change to take it back, beside the change.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    tally: Tally,
    /// That of what was removed.
    place: Option<u32>,
}

impl Collection {
    fn new(name: &str) -> Collection {
        Collection {
            name: name.into(),
            tally: Tally::default(),
            places: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            listings: RefCell::default(),
            given_out: GivenOut::default(),
        }
    }

    fn stocked(stock: Stocked) -> Collection {
        let Stocked { name, tally, items } = stock;
        let mut collection = Collection { tally, ..Collection::new(&name) };
        collection.places.reserve_exact(items.len());
        collection.index.reserve(items.len(), |entry| spread(entry.hash));
        items.into_iter().for_each(|record| collection.add(record));
        collection
    }

    fn fork(&self) -> Collection {
        Collection {
            name: self.name.clone(),
            tally: self.tally,
            places: self.places.clone(),
            index: self.index.clone(),
            hasher: self.hasher.clone(),
            listings: RefCell::default(),
            given_out: GivenOut::default(),
        }
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What lasts of it beside its items.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Seq of the last change to anything in it.
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
        let place = self.place_of(id)?;
        self.places[place as usize].as_ref()
    }

    /// The items in order of creation.
    pub fn items(&self) -> impl Iterator<Item = &Record> + Clone {
        self.places.iter().flatten()
    }

    /// All items as one JSON array. Refused while too many earlier ones are still being read.
    pub fn json(&self) -> Result<Arc<[u8]>, ApiError> {
        self.listing(Representation::Json, || to_json(self.items()))
    }

    /// All items as plain text, one a line.
    pub fn lines(&self) -> Result<Arc<[u8]>, ApiError> {
        self.listing(Representation::Text, || to_lines(self.items()))
    }

    /// Some of the items as one JSON array, for whoever asks; refused as the text of all is.
    pub fn json_of(&self, items: &[&Record]) -> Result<Arc<[u8]>, ApiError> {
        self.text_of(items, || to_json(items.iter().copied()))
    }

    pub fn lines_of(&self, items: &[&Record]) -> Result<Arc<[u8]>, ApiError> {
        self.text_of(items, || to_lines(items.iter().copied()))
    }

    pub fn html_of(&self, items: &[&Record], position: Position) -> Result<Arc<[u8]>, ApiError> {
        let texts = || items.iter().map(|record| record.json());
        self.text_of(items, || html::collection(&self.name, position, texts()).into_bytes())
    }

    pub fn xml_of(&self, items: &[&Record]) -> Result<Arc<[u8]>, ApiError> {
        self.text_of(items, || {
            xml::collection(&self.name, items.iter().map(|record| record.json())).into_bytes()
        })
    }

    fn text_of(&self, items: &[&Record], make: impl FnOnce() -> Vec<u8>) -> Result<Arc<[u8]>, ApiError> {
        self.give_out(items.iter().map(|record| record.json().len() + 1).sum(), make)
    }

    /// All items as a page, which says at which position it was true.
    pub fn html(&self, position: Position) -> Result<Arc<[u8]>, ApiError> {
        let make = || html::collection(&self.name, position, self.items().map(Record::json)).into_bytes();
        self.listing(Representation::Html, make)
    }

    pub fn xml(&self) -> Result<Arc<[u8]>, ApiError> {
        let make = || xml::collection(&self.name, self.items().map(Record::json)).into_bytes();
        self.listing(Representation::Xml, make)
    }

    /// The text that is kept, or a new one if something has changed.
    fn listing(
        &self,
        representation: Representation,
        make: impl FnOnce() -> Vec<u8>,
    ) -> Result<Arc<[u8]>, ApiError> {
        let mut kept = self.listings.borrow_mut();
        if kept.changed != self.tally.changed {
            // Old texts that nobody reads any more make room.
            *kept = Listings { changed: self.tally.changed, ..Listings::default() };
        }
        if let Some(text) = &kept.texts[representation as usize] {
            return Ok(text.clone());
        }
        let bytes = self.items().map(|record| record.json().len() + 1).sum();
        self.make_room(bytes, &mut kept)?;
        let text: Arc<[u8]> = make().into();
        // Markup makes it longer than could be known before.
        self.make_room(text.len(), &mut kept)?;
        self.given_out.add(&text);
        kept.texts[representation as usize] = Some(text.clone());
        Ok(text)
    }

    /// So do other representations, where it is needed.
    fn make_room(&self, bytes: usize, kept: &mut Listings) -> Result<(), ApiError> {
        if !self.given_out.has_room(bytes) {
            kept.texts = Default::default();
            if !self.given_out.has_room(bytes) {
                return Err(ApiError::Busy);
            }
        }
        Ok(())
    }

    fn give_out(&self, bytes: usize, make: impl FnOnce() -> Vec<u8>) -> Result<Arc<[u8]>, ApiError> {
        if !self.given_out.has_room(bytes) {
            return Err(ApiError::Busy);
        }
        let text: Arc<[u8]> = make().into();
        self.given_out.add(&text);
        Ok(text)
    }

    /// The next number that is nobody's id: a client may have chosen some.
    fn next_number(&self) -> u64 {
        let mut number = self.tally.counter + 1;
        while number <= self.tally.chosen_max && self.get(itoa::Buffer::new().format(number)).is_some() {
            number += 1;
        }
        number
    }

    fn add(&mut self, record: Record) {
        let place = self.places.len() as u32;
        self.places.push(None);
        self.put_back(record, place);
    }

    fn put_back(&mut self, record: Record, place: u32) {
        let entry = Entry { hash: self.hash(record.id()), place };
        self.places[place as usize] = Some(record);
        self.index.insert_unique(spread(entry.hash), entry, |entry| spread(entry.hash));
    }

    fn set(&mut self, record: Record) {
        let place = self.place_of(record.id()).expect("an update is decided only for an item that is there");
        self.places[place as usize] = Some(record);
    }

    /// Leaves a hole, at this place.
    fn remove(&mut self, id: &str) -> u32 {
        let hash = self.hash(id);
        let places = &self.places;
        let entry = self
            .index
            .find_entry(spread(hash), |entry| entry.hash == hash && id_of(places, entry.place) == id);
        let (Entry { place, .. }, _) =
            entry.expect("a removal is decided only for an item that is there").remove();
        self.places[place as usize] = None;
        place
    }

    fn close_holes_where_many(&mut self) {
        if self.places.len() > 32 && self.index.len() * 2 < self.places.len() {
            self.close_holes();
        }
    }

    /// Costs the removals that made the holes one step each.
    fn close_holes(&mut self) {
        self.places.retain(Option::is_some);
        self.places.shrink_to_fit();
        let mut index = HashTable::with_capacity(self.places.len());
        for place in 0..self.places.len() as u32 {
            let entry = Entry { hash: self.hash(id_of(&self.places, place)), place };
            index.insert_unique(spread(entry.hash), entry, |entry| spread(entry.hash));
        }
        self.index = index;
    }

    fn place_of(&self, id: &str) -> Option<u32> {
        let hash = self.hash(id);
        let is_it = |entry: &Entry| entry.hash == hash && id_of(&self.places, entry.place) == id;
        self.index.find(spread(hash), is_it).map(|entry| entry.place)
    }

    fn hash(&self, id: &str) -> u32 {
        self.hasher.hash_one(id) as u32
    }
}

/// The table looks at the upper bits too.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn id_of(places: &[Option<Record>], place: u32) -> &str {
    places[place as usize].as_ref().expect("the index names no hole").id()
}

fn to_lines<'a>(items: impl Iterator<Item = &'a Record>) -> Vec<u8> {
    let mut lines = Vec::new();
    for record in items {
        lines.extend_from_slice(text::item_as_line(record.json()).as_bytes());
        lines.push(b'\n');
    }
    lines
}

fn to_json<'a>(items: impl Iterator<Item = &'a Record> + Clone) -> Vec<u8> {
    let bytes: usize = items.clone().map(|record| record.json().len() + 1).sum();
    let mut json = Vec::with_capacity(bytes + 2);
    json.push(b'[');
    for (n, record) in items.enumerate() {
        if n > 0 {
            json.push(b',');
        }
        json.extend_from_slice(record.json().as_bytes());
    }
    json.push(b']');
    json
}

/// The members of the item after the patch. Its id cannot be patched.
fn patched(current: &Record, merge: &Object) -> Result<String, ApiError> {
    let target = Object::known(current.json()).expect("an item in the state was read when it came");
    let merged = merge_patch::apply(&target, merge);
    // The id stands first, as it does in every item; or else the patch has changed it.
    match merged.strip_prefix(current.first_member()) {
        Some("") => Ok(String::new()),
        Some(others) if others.starts_with(',') => Ok(others[1..].to_owned()),
        _ => Err(ApiError::invalid("the id of an item cannot be changed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::Tags;
    use crate::model::json_patch::JsonPatch;

    const TASKS: CollectionId = CollectionId(0);

    fn state() -> State {
        State::new(7, &["tasks".to_owned(), "notes".to_owned()], 1000)
    }

    fn write(act: Act) -> Write {
        Write::new(TASKS, act)
    }

    fn create(members: &str) -> Write {
        write(Act::Create { id: None, members: members.into() })
    }

    fn patch(id: &str, merge: &str) -> Write {
        write(Act::Patch { id: id.into(), merge: Box::new(Object::read(merge).unwrap()) })
    }

    #[track_caller]
    fn settle(state: &mut State, write: Write) -> Change {
        let change = state.decide(write).unwrap();
        state.apply(&change);
        change
    }

    #[test]
    fn a_collection_is_found_among_few_and_among_many() {
        for many in [1, LOOKED_THROUGH_MAX, LOOKED_THROUGH_MAX + 1, 1000] {
            let names: Vec<String> = (0..many).map(|n| format!("c{n}")).collect();
            let state = State::new(1, &names, 1000).fork();
            for (n, name) in names.iter().enumerate() {
                assert_eq!(state.find(name), Some(CollectionId(n as u16)));
            }
            assert_eq!(state.find("none"), None);
        }
    }

    #[test]
    fn as_much_of_late_is_kept_as_is_asked_for_and_no_more() {
        let mut state = state();
        let changes: Vec<Change> =
            (0..Limits::DEFAULT.history_changes_max + 5).map(|_| settle(&mut state, create(""))).collect();
        let stock = || {
            let collection = Stocked { name: "tasks".into(), tally: Tally::default(), items: Vec::new() };
            Stock { position: state.position(), collections: vec![collection], changes: changes.clone() }
        };
        let long = State::stocked(stock(), 1000).keeping(usize::MAX, usize::MAX);
        assert!(long.history().since(0).is_some(), "more than is kept where nothing is said");
        let none = long.fork().keeping(0, 0);
        assert!(none.history().since(state.position().seq - 1).is_none());
    }

    #[test]
    fn items_are_numbered_and_listed_in_order_of_creation() {
        let mut state = state();
        for n in 1..=3 {
            settle(&mut state, create(&format!("\"n\":{n}")));
        }
        assert_eq!(
            &*state.collection(TASKS).json().unwrap(),
            br#"[{"id":"1","n":1},{"id":"2","n":2},{"id":"3","n":3}]"#
        );
        settle(&mut state, write(Act::Remove { id: "2".into() }));
        settle(&mut state, write(Act::Replace { id: "1".into(), members: "\"n\":9".into() }));
        assert_eq!(&*state.collection(TASKS).json().unwrap(), br#"[{"id":"1","n":9},{"id":"3","n":3}]"#);
        assert_eq!(state.position(), Position { epoch: 7, seq: 5 });
        assert_eq!(state.collection(CollectionId(1)).changed(), 0, "the other collection is untouched");
    }

    #[test]
    fn a_number_chosen_by_a_client_is_passed_over() {
        let mut state = state();
        settle(&mut state, write(Act::Replace { id: "1".into(), members: "".into() }));
        assert_eq!(settle(&mut state, create("")).record.id(), "2");
        settle(&mut state, write(Act::Remove { id: "2".into() }));
        assert_eq!(settle(&mut state, create("")).record.id(), "3", "a number is not given twice");
        settle(
            &mut state,
            write(Act::Create { id: Some("18446744073709551615".into()), members: "".into() }),
        );
        assert_eq!(settle(&mut state, create("")).record.id(), "4");
    }

    #[test]
    fn a_taken_id_is_refused() {
        let mut state = state();
        let taken = || write(Act::Create { id: Some("x".into()), members: "".into() });
        settle(&mut state, taken());
        assert_eq!(state.decide(taken()), Err(ApiError::IdTaken { id: "x".into() }));
    }

    #[test]
    fn a_merge_patch_keeps_the_order_of_members_and_the_id() {
        let mut state = state();
        settle(&mut state, create(r#""z":1,"a":{"b":1,"c":2}"#));
        let change = settle(&mut state, patch("1", r#"{"a":{"b":null},"n":5}"#));
        assert_eq!(change.record.json(), r#"{"id":"1","z":1,"a":{"c":2},"n":5}"#);
        for refused in [r#"{"id":"2"}"#, r#"{"id":null}"#, r#"{"id":{}}"#] {
            assert!(
                matches!(state.decide(patch("1", refused)), Err(ApiError::InvalidData { .. })),
                "{refused}"
            );
        }
        assert_eq!(state.decide(patch("2", "{}")), Err(ApiError::NoSuchItem));
    }

    #[test]
    fn a_json_patch_is_applied_to_what_the_writes_before_it_made() {
        let mut state = state();
        let patch = |text: &str| {
            write(Act::JsonPatch { id: "1".into(), patch: Box::new(JsonPatch::read(text).unwrap()) })
        };
        let count =
            || patch(r#"[{"op":"test","path":"/n","value":1},{"op":"replace","path":"/n","value":2}]"#);
        assert_eq!(state.decide(count()), Err(ApiError::NoSuchItem));
        settle(&mut state, create(r#""z":1.50,"n":1.0"#));
        assert_eq!(settle(&mut state, count()).record.json(), r#"{"id":"1","z":1.50,"n":2}"#);
        let failed = ApiError::PatchConflict { operation: 1, why: "the test of /n failed".into() };
        assert_eq!(state.decide(count()), Err(failed));
        let long = patch(&format!(r#"[{{"op":"add","path":"/x","value":"{}"}}]"#, "y".repeat(1000)));
        assert_eq!(state.decide(long), Err(ApiError::ItemTooLong { bytes_max: 1000 }));
    }

    #[test]
    fn a_write_looks_at_the_state_when_it_is_settled() {
        let mut state = state();
        let first = settle(&mut state, create("")).position;
        let if_match = |act| Write {
            conditions: Conditions { if_match: Some(Box::new(Tags::List(vec![first]))), if_none_match: None },
            ..write(act)
        };
        let replace = || if_match(Act::Replace { id: "1".into(), members: "\"n\":1".into() });
        settle(&mut state, replace());
        assert_eq!(state.decide(replace()), Err(ApiError::ConditionFailed));
        assert_eq!(state.decide(if_match(Act::Remove { id: "9".into() })), Err(ApiError::NoSuchItem));
        assert_eq!(state.decide(write(Act::Remove { id: "9".into() })), Err(ApiError::NoSuchItem));
    }

    #[test]
    fn an_item_cannot_grow_past_the_limit() {
        let mut state = state();
        settle(&mut state, create(""));
        let long = patch("1", &format!("{{\"x\":\"{}\"}}", "y".repeat(1000)));
        assert_eq!(state.decide(long), Err(ApiError::ItemTooLong { bytes_max: 1000 }));
    }

    #[test]
    fn texts_that_are_still_being_read_are_bounded() {
        let given_out = GivenOut::default();
        assert!(given_out.has_room(usize::MAX / 2), "a single one may have any length");
        let read: Arc<[u8]> = vec![0; 1000].into();
        given_out.add(&read);
        assert!(given_out.has_room(RENDERED_BYTES_MAX - 1000));
        assert!(!given_out.has_room(RENDERED_BYTES_MAX - 999));
        drop(read);
        assert!(given_out.has_room(RENDERED_BYTES_MAX));
    }

    #[test]
    fn each_representation_is_made_once_a_change() {
        let mut state = state();
        settle(&mut state, create("\"n\":1"));
        let all = |state: &State| {
            let (tasks, position) = (state.collection(TASKS), state.at(1));
            [tasks.json(), tasks.lines(), tasks.html(position), tasks.xml()].map(Result::unwrap)
        };
        let [first, second] = [all(&state), all(&state)];
        assert!(first.iter().zip(&second).all(|(one, other)| Arc::ptr_eq(one, other)));
        assert!(first.iter().enumerate().all(|(n, text)| !first[..n].contains(text)), "all differ");
        settle(&mut state, create("\"n\":2"));
        state.collection(TASKS).json().unwrap();
        assert!(second.iter().all(|text| Arc::strong_count(text) == 2), "none of the old is kept");
        drop((first, second));
        assert!(all(&state).iter().all(|text| std::str::from_utf8(text).unwrap().contains('2')));
    }

    #[test]
    fn a_representation_that_nobody_reads_makes_room_for_another() {
        let mut state = state();
        settle(&mut state, create("\"n\":1"));
        let tasks = state.collection(TASKS);
        let read: Arc<[u8]> = vec![0; RENDERED_BYTES_MAX - 30].into();
        tasks.given_out.add(&read);
        drop(tasks.lines().unwrap());
        assert_eq!(tasks.json().unwrap().len(), 18);
        assert_eq!(tasks.xml(), Err(ApiError::Busy), "markup counts too");
        drop(read);
        assert!(tasks.xml().is_ok());
    }

    #[test]
    fn holes_are_closed_and_everything_is_still_found() {
        let mut state = state();
        for _ in 0..200 {
            settle(&mut state, create(""));
        }
        for n in (1..=200).filter(|n| n % 4 != 0) {
            settle(&mut state, write(Act::Remove { id: n.to_string().into() }));
        }
        let tasks = state.collection(TASKS);
        assert_eq!(tasks.len(), 50);
        assert!(tasks.places.len() <= 100, "{} places for 50 items", tasks.places.len());
        for n in 1..=200 {
            assert_eq!(tasks.get(&n.to_string()).is_some(), n % 4 == 0, "{n}");
        }
    }

    /// Everything that is seen of a state.
    fn seen(state: &State) -> String {
        let collections = state.collections.iter().map(|collection| {
            assert!(collection.items().all(|record| collection.get(record.id()) == Some(record)));
            (collection.tally, String::from_utf8(collection.json().unwrap().to_vec()).unwrap())
        });
        let since: Option<Vec<&Change>> = state.history().since(0).map(Iterator::collect);
        format!("{} {:?} {since:?}", state.position(), collections.collect::<Vec<_>>())
    }

    #[test]
    fn what_is_taken_back_leaves_everything_as_it_was() {
        let mut state = state();
        for _ in 0..100 {
            settle(&mut state, create(""));
        }
        let mut dice = 1_u64;
        let mut throw = |below: u64| {
            dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (dice >> 33) % below
        };
        let mut with_many_holes = 0;
        for round in 0..200 {
            let before = seen(&state);
            let mut changes = Vec::new();
            for _ in 0..throw(150) {
                let collection = CollectionId(throw(2) as u16);
                let of = state.collection(collection);
                let there = of.items().nth(throw(of.len() as u64 + 1) as usize).map(|item| item.id());
                let id = there.map_or_else(|| throw(120).to_string(), str::to_owned).into();
                let act = match throw(if round % 3 == 0 { 3 } else { 20 }) {
                    0 => Act::Create { id: None, members: format!("\"n\":{round}") },
                    1 => Act::Replace { id, members: format!("\"n\":{round}") },
                    _ => Act::Remove { id },
                };
                let Ok(change) = state.decide(Write { collection, ..write(act) }) else { continue };
                let tried = state.try_out(&change);
                changes.push((change, tried));
            }
            if round % 3 == 0 {
                changes.iter().for_each(|(change, _)| state.is_sure(change));
                continue;
            }
            let has_many = |of: &Collection| of.places.len() > 32 && of.len() * 2 < of.places.len();
            with_many_holes += usize::from(state.collections.iter().any(has_many));
            changes.iter().rev().for_each(|(change, tried)| state.take_back(change, *tried));
            assert_eq!(seen(&state), before, "in round {round}");
        }
        assert!(with_many_holes > 5, "{with_many_holes} times the holes would have been closed");
    }
}
