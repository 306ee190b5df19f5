//! The parts of a stored JSON text, found without copying or building a tree.
//!
//! Only for text of the state: it is well-formed, for it was read when it came, and has no white
//! space between its tokens.

use crate::model::decimal::Number;
use crate::model::json_object::meaning;
use memchr::memchr2;
use std::borrow::Cow;

/// The members of an object: names as they are written, with their quotes, and values.
pub fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut at = 1;
    std::iter::from_fn(move || {
        let from = at;
        (object.as_bytes().get(from) == Some(&b'"')).then(|| {
            let colon = end(object, from);
            at = end(object, colon + 1) + 1;
            (&object[from..colon], &object[colon + 1..at - 1])
        })
    })
    .fuse()
}

/// The elements of an array.
pub fn elements(array: &str) -> impl Iterator<Item = &str> {
    let mut at = 1;
    std::iter::from_fn(move || {
        let from = at;
        // Behind the bracket of an empty array, or behind the last comma or bracket, nothing follows.
        (from < array.len() && array.as_bytes()[from] != b']').then(|| {
            at = end(array, from) + 1;
            &array[from..at - 1]
        })
    })
    .fuse()
}

/// The string that is written with quotes and perhaps escapes; none where it is another value.
pub fn string(value: &str) -> Option<Cow<'_, str>> {
    value.starts_with('"').then(|| meaning(value))
}

pub fn number(value: &str) -> Option<Number<'_>> {
    value.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| Number::read(value))?
}

/// How many arrays and objects stand in one another, the outermost included.
pub fn depth(value: &str) -> usize {
    let (mut at, mut depth, mut deepest) = (0, 0_usize, 0);
    while let Some(&byte) = value.as_bytes().get(at) {
        match byte {
            b'"' => at = string_end(value, at) - 1,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Where the value that begins at `from` ends.
fn end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    match bytes[from] {
        b'"' => string_end(text, from),
        b'{' | b'[' => {
            let (mut at, mut depth) = (from, 0);
            loop {
                match bytes[at] {
                    b'"' => at = string_end(text, at) - 1,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return at;
                }
            }
        }
        _ => {
            let behind = bytes[from..].iter().position(|byte| matches!(byte, b',' | b'}' | b']'));
            behind.map_or(bytes.len(), |length| from + length)
        }
    }
}

fn string_end(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from + 1;
    loop {
        at += memchr2(b'"', b'\\', &bytes[at..]).expect("a string that was read has an end");
        match bytes[at] {
            b'"' => return at + 1,
            _ => at += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_as_they_were_written() {
        let object = r#"{"id":"1","a\"b":{"x":[1,"}"],"y":{}},"n":-1.50,"":null}"#;
        let found: Vec<_> = members(object).collect();
        let expected = [
            ("\"id\"", "\"1\""),
            (r#""a\"b""#, r#"{"x":[1,"}"],"y":{}}"#),
            ("\"n\"", "-1.50"),
            ("\"\"", "null"),
        ];
        assert_eq!(found, expected);
        let array = r#"[1,[2,[]],{"a":"]\\"},"",true]"#;
        let found: Vec<_> = elements(array).collect();
        assert_eq!(found, ["1", "[2,[]]", r#"{"a":"]\\"}"#, "\"\"", "true"]);
        assert_eq!((members("{}").count(), elements("[]").count()), (0, 0));
    }

    #[test]
    fn depth_counts_brackets_outside_strings() {
        for (text, expected) in [("1", 0), ("\"[[\"", 0), ("[]", 1), (r#"{"a":[{"b":"[["}],"c":[]}"#, 3)] {
            assert_eq!(depth(text), expected, "{text}");
        }
    }
}
