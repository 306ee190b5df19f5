//! How segments are counted: packet by packet in a network of our own, or by what the kernel tells of each
//! connection; and which of the two it is.

use serde::Serialize;

use crate::cli::{Compare, CountBy};
use crate::compare::kernel::{self, MTU, Ring};
use crate::compare::wire::Wire;
use crate::failure::Failure;

/// Where this process is from now on.
#[derive(Debug)]
pub enum Place {
    /// With what has seen every packet in it, from the first one on.
    OurNetwork(Ring),
    /// And why not in one of our own.
    AnyNetwork { why: String },
}

#[derive(Debug)]
pub enum Counting {
    /// Exactly: nobody else talks there.
    Namespace(Wire),
    /// Before a connection is closed; and why not exactly.
    TcpInfo { why: String },
}

/// What the report says of it.
#[derive(Clone, Debug, Serialize)]
pub struct Method {
    /// `namespace` or `tcp-info`.
    pub how: &'static str,
    /// Largest packet of the network, where it is ours.
    pub mtu: Option<usize>,
    /// Why it is not counted exactly.
    pub why: Option<String>,
    pub says: String,
}

impl Place {
    /// To be chosen before any thread is started, and before the server: it shall be in the same network.
    pub fn choose(compare: &Compare) -> Result<Place, Failure> {
        let why_not = match compare.count {
            CountBy::TcpInfo => Some("it was asked for".to_owned()),
            _ if compare.url.is_some() => Some("the server is in a network that is not ours".to_owned()),
            _ => kernel::may_enter_network()
                .err()
                .map(|error| format!("this process may not have a network of its own: {error}")),
        };
        match why_not {
            None => {
                let failed =
                    |error| Failure::Failed(format!("a network of our own cannot be set up: {error}"));
                kernel::enter_network().map_err(failed)?;
                Ring::open().map_err(failed).map(Place::OurNetwork)
            }
            Some(why) if compare.count == CountBy::Namespace => {
                Err(Failure::Failed(format!("segments cannot be counted in a namespace: {why}")))
            }
            Some(why) => Ok(Place::AnyNetwork { why }),
        }
    }
}

impl Counting {
    /// Beside a server that listens on this port.
    pub fn begin(place: Place, port: u16) -> Result<Counting, Failure> {
        match place {
            Place::OurNetwork(ring) => Wire::open(ring, port).map(Counting::Namespace),
            Place::AnyNetwork { why } => Ok(Counting::TcpInfo { why }),
        }
    }

    pub fn wire(&self) -> Option<&Wire> {
        match self {
            Counting::Namespace(wire) => Some(wire),
            Counting::TcpInfo { .. } => None,
        }
    }

    pub fn method(&self) -> Method {
        match self {
            Counting::Namespace(_) => Method {
                how: "namespace",
                mtu: Some(MTU),
                why: None,
                says: format!(
                    "Segments and bytes are counted packet by packet in a network namespace of its own, \
                     handshake and end of each connection included. Its loopback has an MTU of {MTU} and no \
                     offload of segmentation. The kernel's own counters say the same."
                ),
            },
            Counting::TcpInfo { why } => Method {
                how: "tcp-info",
                mtu: None,
                why: Some(why.clone()),
                says: format!(
                    "Segments are those of TCP_INFO, read before each connection is closed: its end is not \
                     in them. Bytes of headers are computed from the segments. Why not exactly: {why}."
                ),
            },
        }
    }
}
