//! A POST that is sent again with its key creates nothing again: by either road, after every accident.

use crate::calls::{Line, call, tell_over_a_socket, tell_over_http};
use crate::peer::Response;
use crate::server::{PROGRAM, Server, wait_until};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const REUSED: &str = "this Idempotency-Key came before with another body: whatever is new needs a new key";
const MALFORMED: &str =
    "Idempotency-Key is one key of 1 to 255 visible ASCII characters, with double quotes or without";
const MILK: &str = r#"{"id":"1","text":"Buy milk"}"#;

#[rustfmt::skip]
const STORY: &[Line] = &[
    call("POST", "/tasks").body(r#""Buy milk""#).keyed("k-1").answered(201, MILK).at("E-1").location("/tasks/1"),
    call("POST", "/tasks").body(r#""Buy milk""#).keyed("k-1").answered(201, MILK).at("E-1").location("/tasks/1").replayed(),
    // With quotes it is the same key, and another spelling of the body is the same item.
    call("POST", "/tasks").body(r#" {"text": "Buy milk"}"#).keyed(r#""k-1""#).answered(201, MILK).at("E-1").location("/tasks/1").replayed(),
    call("POST", "/tasks").body(r#""Buy tea""#).keyed("k-1").refused(422, REUSED),
    call("POST", "/tasks").body(r#"{"id":"1","text":"Buy milk"}"#).keyed("k-1").refused(422, REUSED),
    call("GET", "/tasks").answered(200, r#"[{"id":"1","text":"Buy milk"}]"#).at("E-1"),
    // Without a key, or with another, it is another item.
    call("POST", "/tasks").body(r#""Buy milk""#).answered(201, r#"{"id":"2","text":"Buy milk"}"#).at("E-2").location("/tasks/2"),
    call("POST", "/tasks").body(r#""Buy milk""#).keyed("K-1").answered(201, r#"{"id":"3","text":"Buy milk"}"#).at("E-3").location("/tasks/3"),
    // What has become of the item does not count, nor does a condition that held then.
    call("PATCH", "/tasks/1").body(r#"{"text":"Oat"}"#).answered(200, r#"{"id":"1","text":"Oat"}"#).at("E-4"),
    call("POST", "/tasks").body(r#""Buy milk""#).keyed("k-1").answered(201, MILK).at("E-1").location("/tasks/1").replayed(),
    call("DELETE", "/tasks/1").done(204),
    call("POST", "/tasks").body(r#""Buy milk""#).keyed("k-1").if_match("E-0").answered(201, MILK).at("E-1").location("/tasks/1").replayed(),
    // What was refused is asked anew.
    call("POST", "/tasks").body(r#"{"id":"x"}"#).keyed("k-2").if_match("E-0").refused(412, NOT_NOW),
    call("POST", "/tasks").body(r#"{"id":"2"}"#).keyed("k-2").refused(409, "there is an item with the id 2 already"),
    call("POST", "/tasks").body(r#""""#).keyed("k-2").refused(400, "Enter valid data."),
    call("POST", "/tasks").body(r#"{"id":"x"}"#).keyed("k-2").answered(201, r#"{"id":"x"}"#).at("E-6").location("/tasks/x"),
    call("POST", "/tasks").body(r#"{"id":"x"}"#).keyed("k-2").answered(201, r#"{"id":"x"}"#).at("E-6").location("/tasks/x").replayed(),
    call("POST", "/tasks").body("{}").keyed("k-2").refused(422, REUSED),
    // What is no key.
    call("POST", "/tasks").body("{}").keyed("").refused(400, MALFORMED),
    call("POST", "/tasks").body("{}").keyed("two words").refused(400, MALFORMED),
    call("POST", "/tasks").body("{}").keyed(r#""a", "b""#).refused(400, MALFORMED),
    call("POST", "/tasks").body("{}").keyed(r#""open"#).refused(400, MALFORMED),
    call("POST", "/tasks").body("{}").keyed("ké").refused(400, MALFORMED),
    // Other methods do not look at it.
    call("PUT", "/tasks/3").body("{}").keyed("two words").answered(200, r#"{"id":"3"}"#).at("E-7"),
    call("GET", "/tasks/3").keyed("k-1").answered(200, r#"{"id":"3"}"#).at("E-7"),
    call("DELETE", "/tasks/3").keyed("k-1").done(204),
    call("POST", "/tasks/2").body("{}").keyed("").refused(405, "this resource takes GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
];

const NOT_NOW: &str = "the item is not in the state that the condition asks for";

#[test]
fn the_story_of_keys_is_told_over_http() {
    tell_over_http(STORY);
}

#[test]
fn the_story_of_keys_is_told_over_a_socket() {
    tell_over_a_socket(STORY);
}

fn post(key: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /tasks HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[track_caller]
fn is_replayed(response: &Response) -> bool {
    assert_eq!(response.status, 201, "{}", response.text());
    response.field("Idempotent-Replayed") == Some("true")
}

/// Posts once more, on a connection of its own; says whether that was known, and the id.
#[track_caller]
fn again(server: &Server, key: &str, body: &str) -> (bool, String) {
    let mut peer = server.connect();
    peer.say(post(key, body));
    let response = peer.response();
    (is_replayed(&response), response.json()["id"].as_str().unwrap().to_owned())
}

#[test]
fn two_keys_are_none() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.say(post("a\r\nIdempotency-Key: a", "{}"));
    assert_eq!((peer.response().status, server.get_position()), (400, 0));
}

#[test]
fn a_key_belongs_to_its_collection() {
    let server = Server::start(&["--collection", "tasks", "--collection", "notes"]);
    let mut peer = server.connect();
    for path in ["/tasks", "/notes"] {
        peer.say(post("a", "{}").replacen("/tasks", path, 1));
        assert!(!is_replayed(&peer.response()), "{path}");
    }
}

#[test]
fn a_key_counts_on_every_road_and_in_every_loop() {
    let server = Server::start(&["--loops", "4"]);
    assert_eq!(again(&server, "a", "{}"), (false, "1".into()));
    for _ in 0..16 {
        assert_eq!(again(&server, "a", "{}"), (true, "1".into()));
    }
    let mut socket = server.connect();
    socket.shake_hands("/rpc");
    let params = r#"{"path":"/tasks","body":{},"idempotency_key":"a"}"#;
    let answer = socket.call(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"post","params":{params}}}"#));
    assert_eq!(
        (&answer["result"]["replayed"], &answer["result"]["location"]),
        (&true.into(), &"/tasks/1".into())
    );
}

#[test]
fn one_behind_the_other_they_create_one_item() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.say(post("a", "{}").repeat(20));
    let replayed: Vec<bool> = (0..20).map(|_| is_replayed(&peer.response())).collect();
    assert_eq!(replayed, (0..20).map(|n| n > 0).collect::<Vec<_>>());
    assert_eq!(server.get_position(), 1);
}

#[test]
fn whoever_lost_the_answer_asks_again() {
    let store = Store::new("cut");
    for server in [Server::start(&[]), store.serve(&[])] {
        for n in 0..20 {
            let mut peer = server.connect();
            peer.say(post(&format!("k{n}"), "{}"));
            // It is cut before the answer is read, and maybe before the call is.
            drop(peer);
            again(&server, &format!("k{n}"), "{}");
        }
        wait_until("each has created one", || server.get_position() >= 20);
        assert_eq!(server.get_position(), 20);
    }
}

#[test]
fn nobody_is_told_again() {
    let server = Server::start(&["--loops", "1"]);
    let mut listener = server.connect();
    listener.say("GET /tasks?since=now HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    assert_eq!(listener.response_to_head().status, 200);
    again(&server, "a", "{}");
    again(&server, "a", "{}");
    again(&server, "b", r#"{"n":2}"#);
    let mut told = String::new();
    while !told.contains(r#"{"id":"2","n":2}"#) {
        told.push_str(&String::from_utf8_lossy(&listener.take(1)));
    }
    assert_eq!(told.matches(r#"{"id":"1"}"#).count(), 1, "{told}");
    let metrics = server.get("/metrics");
    assert!(
        metrics.contains("\nbothways_replays_total 1\n") && metrics.contains("\nbothways_changes_total 2\n")
    );
}

#[test]
fn a_key_is_known_after_a_crash_and_after_an_end() {
    let store = Store::new("crash");
    let mut server = store.serve(&[]);
    assert_eq!(again(&server, "a", r#"{"n":1.50}"#), (false, "1".into()));
    let mut peer = server.connect();
    peer.say("DELETE /tasks/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.response().status, 204);
    // kill -9.
    drop(server);
    server = store.serve(&[]);
    assert_eq!(again(&server, "a", r#"{"n":1.50}"#), (true, "1".into()));
    assert_eq!(again(&server, "b", r#"{"id":"x"}"#), (false, "x".into()));
    server.signal("TERM");
    assert!(server.wait_exit().0.success());
    server = store.serve(&[]);
    let mut peer = server.connect();
    peer.say(post("a", r#"{"n":1.5}"#));
    assert_eq!(peer.response().status, 422, "numbers are compared as they are written");
    assert_eq!(again(&server, "a", r#"{"n":1.50}"#), (true, "1".into()));
    assert_eq!(again(&server, "b", r#"{"id":"x"}"#), (true, "x".into()));
    assert_eq!(server.get("/tasks"), r#"[{"id":"x"}]"#);
}

#[test]
fn a_key_is_known_after_a_crash_before_the_answer() {
    let store = Store::new("before");
    for n in 0..10 {
        let server = store.serve(&[]);
        let mut peer = server.connect();
        peer.say(post(&format!("k{n}"), "{}"));
        // At some moment between the request and its answer.
        std::thread::sleep(Duration::from_micros(300 * n));
        drop(server);
        drop(peer);
        again(&store.serve(&[]), &format!("k{n}"), "{}");
    }
    let server = store.serve(&[]);
    assert_eq!(server.get_position(), 10);
    assert_eq!(again(&server, "k3", "{}"), (true, "4".into()));
}

#[test]
fn a_key_is_forgotten_when_its_time_is_over() {
    let store = Store::new("time");
    for server in
        [Server::start(&["--idempotency-seconds", "1"]), store.serve(&["--idempotency-seconds", "1"])]
    {
        assert_eq!(again(&server, "a", "{}"), (false, "1".into()));
        wait_until("it is forgotten", || {
            std::thread::sleep(Duration::from_millis(100));
            !again(&server, "a", "{}").0
        });
        assert_eq!(again(&server, "a", "{}"), (true, "2".into()));
    }
    // Time goes on while nobody serves.
    std::thread::sleep(Duration::from_millis(2100));
    assert_eq!(again(&store.serve(&["--idempotency-seconds", "1"]), "a", "{}"), (false, "3".into()));
}

#[test]
fn the_oldest_keys_make_room() {
    let few = ["--idempotency-keys-max", "2"];
    let store = Store::new("few");
    for server in [Server::start(&few), store.serve(&few)] {
        for (key, id) in [("a", "1"), ("b", "2"), ("c", "3")] {
            assert_eq!(again(&server, key, "{}"), (false, id.into()));
        }
        assert_eq!(again(&server, "b", "{}"), (true, "2".into()));
        assert_eq!(again(&server, "a", "{}"), (false, "4".into()));
    }
    // What is forgotten is not there again after a start, however much is kept from then on.
    let server = store.serve(&[]);
    assert_eq!(again(&server, "c", "{}"), (true, "3".into()));
    assert_eq!(again(&server, "a", "{}"), (true, "4".into()));
    assert_eq!(again(&server, "b", "{}"), (false, "5".into()));
    drop(server);
    // Nor more than is kept now.
    let server = store.serve(&["--idempotency-bytes-max", "300"]);
    assert_eq!(again(&server, "c", "{}"), (false, "6".into()));
    assert_eq!(again(&server, "b", "{}"), (true, "5".into()));
    let long = format!("\"{}\"", "x".repeat(400));
    assert_eq!(again(&server, "long", &long), (false, "7".into()));
    assert_eq!(again(&server, "long", &long), (false, "8".into()), "it is longer than all that is kept");
}

#[test]
fn curl_and_our_own_client_send_a_key() {
    let server = Server::start(&[]);
    let key = "Idempotency-Key: \"8e03978e-40d5-43dd-bc93-6894a57f9324\"";
    let called = |url: &str| {
        let output =
            Command::new(PROGRAM).args(["call", "-i", "POST", url, "-H", key, "\"x\""]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!called(&server.url("/tasks")).contains("eplayed"));
    assert!(called(&server.url("/tasks")).contains("Idempotent-Replayed: true"));
    assert!(called(&server.socket_url("/tasks")).contains("\nreplayed: true\n"));
    let curl = Command::new("curl").args(["-si", &server.url("/tasks"), "-H", key, "-d", "\"x\""]).output();
    if let Ok(output) = curl {
        assert!(String::from_utf8_lossy(&output.stdout).contains("\r\nIdempotent-Replayed: true\r\n"));
    }
    assert_eq!(server.get_position(), 1);
}

/// A file for a store, which is gone in the end.
struct Store(PathBuf);

impl Store {
    fn new(name: &str) -> Store {
        let path = std::env::temp_dir().join(format!("bothways-keys-{name}-{}.redb", std::process::id()));
        let _ = fs::remove_file(&path);
        Store(path)
    }

    fn serve(&self, flags: &[&str]) -> Server {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--loops", "2", "--data"]).arg(&self.0).args(flags);
        Server::start_as(command)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
