//! Errors that end a connection.

use std::fmt;
use std::time::Duration;

/// Why a connection ends: the peer broke a rule, exceeded a limit, or was too slow.
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
    // On any connection.
    PeerSilent { after: Duration },
    CloseTooSlow { after: Duration },
    WriteStalled { after: Duration },
}

/// How a [`ProtocolError`] is reported to the peer on each transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCodes {
    /// Status of the last response, if one can still be sent.
    pub status: u16,
    /// Code of the close frame (RFC 6455 §7.4), if one can still be sent.
    pub close_code: u16,
}

impl ProtocolError {
    /// Returns the status and the close code of this error.
    pub fn codes(self) -> ErrorCodes {
        use ProtocolError::*;
        let (status, close_code) = match self {
            HeadTooLong { .. } | TooManyFields { .. } => (431, 1009),
            TargetTooLong { .. } => (414, 1009),
            // RFC 9112 §3: a method that is longer than all known ones is an unknown method.
            MethodTooLong { .. } => (501, 1009),
            BareLineFeed | HeadMalformed { .. } | TargetMalformed => (400, 1002),
            VersionUnsupported => (505, 1002),
            HostMissing | HostRepeated | HostMalformed => (400, 1002),
            LengthMalformed | LengthsDiffer | LengthAndCoding => (400, 1002),
            CodingUnknown => (501, 1002),
            ChunkedNotLast | CodingInOldVersion => (400, 1002),
            BodyTooLong { .. } => (413, 1009),
            ChunkSizeMalformed | ChunkEndMissing => (400, 1002),
            ChunkSizeTooLarge => (413, 1009),
            ChunkLineTooLong { .. } | ChunkExtensionsTooLong { .. } => (400, 1009),
            TrailerTooLong { .. } => (431, 1009),
            TrailerMalformed => (400, 1002),
            ExpectationUnknown => (417, 1002),
            UpgradeWithBody => (400, 1002),
            HeadTooSlow { .. } | BodyTooSlow { .. } => (408, 1008),
            ReservedBits | OpcodeUnknown { .. } => (400, 1002),
            UnmaskedFrame | MaskedFrame => (400, 1002),
            LengthNotMinimal | LengthTopBit => (400, 1002),
            ControlTooLong { .. } | ControlFragmented => (400, 1002),
            ContinuationOfNothing | MessageInsideMessage => (400, 1002),
            MessageTooLong { .. } | InflatesTooMuch { .. } => (413, 1009),
            TextNotUtf8 | CloseReasonNotUtf8 => (400, 1007),
            DeflateMalformed => (400, 1007),
            CloseBodyTooShort | CloseCodeInvalid { .. } => (400, 1002),
            BinaryNotTaken => (400, 1003),
            PeerSilent { .. } | CloseTooSlow { .. } => (408, 1001),
            WriteStalled { .. } => (408, 1008),
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
