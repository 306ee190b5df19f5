//! Pages of other origins: what they may read, what they may do, and what they are told.

use crate::peer::{Peer, Response, handshake};
use crate::server::{PROGRAM, Server};
use std::process::Command;

const APP: &str = "http://localhost:5173";
const EVIL: &str = "https://evil.example";
const EXPOSED: &str = "ETag, Location, Link, X-Total-Count, Preference-Applied, Idempotent-Replayed";

fn ask(peer: &mut Peer, method: &str, path: &str, origin: &str, fields: &str) -> Response {
    let origin = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
    peer.say(format!(
        "{method} {path} HTTP/1.1\r\nHost: a:80\r\n{origin}{fields}Content-Length: 2\r\n\r\n{{}}"
    ));
    peer.response()
}

#[test]
fn a_page_of_a_listed_origin_reads_and_writes() {
    let server = Server::start(&["--origin", APP, "--origin", "https://b.example,HTTPS://C.example:443"]);
    let mut peer = server.connect();
    for origin in [APP, "https://b.example", "https://c.example", "http://a", "https://a:80"] {
        for (method, path, status) in [
            ("POST", "/tasks", 201),
            ("GET", "/tasks", 200),
            ("GET", "/tasks/0", 404),
            ("PUT", "/tasks", 405),
        ] {
            let response = ask(&mut peer, method, path, origin, "");
            assert_eq!(response.status, status, "{method} {path} {origin}");
            assert_eq!(response.field("Access-Control-Allow-Origin"), Some(origin));
            assert_eq!(response.field("Access-Control-Expose-Headers"), Some(EXPOSED));
            assert_eq!(response.field("Vary"), Some("Accept, Origin"));
        }
        let tag = ask(&mut peer, "GET", "/tasks", origin, "").field("ETag").unwrap().to_owned();
        let unchanged = ask(&mut peer, "GET", "/tasks", origin, &format!("If-None-Match: {tag}\r\n"));
        assert_eq!((unchanged.status, unchanged.field("Access-Control-Allow-Origin")), (304, Some(origin)));
    }
    // Who else reads must not be given what a cache has kept for a page, nor a page what it has for others.
    for origin in ["", EVIL] {
        let response = ask(&mut peer, "GET", "/tasks", origin, "");
        assert_eq!((response.status, response.field("Vary")), (200, Some("Accept, Origin")));
        assert_eq!(response.field("Access-Control-Allow-Origin"), None);
    }
    let removed = ask(&mut peer, "DELETE", "/tasks/1", APP, "");
    assert_eq!((removed.status, removed.field("Vary")), (204, Some("Origin")));
}

#[test]
fn a_page_of_another_origin_changes_nothing() {
    for flags in [&[][..], &["--origin", APP]] {
        let server = Server::start(flags);
        let mut peer = server.connect();
        assert_eq!(ask(&mut peer, "PUT", "/tasks/1", "", "").status, 201);
        let before = server.get("/tasks");
        for origin in [EVIL, "null", "http://a:8080", "http://localhost:51730", "a"] {
            for (method, path) in [
                ("POST", "/tasks"),
                ("POST", "/nowhere"),
                ("PUT", "/tasks/1"),
                ("PATCH", "/tasks/1"),
                ("DELETE", "/tasks/1"),
            ] {
                // What a form can send, which a browser sends without asking first.
                for fields in ["", "Content-Type: text/plain\r\n", "Accept: text/html\r\n"] {
                    let response = ask(&mut peer, method, path, origin, fields);
                    assert_eq!(response.status, 403, "{method} {path} {origin}");
                    assert_eq!(response.field("Access-Control-Allow-Origin"), None);
                }
            }
            // A simple read is answered; the browser does not show it to the page.
            let response = ask(&mut peer, "GET", "/tasks", origin, "");
            assert_eq!((response.status, response.field("Access-Control-Allow-Origin")), (200, None));
        }
        assert_eq!(server.get("/tasks"), before);
    }
}

#[test]
fn whoever_names_no_origin_is_served_as_ever() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let response = ask(&mut peer, "POST", "/tasks", "", "");
    assert_eq!((response.status, response.field("Vary")), (201, Some("Accept")));
    assert_eq!(response.field("Access-Control-Allow-Origin"), None);
    // And so is the server's own page.
    let response = ask(&mut peer, "POST", "/tasks", "http://A", "");
    assert_eq!((response.status, response.field("Access-Control-Allow-Origin")), (201, Some("http://A")));
}

#[test]
fn a_preflight_is_told_what_the_path_takes() {
    let server = Server::start(&["--origin", APP]);
    let mut peer = server.connect();
    let asks = "Access-Control-Request-Method: PATCH\r\nAccess-Control-Request-Headers: if-match\r\n";
    for (path, methods) in
        [("/tasks", "GET, HEAD, POST, OPTIONS"), ("/tasks/7", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS")]
    {
        let response = ask(&mut peer, "OPTIONS", path, APP, asks);
        assert_eq!((response.status, response.field("Allow")), (204, Some(methods)));
        assert_eq!(response.field("Access-Control-Allow-Methods"), Some(methods));
        assert_eq!(response.field("Access-Control-Allow-Origin"), Some(APP));
        let headers = "Content-Type, If-Match, If-None-Match, Idempotency-Key, Prefer, Last-Event-ID, Accept";
        assert_eq!(response.field("Access-Control-Allow-Headers"), Some(headers));
        assert_eq!(response.field("Access-Control-Max-Age"), Some("600"));
        assert_eq!(response.field("Access-Control-Expose-Headers"), None);
        assert_eq!(response.field("Vary"), Some("Origin"));
        let refused = ask(&mut peer, "OPTIONS", path, EVIL, asks);
        assert_eq!((refused.status, refused.field("Allow")), (204, Some(methods)));
        assert!(refused.fields.iter().all(|(name, _)| !name.starts_with("Access-Control-")));
    }
    let plain = ask(&mut peer, "OPTIONS", "/tasks", APP, "");
    assert_eq!((plain.status, plain.field("Access-Control-Allow-Methods")), (204, None));
    assert_eq!(ask(&mut peer, "OPTIONS", "/nowhere", APP, asks).status, 404);
}

#[test]
fn any_origin_is_any_origin() {
    let server = Server::start(&["--origin", "*"]);
    let mut peer = server.connect();
    for origin in [EVIL, "null", "http://a"] {
        let response = ask(&mut peer, "POST", "/tasks", origin, "");
        assert_eq!((response.status, response.field("Access-Control-Allow-Origin")), (201, Some("*")));
    }
    assert_eq!(shake_hands(&server, "/rpc", "Origin: null\r\n"), 101);
}

fn shake_hands(server: &Server, path: &str, fields: &str) -> u16 {
    let mut peer = server.connect();
    peer.say(handshake(path).replace("Host: a\r\n", &format!("Host: a\r\n{fields}")));
    peer.response().status
}

#[test]
fn a_page_of_another_origin_gets_no_socket() {
    let server = Server::start(&["--origin", APP]);
    for path in ["/ws", "/echo", "/rpc"] {
        for (fields, status) in [
            ("", 101),
            ("Origin: http://a\r\n", 101),
            ("Origin: https://A\r\n", 101),
            ("Origin: http://localhost:5173\r\n", 101),
            ("Origin: https://evil.example\r\n", 403),
            ("Origin: http://a.evil.example\r\n", 403),
            ("Origin: http://localhost\r\n", 403),
            ("Origin: null\r\n", 403),
            ("Origin:\r\n", 403),
            ("Origin: http://a\r\nOrigin: http://a\r\n", 403),
        ] {
            assert_eq!(shake_hands(&server, path, fields), status, "{path} {fields}");
        }
    }
}

#[test]
fn an_origin_that_is_none_is_wrong_usage() {
    for (value, by_environment) in [("null", false), ("http://a/b", false), ("localhost:5173", true)] {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--memory", "--check"]);
        match by_environment {
            true => command.env("BOTHWAYS_ORIGIN", value),
            false => command.args(["--origin", value]),
        };
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("an origin is SCHEME://HOST"), "{said}");
    }
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "--listen", "127.0.0.1:0", "--memory", "--check"]);
    command.env("BOTHWAYS_ORIGIN", "http://localhost:5173,https://b.example");
    assert!(command.status().unwrap().success());
}
