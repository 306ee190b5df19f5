//! The interface to systemd, or to another service manager with the same protocol.
//!
//! ```text
//!   systemd                                               bothways
//!      │  opens the sockets, and starts the process           │
//!      ├── LISTEN_PID, LISTEN_FDS; descriptors 3, 4 … ──────▶ │
//!      │                                                      │  prints the addresses
//!      │ ◀────────────────────────── READY=1 on NOTIFY_SOCKET ┤
//!      │ ◀──────── WATCHDOG=1, as long as every loop proceeds ┤
//!      ├── SIGTERM ─────────────────────────────────────────▶ │
//!      │ ◀───────────────────────────────────────── STOPPING=1 ┤
//!      │  keeps the sockets: new connections wait for the next process
//! ```
//!
//! sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3) define the environment variables. They are not
//! removed: that is not safe once there are threads, the server starts no other program, and `LISTEN_PID`
//! names this process alone.
//!
//! The crates for this (`listenfd`, `sd-notify`) do not report what is wrong with an inherited socket, and
//! replace about one page of code.

use crate::config::Timeouts;
use crate::error::CommandError;
use crate::reactor::wakeup::WakeSender;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The environment variables that systemd sets.
#[derive(Debug, PartialEq, Eq)]
pub struct SystemdEnv {
    /// Number of inherited sockets, which are the descriptors from 3 on.
    pub sockets: u16,
    /// Address of the socket for notifications.
    pub notify: Option<OsString>,
    /// Longest interval between two notifications that the process is alive.
    pub watchdog: Option<Duration>,
}

impl SystemdEnv {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// `Usage` if a variable for this process is malformed.
    pub fn from_env() -> Result<SystemdEnv, CommandError> {
        SystemdEnv::read(std::process::id(), |name| std::env::var_os(name)).map_err(CommandError::Usage)
    }

    fn read(process: u32, variable: impl Fn(&str) -> Option<OsString>) -> Result<SystemdEnv, String> {
        let number = |name| read_number(name, variable(name));
        // Without LISTEN_PID the sockets are for nobody; without WATCHDOG_PID the interval is for any process.
        let is_listen_pid = number("LISTEN_PID")?.is_some_and(|pid| pid == u64::from(process));
        let sockets = if is_listen_pid { number("LISTEN_FDS")?.unwrap_or(0) } else { 0 };
        let sockets =
            u16::try_from(sockets).map_err(|_| format!("LISTEN_FDS is {sockets}, and more than 65535"))?;
        let is_watchdog_pid = number("WATCHDOG_PID")?.is_none_or(|pid| pid == u64::from(process));
        let watchdog = if is_watchdog_pid { number("WATCHDOG_USEC")? } else { None };
        if watchdog == Some(0) {
            return Err("WATCHDOG_USEC is 0, and there is no such time".to_owned());
        }
        let notify = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        Ok(SystemdEnv { sockets, notify, watchdog: watchdog.map(Duration::from_micros) })
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

/// Sends notifications, each in one datagram (sd_notify(3)), if the process was started with an address.
pub struct NotifySocket {
    target: Option<NotifyTarget>,
}

struct NotifyTarget {
    socket: UnixDatagram,
    address: UnixAddress,
    /// The last notification failed, and that was logged.
    warned: AtomicBool,
}

impl NotifySocket {
    /// `name` is a path, or `@` and an abstract name (unix(7)). An address that cannot be used is logged and
    /// ignored: serving is more important.
    pub fn new(name: Option<&OsStr>) -> NotifySocket {
        let target = name.and_then(|name| {
            NotifyTarget::new(name)
                .inspect_err(|error| log::warn!("NOTIFY_SOCKET is {name:?}, and nobody is told: {error}"))
                .ok()
        });
        NotifySocket { target }
    }

    /// Returns whether notifications are sent anywhere.
    pub fn has_target(&self) -> bool {
        self.target.is_some()
    }

    /// Reports that every socket listens and the store is loaded.
    pub fn ready(&self, addresses: &[SocketAddr]) {
        let urls: Vec<String> = addresses.iter().map(|address| format!("http://{address}")).collect();
        self.send(&format!("READY=1\nSTATUS=listening on {}", urls.join(", ")));
    }

    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=finishing what was begun");
    }

    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, text: &str) {
        let Some(NotifyTarget { socket, address, warned }) = &self.target else { return };
        let sent = socket.send_to_addr(text.as_bytes(), address);
        if let Err(error) = &sent
            && !warned.load(Ordering::Relaxed)
        {
            let first = text.lines().next().unwrap_or_default();
            log::warn!("the supervisor cannot be told {first} at NOTIFY_SOCKET: {error}");
        }
        warned.store(sent.is_err(), Ordering::Relaxed);
    }
}

impl NotifyTarget {
    fn new(name: &OsStr) -> io::Result<NotifyTarget> {
        let address = notify_address(name)?;
        let socket = UnixDatagram::unbound()?;
        // A reader that has stopped must not stop the server.
        socket.set_write_timeout(Some(Timeouts::NOTIFY))?;
        Ok(NotifyTarget { socket, address, warned: AtomicBool::new(false) })
    }
}

fn notify_address(name: &OsStr) -> io::Result<UnixAddress> {
    match name.as_bytes() {
        [b'/', ..] => UnixAddress::from_pathname(name),
        [b'@', rest @ ..] => abstract_address(rest),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it must begin with / or @")),
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<UnixAddress> {
    use std::os::linux::net::SocketAddrExt;
    UnixAddress::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<UnixAddress> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no abstract names"))
}

/// Checks in one watchdog interval. sd_watchdog_enabled(3) recommends two, but then a single turn that takes
/// a little longer could end the process.
const CHECKS_PER_INTERVAL: u32 = 4;

/// Starts a thread that notifies systemd as long as every loop proceeds. It ends with the last loop.
pub fn start_watchdog(
    notify: Arc<NotifySocket>,
    interval: Duration,
    loops: Vec<WakeSender>,
) -> io::Result<()> {
    let thread = thread::Builder::new().name("watchdog".to_owned());
    thread.spawn(move || watch(&notify, interval, &loops)).map(|_| ())
}

/// Wakes each loop, and notifies systemd once all have run a turn since. A notification without that would
/// show only that this thread is alive. A loop that has ended is not awaited: the shutdown has its own
/// timeout, which systemd knows.
fn watch(notify: &NotifySocket, interval: Duration, loops: &[WakeSender]) {
    let mut progress = LoopProgress::default();
    loop {
        let turns: Vec<Option<u64>> = loops.iter().map(WakeSender::iterations).collect();
        match progress.check(&turns) {
            WatchdogState::Ended => return,
            WatchdogState::Stalled => {}
            WatchdogState::Alive => notify.alive(),
        }
        loops.iter().for_each(WakeSender::wake);
        thread::sleep(interval / CHECKS_PER_INTERVAL);
    }
}

/// The number of turns that each loop had run at the last notification.
#[derive(Default)]
struct LoopProgress {
    last: Vec<Option<u64>>,
}

#[derive(Debug, PartialEq, Eq)]
enum WatchdogState {
    Alive,
    /// Some loop has run no turn since the last notification.
    Stalled,
    Ended,
}

impl LoopProgress {
    /// `turns` has the number of turns of each loop, and `None` for one that has ended.
    fn check(&mut self, turns: &[Option<u64>]) -> WatchdogState {
        if turns.iter().all(Option::is_none) {
            return WatchdogState::Ended;
        }
        let is_first = self.last.is_empty();
        let has_stalled = turns.iter().zip(&self.last).any(|(now, last)| now.is_some() && now <= last);
        if has_stalled {
            return WatchdogState::Stalled;
        }
        self.last = turns.to_vec();
        if is_first { WatchdogState::Stalled } else { WatchdogState::Alive }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)]) -> Result<SystemdEnv, String> {
        let find = |name: &str| environment.iter().find(|(known, _)| *known == name);
        SystemdEnv::read(7, |name| find(name).map(|(_, value)| value.into()))
    }

    #[test]
    fn only_what_is_for_us_is_heard() {
        assert_eq!(read(&[]), Ok(SystemdEnv { sockets: 0, notify: None, watchdog: None }));
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

    #[test]
    fn a_name_is_a_path_or_begins_with_an_at() {
        let path = notify_address(OsStr::new("/run/x")).unwrap();
        assert_eq!(path.as_pathname(), Some(std::path::Path::new("/run/x")));
        for wrong in ["run/x", "vsock:2:1234", &format!("/{}", "x".repeat(200))] {
            assert!(notify_address(OsStr::new(wrong)).is_err(), "{wrong}");
        }
        assert!(!NotifySocket::new(Some(OsStr::new("run/x"))).has_target());
        assert!(!NotifySocket::new(None).has_target());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_at_stands_for_no_file() {
        use std::os::linux::net::SocketAddrExt;
        assert_eq!(notify_address(OsStr::new("@x")).unwrap().as_abstract_name(), Some(&b"x"[..]));
    }

    #[test]
    fn a_sign_is_given_when_every_loop_has_turned_since_the_last() {
        let mut progress = LoopProgress::default();
        assert_eq!(progress.check(&[Some(0), Some(0)]), WatchdogState::Stalled);
        assert_eq!(progress.check(&[Some(1), Some(0)]), WatchdogState::Stalled);
        assert_eq!(progress.check(&[Some(2), Some(0)]), WatchdogState::Stalled);
        assert_eq!(progress.check(&[Some(2), Some(1)]), WatchdogState::Alive);
        assert_eq!(progress.check(&[Some(2), Some(2)]), WatchdogState::Stalled);
        assert_eq!(progress.check(&[Some(3), None]), WatchdogState::Alive);
        assert_eq!(progress.check(&[Some(3), None]), WatchdogState::Stalled);
        assert_eq!(progress.check(&[None, None]), WatchdogState::Ended);
    }
}
