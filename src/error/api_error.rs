//! Errors that answer a call.

use std::borrow::Cow;

/// Why a call is rejected. Nothing was stored, and the connection stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// The body is not an item: it is blank, `null`, malformed, or no text and no object.
    InvalidData {
        reason: Cow<'static, str>,
        place: Option<LineColumn>,
    },
    /// The path is not percent-encoded UTF-8.
    PathMalformed,
    /// A parameter of the query is malformed or unknown, or there are too many.
    QueryMalformed {
        parameter: String,
        why: Cow<'static, str>,
    },
    /// If-Match or If-None-Match is neither `*` nor a list of entity tags.
    ConditionMalformed,
    /// Idempotency-Key is not a key, or occurs more than once.
    IdempotencyKeyMalformed,
    /// The idempotency key was used before, with another request.
    IdempotencyKeyReused,
    NoSuchResource,
    NoSuchItem,
    /// The resource supports only the methods in `allow`.
    MethodNotAllowed {
        allow: &'static str,
    },
    MethodUnknown,
    /// The server supports none of the accepted media types.
    NotAcceptable,
    /// The request is from a page whose origin is not allowed.
    OriginNotAllowed,
    /// The resource is a WebSocket, and the request is not a handshake.
    NotAHandshake,
    HandshakeMalformed {
        why: &'static str,
    },
    WebSocketVersion,
    IdTaken {
        id: String,
    },
    ConditionFailed,
    /// An operation of a JSON Patch, counted from 1, does not apply to the current item.
    PatchConflict {
        operation: usize,
        why: String,
    },
    /// `accept` lists the media types that this method supports.
    MediaTypeUnsupported {
        accept: &'static str,
    },
    PatchMediaTypeUnsupported {
        accept: &'static str,
    },
    /// The body has a content coding, and none is supported.
    ContentCodingUnsupported,
    /// A PUT has a Content-Range (RFC 9110 §14.5).
    PartialPut,
    ItemTooLong {
        bytes_max: usize,
    },
    /// The subscribed resource is neither a collection nor an item.
    NotFollowed,
    /// `since` is neither a position nor `now`.
    PositionMalformed,
    /// The changes since that position are no longer retained, or its epoch has ended.
    PositionGone {
        now: String,
    },
    /// `deliver` is neither `all` nor `latest`.
    DeliverUnknown,
    SubscriptionsTooMany {
        most: usize,
    },
    NotSubscribed,
    /// Peers are still reading as many bytes of rendered collections as may be held.
    Busy,
    /// The write queue is full.
    StoreBehind,
    /// The disk is full.
    StoreFull,
    /// The disk has failed; writes are rejected until a restart.
    StoreFailed,
    /// The file system of the store was read-only when the server started.
    StoreReadOnly,
    /// The body of a call in a WebSocket message. In a request it is a [`ProtocolError`](super::ProtocolError).
    BodyTooLong {
        bytes_max: usize,
    },
}

/// Where a JSON text is wrong: line and column, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    pub line: usize,
    pub column: usize,
}

/// The `detail` of every rejected body.
pub const INVALID_DATA: &str = "Enter valid data.";

impl ApiError {
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::InvalidData { reason: reason.into(), place: None }
    }

    /// Returns the status of this error (RFC 9110 §15).
    pub fn status(&self) -> u16 {
        use ApiError::*;
        match self {
            InvalidData { .. } | PathMalformed | ConditionMalformed => 400,
            PartialPut | PositionMalformed | DeliverUnknown => 400,
            QueryMalformed { .. } | IdempotencyKeyMalformed => 400,
            NotAHandshake | HandshakeMalformed { .. } => 400,
            OriginNotAllowed => 403,
            NoSuchResource | NoSuchItem | NotSubscribed => 404,
            MethodNotAllowed { .. } => 405,
            NotAcceptable | NotFollowed => 406,
            // RFC 5789 §2.2, "Conflicting state".
            IdTaken { .. } | PatchConflict { .. } => 409,
            PositionGone { .. } => 410,
            ConditionFailed => 412,
            ItemTooLong { .. } | BodyTooLong { .. } => 413,
            MediaTypeUnsupported { .. } | PatchMediaTypeUnsupported { .. } => 415,
            ContentCodingUnsupported => 415,
            IdempotencyKeyReused => 422,
            WebSocketVersion => 426,
            SubscriptionsTooMany { .. } => 429,
            MethodUnknown => 501,
            Busy | StoreBehind => 503,
            StoreFailed | StoreReadOnly => 503,
            // RFC 4918 §11.5.
            StoreFull => 507,
        }
    }

    /// Returns the `detail` of the problem: one sentence for the caller.
    pub fn detail(&self) -> Cow<'static, str> {
        use ApiError::*;
        match self {
            InvalidData { .. } => INVALID_DATA.into(),
            PathMalformed => "the path is not percent-encoded UTF-8".into(),
            QueryMalformed { parameter, why } => {
                format!("query parameter {} {why}", shown(parameter)).into()
            }
            ConditionMalformed => {
                "If-Match and If-None-Match take * or a list of quoted entity tags".into()
            }
            IdempotencyKeyMalformed => {
                "Idempotency-Key is one key of 1 to 255 visible ASCII characters, with double quotes or without".into()
            }
            IdempotencyKeyReused => {
                "this Idempotency-Key came before with another body: whatever is new needs a new key".into()
            }
            NoSuchResource => "there is no such resource".into(),
            NoSuchItem => "there is no such item".into(),
            MethodNotAllowed { allow } => format!("this resource takes {allow}").into(),
            MethodUnknown => "this method is not known here".into(),
            NotAcceptable => {
                "this can be had as application/json, text/plain, text/html or application/xml, and Accept takes none of them".into()
            }
            OriginNotAllowed => {
                "pages of this origin may not do that: it is not listed with --origin".into()
            }
            NotAHandshake => "this address speaks WebSocket only: send a handshake".into(),
            HandshakeMalformed { why } => {
                format!("the WebSocket handshake is malformed: {why}").into()
            }
            WebSocketVersion => "only version 13 of WebSocket is spoken here".into(),
            IdTaken { id } => format!("there is an item with the id {id} already").into(),
            ConditionFailed => "the item is not in the state that the condition asks for".into(),
            PatchConflict { operation, why } => format!("operation {operation}: {why}").into(),
            MediaTypeUnsupported { accept } | PatchMediaTypeUnsupported { accept } => {
                format!("this method takes {accept}").into()
            }
            ContentCodingUnsupported => "no content coding is undone here: send it plain".into(),
            PartialPut => "an item is written whole: a Content-Range has no place in a PUT".into(),
            NotFollowed => "only collections and items can be followed".into(),
            PositionMalformed => "since is a position, such as 3f9c2a7b-42, or now".into(),
            PositionGone { .. } => {
                "what changed since that position is kept no more: begin again with the state as it is".into()
            }
            DeliverUnknown => "deliver is all or latest".into(),
            SubscriptionsTooMany { most } => {
                format!("a socket has at most {most} subscriptions").into()
            }
            NotSubscribed => "this socket has no such subscription".into(),
            Busy => "too many long answers are still being read: try again in a second".into(),
            StoreBehind => {
                "more is being written than the disk can store: nothing was stored, try again in a second".into()
            }
            StoreFull => "the disk is full: nothing was stored".into(),
            StoreFailed => {
                "the disk has failed: nothing was stored, nor will be until the server is started anew".into()
            }
            StoreReadOnly => {
                "the file system is read-only: nothing was stored, nor will be until the server is started anew"
                    .into()
            }
            BodyTooLong { bytes_max } => {
                format!("request body is longer than {bytes_max} bytes").into()
            }
            ItemTooLong { bytes_max } => {
                format!("the item would be longer than {bytes_max} bytes").into()
            }
        }
    }
}

/// Returns a text of a peer in a form that fits into a sentence: short, and on one line.
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
