//! JSON Patch (RFC 6902), by both roads.

use crate::calls::{Line, call, tell_over_a_socket, tell_over_http};
use crate::peer::Response;
use crate::server::Server;

const TYPE: &str = "application/json-patch+json";
const INVALID: &str = "Enter valid data.";
const NOT_NOW: &str = "the item is not in the state that the condition asks for";

const fn patch(path: &'static str, operations: &'static str) -> Line {
    call("PATCH", path).content_type(TYPE).body(operations)
}

const STORY: &[Line] = &[
    call("POST", "/tasks")
        .body(r#"{"text":"Tea","price":1.50,"tags":["a","b"],"by":{"name":"Ann"}}"#)
        .answered(201, r#"{"id":"1","text":"Tea","price":1.50,"tags":["a","b"],"by":{"name":"Ann"}}"#)
        .at("E-1")
        .location("/tasks/1"),
    // All in one, and what is not named stays as it was written.
    patch(
        "/tasks/1",
        r#"[{"op":"test","path":"/price","value":1.5},{"op":"add","path":"/tags/0","value":"z"},{"op":"remove","path":"/by/name"},{"op":"copy","from":"/tags","path":"/by/tags"},{"op":"move","from":"/text","path":"/name"},{"op":"replace","path":"/tags","value":[ 2.0 ]}]"#,
    )
    .answered(200, r#"{"id":"1","price":1.50,"tags":[2.0],"by":{"tags":["z","a","b"]},"name":"Tea"}"#)
    .at("E-2"),
    // All or nothing.
    patch("/tasks/1", r#"[{"op":"remove","path":"/tags"},{"op":"test","path":"/price","value":2}]"#)
        .refused(409, "operation 2: the test of /price failed"),
    patch("/tasks/1", r#"[{"op":"remove","path":"/tags"},{"op":"replace","path":"/tags","value":1}]"#)
        .refused(409, "operation 2: there is no /tags"),
    patch("/tasks/1", r#"[{"op":"add","path":"/a/b","value":1}]"#)
        .refused(409, "operation 1: there is no place for /a/b"),
    patch("/tasks/1", r#"[{"op":"move","from":"/nowhere","path":"/a"}]"#)
        .refused(409, "operation 1: there is no /nowhere"),
    // The id is no member like others.
    patch("/tasks/1", r#"[{"op":"replace","path":"/id","value":"2"}]"#).refused(400, INVALID),
    patch("/tasks/1", r#"[{"op":"remove","path":"/id"}]"#).refused(400, INVALID),
    patch("/tasks/1", r#"[{"op":"add","path":"","value":[]}]"#).refused(400, INVALID),
    // What is no patch.
    patch("/tasks/1", "{}").refused(400, INVALID),
    patch("/tasks/1", r#"[{"op":"brew","path":"/a"}]"#).refused(400, INVALID),
    patch("/tasks/1", r#"[{"op":"add","path":"a","value":1}]"#).refused(400, INVALID),
    patch("/tasks/9", "[]").refused(404, "there is no such item"),
    // Under conditions.
    patch("/tasks/1", r#"[{"op":"remove","path":"/nowhere"}]"#).if_match("E-1").refused(412, NOT_NOW),
    patch("/tasks/1", r#"[{"op":"add","path":"/price","value":3}]"#)
        .if_match("E-2")
        .answered(200, r#"{"id":"1","price":3,"tags":[2.0],"by":{"tags":["z","a","b"]},"name":"Tea"}"#)
        .at("E-3"),
    // The same bytes are a merge patch by another name, and no merge patch is an array.
    call("PATCH", "/tasks/1").body("[]").content_type("application/merge-patch+json").refused(400, INVALID),
    call("PATCH", "/tasks/1")
        .body("[]")
        .content_type("Application/JSON-Patch+json; charset=utf-8")
        .answered(200, r#"{"id":"1","price":3,"tags":[2.0],"by":{"tags":["z","a","b"]},"name":"Tea"}"#)
        .at("E-4"),
    call("PUT", "/tasks/1").body(r#"{"a":1}"#).answered(200, r#"{"id":"1","a":1}"#).at("E-5"),
    patch("/tasks/1", r#"[{"op":"replace","path":"","value":{"b":1,"id":"1"}}]"#)
        .answered(200, r#"{"id":"1","b":1}"#)
        .at("E-6"),
];

#[test]
fn a_json_patch_is_applied_over_http() {
    tell_over_http(STORY);
}

#[test]
fn a_json_patch_is_applied_over_a_socket() {
    tell_over_a_socket(STORY);
}

#[test]
fn an_item_does_not_grow_by_a_json_patch_past_the_limit() {
    let server = Server::start(&["--item-bytes-max", "100"]);
    let mut peer = server.connect();
    let mut ask = |line: &str, body: &str| -> Response {
        let length = body.len();
        peer.say(format!(
            "{line} HTTP/1.1\r\nHost: a\r\nContent-Type: {TYPE}\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        peer.response()
    };
    assert_eq!(ask("PUT /tasks/1", r#"{"a":"xxxxxxxxxxxxxxxxxxxx"}"#).status, 201);
    let copies = vec![r#"{"op":"copy","from":"","path":"/b"}"#; 100].join(",");
    let long = format!(r#"[{{"op":"add","path":"/b","value":"{}"}}]"#, "x".repeat(100));
    for patch in [format!("[{copies}]"), long] {
        let response = ask("PATCH /tasks/1", &patch);
        assert_eq!(response.status, 413, "{}", response.text());
    }
    let deep = format!(r#"[{{"op":"add","path":"/b","value":{}{}}}]"#, "[".repeat(101), "]".repeat(101));
    assert_eq!(ask("PATCH /tasks/1", &deep).status, 400);
    assert_eq!(ask("GET /tasks/1", "").text(), r#"{"id":"1","a":"xxxxxxxxxxxxxxxxxxxx"}"#);
}
