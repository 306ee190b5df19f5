//! The emulated link between client and server, and what reports say of it.

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::compare::count_method::Place;
use crate::compare::format::{number, rate};
use crate::compare::server::Server;
use crate::error::CommandError;
use crate::netlab::emulated_link::link_settings::LinkSettings;
use crate::netlab::emulated_link::{proxy, tunnel};

/// The link, as reports show it.
#[derive(Clone, Debug, Serialize)]
pub struct LinkReport {
    pub round_trip_ms: f64,
    pub bits_per_second: Option<u64>,
    /// `tunnel` or `relay`.
    pub how: &'static str,
    /// Packets that the tunnel dropped because its queue was full.
    pub dropped: u64,
    pub says: String,
}

impl LinkReport {
    /// One paragraph about the link.
    pub fn words(&self) -> String {
        let bandwidth = self.bits_per_second.map_or(String::new(), |bits| format!(" at {}", rate(bits)));
        let round_trip = number(self.round_trip_ms);
        let dropped = match self.dropped {
            0 => String::new(),
            dropped => format!(
                " {dropped} packets were dropped, for there was no room: what they carried was sent again."
            ),
        };
        format!("A distance of {round_trip} ms there and back{bandwidth}. {}{dropped}", self.says)
    }
}

/// Sets up a link in front of the server: a tunnel in a network namespace, otherwise a proxy.
pub fn set_up(
    settings: LinkSettings,
    server: &mut Server,
    place: &Place,
) -> Result<LinkReport, CommandError> {
    let (how, says) = match place {
        Place::OurNetwork { tunnel: Some(tunnel), .. } => {
            let port = server.near.port;
            tunnel.serve(port);
            server.reach((tunnel::FAR, port).into());
            ("tunnel", TUNNEL)
        }
        _ => {
            let port = proxy::start(server.address()?, settings)?;
            server.reach((Ipv4Addr::LOCALHOST, port).into());
            ("relay", RELAY)
        }
    };
    Ok(LinkReport {
        round_trip_ms: settings.round_trip.as_secs_f64() * 1000.0,
        bits_per_second: settings.bits_per_second,
        how,
        dropped: 0,
        says: says.to_owned(),
    })
}

const TUNNEL: &str = "The distance is a tunnel in that namespace: every packet is held back for half a \
    round trip, at the stated bandwidth. Handshakes, slow start and acknowledgements are the kernel's own.";
const RELAY: &str = "The distance is modelled by a relay, for packets cannot be held back here: one round \
    trip before the first byte of a connection, half of one for each byte, a window of 10 segments that \
    doubles. So the handshake of a connection is waited for in its first call; nothing is lost or resent; \
    segments are those between client and relay, on a loopback with an MTU of its own.";
