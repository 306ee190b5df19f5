//! From a request to a WebSocket.

use crate::peer::{CLOSE, TEXT, closing, handshake, masked};
use crate::server::Server;

#[test]
fn the_handshake_is_that_of_the_rfc() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.say(handshake("/echo"));
    peer.hear(
        "HTTP/1.1 101 Switching Protocols\r\nDate: *\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    );
    peer.say_frame(TEXT, "Hello");
    peer.hear_frame(TEXT, "Hello");
}

#[test]
fn a_frame_may_follow_the_handshake_at_once() {
    let server = Server::start(&[]);
    let said =
        [handshake("/echo").into_bytes(), masked(TEXT, b"Hello"), masked(CLOSE, &closing(1000, ""))].concat();
    for cut in 1..said.len() {
        let mut peer = server.connect();
        peer.say(&said[..cut]);
        peer.say(&said[cut..]);
        assert_eq!(peer.response().status, 101);
        peer.hear_frame(TEXT, "Hello");
        assert_eq!(peer.hear_close(1000), "");
        peer.hear_end();
    }
}

#[test]
fn a_handshake_may_follow_requests() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let post = "POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
    peer.say([post.as_bytes(), handshake("/echo").as_bytes(), &masked(TEXT, b"x")].concat());
    assert_eq!(peer.response().status, 201);
    assert_eq!(peer.response().status, 101);
    peer.hear_frame(TEXT, "x");
}

#[test]
fn a_handshake_that_is_not_whole_is_refused() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let mut check = |from: &str, to: &str, status: u16| {
        let request = handshake("/ws");
        assert!(request.contains(from));
        peer.say(request.replace(from, to));
        let response = peer.response();
        assert_eq!(response.status, status, "{to}");
        response
    };
    check("Connection: Upgrade\r\n", "", 400);
    check("Upgrade: websocket\r\n", "", 400);
    check("Upgrade: websocket", "Upgrade: h2c", 400);
    check("Sec-WebSocket-Version: 13\r\n", "", 400);
    check("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", 400);
    check("dGhlIHNhbXBsZSBub25jZQ==", "AAAA", 400);
    check("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400);
    let response = check("Version: 13", "Version: 8", 426);
    assert_eq!(response.field("Sec-WebSocket-Version"), Some("13"));
    assert_eq!(response.field("Upgrade"), Some("websocket"));
    assert_eq!(check("GET", "POST", 405).field("Allow"), Some("GET, HEAD, OPTIONS"));
    check("HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: keep-alive\r\n", 101);
}

#[test]
fn what_is_offered_is_a_list() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let mut check = |field: &str, status: u16| {
        peer.say(handshake("/ws").replace("Host: a\r\n", &format!("Host: a\r\n{field}\r\n")));
        assert_eq!(peer.response().status, status, "{field}");
    };
    check("Sec-WebSocket-Protocol: ", 400);
    check("Sec-WebSocket-Protocol: one two", 400);
    check("Sec-WebSocket-Extensions: ", 400);
    check("Sec-WebSocket-Extensions: mux;", 400);
    check("Sec-WebSocket-Extensions: mux; max-channels=\"a b\"", 400);
    check("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 400);
    check("Sec-WebSocket-Version: 13", 400);
    let lines =
        "Sec-WebSocket-Extensions: mux; max-channels=4\r\nSec-WebSocket-Extensions: permessage-deflate";
    check(lines, 101);
    let mut peer = server.connect();
    peer.say(handshake("/ws").replace("Host: a\r\n", &format!("Host: a\r\n{lines}\r\n")));
    let agreed = peer.response().field("Sec-WebSocket-Extensions").map(str::to_owned);
    assert!(agreed.is_some_and(|agreed| agreed.starts_with("permessage-deflate")), "the second line counts");
}

#[test]
fn an_extension_that_is_not_known_is_declined() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let offer = "Host: a\r\nSec-WebSocket-Extensions: mux; max-channels=4, x-unheard-of\r\n";
    peer.say(handshake("/echo").replace("Host: a\r\n", offer));
    let response = peer.response();
    assert_eq!((response.status, response.field("Sec-WebSocket-Extensions")), (101, None));
    peer.say_frame(0xc1, "x");
    peer.hear_close(1002);
    peer.hear_end();
}

#[test]
fn a_handshake_with_other_fields_is_taken() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let others = "Host: a\r\nCookie: a=b\r\nX-Unheard-Of: c\r\nSec-WebSocket-Unheard-Of: d\r\n";
    peer.say(handshake("/echo").replace("Host: a\r\n", others));
    assert_eq!(peer.response().status, 101);
}

#[test]
fn a_handshake_names_its_resource_in_either_form() {
    let server = Server::start(&[]);
    for target in ["/echo", "/echo?x=1", "http://a/echo", "http://a/echo?x=1"] {
        let mut peer = server.connect();
        peer.shake_hands(target);
        peer.say_frame(TEXT, target);
        peer.hear_frame(TEXT, target);
    }
}

#[test]
fn a_socket_address_without_a_handshake_is_a_bad_request() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for path in ["/ws", "/echo", "/rpc"] {
        peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(peer.response().status, 400, "{path}");
    }
    // And where there is no socket, a handshake is a request like others.
    peer.say(handshake("/healthz"));
    assert_eq!(peer.response().text(), "alive\n");
    peer.say(handshake("/nowhere"));
    assert_eq!(peer.response().status, 404);
}

#[test]
fn the_subprotocol_is_chosen_where_calls_are_made() {
    let server = Server::start(&[]);
    let chosen = |path: &str, offer: &str| {
        let mut peer = server.connect();
        peer.say(
            handshake(path)
                .replace("Host: a\r\n", &format!("Host: a\r\nSec-WebSocket-Protocol: {offer}\r\n")),
        );
        let response = peer.response();
        assert_eq!(response.status, 101);
        response.field("Sec-WebSocket-Protocol").map(str::to_owned)
    };
    assert_eq!(chosen("/rpc", "x, bothways.v1").as_deref(), Some("bothways.v1"));
    assert_eq!(chosen("/rpc", "x, y"), None);
    assert_eq!(chosen("/echo", "bothways.v1"), None);
}
