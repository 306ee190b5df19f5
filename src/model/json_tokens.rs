//! The tokens of a JSON text, in order (RFC 8259 §2). Every other reader of stored JSON is built on them.
//!
//! ```text
//! {"id":"1","tags":["a",7]}
//! Begin Name String Name Begin String Literal End End
//! ```
//!
//! serde_json validates a text when it arrives. Here the text is valid: nothing is checked again, nothing is
//! copied, and text nested a hundred levels deep costs no more than flat text.

use memchr::memchr2;
use std::borrow::Cow;

/// A token other than the separators `:` and `,`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonToken<'a> {
    /// `{` or `[`.
    Begin(Container),
    /// `}` or `]`.
    End,
    /// The name of the next member, as written, with its quotes.
    Name(&'a str),
    /// A string, as written, with its quotes.
    String(&'a str),
    /// A number, `true`, `false` or `null`.
    Literal(&'a str),
}

/// A value that has values inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    Array,
    Object,
}

/// An iterator over the tokens of a valid JSON text.
pub struct JsonTokens<'a> {
    text: &'a str,
    start: usize,
    end: usize,
    has_escape: bool,
}

impl<'a> JsonTokens<'a> {
    /// Starts before the first token. The tokens of an invalid text are unspecified, but finite.
    pub fn new(text: &'a str) -> JsonTokens<'a> {
        JsonTokens { text, start: 0, end: 0, has_escape: false }
    }

    /// Starts after the first bracket of `container`.
    pub fn inside(container: &'a str) -> JsonTokens<'a> {
        JsonTokens { text: container, start: 0, end: 1, has_escape: false }
    }

    /// The offset of the last token.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The offset of the first byte after the last token.
    pub fn end(&self) -> usize {
        self.end
    }

    /// Whether the last name or string contains a backslash.
    pub fn has_escape(&self) -> bool {
        self.has_escape
    }

    /// The next value, as written. Returns `None` at the end of the container or of the text.
    pub fn next_value(&mut self) -> Option<&'a str> {
        match self.next()? {
            JsonToken::Begin(_) => {
                let start = self.start;
                self.skip_container();
                Some(&self.text[start..self.end])
            }
            JsonToken::End => None,
            JsonToken::Name(text) | JsonToken::String(text) | JsonToken::Literal(text) => Some(text),
        }
    }

    /// Moves past the end of the container that has just begun.
    pub fn skip_container(&mut self) {
        let bytes = self.text.as_bytes();
        let (mut at, mut depth) = (self.end, 1);
        while depth > 0
            && let Some(byte) = bytes.get(at)
        {
            match byte {
                b'"' => {
                    at = self.string_end(at);
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            at += 1;
        }
        self.end = at;
    }

    /// Returns the end of the string that begins at `start`, both quotes included.
    #[inline]
    fn string_end(&mut self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        self.has_escape = false;
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
            at += found;
            if bytes[at] == b'"' {
                return at + 1;
            }
            self.has_escape = true;
            at += 2;
        }
        bytes.len()
    }
}

impl<'a> Iterator for JsonTokens<'a> {
    type Item = JsonToken<'a>;

    // Inlined, because most tokens are a few bytes long: in a call of its own, half of the time goes into
    // saving registers.
    #[inline(always)]
    fn next(&mut self) -> Option<JsonToken<'a>> {
        let bytes = self.text.as_bytes();
        let mut start = self.end;
        while matches!(bytes.get(start)?, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':') {
            start += 1;
        }
        self.start = start;
        self.end = start + 1;
        Some(match bytes[start] {
            b'{' => JsonToken::Begin(Container::Object),
            b'[' => JsonToken::Begin(Container::Array),
            b'}' | b']' => JsonToken::End,
            b'"' => {
                self.end = self.string_end(start);
                let string = &self.text[start..self.end];
                let mut after = self.end;
                while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(after) {
                    after += 1;
                }
                if bytes.get(after) == Some(&b':') {
                    JsonToken::Name(string)
                } else {
                    JsonToken::String(string)
                }
            }
            _ => {
                let mut end = start + 1;
                while let Some(byte) = bytes.get(end)
                    && !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b'}' | b']')
                {
                    end += 1;
                }
                self.end = end;
                JsonToken::Literal(&self.text[start..end])
            }
        })
    }
}

/// The characters of a string that is written with quotes and perhaps escapes (RFC 8259 §7).
pub fn unescape(string: &str) -> Cow<'_, str> {
    if string.bytes().any(|byte| byte == b'\\') {
        // The text is valid, so this cannot fail.
        serde_json::from_str(string).unwrap_or(Cow::Borrowed(string))
    } else {
        Cow::Borrowed(&string[1..string.len() - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_in_order() {
        use JsonToken::{Begin, End, Literal, Name, String};
        let text = r#" {"id":"1", "a\"b" : [ -1.50e3,true , {} ,"x:\\"],"n":null} "#;
        let tokens: Vec<_> = JsonTokens::new(text).collect();
        let expected = [
            Begin(Container::Object),
            Name("\"id\""),
            String("\"1\""),
            Name(r#""a\"b""#),
            Begin(Container::Array),
            Literal("-1.50e3"),
            Literal("true"),
            Begin(Container::Object),
            End,
            String(r#""x:\\""#),
            End,
            Name("\"n\""),
            Literal("null"),
            End,
        ];
        assert_eq!(tokens, expected);
    }

    #[test]
    fn tokens_of_invalid_text_are_finite() {
        for text in ["", "\"", "\"\\", "[", "}{", "\"\\\"", "::,,", "\"ä"] {
            assert!(JsonTokens::new(text).count() <= text.len(), "{text}");
        }
    }
}
