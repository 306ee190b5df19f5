//! Frames to messages (RFC 6455 §5.4 to §5.6).
//!
//! ```text
//!                         part of a message
//!   [ nothing held ] -----------------------> [ in a frame ] --- its end ---> [ between fragments ]
//!      |  ^     ^                                |    ^                          |          |  ^
//!      '--'     '------- its end, FIN -----------'    '------ continuation ------'          '--'
//!   whole message,                                                                     control frame
//!   control frame
//! ```
//!
//! Most messages are one frame that came in one piece. Those are unmasked in the caller's buffer and
//! lent out of it: nothing is copied, nothing allocated. Only a message that is cut, by fragments or
//! by the network, is gathered, and only as fast as its bytes come: a length that somebody declares
//! costs no memory. A message that is compressed is gathered as it came, and made what it means when it
//! is whole. And whoever sends messages on as they are need not hold the long ones: a reader that is
//! [`passing`](Reader::passing) hands them out in parts, each where it stands.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::str;

use crate::error::ProtocolError;
use crate::http::parsed::Parsed;
use crate::websocket::close::{self, Closing};
use crate::websocket::frame::{Header, Opcode, Role};
use crate::websocket::mask;
use crate::websocket::partial_message::{FrameInProgress, PartialMessage, PayloadBuffer, StreamedPayload};
use crate::websocket::permessage_deflate::{self, DeflateCodec, Inflater};
use crate::websocket::utf8::GrowingText;

/// What a peer said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    Text(Text<'a>),
    Binary(Payload<'a>),
    Ping(Payload<'a>),
    Pong(Payload<'a>),
    Close(Closing),
    /// Of a long message that is passed on.
    Part(Part<'a>),
}

/// What has come of a message since its last part: the payload of a frame or of a piece of one.
/// Together the parts of a text are UTF-8; one alone may be cut through a character.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Text or binary in the first part, continuation in the others: as in fragments (§5.4).
    pub opcode: Opcode,
    /// It is the last.
    pub fin: bool,
    pub payload: &'a mut [u8],
}

/// A text message, known to be UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub enum Text<'a> {
    InPlace(&'a str),
    Gathered(String),
}

impl Text<'_> {
    #[inline]
    pub fn as_str(&self) -> &str {
        match self {
            Text::InPlace(text) => text,
            Text::Gathered(text) => text,
        }
    }
}

impl<'a> From<Text<'a>> for Cow<'a, [u8]> {
    fn from(text: Text<'a>) -> Cow<'a, [u8]> {
        match text {
            Text::InPlace(text) => Cow::Borrowed(text.as_bytes()),
            Text::Gathered(text) => Cow::Owned(text.into_bytes()),
        }
    }
}

/// Bytes, unmasked.
#[derive(Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    InPlace(&'a mut [u8]),
    Gathered(Vec<u8>),
}

impl Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Payload::InPlace(bytes) => bytes,
            Payload::Gathered(bytes) => bytes,
        }
    }
}

impl<'a> From<Payload<'a>> for Cow<'a, [u8]> {
    fn from(payload: Payload<'a>) -> Cow<'a, [u8]> {
        match payload {
            Payload::InPlace(bytes) => Cow::Borrowed(bytes),
            Payload::Gathered(bytes) => Cow::Owned(bytes),
        }
    }
}

/// What [`Reader::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Event(Event<'a>),
    /// Come back with the bytes that were not used and more behind them.
    NeedMore,
}

/// Reads messages out of a stream of frames. One sits in every idle connection, so what only a
/// half-read message needs is in a box.
#[derive(Debug)]
pub struct Reader {
    role: Role,
    /// From this length of their first frame on, messages are passed on in parts.
    passed_bytes_min: Option<NonZeroU32>,
    half: Option<Box<PartialMessage>>,
    /// Where compression was agreed on.
    inflater: Option<Box<Inflater>>,
}

impl Reader {
    /// `role` is the end we are.
    pub fn new(role: Role) -> Reader {
        Reader { role, passed_bytes_min: None, half: None, inflater: None }
    }

    /// The same, where a message whose first frame has `bytes_min` or more, and is not whole or not
    /// the only one, is said in parts.
    pub fn passing(role: Role, bytes_min: usize) -> Reader {
        let bytes_min = NonZeroU32::new(bytes_min.min(u32::MAX as usize) as u32);
        Reader { passed_bytes_min: bytes_min, ..Reader::new(role) }
    }

    /// The same, where messages may be compressed.
    pub fn inflating(role: Role, inflater: Inflater) -> Reader {
        Reader { inflater: Some(Box::new(inflater)), ..Reader::new(role) }
    }

    /// The next event in `bytes` from `*at` on, which moves past what was used.
    ///
    /// After [`Step::NeedMore`] the only bytes not used are those of a header cut short (13 at the
    /// most) or of a control frame cut short (130 at the most). After a fault the stream is lost,
    /// and there is nothing more to ask.
    #[inline]
    pub fn next<'a>(
        &mut self,
        bytes: &'a mut [u8],
        at: &mut usize,
        message_bytes_max: usize,
    ) -> Result<Step<'a>, ProtocolError> {
        self.next_with(bytes, at, message_bytes_max, None)
    }

    /// Like [`Reader::next`], where compressed messages are read with the streams of a codec.
    #[inline]
    pub fn next_with<'a>(
        &mut self,
        bytes: &'a mut [u8],
        at: &mut usize,
        message_bytes_max: usize,
        codec: Option<&mut DeflateCodec>,
    ) -> Result<Step<'a>, ProtocolError> {
        loop {
            if let Some(half) = &mut self.half {
                if let Some((place, opcode, fin)) = half.take_payload(bytes, at)? {
                    self.half.take_if(|_| fin);
                    let payload = &mut bytes[place];
                    return Ok(Step::Event(Event::Part(Part { opcode, fin, payload })));
                }
                if half.frame.left > 0 {
                    return Ok(Step::NeedMore);
                }
                if half.frame.fin {
                    return self.end_message(message_bytes_max, codec).map(Step::Event);
                }
            }
            let Parsed::Whole { value: header, used } = Header::parse(&bytes[*at..])? else {
                return Ok(Step::NeedMore);
            };
            self.judge(&header, message_bytes_max)?;

            let start = *at + used;
            let is_control = header.opcode.is_control();
            let is_whole = header.payload_bytes <= (bytes.len() - start) as u64;
            if is_control && !is_whole {
                return Ok(Step::NeedMore);
            }
            if is_control || (is_whole && header.fin && self.half.is_none()) {
                // It stands in `bytes`, so its length fits a usize.
                *at = start + header.payload_bytes as usize;
                let payload = &mut bytes[start..*at];
                if header.rsv1 {
                    return self
                        .inflate_in_place(&header, payload, message_bytes_max, codec)
                        .map(Step::Event);
                }
                return read_in_place(&header, payload).map(Step::Event);
            }
            *at = start;
            self.begin_frame(&header);
        }
    }

    /// Is a message half read? Then the wait for the rest of it runs. (Bytes that `next` left unused
    /// are not known here: whoever keeps them knows that there are some.)
    #[inline]
    pub fn is_half_read(&self) -> bool {
        self.half.is_some()
    }

    /// Bytes made of compressed messages since this was asked last.
    pub fn take_inflated(&mut self) -> usize {
        self.inflater.as_mut().map_or(0, |inflater| inflater.take_made())
    }

    /// Is it half said, too?
    #[inline]
    pub fn is_passing(&self) -> bool {
        matches!(self.half.as_deref(), Some(PartialMessage { payload: PayloadBuffer::Streamed(_), .. }))
    }

    /// Payload bytes held of a half-read message.
    #[inline]
    pub fn held_bytes(&self) -> usize {
        self.half.as_ref().map_or(0, |half| half.payload.held_bytes())
    }

    /// The rules that need more than the header: who sent it, what came before, what is left.
    #[inline]
    fn judge(&self, header: &Header, message_bytes_max: usize) -> Result<(), ProtocolError> {
        // Only compression gives it a meaning, and only where a message begins (§5.2, RFC 7692 §6.1).
        let begins = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        if header.rsv1 && !(begins && self.inflater.is_some()) {
            return Err(ProtocolError::ReservedBits);
        }
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(ProtocolError::UnmaskedFrame),
            (Role::Client, Some(_)) => return Err(ProtocolError::MaskedFrame),
            (Role::Server, Some(_)) | (Role::Client, None) => {}
        }
        if header.opcode.is_control() {
            return Ok(());
        }
        match (header.opcode, self.is_half_read()) {
            (Opcode::Continuation, false) => return Err(ProtocolError::ContinuationOfNothing),
            (Opcode::Text | Opcode::Binary, true) => return Err(ProtocolError::MessageInsideMessage),
            _ => {}
        }
        // Refused for what it declares: waiting for it would only cost more.
        let held = self.half.as_ref().map(|half| &half.payload);
        let is_deflated = header.rsv1 || matches!(held, Some(PayloadBuffer::Deflated { .. }));
        let bytes_max = if is_deflated {
            permessage_deflate::deflated_bytes_max(message_bytes_max)
        } else {
            message_bytes_max
        };
        let left = bytes_max.saturating_sub(held.map_or(0, PayloadBuffer::message_bytes));
        if header.payload_bytes > left as u64 {
            return Err(ProtocolError::MessageTooLong { bytes_max: message_bytes_max });
        }
        Ok(())
    }

    /// From here on the payload of this frame is gathered as it comes.
    fn begin_frame(&mut self, header: &Header) {
        let frame = FrameInProgress::new(header);
        let is_passed = self.passed_bytes_min.is_some_and(|min| header.payload_bytes >= u64::from(min.get()));
        match &mut self.half {
            Some(half) => half.frame = frame,
            None => {
                let payload = match header.opcode {
                    opcode if is_passed => PayloadBuffer::Streamed(StreamedPayload::new(opcode)),
                    opcode if header.rsv1 => PayloadBuffer::Deflated { opcode, bytes: Vec::new() },
                    Opcode::Text => PayloadBuffer::Text(GrowingText::default()),
                    _ => PayloadBuffer::Binary(Vec::new()),
                };
                self.half = Some(Box::new(PartialMessage { payload, frame }));
            }
        }
    }

    fn end_message(
        &mut self,
        message_bytes_max: usize,
        codec: Option<&mut DeflateCodec>,
    ) -> Result<Event<'static>, ProtocolError> {
        let half = self.half.take().expect("only a message that has begun is ended");
        match half.payload {
            PayloadBuffer::Text(text) => Ok(Event::Text(Text::Gathered(text.end()?))),
            PayloadBuffer::Binary(bytes) => Ok(Event::Binary(Payload::Gathered(bytes))),
            PayloadBuffer::Deflated { opcode, bytes } => {
                self.inflate(opcode, &bytes, message_bytes_max, codec)
            }
            PayloadBuffer::Streamed(_) => unreachable!("its last part has ended it"),
        }
    }

    #[inline(never)]
    fn inflate_in_place(
        &mut self,
        header: &Header,
        payload: &mut [u8],
        message_bytes_max: usize,
        codec: Option<&mut DeflateCodec>,
    ) -> Result<Event<'static>, ProtocolError> {
        if let Some(mask) = header.mask {
            mask::apply(payload, mask, 0);
        }
        self.inflate(header.opcode, payload, message_bytes_max, codec)
    }

    fn inflate(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        message_bytes_max: usize,
        codec: Option<&mut DeflateCodec>,
    ) -> Result<Event<'static>, ProtocolError> {
        let inflater = self.inflater.as_mut().expect("RSV1 was judged");
        let bytes = inflater.inflate(payload, message_bytes_max, codec)?;
        match opcode {
            Opcode::Text => {
                let text = String::from_utf8(bytes).map_err(|_| ProtocolError::TextNotUtf8)?;
                Ok(Event::Text(Text::Gathered(text)))
            }
            _ => Ok(Event::Binary(Payload::Gathered(bytes))),
        }
    }
}

/// The event that one whole frame is, lent out of the bytes it came in.
#[inline]
fn read_in_place<'a>(header: &Header, payload: &'a mut [u8]) -> Result<Event<'a>, ProtocolError> {
    if let Some(mask) = header.mask {
        mask::apply(payload, mask, 0);
    }
    match header.opcode {
        Opcode::Text => {
            let text = simdutf8::basic::from_utf8(payload).map_err(|_| ProtocolError::TextNotUtf8)?;
            Ok(Event::Text(Text::InPlace(text)))
        }
        Opcode::Binary => Ok(Event::Binary(Payload::InPlace(payload))),
        Opcode::Ping => Ok(Event::Ping(Payload::InPlace(payload))),
        Opcode::Pong => Ok(Event::Pong(Payload::InPlace(payload))),
        Opcode::Close => close::parse(payload).map(Event::Close),
        // Judged before, in the same words.
        Opcode::Continuation => Err(ProtocolError::ContinuationOfNothing),
    }
}

#[cfg(test)]
mod tests;
