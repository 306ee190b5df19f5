//! Messages on their way out, compressed where that was agreed on.

use super::outbox::Outbox;
use crate::meter::{self, Count};
use crate::websocket::deflate::Deflater;
use crate::websocket::frame::{self, Opcode};

/// Where messages go out.
pub struct Voice<'c> {
    pub deflater: &'c mut Option<Box<Deflater>>,
    pub outbox: &'c mut Outbox,
}

impl Voice<'_> {
    #[inline]
    pub fn say(&mut self, opcode: Opcode, message: &[u8]) {
        match self.deflater {
            Some(deflater) => {
                meter::one(Count::MessagesDeflated);
                deflater.encode(opcode, message, self.outbox.own());
            }
            None => frame::encode(opcode, message, self.outbox.own()),
        }
    }
}
