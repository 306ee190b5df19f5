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
use std::ops::{Deref, Range};
use std::str;

use crate::error::ProtocolError;
use crate::http::parsed::Parsed;
use crate::websocket::close::{self, Closing};
use crate::websocket::frame::{Header, Opcode, Role};
use crate::websocket::mask;
use crate::websocket::permessage_deflate::{self, Inflater};
use crate::websocket::utf8::{GrowingText, TextJudge};

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
    half: Option<Box<HalfMessage>>,
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
                    return self.end_message(message_bytes_max).map(Step::Event);
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
                    return self.inflate_in_place(&header, payload, message_bytes_max).map(Step::Event);
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
        matches!(self.half.as_deref(), Some(HalfMessage { payload: HalfPayload::Passed(_), .. }))
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
        let is_deflated = header.rsv1 || matches!(held, Some(HalfPayload::Deflated { .. }));
        let bytes_max = if is_deflated {
            permessage_deflate::deflated_bytes_max(message_bytes_max)
        } else {
            message_bytes_max
        };
        let left = bytes_max.saturating_sub(held.map_or(0, HalfPayload::message_bytes));
        if header.payload_bytes > left as u64 {
            return Err(ProtocolError::MessageTooLong { bytes_max: message_bytes_max });
        }
        Ok(())
    }

    /// From here on the payload of this frame is gathered as it comes.
    fn begin_frame(&mut self, header: &Header) {
        let is_passed = |length: NonZeroU32| header.payload_bytes >= u64::from(length.get());
        // It was judged to be no more than a limit, so it fits a usize.
        let left = header.payload_bytes as usize;
        let frame = OpenFrame { fin: header.fin, mask: header.mask, taken: 0, left };
        match &mut self.half {
            Some(half) => half.frame = frame,
            None => {
                let payload = match header.opcode {
                    opcode if self.passed_bytes_min.is_some_and(is_passed) => {
                        HalfPayload::Passed(Passed::new(opcode))
                    }
                    opcode if header.rsv1 => HalfPayload::Deflated { opcode, bytes: Vec::new() },
                    Opcode::Text => HalfPayload::Text(GrowingText::default()),
                    _ => HalfPayload::Binary(Vec::new()),
                };
                self.half = Some(Box::new(HalfMessage { payload, frame }));
            }
        }
    }

    fn end_message(&mut self, message_bytes_max: usize) -> Result<Event<'static>, ProtocolError> {
        let half = self.half.take().expect("only a message that has begun is ended");
        match half.payload {
            HalfPayload::Text(text) => Ok(Event::Text(Text::Gathered(text.end()?))),
            HalfPayload::Binary(bytes) => Ok(Event::Binary(Payload::Gathered(bytes))),
            HalfPayload::Deflated { opcode, bytes } => self.inflate(opcode, &bytes, message_bytes_max),
            HalfPayload::Passed(_) => unreachable!("its last part has ended it"),
        }
    }

    #[inline(never)]
    fn inflate_in_place(
        &mut self,
        header: &Header,
        payload: &mut [u8],
        message_bytes_max: usize,
    ) -> Result<Event<'static>, ProtocolError> {
        if let Some(mask) = header.mask {
            mask::apply(payload, mask, 0);
        }
        self.inflate(header.opcode, payload, message_bytes_max)
    }

    fn inflate(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        message_bytes_max: usize,
    ) -> Result<Event<'static>, ProtocolError> {
        let inflater = self.inflater.as_mut().expect("RSV1 was judged");
        let bytes = inflater.inflate(payload, message_bytes_max)?;
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

/// A message that has begun and not ended.
#[derive(Debug)]
struct HalfMessage {
    payload: HalfPayload,
    frame: OpenFrame,
}

/// The frame whose payload is being taken. With nothing left, and no FIN, we stand between two
/// fragments.
#[derive(Debug)]
struct OpenFrame {
    fin: bool,
    mask: Option<[u8; 4]>,
    taken: usize,
    left: usize,
}

impl HalfMessage {
    /// Takes what stands in `bytes` of the open frame's payload. Of a message that is passed on: where the
    /// next part stands, what it is and whether it is the last.
    fn take_payload(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
    ) -> Result<Option<(Range<usize>, Opcode, bool)>, ProtocolError> {
        let place = self.frame.unmask(bytes, at);
        let is_last = self.frame.fin && self.frame.left == 0;
        let piece = &bytes[place.clone()];
        match &mut self.payload {
            HalfPayload::Text(text) => text.push(piece)?,
            HalfPayload::Binary(held) | HalfPayload::Deflated { bytes: held, .. } => {
                held.extend_from_slice(piece);
            }
            HalfPayload::Passed(passed) => {
                passed.judge(piece, is_last)?;
                // A part without bytes says something only at the end.
                if is_last || !piece.is_empty() {
                    return Ok(Some((place, passed.next_opcode(), is_last)));
                }
            }
        }
        Ok(None)
    }
}

impl OpenFrame {
    /// Unmasks what stands in `bytes` of it, and says where.
    fn unmask(&mut self, bytes: &mut [u8], at: &mut usize) -> Range<usize> {
        let here = self.left.min(bytes.len() - *at);
        let place = *at..*at + here;
        if let Some(mask) = self.mask {
            mask::apply(&mut bytes[place.clone()], mask, self.taken);
        }
        *at += here;
        self.taken += here;
        self.left -= here;
        place
    }
}

#[derive(Debug)]
enum HalfPayload {
    Text(GrowingText),
    Binary(Vec<u8>),
    /// As it came; what it means is known at its end.
    Deflated {
        opcode: Opcode,
        bytes: Vec<u8>,
    },
    Passed(Passed),
}

/// What must be known of a message whose bytes are gone.
#[derive(Debug)]
struct Passed {
    /// Of the next part.
    opcode: Opcode,
    bytes: usize,
    /// Where it is text.
    text: Option<TextJudge>,
}

impl Passed {
    fn new(opcode: Opcode) -> Passed {
        Passed { opcode, bytes: 0, text: (opcode == Opcode::Text).then(TextJudge::default) }
    }

    fn judge(&mut self, piece: &[u8], is_last: bool) -> Result<(), ProtocolError> {
        self.bytes += piece.len();
        let Some(text) = &mut self.text else { return Ok(()) };
        text.judge(piece, |_| ())?;
        if is_last { text.end() } else { Ok(()) }
    }

    fn next_opcode(&mut self) -> Opcode {
        std::mem::replace(&mut self.opcode, Opcode::Continuation)
    }
}

impl HalfPayload {
    fn held_bytes(&self) -> usize {
        match self {
            HalfPayload::Text(text) => text.held_bytes(),
            HalfPayload::Binary(bytes) | HalfPayload::Deflated { bytes, .. } => bytes.len(),
            HalfPayload::Passed(_) => 0,
        }
    }

    /// Bytes of the message so far, whether they are held or not.
    fn message_bytes(&self) -> usize {
        match self {
            HalfPayload::Passed(passed) => passed.bytes,
            held => held.held_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::frame;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    const MAX: usize = 1 << 20;

    /// An event that owns what it says, wherever that stood.
    #[derive(Clone, Debug, PartialEq)]
    enum Said {
        Text(String),
        Binary(Vec<u8>),
        Ping(Vec<u8>),
        Pong(Vec<u8>),
        Close(Closing),
        Part(Opcode, bool, Vec<u8>),
    }

    impl From<Event<'_>> for Said {
        fn from(event: Event) -> Said {
            match event {
                Event::Text(text) => Said::Text(text.as_str().to_owned()),
                Event::Binary(bytes) => Said::Binary(bytes.to_vec()),
                Event::Ping(bytes) => Said::Ping(bytes.to_vec()),
                Event::Pong(bytes) => Said::Pong(bytes.to_vec()),
                Event::Close(closing) => Said::Close(closing),
                Event::Part(part) => Said::Part(part.opcode, part.fin, part.payload.to_vec()),
            }
        }
    }

    fn text(text: &str) -> Said {
        Said::Text(text.to_owned())
    }

    /// A masked frame, as a server receives it.
    fn frame(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        frame::encode_masked(opcode, payload, KEY, &mut out);
        if !fin {
            out[0] &= 0x7f;
        }
        out
    }

    /// Read pieces as a connection does: what was not used is kept in front of what comes next.
    fn read<'a>(
        role: Role,
        max: usize,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> (Vec<Said>, Option<ProtocolError>) {
        read_with(Reader::new(role), max, pieces)
    }

    fn read_with<'a>(
        mut reader: Reader,
        max: usize,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> (Vec<Said>, Option<ProtocolError>) {
        let mut said = Vec::new();
        let mut buffer = Vec::new();
        for piece in pieces {
            buffer.extend_from_slice(piece);
            let mut at = 0;
            loop {
                match reader.next(&mut buffer, &mut at, max) {
                    Ok(Step::Event(event)) => said.push(event.into()),
                    Ok(Step::NeedMore) => break,
                    Err(fault) => return (said, Some(fault)),
                }
            }
            buffer.drain(..at);
            assert!(buffer.len() <= 130, "{} bytes were left", buffer.len());
            let held_max =
                if reader.inflater.is_some() { permessage_deflate::deflated_bytes_max(max) } else { max };
            assert!(reader.held_bytes() <= held_max);
        }
        (said, None)
    }

    /// Whole, cut in two everywhere, byte by byte, with a stranger behind.
    #[track_caller]
    fn check(role: Role, bytes: &[u8], expected: &[Said], fault: Option<ProtocolError>) {
        let expected = (expected.to_vec(), fault);
        assert_eq!(read(role, MAX, [bytes].into_iter()), expected);
        assert_eq!(read(role, MAX, bytes.chunks(1)), expected, "byte by byte");
        for cut in 0..bytes.len().min(1000) {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(read(role, MAX, [front, back].into_iter()), expected, "cut at {cut}");
        }
        let stranger = [bytes, b"\x81"].concat();
        assert_eq!(read(role, MAX, [&stranger[..]].into_iter()), expected, "with a stranger behind");
    }

    #[track_caller]
    fn check_said(bytes: &[u8], expected: &[Said]) {
        check(Role::Server, bytes, expected, None);
    }

    /// Right before the last byte, refused with it, whatever follows.
    #[track_caller]
    fn check_fault(bytes: &[u8], fault: ProtocolError) {
        check(Role::Server, bytes, &[], Some(fault));
        let (_, early) = read(Role::Server, MAX, bytes[..bytes.len() - 1].chunks(1));
        assert_eq!(early, None, "before the last byte");
    }

    #[test]
    fn the_examples_of_rfc_6455_5_7() {
        let hello = || b"Hello".to_vec();
        check(Role::Client, b"\x81\x05Hello", &[text("Hello")], None);
        check(Role::Server, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &[text("Hello")], None);
        check(Role::Client, b"\x01\x03Hel\x80\x02lo", &[text("Hello")], None);
        check(Role::Client, b"\x89\x05Hello", &[Said::Ping(hello())], None);
        check(Role::Server, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &[Said::Pong(hello())], None);
        for length in [256, 65536] {
            let bytes = vec![7; length];
            let mut out = Vec::new();
            frame::encode(Opcode::Binary, &bytes, &mut out);
            check(Role::Client, &out, &[Said::Binary(bytes)], None);
        }
    }

    #[test]
    fn a_whole_message_is_lent_and_a_cut_one_gathered() {
        let mut reader = Reader::new(Role::Server);
        let mut bytes = frame(true, Opcode::Text, b"lent");
        let step = reader.next(&mut bytes, &mut 0, MAX);
        assert_eq!(step, Ok(Step::Event(Event::Text(Text::InPlace("lent")))));

        let mut bytes = frame(true, Opcode::Binary, b"gathered");
        let (front, back) = bytes.split_at_mut(9);
        let mut at = 0;
        assert_eq!(reader.next(front, &mut at, MAX), Ok(Step::NeedMore));
        assert_eq!((at, reader.is_half_read(), reader.held_bytes()), (9, true, 3));
        let step = reader.next(back, &mut 0, MAX);
        assert_eq!(step, Ok(Step::Event(Event::Binary(Payload::Gathered(b"gathered".to_vec())))));
        assert!(!reader.is_half_read());
    }

    #[test]
    fn a_long_message_is_passed_on_in_the_parts_it_comes_in() {
        let read = |pieces: &[&[u8]]| {
            let (said, fault) = read_with(Reader::passing(Role::Server, 4), MAX, pieces.iter().copied());
            assert_eq!(fault, None);
            said
        };
        let part = |opcode, fin, payload: &str| Said::Part(opcode, fin, payload.into());
        let bytes = frame(true, Opcode::Text, "aé€😀".as_bytes());
        assert_eq!(read(&[&bytes]), [text("aé€😀")], "it stands whole where it came");
        let (front, back) = bytes.split_at(6 + 3);
        let said = read(&[front, back]);
        assert_eq!(said, [part(Opcode::Text, false, "aé"), part(Opcode::Continuation, true, "€😀")]);
        let said = read(&[&bytes[..6], &bytes[6..8], &bytes[8..], &frame(true, Opcode::Text, b"next")]);
        let cut = Said::Part(Opcode::Text, false, b"a\xc3".to_vec());
        let rest = Said::Part(Opcode::Continuation, true, "é€😀".as_bytes()[1..].to_vec());
        assert_eq!(said, [cut, rest, text("next")], "through a character");

        // A message is passed on, or gathered, as its first frame says.
        let fragments = [
            frame(false, Opcode::Binary, b"long"),
            frame(true, Opcode::Ping, b"p"),
            frame(false, Opcode::Continuation, b""),
            frame(false, Opcode::Continuation, b"er"),
            frame(true, Opcode::Continuation, b""),
            frame(false, Opcode::Binary, b"s"),
            frame(true, Opcode::Continuation, b"hort"),
        ];
        let said = [
            part(Opcode::Binary, false, "long"),
            Said::Ping(b"p".to_vec()),
            part(Opcode::Continuation, false, "er"),
            part(Opcode::Continuation, true, ""),
            Said::Binary(b"short".to_vec()),
        ];
        assert_eq!(read(&[&fragments.concat()]), said);
    }

    #[test]
    fn what_is_passed_on_is_judged_and_bounded_as_what_is_held() {
        let read = |bytes: &[u8]| read_with(Reader::passing(Role::Server, 4), 10, bytes.chunks(1)).1;
        let wrong = frame(true, Opcode::Text, b"abc\xffdef");
        assert_eq!(read(&wrong[..9]), None);
        assert_eq!(read(&wrong[..10]), Some(ProtocolError::TextNotUtf8));
        assert_eq!(read(&frame(true, Opcode::Text, b"abc\xc3")), Some(ProtocolError::TextNotUtf8));
        let first = frame(false, Opcode::Binary, &[7; 6]);
        assert_eq!(read(&[&first[..], &frame(true, Opcode::Continuation, &[7; 4])].concat()), None);
        let too_long = [&first[..], &frame(true, Opcode::Continuation, &[7; 5])[..6]].concat();
        assert_eq!(read(&too_long), Some(ProtocolError::MessageTooLong { bytes_max: 10 }));
    }

    #[test]
    fn an_idle_reader_is_small() {
        assert!(size_of::<Reader>() <= 24);
    }

    #[test]
    fn empty_messages_and_empty_fragments_are_fine() {
        check_said(&frame(true, Opcode::Text, b""), &[text("")]);
        let bytes = [
            frame(false, Opcode::Binary, b""),
            frame(false, Opcode::Continuation, b""),
            frame(true, Opcode::Continuation, b""),
            frame(true, Opcode::Ping, b""),
        ];
        check_said(&bytes.concat(), &[Said::Binary(vec![]), Said::Ping(vec![])]);
    }

    #[test]
    fn control_frames_between_fragments_are_said_at_once() {
        let bytes = [
            frame(false, Opcode::Text, b"Hel"),
            frame(true, Opcode::Ping, b"are you there"),
            frame(true, Opcode::Continuation, b"lo"),
            frame(true, Opcode::Close, b"\x03\xe8bye"),
        ];
        let closing = Closing { code: Some(close::NORMAL), reason: "bye".to_owned() };
        let ping = Said::Ping(b"are you there".to_vec());
        check_said(&bytes.concat(), &[ping, text("Hello"), Said::Close(closing)]);
    }

    #[test]
    fn fragments_come_in_order_and_one_message_at_a_time() {
        check_fault(&frame(true, Opcode::Continuation, b"")[..6], ProtocolError::ContinuationOfNothing);
        let bytes = [frame(false, Opcode::Text, b"a"), frame(true, Opcode::Text, b"")].concat();
        check_fault(&bytes, ProtocolError::MessageInsideMessage);
    }

    #[test]
    fn a_client_must_mask_and_a_server_must_not() {
        check(Role::Server, b"\x81\x05Hello", &[], Some(ProtocolError::UnmaskedFrame));
        check(Role::Client, &frame(true, Opcode::Ping, b""), &[], Some(ProtocolError::MaskedFrame));
    }

    #[test]
    fn rsv1_means_nothing_without_an_extension() {
        check_fault(b"\xc1\x80\0\0\0\0", ProtocolError::ReservedBits);
    }

    /// The same frame, with RSV1.
    fn deflated(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut bytes = frame(fin, opcode, payload);
        bytes[0] |= 0x40;
        bytes
    }

    /// Whole and cut everywhere, where compression was agreed on.
    #[track_caller]
    fn check_deflated(max: usize, bytes: &[u8], said: &[Said], fault: Option<ProtocolError>) {
        let expected = (said.to_vec(), fault);
        let side = permessage_deflate::Side { takeover: false, window_bits: None };
        let read = |pieces: &[&[u8]]| {
            let reader = Reader::inflating(Role::Server, Inflater::new(side));
            read_with(reader, max, pieces.iter().copied())
        };
        assert_eq!(read(&[bytes]), expected);
        assert_eq!(read(&bytes.chunks(1).collect::<Vec<_>>()), expected, "byte by byte");
        for cut in 0..bytes.len() {
            assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), expected, "cut at {cut}");
        }
    }

    /// RFC 7692 §7.2.3.1.
    const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

    #[test]
    fn rsv1_is_a_compressed_message_where_that_was_agreed_on() {
        let bytes = [
            deflated(true, Opcode::Text, HELLO),
            frame(true, Opcode::Text, b"plain"),
            deflated(false, Opcode::Binary, &HELLO[..3]),
            frame(true, Opcode::Ping, b"between"),
            frame(false, Opcode::Continuation, b""),
            frame(true, Opcode::Continuation, &HELLO[3..]),
            deflated(true, Opcode::Text, b"\x00"),
        ];
        let said = [
            text("Hello"),
            text("plain"),
            Said::Ping(b"between".to_vec()),
            Said::Binary(b"Hello".to_vec()),
            text(""),
        ];
        check_deflated(MAX, &bytes.concat(), &said, None);
    }

    #[test]
    fn rsv1_stands_where_a_message_begins_and_nowhere_else() {
        let begun = deflated(false, Opcode::Text, &HELLO[..3]);
        let continued = [begun, deflated(true, Opcode::Continuation, &HELLO[3..])].concat();
        check_deflated(MAX, &continued, &[], Some(ProtocolError::ReservedBits));
        for opcode in [Opcode::Ping, Opcode::Pong, Opcode::Close] {
            check_deflated(MAX, &deflated(true, opcode, b""), &[], Some(ProtocolError::ReservedBits));
        }
    }

    #[test]
    fn text_is_utf8_when_it_is_inflated() {
        let mut payload = Vec::new();
        for (character, fault) in [(&b"\xc3\xa9"[..], None), (b"\xc3\x28", Some(ProtocolError::TextNotUtf8))]
        {
            payload.clear();
            payload.extend_from_slice(b"\x00\x02\x00\xfd\xff");
            payload.extend_from_slice(character);
            payload.push(0);
            let said = if fault.is_none() { vec![text("é")] } else { vec![] };
            check_deflated(MAX, &deflated(true, Opcode::Text, &payload), &said, fault);
        }
        check_deflated(
            MAX,
            &deflated(true, Opcode::Text, b"\xff"),
            &[],
            Some(ProtocolError::DeflateMalformed),
        );
    }

    #[test]
    fn the_bound_holds_for_what_a_compressed_message_says() {
        let hello = deflated(true, Opcode::Text, HELLO);
        check_deflated(5, &hello, &[text("Hello")], None);
        check_deflated(4, &hello, &[], Some(ProtocolError::MessageTooLong { bytes_max: 4 }));
        // And in the end for the payload, too.
        let most = b"\xc2\xff\0\0\0\0\0\x01\x20\0kkkk";
        check_deflated(4, most, &[], Some(ProtocolError::MessageTooLong { bytes_max: 4 }));
    }

    #[test]
    fn a_message_too_long_is_refused_for_what_it_declares() {
        let fault = Some(ProtocolError::MessageTooLong { bytes_max: 10 });
        let read = |bytes: &[u8]| read(Role::Server, 10, [bytes].into_iter());
        assert_eq!(read(&frame(true, Opcode::Binary, &[7; 10])), (vec![Said::Binary(vec![7; 10])], None));
        assert_eq!(read(&frame(true, Opcode::Binary, &[7; 11])[..6]), (vec![], fault));
        let most = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";
        assert_eq!(read(most), (vec![], fault));

        // The bound holds over all fragments.
        let first = frame(false, Opcode::Binary, &[7; 6]);
        let fits = [&first[..], &frame(true, Opcode::Continuation, &[7; 4])].concat();
        assert_eq!(read(&fits), (vec![Said::Binary(vec![7; 10])], None));
        let too_long = [&first[..], &frame(true, Opcode::Continuation, &[7; 5])[..6]].concat();
        assert_eq!(read(&too_long), (vec![], fault));
    }

    #[test]
    fn a_declared_length_costs_no_memory() {
        let mut reader = Reader::new(Role::Server);
        let mut bytes = *b"\x82\xff\0\0\0\0\0\x0f\0\0\0\0\0\0one";
        assert_eq!(reader.next(&mut bytes, &mut 0, MAX), Ok(Step::NeedMore));
        let Some(HalfPayload::Binary(held)) = reader.half.map(|half| half.payload) else { unreachable!() };
        assert!(held.capacity() < 64);
    }

    #[test]
    fn text_is_utf8_over_every_cut() {
        let all = "κόσμε aé€😀 \u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}";
        check_said(&frame(true, Opcode::Text, all.as_bytes()), &[text(all)]);
        let mut fragments = frame(false, Opcode::Text, b"");
        for byte in all.as_bytes().chunks(1) {
            fragments.extend(frame(false, Opcode::Continuation, byte));
        }
        fragments.extend(frame(true, Opcode::Continuation, b""));
        check_said(&fragments, &[text(all)]);
    }

    #[test]
    fn wrong_text_is_refused_at_the_first_wrong_byte() {
        // The start of a surrogate, and a character that ends too soon.
        for wrong in [&b"\xed\xa0"[..], b"\xe2\x82\x41"] {
            let begun = ["κόσμε ".as_bytes(), wrong].concat();
            let whole = frame(true, Opcode::Text, &[&begun[..], b" and more"].concat());
            check_fault(&whole[..6 + begun.len()], ProtocolError::TextNotUtf8);
            check(Role::Server, &whole, &[], Some(ProtocolError::TextNotUtf8));
        }
    }

    #[test]
    fn a_text_must_not_end_within_a_character() {
        check_fault(&frame(true, Opcode::Text, b"\xf0\x9f\x98"), ProtocolError::TextNotUtf8);
        let bytes =
            [frame(false, Opcode::Text, b"\xe2\x82"), frame(true, Opcode::Continuation, b"")].concat();
        check_fault(&bytes, ProtocolError::TextNotUtf8);
    }

    /// Knuth's numbers: small, and the same every time.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % end
        }
    }

    #[test]
    fn however_the_bytes_are_cut_the_events_are_the_same() {
        let mut dice = Dice(1);
        for _ in 0..200 {
            let mut bytes = Vec::new();
            for _ in 0..5 {
                let kind = [Opcode::Text, Opcode::Binary][dice.below(2)];
                let payload = "aé€😀".repeat(dice.below(40));
                let mut left = payload.as_bytes();
                let mut opcode = kind;
                while dice.below(3) > 0 {
                    let (front, back) = left.split_at(dice.below(left.len() + 1));
                    bytes.extend(frame(false, opcode, front));
                    bytes.extend(frame(true, Opcode::Ping, &vec![7; dice.below(126)]));
                    (left, opcode) = (back, Opcode::Continuation);
                }
                bytes.extend(frame(true, opcode, left));
            }
            // Now and then something in it is wrong.
            if dice.below(4) == 0 {
                let at = dice.below(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
            let whole = read(Role::Server, 300, [&bytes[..]].into_iter());
            let most = 1 + dice.below(100);
            let cut = read(Role::Server, 300, bytes.chunk_by(|_, _| dice.below(most) > 0));
            assert_eq!(cut, whole);
        }
    }
}
