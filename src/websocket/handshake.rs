//! May this request become a WebSocket (RFC 6455 §4).
//!
//! ```text
//! GET /feed HTTP/1.1                                    HTTP/1.1 101 Switching Protocols
//! Host: example.org                                     Date: …
//! Connection: Upgrade                           →       Connection: Upgrade
//! Upgrade: websocket                                    Upgrade: websocket
//! Sec-WebSocket-Version: 13                             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
//! Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==           Sec-WebSocket-Protocol: chat
//! Sec-WebSocket-Protocol: chat, superchat
//! ```
//!
//! The accept value shows that the server understood: it is the key, a fixed text behind it, hashed.
//! It keeps no secret. Which origins may ask, and that no body comes along, others check.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::http::head::{RequestHead, ResponseHead};
use crate::http::headers::{Fields, Known, is_token, trim};
use crate::http::response;
use crate::http::version::Version;
use crate::websocket::permessage_deflate::Agreement;

/// What a request says about becoming a WebSocket.
#[derive(Clone, Copy, Debug)]
pub enum Handshake<'b> {
    /// It is a request like others.
    NotAsked,
    Offered(Offer<'b>),
    /// It asks, but not as one must: 400.
    Malformed {
        why: &'static str,
    },
    /// It asks for another version of the protocol: 426, with the one version that is spoken
    /// (RFC 6455 §4.4).
    WrongVersion,
}

/// A handshake that may be accepted.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'b> {
    /// 24 characters of base64, 16 bytes when decoded.
    pub key: &'b [u8],
    fields: Fields<'b, 'b>,
}

impl<'b> Offer<'b> {
    /// Whether the client offers that subprotocol. Names are told apart by case.
    pub fn offers_subprotocol(&self, name: &str) -> bool {
        self.subprotocols().any(|offered| offered == name.as_bytes())
    }

    /// In the order of the client's liking.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        self.fields.list(Known::SecWebSocketProtocol)
    }

    /// Each with its parameters, in the order of the client's liking (RFC 6455 §9.1).
    pub fn extensions(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        self.fields.list(Known::SecWebSocketExtensions)
    }
}

/// Reads the server's half of the handshake (RFC 6455 §4.2.1).
pub fn read<'h>(head: &RequestHead<'h, '_>) -> Handshake<'h> {
    let fields = head.fields;
    let asked = head.method == "GET"
        && head.version == Version::Http11
        && fields.list_has(Known::Upgrade, "websocket");
    if !asked {
        return Handshake::NotAsked;
    }
    if !fields.list_has(Known::Connection, "upgrade") {
        return Handshake::Malformed { why: "Connection does not list upgrade" };
    }
    match only(fields, Known::SecWebSocketVersion) {
        Some(b"13") => {}
        Some(_) => return Handshake::WrongVersion,
        None => return Handshake::Malformed { why: "Sec-WebSocket-Version must stand once" },
    }
    let Some(key) = only(fields, Known::SecWebSocketKey).filter(|key| is_key(key)) else {
        return Handshake::Malformed { why: "Sec-WebSocket-Key must stand once, and be 16 bytes in base64" };
    };
    if !is_list(fields, Known::SecWebSocketProtocol, is_token) {
        return Handshake::Malformed { why: "Sec-WebSocket-Protocol is not a list of tokens" };
    }
    if !is_list(fields, Known::SecWebSocketExtensions, is_extension) {
        return Handshake::Malformed { why: "Sec-WebSocket-Extensions is not a list of extensions" };
    }
    Handshake::Offered(Offer { key, fields })
}

/// The value of a field that stands in one line.
fn only<'b>(fields: Fields<'_, 'b>, known: Known) -> Option<&'b [u8]> {
    let mut values = fields.all(known);
    values.next().filter(|_| values.next().is_none())
}

/// Whether a field that is there has members, and all are such (`1#` of RFC 6455 §4.3).
fn is_list(fields: Fields, known: Known, is_member: impl Fn(&[u8]) -> bool) -> bool {
    let mut members = fields.list(known).map(is_member);
    !fields.has(known) || (members.next() == Some(true) && members.all(|is_such| is_such))
}

/// A token, and parameters behind it, each with a value or without (RFC 6455 §9.1). What is quoted
/// must be a token too, so no semicolon can hide in it.
fn is_extension(text: &[u8]) -> bool {
    let mut parts = text.split(|&byte| byte == b';').map(trim);
    parts.next().is_some_and(is_token) && parts.all(is_parameter)
}

fn is_parameter(text: &[u8]) -> bool {
    let Some(equals) = text.iter().position(|&byte| byte == b'=') else { return is_token(text) };
    let (name, value) = (trim(&text[..equals]), trim(&text[equals + 1..]));
    is_token(name) && (is_token(value) || is_quoted_token(value))
}

fn is_quoted_token(text: &[u8]) -> bool {
    let Some(inside) = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return false;
    };
    let mut bare = Vec::with_capacity(inside.len());
    let mut rest = inside.iter();
    while let Some(&byte) = rest.next() {
        // A backslash at the end would take the closing quote away, and one alone is no token.
        bare.push(if byte == b'\\' { rest.next().copied().unwrap_or(byte) } else { byte });
    }
    is_token(&bare)
}

fn is_key(text: &[u8]) -> bool {
    let mut bytes = [0; 18];
    text.len() == KEY_CHARACTERS && STANDARD.decode_slice(text, &mut bytes) == Ok(16)
}

/// The value of Sec-WebSocket-Accept for that of Sec-WebSocket-Key (RFC 6455 §4.2.2).
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key).chain_update(MAGIC).finalize();
    let mut text = [0; 28];
    let written = STANDARD.encode_slice(digest, &mut text);
    debug_assert_eq!(written, Ok(28), "20 bytes are 28 characters of base64");
    text
}

/// Appends the response that makes the connection a WebSocket (RFC 6455 §4.2.2). `key` is that of
/// the [`Offer`]; a subprotocol must be one that was offered, and so must what was agreed on. Frames may
/// follow at once.
pub fn encode_accept(
    key: &[u8],
    subprotocol: Option<&str>,
    compression: Option<&Agreement>,
    date: &[u8; 29],
    out: &mut Vec<u8>,
) {
    let mut writer = response::begin(101, date, out);
    writer.raw(UPGRADE).field("Sec-WebSocket-Accept", &accept_key(key));
    if let Some(name) = subprotocol {
        writer.field("Sec-WebSocket-Protocol", name.as_bytes());
    }
    if let Some(agreement) = compression {
        writer.field("Sec-WebSocket-Extensions", agreement.to_string().as_bytes());
    }
    writer.end_empty();
}

/// Appends a client's request to become a WebSocket (RFC 6455 §4.1). The key is 16 random bytes;
/// host, target and the extra fields are taken as they are.
pub fn encode_request(
    host: &str,
    target: &str,
    key: [u8; 16],
    subprotocol: Option<&str>,
    extra: &[(String, String)],
    out: &mut Vec<u8>,
) {
    let mut line = |parts: &[&[u8]]| {
        parts.iter().for_each(|part| out.extend_from_slice(part));
        out.extend_from_slice(b"\r\n");
    };
    line(&[b"GET ", target.as_bytes(), b" HTTP/1.1"]);
    line(&[b"Host: ", host.as_bytes()]);
    line(&[UPGRADE, b"Sec-WebSocket-Version: 13"]);
    line(&[b"Sec-WebSocket-Key: ", &key_text(&key)]);
    if let Some(name) = subprotocol {
        line(&[b"Sec-WebSocket-Protocol: ", name.as_bytes()]);
    }
    for (name, value) in extra {
        line(&[name.as_bytes(), b": ", value.as_bytes()]);
    }
    line(&[]);
}

fn key_text(key: &[u8; 16]) -> [u8; KEY_CHARACTERS] {
    let mut text = [0; KEY_CHARACTERS];
    let written = STANDARD.encode_slice(key, &mut text);
    debug_assert_eq!(written, Ok(KEY_CHARACTERS), "16 bytes are 24 characters of base64");
    text
}

/// What a client asked for that may be in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    Unasked,
    /// permessage-deflate, with no parameters.
    Deflate,
}

/// Whether the server accepted, as a client must check it (RFC 6455 §4.1), and what was agreed on; else,
/// what is wrong. The subprotocol is the caller's to check.
pub fn check_response(
    head: &ResponseHead,
    key: &[u8; 16],
    asked: Extension,
) -> Result<Option<Agreement>, &'static str> {
    let fields = head.fields;
    let checks = [
        (head.status == 101, "the status is not 101"),
        (
            only(fields, Known::Upgrade).is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")),
            "Upgrade is not websocket",
        ),
        (fields.list_has(Known::Connection, "upgrade"), "Connection does not list upgrade"),
        (
            only(fields, Known::SecWebSocketAccept) == Some(&accept_key(&key_text(key))),
            "Sec-WebSocket-Accept does not belong to our key",
        ),
    ];
    if let Some((_, why)) = checks.iter().find(|(holds, _)| !holds) {
        return Err(why);
    }
    let mut chosen = fields.list(Known::SecWebSocketExtensions);
    match (asked, chosen.next(), chosen.next()) {
        (_, None, _) if !fields.has(Known::SecWebSocketExtensions) => Ok(None),
        (Extension::Deflate, Some(chosen), None) => {
            Agreement::read(chosen).map(Some).ok_or("what the server says of compression cannot be agreed to")
        }
        _ => Err("the server chose an extension that nobody asked for"),
    }
}

/// RFC 6455 §1.3.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const UPGRADE: &[u8] = b"Connection: Upgrade\r\nUpgrade: websocket\r\n";
const KEY_CHARACTERS: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::http::head::{FieldRoom, parse_request, parse_response};
    use crate::http::parsed::Parsed;

    const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";
    /// RFC 6455 §1.3.
    const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    const GOOD: &str = "GET /feed HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\n\r\n";

    /// What a request says, in a word.
    fn read_text(text: &str) -> String {
        let mut room = FieldRoom::new();
        let parsed = parse_request(text.as_bytes(), &mut 0, &Limits::DEFAULT, &mut room);
        let Ok(Parsed::Whole { value: head, .. }) = parsed else { panic!("{parsed:?}") };
        match read(&head) {
            Handshake::NotAsked => "not asked".to_owned(),
            Handshake::WrongVersion => "wrong version".to_owned(),
            Handshake::Malformed { why } => why.split(' ').next().unwrap_or_default().to_owned(),
            Handshake::Offered(offer) => {
                assert_eq!(offer.key, KEY);
                format!("offered {}", offer.subprotocols().count())
            }
        }
    }

    /// The good request with one thing changed.
    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        assert!(GOOD.contains(from), "{from}");
        assert_eq!(read_text(&GOOD.replace(from, to)), expected, "{to}");
    }

    #[test]
    fn a_handshake_is_offered() {
        check("", "", "offered 2");
        check("Upgrade: websocket", "upgrade: h2c, WebSocket", "offered 2");
        check("Connection: Upgrade", "connection: keep-alive, upgrade", "offered 2"); // Firefox
        check("Sec-WebSocket-Protocol: chat, superchat\r\n", "", "offered 0");
    }

    #[test]
    fn other_requests_are_left_alone() {
        check("GET", "POST", "not asked");
        check("HTTP/1.1", "HTTP/1.0", "not asked");
        check("Upgrade: websocket\r\n", "", "not asked");
        check("Upgrade: websocket", "Upgrade: websocket2", "not asked");
    }

    #[test]
    fn a_handshake_is_whole_or_refused() {
        check("Connection: Upgrade\r\n", "", "Connection");
        check("Connection: Upgrade", "Connection: keep-alive", "Connection");
        check("Sec-WebSocket-Version: 13\r\n", "", "Sec-WebSocket-Version");
        check("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 13", "Sec-WebSocket-Version");
        check("superchat", "super chat", "Sec-WebSocket-Protocol");
        check("superchat", "\"superchat\"", "Sec-WebSocket-Protocol");
        check("chat, superchat", "", "Sec-WebSocket-Protocol");
        check("chat, superchat", " , ,", "Sec-WebSocket-Protocol");
    }

    #[test]
    fn extensions_are_tokens_with_parameters() {
        let with =
            |list: &str| GOOD.replace("Host: a", &format!("Host: a\r\nSec-WebSocket-Extensions: {list}"));
        let good = [
            "deflate-stream",
            "mux; max-channels=4; flow-control, deflate-stream",
            "foo\r\nSec-WebSocket-Extensions: bar; baz=2",
            "a ;b = \"2\" ;c=\"\\d\"",
            ", a,",
        ];
        for list in good {
            assert_eq!(read_text(&with(list)), "offered 2", "{list}");
        }
        let bad = [
            "",
            ",",
            ";",
            "a;",
            "a;;b",
            "a b",
            "a;b=",
            "a;=b",
            "a;b=c=d",
            "a;b=\"\"",
            "a;b=\"c d\"",
            "a;b=\"c",
            "\"a\"",
        ];
        for list in bad {
            assert_eq!(read_text(&with(list)), "Sec-WebSocket-Extensions", "{list}");
        }
        // A hostile list is read once.
        assert_eq!(read_text(&with(&"a;b=\"".repeat(2600))), "Sec-WebSocket-Extensions");
        assert_eq!(read_text(&with(&format!("a{}", ";b".repeat(7000)))), "offered 2");
    }

    #[test]
    fn another_version_is_told_which_is_spoken() {
        for version in ["8", "14", "013", "13, 8", "", "+13"] {
            check("Version: 13", &format!("Version: {version}"), "wrong version");
        }
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        let bad = [
            "",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ==AAAA",
            "dGhlIHNhbXBsZSBub25jZWFh",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25-ZQ==",
            "AAAA",
        ];
        for key in bad {
            check("dGhlIHNhbXBsZSBub25jZQ==", key, "Sec-WebSocket-Key");
        }
        let twice = "Q==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        check("Q==", twice, "Sec-WebSocket-Key");
        check("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "Sec-WebSocket-Key");
    }

    #[test]
    fn a_long_list_is_read_once() {
        let list = "a,".repeat(4000);
        check("chat, superchat", &list, "offered 4000");
        check("superchat", &" \t".repeat(4000), "offered 1");
    }

    #[test]
    fn subprotocols_are_told_apart_by_case() {
        let mut room = FieldRoom::new();
        let parsed = parse_request(GOOD.as_bytes(), &mut 0, &Limits::DEFAULT, &mut room);
        let Ok(Parsed::Whole { value: head, .. }) = parsed else { panic!("{parsed:?}") };
        let Handshake::Offered(offer) = read(&head) else { panic!("offered") };
        assert!(offer.offers_subprotocol("superchat"));
        assert!(!offer.offers_subprotocol("Chat") && !offer.offers_subprotocol("super"));
        assert_eq!(offer.extensions().count(), 0);
    }

    #[test]
    fn the_accept_value_is_that_of_the_rfc() {
        assert_eq!(accept_key(KEY), ACCEPT);
    }

    #[track_caller]
    fn check_answer(answer: &[u8], expected: Result<(), &str>) {
        let mut room = FieldRoom::new();
        let parsed = parse_response(answer, &mut 0, &Limits::DEFAULT, false, &mut room);
        let Ok(Parsed::Whole { value: head, .. }) = parsed else { panic!("{parsed:?}") };
        let outcome = super::check_response(&head, b"the sample nonce", Extension::Unasked);
        let outcome = outcome.map(|agreement| assert_eq!(agreement, None));
        assert_eq!(outcome.map_err(|why| why.split(' ').next().unwrap_or_default()), expected);
    }

    #[test]
    fn both_sides_shake_hands() {
        let mut out = Vec::new();
        let extra = [("Origin".to_owned(), "http://a".to_owned())];
        encode_request("a", "/feed", *b"the sample nonce", Some("chat"), &extra, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(read_text(&text), "offered 1");
        assert!(text.contains("\r\nOrigin: http://a\r\n"));

        let mut answer = Vec::new();
        encode_accept(KEY, Some("chat"), None, DATE, &mut answer);
        assert!(answer.ends_with(b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n"));
        check_answer(&answer, Ok(()));
    }

    #[test]
    fn a_client_believes_no_half_handshake() {
        let mut answer = Vec::new();
        encode_accept(KEY, None, None, DATE, &mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let with = |from: &str, to: &str| answer.replace(from, to).into_bytes();
        check_answer(&with("101", "200"), Err("the"));
        check_answer(&with("Upgrade: websocket\r\n", ""), Err("Upgrade"));
        check_answer(&with("Upgrade: websocket\r\n", "Upgrade: websocket2\r\n"), Err("Upgrade"));
        check_answer(&with("Upgrade: websocket\r\n", "Upgrade: h2c, websocket\r\n"), Err("Upgrade"));
        check_answer(&with("Upgrade: websocket\r\n", "Upgrade: WebSocket\r\n"), Ok(()));
        check_answer(&with("Connection: Upgrade\r\n", ""), Err("Connection"));
        check_answer(&with("s3pP", "S3pP"), Err("Sec-WebSocket-Accept"));
        check_answer(&with("Date:", "Sec-WebSocket-Extensions: x\r\nDate:"), Err("the"));
    }
}
