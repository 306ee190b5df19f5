//! `bothways watch URL`: follow a resource, print what comes, and come back when the connection is lost.
//!
//! Threads wait, for the server and for a signal, and one acts on what they tell:
//!
//! ```text
//! server ──→ road ─────┐
//!                      ├─→ news ──→ watch ──→ standard output, pings, pongs, closes
//! signals ─→ interrupt ┘             │
//!               ↑                    ↓ lost
//!             road again  ←──  wait a while; place: go on behind what was printed
//! ```

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::IgnoredAny;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::client::backoff::Backoff;
use crate::client::limits::{CLOSE_WAIT, QUEUED_EVENTS_MAX, Silence};
use crate::client::resume_point::Place;
use crate::client::url::Url;
use crate::client::watch_event::{self, EndReason, WatchEvent};
use crate::client::websocket::{WebSocketSender, close_message, random};
use crate::error::CommandError;
use crate::websocket::close::{self, Closing};
use crate::websocket::frame::Opcode;

/// Which resource is followed, and how it is printed.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// Not parsed yet.
    pub url: String,
    pub format: OutputFormat,
}

/// Prints `Connected!` for each connection, and a line for each message, until interrupted or until the
/// server says in good order that no more is to come. What cannot be had at all is a failure, and so is
/// the first connection where there is none; later ones are tried again.
pub fn run(watch: &WatchOptions) -> Result<(), CommandError> {
    let url: Url = watch.url.parse()?;
    let (tell, news) = sync_channel(QUEUED_EVENTS_MAX);
    interrupt(tell.clone())?;
    let paper = Paper { form: watch.format, out: io::stdout().lock(), aside: io::stderr() };
    CommandError::ignore_broken_pipe(Watcher::new(url, tell, news, paper).watch())
}

/// Tells of signals from now on.
fn interrupt(tell: SyncSender<WatchEvent>) -> Result<(), CommandError> {
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| CommandError::Failed(format!("cannot listen for signals: {error}")))?;
    thread::spawn(move || {
        for _ in signals.forever() {
            if tell.send(WatchEvent::Interrupted).is_err() {
                return;
            }
        }
    });
    Ok(())
}

#[derive(Debug)]
struct Watcher<O, A> {
    url: Url,
    place: Place,
    backoff: Backoff,
    silence: Silence,
    /// Whether there was a connection already.
    was_connected: bool,
    tell: SyncSender<WatchEvent>,
    news: Receiver<WatchEvent>,
    paper: Paper<O, A>,
}

/// What became of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    /// To the end of the time.
    Out,
    /// To the end of the connection.
    Over,
    Interrupted,
}

impl<O: Write, A: Write> Watcher<O, A> {
    fn new(
        url: Url,
        tell: SyncSender<WatchEvent>,
        news: Receiver<WatchEvent>,
        paper: Paper<O, A>,
    ) -> Watcher<O, A> {
        let (place, backoff, silence) = (Place::default(), Backoff::default(), Silence::DEFAULT);
        Watcher { url, place, backoff, silence, was_connected: false, tell, news, paper }
    }

    fn watch(&mut self) -> Result<(), CommandError> {
        loop {
            watch_event::connect(&self.url, &self.place, self.silence.most, self.tell.clone());
            let Err(failure) = self.follow_one() else { return Ok(()) };
            let is_gone = matches!(failure, CommandError::Refused { status: 410, .. });
            if is_gone && self.place.forget(&self.url) {
                self.paper.say(format_args!("{failure}; beginning anew"));
                continue;
            }
            if !self.was_connected || !may_pass(&failure) {
                return Err(failure);
            }
            let wait = self.backoff.wait(u32::from_ne_bytes(random()?));
            self.paper.say(format_args!("{failure}; trying again in {:.2} s", wait.as_secs_f64()));
            if self.wait(wait) == Waited::Interrupted {
                return Ok(());
            }
        }
    }

    /// From one connection's beginning to its end. No failure: there is nothing more to follow.
    fn follow_one(&mut self) -> Result<(), CommandError> {
        let mut speaker: Option<WebSocketSender> = None;
        loop {
            match self.news.recv_timeout(self.silence.ping_after) {
                Ok(WatchEvent::Connected(outgoing)) => {
                    speaker = outgoing;
                    self.was_connected = true;
                    self.paper.connected()?;
                }
                Ok(WatchEvent::Message { text, id }) => {
                    self.backoff.reset();
                    if self.place.pass(&text, id) {
                        self.paper.message(&text)?;
                    }
                }
                Ok(WatchEvent::Binary { bytes }) => {
                    self.backoff.reset();
                    self.paper.binary(bytes)?;
                }
                Ok(WatchEvent::Ping(payload)) => {
                    speak(&mut speaker, |outgoing| outgoing.send(Opcode::Pong, &payload))
                }
                Ok(WatchEvent::Pong) => {}
                Ok(WatchEvent::Retry(first)) => self.backoff.begin_with(first),
                Ok(WatchEvent::Close(closing)) => return self.closed(&closing, speaker),
                Ok(WatchEvent::Ended(reason)) => return self.handle_end(reason, speaker),
                Ok(WatchEvent::Interrupted) => {
                    self.leave(speaker);
                    return Ok(());
                }
                Err(RecvTimeoutError::Timeout) => {
                    speak(&mut speaker, |outgoing| outgoing.send(Opcode::Ping, b""))
                }
                Err(RecvTimeoutError::Disconnected) => unreachable!("we hold a sender ourselves"),
            }
        }
    }

    fn handle_end(
        &mut self,
        reason: EndReason,
        speaker: Option<WebSocketSender>,
    ) -> Result<(), CommandError> {
        match (reason, speaker) {
            (EndReason::Failed(failure), _) => Err(failure),
            (EndReason::ProtocolError(fault), Some(mut outgoing)) => Err(outgoing.fail(fault)),
            (EndReason::ProtocolError(fault), None) => Err(CommandError::Failed(fault.to_string())),
            (EndReason::Done(line), _) => {
                self.paper.say(format_args!("{line}"));
                Ok(())
            }
        }
    }

    /// The server closes: answer with the same code (RFC 6455 §5.5.1).
    fn closed(&mut self, closing: &Closing, speaker: Option<WebSocketSender>) -> Result<(), CommandError> {
        let mut waited = Waited::Out;
        if let Some(mut outgoing) = speaker {
            // It may be gone already, and that is as good.
            let _ = outgoing.close(closing.code);
            waited = self.wait(CLOSE_WAIT);
            if waited == Waited::Out {
                outgoing.shut_down();
                waited = self.wait(CLOSE_WAIT);
            }
        }
        let code = closing.code.unwrap_or(close::NO_CODE);
        let line = close_message(code, &closing.reason);
        match code {
            _ if waited == Waited::Interrupted => Ok(()),
            close::NORMAL => {
                self.paper.say(format_args!("{line}"));
                Ok(())
            }
            // It will not like us better another time.
            close::PROTOCOL_ERROR
            | close::UNSUPPORTED
            | close::PAYLOAD_INVALID
            | close::TOO_LONG
            | close::EXTENSION_MISSING => Err(CommandError::Failed(line)),
            _ => Err(CommandError::Lost(line)),
        }
    }

    /// We close: say so, and give the server a moment to say it too.
    fn leave(&mut self, speaker: Option<WebSocketSender>) {
        if let Some(mut outgoing) = speaker
            && outgoing.close(Some(close::NORMAL)).is_ok()
        {
            self.wait(CLOSE_WAIT);
        }
    }

    /// Whatever else is heard meanwhile is passed over. A server should end the connection that it has
    /// closed (§7.1.1); a signal ends the wait for it.
    fn wait(&mut self, time: Duration) -> Waited {
        let until = Instant::now() + time;
        loop {
            match self.news.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(WatchEvent::Interrupted) => return Waited::Interrupted,
                Ok(WatchEvent::Ended(_)) => return Waited::Over,
                Ok(_) => {}
                Err(_) => return Waited::Out,
            }
        }
    }
}

/// Says something to the server, if it can be said. If not, whoever listens hears of an end.
fn speak(
    speaker: &mut Option<WebSocketSender>,
    say: impl FnOnce(&mut WebSocketSender) -> Result<(), CommandError>,
) {
    if let Some(outgoing) = speaker
        && say(outgoing).is_err()
    {
        outgoing.shut_down();
    }
}

/// Whether trying again may help.
fn may_pass(failure: &CommandError) -> bool {
    match failure {
        CommandError::Lost(_) => true,
        CommandError::Refused { status, .. } => matches!(status, 408 | 429 | 500..),
        CommandError::Usage(_) | CommandError::Failed(_) | CommandError::Output(_) => false,
    }
}

/// Where lines go.
#[derive(Debug)]
struct Paper<O, A> {
    form: OutputFormat,
    out: O,
    /// For what is not to be mixed with messages. Nobody may be there to read it.
    aside: A,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// `Connected!` for each connection, and `Received: …` for each message.
    Text,
    /// One JSON text on each line, and nothing else.
    Json,
}

impl<O: Write, A: Write> Paper<O, A> {
    fn connected(&mut self) -> Result<(), CommandError> {
        match self.form {
            OutputFormat::Text => self.line(format_args!("Connected!")),
            OutputFormat::Json => {
                let _ = writeln!(self.aside, "Connected!");
                Ok(())
            }
        }
    }

    fn message(&mut self, text: &str) -> Result<(), CommandError> {
        match self.form {
            OutputFormat::Text => self.line(format_args!("Received: {text}")),
            OutputFormat::Json if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
                // Between the tokens of a JSON text, and nowhere else, one blank is as good as another.
                self.line(format_args!("{}", text.replace(['\r', '\n'], " ").trim()))
            }
            OutputFormat::Json => self.line(format_args!("{}", serde_json::Value::from(text))),
        }
    }

    fn binary(&mut self, bytes: usize) -> Result<(), CommandError> {
        match self.form {
            OutputFormat::Text => self.line(format_args!("Received: {bytes} bytes")),
            OutputFormat::Json => self.line(format_args!("{{\"bytes\":{bytes}}}")),
        }
    }

    /// A line that is there at once, also where standard output is a pipe.
    fn line(&mut self, line: std::fmt::Arguments) -> Result<(), CommandError> {
        writeln!(self.out, "{line}").and_then(|()| self.out.flush()).map_err(CommandError::Output)
    }

    fn say(&mut self, line: std::fmt::Arguments) {
        let _ = writeln!(self.aside, "bothways: {line}");
    }
}

#[cfg(test)]
mod tests;
