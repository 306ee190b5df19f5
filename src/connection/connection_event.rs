//! What a connection returns to the server loop: after reading, after a flush, and after a timeout.

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

/// What becomes of the socket when everything has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Stay,
    /// Close it: nothing more can come that a reset would answer.
    Close,
    /// End our side, tell `Connection::linger`, and drop what comes.
    Linger,
}

/// What is to be done for a connection whose wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// The answer that was held.
    Answer,
}
