//! Messages on their way out, compressed where that was negotiated.

use crate::connection::outbox::Outbox;
use crate::connection::turn_context::TurnContext;
use crate::metrics::totals::MetricId;
use crate::websocket::frame::{self, Opcode};
use crate::websocket::permessage_deflate::Deflater;

/// The outgoing side of a WebSocket.
pub struct MessageWriter<'c, 'r> {
    pub deflater: &'c mut Option<Box<Deflater>>,
    pub outbox: &'c mut Outbox,
    pub turn: &'c mut TurnContext<'r>,
}

impl MessageWriter<'_, '_> {
    #[inline]
    pub fn send(&mut self, opcode: Opcode, message: &[u8]) {
        match self.deflater {
            Some(deflater) => {
                self.turn.metrics.inc(MetricId::MessagesDeflated);
                let codec = &mut self.turn.codecs.deflate;
                deflater.encode(opcode, message, codec, self.outbox.own());
            }
            None => frame::encode(opcode, message, self.outbox.own()),
        }
    }
}
