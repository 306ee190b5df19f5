//! Messages made shorter where both agreed to that (RFC 7692).

use crate::peer::{BINARY, Peer, TEXT, closing, handshake, masked};
use crate::server::Server;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::{Value, json};

const DEFLATED_TEXT: u8 = TEXT | 0x40;
const DEFLATED_BINARY: u8 = BINARY | 0x40;
const ALONE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Shakes hands with these extensions offered; what was agreed on.
#[track_caller]
fn offer(peer: &mut Peer, path: &str, offers: &str) -> Option<String> {
    let field = format!("Sec-WebSocket-Extensions: {offers}\r\n\r\n");
    peer.say(handshake(path).replace("\r\n\r\n", &format!("\r\n{field}")));
    let response = peer.response();
    assert_eq!(response.status, 101);
    response.field("Sec-WebSocket-Extensions").map(str::to_owned)
}

#[track_caller]
fn deflating(server: &Server, path: &str) -> Peer {
    let mut peer = server.connect();
    assert!(offer(&mut peer, path, "permessage-deflate; client_max_window_bits").is_some());
    peer
}

fn deflate(stream: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 100);
    stream.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
    assert!(out.ends_with(b"\0\0\xff\xff") && out.len() < out.capacity());
    out.truncate(out.len() - 4);
    out
}

fn inflate(stream: &mut Decompress, payload: &[u8], length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 1);
    for part in [payload, b"\0\0\xff\xff"] {
        stream.decompress_vec(part, &mut out, FlushDecompress::Sync).unwrap();
    }
    out
}

fn fresh() -> (Compress, Decompress) {
    (Compress::new(Compression::new(6), false), Decompress::new(false))
}

#[test]
fn compression_is_agreed_on_when_it_is_offered_well() {
    let server = Server::start(&[]);
    let table = [
        ("permessage-deflate", Some(ALONE)),
        ("permessage-deflate; client_max_window_bits=\"10\"", Some(ALONE)),
        ("x-other, permessage-deflate; bogus, permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=010", None),
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=9",
            Some(
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_no_context_takeover",
            ),
        ),
        ("permessage-deflate; bogus\r\nSec-WebSocket-Extensions: permessage-deflate", Some(ALONE)),
    ];
    for (offers, agreed) in table {
        let mut peer = server.connect();
        assert_eq!(offer(&mut peer, "/echo", offers).as_deref(), agreed, "{offers}");
        peer.say_frame(TEXT, "Hello");
        peer.hear_frame(TEXT, "Hello");
    }
    let off = Server::start(&["--compression", "off"]);
    let mut peer = off.connect();
    assert_eq!(offer(&mut peer, "/echo", "permessage-deflate"), None);
    peer.say_frame(DEFLATED_TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    peer.hear_close(1002);
    peer.hear_end();
}

#[test]
fn an_echo_comes_back_compressed_from_the_threshold_on() {
    let server = Server::start(&["--compression-threshold-bytes", "100"]);
    let mut peer = deflating(&server, "/echo");
    for (length, first) in [(0, TEXT), (99, TEXT), (100, DEFLATED_TEXT), (100_000, DEFLATED_TEXT)] {
        let (message, (mut ours, mut theirs)) = ("Buy milk. ".repeat(length / 10 + 1), fresh());
        let message = &message.as_bytes()[..length];
        peer.say_frame(DEFLATED_TEXT, deflate(&mut ours, message));
        let (heard, payload) = peer.frame();
        assert_eq!(heard, first, "{length} bytes");
        if heard == TEXT {
            assert_eq!(payload, message);
        } else {
            assert!(payload.len() < length / 2);
            assert_eq!(inflate(&mut theirs, &payload, length), message);
        }
        // One that is not compressed may come in between; the answer is compressed all the same.
        peer.say_frame(BINARY, message);
        let (heard, payload) = peer.frame();
        assert_eq!(heard & !0x40, BINARY);
        assert!(payload == message || heard == DEFLATED_BINARY);
    }
    peer.say_frame(0x89, "never compressed");
    peer.hear_frame(0x8a, "never compressed");
    peer.say_frame(0x88, closing(1000, ""));
    peer.hear_close(1000);
    peer.hear_end();
}

#[test]
fn a_compressed_message_may_come_in_fragments_with_a_ping_between() {
    let server = Server::start(&[]);
    let mut peer = deflating(&server, "/echo");
    peer.say_frame(0x41, b"\xf2\x48\xcd");
    peer.say_frame(0x89, "?");
    peer.hear_frame(0x8a, "?");
    peer.say_frame(0x80, b"\xc9\xc9\x07\x00");
    peer.hear_frame(TEXT, "Hello");
    // After a final block another message begins.
    for _ in 0..2 {
        peer.say_frame(DEFLATED_TEXT, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00");
        peer.hear_frame(TEXT, "Hello");
    }
    peer.say_frame(0x41, b"\xf2\x48\xcd");
    peer.say_frame(0xc0, b"\xc9\xc9\x07\x00");
    peer.hear_close(1002);
    peer.hear_end();
}

#[test]
fn what_is_wrong_with_a_compressed_message_is_told() {
    let server = Server::start(&["--message-bytes-max", "1000"]);
    let latin = deflate(&mut fresh().0, b"caf\xe9 ".repeat(10).as_slice());
    let long = deflate(&mut fresh().0, &[b'x'; 1001]);
    let cases = [
        (DEFLATED_TEXT, b"\xff".to_vec(), 1007),
        (DEFLATED_TEXT, b"\xf2\x00\x11\x00\x00".to_vec(), 1007),
        (DEFLATED_TEXT, latin, 1007),
        (DEFLATED_BINARY, long, 1009),
        (DEFLATED_BINARY, vec![0; 3000], 1009),
        (0xc9, Vec::new(), 1002),
        (0xc0, Vec::new(), 1002),
        (0xa1, Vec::new(), 1002),
    ];
    for (first, payload, code) in cases {
        let mut peer = deflating(&server, "/echo");
        peer.say_frame(first, &payload);
        peer.hear_close(code);
    }
}

#[test]
fn messages_refer_back_where_that_was_agreed_on() {
    let flags =
        ["--compression-takeover", "both", "--compression-threshold-bytes", "32", "--idle-seconds", "0.3"];
    let server = Server::start(&flags);
    let mut peer = server.connect();
    let agreed = offer(&mut peer, "/rpc", "permessage-deflate; server_max_window_bits=11");
    assert_eq!(agreed.as_deref(), Some("permessage-deflate; server_max_window_bits=11"));
    let (mut ours, mut theirs) = fresh();
    let mut lengths = Vec::new();
    let mut call = |peer: &mut Peer| -> Value {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "get", "params": {"path": "/tasks/none"}});
        peer.say_frame(DEFLATED_TEXT, deflate(&mut ours, call.to_string().as_bytes()));
        let (heard, payload) = loop {
            let (heard, payload) = peer.frame();
            match heard {
                0x89 => peer.say_frame(0x8a, payload),
                _ => break (heard, payload),
            }
        };
        assert_eq!(heard, DEFLATED_TEXT);
        lengths.push(payload.len());
        serde_json::from_slice(&inflate(&mut theirs, &payload, 1000)).unwrap()
    };
    for _ in 0..3 {
        assert_eq!(call(&mut peer)["error"]["code"], 404);
    }
    // Silent for a while, the server has given its window back and begins anew; the peer has kept ours.
    peer.hear_frame(0x89, "");
    peer.say_frame(0x8a, "");
    assert_eq!(call(&mut peer)["error"]["code"], 404);
    assert!(lengths[1] < lengths[0] / 4 && lengths[2] < lengths[0] / 4, "{lengths:?}");
    assert!(lengths[3] > lengths[0] / 2, "{lengths:?}");
}

#[test]
fn calls_and_batches_are_answered_compressed() {
    let server = Server::start(&[]);
    let mut peer = deflating(&server, "/rpc");
    let post = |n: u32| json!({"jsonrpc": "2.0", "id": n, "method": "post", "params": {"path": "/tasks", "body": "Buy milk"}});
    let batch: Vec<Value> = (0..50).map(post).collect();
    peer.say_frame(DEFLATED_TEXT, deflate(&mut fresh().0, Value::from(batch).to_string().as_bytes()));
    let (heard, payload) = peer.frame();
    assert_eq!(heard, DEFLATED_TEXT);
    let answers: Value = serde_json::from_slice(&inflate(&mut fresh().1, &payload, 100_000)).unwrap();
    assert_eq!(answers.as_array().unwrap().len(), 50);
    let one = peer.call(post(51).to_string());
    assert_eq!(one["result"]["location"], "/tasks/51");
}

/// 1 GiB of zeros: a block that refers to nothing before it, over and over.
fn bomb() -> Vec<u8> {
    let (zeros, mut block) = (vec![0; 1 << 20], Vec::with_capacity(1 << 20));
    fresh().0.compress_vec(&zeros, &mut block, FlushCompress::Full).unwrap();
    block.repeat(1024)
}

#[test]
#[cfg(target_os = "linux")]
fn a_bomb_goes_off_at_the_limit_in_bounded_memory() {
    let server = Server::start(&["--loops", "1"]);
    let before = server.resident_bytes_max();
    let bomb = bomb();
    assert!(bomb.len() < 2 << 20, "{} bytes mean 1 GiB", bomb.len());
    for _ in 0..3 {
        let mut peer = deflating(&server, "/echo");
        peer.say_frame(DEFLATED_BINARY, &bomb);
        let reason = peer.hear_close(1009);
        assert_eq!(reason, "message is longer than 16777216 bytes");
    }
    let grown = server.resident_bytes_max() - before;
    assert!(grown < 40 << 20, "{grown} bytes");
    // Half a bomb is held as what it is, not as what it means.
    let before = server.resident_bytes();
    let mut peers: Vec<Peer> = (0..20).map(|_| deflating(&server, "/echo")).collect();
    for peer in &mut peers {
        peer.say_frame(0x42, &bomb[..10_000]);
        peer.say_frame(0x89, "");
        peer.hear_frame(0x8a, "");
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 2 << 20, "{grown} bytes");
}

/// Little that means much costs no more than as much that means itself.
#[test]
fn a_small_bomb_is_met_at_a_hundred_times_what_came() {
    let server = Server::start(&["--loops", "1"]);
    let small = &bomb()[..10_000];
    let mut bystander = deflating(&server, "/echo");
    let mut peers: Vec<Peer> = (0..30).map(|_| deflating(&server, "/echo")).collect();
    for peer in &mut peers {
        // The bomb is cut off within a block, so it says a few mebibytes and is then malformed.
        peer.try_to_say(masked(DEFLATED_BINARY, small).repeat(20));
    }
    bystander.say_frame(TEXT, "and me?");
    bystander.hear_frame(TEXT, "and me?");
    for peer in &mut peers {
        assert_eq!(peer.hear_close(1009), "a compressed message says more than 100 times as much as came");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_silent_compressed_connection_keeps_no_window() {
    let server = Server::start(&["--loops", "1"]);
    let mut peers: Vec<Peer> = (0..400).map(|_| deflating(&server, "/echo")).collect();
    let before = server.resident_bytes();
    let message = deflate(&mut fresh().0, &b"Buy milk. ".repeat(100));
    for peer in &mut peers {
        peer.say_frame(DEFLATED_TEXT, &message);
        assert_eq!(peer.frame().0, DEFLATED_TEXT);
    }
    // The two streams of the loop, and their pages.
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 400 * 4096, "{grown} bytes");
}
