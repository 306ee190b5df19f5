//! A content coding: bodies as gzip, for those who take it (RFC 9110 §8.4.1.3, RFC 1952).
//!
//! ```text
//!   1f 8b 08 00  00 00 00 00  00 ff │ DEFLATE │ CRC-32 of the text │ its length, modulo 2^32
//!   ─ gzip ─  └ no flags, no time   │         └ four octets each, the least significant first
//! ```
//!
//! The connections of one loop share a [`GzipCodec`]: one stream, and the long body that was compressed last, which is
//! compressed once where many request it. Compressing takes far longer than sending, so there is a budget for each
//! turn. Past it, bodies are sent without a coding, which every client can read.

use crate::config::{CompressionConfig, OnOff};
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use std::sync::{Arc, Weak};

/// Whether a body of that length would be coded for one who takes it.
#[inline]
pub fn is_worth(body_bytes: usize, compression: &CompressionConfig) -> bool {
    compression.switch == OnOff::On
        && body_bytes >= compression.threshold_bytes
        && body_bytes <= compression.body_bytes_max
}

/// What the connections of one loop use to compress bodies.
#[derive(Debug, Default)]
pub struct GzipCodec {
    stream: Option<(u8, Compress)>,
    last: Option<CachedGzip>,
    compressed_this_turn: usize,
}

/// The body that was compressed last, while somebody still holds it, and its gzip: `None` if that was no shorter.
#[derive(Debug)]
struct CachedGzip {
    of: Weak<[u8]>,
    coded: Option<Arc<[u8]>>,
}

impl GzipCodec {
    /// Begins a turn: the whole budget is available again.
    pub fn reset_budget(&mut self) {
        self.compressed_this_turn = 0;
    }

    /// Returns the body as gzip, or `None` if that is not worth it, no shorter or past the budget of this turn.
    pub fn gzip(&mut self, body: &[u8], compression: &CompressionConfig) -> Option<Vec<u8>> {
        if !is_worth(body.len(), compression) || self.compressed_this_turn >= GZIP_BYTES_PER_TURN {
            return None;
        }
        self.compressed_this_turn += body.len();
        deflate(self.stream(compression.level), body)
    }

    /// Like [`GzipCodec::gzip`], for a body that many may request.
    pub fn gzip_cached(&mut self, body: &Arc<[u8]>, compression: &CompressionConfig) -> Option<Arc<[u8]>> {
        if body.len() < CACHED_BYTES_MIN {
            return self.gzip(body, compression).map(Into::into);
        }
        if !is_worth(body.len(), compression) {
            return None;
        }
        if let Some(last) = &self.last
            && last.of.upgrade().is_some_and(|of| Arc::ptr_eq(&of, body))
        {
            return last.coded.clone();
        }
        if self.compressed_this_turn >= GZIP_BYTES_PER_TURN {
            return None;
        }
        let coded: Option<Arc<[u8]>> = self.gzip(body, compression).map(Into::into);
        self.last = Some(CachedGzip { of: Arc::downgrade(body), coded: coded.clone() });
        coded
    }

    fn stream(&mut self, level: u8) -> &mut Compress {
        match &mut self.stream {
            Some((its_level, stream)) if *its_level == level => stream.reset(),
            place => {
                *place =
                    Some((level, Compress::new_gzip(flate2::Compression::new(level.into()), WINDOW_BITS)))
            }
        }
        &mut self.stream.as_mut().expect("it was just filled").1
    }
}

fn deflate(stream: &mut Compress, body: &[u8]) -> Option<Vec<u8>> {
    // There is no room for what would be no shorter.
    let mut out = Vec::with_capacity(body.len().checked_sub(FIELD_BYTES)?);
    let status = stream.compress_vec(body, &mut out, FlushCompress::Finish);
    let is_whole = matches!(status, Ok(Status::StreamEnd));
    out.shrink_to_fit();
    is_whole.then_some(out)
}

/// What a body as gzip says, if it is one, and says no more than so many bytes.
pub fn gunzip(coded: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
    let mut stream = Decompress::new_gzip(WINDOW_BITS);
    let room_max = bytes_max.checked_add(1)?;
    let mut body = Vec::with_capacity((4 * coded.len()).min(room_max));
    loop {
        let rest = &coded[stream.total_in() as usize..];
        match stream.decompress_vec(rest, &mut body, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) => {
                let is_whole = stream.total_in() == coded.len() as u64 && body.len() <= bytes_max;
                return is_whole.then_some(body);
            }
            // There was no room for more, or there is no more.
            Ok(Status::Ok | Status::BufError) if body.len() == body.capacity() && body.len() < room_max => {
                body.reserve_exact(body.len().max(1024).min(room_max - body.len()));
            }
            _ => return None,
        }
    }
}

/// Bytes that are compressed in a turn, before other peers are served: about 20 ms.
const GZIP_BYTES_PER_TURN: usize = 2 * 1024 * 1024;

/// Shortest body whose gzip is cached.
const CACHED_BYTES_MIN: usize = 16 * 1024;

/// What `Content-Encoding: gzip` takes in the head.
const FIELD_BYTES: usize = b"Content-Encoding: gzip\r\n".len();

/// 32 KiB: what every reader of gzip can look back (RFC 1951 §2).
const WINDOW_BITS: u8 = 15;

#[cfg(test)]
mod tests {
    use super::*;
    const USUAL: CompressionConfig = CompressionConfig::DEFAULT;

    #[test]
    fn what_is_coded_can_be_read_again_and_again() {
        let mut codec = GzipCodec::default();
        for n in [300, 5_000, 400_000] {
            let body = b"to be or not to be, ".repeat(n / 20);
            let coded = codec.gzip(&body, &USUAL).expect("words repeat");
            assert!(coded.starts_with(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), "no time, no name: {coded:x?}");
            assert!(coded.len() < body.len() / 5);
            assert_eq!(gunzip(&coded, body.len()), Some(body.clone()));
            assert_eq!(gunzip(&coded, body.len() - 1), None, "that is more than wanted");
            assert_eq!(gunzip(&coded[..coded.len() - 1], body.len()), None, "its end is missing");
            assert_eq!(gunzip(&[&coded[..], b"x"].concat(), body.len()), None, "something stands behind it");
        }
    }

    #[test]
    fn only_what_is_worth_it_is_coded() {
        let mut codec = GzipCodec::default();
        assert_eq!(codec.gzip(&[b'a'; 255], &USUAL), None);
        assert_eq!(codec.gzip(&vec![b'a'; USUAL.body_bytes_max + 1], &USUAL), None);
        assert!(codec.gzip(&vec![b'a'; USUAL.body_bytes_max], &USUAL).is_some());
        assert_eq!(codec.gzip(&[b'a'; 1000], &CompressionConfig::OFF), None);
        // Whatever comes out of a good cipher has nothing in it twice.
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(4000)
        .collect();
        assert_eq!(codec.gzip(&noise, &USUAL), None);
    }

    #[test]
    fn a_turn_codes_no_more_than_its_share() {
        let body = vec![b'a'; USUAL.body_bytes_max];
        let mut codec = GzipCodec::default();
        assert!(codec.gzip(&body, &USUAL).is_some() && codec.gzip(&body, &USUAL).is_some());
        assert_eq!(codec.gzip(&body, &USUAL), None, "it is sent as it is");
        assert_eq!(codec.gzip_cached(&body.as_slice().into(), &USUAL), None);
        codec.reset_budget();
        assert!(codec.gzip(&body, &USUAL).is_some());
    }

    #[test]
    fn what_many_ask_for_is_coded_once() {
        let mut codec = GzipCodec::default();
        let body: Arc<[u8]> = vec![b'a'; 20_000].into();
        let same: Arc<[u8]> = vec![b'a'; 20_000].into();
        let first = codec.gzip_cached(&body, &USUAL).unwrap();
        assert!(Arc::ptr_eq(&first, &codec.gzip_cached(&body, &USUAL).unwrap()));
        assert!(!Arc::ptr_eq(&first, &codec.gzip_cached(&same, &USUAL).unwrap()));
        assert_eq!(gunzip(&first, 20_000).as_deref(), Some(&*body));
        assert_eq!(gunzip(b"no gzip", 1000), None);
        assert_eq!(gunzip(b"", 1000), None);
    }
}
