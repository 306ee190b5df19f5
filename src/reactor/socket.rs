//! One peer's socket: fill from it, drain into it.

use crate::connection::outbox::{Outbox, SLICES_MAX};
use crate::metrics::totals::{self, Count};
use mio::net::TcpStream;
use socket2::SockRef;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

/// What one attempt to read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    Bytes(usize),
    /// The peer has ended its side.
    End,
    WouldBlock,
}

/// Whether more is to be said on a socket soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    More,
    /// The socket is closed next: the bytes may wait for the FIN, and share its segment.
    Close,
}

/// What a peer's turn needs of its socket. A test can take its part.
pub trait Socket {
    /// Reads once.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<Filled>;

    /// Writes once, first what is in the outbox and then what is to follow it. `Ok(None)`: the socket
    /// takes nothing now.
    fn drain(&mut self, outbox: &Outbox, behind: &[u8], then: Then) -> io::Result<Option<usize>>;
}

impl Socket for TcpStream {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<Filled> {
        loop {
            totals::one(Count::CallsRead);
            match self.read(buffer) {
                Ok(0) => return Ok(Filled::End),
                Ok(bytes) => return Ok(Filled::Bytes(bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Filled::WouldBlock),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
    }

    fn drain(&mut self, outbox: &Outbox, behind: &[u8], then: Then) -> io::Result<Option<usize>> {
        loop {
            let single = match (outbox.single(), behind) {
                (Some([]), behind) => Some(behind),
                (single, []) => single,
                _ => None,
            };
            totals::one(Count::CallsWrite);
            let written = match (single, then) {
                (Some(bytes), Then::More) => self.write(bytes),
                (Some(bytes), Then::Close) => send_before_close(self, bytes),
                (None, _) => {
                    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                    let count = outbox.slices(behind, &mut slices);
                    self.write_vectored(&slices[..count])
                }
            };
            match written {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn send_before_close(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    SockRef::from(stream).send_with_flags(bytes, libc::MSG_MORE | libc::MSG_NOSIGNAL)
}

#[cfg(not(target_os = "linux"))]
fn send_before_close(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    stream.write(bytes)
}

/// Ends our side of the stream; the peer can still send.
pub fn end_writing(stream: &TcpStream) -> io::Result<()> {
    totals::one(Count::CallsShutdown);
    SockRef::from(stream).shutdown(Shutdown::Write)
}
