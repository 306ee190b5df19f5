//! Close codes and reasons (RFC 6455 §5.5.1 and §7.4).
//!
//! The body of a close frame is empty, or a code of two bytes and a reason in UTF-8 behind it.

use crate::config::CONTROL_PAYLOAD_BYTES_MAX;
use crate::error::ProtocolError;

/// What a close frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// `None` when the body was empty: that is [`NO_CODE`] on paper, never on the wire.
    pub code: Option<u16>,
    /// For the log of whoever reads it; at most 123 bytes, often empty.
    pub reason: String,
}

/// Read the (unmasked) payload of a close frame.
pub fn parse(payload: &[u8]) -> Result<Closing, ProtocolError> {
    if payload.is_empty() {
        return Ok(Closing { code: None, reason: String::new() });
    }
    let Some((&code, reason)) = payload.split_first_chunk() else {
        return Err(ProtocolError::CloseBodyTooShort);
    };
    let code = u16::from_be_bytes(code);
    if !may_be_sent(code) {
        return Err(ProtocolError::CloseCodeInvalid { code });
    }
    let reason = std::str::from_utf8(reason).map_err(|_| ProtocolError::CloseReasonNotUtf8)?;
    Ok(Closing { code: Some(code), reason: reason.to_owned() })
}

/// Append the payload of a close frame. A reason that does not fit is cut between two characters.
pub fn encode_body(code: u16, reason: &str, out: &mut Vec<u8>) {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..end]);
}

/// May this code stand in a close frame? §7.4.1 and the registry of §11.7 name those below 3000;
/// above are libraries (3000 and on) and private use (4000 and on, §7.4.2).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// What this was opened for is done.
pub const NORMAL: u16 = 1000;
/// A server that shuts down, or a page that was left.
pub const GOING_AWAY: u16 = 1001;
/// The peer broke a rule of framing.
pub const PROTOCOL_ERROR: u16 = 1002;
/// A kind of message that is not taken here, such as binary where text is spoken.
pub const UNSUPPORTED: u16 = 1003;
/// On paper only: the close frame had no code.
pub const NO_CODE: u16 = 1005;
/// On paper only: the connection ended without a close frame.
pub const ABNORMAL: u16 = 1006;
/// A message that is not what its kind promises, such as text that is not UTF-8.
pub const PAYLOAD_INVALID: u16 = 1007;
/// A message that breaks the receiver's own rules, where no other code fits.
pub const POLICY: u16 = 1008;
/// A message that is longer than the receiver takes.
pub const TOO_LONG: u16 = 1009;
/// Said by a client: the server did not agree to an extension that it needs.
pub const EXTENSION_MISSING: u16 = 1010;
/// The one who closes met something that it did not expect of itself.
pub const INTERNAL_ERROR: u16 = 1011;
/// From the registry: the service restarts, come back after a moment of your own choice.
pub const RESTART: u16 = 1012;
/// From the registry: too much to do, come back later.
pub const TRY_AGAIN_LATER: u16 = 1013;
/// From the registry: a gateway had a bad answer from behind it.
pub const BAD_GATEWAY: u16 = 1014;
/// On paper only: the TLS handshake failed.
pub const TLS_FAILED: u16 = 1015;

/// What is left of a control frame's payload behind the code.
const REASON_BYTES_MAX: usize = CONTROL_PAYLOAD_BYTES_MAX - 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn body(code: u16, reason: &str) -> Vec<u8> {
        let mut out = Vec::new();
        encode_body(code, reason, &mut out);
        out
    }

    #[test]
    fn an_empty_body_has_no_code() {
        assert_eq!(parse(b""), Ok(Closing { code: None, reason: String::new() }));
    }

    #[test]
    fn one_byte_is_no_code() {
        assert_eq!(parse(&[0x03]), Err(ProtocolError::CloseBodyTooShort));
    }

    #[test]
    fn what_is_encoded_can_be_parsed() {
        for (code, reason) in [(NORMAL, ""), (GOING_AWAY, "bye"), (4999, "schön war’s")] {
            assert_eq!(
                parse(&body(code, reason)),
                Ok(Closing { code: Some(code), reason: reason.to_owned() })
            );
        }
        assert_eq!(body(NORMAL, "ok"), [0x03, 0xe8, b'o', b'k']);
    }

    #[test]
    fn codes_that_must_not_be_sent_are_refused() {
        for code in [0, 999, 1004, NO_CODE, ABNORMAL, TLS_FAILED, 1016, 1100, 2999, 5000, 65535] {
            assert_eq!(parse(&body(code, "")), Err(ProtocolError::CloseCodeInvalid { code }));
        }
        for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]) {
            assert!(parse(&body(code, "")).is_ok(), "{code}");
        }
    }

    #[test]
    fn a_reason_is_utf8() {
        assert_eq!(parse(&[0x03, 0xe8, 0xc3]), Err(ProtocolError::CloseReasonNotUtf8));
        assert_eq!(parse(&[0x03, 0xe8, 0xff]), Err(ProtocolError::CloseReasonNotUtf8));
    }

    #[test]
    fn a_long_reason_is_cut_between_two_characters() {
        assert_eq!(body(NORMAL, &"x".repeat(123)).len(), 125);
        assert_eq!(body(NORMAL, &"x".repeat(124)).len(), 125);
        // 61 of two bytes are 122; the 62nd would end at 124.
        let long = body(NORMAL, &"é".repeat(100));
        assert_eq!(long.len(), 124);
        assert_eq!(parse(&long).unwrap().reason, "é".repeat(61));
    }
}
