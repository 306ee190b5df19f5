//! The three things a handler can say.

use crate::exchange::call::{Answer, Call};
use crate::exchange::change::Write;
use crate::refusal::Refusal;
use crate::store::shelf::Shelf;

pub enum Outcome {
    Answer(Answer),
    /// The answer is known when the journal has settled it.
    Write(Write),
    /// Turn this connection into a socket, and go on like this.
    Talk(Talk),
}

/// What is said on a socket after its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// The time, once a second. What the peer says is read and dropped.
    Clock,
    /// Every message comes back.
    Echo,
    /// Calls and answers.
    Calls,
}

/// What the path named, apart from its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    pub collection: crate::exchange::change::CollectionId,
    pub id: &'a str,
}

pub type Handler = fn(&Call, Named, &Shelf) -> Result<Outcome, Refusal>;
