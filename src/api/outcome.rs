//! What a handler returns.

use crate::api::read_context::ReadContext;
use crate::api::topic::{Follow, Interest};
use crate::error::ApiError;
use crate::model::call::{Answer, Call, Talk};
use crate::model::change::{CollectionId, Write};

pub enum Outcome {
    Answer(Answer),
    /// A write. It is answered when the journal has committed it.
    Write(Write),
    /// An upgrade of the connection to a WebSocket.
    Talk(Talk),
    /// A subscription.
    Follow(Follow),
    /// The end of a subscription.
    Unfollow(Interest),
    /// A long poll: the call is dispatched again when the topic has changed, or the time is over.
    Wait(Interest),
}

/// The resource that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    pub collection: CollectionId,
    pub id: &'a str,
}

pub type Handler = fn(&Call, Named, &mut ReadContext) -> Result<Outcome, ApiError>;
