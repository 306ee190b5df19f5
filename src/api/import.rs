//! A json-server style file: what it holds, or everything for which it cannot be taken.
//!
//! ```text
//! {"posts": [{"id": 1, "title": "x"}, …], "comments": […]}
//!  name      item                          its members are collections
//! ```
//!
//! Items are kept as they were written, as those are that come in a request. All of the file is taken or
//! nothing: whoever mends it wants to know every fault, so the first does not end the search.

use crate::api::routes::RESERVED;
use crate::config::COLLECTIONS_MAX;
use crate::error::shown;
use crate::model::json_object::{DEPTH_MAX, NotAnObject, Object};
use crate::model::json_tokens::{Container, JsonToken, JsonTokens, unescape};
use crate::model::record::{Record, is_id};
use crate::store::name_set::Names;
use crate::store::snapshot::{Stocked, Tally};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;

/// What is wrong with a file, collection by collection: at most ten places, and how many more there are.
#[derive(Debug, Default, PartialEq)]
pub struct Wrong {
    /// A path in the file and what is wrong there: `/posts/3/id: …`.
    pub places: Vec<String>,
    pub more: usize,
}

/// Places that are named. Whoever made one mistake made it everywhere.
const NAMED_MAX: usize = 10;

/// Numbers up to here are whole in everyone's JSON. Larger ones do not count as given by the collection,
/// or soon there would be none left to give.
const NUMBER_MAX: u64 = (1 << 53) - 1;

impl Wrong {
    fn add(&mut self, at: &Place, what: impl fmt::Display) {
        match self.places.len() {
            NAMED_MAX => self.more += 1,
            _ => self.places.push(format!("{at}: {what}")),
        }
    }
}

/// Where in the file: its member, the element of that, and perhaps the id in it.
#[derive(Clone, Copy)]
struct Place<'a> {
    name: &'a str,
    element: Option<usize>,
    is_id: bool,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", shown(&self.name.replace('~', "~0").replace('/', "~1")))?;
        self.element.map_or(Ok(()), |element| write!(f, "/{element}"))?;
        if self.is_id { f.write_str("/id") } else { Ok(()) }
    }
}

/// The collections of a file in their order, each with its items in theirs. The items' seqs count from 1.
/// No item may be longer than `item_bytes_max`, as JSON.
pub fn read(text: &str, item_bytes_max: usize) -> Result<Vec<Stocked>, Wrong> {
    if let Err(error) = serde_json::from_str::<&RawValue>(text) {
        return Err(Wrong { places: vec![format!("it is no JSON: {error}")], more: 0 });
    }
    let mut reading =
        Reading { text, tokens: JsonTokens::new(text), item_bytes_max, seq: 0, wrong: Wrong::default() };
    if reading.tokens.next() != Some(JsonToken::Begin(Container::Object)) {
        let why = "its outermost value is no object, whose members would be the collections";
        return Err(Wrong { places: vec![why.into()], more: 0 });
    }
    let collections = reading.collections();
    if reading.wrong == Wrong::default() { Ok(collections) } else { Err(reading.wrong) }
}

/// Goes through a text that is known to be well-formed.
struct Reading<'a> {
    text: &'a str,
    tokens: JsonTokens<'a>,
    item_bytes_max: usize,
    seq: u64,
    wrong: Wrong,
}

/// An item that has no id yet, or one of its own.
struct Found {
    element: usize,
    id: Option<Box<str>>,
    members: String,
}

impl<'a> Reading<'a> {
    fn collections(&mut self) -> Vec<Stocked> {
        let (mut collections, mut names) = (Vec::new(), Names::default());
        while let Some(JsonToken::Name(written)) = self.tokens.next() {
            let name = unescape(written);
            let place = Place { name: &name, element: None, is_id: false };
            if !is_id(&name) {
                self.wrong.add(&place, "a collection's name is 1 to 64 of A-Z a-z 0-9 . _ ~ -");
            } else if RESERVED.contains(&&*name) {
                self.wrong.add(&place, "no collection can have this name: it is reserved");
            } else if !names.add(name.clone()) {
                self.wrong.add(&place, "there are two of this name");
            } else if collections.len() == COLLECTIONS_MAX {
                self.wrong.add(&place, format_args!("there are at most {COLLECTIONS_MAX} collections"));
            }
            let found = self.items(place);
            let (items, tally) = self.number(place, found);
            collections.push(Stocked { name: name.into_owned(), tally, items });
        }
        collections
    }

    /// The elements of the value that comes next, if it is an array.
    fn items(&mut self, place: Place) -> Vec<Found> {
        let mut found = Vec::new();
        let kind = match self.tokens.next() {
            Some(JsonToken::Begin(Container::Array)) => {
                for element in 0.. {
                    let place = Place { element: Some(element), ..place };
                    match self.tokens.next() {
                        Some(JsonToken::End) | None => break,
                        Some(JsonToken::Begin(Container::Object)) => {
                            let from = self.tokens.start();
                            self.tokens.skip_container();
                            let text = &self.text[from..self.tokens.end()];
                            match self.item(place, text) {
                                Ok(item) => found.push(item),
                                Err((place, why)) => self.wrong.add(&place, why),
                            }
                        }
                        Some(other) => {
                            let kind = self.kind(other);
                            self.wrong.add(&place, format_args!("an item is an object, and this is {kind}"));
                        }
                    }
                }
                return found;
            }
            Some(JsonToken::Begin(Container::Object)) => {
                self.tokens.skip_container();
                let why = "one object is no collection: put it into an array, with an id, as in \
                           \"{}\":[{\"id\":\"me\",…}]";
                self.wrong.add(&place, why.replacen("{}", &shown(place.name), 1));
                return found;
            }
            Some(other) => self.kind(other),
            None => return found,
        };
        self.wrong.add(&place, format_args!("a collection is an array of objects, and this is {kind}"));
        found
    }

    /// What a value is, in words; behind it, if it has just begun.
    fn kind(&mut self, token: JsonToken) -> &'static str {
        match token {
            JsonToken::Begin(Container::Array) => {
                self.tokens.skip_container();
                "an array"
            }
            JsonToken::Begin(Container::Object) => {
                self.tokens.skip_container();
                "an object"
            }
            JsonToken::String(_) | JsonToken::Name(_) => "a string",
            JsonToken::Literal("null") => "null",
            JsonToken::Literal("true" | "false") => "a truth value",
            JsonToken::Literal(_) | JsonToken::End => "a number",
        }
    }

    fn item<'p>(&self, place: Place<'p>, text: &str) -> Result<Found, (Place<'p>, String)> {
        let object = Object::read(text).map_err(|why| (place, self.why_not(text, why)))?;
        let mut found =
            Found { element: place.element.unwrap_or_default(), id: None, members: String::new() };
        if object.is_plain() {
            found.members = object.text;
            return Ok(found);
        }
        let mut members = object.sorted_out();
        if let Some(value) = members.take("\"id\"") {
            found.id = Some(id_from(&value).map_err(|why| (Place { is_id: true, ..place }, why))?);
        }
        found.members = members.text();
        Ok(found)
    }

    fn why_not(&self, item: &str, why: NotAnObject) -> String {
        match why {
            NotAnObject::TooDeep => format!("it is nested deeper than {DEPTH_MAX}"),
            NotAnObject::AnotherKind => "an item is an object".into(),
            // A string that is spelled as half a character; where in the item is not said.
            NotAnObject::Malformed(error) => {
                let before = &self.text[..item.as_ptr() as usize - self.text.as_ptr() as usize];
                let line = 1 + before.bytes().filter(|&byte| byte == b'\n').count();
                let why = error.to_string();
                let why = why.split(" at line").next().unwrap_or_default();
                format!("it is no JSON, in the item that begins in line {line}: {why}")
            }
        }
    }

    /// Gives each item its id and its seq. Those that came without one get numbers that nobody has.
    fn number(&mut self, place: Place, found: Vec<Found>) -> (Vec<Record>, Tally) {
        let mut elements: HashMap<Box<str>, usize> = HashMap::with_capacity(found.len());
        let mut tally = Tally::default();
        for Found { element, id, .. } in &found {
            let Some(id) = id else { continue };
            if let Some(first) = elements.get(id) {
                let place = Place { element: Some(*element), is_id: true, ..place };
                let first = Place { element: Some(*first), is_id: false, ..place };
                self.wrong.add(&place, format_args!("{first} has the id {id} already"));
                continue;
            }
            elements.insert(id.clone(), *element);
            if let Ok(number) = id.parse::<u64>() {
                tally.chosen_max = tally.chosen_max.max(number);
                if number <= NUMBER_MAX {
                    tally.counter = tally.counter.max(number);
                }
            }
        }
        drop(elements);
        let mut items = Vec::with_capacity(found.len());
        for Found { element, id, members } in found {
            self.seq += 1;
            let id = id.unwrap_or_else(|| {
                tally.counter += 1;
                tally.counter.to_string().into()
            });
            let record = Record::new(&id, members, self.seq);
            if record.json().len() > self.item_bytes_max {
                let place = Place { element: Some(element), ..place };
                let why = format!("it would be longer than {} bytes", self.item_bytes_max);
                self.wrong.add(&place, why);
            }
            items.push(record);
        }
        // Of an empty collection nothing has ever changed.
        tally.changed = if items.is_empty() { 0 } else { self.seq };
        (items, tally)
    }
}

/// A number is the same however it is spelled, and an id is not: only those with one spelling are taken.
fn id_from(value: &str) -> Result<Box<str>, String> {
    const RULE: &str = "an id is 1 to 64 of A-Z a-z 0-9 . _ ~ -";
    if let Ok(id) = serde_json::from_str::<String>(value) {
        return if is_id(&id) { Ok(id.into()) } else { Err(RULE.into()) };
    }
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_number = digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(format!("{RULE}, or a whole number"));
    }
    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit()) && value != "-0";
    match is_whole && is_id(value) {
        true => Ok(value.into()),
        false => Err(format!("{} could be spelled in other ways: write it as a string", shown(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::name_set::counted;

    fn read_short(text: &str) -> Result<Vec<Stocked>, Wrong> {
        read(text, 200)
    }

    fn taken(text: &str) -> Vec<Stocked> {
        read_short(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
    }

    /// As JSON, the items of the one collection.
    fn items(text: &str) -> String {
        let collections = taken(text);
        assert_eq!(collections.len(), 1, "{text}");
        collections[0].items.iter().map(Record::json).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check_wrong(text: &str, expected: &[&str]) {
        let wrong = read_short(text).expect_err(text);
        assert_eq!(wrong.places, expected, "{text}");
        assert_eq!(wrong.more, 0);
    }

    #[test]
    fn collections_and_items_keep_their_order_and_every_digit() {
        let text = r#" { "z" : [ { "n" : 1.50, "id" : "b" } , {"id":"a","n":12345678901234567890123} ],
                         "a":[], "m\u0031":[{"id":7}] } "#;
        let stocked = |name: &str, items, [changed, counter, chosen_max]: [u64; 3]| {
            let tally = Tally { changed, counter, chosen_max };
            Stocked { name: name.to_owned(), tally, items }
        };
        let record = |id, members: &str, seq| Record::new(id, members.to_owned(), seq);
        let long = record("a", "\"n\":12345678901234567890123", 2);
        let expected = [
            stocked("z", vec![record("b", "\"n\":1.50", 1), long], [2, 0, 0]),
            stocked("a", vec![], [0, 0, 0]),
            stocked("m1", vec![record("7", "", 3)], [3, 7, 7]),
        ];
        assert_eq!(taken(text), expected);
        assert_eq!(taken("{}"), []);
    }

    #[test]
    fn numbers_become_ids_and_who_has_none_is_given_the_next() {
        assert_eq!(items(r#"{"a":[{"id":1},{"id":"2"},{"id":-3}]}"#), r#"{"id":"1"} {"id":"2"} {"id":"-3"}"#);
        let text = r#"{"a":[{"x":1},{"id":5},{"x":2},{"id":"x"}]}"#;
        assert_eq!(items(text), r#"{"id":"6","x":1} {"id":"5"} {"id":"7","x":2} {"id":"x"}"#);
        assert_eq!(taken(text)[0].tally.counter, 7);
        // So many are never given; the next after it would be none.
        let text = r#"{"a":[{"id":18446744073709551615},{"id":9007199254740992},{"id":3},{}]}"#;
        assert!(items(text).ends_with(r#"{"id":"4"}"#));
        assert_eq!(taken(text)[0].tally, Tally { changed: 4, counter: 4, chosen_max: u64::MAX });
    }

    #[test]
    fn what_is_no_id_is_named_with_its_place() {
        let rule = "an id is 1 to 64 of A-Z a-z 0-9 . _ ~ -";
        let cases = [
            (r#""a b""#, rule.to_owned()),
            (r#""""#, rule.to_owned()),
            ("null", format!("{rule}, or a whole number")),
            ("[1]", format!("{rule}, or a whole number")),
            ("1.5", "1.5 could be spelled in other ways: write it as a string".to_owned()),
            ("1e3", "1e3 could be spelled in other ways: write it as a string".to_owned()),
            ("-0", "-0 could be spelled in other ways: write it as a string".to_owned()),
        ];
        for (id, why) in cases {
            check_wrong(&format!(r#"{{"a":[{{}},{{"id":{id}}}]}}"#), &[&format!("/a/1/id: {why}")]);
        }
        check_wrong(
            r#"{"a":[{"id":1},{"id":"x"},{"id":"1"},{"id":"x"}]}"#,
            &["/a/2/id: /a/0 has the id 1 already", "/a/3/id: /a/1 has the id x already"],
        );
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let long = "x".repeat(200);
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        let text = format!(
            r#"{{"profile":{{"name":"x"}},"ws":[],"a b":[],"$x/y":[],"a":[1,"x",null,[{{}}],{{"x":"{long}"}},{deep}],
            "a":7,"n":{{"x":[]}}}}"#
        );
        let wrong = read_short(&text).unwrap_err();
        assert_eq!(
            wrong.places,
            [
                "/profile: one object is no collection: put it into an array, with an id, as in \"profile\":[{\"id\":\"me\",…}]",
                "/ws: no collection can have this name: it is reserved",
                "/a b: a collection's name is 1 to 64 of A-Z a-z 0-9 . _ ~ -",
                "/$x~1y: a collection's name is 1 to 64 of A-Z a-z 0-9 . _ ~ -",
                "/a/0: an item is an object, and this is a number",
                "/a/1: an item is an object, and this is a string",
                "/a/2: an item is an object, and this is null",
                "/a/3: an item is an object, and this is an array",
                "/a/5: it is nested deeper than 101",
                "/a/4: it would be longer than 200 bytes",
            ]
        );
        assert_eq!(wrong.more, 3);
    }

    #[test]
    fn very_many_collections_are_no_more_work_for_each() {
        let text = |names: std::ops::Range<usize>| {
            names.map(|n| format!("\"c{n}\":[]")).collect::<Vec<_>>().join(",")
        };
        let many = format!("{{{}}}", text(0..3000));
        assert_eq!(counted::check(3000, || taken(&many)).len(), 3000);
        check_wrong(&format!("{{{},\"c7\":[]}}", text(0..3000)), &["/c7: there are two of this name"]);
    }

    #[test]
    fn what_is_no_json_is_named_with_line_and_column() {
        check_wrong("{\"a\":[\n  {\"x\":}]}", &["it is no JSON: expected value at line 2 column 8"]);
        check_wrong("", &["it is no JSON: EOF while parsing a value at line 1 column 0"]);
        check_wrong("[]", &["its outermost value is no object, whose members would be the collections"]);
        let half = "it is no JSON, in the item that begins in line 2: unexpected end of hex escape";
        check_wrong("{\"a\":[\n{\"x\":\"\\ud800\"}]}", &[&format!("/a/0: {half}")]);
    }
}
