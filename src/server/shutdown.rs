//! How far the graceful shutdown of a loop has come.

use std::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    None,
    Requested,
    /// Accepting has stopped; peers finish until this deadline.
    Draining(Instant),
}

impl Shutdown {
    /// Returns when the loop ends even if peers are still connected.
    pub fn deadline(self) -> Option<Instant> {
        match self {
            Shutdown::Draining(deadline) => Some(deadline),
            Shutdown::None | Shutdown::Requested => None,
        }
    }
}
