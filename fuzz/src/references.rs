//! Second opinions: the same question, asked of something slow and simple, or of a library that
//! somebody else wrote.

use super::readers::{self, LIMITS};
use bothways::config::Limits;
use bothways::config::{CompressionConfig, OnOff};
use bothways::error::ProtocolError;
use bothways::http::body::{LAST_CHUNK, encode_chunk};
use bothways::http::cookie;
use bothways::http::framing::{self, Framing, ResponseFraming};
use bothways::http::head::{FieldRoom, parse_response};
use bothways::http::headers::{Fields, Known, is_field_value, is_token, trim};
use bothways::http::parsed::Parsed;
use bothways::http::response::{self, Send};
use bothways::http::version::Version;
use bothways::metrics::browsers::{self, BrowserId};
use bothways::websocket::frame::{Header as FrameHeader, Opcode};
use bothways::websocket::mask;
use bothways::websocket::permessage_deflate::{DeflateCodec, Deflater, Inflater, Side};
use chunked_transfer::Decoder;
use httparse::Header;
use std::io::{self, Read, Write};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

/// Every lookup says what reading the lines one after the other says.
pub fn check_headers(input: &[u8]) {
    let Some(lines) = lines_of(input) else { return };
    let fields = Fields::new(&lines);
    for known in KNOWN {
        let same_name = |line: &&Header| line.name.to_lowercase() == known.name().to_lowercase();
        let values: Vec<&[u8]> = lines.iter().filter(same_name).map(|line| line.value).collect();
        assert_eq!(fields.has(known), !values.is_empty(), "{known:?}");
        assert_eq!(fields.first(known), values.first().copied(), "{known:?}");
        assert!(fields.all(known).eq(values.iter().copied()), "{known:?}");
        let members: Vec<&[u8]> = values.iter().flat_map(|value| members(value)).collect();
        assert!(fields.list(known).eq(members.iter().copied()), "{known:?}: {members:?}");
        for member in members.iter().filter_map(|member| std::str::from_utf8(member).ok()) {
            assert!(fields.list_has(known, &member.to_ascii_uppercase()), "{known:?} has {member:?}");
        }
    }
    check_cookies(fields, &lines);
    assert!(fields.iter().eq(lines.iter().map(|line| (line.name, line.value))));
    assert!(lines.iter().all(|line| is_token(line.name.as_bytes()) && is_field_value(line.value)));
}

/// A cookie is found as by one who puts all lines together, and takes each pair apart at its first `=`.
fn check_cookies(fields: Fields, lines: &[Header]) {
    let is_cookie = |line: &&Header| line.name.eq_ignore_ascii_case("cookie");
    let all = lines.iter().filter(is_cookie).map(|line| line.value).collect::<Vec<_>>().join(&b';');
    for name in ["a", browsers::COOKIE] {
        let value = all.split(|&byte| byte == b';').map(trim).find_map(|pair| {
            let end = pair.iter().position(|&byte| byte == b'=')?;
            (&pair[..end] == name.as_bytes()).then_some(&pair[end + 1..])
        });
        assert_eq!(cookie::value(fields, name), value, "{name}");
        let is_token = |value: &&[u8]| {
            let digits = value.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
            value.len() == 16 && digits && value.iter().any(|&byte| byte != b'0')
        };
        let visitor = value.and_then(BrowserId::parse);
        assert_eq!(visitor.is_some(), value.as_ref().is_some_and(is_token), "{value:?}");
    }
}

/// Fields, as a library reads them.
fn lines_of(input: &[u8]) -> Option<Vec<Header<'_>>> {
    let mut room = [httparse::EMPTY_HEADER; 32];
    match httparse::parse_headers(input, &mut room) {
        Ok(httparse::Status::Complete((_, lines))) => Some(lines.to_vec()),
        _ => None,
    }
}

/// One byte after the other, and a flag for each thing to remember.
fn members(line: &[u8]) -> Vec<&[u8]> {
    let (mut members, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in line.iter().chain(b",").enumerate() {
        match byte {
            _ if at == line.len() => members.push(trim(&line[start..])),
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                members.push(trim(&line[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

/// What a recipient makes of a request's fields, or refuses, is what RFC 9112 §6.3 lets it make of
/// them; and where it refuses what the RFC would allow, that is on the list.
pub fn check_framing(input: &[u8]) {
    let Some(lines) = lines_of(input) else { return };
    for version in [Version::Http10, Version::Http11] {
        let ours = framing::of_request(version, Fields::new(&lines));
        let allowed = framing_allowed(version, &lines);
        match (ours, allowed) {
            (Ok(ours), allowed) => assert_eq!(Some(ours), allowed, "{version:?}"),
            // Both are there: the RFC allows to go by the coding, and warns of it.
            (Err(ProtocolError::LengthAndCoding), _) => {}
            // A coding that is not known here may stand before chunked, or chunked twice.
            (Err(ProtocolError::CodingUnknown | ProtocolError::ChunkedNotLast), Some(Framing::Chunked)) => {}
            (Err(ProtocolError::LengthMalformed), Some(Framing::Sized(length))) => {
                assert!(length > i64::MAX as u64, "{length} fits 63 bits");
            }
            (Err(_), None) => {}
            (Err(fault), Some(allowed)) => panic!("{fault:?} where {allowed:?} is right"),
        }
    }
}

/// The rules of RFC 9112 §6.3 for requests, in the RFC's order. None: it must be refused.
fn framing_allowed(version: Version, lines: &[Header]) -> Option<Framing> {
    let values = |name: &str| -> Vec<String> {
        let lines = lines.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
        let values = lines.map(|line| String::from_utf8_lossy(line.value).into_owned());
        values.flat_map(|value| value.split(',').map(trimmed).collect::<Vec<_>>()).collect()
    };
    let (codings, lengths) = (values("Transfer-Encoding"), values("Content-Length"));
    if !codings.is_empty() {
        let last = codings.iter().rfind(|coding| !coding.is_empty());
        let chunked = last.is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        return (chunked && version == Version::Http11).then_some(Framing::Chunked);
    }
    let Some(length) = lengths.first() else { return Some(Framing::None) };
    let digits = |length: &String| !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let number: u128 = if digits(length) { length.parse().ok()? } else { return None };
    let same = lengths.iter().all(|other| digits(other) && other.parse() == Ok(number));
    same.then_some(Framing::Sized(number.try_into().ok()?))
}

fn trimmed(text: &str) -> String {
    text.trim_matches([' ', '\t']).to_owned()
}

/// What we accept, a library reads as the same payload; what it accepts, we do too, or say why not.
pub fn check_chunked(bytes: &[u8]) {
    let (ours, theirs) = (readers::body(Framing::Chunked, &[bytes]), decoded(bytes));
    match (ours, theirs) {
        (Ok((payload, Some(used))), theirs) => {
            let theirs = theirs.or_else(|| decoded(&without_trailers(&bytes[..used])));
            assert_eq!(theirs, Some(payload));
        }
        (Ok((_, None)), Some(_)) => panic!("more is wanted of a body that has ended"),
        // It reads blanks, signs and any extension, and bounds nothing.
        (Err(ProtocolError::ChunkSizeMalformed | ProtocolError::ChunkSizeTooLarge), Some(_)) => {}
        (Err(ProtocolError::ChunkLineTooLong { .. } | ProtocolError::BodyTooLong { .. }), Some(_)) => {}
        (Err(fault), Some(_)) => panic!("{fault:?} where a library sees nothing wrong"),
        (_, None) => {}
    }
}

fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut decoder, mut payload) = (Decoder::new(bytes), Vec::new());
    decoder.read_to_end(&mut payload).ok()?;
    // It takes the end of the stream for the end of the body, even within a chunk.
    decoder.remaining_chunks_size().is_none().then_some(payload)
}

/// The same body without its trailer section, of which the library knows nothing.
fn without_trailers(body: &[u8]) -> Vec<u8> {
    let mut body = body.strip_suffix(b"\r\n").expect("a body ends in a blank line").to_vec();
    while decoded(&[&body[..], b"\r\n"].concat()).is_none() {
        assert!(body.ends_with(b"\r\n"), "no trailers, and it is refused all the same");
        let line = body[..body.len() - 2].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        assert!(body[line..].contains(&b':'), "what is refused is no trailer");
        body.truncate(line);
    }
    [&body[..], b"\r\n"].concat()
}

/// What we write, a library and we ourselves read back: the same status, fields and body.
///
/// The first line is a status and how the body ends; then come fields, and behind a blank line the
/// body.
pub fn check_response(input: &[u8]) {
    let Some((head, body)) = parted(input, b"\n\n") else { return };
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut lines = head.lines();
    let Some((status, end)) = lines.next().and_then(|line| line.split_once(' ')) else { return };
    let Some(status) = status.parse().ok().filter(|status| (100..1000).contains(status)) else { return };
    let fields: Vec<(&str, &[u8])> = lines.filter_map(field).collect();
    let mut bytes = Vec::new();
    let mut writer = response::begin(status, DATE, &mut bytes);
    for (name, value) in &fields {
        writer.field(name, value);
    }
    let framing = match end {
        "sized" => {
            writer.end_sized(body, Send::HeadAndBody);
            ResponseFraming::Sized(body.len() as u64)
        }
        "head" => {
            writer.end_sized(body, Send::HeadOnly);
            ResponseFraming::None
        }
        "empty" => {
            writer.end_empty();
            ResponseFraming::UntilClose
        }
        _ => {
            writer.end_chunked();
            body.chunks(20).for_each(|chunk| encode_chunk(chunk, &mut bytes));
            bytes.extend_from_slice(LAST_CHUNK);
            ResponseFraming::Chunked
        }
    };
    let used = check_with_httparse(&bytes, status, &fields);
    check_with_ourselves(&bytes, status, end, framing);
    match framing {
        ResponseFraming::Sized(_) => assert_eq!(&bytes[used..], body),
        ResponseFraming::Chunked => assert_eq!(decoded(&bytes[used..]).as_deref(), Some(body)),
        ResponseFraming::None | ResponseFraming::UntilClose => assert_eq!(used, bytes.len()),
    }
}

/// A field that this program would write: none with controls, and none of those it writes by itself.
fn field(line: &str) -> Option<(&str, &[u8])> {
    let (name, value) = line.split_once(':')?;
    let value = trim(value.as_bytes());
    let framing = ["Content-Length", "Transfer-Encoding"].iter().any(|own| name.eq_ignore_ascii_case(own));
    (is_token(name.as_bytes()) && is_field_value(value) && !framing).then_some((name, value))
}

fn check_with_httparse(bytes: &[u8], status: u16, fields: &[(&str, &[u8])]) -> usize {
    let mut room = vec![httparse::EMPTY_HEADER; fields.len() + 2];
    let mut response = httparse::Response::new(&mut room);
    let Ok(httparse::Status::Complete(used)) = response.parse(bytes) else {
        panic!("unreadable: {}", bytes.escape_ascii());
    };
    assert_eq!(response.code, Some(status));
    let read: Vec<_> = response.headers.iter().map(|line| (line.name, line.value)).collect();
    assert_eq!(read[0], ("Date", &DATE[..]));
    assert_eq!(&read[1..=fields.len()], fields);
    used
}

fn check_with_ourselves(bytes: &[u8], status: u16, end: &str, framing: ResponseFraming) {
    let mut room = FieldRoom::new();
    let limits = Limits { head_bytes_max: usize::MAX, fields_max: 128, ..LIMITS };
    let head = match parse_response(bytes, &mut 0, &limits, end == "head", &mut room) {
        Ok(Parsed::Whole { value, .. }) => value,
        Err(ProtocolError::TooManyFields { .. }) => return,
        other => panic!("{other:?}"),
    };
    let has_no_body = matches!(status, 100..=199 | 204 | 304);
    let framing = if has_no_body { ResponseFraming::None } else { framing };
    assert_eq!((head.status, head.framing), (status, framing));
}

/// Many bytes at a time are masked as one at a time, however they are cut.
pub fn check_mask(bytes: &[u8], pieces: &[&[u8]]) {
    let key = *bytes.first_chunk().unwrap_or(b"mask");
    let offset = bytes.len();
    let slowly: Vec<u8> = (offset..).zip(bytes).map(|(at, byte)| byte ^ key[at % 4]).collect();
    let mut masked = Vec::new();
    for piece in pieces {
        let from = masked.len();
        masked.extend_from_slice(piece);
        mask::apply(&mut masked[from..], key, offset + from);
    }
    assert_eq!(masked, slowly);
}

/// tungstenite reads the same messages up to the first close, and refuses what we refuse.
pub fn check_messages(bytes: &[u8]) {
    let (mut ours, fault) = readers::plain_messages(&[bytes]);
    let (theirs, refused) = messages_of_tungstenite(bytes);
    if let Some(close) = ours.iter().position(|said| said.starts_with("Closing")) {
        // What comes behind a close is nobody's business: a connection reads no further.
        ours.truncate(close + 1);
        // 1014 is in the registry, but not in its table: it shows 1002 instead.
        if ours[close].contains("Some(1014)") {
            ours[close] = r#"Closing { code: Some(1002), reason: "Protocol violation" }"#.to_owned();
        }
        assert_eq!(theirs, ours);
        return;
    }
    match fault {
        // It takes a length in any of its forms, where we need not look at that of a control frame; and
        // to a code that must not be sent it says 1002 by itself, and shows that one.
        Some(
            ProtocolError::LengthNotMinimal
            | ProtocolError::ControlTooLong { bytes: 126.. }
            | ProtocolError::CloseCodeInvalid { .. },
        ) => assert!(theirs.starts_with(&ours)),
        Some(fault) => {
            assert_eq!(theirs, ours, "before {fault:?}");
            // We look at bytes as they come, so a fault may show before a frame is whole.
            assert_ne!(refused, Refused::Never, "{fault:?}");
        }
        None => assert_eq!((theirs, refused), (ours, Refused::AtTheEnd)),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Never,
    /// The stream ended, and nothing was wrong with it before.
    AtTheEnd,
    Before,
}

fn messages_of_tungstenite(bytes: &[u8]) -> (Vec<String>, Refused) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LIMITS.message_bytes_max))
        .max_frame_size(Some(LIMITS.message_bytes_max));
    let mut socket = WebSocket::from_raw_socket(ReadOnly(bytes), Role::Server, Some(config));
    let mut said = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => {
                said.push(match frame {
                    Some(frame) => {
                        let (code, reason) = (u16::from(frame.code), frame.reason.as_str());
                        format!("Closing {{ code: Some({code}), reason: {reason:?} }}")
                    }
                    None => "Closing { code: None, reason: \"\" }".to_owned(),
                });
                return (said, Refused::Never);
            }
            Ok(Message::Text(text)) => said.push(format!("text {:?}", text.as_str())),
            Ok(Message::Binary(bytes)) => said.push(format!("binary {:?}", &*bytes)),
            Ok(Message::Ping(bytes)) => said.push(format!("ping {:?}", &*bytes)),
            Ok(Message::Pong(bytes)) => said.push(format!("pong {:?}", &*bytes)),
            Ok(Message::Frame(_)) => unreachable!("reading gives no frames"),
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                return (said, Refused::AtTheEnd);
            }
            Err(_) => return (said, Refused::Before),
        }
    }
}

/// What we make shorter we make the same again, message after message; and whatever comes, no more is
/// made of it than the limit allows, and the next message does not suffer for it.
pub fn check_inflate(bytes: &[u8], messages: &[&[u8]]) {
    let mut compression = CompressionConfig::default();
    (compression.switch, compression.threshold_bytes) = (OnOff::On, 0);
    for takeover in [false, true] {
        let side = Side { takeover, window_bits: bytes.len().is_multiple_of(2).then_some(9) };
        let (mut deflater, mut inflater) = (Deflater::new(side, &compression), Inflater::new(side));
        let mut codec = DeflateCodec::default();
        for message in messages {
            let mut frame = Vec::new();
            deflater.encode(Opcode::Binary, message, &mut codec, &mut frame);
            let Ok(Parsed::Whole { value: header, used }) = FrameHeader::parse(&frame) else {
                panic!("our own")
            };
            let payload = &frame[used..];
            let read = if header.rsv1 {
                inflater.inflate(payload, message.len(), Some(&mut codec))
            } else {
                Ok(payload.to_vec())
            };
            assert_eq!(read.as_deref(), Ok(*message));
            if !message.is_empty() && header.rsv1 {
                let too_long = Inflater::new(side).inflate(payload, 0, None);
                assert!(too_long.is_err(), "a limit that does not hold");
            }
        }
        if let Ok(made) = Inflater::new(side).inflate(bytes, LIMITS.message_bytes_max, None) {
            assert!(made.len() <= LIMITS.message_bytes_max, "more is made than allowed");
        }
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(Inflater::new(side).inflate(&hello, 5, None).as_deref(), Ok(&b"Hello"[..]));
    }
}

/// A stream of which nobody reads what is written.
struct ReadOnly<'b>(&'b [u8]);

impl Read for ReadOnly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for ReadOnly<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What stands before and behind the first `seam`.
pub fn parted<'b>(input: &'b [u8], seam: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = input.windows(seam.len()).position(|window| window == seam)?;
    Some((&input[..at], &input[at + seam.len()..]))
}

const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";

const KNOWN: [Known; 21] = [
    Known::Accept,
    Known::AcceptEncoding,
    Known::Connection,
    Known::ContentLength,
    Known::ContentType,
    Known::Cookie,
    Known::Expect,
    Known::Host,
    Known::IdempotencyKey,
    Known::IfMatch,
    Known::IfNoneMatch,
    Known::LastEventId,
    Known::Origin,
    Known::Prefer,
    Known::SecWebSocketAccept,
    Known::SecWebSocketExtensions,
    Known::SecWebSocketKey,
    Known::SecWebSocketProtocol,
    Known::SecWebSocketVersion,
    Known::TransferEncoding,
    Known::Upgrade,
];
