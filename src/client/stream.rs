//! A connected socket and the bytes that came and were not used yet.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::client::bounds::READ_BYTES;
use crate::client::url::Url;
use crate::failure::Failure;

/// The one thing in this room that waits.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    bytes: Vec<u8>,
    /// So many bytes at the front are used.
    at: usize,
    /// Bytes that have come since it was connected.
    came: u64,
}

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    Bytes,
    /// The server will send nothing more.
    End,
}

impl Stream {
    /// Connects to the first of the host's addresses that answers. `wait` is the longest for each of
    /// them, and then for each read and write.
    pub fn connect(url: &Url, wait: Duration) -> Result<Stream, Failure> {
        let authority = &url.authority;
        let addresses = (&*url.host, url.port)
            .to_socket_addrs()
            .map_err(|error| Failure::Lost(format!("cannot find the host of {authority}: {error}")))?;
        let mut why = "it has no address".to_owned();
        for address in addresses {
            match TcpStream::connect_timeout(&address, wait) {
                Ok(socket) => return Stream::new(socket, wait),
                Err(error) => why = error.to_string(),
            }
        }
        Err(Failure::Lost(format!("cannot connect to {authority}: {why}")))
    }

    fn new(socket: TcpStream, wait: Duration) -> Result<Stream, Failure> {
        let set = || {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(wait))?;
            socket.set_write_timeout(Some(wait))
        };
        set().map_err(|error| Failure::Failed(format!("cannot set up the connection: {error}")))?;
        Ok(Stream { socket, bytes: Vec::new(), at: 0, came: 0 })
    }

    /// For who asks the kernel about it.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// How many bytes have been used since it was connected.
    pub fn used_bytes(&self) -> u64 {
        self.came - self.unread().len() as u64
    }

    /// Another hold on the same socket, to write with while this one reads.
    pub fn writing_end(&self) -> Result<TcpStream, Failure> {
        self.socket
            .try_clone()
            .map_err(|error| Failure::Failed(format!("cannot share the connection: {error}")))
    }

    /// From now on a read waits so long; `None` is for ever.
    pub fn wait_for_reads(&self, wait: Option<Duration>) -> Result<(), Failure> {
        self.socket
            .set_read_timeout(wait)
            .map_err(|error| Failure::Failed(format!("cannot set up the connection: {error}")))
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        write(&self.socket, bytes)
    }

    /// What came and was not used.
    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// For readers that unmask in place: all bytes, and the mark that they move.
    pub fn unread_mut(&mut self) -> (&mut [u8], &mut usize) {
        (&mut self.bytes, &mut self.at)
    }

    /// The next `count` bytes are used.
    pub fn consume(&mut self, count: usize) {
        self.at += count;
    }

    /// Waits for more bytes, and puts them behind the unread ones.
    pub fn read_more(&mut self) -> Result<Arrival, Failure> {
        self.bytes.drain(..self.at);
        self.at = 0;
        let mut room = [0; READ_BYTES];
        loop {
            match self.socket.read(&mut room) {
                Ok(0) => return Ok(Arrival::End),
                Ok(count) => {
                    self.bytes.extend_from_slice(&room[..count]);
                    self.came += count as u64;
                    return Ok(Arrival::Bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(error.kind()) => {
                    return Err(Failure::Lost("the server sent nothing for too long".to_owned()));
                }
                Err(error) => {
                    return Err(Failure::Lost(format!("reading from the server failed: {error}")));
                }
            }
        }
    }
}

/// Writes all of it.
pub fn write(mut socket: &TcpStream, bytes: &[u8]) -> Result<(), Failure> {
    socket.write_all(bytes).map_err(|error| match is_timeout(error.kind()) {
        true => Failure::Lost("the server took nothing of what was sent for too long".to_owned()),
        false => Failure::Lost(format!("writing to the server failed: {error}")),
    })
}

/// Which of the two it is depends on the system.
fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_there_is_said_in_one_line() {
        // A port that was free a moment ago.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        let failure = Stream::connect(&url, Duration::from_secs(5)).unwrap_err();
        assert!(failure.to_string().starts_with("cannot connect to 127.0.0.1:"), "{failure}");
    }

    #[test]
    fn a_silent_server_is_not_waited_for_for_ever() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let mut stream = Stream::connect(&url, Duration::from_millis(20)).unwrap();
        let failure = stream.read_more().unwrap_err();
        assert_eq!(failure.to_string(), "the server sent nothing for too long");
    }
}
