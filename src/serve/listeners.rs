//! Listening sockets: those that were inherited, and those that are bound here.

use crate::reactor::listener::{self, Listener, SocketOptions};
use crate::reactor::socket_activation::InheritedSocket;
use crate::serve::options::ServeOptions;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// The address that is bound if none is given and no socket was inherited.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080));

/// Returns the addresses, and the listeners of each loop.
pub fn bind(
    options: &ServeOptions,
    inherited: Vec<InheritedSocket>,
    loops: usize,
) -> Result<(Vec<SocketAddr>, Vec<Vec<Listener>>), String> {
    let tuning = SocketOptions {
        congestion: options.congestion.clone(),
        defer_accept: options.defer_accept,
        send_buffer_bytes: options.send_buffer_bytes,
    };
    let mut addresses = Vec::new();
    let mut of_loops: Vec<Vec<Listener>> = (0..loops).map(|_| Vec::new()).collect();
    let mut add = |address, listeners: Vec<Listener>| {
        addresses.push(address);
        of_loops.iter_mut().zip(listeners).for_each(|(of_loop, listener)| of_loop.push(listener));
    };
    for socket in &inherited {
        add(socket.address, socket.share(loops, &tuning)?);
    }
    for address in to_bind(&options.listen, &inherited) {
        let (bound, listeners) = listener::bind(address, loops, &tuning)
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        add(bound, listeners);
    }
    Ok((addresses, of_loops))
}

/// Returns the addresses to bind: those for which no socket was inherited.
fn to_bind(requested: &[SocketAddr], inherited: &[InheritedSocket]) -> Vec<SocketAddr> {
    if requested.is_empty() && inherited.is_empty() {
        return vec![DEFAULT_LISTEN];
    }
    let addresses = requested.iter().copied();
    addresses.filter(|address| inherited.iter().all(|socket| socket.address != *address)).collect()
}

/// Prints one line for each address, and nothing else: other programs wait for these lines.
pub fn announce(addresses: &[SocketAddr]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "listening on http://{address}")?;
    }
    out.flush()
}
