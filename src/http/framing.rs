//! How a body is delimited: one decision for each direction (RFC 9112 §6.3).
//!
//! When two readers of the same bytes decide differently, one of them takes part of a body for the
//! next request: that is request smuggling. So whatever is said twice, or in two ways, or nearly
//! right, is refused here, even where the RFC would let a server guess.

use crate::error::ProtocolError;
use crate::http::headers::{Fields, Known, trim};
use crate::http::version::Version;

/// How the body of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After that many bytes.
    Sized(u64),
    /// After the chunk of size 0 and the trailer section.
    Chunked,
}

/// How the body of a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFraming {
    /// There is none.
    None,
    /// After that many bytes.
    Sized(u64),
    /// After the chunk of size 0 and the trailer section.
    Chunked,
    /// When the server closes the connection.
    UntilClose,
}

/// How the body of a request with these fields ends. Faults: `LengthAndCoding`, `LengthMalformed`,
/// `LengthsDiffer`, `CodingInOldVersion`, `CodingUnknown`, `ChunkedNotLast`.
pub fn of_request(version: Version, fields: Fields) -> Result<Framing, ProtocolError> {
    match (fields.has(Known::ContentLength), fields.has(Known::TransferEncoding)) {
        (false, false) => Ok(Framing::None),
        (true, false) => length(fields).map(Framing::Sized),
        (false, true) => coding(version, fields).map(|()| Framing::Chunked),
        (true, true) => Err(ProtocolError::LengthAndCoding),
    }
}

/// How the body of a response ends. The request's method counts too: an answer to HEAD says how
/// long the body would be and has none. Faults as for [`of_request`].
pub fn of_response(
    version: Version,
    status: u16,
    asked_with_head: bool,
    fields: Fields,
) -> Result<ResponseFraming, ProtocolError> {
    if asked_with_head || matches!(status, 100..=199 | 204 | 304) {
        return Ok(ResponseFraming::None);
    }
    Ok(match of_request(version, fields)? {
        Framing::None => ResponseFraming::UntilClose,
        Framing::Sized(bytes) => ResponseFraming::Sized(bytes),
        Framing::Chunked => ResponseFraming::Chunked,
    })
}

/// The one length that all Content-Length lines agree on (RFC 9110 §8.6: the same value repeated in
/// a list may be taken for one).
fn length(fields: Fields) -> Result<u64, ProtocolError> {
    let mut agreed = None;
    for member in fields.all(Known::ContentLength).flat_map(|line| line.split(|&byte| byte == b',')) {
        let length = decimal(trim(member)).ok_or(ProtocolError::LengthMalformed)?;
        if agreed.is_some_and(|agreed| agreed != length) {
            return Err(ProtocolError::LengthsDiffer);
        }
        agreed = Some(length);
    }
    agreed.ok_or(ProtocolError::LengthMalformed)
}

/// One or more digits and nothing else; none if it does not fit 63 bits.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let number = text.iter().try_fold(0u64, |number, &byte| {
        let digit = (byte as char).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })?;
    (number <= i64::MAX as u64).then_some(number)
}

/// Whether the transfer codings are `chunked`, once, and nothing else. Without `chunked` at the end
/// nobody knows where the body ends (RFC 9112 §6.3); with it, what stands before it is merely not
/// understood (§6.1).
fn coding(version: Version, fields: Fields) -> Result<(), ProtocolError> {
    if version == Version::Http10 {
        return Err(ProtocolError::CodingInOldVersion);
    }
    let (mut chunked, mut others) = (false, false);
    for coding in fields.list(Known::TransferEncoding) {
        if chunked {
            return Err(ProtocolError::ChunkedNotLast);
        }
        chunked = coding.eq_ignore_ascii_case(b"chunked");
        others |= !chunked;
    }
    match (chunked, others) {
        (true, false) => Ok(()),
        (true, true) => Err(ProtocolError::CodingUnknown),
        (false, _) => Err(ProtocolError::ChunkedNotLast),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines<'b>(text: &'b [(&'b str, &'b str)]) -> Vec<httparse::Header<'b>> {
        text.iter().map(|&(name, value)| httparse::Header { name, value: value.as_bytes() }).collect()
    }

    #[track_caller]
    fn check(text: &[(&str, &str)], expected: Result<Framing, ProtocolError>) {
        assert_eq!(of_request(Version::Http11, Fields::new(&lines(text))), expected, "{text:?}");
    }

    const CL: &str = "content-length";
    const TE: &str = "Transfer-Encoding";

    #[test]
    fn a_request_without_length_and_coding_has_no_body() {
        check(&[("Host", "a"), ("Connection", "Transfer-Encoding")], Ok(Framing::None));
    }

    #[test]
    fn a_length_is_digits_and_nothing_else() {
        check(&[(CL, "0")], Ok(Framing::Sized(0)));
        check(&[(CL, "0013")], Ok(Framing::Sized(13)));
        check(&[(CL, "9223372036854775807")], Ok(Framing::Sized(i64::MAX as u64)));
        for bad in ["", "+5", "-5", "5 5", "0x5", "a", "5;", "5,", ",5", ",", "5.0", "\"5\"", "٥"] {
            check(&[(CL, bad)], Err(ProtocolError::LengthMalformed));
        }
        for large in ["9223372036854775808", "18446744073709551616", "99999999999999999999999999"] {
            check(&[(CL, large)], Err(ProtocolError::LengthMalformed));
        }
    }

    #[test]
    fn a_length_may_be_repeated_but_not_differ() {
        check(&[(CL, "5, 5")], Ok(Framing::Sized(5)));
        check(&[(CL, "5"), ("Host", "a"), (CL, "5")], Ok(Framing::Sized(5)));
        check(&[(CL, "5, 6")], Err(ProtocolError::LengthsDiffer));
        check(&[(CL, "5"), (CL, "6")], Err(ProtocolError::LengthsDiffer));
        check(&[(CL, ""), (CL, "5")], Err(ProtocolError::LengthMalformed)); // CVE-2023-40225
    }

    #[test]
    fn chunked_stands_once_and_alone() {
        check(&[(TE, "Chunked")], Ok(Framing::Chunked));
        check(&[(TE, ", chunked ,")], Ok(Framing::Chunked));
        check(&[(TE, "chunked, chunked")], Err(ProtocolError::ChunkedNotLast));
        check(&[(TE, "chunked"), (TE, "chunked")], Err(ProtocolError::ChunkedNotLast));
        check(&[(TE, "chunked, gzip")], Err(ProtocolError::ChunkedNotLast));
        check(&[(TE, "chunked"), (TE, "identity")], Err(ProtocolError::ChunkedNotLast));
        check(&[(TE, "")], Err(ProtocolError::ChunkedNotLast));
        for endless in ["gzip", "identity", "xchunked", "\"chunked\"", "chunked;a=1", "\u{b}chunked"] {
            check(&[(TE, endless)], Err(ProtocolError::ChunkedNotLast));
        }
        check(&[(TE, "cow, chunked")], Err(ProtocolError::CodingUnknown));
        check(&[(TE, "gzip"), (TE, "chunked")], Err(ProtocolError::CodingUnknown));
    }

    #[test]
    fn length_and_coding_exclude_each_other() {
        check(&[(CL, "5"), (TE, "chunked")], Err(ProtocolError::LengthAndCoding));
        check(&[(TE, "cow"), (CL, "")], Err(ProtocolError::LengthAndCoding));
    }

    #[test]
    fn the_old_version_has_no_codings() {
        let lines = lines(&[(TE, "chunked")]);
        let framing = of_request(Version::Http10, Fields::new(&lines));
        assert_eq!(framing, Err(ProtocolError::CodingInOldVersion));
    }

    #[test]
    fn a_response_may_end_with_its_connection() {
        let (none, five) = (lines(&[]), lines(&[(CL, "5")]));
        let of = |status, asked_with_head, lines| {
            of_response(Version::Http11, status, asked_with_head, Fields::new(lines)).unwrap()
        };
        assert_eq!(of(200, false, &none), ResponseFraming::UntilClose);
        assert_eq!(of(200, false, &five), ResponseFraming::Sized(5));
        assert_eq!(of(200, true, &five), ResponseFraming::None);
        for status in [100, 101, 204, 304] {
            assert_eq!(of(status, false, &five), ResponseFraming::None, "{status}");
        }
    }
}
