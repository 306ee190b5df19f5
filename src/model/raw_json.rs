//! Parts of a stored JSON text, found without copying it or building a tree.

use crate::model::decimal::Number;
use crate::model::json_tokens::{JsonToken, JsonTokens, unescape};
use std::borrow::Cow;

/// The members of an object: names as written, with their quotes, and values.
pub fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut tokens = JsonTokens::inside(object);
    std::iter::from_fn(move || match tokens.next()? {
        JsonToken::Name(name) => Some((name, tokens.next_value()?)),
        _ => None,
    })
    .fuse()
}

/// The elements of an array.
pub fn elements(array: &str) -> impl Iterator<Item = &str> {
    let mut tokens = JsonTokens::inside(array);
    std::iter::from_fn(move || tokens.next_value()).fuse()
}

/// The characters of a string. Returns `None` for any other value.
pub fn string(value: &str) -> Option<Cow<'_, str>> {
    value.starts_with('"').then(|| unescape(value))
}

/// The number. Returns `None` for any other value.
pub fn number(value: &str) -> Option<Number<'_>> {
    value.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| Number::read(value))?
}

/// Levels of arrays and objects, the outermost included. A string or literal has none.
pub fn depth(value: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for token in JsonTokens::new(value) {
        match token {
            JsonToken::Begin(_) => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            JsonToken::End => depth -= 1,
            _ => {}
        }
    }
    deepest
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
