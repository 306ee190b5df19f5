//! One resource, followed in every way: what is told, from where on, and what is refused.

use crate::peer::{Peer, TEXT};
use crate::server::Server;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// One who follows, by either road.
struct Follower {
    peer: Peer,
    road: Road,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Road {
    Events,
    Socket,
}

const ROADS: [Road; 2] = [Road::Events, Road::Socket];

fn request(road: Road, target: &str) -> String {
    match road {
        Road::Events => format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"),
        Road::Socket => crate::peer::handshake(target),
    }
}

impl Follower {
    #[track_caller]
    fn new(server: &Server, road: Road, target: &str) -> Follower {
        let mut peer = server.connect();
        peer.say(request(road, target));
        let head = peer.response_to_head();
        assert_eq!(head.status, if road == Road::Events { 200 } else { 101 }, "{target}");
        if road == Road::Events {
            assert_eq!(head.field("Content-Type"), Some("text/event-stream"));
            assert_eq!(head.field("Connection"), Some("close"));
        }
        Follower { peer, road }
    }

    /// The next notice: its method and its parameters.
    #[track_caller]
    fn notice(&mut self) -> (String, Value) {
        let text = match self.road {
            Road::Socket => {
                let (first, payload) = self.peer.frame();
                assert_eq!(first, TEXT);
                String::from_utf8(payload).unwrap()
            }
            Road::Events => {
                let mut event = self.peer.until(b"\n\n");
                while event == ":\n\n" {
                    event = self.peer.until(b"\n\n");
                }
                let (id, data) = event.strip_prefix("id: ").unwrap().split_once("\ndata: ").unwrap();
                assert!(data.contains(&format!("\"position\":\"{id}\"")), "{event}");
                data.trim_end().to_owned()
            }
        };
        let notice: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(notice["jsonrpc"], "2.0");
        (notice["method"].as_str().unwrap().to_owned(), notice["params"].clone())
    }

    #[track_caller]
    fn hears(&mut self, method: &str, seq: u64, more: Value) {
        let (mut heard, mut params) = self.notice();
        // Whoever joins while something happens may be told that first.
        if heard == "position" && method != "position" {
            (heard, params) = self.notice();
        }
        assert_eq!(heard, method, "{:.300}", params.to_string());
        let position = params["position"].as_str().unwrap();
        assert!(position.ends_with(&format!("-{seq}")), "{position} instead of {seq}: {params}");
        for (name, value) in more.as_object().unwrap() {
            assert_eq!(params[name], *value, "{name} of {params}");
        }
    }
}

#[track_caller]
fn ask(server: &Server, method: &str, path: &str, body: &str) -> crate::peer::Response {
    let mut peer = server.connect();
    let length = body.len();
    peer.say(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"));
    peer.response()
}

/// A position of the log that this server has begun.
fn position(server: &Server, seq: u64) -> String {
    let etag = ask(server, "GET", "/tasks", "").field("ETag").unwrap().to_owned();
    format!("{}-{seq}", etag[1..].split('-').next().unwrap())
}

#[test]
fn a_snapshot_and_then_every_change() {
    let server = Server::start(&[]);
    ask(&server, "POST", "/tasks", "\"one\"");
    for road in ROADS {
        let before = ask(&server, "GET", "/tasks", "").json();
        let seq = ask(&server, "PUT", "/tasks/x", "{\"n\":0}").position();
        let mut all = Follower::new(&server, road, "/tasks");
        let mut one = Follower::new(&server, road, "/tasks/x");
        all.hears("snapshot", seq, json!({"path": "/tasks"}));
        one.hears("snapshot", seq, json!({"path": "/tasks/x", "value": {"id": "x", "n": 0}}));
        ask(&server, "PATCH", "/tasks/x", "{\"n\":1}");
        ask(&server, "POST", "/tasks", "\"other\"");
        ask(&server, "DELETE", "/tasks/x", "");
        let value = json!({"id": "x", "n": 1});
        let updated = json!({"path": "/tasks/x", "op": "updated", "value": value});
        let deleted = json!({"path": "/tasks/x", "op": "deleted", "value": value});
        all.hears("change", seq + 1, updated.clone());
        all.hears("change", seq + 2, json!({"op": "created"}));
        all.hears("change", seq + 3, deleted.clone());
        one.hears("change", seq + 1, updated);
        one.hears("change", seq + 3, deleted);
        assert!(before.as_array().is_some());
    }
}

#[test]
fn who_comes_back_is_told_what_came_since() {
    let server = Server::start(&["--history-changes-max", "3"]);
    (0..5).for_each(|n| _ = ask(&server, "POST", "/tasks", &format!("\"{n}\"")));
    let at = |seq| position(&server, seq);
    for road in ROADS {
        let mut follower = Follower::new(&server, road, &format!("/tasks?since={}", at(3)));
        follower.hears("change", 4, json!({"path": "/tasks/4", "op": "created"}));
        follower.hears("change", 5, json!({"path": "/tasks/5"}));
        follower.hears("position", 5, json!({"path": "/tasks"}));
        let mut follower = Follower::new(&server, road, "/tasks?since=now");
        follower.hears("position", 5, json!({"path": "/tasks"}));
        for (since, status) in
            [(at(1), 410), (at(6), 410), ("00000000-3".to_owned(), 410), ("yesterday".to_owned(), 400)]
        {
            let mut peer = server.connect();
            peer.say(request(road, &format!("/tasks?since={since}")));
            let response = peer.response();
            assert_eq!(response.status, status, "{road:?} {since}");
            if status == 410 {
                assert_eq!(response.json()["position"], at(5));
            }
        }
        let mut peer = server.connect();
        peer.say(request(road, "/tasks/9"));
        assert_eq!(peer.response().status, 404);
        peer.say(request(road, "/tasks?deliver=some"));
        assert_eq!(peer.response().status, 400);
        peer.say(request(road, "/tasks?_sort=a"));
        assert_eq!(peer.response().status, 400);
    }
    // The header wins over the query.
    let mut peer = server.connect();
    let field = format!("Last-Event-ID: {}\r\n\r\n", at(4));
    peer.say(request(Road::Events, "/tasks?since=now").replace("\r\n\r\n", &format!("\r\n{field}")));
    assert_eq!(peer.response_to_head().status, 200);
    let mut follower = Follower { peer, road: Road::Events };
    follower.hears("change", 5, json!({"path": "/tasks/5"}));
    let mut peer = server.connect();
    peer.say("GET /healthz HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    assert_eq!(peer.response().status, 406);
    peer.say("HEAD /tasks HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    assert_eq!(peer.response_to_head().field("Content-Type"), Some("text/event-stream"));
    peer.hear_end();
}

#[test]
fn a_server_that_goes_answers_what_it_holds_and_closes() {
    let mut server = Server::start(&["--drain-seconds", "60"]);
    ask(&server, "POST", "/tasks", "\"one\"");
    let known = position(&server, 1);
    let held =
        format!("GET /tasks HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"{known}\"\r\nPrefer: wait=50\r\n\r\n");
    let mut peers = [server.connect(), server.connect()];
    peers.iter_mut().for_each(|peer| peer.say(&held));
    // Another waits behind, and is not taken up any more.
    peers[1].say(&held);
    // On each loop: those before have been read.
    for _ in 0..10 {
        server.get("/tasks");
    }
    server.signal("TERM");
    for mut peer in peers {
        let response = peer.response();
        assert_eq!((response.status, response.field("Connection")), (304, Some("close")));
        assert_eq!(response.field("ETag"), Some(&*format!("\"{known}\"")));
        peer.hear_end();
    }
    assert_eq!(server.wait_exit().0.code(), Some(0));
}

#[test]
fn an_answer_is_held_until_there_is_another() {
    let server = Server::start(&["--loops", "2"]);
    ask(&server, "POST", "/tasks", "\"one\"");
    let known = position(&server, 1);
    let wait = |path: &str, known: &str, seconds: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"{known}\"\r\nPrefer: wait={seconds}\r\n\r\n"
        )
    };
    // Another state: at once.
    let mut peer = server.connect();
    peer.say(wait("/tasks", "00000000-1", "9"));
    let response = peer.response();
    assert_eq!((response.status, response.field("Preference-Applied")), (200, Some("wait=9")));
    // The time is over.
    let began = Instant::now();
    peer.say(wait("/tasks/1", &known, "1"));
    let response = peer.response();
    assert_eq!((response.status, response.field("ETag")), (304, Some(&*format!("\"{known}\""))));
    assert!(began.elapsed() >= Duration::from_millis(900));
    // A change to something else is none; then one that is, with a request waiting behind.
    ask(&server, "POST", "/tasks", "\"two\"");
    peer.say(wait("/tasks/1", &known, "9") + "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /re");
    assert!(peer.hears_nothing_for(Duration::from_millis(300)));
    ask(&server, "POST", "/tasks", "\"three\"");
    assert!(peer.hears_nothing_for(Duration::from_millis(300)));
    ask(&server, "PATCH", "/tasks/1", "{\"done\":true}");
    assert_eq!(peer.response().json()["done"], true);
    assert_eq!(peer.response().text(), "alive\n");
    peer.say("adyz HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.response().text(), "ready\n");
    // Whoever is held when the server goes is answered.
    let known = position(&server, 4);
    peer.say(wait("/tasks", &known, "9"));
    assert!(peer.hears_nothing_for(Duration::from_millis(200)));
    server.signal("TERM");
    assert_eq!(peer.response().status, 304);
    peer.hear_end();
}

#[test]
fn a_socket_has_as_many_subscriptions_as_it_asks_for_up_to_the_limit() {
    let server =
        Server::start(&["--collection", "tasks", "--collection", "notes", "--subscriptions-max", "3"]);
    let mut follower = Follower { peer: crate::following::socket(&server, "/rpc"), road: Road::Socket };
    let call = |follower: &mut Follower, method: &str, params: Value| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        follower.peer.call(message.to_string())
    };
    let path = |path: &str| json!({"path": path});
    for name in ["/tasks", "/notes"] {
        assert_eq!(call(&mut follower, "subscribe", path(name))["result"], json!({"status": 204}));
        follower.hears("snapshot", 0, json!({"path": name, "value": []}));
    }
    let made = call(&mut follower, "post", json!({"path": "/tasks", "body": {"done": false}}));
    assert_eq!(made["result"]["status"], 201);
    follower.hears("change", 1, json!({"path": "/tasks/1", "op": "created"}));
    let done = json!({"path": "/tasks", "query": "done=true", "since": "now"});
    assert_eq!(call(&mut follower, "subscribe", done)["result"]["status"], 204);
    follower.hears("position", 1, json!({"path": "/tasks", "query": "done=true"}));
    let refused = |answer: Value, code: i64| assert_eq!(answer["error"]["code"], code, "{answer}");
    refused(call(&mut follower, "subscribe", path("/tasks/1")), 429);
    refused(call(&mut follower, "subscribe", path("/nothing")), 404);
    refused(call(&mut follower, "subscribe", path("/healthz")), 406);
    refused(call(&mut follower, "subscribe", json!({"path": "/notes", "since": "x"})), 400);
    refused(call(&mut follower, "subscribe", json!({"path": "/notes", "since": 1})), -32602);
    refused(call(&mut follower, "get", json!({"path": "/notes", "since": "now"})), -32602);
    refused(call(&mut follower, "unsubscribe", path("/tasks/1")), 404);
    // An item that begins and ceases to match comes and goes.
    let patch = |done: bool| json!({"path": "/tasks/1", "body": {"done": done}});
    let told = |follower: &mut Follower, seq: u64, op: &str| {
        let (_, a) = follower.notice();
        let (_, b) = follower.notice();
        let (with, without) = if a["query"].is_string() { (a, b) } else { (b, a) };
        assert_eq!((&with["op"], &without["op"]), (&json!(op), &json!("updated")));
        assert!(with["position"].as_str().unwrap().ends_with(&format!("-{seq}")));
    };
    call(&mut follower, "patch", patch(true));
    told(&mut follower, 2, "created");
    call(&mut follower, "patch", patch(false));
    told(&mut follower, 3, "deleted");
    assert_eq!(call(&mut follower, "unsubscribe", path("/tasks"))["result"]["status"], 204);
    call(&mut follower, "patch", patch(false));
    assert!(
        follower.peer.hears_nothing_for(Duration::from_millis(200)),
        "it matches neither before nor after"
    );
    // To the same once more: it begins anew.
    assert_eq!(call(&mut follower, "subscribe", path("/notes"))["result"]["status"], 204);
    follower.hears("snapshot", 4, json!({"path": "/notes", "value": []}));
}

pub fn socket(server: &Server, path: &str) -> Peer {
    let mut peer = server.connect();
    peer.shake_hands(path);
    peer
}

/// Enough to fill what the kernel takes for a peer that does not read.
fn flood(server: &Server, changes: usize, bytes: usize) {
    let text = "x".repeat(bytes);
    let mut peer = server.connect();
    for n in 0..changes {
        let body = format!("{{\"n\":{n},\"text\":\"{text}\"}}");
        let length = body.len();
        peer.say(format!(
            "PUT /tasks/{} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}",
            n % 3
        ));
        assert!(matches!(peer.response().status, 200 | 201));
    }
}

#[test]
fn a_slow_listener_goes_on_from_where_it_was() {
    let flags = ["--loops", "1", "--history-changes-max", "100000", "--history-bytes-max", "1000000000"];
    let server = Server::start(&flags);
    for road in ROADS {
        let base = ask(&server, "PUT", "/tasks/base", "{}").position();
        let mut slow = Follower::new(&server, road, "/tasks?since=now");
        let mut latest = Follower::new(&server, road, "/tasks?since=now&deliver=latest");
        let before = server.resident_bytes();
        flood(&server, 400, 100_000);
        let grown = server.resident_bytes().saturating_sub(before);
        assert!(grown < 100 << 20, "the texts of the history and no copies of them: {grown} bytes");
        (1..=400).for_each(|n| slow.hears("change", base + n, json!({})));
        let (mut last, mut heard) = (base, 0);
        while last < base + 400 {
            let (method, params) = latest.notice();
            let seq = params["position"].as_str().unwrap().split('-').nth(1).unwrap().parse().unwrap();
            assert!(seq > last || method == "position", "{seq} behind {last}");
            (last, heard) = (seq, heard + 1);
        }
        assert!(heard < 300, "{heard} notices of 400 changes to three items");
    }
}

#[test]
fn what_is_kept_no_more_is_gone_and_told_anew() {
    let server = Server::start(&["--loops", "1", "--history-changes-max", "10"]);
    for road in ROADS {
        let base = ask(&server, "PUT", "/tasks/base", "{}").position();
        let mut slow = Follower::new(&server, road, "/tasks?since=now");
        flood(&server, 400, 100_000);
        let mut last = base;
        loop {
            let (method, params) = slow.notice();
            if method == "position" {
                continue;
            }
            if method == "gone" {
                assert_eq!(params["path"], "/tasks");
                break;
            }
            last += 1;
            assert!(
                params["position"].as_str().unwrap().ends_with(&format!("-{last}")),
                "no gap before that"
            );
        }
        let (method, params) = slow.notice();
        assert_eq!((method.as_str(), params["value"].as_array().unwrap().len()), ("snapshot", 4));
        ask(&server, "PUT", "/tasks/base", "{}");
        slow.hears("change", base + 401, json!({}));
    }
}

/// What is held against many filters is held against them a piece at a time.
#[test]
fn a_dear_filter_does_not_keep_others_waiting() {
    let server = Server::start(&["--loops", "1"]);
    let base = ask(&server, "PUT", "/tasks/base", "{}").position();
    flood(&server, 2000, 3000);
    let filters = (0..29).map(|n| format!("zz{n}:ne=1")).collect::<Vec<_>>().join("&");
    let since = position(&server, base);
    let mut follower = Follower::new(&server, Road::Socket, &format!("/tasks?since={since}&{filters}"));
    let mut other = server.connect();
    let mut heard = 0;
    while heard < 2000 {
        let (method, params) = follower.notice();
        if method == "change" {
            heard += 1;
            assert!(
                params["position"].as_str().unwrap().ends_with(&format!("-{}", base + heard)),
                "in order"
            );
        }
        if heard % 100 == 0 {
            let began = Instant::now();
            other.say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(other.response().status, 200);
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        }
    }
}

/// Bytes push out what is kept, too.
#[test]
fn a_quiet_place_is_kept_where_little_room_is() {
    let server = Server::start(&["--loops", "1", "--history-bytes-max", "2000000"]);
    ask(&server, "PUT", "/tasks/quiet", "{}");
    let mut quiet = Follower::new(&server, Road::Socket, "/tasks/quiet?since=now");
    flood(&server, 40, 100_000);
    let mut last = String::new();
    while !quiet.peer.hears_nothing_for(Duration::from_millis(300)) {
        let (method, params) = quiet.notice();
        assert_eq!(method, "position");
        last = params["position"].as_str().unwrap().to_owned();
    }
    let mut peer = server.connect();
    peer.say(request(Road::Events, &format!("/tasks/quiet?since={last}")));
    assert_eq!(peer.response_to_head().status, 200, "{last}");
}

#[test]
fn who_hears_nothing_is_told_how_far_it_has_come() {
    let flags = [
        "--collection",
        "tasks",
        "--collection",
        "notes",
        "--position-seconds",
        "0.5",
        "--heartbeat-seconds",
        "0.3",
    ];
    let server = Server::start(&flags);
    let mut followers = ROADS.map(|road| Follower::new(&server, road, "/tasks"));
    followers.iter_mut().for_each(|follower| follower.hears("snapshot", 0, json!({})));
    let mut events = Follower::new(&server, Road::Events, "/notes");
    events.hears("snapshot", 0, json!({}));
    events.peer.hear(":\n\n");
    ask(&server, "POST", "/notes", "\"other\"");
    followers.iter_mut().for_each(|follower| follower.hears("position", 1, json!({"path": "/tasks"})));
}
