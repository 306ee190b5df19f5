//! The state: all collections at one position. Decides writes, applies changes and rolls them back.

use crate::config::Limits;
use crate::error::ApiError;
use crate::model::change::{Act, Change, CollectionId, Conditions, Op, Position, Write};
use crate::model::json_object::Object;
use crate::model::merge_patch;
use crate::model::record::Record;
use crate::store::collection::{Collection, Undo};
use crate::store::history::History;
use crate::store::snapshot::Stock;
use crate::store::write_status::Board;
use std::collections::HashMap;
use std::sync::Arc;

/// All collections at one position. Every loop has its own; the texts of the records are shared.
#[derive(Clone)]
pub struct State {
    position: Position,
    item_bytes_max: usize,
    collections: Vec<Collection>,
    /// For [`find`](State::find) among many collections. Names never change.
    by_name: Arc<HashMap<Arc<str>, CollectionId>>,
    history: History,
    board: Board,
}

/// A linear search of so few names is faster than a hash.
const LINEAR_SEARCH_MAX: usize = 8;

fn by_name(collections: &[Collection]) -> Arc<HashMap<Arc<str>, CollectionId>> {
    let numbered = collections.iter().enumerate();
    Arc::new(numbered.map(|(n, collection)| (collection.name().clone(), CollectionId(n as u16))).collect())
}

impl State {
    /// Creates an empty state, before the first change of a log. No item may become longer than `item_bytes_max`, as JSON.
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
        }
    }

    /// Creates a state from a snapshot, with all changes that it retains. No item may become longer than
    /// `item_bytes_max`, as JSON.
    pub fn stocked(stock: Stock, item_bytes_max: usize) -> State {
        let Stock { position, collections, changes } = stock;
        let collections: Vec<Collection> = collections.into_iter().map(Collection::restore).collect();
        let by_name = by_name(&collections);
        let begins_at = position.seq - changes.len() as u64;
        let mut history = History::beginning_at(begins_at, usize::MAX, usize::MAX);
        changes.iter().for_each(|change| history.push(change));
        State { position, item_bytes_max, collections, by_name, history, board: Board::default() }
    }

    /// Whether the store accepts writes, shared by all loops.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Creates a copy for another thread. The texts of the records are shared.
    pub fn fork(&self) -> State {
        self.clone()
    }

    /// Bounds the history.
    pub fn keeping(self, changes_max: usize, bytes_max: usize) -> State {
        State { history: self.history.bounded(changes_max, bytes_max), ..self }
    }

    /// The most recent changes, up to this position.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The position of the last change that was applied.
    pub fn position(&self) -> Position {
        self.position
    }

    pub fn find(&self, name: &str) -> Option<CollectionId> {
        if self.collections.len() > LINEAR_SEARCH_MAX {
            return self.by_name.get(name).copied();
        }
        let at = self.collections.iter().position(|collection| **collection.name() == *name)?;
        Some(CollectionId(at as u16))
    }

    pub fn collection(&self, id: CollectionId) -> &Collection {
        &self.collections[id.0 as usize]
    }

    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.collections.iter().map(|collection| &**collection.name())
    }

    /// Returns the position of this seq, which is the entity tag of what it changed.
    pub fn at(&self, seq: u64) -> Position {
        Position { epoch: self.position.epoch, seq }
    }

    /// Returns the change that a write makes, and changes nothing.
    ///
    /// # Errors
    ///
    /// `ConditionFailed`, `NoSuchItem`, `IdTaken`, `InvalidData`, `PatchConflict` or `ItemTooLong`.
    pub fn decide(&self, write: Write) -> Result<Change, ApiError> {
        let Write { act, conditions, .. } = write;
        let collection = self.collection(write.collection);
        let seq = self.position.seq + 1;
        let mut counter = collection.tally().counter;
        let (op, record, before) = match act {
            Act::Create { id, members } => {
                // A POST's conditions are about the collection, which always exists.
                if !conditions.allow_write(Some(self.at(collection.changed()))) {
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

    /// Checks conditions once the write is possible without them (RFC 9110 §13.2.1): a missing item is
    /// reported first.
    fn check(&self, conditions: &Conditions, current: Option<&Record>) -> Result<(), ApiError> {
        let allowed = conditions.allow_write(current.map(|record| self.at(record.seq)));
        if allowed { Ok(()) } else { Err(ApiError::ConditionFailed) }
    }

    /// Applies a change. Changes come in order, without a gap.
    pub fn apply(&mut self, change: &Change) {
        self.apply_tentative(change);
        self.confirm(change);
    }

    /// Applies a change tentatively; [`confirm`](State::confirm) or [`rollback`](State::rollback) must
    /// follow. Until then, the slot of a removed item is not reused.
    pub fn apply_tentative(&mut self, change: &Change) -> Undo {
        assert_eq!(change.position.seq, self.position.seq + 1, "changes are applied in order");
        self.position = change.position;
        self.history.push(change);
        self.collections[change.collection.0 as usize].apply(change)
    }

    /// Makes a change final that was applied tentatively.
    pub fn confirm(&mut self, change: &Change) {
        self.collections[change.collection.0 as usize].compact_if_sparse();
    }

    /// Restores the state as it was before this change, the last one.
    pub fn rollback(&mut self, change: &Change, undo: Undo) {
        assert_eq!(change.position, self.position, "the last change is rolled back first");
        self.position.seq -= 1;
        self.history.take_back(change);
        self.collections[change.collection.0 as usize].rollback(change, undo);
    }
}

/// Returns the members of an item after a merge patch. The patch must not change the id.
fn patched(current: &Record, merge: &Object) -> Result<String, ApiError> {
    let target = Object::known(current.json()).expect("an item in the state is well-formed");
    let merged = merge_patch::apply(&target, merge);
    // The id is the first member of every item, unless the patch has changed it.
    match merged.strip_prefix(current.first_member()) {
        Some("") => Ok(String::new()),
        Some(others) if others.starts_with(',') => Ok(others[1..].to_owned()),
        _ => Err(ApiError::invalid("the id of an item cannot be changed")),
    }
}

/// Builders for tests.
#[cfg(test)]
impl State {
    /// Creates an item with each of these members in the first collection.
    pub fn with_items(mut self, items: &[&str]) -> State {
        for &members in items {
            let act = Act::Create { id: None, members: members.to_owned() };
            let change = self.decide(Write::new(CollectionId(0), act)).unwrap();
            self.apply(&change);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::Tags;
    use crate::model::json_patch::JsonPatch;
    use crate::store::snapshot::{Stocked, Tally};

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

    fn json(collection: &Collection) -> String {
        let items: Vec<&str> = collection.items().map(Record::json).collect();
        format!("[{}]", items.join(","))
    }

    #[track_caller]
    fn settle(state: &mut State, write: Write) -> Change {
        let change = state.decide(write).unwrap();
        state.apply(&change);
        change
    }

    #[test]
    fn a_collection_is_found_among_few_and_among_many() {
        for many in [1, LINEAR_SEARCH_MAX, LINEAR_SEARCH_MAX + 1, 1000] {
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
        let mut state = state().with_items(&["\"n\":1", "\"n\":2", "\"n\":3"]);
        assert_eq!(json(state.collection(TASKS)), r#"[{"id":"1","n":1},{"id":"2","n":2},{"id":"3","n":3}]"#);
        settle(&mut state, write(Act::Remove { id: "2".into() }));
        settle(&mut state, write(Act::Replace { id: "1".into(), members: "\"n\":9".into() }));
        assert_eq!(json(state.collection(TASKS)), r#"[{"id":"1","n":9},{"id":"3","n":3}]"#);
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
        let mut state = state().with_items(&[r#""z":1,"a":{"b":1,"c":2}"#]);
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
        let state = state().with_items(&[""]);
        let long = patch("1", &format!("{{\"x\":\"{}\"}}", "y".repeat(1000)));
        assert_eq!(state.decide(long), Err(ApiError::ItemTooLong { bytes_max: 1000 }));
    }

    #[test]
    fn holes_are_closed_and_everything_is_still_found() {
        let mut state = state().with_items(&[""; 200]);
        for n in (1..=200).filter(|n| n % 4 != 0) {
            settle(&mut state, write(Act::Remove { id: n.to_string().into() }));
        }
        let tasks = state.collection(TASKS);
        assert_eq!(tasks.len(), 50);
        assert!(tasks.slots.len() <= 100, "{} slots for 50 items", tasks.slots.len());
        for n in 1..=200 {
            assert_eq!(tasks.get(&n.to_string()).is_some(), n % 4 == 0, "{n}");
        }
    }

    /// Everything that is visible of a state, as text.
    fn seen(state: &State) -> String {
        let collections = state.collections.iter().map(|collection| {
            assert!(collection.items().all(|record| collection.get(record.id()) == Some(record)));
            (collection.tally(), json(collection))
        });
        let since: Option<Vec<&Change>> = state.history().since(0).map(Iterator::collect);
        format!("{} {:?} {since:?}", state.position(), collections.collect::<Vec<_>>())
    }

    #[test]
    fn what_is_taken_back_leaves_everything_as_it_was() {
        let mut state = state().with_items(&[""; 100]);
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
                let undo = state.apply_tentative(&change);
                changes.push((change, undo));
            }
            if round % 3 == 0 {
                changes.iter().for_each(|(change, _)| state.confirm(change));
                continue;
            }
            with_many_holes += usize::from(state.collections.iter().any(Collection::is_sparse));
            changes.iter().rev().for_each(|(change, undo)| state.rollback(change, *undo));
            assert_eq!(seen(&state), before, "in round {round}");
        }
        assert!(with_many_holes > 5, "{with_many_holes} times the holes would have been closed");
    }
}
