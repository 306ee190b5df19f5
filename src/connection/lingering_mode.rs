//! A connection whose output is written and whose own direction is shut down.

use crate::connection::mode::Mode;

/// Drops what still arrives until the peer has ended too, so that no reset overtakes the last response
/// (RFC 9112 §9.6).
#[derive(Debug)]
pub struct LingeringMode;

impl Mode for LingeringMode {
    fn is_over(&self) -> bool {
        true
    }
}
