//! Messages on their way out, compressed where that was agreed on.

use crate::connection::outbox::Outbox;
use crate::metrics::totals::{self, Count};
use crate::websocket::frame::{self, Opcode};
use crate::websocket::permessage_deflate::Deflater;

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
                totals::one(Count::MessagesDeflated);
                deflater.encode(opcode, message, self.outbox.own());
            }
            None => frame::encode(opcode, message, self.outbox.own()),
        }
    }
}
