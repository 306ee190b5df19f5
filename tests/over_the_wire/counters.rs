//! What is counted for a visitor, held against every byte that it said and heard.

use crate::peer::{CLOSE, PING, Peer, closing, handshake};
use crate::server::{Server, wait_until};
use serde_json::Value;

const ANN: &str = "Cookie: bothways-visitor=00000000000000aa\r\n";
const BOB: &str = "Cookie: theme=dark; bothways-visitor=0123456789abcdef\r\n";

fn counters(asker: &mut Peer, cookie: &str) -> Value {
    asker.say(format!("GET /counters HTTP/1.1\r\nHost: a\r\n{cookie}\r\n"));
    let response = asker.response();
    assert_eq!((response.status, response.field("Content-Type")), (200, Some("application/json")));
    response.json()
}

/// Connections, calls, bytes read, bytes written.
fn on(counters: &Value, road: &str) -> [usize; 4] {
    ["connections", "calls", "read_bytes", "written_bytes"]
        .map(|name| counters[road][name].as_u64().unwrap() as usize)
}

fn get(peer: &mut Peer, path: &str, fields: &str) -> u16 {
    peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    peer.response().status
}

#[test]
fn what_is_counted_is_what_was_said_and_heard() {
    let server = Server::start(&["--loops", "1"]);
    let (mut asker, mut ann, mut bob) = (server.connect(), server.connect(), server.connect());

    // Requests: one whose body comes in pieces, one that is refused.
    assert_eq!(get(&mut ann, "/tasks", ANN), 200);
    ann.say(format!("POST /tasks HTTP/1.1\r\nHost: a\r\n{ANN}Transfer-Encoding: chunked\r\n\r\n5\r\n\"Buy"));
    assert_eq!(on(&counters(&mut asker, ANN), "requests")[1], 1, "it is no call yet");
    ann.say(" \r\n5\r\nmilk\"\r\n0\r\n\r\n");
    assert_eq!(ann.response().status, 201);
    assert_eq!(get(&mut ann, "/tasks/9", ANN), 404);
    let counted = counters(&mut asker, ANN);
    assert_eq!(on(&counted, "requests"), [1, 3, ann.said_bytes, ann.heard_bytes]);

    // A socket: its handshake, what it is told unasked, a call, a ping, its end.
    bob.say(handshake("/tasks").replace("\r\n\r\n", &format!("\r\n{BOB}\r\n")));
    assert_eq!(bob.response().status, 101);
    bob.frame();
    bob.call(r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/tasks/1"}}"#);
    bob.say_frame(PING, "still here?");
    bob.frame();
    assert_eq!(get(&mut ann, "/tasks/1", ANN), 200);
    ann.say(format!("DELETE /tasks/1 HTTP/1.1\r\nHost: a\r\n{ANN}\r\n"));
    assert_eq!(ann.response().status, 204);
    bob.frame();
    let counted = counters(&mut asker, BOB);
    assert_eq!(on(&counted, "sockets"), [1, 2, bob.said_bytes, bob.heard_bytes]);
    bob.say_frame(CLOSE, closing(1000, ""));
    bob.hear_close(1000);
    bob.hear_end();
    let counted = counters(&mut asker, BOB);
    assert_eq!(on(&counted, "sockets"), [1, 2, bob.said_bytes, bob.heard_bytes]);
    assert_eq!(on(&counted, "requests"), [0; 4]);

    // An event stream, on a connection that was one for requests before.
    let (said, heard) = (ann.said_bytes, ann.heard_bytes);
    ann.say(format!("GET /tasks HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n{ANN}\r\n"));
    ann.until(b"\"snapshot\"");
    ann.until(b"\n\n");
    let counted = counters(&mut asker, ANN);
    assert_eq!(on(&counted, "events"), [1, 1, ann.said_bytes - said, ann.heard_bytes - heard]);
    assert_eq!(on(&counted, "requests"), [1, 5, said, heard]);
    assert_eq!(on(&counted, "sockets"), [0; 4]);
    // What asking costs stands apart. The last answer is not written yet when it is made.
    assert_eq!(on(&counted, "page")[..2], [1, 2]);
    assert!(counted["requests"]["moves"].as_u64() >= Some(10), "{counted}");
}

/// As behind a proxy, whose connections are everybody's.
#[test]
fn one_connection_may_speak_for_several_visitors() {
    let server = Server::start(&["--loops", "1"]);
    let (mut asker, mut proxy) = (server.connect(), server.connect());
    let mut shares = [(ANN, 0, 0), (BOB, 0, 0), ("", 0, 0)];
    for round in 0..9 {
        let (cookie, said, heard) = &mut shares[round % 3];
        let before = (proxy.said_bytes, proxy.heard_bytes);
        assert_eq!(get(&mut proxy, "/tasks", cookie), 200);
        *said += proxy.said_bytes - before.0;
        *heard += proxy.heard_bytes - before.1;
    }
    for (cookie, said, heard) in &shares[..2] {
        assert_eq!(on(&counters(&mut asker, cookie), "requests")[1..], [3, *said, *heard]);
    }
}

#[test]
fn who_has_no_token_is_not_counted() {
    let server = Server::start(&["--loops", "1"]);
    let mut asker = server.connect();
    let nobody = counters(&mut asker, "");
    for cookie in [
        "",
        "Cookie: bothways-visitor=\r\n",
        "Cookie: bothways-visitor=0000000000000000\r\n",
        "Cookie: bothways-visitor=00000000000000AA\r\n",
        "Cookie: bothways-visitor=00000000000000aaa\r\n",
        "Cookie: not-bothways-visitor=00000000000000aa\r\n",
        "X-Cookie: bothways-visitor=00000000000000aa\r\n",
    ] {
        assert_eq!(get(&mut asker, "/tasks", cookie), 200);
        assert_eq!(counters(&mut asker, cookie), nobody, "{cookie}");
    }
    assert_eq!(on(&counters(&mut asker, ANN), "requests"), [0; 4]);
}

#[test]
fn a_visitor_is_the_same_on_every_loop_and_by_every_road() {
    let server = Server::start(&["--loops", "2"]);
    let mut asker = server.connect();
    let mut peers: Vec<Peer> = (0..8).map(|_| server.connect()).collect();
    peers.iter_mut().for_each(|peer| assert_eq!(get(peer, "/tasks", ANN), 200));
    let said = peers.iter().map(|peer| peer.said_bytes).sum();
    let heard = peers.iter().map(|peer| peer.heard_bytes).sum();
    // Another loop may not have ended its turn.
    wait_until("all is counted", || on(&counters(&mut asker, ANN), "requests") == [8, 8, said, heard]);

    let mut socket = server.connect();
    socket.say(handshake("/rpc").replace("\r\n\r\n", &format!("\r\n{ANN}\r\n")));
    assert_eq!(socket.response().status, 101);
    let answer = socket.call(r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/counters"}}"#);
    assert_eq!(on(&answer["result"]["body"], "requests"), [8, 8, said, heard], "{answer}");
}

#[test]
fn what_the_page_needs_is_counted_apart() {
    let server = Server::start(&["--loops", "1"]);
    let (mut asker, mut browser) = (server.connect(), server.connect());
    let html = format!("Accept: text/html\r\n{ANN}");
    for (path, fields, status) in [
        ("/", &*html, 200),
        ("/-/page.css", ANN, 200),
        ("/favicon.ico", ANN, 404),
        ("/counters", ANN, 200),
        ("/tasks", &html, 200),
    ] {
        assert_eq!(get(&mut browser, path, fields), status, "{path}");
        assert_eq!(on(&counters(&mut asker, ANN), "requests"), [0; 4], "{path}");
    }
    let (said, heard) = (browser.said_bytes, browser.heard_bytes);
    assert_eq!(get(&mut browser, "/tasks", ANN), 200);
    let counted = on(&counters(&mut asker, ANN), "requests");
    assert_eq!(counted, [1, 1, browser.said_bytes - said, browser.heard_bytes - heard]);
}
