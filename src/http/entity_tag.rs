//! ETag, If-Match, If-None-Match (RFC 9110 §8.8.3, §13.1).
//!
//! ```text
//! If-None-Match: "v7", W/"a,b"        two tags; the second is weak, and its comma its own
//! If-Match: *                         any: whatever the representation is, as long as there is one
//! ```

use crate::http::headers::trim;

/// What If-Match or If-None-Match lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags<'b> {
    /// `*`
    Any,
    /// At least one.
    List(Vec<Tag<'b>>),
}

/// One entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'b> {
    /// Says that the meaning is the same, not every byte. If-Match never matches such a tag.
    pub weak: bool,
    /// What stands between the quotes. A backslash there means itself.
    pub opaque: &'b [u8],
}

/// The tags that all lines of one field list together. None if they are malformed, or there is none.
pub fn parse<'b>(lines: impl Iterator<Item = &'b [u8]>) -> Option<Tags<'b>> {
    let mut tags = Vec::new();
    let mut any = false;
    for line in lines {
        // A star stands alone: not in a list, and not beside one.
        if any || (trim(line) == b"*" && !tags.is_empty()) {
            return None;
        }
        if trim(line) == b"*" {
            any = true;
        } else {
            parse_list(line, &mut tags)?;
        }
    }
    match (any, tags.is_empty()) {
        (true, _) => Some(Tags::Any),
        (false, false) => Some(Tags::List(tags)),
        (false, true) => None,
    }
}

/// Appends the tags of one line. Empty members are allowed (RFC 9110 §5.6.1.2).
fn parse_list<'b>(line: &'b [u8], tags: &mut Vec<Tag<'b>>) -> Option<()> {
    let mut rest = trim(line);
    while !rest.is_empty() {
        if let Some(behind_comma) = rest.strip_prefix(b",") {
            rest = trim(behind_comma);
            continue;
        }
        let (tag, behind) = parse_tag(rest)?;
        tags.push(tag);
        rest = trim(behind);
        if !matches!(rest, [] | [b',', ..]) {
            return None;
        }
    }
    Some(())
}

/// The tag at the front, and what stands behind it.
fn parse_tag(text: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let (weak, quoted) = match text.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let opaque = quoted.strip_prefix(b"\"")?;
    let length = opaque.iter().take_while(|&&byte| is_tag_byte(byte)).count();
    let (opaque, behind) = opaque.split_at(length);
    Some((Tag { weak, opaque }, behind.strip_prefix(b"\"")?))
}

/// etagc: visible, no quote; bytes beyond ASCII are allowed.
fn is_tag_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: &[(bool, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|&(weak, opaque)| Tag { weak, opaque: opaque.as_bytes() }).collect();
        assert_eq!(parse(lines.iter().map(|line| line.as_bytes())), Some(Tags::List(expected)));
    }

    #[test]
    fn tags_are_listed() {
        check(&["\"xyzzy\""], &[(false, "xyzzy")]); // RFC 9110 §13.1.1
        check(&["W/\"xyzzy\", \"r2d2xxxx\""], &[(true, "xyzzy"), (false, "r2d2xxxx")]);
        check(&["\"a\"", "\"b\""], &[(false, "a"), (false, "b")]);
        check(&["\"\""], &[(false, "")]);
        check(&[", \"a\" ,\t, \"b\","], &[(false, "a"), (false, "b")]);
    }

    #[test]
    fn a_tag_may_hold_commas_stars_and_backslashes() {
        check(&["\"a,b\",\"*\",\"\\\",\"ä\""], &[(false, "a,b"), (false, "*"), (false, "\\"), (false, "ä")]);
    }

    #[test]
    fn a_star_stands_alone() {
        let parse = |lines: &[&'static str]| parse(lines.iter().map(|line| line.as_bytes()));
        assert_eq!(parse(&["*"]), Some(Tags::Any));
        assert_eq!(parse(&[" * "]), Some(Tags::Any));
        for bad in [&["*, \"a\""][..], &["*", "\"a\""], &["\"a\"", "*"], &["*", "*"], &["**"]] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_not_quoted_is_no_tag() {
        for bad in [
            "",
            ",",
            "a",
            "\"a",
            "a\"",
            "w/\"a\"",
            "W\"a\"",
            "W/ \"a\"",
            "\"a\"b",
            "\"a\" \"b\"",
            "\"a b\"",
            "\"a\tb\"",
        ] {
            assert_eq!(parse([bad.as_bytes()].into_iter()), None, "{bad}");
        }
        assert_eq!(parse(std::iter::empty()), None);
    }
}
