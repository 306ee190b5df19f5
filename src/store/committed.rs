//! What became of writes, as the journal returns it.

use crate::error::ApiError;
use crate::model::change::Change;
use crate::store::idempotency_table::Earlier;

/// Identifies a write of one loop. The journal does not interpret it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub u64);

/// What became of a write, or a change that another loop requested.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The ticket of the write, if this loop requested it.
    pub ticket: Option<Ticket>,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Changed(Change),
    /// Nothing has changed: the answer is that of the earlier write with the same key.
    Repeated(Earlier),
    Refused(ApiError),
}
