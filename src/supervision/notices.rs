//! What a supervisor is told, in a datagram each (sd_notify(3)).

use crate::timeouts::Timeouts;
use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whoever wants to be told, or nobody.
pub struct Supervisor {
    line: Option<Line>,
}

struct Line {
    socket: UnixDatagram,
    to: UnixAddress,
    /// It was said that telling fails, and it has not worked since.
    complained: AtomicBool,
}

impl Supervisor {
    /// `name` is a path, or `@` and a name that no file has (unix(7)).
    ///
    /// Whoever cannot be reached is warned of, and not told: to serve is worth more.
    pub fn at(name: Option<&OsStr>) -> Supervisor {
        let line = name.and_then(|name| {
            let line = Line::to(name);
            line.inspect_err(|error| log::warn!("NOTIFY_SOCKET is {name:?}, and nobody is told: {error}"))
                .ok()
        });
        Supervisor { line }
    }

    pub fn is_there(&self) -> bool {
        self.line.is_some()
    }

    /// Everything listens, and what is kept has been read.
    pub fn ready(&self, addresses: &[SocketAddr]) {
        let urls: Vec<String> = addresses.iter().map(|address| format!("http://{address}")).collect();
        self.tell(&format!("READY=1\nSTATUS=listening on {}", urls.join(", ")));
    }

    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=finishing what was begun");
    }

    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, words: &str) {
        let Some(Line { socket, to, complained }) = &self.line else { return };
        let told = socket.send_to_addr(words.as_bytes(), to);
        if let Err(error) = &told
            && !complained.load(Ordering::Relaxed)
        {
            let first = words.lines().next().unwrap_or_default();
            log::warn!("the supervisor cannot be told {first} at NOTIFY_SOCKET: {error}");
        }
        complained.store(told.is_err(), Ordering::Relaxed);
    }
}

impl Line {
    fn to(name: &OsStr) -> io::Result<Line> {
        let to = address(name)?;
        let socket = UnixDatagram::unbound()?;
        // Whoever does not take what is said must not keep us from serving.
        socket.set_write_timeout(Some(Timeouts::SUPERVISOR))?;
        Ok(Line { socket, to, complained: AtomicBool::new(false) })
    }
}

fn address(name: &OsStr) -> io::Result<UnixAddress> {
    match name.as_bytes() {
        [b'/', ..] => UnixAddress::from_pathname(name),
        [b'@', rest @ ..] => without_a_file(rest),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it must begin with / or @")),
    }
}

#[cfg(target_os = "linux")]
fn without_a_file(name: &[u8]) -> io::Result<UnixAddress> {
    use std::os::linux::net::SocketAddrExt;
    UnixAddress::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn without_a_file(_: &[u8]) -> io::Result<UnixAddress> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no abstract names"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_path_or_begins_with_an_at() {
        let path = address(OsStr::new("/run/x")).unwrap();
        assert_eq!(path.as_pathname(), Some(std::path::Path::new("/run/x")));
        for wrong in ["run/x", "vsock:2:1234", &format!("/{}", "x".repeat(200))] {
            assert!(address(OsStr::new(wrong)).is_err(), "{wrong}");
        }
        assert!(!Supervisor::at(Some(OsStr::new("run/x"))).is_there());
        assert!(!Supervisor::at(None).is_there());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_at_stands_for_no_file() {
        use std::os::linux::net::SocketAddrExt;
        assert_eq!(address(OsStr::new("@x")).unwrap().as_abstract_name(), Some(&b"x"[..]));
    }
}
