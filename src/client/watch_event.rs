//! One connection of `watch`, on either transport, read by a thread of its own.
//!
//! ```text
//! ws:    handshake ─→ WebSocketConnection ────┐
//!                                             ├─→ Connected, Message …, Ended: always the last
//! http:  request ───→ EventStreamConnection ──┘
//! ```

use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use crate::client::client_connection::{ClientConnection, status_words};
use crate::client::event_stream::Said;
use crate::client::event_stream_connection::{self, EventStreamConnection};
use crate::client::handshake::{HandshakeOptions, handshake};
use crate::client::limits::ANSWER_WAIT;
use crate::client::resume_point::Place;
use crate::client::url::{Scheme, Url};
use crate::client::websocket::{ServerMessage, WebSocketSender, close_message};
use crate::error::{CommandError, ProtocolError};
use crate::websocket::close::{self, Closing};

/// Something for `watch` to act on.
#[derive(Debug)]
pub enum WatchEvent {
    /// There is a connection. On a WebSocket, frames can be sent.
    Connected(Option<WebSocketSender>),
    /// With the id of its event, if it came in one.
    Message {
        text: String,
        id: Option<String>,
    },
    Binary {
        bytes: usize,
    },
    /// To be answered with the same payload.
    Ping(Vec<u8>),
    Pong,
    /// To be answered with the same code.
    Close(Closing),
    /// The time to wait before a reconnect.
    Retry(Duration),
    /// The connection has ended; no event of it follows.
    Ended(EndReason),
    /// SIGINT or SIGTERM.
    Interrupted,
}

/// Why a connection ended.
#[derive(Debug)]
pub enum EndReason {
    Failed(CommandError),
    /// The server broke a rule, and is to be told so.
    ProtocolError(ProtocolError),
    /// The server says that no more will follow.
    Done(String),
}

/// Connects, and sends the events of the connection from that resume point on. A server that is silent for
/// `silence_max` is lost.
pub fn connect(url: &Url, place: &Place, silence_max: Duration, events: SyncSender<WatchEvent>) {
    let (url, target, id) = (url.clone(), place.target(url), place.last_event_id());
    thread::spawn(move || {
        let end = match url.scheme {
            Scheme::Ws => over_websocket(&url, &target, silence_max, &events),
            Scheme::Http => over_event_stream(&url, &target, id.as_deref(), silence_max, &events),
        };
        // An error means that the watcher has left.
        let _ = events.send(WatchEvent::Ended(end.unwrap_or_else(EndReason::Failed)));
    });
}

fn over_websocket(
    url: &Url,
    target: &str,
    silence_max: Duration,
    events: &SyncSender<WatchEvent>,
) -> Result<EndReason, CommandError> {
    let connection = ClientConnection::connect(url, ANSWER_WAIT, ())?;
    let mut websocket = handshake(connection, &url.authority, target, &HandshakeOptions::default())?;
    let sender = websocket.sender()?;
    websocket.connection.set_read_timeout(Some(silence_max))?;
    send(events, WatchEvent::Connected(Some(sender)))?;
    loop {
        let event = match websocket.receive()? {
            ServerMessage::Text { text, .. } => WatchEvent::Message { text, id: None },
            ServerMessage::Binary { bytes } => WatchEvent::Binary { bytes },
            ServerMessage::Ping(payload) => WatchEvent::Ping(payload),
            ServerMessage::Pong => WatchEvent::Pong,
            ServerMessage::Close(closing) => WatchEvent::Close(closing),
            ServerMessage::ProtocolError(fault) => return Ok(EndReason::ProtocolError(fault)),
            ServerMessage::End => {
                return Err(CommandError::Lost(close_message(close::ABNORMAL, "without a close frame")));
            }
        };
        send(events, event)?;
    }
}

fn over_event_stream(
    url: &Url,
    target: &str,
    id: Option<&str>,
    silence_max: Duration,
    events: &SyncSender<WatchEvent>,
) -> Result<EndReason, CommandError> {
    let connection = ClientConnection::connect(url, ANSWER_WAIT, ())?;
    let mut fields = vec![("Cache-Control", "no-store"), ("Connection", "close")];
    fields.extend(id.map(|id| ("Last-Event-ID", id)));
    let request = event_stream_connection::encode_request(&url.authority, target, &[], &fields);
    let mut stream = match EventStreamConnection::open(connection, &request) {
        Ok(stream) if stream.is_event_stream() => stream,
        Ok(_) => return Err(CommandError::Failed("the server's answer is no event stream".to_owned())),
        Err(CommandError::Refused { status: 204, .. }) => {
            return Ok(EndReason::Done(format!("the server ended the stream: {}", status_words(204))));
        }
        Err(failure) => return Err(failure),
    };
    stream.connection.set_read_timeout(Some(silence_max))?;
    send(events, WatchEvent::Connected(None))?;
    loop {
        let event = match stream.receive()? {
            Said::Event { data, id } => WatchEvent::Message { text: data, id },
            Said::Retry(wait) => WatchEvent::Retry(wait),
        };
        send(events, event)?;
    }
}

/// Waits until there is room for it.
fn send(events: &SyncSender<WatchEvent>, event: WatchEvent) -> Result<(), CommandError> {
    events.send(event).map_err(|_| CommandError::Lost("nobody listens any more".to_owned()))
}
