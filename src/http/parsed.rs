//! What a parser says of the bytes it was shown.
//!
//! A parser keeps nothing between two calls. Too few bytes are the normal case on a stream, so
//! they are a value and not an error; bytes that break a rule are a [`ProtocolError`](crate::error::ProtocolError).

/// The two good outcomes of parsing a prefix of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// A whole `T` stands in the first `used` bytes.
    Whole { value: T, used: usize },
    /// Right so far: show these bytes again with more behind them.
    NeedMore,
}
