//! Tables of calls and answers, run by three roads. A call means the same whichever it takes.

use crate::peer::{Peer, Response};
use crate::server::Server;
use serde_json::{Value, json};

/// One line of the story: a call, and what must be said to it. `E` stands for the epoch.
#[derive(Clone, Copy)]
pub struct Line {
    method: &'static str,
    /// With the query, where there is one.
    path: &'static str,
    /// As it is sent over HTTP; over a socket it is the `body` as it stands.
    body: Option<&'static str>,
    content_type: Option<&'static str>,
    if_match: Option<&'static str>,
    if_none_match: Option<&'static str>,
    status: u16,
    etag: Option<&'static str>,
    key: Option<&'static str>,
    location: Option<&'static str>,
    replayed: bool,
    link: Option<&'static str>,
    total: Option<u64>,
    answer: Said,
}

#[derive(Clone, Copy)]
enum Said {
    Nothing,
    Json(&'static str),
    /// The detail of a problem.
    Problem(&'static str),
}

pub const fn call(method: &'static str, path: &'static str) -> Line {
    Line {
        method,
        path,
        body: None,
        content_type: None,
        if_match: None,
        if_none_match: None,
        key: None,
        status: 0,
        etag: None,
        location: None,
        replayed: false,
        link: None,
        total: None,
        answer: Said::Nothing,
    }
}

impl Line {
    pub const fn body(self, body: &'static str) -> Line {
        Line { body: Some(body), ..self }
    }

    pub const fn content_type(self, name: &'static str) -> Line {
        Line { content_type: Some(name), ..self }
    }

    pub const fn if_match(self, tags: &'static str) -> Line {
        Line { if_match: Some(tags), ..self }
    }

    pub const fn if_none_match(self, tags: &'static str) -> Line {
        Line { if_none_match: Some(tags), ..self }
    }

    /// With this Idempotency-Key.
    pub const fn keyed(self, key: &'static str) -> Line {
        Line { key: Some(key), ..self }
    }

    /// The answer is that to an earlier call.
    pub const fn replayed(self) -> Line {
        Line { replayed: true, ..self }
    }

    pub const fn answered(self, status: u16, json: &'static str) -> Line {
        Line { status, answer: Said::Json(json), ..self }
    }

    pub const fn done(self, status: u16) -> Line {
        Line { status, ..self }
    }

    pub const fn refused(self, status: u16, detail: &'static str) -> Line {
        Line { status, answer: Said::Problem(detail), ..self }
    }

    pub const fn at(self, etag: &'static str) -> Line {
        Line { etag: Some(etag), ..self }
    }

    pub const fn location(self, path: &'static str) -> Line {
        Line { location: Some(path), ..self }
    }

    /// One page of so many items, with its links.
    pub const fn page(self, total: u64, link: &'static str) -> Line {
        Line { total: Some(total), link: Some(link), ..self }
    }
}

const INVALID: &str = "Enter valid data.";
const NOT_NOW: &str = "the item is not in the state that the condition asks for";

const STORY: &[Line] = &[
    // Create and list.
    call("GET", "/tasks").answered(200, "[]").at("E-0"),
    call("POST", "/tasks").body(r#""Buy milk""#).answered(201, MILK).at("E-1").location("/tasks/1"),
    call("POST", "/tasks")
        .body(r#"{ "text": "Tea", "n": 1.50 }"#)
        .answered(201, r#"{"id":"2","text":"Tea","n":1.50}"#)
        .at("E-2")
        .location("/tasks/2"),
    call("POST", "/tasks")
        .body(r#"{"n":1,"id":"own.1"}"#)
        .answered(201, r#"{"id":"own.1","n":1}"#)
        .at("E-3")
        .location("/tasks/own.1"),
    call("POST", "/tasks").body(r#"{"id":"2"}"#).refused(409, "there is an item with the id 2 already"),
    // A collection is there: whoever wants to add to it only if it is not is refused, and no number is spent.
    call("POST", "/tasks").body("{}").if_none_match("*").refused(412, NOT_NOW),
    call("POST", "/tasks").body("{}").answered(201, r#"{"id":"3"}"#).at("E-4").location("/tasks/3"),
    call("GET", "/tasks")
        .answered(200, r#"[{"id":"1","text":"Buy milk"},{"id":"2","text":"Tea","n":1.50},{"id":"own.1","n":1},{"id":"3"}]"#)
        .at("E-4"),
    // Read, whatever the spelling of the path.
    call("GET", "/tasks/1").answered(200, MILK).at("E-1"),
    call("GET", "/%74asks/%31").answered(200, MILK).at("E-1"),
    call("GET", "/tasks/own.1").answered(200, r#"{"id":"own.1","n":1}"#).at("E-3"),
    call("GET", "/tasks/9").refused(404, "there is no such item"),
    call("GET", "/nowhere").refused(404, "there is no such resource"),
    call("GET", "/tasks/1/2").refused(404, "there is no such resource"),
    call("GET", "/tasks/").refused(404, "there is no such resource"),
    call("POST", "/nowhere").body("{}").refused(404, "there is no such resource"),
    call("GET", "/tasks/%ff").refused(400, "the path is not percent-encoded UTF-8"),
    call("GET", "/tasks/%4").refused(400, "the path is not percent-encoded UTF-8"),
    // Nothing that is no item is stored.
    call("POST", "/tasks").refused(400, INVALID),
    call("POST", "/tasks").body("null").refused(400, INVALID),
    call("POST", "/tasks").body("7").refused(400, INVALID),
    call("POST", "/tasks").body("[{}]").refused(400, INVALID),
    call("POST", "/tasks").body(r#""""#).refused(400, INVALID),
    call("POST", "/tasks").body(r#"" \n ""#).refused(400, INVALID),
    call("POST", "/tasks").body(r#"{"a":"\ud800"}"#).refused(400, INVALID),
    call("POST", "/tasks").body(r#"{"id":"a/b"}"#).refused(400, INVALID),
    call("POST", "/tasks").body(r#"{"id":7}"#).refused(400, INVALID),
    call("PUT", "/tasks/a%20b").body("{}").refused(400, INVALID),
    call("PUT", "/tasks/1").body(r#"{"id":"2"}"#).refused(400, INVALID),
    call("PUT", "/tasks/1").body("null").refused(400, INVALID),
    call("GET", "/tasks").if_none_match("E-4").done(304).at("E-4"),
    // Replace.
    call("PUT", "/tasks/1").body(r#"{"id":"1","text":"Oat"}"#).answered(200, OAT).at("E-5"),
    call("PUT", "/tasks/new").body(r#""Bread""#).answered(201, BREAD).at("E-6").location("/tasks/new"),
    call("PUT", "/tasks/1").body("{}").if_match("E-1").refused(412, NOT_NOW),
    call("PUT", "/tasks/1").body(r#"{"text":"Oat"}"#).if_match("E-5").answered(200, OAT).at("E-7"),
    call("PUT", "/tasks/nine").body("{}").if_match("*").refused(412, NOT_NOW),
    call("PUT", "/tasks/1").body("{}").if_none_match("*").refused(412, NOT_NOW),
    call("PUT", "/tasks/four")
        .body("{}")
        .if_none_match("*")
        .answered(201, r#"{"id":"four"}"#)
        .at("E-8")
        .location("/tasks/four"),
    // Change some members.
    call("PATCH", "/tasks/2")
        .body(r#"{"n":null,"m":{"a":1,"b":null}}"#)
        .content_type("application/merge-patch+json")
        .answered(200, r#"{"id":"2","text":"Tea","m":{"a":1}}"#)
        .at("E-9"),
    call("PATCH", "/tasks/2")
        .body(r#"{"m":null}"#)
        .if_match("E-9")
        .answered(200, r#"{"id":"2","text":"Tea"}"#)
        .at("E-10"),
    call("PATCH", "/tasks/2").body(r#"{"m":1}"#).if_match("E-9").refused(412, NOT_NOW),
    call("PATCH", "/tasks/2").body(r#"{"id":"5"}"#).refused(400, INVALID),
    call("PATCH", "/tasks/2").body("[]").refused(400, INVALID),
    call("PATCH", "/tasks/9").body("{}").refused(404, "there is no such item"),
    call("PATCH", "/tasks/2")
        .body(r#""x""#)
        .content_type("text/plain")
        .refused(415, "this method takes application/merge-patch+json, application/json-patch+json, application/json"),
    call("POST", "/tasks")
        .body(r#""x""#)
        .content_type("image/png")
        .refused(415, "this method takes application/json, text/plain"),
    // Look only when it has changed.
    call("GET", "/tasks/2").if_none_match("E-10").done(304).at("E-10"),
    call("GET", "/tasks/2").if_none_match("*").done(304).at("E-10"),
    // To look, a weak tag does as well; to change, it does not.
    call("GET", "/tasks/2").if_none_match("W/E-10").done(304).at("E-10"),
    call("GET", "/tasks").if_none_match("W/E-10").done(304).at("E-10"),
    call("PATCH", "/tasks/2").body(r#"{"m":1}"#).if_match("W/E-10").refused(412, NOT_NOW),
    call("GET", "/tasks/2").if_none_match("E-9").answered(200, r#"{"id":"2","text":"Tea"}"#).at("E-10"),
    call("GET", "/tasks/2").if_match("E-9").refused(412, NOT_NOW),
    call("GET", "/tasks/2").if_match("E-10").answered(200, r#"{"id":"2","text":"Tea"}"#).at("E-10"),
    call("GET", "/tasks/9").if_none_match("*").refused(404, "there is no such item"),
    // Remove.
    call("DELETE", "/tasks/2").if_match("E-9").refused(412, NOT_NOW),
    call("DELETE", "/tasks/2").if_match("E-10").done(204),
    call("DELETE", "/tasks/2").refused(404, "there is no such item"),
    call("DELETE", "/tasks/2").if_match("*").refused(404, "there is no such item"),
    call("GET", "/tasks/2").refused(404, "there is no such item"),
    // A number once given is not given again.
    call("DELETE", "/tasks/3").done(204),
    call("POST", "/tasks").body("{}").answered(201, r#"{"id":"4"}"#).at("E-13").location("/tasks/4"),
    // What a resource does not take.
    call("DELETE", "/tasks").refused(405, "this resource takes GET, HEAD, POST, OPTIONS"),
    call("POST", "/tasks/1").body("{}").refused(405, "this resource takes GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
    call("POST", "/").body("{}").refused(405, "this resource takes GET, HEAD, OPTIONS"),
    call("GET", "/echo").refused(400, "this address speaks WebSocket only: send a handshake"),
    call("GET", "/tasks")
        .answered(200, r#"[{"id":"1","text":"Oat"},{"id":"own.1","n":1},{"id":"new","text":"Bread"},{"id":"four"},{"id":"4"}]"#)
        .at("E-13"),
];

/// So many that an item with the id 1 is 100 bytes long.
macro_rules! eighty {
    () => {
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    };
}

/// For a server that takes items of 100 bytes, and bodies of 200.
const CLOSE_QUARTERS: &[Line] = &[
    call("POST", "/tasks")
        .body(concat!("\"", eighty!(), "\""))
        .answered(201, FULL)
        .at("E-1")
        .location("/tasks/1"),
    // No item becomes longer, whichever way it would.
    call("POST", "/tasks").body(concat!("\"x", eighty!(), "\"")).refused(413, ITEM_TOO_LONG),
    call("PUT", "/tasks/1").body(concat!("\"x", eighty!(), "\"")).refused(413, ITEM_TOO_LONG),
    call("PUT", "/tasks/new").body(concat!("\"", eighty!(), "\"")).refused(413, ITEM_TOO_LONG),
    call("PATCH", "/tasks/1").body(r#"{"n":1}"#).refused(413, ITEM_TOO_LONG),
    // Nor is a longer body read.
    call("POST", "/tasks")
        .body(concat!("\"", eighty!(), eighty!(), eighty!(), "\""))
        .refused(413, BODY_TOO_LONG),
    call("PATCH", "/tasks/1")
        .body(concat!("{\"text\":null,\"n\":[null,\"", eighty!(), eighty!(), eighty!(), "\"]}"))
        .refused(413, BODY_TOO_LONG),
    // And nothing has changed.
    call("GET", "/tasks/new").refused(404, "there is no such item"),
    call("GET", "/tasks/1").answered(200, FULL).at("E-1"),
    call("GET", "/tasks").answered(200, concat!(r#"[{"id":"1","text":""#, eighty!(), "\"}]")).at("E-1"),
    call("POST", "/tasks").body("{}").answered(201, r#"{"id":"2"}"#).at("E-2").location("/tasks/2"),
    call("PATCH", "/tasks/1").body(r#"{"text":null,"n":1}"#).answered(200, r#"{"id":"1","n":1}"#).at("E-3"),
];

const FULL: &str = concat!(r#"{"id":"1","text":""#, eighty!(), "\"}");
const ITEM_TOO_LONG: &str = "the item would be longer than 100 bytes";
const BODY_TOO_LONG: &str = "request body is longer than 200 bytes";

const MILK: &str = r#"{"id":"1","text":"Buy milk"}"#;
const OAT: &str = r#"{"id":"1","text":"Oat"}"#;
const BREAD: &str = r#"{"id":"new","text":"Bread"}"#;

/// What was said to a call, apart from the road.
#[derive(Debug, PartialEq)]
struct Heard {
    status: u16,
    etag: Option<String>,
    location: Option<String>,
    replayed: bool,
    link: Option<String>,
    total: Option<u64>,
    body: Value,
}

#[test]
fn the_story_is_told_with_a_connection_for_each_call() {
    let server = Server::start(&[]);
    tell(&server, STORY, |line| {
        let mut peer = server.connect();
        peer.say(line.as_request("Connection: close\r\n"));
        let heard = heard_over_http(peer.response());
        peer.hear_end();
        heard
    });
}

#[test]
fn the_story_is_told_on_one_kept_connection() {
    tell_over_http(STORY);
}

#[test]
fn the_story_is_told_over_a_socket() {
    tell_over_a_socket(STORY);
}

#[track_caller]
pub fn tell_over_http(story: &[Line]) {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    tell(&server, story, |line| {
        peer.say(line.as_request(""));
        heard_over_http(peer.response())
    });
}

#[track_caller]
pub fn tell_over_a_socket(story: &[Line]) {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.shake_hands("/rpc");
    tell(&server, story, |line| heard_over_socket(&mut peer, line));
}

#[test]
fn what_is_too_long_is_so_on_every_road_and_changes_nothing() {
    let limits = ["--item-bytes-max", "100", "--body-bytes-max", "200"];
    let server = Server::start(&limits);
    tell(&server, CLOSE_QUARTERS, |line| {
        let mut peer = server.connect();
        peer.say(line.as_request("Connection: close\r\n"));
        let heard = heard_over_http(peer.response());
        peer.hear_end();
        heard
    });
    let server = Server::start(&limits);
    let mut peer = server.connect();
    peer.shake_hands("/rpc");
    tell(&server, CLOSE_QUARTERS, |line| heard_over_socket(&mut peer, line));
}

#[track_caller]
fn tell(server: &Server, story: &[Line], mut ask: impl FnMut(&Told) -> Heard) {
    let epoch = epoch(server);
    for (n, &line) in story.iter().enumerate() {
        let told = Told { line, epoch: epoch.clone() };
        let mut heard = ask(&told);
        let with_epoch = |text: &str| text.replacen("E-", &format!("{epoch}-"), 1);
        let body = match line.answer {
            Said::Nothing => Value::Null,
            Said::Json(text) => serde_json::from_str(text).unwrap(),
            Said::Problem(detail) => {
                // The reason is for people, and is held nowhere.
                heard.body.as_object_mut().map(|problem| problem.remove("reason"));
                json!({"type": "about:blank", "title": title(line.status), "status": line.status, "detail": detail})
            }
        };
        let place = ["line", "column"].map(|name| heard.body.as_object_mut().and_then(|b| b.remove(name)));
        assert_eq!(place[0].is_some(), line.body == Some(r#"{"a":"\ud800"}"#), "line {n}: {heard:?}");
        let expected = Heard {
            status: line.status,
            etag: line.etag.map(with_epoch),
            location: line.location.map(str::to_owned),
            replayed: line.replayed,
            link: line.link.map(str::to_owned),
            total: line.total,
            body,
        };
        assert_eq!(heard, expected, "line {n}: {} {}", line.method, line.path);
        // Equal values may still have their members in another order.
        assert_eq!(heard.body.to_string(), expected.body.to_string(), "line {n}");
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        other => panic!("{other} is not in the story"),
    }
}

fn epoch(server: &Server) -> String {
    let mut peer = server.connect();
    peer.say("HEAD /tasks HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = peer.response_to_head();
    let etag = response.field("ETag").unwrap().trim_matches('"');
    let (epoch, seq) = etag.split_once('-').unwrap();
    assert!(epoch.len() == 8 && seq == "0", "{etag}");
    epoch.to_owned()
}

/// A line with the epoch of the server it is told to.
struct Told {
    line: Line,
    epoch: String,
}

impl Told {
    fn tags(&self, tags: &str) -> String {
        match tags {
            "*" => "*".to_owned(),
            position => {
                let (weak, position) = position.split_at(position.find("E-").unwrap());
                format!("{weak}\"{}\"", position.replacen("E-", &format!("{}-", self.epoch), 1))
            }
        }
    }

    fn as_request(&self, more: &str) -> String {
        let Line { method, path, body, content_type, if_match, if_none_match, key, .. } = self.line;
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{more}");
        let mut field = |name: &str, value: String| request.push_str(&format!("{name}: {value}\r\n"));
        if let Some(name) = content_type {
            field("Content-Type", name.to_owned());
        }
        if let Some(tags) = if_match {
            field("If-Match", self.tags(tags));
        }
        if let Some(tags) = if_none_match {
            field("If-None-Match", self.tags(tags));
        }
        if let Some(key) = key {
            field("Idempotency-Key", key.to_owned());
        }
        if let Some(body) = body {
            field("Content-Length", body.len().to_string());
        }
        request + "\r\n" + body.unwrap_or_default()
    }

    fn as_message(&self) -> String {
        let Line { method, path, body, content_type, if_match, if_none_match, key, .. } = self.line;
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut params = json!({"path": path});
        let mut param = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                params[name] = value.into();
            }
        };
        param("query", query.map(str::to_owned));
        param("content_type", content_type.map(str::to_owned));
        param("if_match", if_match.map(|tags| self.tags(tags)));
        param("if_none_match", if_none_match.map(|tags| self.tags(tags)));
        param("idempotency_key", key.map(str::to_owned));
        let method = method.to_lowercase();
        let mut params = params.to_string();
        if let Some(body) = body {
            // As it is written: to make a value of it would already be to read it.
            params.pop();
            params = format!("{params},\"body\":{body}}}");
        }
        format!(r#"{{"jsonrpc":"2.0","id":"the id","method":"{method}","params":{params}}}"#)
    }
}

fn heard_over_http(response: Response) -> Heard {
    let etag = response.field("ETag").map(|tag| tag.trim_matches('"').to_owned());
    let field = |name: &str| response.field(name).map(str::to_owned);
    let (location, link) = (field("Location"), field("Link"));
    let total = field("X-Total-Count").map(|total| total.parse().unwrap());
    let body = if response.body.is_empty() { Value::Null } else { response.json() };
    let replayed = field("Idempotent-Replayed");
    assert!(replayed.as_deref().is_none_or(|value| value == "true"));
    let replayed = replayed.is_some();
    Heard { status: response.status, etag, location, replayed, link, total, body }
}

fn heard_over_socket(peer: &mut Peer, told: &Told) -> Heard {
    let answer = peer.call(told.as_message());
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!("the id")));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(error) = answer.get("error") {
        assert_eq!(error["message"], error["data"]["title"]);
        let status = error["code"].as_u64().unwrap() as u16;
        let body = error["data"].clone();
        return Heard { status, etag: None, location: None, replayed: false, link: None, total: None, body };
    }
    let result = &answer["result"];
    Heard {
        status: result["status"].as_u64().unwrap() as u16,
        etag: text(&result["etag"]),
        location: text(&result["location"]),
        replayed: result["replayed"] == true,
        link: text(&result["link"]),
        total: result["total"].as_u64(),
        body: result["body"].clone(),
    }
}
