//! Who sees which change: one who polls, one who follows by events and one by a socket; and many who
//! follow on several loops.
//!
//! ```text
//!   poll ┊ write write write ┊ poll         3 changes: how many were seen, and how many were told?
//!   16 follow ┊ write ┊ 16 hear it          and one who comes back later with its position
//! ```

use std::time::{Duration, Instant};

use crate::client::byte_observer::BytePurpose;
use crate::client::client_connection::{Arrival, ClientConnection};
use crate::client::event_stream_connection::{self, EventStreamConnection};
use crate::client::handshake::{HandshakeOptions, handshake};
use crate::client::url::Url;
use crate::compare::interleaved_runs::Turns;
use crate::compare::load_connection::ANSWER_WAIT;
use crate::compare::run_error::RunError;
use crate::compare::server::Waits;
use crate::error::CommandError;

/// Of three changes, the last of which undoes the second.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub written: usize,
    /// States that were new to the one who polled behind them.
    pub polled: usize,
    /// By how much the number in the tag grew between the two polls.
    pub positions: u64,
    pub by_events: usize,
    pub by_socket: usize,
}

/// One write, and who heard of it.
#[derive(Clone, Copy, Debug)]
pub struct Loops {
    pub followers: usize,
    pub heard: usize,
    /// Times that one loop woke another meanwhile: then they were not all on the one that was written to.
    pub wakes: u64,
    /// Changes that one was told who came back, on another connection, with the position of before.
    pub resumed: usize,
}

pub fn watch(turns: &Turns) -> Result<Told, RunError> {
    turns.server.check_interrupted()?;
    let server = turns.server;
    let (url, first) = server.put("told", 64)?;
    let mut events = follow_by_events(&url, turns)?;
    let mut socket = follow(&url, turns)?;
    for done in ["true", "false", "true"] {
        change(turns, &url, done)?;
    }
    let (status, second, _) = server.get(&url.path)?;
    let told = Told {
        written: 3,
        polled: usize::from(status == 200 && second != first),
        positions: position(second.as_deref())? - position(first.as_deref())?,
        by_events: hear(&mut events, 3, turns)?,
        by_socket: hear(&mut socket, 3, turns)?,
    };
    drop((events, socket));
    turns.counting.settle()?;
    Ok(told)
}

pub fn spread(followers: usize, turns: &Turns) -> Result<Loops, RunError> {
    turns.server.check_interrupted()?;
    let server = turns.server;
    let (url, before) = server.put("spread", 64)?;
    let mut all = Vec::new();
    for _ in 0..followers {
        all.push(follow(&url, turns)?);
    }
    let wakes_before = wakes(turns)?;
    change(turns, &url, "true")?;
    let mut heard = 0;
    for follower in &mut all {
        heard += hear(follower, 1, turns)?;
    }
    let wakes = wakes(turns)? - wakes_before;
    let place = before.unwrap_or_default();
    let mut returned = follow_since(&url, place.trim_matches('"'))?;
    let resumed = hear(&mut returned, 1, turns)?;
    drop((all, returned));
    turns.counting.settle()?;
    Ok(Loops { followers, heard, wakes, resumed })
}

fn wakes(turns: &Turns) -> Result<u64, CommandError> {
    let calls = turns.server.system_calls(Waits::InAnyCase)?.unwrap_or_default();
    Ok(calls.get("wake").copied().unwrap_or(0))
}

fn change(turns: &Turns, url: &Url, done: &str) -> Result<(), CommandError> {
    let (status, _) = turns.server.write("PATCH", &url.path, &format!(r#"{{"done":{done}}}"#))?;
    if status == 200 {
        return Ok(());
    }
    Err(CommandError::Failed(format!("the server did not take a change: {status}")))
}

/// The number behind the epoch.
fn position(tag: Option<&str>) -> Result<u64, CommandError> {
    let number = tag.and_then(|tag| tag.trim_matches('"').rsplit_once('-')?.1.parse().ok());
    number.ok_or_else(|| CommandError::Failed(format!("{tag:?} is no position")))
}

/// Subscribes to changes from now on, and returns when the server has confirmed it.
fn follow(url: &Url, turns: &Turns) -> Result<ClientConnection, RunError> {
    let mut connection = follow_since(url, "now")?;
    count_received(&mut connection, POSITION, 1, turns)?;
    Ok(connection)
}

fn follow_since(url: &Url, position: &str) -> Result<ClientConnection, CommandError> {
    let connection = ClientConnection::connect(url, ANSWER_WAIT, ())?;
    let target = format!("{}?since={position}", url.path);
    Ok(handshake(connection, &url.authority, &target, &HandshakeOptions::default())?.connection)
}

fn follow_by_events(url: &Url, turns: &Turns) -> Result<ClientConnection, RunError> {
    let connection = ClientConnection::connect(url, ANSWER_WAIT, ())?;
    let target = format!("{}?since=now", url.path);
    let request = event_stream_connection::encode_request(&url.authority, &target, &[], &[]);
    let mut connection = EventStreamConnection::open(connection, &request)?.connection;
    count_received(&mut connection, POSITION, 1, turns)?;
    Ok(connection)
}

/// How many changes are received until there are so many, or nothing arrives any more.
fn hear(connection: &mut ClientConnection, count: usize, turns: &Turns) -> Result<usize, RunError> {
    count_received(connection, CHANGE, count, turns)
}

/// A notification is text on both transports, and contains its name once: so it is counted in the bytes as they
/// arrive.
fn count_received(
    connection: &mut ClientConnection,
    name: &str,
    count: usize,
    turns: &Turns,
) -> Result<usize, RunError> {
    let until = Instant::now() + HEARS_WITHIN;
    connection.set_read_timeout(Some(LOOK_UP))?;
    loop {
        let bytes = connection.buffered();
        let (heard, all) = (String::from_utf8_lossy(bytes).matches(name).count(), bytes.len());
        if heard >= count || Instant::now() > until {
            connection.consume(BytePurpose::MessagePayload, all);
            return Ok(heard);
        }
        turns.server.check_interrupted()?;
        // A failure may only mean that nothing has arrived yet.
        if let Ok(Arrival::End) = connection.read_more() {
            return Ok(heard);
        }
    }
}

const CHANGE: &str = r#""op":"updated""#;
const POSITION: &str = r#""position":""#;
/// Far more than a change needs on its way.
const HEARS_WITHIN: Duration = Duration::from_secs(5);
/// So soon an interrupt is seen.
const LOOK_UP: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_the_number_behind_the_epoch() {
        assert_eq!(position(Some("\"3f9c2a7b-42\"")).unwrap(), 42);
        assert!(position(Some("\"abc\"")).is_err() && position(None).is_err());
    }
}
