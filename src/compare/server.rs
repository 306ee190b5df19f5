//! The server that is measured: a child of ours, or one that is there already. It is seen from outside,
//! as anybody could.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::client::byte_observer::BytePurpose;
use crate::client::client_connection::{ClientConnection, status_words};
use crate::client::url::{Scheme, Url};
use crate::compare::interrupt::sleep_until;
use crate::compare::load_connection::ANSWER_WAIT;
use crate::compare::run_error::RunError;
use crate::compare::system_calls::SystemCalls;
use crate::error::CommandError;
use crate::netlab::proc;
use crate::netlab::sys;

#[derive(Debug)]
pub struct Server {
    child: Option<Child>,
    /// What is asked for. Its host is an address, so that no connection waits for a name, and behind it may
    /// lie a distance; the authority is what the server is called.
    pub url: Url,
    /// The same without a distance.
    pub near: Url,
    /// Its process, where that is known.
    pub process: Option<u32>,
    /// The entity tag of what is asked for, if it has one.
    pub tag: Option<String>,
    /// Whether it counts its system calls, and says so at /metrics.
    pub counts: bool,
    /// Up: nobody waits any more for what is measured.
    pub interrupted: Arc<AtomicBool>,
}

/// Whether an interrupt ends the wait for a response. It is a failure, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    UntilInterrupted,
    InAnyCase,
}

impl Server {
    /// Starts `bothways serve` as a child at that address, with so many loops and one item of so many bytes.
    pub fn start(
        address: SocketAddr,
        item_bytes: u32,
        loops: u16,
        interrupted: &Arc<AtomicBool>,
    ) -> Result<Server, CommandError> {
        let failed = |error| CommandError::Failed(format!("a server to measure cannot be started: {error}"));
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.args([
            "serve",
            "--memory",
            "--loops",
            &loops.to_string(),
            "--listen",
            &address.to_string(),
            "--collection",
            "tasks",
        ]);
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.as_encoded_bytes().starts_with(b"BOTHWAYS_")) {
            command.env_remove(name);
        }
        command.env("RUST_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::piped());
        // An interrupt at the terminal is for us: what was measured is to be printed first.
        command.process_group(0);
        sys::end_with_us(&mut command);
        let mut child = command.spawn().map_err(failed)?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is a pipe");
        let read = BufReader::new(stdout).read_line(&mut line);
        let process = Some(child.id());
        let (child, interrupted) = (Some(child), Arc::clone(interrupted));
        let (url, near) = (nowhere(), nowhere());
        let mut server = Server { child, url, near, process, tag: None, counts: false, interrupted };
        read.map_err(failed)?;
        let Some(address) = line.trim_end().strip_prefix("listening on ") else {
            let words = format!("the server said {line:?} where it should say where it listens");
            return Err(CommandError::Failed(words));
        };
        server.url = format!("{address}/tasks/1").parse()?;
        server.near = server.url.clone();
        server.put("1", item_bytes)?;
        server.look()?;
        Ok(server)
    }

    /// One that is there.
    pub fn at(
        url: &str,
        process: Option<u32>,
        interrupted: &Arc<AtomicBool>,
    ) -> Result<Server, CommandError> {
        let mut url: Url = url.parse()?;
        if url.scheme != Scheme::Http {
            let words = "--url takes http://; the same host is asked by WebSocket, too";
            return Err(CommandError::Usage(words.to_owned()));
        }
        if let Some(process) = process
            && proc::processor_time(process).is_none()
        {
            let words = format!("there is no process {process}, or it is not ours to look at");
            return Err(CommandError::Failed(words));
        }
        url.host = resolve(&url)?;
        let (near, interrupted) = (url.clone(), Arc::clone(interrupted));
        let mut server = Server { child: None, url, near, process, tag: None, counts: false, interrupted };
        server.look()?;
        Ok(server)
    }

    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Fails if the run was interrupted.
    pub fn check_interrupted(&self) -> Result<(), RunError> {
        if self.is_interrupted() { Err(RunError::Interrupted) } else { Ok(()) }
    }

    /// Sleeps until `due`, or until the run is interrupted.
    pub fn sleep_until(&self, due: Instant) -> Result<(), RunError> {
        if sleep_until(due, &self.interrupted) { Ok(()) } else { Err(RunError::Interrupted) }
    }

    pub fn is_ours(&self) -> bool {
        self.child.is_some()
    }

    /// From now on it is reached there, over a distance.
    pub fn reach(&mut self, address: SocketAddr) {
        self.url.host = address.ip().to_string();
        self.url.port = address.port();
    }

    /// Whether a distance lies before it. Its authority stays what it was.
    pub fn is_far(&self) -> bool {
        (&self.url.host, self.url.port) != (&self.near.host, self.near.port)
    }

    /// Where it listens itself.
    pub fn address(&self) -> Result<SocketAddr, CommandError> {
        let address = self.near.host.parse().map(|address| SocketAddr::new(address, self.near.port));
        address.map_err(|_| CommandError::Lost(format!("{} has no address", self.near.authority)))
    }

    pub fn processor_time(&self) -> Option<Duration> {
        proc::processor_time(self.process?)
    }

    /// System calls that it has made, by name. The request for them costs some, too.
    pub fn system_calls(&self, waits: Waits) -> Result<SystemCalls, CommandError> {
        if !self.counts {
            return Ok(None);
        }
        let (_, _, text) = self.exchange(&self.encode_get("/metrics"), waits)?;
        Ok(Some(parse_system_calls(&text)))
    }

    /// One more item of so many bytes, of a server of ours: what to ask for, and its tag.
    pub fn put(&self, id: &str, bytes: u32) -> Result<(Url, Option<String>), CommandError> {
        let mut url = self.url.clone();
        url.path = format!("/tasks/{id}");
        let (status, tag) = self.write("PUT", &url.path, &item(id, bytes))?;
        if status != 201 {
            return Err(CommandError::Failed(format!(
                "the server did not take the item to ask for: {status}"
            )));
        }
        Ok((url, tag))
    }

    /// Where that item is, if it is there.
    pub fn has(&self, id: &str) -> Result<Option<Url>, CommandError> {
        let mut url = self.url.clone();
        url.path = format!("/tasks/{id}");
        let (status, ..) = self.get(&url.path)?;
        Ok((status == 200).then_some(url))
    }

    /// One write, beside all that is measured: its status, and the tag of what was written.
    pub fn write(&self, method: &str, path: &str, body: &str) -> Result<(u16, Option<String>), CommandError> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.url.authority,
            body.len()
        );
        let (status, tag, _) = self.exchange(&request, Waits::InAnyCase)?;
        Ok((status, tag))
    }

    /// Is it there, what is its tag, and does it count?
    fn look(&mut self) -> Result<(), CommandError> {
        let get = |target: &str| self.exchange(&self.encode_get(target), Waits::UntilInterrupted);
        let (status, tag, _) = get(&self.url.target())?;
        if status != 200 {
            let words = status_words(status);
            let authority = &self.url.authority;
            return Err(CommandError::Failed(format!("{authority} answered {words}, and 200 is needed")));
        }
        // Whatever answers something else there is no bothways, and has nothing to tell.
        let metrics = get("/metrics").map(|(_, _, text)| parse_system_calls(&text));
        let counts = metrics.is_ok_and(|calls| !calls.is_empty());
        (self.tag, self.counts) = (tag, counts);
        Ok(())
    }

    /// Status, entity tag and body.
    pub fn get(&self, target: &str) -> Result<(u16, Option<String>, String), CommandError> {
        self.exchange(&self.encode_get(target), Waits::InAnyCase)
    }

    fn encode_get(&self, target: &str) -> String {
        let host = &self.url.authority;
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    }

    /// On a connection of its own, which the server closes first, if it does what it says.
    fn exchange(&self, request: &str, waits: Waits) -> Result<(u16, Option<String>, String), CommandError> {
        let mut connection = ClientConnection::connect(&self.url, ANSWER_WAIT, ())?;
        if waits == Waits::UntilInterrupted {
            connection.set_cancel_flag(Arc::clone(&self.interrupted))?;
        }
        connection.set_deadline(ANSWER_WAIT);
        connection.send_request(request.as_bytes())?;
        let response = connection.read_response()?;
        if !response.is_persistent {
            // So that nothing travels later. The response is complete, however the connection ends.
            let _ = connection.read_to_end(CLOSES_WITHIN, BytePurpose::Surplus);
        }
        let body = String::from_utf8_lossy(&response.body).into_owned();
        Ok((response.status, response.etag, body))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It keeps nothing that could be lost.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Where a server is that has not said it yet.
fn nowhere() -> Url {
    "http://127.0.0.1/".parse().expect("it is one")
}

/// The first address of the host that answers; where none does, the first, so that it is told of that one.
fn resolve(url: &Url) -> Result<String, CommandError> {
    let addresses = (&*url.host, url.port).to_socket_addrs();
    let addresses: Vec<SocketAddr> = addresses.map(Iterator::collect).unwrap_or_default();
    let address = first_that_answers(&addresses);
    let address = address.ok_or_else(|| CommandError::Lost(format!("{} has no address", url.authority)))?;
    Ok(address.ip().to_string())
}

/// Nobody is asked where there is no choice.
fn first_that_answers(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    let answers = |address: &&SocketAddr| TcpStream::connect_timeout(address, ANSWER_WAIT).is_ok();
    match addresses {
        [] | [_] => addresses.first().copied(),
        several => several.iter().find(answers).or(several.first()).copied(),
    }
}

/// An item of exactly so many bytes, of words as people write them: neither noise nor one letter.
fn item(id: &str, bytes: u32) -> String {
    let frame = format!(r#"{{"id":"{id}","text":""}}"#);
    let words = WORDS.iter().cycle().flat_map(|word| word.chars().chain([' ']));
    let text: String = words.take(bytes as usize - frame.len()).collect();
    format!(r#"{{"id":"{id}","text":"{text}"}}"#)
}

/// The same, and which of several it is.
pub fn item_of(number: u32, bytes: u32) -> String {
    let frame = r#"{"id":"1","text":""}"#;
    let item = item("1", bytes);
    format!(r#"{{"id":"1","text":"{number:08}{}"#, &item[frame.len() - 2 + 8..])
}

/// Which of several an item is, by its JSON.
pub fn number_of(item: &str) -> Option<u32> {
    item.split_once(r#""text":""#)?.1.get(..8)?.parse().ok()
}

const WORDS: &[&str] = &[
    "buy", "milk", "and", "bread", "on", "the", "way", "home", "then", "call", "Anna", "about", "Sunday",
    "before", "it", "rains", "water", "plants", "in", "window", "read", "letter", "from", "school", "pay",
];

/// `bothways_system_calls_total{call="read"} 17`
pub fn parse_system_calls(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(r#"bothways_system_calls_total{call=""#));
    lines
        .filter_map(|rest| {
            let (name, number) = rest.split_once("\"} ")?;
            Some((name.to_owned(), number.parse().ok()?))
        })
        .collect()
}

/// Whichever is free.
pub const ANY_PORT: u16 = 0;
/// Longest wait for the end of a connection of which the server says that it closes it.
const CLOSES_WITHIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn of_several_addresses_one_that_answers_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        // The same port, where nobody listens.
        let nowhere = SocketAddr::new([127, 0, 0, 2].into(), there.port());
        assert_eq!(first_that_answers(&[nowhere, there]), Some(there));
        assert_eq!(first_that_answers(&[there, nowhere]), Some(there));
        assert_eq!(first_that_answers(&[nowhere]), Some(nowhere));
        drop(listener);
        assert_eq!(first_that_answers(&[nowhere, there]), Some(nowhere));
        assert_eq!(first_that_answers(&[]), None);
    }

    #[test]
    fn an_item_is_as_long_as_was_asked() {
        for bytes in [64, 65, 1000, 100_000] {
            let item = item("1", bytes);
            assert_eq!(item.len(), bytes as usize);
            assert!(item.starts_with(r#"{"id":"1","text":"buy milk"#) && item.ends_with(r#""}"#), "{item}");
        }
    }

    #[test]
    fn an_item_says_which_it_is() {
        for (number, bytes) in [(0, 64), (17, 65), (99_999_999, 1000)] {
            let item = item_of(number, bytes);
            assert_eq!((item.len(), number_of(&item)), (bytes as usize, Some(number)));
            assert!(item.starts_with(r#"{"id":"1","text":""#) && item.ends_with(r#""}"#), "{item}");
        }
        assert_eq!(number_of(r#"{"id":"1","text":"buy milk and"}"#), None);
        assert_eq!(number_of("[]"), None);
    }

    #[test]
    fn system_calls_are_found_among_the_metrics() {
        let text = "# TYPE bothways_system_calls_total counter\n\
                    bothways_system_calls_total{call=\"read\"} 17\n\
                    bothways_system_calls_total{call=\"poll\"} 4\nbothways_requests_total 9\n";
        let calls = parse_system_calls(text);
        assert_eq!(calls.into_iter().collect::<Vec<_>>(), [("poll".to_owned(), 4), ("read".to_owned(), 17)]);
        assert!(parse_system_calls("<html>").is_empty());
    }
}
