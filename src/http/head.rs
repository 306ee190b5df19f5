//! Where a head ends, and what it says (RFC 9112 §2 to §5).
//!
//! The end, a blank line, is looked for first, and only in bytes that were not looked at before;
//! then the head is parsed once. Parsing at every arrival instead costs a head that comes byte by
//! byte a thousand times as much.
//!
//! ```text
//! bytes ── skip_empty_lines ── find_end ── check_line_start ── httparse ── the rules of the RFC ── head
//!                                 │ no blank line yet: NeedMore
//! ```

use std::mem::MaybeUninit;

use httparse::{Error, ParserConfig, Status};
use memchr::{memchr, memchr_iter, memchr2};

use crate::config::{FIELDS_ROOM, Limits};
use crate::error::ProtocolError;
use crate::http::framing::{self, Framing, ResponseFraming};
use crate::http::headers::{Fields, Known, is_token};
use crate::http::parsed::Parsed;
use crate::http::target::{self, is_host};
use crate::http::version::{Version, is_version};

/// Room on the stack for the fields of one head. Making one costs nothing: it is not initialized.
pub struct FieldRoom<'b> {
    stack: [MaybeUninit<httparse::Header<'b>>; FIELDS_ROOM],
    /// For a head whose first line httparse does not take. Mostly empty.
    spare: Vec<httparse::Header<'b>>,
}

impl FieldRoom<'_> {
    pub const fn new() -> Self {
        FieldRoom { stack: [const { MaybeUninit::uninit() }; FIELDS_ROOM], spare: Vec::new() }
    }
}

impl Default for FieldRoom<'_> {
    fn default() -> Self {
        FieldRoom::new()
    }
}

/// The head of a request. What it borrows are the bytes as they came.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'h, 'b> {
    /// A token of at most 32 bytes, case as sent: methods are told apart by case (RFC 9110 §9.1).
    pub method: &'b str,
    /// As sent, still percent-encoded. Begins with `/`; or is `*` (for OPTIONS); or the whole target
    /// (for CONNECT).
    pub path: &'b str,
    /// What stands behind the first `?` of the target, without it; empty if there is none.
    pub query: &'b str,
    /// Host and port: of an absolute target, else of the Host field. May be empty.
    pub host: &'b [u8],
    pub version: Version,
    pub fields: Fields<'h, 'b>,
    pub framing: Framing,
    /// Whether the client would like to use the connection again (RFC 9112 §9.3).
    pub persistent: bool,
    /// Whether the client waits for 100 (Continue) before it sends its body (RFC 9110 §10.1.1).
    /// Never if there is no body to wait for.
    pub expects_continue: bool,
}

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'h, 'b> {
    pub version: Version,
    /// Three digits, 100 and more.
    pub status: u16,
    pub fields: Fields<'h, 'b>,
    pub framing: ResponseFraming,
    /// Whether the connection can be used again once the body has ended.
    pub persistent: bool,
}

/// Reads the request head at the front of `bytes`. Up to two empty lines before it are passed over
/// (RFC 9112 §2.2) and counted in `used`.
///
/// `searched` is the caller's mark of how far the end was looked for: 0 for a new head, then left
/// alone while more bytes come behind the same ones. It is 0 again after a `Whole`.
///
/// Faults: whatever [`ProtocolError`] lists under reading a request, but for bodies. They do not depend on
/// how the bytes were cut: a line feed without CR, a target or a head that is too long are seen
/// before the head is whole, everything else when it is.
pub fn parse_request<'h, 'b>(
    bytes: &'b [u8],
    searched: &mut usize,
    limits: &Limits,
    room: &'h mut FieldRoom<'b>,
) -> Result<Parsed<RequestHead<'h, 'b>>, ProtocolError> {
    let Some(start) = skip_empty_lines(bytes)? else { return Ok(Parsed::NeedMore) };
    let found = find_end(bytes, start, searched, limits.head_bytes_max);
    check_line_start(&bytes[start..], limits)?;
    let Some(end) = found? else { return Ok(Parsed::NeedMore) };
    *searched = 0;

    let text = &bytes[start..end];
    let FieldRoom { stack, spare } = room;
    let mut request = httparse::Request::new(&mut []);
    let fields_max = limits.fields_max.min(FIELDS_ROOM);
    match request.parse_with_uninit_headers(text, &mut stack[..fields_max]) {
        Ok(Status::Complete(parsed)) if parsed == text.len() => {}
        Ok(_) => return Err(ENDS_ELSEWHERE),
        Err(Error::Version) if is_later_minor(&request, text) => {
            request.version = Some(1);
            request.headers = fields_alone(text, spare, fields_max)?;
        }
        Err(error) => return Err(request_fault(error, &request, text, fields_max)),
    }
    let head = judge(request)?;
    Ok(Parsed::Whole { value: head, used: end })
}

/// Reads the response head at the front of `bytes`. `asked_with_head` says that the request's method
/// was HEAD, for then no body follows. The rest is as in [`parse_request`].
pub fn parse_response<'h, 'b>(
    bytes: &'b [u8],
    searched: &mut usize,
    limits: &Limits,
    asked_with_head: bool,
    room: &'h mut FieldRoom<'b>,
) -> Result<Parsed<ResponseHead<'h, 'b>>, ProtocolError> {
    let Some(start) = skip_empty_lines(bytes)? else { return Ok(Parsed::NeedMore) };
    let Some(end) = find_end(bytes, start, searched, limits.head_bytes_max)? else {
        return Ok(Parsed::NeedMore);
    };
    *searched = 0;

    let text = &bytes[start..end];
    let mut response = httparse::Response::new(&mut []);
    let fields_max = limits.fields_max.min(FIELDS_ROOM);
    let room = &mut room.stack[..fields_max];
    match ParserConfig::default().parse_response_with_uninit_headers(&mut response, text, room) {
        Ok(Status::Complete(parsed)) if parsed == text.len() => {}
        Ok(_) => return Err(ENDS_ELSEWHERE),
        Err(error) => return Err(response_fault(error, text, fields_max)),
    }

    let status = response.code.unwrap_or(0);
    if status < 100 {
        return Err(ProtocolError::HeadMalformed { why: "a status is at least 100" });
    }
    let version = Version::from_minor(response.version);
    let fields = Fields::new(response.headers);
    let framing = framing::of_response(version, status, asked_with_head, fields)?;
    let persistent = persists(version, fields) && framing != ResponseFraming::UntilClose;
    Ok(Parsed::Whole { value: ResponseHead { version, status, fields, framing, persistent }, used: end })
}

/// Where the first line begins, once a byte of it is there. Some old clients send an empty line
/// behind a body; more than two are an attack on patience.
fn skip_empty_lines(bytes: &[u8]) -> Result<Option<usize>, ProtocolError> {
    let mut start = 0;
    loop {
        match &bytes[start..] {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] if start < EMPTY_LINES_MAX * 2 => start += 2,
            [b'\r', b'\n', ..] => {
                return Err(ProtocolError::HeadMalformed { why: "it begins with empty lines" });
            }
            [b'\n', ..] => return Err(ProtocolError::BareLineFeed),
            _ => return Ok(Some(start)),
        }
    }
}

/// Where the head that begins at `start` ends: behind the first blank line. Every line feed on the
/// way must follow a CR. Nothing behind the longest allowed head is looked at, so that the outcome
/// does not depend on how much came at once.
fn find_end(
    bytes: &[u8],
    start: usize,
    searched: &mut usize,
    bytes_max: usize,
) -> Result<Option<usize>, ProtocolError> {
    let seen = &bytes[..bytes.len().min(bytes_max)];
    let from = start.max(*searched);
    for at in memchr_iter(b'\n', seen.get(from..).unwrap_or(&[])) {
        let line_end = from + at + 1;
        if seen[..line_end].ends_with(b"\r\n\r\n") {
            return Ok(Some(line_end));
        }
        if !seen[..line_end].ends_with(b"\r\n") {
            return Err(ProtocolError::BareLineFeed);
        }
    }
    if bytes.len() > bytes_max {
        return Err(ProtocolError::HeadTooLong { bytes_max });
    }
    *searched = seen.len();
    Ok(None)
}

/// Refuses a method or a target that is already too long, however much of its line is there.
fn check_line_start(text: &[u8], limits: &Limits) -> Result<(), ProtocolError> {
    let text = &text[..text.len().min(limits.head_bytes_max)];
    let method_room = &text[..text.len().min(METHOD_BYTES_MAX + 1)];
    // Methods are short: a plain loop is at their end before a search has begun.
    let Some(method_end) = method_room.iter().position(|byte| matches!(byte, b' ' | b'\n')) else {
        return if method_room.len() > METHOD_BYTES_MAX { Err(no_end_of(method_room)) } else { Ok(()) };
    };
    let bytes_max = limits.target_bytes_max;
    let Some(target_room) = text[method_end + 1..].get(..=bytes_max) else { return Ok(()) };
    if text[method_end] == b' ' && memchr2(b' ', b'\n', target_room).is_none() {
        return Err(ProtocolError::TargetTooLong { bytes_max });
    }
    Ok(())
}

/// A long method is one that is not known; anything else is no request at all.
#[cold]
fn no_end_of(method: &[u8]) -> ProtocolError {
    match is_token(method) {
        true => ProtocolError::MethodTooLong { bytes_max: METHOD_BYTES_MAX },
        false => ProtocolError::HeadMalformed { why: "the method is not a token" },
    }
}

/// The rules that a request follows beyond its grammar.
fn judge<'h, 'b>(request: httparse::Request<'h, 'b>) -> Result<RequestHead<'h, 'b>, ProtocolError> {
    let method = request.method.unwrap_or_default();
    let version = Version::from_minor(request.version);
    let fields = Fields::new(request.headers);
    let target = target::parse(method, request.path.unwrap_or_default())?;
    let host_field = host_field(version, fields)?;
    let framing = framing::of_request(version, fields)?;
    Ok(RequestHead {
        method,
        path: target.path,
        query: target.query,
        host: target.host.unwrap_or(host_field),
        version,
        fields,
        framing,
        persistent: persists(version, fields),
        expects_continue: expects_continue(version, framing, fields)?,
    })
}

/// A later minor version is read as the latest that is known (RFC 9110 §2.5). httparse would refuse
/// it, and has read as far as the version.
#[cold]
fn is_later_minor(request: &httparse::Request, text: &[u8]) -> bool {
    let (Some(method), Some(path)) = (request.method, request.path) else { return false };
    let version = text.get(method.len() + path.len() + 2..).unwrap_or_default();
    matches!(version, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9', b'\r', b'\n', ..])
}

/// The fields of a head whose first line has been read.
#[cold]
fn fields_alone<'h, 'b>(
    text: &'b [u8],
    room: &'h mut Vec<httparse::Header<'b>>,
    fields_max: usize,
) -> Result<&'h mut [httparse::Header<'b>], ProtocolError> {
    let fields = memchr(b'\n', text).map_or(&text[..0], |at| &text[at + 1..]);
    room.resize(fields_max, httparse::EMPTY_HEADER);
    let count = match httparse::parse_headers(fields, room) {
        Ok(Status::Complete((parsed, found))) if parsed == fields.len() => found.len(),
        Ok(_) => return Err(ENDS_ELSEWHERE),
        Err(error) => return Err(field_fault(error, fields_max)),
    };
    Ok(&mut room[..count])
}

/// One Host field at most, and one at least in HTTP/1.1 (RFC 9112 §3.2). It may be empty.
fn host_field<'b>(version: Version, fields: Fields<'_, 'b>) -> Result<&'b [u8], ProtocolError> {
    let mut hosts = fields.all(Known::Host);
    match (hosts.next(), hosts.next(), version) {
        (Some(_), Some(_), _) => Err(ProtocolError::HostRepeated),
        (Some(host), None, _) if host.is_empty() || is_host(host) => Ok(host),
        (Some(_), None, _) => Err(ProtocolError::HostMalformed),
        (None, _, Version::Http10) => Ok(b""),
        (None, _, Version::Http11) => Err(ProtocolError::HostMissing),
    }
}

/// RFC 9112 §9.3: `close` counts most, then the version, then `keep-alive`.
fn persists(version: Version, fields: Fields) -> bool {
    if !fields.has(Known::Connection) {
        return version == Version::Http11;
    }
    !fields.list_has(Known::Connection, "close")
        && (version == Version::Http11 || fields.list_has(Known::Connection, "keep-alive"))
}

/// RFC 9110 §10.1.1: there is one expectation, and an HTTP/1.0 client cannot have meant it.
fn expects_continue(version: Version, framing: Framing, fields: Fields) -> Result<bool, ProtocolError> {
    if !fields.has(Known::Expect) {
        return Ok(false);
    }
    let mut expected = false;
    for member in fields.list(Known::Expect) {
        if !member.eq_ignore_ascii_case(b"100-continue") {
            return Err(ProtocolError::ExpectationUnknown);
        }
        expected = true;
    }
    let body_follows = !matches!(framing, Framing::None | Framing::Sized(0));
    Ok(expected && version == Version::Http11 && body_follows)
}

#[cold]
fn request_fault(error: Error, request: &httparse::Request, text: &[u8], fields_max: usize) -> ProtocolError {
    let line = first_line(text);
    let behind_method = request.method.and_then(|method| line.get(method.len() + 1..));
    match (error, behind_method, request.path) {
        (Error::Version, Some(rest), Some(path)) if is_version(&rest[path.len() + 1..]) => {
            ProtocolError::VersionUnsupported
        }
        (Error::Token, Some(rest), None) if memchr(b' ', rest).is_some() => ProtocolError::TargetMalformed,
        (Error::Token | Error::Version, Some(_), _) => {
            ProtocolError::HeadMalformed { why: "its first line is not method, target and version" }
        }
        (Error::Token, None, _) => ProtocolError::HeadMalformed { why: "the method is not a token" },
        _ => field_fault(error, fields_max),
    }
}

#[cold]
fn response_fault(error: Error, text: &[u8], fields_max: usize) -> ProtocolError {
    let line = first_line(text);
    let word = &line[..memchr(b' ', line).unwrap_or(line.len())];
    match error {
        Error::Version if is_version(word) => ProtocolError::VersionUnsupported,
        Error::Version | Error::Status => {
            ProtocolError::HeadMalformed { why: "its first line is not version and status" }
        }
        _ => field_fault(error, fields_max),
    }
}

fn field_fault(error: Error, fields_max: usize) -> ProtocolError {
    let why = match error {
        Error::TooManyHeaders => return ProtocolError::TooManyFields { max: fields_max },
        Error::HeaderName => "a line is not a field name, a colon and a value",
        Error::HeaderValue => "a field value has a control character",
        _ => "a line has something where its CR LF should be",
    };
    ProtocolError::HeadMalformed { why }
}

fn first_line(text: &[u8]) -> &[u8] {
    &text[..memchr(b'\r', text).unwrap_or(text.len())]
}

/// We and httparse must agree on where a head ends, or else one of us was deceived.
const ENDS_ELSEWHERE: ProtocolError =
    ProtocolError::HeadMalformed { why: "it is not whole where its blank line is" };
const EMPTY_LINES_MAX: usize = 2;
/// The longest registered method has 17 bytes (UPDATEREDIRECTREF).
const METHOD_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits::DEFAULT;

    /// One call on a new mark; the head in words.
    fn parse(bytes: &[u8], searched: &mut usize, limits: &Limits) -> Result<Parsed<String>, ProtocolError> {
        Ok(match parse_request(bytes, searched, limits, &mut FieldRoom::new())? {
            Parsed::NeedMore => Parsed::NeedMore,
            Parsed::Whole { value: head, used } => Parsed::Whole { value: in_words(&head), used },
        })
    }

    fn in_words(head: &RequestHead) -> String {
        let mut words = format!("{} {}", head.method, head.path);
        let mut say = |condition, word: &str| words.push_str(if condition { word } else { "" });
        say(!head.query.is_empty(), &format!(" ?{}", head.query));
        say(true, &format!(" at {}", String::from_utf8_lossy(head.host)));
        say(head.framing != Framing::None, &format!(" {:?}", head.framing));
        say(head.version == Version::Http10, " old");
        say(!head.persistent, " close");
        say(head.expects_continue, " continue");
        words
    }

    #[track_caller]
    fn check(head: &str, expected: &str) {
        let bytes = head.as_bytes();
        let whole = Ok(Parsed::Whole { value: expected.to_owned(), used: bytes.len() });
        assert_eq!(parse(bytes, &mut 0, &LIMITS), whole);
        let mut searched = 0;
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut], &mut 0, &LIMITS), Ok(Parsed::NeedMore), "cut at {cut}");
            let slowly = parse(&bytes[..cut], &mut searched, &LIMITS);
            assert_eq!(slowly, Ok(Parsed::NeedMore), "slowly, cut at {cut}");
        }
        assert_eq!(parse(bytes, &mut searched, &LIMITS), whole);
        assert_eq!(searched, 0);
        for stranger in [&b"G"[..], b"\r\n\r\n", b"\n", b"GET / HTTP/1.1\r\n\r\n"] {
            assert_eq!(parse(&[bytes, stranger].concat(), &mut 0, &LIMITS), whole);
        }
    }

    /// The fault is the same whole and byte by byte.
    #[track_caller]
    fn refused_within(limits: &Limits, bytes: &[u8], fault: ProtocolError) {
        assert_eq!(parse(bytes, &mut 0, limits), Err(fault));
        let mut searched = 0;
        let first = (0..=bytes.len())
            .map(|cut| parse(&bytes[..cut], &mut searched, limits))
            .find(|outcome| *outcome != Ok(Parsed::NeedMore));
        assert_eq!(first, Some(Err(fault)), "slowly");
    }

    #[track_caller]
    fn refused(head: &str, fault: ProtocolError) {
        refused_within(&LIMITS, head.as_bytes(), fault);
    }

    /// Malformed, for whatever reason.
    #[track_caller]
    fn malformed(head: &str) {
        match parse(head.as_bytes(), &mut 0, &LIMITS) {
            Err(fault @ ProtocolError::HeadMalformed { .. }) => refused(head, fault),
            other => panic!("{head:?}: {other:?}"),
        }
    }

    #[test]
    fn a_request_says_what_it_wants() {
        check("GET /tasks/1 HTTP/1.1\r\nHost: a:8080\r\n\r\n", "GET /tasks/1 at a:8080");
        check("GET /t?a=b HTTP/1.0\r\n\r\n", "GET /t ?a=b at  old close");
        check("PUT /t HTTP/1.1\r\nhost:\r\ncontent-length: 3\r\n\r\n", "PUT /t at  Sized(3)");
        check("POST / HTTP/1.1\r\nTransfer-Encoding:chunked\r\nHost:a\r\n\r\n", "POST / at a Chunked");
        check("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x at b");
        check("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * at a");
        check("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "CONNECT a:443 at a:443");
        check("QUERY /t HTTP/1.1\r\nHost: a\r\nX: \t \r\nY: \u{e4}\r\n\r\n", "QUERY /t at a");
    }

    #[test]
    fn two_empty_lines_before_a_request_are_passed_over() {
        check("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / at a");
        check("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / at a");
        malformed("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        malformed("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ProtocolError::BareLineFeed);
    }

    #[test]
    fn a_connection_is_kept_as_the_client_asks() {
        let with = |version, connection| format!("GET / {version}\r\nHost: a\r\n{connection}\r\n\r\n");
        check(&with("HTTP/1.1", "Connection: keep-alive"), "GET / at a");
        check(&with("HTTP/1.1", "Connection: te, Close"), "GET / at a close");
        check(&with("HTTP/1.1", "Connection: te\r\nConnection: close"), "GET / at a close");
        check(&with("HTTP/1.1", "Connection: Transfer-Encoding"), "GET / at a");
        check(&with("HTTP/1.0", "Connection: Keep-Alive"), "GET / at a old");
        check(&with("HTTP/1.0", "Connection: keep-alive, close"), "GET / at a old close");
    }

    #[test]
    fn only_one_expectation_is_met() {
        let with = |version, more| format!("PUT / {version}\r\nHost: a\r\nExpect: {more}\r\n\r\n");
        check(&with("HTTP/1.1", "100-Continue\r\nContent-Length: 1"), "PUT / at a Sized(1) continue");
        check(&with("HTTP/1.1", "100-continue\r\nContent-Length: 0"), "PUT / at a Sized(0)");
        check(&with("HTTP/1.1", "100-continue"), "PUT / at a");
        check(&with("HTTP/1.0", "100-continue\r\nContent-Length: 1"), "PUT / at a Sized(1) old close");
        refused(&with("HTTP/1.1", "tea"), ProtocolError::ExpectationUnknown);
        refused(&with("HTTP/1.1", "100-continue, tea"), ProtocolError::ExpectationUnknown);
        malformed(&with("HTTP/1.1", "100-continue\r\n folded")); // CVE-2025-32094
    }

    #[test]
    fn a_host_is_named_once_and_well() {
        let with = |fields| format!("GET / HTTP/1.1\r\n{fields}\r\n");
        refused(&with(""), ProtocolError::HostMissing);
        refused(&with("Host: a\r\nHost: a\r\n"), ProtocolError::HostRepeated);
        refused(&with("Host: a b\r\n"), ProtocolError::HostMalformed);
        refused(&with("Host: a/b\r\n"), ProtocolError::HostMalformed);
        refused("GET http://b/ HTTP/1.1\r\n\r\n", ProtocolError::HostMissing);
        refused("GET / HTTP/1.0\r\nHost: a@b\r\n\r\n", ProtocolError::HostMalformed);
    }

    #[test]
    fn only_cr_lf_ends_a_line() {
        let bare = ProtocolError::BareLineFeed;
        refused("GET / HTTP/1.1\nHost: a\r\n\r\n", bare);
        refused("GET / HTTP/1.1\r\nHost: a\n\r\n", bare);
        refused("GET / HTTP/1.1\r\nHost: a\r\n\n", bare);
        refused("GET / HTTP/1.1\r\nHost: a\r\nX: 1\n\nGET /evil HTTP/1.1\r\n", bare);
        malformed("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n");
        malformed("GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n");
        malformed("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n");
        malformed("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n");
    }

    #[test]
    fn field_lines_are_strict() {
        for bad in
            ["X : 1", " X: 1", ": 1", "X", "X\0: 1", "X: a\0b", "X: a\x0bb", "X: \x7f", "\u{e4}: 1", "X\t: 1"]
        {
            malformed(&format!("GET / HTTP/1.1\r\nHost: a\r\n{bad}\r\n\r\n"));
            malformed(&format!("GET / HTTP/1.1\r\n{bad}\r\nHost: a\r\n\r\n"));
        }
        malformed("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"); // CVE-2022-32215
        malformed("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n");
    }

    #[test]
    fn request_lines_are_strict() {
        for bad in [
            "GET /",
            "GET / ",
            "GET /  HTTP/1.1",
            "GET\t/ HTTP/1.1",
            "G(T / HTTP/1.1",
            " GET / HTTP/1.1",
            "GET / http/1.1",
            "GET / HTTP/1.12",
            "GET / HTTP/1.1 ",
            "GET / HTP/1.1",
            "GET / HTTP/01.1",
            "GET /a b HTTP/1.1",
            "GET",
        ] {
            malformed(&format!("{bad}\r\nHost: a\r\n\r\n"));
        }
        for bad in [
            "GET  / HTTP/1.1",
            "GET /\t HTTP/1.1",
            "GET /\u{e4} HTTP/1.1",
            "GET /# HTTP/1.1",
            "GET * HTTP/1.1",
        ] {
            refused(&format!("{bad}\r\nHost: a\r\n\r\n"), ProtocolError::TargetMalformed);
        }
    }

    #[test]
    fn other_versions_are_told_from_garbage() {
        for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3", "HTTP/9.9"] {
            refused(&format!("GET / {version}\r\nHost: a\r\n\r\n"), ProtocolError::VersionUnsupported);
        }
        refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ProtocolError::VersionUnsupported);
    }

    #[test]
    fn a_later_minor_version_is_read_as_the_latest_known() {
        check("PUT /t?q HTTP/1.2\r\nHost: a\r\nContent-Length: 3\r\n\r\n", "PUT /t ?q at a Sized(3)");
        check("GET / HTTP/1.9\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / at a close");
        refused("GET / HTTP/1.2\r\n\r\n", ProtocolError::HostMissing);
        refused("GET / HTTP/1.2\rX: y\r\nHost: a\r\n\r\n", ProtocolError::VersionUnsupported);
        malformed("GET / HTTP/1.2\r\nHost: a\r\n X: y\r\n\r\n");
        malformed("GET / HTTP/1.2\r\nHost : a\r\n\r\n");
        malformed("GET / HTTP/1.2 \r\nHost: a\r\n\r\n");
        let limits = Limits { fields_max: 1, ..LIMITS };
        let two = b"GET / HTTP/1.3\r\nHost: a\r\nX: y\r\n\r\n";
        refused_within(&limits, two, ProtocolError::TooManyFields { max: 1 });
    }

    #[test]
    fn a_method_has_an_end() {
        let longest = "X".repeat(32);
        check(&format!("{longest} / HTTP/1.1\r\nHost: a\r\n\r\n"), &format!("{longest} / at a"));
        refused(&"X".repeat(33), ProtocolError::MethodTooLong { bytes_max: 32 });
        malformed(&"\u{16}\u{3}\u{1}\0".repeat(9));
    }

    #[test]
    fn a_head_is_refused_at_its_bounds() {
        let limits = Limits { head_bytes_max: 100, target_bytes_max: 20, fields_max: 2, ..LIMITS };
        let of = |target: usize, head: usize, end| {
            let start = format!("GET /{} HTTP/1.1\r\nHost: a\r\nX: ", "a".repeat(target - 1));
            format!("{start}{}{end}", "x".repeat(head - start.len() - 4)).into_bytes()
        };
        let too_long = ProtocolError::HeadTooLong { bytes_max: 100 };
        assert!(parse(&of(20, 100, "\r\n\r\n"), &mut 0, &limits).is_ok());
        refused_within(&limits, &of(20, 101, "\r\n\r\n"), too_long);
        refused_within(&limits, &of(20, 101, "xxxx"), too_long);
        refused_within(&limits, &of(20, 200, "\n"), too_long);
        refused_within(&limits, &of(21, 90, "\r\n\r\n"), ProtocolError::TargetTooLong { bytes_max: 20 });
        refused_within(&limits, &of(21, 90, "\n"), ProtocolError::TargetTooLong { bytes_max: 20 });
        refused_within(
            &limits,
            b"GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            ProtocolError::TargetTooLong { bytes_max: 20 },
        );
        refused_within(&limits, &[b'A'; 33], ProtocolError::MethodTooLong { bytes_max: 32 });
        let fields = b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n";
        refused_within(&limits, fields, ProtocolError::TooManyFields { max: 2 });
    }

    #[test]
    fn two_lengths_of_a_body_are_one_too_many() {
        let fault = ProtocolError::LengthAndCoding;
        refused(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            fault,
        );
    }

    #[track_caller]
    fn check_response(head: &str, asked_with_head: bool, expected: (u16, ResponseFraming, bool)) {
        let bytes = head.as_bytes();
        let parse = |bytes: &[u8]| {
            let mut room = FieldRoom::new();
            match parse_response(bytes, &mut 0, &LIMITS, asked_with_head, &mut room)? {
                Parsed::NeedMore => Ok::<_, ProtocolError>(Parsed::NeedMore),
                Parsed::Whole { value, used } => {
                    Ok(Parsed::Whole { value: (value.status, value.framing, value.persistent), used })
                }
            }
        };
        let whole = Ok(Parsed::Whole { value: expected, used: bytes.len() });
        assert_eq!(parse(bytes), whole);
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), Ok(Parsed::NeedMore), "cut at {cut}");
        }
        assert_eq!(parse(&[bytes, b"next"].concat()), whole);
    }

    #[test]
    fn a_response_says_how_it_ends() {
        use ResponseFraming::*;
        check_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, (200, Sized(5), true));
        check_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, (200, None, true));
        check_response("HTTP/1.1 404\r\nTransfer-Encoding: chunked\r\n\r\n", false, (404, Chunked, true));
        check_response("HTTP/1.1 200 \r\n\r\n", false, (200, UntilClose, false));
        check_response("HTTP/1.0 204 Gone\r\n\r\n", false, (204, None, false));
        check_response("HTTP/1.1 304 x\r\nConnection: close\r\n\r\n", false, (304, None, false));
    }

    #[test]
    fn a_response_head_is_strict_too() {
        let parse = |text: &str| {
            parse_response(text.as_bytes(), &mut 0, &LIMITS, false, &mut FieldRoom::new()).map(|_| ())
        };
        assert_eq!(parse("HTTP/2 200 OK\r\n\r\n"), Err(ProtocolError::VersionUnsupported));
        assert_eq!(parse("HTTP/1.1 200 OK\n"), Err(ProtocolError::BareLineFeed));
        for bad in ["HTTP/1.1 099 x", "HTTP/1.1 20 x", "HTTP/1.1 2000 x", "HELLO", "HTTP/1.1 200 x\r\nX : 1"]
        {
            let outcome = parse(&format!("{bad}\r\n\r\n"));
            assert!(matches!(outcome, Err(ProtocolError::HeadMalformed { .. })), "{bad}: {outcome:?}");
        }
    }
}
