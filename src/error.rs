//! Why a command ends without having done what it was asked for.
//! Everything that can go wrong between a peer and us: words, HTTP status, close code.
//!
//! Whose mistake it is shows in the type. A peer that breaks the rules of the wire meets a
//! [`ProtocolError`], and its connection ends; a call that cannot be done meets a
//! [`ApiError`](crate::error::ApiError), and is answered; a machine that fails gives an `io::Error`.
//! Everything for which a call is refused: words, status, and what else the answer says.
//!
//! A refusal is a good answer to a bad question. The connection stays; compare
//! [`ProtocolError`](crate::error::ProtocolError), which ends it.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::time::Duration;

/// One line for standard error, and the exit status that goes with it.
#[derive(Debug)]
pub enum CommandError {
    /// The command line asks for something that cannot be: exit status 2.
    Usage(String),
    /// It was tried, and it failed, or the server said no: exit status 1.
    Failed(String),
    /// The server said no, in a status: exit status 1.
    Refused { status: u16, line: String },
    /// There is no connection, or no longer; another time there may be one: exit status 1.
    Lost(String),
    /// What was to be printed could not be: exit status 1.
    Output(io::Error),
}

impl CommandError {
    pub fn exit_status(&self) -> u8 {
        match self {
            CommandError::Usage(_) => 2,
            CommandError::Failed(_)
            | CommandError::Refused { .. }
            | CommandError::Lost(_)
            | CommandError::Output(_) => 1,
        }
    }

    /// Nobody reads on (`bothways watch … | head -1`): that is an end like another.
    pub fn ignore_broken_pipe(outcome: Result<(), CommandError>) -> Result<(), CommandError> {
        match outcome {
            Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Usage(line)
            | CommandError::Failed(line)
            | CommandError::Refused { line, .. }
            | CommandError::Lost(line) => f.write_str(line),
            CommandError::Output(error) => write!(f, "standard output cannot be written: {error}"),
        }
    }
}

impl std::error::Error for CommandError {}

/// What a server says, fit for one line of ours.
pub fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What a peer did that ends its connection. It carries numbers, never a message or a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    // Reading a request (RFC 9112).
    HeadTooLong { bytes_max: usize },
    TargetTooLong { bytes_max: usize },
    MethodTooLong { bytes_max: usize },
    TooManyFields { max: usize },
    BareLineFeed,
    HeadMalformed { why: &'static str },
    VersionUnsupported,
    HostMissing,
    HostRepeated,
    HostMalformed,
    TargetMalformed,
    LengthMalformed,
    LengthsDiffer,
    LengthAndCoding,
    CodingUnknown,
    ChunkedNotLast,
    CodingInOldVersion,
    BodyTooLong { bytes_max: usize },
    ChunkSizeMalformed,
    ChunkSizeTooLarge,
    ChunkLineTooLong { bytes_max: usize },
    ChunkExtensionsTooLong { bytes_max: usize },
    ChunkEndMissing,
    TrailerTooLong { bytes_max: usize },
    TrailerMalformed,
    ExpectationUnknown,
    UpgradeWithBody,
    HeadTooSlow { after: Duration },
    BodyTooSlow { after: Duration },
    // Reading frames (RFC 6455).
    ReservedBits,
    OpcodeUnknown { opcode: u8 },
    UnmaskedFrame,
    MaskedFrame,
    LengthNotMinimal,
    LengthTopBit,
    ControlTooLong { bytes: u64 },
    ControlFragmented,
    ContinuationOfNothing,
    MessageInsideMessage,
    MessageTooLong { bytes_max: usize },
    InflatesTooMuch { times_max: usize },
    TextNotUtf8,
    DeflateMalformed,
    CloseBodyTooShort,
    CloseCodeInvalid { code: u16 },
    CloseReasonNotUtf8,
    BinaryNotTaken,
    // Either.
    PeerSilent { after: Duration },
    CloseTooSlow { after: Duration },
    WriteStalled { after: Duration },
}

/// What a fault means on each road.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCodes {
    /// Status of the last response, where a response can still be sent.
    pub status: u16,
    /// Status code of the close frame (RFC 6455 §7.4), where one can still be sent.
    pub close_code: u16,
}

impl ProtocolError {
    /// The one table from faults to what the peer is told.
    pub fn codes(self) -> ErrorCodes {
        let (status, close_code) = match self {
            ProtocolError::HeadTooLong { .. } | ProtocolError::TooManyFields { .. } => (431, 1009),
            ProtocolError::TargetTooLong { .. } => (414, 1009),
            // RFC 9112 §3: a method longer than any that is known is not known.
            ProtocolError::MethodTooLong { .. } => (501, 1009),
            ProtocolError::BareLineFeed
            | ProtocolError::HeadMalformed { .. }
            | ProtocolError::TargetMalformed => (400, 1002),
            ProtocolError::VersionUnsupported => (505, 1002),
            ProtocolError::HostMissing | ProtocolError::HostRepeated | ProtocolError::HostMalformed => {
                (400, 1002)
            }
            ProtocolError::LengthMalformed
            | ProtocolError::LengthsDiffer
            | ProtocolError::LengthAndCoding => (400, 1002),
            ProtocolError::CodingUnknown => (501, 1002),
            ProtocolError::ChunkedNotLast | ProtocolError::CodingInOldVersion => (400, 1002),
            ProtocolError::BodyTooLong { .. } => (413, 1009),
            ProtocolError::ChunkSizeMalformed | ProtocolError::ChunkEndMissing => (400, 1002),
            ProtocolError::ChunkSizeTooLarge => (413, 1009),
            ProtocolError::ChunkLineTooLong { .. } | ProtocolError::ChunkExtensionsTooLong { .. } => {
                (400, 1009)
            }
            ProtocolError::TrailerTooLong { .. } => (431, 1009),
            ProtocolError::TrailerMalformed => (400, 1002),
            ProtocolError::ExpectationUnknown => (417, 1002),
            ProtocolError::UpgradeWithBody => (400, 1002),
            ProtocolError::HeadTooSlow { .. } | ProtocolError::BodyTooSlow { .. } => (408, 1008),
            ProtocolError::ReservedBits | ProtocolError::OpcodeUnknown { .. } => (400, 1002),
            ProtocolError::UnmaskedFrame | ProtocolError::MaskedFrame => (400, 1002),
            ProtocolError::LengthNotMinimal | ProtocolError::LengthTopBit => (400, 1002),
            ProtocolError::ControlTooLong { .. } | ProtocolError::ControlFragmented => (400, 1002),
            ProtocolError::ContinuationOfNothing | ProtocolError::MessageInsideMessage => (400, 1002),
            ProtocolError::MessageTooLong { .. } | ProtocolError::InflatesTooMuch { .. } => (413, 1009),
            ProtocolError::TextNotUtf8 | ProtocolError::CloseReasonNotUtf8 => (400, 1007),
            ProtocolError::DeflateMalformed => (400, 1007),
            ProtocolError::CloseBodyTooShort | ProtocolError::CloseCodeInvalid { .. } => (400, 1002),
            ProtocolError::BinaryNotTaken => (400, 1003),
            ProtocolError::PeerSilent { .. } | ProtocolError::CloseTooSlow { .. } => (408, 1001),
            ProtocolError::WriteStalled { .. } => (408, 1008),
        };
        ErrorCodes { status, close_code }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ProtocolError::*;
        match *self {
            HeadTooLong { bytes_max } => write!(f, "request head is longer than {bytes_max} bytes"),
            TargetTooLong { bytes_max } => write!(f, "request target is longer than {bytes_max} bytes"),
            MethodTooLong { bytes_max } => write!(f, "request method is longer than {bytes_max} bytes"),
            TooManyFields { max } => write!(f, "request head has more than {max} fields"),
            BareLineFeed => f.write_str("a line of the request head ends in LF without CR"),
            HeadMalformed { why } => write!(f, "request head is malformed: {why}"),
            VersionUnsupported => f.write_str("only HTTP/1.1 and HTTP/1.0 are spoken here"),
            HostMissing => f.write_str("an HTTP/1.1 request must have a Host field"),
            HostRepeated => f.write_str("the request has more than one Host field"),
            HostMalformed => f.write_str("the Host field is not a host with an optional port"),
            TargetMalformed => f.write_str("the request target is neither a path, nor an http URL, nor *"),
            LengthMalformed => f.write_str("Content-Length is not a decimal number that fits 63 bits"),
            LengthsDiffer => f.write_str("the request has two different Content-Length values"),
            LengthAndCoding => f.write_str("the request has both Content-Length and Transfer-Encoding"),
            CodingUnknown => f.write_str("the only transfer coding understood here is chunked"),
            ChunkedNotLast => f.write_str("chunked must be the last transfer coding, and stand once"),
            CodingInOldVersion => f.write_str("Transfer-Encoding in an HTTP/1.0 request"),
            BodyTooLong { bytes_max } => write!(f, "request body is longer than {bytes_max} bytes"),
            ChunkSizeMalformed => f.write_str("a chunk does not start with its size in hexadecimal"),
            ChunkSizeTooLarge => f.write_str("a chunk's size does not fit 63 bits"),
            ChunkLineTooLong { bytes_max } => {
                write!(f, "a chunk's first line is longer than {bytes_max} bytes")
            }
            ChunkExtensionsTooLong { bytes_max } => {
                write!(f, "the chunks of one body have more than {bytes_max} bytes of extensions")
            }
            ChunkEndMissing => f.write_str("a chunk does not end in CR LF"),
            TrailerTooLong { bytes_max } => write!(f, "trailer section is longer than {bytes_max} bytes"),
            TrailerMalformed => f.write_str("the trailer section is malformed"),
            ExpectationUnknown => f.write_str("the only expectation met here is 100-continue"),
            UpgradeWithBody => f.write_str("a WebSocket handshake must not have a body"),
            HeadTooSlow { after } => write!(f, "request head was not complete after {after:?}"),
            BodyTooSlow { after } => {
                write!(f, "nothing more of an unfinished body or message came for {after:?}")
            }
            ReservedBits => f.write_str("a frame has a reserved bit set that no extension gave a meaning"),
            OpcodeUnknown { opcode } => write!(f, "a frame has the unknown opcode {opcode:#x}"),
            UnmaskedFrame => f.write_str("a client must mask its frames"),
            MaskedFrame => f.write_str("a server must not mask its frames"),
            LengthNotMinimal => f.write_str("a frame's length is not in its shortest form"),
            LengthTopBit => f.write_str("a frame's 64-bit length has its top bit set"),
            ControlTooLong { bytes } => {
                write!(f, "a control frame has at least {bytes} bytes of payload, more than 125")
            }
            ControlFragmented => f.write_str("a control frame is fragmented"),
            ContinuationOfNothing => f.write_str("a continuation frame came with no message begun"),
            MessageInsideMessage => f.write_str("a new message began inside a fragmented one"),
            InflatesTooMuch { times_max } => {
                write!(f, "a compressed message says more than {times_max} times as much as came")
            }
            MessageTooLong { bytes_max } => write!(f, "message is longer than {bytes_max} bytes"),
            TextNotUtf8 => f.write_str("a text message is not UTF-8"),
            DeflateMalformed => f.write_str("a compressed message is not DEFLATE"),
            CloseBodyTooShort => {
                f.write_str("a close frame has one byte of payload, not none or two and more")
            }
            CloseCodeInvalid { code } => write!(f, "close code {code} must not be sent"),
            CloseReasonNotUtf8 => f.write_str("the reason in a close frame is not UTF-8"),
            BinaryNotTaken => f.write_str("calls are text messages, and a binary one came"),
            PeerSilent { after } => write!(f, "a ping was not answered within {after:?}"),
            CloseTooSlow { after } => write!(f, "closing was not answered within {after:?}"),
            WriteStalled { after } => write!(f, "nothing of what was written was read for {after:?}"),
        }
    }
}

impl std::error::Error for ProtocolError {}

/// Why a call is not done. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// The body is not a task, nor any other item: blank, `null`, malformed, or of another kind.
    InvalidData {
        reason: Cow<'static, str>,
        place: Option<LineColumn>,
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
pub struct LineColumn {
    pub line: usize,
    pub column: usize,
}

/// What every refused body is told, word for word.
pub const INVALID_DATA: &str = "Enter valid data.";

impl ApiError {
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError::InvalidData { reason: reason.into(), place: None }
    }

    /// The one table from refusals to statuses (RFC 9110 §15).
    pub fn status(&self) -> u16 {
        match self {
            ApiError::InvalidData { .. } | ApiError::PathMalformed | ApiError::ConditionMalformed => 400,
            ApiError::PartialPut | ApiError::PositionMalformed | ApiError::DeliverUnknown => 400,
            ApiError::QueryMalformed { .. } | ApiError::IdempotencyKeyMalformed => 400,
            ApiError::NotAHandshake | ApiError::HandshakeMalformed { .. } => 400,
            ApiError::OriginNotAllowed => 403,
            ApiError::NoSuchResource | ApiError::NoSuchItem | ApiError::NotSubscribed => 404,
            ApiError::MethodNotAllowed { .. } => 405,
            ApiError::NotAcceptable | ApiError::NotFollowed => 406,
            // RFC 5789 §2.2, "Conflicting state".
            ApiError::IdTaken { .. } | ApiError::PatchConflict { .. } => 409,
            ApiError::PositionGone { .. } => 410,
            ApiError::ConditionFailed => 412,
            ApiError::ItemTooLong { .. } | ApiError::BodyTooLong { .. } => 413,
            ApiError::MediaTypeUnsupported { .. } | ApiError::PatchMediaTypeUnsupported { .. } => 415,
            ApiError::ContentCodingUnsupported => 415,
            ApiError::IdempotencyKeyReused => 422,
            ApiError::WebSocketVersion => 426,
            ApiError::SubscriptionsTooMany { .. } => 429,
            ApiError::MethodUnknown => 501,
            ApiError::Busy | ApiError::StoreBehind => 503,
            ApiError::StoreFailed | ApiError::StoreReadOnly => 503,
            // RFC 4918 §11.5.
            ApiError::StoreFull => 507,
        }
    }

    /// One sentence for whoever asked.
    pub fn detail(&self) -> Cow<'static, str> {
        match self {
            ApiError::InvalidData { .. } => INVALID_DATA.into(),
            ApiError::PathMalformed => "the path is not percent-encoded UTF-8".into(),
            ApiError::QueryMalformed { parameter, why } => {
                format!("query parameter {} {why}", shown(parameter)).into()
            }
            ApiError::ConditionMalformed => {
                "If-Match and If-None-Match take * or a list of quoted entity tags".into()
            }
            ApiError::IdempotencyKeyMalformed => {
                "Idempotency-Key is one key of 1 to 255 visible ASCII characters, with double quotes or without".into()
            }
            ApiError::IdempotencyKeyReused => {
                "this Idempotency-Key came before with another body: whatever is new needs a new key".into()
            }
            ApiError::NoSuchResource => "there is no such resource".into(),
            ApiError::NoSuchItem => "there is no such item".into(),
            ApiError::MethodNotAllowed { allow } => format!("this resource takes {allow}").into(),
            ApiError::MethodUnknown => "this method is not known here".into(),
            ApiError::NotAcceptable => {
                "this can be had as application/json, text/plain, text/html or application/xml, and Accept takes none of them".into()
            }
            ApiError::OriginNotAllowed => {
                "pages of this origin may not do that: it is not listed with --origin".into()
            }
            ApiError::NotAHandshake => "this address speaks WebSocket only: send a handshake".into(),
            ApiError::HandshakeMalformed { why } => {
                format!("the WebSocket handshake is malformed: {why}").into()
            }
            ApiError::WebSocketVersion => "only version 13 of WebSocket is spoken here".into(),
            ApiError::IdTaken { id } => format!("there is an item with the id {id} already").into(),
            ApiError::ConditionFailed => "the item is not in the state that the condition asks for".into(),
            ApiError::PatchConflict { operation, why } => format!("operation {operation}: {why}").into(),
            ApiError::MediaTypeUnsupported { accept } | ApiError::PatchMediaTypeUnsupported { accept } => {
                format!("this method takes {accept}").into()
            }
            ApiError::ContentCodingUnsupported => "no content coding is undone here: send it plain".into(),
            ApiError::PartialPut => "an item is written whole: a Content-Range has no place in a PUT".into(),
            ApiError::NotFollowed => "only collections and items can be followed".into(),
            ApiError::PositionMalformed => "since is a position, such as 3f9c2a7b-42, or now".into(),
            ApiError::PositionGone { .. } => {
                "what changed since that position is kept no more: begin again with the state as it is".into()
            }
            ApiError::DeliverUnknown => "deliver is all or latest".into(),
            ApiError::SubscriptionsTooMany { most } => {
                format!("a socket has at most {most} subscriptions").into()
            }
            ApiError::NotSubscribed => "this socket has no such subscription".into(),
            ApiError::Busy => "too many long answers are still being read: try again in a second".into(),
            ApiError::StoreBehind => {
                "more is being written than the disk can store: nothing was stored, try again in a second".into()
            }
            ApiError::StoreFull => "the disk is full: nothing was stored".into(),
            ApiError::StoreFailed => {
                "the disk has failed: nothing was stored, nor will be until the server is started anew".into()
            }
            ApiError::StoreReadOnly => {
                "the file system is read-only: nothing was stored, nor will be until the server is started anew"
                    .into()
            }
            ApiError::BodyTooLong { bytes_max } => {
                format!("request body is longer than {bytes_max} bytes").into()
            }
            ApiError::ItemTooLong { bytes_max } => {
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
    fn only_a_broken_pipe_is_passed_over() {
        let pass = |kind| CommandError::ignore_broken_pipe(Err(CommandError::Output(io::Error::from(kind))));
        assert!(pass(io::ErrorKind::BrokenPipe).is_ok());
        assert!(pass(io::ErrorKind::StorageFull).is_err());
    }

    #[test]
    fn what_a_server_says_stays_on_its_line() {
        assert_eq!(one_line(" a\r\nb\u{1b}[1m\n"), "a  b [1m");
    }
}

#[cfg(test)]
mod tests_refusal {
    use super::*;

    #[test]
    fn what_others_wrote_is_short_and_on_one_line() {
        assert_eq!(shown("/a b"), "/a b");
        assert_eq!(shown("a\r\nb\u{85}"), "a  b ");
        assert_eq!(shown(&"é".repeat(1000)), "é".repeat(80) + "…");
    }
}
