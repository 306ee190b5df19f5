//! Each reader of the wire, shown pieces as they would come, and what it said in the end.

use bothways::config::Limits;
use bothways::error::ProtocolError;
use bothways::http::body::{self, BodyReader};
use bothways::http::framing::Framing;
use bothways::http::head::{FieldRoom, parse_request, parse_response};
use bothways::http::parsed::Parsed;
use bothways::websocket::frame::{self, Header, Opcode, Role};
use bothways::websocket::handshake::{self, Extension, Handshake};
use bothways::websocket::mask;
use bothways::websocket::message::{Event, Payload, Reader, Step, Text};
use bothways::websocket::permessage_deflate::{Inflater, Side, deflated_bytes_max};

/// Small, so that a small input meets every one of them.
pub const LIMITS: Limits = Limits {
    head_bytes_max: 512,
    target_bytes_max: 128,
    fields_max: 16,
    body_bytes_max: 256,
    chunk_line_bytes_max: 32,
    trailer_bytes_max: 64,
    message_bytes_max: 512,
    passed_bytes_min: 100,
    calls_waiting_max: 4,
    batch_calls_max: 8,
    outbox_bytes_max: 1024,
    ..Limits::DEFAULT
};

/// One head: what it says and how long it is, nothing if it is not whole, or its fault.
pub fn head(pieces: &[&[u8]]) -> Result<Option<(String, usize)>, ProtocolError> {
    let (mut bytes, mut searched) = (Vec::new(), 0);
    for piece in pieces {
        bytes.extend_from_slice(piece);
        let mut room = FieldRoom::new();
        match parse_request(&bytes, &mut searched, &LIMITS, &mut room)? {
            Parsed::Whole { value, used } => {
                assert!(used <= bytes.len(), "used {used} of {} bytes", bytes.len());
                assert_eq!(searched, 0, "the mark is ready for the next head");
                return Ok(Some((format!("{value:?}"), used)));
            }
            Parsed::NeedMore => assert!(bytes.len() <= LIMITS.head_bytes_max + 4, "a head without end"),
        }
    }
    Ok(None)
}

/// What the first line says of the body behind it: its length, or without digits that it is chunked.
pub fn framing(input: &[u8]) -> Option<(Framing, &[u8])> {
    let end = input.iter().position(|&byte| byte == b'\n')?;
    let length = std::str::from_utf8(&input[..end]).ok().and_then(|line| line.parse().ok());
    Some((length.map_or(Framing::Chunked, Framing::Sized), &input[end + 1..]))
}

/// One body: its payload, its length on the wire if it has ended, or its fault.
pub fn body(framing: Framing, pieces: &[&[u8]]) -> Result<(Vec<u8>, Option<usize>), ProtocolError> {
    body::check_declared(framing, &LIMITS)?;
    let (mut reader, mut payload) = (BodyReader::new(framing), Vec::new());
    let (mut unused, mut used) = (Vec::new(), 0);
    for piece in pieces {
        unused.extend_from_slice(piece);
        let progress = reader.read(&unused, &mut payload, &LIMITS)?;
        used += progress.used;
        unused.drain(..progress.used);
        assert!(payload.len() <= LIMITS.body_bytes_max, "a payload over the limit");
        if progress.done {
            return Ok((payload, Some(used)));
        }
        assert!(unused.len() <= LIMITS.trailer_bytes_max, "a line without end");
    }
    Ok((payload, None))
}

/// Everything a client says, up to its fault; a client that may compress.
pub fn messages(pieces: &[&[u8]]) -> (Vec<String>, Option<ProtocolError>) {
    let inflater = Inflater::new(Side { takeover: false, window_bits: None });
    read_all(Reader::inflating(Role::Server, inflater), pieces)
}

/// The same where no compression was agreed upon.
pub fn plain_messages(pieces: &[&[u8]]) -> (Vec<String>, Option<ProtocolError>) {
    read_all(Reader::new(Role::Server), pieces)
}

/// The same by a reader that passes the long ones on.
pub fn passed_messages(pieces: &[&[u8]]) -> (Vec<String>, Option<ProtocolError>) {
    read_all(Reader::passing(Role::Server, LIMITS.passed_bytes_min), pieces)
}

fn read_all(mut reader: Reader, pieces: &[&[u8]]) -> (Vec<String>, Option<ProtocolError>) {
    let (mut said, mut parts) = (Vec::new(), Vec::new());
    let mut opcode = Opcode::Continuation;
    let held_bytes_max = deflated_bytes_max(LIMITS.message_bytes_max);
    let mut unused = Vec::new();
    for piece in pieces {
        unused.extend_from_slice(piece);
        let mut at = 0;
        loop {
            match reader.next(&mut unused, &mut at, LIMITS.message_bytes_max) {
                Ok(Step::Event(Event::Part(part))) => {
                    assert_eq!(part.opcode == Opcode::Continuation, opcode != Opcode::Continuation);
                    opcode = if part.opcode == Opcode::Continuation { opcode } else { part.opcode };
                    parts.extend_from_slice(part.payload);
                    if part.fin {
                        said.push(joined(opcode, std::mem::take(&mut parts)));
                        opcode = Opcode::Continuation;
                    }
                }
                Ok(Step::Event(event)) => said.push(say(event)),
                Ok(Step::NeedMore) => break,
                Err(fault) => return (said, Some(fault)),
            }
        }
        unused.drain(..at);
        assert!(reader.held_bytes() <= held_bytes_max, "a message over the limit");
        assert!(unused.len() <= 130, "{} bytes are left unused", unused.len());
    }
    (said, None)
}

/// The same words whether the payload was lent or gathered.
fn say(event: Event) -> String {
    match event {
        Event::Text(text) => format!("text {:?}", text.as_str()),
        Event::Binary(bytes) => format!("binary {:?}", &*bytes),
        Event::Ping(bytes) => format!("ping {:?}", &*bytes),
        Event::Pong(bytes) => format!("pong {:?}", &*bytes),
        Event::Close(closing) => format!("{closing:?}"),
        Event::Part(_) => unreachable!("put together before"),
    }
}

fn joined(opcode: Opcode, parts: Vec<u8>) -> String {
    match opcode {
        Opcode::Text => say(Event::Text(Text::Gathered(String::from_utf8(parts).expect("judged")))),
        _ => say(Event::Binary(Payload::Gathered(parts))),
    }
}

/// What stands at the front of `bytes`, if it is a header, is encoded to the same bytes, and no
/// shorter piece of them is anything.
pub fn header(bytes: &[u8]) {
    let Ok(Parsed::Whole { value, used }) = Header::parse(bytes) else { return };
    let mut encoded = Vec::new();
    value.encode(&mut encoded);
    assert_eq!(encoded, bytes[..used]);
    for cut in 0..used {
        assert_eq!(Header::parse(&bytes[..cut]), Ok(Parsed::NeedMore), "cut at {cut}");
    }
}

/// A frame around this payload is read back as the same payload.
pub fn frame(payload: &[u8]) {
    let key = *payload.first_chunk().unwrap_or(b"mask");
    let (mut masked, mut plain) = (Vec::new(), Vec::new());
    frame::encode_masked(Opcode::Binary, payload, key, &mut masked);
    frame::encode(Opcode::Binary, payload, &mut plain);
    for (mut bytes, expected) in [(masked, Some(key)), (plain, None)] {
        let Ok(Parsed::Whole { value, used }) = Header::parse(&bytes) else { panic!("our own header") };
        assert_eq!((value.opcode, value.fin, value.mask), (Opcode::Binary, true, expected));
        assert_eq!(value.payload_bytes, payload.len() as u64);
        mask::apply(&mut bytes[used..], value.mask.unwrap_or_default(), 0);
        assert_eq!(&bytes[used..], payload);
    }
}

/// Of a key in the first line, and fields behind it: without any, it is taken up if and only if it is
/// a key.
pub fn check_handshake(input: &[u8]) {
    let end = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (key, fields) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    match handshake(key, fields) {
        Some(true) => assert!(is_key(key), "what is no key was taken up"),
        Some(false) => assert!(!is_key(key) || !fields.is_empty(), "a key was refused"),
        None => {}
    }
}

/// Whether a handshake with this key, and these fields behind it, is taken up; nothing if its head
/// cannot be read. What is taken up, a client accepts.
fn handshake(key: &[u8], fields: &[u8]) -> Option<bool> {
    let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n".to_vec();
    bytes.extend_from_slice(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(fields);
    bytes.extend_from_slice(b"\r\n");
    let mut room = FieldRoom::new();
    let Ok(Parsed::Whole { value: head, .. }) = parse_request(&bytes, &mut 0, &Limits::DEFAULT, &mut room)
    else {
        return None;
    };
    let Handshake::Offered(offer) = handshake::read(&head) else { return Some(false) };
    let mut answer = Vec::new();
    handshake::encode_accept(offer.key, None, None, b"Sun, 06 Nov 1994 08:49:37 GMT", &mut answer);
    let mut room = FieldRoom::new();
    let Ok(Parsed::Whole { value: response, used }) =
        parse_response(&answer, &mut 0, &Limits::DEFAULT, false, &mut room)
    else {
        panic!("our own answer")
    };
    assert_eq!(used, answer.len());
    assert_eq!(handshake::check_response(&response, &decoded(offer.key), Extension::Unasked), Ok(None));
    Some(true)
}

/// Is this 16 bytes in base64, in the only way to write them? The last digit has four bits to spare: 0.
fn is_key(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    text.len() == 24
        && text.ends_with(b"==")
        && text[..22].iter().all(|&byte| digit(byte).is_some())
        && digit(text[21]).is_some_and(|digit| digit % 16 == 0)
}

fn decoded(key: &[u8]) -> [u8; 16] {
    let number = key[..22].iter().fold((0u128, 0), |(number, bits), &byte| {
        let digit = u128::from(digit(byte).expect("a key was accepted"));
        // The last digit has two bits only.
        if bits == 126 { (number << 2 | digit >> 4, 128) } else { (number << 6 | digit, bits + 6) }
    });
    number.0.to_be_bytes()
}

fn digit(byte: u8) -> Option<u8> {
    let mut digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter();
    digits.position(|&digit| digit == byte).map(|at| at as u8)
}
