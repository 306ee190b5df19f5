//! A JSON object, taken apart without building a tree.
//!
//! Its members are kept as they were written: a number keeps every digit, and only the white space
//! between tokens goes. What may be in a text is decided by the library; only then is it taken
//! apart, and taking apart what is well-formed needs little care.

use crate::model::json_tokens::{JsonToken, JsonTokens, unescape};
use crate::model::record::ROOM;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashMap;

/// An object without its braces and without white space between its tokens.
pub struct Object {
    pub text: String,
    /// On the stack, for the usual item has few.
    members: SmallVec<[Member; 8]>,
    has_escaped_name: bool,
}

/// Where a member stands in the text of its object: name, colon and value.
#[derive(Clone, Copy)]
struct Member {
    from: usize,
    colon: usize,
    end: usize,
}

/// Why a text is not taken as an object.
#[derive(Debug)]
pub enum NotAnObject {
    Malformed(serde_json::Error),
    AnotherKind,
    TooDeep,
}

/// Deepest nesting of arrays and objects, the outermost included: what is stored must be readable
/// by everyone's parser.
pub const DEPTH_MAX: usize = 101;

impl Object {
    /// Takes any text that is JSON, and an object, and not nested too deep.
    pub fn read(text: &str) -> Result<Object, NotAnObject> {
        serde_json::from_str::<&RawValue>(text).map_err(NotAnObject::Malformed)?;
        let text = text.trim_ascii();
        if text.starts_with('{') { split_members(text) } else { Err(NotAnObject::AnotherKind) }
    }

    /// Takes the text of an object that was read before, and so is known to be one.
    pub fn known(text: &str) -> Option<Object> {
        split_members(text).ok()
    }

    /// The names as they are written, with their quotes, and the values, in order.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members
            .iter()
            .map(|member| (&self.text[member.from..member.colon], &self.text[member.colon + 1..member.end]))
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// No id, no name twice, no escape in a name: the usual item, which is kept as it stands.
    pub fn is_plain(&self) -> bool {
        /// Up to this number, comparing each with each is faster than hashing.
        const FEW: usize = 16;
        let mut names = SmallVec::<[&str; FEW]>::new();
        self.len() <= FEW
            && !self.has_escaped_name
            && self.members().all(|(name, _)| {
                let is_new = !names.contains(&name);
                names.push(name);
                is_new && name != "\"id\""
            })
    }

    /// The members by what their names mean. Of those with the same name the last one counts, in
    /// the place of the first.
    pub fn sorted_out(&self) -> Members<'_> {
        let mut members = Members::default();
        for (name, value) in self.members() {
            members.set(name, Cow::Borrowed(value));
        }
        members
    }
}

/// Members under way to become the text of an object.
#[derive(Clone)]
pub struct Members<'a, V = Cow<'a, str>> {
    place_of: HashMap<Cow<'a, str>, usize>,
    /// Name as it is written, and value; none where a member was taken out.
    kept: Vec<Option<(&'a str, V)>>,
}

impl<V> Default for Members<'_, V> {
    fn default() -> Self {
        Members { place_of: HashMap::new(), kept: Vec::new() }
    }
}

impl<'a, V> Members<'a, V> {
    /// `name` is written with its quotes.
    pub fn set(&mut self, name: &'a str, value: V) {
        let place = *self.place_of.entry(unescape(name)).or_insert_with(|| {
            self.kept.push(None);
            self.kept.len() - 1
        });
        let written = self.kept[place].as_ref().map_or(name, |(first, _)| first);
        self.kept[place] = Some((written, value));
    }

    /// Takes a member out; `name` is written with its quotes.
    pub fn take(&mut self, name: &str) -> Option<V> {
        let place = self.place_of.remove(unescape(name).as_ref())?;
        self.kept[place].take().map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        let place = *self.place_of.get(unescape(name).as_ref())?;
        self.kept[place].as_mut().map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.place_of.len()
    }

    pub fn is_empty(&self) -> bool {
        self.place_of.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &V)> {
        self.kept.iter().flatten().map(|(name, value)| (*name, value))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&'a str, &mut V)> {
        self.kept.iter_mut().flatten().map(|(name, value)| (*name, value))
    }
}

impl<'a> Members<'a> {
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = *self.place_of.get(unescape(name).as_ref())?;
        self.kept[place].as_ref().map(|(_, value)| &**value)
    }

    /// The text of the object, without braces.
    pub fn text(&self) -> String {
        let bytes: usize = self.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        let mut text = String::with_capacity(bytes + ROOM);
        for (name, value) in self.iter() {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
            text.push(':');
            text.push_str(value);
        }
        text
    }
}

/// Splits a valid JSON object into its members and drops white space between tokens.
fn split_members(json: &str) -> Result<Object, NotAnObject> {
    let mut object = Object {
        text: String::with_capacity(json.len() + ROOM),
        members: SmallVec::new(),
        has_escaped_name: false,
    };
    let text = &mut object.text;
    let mut member = Member { from: 0, colon: 0, end: 0 };
    let mut depth = 1;
    // Text is copied in runs. The next run begins at `copied`; `end` is the end of the last token, and
    // `separator` has to follow it.
    let (mut copied, mut end, mut separator) = (1, 1, None);
    let mut tokens = JsonTokens::inside(json);
    while let Some(token) = tokens.next() {
        let separator_before = separator.filter(|_| token != JsonToken::End);
        if tokens.start() - end != usize::from(separator_before.is_some()) {
            text.push_str(&json[copied..end]);
            text.extend(separator_before);
            copied = tokens.start();
        }
        end = tokens.end();
        if let JsonToken::Name(string) | JsonToken::String(string) = token
            && tokens.has_escape()
        {
            check_surrogates(string)?;
        }
        match token {
            JsonToken::Begin(_) => {
                depth += 1;
                separator = None;
                if depth > DEPTH_MAX {
                    return Err(NotAnObject::TooDeep);
                }
                continue;
            }
            JsonToken::Name(name) => {
                separator = Some(':');
                if depth == 1 {
                    member.from = text.len() + tokens.start() - copied;
                    member.colon = member.from + name.len();
                    object.has_escaped_name |= tokens.has_escape();
                }
                continue;
            }
            JsonToken::End => depth -= 1,
            JsonToken::String(_) | JsonToken::Literal(_) => {}
        }
        separator = Some(',');
        if depth == 1 {
            member.end = text.len() + end - copied;
            object.members.push(member);
        }
    }
    text.push_str(&json[copied..tokens.start()]);
    Ok(object)
}

/// Rejects half a surrogate pair (RFC 8259 §8.2), which serde_json finds only when it unescapes a string.
fn check_surrogates(string: &str) -> Result<(), NotAnObject> {
    if string.contains("\\u") {
        serde_json::from_str::<String>(string).map_err(NotAnObject::Malformed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Object {
        Object::read(text).unwrap_or_else(|why| panic!("{text}: {why:?}"))
    }

    #[test]
    fn members_stand_as_they_were_written() {
        let object = read("{ \"z\" : 1.50 ,\n\"a\": [ 1, {\"b c\": \" x \\\" y, \"} ] }");
        assert_eq!(object.text, r#""z":1.50,"a":[1,{"b c":" x \" y, "}]"#);
        let members: Vec<_> = object.members().collect();
        assert_eq!(members, [("\"z\"", "1.50"), ("\"a\"", r#"[1,{"b c":" x \" y, "}]"#)]);
        assert!(read("{ }").is_empty());
    }

    #[test]
    fn the_last_of_two_members_with_one_name_counts() {
        assert_eq!(read(r#"{"a":1,"b":2,"\u0061":3}"#).sorted_out().text(), r#""a":3,"b":2"#);
        assert!(!read(r#"{"a":1,"a":2}"#).is_plain());
        assert!(!read(r#"{"\u0069d":1}"#).is_plain());
        assert!(read(r#"{"a":1,"b":2}"#).is_plain());
    }

    #[test]
    fn a_member_that_was_taken_out_can_come_again() {
        let object = read(r#"{"a":1,"b":2}"#);
        let mut members = object.sorted_out();
        assert_eq!(members.take("\"a\"").as_deref(), Some("1"));
        assert_eq!(members.take("\"a\""), None);
        members.set("\"a\"", "9".into());
        assert_eq!(members.text(), r#""b":2,"a":9"#);
    }

    #[test]
    fn names_that_mean_something_to_a_library_mean_nothing_here() {
        for text in [
            r#"{"a":{"$serde_json::private::Number":"oops"}}"#,
            r#"{"a":{"$serde_json::private::RawValue":"[["}}"#,
            r#"{"$serde_json::private::RawValue":"x"}"#,
        ] {
            assert_eq!(read(text).text, text[1..text.len() - 1]);
        }
    }

    #[test]
    fn half_a_character_and_deep_nesting_are_refused() {
        assert!(matches!(Object::read(r#"{"a":"\ud800"}"#), Err(NotAnObject::Malformed(_))));
        assert!(matches!(Object::read(r#"{"\udc00":1}"#), Err(NotAnObject::Malformed(_))));
        read(r#"{"a":"\ud83d\ude00"}"#);
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        read(&nested(DEPTH_MAX));
        assert!(matches!(Object::read(&nested(DEPTH_MAX + 1)), Err(NotAnObject::TooDeep)));
        assert!(matches!(Object::read(&nested(100_000)), Err(NotAnObject::TooDeep)));
        assert!(matches!(Object::read("[]"), Err(NotAnObject::AnotherKind)));
    }
}
