//! Everything for which a call is refused: words, status, and what else the answer says.
//!
//! A refusal is a good answer to a bad question. The connection stays; compare
//! [`Fault`](crate::fault::Fault), which ends it.

use std::borrow::Cow;

/// Why a call is not done. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body is not a task, nor any other item: blank, `null`, malformed, or of another kind.
    InvalidData {
        reason: Cow<'static, str>,
        place: Option<Place>,
    },
    /// The path has a percent sign that begins no octet, or does not decode to UTF-8.
    PathMalformed,
    /// A parameter of the query is malformed, unknown, or one too many.
    QueryMalformed {
        parameter: String,
        why: Cow<'static, str>,
    },
    /// If-Match or If-None-Match is neither `*` nor a list of entity tags.
    ConditionMalformed,
    /// Idempotency-Key is no key, or there are several.
    IdempotencyKeyMalformed,
    /// The key came before, with something else.
    IdempotencyKeyReused,
    NoSuchResource,
    NoSuchItem,
    /// The resource exists, and does these methods only.
    MethodNotAllowed {
        allow: &'static str,
    },
    MethodUnknown,
    /// None of the media types asked for can be made here.
    NotAcceptable,
    /// The page that asks is from an origin that may not.
    OriginNotAllowed,
    /// The resource is a WebSocket, and the request is no handshake.
    NotAHandshake,
    HandshakeMalformed {
        why: &'static str,
    },
    WebSocketVersion,
    IdTaken {
        id: String,
    },
    ConditionFailed,
    /// An operation of a JSON Patch, counted from 1, cannot be done to the item as it is now.
    PatchConflict {
        operation: usize,
        why: String,
    },
    /// `accept` are the media types that this method takes.
    MediaTypeUnsupported {
        accept: &'static str,
    },
    PatchMediaTypeUnsupported {
        accept: &'static str,
    },
    /// The body has a content coding, and none is undone here.
    ContentCodingUnsupported,
    /// A PUT of a part: Content-Range says where it would belong.
    PartialPut,
    ItemTooLong {
        bytes_max: usize,
    },
    /// What was to be followed is no collection and no item.
    NotFollowed,
    /// `since` is no position, and not `now`.
    PositionMalformed,
    /// What changed since is kept no more, or happened in another log.
    PositionGone {
        now: String,
    },
    /// `deliver` is neither `all` nor `latest`.
    DeliverUnknown,
    SubscriptionsTooMany {
        most: usize,
    },
    NotSubscribed,
    /// Texts of whole collections are still being read, more than may be held.
    Busy,
    /// More is asked for than the disk has stored meanwhile.
    StoreBehind,
    /// There is no room on the disk.
    StoreFull,
    /// The disk has failed, and nothing is stored any more.
    StoreFailed,
    /// The store lies where nothing can be written, since before the server was started.
    StoreReadOnly,
    /// The body of a call in a message; of a request it is a fault.
    BodyTooLong {
        bytes_max: usize,
    },
}

/// Where in a JSON text something is wrong, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// What every refused body is told, word for word.
pub const INVALID_DATA: &str = "Enter valid data.";

impl Refusal {
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::InvalidData { reason: reason.into(), place: None }
    }

    /// The one table from refusals to statuses (RFC 9110 §15).
    pub fn status(&self) -> u16 {
        match self {
            Refusal::InvalidData { .. } | Refusal::PathMalformed | Refusal::ConditionMalformed => 400,
            Refusal::PartialPut | Refusal::PositionMalformed | Refusal::DeliverUnknown => 400,
            Refusal::QueryMalformed { .. } | Refusal::IdempotencyKeyMalformed => 400,
            Refusal::NotAHandshake | Refusal::HandshakeMalformed { .. } => 400,
            Refusal::OriginNotAllowed => 403,
            Refusal::NoSuchResource | Refusal::NoSuchItem | Refusal::NotSubscribed => 404,
            Refusal::MethodNotAllowed { .. } => 405,
            Refusal::NotAcceptable | Refusal::NotFollowed => 406,
            // RFC 5789 §2.2, "Conflicting state".
            Refusal::IdTaken { .. } | Refusal::PatchConflict { .. } => 409,
            Refusal::PositionGone { .. } => 410,
            Refusal::ConditionFailed => 412,
            Refusal::ItemTooLong { .. } | Refusal::BodyTooLong { .. } => 413,
            Refusal::MediaTypeUnsupported { .. } | Refusal::PatchMediaTypeUnsupported { .. } => 415,
            Refusal::ContentCodingUnsupported => 415,
            Refusal::IdempotencyKeyReused => 422,
            Refusal::WebSocketVersion => 426,
            Refusal::SubscriptionsTooMany { .. } => 429,
            Refusal::MethodUnknown => 501,
            Refusal::Busy | Refusal::StoreBehind => 503,
            Refusal::StoreFailed | Refusal::StoreReadOnly => 503,
            // RFC 4918 §11.5.
            Refusal::StoreFull => 507,
        }
    }

    /// One sentence for whoever asked.
    pub fn detail(&self) -> Cow<'static, str> {
        match self {
            Refusal::InvalidData { .. } => INVALID_DATA.into(),
            Refusal::PathMalformed => "the path is not percent-encoded UTF-8".into(),
            Refusal::QueryMalformed { parameter, why } => {
                format!("query parameter {} {why}", shown(parameter)).into()
            }
            Refusal::ConditionMalformed => {
                "If-Match and If-None-Match take * or a list of quoted entity tags".into()
            }
            Refusal::IdempotencyKeyMalformed => {
                "Idempotency-Key is one key of 1 to 255 visible ASCII characters, with double quotes or without".into()
            }
            Refusal::IdempotencyKeyReused => {
                "this Idempotency-Key came before with another body: whatever is new needs a new key".into()
            }
            Refusal::NoSuchResource => "there is no such resource".into(),
            Refusal::NoSuchItem => "there is no such item".into(),
            Refusal::MethodNotAllowed { allow } => format!("this resource takes {allow}").into(),
            Refusal::MethodUnknown => "this method is not known here".into(),
            Refusal::NotAcceptable => {
                "this can be had as application/json, text/plain, text/html or application/xml, and Accept takes none of them".into()
            }
            Refusal::OriginNotAllowed => {
                "pages of this origin may not do that: it is not listed with --origin".into()
            }
            Refusal::NotAHandshake => "this address speaks WebSocket only: send a handshake".into(),
            Refusal::HandshakeMalformed { why } => {
                format!("the WebSocket handshake is malformed: {why}").into()
            }
            Refusal::WebSocketVersion => "only version 13 of WebSocket is spoken here".into(),
            Refusal::IdTaken { id } => format!("there is an item with the id {id} already").into(),
            Refusal::ConditionFailed => "the item is not in the state that the condition asks for".into(),
            Refusal::PatchConflict { operation, why } => format!("operation {operation}: {why}").into(),
            Refusal::MediaTypeUnsupported { accept } | Refusal::PatchMediaTypeUnsupported { accept } => {
                format!("this method takes {accept}").into()
            }
            Refusal::ContentCodingUnsupported => "no content coding is undone here: send it plain".into(),
            Refusal::PartialPut => "an item is written whole: a Content-Range has no place in a PUT".into(),
            Refusal::NotFollowed => "only collections and items can be followed".into(),
            Refusal::PositionMalformed => "since is a position, such as 3f9c2a7b-42, or now".into(),
            Refusal::PositionGone { .. } => {
                "what changed since that position is kept no more: begin again with the state as it is".into()
            }
            Refusal::DeliverUnknown => "deliver is all or latest".into(),
            Refusal::SubscriptionsTooMany { most } => {
                format!("a socket has at most {most} subscriptions").into()
            }
            Refusal::NotSubscribed => "this socket has no such subscription".into(),
            Refusal::Busy => "too many long answers are still being read: try again in a second".into(),
            Refusal::StoreBehind => {
                "more is being written than the disk can store: nothing was stored, try again in a second".into()
            }
            Refusal::StoreFull => "the disk is full: nothing was stored".into(),
            Refusal::StoreFailed => {
                "the disk has failed: nothing was stored, nor will be until the server is started anew".into()
            }
            Refusal::StoreReadOnly => {
                "the file system is read-only: nothing was stored, nor will be until the server is started anew"
                    .into()
            }
            Refusal::BodyTooLong { bytes_max } => {
                format!("request body is longer than {bytes_max} bytes").into()
            }
            Refusal::ItemTooLong { bytes_max } => {
                format!("the item would be longer than {bytes_max} bytes").into()
            }
        }
    }
}

/// What someone else has written, as it can stand in a sentence: short, and on one line.
pub fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    let mut characters = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    let mut shown: String = characters.by_ref().take(CHARACTERS_MAX).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_short_and_on_one_line() {
        assert_eq!(shown("/a b"), "/a b");
        assert_eq!(shown("a\r\nb\u{85}"), "a  b ");
        assert_eq!(shown(&"é".repeat(1000)), "é".repeat(80) + "…");
    }
}
