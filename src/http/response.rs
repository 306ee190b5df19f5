//! Status line and fields out (RFC 9112 §4, RFC 9110 §6.6.1, §8.6, §15).

use memchr::memchr3;

use crate::http::headers::is_token;

/// Tells a client that waits with its body to send it (RFC 9110 §10.1.1, §15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Whether the body follows its head: not in an answer to HEAD (RFC 9110 §9.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Send {
    #[default]
    HeadAndBody,
    HeadOnly,
}

/// A response under way: fields, then one of the three ends.
#[must_use = "a response needs an end"]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

/// Appends the status line and the Date. A status without a name gets none, which is as good
/// (RFC 9112 §4).
#[inline]
pub fn begin<'o>(status: u16, date: &[u8; 29], out: &'o mut Vec<u8>) -> Writer<'o> {
    out.reserve(HEAD_BYTES_USUAL);
    match start(status) {
        "" => start_without_reason(status, out),
        start => out.extend_from_slice(start.as_bytes()),
    }
    out.extend_from_slice(date);
    out.extend_from_slice(b"\r\n");
    Writer { out }
}

impl Writer<'_> {
    /// One field. A value that would end its line, and so could begin another, is a mistake of ours:
    /// it is never written.
    pub fn field(&mut self, name: &str, value: &[u8]) -> &mut Self {
        let one_line = memchr3(b'\r', b'\n', b'\0', value).is_none();
        debug_assert!(one_line && is_token(name.as_bytes()), "field {name} would break its line");
        if one_line {
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b": ");
            self.out.extend_from_slice(value);
            self.out.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Whole lines that were composed before, each with its CR LF.
    #[inline]
    pub fn raw(&mut self, lines: &[u8]) -> &mut Self {
        debug_assert!(lines.is_empty() || lines.ends_with(b"\r\n"), "a raw line lacks its end");
        self.out.extend_from_slice(lines);
        self
    }

    /// One field with a value in pieces, none of which can end a line.
    #[inline]
    pub fn pieces<const N: usize>(&mut self, name: &str, pieces: [&str; N]) -> &mut Self {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        for piece in pieces {
            self.out.extend_from_slice(piece.as_bytes());
        }
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// One field with a quoted value that `write` appends; it needs no escapes.
    #[inline]
    pub fn quoted(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": \"");
        write(self.out);
        self.out.extend_from_slice(b"\"\r\n");
        self
    }

    /// With Content-Length, also where the body itself is not sent.
    #[inline]
    pub fn end_sized(self, body: &[u8], send: Send) {
        let out = self.end_before(body.len());
        if send == Send::HeadAndBody {
            out.extend_from_slice(body);
        }
    }

    /// Before a body of so many bytes, which is to follow.
    pub fn end_before_body(self, bytes: usize) {
        self.end_before(bytes);
    }

    /// Without body and without a word on its length: 101, 204 and 304 (RFC 9110 §8.6).
    pub fn end_empty(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    /// With a body in chunks, which are to follow ([`encode_chunk`](crate::http::body::encode_chunk)).
    pub fn end_chunked(self) {
        self.out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
    }
}

impl<'o> Writer<'o> {
    #[inline]
    fn end_before(self, body_bytes: usize) -> &'o mut Vec<u8> {
        let mut digits = itoa::Buffer::new();
        self.out.extend_from_slice(b"Content-Length: ");
        self.out.extend_from_slice(digits.format(body_bytes).as_bytes());
        self.out.extend_from_slice(b"\r\n\r\n");
        self.out
    }
}

/// From each status to its name, and to everything that stands before the value of the Date.
macro_rules! statuses {
    ($($status:literal $reason:literal)*) => {
        /// The reason phrase of a status, empty if it is not known here (RFC 9110 §15).
        pub fn reason(status: u16) -> &'static str {
            match status {
                $($status => $reason,)*
                _ => "",
            }
        }

        fn start(status: u16) -> &'static str {
            match status {
                $($status => concat!("HTTP/1.1 ", $status, " ", $reason, "\r\nDate: "),)*
                _ => "",
            }
        }
    };
}

statuses! {
    100 "Continue"
    101 "Switching Protocols"
    200 "OK"
    201 "Created"
    202 "Accepted"
    204 "No Content"
    205 "Reset Content"
    206 "Partial Content"
    207 "Multi-Status"
    301 "Moved Permanently"
    302 "Found"
    303 "See Other"
    304 "Not Modified"
    307 "Temporary Redirect"
    308 "Permanent Redirect"
    400 "Bad Request"
    401 "Unauthorized"
    403 "Forbidden"
    404 "Not Found"
    405 "Method Not Allowed"
    406 "Not Acceptable"
    408 "Request Timeout"
    409 "Conflict"
    410 "Gone"
    411 "Length Required"
    412 "Precondition Failed"
    413 "Content Too Large"
    414 "URI Too Long"
    415 "Unsupported Media Type"
    416 "Range Not Satisfiable"
    417 "Expectation Failed"
    421 "Misdirected Request"
    422 "Unprocessable Content"
    426 "Upgrade Required"
    428 "Precondition Required"
    429 "Too Many Requests"
    431 "Request Header Fields Too Large"
    500 "Internal Server Error"
    501 "Not Implemented"
    502 "Bad Gateway"
    503 "Service Unavailable"
    504 "Gateway Timeout"
    505 "HTTP Version Not Supported"
    507 "Insufficient Storage"
}

#[cold]
fn start_without_reason(status: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.extend_from_slice(b" \r\nDate: ");
}

/// Room for most heads, so that a new buffer grows once.
const HEAD_BYTES_USUAL: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";

    #[track_caller]
    fn check(write: impl Fn(&mut Vec<u8>), expected: &str) {
        for before in ["", "what was there before"] {
            let mut out = before.as_bytes().to_vec();
            write(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), format!("{before}{expected}"));
        }
    }

    #[test]
    fn a_response_with_a_body_says_its_length() {
        let expected = "HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                        ETag: \"v1\"\r\nX: 1\r\nContent-Length: 5\r\n\r\n";
        let write = |send| {
            move |out: &mut Vec<u8>| {
                let mut writer = begin(201, DATE, out);
                writer.field("ETag", b"\"v1\"").raw(b"X: 1\r\n");
                writer.end_sized(b"hello", send);
            }
        };
        check(write(Send::HeadAndBody), &format!("{expected}hello"));
        check(write(Send::HeadOnly), expected);
    }

    #[test]
    fn a_response_without_a_body_says_nothing_of_its_length() {
        let write = |out: &mut Vec<u8>| begin(304, DATE, out).end_empty();
        check(write, "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
    }

    #[test]
    fn a_chunked_response_says_so() {
        let expected = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                        Transfer-Encoding: chunked\r\n\r\n";
        check(|out| begin(200, DATE, out).end_chunked(), expected);
    }

    #[test]
    fn a_status_needs_no_name() {
        let write = |out: &mut Vec<u8>| begin(299, DATE, out).end_empty();
        check(write, "HTTP/1.1 299 \r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
        assert_eq!((reason(404), reason(299)), ("Not Found", ""));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "would break its line")]
    fn no_value_begins_another_line() {
        begin(200, DATE, &mut Vec::new()).field("Location", b"/\r\nSet-Cookie: a");
    }

    #[test]
    #[cfg(not(debug_assertions))]
    fn no_value_begins_another_line() {
        let mut out = Vec::new();
        begin(200, DATE, &mut out).field("Location", b"/\r\nSet-Cookie: a");
        assert!(out.ends_with(b"GMT\r\n"));
    }
}
