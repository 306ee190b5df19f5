//! The key by which a POST that is sent again is known again (draft-ietf-httpapi-idempotency-key-header).
//!
//! ```text
//! Idempotency-Key: "8e03978e-40d5-43dd-bc93-6894a57f9324"      as the draft has it: a string in quotes
//! Idempotency-Key: 8e03978e-40d5-43dd-bc93-6894a57f9324        as most clients send it: the same key
//! ```

use crate::config::IDEMPOTENCY_KEY_BYTES_MAX;

/// 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Box<str>);

impl Key {
    /// What a field says, or a member of a call: in quotes a string (RFC 9651 §3.3.3), or without them
    /// the key itself. A bare comma parts nothing but two fields that somebody has joined, and a key
    /// stands alone.
    pub fn read(text: &str) -> Option<Key> {
        let key = match text.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None if text.contains(['"', ',']) => return None,
            None => text.to_owned(),
        };
        Key::stored(&key)
    }

    /// What [`Key::as_str`] gave once.
    pub fn stored(text: &str) -> Option<Key> {
        let is_key = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_key.then(|| Key(text.into()))
    }

    /// Without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands before the closing quote, which ends the text.
fn unquoted(quoted: &str) -> Option<String> {
    let mut key = String::new();
    let mut rest = quoted.chars();
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(key),
            '\\' => key.push(rest.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => key.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_with_quotes_and_without() {
        let key = |text: &str| Key::read(text).map(|key| key.as_str().to_owned());
        let same = Some("8e03978e-40d5".to_owned());
        assert_eq!((key("\"8e03978e-40d5\""), key("8e03978e-40d5")), (same.clone(), same));
        assert_eq!(key(r#""a\"b\\c,d""#), Some(r#"a"b\c,d"#.to_owned()));
        assert_eq!(key(&"x".repeat(255)).map(|key| key.len()), Some(255));
        let escapes = format!("\"{}\"", r"\\".repeat(255));
        assert_eq!(key(&escapes).map(|key| key.len()), Some(255), "an escape is one character");
    }

    #[test]
    fn whatever_is_no_key_is_none() {
        let long = "x".repeat(256);
        for bad in [
            "",
            "\"\"",
            "\"",
            "\"a",
            "a\"",
            "\"a\"b",
            "\"a\";p=1",
            "\"a\", \"b\"",
            "a, b",
            "a,b",
            "a b",
            "\"a b\"",
            "é",
            "\"é\"",
            "a\tb",
            r#""a\b""#,
            r#""a\"#,
            "a\u{7f}",
            &long,
        ] {
            assert_eq!(Key::read(bad), None, "{bad}");
        }
    }
}
