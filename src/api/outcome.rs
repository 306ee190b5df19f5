//! The three things a handler can say.

use crate::exchange::call::{Answer, Call, Talk};
use crate::exchange::change::{CollectionId, Write};
use crate::refusal::Refusal;
use crate::store::shelf::Shelf;

pub enum Outcome {
    Answer(Answer),
    /// The answer is known when the journal has settled it.
    Write(Write),
    /// Turn this connection into a socket, and go on like this.
    Talk(Talk),
}

/// What the path named, apart from its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    pub collection: CollectionId,
    pub id: &'a str,
}

pub type Handler = fn(&Call, Named, &Shelf) -> Result<Outcome, Refusal>;
