//! The bytes of a connection, in both directions: a blocking TCP socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::client::url::Url;
use crate::error::CommandError;

#[derive(Debug)]
pub struct Transport {
    socket: TcpStream,
}

impl Transport {
    /// Connects to the first address of the host that accepts. `timeout` limits the attempt at each
    /// address, and then each read and each write.
    pub fn connect(url: &Url, timeout: Duration) -> Result<Transport, CommandError> {
        let authority = &url.authority;
        let addresses = (&*url.host, url.port)
            .to_socket_addrs()
            .map_err(|error| CommandError::Lost(format!("cannot find the host of {authority}: {error}")))?;
        let mut why = "it has no address".to_owned();
        for address in addresses {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(socket) => return Transport::new(socket, timeout).map_err(cannot_set_up),
                Err(error) => why = error.to_string(),
            }
        }
        Err(CommandError::Lost(format!("cannot connect to {authority}: {why}")))
    }

    fn new(socket: TcpStream, timeout: Duration) -> io::Result<Transport> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(timeout))?;
        socket.set_write_timeout(Some(timeout))?;
        Ok(Transport { socket })
    }

    /// Limits each read; `None` is no limit.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<(), CommandError> {
        self.socket.set_read_timeout(timeout).map_err(cannot_set_up)
    }

    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.read(into)
    }

    pub fn write_all(&self, bytes: &[u8]) -> Result<(), CommandError> {
        (&self.socket).write_all(bytes).map_err(|error| match is_timeout(error.kind()) {
            true => CommandError::Lost("the server took nothing of what was sent for too long".to_owned()),
            false => CommandError::Lost(format!("writing to the server failed: {error}")),
        })
    }

    /// Returns a second handle of the same socket, so that one thread can write while another reads.
    pub fn try_clone(&self) -> Result<Transport, CommandError> {
        let socket = self.socket.try_clone();
        let socket =
            socket.map_err(|error| CommandError::Failed(format!("cannot share the connection: {error}")))?;
        Ok(Transport { socket })
    }

    pub fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// The socket below, for its addresses and for what the kernel has counted.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

/// Which of the two kinds a timeout has depends on the operating system.
pub fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn cannot_set_up(error: io::Error) -> CommandError {
    CommandError::Failed(format!("cannot set up the connection: {error}"))
}
