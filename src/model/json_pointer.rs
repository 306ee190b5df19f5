//! JSON Pointer (RFC 6901): `/tags/0` is the first element of the member `tags`.

use crate::error::shown;

/// A path from the root of a value to a part of it.
#[derive(Debug)]
pub struct Pointer {
    text: Box<str>,
    pub steps: Vec<Step>,
}

/// One reference token: the name of a member, or the index of an element.
#[derive(Debug, PartialEq)]
pub struct Step {
    /// The name as a JSON string, with its quotes.
    pub name: Box<str>,
    pub place: Place,
}

/// The element of an array that a step refers to (RFC 6901 §4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    At(usize),
    /// `-`, after the last element.
    End,
    Nowhere,
}

impl Pointer {
    /// Returns `None` unless the text is empty or begins with a slash, and every `~` is part of `~0` or `~1`
    /// (RFC 6901 §3).
    pub fn read(text: &str) -> Option<Pointer> {
        let steps = match text.strip_prefix('/') {
            Some(steps) => steps.split('/').map(Step::read).collect::<Option<_>>()?,
            None if text.is_empty() => Vec::new(),
            None => return None,
        };
        Some(Pointer { text: text.into(), steps })
    }

    /// The pointer as error messages print it.
    pub fn shown(&self) -> String {
        if self.steps.is_empty() { "the whole item".to_owned() } else { shown(&self.text) }
    }
}

impl Step {
    fn read(text: &str) -> Option<Step> {
        if text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
            return None;
        }
        // In this order, because `~01` is `~1` and not a slash (RFC 6901 §4).
        let name = text.replace("~1", "/").replace("~0", "~");
        let is_number =
            text.bytes().all(|byte| byte.is_ascii_digit()) && !(text.len() > 1 && text.starts_with('0'));
        let place = match text {
            "-" => Place::End,
            _ if is_number => text.parse().map_or(Place::Nowhere, Place::At),
            _ => Place::Nowhere,
        };
        Some(Step { name: serde_json::to_string(&name).ok()?.into(), place })
    }
}
