//! UTF-8 over cuts (RFC 6455 §8.1).
//!
//! Neither fragments nor the network care where a character ends:
//!
//! ```text
//!   "a€" in two pieces       61 e2 | 82 ac
//!   after the first piece    whole "a", cut [e2]
//!   after the second         whole "a€", cut []
//! ```

use std::str;

use crate::error::ProtocolError;

/// Judges text that comes in pieces, and holds no more of it than a character that a cut went through.
/// Every byte is looked at once, however many pieces there are.
#[derive(Debug, Default)]
pub struct TextJudge {
    cut: [u8; 4],
    cut_bytes: usize,
}

impl TextJudge {
    /// Judge one more piece, and hand out what is known to be text. The first byte that no character
    /// can have in its place is a fault, even if more would follow: what is wrong already will not
    /// become right.
    pub fn judge(&mut self, mut bytes: &[u8], mut known: impl FnMut(&str)) -> Result<(), ProtocolError> {
        while self.cut_bytes > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            self.judge_cut(byte, &mut known)?;
            bytes = rest;
        }
        // Only a character that begins in the last three bytes can be cut through by their end.
        let tail = bytes.len().saturating_sub(3);
        let begins = bytes[tail..].iter().rposition(|&byte| byte >= FIRST_OF_SEVERAL);
        let (front, last) = bytes.split_at(begins.map_or(bytes.len(), |begins| tail + begins));
        known(simdutf8::basic::from_utf8(front).map_err(|_| ProtocolError::TextNotUtf8)?);
        last.iter().try_for_each(|&byte| self.judge_cut(byte, &mut known))
    }

    /// Text must not end within a character.
    pub fn end(&self) -> Result<(), ProtocolError> {
        if self.cut_bytes > 0 { Err(ProtocolError::TextNotUtf8) } else { Ok(()) }
    }

    fn judge_cut(&mut self, byte: u8, known: &mut impl FnMut(&str)) -> Result<(), ProtocolError> {
        self.cut[self.cut_bytes] = byte;
        self.cut_bytes += 1;
        match str::from_utf8(&self.cut[..self.cut_bytes]) {
            Ok(character) => {
                known(character);
                self.cut_bytes = 0;
                Ok(())
            }
            // No length means: right so far. Four bytes are never that, so `cut` has room enough.
            Err(error) if error.error_len().is_none() => Ok(()),
            Err(_) => Err(ProtocolError::TextNotUtf8),
        }
    }
}

/// Text that is still coming: what is known to be UTF-8 is a `String` already.
#[derive(Debug, Default)]
pub struct GrowingText {
    whole: String,
    judge: TextJudge,
}

impl GrowingText {
    /// Take one more piece.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ProtocolError> {
        self.judge.judge(bytes, |text| self.whole.push_str(text))
    }

    /// The text, if it does not end within a character.
    pub fn end(self) -> Result<String, ProtocolError> {
        self.judge.end().map(|()| self.whole)
    }

    /// Bytes that have come so far, those of a cut character among them.
    pub fn held_bytes(&self) -> usize {
        self.whole.len() + self.judge.cut_bytes
    }
}

/// From here up a byte begins a character of more than one byte (RFC 3629 §3).
const FIRST_OF_SEVERAL: u8 = 0xc0;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "κόσμε aé€😀 \u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}";

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<String, ProtocolError> {
        let mut text = GrowingText::default();
        pieces.into_iter().try_for_each(|piece| text.push(piece))?;
        text.end()
    }

    #[test]
    fn text_is_the_same_over_every_cut() {
        for first in 0..=ALL.len() {
            for second in first..=ALL.len() {
                let (front, back) = ALL.as_bytes().split_at(second);
                let (front, middle) = front.split_at(first);
                assert_eq!(read([front, middle, back]).as_deref(), Ok(ALL), "cut at {first} and {second}");
            }
        }
        assert_eq!(read(ALL.as_bytes().chunks(1)).as_deref(), Ok(ALL), "byte by byte");
    }

    /// Every four of the bytes at which a rule of RFC 3629 §4 begins or ends, with the standard library as
    /// the judge.
    #[test]
    fn two_pieces_are_judged_as_one() {
        let bytes =
            [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xf0, 0xf4, 0xf5];
        for all in 0..bytes.len().pow(4) {
            let all: [u8; 4] = std::array::from_fn(|i| bytes[all >> (4 * i) & 15]);
            let expected = str::from_utf8(&all).map(str::to_owned).map_err(|_| ProtocolError::TextNotUtf8);
            for cut in 0..=all.len() {
                assert_eq!(read([&all[..cut], &all[cut..]]), expected, "{all:x?} cut at {cut}");
            }
        }
    }

    #[test]
    fn the_first_wrong_byte_is_a_fault_and_the_one_before_it_is_none() {
        // Overlong, surrogate, past U+10FFFF, no first byte, a first byte that is none, a second that is none.
        let wrong: [&[u8]; 7] =
            [b"\xc0", b"\xe0\x80", b"\xed\xa0", b"\xf4\x90", b"\x80", b"\xff", b"\xe2\x82\x41"];
        for wrong in wrong {
            let mut text = GrowingText::default();
            let begun = ["κόσμε".as_bytes(), &wrong[..wrong.len() - 1]].concat();
            assert_eq!(text.push(&begun), Ok(()));
            assert_eq!(text.push(&wrong[wrong.len() - 1..]), Err(ProtocolError::TextNotUtf8));
            assert_eq!(GrowingText::default().push(wrong), Err(ProtocolError::TextNotUtf8), "in one piece");
        }
    }

    #[test]
    fn the_end_within_a_character_is_a_fault() {
        assert_eq!(read([&b"\xf0\x9f\x98"[..]]), Err(ProtocolError::TextNotUtf8));
        assert_eq!(read([]).as_deref(), Ok(""));
    }
}
