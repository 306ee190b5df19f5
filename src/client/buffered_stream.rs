//! A connected socket and the bytes that came and were not used yet.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::client::limits::READ_BYTES;
use crate::client::url::Url;
use crate::error::CommandError;

/// The one thing in this room that waits.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    bytes: Vec<u8>,
    /// So many bytes at the front are used.
    at: usize,
    /// Bytes that have come since it was connected.
    came: u64,
    /// Longest silence of a server that is waited for with an eye on `interrupted`.
    silence_max: Duration,
    /// When what is being read has to be whole, if ever.
    deadline: Option<Deadline>,
    /// Up: nobody waits for what comes any more.
    interrupted: Option<Arc<AtomicBool>>,
}

/// A time, and how long it was until then.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    at: Instant,
    wait: Duration,
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
    pub fn connect(url: &Url, wait: Duration) -> Result<Stream, CommandError> {
        let authority = &url.authority;
        let addresses = (&*url.host, url.port)
            .to_socket_addrs()
            .map_err(|error| CommandError::Lost(format!("cannot find the host of {authority}: {error}")))?;
        let mut why = "it has no address".to_owned();
        for address in addresses {
            match TcpStream::connect_timeout(&address, wait) {
                Ok(socket) => return Stream::new(socket, wait),
                Err(error) => why = error.to_string(),
            }
        }
        Err(CommandError::Lost(format!("cannot connect to {authority}: {why}")))
    }

    fn new(socket: TcpStream, wait: Duration) -> Result<Stream, CommandError> {
        let set = || {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(wait))?;
            socket.set_write_timeout(Some(wait))
        };
        set().map_err(|error| CommandError::Failed(format!("cannot set up the connection: {error}")))?;
        let (bytes, deadline, interrupted) = (Vec::new(), None, None);
        Ok(Stream { socket, bytes, at: 0, came: 0, silence_max: wait, deadline, interrupted })
    }

    /// From now on whoever waits for bytes looks whether this flag is up, and then waits no longer.
    pub fn heed(&mut self, interrupted: Arc<AtomicBool>) -> Result<(), CommandError> {
        self.interrupted = Some(interrupted);
        self.wait_for_reads(Some(LOOK_UP))
    }

    /// What is read from now on has to be whole within that time, however little is missing: a server that
    /// drips is never silent.
    pub fn whole_within(&mut self, wait: Duration) {
        self.deadline = Some(Deadline { at: Instant::now() + wait, wait });
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
    pub fn writing_end(&self) -> Result<TcpStream, CommandError> {
        self.socket
            .try_clone()
            .map_err(|error| CommandError::Failed(format!("cannot share the connection: {error}")))
    }

    /// From now on a read waits so long; `None` is for ever. Who heeds a flag looks up more often, and waits as
    /// long as it said when it connected, or until what it reads has to be whole.
    pub fn wait_for_reads(&self, wait: Option<Duration>) -> Result<(), CommandError> {
        let wait = if self.interrupted.is_some() { Some(LOOK_UP) } else { wait };
        self.socket
            .set_read_timeout(wait)
            .map_err(|error| CommandError::Failed(format!("cannot set up the connection: {error}")))
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
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
    pub fn read_more(&mut self) -> Result<Arrival, CommandError> {
        self.bytes.drain(..self.at);
        self.at = 0;
        let mut room = [0; READ_BYTES];
        let begun = self.interrupted.is_some().then(Instant::now);
        loop {
            self.look_up()?;
            match self.socket.read(&mut room) {
                Ok(0) => return Ok(Arrival::End),
                Ok(count) => {
                    self.bytes.extend_from_slice(&room[..count]);
                    self.came += count as u64;
                    return Ok(Arrival::Bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(error.kind()) && self.waits_on(begun) => {}
                Err(error) if is_timeout(error.kind()) => {
                    return Err(CommandError::Lost("the server sent nothing for too long".to_owned()));
                }
                Err(error) => {
                    return Err(CommandError::Lost(format!("reading from the server failed: {error}")));
                }
            }
        }
    }

    /// Is there a reason to wait no longer?
    fn look_up(&self) -> Result<(), CommandError> {
        if self.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(CommandError::Lost("interrupted while the server was waited for".to_owned()));
        }
        match self.deadline {
            Some(Deadline { at, wait }) if Instant::now() >= at => {
                let words = format!("the server's answer was not whole within {wait:?}");
                Err(CommandError::Lost(words))
            }
            _ => Ok(()),
        }
    }

    /// Whether a silence that began then, if it is known, may go on.
    fn waits_on(&self, begun: Option<Instant>) -> bool {
        begun.is_some_and(|begun| begun.elapsed() < self.silence_max)
    }
}

/// Who waits looks up so often whether it was interrupted.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Writes all of it.
pub fn write(mut socket: &TcpStream, bytes: &[u8]) -> Result<(), CommandError> {
    socket.write_all(bytes).map_err(|error| match is_timeout(error.kind()) {
        true => CommandError::Lost("the server took nothing of what was sent for too long".to_owned()),
        false => CommandError::Lost(format!("writing to the server failed: {error}")),
    })
}

/// Which of the two it is depends on the system.
fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::test_server;
    use std::thread;

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

    /// To a server that says a byte every few milliseconds, for ever.
    fn to_one_that_drips() -> Stream {
        let (address, _server) = test_server::serve(|mut socket| {
            while socket.write_all(b".").is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        });
        Stream::connect(&format!("http://{address}/").parse().unwrap(), Duration::from_secs(30)).unwrap()
    }

    fn read_all(stream: &mut Stream) -> String {
        loop {
            if let Err(failure) = stream.read_more() {
                return failure.to_string();
            }
        }
    }

    #[test]
    fn a_server_that_drips_is_not_heard_for_ever() {
        let mut stream = to_one_that_drips();
        stream.whole_within(Duration::from_millis(50));
        assert_eq!(read_all(&mut stream), "the server's answer was not whole within 50ms");
    }

    #[test]
    fn who_is_interrupted_waits_no_longer() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let silent = Stream::connect(&url, Duration::from_secs(30)).unwrap();
        for mut stream in [silent, to_one_that_drips()] {
            let (flag, begun) = (Arc::new(AtomicBool::new(false)), Instant::now());
            stream.heed(Arc::clone(&flag)).unwrap();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(50));
                flag.store(true, Ordering::Relaxed);
            });
            assert_eq!(read_all(&mut stream), "interrupted while the server was waited for");
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        }
    }

    #[test]
    fn who_looks_up_still_waits_no_longer_than_was_said() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let mut stream = Stream::connect(&url, 3 * LOOK_UP).unwrap();
        stream.heed(Arc::default()).unwrap();
        let begun = Instant::now();
        assert_eq!(stream.read_more().unwrap_err().to_string(), "the server sent nothing for too long");
        assert!(begun.elapsed() >= 3 * LOOK_UP, "{:?}", begun.elapsed());
    }
}
