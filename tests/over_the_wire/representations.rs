//! One answer in several forms, and refusals that say what would do.

use crate::server::Server;
use serde_json::json;

fn post(body: &str) -> String {
    format!("POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn text_is_said_to_who_asks_for_it() {
    let server = Server::start(&["--collection", "tasks,notes"]);
    let mut peer = server.connect();
    let mut ask = |method: &str, path: &str, fields: &str, body: &str| {
        let length = body.len();
        peer.say(format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        ));
        let response = peer.response();
        (response.status, response.text())
    };
    let said = |status, text: &str| (status, text.to_owned());
    assert_eq!(ask("POST", "/tasks", "", "\"Buy milk\""), said(201, "Task added successfully."));
    assert_eq!(ask("POST", "/notes", "", "\"x\""), said(201, "Added successfully."));
    assert_eq!(
        ask("POST", "/tasks", "Content-Type: text/plain\r\n", "Tea\r\n"),
        said(201, "Task added successfully.")
    );
    assert_eq!(ask("POST", "/tasks", "Content-Type: text/plain\r\n", " \n"), said(400, "Enter valid data."));
    assert_eq!(ask("POST", "/tasks", "", "null"), said(400, "Enter valid data."));
    assert_eq!(ask("GET", "/tasks", "", ""), said(200, "Buy milk\nTea\n"));
    assert_eq!(ask("GET", "/tasks/2", "", ""), said(200, "Tea"));
    peer.say("GET /tasks HTTP/1.1\r\nHost: a\r\nAccept: image/png\r\n\r\n");
    assert_eq!(peer.response().status, 406);
}

#[test]
fn malformed_json_is_told_where() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.say(post("{\"a\":1,\n  b}"));
    let response = peer.response();
    assert_eq!((response.status, response.field("Content-Type")), (400, Some("application/problem+json")));
    let problem = response.json();
    assert_eq!(problem["detail"], "Enter valid data.");
    assert_eq!((&problem["line"], &problem["column"]), (&json!(2), &json!(3)));
    for bad in ["{", "{}x", "{\"a\":01}", "nul", "\"\\ud800\"", "\u{feff}{}", "{\"a\":\"\u{1}\"}"] {
        peer.say(post(bad));
        assert_eq!(peer.response().status, 400, "{bad}");
    }
    peer.say("GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.response().text(), "[]");
}

#[test]
fn a_refusal_says_what_would_do() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let mut field = |request: &str, status: u16, name: &str| {
        peer.say(format!("{request}Host: a\r\n\r\n"));
        let response = peer.response();
        assert_eq!(response.status, status);
        response.field(name).map(str::to_owned)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(field("DELETE /tasks HTTP/1.1\r\n", 405, "Allow"), some("GET, HEAD, POST, OPTIONS"));
    assert_eq!(
        field("POST /tasks HTTP/1.1\r\nContent-Type: image/png\r\n", 415, "Accept"),
        some("application/json, text/plain")
    );
    assert_eq!(
        field("PATCH /tasks/1 HTTP/1.1\r\nContent-Type: text/plain\r\n", 415, "Accept-Patch"),
        some("application/merge-patch+json, application/json")
    );
    assert_eq!(field("BREW /tasks HTTP/1.1\r\n", 501, "Connection"), None);
    assert_eq!(field("get /tasks HTTP/1.1\r\n", 501, "Connection"), None);
    assert_eq!(
        field("OPTIONS /tasks/1 HTTP/1.1\r\n", 204, "Allow"),
        some("GET, HEAD, PUT, PATCH, DELETE, OPTIONS")
    );
    assert_eq!(
        field("OPTIONS * HTTP/1.1\r\n", 204, "Allow"),
        some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
    );
    assert_eq!(field("GET /tasks HTTP/1.1\r\nIf-Match: unquoted\r\n", 400, "ETag"), None);
}
