//! HTTP/1.1 without I/O: bytes to values and back (RFC 9110, RFC 9112).
//!
//! A request is a head, a blank line, and perhaps a body:
//!
//! ```text
//! PUT /tasks/7 HTTP/1.1\r\n            request line: method, target, version   head, target, version
//! Host: example.org\r\n                fields: name, colon, value              headers
//! If-Match: "v3"\r\n                   a condition                             entity_tag
//! Accept: application/json\r\n         the preferred media type                negotiation
//! Origin: https://example.org\r\n      the origin of the page                  cors
//! Content-Length: 13\r\n               how the body is delimited               framing
//! \r\n                                 the end of the head
//! {"done":true}                        the body                                body
//! ```
//!
//! A response, from [`response`] and [`date`], has the same form. Every parser gets the front of a stream and
//! returns how many bytes it used. Every writer appends to a buffer:
//!
//! ```
//! use bothways::http::{date, head, response};
//! use bothways::{config::Limits, http::parsed::Parsed};
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
//! The module has no sockets and no clock, and knows neither JSON nor resources. It is strict where two parsers
//! could disagree about the end of a request (*request smuggling*): only CR LF ends a line, and a length is
//! given once. Percent-decoding, trailers, folded lines and transfer codings other than chunked are not
//! supported.

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
pub mod version;
