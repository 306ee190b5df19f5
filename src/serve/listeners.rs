//! Where it listens: on sockets that were handed over, and on those that are asked for.

use crate::reactor::listener::{self, Tuning};
use crate::reactor::socket_activation::Inherited;
use crate::serve::options::ServeOptions;
use mio::net::TcpListener;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// The address that is bound if none is given and no socket was inherited.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080));

/// The addresses, and for each loop its listeners.
pub fn bind(
    options: &ServeOptions,
    inherited: Vec<Inherited>,
    loops: usize,
) -> Result<(Vec<SocketAddr>, Vec<Vec<TcpListener>>), String> {
    let tuning = Tuning {
        congestion: options.congestion.clone(),
        defer_accept: options.defer_accept,
        send_buffer_bytes: options.send_buffer_bytes,
    };
    let mut addresses = Vec::new();
    let mut of_loops: Vec<Vec<TcpListener>> = (0..loops).map(|_| Vec::new()).collect();
    let mut add = |address, listeners: Vec<TcpListener>| {
        addresses.push(address);
        of_loops.iter_mut().zip(listeners).for_each(|(of_loop, listener)| of_loop.push(listener));
    };
    for socket in &inherited {
        add(socket.address, socket.share(loops, &tuning)?);
    }
    for wanted in wanted(&options.listen, &inherited) {
        let (address, listeners) = listener::bind(wanted, loops, &tuning)
            .map_err(|error| format!("cannot listen on {wanted}: {error}"))?;
        add(address, listeners);
    }
    Ok((addresses, of_loops))
}

/// What is left to be bound. Whoever was given the socket of an address that is asked for has it.
fn wanted(asked: &[SocketAddr], inherited: &[Inherited]) -> Vec<SocketAddr> {
    if asked.is_empty() && inherited.is_empty() {
        return vec![DEFAULT_LISTEN];
    }
    let is_there = |address: &SocketAddr| inherited.iter().any(|socket| socket.address == *address);
    asked.iter().copied().filter(|address| !is_there(address)).collect()
}

/// One line for each listener, and nothing else: others wait for it.
pub fn announce(addresses: &[SocketAddr]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "listening on http://{address}")?;
    }
    out.flush()
}
