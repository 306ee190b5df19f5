//! The three things a handler can say.

use crate::api::read_context::ReadContext;
use crate::api::topic::{Follow, Interest};
use crate::error::ApiError;
use crate::model::call::{Answer, Call, Talk};
use crate::model::change::{CollectionId, Write};

pub enum Outcome {
    Answer(Answer),
    /// The answer is known when the journal has settled it.
    Write(Write),
    /// Turn this connection into a socket, and go on like this.
    Talk(Talk),
    /// Tell this peer of every change from there on.
    Follow(Follow),
    /// Tell it no more.
    Unfollow(Interest),
    /// Ask again when this has changed, or the time is over.
    Wait(Interest),
}

/// What the path named, apart from its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    pub collection: CollectionId,
    pub id: &'a str,
}

pub type Handler = fn(&Call, Named, &mut ReadContext) -> Result<Outcome, ApiError>;
