//! A call as the JSON-RPC 2.0 text that asks it: the mirror of what
//! [`envelope`](crate::model::json_rpc) reads.

use std::str;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::client::call_request::CallRequest;
use crate::client::fields::{self, Field};
use crate::error::CommandError;
use crate::http::headers::members;

/// The text of the one message that asks.
///
/// Only four fields have a place in it: any other is wrong usage, and so is a second key.
/// A body that is not JSON, nor said to be `text/plain`, cannot travel.
pub fn encode(request: &CallRequest) -> Result<String, CommandError> {
    let taken = |name: &&str| TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(name));
    if let Some(name) = request.fields.iter().map(|field| field.name).find(|name| !taken(name)) {
        let [first, second, third, fourth] = TAKEN;
        let words = format!(
            "{name} is no part of a call over a socket, which takes {first}, {second}, {third} and {fourth}"
        );
        return Err(CommandError::Usage(words));
    }
    let is_key = |field: &&Field| field.is("Idempotency-Key") && !field.value.is_empty();
    if request.fields.iter().filter(is_key).count() > 1 {
        return Err(CommandError::Usage("a call has one Idempotency-Key".to_owned()));
    }
    let mut params = Params {
        path: &request.url.path,
        query: request.url.query.as_deref(),
        if_match: tags(&request.fields, "If-Match"),
        if_none_match: tags(&request.fields, "If-None-Match"),
        idempotency_key: request.fields.iter().find(is_key).map(|field| field.value),
        content_type: fields::find(&request.fields, "Content-Type").filter(|value| !value.is_empty()),
        body: None,
    };
    if let Some(body) = &request.body {
        encode_body(body, &request.method, &mut params)?;
    }
    let method = &*request.method.to_ascii_lowercase();
    serde_json::to_string(&Request { jsonrpc: "2.0", id: ID, method, params }).map_err(no_json)
}

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: u32,
    method: &'a str,
    params: Params<'a>,
}

#[derive(Default, Serialize)]
struct Params<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_match: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_none_match: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
}

/// The entity tags of all fields with that name (RFC 9110 §13.1.1, §13.1.2): `*`, one, or a list.
fn tags(fields: &[Field], name: &str) -> Option<Value> {
    let lines = fields.iter().filter(|field| field.is(name));
    let mut tags: Vec<&str> = lines
        .flat_map(|field| members(field.value.as_bytes()))
        // A field's value is text, and is cut at commas only.
        .filter_map(|member| str::from_utf8(member).ok())
        .filter(|member| !member.is_empty())
        .collect();
    match tags.len() {
        0 => None,
        1 => tags.pop().map(Value::from),
        _ => Some(tags.into()),
    }
}

/// JSON travels as it was written. Plain text travels as a JSON string, and is then JSON like other;
/// only for a PATCH, which takes no plain text, is the server still told that it was some.
fn encode_body<'a>(body: &'a [u8], method: &str, params: &mut Params<'a>) -> Result<(), CommandError> {
    let text = str::from_utf8(body).map_err(|_| {
        CommandError::Failed("the body is not UTF-8, and a call over a socket is text".to_owned())
    })?;
    if !params.content_type.is_some_and(is_plain_text) {
        params.body = Some(serde_json::from_str(text).map_err(|error| {
            CommandError::Failed(format!("the body is not JSON, and a call over a socket is: {error}"))
        })?);
        return Ok(());
    }
    if method != "PATCH" {
        params.content_type = None;
    }
    // As over HTTP, the end of the last line is not part of the text.
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    params.body = Some(to_raw_value(text).map_err(no_json)?);
    Ok(())
}

fn is_plain_text(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("text/plain"))
}

fn no_json(error: serde_json::Error) -> CommandError {
    CommandError::Failed(format!("the call cannot be written as JSON: {error}"))
}

/// One call, one id.
pub const ID: u32 = 1;

/// The fields of a request that have a place among the params of a call.
const TAKEN: [&str; 4] = ["If-Match", "If-None-Match", "Idempotency-Key", "Content-Type"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::call_request::OutputMode;
    use crate::model::json_rpc::{self, Message};
    use std::time::Duration;

    fn ask(method: &str, url: &str, body: Option<&str>, fields: &[&str]) -> Result<String, String> {
        let fields: Vec<String> = fields.iter().map(|text| text.to_string()).collect();
        let asked = CallRequest {
            method: method.to_owned(),
            url: url.parse().unwrap(),
            fields: fields::parse(&fields).unwrap(),
            body: body.map(|text| text.as_bytes().to_vec()),
            output: OutputMode::Body,
            timeout: Duration::from_secs(1),
        };
        encode(&asked).map_err(|failure| format!("{} {failure}", failure.exit_status()))
    }

    /// What is asked in those words is what the server reads as a call.
    #[track_caller]
    fn check(text: Result<String, String>, expected: &str) {
        let text = text.unwrap();
        assert_eq!(text, format!("{{\"jsonrpc\":\"2.0\",\"id\":1,{expected}}}"));
        let Message::One(item) = json_rpc::read(&text, 1) else { panic!("{text}") };
        assert!(item.call.is_ok(), "{item:?}");
    }

    #[test]
    fn a_url_becomes_path_and_query() {
        let text = ask("GET", "ws://a/tasks/%31?a=b", None, &[]);
        check(text, r#""method":"get","params":{"path":"/tasks/%31","query":"a=b"}"#);
    }

    #[test]
    fn a_body_travels_as_it_was_written() {
        let text = ask("PUT", "ws://a/t/1", Some(" {\"a\": 1.0}\n"), &["content-type: application/json"]);
        let body = r#""body":{"a": 1.0},"content_type":"application/json""#;
        check(text, &format!(r#""method":"put","params":{{"path":"/t/1",{body}}}"#));
    }

    #[test]
    fn conditions_are_one_tag_or_a_list() {
        let text = ask("DELETE", "ws://a/t/1", None, &["If-Match: *"]);
        check(text, r#""method":"delete","params":{"path":"/t/1","if_match":"*"}"#);
        let text = ask("GET", "ws://a/t", None, &["if-none-match: \"e-2\", \"e-3\"", "If-Match: \"e-1\""]);
        let tags = r#""if_match":"\"e-1\"","if_none_match":["\"e-2\"","\"e-3\""]"#;
        check(text, &format!(r#""method":"get","params":{{"path":"/t",{tags}}}"#));
    }

    #[test]
    fn a_key_travels_as_it_was_written() {
        let text = ask("POST", "ws://a/t", Some("{}"), &["idempotency-key: \"k 1\""]);
        check(text, r#""method":"post","params":{"path":"/t","body":{},"idempotency_key":"\"k 1\""}"#);
        let twice = ask("POST", "ws://a/t", Some("{}"), &["Idempotency-Key: a", "Idempotency-Key: a"]);
        assert_eq!(twice.unwrap_err(), "2 a call has one Idempotency-Key");
    }

    #[test]
    fn plain_text_travels_as_a_string() {
        let (body, fields) = (Some("say \"milk\"\n"), ["Content-Type: text/plain; charset=utf-8"]);
        let params = r#""params":{"path":"/tasks","body":"say \"milk\"""#;
        check(ask("POST", "ws://a/tasks", body, &fields), &format!(r#""method":"post",{params}}}"#));
        let content_type = r#""content_type":"text/plain; charset=utf-8""#;
        check(
            ask("PATCH", "ws://a/tasks", body, &fields),
            &format!(r#""method":"patch",{params},{content_type}}}"#),
        );
    }

    #[test]
    fn what_cannot_travel_is_told() {
        let why = ask("GET", "ws://a/", None, &["Accept: text/plain"]).unwrap_err();
        assert!(
            why.starts_with("2 Accept is no part of a call over a socket, which takes If-Match, "),
            "{why}"
        );
        let why = ask("PUT", "ws://a/", Some("milk"), &[]).unwrap_err();
        assert!(why.starts_with("1 the body is not JSON, "), "{why}");
    }
}
