//! What a connection says after it has read on.

use crate::model::call::Call;

#[derive(Debug)]
pub enum Step<'a> {
    /// Decide upon this call; then read on.
    Call(Call<'a>),
    /// Behind what is in the outbox belong these bytes: write them from where they stand, or put them
    /// there.
    Say(&'a [u8]),
    /// Something was done. Read on.
    Again,
    /// All bytes are used but for those that begin something. Show them again with more behind.
    NeedMore,
    /// There is more to read, but not now: answers must leave first.
    Wait,
}
