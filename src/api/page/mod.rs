//! What belongs to the pages: the index of them, their script and their style.
//!
//! Script and style are built in, and have no address that changes with them. So whoever keeps them
//! asks each time whether they are still the same, and is told by a tag made from what they say.

use super::outcome::{Named, Outcome};
use super::resources::read_at;
use crate::exchange::call::{Answer, Body, Call};
use crate::exchange::change::Position;
use crate::exchange::html;
use crate::refusal::Refusal;
use crate::store::shelf::Shelf;

const SCRIPT: &str = include_str!("page.js");
const SCRIPT_TAG: Position = tag_of(SCRIPT);
const STYLE: &str = include_str!("page.css");
const STYLE_TAG: Position = tag_of(STYLE);

pub fn script(call: &Call, _: Named, _: &Shelf) -> Result<Outcome, Refusal> {
    let body = Body::File { media_type: "text/javascript; charset=utf-8", text: SCRIPT.into() };
    read_at(call, SCRIPT_TAG, || Ok(Answer::new(200, body)))
}

pub fn style(call: &Call, _: Named, _: &Shelf) -> Result<Outcome, Refusal> {
    let body = Body::File { media_type: "text/css; charset=utf-8", text: STYLE.into() };
    read_at(call, STYLE_TAG, || Ok(Answer::new(200, body)))
}

/// What there is, as a page.
pub fn index<'s>(collections: impl Iterator<Item = &'s str>) -> Body {
    let paths = |paths: &[&str]| paths.iter().map(|&path| path.to_owned()).collect();
    let groups = [
        ("Collections", collections.map(|name| format!("/{name}")).collect()),
        ("Health", paths(&["/healthz", "/readyz"])),
    ];
    Body::Html(html::index(&groups).into_bytes().into())
}

/// Conditions hold positions, so the tag of a text is spelled as one: its hash (FNV-1a), its length.
pub(super) const fn tag_of(text: &str) -> Position {
    let bytes = text.as_bytes();
    let (mut hash, mut at) = (0x811c_9dc5_u32, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    Position { epoch: hash, seq: bytes.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_has_another_tag() {
        // The vectors of those who made the hash.
        assert_eq!(tag_of(""), Position { epoch: 0x811c_9dc5, seq: 0 });
        assert_eq!(tag_of("foobar"), Position { epoch: 0xbf9c_f968, seq: 6 });
        assert_ne!(SCRIPT_TAG, STYLE_TAG);
    }

    #[test]
    fn the_script_writes_no_markup() {
        for word in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
        {
            assert!(!SCRIPT.contains(word), "{word}");
        }
    }
}
