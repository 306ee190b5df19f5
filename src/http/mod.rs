//! HTTP/1.1 on paper: bytes to values and back (RFC 9110, RFC 9112).
//!
//! A request is a head, a blank line, and perhaps a body:
//!
//! ```text
//! PUT /tasks/7 HTTP/1.1\r\n            request line: method, target, version   head, target
//! Host: example.org\r\n                fields: name, colon, value              headers
//! If-Match: "v3"\r\n                   a condition                             entity_tag
//! Accept: application/json\r\n         a wish                                  negotiation
//! Origin: https://example.org\r\n      whose page it is that asks              origin
//! Content-Length: 13\r\n               how the body is delimited               framing
//! \r\n                                 the end of the head
//! {"done":true}                        the body                                body
//! ```
//!
//! and a response, from [`response`] and [`date`], looks much the same. Every reader here is shown
//! the front of a stream and says how much of it is used; every writer appends to a buffer:
//!
//! ```
//! use bothways::http::{date, head, response};
//! use bothways::{limits::Limits, parsed::Parsed};
//!
//! let stream = b"GET /tasks/1?fields=title HTTP/1.1\r\nHost: example.org\r\n\r\nGET /next";
//! let (mut searched, mut room) = (0, head::FieldRoom::new());
//! let parsed = head::parse_request(stream, &mut searched, &Limits::DEFAULT, &mut room);
//! let Ok(Parsed::Whole { value: head, used }) = parsed else { panic!("a whole head") };
//! assert_eq!((head.method, head.path, head.query), ("GET", "/tasks/1", "fields=title"));
//! assert_eq!(&stream[used..], b"GET /next");
//!
//! let mut out = Vec::new();
//! let mut writer = response::begin(200, &date::imf_fixdate(784111777), &mut out);
//! writer.field("Content-Type", b"text/plain");
//! writer.end_sized(b"milk\n", response::Send::HeadAndBody);
//! assert_eq!(
//!     out,
//!     b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
//!       Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nmilk\n"
//! );
//! ```
//!
//! This room has no sockets and no clock, and knows neither JSON nor resources. It is strict where
//! two readers of the same bytes could disagree about where a request ends (request smuggling):
//! only CR LF ends a line, and a length is said once and in one way. On purpose it does not undo
//! percent-encoding, keep trailers, join folded lines, or speak any transfer coding but chunked.

pub mod body;
pub mod content_coding;
pub mod cookie;
pub mod cors;
pub mod date;
pub mod entity_tag;
pub mod event_stream;
pub mod framing;
pub mod head;
pub mod headers;
pub mod negotiation;
pub mod parsed;
pub mod response;
pub mod target;
