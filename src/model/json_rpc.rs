//! Calls and answers as JSON-RPC 2.0 text.
//!
//! ```text
//! → {"jsonrpc":"2.0","id":1,"method":"post","params":{"path":"/tasks","body":"Buy milk"}}
//! ← {"jsonrpc":"2.0","id":1,"result":{"status":201,"etag":"3f9c2a7b-42","location":"/tasks/1",
//!    "body":{"id":"1","text":"Buy milk"}}}
//! ```
//!
//! An error's code is the status of the answer, and its `data` the same problem object that HTTP
//! would send; a message that is no call has one of JSON-RPC's own codes.

use crate::model::call::{Answer, Body, Call, Method, Representation, Start, Wish};
use crate::model::change::{Conditions, GZIP_MARK, Position, Tags};
use crate::model::problem;
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The WebSocket subprotocol under which this is spoken.
pub const SUBPROTOCOL: &str = "bothways.v1";

/// What one message asks.
#[derive(Debug, PartialEq)]
pub enum Message<'a> {
    One(Item<'a>),
    /// Answered with one array, in which notifications are left out.
    Batch(Vec<Item<'a>>),
}

/// One call of a message, or why it is none.
#[derive(Debug, PartialEq)]
pub struct Item<'a> {
    pub id: Id,
    pub call: Result<Call<'a>, NoCall>,
}

/// Whom the answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// The `id` of the call, as JSON text.
    Given(Box<str>),
    /// A notification: it is done, and nothing is said of it.
    Notification,
}

/// A message that is no call: one of JSON-RPC's own errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCall {
    pub code: i32,
    pub why: Cow<'static, str>,
}

pub const PARSE_ERROR: i32 = -32700;
pub const INVALID_REQUEST: i32 = -32600;
pub const METHOD_NOT_FOUND: i32 = -32601;
pub const INVALID_PARAMS: i32 = -32602;
/// One of those that JSON-RPC leaves to servers.
pub const BATCH_TOO_LONG: i32 = -32000;

/// Reads one message. What cannot be read is an item too: it is answered with its error.
pub fn read(text: &str, batch_calls_max: usize) -> Message<'_> {
    if text.trim_start().starts_with('[') {
        read_batch(text, batch_calls_max)
    } else {
        Message::One(read_item(text))
    }
}

fn read_batch(text: &str, batch_calls_max: usize) -> Message<'_> {
    let mut items = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = deserializer.deserialize_seq(Items { items: &mut items, most: batch_calls_max });
    if items.len() > batch_calls_max {
        let why = format!("a batch has at most {batch_calls_max} calls");
        return Message::One(nobody(INVALID_REQUEST, why));
    }
    if let Err(error) = read.and_then(|()| deserializer.end()) {
        return Message::One(nobody(PARSE_ERROR, error.to_string()));
    }
    if items.is_empty() {
        return Message::One(nobody(INVALID_REQUEST, "a batch has at least one call"));
    }
    Message::Batch(items.into_iter().map(|item| read_item(item.get())).collect())
}

/// Collects the items of a batch, and stops at the first one too many.
struct Items<'i, 'a> {
    items: &'i mut Vec<&'a RawValue>,
    most: usize,
}

impl<'a> Visitor<'a> for Items<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "at most {} calls", self.most)
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<(), S::Error> {
        while let Some(item) = seq.next_element()? {
            self.items.push(item);
            if self.items.len() > self.most {
                return Err(S::Error::invalid_length(self.items.len(), &"fewer calls"));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    /// Present and null is not the same as absent.
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Params<'a> {
    #[serde(borrow)]
    path: Text<'a>,
    #[serde(borrow, default)]
    query: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    body: Option<&'a RawValue>,
    #[serde(default)]
    if_match: Option<TagText>,
    #[serde(default)]
    if_none_match: Option<TagText>,
    #[serde(borrow, default)]
    idempotency_key: Option<Text<'a>>,
    #[serde(borrow, default)]
    content_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    since: Option<Text<'a>>,
    #[serde(borrow, default)]
    deliver: Option<Text<'a>>,
}

/// A string that borrows where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// `"*"`, a position, or a list of positions, with or without the quotes that HTTP puts around.
#[derive(Deserialize)]
#[serde(untagged)]
enum TagText {
    One(String),
    Many(Vec<String>),
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn read_item(text: &str) -> Item<'_> {
    let is_object = text.trim_start().starts_with('{');
    let request = match serde_json::from_str::<Request>(text) {
        Ok(request) if is_object => request,
        Ok(_) => return nobody(INVALID_REQUEST, "a call is a JSON object"),
        Err(error) if error.is_data() && !is_object => {
            return nobody(INVALID_REQUEST, "a call is a JSON object");
        }
        Err(error) if error.is_data() => return nobody(INVALID_REQUEST, error.to_string()),
        Err(error) => return nobody(PARSE_ERROR, error.to_string()),
    };
    if request.jsonrpc.as_deref() != Some("2.0") {
        return nobody(INVALID_REQUEST, "jsonrpc must be \"2.0\"");
    }
    let id = match request.id.map(RawValue::get) {
        None => Id::Notification,
        Some(id) if id.starts_with(['{', '[', 't', 'f']) => {
            return nobody(INVALID_REQUEST, "an id is a string, a number or null");
        }
        Some(id) => Id::Given(id.into()),
    };
    Item { id, call: read_call(&request.method.0, request.params) }
}

fn read_call<'a>(method: &str, params: Option<&'a RawValue>) -> Result<Call<'a>, NoCall> {
    let (method, follows) = match method {
        "subscribe" => (Method::Get, Some(true)),
        "unsubscribe" => (Method::Get, Some(false)),
        other => (plain(other)?, None),
    };
    let params = params.map(RawValue::get).unwrap_or("{}");
    if !params.starts_with('{') {
        return Err(no_call(INVALID_PARAMS, "params is an object"));
    }
    let params: Params =
        serde_json::from_str(params).map_err(|error| no_call(INVALID_PARAMS, error.to_string()))?;
    let begins = params.since.is_some() || params.deliver.is_some();
    if begins && follows != Some(true) {
        return Err(no_call(INVALID_PARAMS, "since and deliver belong to subscribe"));
    }
    let boxed = |text: Option<Text>| text.map(|text| text.0.into());
    let wish = match follows {
        None => Wish::Answer,
        Some(true) => {
            Wish::Follow(Box::new(Start { since: boxed(params.since), deliver: boxed(params.deliver) }))
        }
        Some(false) => Wish::Unfollow,
    };
    let conditions = Conditions {
        if_match: tags(params.if_match, Weak::MatchesNothing)?,
        if_none_match: tags(params.if_none_match, Weak::Counts)?,
    };
    let content_type = params.content_type.map(|text| text.0);
    Ok(Call {
        method,
        path: params.path.0,
        query: params.query.map(|text| text.0).unwrap_or_default(),
        body: match params.body {
            Some(body) => body_bytes(body, content_type.as_deref())?,
            None => Cow::Borrowed(b""),
        },
        content_type,
        conditions,
        idempotency_key: params.idempotency_key.map(|text| text.0.into()),
        wish,
        representation: Representation::Json,
        // It came on the connection of whoever asks.
    })
}

fn plain(method: &str) -> Result<Method, NoCall> {
    Ok(match method {
        "get" => Method::Get,
        "post" => Method::Post,
        "put" => Method::Put,
        "patch" => Method::Patch,
        "delete" => Method::Delete,
        _ => {
            let known = "the methods are get, post, put, patch, delete, subscribe and unsubscribe";
            return Err(no_call(METHOD_NOT_FOUND, known));
        }
    })
}

/// The bytes that HTTP would carry: JSON as it stands, and text without its quotes.
fn body_bytes<'a>(body: &'a RawValue, content_type: Option<&str>) -> Result<Cow<'a, [u8]>, NoCall> {
    let is_text =
        content_type.is_some_and(|name| name.trim_start().to_ascii_lowercase().starts_with("text/"));
    if !is_text {
        return Ok(Cow::Borrowed(body.get().as_bytes()));
    }
    let text: Result<String, _> = serde_json::from_str(body.get());
    text.map(|text| Cow::Owned(text.into_bytes()))
        .map_err(|_| no_call(INVALID_PARAMS, "a body of text is a JSON string"))
}

/// A weak tag counts for if_none_match only (RFC 9110 §13.1.1, §13.1.2).
fn tags(text: Option<TagText>, weak: Weak) -> Result<Option<Box<Tags>>, NoCall> {
    let texts = match text {
        None => return Ok(None),
        Some(TagText::One(text)) if text == "*" => return Ok(Some(Box::new(Tags::Any))),
        Some(TagText::One(text)) => vec![text],
        Some(TagText::Many(texts)) => texts,
    };
    if texts.iter().any(|text| text == "*") {
        return Err(no_call(INVALID_PARAMS, "* stands alone, not in a list"));
    }
    // A client that also reads over HTTP may have the tag of a compressed body.
    let opaque = texts.iter().map(|text| unquoted(text, weak));
    let positions =
        opaque.filter_map(|tag| tag.strip_suffix(GZIP_MARK).unwrap_or(tag).parse::<Position>().ok());
    Ok(Some(Box::new(Tags::List(positions.collect()))))
}

#[derive(Clone, Copy, PartialEq)]
enum Weak {
    Counts,
    MatchesNothing,
}

fn unquoted(tag: &str, weak: Weak) -> &str {
    let tag = if weak == Weak::Counts { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag)
}

fn nobody(code: i32, why: impl Into<Cow<'static, str>>) -> Item<'static> {
    Item { id: Id::Given("null".into()), call: Err(no_call(code, why)) }
}

/// What is said to the rest of a batch whose answers have become too long. It is not done.
pub fn batch_too_long(bytes_max: usize) -> NoCall {
    no_call(
        BATCH_TOO_LONG,
        format!("not done: the answers before it in this batch are longer than {bytes_max} bytes"),
    )
}

fn no_call(code: i32, why: impl Into<Cow<'static, str>>) -> NoCall {
    NoCall { code, why: why.into() }
}

/// Appends what is said to the call with this `id`. `phrase` names the answer's status.
pub fn write_answer(id: &str, answer: &Answer, phrase: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.as_bytes());
    if let Body::Refused(refusal) = &answer.body {
        write_error(answer.status.into(), phrase, Some(problem::of_refusal(refusal, phrase)), out);
    } else {
        out.extend_from_slice(b",\"result\":{\"status\":");
        push_number(answer.status.into(), out);
        if let Some(position) = answer.etag {
            out.extend_from_slice(b",\"etag\":\"");
            position.write(out);
            out.push(b'"');
        }
        if let Some(pieces) = answer.location() {
            out.extend_from_slice(b",\"location\":\"");
            pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
            out.push(b'"');
        }
        if let Body::Created { replayed: true, .. } = &answer.body {
            out.extend_from_slice(b",\"replayed\":true");
        }
        if let Some(paging) = &answer.paging {
            out.extend_from_slice(b",\"link\":");
            push_string(&paging.link, out);
            out.extend_from_slice(b",\"total\":");
            push_number(paging.total as i64, out);
        }
        write_body(&answer.body, out);
        out.push(b'}');
    }
    out.push(b'}');
}

fn write_body(body: &Body, out: &mut Vec<u8>) {
    let json: &[u8] = match body {
        Body::Nothing | Body::Refused(_) => return,
        Body::Record(record) | Body::Created { record, .. } => record.json().as_bytes(),
        Body::Json(json) => json,
        Body::File { text, .. } => {
            out.extend_from_slice(b",\"body\":");
            return push_string(text, out);
        }
        Body::Text(text) | Body::Html(text) | Body::Xml(text) => {
            out.extend_from_slice(b",\"body\":");
            return push_string(&String::from_utf8_lossy(text), out);
        }
        Body::Allow(methods) => {
            out.extend_from_slice(b",\"allow\":");
            return push_string(methods, out);
        }
    };
    out.extend_from_slice(b",\"body\":");
    out.extend_from_slice(json);
}

/// Appends what is said to a message that is no call.
pub fn write_no_call(id: &str, no_call: &NoCall, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.as_bytes());
    write_error(no_call.code.into(), &no_call.why, None, out);
    out.push(b'}');
}

fn write_error(code: i64, message: &str, data: Option<Value>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"error\":{\"code\":");
    push_number(code, out);
    out.extend_from_slice(b",\"message\":");
    push_string(message, out);
    if let Some(data) = data {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data.to_string().as_bytes());
    }
    out.push(b'}');
}

fn push_number(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn push_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a vector takes every byte");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;

    #[track_caller]
    fn one(text: &str) -> Item<'_> {
        match read(text, 10) {
            Message::One(item) => item,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check_code(text: &str, code: i32) {
        assert_eq!(one(text).call.unwrap_err().code, code, "{text}");
    }

    #[test]
    fn a_call_is_read_without_copying() {
        let item =
            one(r#" {"jsonrpc":"2.0","id":1,"method":"post","params":{"path":"/tasks","body":"Buy milk"}}"#);
        assert_eq!(item.id, Id::Given("1".into()));
        let call = item.call.unwrap();
        assert_eq!((call.method, &*call.path, &*call.body), (Method::Post, "/tasks", &br#""Buy milk""#[..]));
        assert!(matches!(call.path, Cow::Borrowed(_)) && matches!(call.body, Cow::Borrowed(_)));
    }

    #[test]
    fn an_id_that_is_null_is_no_notification() {
        let get = |id| format!(r#"{{"jsonrpc":"2.0"{id},"method":"get","params":{{"path":"/"}}}}"#);
        assert_eq!(one(&get("")).id, Id::Notification);
        assert_eq!(one(&get(r#","id":null"#)).id, Id::Given("null".into()));
        assert_eq!(one(&get(r#","id":"a\"b""#)).id, Id::Given(r#""a\"b""#.into()));
        check_code(&get(r#","id":[1]"#), INVALID_REQUEST);
        check_code(&get(r#","id":true"#), INVALID_REQUEST);
    }

    #[test]
    fn whatever_is_no_call_has_the_code_of_json_rpc() {
        check_code("", PARSE_ERROR);
        check_code("{", PARSE_ERROR);
        check_code("[1,", PARSE_ERROR);
        check_code("1", INVALID_REQUEST);
        check_code("[]", INVALID_REQUEST);
        check_code("{}", INVALID_REQUEST);
        check_code(r#"{"jsonrpc":"1.0","id":1,"method":"get"}"#, INVALID_REQUEST);
        check_code(r#"{"jsonrpc":"2.0","id":1,"method":1}"#, INVALID_REQUEST);
        check_code(r#"{"jsonrpc":"2.0","id":1,"method":"brew","params":{"path":"/"}}"#, METHOD_NOT_FOUND);
        check_code(r#"{"jsonrpc":"2.0","id":1,"method":"get"}"#, INVALID_PARAMS);
        check_code(r#"{"jsonrpc":"2.0","id":1,"method":"get","params":["/"]}"#, INVALID_PARAMS);
        check_code(r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":1}}"#, INVALID_PARAMS);
        check_code(
            r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/","bogus":1}}"#,
            INVALID_PARAMS,
        );
        check_code(&format!("[{}1]", "1,".repeat(10)), INVALID_REQUEST);
    }

    #[test]
    fn a_batch_keeps_its_order_and_its_errors() {
        let Message::Batch(items) = read(r#"[1,{"jsonrpc":"2.0","method":"get","params":{"path":"/"}}]"#, 10)
        else {
            panic!()
        };
        assert_eq!(items[0].call.as_ref().unwrap_err().code, INVALID_REQUEST);
        assert_eq!(items[1].id, Id::Notification);
    }

    #[test]
    fn conditions_take_positions_with_or_without_quotes() {
        let call = |tag: &str| {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"get","params":{{"path":"/","if_match":{tag}}}}}"#
            );
            one(&text).call.map(|call| call.conditions.if_match)
        };
        let position = Position { epoch: 1, seq: 2 };
        assert_eq!(call(r#""*""#), Ok(Some(Box::new(Tags::Any))));
        assert_eq!(call(r#""00000001-2""#), Ok(Some(Box::new(Tags::List(vec![position])))));
        assert_eq!(call(r#"["\"00000001-2\"","x"]"#), Ok(Some(Box::new(Tags::List(vec![position])))));
        assert_eq!(call("7").unwrap_err().code, INVALID_PARAMS);
    }

    #[test]
    fn an_answer_is_written_as_the_contract_shows_it() {
        let record = crate::model::record::Record::new("1", r#""text":"Buy milk""#.into(), 42);
        let answer = Answer {
            etag: Some(Position { epoch: 0x3f9c2a7b, seq: 42 }),
            ..Answer::new(
                201,
                Body::Created { record, collection: "tasks".into(), words: "", replayed: false },
            )
        };
        let mut out = Vec::new();
        write_answer("1", &answer, "Created", &mut out);
        let expected = r#"{"jsonrpc":"2.0","id":1,"result":{"status":201,"etag":"3f9c2a7b-42","location":"/tasks/1","body":{"id":"1","text":"Buy milk"}}}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);

        let mut out = Vec::new();
        write_answer("\"x\"", &ApiError::NoSuchItem.into(), "Not Found", &mut out);
        let expected = r#"{"jsonrpc":"2.0","id":"x","error":{"code":404,"message":"Not Found","data":{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no such item"}}}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
