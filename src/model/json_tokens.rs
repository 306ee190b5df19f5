//! The tokens of a JSON text, one after the other.
//!
//! ```text
//! {"id":"1","tags":["a",7]}
//! Begin Name String Name Begin String Literal End End
//! ```
//!
//! What may be in a text was decided when it came; here it is only gone through once, so that text
//! nested a hundred deep costs no more than flat text.

use memchr::memchr2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    Begin(Nest),
    End,
    /// The name of the member that follows, as it is written, with its quotes.
    Name(&'a str),
    /// As it is written, with its quotes.
    String(&'a str),
    /// A number, `true`, `false` or `null`.
    Literal(&'a str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nest {
    Array,
    Object,
}

/// Goes through a text that is known to be well-formed.
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub fn of(text: &'a str) -> Tokens<'a> {
        Tokens { text, at: 0 }
    }

    /// Behind the token that came last.
    pub fn at(&self) -> usize {
        self.at
    }

    fn skip(&mut self, is_skipped: impl Fn(u8) -> bool) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().position(|&byte| !is_skipped(byte)).unwrap_or(rest.len());
    }

    /// Moves over so many bytes, and gives them.
    fn take(&mut self, bytes: usize) -> &'a str {
        let taken = &self.text[self.at..self.at + bytes];
        self.at += bytes;
        taken
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip(|byte| is_blank(byte) || matches!(byte, b',' | b':'));
        let rest = &self.text.as_bytes()[self.at..];
        let single = match rest.first()? {
            b'{' => Token::Begin(Nest::Object),
            b'[' => Token::Begin(Nest::Array),
            b'}' | b']' => Token::End,
            b'"' => {
                let string = self.take(string_length(rest));
                self.skip(is_blank);
                let is_name = self.text.as_bytes().get(self.at) == Some(&b':');
                return Some(if is_name { Token::Name(string) } else { Token::String(string) });
            }
            _ => {
                let ends = |&byte: &u8| is_blank(byte) || matches!(byte, b',' | b'}' | b']');
                let length = rest.iter().position(ends).unwrap_or(rest.len());
                return Some(Token::Literal(self.take(length)));
            }
        };
        self.at += 1;
        Some(single)
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// How long the string is that `text` begins with, both quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_in_order() {
        use Token::{Begin, End, Literal, Name, String};
        let text = r#" {"id":"1", "a\"b" : [ -1.50e3,true , {} ,"x:\\"],"n":null} "#;
        let tokens: Vec<_> = Tokens::of(text).collect();
        let expected = [
            Begin(Nest::Object),
            Name("\"id\""),
            String("\"1\""),
            Name(r#""a\"b""#),
            Begin(Nest::Array),
            Literal("-1.50e3"),
            Literal("true"),
            Begin(Nest::Object),
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
    fn whatever_it_is_it_ends() {
        for text in ["", "\"", "\"\\", "[", "}{", "\"\\\"", "::,,", "\"ä"] {
            assert!(Tokens::of(text).count() <= text.len(), "{text}");
        }
    }
}
