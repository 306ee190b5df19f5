//! What a call asks to be written, and what then became true, at which position.

use crate::model::idempotency_key::Key;
use crate::model::json_object::Object;
use crate::model::json_patch::JsonPatch;
use crate::model::record::Record;
use std::fmt;
use std::str::FromStr;

/// Which log, and how far in it: `EPOCH-SEQ`, for example `3f9c2a7b-42`.
///
/// The epoch is eight lowercase hexadecimal digits, drawn when a log begins; the seq counts its
/// changes from 1. The same text is the entity tag of what it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    pub epoch: u32,
    pub seq: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch, self.seq)
    }
}

/// The longest position: eight digits, a hyphen, and the twenty of `u64::MAX`.
pub const POSITION_BYTES_MAX: usize = 29;

impl Position {
    /// Returns the entity tag of a text that never changes: its hash (FNV-1a) as the epoch, its length as
    /// the seq. Conditions hold positions, so a tag has to be one.
    pub const fn of_text(text: &str) -> Position {
        let bytes = text.as_bytes();
        let (mut hash, mut at) = (0x811c_9dc5_u32, 0);
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        Position { epoch: hash, seq: bytes.len() as u64 }
    }

    /// Appends its text, without the formatting machinery: this stands in every answer.
    #[inline]
    pub fn write(self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut epoch = *b"00000000-";
        for (place, digit) in epoch[..8].iter_mut().enumerate() {
            *digit = DIGITS[(self.epoch >> (28 - place * 4)) as usize & 15];
        }
        out.extend_from_slice(&epoch);
        out.extend_from_slice(itoa::Buffer::new().format(self.seq).as_bytes());
    }
}

/// Behind the position in the entity tag of a body that was coded: two codings are two representations
/// (RFC 9110 §8.8.3.3).
pub const GZIP_MARK: &str = ".gzip";

/// A text that is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPosition;

impl FromStr for Position {
    type Err = NotAPosition;

    /// Exactly what `Display` writes: one position has one spelling.
    fn from_str(text: &str) -> Result<Position, NotAPosition> {
        let (epoch, seq) = text.split_once('-').ok_or(NotAPosition)?;
        if epoch.len() != 8 || !epoch.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(NotAPosition);
        }
        if !seq.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotAPosition);
        }
        if seq.len() > 1 && seq.starts_with('0') {
            return Err(NotAPosition);
        }
        let epoch = u32::from_str_radix(epoch, 16).map_err(|_| NotAPosition)?;
        Ok(Position { epoch, seq: seq.parse().map_err(|_| NotAPosition)? })
    }
}

/// A list of entity tags, as a condition holds it. A tag that is no position of ours can match
/// nothing, so it is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    Any,
    List(Vec<Position>),
}

impl Tags {
    /// Does the state that exists at `current` (or nothing, for `None`) match?
    pub fn matches(&self, current: Option<Position>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Tags::Any, Some(_)) => true,
            (Tags::List(tags), Some(position)) => tags.contains(&position),
        }
    }
}

/// Under which conditions a call is done (RFC 9110 §13.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    // Boxed, for they are rare, and every call carries them.
    pub if_match: Option<Box<Tags>>,
    pub if_none_match: Option<Box<Tags>>,
}

impl Conditions {
    /// May something be written over the state at `current`? (RFC 9110 §13.2.2: If-Match first.)
    pub fn allow_write(&self, current: Option<Position>) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.matches(current))
            && self.if_none_match.as_ref().is_none_or(|tags| !tags.matches(current))
    }
}

/// Names a declared collection: its place in the order of declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CollectionId(pub u16);

/// A change asked for. Whether it can be done is decided when it is settled, in order.
pub struct Write {
    pub collection: CollectionId,
    pub act: Act,
    pub conditions: Conditions,
    /// It is to be done once, however often it is asked for. Boxed, for it is rare.
    pub once: Option<Box<Once>>,
}

/// By what a write is known when it is asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    pub key: Key,
    /// When it was taken up, in seconds of the clock on the wall.
    pub at: u64,
}

impl Write {
    /// A write without conditions, and not idempotent.
    pub fn new(collection: CollectionId, act: Act) -> Write {
        Write { collection, act, conditions: Conditions::default(), once: None }
    }

    /// Bytes of the texts that it holds on to, about.
    pub fn bytes(&self) -> usize {
        let key = self.once.as_ref().map_or(0, |once| size_of::<Once>() + once.key.as_str().len());
        size_of::<Write>()
            + key
            + match &self.act {
                Act::Create { members, .. } | Act::Replace { members, .. } => members.len(),
                Act::Patch { merge, .. } => merge.text.len(),
                Act::JsonPatch { patch, .. } => patch.bytes(),
                Act::Remove { .. } => 0,
            }
    }
}

/// What a write does. `members` is compact JSON without braces and without `id`.
pub enum Act {
    /// Without an id the collection chooses the next number.
    Create {
        id: Option<Box<str>>,
        members: String,
    },
    Replace {
        id: Box<str>,
        members: String,
    },
    /// A merge patch (RFC 7396).
    Patch {
        id: Box<str>,
        merge: Box<Object>,
    },
    /// A JSON Patch (RFC 6902).
    JsonPatch {
        id: Box<str>,
        patch: Box<JsonPatch>,
    },
    Remove {
        id: Box<str>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Created,
    Updated,
    Deleted,
}

/// A change that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub position: Position,
    pub collection: CollectionId,
    pub op: Op,
    /// The item after the change; of a deleted one, the last state.
    pub record: Record,
    /// What was there before it was updated.
    pub before: Option<Record>,
    /// The last number that the collection has given as an id.
    pub counter: u64,
}

impl Change {
    /// Bytes of the texts that it holds on to.
    pub fn bytes(&self) -> usize {
        self.record.json().len() + self.before.as_ref().map_or(0, |before| before.json().len())
    }
}

/// Builders for tests.
#[cfg(test)]
impl Change {
    /// A change in the first collection, at the seq of its record.
    pub fn new(op: Op, record: Record) -> Change {
        let position = Position { epoch: 7, seq: record.seq };
        Change { position, collection: CollectionId(0), op, record, before: None, counter: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_has_one_spelling() {
        let position = Position { epoch: 0x3f9c2a7b, seq: 42 };
        assert_eq!(position.to_string(), "3f9c2a7b-42");
        assert_eq!("3f9c2a7b-42".parse(), Ok(position));
        let mut written = Vec::new();
        Position { epoch: 0xab, seq: u64::MAX }.write(&mut written);
        assert_eq!(written, b"000000ab-18446744073709551615");
        assert_eq!(written.len(), POSITION_BYTES_MAX);
        for other in [
            "",
            "-",
            "3f9c2a7b",
            "3f9c2a7b-",
            "3F9C2A7B-42",
            "3f9c2a7b-042",
            "f-1",
            "3f9c2a7b-+1",
            "3f9c2a7b-18446744073709551616",
        ] {
            assert_eq!(other.parse::<Position>(), Err(NotAPosition), "{other}");
        }
        assert!("3f9c2a7b-0".parse::<Position>().is_ok());
    }

    /// The vectors are those of the hash's authors.
    #[test]
    fn a_text_has_its_hash_and_length_as_its_tag() {
        assert_eq!(Position::of_text(""), Position { epoch: 0x811c_9dc5, seq: 0 });
        assert_eq!(Position::of_text("foobar"), Position { epoch: 0xbf9c_f968, seq: 6 });
    }

    #[test]
    fn conditions_follow_rfc_9110() {
        let [old, new] = [1, 2].map(|seq| Position { epoch: 7, seq });
        let exactly = |position| Some(Box::new(Tags::List(vec![position])));
        let any = || Some(Box::new(Tags::Any));
        let cases = [
            (Conditions::default(), None, true),
            (Conditions { if_match: any(), if_none_match: None }, None, false),
            (Conditions { if_match: any(), if_none_match: None }, Some(new), true),
            (Conditions { if_match: exactly(old), if_none_match: None }, Some(new), false),
            (Conditions { if_match: exactly(new), if_none_match: None }, Some(new), true),
            (Conditions { if_match: None, if_none_match: any() }, None, true),
            (Conditions { if_match: None, if_none_match: any() }, Some(new), false),
            (Conditions { if_match: None, if_none_match: exactly(old) }, Some(new), true),
            (Conditions { if_match: exactly(new), if_none_match: exactly(new) }, Some(new), false),
        ];
        for (conditions, current, allowed) in cases {
            assert_eq!(conditions.allow_write(current), allowed, "{conditions:?} {current:?}");
        }
    }
}
