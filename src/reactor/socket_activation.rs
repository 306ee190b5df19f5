//! Socket activation: listening sockets that the process inherits from its supervisor (sd_listen_fds(3)).

use crate::reactor::listener::{self, Listener, SocketOptions};
use crate::reactor::sys;
use socket2::{Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{OwnedFd, RawFd};

/// An inherited TCP socket that is listening.
pub struct InheritedSocket {
    pub address: SocketAddr,
    descriptor: RawFd,
    socket: Socket,
}

/// The first inherited descriptor (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// Takes over `count` inherited sockets. Must run once, before anything else is opened: see [`sys::take_over`].
///
/// # Errors
///
/// A descriptor is not a listening TCP socket.
pub fn take_over(count: u16) -> Result<Vec<InheritedSocket>, String> {
    let checked = |(descriptor, opened): (RawFd, io::Result<OwnedFd>)| {
        let words = |why| format!("descriptor {descriptor} of LISTEN_FDS is no listening TCP socket: {why}");
        let opened = opened.map_err(|_| words("it is not open".to_owned()))?;
        let socket = Socket::from(opened);
        let address = address(&socket).map_err(words)?;
        Ok(InheritedSocket { address, descriptor, socket })
    };
    sys::take_over(FIRST, count).into_iter().map(checked).collect()
}

/// Returns the address of a listening TCP socket, or why it is none.
fn address(socket: &Socket) -> Result<SocketAddr, String> {
    match socket.r#type().map_err(|error| format!("it cannot be asked for its type: {error}"))? {
        Type::STREAM => {}
        Type::DGRAM => return Err("it is a datagram socket".to_owned()),
        other => return Err(format!("it is a socket of the type {}", i32::from(other))),
    }
    let asked = |error| format!("it cannot be asked: {error}");
    let address = socket.local_addr().map_err(asked)?;
    if address.is_unix() {
        return Err("it is a Unix socket".to_owned());
    }
    let family = address.family();
    let address =
        address.as_socket().ok_or_else(|| format!("it is of the address family {family}, not IP"))?;
    if let Ok(peer) = socket.peer_addr() {
        let peer = peer.as_socket().map_or(String::new(), |peer| format!(" to {peer}"));
        return Err(format!("it is connected{peer} (Accept=no hands over the listener)"));
    }
    if !listens(socket).map_err(asked)? {
        return Err(format!("it does not listen on {address}"));
    }
    Ok(address)
}

#[cfg(target_os = "linux")]
fn listens(socket: &Socket) -> io::Result<bool> {
    socket.is_listener()
}

/// Not every system reports whether a socket is listening; accepting fails there instead.
#[cfg(not(target_os = "linux"))]
fn listens(_: &Socket) -> io::Result<bool> {
    Ok(true)
}

impl InheritedSocket {
    /// Returns a listener on this socket for each loop.
    pub fn share(&self, loops: usize, tuning: &SocketOptions) -> Result<Vec<Listener>, String> {
        listener::share(&self.socket, loops, tuning).map_err(|error| {
            let InheritedSocket { address, descriptor, .. } = self;
            format!("cannot listen on descriptor {descriptor} of LISTEN_FDS, {address}: {error}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    // Every other kind is handed over in tests/over_the_wire/supervision.rs.
    #[test]
    fn a_socket_listens_or_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let bound = listener.local_addr().unwrap();
        assert_eq!(address(&Socket::from(listener)), Ok(bound));
        let idle = Socket::new(socket2::Domain::IPV4, Type::STREAM, None).unwrap();
        assert!(address(&idle).unwrap_err().starts_with("it does not listen"));
    }
}
