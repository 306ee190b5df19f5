//! The trait of a mode: what a connection is at the moment.
//!
//! ```text
//!   HttpMode ── 101 ──▶ WebSocketMode ──┐ everything is written,
//!      │ └───── events ▶ EventStreamMode ┼─ our side is shut down ──▶ LingeringMode
//!      └────────────────────────────────┘
//! ```

use crate::connection::connection_event::ConnectionEvent;
use crate::connection::turn_context::ModeContext;
use crate::error::ProtocolError;
use crate::model::call::Answer;

/// What every mode does. The defaults are those of a mode that reads nothing.
pub trait Mode {
    /// Reads on in `bytes` from `*at`.
    fn next<'a>(
        &mut self,
        bytes: &'a mut [u8],
        at: &mut usize,
        _: &mut ModeContext,
    ) -> Result<ConnectionEvent<'a>, ProtocolError> {
        *at = bytes.len();
        Ok(ConnectionEvent::NeedMore)
    }

    /// Answers the call handed out last, or else the oldest that was postponed.
    fn answer(&mut self, _: Answer, _: &mut ModeContext) {}

    /// The call handed out last is answered after the journal has committed it.
    fn postpone(&mut self) {}

    /// The peer has ended its side, and what it sent has been read.
    fn end_of_input(&mut self) {}

    /// Sends why the connection ends, where the peer can read it, and reads no more.
    fn fail(&mut self, _: ProtocolError, _: &mut ModeContext) {}

    /// Returns whether a call is not answered yet.
    fn is_owed(&self) -> bool {
        false
    }

    fn reads_no_more(&self) -> bool {
        true
    }

    /// Returns whether the connection ends when its output is written.
    fn is_over(&self) -> bool;

    /// Returns whether a message is half read, and its beginning sent already.
    fn is_passing(&self) -> bool {
        false
    }

    /// Returns how many bytes compressed messages became since the last call.
    fn take_inflated(&mut self) -> usize {
        0
    }

    /// Returns how many bytes are held of what is incomplete or waits.
    fn held_bytes(&self) -> usize {
        0
    }
}
