//! How long a body, how long a wait.

use crate::peer::Peer;
use crate::server::{PROMPT, Server};
use std::time::{Duration, Instant};

const GET: &str = "GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n";

fn post(bytes: usize) -> String {
    format!("POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n")
}

const CHUNKED: &str = "POST /tasks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_body_has_a_size() {
    let server = Server::start(&["--body-bytes-max", "10"]);
    let mut peer = server.connect();
    peer.say(post(10) + "\"12345678\"");
    assert_eq!(peer.response().status, 201);
    peer.say(CHUNKED.to_owned() + "5\r\n\"1234\r\n5\r\n5678\"\r\n0\r\n\r\n");
    assert_eq!(peer.response().status, 201);

    // The length alone is enough to say no.
    peer.say(post(11));
    assert_eq!(peer.response().status, 413);
    peer.hear_end();
    // And so is a chunk's.
    let mut peer = server.connect();
    peer.say(CHUNKED.to_owned() + "5\r\n\"1234\r\n6\r\n");
    assert_eq!(peer.response().status, 413);
    peer.hear_end();
}

#[test]
fn no_reset_overtakes_the_refusal_of_a_body() {
    let server = Server::start(&[]);
    let body = vec![b'x'; 32 << 20];
    for head in [post(body.len()), CHUNKED.to_owned() + "2000000\r\n"] {
        let mut peer = server.connect();
        peer.say(head);
        peer.say(&body);
        assert_eq!(peer.response().status, 413);
        peer.hear_end();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn memory_grows_with_what_came_not_with_what_was_announced() {
    let server = Server::start(&["--body-bytes-max", "1000000000", "--message-bytes-max", "1000000000"]);
    let before = server.resident_bytes();
    let mut peers: Vec<Peer> = (0..20).map(|_| server.connect()).collect();
    for (n, peer) in peers.iter_mut().enumerate() {
        match n % 3 {
            0 => peer.say(post(1_000_000_000) + "\"xxx"),
            1 => peer.say(CHUNKED.to_owned() + "3b000000\r\n\"xxx"),
            _ => {
                peer.shake_hands("/echo");
                peer.say(b"\x82\xff\0\0\0\0\x3b\0\0\0kkkkxxx");
            }
        }
    }
    assert_eq!(server.get("/tasks"), "[]");
    assert!(server.resident_bytes() < before + (16 << 20));
}

#[test]
fn a_slow_head_is_given_up() {
    let server = Server::start(&["--head-seconds", "0.3"]);
    // Nothing was asked, so there is nothing to answer.
    server.connect().hear_end();

    // A little now and then does not help.
    let mut peer = server.connect();
    let began = Instant::now();
    let mut letters = GET.bytes().cycle();
    peer.say("GET /");
    while peer.hears_nothing_for(Duration::from_millis(20)) {
        assert!(began.elapsed() < PROMPT);
        peer.try_to_say([letters.find(u8::is_ascii_alphabetic).unwrap()]);
    }
    assert_eq!(peer.response().status, 408);
    peer.hear_end();
    assert!(began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());

    // A kept connection has as long for each head.
    let mut peer = server.connect();
    peer.say(GET);
    assert_eq!(peer.response().status, 200);
    assert!(peer.hears_nothing_for(Duration::from_millis(400)));
    peer.say(&GET[..10]);
    assert_eq!(peer.response().status, 408);
    peer.hear_end();
}

#[test]
fn a_silent_body_is_given_up() {
    let server = Server::start(&["--body-seconds", "0.5"]);
    for head in [post(20), CHUNKED.to_owned(), CHUNKED.to_owned() + "5\r\n\"x"] {
        let mut peer = server.connect();
        peer.say(head);
        assert_eq!(peer.response().status, 408);
        peer.hear_end();
    }
    // A slow one is not silent.
    let mut peer = server.connect();
    peer.say(post(10) + "\"");
    for _ in 0..8 {
        assert!(peer.hears_nothing_for(Duration::from_millis(100)));
        peer.say("x");
    }
    peer.say("\"");
    assert_eq!(peer.response().status, 201);
}

#[test]
fn a_kept_connection_that_asks_no_more_is_closed() {
    let server = Server::start(&["--keep-alive-seconds", "0.4"]);
    let mut peer = server.connect();
    for _ in 0..3 {
        peer.say(GET);
        assert_eq!(peer.response().status, 200);
        assert!(peer.hears_nothing_for(Duration::from_millis(50)));
    }
    peer.hear_end();
    // Nor does a write, which is answered later in the turn, buy more time.
    let mut peer = server.connect();
    peer.say(post(2) + "{}");
    assert_eq!(peer.response().status, 201);
    let began = Instant::now();
    peer.hear_end();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn past_the_most_connections_others_wait() {
    let server = Server::start(&["--connections-max", "2"]);
    let mut first: Vec<Peer> = (0..2).map(|_| server.connect()).collect();
    for peer in &mut first {
        peer.say(GET);
        assert_eq!(peer.response().status, 200);
    }
    let mut third = server.connect();
    third.say(GET);
    assert!(third.hears_nothing_for(Duration::from_millis(200)));
    drop(first.pop());
    assert_eq!(third.response().status, 200);
}

#[test]
fn a_long_answer_buys_a_kept_connection_no_more_time() {
    let server = Server::start(&["--keep-alive-seconds", "0.4"]);
    let item = format!("\"{}\"", "x".repeat(500_000));
    let mut writer = server.connect();
    for _ in 0..10 {
        writer.say(post(item.len()) + &item);
        assert_eq!(writer.response().status, 201);
    }
    // Longer than what may wait to be written, and longer than what the kernel takes at once.
    for path in ["/tasks/1", "/tasks"] {
        let mut peer = server.connect();
        peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(peer.response().body.len() >= 500_000);
        let began = Instant::now();
        peer.hear_end();
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
}

#[test]
fn an_empty_line_begins_no_head() {
    let server = Server::start(&["--head-seconds", "0.3", "--keep-alive-seconds", "2"]);
    let mut peer = server.connect();
    for _ in 0..2 {
        peer.say(GET.to_owned() + "\r\n");
        assert_eq!(peer.response().status, 200);
        assert!(peer.hears_nothing_for(Duration::from_millis(500)));
    }
    peer.say(post(2) + "{}\r\n");
    assert_eq!(peer.response().status, 201);
    assert!(peer.hears_nothing_for(Duration::from_millis(500)));
    // Nor does one that comes on its own.
    peer.say("\r\n");
    assert!(peer.hears_nothing_for(Duration::from_millis(500)));
    peer.say(GET);
    assert_eq!(peer.response().status, 200);
}

#[test]
fn no_reset_overtakes_the_refusal_of_an_announced_body() {
    let server = Server::start(&[]);
    for bytes in [500_000, 32 << 20] {
        let head = post(bytes).replace("Host: a", "Host: a\r\nAccept: image/png\r\nExpect: 100-continue");
        // A client that was told no sends its body all the same, or has not waited.
        for waits in [true, false] {
            let mut peer = server.connect();
            peer.say(&head);
            if !waits {
                peer.say(vec![b'x'; bytes]);
            }
            let response = peer.response();
            assert_eq!((response.status, response.field("Connection")), (406, Some("close")));
            if waits {
                peer.say(vec![b'x'; bytes]);
            }
            peer.hear_end();
        }
    }
}
