//! What a connection returns to the server loop: after reading, after a flush, and after a timeout.

use crate::model::call::Call;

#[derive(Debug)]
pub enum ConnectionEvent<'a> {
    /// A call to dispatch. Continue afterwards.
    Call(Call<'a>),
    /// Bytes that follow the outbox: written from the read buffer, or else copied into the outbox.
    WriteThrough(&'a [u8]),
    /// Something was done. Continue.
    Continue,
    /// Every byte is used, except the beginning of something incomplete.
    NeedMore,
    /// There is more input, but answers must leave first.
    Paused,
}

/// What becomes of the socket when everything has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFlush {
    KeepOpen,
    /// Nothing more can arrive that a reset would answer.
    Close,
    /// Shut down writing, call `Connection::linger`, and drop what arrives.
    Linger,
}

/// What the loop does for a connection whose timer has fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutAction {
    None,
    /// Answers the held call.
    Answer,
}
