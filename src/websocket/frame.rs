//! The frame header, bit by bit, in and out (RFC 6455 §5.2).
//!
//! [`Header::parse`] judges what a header can do wrong by itself, and each rule as soon as the byte
//! that breaks it is there. What needs to know the frames before it, who sent it, or which extension
//! was agreed on, is judged in [`message`](crate::websocket::message).

use crate::config::CONTROL_PAYLOAD_BYTES_MAX;
use crate::error::ProtocolError;
use crate::http::parsed::Parsed;
use crate::websocket::mask;

/// What a frame is (RFC 6455 §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    /// The opcode that these four bits name, if any.
    #[inline]
    pub fn from_bits(bits: u8) -> Option<Opcode> {
        match bits {
            0x0 => Some(Opcode::Continuation),
            0x1 => Some(Opcode::Text),
            0x2 => Some(Opcode::Binary),
            0x8 => Some(Opcode::Close),
            0x9 => Some(Opcode::Ping),
            0xa => Some(Opcode::Pong),
            _ => None,
        }
    }

    /// The four bits on the wire.
    #[inline]
    pub fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }

    /// Close, ping and pong are about the connection; the others carry messages (§5.5).
    #[inline]
    pub fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// Which end we are. A client masks its frames and a server does not (§5.1), so a server wants
/// masked frames and a client unmasked ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

/// Everything of a frame but its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub fin: bool,
    /// Belongs to an extension; RSV2 and RSV3 belong to none that is spoken here.
    pub rsv1: bool,
    pub opcode: Opcode,
    pub mask: Option<[u8; 4]>,
    /// Below 2^63 (§5.2); what it declares, not what is there.
    pub payload_bytes: u64,
}

impl Header {
    /// The header at the front of `bytes`, or the first rule of §5.2 and §5.5 that it breaks.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Parsed<Header>, ProtocolError> {
        let Some(&first) = bytes.first() else { return Ok(Parsed::NeedMore) };
        if first & (RSV2 | RSV3) != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let bits = first & OPCODE;
        let opcode = Opcode::from_bits(bits).ok_or(ProtocolError::OpcodeUnknown { opcode: bits })?;
        let fin = first & FIN != 0;
        if opcode.is_control() && !fin {
            return Err(ProtocolError::ControlFragmented);
        }

        let Some(&second) = bytes.get(1) else { return Ok(Parsed::NeedMore) };
        let code = second & LENGTH;
        if opcode.is_control() && usize::from(code) > CONTROL_PAYLOAD_BYTES_MAX {
            // The true length need not be here yet. Say the least that the code can mean, so that
            // the fault is the same however the bytes are cut.
            let bytes = if code == LENGTH_IN_2_BYTES { 126 } else { 65536 };
            return Err(ProtocolError::ControlTooLong { bytes });
        }
        let Parsed::Whole { value: payload_bytes, used: length_bytes } = parse_length(code, &bytes[2..])?
        else {
            return Ok(Parsed::NeedMore);
        };

        let mut used = 2 + length_bytes;
        let mut mask = None;
        if second & MASK != 0 {
            let Some(&key) = bytes[used..].first_chunk() else { return Ok(Parsed::NeedMore) };
            mask = Some(key);
            used += 4;
        }
        let value = Header { fin, rsv1: first & RSV1 != 0, opcode, mask, payload_bytes };
        Ok(Parsed::Whole { value, used })
    }

    /// Append this header, its length in the shortest form.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let fin = if self.fin { FIN } else { 0 };
        let rsv1 = if self.rsv1 { RSV1 } else { 0 };
        let masked = if self.mask.is_some() { MASK } else { 0 };
        out.push(fin | rsv1 | self.opcode.bits());
        match self.payload_bytes {
            length @ 0..=125 => out.push(masked | length as u8),
            length @ 126..=65535 => {
                out.push(masked | LENGTH_IN_2_BYTES);
                out.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                out.push(masked | LENGTH_IN_8_BYTES);
                out.extend_from_slice(&length.to_be_bytes());
            }
        }
        if let Some(mask) = self.mask {
            out.extend_from_slice(&mask);
        }
    }
}

/// Append one whole unmasked frame, as a server sends it.
#[inline]
pub fn encode(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let payload_bytes = payload.len() as u64;
    out.reserve(HEADER_BYTES_MAX + payload.len());
    Header { fin: true, rsv1: false, opcode, mask: None, payload_bytes }.encode(out);
    out.extend_from_slice(payload);
}

/// Append one whole unmasked frame whose payload is deflated: the message's only one, so RSV1 stands on
/// it (RFC 7692 §6.1).
pub fn encode_deflated(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let payload_bytes = payload.len() as u64;
    out.reserve(HEADER_BYTES_MAX + payload.len());
    Header { fin: true, rsv1: true, opcode, mask: None, payload_bytes }.encode(out);
    out.extend_from_slice(payload);
}

/// Append one whole masked frame, as a client sends it. §10.3 wants a fresh, unforeseeable `mask`
/// for every frame.
#[inline]
pub fn encode_masked(opcode: Opcode, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    let payload_bytes = payload.len() as u64;
    out.reserve(HEADER_BYTES_MAX + payload.len());
    Header { fin: true, rsv1: false, opcode, mask: Some(mask), payload_bytes }.encode(out);
    let start = out.len();
    out.extend_from_slice(payload);
    mask::apply(&mut out[start..], mask, 0);
}

/// The length that the seven bits `code` say, alone or with `bytes` behind them.
#[inline]
fn parse_length(code: u8, bytes: &[u8]) -> Result<Parsed<u64>, ProtocolError> {
    match code {
        LENGTH_IN_2_BYTES => {
            let Some(&length) = bytes.first_chunk() else { return Ok(Parsed::NeedMore) };
            let length = u16::from_be_bytes(length);
            if length < 126 {
                return Err(ProtocolError::LengthNotMinimal);
            }
            Ok(Parsed::Whole { value: u64::from(length), used: 2 })
        }
        LENGTH_IN_8_BYTES => {
            if bytes.first().is_some_and(|first| first & 0x80 != 0) {
                return Err(ProtocolError::LengthTopBit);
            }
            // With six bytes of zero, two would have done.
            if bytes.starts_with(&[0; 6]) {
                return Err(ProtocolError::LengthNotMinimal);
            }
            let Some(&length) = bytes.first_chunk() else { return Ok(Parsed::NeedMore) };
            Ok(Parsed::Whole { value: u64::from_be_bytes(length), used: 8 })
        }
        length => Ok(Parsed::Whole { value: u64::from(length), used: 0 }),
    }
}

/// Two bytes, eight of length, four of mask.
const HEADER_BYTES_MAX: usize = 14;

// The first byte.
const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2: u8 = 0x20;
const RSV3: u8 = 0x10;
const OPCODE: u8 = 0x0f;

// The second byte.
const MASK: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const LENGTH_IN_2_BYTES: u8 = 126;
const LENGTH_IN_8_BYTES: u8 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn header(opcode: Opcode, mask: Option<[u8; 4]>, payload_bytes: u64) -> Header {
        Header { fin: true, rsv1: false, opcode, mask, payload_bytes }
    }

    /// Whole, cut everywhere, with a stranger behind; and back to the same bytes.
    #[track_caller]
    fn check(bytes: &[u8], expected: Header) {
        let whole = Ok(Parsed::Whole { value: expected, used: bytes.len() });
        assert_eq!(Header::parse(bytes), whole);
        for cut in 0..bytes.len() {
            assert_eq!(Header::parse(&bytes[..cut]), Ok(Parsed::NeedMore), "cut at {cut}");
        }
        assert_eq!(Header::parse(&[bytes, b"next"].concat()), whole);
        let mut encoded = Vec::new();
        expected.encode(&mut encoded);
        assert_eq!(encoded, bytes);
    }

    /// The last of `bytes` breaks the rule: right before it, a fault with it and whatever follows.
    #[track_caller]
    fn check_fault(bytes: &[u8], expected: ProtocolError) {
        for cut in 0..bytes.len() {
            assert_eq!(Header::parse(&bytes[..cut]), Ok(Parsed::NeedMore), "cut at {cut}");
        }
        assert_eq!(Header::parse(bytes), Err(expected));
        assert_eq!(Header::parse(&[bytes, b"a stranger"].concat()), Err(expected));
    }

    #[test]
    fn the_headers_of_rfc_6455_5_7() {
        check(&[0x81, 0x05], header(Opcode::Text, None, 5));
        check(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d], header(Opcode::Text, Some(KEY), 5));
        check(&[0x01, 0x03], Header { fin: false, ..header(Opcode::Text, None, 3) });
        check(&[0x80, 0x02], header(Opcode::Continuation, None, 2));
        check(&[0x89, 0x05], header(Opcode::Ping, None, 5));
        check(&[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d], header(Opcode::Pong, Some(KEY), 5));
        check(&[0x82, 0x7e, 0x01, 0x00], header(Opcode::Binary, None, 256));
        check(&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0], header(Opcode::Binary, None, 65536));
    }

    #[test]
    fn lengths_at_the_edges_of_their_forms() {
        check(&[0x82, 0x00], header(Opcode::Binary, None, 0));
        check(&[0x82, 0x7d], header(Opcode::Binary, None, 125));
        check(&[0x82, 0x7e, 0x00, 0x7e], header(Opcode::Binary, None, 126));
        check(&[0x82, 0x7e, 0xff, 0xff], header(Opcode::Binary, None, 65535));
        let most = [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x37, 0xfa, 0x21, 0x3d];
        check(&most, header(Opcode::Binary, Some(KEY), u64::MAX >> 1));
        check(&[0x88, 0x7d], header(Opcode::Close, None, 125));
    }

    #[test]
    fn rsv1_is_returned_and_its_sisters_are_faults() {
        check(&[0xc1, 0x05], Header { rsv1: true, ..header(Opcode::Text, None, 5) });
        check_fault(&[0xa1], ProtocolError::ReservedBits);
        check_fault(&[0x91], ProtocolError::ReservedBits);
    }

    #[test]
    fn an_unknown_opcode_is_refused_at_the_first_byte() {
        for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
            check_fault(&[0x80 | opcode], ProtocolError::OpcodeUnknown { opcode });
            assert_eq!(Opcode::from_bits(opcode), None);
        }
    }

    #[test]
    fn a_control_frame_is_short_and_whole() {
        check_fault(&[0x09], ProtocolError::ControlFragmented);
        check_fault(&[0x08], ProtocolError::ControlFragmented);
        check_fault(&[0x89, 0x7e], ProtocolError::ControlTooLong { bytes: 126 });
        check_fault(&[0x88, 0xff], ProtocolError::ControlTooLong { bytes: 65536 });
    }

    #[test]
    fn a_length_must_be_in_its_shortest_form() {
        check_fault(&[0x82, 0x7e, 0x00, 0x7d], ProtocolError::LengthNotMinimal);
        check_fault(&[0x82, 0xff, 0, 0, 0, 0, 0, 0], ProtocolError::LengthNotMinimal);
    }

    #[test]
    fn a_length_of_64_bits_has_no_top_bit() {
        check_fault(&[0x82, 0xff, 0x80], ProtocolError::LengthTopBit);
    }

    #[test]
    fn a_whole_frame_is_its_header_and_its_payload() {
        let mut out = b"before".to_vec();
        encode(Opcode::Text, b"Hello", &mut out);
        assert_eq!(out, b"before\x81\x05Hello");

        let mut out = Vec::new();
        encode_masked(Opcode::Text, b"Hello", KEY, &mut out);
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }
}
