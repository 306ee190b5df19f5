//! Requests that have deceived other servers: each is refused, and nothing behind it is read.

use crate::server::Server;

/// Would create an item, if it were taken for a request.
const STOWAWAY: &str = "POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";

/// Says all of it at once, and a stowaway behind it; hears one answer and the end.
#[track_caller]
fn check(server: &Server, bytes: impl AsRef<[u8]>, status: u16) {
    let bytes = bytes.as_ref();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
    let mut peer = server.connect();
    peer.try_to_say([bytes, STOWAWAY.as_bytes()].concat());
    let response = peer.response();
    assert_eq!(response.status, status, "{shown:?} {}", response.text());
    assert_eq!(response.field("Connection"), Some("close"), "{shown:?}");
    assert_eq!(response.field("Content-Type"), Some("application/problem+json"), "{shown:?}");
    assert_eq!(response.json()["status"], status, "{shown:?}");
    peer.hear_end();
}

/// Each case in a server that had a peer before, and has it after. Nothing was stored.
fn check_all(flags: &[&str], cases: &[(&str, u16)]) {
    let server = Server::start(flags);
    let mut bystander = server.connect();
    let probe = "GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n";
    for (bytes, status) in cases {
        check(&server, bytes, *status);
        bystander.say(probe);
        assert_eq!(bystander.response().text(), "[]", "{bytes:?}");
    }
}

#[test]
fn a_head_that_is_not_well_formed_is_refused() {
    check_all(
        &[],
        &[
            ("\0\r\n\r\n", 400),
            ("GET\r\n\r\n", 400),
            ("GET /\r\n\r\n", 400),
            ("GET / HTTP/1.1\nHost: a\n\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX(: x\r\n\r\n", 400),
            ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
            ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.2.3\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            ("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n", 400),
        ],
    );
}

#[test]
fn a_request_names_one_host() {
    check_all(
        &[],
        &[
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
            ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ],
    );
}

#[test]
fn a_length_is_said_in_one_way() {
    let with = |fields: &str| format!("POST /tasks HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
    let cases = [
        ("Content-Length: 2\r\nTransfer-Encoding: chunked", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 2", 400),
        ("Content-Length: 2\r\nContent-Length: 3", 400),
        ("Content-Length: 2, 3", 400),
        ("Content-Length: \r\nContent-Length: 2", 400),
        ("Content-Length: +5", 400),
        ("Content-Length: -1", 400),
        ("Content-Length: 0x5", 400),
        ("Content-Length: 5 5", 400),
        ("Content-Length: 5,", 400),
        ("Content-Length: ", 400),
        ("Content-Length: 9223372036854775808", 400),
        ("Content-Length: 18446744073709551621", 400),
        ("Content-Length: 9223372036854775807", 413),
        ("Transfer-Encoding: chunked, chunked", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        ("Transfer-Encoding: chunked, identity", 400),
        ("Transfer-Encoding: cow, chunked", 501),
        ("Transfer-Encoding: gzip, chunked", 501),
        ("Transfer-Encoding: gzip", 400),
        ("Transfer-Encoding: identity", 400),
        ("Transfer-Encoding: xchunked", 400),
        ("Transfer-Encoding: \"chunked\"", 400),
        ("Transfer-Encoding: \u{b}chunked", 400),
        ("Transfer-Encoding: chunked;x=1", 400),
        ("Transfer-Encoding:", 400),
        ("Transfer-Encoding: ,", 400),
        ("Transfer-Encoding : chunked", 400),
        ("Transfer-Encoding:\r\n chunked", 400),
    ];
    let cases: Vec<(String, u16)> = cases.map(|(fields, status)| (with(fields), status)).into();
    let cases: Vec<(&str, u16)> = cases.iter().map(|(bytes, status)| (&**bytes, *status)).collect();
    check_all(&[], &cases);
    check_all(&[], &[("POST /tasks HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)]);
}

#[test]
fn a_chunk_has_one_end() {
    let head = "POST /tasks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(300));
    let cases = [
        ("2\n{}\r\n0\r\n\r\n", 400),
        ("2\r\n{}\n0\r\n\r\n", 400),
        ("2\r\n{}xx0\r\n\r\n", 400),
        ("2\r\n{}\r\r0\r\n\r\n", 400),
        ("2\r\n{}\r\n0\n\n", 400),
        ("2\r\n{}\r\n0\r\nX: y\n\r\n", 400),
        ("2\r\n{}\r\n0\r\nX y\r\n\r\n", 400),
        ("2\r\n{}\r\n0\r\n X: y\r\n\r\n", 400),
        ("2;\r\n{}\r\n0\r\n\r\n", 400),
        ("2;a=\"\r\n{}\r\n0\r\n\r\n", 400),
        ("2;a\rb\r\n{}\r\n0\r\n\r\n", 400),
        ("2 2\r\n{}\r\n0\r\n\r\n", 400),
        (" 2\r\n{}\r\n0\r\n\r\n", 400),
        ("0x2\r\n{}\r\n0\r\n\r\n", 400),
        ("+2\r\n{}\r\n0\r\n\r\n", 400),
        ("-2\r\n{}\r\n0\r\n\r\n", 400),
        ("\r\n{}\r\n0\r\n\r\n", 400),
        (";x\r\n{}\r\n0\r\n\r\n", 400),
        ("FFFFFFFFFFFFFFFF\r\n{}", 413),
        ("10000000000000002\r\n{}", 413),
        (&long, 400),
    ];
    let cases: Vec<(String, u16)> = cases.map(|(body, status)| ([head, body].concat(), status)).into();
    let cases: Vec<(&str, u16)> = cases.iter().map(|(bytes, status)| (&**bytes, *status)).collect();
    check_all(&[], &cases);
    let trailers = format!("{head}0\r\n{}\r\n", "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(200));
    check_all(&[], &[(&trailers, 431)]);
}

#[test]
fn a_body_is_never_read_as_a_request() {
    let server = Server::start(&[]);
    let inner = "DELETE /tasks/1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut peer = server.connect();
    peer.say("POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(peer.response().status, 201);
    for head in [
        "GET /tasks HTTP/1.1\r\nHost: a\r\n",
        "GET /tasks HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\n",
        "OPTIONS /tasks HTTP/1.1\r\nHost: a\r\n",
        "GET /nowhere HTTP/1.1\r\nHost: a\r\n",
        "BREW /tasks HTTP/1.1\r\nHost: a\r\n",
        "DELETE /tasks/9 HTTP/1.1\r\nHost: a\r\n",
        "GET /tasks HTTP/1.1\r\nHost: a\r\nAccept: image/png\r\n",
    ] {
        peer.say(format!("{head}Content-Length: {}\r\n\r\n{inner}", inner.len()));
        peer.response();
        peer.say(format!(
            "{head}Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n",
            inner.len()
        ));
        peer.response();
    }
    assert_eq!(server.get("/tasks"), r#"[{"id":"1"}]"#);
    // Folded, an expectation has hidden a length from others.
    check(
        &server,
        "GET / HTTP/1.1\r\nHost: a\r\nExpect:\r\n 100-continue\r\nContent-Length: 43\r\n\r\n",
        400,
    );
    assert_eq!(server.get("/tasks"), r#"[{"id":"1"}]"#);
}

#[test]
fn a_handshake_has_no_body() {
    check_all(
        &[],
        &[(&handshake_with("Content-Length: 2"), 400), (&handshake_with("Transfer-Encoding: chunked"), 400)],
    );
}

fn handshake_with(field: &str) -> String {
    let head = crate::peer::handshake("/echo");
    format!("{}\r\n{field}\r\n\r\n{{}}", head.trim_end())
}

#[test]
fn a_head_has_a_size() {
    let server =
        Server::start(&["--head-bytes-max", "1000", "--target-bytes-max", "100", "--fields-max", "5"]);
    let long_field = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(1000));
    check(&server, long_field, 431);
    check(&server, format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(5)), 431);
    check(&server, format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100)), 414);
    check(&server, format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "X".repeat(33)), 501);
    // What never ends is refused all the same.
    for (endless, status) in [("GET / HTTP/1.1\r\nX: ", 431), ("GET /", 414), ("", 501), ("(", 400)] {
        let mut peer = server.connect();
        peer.try_to_say(endless.to_owned() + &"x".repeat(5000));
        assert_eq!(peer.response().status, status);
        peer.hear_end();
    }
    let just_right =
        |rest: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(1000 - 32 - rest));
    assert_eq!(just_right(0).len(), 1000);
    let mut peer = server.connect();
    peer.say(just_right(0));
    assert_eq!(peer.response().status, 200);
    peer.say(format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(4)));
    assert_eq!(peer.response().status, 200);
    assert_eq!(server.get("/tasks"), "[]");

    // As many as everybody should take (RFC 9110 §4.1, RFC 9112 §3).
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.say(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8000)));
    assert_eq!(peer.response().status, 404);
    check(&server, format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8192)), 414);
}

#[test]
#[cfg(target_os = "linux")]
fn twenty_megabytes_of_handshake_cost_nothing() {
    let server = Server::start(&[]);
    let before = server.resident_bytes();
    let mut peer = server.connect();
    let head = crate::peer::handshake("/echo");
    peer.try_to_say(head.trim_end());
    peer.try_to_say(format!("\r\nSec-WebSocket-Protocol: {}", "x,".repeat(10 << 20)));
    assert_eq!(peer.response().status, 431);
    peer.hear_end();
    assert!(server.resident_bytes() < before + (8 << 20));
}
