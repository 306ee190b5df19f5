//! One piece of news, encoded at most once for each road.

use crate::websocket::frame::{self, Opcode};
use std::cell::OnceCell;
use std::sync::Arc;

/// The same text for many peers.
pub struct Broadcast {
    text: String,
    frame: OnceCell<Arc<[u8]>>,
}

impl Broadcast {
    pub fn new(text: String) -> Broadcast {
        Broadcast { text, frame: OnceCell::new() }
    }

    /// The text as one WebSocket frame.
    pub fn as_frame(&self) -> &Arc<[u8]> {
        self.frame.get_or_init(|| {
            let mut bytes = Vec::new();
            frame::encode(Opcode::Text, self.text.as_bytes(), &mut bytes);
            bytes.into()
        })
    }
}
