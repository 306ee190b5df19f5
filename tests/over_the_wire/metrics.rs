//! What is counted, held against what was done; and what the server says of itself.

use crate::peer::{Peer, TEXT, handshake};
use crate::server::Server;
use std::collections::BTreeMap;
use std::io::Read;

type Numbers = BTreeMap<String, i64>;

/// Asks on a connection of its own, which is kept: so asking again is one request and one answer.
fn ask(asker: &mut Peer) -> Numbers {
    asker.say("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = asker.response();
    assert_eq!(response.field("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = response.text();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.trim_start_matches("bothways_").to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

/// What has become more or less since, but for bytes and system calls.
fn since(before: &Numbers, after: &Numbers) -> Vec<(String, i64)> {
    let more = after.iter().map(|(name, value)| (name.clone(), value - before[name]));
    more.filter(|(name, more)| *more != 0 && !name.contains("_bytes_") && !name.contains("system_calls"))
        .collect()
}

#[track_caller]
fn check(before: &Numbers, after: &Numbers, expected: &[(&str, i64)]) {
    let expected: Vec<_> = expected.iter().map(|(name, more)| ((*name).to_owned(), *more)).collect();
    assert_eq!(since(before, after), expected);
}

fn put(peer: &mut Peer, id: &str, text: &str) -> u16 {
    let length = text.len() + 2;
    peer.say(format!("PUT /tasks/{id} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n\"{text}\""));
    peer.response().status
}

#[test]
fn what_is_done_is_counted() {
    let server = Server::start(&["--loops", "1"]);
    let mut asker = server.connect();
    let before = ask(&mut asker);
    assert_eq!((before["connections_open"], before["requests_total"]), (1, 1));

    let mut peer = server.connect();
    assert_eq!(put(&mut peer, "1", "x"), 201);
    peer.say("GET /tasks/9 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.response().status, 404);
    peer.say("GET /tasks HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n");
    assert_eq!(peer.response().status, 304);
    peer.say("BREW /tasks HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.response().status, 501);
    let after = ask(&mut asker);
    check(
        &before,
        &after,
        &[
            ("answers_total{class=\"2xx\"}", 2),
            ("answers_total{class=\"3xx\"}", 1),
            ("answers_total{class=\"4xx\"}", 1),
            ("answers_total{class=\"5xx\"}", 1),
            ("changes_total", 1),
            ("connections_accepted_total", 1),
            ("connections_open", 1),
            ("requests_total", 5),
        ],
    );
    assert!(after["read_bytes_total"] > before["read_bytes_total"]);
    assert!(after["written_bytes_total"] > before["written_bytes_total"]);
}

#[test]
fn listeners_and_what_they_are_told_are_counted() {
    let server = Server::start(&["--loops", "1"]);
    let (mut asker, mut writer) = (server.connect(), server.connect());
    assert_eq!(put(&mut writer, "1", "x"), 201);
    writer.say("HEAD /tasks HTTP/1.1\r\nHost: a\r\n\r\n");
    let tag = writer.response_to_head().field("ETag").unwrap().to_owned();
    let before = ask(&mut asker);

    let mut socket = server.connect();
    socket.shake_hands("/tasks");
    socket.frame();
    let mut deflated = server.connect();
    deflated.say(
        handshake("/tasks").replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
    );
    assert_eq!(deflated.response().status, 101);
    deflated.frame();
    let mut held = server.connect();
    held.say(format!("GET /tasks HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\nPrefer: wait=30\r\n\r\n"));
    socket.say_frame(TEXT, r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/tasks/9"}}"#);
    socket.frame();
    socket.say_frame(TEXT, "no call");
    socket.frame();
    let mut while_held = ask(&mut asker);
    while while_held["listeners{form=\"held\"}"] == 0 {
        while_held = ask(&mut asker);
    }
    for form in ["frame", "deflated", "held"] {
        assert_eq!(while_held[&format!("listeners{{form=\"{form}\"}}")], 1, "{form}");
    }
    assert_eq!(while_held["listeners{form=\"event\"}"], 0);

    assert_eq!(put(&mut writer, "1", "y"), 200);
    assert_eq!(held.response().status, 200);
    socket.frame();
    deflated.frame();
    let between = ask(&mut asker);
    check(
        &while_held,
        &between,
        &[
            ("answers_total{class=\"2xx\"}", 3),
            ("changes_total", 1),
            ("deliveries_total{form=\"deflated\"}", 1),
            ("deliveries_total{form=\"frame\"}", 1),
            ("listeners{form=\"held\"}", -1),
            ("messages_deflated_total", 1),
            ("requests_total", 2),
        ],
    );
    drop((socket, deflated, held));
    let mut after = ask(&mut asker);
    while after["connections_open"] > before["connections_open"] {
        after = ask(&mut asker);
    }
    let more = |name: &str| after[name] - before[name];
    assert_eq!(more("answers_total{class=\"1xx\"}"), 2);
    assert_eq!(more("answers_total{class=\"4xx\"}"), 2);
    assert_eq!(more("messages_total"), 2);
    assert_eq!(more("subscriptions_total"), 3);
    assert_eq!(more("catch_ups_total{by=\"snapshot\"}"), 2);
    assert!(after.iter().filter(|(name, _)| name.starts_with("listeners{")).all(|(_, now)| *now == 0));
}

#[test]
fn a_slow_reader_is_counted() {
    let flags = ["--loops", "1", "--listener-bytes-max", "1000", "--history-changes-max", "2"];
    let server = Server::start(&flags);
    let (mut asker, mut writer, mut slow) = (server.connect(), server.connect(), server.connect());
    slow.say("GET /tasks HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    assert_eq!(slow.response_to_head().status, 200);
    let before = ask(&mut asker);
    assert_eq!(before["listeners{form=\"event\"}"], 1);
    // Until the buffers of both sides are full, and then more than is kept.
    let text = "x".repeat(500_000);
    let mut now = ask(&mut asker);
    while now["listeners_fell_behind_total"] == 0 {
        put(&mut writer, "1", &text);
        now = ask(&mut asker);
    }
    for _ in 0..3 {
        put(&mut writer, "1", "last");
    }
    assert!(now["deliveries_total{form=\"event\"}"] > 0);
    let (mut heard, mut piece) = (Vec::new(), [0; 64 * 1024]);
    while memchr::memmem::find(&heard, b"\"method\":\"gone\"").is_none() {
        let bytes = slow.stream().read(&mut piece).expect("it goes on");
        heard.drain(..heard.len().saturating_sub(100));
        heard.extend_from_slice(&piece[..bytes]);
    }
    let after = ask(&mut asker);
    assert_eq!(after["listeners_fell_behind_total"], 1);
    assert_eq!(after["gone_total"], 1);
    assert_eq!(after["catch_ups_total{by=\"snapshot\"}"], before["catch_ups_total{by=\"snapshot\"}"] + 1);
}

#[test]
fn descriptions_are_the_same_until_the_server_ends() {
    let server = Server::start(&["--collection", "tasks", "--collection", "notes"]);
    for (path, channel) in
        [("/openapi.json", "/paths/~1notes~1{id}"), ("/asyncapi.json", "/channels/socketNotesId")]
    {
        let mut peer = server.connect();
        peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let response = peer.response();
        assert_eq!(response.field("Content-Type"), Some("application/json"));
        assert!(response.json().pointer(channel).is_some(), "{path}");
        let tag = response.field("ETag").unwrap();
        // Another loop has made its own, which says the same.
        for _ in 0..8 {
            let mut other = server.connect();
            other.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\nIf-None-Match: {tag}\r\n\r\n"));
            assert_eq!(other.response().status, 304);
        }
    }
}
