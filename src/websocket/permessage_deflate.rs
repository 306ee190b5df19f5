//! Messages made shorter: permessage-deflate (RFC 7692).
//!
//! In the handshake the client offers and the server chooses:
//!
//! ```text
//!   Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10, permessage-deflate
//!                             ───────────── first offer ─────────────────    ── second offer ──
//!   Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; …      the answer
//! ```
//!
//! From then on RSV1 on the first frame of a message says that its payload is DEFLATE. It ends with a
//! sync flush, whose last four bytes are always the same and are not sent:
//!
//! ```text
//!   "Hello" ── deflate ─▶ f2 48 cd c9 c9 07 00 │ 00 00 ff ff ── inflate ─▶ "Hello"
//!                         ───── payload ────── └ put back by whoever reads
//! ```
//!
//! DEFLATE says "as 40 bytes ago", and so has a *window* of what was said. Where the window of one
//! message is taken over into the next, each end must keep it; here that is so only by request. Else
//! all connections of a loop share the streams of one [`DeflateCodec`], for the time of one message: a
//! silent connection keeps none.
//!
//! What comes is inflated when the message is whole. Until then a few bytes that mean many are held as
//! few; and the many are counted while they are made, so that a bomb goes off at the limit.

use std::fmt;

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use memchr::memchr;
use smallvec::SmallVec;

use crate::config::{CompressionConfig, ContextTakeover, OnOff};
use crate::config::{INFLATED_BYTES_ALWAYS_ALLOWED, Limits};
use crate::error::ProtocolError;
use crate::http::headers::{split_outside_quotes, trim};
use crate::websocket::frame::{self, Opcode};

/// What holds for the messages of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// May a message refer back to earlier ones?
    pub takeover: bool,
    /// How far back, as a power of two, where less was agreed on than the usual 15.
    pub window_bits: Option<u8>,
}

/// What client and server agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    pub client: Side,
    pub server: Side,
}

impl Agreement {
    /// The first offer that can be met. An offer that is malformed, that has a parameter twice or one
    /// that nobody knows, is passed over, and the next one tried (§5.1, §7.1).
    pub fn choose<'b>(
        mut offers: impl Iterator<Item = &'b [u8]>,
        compression: &CompressionConfig,
    ) -> Option<Agreement> {
        match compression.switch {
            OnOff::On => offers.find_map(|offer| Offer::parse(offer)?.meet(compression)),
            OnOff::Off => None,
        }
    }
}

impl Agreement {
    /// What a server answers to an offer without parameters (§7.1). A window for the client it may not
    /// choose then (§7.1.2.2).
    pub fn read(answer: &[u8]) -> Option<Agreement> {
        let said = Offer::parse(answer).filter(|said| said.client_window_bits.is_none())?;
        let server = Side { takeover: !said.server_no_takeover, window_bits: said.server_window_bits };
        Some(Agreement { client: Side { takeover: !said.client_no_takeover, window_bits: None }, server })
    }
}

/// As it stands in the answer. A server may name three of the parameters unasked (§7.1).
impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        for (side, no_takeover, window_bits) in [
            (self.server, SERVER_NO_TAKEOVER, SERVER_WINDOW_BITS),
            (self.client, CLIENT_NO_TAKEOVER, CLIENT_WINDOW_BITS),
        ] {
            if !side.takeover {
                write!(f, "; {no_takeover}")?;
            }
            if let Some(bits) = side.window_bits {
                write!(f, "; {window_bits}={bits}")?;
            }
        }
        Ok(())
    }
}

/// What a client asks for (§7.1).
#[derive(Clone, Copy, Debug, Default)]
struct Offer {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_window_bits: Option<u8>,
    /// 15 if it stands there without a value: whatever the server likes.
    client_window_bits: Option<u8>,
}

impl Offer {
    fn parse(text: &[u8]) -> Option<Offer> {
        let mut parts = split_outside_quotes(text, b';');
        if parts.next()? != NAME.as_bytes() {
            return None;
        }
        let mut offer = Offer::default();
        for part in parts {
            let (name, value) = match memchr(b'=', part) {
                Some(at) => (trim(&part[..at]), Some(window_bits(trim(&part[at + 1..]))?)),
                None => (part, None),
            };
            // Whether it stands there for the second time.
            let again = match (std::str::from_utf8(name).ok()?, value) {
                (SERVER_NO_TAKEOVER, None) => std::mem::replace(&mut offer.server_no_takeover, true),
                (CLIENT_NO_TAKEOVER, None) => std::mem::replace(&mut offer.client_no_takeover, true),
                (SERVER_WINDOW_BITS, Some(bits)) => offer.server_window_bits.replace(bits).is_some(),
                (CLIENT_WINDOW_BITS, bits) => {
                    offer.client_window_bits.replace(bits.unwrap_or(WINDOW_BITS_MAX)).is_some()
                }
                _ => return None,
            };
            if again {
                return None;
            }
        }
        Some(offer)
    }

    fn meet(self, compression: &CompressionConfig) -> Option<Agreement> {
        let ours = (compression.window_bits < WINDOW_BITS_MAX).then_some(compression.window_bits);
        // The library cannot write with a window of 256 bytes, so that is declined. It can read it.
        if self.server_window_bits.is_some_and(|bits| bits < WINDOW_BITS_MIN) {
            return None;
        }
        let server = Side {
            takeover: compression.context_takeover != ContextTakeover::None && !self.server_no_takeover,
            window_bits: [self.server_window_bits, ours].into_iter().flatten().min(),
        };
        let client = Side {
            takeover: compression.context_takeover == ContextTakeover::Both && !self.client_no_takeover,
            // Only a client that named it knows what it means (§7.1.2.2).
            window_bits: ours.and_then(|ours| Some(ours.min(self.client_window_bits?))),
        };
        Some(Agreement { client, server })
    }
}

/// 8 to 15 in decimal, without a zero before it (§7.1.2), in quotes or not: a quoted value is what it
/// means without its escapes (RFC 6455 §9.1).
fn window_bits(value: &[u8]) -> Option<u8> {
    let value: SmallVec<[u8; 4]> = match value {
        [b'"', inner @ .., b'"'] => inner.iter().copied().filter(|&byte| byte != b'\\').take(4).collect(),
        value => value.into(),
    };
    match &value[..] {
        [digit @ (b'8' | b'9')] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// Makes the messages of one connection shorter.
#[derive(Debug)]
pub struct Deflater {
    side: Side,
    level: u8,
    bytes_min: usize,
    /// Its own stream, where messages refer back; made when it is first needed.
    own: Option<Box<Compress>>,
}

impl Deflater {
    pub fn new(side: Side, compression: &CompressionConfig) -> Deflater {
        Deflater { side, level: compression.level, bytes_min: compression.threshold_bytes, own: None }
    }

    /// Appends a message as one unmasked frame: deflated, if it is long enough to try and that makes
    /// it shorter.
    pub fn encode(&mut self, opcode: Opcode, message: &[u8], codec: &mut DeflateCodec, out: &mut Vec<u8>) {
        if message.len() < self.bytes_min || !self.encode_deflated(opcode, message, codec, out) {
            frame::encode(opcode, message, out);
        }
    }

    fn encode_deflated(
        &mut self,
        opcode: Opcode,
        message: &[u8],
        codec: &mut DeflateCodec,
        out: &mut Vec<u8>,
    ) -> bool {
        let (level, bits) = (self.level, self.side.window_bits.unwrap_or(WINDOW_BITS_MAX));
        let DeflateCodec { deflaters, scratch, .. } = codec;
        let stream = if self.side.takeover {
            self.own.get_or_insert_with(|| Box::new(new_deflater(level, bits)))
        } else {
            shared_deflater(deflaters, level, bits)
        };
        let shorter = deflate(stream, message, scratch);
        if shorter {
            frame::encode_deflated(opcode, scratch, out);
        } else {
            // Nothing may refer back to what the peer has not been shown as DEFLATE.
            stream.reset();
        }
        if scratch.capacity() > SCRATCH_BYTES_MAX {
            *scratch = Vec::new();
        }
        shorter
    }

    /// How far back the peer can look, where less was agreed on than usual.
    pub fn window_bits(&self) -> Option<u8> {
        self.side.window_bits
    }

    /// Forgets what was said. That is always allowed: who writes need not refer back.
    pub fn give_back(&mut self) {
        self.own = None;
    }
}

/// A message as DEFLATE, without the end of its sync flush (§7.2.1); false if that is no shorter.
fn deflate(stream: &mut Compress, message: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    out.reserve(message.len() + TAIL.len());
    let before = stream.total_in();
    let written = stream.compress_vec(message, out, FlushCompress::Sync);
    // Room that is left shows that the flush is complete.
    let complete = written.is_ok()
        && stream.total_in() - before == message.len() as u64
        && out.len() < out.capacity()
        && out.ends_with(&TAIL);
    out.truncate(out.len().saturating_sub(TAIL.len()));
    complete && out.len() < message.len()
}

/// Reads the deflated messages of one connection.
#[derive(Debug)]
pub struct Inflater {
    takeover: bool,
    /// How many times as long as it came a message may become, beyond what every message may.
    times_max: usize,
    /// Bytes made since it was asked last.
    made: usize,
    /// Its own stream, where messages may refer back; made when the first one comes.
    own: Option<Box<Decompress>>,
}

impl Inflater {
    pub fn new(side: Side) -> Inflater {
        let times_max = Limits::DEFAULT.inflated_times_max;
        Inflater { takeover: side.takeover, times_max, made: 0, own: None }
    }

    /// The same, where a message may become so many times as long as it came.
    pub fn within(self, times_max: usize) -> Inflater {
        Inflater { times_max, ..self }
    }

    /// Bytes made since this was asked last.
    pub fn take_made(&mut self) -> usize {
        std::mem::take(&mut self.made)
    }

    /// Decompresses the payload of one message, without the trailing `00 00 ff ff` (RFC 7692 §7.2.2). A message that
    /// refers to no earlier one needs no stream of its own where a codec lends one.
    ///
    /// # Errors
    ///
    /// `MessageTooLong` above `bytes_max` bytes, `InflatesTooMuch` above the ratio, `DeflateMalformed`.
    pub fn inflate(
        &mut self,
        payload: &[u8],
        bytes_max: usize,
        codec: Option<&mut DeflateCodec>,
    ) -> Result<Vec<u8>, ProtocolError> {
        let fair = payload.len().saturating_mul(self.times_max).max(INFLATED_BYTES_ALWAYS_ALLOWED);
        let stream = match codec {
            Some(codec) if !self.takeover => codec.inflater.get_or_insert_with(|| Decompress::new(false)),
            _ => self.own.get_or_insert_with(|| Box::new(Decompress::new(false))),
        };
        if !self.takeover {
            stream.reset(false);
        }
        let made = inflate(stream, payload, bytes_max.min(fair));
        self.made += made.as_ref().map_or(bytes_max.min(fair), Vec::len);
        made.map_err(|error| match error {
            ProtocolError::MessageTooLong { .. } if fair < bytes_max => {
                ProtocolError::InflatesTooMuch { times_max: self.times_max }
            }
            error => error,
        })
    }
}

/// No more than one byte past `bytes_max` is ever made.
fn inflate(stream: &mut Decompress, payload: &[u8], bytes_max: usize) -> Result<Vec<u8>, ProtocolError> {
    let room_max = bytes_max.saturating_add(1);
    let mut out = Vec::with_capacity((4 * payload.len()).clamp(64.min(room_max), room_max));
    for mut rest in [payload, &TAIL] {
        loop {
            let before = stream.total_in();
            let status = stream
                .decompress_vec(rest, &mut out, FlushDecompress::Sync)
                .map_err(|_| ProtocolError::DeflateMalformed)?;
            rest = &rest[(stream.total_in() - before) as usize..];
            if out.len() > bytes_max {
                return Err(ProtocolError::MessageTooLong { bytes_max });
            }
            if status == Status::StreamEnd {
                // A final block ends a stream, not a message: what follows begins anew (§7.2.3.4).
                stream.reset(false);
                if rest.is_empty() {
                    // Some leave out the byte that would join the last block and the tail.
                    return Ok(out);
                }
            } else if out.len() == out.capacity() {
                out.reserve_exact(out.capacity().min(room_max - out.len()));
            } else if rest.is_empty() {
                break;
            } else {
                return Err(ProtocolError::DeflateMalformed);
            }
        }
    }
    Ok(out)
}

/// Most bytes of payload that a message of so many can need: the fixed codes make at most nine bits
/// of eight (RFC 1951 §3.2.6). The rest is room for the ends of blocks.
pub fn deflated_bytes_max(message_bytes_max: usize) -> usize {
    message_bytes_max.saturating_add(message_bytes_max / 8).saturating_add(1024)
}

/// The streams that the connections of one loop share, each for the time of one message.
#[derive(Debug, Default)]
pub struct DeflateCodec {
    inflater: Option<Decompress>,
    /// For each window size, with its level.
    deflaters: [Option<(u8, Compress)>; WINDOW_SIZES],
    scratch: Vec<u8>,
}

fn shared_deflater(
    deflaters: &mut [Option<(u8, Compress)>; WINDOW_SIZES],
    level: u8,
    bits: u8,
) -> &mut Compress {
    let place = &mut deflaters[usize::from(bits - WINDOW_BITS_MIN)];
    match place {
        Some((its_level, stream)) if *its_level == level => stream.reset(),
        _ => *place = Some((level, new_deflater(level, bits))),
    }
    &mut place.as_mut().expect("it was just filled").1
}

fn new_deflater(level: u8, bits: u8) -> Compress {
    Compress::new_with_window_bits(flate2::Compression::new(level.into()), false, bits)
}

const NAME: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_WINDOW_BITS: &str = "client_max_window_bits";

/// The end of every sync flush: an empty block that is stored (§7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
const WINDOW_BITS_MAX: u8 = 15;
/// Of what the library can write.
const WINDOW_BITS_MIN: u8 = 9;
const WINDOW_SIZES: usize = (WINDOW_BITS_MAX - WINDOW_BITS_MIN + 1) as usize;
/// A buffer for one message that has grown beyond this is not kept for the next.
const SCRATCH_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1 << 20;
    const ALONE: Side = Side { takeover: false, window_bits: None };
    const TOGETHER: Side = Side { takeover: true, window_bits: None };

    /// What is answered to these offers; nothing, if that is nothing.
    #[track_caller]
    fn answer(offers: &str, compression: &CompressionConfig) -> String {
        let offers = crate::http::headers::members(offers.as_bytes());
        Agreement::choose(offers, compression).map_or_else(String::new, |agreement| agreement.to_string())
    }

    #[test]
    fn a_client_reads_what_was_answered() {
        for takeover in [ContextTakeover::None, ContextTakeover::Sent, ContextTakeover::Both] {
            let compression = CompressionConfig {
                context_takeover: takeover,
                window_bits: 12,
                ..CompressionConfig::DEFAULT
            };
            let chosen = Agreement::choose([&b"permessage-deflate"[..]].into_iter(), &compression).unwrap();
            assert_eq!(Agreement::read(chosen.to_string().as_bytes()), Some(chosen));
        }
        assert_eq!(Agreement::read(b"permessage-deflate; client_max_window_bits=10"), None);
        assert_eq!(Agreement::read(b"x-webkit-deflate-frame"), None);
    }

    #[test]
    fn what_is_offered_and_what_is_answered() {
        const BOTH: CompressionConfig =
            CompressionConfig { context_takeover: ContextTakeover::Both, ..CompressionConfig::DEFAULT };
        const SENT: CompressionConfig =
            CompressionConfig { context_takeover: ContextTakeover::Sent, ..CompressionConfig::DEFAULT };
        const SMALL: CompressionConfig = CompressionConfig { window_bits: 10, ..BOTH };
        let alone = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        let table = [
            ("permessage-deflate", &CompressionConfig::DEFAULT, alone),
            ("permessage-deflate; client_max_window_bits", &CompressionConfig::DEFAULT, alone),
            ("permessage-deflate", &CompressionConfig::OFF, ""),
            ("permessage-deflate", &SENT, "permessage-deflate; client_no_context_takeover"),
            ("permessage-deflate", &BOTH, "permessage-deflate"),
            ("permessage-deflate;server_no_context_takeover;client_no_context_takeover", &BOTH, alone),
            (
                "permessage-deflate; server_max_window_bits=12",
                &BOTH,
                "permessage-deflate; server_max_window_bits=12",
            ),
            (
                "permessage-deflate; server_max_window_bits=\"15\"",
                &BOTH,
                "permessage-deflate; server_max_window_bits=15",
            ),
            // A client that does not name its window must not be told how large it may be.
            ("permessage-deflate", &SMALL, "permessage-deflate; server_max_window_bits=10"),
            (
                "permessage-deflate; client_max_window_bits; server_max_window_bits=9",
                &SMALL,
                "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10",
            ),
            (
                "permessage-deflate; client_max_window_bits=8",
                &SMALL,
                "permessage-deflate; server_max_window_bits=10; client_max_window_bits=8",
            ),
            // Eight cannot be written, and is declined; the next offer is tried.
            ("permessage-deflate; server_max_window_bits=8", &BOTH, ""),
            ("permessage-deflate; server_max_window_bits=8, permessage-deflate", &BOTH, "permessage-deflate"),
            ("x-other; a=\"b, permessage-deflate\", permessage-deflate", &BOTH, "permessage-deflate"),
        ];
        for (offers, compression, expected) in table {
            assert_eq!(answer(offers, compression), expected, "{offers} {compression:?}");
        }
    }

    #[test]
    fn what_is_malformed_is_passed_over() {
        let parameters = [
            "server_max_window_bits",
            "server_max_window_bits=",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=010",
            "server_max_window_bits=+9",
            "server_max_window_bits=266",
            "server_max_window_bits=\"",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits=0",
            "client_max_window_bits=12abc",
            "client_max_window_bits; client_max_window_bits=10",
            "server_no_context_takeover=15",
            "server_no_context_takeover=true",
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover; client_no_context_takeover",
            "unknown",
            "unknown=10",
            "",
            ";",
            "SERVER NO",
            "\u{fc}",
        ];
        for parameter in parameters {
            assert_eq!(answer(&format!("permessage-deflate; {parameter}"), &CompressionConfig::DEFAULT), "");
            let two = format!("permessage-deflate; {parameter}, permessage-deflate");
            let second = if parameter.ends_with("=\"") { "" } else { "permessage-deflate" };
            assert!(answer(&two, &CompressionConfig::DEFAULT).starts_with(second), "{two}");
        }
        for name in ["permessage-deflat", "x-webkit-deflate-frame", "", "\"permessage-deflate\""] {
            assert_eq!(answer(name, &CompressionConfig::DEFAULT), "");
        }
    }

    fn deflater(side: Side, level: u8) -> Deflater {
        Deflater::new(side, &CompressionConfig { level, threshold_bytes: 0, ..CompressionConfig::DEFAULT })
    }

    /// The payload of the one frame that a message becomes, if it is deflated.
    fn payload(deflater: &mut Deflater, message: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        deflater.encode(Opcode::Binary, message, &mut DeflateCodec::default(), &mut out);
        let Ok(crate::http::parsed::Parsed::Whole { value, used }) = frame::Header::parse(&out) else {
            panic!()
        };
        assert_eq!(out.len() - used, value.payload_bytes as usize);
        value.rsv1.then(|| out.split_off(used))
    }

    #[track_caller]
    fn check(payloads: &[&[u8]], side: Side, expected: &[u8]) {
        let mut inflater = Inflater::new(side);
        for payload in payloads {
            assert_eq!(inflater.inflate(payload, MAX, None).as_deref(), Ok(expected), "{payload:x?}");
        }
    }

    #[test]
    fn the_examples_of_section_7_2_3() {
        let one: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        check(&[one, one], ALONE, b"Hello");
        check(&[one, one], TOGETHER, b"Hello");
        // Referring back to the message before.
        check(&[one, b"\xf2\x00\x11\x00\x00"], TOGETHER, b"Hello");
        let referring = Inflater::new(ALONE).inflate(b"\xf2\x00\x11\x00\x00", MAX, None);
        assert_eq!(referring, Err(ProtocolError::DeflateMalformed));
        // Stored, final, and in two blocks.
        check(&[b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"], ALONE, b"Hello");
        let last: &[u8] = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
        check(&[last, last, one, b"\xf2\x00\x11\x00\x00", last, one], TOGETHER, b"Hello");
        check(&[last, last, one], ALONE, b"Hello");
        check(&[b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"], ALONE, b"Hello");
        // Without the byte that joins a final block and the tail; and two that are final.
        check(&[&last[..7], one], TOGETHER, b"Hello");
        check(&[&[&last[..7], last].concat()], ALONE, b"HelloHello");
        check(&[b"\x00", b"\x02\x00"], ALONE, b"");
    }

    #[test]
    fn what_is_deflated_is_inflated_to_the_same() {
        let text = "{\"id\":\"1\",\"text\":\"Buy milk\"},".repeat(2000);
        for level in [1, 3, 6, 9] {
            for window_bits in [None, Some(9), Some(10), Some(14), Some(15)] {
                for takeover in [false, true] {
                    let side = Side { takeover, window_bits };
                    let (mut deflater, mut inflater) = (deflater(side, level), Inflater::new(side));
                    for length in [0, 1, 30, 31, 60, 300, 5000, text.len(), 40_000, 70] {
                        let message = &text.as_bytes()[..length];
                        let Some(payload) = payload(&mut deflater, message) else { continue };
                        assert!(payload.len() < length);
                        assert_eq!(inflater.inflate(&payload, MAX, None).as_deref(), Ok(message));
                    }
                }
            }
        }
    }

    #[test]
    fn a_message_refers_back_only_where_that_was_agreed_on_and_what_was_said_is_kept() {
        let message = b"{\"jsonrpc\":\"2.0\",\"method\":\"get\",\"params\":{\"path\":\"/tasks/1\"}}";
        let mut alone = deflater(ALONE, 6);
        let first = payload(&mut alone, message).unwrap();
        assert_eq!(payload(&mut alone, message).unwrap(), first);
        let mut together = deflater(TOGETHER, 6);
        assert_eq!(payload(&mut together, message).unwrap(), first);
        let again = payload(&mut together, message).unwrap();
        assert!(again.len() < first.len() / 4, "{} bytes", again.len());
        together.give_back();
        assert_eq!(payload(&mut together, message).unwrap(), first);
        check(&[&first, &again, &first], TOGETHER, message);
    }

    #[test]
    fn what_gets_no_shorter_is_sent_as_it_is_and_not_referred_to() {
        let mut state = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as u8
        })
        .take(10_000)
        .collect();
        let mut deflater = deflater(TOGETHER, 6);
        let mut out = Vec::new();
        deflater.encode(Opcode::Binary, &noise, &mut DeflateCodec::default(), &mut out);
        assert_eq!((out[0], out.len()), (0x82, 4 + noise.len()));
        let twice = noise.repeat(2);
        let shorter = payload(&mut deflater, &twice).unwrap();
        check(&[&shorter], TOGETHER, &twice);
    }

    #[test]
    fn short_messages_are_sent_as_they_are() {
        let mut deflater = Deflater::new(ALONE, &CompressionConfig::DEFAULT);
        assert!(payload(&mut deflater, &[b'x'; 255]).is_none());
        assert!(payload(&mut deflater, &[b'x'; 256]).is_some());
    }

    #[test]
    fn a_bomb_goes_off_at_the_limit() {
        // 10 MiB of zeros in 10 KiB.
        let zeros = vec![0; 10 << 20];
        let bomb = payload(&mut deflater(ALONE, 9), &zeros).unwrap();
        assert!(bomb.len() < 11_000);
        let inflate = |bytes_max| Inflater::new(ALONE).within(usize::MAX).inflate(&bomb, bytes_max, None);
        assert_eq!(inflate(zeros.len()).as_ref(), Ok(&zeros));
        for bytes_max in [0, 1, 100, 65_536, zeros.len() - 1] {
            assert_eq!(inflate(bytes_max), Err(ProtocolError::MessageTooLong { bytes_max }));
        }
    }

    #[test]
    fn a_message_says_no_more_than_so_many_times_as_much_as_came() {
        let inflate = |zeros: usize, times_max: usize, bytes_max: usize| {
            let bomb = payload(&mut deflater(ALONE, 9), &vec![0; zeros]).unwrap();
            let mut inflater = Inflater::new(ALONE).within(times_max);
            let made = inflater.inflate(&bomb, bytes_max, None).map(|made| made.len());
            (made, inflater.take_made())
        };
        let too_much = Err(ProtocolError::InflatesTooMuch { times_max: 100 });
        assert_eq!(
            inflate(INFLATED_BYTES_ALWAYS_ALLOWED, 100, 1 << 24),
            (Ok(INFLATED_BYTES_ALWAYS_ALLOWED), INFLATED_BYTES_ALWAYS_ALLOWED)
        );
        assert_eq!(
            inflate(INFLATED_BYTES_ALWAYS_ALLOWED + 1, 100, 1 << 24),
            (too_much, INFLATED_BYTES_ALWAYS_ALLOWED)
        );
        assert_eq!(
            inflate(INFLATED_BYTES_ALWAYS_ALLOWED + 1, 10_000, 1 << 24).0,
            Ok(INFLATED_BYTES_ALWAYS_ALLOWED + 1)
        );
        let (made, work) = inflate(10 << 20, 100, 1 << 24);
        assert_eq!(made, too_much);
        assert!(work <= INFLATED_BYTES_ALWAYS_ALLOWED, "{work} bytes of work for ten kibibytes");
        assert_eq!(inflate(1000, 100, 10).0, Err(ProtocolError::MessageTooLong { bytes_max: 10 }));
    }

    #[test]
    fn a_quoted_window_means_what_it_means_without_escapes() {
        assert_eq!(window_bits(b"\"10\""), Some(10));
        assert_eq!(window_bits(b"\"1\\0\""), Some(10));
        assert_eq!(window_bits(b"\"\\1\\5\""), Some(15));
        assert_eq!(window_bits(b"\"100\""), None);
    }

    #[test]
    fn what_is_not_deflate_is_refused() {
        for wrong in
            [&b"\x06"[..], b"\xff\xff\xff", b"\x00\x05\x00\x00\x00Hello", b"\xf3\x48\xcd\xc9\xc9\x07\x00\xff"]
        {
            assert_eq!(
                Inflater::new(ALONE).inflate(wrong, MAX, None),
                Err(ProtocolError::DeflateMalformed),
                "{wrong:x?}"
            );
        }
        check(&[b"\xf2\x48\xcd\xc9\xc9\x07\x00"], ALONE, b"Hello");
    }

    #[test]
    fn whoever_is_silent_owns_no_stream() {
        assert!(size_of::<Deflater>() + size_of::<Inflater>() <= 64);
        let (mut deflater, mut inflater) = (deflater(ALONE, 3), Inflater::new(ALONE));
        let message = [7; 1000];
        let payload = payload(&mut deflater, &message).unwrap();
        let mut codec = DeflateCodec::default();
        assert_eq!(inflater.inflate(&payload, MAX, Some(&mut codec)).as_deref(), Ok(&message[..]));
        assert!(deflater.own.is_none() && inflater.own.is_none());
    }
}
