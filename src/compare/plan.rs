//! What a caller does, again and again.

use crate::client::opening::Offered;
use crate::client::url::Url;
use crate::compare::headers::Extra;

#[derive(Debug)]
pub struct Plan {
    pub url: Url,
    pub road: Road,
    pub lasts: Lasts,
    /// The status of each answer.
    pub expected: u16,
    pub extra: Extra,
}

#[derive(Debug)]
pub enum Road {
    /// The bytes of the request.
    Http(Vec<u8>),
    /// The texts of the calls that go in one write, each with its own id, from 1 on.
    Socket { texts: Vec<String>, offered: Offered },
}

/// How long a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// Until all calls are made.
    All,
    /// For one call; then the client closes.
    OneCall,
    /// For one call; then the server closes.
    OneCallOfServer,
}
