//! A message that has begun and is incomplete: what is kept of it between two reads.

use std::ops::Range;

use crate::error::ProtocolError;
use crate::websocket::frame::{Header, Opcode};
use crate::websocket::mask;
use crate::websocket::utf8::{GrowingText, TextJudge};

/// The payload so far, and the frame that is being read.
#[derive(Debug)]
pub struct PartialMessage {
    pub payload: PayloadBuffer,
    pub frame: FrameInProgress,
}

/// A frame whose payload is being read. With `left` 0 and no FIN, the next fragment is awaited.
#[derive(Debug)]
pub struct FrameInProgress {
    pub fin: bool,
    mask: Option<[u8; 4]>,
    taken: usize,
    pub left: usize,
}

/// The payload of the frames so far.
#[derive(Debug)]
pub enum PayloadBuffer {
    Text(GrowingText),
    Binary(Vec<u8>),
    /// Still compressed: it is decompressed once it is complete.
    Deflated {
        opcode: Opcode,
        bytes: Vec<u8>,
    },
    Streamed(StreamedPayload),
}

/// A payload that is handed out in parts and not kept.
#[derive(Debug)]
pub struct StreamedPayload {
    /// The opcode of the next part.
    opcode: Opcode,
    bytes: usize,
    /// The check of a text; `None` for binary.
    text: Option<TextJudge>,
}

impl PartialMessage {
    /// Takes the payload of the current frame that is in `bytes`. Of a streamed message, returns the next
    /// part: its range, its opcode, and whether it is the last.
    pub fn take_payload(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
    ) -> Result<Option<(Range<usize>, Opcode, bool)>, ProtocolError> {
        let place = self.frame.unmask(bytes, at);
        let is_last = self.frame.fin && self.frame.left == 0;
        let piece = &bytes[place.clone()];
        match &mut self.payload {
            PayloadBuffer::Text(text) => text.push(piece)?,
            PayloadBuffer::Binary(held) | PayloadBuffer::Deflated { bytes: held, .. } => {
                held.extend_from_slice(piece);
            }
            PayloadBuffer::Streamed(streamed) => {
                streamed.judge(piece, is_last)?;
                // An empty part means something only at the end.
                if is_last || !piece.is_empty() {
                    return Ok(Some((place, streamed.next_opcode(), is_last)));
                }
            }
        }
        Ok(None)
    }
}

impl FrameInProgress {
    /// The frame behind `header`, whose payload was checked to be below a limit and so fits a usize.
    pub fn new(header: &Header) -> FrameInProgress {
        let left = header.payload_bytes as usize;
        FrameInProgress { fin: header.fin, mask: header.mask, taken: 0, left }
    }

    /// Unmasks the payload of this frame that is in `bytes` from `at` on, and returns its range.
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

impl PayloadBuffer {
    /// Bytes in memory.
    pub fn held_bytes(&self) -> usize {
        match self {
            PayloadBuffer::Text(text) => text.held_bytes(),
            PayloadBuffer::Binary(bytes) | PayloadBuffer::Deflated { bytes, .. } => bytes.len(),
            PayloadBuffer::Streamed(_) => 0,
        }
    }

    /// Bytes of the message so far, in memory or not.
    pub fn message_bytes(&self) -> usize {
        match self {
            PayloadBuffer::Streamed(streamed) => streamed.bytes,
            held => held.held_bytes(),
        }
    }
}

impl StreamedPayload {
    pub fn new(opcode: Opcode) -> StreamedPayload {
        StreamedPayload { opcode, bytes: 0, text: (opcode == Opcode::Text).then(TextJudge::default) }
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
