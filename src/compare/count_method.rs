//! How segments are counted: packet by packet in a network of our own, or by what the kernel tells of each
//! connection; and which of the two it is.

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::Serialize;

use crate::compare::costs::Costs;
use crate::compare::options::{CompareOptions, CountChoice};
use crate::compare::run_error::RunError;
use crate::error::CommandError;
use crate::netlab::device::{Device, MTU};
use crate::netlab::emulated_link::tunnel::{NEAR, Tunnel};
use crate::netlab::packet_capture::Wire;
use crate::netlab::packet_ring::PacketRing;
use crate::netlab::sys;

/// Where this process is from now on.
#[derive(Debug)]
pub enum Place {
    /// With what has seen every packet in it, from the first one on, and with a tunnel in it, where there is to
    /// be a distance.
    OurNetwork { ring: PacketRing, tunnel: Option<Arc<Tunnel>> },
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
    pub fn choose(options: &CompareOptions) -> Result<Place, CommandError> {
        if options.url.is_some() && options.count == CountChoice::Namespace {
            let words = "--count namespace takes a server of our own, and no --url: that is in a network that is not ours";
            return Err(CommandError::Usage(words.to_owned()));
        }
        let link = options.link();
        let why_not = match options.count {
            CountChoice::TcpInfo => Some("it was asked for".to_owned()),
            _ if options.url.is_some() => Some("the server is in a network that is not ours".to_owned()),
            _ => sys::may_enter_network(link.map(|_| NEAR))
                .err()
                .map(|error| format!("this process may not have a network of its own: {error}")),
        };
        match why_not {
            None => {
                let failed =
                    |error| CommandError::Failed(format!("a network of our own cannot be set up: {error}"));
                sys::enter_network().map_err(failed)?;
                let tunnel = link.map(Tunnel::start).transpose().map_err(failed)?;
                let device = if tunnel.is_some() { Device::Tunnel } else { Device::Loopback };
                let ring = PacketRing::open(device).map_err(failed)?;
                Ok(Place::OurNetwork { ring, tunnel })
            }
            Some(why) if options.count == CountChoice::Namespace => {
                Err(CommandError::Failed(format!("segments cannot be counted in a namespace: {why}")))
            }
            Some(why) => Ok(Place::AnyNetwork { why }),
        }
    }

    /// Where a server of ours is to listen.
    pub fn address(&self) -> Ipv4Addr {
        match self {
            Place::OurNetwork { tunnel: Some(_), .. } => NEAR,
            Place::OurNetwork { tunnel: None, .. } | Place::AnyNetwork { .. } => Ipv4Addr::LOCALHOST,
        }
    }
}

impl Counting {
    /// Beside a server that listens on this port.
    pub fn begin(place: Place, port: u16) -> Result<Counting, CommandError> {
        match place {
            Place::OurNetwork { ring, tunnel } => Wire::open(ring, port, tunnel).map(Counting::Namespace),
            Place::AnyNetwork { why } => Ok(Counting::TcpInfo { why }),
        }
    }

    pub fn wire(&self) -> Option<&Wire> {
        match self {
            Counting::Namespace(wire) => Some(wire),
            Counting::TcpInfo { .. } => None,
        }
    }

    /// Waits until nobody talks any more, where every packet is seen.
    pub fn settle(&self) -> Result<(), RunError> {
        self.wire().map_or(Ok(()), Wire::settle).map_err(RunError::Inconsistent)
    }

    /// Talk with the server that no figure has in it, by the shortest way to it.
    pub fn aside<T>(&self, talk: impl FnOnce() -> Result<T, RunError>) -> Result<T, RunError> {
        match self.wire() {
            Some(wire) => wire.aside(talk).map_err(RunError::Inconsistent)?,
            None => talk(),
        }
    }

    /// Packets for which a tunnel had no room.
    pub fn dropped(&self) -> u64 {
        self.wire().map_or(0, Wire::dropped)
    }

    /// Holds what packets carried for the first time, where every one is seen, against what was written and
    /// read. `segments` says whose they are.
    pub fn check(&self, segments: &str, costs: &Costs) -> Result<(), RunError> {
        let (network, said) = (costs.network.unwrap_or_default(), costs.application);
        let carried = (network.sent.carried, network.received.carried);
        let wrote = (said.sent.total(), said.received.total());
        if self.wire().is_none() || carried == wrote {
            return Ok(());
        }
        Err(RunError::inconsistent(format!(
            "two counts disagree: {segments} carried {} bytes there and {} back, and {} were written and {} read",
            carried.0, carried.1, wrote.0, wrote.1
        )))
    }

    pub fn method(&self) -> Method {
        match self {
            Counting::Namespace(wire) => Method {
                how: "namespace",
                mtu: Some(MTU),
                why: None,
                says: format!(
                    "Segments and bytes are counted packet by packet in a network namespace of its own, \
                     handshake and end of each connection included. {} has an MTU of {MTU} and no \
                     offload of segmentation. The kernel's own counters say the same.",
                    match wire.device() {
                        Device::Loopback => "Its loopback",
                        Device::Tunnel => "The tunnel in it",
                    }
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
