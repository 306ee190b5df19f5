//! Does everything in a store agree with everything else?
//!
//! That each page is as it was written is for the library to say. This is about what stands in them: a
//! fault here is one of the program that wrote it.

use crate::model::change::{Change, Op};
use crate::model::json_object::Object;
use crate::model::json_tokens::unescape;
use crate::model::record::{Record, is_id};
use crate::store::name_set::Names;
use crate::store::snapshot::{Stock, Stocked, Tally};
use std::collections::HashMap;

/// Everything that does not agree, each with its place.
pub fn faults(stock: &Stock) -> Vec<String> {
    let mut faults = Vec::new();
    let mut names = Names::default();
    for (number, collection) in stock.collections.iter().enumerate() {
        if !is_id(&collection.name) || !names.add(&*collection.name) {
            faults.push(format!("collection {number}: {:?} is no name for it", collection.name));
        }
        of_collection(collection, stock.position.seq, &mut faults);
    }
    of_seqs(stock, &mut faults);
    of_changes(stock, &mut faults);
    faults
}

fn of_collection(collection: &Stocked, last: u64, faults: &mut Vec<String>) {
    let Stocked { name, tally, items } = collection;
    let Tally { changed, counter, chosen_max } = *tally;
    if changed > last {
        faults.push(format!("/{name}: it changed at {changed}, and the store ends at {last}"));
    }
    for record in items {
        let id = record.id();
        if !is_readable(record) {
            faults.push(format!("/{name}/{id}: it is no JSON object with that id"));
        }
        if record.seq == 0 || record.seq > changed {
            let seq = record.seq;
            faults.push(format!("/{name}/{id}: it changed at {seq}, and its collection last at {changed}"));
        }
        if id.parse::<u64>().is_ok_and(|number| number > counter.max(chosen_max)) {
            faults.push(format!("/{name}/{id}: the collection has counted to {counter} only"));
        }
    }
}

/// Compact JSON, with its id once, in front.
fn is_readable(record: &Record) -> bool {
    let Ok(object) = Object::read(record.json()) else { return false };
    let mut members = object.members();
    let first = members.next().is_some_and(|(name, value)| {
        name == "\"id\"" && value.strip_prefix('"').and_then(|id| id.strip_suffix('"')) == Some(record.id())
    });
    first && object.text.len() + 2 == record.json().len() && members.all(|(name, _)| unescape(name) != "id")
}

/// Each change is to one item.
fn of_seqs(stock: &Stock, faults: &mut Vec<String>) {
    let items = stock.collections.iter().flat_map(|collection| &collection.items);
    let mut seqs: Vec<u64> = items.map(|record| record.seq).collect();
    seqs.sort_unstable();
    let twice = seqs.windows(2).filter(|pair| pair[0] == pair[1]);
    faults.extend(twice.map(|pair| format!("two items have changed at {}", pair[0])));
}

fn of_changes(stock: &Stock, faults: &mut Vec<String>) {
    // What is newest of each item, and the newest of each collection.
    let mut newest: HashMap<(u16, &str), &Change> = HashMap::new();
    let mut changed: HashMap<u16, u64> = HashMap::new();
    for change in &stock.changes {
        let (seq, number) = (change.position.seq, change.collection.0);
        let Some(collection) = stock.collections.get(usize::from(number)) else {
            faults.push(format!("change {seq}: there is no collection with the number {number}"));
            continue;
        };
        let is_dated = match change.op {
            Op::Created | Op::Updated => change.record.seq == seq,
            Op::Deleted => change.record.seq < seq,
        };
        let is_later = change.before.as_ref().is_none_or(|before| before.seq < seq);
        if !is_dated || !is_later || change.counter > collection.tally.counter {
            faults.push(format!("change {seq}: its numbers do not agree with those of its collection"));
        }
        if !is_readable(&change.record) || !change.before.as_ref().is_none_or(is_readable) {
            faults.push(format!("change {seq}: its item is no JSON object with an id"));
        }
        newest.insert((number, change.record.id()), change);
        changed.insert(number, seq);
    }
    let begins_after = stock.position.seq - stock.changes.len() as u64;
    for (number, collection) in (0..=u16::MAX).zip(&stock.collections) {
        let (name, seq) = (&collection.name, collection.tally.changed);
        if changed.get(&number).map_or(seq > begins_after, |newest| *newest != seq) {
            faults.push(format!("/{name}: that it changed at {seq} is not among the changes"));
        }
        for record in &collection.items {
            let agrees = match newest.remove(&(number, record.id())) {
                Some(change) => change.op != Op::Deleted && change.record == *record,
                None => record.seq <= begins_after,
            };
            if !agrees {
                faults.push(format!("/{name}/{}: it is not as its last change left it", record.id()));
            }
        }
    }
    for ((number, id), change) in newest.into_iter().filter(|(_, change)| change.op != Op::Deleted) {
        let name = &stock.collections[usize::from(number)].name;
        faults.push(format!("/{name}/{id}: it is not there, and change {} wrote it", change.position.seq));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::{CollectionId, Position};
    use crate::store::name_set::counted;

    fn change(seq: u64, op: Op, id: &str, of: u64) -> Change {
        let before = (op == Op::Updated).then(|| Record::new(id, "\"n\":1".into(), 1));
        let change = Change::new(op, Record::new(id, format!("\"n\":{of}"), of));
        Change { position: Position { epoch: 7, seq }, before, counter: 2, ..change }
    }

    /// Item 1 was there before the first change kept; 2 came, 1 was changed, x came and went.
    fn sound() -> Stock {
        let record = |id: &str, seq| Record::new(id, format!("\"n\":{seq}"), seq);
        let tally = Tally { changed: 5, counter: 2, chosen_max: 0 };
        let items = vec![record("1", 3), record("2", 2)];
        let tasks = Stocked { name: "tasks".into(), tally, items };
        let changes = vec![
            change(2, Op::Created, "2", 2),
            change(3, Op::Updated, "1", 3),
            change(4, Op::Created, "x", 4),
            change(5, Op::Deleted, "x", 4),
        ];
        Stock { position: Position { epoch: 7, seq: 5 }, collections: vec![tasks], changes }
    }

    #[track_caller]
    fn check(spoil: impl Fn(&mut Stock), expected: &str) {
        let mut stock = sound();
        spoil(&mut stock);
        let faults = faults(&stock);
        assert!(faults.iter().any(|fault| fault == expected), "{faults:?}");
    }

    #[test]
    fn a_store_that_agrees_has_no_faults() {
        assert_eq!(faults(&sound()), [] as [String; 0]);
        assert_eq!(faults(&Stock { changes: Vec::new(), ..sound() }), [] as [String; 0]);
    }

    #[test]
    fn very_many_collections_are_no_more_work_for_each() {
        let collections = (0..3000).map(|n| Stocked::empty(format!("c{n}"))).collect();
        let stock = Stock::beginning(7, collections);
        assert_eq!(counted::check(3000, || faults(&stock)), [""; 0]);
        check(
            |stock| stock.collections.push(Stocked::empty("tasks".into())),
            "collection 1: \"tasks\" is no name for it",
        );
    }

    #[test]
    fn what_does_not_agree_is_named() {
        let text = |json: &str| Record::stored(json, 3).unwrap();
        let unreadable = "/tasks/1: it is no JSON object with that id";
        for json in [r#"{"id":"1","n":}"#, r#"{"id":"1","id":"2"}"#, r#"{"id":"1", "n":3}"#] {
            check(|stock| stock.collections[0].items[0] = text(json), unreadable);
        }
        let other = "/tasks/1: it is not as its last change left it";
        check(|stock| stock.collections[0].items[0] = text(r#"{"id":"1","n":4}"#), other);
        check(|stock| drop(stock.changes.remove(1)), other);
        let gone = "/tasks/2: it is not there, and change 2 wrote it";
        check(|stock| drop(stock.collections[0].items.pop()), gone);
        check(
            |stock| stock.collections[0].tally.counter = 1,
            "/tasks/2: the collection has counted to 1 only",
        );
        check(
            |stock| stock.collections[0].tally.changed = 4,
            "/tasks: that it changed at 4 is not among the changes",
        );
        check(|stock| stock.collections[0].items[1].seq = 3, "two items have changed at 3");
        check(
            |stock| stock.changes[0].collection = CollectionId(1),
            "change 2: there is no collection with the number 1",
        );
        check(|stock| stock.collections[0].name = "a b".into(), "collection 0: \"a b\" is no name for it");
    }
}
