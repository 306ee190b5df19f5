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

pub mod notices;
pub mod watchdog;

use crate::failure::Failure;
use std::ffi::OsString;
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
    pub fn of_environment() -> Result<Wishes, Failure> {
        Wishes::read(std::process::id(), |name| std::env::var_os(name)).map_err(Failure::Usage)
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
