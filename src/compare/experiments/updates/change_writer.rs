//! Who makes the changes: each at its time, on one kept connection, whether or not those before it are
//! answered yet.
//!
//! ```text
//!   times ─▶ thread: sleep, PUT, sleep, PUT, …  ─▶ server
//!   answered ◀─ this thread: 200, 200, …        ◀─┘
//! ```
//!
//! The server's counters are asked for on the same connection, while nothing is under way there. So all
//! that is not followed passes one port, and can be left out.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::client_connection::{ClientConnection, status_words};
use crate::client::url::Url;
use crate::compare::interrupt::sleep_until;
use crate::compare::load_connection::ANSWER_WAIT;
use crate::compare::run_error::RunError;
use crate::compare::server::{Server, item_of, parse_system_calls};
use crate::error::CommandError;

#[derive(Debug)]
pub struct Writer<'s> {
    server: &'s Server,
    connection: ClientConnection,
    /// Ours.
    pub port: u16,
    item_bytes: u32,
}

/// When each change was written, and when its answer was there.
#[derive(Debug, Default)]
pub struct Written {
    pub sent: Vec<Instant>,
    pub answered: Vec<Instant>,
}

impl<'s> Writer<'s> {
    pub fn open(server: &'s Server, item_bytes: u32) -> Result<Writer<'s>, CommandError> {
        let connection = ClientConnection::connect(&server.url, ANSWER_WAIT, ())?;
        let port = connection.transport().socket().local_addr().map(|address| address.port());
        let port =
            port.map_err(|error| CommandError::Failed(format!("our own port cannot be told: {error}")))?;
        Ok(Writer { server, connection, port, item_bytes })
    }

    /// One change, and its answer.
    pub fn put(&mut self, number: u32) -> Result<(), CommandError> {
        self.connection.send_request(&encode_put(&self.server.url, &item_of(number, self.item_bytes)))?;
        hear(&mut self.connection, |_| ())
    }

    /// Changes 1, 2, … at these times after `start`; fewer where it is interrupted.
    pub fn make(
        &mut self,
        times: &[Duration],
        start: Instant,
        interrupted: &AtomicBool,
    ) -> Result<Written, RunError> {
        let (url, item_bytes) = (&self.server.url, self.item_bytes);
        let transport = self.connection.transport().try_clone()?;
        let connection = &mut self.connection;
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let writing = scope.spawn(move || {
                for (number, &time) in (1..).zip(times) {
                    let request = encode_put(url, &item_of(number, item_bytes));
                    if !sleep_until(start + time, interrupted) {
                        break;
                    }
                    let now = Instant::now();
                    transport.write_all(&request)?;
                    // Who reads the answers has failed: then there is nobody to tell.
                    if tell.send(now).is_err() {
                        break;
                    }
                }
                Ok::<(), CommandError>(())
            });
            let mut written = Written::default();
            let heard = told.iter().try_for_each(|sent| {
                hear(connection, |_| ())?;
                written.sent.push(sent);
                written.answered.push(Instant::now());
                Ok::<(), CommandError>(())
            });
            drop(told);
            writing.join().expect("a panic ends the process")?;
            heard?;
            Ok(written)
        })
    }

    /// System calls that the server has made, by name. To ask costs some, too, and each time the same.
    pub fn system_calls(&mut self) -> Result<Option<BTreeMap<String, u64>>, CommandError> {
        if !self.server.counts {
            return Ok(None);
        }
        let host = &self.server.url.authority;
        self.connection.send_request(format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
        hear(&mut self.connection, parse_system_calls).map(Some)
    }
}

/// One answer, which is to be 200.
fn hear<T>(connection: &mut ClientConnection, read: impl FnOnce(&str) -> T) -> Result<T, CommandError> {
    let response = connection.read_response()?;
    if response.status != 200 {
        let words = format!("a change was answered {}, and 200 was expected", status_words(response.status));
        return Err(CommandError::Failed(words));
    }
    Ok(read(&String::from_utf8_lossy(&response.body)))
}

fn encode_put(url: &Url, item: &str) -> Vec<u8> {
    let (target, host) = (url.target(), &url.authority);
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}", item.len());
    format!("PUT {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n\r\n{item}").into_bytes()
}
