//! Server-Sent Events in (WHATWG HTML §9.2), on paper.
//!
//! ```text
//! : a comment                 nothing, but a sign of life
//! id: 3f9c2a7b-42             where to go on from, until another is said
//! data: {"method":            lines of data, joined with a line feed
//! data: "change",…}
//!                             an empty line ends the event
//! ```
//!
//! A line ends with CR LF, LF or CR; a byte order mark may stand before the first. Half an event at
//! the end of the stream is none.

use std::fmt;
use std::time::Duration;

use memchr::memchr2;

/// What a stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Its data, and what is to be said in `Last-Event-ID` to go on behind it.
    Event { data: String, id: Option<String> },
    /// How long to wait before connecting again.
    Retry(Duration),
}

/// A line or an event has more bytes than are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    pub bytes_max: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event is longer than {} bytes", self.bytes_max)
    }
}

/// Reads one stream, however it comes cut. Half a line and half an event are kept here.
#[derive(Debug)]
pub struct Reader {
    bytes_max: usize,
    /// Of the line that has not ended.
    line: Vec<u8>,
    /// A line feed that comes now belongs to the line before.
    after_return: bool,
    /// Whether a line has ended: a byte order mark means nothing from then on.
    begun: bool,
    /// Each line of data with a line feed behind it.
    data: String,
    /// Stays until another is said, also from one event to the next.
    id: Option<String>,
}

impl Reader {
    /// A line, and the data of an event, may have so many bytes.
    pub fn new(bytes_max: usize) -> Reader {
        let (line, data) = (Vec::new(), String::new());
        Reader { bytes_max, line, after_return: false, begun: false, data, id: None }
    }

    /// Reads on to the end of the next thing that is said, and moves `at` behind what was read. `None`:
    /// all of `bytes` was read, and more is needed.
    pub fn next(&mut self, bytes: &[u8], at: &mut usize) -> Result<Option<Said>, TooLong> {
        while *at < bytes.len() {
            if std::mem::take(&mut self.after_return) && bytes[*at] == b'\n' {
                *at += 1;
                continue;
            }
            let rest = &bytes[*at..];
            let end = memchr2(b'\r', b'\n', rest);
            let piece = &rest[..end.unwrap_or(rest.len())];
            self.check(self.line.len() + piece.len())?;
            *at += piece.len();
            if end.is_none() {
                self.line.extend_from_slice(piece);
                continue;
            }
            self.after_return = bytes[*at] == b'\r';
            *at += 1;
            // Most lines come whole, and are read where they stand.
            let said = if self.line.is_empty() {
                self.end_line(piece)?
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(piece);
                self.end_line(&line)?
            };
            if said.is_some() {
                return Ok(said);
            }
        }
        Ok(None)
    }

    fn check(&self, bytes: usize) -> Result<(), TooLong> {
        let bytes_max = self.bytes_max;
        if bytes > bytes_max { Err(TooLong { bytes_max }) } else { Ok(()) }
    }

    fn end_line(&mut self, mut line: &[u8]) -> Result<Option<Said>, TooLong> {
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.end_event());
        }
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        let (name, value) = (&line[..colon], line.get(colon + 1..).unwrap_or_default());
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                // What is no UTF-8 shows as U+FFFD, and may grow by it.
                let value = String::from_utf8_lossy(value);
                self.check(self.data.len() + value.len())?;
                self.data.push_str(&value);
                self.data.push('\n');
            }
            b"id" if !value.contains(&0) => self.id = Some(String::from_utf8_lossy(value).into_owned()),
            b"retry" => return Ok(milliseconds(value).map(Said::Retry)),
            // A comment, whose name is empty; the event's type, which is not told of; and what nobody knows.
            _ => {}
        }
        Ok(None)
    }

    /// An event without data is none.
    fn end_event(&mut self) -> Option<Said> {
        let mut data = std::mem::take(&mut self.data);
        data.pop()?;
        // An empty id takes back the one before.
        let id = self.id.clone().filter(|id| !id.is_empty());
        Some(Said::Event { data, id })
    }
}

/// Decimal digits and nothing else; of more than fit, as many as fit.
fn milliseconds(digits: &[u8]) -> Option<Duration> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    Some(Duration::from_millis(number.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]], bytes_max: usize) -> Result<Vec<Said>, TooLong> {
        let mut reader = Reader::new(bytes_max);
        let mut all = Vec::new();
        for piece in pieces {
            let mut at = 0;
            while let Some(said) = reader.next(piece, &mut at)? {
                all.push(said);
            }
            assert_eq!(at, piece.len(), "all is read where nothing is said");
        }
        Ok(all)
    }

    /// Whole, byte by byte, and cut in two at every place, it says the same.
    #[track_caller]
    fn check(stream: &[u8], expected: &[Said]) {
        let whole = read(&[stream], 64).unwrap();
        assert_eq!(whole, expected);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&bytes, 64).unwrap(), expected, "byte by byte");
        for cut in 0..=stream.len() {
            let (front, back) = stream.split_at(cut);
            assert_eq!(read(&[front, back], 64).unwrap(), expected, "cut at {cut}");
        }
    }

    fn event(data: &str, id: Option<&str>) -> Said {
        Said::Event { data: data.to_owned(), id: id.map(str::to_owned) }
    }

    #[test]
    fn what_the_server_writes_is_read() {
        let mut out = crate::http::event_stream::HEARTBEAT.to_vec();
        crate::http::event_stream::encode(b"3f9c2a7b-42", b"{\"a\":1}", &mut out);
        crate::http::event_stream::encode(b"3f9c2a7b-43", b"{}", &mut out);
        check(&out, &[event("{\"a\":1}", Some("3f9c2a7b-42")), event("{}", Some("3f9c2a7b-43"))]);
    }

    #[test]
    fn lines_end_in_three_ways() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = format!("data: a{end}data: b{end}{end}data: c{end}{end}");
            check(stream.as_bytes(), &[event("a\nb", None), event("c", None)]);
        }
        check(b"data: a\r\ndata: b\n\rdata: c\n\n", &[event("a\nb", None), event("c", None)]);
        // A line feed and a return are two ends.
        check(b"data: a\n\rdata: b\r\n\n", &[event("a", None), event("b", None)]);
    }

    #[test]
    fn the_examples_of_the_standard() {
        check(
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &[event("first event", Some("1")), event("second event", None), event(" third event", None)],
        );
        check(b"data\n\ndata\ndata\n\ndata:", &[event("", None), event("\n", None)]);
        check(b"data:test\n\ndata: test\n\n", &[event("test", None), event("test", None)]);
        check(b"data: YHOO\ndata: +2\ndata: 10\n\n", &[event("YHOO\n+2\n10", None)]);
    }

    #[test]
    fn a_byte_order_mark_stands_only_at_the_start() {
        check(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", &[event("a", None)]);
        check(b"\xef\xbb\xbf\ndata: a\n\n", &[event("a", None)]);
        check(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", &[]);
    }

    #[test]
    fn fields_that_mean_nothing_are_passed_over() {
        check(
            b"event: add\nData: x\ndata : x\n data: x\nid: a\0b\ncolour: red\ndata: a\n\n",
            &[event("a", None)],
        );
        check(b"id: 1\nevent: add\n\nid: 2\0\ndata: a\n\n", &[event("a", Some("1"))]);
    }

    #[test]
    fn an_id_stays_until_another_is_said() {
        check(
            b"id: 1\ndata: a\n\ndata: b\n\nid:\ndata: c\n\n",
            &[event("a", Some("1")), event("b", Some("1")), event("c", None)],
        );
    }

    #[test]
    fn retry_is_digits_and_nothing_else() {
        let retry = |number| Said::Retry(Duration::from_millis(number));
        check(b"retry: 1500\n", &[retry(1500)]);
        check(b"retry: 99999999999999999999\n", &[retry(u64::MAX)]);
        check(b"retry\nretry:\nretry: 1.5\nretry: +5\nretry: 5 \nretry:  5\n", &[]);
    }

    #[test]
    fn half_an_event_is_none() {
        check(b"data: a\n\ndata: b\n", &[event("a", None)]);
        check(b"data: a", &[]);
    }

    #[test]
    fn what_is_no_utf8_is_shown_as_such() {
        check(b"data: a\xffb\xc3\n\n", &[event("a\u{fffd}b\u{fffd}", None)]);
    }

    #[test]
    fn a_line_and_an_event_have_bounds() {
        let read = |stream: &[u8]| {
            let whole = read(&[stream], 10).map(|said| said.len());
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            assert_eq!(read(&bytes, 10).map(|said| said.len()), whole);
            whole
        };
        let too_long = Err(TooLong { bytes_max: 10 });
        assert_eq!(read(b"data: 1234\n\n"), Ok(1));
        assert_eq!(read(b"data: 12345\n\n"), too_long);
        assert_eq!(read(b"data: 12345"), too_long);
        assert_eq!(read(b":2345678901"), too_long);
        assert_eq!(read(b"data:1234\ndata:6789\n\n"), Ok(1));
        assert_eq!(read(b"data:1234\ndata:67890\n\n"), Ok(1));
        assert_eq!(read(b"data:1234\ndata:6789\ndata:1\n\n"), too_long);
        let mut many = b"data: 1234\n\n".repeat(100);
        many.extend(b":\n".repeat(100));
        assert_eq!(read(&many), Ok(100));
    }
}
