//! The ways of calling. Each differs from an earlier one in one thing.
//!
//! ```text
//!   new ─ closed by the server ── new-closed
//!    └ kept ─┬ conditional        304 instead of 200
//!            ├ kept-gzip          compressed bodies
//!            ├ pipelined          several in one write
//!            ├ parallel           several connections
//!            └ socket ─┬ socket-deflated
//!                      ├ socket-pipelined
//!                      └ socket-parallel
//! ```

/// All ways, in the order of reports.
pub const ALL: &[Way] = &[
    Way::New,
    Way::NewClosed,
    Way::Kept,
    Way::Conditional,
    Way::KeptGzip,
    Way::Pipelined,
    Way::Parallel,
    Way::Socket,
    Way::SocketDeflated,
    Way::SocketPipelined,
    Way::SocketParallel,
];

/// One way of calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// HTTP with a new connection for each call, closed by the client.
    New,
    /// HTTP with a new connection for each call, closed by the server.
    NewClosed,
    /// HTTP on one connection.
    Kept,
    /// `Kept` with `If-None-Match`, answered 304.
    Conditional,
    /// `Kept` with `Accept-Encoding: gzip`.
    KeptGzip,
    /// `Kept` with several requests in one write.
    Pipelined,
    /// `Kept` on several connections at a time.
    Parallel,
    /// JSON-RPC over a WebSocket.
    Socket,
    /// `Socket` with permessage-deflate.
    SocketDeflated,
    /// `Socket` with several calls in one write.
    SocketPipelined,
    /// `Socket` on several connections at a time.
    SocketParallel,
}

impl Way {
    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Way::New => "new",
            Way::NewClosed => "new-closed",
            Way::Kept => "kept",
            Way::Conditional => "conditional",
            Way::KeptGzip => "kept-gzip",
            Way::Pipelined => "pipelined",
            Way::Parallel => "parallel",
            Way::Socket => "socket",
            Way::SocketDeflated => "socket-deflated",
            Way::SocketPipelined => "socket-pipelined",
            Way::SocketParallel => "socket-parallel",
        }
    }
}
