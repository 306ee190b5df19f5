//! Text inside of XML and HTML.
//!
//! What would be read as markup is escaped by a library. Beyond that, a reader of XML makes a line
//! feed of every carriage return and a blank of every line feed in an attribute (XML 1.0 §2.11,
//! §3.3.3), so those are written as references; and what XML cannot carry in any way (§2.2), most
//! control characters, becomes U+FFFD.

use quick_xml::escape::{escape, partial_escape};

/// Appends text that stands between tags.
pub fn push_content(text: &str, out: &mut String) {
    push(text, out, |part, out| out.push_str(&partial_escape(part)), |_| None);
}

/// Appends text that stands between quotes of either kind.
pub fn push_attribute(text: &str, out: &mut String) {
    push(
        text,
        out,
        |part, out| out.push_str(&escape(part)),
        |c| match c {
            '\t' => Some("&#9;"),
            '\n' => Some("&#10;"),
            _ => None,
        },
    );
}

fn push(
    text: &str,
    out: &mut String,
    push_part: fn(&str, &mut String),
    special: fn(char) -> Option<&'static str>,
) {
    // Most text needs no escape, which its bytes show.
    if !text.bytes().any(|byte| matches!(byte, ..b' ' | b'<' | b'>' | b'&' | b'"' | b'\'' | 0xef)) {
        return out.push_str(text);
    }
    let mut from = 0;
    for (at, c) in text.char_indices() {
        let instead = match c {
            '\r' => Some("&#13;"),
            '\t' | '\n' => special(c),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => Some("\u{fffd}"),
            _ => None,
        };
        if let Some(instead) = instead {
            push_part(&text[from..at], out);
            out.push_str(instead);
            from = at + c.len_utf8();
        }
    }
    push_part(&text[from..], out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, content: &str, attribute: &str) {
        let written = |push: fn(&str, &mut String)| {
            let mut out = "before".to_owned();
            push(text, &mut out);
            out.strip_prefix("before").map(str::to_owned)
        };
        assert_eq!(written(push_content).as_deref(), Some(content));
        assert_eq!(written(push_attribute).as_deref(), Some(attribute));
    }

    #[test]
    fn markup_is_no_markup() {
        check("Buy milk", "Buy milk", "Buy milk");
        check(
            "</td><script>alert('1')</script>",
            "&lt;/td&gt;&lt;script&gt;alert('1')&lt;/script&gt;",
            "&lt;/td&gt;&lt;script&gt;alert(&apos;1&apos;)&lt;/script&gt;",
        );
        check("\" onload=\"x", "\" onload=\"x", "&quot; onload=&quot;x");
        check("a & b &lt; ]]>", "a &amp; b &amp;lt; ]]&gt;", "a &amp; b &amp;lt; ]]&gt;");
    }

    #[test]
    fn blanks_come_back_as_they_were() {
        check("a\tb\nc\r\nd", "a\tb\nc&#13;\nd", "a&#9;b&#10;c&#13;&#10;d");
    }

    #[test]
    fn what_cannot_be_carried_is_replaced() {
        check(
            "\0<\u{1b}\u{ffff}\u{7f}ä",
            "\u{fffd}&lt;\u{fffd}\u{fffd}\u{7f}ä",
            "\u{fffd}&lt;\u{fffd}\u{fffd}\u{7f}ä",
        );
    }
}
