//! What RFC 9110 and RFC 9112 ask of a server, where no other test of this folder shows it. The
//! table in docs/reference/http.md says which sentence each test belongs to.

use crate::peer::{Peer, Response, handshake};
use crate::server::Server;
use std::time::Duration;

const PROBE: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

/// Asks, with these field lines and this body, and hears the answer. The connection stays.
#[track_caller]
fn ask(peer: &mut Peer, line: &str, fields: &str, body: &str) -> Response {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    peer.say(format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}{length}\r\n{body}"));
    match line.starts_with("HEAD ") {
        true => peer.response_to_head(),
        false => peer.response(),
    }
}

#[test]
fn a_later_minor_version_is_served() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for version in ["HTTP/1.2", "HTTP/1.9"] {
        peer.say(format!(
            "POST /tasks {version}\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        ));
        peer.hear("HTTP/1.1 201 Created\r\n*{*}");
    }
    peer.say("GET / HTTP/1.2\r\n\r\n");
    assert_eq!(peer.response().status, 400, "it needs a Host as 1.1 does");
    peer.hear_end();
    for version in ["HTTP/0.9", "HTTP/2", "HTTP/3.0"] {
        let mut peer = server.connect();
        peer.say(format!("GET / {version}\r\nHost: a\r\n\r\n"));
        assert_eq!(peer.response().status, 505, "{version}");
        peer.hear_end();
    }
}

#[test]
fn head_says_every_field_of_get() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    assert_eq!(ask(&mut peer, "POST /tasks", "", "\"x\"").status, 201);
    let long = format!("\"{}\"", "x".repeat(100_000));
    assert_eq!(ask(&mut peer, "POST /tasks", "", &long).status, 201);
    for accept in
        ["", "Accept: text/plain\r\n", "Accept: image/png\r\n", "If-None-Match: *\r\n", "If-Match: \"x\"\r\n"]
    {
        for path in ["/tasks", "/tasks/1", "/tasks/9", "/", "/healthz", "/nowhere", "/ws", "/%"] {
            let mut got = ask(&mut peer, &format!("GET {path}"), accept, "");
            let mut head = ask(&mut peer, &format!("HEAD {path}"), accept, "");
            assert_eq!(head.status, got.status, "{accept}{path}");
            for response in [&mut got, &mut head] {
                response.fields.retain(|(name, _)| name != "Date");
            }
            assert_eq!(head.fields, got.fields, "{accept}{path}");
        }
    }
}

#[test]
fn an_answer_to_head_has_no_body_whatever_is_wrong() {
    let server = Server::start(&["--body-bytes-max", "10", "--head-seconds", "0.3", "--body-seconds", "0.3"]);
    for request in [
        "HEAD / HTTP/1.1\r\n\r\n",
        "\r\nHEAD / HTTP/2.0\r\nHost: a\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxxx",
        // These are given up.
        "HEAD / HTTP/1.1\r\nHost:",
        "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx",
    ] {
        let mut peer = server.connect();
        peer.say(request);
        let response = peer.response_to_head();
        assert!(response.status >= 400 && response.field("Content-Length").is_some(), "{request:?}");
        peer.hear_end();
    }
    // Nor where the fault is found while an answer is still owed.
    let mut peer = server.connect();
    peer.say("POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}HEAD / HTTP/1.1\r\n\r\n");
    assert_eq!(peer.response().status, 201);
    assert_eq!(peer.response_to_head().status, 400);
    peer.hear_end();
}

#[test]
fn an_answer_without_content_says_no_length() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    assert_eq!(ask(&mut peer, "POST /tasks", "", "{}").status, 201);
    for (line, fields, status) in [
        ("OPTIONS /tasks", "", 204),
        ("OPTIONS *", "", 204),
        ("GET /tasks/1", "If-None-Match: *\r\n", 304),
        ("HEAD /tasks/1", "If-None-Match: *\r\n", 304),
        ("DELETE /tasks/1", "", 204),
    ] {
        let response = ask(&mut peer, line, fields, "");
        assert_eq!(response.status, status, "{line}");
        for name in ["Content-Length", "Transfer-Encoding", "Content-Type"] {
            assert_eq!(response.field(name), None, "{line}");
        }
    }
    assert_eq!(ask(&mut peer, "GET /healthz", "", "").text(), "alive\n");
}

#[test]
fn not_modified_says_what_an_answer_would() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    assert_eq!(ask(&mut peer, "POST /tasks", "", "\"x\"").status, 201);
    for accept in ["", "Accept: text/plain\r\n"] {
        for path in ["/tasks", "/tasks/1", "/", "/healthz"] {
            let line = format!("GET {path}");
            let got = ask(&mut peer, &line, accept, "");
            let same = ask(&mut peer, &line, &format!("{accept}If-None-Match: *\r\n"), "");
            assert_eq!(same.status, 304, "{accept}{path}");
            assert!(same.field("Date").is_some());
            for name in ["Cache-Control", "ETag", "Vary"] {
                assert_eq!(same.field(name), got.field(name), "{accept}{path}: {name}");
            }
        }
    }
}

#[test]
fn conditions_are_weighed_in_their_order() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let first = ask(&mut peer, "POST /tasks", "", "\"x\"");
    let now = first.field("ETag").unwrap().to_owned();
    let cases = [
        // If-Match, alone.
        ("GET", "If-Match: NOW", 200),
        ("GET", "If-Match: *", 200),
        ("GET", "If-Match: \"old\"", 412),
        ("GET", "If-Match: \"old\", NOW", 200),
        ("GET", "If-Match: \"old\"\r\nIf-Match: NOW", 200),
        ("GET", "If-Match: W/NOW", 412), // compared strongly
        ("HEAD", "If-Match: \"old\"", 412),
        // If-None-Match, alone.
        ("GET", "If-None-Match: NOW", 304),
        ("GET", "If-None-Match: W/NOW", 304), // compared weakly
        ("GET", "If-None-Match: *", 304),
        ("GET", "If-None-Match: \"old\" ,, NOW", 304),
        ("GET", "If-None-Match: \"old\"", 200),
        ("HEAD", "If-None-Match: NOW", 304),
        // Both: If-Match comes first.
        ("GET", "If-None-Match: NOW\r\nIf-Match: \"old\"", 412),
        ("GET", "If-None-Match: NOW\r\nIf-Match: NOW", 304),
        ("GET", "If-None-Match: \"old\"\r\nIf-Match: NOW", 200),
        // What a date says counts for nothing here: there is none to compare.
        ("GET", "If-Modified-Since: Sat, 01 Jan 2090 00:00:00 GMT", 200),
        ("GET", "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT", 200),
        ("GET", "If-None-Match: \"old\"\r\nIf-Modified-Since: Sat, 01 Jan 2090 00:00:00 GMT", 200),
        ("GET", "If-Range: \"old\"", 200),
        ("GET", "If-Match: unquoted", 400),
        ("GET", "If-None-Match: *, NOW", 400),
        // A write that is not done says 412, whichever condition it was.
        ("PUT", "If-None-Match: W/NOW", 412),
        ("PUT", "If-None-Match: *", 412),
        ("PUT", "If-Match: W/NOW", 412),
        ("DELETE", "If-None-Match: NOW", 412),
        ("PATCH", "If-Match: \"old\"", 412),
    ];
    for (method, conditions, status) in cases {
        let fields = format!("{}\r\n", conditions.replace("NOW", &now));
        let body = if matches!(method, "PUT" | "PATCH") { "{}" } else { "" };
        let response = ask(&mut peer, &format!("{method} /tasks/1"), &fields, body);
        assert_eq!(response.status, status, "{method} {conditions}");
    }
    assert_eq!(ask(&mut peer, "GET /tasks/1", "", "").field("ETag"), Some(&*now), "nothing was written");
    // What has no tag is there all the same.
    for path in ["/", "/healthz", "/readyz"] {
        let line = format!("GET {path}");
        for (conditions, status) in [
            ("If-Match: *\r\n", 200),
            ("If-Match: \"x\"\r\n", 412),
            ("If-None-Match: *\r\n", 304),
            ("If-None-Match: \"x\"\r\n", 200),
        ] {
            assert_eq!(ask(&mut peer, &line, conditions, "").status, status, "{path} {conditions}");
        }
    }
}

#[test]
fn conditions_count_only_where_there_would_be_an_answer() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for (line, fields, body, status) in [
        // No representation is selected.
        ("OPTIONS /tasks", "If-Match: \"x\"\r\n", "", 204),
        ("OPTIONS *", "If-None-Match: *\r\n", "", 204),
        ("OPTIONS /tasks", "If-Match: unquoted\r\n", "", 204),
        // Without them it would be refused already.
        ("GET /tasks/9", "If-Match: \"x\"\r\n", "", 404),
        ("PATCH /tasks/9", "If-Match: *\r\n", "{}", 404),
        ("DELETE /tasks/9", "If-Match: *\r\n", "", 404),
        ("DELETE /tasks", "If-Match: \"x\"\r\n", "", 405),
        ("GET /nowhere", "If-Match: \"x\"\r\n", "", 404),
        ("POST /tasks", "If-Match: \"x\"\r\nContent-Type: image/png\r\n", "{}", 415),
        ("GET /tasks", "If-None-Match: *\r\nAccept: image/png\r\n", "", 406),
        ("BREW /tasks", "If-Match: \"x\"\r\n", "", 501),
        // Without them it would be created.
        ("PUT /tasks/9", "If-Match: *\r\n", "{}", 412),
        ("PUT /tasks/9", "If-None-Match: *\r\n", "{}", 201),
    ] {
        assert_eq!(ask(&mut peer, line, fields, body).status, status, "{line} {fields}");
    }
}

#[test]
fn two_representations_never_share_a_tag() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    assert_eq!(ask(&mut peer, "POST /tasks", "", "\"x\"").status, 201);
    let text = "Accept: text/plain\r\n";
    for path in ["/tasks", "/tasks/1"] {
        let line = format!("GET {path}");
        let tags =
            ["", text].map(|accept| ask(&mut peer, &line, accept, "").field("ETag").unwrap().to_owned());
        assert_eq!(tags[1], tags[0].replace("-1\"", "-1.text\""));
        // Who holds the one has not the other, and who holds both has either.
        for (accept, tag, status) in
            [("", &tags[0], 304), ("", &tags[1], 200), (text, &tags[0], 200), (text, &tags[1], 304)]
        {
            assert_eq!(
                ask(&mut peer, &line, &format!("{accept}If-None-Match: {tag}\r\n"), "").status,
                status
            );
            let both = format!("{accept}If-None-Match: {}, {}\r\n", tags[0], tags[1]);
            let held = ask(&mut peer, &line, &both, "");
            assert_eq!(
                (held.status, held.field("ETag")),
                (304, Some(&*tags[usize::from(!accept.is_empty())]))
            );
        }
    }
    // To write it is enough to have seen the item, in whatever form.
    let seen = ask(&mut peer, "GET /tasks/1", text, "").field("ETag").unwrap().to_owned();
    assert_eq!(ask(&mut peer, "PUT /tasks/1", &format!("If-Match: {seen}\r\n"), "\"y\"").status, 200);
    assert_eq!(ask(&mut peer, "PUT /tasks/1", &format!("If-Match: {seen}\r\n"), "\"z\"").status, 412);
}

#[test]
fn a_coded_body_is_not_taken() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for (line, coding) in [
        ("POST /tasks", "gzip"),
        ("PUT /tasks/1", "br"),
        ("PATCH /tasks/1", "identity, deflate"),
        ("POST /tasks", "x-gzip\r\nContent-Encoding: identity"),
    ] {
        let response = ask(&mut peer, line, &format!("Content-Encoding: {coding}\r\n"), "{}");
        assert_eq!((response.status, response.field("Accept-Encoding")), (415, Some("identity")), "{coding}");
    }
    assert_eq!(ask(&mut peer, "GET /tasks", "Content-Encoding: gzip\r\n", "").text(), "[]");
    assert_eq!(ask(&mut peer, "POST /tasks", "Content-Encoding: Identity\r\n", "{}").status, 201);
}

#[test]
fn a_part_is_not_put() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let response = ask(&mut peer, "PUT /tasks/1", "Content-Range: bytes 0-1/9\r\n", "{}");
    assert_eq!(response.status, 400);
    assert_eq!(ask(&mut peer, "GET /tasks", "", "").text(), "[]");
}

#[test]
fn a_range_is_answered_with_the_whole() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for fields in ["Range: bytes=0-0\r\n", "Range: bytes=9-\r\n", "Range: cows=1\r\nIf-Range: \"x\"\r\n"] {
        for method in ["GET", "HEAD"] {
            let response = ask(&mut peer, &format!("{method} /tasks"), fields, "");
            assert_eq!((response.status, response.field("Content-Length")), (200, Some("2")), "{fields}");
            assert_eq!((response.field("Content-Range"), response.field("Accept-Ranges")), (None, None));
        }
    }
}

#[test]
fn fields_for_others_change_nothing() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for fields in [
        "TE: trailers, deflate;q=0.5\r\nConnection: TE\r\n",
        "TE: gzip\r\n",
        "Max-Forwards: 0\r\n",
        "Via: 1.1 a, 1.0 b\r\n",
        "Trailer: X\r\n",
        "Connection: Host, Accept, X-Own, keep-alive\r\nX-Own: 1\r\n",
        "Proxy-Connection: close\r\nKeep-Alive: timeout=5\r\n",
        "Accept-Encoding: identity;q=0, br\r\n",
        "Accept-Charset: latin1\r\nAccept-Language: tlh\r\n",
        "Upgrade: h2c, example/1\r\nConnection: Upgrade\r\n",
        "Authorization: Basic eDp5\r\nCookie: a=b\r\nFrom: x\r\nReferer: /\r\nUser-Agent: x\r\n",
        "X-Twice: 1\r\nX-Twice: 2\r\nx-twice:\r\n",
        "aCCEPT: text/plain\r\n",
        "Accept: image/png\r\nAccept: text/plain;q=0.1\r\n",
    ] {
        let response = ask(&mut peer, "GET /healthz", fields, "");
        assert_eq!((response.status, response.text()), (200, "alive\n".to_owned()), "{fields}");
    }
    assert_eq!(ask(&mut peer, "OPTIONS *", "Max-Forwards: 0\r\n", "").status, 204);
    assert_eq!(ask(&mut peer, "OPTIONS /tasks", "Max-Forwards: x\r\n", "").status, 204);
}

#[test]
fn a_method_is_known_or_it_is_not() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    // Known, and not for this resource.
    for (line, allow) in [
        ("DELETE /tasks", "GET, HEAD, POST, OPTIONS"),
        ("PATCH /", "GET, HEAD, OPTIONS"),
        ("POST /ws", "GET, HEAD, OPTIONS"),
        ("POST /tasks/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
    ] {
        let response = ask(&mut peer, line, "", "");
        assert_eq!((response.status, response.field("Allow")), (405, Some(allow)), "{line}");
    }
    for line in [
        "TRACE /tasks",
        "CONNECT a:80",
        "CONNECT a",
        "get /tasks",
        "Get /tasks",
        "GETS /tasks",
        "PROPFIND /",
        "!#$%&'*+-.^_`|~ /",
    ] {
        let response = ask(&mut peer, line, "", "");
        assert_eq!((response.status, response.field("Connection")), (501, None), "{line}");
    }
    let longest = "X".repeat(32);
    assert_eq!(ask(&mut peer, &format!("{longest} /"), "", "").status, 501);
    peer.say(format!("{longest}X / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(peer.response().status, 501);
    peer.hear_end();
}

#[test]
fn a_target_has_four_forms() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    assert_eq!(ask(&mut peer, "PUT /tasks/a", "", "{}").status, 201);
    for (line, status) in [
        ("GET /tasks/a", 200),
        ("GET /tasks/%61", 200),
        ("GET /%74asks/a?", 200),
        ("GET /tasks/a?x=1&x=2", 200),
        ("GET http://other:1/tasks/a", 200),
        ("GET HTTP://[::1]:80/tasks/a?", 200),
        ("GET http://other?/tasks", 200),
        // Slashes and dots are what they are; a slash that is encoded is none.
        ("GET /tasks%2Fa", 404),
        ("GET /tasks%2fa", 404),
        ("GET //tasks", 404),
        ("GET /tasks/", 404),
        ("GET /x/../tasks", 404),
        ("GET /./tasks", 404),
        ("GET /tasks/%2e%2e/tasks", 404),
        ("PUT /tasks/..", 400),
        ("GET /tasks/%", 400),
        ("GET /tasks/%6", 400),
        ("GET /tasks/%zz", 400),
        ("GET /tasks/%ff", 400),
        ("OPTIONS *", 204),
    ] {
        let body = if line.starts_with("PUT") { "{}" } else { "" };
        assert_eq!(ask(&mut peer, line, "", body).status, status, "{line}");
    }
    let server_wide = Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    assert_eq!(ask(&mut peer, "OPTIONS http://a:80", "", "").field("Allow"), server_wide);
    assert_eq!(ask(&mut peer, "OPTIONS http://a/", "", "").field("Allow"), Some("GET, HEAD, OPTIONS"));
    for target in [
        "a:80",
        "a",
        "*",
        "https://a/",
        "http:///x",
        "http://u:p@a/",
        "http://a:b/",
        "/#x",
        "/\u{e4}",
        "/\"",
        "tasks",
    ] {
        let mut peer = server.connect();
        peer.say(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(peer.response().status, 400, "{target}");
        peer.hear_end();
    }
}

#[test]
fn the_host_is_checked_whatever_the_target() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for host in ["", "a", "a:", "a:8080", "127.0.0.1", "[::1]:80", "a%20b", "A.ORG."] {
        peer.say(format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(peer.response().status, 200, "{host}");
    }
    for host in ["a b", "a/", "u@a", "a:x", "[::1", ":80", "a\\b", "http://a"] {
        for target in ["/healthz", "http://a/healthz"] {
            let mut peer = server.connect();
            peer.say(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            assert_eq!(peer.response().status, 400, "{target} {host}");
            peer.hear_end();
        }
    }
    let mut peer = server.connect();
    peer.say("GET http://a/ HTTP/1.1\r\n\r\n");
    assert_eq!(peer.response().status, 400);
    peer.hear_end();
}

#[test]
fn an_invitation_waits_for_the_answers_before_it() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let head = "POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n";
    peer.say(format!("{head}\r\n{{}}{head}Expect: 100-continue\r\n\r\n"));
    assert_eq!(peer.response().status, 201);
    peer.hear("HTTP/1.1 100 Continue\r\n\r\n");
    peer.say("{}");
    assert_eq!(peer.response().status, 201);
    assert_eq!(ask(&mut peer, "GET /healthz", "", "").status, 200);
    // An old client has no use for one, nor has who sends no body.
    peer.say(
        "POST /tasks HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    );
    assert!(peer.hears_nothing_for(Duration::from_millis(50)));
    peer.say("{}");
    assert_eq!(peer.response().status, 201);
    assert_eq!(ask(&mut peer, "GET /tasks/1", "Expect: 100-Continue\r\n", "").status, 200);
}

#[test]
fn an_old_client_hears_nothing_it_cannot_know() {
    let server = Server::start(&[]);
    // No 101, no chunks, and its length is always said.
    let mut peer = server.connect();
    peer.say(handshake("/echo").replace("HTTP/1.1", "HTTP/1.0"));
    let response = peer.response();
    assert_eq!((response.status, response.field("Connection")), (400, Some("close")));
    peer.hear_end();
    let mut peer = server.connect();
    peer.say("GET /tasks HTTP/1.0\r\n\r\n");
    let response = peer.response();
    assert_eq!((response.field("Transfer-Encoding"), response.text()), (None, "[]".to_owned()));
    peer.hear_end();
}

#[test]
fn upgrade_is_always_named_by_connection() {
    let server = Server::start(&[]);
    for more in ["", "Connection: close\r\n"] {
        let mut peer = server.connect();
        peer.say(handshake("/echo").replace("Version: 13\r\n", &format!("Version: 7\r\n{more}")));
        let response = peer.response();
        assert_eq!((response.status, response.field("Upgrade")), (426, Some("websocket")));
        let connection: Vec<&str> = response
            .fields
            .iter()
            .filter(|(name, _)| name == "Connection")
            .map(|(_, value)| &**value)
            .collect();
        assert_eq!(connection, if more.is_empty() { vec!["Upgrade"] } else { vec!["close", "Upgrade"] });
        if !more.is_empty() {
            peer.hear_end();
        }
    }
}

#[test]
fn safe_methods_change_nothing_and_others_may_be_repeated() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    assert_eq!(ask(&mut peer, "PUT /tasks/1", "", "\"x\"").status, 201);
    let before = ask(&mut peer, "GET /tasks", "", "");
    for line in ["GET /tasks?method=DELETE", "HEAD /tasks/1", "OPTIONS /tasks/1", "GET /tasks/1"] {
        ask(&mut peer, line, "X-HTTP-Method-Override: DELETE\r\n", "{\"text\":\"y\"}");
    }
    let after = ask(&mut peer, "GET /tasks", "", "");
    assert_eq!((after.field("ETag"), after.text()), (before.field("ETag"), before.text()));
    for _ in 0..2 {
        assert_eq!(ask(&mut peer, "PUT /tasks/1", "", "\"x\"").status, 200);
    }
    assert_eq!(ask(&mut peer, "GET /tasks", "", "").text(), before.text());
}

#[test]
fn an_answer_to_put_says_its_position() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let response = ask(&mut peer, "PUT /tasks/1", "", "{\"n\": 1}");
    assert_eq!(response.text(), r#"{"id":"1","n":1}"#);
    let tag = response.field("ETag").unwrap().to_owned();
    assert_eq!(ask(&mut peer, "GET /tasks/1", &format!("If-None-Match: {tag}\r\n"), "").status, 304);
}

#[test]
fn every_error_explains_itself() {
    let server = Server::start(&[]);
    for request in [
        "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT /tasks HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nAccept: image/png\r\n\r\n",
        "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: cow, chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n",
    ] {
        let mut peer = server.connect();
        peer.say(request);
        let response = peer.response();
        let problem = response.json();
        assert_eq!(problem["status"], response.status, "{request:?}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
        assert_eq!(response.field("Content-Type"), Some("application/problem+json"));
        assert!(response.field("Date").is_some());
    }
}

#[test]
fn what_comes_behind_a_refused_body_is_served() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for (line, fields, status) in [
        ("POST /nowhere", "", 404),
        ("PUT /tasks", "", 405),
        ("POST /tasks", "Content-Type: image/png\r\n", 415),
        ("POST /tasks", "Content-Encoding: gzip\r\n", 415),
        ("POST /tasks", "Accept: image/png\r\n", 406),
        ("POST /tasks", "If-Match: unquoted\r\n", 400),
        ("BREW /", "", 501),
    ] {
        let sized = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: 5\r\n\r\nGET /");
        let chunked = format!(
            "{line} HTTP/1.1\r\nHost: a\r\n{fields}Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n"
        );
        for request in [sized, chunked] {
            peer.say(request + PROBE);
            assert_eq!(peer.response().status, status, "{line} {fields}");
            assert_eq!(peer.response().text(), "alive\n", "{line} {fields}");
        }
    }
}

#[test]
fn a_body_cut_short_is_no_request() {
    let server = Server::start(&[]);
    for said in [
        "POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{}",
        "POST /tasks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        "POST /tasks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    ] {
        let mut peer = server.connect();
        peer.say(said);
        peer.end();
        peer.hear_end();
    }
    assert_eq!(server.get("/tasks"), "[]");
}
