//! What a connection says after it has read on.

use crate::exchange::call::Call;

#[derive(Debug)]
pub enum Step<'a> {
    /// Decide upon this call; then read on.
    Call(Call<'a>),
    /// Something was done. Read on.
    Again,
    /// All bytes are used but for those that begin something. Show them again with more behind.
    NeedMore,
    /// There is more to read, but not now: answers must leave first.
    Wait,
}
