//! WebSocket as a dialogue: frames there and back, and how a socket ends.

use crate::peer::{BINARY, CLOSE, PING, PONG, Peer, TEXT, closing, masked};
use crate::server::{Server, wait_until};
use std::io::Write;
use std::time::{Duration, Instant};

fn socket(server: &Server, path: &str) -> Peer {
    let mut peer = server.connect();
    peer.shake_hands(path);
    peer
}

#[test]
fn every_message_comes_back() {
    let server = Server::start(&[]);
    let mut peer = socket(&server, "/echo");
    for length in [0, 1, 125, 126, 127, 65535, 65536, 300_000, 5_000_000] {
        let payload: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        peer.say_frame(BINARY, &payload);
        peer.hear_message(BINARY, &payload);
    }
    for text in ["", "Hello", "κόσμε", "\u{10ffff}", &"é".repeat(70_000)] {
        peer.say_frame(TEXT, text);
        peer.hear_message(TEXT, text);
    }
}

#[test]
fn a_long_message_comes_back_while_it_comes() {
    let server = Server::start(&["--passed-bytes-min", "1000", "--message-bytes-max", "9000"]);
    let mut peer = socket(&server, "/echo");
    let text = "é".repeat(2000);
    let said = masked(TEXT, text.as_bytes());
    // Cut through a character; the rest waits until the front is heard.
    peer.say(&said[..8 + 2001]);
    peer.hear_frame(0x01, &text.as_bytes()[..2001]);
    peer.say(&said[8 + 2001..]);
    peer.hear_frame(0x80, &text.as_bytes()[2001..]);
    // Only its own first frame says whether a message is long.
    peer.say_frame(0x02, [7; 1000]);
    peer.hear_frame(0x02, [7; 1000]);
    peer.say_frame(PING, "p");
    peer.hear_frame(PONG, "p");
    peer.say_frame(0x80, "end");
    peer.hear_frame(0x80, "end");
    peer.say_frame(0x02, [7; 999]);
    peer.say_frame(0x80, [7; 1001]);
    peer.hear_frame(BINARY, [7; 2000]);

    // What has been passed on is judged all the same.
    peer.say_frame(0x01, text.as_bytes());
    peer.hear_frame(0x01, text.as_bytes());
    peer.say_frame(0x80, b"\xff");
    peer.hear_close(1007);
    let mut peer = socket(&server, "/echo");
    peer.say_frame(0x02, [7; 5000]);
    peer.hear_frame(0x02, [7; 5000]);
    peer.say_frame(0x80, [7; 4001]);
    peer.hear_close(1009);
}

/// What the socket does not take at once is written later, in order, and nothing is read meanwhile.
#[test]
fn a_slow_reader_gets_a_long_message_whole() {
    let server = Server::start(&[]);
    let mut peer = socket(&server, "/echo");
    let payload: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let said = [masked(BINARY, &payload), masked(TEXT, b"between")].concat().repeat(10);
    let mut writer = peer.stream().try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&said).unwrap());
    std::thread::sleep(Duration::from_millis(300));
    assert!(!writing.is_finished(), "what is not read must not be taken");
    for _ in 0..10 {
        peer.hear_message(BINARY, &payload);
        peer.hear_frame(TEXT, "between");
    }
    writing.join().unwrap();
}

#[test]
fn fragments_are_joined_with_a_ping_between() {
    let server = Server::start(&[]);
    let mut peer = socket(&server, "/echo");
    peer.say_frame(0x01, "caf\u{e9}".as_bytes().split_at(4).0);
    peer.say_frame(PING, "p");
    peer.hear_frame(PONG, "p");
    peer.say_frame(0x00, "");
    peer.say_frame(0x80, [0xa9]);
    peer.hear_frame(TEXT, "café");
    let mut tiny = masked(0x02, b"");
    for _ in 0..100_000 {
        tiny.extend(masked(0x00, b""));
    }
    peer.say([tiny, masked(0x80, b"end")].concat());
    peer.hear_frame(BINARY, "end");
}

#[test]
fn frames_may_come_byte_by_byte() {
    let server = Server::start(&[]);
    let mut peer = socket(&server, "/echo");
    let said =
        [masked(0x01, b"Hel"), masked(PING, b"p"), masked(0x80, b"lo"), masked(BINARY, &[7; 130])].concat();
    for byte in &said {
        peer.say([*byte]);
    }
    peer.hear_frame(PONG, "p");
    peer.hear_frame(TEXT, "Hello");
    peer.hear_frame(BINARY, [7; 130]);
    for cut in 1..said.len() {
        peer.say(&said[..cut]);
        peer.say(&said[cut..]);
        peer.hear_frame(PONG, "p");
        peer.hear_frame(TEXT, "Hello");
        peer.hear_frame(BINARY, [7; 130]);
    }
}

#[test]
fn a_ping_is_answered_with_its_payload() {
    let server = Server::start(&[]);
    for path in ["/echo", "/ws", "/rpc"] {
        let mut peer = socket(&server, path);
        if path == "/ws" {
            peer.frame();
        }
        for payload in ["", "p", &"x".repeat(125)] {
            peer.say_frame(PING, payload);
            let heard = loop {
                match peer.frame() {
                    (TEXT, _) if path == "/ws" => {}
                    heard => break heard,
                }
            };
            assert_eq!(heard, (PONG, payload.as_bytes().to_vec()));
        }
        peer.say_frame(PONG, "unasked");
        peer.say_frame(CLOSE, "");
        assert!(matches!(peer.frame(), (CLOSE, body) if body.is_empty()));
    }
}

#[test]
fn a_close_is_answered_with_its_code() {
    let server = Server::start(&[]);
    for code in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        let mut peer = socket(&server, "/echo");
        peer.say([masked(CLOSE, &closing(code, "bye")), masked(TEXT, b"not heard any more")].concat());
        assert_eq!(peer.hear_close(code), "");
        peer.hear_end();
    }
    let mut peer = socket(&server, "/echo");
    peer.say_frame(CLOSE, "");
    peer.hear_frame(CLOSE, "");
    peer.hear_end();
    let mut peer = socket(&server, "/echo");
    peer.say_frame(TEXT, "last");
    peer.end();
    peer.hear_frame(TEXT, "last");
    peer.hear_end();
}

#[test]
fn a_broken_rule_has_its_close_code() {
    let server = Server::start(&["--message-bytes-max", "1000"]);
    let zero_key = |head: &[u8], payload: &[u8]| [head, &[0; 4], payload].concat();
    let close = |body: &[u8]| masked(CLOSE, body);
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("not masked", b"\x81\x02hi".to_vec(), 1002),
        ("not masked, and empty", b"\x81\x00".to_vec(), 1002),
        ("the first reserved bit", masked(0xc1, b"x"), 1002),
        ("the second", masked(0xa1, b"x"), 1002),
        ("the third", masked(0x91, b"x"), 1002),
        ("an opcode of data that is none", masked(0x83, b""), 1002),
        ("an opcode of control that is none", masked(0x8b, b""), 1002),
        ("a length of 16 bits that fits 7", zero_key(b"\x82\xfe\x00\x7d", &[0; 125]), 1002),
        ("a length of 64 bits that fits 16", zero_key(b"\x82\xff\0\0\0\0\0\0\x01\0", &[0; 256]), 1002),
        ("a length of 64 bits with the top one", zero_key(b"\x82\xff\x80\0\0\0\0\0\0\0", b""), 1002),
        ("the longest length", zero_key(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", b""), 1009),
        ("a long ping", masked(PING, &[b'x'; 126]), 1002),
        ("a ping in fragments", masked(0x09, b"x"), 1002),
        ("a close in fragments", masked(0x08, b""), 1002),
        ("a continuation of nothing", masked(0x80, b"x"), 1002),
        ("a message inside a message", [masked(0x01, b"x"), masked(0x81, b"y")].concat(), 1002),
        ("text that is no UTF-8", masked(TEXT, b"\xff"), 1007),
        ("half a character", masked(TEXT, b"\xc3"), 1007),
        ("a surrogate", masked(TEXT, b"\xed\xa0\x80"), 1007),
        ("a character in too many bytes", masked(TEXT, b"\xc0\xaf"), 1007),
        ("no UTF-8, seen before the end", masked(0x01, b"x\xff"), 1007),
        ("a character cut by an end", [masked(0x01, b"\xe2\x82"), masked(0x80, b"x")].concat(), 1007),
        ("a long message", masked(TEXT, &[b'x'; 1001]), 1009),
        ("a length alone that is too long", zero_key(b"\x82\xfe\x03\xe9", b""), 1009),
        (
            "fragments that are long together",
            [masked(0x02, &[0; 600]), masked(0x80, &[0; 600])].concat(),
            1009,
        ),
        ("a close of one byte", close(b"\x03"), 1002),
        ("close code 0", close(&closing(0, "")), 1002),
        ("close code 999", close(&closing(999, "")), 1002),
        ("close code 1004", close(&closing(1004, "")), 1002),
        ("close code 1005", close(&closing(1005, "")), 1002),
        ("close code 1006", close(&closing(1006, "")), 1002),
        ("close code 1015", close(&closing(1015, "")), 1002),
        ("close code 2999", close(&closing(2999, "")), 1002),
        ("close code 5000", close(&closing(5000, "")), 1002),
        ("a reason that is no UTF-8", close(b"\x03\xe8\xff"), 1007),
    ];
    let mut bystander = socket(&server, "/echo");
    for (what, bytes, code) in cases {
        for path in ["/echo", "/rpc"] {
            let mut peer = socket(&server, path);
            peer.try_to_say([&bytes, &masked(TEXT, b"not heard")[..]].concat());
            let (first, payload) = peer.frame();
            assert_eq!((first, payload.get(..2)), (CLOSE, Some(&code.to_be_bytes()[..])), "{what}");
            peer.hear_end();
        }
        bystander.say_frame(TEXT, what);
        bystander.hear_frame(TEXT, what);
    }
}

#[test]
fn a_broken_rule_is_logged() {
    let server = Server::start(&[]);
    let mut peer = socket(&server, "/echo");
    peer.say(b"\x81\x02hi");
    peer.hear_close(1002);
    wait_until("it is logged", || server.log().contains("a client must mask its frames"));
}

/// Closes, or breaks a rule; then goes on for a while, as one who has not heard yet.
#[test]
fn what_comes_after_the_end_is_dropped_and_not_answered_with_a_reset() {
    let server = Server::start(&[]);
    let more = masked(TEXT, &[b'x'; 1000]).repeat(10_000);
    for (last, code) in [(masked(CLOSE, &closing(1000, "")), 1000), (b"\x81\x02hi".to_vec(), 1002)] {
        let mut peer = socket(&server, "/echo");
        peer.say([last, more.clone()].concat());
        peer.hear_close(code);
        // The server ends its side first, and at once.
        peer.hear_end();
        peer.say(&more);
        peer.end();
    }
}

#[test]
fn after_a_close_no_ping_is_answered() {
    let server = Server::start(&[]);
    let mut peer = socket(&server, "/echo");
    peer.say([masked(CLOSE, &closing(1000, "")), masked(PING, b"p")].concat());
    peer.hear_close(1000);
    peer.hear_end();
}

#[test]
fn behind_our_close_a_ping_is_answered_and_a_message_is_not() {
    let mut server = Server::start(&[]);
    let mut peer = socket(&server, "/echo");
    server.signal("TERM");
    peer.hear_close(1001);
    peer.say([masked(TEXT, b"not heard"), masked(PING, b"there?"), masked(BINARY, b"nor this")].concat());
    peer.hear_frame(PONG, "there?");
    peer.say_frame(CLOSE, closing(1001, ""));
    peer.hear_end();
    drop(peer);
    assert_eq!(server.wait_exit().0.code(), Some(0));
}

#[test]
fn two_closes_that_cross_are_one_each() {
    for _ in 0..10 {
        let mut server = Server::start(&[]);
        let mut peer = socket(&server, "/echo");
        server.signal("TERM");
        peer.say_frame(CLOSE, closing(4000, ""));
        // Whichever was first, the server says one close, and then ends.
        let (first, payload) = peer.frame();
        assert!(first == CLOSE && (payload == closing(1001, "") || payload == closing(4000, "")));
        peer.hear_end();
        drop(peer);
        assert_eq!(server.wait_exit().0.code(), Some(0));
    }
}

#[test]
fn who_does_not_answer_a_close_is_dropped() {
    let mut server = Server::start(&["--close-seconds", "0.3", "--drain-seconds", "60"]);
    let mut peer = socket(&server, "/echo");
    server.signal("TERM");
    peer.hear_close(1001);
    peer.say_frame(PING, "are you still there");
    peer.hear_frame(PONG, "are you still there");
    peer.hear_end();
    assert_eq!(server.wait_exit().0.code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn who_does_not_end_its_stream_is_dropped() {
    let server = Server::start(&["--close-seconds", "0.3", "--loops", "1"]);
    server.get("/healthz");
    let before = server.descriptors();
    let mut peers = [masked(CLOSE, b""), b"\x81\x02hi".to_vec()].map(|last| {
        let mut peer = socket(&server, "/echo");
        peer.say(last);
        peer
    });
    for peer in &mut peers {
        assert_eq!(peer.frame().0, CLOSE);
        peer.hear_end();
    }
    wait_until("both are dropped, though they are still there", || server.descriptors() == before);
}

#[test]
fn calls_are_no_binary_messages() {
    let server = Server::start(&[]);
    let mut peer = socket(&server, "/rpc");
    peer.say_frame(BINARY, "{}");
    assert_eq!(peer.hear_close(1003), "calls are text messages, and a binary one came");
    peer.hear_end();
}

#[test]
#[cfg(target_os = "linux")]
fn a_flood_of_pings_leaves_the_socket_open() {
    let server = Server::start(&[]);
    let before = server.resident_bytes();
    let mut peer = socket(&server, "/echo");
    let flood = masked(PING, &[b'p'; 125]).repeat(50_000);
    let mut speaker = peer.stream().try_clone().unwrap();
    let speaking = std::thread::spawn(move || {
        use std::io::Write;
        speaker.write_all(&flood).unwrap();
        speaker.write_all(&masked(TEXT, b"still here")).unwrap();
    });
    let heard = loop {
        match peer.frame() {
            (PONG, payload) => assert_eq!(payload, [b'p'; 125]),
            other => break other,
        }
    };
    assert_eq!(heard, (TEXT, b"still here".to_vec()));
    speaking.join().unwrap();
    assert!(server.resident_bytes() < before + (16 << 20));
}

#[test]
fn a_silent_peer_is_pinged_and_then_given_up() {
    let server = Server::start(&["--idle-seconds", "0.2", "--pong-seconds", "0.2", "--close-seconds", "0.2"]);
    let mut peer = socket(&server, "/echo");
    for _ in 0..2 {
        peer.hear_frame(PING, "");
        peer.say_frame(PONG, "");
    }
    peer.hear_frame(PING, "");
    peer.hear_close(1001);
    peer.hear_end();
}

#[test]
fn an_unfinished_message_is_given_up() {
    let server = Server::start(&["--body-seconds", "0.2"]);
    for unfinished in [masked(0x01, b"x"), masked(TEXT, b"Hello")[..7].to_vec()] {
        let mut peer = socket(&server, "/echo");
        peer.say(unfinished);
        peer.hear_close(1008);
        peer.hear_end();
    }
}

#[test]
fn who_is_heard_is_not_given_up() {
    let server = Server::start(&["--idle-seconds", "0.5", "--body-seconds", "0.4", "--pong-seconds", "0.4"]);
    let mut echo = socket(&server, "/echo");
    let mut calls = socket(&server, "/rpc");
    for _ in 0..8 {
        echo.say_frame(0x01, "Hel");
        echo.say_frame(0x80, "lo");
        echo.hear_frame(TEXT, "Hello");
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"post","params":{"path":"/tasks","body":{}}}"#;
        assert_eq!(calls.call(format!("[{call}]"))[0]["result"]["status"], 201);
        assert!(echo.hears_nothing_for(Duration::from_millis(100)));
        assert!(calls.hears_nothing_for(Duration::from_millis(1)));
    }
    for peer in [&mut echo, &mut calls] {
        peer.hear_frame(PING, "");
        peer.hear_close(1001);
        peer.hear_end();
    }
}

#[test]
fn the_clock_is_heard_at_once_and_then_every_second() {
    let server = Server::start(&["--loops", "1"]);
    let mut peers: Vec<Peer> = (0..2).map(|_| server.connect()).collect();
    for peer in &mut peers {
        // A quiet moment, so that a second begins with this visitor.
        assert!(peer.hears_nothing_for(Duration::from_millis(1100)));
        peer.shake_hands("/ws");
        let mut last = time_of(peer.frame());
        for _ in 0..2 {
            let next = time_of(peer.frame());
            assert_eq!(next, (last + 1) % 86_400, "seconds of the day");
            last = next;
        }
        peer.say_frame(TEXT, "what is said to the clock is passed over");
        peer.say_frame(CLOSE, closing(1000, ""));
        while peer.frame().0 != CLOSE {}
        peer.hear_end();
    }
}

#[test]
fn whoever_comes_to_the_clock_hears_it_at_once() {
    let server = Server::start(&["--loops", "1"]);
    let began = Instant::now();
    for _ in 0..5 {
        time_of(socket(&server, "/ws").frame());
    }
    assert!(began.elapsed() < Duration::from_secs(2), "each waited for the next second");
}

/// Seconds of the day.
#[track_caller]
fn time_of((first, payload): (u8, Vec<u8>)) -> u32 {
    assert_eq!(first, TEXT);
    let text = String::from_utf8(payload).unwrap();
    let time = text.strip_prefix("The time is: ").expect("it says what it is");
    assert_eq!(time.len(), "HH:MM:SS".len());
    time.split(':').fold(0, |seconds, part| seconds * 60 + part.parse::<u32>().unwrap())
}
