//! What a caller does, again and again.

use crate::client::handshake::CompressionOffer;
use crate::client::url::Url;
use crate::compare::headers::Extra;
use crate::model::json_rpc::SUBPROTOCOL;

/// What each client does, how many clients do it, and how much at a time.
#[derive(Debug)]
pub struct Workload {
    pub plan: Plan,
    pub callers: usize,
    pub calls_in_one_write: usize,
}

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
    Socket { texts: Vec<String>, offered: CompressionOffer },
    /// A message that comes back as it went.
    Echo { text: String },
    /// Nothing is asked: a message comes every second.
    Clock,
}

impl Road {
    /// Where hands are shaken, and for which subprotocol.
    pub fn handshake(&self) -> Option<(&'static str, Option<&'static str>, CompressionOffer)> {
        match self {
            Road::Http(_) => None,
            Road::Socket { offered, .. } => Some(("/rpc", Some(SUBPROTOCOL), *offered)),
            Road::Echo { .. } => Some(("/echo", None, CompressionOffer::None)),
            Road::Clock => Some(("/ws", None, CompressionOffer::None)),
        }
    }
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
    /// For so many calls; then the client closes.
    Calls(u32),
}
