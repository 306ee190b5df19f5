//! Sized and chunked bodies, read and written (RFC 9112 §6, §7).
//!
//! ```text
//! Sized(5)   h e l l o
//! Chunked    5;name=value\r\n      chunk line: size in hexadecimal, extensions (skipped)
//!            h e l l o \r\n        payload, then exactly CR LF
//!            0\r\n                 the last chunk
//!            Name: value\r\n       trailer section (checked and dropped)
//!            \r\n
//! ```

use memchr::memchr;

use crate::config::Limits;
use crate::error::ProtocolError;
use crate::http::framing::{Framing, ResponseFraming};
use crate::http::headers::{is_field_value, is_token, quoted_length, split_outside_quotes, trim};

/// What one call of [`BodyReader::read`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// So many bytes at the front belong to the body and are done with.
    pub used: usize,
    /// Whether the body has ended. What follows is the next message.
    pub done: bool,
}

/// Reads one body, however it comes cut.
///
/// ```text
/// Sized ─────────────────────────────────────────────→ Done
/// ChunkLine → Chunk → ChunkEnd → ChunkLine …
///     └─ size 0 → Trailer ───────────────────────────→ Done
/// ```
#[derive(Debug)]
pub struct BodyReader {
    reading: Reading,
    /// Payload bytes so far.
    taken: u64,
    /// Bytes of chunk extensions so far.
    extensions: u32,
}

#[derive(Clone, Copy, Debug)]
enum Reading {
    Sized { left: u64 },
    ChunkLine,
    Chunk { left: u64 },
    ChunkEnd,
    Trailer { taken: usize },
    UntilClose,
    Done,
}

/// Refuses a body whose declared length is over the limit before any of it is read. ProtocolError:
/// `BodyTooLong`.
pub fn check_declared(framing: Framing, limits: &Limits) -> Result<(), ProtocolError> {
    match framing {
        Framing::Sized(bytes) => check_length(bytes, limits),
        Framing::None | Framing::Chunked => Ok(()),
    }
}

impl BodyReader {
    pub fn new(framing: Framing) -> BodyReader {
        let reading = match framing {
            Framing::None | Framing::Sized(0) => Reading::Done,
            Framing::Sized(left) => Reading::Sized { left },
            Framing::Chunked => Reading::ChunkLine,
        };
        BodyReader { reading, taken: 0, extensions: 0 }
    }

    /// For the body of a response. One that ends with its connection is never `done`: it is whole
    /// when the connection is closed.
    pub fn of_response(framing: ResponseFraming) -> BodyReader {
        match framing {
            ResponseFraming::None => BodyReader::new(Framing::None),
            ResponseFraming::Sized(bytes) => BodyReader::new(Framing::Sized(bytes)),
            ResponseFraming::Chunked => BodyReader::new(Framing::Chunked),
            ResponseFraming::UntilClose => {
                BodyReader { reading: Reading::UntilClose, taken: 0, extensions: 0 }
            }
        }
    }

    /// Takes what belongs to the body from the front of `bytes` and appends its payload to `into`.
    ///
    /// Never uses a byte behind the body. Bytes that are not used, a line cut short, are to be shown
    /// again with more behind them. Memory grows with what came, never with what was announced.
    ///
    /// Faults: `BodyTooLong`, `ChunkSizeMalformed`, `ChunkSizeTooLarge`, `ChunkLineTooLong`,
    /// `ChunkExtensionsTooLong`, `ChunkEndMissing`, `TrailerTooLong`, `TrailerMalformed`.
    pub fn read(
        &mut self,
        bytes: &[u8],
        into: &mut Vec<u8>,
        limits: &Limits,
    ) -> Result<Progress, ProtocolError> {
        let mut used = 0;
        loop {
            let Some((step_used, reading)) = self.step(&bytes[used..], into, limits)? else {
                return Ok(Progress { used, done: matches!(self.reading, Reading::Done) });
            };
            used += step_used;
            self.reading = reading;
        }
    }

    /// One piece of the body: how many bytes it has, and what comes next. None if there is no whole
    /// piece.
    fn step(
        &mut self,
        bytes: &[u8],
        into: &mut Vec<u8>,
        limits: &Limits,
    ) -> Result<Option<(usize, Reading)>, ProtocolError> {
        match self.reading {
            Reading::Done => Ok(None),
            Reading::Sized { left } => {
                check_length(self.taken.saturating_add(left), limits)?;
                Ok(self.take(bytes, left, into).map(|(used, left)| match left {
                    0 => (used, Reading::Done),
                    _ => (used, Reading::Sized { left }),
                }))
            }
            Reading::ChunkLine => {
                let Some(line) = line_within(bytes, limits.chunk_line_bytes_max) else {
                    let bytes_max = limits.chunk_line_bytes_max;
                    return unfinished(bytes, bytes_max, ProtocolError::ChunkLineTooLong { bytes_max });
                };
                let (left, extensions) = chunk_size(line)?;
                self.extensions = self.extensions.saturating_add(extensions as u32);
                if self.extensions > EXTENSIONS_BYTES_MAX {
                    return Err(ProtocolError::ChunkExtensionsTooLong {
                        bytes_max: EXTENSIONS_BYTES_MAX as usize,
                    });
                }
                check_length(self.taken.saturating_add(left), limits)?;
                let next = if left == 0 { Reading::Trailer { taken: 0 } } else { Reading::Chunk { left } };
                Ok(Some((line.len(), next)))
            }
            Reading::Chunk { left } => Ok(self.take(bytes, left, into).map(|(used, left)| match left {
                0 => (used, Reading::ChunkEnd),
                _ => (used, Reading::Chunk { left }),
            })),
            Reading::ChunkEnd => match bytes {
                [b'\r', b'\n', ..] => Ok(Some((2, Reading::ChunkLine))),
                [] | [b'\r'] => Ok(None),
                _ => Err(ProtocolError::ChunkEndMissing),
            },
            Reading::Trailer { taken } => trailer_line(bytes, taken, limits.trailer_bytes_max),
            Reading::UntilClose => {
                check_length(self.taken.saturating_add(bytes.len() as u64), limits)?;
                Ok(self.take(bytes, u64::MAX, into).map(|(used, _)| (used, Reading::UntilClose)))
            }
        }
    }

    /// Moves payload: how much of it was there, and how much is still to come.
    fn take(&mut self, bytes: &[u8], left: u64, into: &mut Vec<u8>) -> Option<(usize, u64)> {
        let used = left.min(bytes.len() as u64);
        into.extend_from_slice(&bytes[..used as usize]);
        self.taken += used;
        (used > 0).then_some((used as usize, left - used))
    }
}

fn check_length(bytes: u64, limits: &Limits) -> Result<(), ProtocolError> {
    let bytes_max = limits.body_bytes_max;
    if bytes > bytes_max as u64 { Err(ProtocolError::BodyTooLong { bytes_max }) } else { Ok(()) }
}

/// The first line with its line feed, if that stands within the first `bytes_max` bytes.
fn line_within(bytes: &[u8], bytes_max: usize) -> Option<&[u8]> {
    let window = &bytes[..bytes.len().min(bytes_max)];
    memchr(b'\n', window).map(|at| &window[..=at])
}

/// A line whose end is not there may still come, unless it is too long already.
fn unfinished(
    bytes: &[u8],
    bytes_max: usize,
    fault: ProtocolError,
) -> Result<Option<(usize, Reading)>, ProtocolError> {
    if bytes.len() < bytes_max { Ok(None) } else { Err(fault) }
}

/// The size in a chunk line (RFC 9112 §7.1): hexadecimal digits, then extensions, then CR LF. Blanks
/// may stand before the semicolon of an extension and nowhere else. With it, how long the extensions are.
fn chunk_size(line: &[u8]) -> Result<(u64, usize), ProtocolError> {
    let line = line.strip_suffix(b"\r\n").ok_or(ProtocolError::ChunkSizeMalformed)?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, extensions) = line.split_at(digits);
    if digits.is_empty() || !are_extensions(extensions) {
        return Err(ProtocolError::ChunkSizeMalformed);
    }
    let size = digits.iter().try_fold(0u64, |size, &byte| {
        let digit = (byte as char).to_digit(16)?;
        size.checked_mul(16)?.checked_add(digit.into())
    });
    let size = size.filter(|&size| size <= i64::MAX as u64).ok_or(ProtocolError::ChunkSizeTooLarge)?;
    Ok((size, extensions.len()))
}

/// Extensions are skipped (RFC 9112 §7.1.1), but not unseen: without controls, and with every quoted
/// string closed, there is no reader for whom the line ends elsewhere. Each has a name.
fn are_extensions(text: &[u8]) -> bool {
    if text.is_empty() {
        return true;
    }
    let mut parts = split_outside_quotes(text, b';').peekable();
    parts.next().is_some_and(<[u8]>::is_empty)
        && parts.peek().is_some()
        && parts.all(|part| is_token(trim(part.split(|&byte| byte == b'=').next().unwrap_or_default())))
        && is_field_value(text)
        && quotes_are_closed(text)
}

fn quotes_are_closed(mut text: &[u8]) -> bool {
    while let Some(at) = memchr(b'"', text) {
        let Some(length) = quoted_length(&text[at..]) else { return false };
        text = &text[at + length..];
    }
    true
}

/// One line of the trailer section (RFC 9112 §7.1.2): a field, or the blank line that ends the body.
/// `taken` counts the bytes of the fields before it.
fn trailer_line(
    bytes: &[u8],
    taken: usize,
    bytes_max: usize,
) -> Result<Option<(usize, Reading)>, ProtocolError> {
    match bytes {
        [] | [b'\r'] => return Ok(None),
        [b'\r', b'\n', ..] => return Ok(Some((2, Reading::Done))),
        _ => {}
    }
    let Some(line) = line_within(bytes, bytes_max - taken) else {
        return unfinished(bytes, bytes_max - taken, ProtocolError::TrailerTooLong { bytes_max });
    };
    if !is_field_line(line) {
        return Err(ProtocolError::TrailerMalformed);
    }
    Ok(Some((line.len(), Reading::Trailer { taken: taken + line.len() })))
}

fn is_field_line(line: &[u8]) -> bool {
    let Some(line) = line.strip_suffix(b"\r\n") else { return false };
    let Some(colon) = memchr(b':', line) else { return false };
    is_token(&line[..colon]) && is_field_value(&line[colon + 1..])
}

/// Appends one chunk. An empty payload is no chunk, for its size would end the body.
pub fn encode_chunk(payload: &[u8], out: &mut Vec<u8>) {
    if payload.is_empty() {
        return;
    }
    let mut digits = [0; 16];
    let mut first = digits.len();
    let mut size = payload.len();
    while size > 0 {
        first -= 1;
        digits[first] = b"0123456789abcdef"[size % 16];
        size /= 16;
    }
    out.extend_from_slice(&digits[first..]);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// All extensions of one body (RFC 9112 §7.1.1 asks for such a bound). Whoever signs chunks of 64 KiB
/// with 85 bytes each stays below it up to 12 MiB.
const EXTENSIONS_BYTES_MAX: u32 = 16 * 1024;

/// Ends a chunked body, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { body_bytes_max: 20, chunk_line_bytes_max: 16, trailer_bytes_max: 16, ..Limits::DEFAULT };

    /// Shows the bytes in pieces of `step`, what was not used again with more behind it.
    fn read_in_steps(
        framing: Framing,
        bytes: &[u8],
        step: usize,
    ) -> Result<(Vec<u8>, Progress), ProtocolError> {
        let (mut reader, mut body) = (BodyReader::new(framing), Vec::new());
        let (mut used, mut shown) = (0, 0);
        loop {
            shown = (shown + step).min(bytes.len());
            let progress = reader.read(&bytes[used..shown], &mut body, &LIMITS)?;
            used += progress.used;
            if progress.done || shown == bytes.len() {
                return Ok((body, Progress { used, done: progress.done }));
            }
        }
    }

    #[track_caller]
    fn check(framing: Framing, bytes: &[u8], body: &[u8]) {
        let whole = Ok((body.to_vec(), Progress { used: bytes.len(), done: true }));
        assert_eq!(read_in_steps(framing, bytes, usize::MAX / 2), whole);
        for step in 1..=bytes.len() {
            assert_eq!(read_in_steps(framing, bytes, step), whole, "in steps of {step}");
        }
        for cut in 0..bytes.len() {
            let (_, progress) = read_in_steps(framing, &bytes[..cut], usize::MAX / 2).unwrap();
            assert!(!progress.done, "cut at {cut}");
        }
        for stranger in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\r\n", b"0\r\n\r\n", b"\n"] {
            assert_eq!(read_in_steps(framing, &[bytes, stranger].concat(), usize::MAX / 2), whole);
        }
    }

    #[track_caller]
    fn refused(bytes: &[u8], fault: ProtocolError) {
        for step in 1..=bytes.len() {
            assert_eq!(read_in_steps(Framing::Chunked, bytes, step), Err(fault), "in steps of {step}");
        }
    }

    #[test]
    fn a_reader_is_small() {
        assert!(size_of::<BodyReader>() <= 32);
    }

    #[test]
    fn sized_bodies() {
        check(Framing::None, b"", b"");
        check(Framing::Sized(0), b"", b"");
        check(Framing::Sized(5), b"hello", b"hello");
        check(Framing::Sized(20), &[b'x'; 20], &[b'x'; 20]);
    }

    #[test]
    fn a_declared_length_is_refused_before_it_comes() {
        let fault = Err(ProtocolError::BodyTooLong { bytes_max: 20 });
        assert_eq!(check_declared(Framing::Sized(20), &LIMITS), Ok(()));
        assert_eq!(check_declared(Framing::Sized(21), &LIMITS), fault);
        let mut body = Vec::new();
        let outcome = BodyReader::new(Framing::Sized(u64::MAX)).read(b"abc", &mut body, &LIMITS);
        assert_eq!(outcome.map(|_| ()), fault);
        assert_eq!(body.capacity(), 0);
    }

    #[test]
    fn chunked_bodies() {
        check(Framing::Chunked, b"0\r\n\r\n", b"");
        check(Framing::Chunked, b"5\r\nhello\r\n0\r\n\r\n", b"hello");
        check(
            Framing::Chunked,
            b"5\r\nhello\r\n00A\r\n \r\n0\r\n\r\n12\r\n0\r\n\r\n",
            b"hello \r\n0\r\n\r\n12",
        );
        check(Framing::Chunked, b"1;a=\"\\\";\" ;b\r\nx\r\n0;c\r\n\r\n", b"x");
        check(Framing::Chunked, b"0\r\nA: b\r\nC:\xe4\r\n\r\n", b"");
    }

    #[test]
    fn a_chunk_line_is_strict() {
        let bad: [&[u8]; 21] = [
            b"5\n",
            b"\r\n",
            b"+5\r\n",
            b"-5\r\n",
            b" 5\r\n",
            b"5 \r\n",
            b"0x5\r\n",
            b"g\r\n",
            b"5,a\r\n",
            b"5\r\r\n",
            b"5;a\rb\r\n",
            b"5;a\n",
            b"5;\0\r\n",
            b"5;a=\"\r\n",
            b"5;a=\"\\\"\r\n",
            b"5\x0b;a\r\n",
            b";a\r\n",
            b"5;\x7f\r\n",
            b"5;\r\n",
            b"5;;a\r\n",
            b"5;a; =b\r\n",
        ];
        for line in bad {
            refused(&[line, b"hello\r\n0\r\n\r\n"].concat(), ProtocolError::ChunkSizeMalformed);
        }
    }

    #[test]
    fn a_chunk_ends_in_cr_lf_and_nothing_else() {
        for end in [&b"\n0"[..], b"xx0", b"\r\r0", b"0\r\n", b"\n\n0"] {
            refused(&[b"5\r\nhello", end, b"\r\n\r\n"].concat(), ProtocolError::ChunkEndMissing);
        }
    }

    #[test]
    fn a_chunk_size_does_not_wrap() {
        for size in ["8000000000000000", "10000000000000005", "fffffffffffff"] {
            let fault = match size.len() {
                13 => ProtocolError::BodyTooLong { bytes_max: 20 },
                // The line limit of these tests is 16: a line that long cannot overflow.
                _ => ProtocolError::ChunkLineTooLong { bytes_max: 16 },
            };
            refused(format!("{size}\r\nhello").as_bytes(), fault);
            let line = format!("{size}\r\n");
            let expected = if size.len() == 13 {
                Ok((0xf_ffff_ffff_ffff, 0))
            } else {
                Err(ProtocolError::ChunkSizeTooLarge)
            };
            assert_eq!(chunk_size(line.as_bytes()), expected);
        }
        assert_eq!(chunk_size(b"7fffffffffffffff\r\n"), Ok((i64::MAX as u64, 0)));
        assert_eq!(chunk_size(b"00000000000000000000000A ;a\r\n"), Ok((10, 3)));
    }

    #[test]
    fn chunks_together_stay_within_the_limit() {
        refused(
            b"f\r\nxxxxxxxxxxxxxxx\r\n6\r\nxxxxxx\r\n0\r\n\r\n",
            ProtocolError::BodyTooLong { bytes_max: 20 },
        );
        check(Framing::Chunked, b"f\r\nxxxxxxxxxxxxxxx\r\n5\r\nxxxxx\r\n0\r\n\r\n", &[b'x'; 20]);
    }

    #[test]
    fn extensions_and_trailers_end_at_a_bound() {
        check(Framing::Chunked, b"0;aaaaaaaaaaaa\r\n\r\n", b"");
        refused(b"0;aaaaaaaaaaaaa\r\n\r\n", ProtocolError::ChunkLineTooLong { bytes_max: 16 });
        refused(&[b'0'; 100], ProtocolError::ChunkLineTooLong { bytes_max: 16 });
        check(Framing::Chunked, b"0\r\nA: bcd\r\nE: fgh\r\n\r\n", b"");
        refused(b"0\r\nA: bcd\r\nE: fghi\r\n\r\n", ProtocolError::TrailerTooLong { bytes_max: 16 });
        refused(b"0\r\nA: bbbbbbbbbbbbbbbbbbbbbbb", ProtocolError::TrailerTooLong { bytes_max: 16 });
    }

    #[test]
    fn extensions_together_end_at_a_bound() {
        let read = |chunks: usize| {
            let bytes = format!("1;{}\r\nx\r\n", "e".repeat(127)).repeat(chunks);
            BodyReader::new(Framing::Chunked).read(bytes.as_bytes(), &mut Vec::new(), &Limits::DEFAULT)
        };
        assert!(read(128).is_ok());
        assert_eq!(read(129), Err(ProtocolError::ChunkExtensionsTooLong { bytes_max: 16 * 1024 }));
    }

    #[test]
    fn a_trailer_is_strict() {
        for line in [
            &b"A: b\n"[..],
            b"\n",
            b"A\r\n",
            b"A : b\r\n",
            b" a: b\r\n",
            b"A: \rb\r\n",
            b"A: \0\r\n",
            b"\rX\r\n",
        ] {
            refused(&[b"0\r\n", line, b"\r\n"].concat(), ProtocolError::TrailerMalformed);
        }
    }

    #[test]
    fn what_is_encoded_can_be_read() {
        let mut bytes = Vec::new();
        for payload in [&b"hello"[..], b"", b"a chunk of 15 b"] {
            encode_chunk(payload, &mut bytes);
        }
        bytes.extend_from_slice(LAST_CHUNK);
        assert!(bytes.starts_with(b"5\r\nhello\r\nf\r\n"));
        check(Framing::Chunked, &bytes, b"helloa chunk of 15 b");
        bytes.clear();
        encode_chunk(&[b'x'; 0x1a0], &mut bytes);
        assert!(bytes.starts_with(b"1a0\r\nxxx"));
    }

    #[test]
    fn a_body_may_end_with_its_connection() {
        let mut reader = BodyReader::of_response(ResponseFraming::UntilClose);
        let mut body = Vec::new();
        for _ in 0..2 {
            assert_eq!(
                reader.read(b"0123456789", &mut body, &LIMITS),
                Ok(Progress { used: 10, done: false })
            );
        }
        assert_eq!(body.len(), 20);
        assert!(reader.read(b"x", &mut body, &LIMITS).is_err());
    }
}
