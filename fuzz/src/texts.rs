//! What the rooms behind the wire make of a text: the body of an item, a JSON-RPC message.

use super::readers::LIMITS;
use bothways::api::new_item;
use bothways::api::outcome::Outcome;
use bothways::api::read_context::{ReadCache, ReadContext};
use bothways::api::resources;
use bothways::api::routes;
use bothways::http::response;
use bothways::metrics::loop_metrics::Metrics;
use bothways::model::call::{Answer, Body, Call, Method, Representation, Wish};
use bothways::model::change::{CollectionId, Conditions};
use bothways::model::json_rpc::{self, Id, Item, Message};
use bothways::model::record::{Record, is_id};
use bothways::render::html;
use bothways::render::json;
use bothways::render::text;
use bothways::render::xml;
use bothways::store::committed::{Settled, Ticket};
use bothways::store::idempotency_table::{Bounds, Keys};
use bothways::store::journal::{self, Journal};
use bothways::store::state::State;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

/// Names that the library keeps for itself: it does not read them as names.
const KEPT: &str = "serde_json::private";

/// An item is taken if and only if a library reads it and it follows our rules; and what is kept of
/// it is what the library read, but for the id.
pub fn check_intake(body: &[u8]) {
    if !library_knows(body) {
        return;
    }
    let taken = new_item::read(&post(body, None)).map(|intake| {
        let id = intake.id.unwrap_or("new".into());
        let record = Record::new(&id, intake.members, 1);
        serde_json::from_str(record.json()).unwrap_or_else(|error| panic!("{record:?}: {error}"))
    });
    let expected = item(body);
    let (taken, expected): (Option<Value>, _) = (taken.ok(), expected.map(Value::Object));
    assert_eq!(taken, expected, "{}", body.escape_ascii());
    // Maps are equal whatever their order is; their texts are not.
    assert_eq!(taken.map(|item| item.to_string()), expected.map(|item| item.to_string()));
}

/// False of JSON that the library cannot tell us about: a name that it keeps for itself, a number
/// beyond a double. Both are kept in the state as they were written.
pub fn library_knows(text: &[u8]) -> bool {
    let has_kept_name = || text.windows(KEPT.len()).any(|window| window == KEPT.as_bytes());
    let is_beyond_a_double = || {
        let error = serde_json::from_slice::<Value>(text).err();
        error.is_some_and(|error| error.to_string().starts_with("number out of range"))
    };
    !has_kept_name() && !is_beyond_a_double()
}

/// The members of an item, whatever id it has chosen.
pub fn members_of(body: &[u8]) -> Option<String> {
    new_item::read(&post(body, None)).ok().map(|intake| intake.members)
}

/// The item that is meant, if the body is one.
fn item(body: &[u8]) -> Option<serde_json::Map<String, Value>> {
    let (mut id, mut members) = (
        Value::from("new"),
        match serde_json::from_slice(body).ok()? {
            Value::Object(members) => members,
            Value::String(text) if !text.trim().is_empty() => {
                [("text".to_owned(), text.into())].into_iter().collect()
            }
            _ => return None,
        },
    );
    if members.values().map(depth).max() >= Some(DEPTH_MAX) {
        return None;
    }
    if let Some(chosen) = members.shift_remove("id") {
        id = chosen;
    }
    is_id(id.as_str()?).then(|| [("id".to_owned(), id)].into_iter().chain(members).collect())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The deepest item that is taken; what stands in it is one less deep.
const DEPTH_MAX: usize = 101;

/// A line of plain text is one line, and says the text where there is nothing else.
pub fn check_representation(body: &[u8]) {
    let Ok(intake) =
        new_item::read(&post(body, Some("text/plain"))).or_else(|_| new_item::read(&post(body, None)))
    else {
        return;
    };
    let record = Record::new("1", intake.members, 1);
    check_markup(record.json());
    if !library_knows(body) {
        return;
    }
    let line = text::item_as_line(record.json());
    assert!(!line.contains(['\r', '\n']), "{line:?}");
    let value: Value = serde_json::from_str(record.json()).expect("what was taken can be read");
    // A name that is spelled with an escape is shown as it is written.
    let text = value.get("text").filter(|_| record.json().contains("\"text\":")).and_then(Value::as_str);
    let text = text.filter(|_| value.as_object().is_some_and(|members| members.len() == 2));
    assert_eq!(line, text.map_or(record.json().to_owned(), |text| text.replace(['\r', '\n'], " ")));
    let mut house = House::new();
    house.ask(&post(body, None));
    let collection = house.state.collection(CollectionId(0));
    let lines: String = collection.items().map(|item| text::item_as_line(item.json()) + "\n").collect();
    assert_eq!(text::collection(collection.items().map(Record::json)), lines);
}

/// As XML it is well-formed, and of what it says nothing becomes markup in a page.
fn check_markup(json: &str) {
    let xml = xml::item(json);
    let document = roxmltree::Document::parse(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    assert_eq!(document.root_element().attribute("id"), Some("1"));
    let page = html::item(Some("tasks"), json, None);
    assert_eq!(page.matches('<').count(), page.matches('>').count(), "{page}");
}

/// Whatever a message is, its answer is JSON with the same id; and of an answer to a call, the body.
pub fn check_envelope(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut house = House::new();
    match json_rpc::read(text, LIMITS.batch_calls_max) {
        Message::One(item) => check_item(item, value(text), &mut house),
        Message::Batch(items) => {
            assert!(items.len() <= LIMITS.batch_calls_max, "a batch over the limit");
            let values = value(text);
            for (n, item) in items.into_iter().enumerate() {
                check_item(item, values.as_ref().map(|values| values[n].clone()), &mut house);
            }
        }
    }
}

/// None where it is nested deeper than the library reads, or has a name of the library's own.
fn value(text: &str) -> Option<Value> {
    if library_knows(text.as_bytes()) { serde_json::from_str(text).ok() } else { None }
}

fn check_item(item: Item, asked: Option<Value>, house: &mut House) {
    let mut out = Vec::new();
    let id = match &item.id {
        Id::Given(id) => id.to_string(),
        Id::Notification => "null".to_owned(),
    };
    match item.call {
        Ok(call) => {
            if let Some(asked) = asked {
                let id: Value = serde_json::from_str(&id).expect("an id is JSON");
                let given = (item.id != Id::Notification).then_some(&id);
                assert_eq!(given, asked.get("id"), "the answer is for whoever asked");
            }
            let answer = house.ask(&call);
            json_rpc::write_answer(&id, &answer, response::reason(answer.status), &mut out);
        }
        Err(no_call) => json_rpc::write_no_call(&id, &no_call, &mut out),
    }
    let answer: BTreeMap<String, &RawValue> = serde_json::from_slice(&out)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)));
    assert_eq!(answer["id"].get(), id);
    assert_ne!(answer.contains_key("result"), answer.contains_key("error"), "one of the two");
}

/// A state with one item, and the journal before it.
struct House {
    journal: Journal,
    state: State,
}

impl House {
    fn new() -> House {
        let bounds = Bounds { time: Duration::from_secs(100), keys_max: 2, bytes_max: 1000 };
        let journal = journal::in_memory(0, Keys::new(bounds, 0), vec![Box::new(|| ())]).remove(0);
        let mut house = House { journal, state: State::new(1, &["tasks".to_owned()], 1 << 20) };
        house.ask(&post(br#"{"text":"Buy milk","a":{"b":[1,2]}}"#, None));
        house
    }

    fn ask(&mut self, call: &Call) -> Answer {
        let mut cache = ReadCache::default();
        let mut cx = ReadContext {
            state: &self.state,
            cache: &mut cache,
            metrics: &mut Metrics::default(),
            browser: None,
        };
        let write = match routes::dispatch(call, &mut cx) {
            Outcome::Answer(answer) => return answer,
            Outcome::Write(write) => write,
            Outcome::Follow(_) | Outcome::Unfollow(_) => return Answer::new(204, Body::Nothing),
            Outcome::Talk(_) | Outcome::Wait(_) => panic!("a message asked for a socket, or to wait"),
        };
        self.journal.append(Ticket(0), write);
        let mut settled = Vec::new();
        self.journal.settle(&mut self.state, &mut settled);
        let Some(Settled { outcome, .. }) = settled.pop() else { panic!("a write is settled") };
        let json = json::collection(self.state.collection(CollectionId(0)).items().map(Record::json));
        let items: Vec<&RawValue> = serde_json::from_str(&json).expect("what is in the state is JSON");
        assert_eq!(items.len(), self.state.collection(CollectionId(0)).len());
        resources::answer_to(outcome, &self.state)
    }
}

fn post<'a>(body: &'a [u8], content_type: Option<&'a str>) -> Call<'a> {
    Call {
        method: Method::Post,
        path: "/tasks".into(),
        query: "".into(),
        content_type: content_type.map(Into::into),
        conditions: Conditions::default(),
        idempotency_key: None,
        body: body.into(),
        wish: Wish::Answer,
        representation: Representation::Json,
    }
}
