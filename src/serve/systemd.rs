//! What a supervisor and we say to each other: systemd, or whatever speaks as it does.
//!
//! ```text
//!   supervisor                                            bothways
//!       │  opens the sockets, and starts us with them         │
//!       ├── LISTEN_PID, LISTEN_FDS; descriptors 3, 4 … ─────▶ │
//!       │                                                     │  prints where it listens
//!       │ ◀───────────────────────── READY=1 on NOTIFY_SOCKET ┤
//!       │ ◀─────────────────── WATCHDOG=1, while every loop turns ┤
//!       ├── SIGTERM ────────────────────────────────────────▶ │
//!       │ ◀──────────────────────────────────────── STOPPING=1 ┤
//!       │  keeps the sockets: who comes now waits for the next process
//! ```
//!
//! It is told in environment variables: sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3) say
//! how they are meant. They stay where they are: to take them out again is not safe once there are
//! threads, we start no other program, and `LISTEN_PID` names us alone.
//!
//! The crates there are for this (`listenfd`, `sd-notify`) do not say what is wrong with what was handed
//! over, and what is left of them is a page.
//! What a supervisor is told, in a datagram each (sd_notify(3)).
//! Signs of life, for as long as every loop turns.
//!
//! A sign that comes from a thread of its own would say only that this thread lives. So each loop's
//! mailbox is rung, and a sign is given when all have looked into theirs since the last one. A loop that has
//! ended is not waited for: what is left to do then has a time of its own, which the supervisor knows.

use crate::config::Timeouts;
use crate::error::CommandError;
use crate::reactor::wakeup::Sender;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What we were told when we were started.
#[derive(Debug, PartialEq, Eq)]
pub struct Wishes {
    /// Descriptors from the third on that are sockets for us.
    pub sockets: u16,
    /// Where it wants to be told.
    pub notify: Option<OsString>,
    /// How long it waits for the next sign of life.
    pub watchdog: Option<Duration>,
}

impl Wishes {
    /// Of whoever has started this process.
    pub fn of_environment() -> Result<Wishes, CommandError> {
        Wishes::read(std::process::id(), |name| std::env::var_os(name)).map_err(CommandError::Usage)
    }

    fn read(own: u32, variable: impl Fn(&str) -> Option<OsString>) -> Result<Wishes, String> {
        let number = |name: &str| read_number(name, variable(name));
        let is_ours = |name: &str| Ok::<_, String>(number(name)?.map(|process| process == u64::from(own)));
        // Without a LISTEN_PID nobody is meant; without a WATCHDOG_PID whoever reads it.
        let sockets = match is_ours("LISTEN_PID")? {
            Some(true) => number("LISTEN_FDS")?.unwrap_or(0),
            Some(false) | None => 0,
        };
        let sockets =
            u16::try_from(sockets).map_err(|_| format!("LISTEN_FDS is {sockets}, and more than 65535"))?;
        let watchdog = match is_ours("WATCHDOG_PID")? {
            Some(true) | None => number("WATCHDOG_USEC")?,
            Some(false) => None,
        };
        if watchdog == Some(0) {
            return Err("WATCHDOG_USEC is 0, and there is no such time".to_owned());
        }
        let notify = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        Ok(Wishes { sockets, notify, watchdog: watchdog.map(Duration::from_micros) })
    }
}

fn read_number(name: &str, value: Option<OsString>) -> Result<Option<u64>, String> {
    let Some(value) = value else { return Ok(None) };
    let digits = value.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|text| text.parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(format!("{name} is {value:?}, and that is no number")),
    }
}

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
        socket.set_write_timeout(Some(Timeouts::NOTIFY))?;
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

/// Rings, and looks, so often in the time that the supervisor waits. With half of it (as
/// sd_watchdog_enabled(3) has it) a single turn that is a little longer could cost the process.
const LOOKS: u32 = 4;

/// Begins to watch, and ends with the last loop.
pub fn begin(supervisor: Arc<Supervisor>, within: Duration, loops: Vec<Sender>) -> io::Result<()> {
    let watch = move || {
        let mut rounds = Rounds::default();
        loop {
            let seen: Vec<Option<u64>> = loops.iter().map(Sender::looks).collect();
            match rounds.see(&seen) {
                Sign::Ended => return,
                Sign::None => {}
                Sign::Alive => supervisor.alive(),
            }
            loops.iter().for_each(Sender::ring);
            thread::sleep(within / LOOKS);
        }
    };
    thread::Builder::new().name("watchdog".to_owned()).spawn(watch).map(|_| ())
}

#[derive(Default)]
struct Rounds {
    /// What every loop had counted when the last sign was given.
    last: Vec<Option<u64>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Sign {
    Alive,
    /// Somebody has not turned.
    None,
    Ended,
}

impl Rounds {
    /// What each loop has counted by now; nothing where it has ended.
    fn see(&mut self, seen: &[Option<u64>]) -> Sign {
        if seen.iter().all(Option::is_none) {
            return Sign::Ended;
        }
        let begins = self.last.is_empty();
        let turned = |(now, last): (&Option<u64>, &Option<u64>)| now.is_none() || now > last;
        if !begins && !seen.iter().zip(&self.last).all(turned) {
            return Sign::None;
        }
        self.last = seen.to_vec();
        if begins { Sign::None } else { Sign::Alive }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)]) -> Result<Wishes, String> {
        let find = |name: &str| environment.iter().find(|(known, _)| *known == name);
        Wishes::read(7, |name| find(name).map(|(_, value)| value.into()))
    }

    #[test]
    fn only_what_is_for_us_is_heard() {
        assert_eq!(read(&[]), Ok(Wishes { sockets: 0, notify: None, watchdog: None }));
        assert_eq!(read(&[("LISTEN_PID", "8"), ("LISTEN_FDS", "x")]), read(&[]));
        assert_eq!(read(&[("LISTEN_FDS", "1")]), read(&[]));
        assert_eq!(read(&[("LISTEN_PID", "7")]), read(&[]));
        assert_eq!(read(&[("WATCHDOG_PID", "8"), ("WATCHDOG_USEC", "9")]), read(&[]));
        assert_eq!(read(&[("NOTIFY_SOCKET", "")]), read(&[]));
        let sockets = |count: &str| read(&[("LISTEN_PID", "7"), ("LISTEN_FDS", count)]).unwrap().sockets;
        assert_eq!((sockets("0"), sockets("2"), sockets("65535")), (0, 2, 65535));
        let watchdog = |pid: &[_]| read(&[&[("WATCHDOG_USEC", "9000000")], pid].concat()).unwrap().watchdog;
        assert_eq!(watchdog(&[("WATCHDOG_PID", "7")]), Some(Duration::from_secs(9)));
        assert_eq!(watchdog(&[]), Some(Duration::from_secs(9)));
    }

    #[test]
    fn what_is_no_number_is_said_to_be_none() {
        for wrong in ["", "-1", "+1", " 1", "1 ", "0x1", "one", "99999999999999999999"] {
            let said = read(&[("LISTEN_PID", "7"), ("LISTEN_FDS", wrong)]);
            assert_eq!(said, Err(format!("LISTEN_FDS is {wrong:?}, and that is no number")));
            let said = read(&[("LISTEN_PID", wrong), ("LISTEN_FDS", "1")]);
            assert_eq!(said, Err(format!("LISTEN_PID is {wrong:?}, and that is no number")));
            let said = read(&[("WATCHDOG_USEC", wrong)]);
            assert_eq!(said, Err(format!("WATCHDOG_USEC is {wrong:?}, and that is no number")));
        }
        let said = read(&[("LISTEN_PID", "7"), ("LISTEN_FDS", "65536")]);
        assert_eq!(said, Err("LISTEN_FDS is 65536, and more than 65535".to_owned()));
        let said = read(&[("WATCHDOG_USEC", "0")]);
        assert_eq!(said, Err("WATCHDOG_USEC is 0, and there is no such time".to_owned()));
    }
}

#[cfg(test)]
mod tests_supervision_notices {
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

#[cfg(test)]
mod tests_supervision_watchdog {
    use super::*;

    #[test]
    fn a_sign_is_given_when_every_loop_has_turned_since_the_last() {
        let mut rounds = Rounds::default();
        assert_eq!(rounds.see(&[Some(0), Some(0)]), Sign::None);
        assert_eq!(rounds.see(&[Some(1), Some(0)]), Sign::None);
        assert_eq!(rounds.see(&[Some(2), Some(0)]), Sign::None);
        assert_eq!(rounds.see(&[Some(2), Some(1)]), Sign::Alive);
        assert_eq!(rounds.see(&[Some(2), Some(2)]), Sign::None);
        assert_eq!(rounds.see(&[Some(3), None]), Sign::Alive);
        assert_eq!(rounds.see(&[Some(3), None]), Sign::None);
        assert_eq!(rounds.see(&[None, None]), Sign::Ended);
    }
}
