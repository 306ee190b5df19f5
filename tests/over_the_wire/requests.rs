//! HTTP as a dialogue: what is said, byte by byte, and what comes back.

use crate::peer::Peer;
use crate::server::Server;
use serde_json::json;
use std::time::Duration;

const GET: &str = "GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n";
const PROBE: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

fn post(body: &str) -> String {
    format!("POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn an_answer_is_made_of_these_bytes() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.say(post(r#"{"text": "Buy milk"}"#));
    peer.hear(
        "HTTP/1.1 201 Created\r\nDate: *, * * * *:*:* GMT\r\nETag: \"*-1\"\r\nLocation: /tasks/1\r\n\
         Content-Type: application/json\r\nCache-Control: no-cache\r\nVary: Accept\r\nContent-Length: 28\r\n\r\n\
         {\"id\":\"1\",\"text\":\"Buy milk\"}",
    );
    peer.say("GET /tasks/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    peer.hear(
        "HTTP/1.1 200 OK\r\nDate: *\r\nETag: \"*-1\"\r\nContent-Type: application/json\r\n\
         Cache-Control: no-cache\r\nVary: Accept\r\nContent-Length: 28\r\n\r\n{\"id\":\"1\",\"text\":\"Buy milk\"}",
    );
    peer.say("DELETE /tasks/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    peer.hear("HTTP/1.1 204 No Content\r\nDate: *\r\nConnection: close\r\n\r\n");
    peer.hear_end();
}

#[test]
fn a_connection_is_kept_as_its_version_says() {
    let server = Server::start(&[]);
    let kept = |request: &str| {
        let mut peer = server.connect();
        peer.say(format!("{request}\r\n"));
        let response = peer.response();
        assert_eq!(response.status, 200, "{request}");
        let says = response.field("Connection").map(str::to_owned);
        if says.as_deref() == Some("close") {
            peer.hear_end();
        } else {
            peer.say(PROBE);
            assert_eq!(peer.response().text(), "alive\n", "{request}");
        }
        says
    };
    assert_eq!(kept("GET / HTTP/1.1\r\nHost: a\r\n"), None);
    assert_eq!(kept("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n"), None);
    assert_eq!(kept("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n").as_deref(), Some("close"));
    assert_eq!(kept("GET / HTTP/1.0\r\n").as_deref(), Some("close"));
    assert_eq!(kept("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n").as_deref(), Some("keep-alive"));
}

#[test]
fn answers_keep_the_order_of_requests() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let all: String = (1..=100).map(|n| post(&format!("{{\"n\":{n}}}"))).collect();
    peer.say(all + GET);
    for n in 1..=100 {
        let response = peer.response();
        assert_eq!((response.status, response.json()), (201, json!({"id": n.to_string(), "n": n})));
    }
    assert_eq!(peer.response().json().as_array().unwrap().len(), 100);
}

#[test]
fn a_read_sees_the_writes_asked_before_it() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let replace = "PUT /tasks/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\"b\"";
    let read = "GET /tasks/1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let remove = "DELETE /tasks/1 HTTP/1.1\r\nHost: a\r\n\r\n";
    peer.say(
        [&post("\"a\""), read, replace, read, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", remove, read].concat(),
    );
    let mut next = || {
        let response = peer.response();
        (response.status, response.text())
    };
    assert_eq!(next(), (201, r#"{"id":"1","text":"a"}"#.to_owned()));
    assert_eq!(next(), (200, r#"{"id":"1","text":"a"}"#.to_owned()));
    assert_eq!(next(), (200, r#"{"id":"1","text":"b"}"#.to_owned()));
    assert_eq!(next(), (200, r#"{"id":"1","text":"b"}"#.to_owned()));
    assert_eq!(next().0, 501);
    assert_eq!(next(), (204, String::new()));
    assert_eq!(next().0, 404);
}

#[test]
fn nothing_is_answered_after_the_last_request() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.say(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n") + &post("{}"));
    assert_eq!(peer.response().text(), "[]");
    peer.hear_end();
    assert_eq!(server.get("/tasks"), "[]");
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.say(post("\"x\""));
    peer.response();
    for path in ["/tasks", "/tasks/1", "/tasks/9", "/", "/healthz", "/nowhere"] {
        peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let got = peer.response();
        peer.say(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let head = peer.response_to_head();
        assert_eq!(head.status, got.status);
        for name in ["ETag", "Content-Type", "Content-Length", "Vary"] {
            assert_eq!(head.field(name), got.field(name), "{path}");
        }
    }
}

#[test]
fn a_body_may_be_asked_for_before_it_is_sent() {
    let server = Server::start(&["--body-bytes-max", "10"]);
    let expecting = |length| {
        format!("POST /tasks HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n")
    };
    let mut peer = server.connect();
    peer.say(expecting(3));
    peer.hear("HTTP/1.1 100 Continue\r\n\r\n");
    peer.say("\"x\"");
    assert_eq!(peer.response().status, 201);
    // Who sends it unasked needs no invitation.
    peer.say(expecting(3) + "\"y\"");
    assert_eq!(peer.response().status, 201);

    peer.say(expecting(11));
    assert_eq!(peer.response().status, 413);
    peer.hear_end();
    let mut peer = server.connect();
    peer.say(expecting(3).replace("POST", "BREW"));
    assert_eq!(peer.response().status, 501);
    peer.hear_end();
    let mut peer = server.connect();
    peer.say(expecting(3).replace("100-continue", "200-ok"));
    assert_eq!(peer.response().status, 417);
    peer.hear_end();
}

#[test]
fn an_invitation_waits_for_the_answers_before_it() {
    let server = Server::start(&[]);
    let expecting =
        post("").replace("Length: 0", "Length: 3").replace("Host: a", "Host: a\r\nExpect: 100-continue");
    let mut peer = server.connect();
    for _ in 0..3 {
        peer.say(post("{}") + &expecting);
        assert_eq!(peer.response().status, 201);
        peer.hear("HTTP/1.1 100 Continue\r\n\r\n");
        peer.say("\"x\"");
        assert_eq!(peer.response().status, 201);
    }
}

#[test]
fn a_body_may_come_in_chunks() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let head = "POST /tasks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = "4\r\n\"Buy\r\nA;name=\"a;b\" ; x\r\n milk, tea\r\n1\r\n\"\r\n00\r\nX-Sum: 1\r\nContent-Length: 3\r\n\r\n";
    let request = [head, body].concat();
    peer.say([&request, PROBE].concat());
    assert_eq!(peer.response().json()["text"], "Buy milk, tea");
    assert_eq!(peer.response().text(), "alive\n");
    for cut in 0..request.len() {
        peer.say(&request[..cut]);
        peer.say([&request[cut..], PROBE].concat());
        assert_eq!(peer.response().json()["text"], "Buy milk, tea", "cut at {cut}");
        assert_eq!(peer.response().text(), "alive\n", "cut at {cut}");
    }
}

#[test]
fn requests_may_come_cut_anywhere() {
    let server = Server::start(&[]);
    let two = post("{\"n\":1}") + PROBE;
    let mut peer = server.connect();
    for cut in 1..two.len() {
        peer.say(&two[..cut]);
        peer.say(&two[cut..]);
        assert_eq!(peer.response().status, 201, "cut at {cut}");
        assert_eq!(peer.response().text(), "alive\n", "cut at {cut}");
    }
    for byte in two.bytes() {
        peer.say([byte]);
    }
    assert_eq!(peer.response().status, 201);
    assert_eq!(peer.response().text(), "alive\n");
}

#[test]
fn who_has_said_all_is_still_answered() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.say(post("\"x\"") + GET);
    peer.end();
    assert_eq!(peer.response().status, 201);
    assert_eq!(peer.response().status, 200);
    peer.hear_end();

    let mut peer = server.connect();
    peer.say(&GET[..20]);
    peer.end();
    peer.hear_end();
}

#[test]
fn a_target_may_be_a_whole_url() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for target in
        ["http://a/healthz", "http://b:80/healthz?x=1", "HTTP://a/healthz", "/healthz?", "/healthz?a=/../b"]
    {
        peer.say(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(peer.response().text(), "alive\n", "{target}");
    }
    peer.say("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.response().json()["name"], "bothways");
    peer.say(["\r\n\r\n", PROBE].concat()); // RFC 9112 §2.2: empty lines before a request
    assert_eq!(peer.response().text(), "alive\n");
}

#[test]
fn an_answer_has_the_date() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for request in
        [GET, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "?\r\n\r\n"]
    {
        peer.say(request);
        let response = peer.response();
        let date = response.field("Date").unwrap();
        // Sun, 06 Nov 1994 08:49:37 GMT
        assert!(date.len() == 29 && date.ends_with(" GMT") && date.as_bytes()[3] == b',', "{date}");
        assert_eq!(response.fields.iter().filter(|(name, _)| name == "Date").count(), 1);
    }
}

#[test]
fn one_connection_waits_for_no_other() {
    let server = Server::start(&["--loops", "1"]);
    let mut slow: Vec<Peer> = (0..20).map(|_| server.connect()).collect();
    for peer in &mut slow {
        peer.say(&GET[..GET.len() - 1]);
    }
    let mut unread: Vec<Peer> = (0..20).map(|_| server.connect()).collect();
    for peer in &mut unread {
        peer.say(GET);
    }
    assert_eq!(server.get("/tasks"), "[]");
    for peer in &mut slow {
        assert!(peer.hears_nothing_for(Duration::from_millis(1)));
        peer.say("\n");
        assert_eq!(peer.response().text(), "[]");
    }
    for peer in &mut unread {
        assert_eq!(peer.response().text(), "[]");
    }
}

#[test]
fn an_octet_of_urgent_data_stalls_nothing() {
    let server = Server::start(&[]);
    for cut in 1..GET.len() {
        let mut peer = server.connect();
        peer.say(&GET[..cut]);
        socket2::SockRef::from(peer.stream()).send_out_of_band(b"!").unwrap();
        peer.say(&GET[cut..]);
        assert_eq!(peer.response().text(), "[]", "after {cut} bytes");
        socket2::SockRef::from(peer.stream()).send_out_of_band(b"!").unwrap();
        peer.say(GET);
        assert_eq!(peer.response().text(), "[]", "after {cut} bytes");
    }
}
