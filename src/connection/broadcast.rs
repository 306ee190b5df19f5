//! One piece of news, encoded at most once in each form.

use crate::connection::turn_context::TurnContext;
use crate::http::event_stream;
use crate::metrics::totals::MetricId;
use crate::websocket::frame::{self, Opcode};
use crate::websocket::permessage_deflate::{Deflater, Side};
use std::cell::RefCell;
use std::sync::Arc;

/// How a listener is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// As a message in one frame.
    Frame,
    /// The same, compressed; how far back a client can look, where that was agreed on.
    Deflated { window_bits: Option<u8> },
    /// As a server-sent event.
    Event,
}

/// The same text for many peers.
pub struct Broadcast {
    /// Where an event stream goes on from it.
    id: Box<[u8]>,
    text: Vec<u8>,
    encoded: RefCell<Vec<(Form, Arc<[u8]>)>>,
}

impl Broadcast {
    pub fn new(id: &[u8], text: Vec<u8>) -> Broadcast {
        Broadcast { id: id.into(), text, encoded: RefCell::default() }
    }

    /// What goes over the wire.
    pub fn encoded(&self, form: Form, turn: &mut TurnContext) -> Arc<[u8]> {
        let mut encoded = self.encoded.borrow_mut();
        if let Some((_, bytes)) = encoded.iter().find(|(known, _)| *known == form) {
            return bytes.clone();
        }
        let mut bytes = Vec::new();
        encode(form, &self.id, &self.text, turn, &mut bytes);
        let bytes: Arc<[u8]> = bytes.into();
        encoded.push((form, bytes.clone()));
        bytes
    }
}

/// One text in one form. A compressed one refers to nothing before it, so that all can read it.
pub fn encode(form: Form, id: &[u8], text: &[u8], turn: &mut TurnContext, out: &mut Vec<u8>) {
    match form {
        Form::Frame => frame::encode(Opcode::Text, text, out),
        Form::Deflated { window_bits } => {
            turn.metrics.inc(MetricId::MessagesDeflated);
            let mut deflater = Deflater::new(Side { takeover: false, window_bits }, turn.compression);
            deflater.encode(Opcode::Text, text, &mut turn.codecs.deflate, out);
        }
        Form::Event => event_stream::encode(id, text, out),
    }
}
