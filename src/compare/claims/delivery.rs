//! Who sees which change: one who polls, one who follows by events and one by a socket; and many who
//! follow on several loops.
//!
//! ```text
//!   poll ┊ write write write ┊ poll         3 changes: how many were seen, and how many were told?
//!   16 follow ┊ write ┊ 16 hear it          and one who comes back later with its position
//! ```

use std::time::{Duration, Instant};

use crate::client::buffered_stream::{Arrival, Stream};
use crate::client::handshake::{self, Asks};
use crate::client::response;
use crate::client::url::Url;
use crate::compare::interleaved_runs::Turns;
use crate::compare::load_client::ANSWER_WAIT;
use crate::compare::run_error::RunError;
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
    turns.look_up()?;
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
    turns.settle()?;
    Ok(told)
}

pub fn spread(followers: usize, turns: &Turns) -> Result<Loops, RunError> {
    turns.look_up()?;
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
    turns.settle()?;
    Ok(Loops { followers, heard, wakes, resumed })
}

fn wakes(turns: &Turns) -> Result<u64, CommandError> {
    let calls = turns.server.system_calls()?.unwrap_or_default();
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

/// From now on: it listens when this returns.
fn follow(url: &Url, turns: &Turns) -> Result<Stream, RunError> {
    let mut stream = follow_since(url, "now")?;
    hear_of(&mut stream, POSITION, 1, turns)?;
    Ok(stream)
}

fn follow_since(url: &Url, place: &str) -> Result<Stream, CommandError> {
    let mut stream = Stream::connect(url, ANSWER_WAIT)?;
    let target = format!("{}?since={place}", url.path);
    handshake::shake_hands(&mut stream, &url.authority, &target, &Asks::default())?;
    Ok(stream)
}

fn follow_by_events(url: &Url, turns: &Turns) -> Result<Stream, RunError> {
    let mut stream = Stream::connect(url, ANSWER_WAIT)?;
    let (path, host) = (&url.path, &url.authority);
    let head = format!("GET {path}?since=now HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n");
    stream.write(head.as_bytes())?;
    let (status, framing) = response::read_head(&mut stream, false, |head, _| (head.status, head.framing))?;
    if status != 200 {
        let what = "the server refused the event stream";
        return Err(handshake::refused(what, status, &mut stream, framing).into());
    }
    hear_of(&mut stream, POSITION, 1, turns)?;
    Ok(stream)
}

/// How many changes it is told until there are so many, or nothing comes any more.
fn hear(stream: &mut Stream, count: usize, turns: &Turns) -> Result<usize, RunError> {
    hear_of(stream, CHANGE, count, turns)
}

/// A notice is text on both roads, and its name stands in it once.
fn hear_of(stream: &mut Stream, name: &str, count: usize, turns: &Turns) -> Result<usize, RunError> {
    let until = Instant::now() + HEARS_WITHIN;
    stream.wait_for_reads(Some(LOOK_UP))?;
    loop {
        let text = String::from_utf8_lossy(stream.unread());
        let heard = text.matches(name).count();
        if heard >= count || Instant::now() > until {
            stream.consume(stream.unread().len());
            return Ok(heard);
        }
        turns.look_up()?;
        // An error may only say that nothing has come yet: what it is worth is known when the time is over.
        if let Ok(Arrival::End) = stream.read_more() {
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
