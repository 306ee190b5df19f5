//! Peers that mean ill, or nothing at all, in numbers; and what everybody else notices of them.
#![cfg(target_os = "linux")]

use crate::peer::{BINARY, CLOSE, PING, PONG, Peer, TEXT, closing, handshake, masked, uninterrupted};
use crate::server::{Server, wait_until};
use std::io::{ErrorKind, Read, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// More than any kernel keeps for a peer that does not read.
const FLOOD_BYTES: usize = 32 << 20;

const GET: &str = "GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n";

fn post(length: usize) -> String {
    format!("POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

fn socket(server: &Server, path: &str) -> Peer {
    let mut peer = server.connect();
    peer.shake_hands(path);
    peer
}

/// Ends with a reset, whatever was read.
fn reset(peer: Peer) {
    socket2::SockRef::from(peer.stream()).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Speaks until the peer takes no more for a while. How many bytes that were.
fn say_until_full(peer: &Peer, words: &[u8]) -> usize {
    let mut speaker = peer.stream();
    speaker.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let (mut at, mut said) = (0, 0);
    while said < FLOOD_BYTES {
        match uninterrupted(|| speaker.write(&words[at..])) {
            Ok(bytes) => (at, said) = ((at + bytes) % words.len(), said + bytes),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
    }
    said
}

/// Says all of it from a thread of its own, while the test listens.
fn say_meanwhile(peer: &Peer, words: Vec<u8>) -> thread::JoinHandle<()> {
    let mut speaker = peer.stream().try_clone().unwrap();
    thread::spawn(move || speaker.write_all(&words).unwrap())
}

#[test]
fn a_good_client_beside_ten_thousand_others_is_answered() {
    // Their sockets are files of this process, and the server's of that one.
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let limit = Command::new("sh").args(["-c", "ulimit -n"]).output().unwrap().stdout;
    let limit = String::from_utf8(limit).unwrap().trim().parse().unwrap_or(usize::MAX);
    let others = limit.saturating_sub(1000).min(10_000);
    if others < 10_000 {
        eprintln!("only {limit} files may be open here: {others} peers instead of 10000");
    }
    let long = ["--head-seconds", "100", "--body-seconds", "100", "--keep-alive-seconds", "100"];
    let server = Server::start(&[&long[..], &["--write-stall-seconds", "100"]].concat());
    let flood = masked(PING, &[b'p'; 125]).repeat(2000);
    let began = Instant::now();
    let mut peers: Vec<Peer> = Vec::new();
    for n in 0..others {
        let mut peer = server.connect();
        match n % 10 {
            0 => {}                                 // says nothing
            1 => peer.say(&GET[..20]),              // half a head
            2 => peer.say(post(1_000_000) + "\"x"), // a little of a body
            3 => peer.say(GET),                     // asks, and does not read
            4 => peer.say(handshake("/echo")),      // an idle socket
            5 => peer.say(handshake("/ws")),        // hears the time, and does not read
            6 => peer.say([handshake("/echo").as_bytes(), &masked(0x01, b"x")].concat()),
            7 => peer.say([handshake("/echo").as_bytes(), b"\x82\xff\0\0\0\0\0\xff\xff\xff"].concat()),
            8 => peer.say([handshake("/rpc").as_bytes(), b"\x81\x05Hello"].concat()), // breaks a rule, and stays
            _ => peer.say("GET / HTTP/9.9\r\n\r\n"),                                  // the same over HTTP
        }
        peers.push(peer);
    }
    let least = others * 3 / 4;
    wait_until("most of them are here", || server.descriptors() > least);
    let bytes_each = server.resident_bytes() / others.max(1);
    eprintln!("{others} peers after {:?}, {bytes_each} bytes of memory each", began.elapsed());

    // Some of them never stop.
    let over = AtomicBool::new(false);
    let worst = thread::scope(|scope| {
        for n in 0..4 {
            let peer = socket(&server, "/echo");
            let (flood, over, server) = (&flood, &over, &server);
            scope.spawn(move || {
                peer.stream().set_write_timeout(Some(Duration::from_millis(20))).unwrap();
                let mut at = 0;
                while !over.load(Ordering::Relaxed) {
                    if n == 0 {
                        reset(server.connect());
                    } else if let Ok(bytes) = peer.stream().write(&flood[at..]) {
                        at = (at + bytes) % flood.len();
                    }
                }
            });
        }
        let mut worst = Duration::ZERO;
        let mut good = socket(&server, "/rpc");
        for n in 0..20 {
            let began = Instant::now();
            assert_eq!(server.get("/healthz"), "alive\n");
            let call = r#"{"jsonrpc":"2.0","id":1,"method":"post","params":{"path":"/tasks","body":{}}}"#;
            assert_eq!(good.call(call)["result"]["status"], 201, "call {n}");
            worst = worst.max(began.elapsed());
        }
        over.store(true, Ordering::Relaxed);
        worst
    });
    eprintln!("two answers took {worst:?} at the most");
}

#[test]
fn idle_peers_cost_next_to_nothing() {
    let server = Server::start(&["--loops", "1"]);
    let mut peers: Vec<Peer> = (0..500).map(|_| server.connect()).collect();
    for (n, peer) in peers.iter_mut().enumerate() {
        match n % 2 {
            0 => peer.say(GET),
            _ => peer.say(handshake("/echo")),
        }
        peer.response();
    }
    let before = server.processor_time();
    // Not a wait for something: so long is measured what they cost.
    thread::sleep(Duration::from_millis(500));
    let spent = server.processor_time() - before;
    assert!(spent <= Duration::from_millis(20), "{spent:?} of processor time in 500 ms");
}

#[test]
fn pongs_that_nobody_reads_cost_no_memory() {
    let server = Server::start(&["--loops", "1"]);
    let before = server.resident_bytes();
    let mut peer = socket(&server, "/echo");
    let said = say_until_full(&peer, &masked(PING, &[b'p'; 125]).repeat(1000));
    assert!(said >= FLOOD_BYTES, "pings are read on, though no pong is: {said}");
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
    // What was cut in the last of them is of no matter: it is ended, and the newest answered.
    let frame = masked(PING, &[b'p'; 125]);
    peer.say(&frame[said % frame.len()..]);
    peer.say([masked(PING, b"the newest"), masked(TEXT, b"still here")].concat());
    let mut pongs = 0;
    let (mut newest, mut echo) = (false, false);
    while !(newest && echo) {
        match peer.frame() {
            (PONG, payload) if payload == b"the newest" => newest = true,
            (PONG, _) => pongs += 1,
            (TEXT, payload) => echo = payload == b"still here",
            other => panic!("{other:?}"),
        }
    }
    assert!(pongs < 100_000, "{pongs} pongs for {} pings", said / frame.len());
}

#[test]
fn pongs_that_nobody_asked_for_are_passed_over() {
    let server = Server::start(&[]);
    let mut peer = socket(&server, "/echo");
    let speaking = say_meanwhile(&peer, [masked(PONG, b"x").repeat(200_000), masked(TEXT, b"end")].concat());
    peer.hear_frame(TEXT, "end");
    speaking.join().unwrap();
}

#[test]
fn a_flood_of_tiny_messages_is_answered() {
    let server = Server::start(&[]);
    let before = server.resident_bytes();
    let mut peer = socket(&server, "/echo");
    let speaking =
        say_meanwhile(&peer, [masked(TEXT, b"x").repeat(200_000), masked(BINARY, b"end")].concat());
    for _ in 0..200_000 {
        peer.hear_frame(TEXT, "x");
    }
    peer.hear_frame(BINARY, "end");
    speaking.join().unwrap();
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
}

#[test]
fn empty_fragments_cost_no_memory() {
    let server = Server::start(&["--loops", "1"]);
    let mut bystander = socket(&server, "/echo");
    let before = server.resident_bytes();
    let mut peer = socket(&server, "/echo");
    peer.say_frame(0x01, "one");
    let speaking = say_meanwhile(&peer, masked(0x00, b"").repeat(500_000));
    for _ in 0..20 {
        bystander.say_frame(TEXT, "and me?");
        bystander.hear_frame(TEXT, "and me?");
    }
    speaking.join().unwrap();
    peer.say_frame(0x80, " message");
    peer.hear_frame(TEXT, "one message");
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
}

#[test]
fn a_slow_reader_gets_everything_and_is_not_given_up() {
    let server = Server::start(&["--write-stall-seconds", "0.5", "--loops", "1"]);
    let mut peer = socket(&server, "/echo");
    let message: Vec<u8> = (0..12_000_000).map(|n| (n % 251) as u8).collect();
    // It says all before it listens, though its message goes back meanwhile.
    let said = masked(BINARY, &message);
    let (front, back) = said.split_at(9_000_000);
    peer.say(front);
    thread::sleep(Duration::from_secs(1));
    peer.say(back);
    let began = Instant::now();
    let (mut heard, mut last) = (Vec::new(), false);
    while !last {
        let (first, part) = peer.frame();
        last = first & 0x80 != 0;
        for _ in part.chunks(100_000) {
            thread::sleep(Duration::from_millis(10));
        }
        heard.extend(part);
    }
    assert!(heard == message, "and it is what was said");
    assert!(began.elapsed() > Duration::from_millis(500), "slower than the wait: {:?}", began.elapsed());
    peer.say_frame(TEXT, "still here");
    peer.hear_frame(TEXT, "still here");
}

#[test]
fn a_reset_is_noticed_in_every_state() {
    let waits = ["--head-seconds", "--body-seconds", "--write-stall-seconds", "--close-seconds"];
    let flags: Vec<&str> = waits.iter().flat_map(|wait| [wait, "300"]).chain(["--loops", "1"]).collect();
    let server = Server::start(&flags);
    server.get("/healthz");
    let before = server.descriptors();
    let item = format!("\"{}\"", "x".repeat(900_000));
    let mut states: Vec<(&str, Peer)> = Vec::new();
    let mut with = |state, words: &[u8]| {
        let mut peer = server.connect();
        peer.say(words);
        states.push((state, peer));
    };
    let socket = |path: &str, words: &[u8]| [handshake(path).as_bytes(), words].concat();
    with("nothing said", b"");
    with("half a head", &GET.as_bytes()[..10]);
    with("half a body", (post(20) + "\"x").as_bytes());
    with("half a chunk", b"POST /tasks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n\"x");
    with(
        "asked to go on",
        b"PUT /tasks/c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
    );
    with("kept", GET.as_bytes());
    with("a large item", (post(item.len()) + &item).as_bytes());
    with("a refusal, lingering", b"GET / HTTP/9.9\r\n\r\nmore");
    with("a socket", &socket("/echo", b""));
    with("half a header", &socket("/echo", &masked(TEXT, b"Hello")[..4]));
    with("half a frame", &socket("/echo", &masked(TEXT, b"Hello")[..8]));
    with("between fragments", &socket("/echo", &masked(0x01, b"Hello")));
    with("the clock", &socket("/ws", b""));
    with("a broken rule, lingering", &socket("/rpc", b"\x81\x05Hello"));
    with("closed, lingering", &socket("/echo", &masked(CLOSE, &closing(1000, ""))));
    let stuck = self::socket(&server, "/echo");
    say_until_full(&stuck, &masked(BINARY, &[7; 100_000]));
    states.push(("does not read, and is not read", stuck));
    wait_until("all are here", || server.descriptors() == before + states.len());
    server.get("/tasks");
    for (left, (state, peer)) in states.into_iter().enumerate().rev() {
        reset(peer);
        wait_until(state, || server.descriptors() == before + left);
    }
    let before = server.processor_time();
    // Not a wait for something: so long is measured what they have left behind.
    thread::sleep(Duration::from_millis(200));
    assert!(server.processor_time() - before <= Duration::from_millis(20));
}

#[test]
fn ten_kibibytes_cost_no_mebibyte_and_no_hundred_times_the_work() {
    const SIZE: usize = 10 << 10;
    let sized = |fields: &str, body: &str| {
        let length = body.len();
        format!("PUT /tasks/a HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    };
    let field = |name: &str, members: &str| {
        let times = (SIZE - 100) / members.len();
        format!("GET /tasks HTTP/1.1\r\nHost: a\r\n{name}: {}x\r\n\r\n", members.repeat(times)).into_bytes()
    };
    let chunks = "POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()
        + &"1\r\n \r\n".repeat(SIZE / 6)
        + "0\r\n\r\n";
    let call = |text: &str| masked(TEXT, text.as_bytes());
    let many = |text: &str| format!("[{}{text}]", format!("{text},").repeat(SIZE / (text.len() + 1)));
    let nested = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"post","params":{{"path":"/tasks","body":{}"#,
        "[".repeat(SIZE)
    );
    let dear: Vec<(&str, &str, Vec<u8>)> = vec![
        ("pings", "/rpc", masked(PING, b"").repeat(SIZE / 6)),
        (
            "empty fragments",
            "/rpc",
            [masked(1, b""), masked(0, b"").repeat(SIZE / 6), masked(0x80, b"")].concat(),
        ),
        ("tiny messages", "/rpc", call("1").repeat(SIZE / 7)),
        ("a batch of nothing", "/rpc", call(&many("1"))),
        (
            "a batch of calls",
            "/rpc",
            call(&many(r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/"}}"#)),
        ),
        ("nested arrays", "/rpc", call(&nested)),
        ("requests", "", "GET /tasks/9 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(SIZE / 36).into_bytes()),
        (
            "empty fields",
            "",
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a:\r\n".repeat(SIZE / 4)).into_bytes(),
        ),
        ("a list of media types", "", field("Accept", "a/b;q=0.1,")),
        ("a list of tags", "", field("If-None-Match", "\"3f9c2a7b-1\",")),
        ("a list of nothing", "", field("Connection", ",")),
        ("quotes", "", field("Accept", "\"\\")),
        ("tiny chunks", "", chunks.into_bytes()),
        ("nested objects", "", sized("", &"{\"a\":".repeat(SIZE / 5))),
        ("escapes", "", sized("", &format!("\"{}\"", "\\u00e9".repeat(SIZE / 6)))),
        ("one name", "", sized("", &format!("{{{}\"a\":1}}", "\"a\":1,".repeat(SIZE / 6)))),
        (
            "many names",
            "",
            sized(
                "",
                &format!("{{{}\"a\":1}}", (0..SIZE / 10).map(|n| format!("\"{n}\":0,")).collect::<String>()),
            ),
        ),
    ];
    let server = Server::start(&["--loops", "1"]);
    // A peer sends it again and again on connections of its own, reads what is answered, and says no more.
    let cost = |path: &str, words: &[u8], times: usize| {
        let before = server.processor_time();
        for _ in 0..times {
            let mut peer = server.connect();
            if !path.is_empty() {
                peer.shake_hands(path);
            }
            let speaking = say_meanwhile(&peer, words.to_vec());
            speaking.join().unwrap();
            peer.end();
            let mut reader = peer.stream();
            let _ = reader.read_to_end(&mut Vec::new());
        }
        server.processor_time() - before
    };
    let plain = sized("", &format!("\"{}\"", "x".repeat(SIZE)));
    let cheap = cost("", &plain, 100).max(Duration::from_millis(10));
    for (what, path, words) in &dear {
        let spent = cost(path, words, 20);
        assert!(
            spent < 100 * cheap / 5,
            "{what}: {spent:?}, where 20 of the plain ones take {:?}",
            cheap / 5
        );

        // And many at a time, all but whole, and held.
        let before = server.resident_bytes();
        let hold = |_| {
            let mut peer = server.connect();
            if !path.is_empty() {
                peer.shake_hands(path);
            }
            peer.try_to_say(&words[..words.len() - 1]);
            peer
        };
        let peers: Vec<Peer> = (0..50).map(hold).collect();
        server.get("/healthz");
        let grown = server.resident_bytes().saturating_sub(before);
        assert!(grown < 50 << 20, "{what}: {grown} bytes for 50 peers");
        drop(peers);
    }
}
