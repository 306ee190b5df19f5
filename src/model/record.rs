//! One item, as the text that is sent.

use std::fmt;
use std::sync::Arc;

/// One item in one state. A clone shares the text, also between loops.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Compact JSON that always begins with `{"id":"…"`.
    text: Arc<str>,
    /// The seq of its last change.
    pub seq: u64,
    id_bytes: u8,
}

const OPENING: &str = "{\"id\":\"";

/// Longest id, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// Most bytes that an item's JSON has besides its members.
pub const ROOM: usize = OPENING.len() + ID_BYTES_MAX + "\",}".len();

impl Record {
    /// `members` is compact JSON without braces and without a member `id`; `id` is valid. Nothing
    /// is moved to a larger place where `members` has [`ROOM`] to spare.
    pub fn new(id: &str, members: String, seq: u64) -> Record {
        debug_assert!(is_id(id), "an id is checked where it enters");
        let mut text = members;
        text.reserve(ROOM);
        let comma = if text.is_empty() { "" } else { "," };
        let mut opening = [0; ROOM];
        let mut length = 0;
        for part in [OPENING, id, "\"", comma] {
            opening[length..length + part.len()].copy_from_slice(part.as_bytes());
            length += part.len();
        }
        text.insert_str(0, str::from_utf8(&opening[..length]).expect("made of texts"));
        text.push('}');
        Record { text: text.into(), seq, id_bytes: id.len() as u8 }
    }

    /// A text that [`Record::json`] gave once.
    pub fn stored(text: &str, seq: u64) -> Option<Record> {
        let (id, rest) = text.strip_prefix(OPENING)?.split_once('"')?;
        let is_whole = is_id(id) && rest.ends_with('}');
        is_whole.then(|| Record { text: text.into(), seq, id_bytes: id.len() as u8 })
    }

    pub fn id(&self) -> &str {
        &self.text[OPENING.len()..OPENING.len() + self.id_bytes as usize]
    }

    /// The id as the member that it is in the JSON.
    pub fn first_member(&self) -> &str {
        &self.text[1..OPENING.len() + self.id_bytes as usize + 1]
    }

    /// The other members, as they were given to [`Record::new`].
    pub fn members(&self) -> &str {
        let behind_id = &self.text[1 + self.first_member().len()..self.text.len() - 1];
        behind_id.strip_prefix(',').unwrap_or(behind_id)
    }

    /// The whole item as compact JSON.
    pub fn json(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.text, self.seq)
    }
}

/// Is this 1 to 64 of `A-Z a-z 0-9 . _ ~ -`? These need no escape in a URL nor in JSON.
pub fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-'))
        && !matches!(text, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_begins_with_its_id() {
        let record = Record::new("a-1", r#""text":"x""#.into(), 7);
        assert_eq!(record.json(), r#"{"id":"a-1","text":"x"}"#);
        assert_eq!((record.id(), record.members()), ("a-1", r#""text":"x""#));
        assert_eq!(Record::new("1", "".into(), 1).members(), "");
        assert_eq!(Record::new("1", "".into(), 1).json(), r#"{"id":"1"}"#);
        assert_eq!(Record::stored(record.json(), 7), Some(record));
        for other in ["", "{}", r#"{"id":"a b"}"#, r#"{"id":"a"#, r#"{"id":"a""#, r#"{"no":"1","id":"1"}"#] {
            assert_eq!(Record::stored(other, 1), None, "{other}");
        }
    }

    #[test]
    fn an_id_needs_no_escape() {
        for good in ["1", "A.b_c~d-9", &"x".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "a b", "a/b", "é", ".", "..", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
