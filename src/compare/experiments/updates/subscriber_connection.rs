//! One connection of a subscriber: polls and their responses, or the notifications that the server pushes.

use std::net::Shutdown;
use std::time::Duration;

use crate::client::byte_observer::{ByteObserver, BytePurpose};
use crate::client::client_connection::{ClientConnection, status_words};
use crate::client::event_stream::Said;
use crate::client::event_stream_connection::EventStreamConnection;
use crate::client::handshake::{CompressionOffer, HandshakeOptions, handshake};
use crate::client::limits::MESSAGE_BYTES_MAX;
use crate::client::url::Url;
use crate::client::websocket::{ServerMessage, WebSocketConnection, rule_broken};
use crate::compare::byte_accounting::{check_tcp_info, is_ipv6, network_of, tcp_info};
use crate::compare::costs::{Application, Both};
use crate::compare::experiments::updates::subscriber_stats::Ledger;
use crate::compare::experiments::updates::ways::{LONG_POLL_SECONDS, UpdateWay};
use crate::compare::headers::Extra;
use crate::compare::load_connection::ANSWER_WAIT;
use crate::compare::run_error::RunError;
use crate::error::CommandError;
use crate::http::content_coding;
use crate::http::framing::ResponseFraming;
use crate::model::json_rpc::SUBPROTOCOL;
use crate::websocket::close;
use crate::websocket::frame::Opcode;

/// Each byte is counted at once, since another thread reads the counts at any time.
impl ByteObserver for &Ledger {
    fn sent(&mut self, purpose: BytePurpose, bytes: u64) {
        self.note(|tally| tally.said.sent(purpose, bytes));
    }

    fn received(&mut self, purpose: BytePurpose, bytes: u64) {
        self.note(|tally| tally.said.received(purpose, bytes));
    }
}

/// What a subscriber follows, in which way, and where its bytes are counted.
#[derive(Clone, Copy, Debug)]
pub struct SubscriberTarget<'t> {
    pub way: UpdateWay,
    pub url: &'t Url,
    pub extra: &'t Extra,
    pub ledger: &'t Ledger,
    /// Whether the kernel is asked about each connection (`TCP_INFO`).
    pub asks_kernel: bool,
}

/// A connection for polls.
#[derive(Debug)]
pub struct PollConnection<'f> {
    connection: ClientConnection<&'f Ledger>,
    /// What had been counted before it.
    bytes_before: Both<Application>,
}

/// A connection on which the server pushes.
#[derive(Debug)]
pub struct PushConnection<'f> {
    stream: PushStream<'f>,
    bytes_before: Both<Application>,
}

#[derive(Debug)]
enum PushStream<'f> {
    Events(Box<EventStreamConnection<&'f Ledger>>),
    Messages(Box<WebSocketConnection<&'f Ledger>>),
}

#[derive(Debug)]
pub struct ReceivedNotification {
    pub text: String,
    pub encoding: NotificationEncoding,
}

/// How a notification was sent, and where its bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationEncoding {
    /// Framing.
    Event,
    /// Payload.
    Message,
    /// Deflated: which of its bytes are payload cannot be told.
    CompressedMessage,
}

/// One response to a poll.
#[derive(Debug)]
pub struct PollResponse {
    /// None: it has not changed.
    pub body: Option<String>,
    pub tag: Option<String>,
    pub is_persistent: bool,
}

fn connect<'f>(
    target: &SubscriberTarget<'f>,
) -> Result<(ClientConnection<&'f Ledger>, Both<Application>), CommandError> {
    let connection = ClientConnection::connect(target.url, ANSWER_WAIT, target.ledger)?;
    connection.set_read_timeout(Some(SILENCE_MAX))?;
    let asked = if target.asks_kernel { Some(connection.transport().try_clone()?) } else { None };
    let bytes_before = target.ledger.note(|tally| {
        tally.connections += 1;
        tally.open = asked.map(|transport| (transport, tally.said));
        tally.said
    });
    Ok((connection, bytes_before))
}

/// Compares what was counted on a connection with what the kernel has counted, if the kernel is asked.
fn close(
    connection: &ClientConnection<&Ledger>,
    bytes_before: Both<Application>,
    target: &SubscriberTarget,
) -> Result<(), RunError> {
    if !target.asks_kernel {
        return Ok(());
    }
    let info = tcp_info(connection.transport())?;
    target.ledger.note(|tally| {
        let application = tally.said - bytes_before;
        check_tcp_info(&info, &application, connection.has_ended()).map_err(RunError::Inconsistent)?;
        tally.closed += network_of(&info, &application, is_ipv6(connection.transport()));
        tally.open = None;
        Ok(())
    })
}

impl<'f> PollConnection<'f> {
    pub fn open(target: &SubscriberTarget<'f>) -> Result<PollConnection<'f>, CommandError> {
        let (connection, bytes_before) = connect(target)?;
        Ok(PollConnection { connection, bytes_before })
    }

    /// Sends a request, and waits for the complete response.
    pub fn get(&mut self, target: &SubscriberTarget, tag: Option<&str>) -> Result<PollResponse, RunError> {
        let request = target.way.encode_request(target.url, target.extra, tag);
        self.connection.send_request(request.as_bytes())?;
        // At once: the response to a long poll may come in another part of the round.
        target.ledger.note(|tally| tally.asked += 1);
        let response = self.connection.read_response()?;
        let (is_persistent, tag) = (response.is_persistent, response.etag);
        match response.status {
            200 => {
                let body = if response.is_gzip {
                    let whole = content_coding::gunzip(&response.body, MESSAGE_BYTES_MAX);
                    whole.ok_or_else(|| {
                        RunError::failed("the body of an answer to a poll is no gzip".to_owned())
                    })?
                } else {
                    response.body
                };
                let body = Some(String::from_utf8_lossy(&body).into_owned());
                Ok(PollResponse { body, tag, is_persistent })
            }
            304 => Ok(PollResponse { body: None, tag, is_persistent }),
            status => {
                Err(RunError::failed(format!("the server answered {} to a poll", status_words(status))))
            }
        }
    }

    pub fn close(self, target: &SubscriberTarget) -> Result<(), RunError> {
        close(&self.connection, self.bytes_before, target)
    }
}

impl<'f> PushConnection<'f> {
    pub fn open(target: &SubscriberTarget<'f>) -> Result<PushConnection<'f>, RunError> {
        let (connection, bytes_before) = connect(target)?;
        target.ledger.note(|tally| tally.asked += 1);
        let stream = if target.way.is_on_socket() {
            let is_deflated = target.way == UpdateWay::SocketDeflated;
            let compression =
                if is_deflated { CompressionOffer::PermessageDeflate } else { CompressionOffer::None };
            let options =
                HandshakeOptions { subprotocol: Some(SUBPROTOCOL), compression, fields: target.extra };
            let (host, target) = (&target.url.authority, target.url.target());
            PushStream::Messages(Box::new(handshake(connection, host, &target, &options)?))
        } else {
            let request = target.way.encode_request(target.url, target.extra, None);
            let stream = EventStreamConnection::open(connection, &request)?;
            if stream.framing != ResponseFraming::UntilClose {
                let words = "the server's event stream has a length, or comes in chunks";
                return Err(RunError::failed(words.to_owned()));
            }
            PushStream::Events(Box::new(stream))
        };
        Ok(PushConnection { stream, bytes_before })
    }

    /// Waits for the next notification. Pings are answered meanwhile.
    pub fn receive(&mut self) -> Result<ReceivedNotification, RunError> {
        loop {
            let websocket = match &mut self.stream {
                PushStream::Messages(websocket) => websocket,
                PushStream::Events(events) => match events.receive()? {
                    Said::Event { data: text, .. } => {
                        return Ok(ReceivedNotification { text, encoding: NotificationEncoding::Event });
                    }
                    Said::Retry(_) => continue,
                },
            };
            match websocket.receive()? {
                ServerMessage::Text { text, is_compressed } => {
                    let encoding = match is_compressed {
                        true => NotificationEncoding::CompressedMessage,
                        false => NotificationEncoding::Message,
                    };
                    return Ok(ReceivedNotification { text, encoding });
                }
                ServerMessage::Ping(payload) => websocket.send(Opcode::Pong, &payload)?,
                ServerMessage::Binary { .. } | ServerMessage::Pong => {}
                ServerMessage::Close(_) => {
                    return Err(CommandError::Lost("the server closed the socket".to_owned()).into());
                }
                ServerMessage::ProtocolError(fault) => return Err(rule_broken(fault).into()),
                ServerMessage::End => {
                    return Err(CommandError::Lost("the server ended the stream".to_owned()).into());
                }
            }
        }
    }

    /// Ends the stream in good order: the server is told, and ends the connection.
    pub fn leave(self, target: &SubscriberTarget) -> Result<(), RunError> {
        let mut connection = match self.stream {
            PushStream::Messages(mut websocket) => {
                websocket.send_close(Some(close::NORMAL))?;
                websocket.connection
            }
            // The FIN of the client would count as a byte.
            PushStream::Events(events) if target.asks_kernel => {
                return close(&events.connection, self.bytes_before, target);
            }
            PushStream::Events(events) => {
                let ended = events.connection.transport().shut_down(Shutdown::Write);
                ended
                    .map_err(|error| RunError::failed(format!("the connection cannot be ended: {error}")))?;
                events.connection
            }
        };
        connection.read_to_end(SILENCE_MAX, BytePurpose::AfterClose)?;
        close(&connection, self.bytes_before, target)
    }
}

/// A long poll is held no longer than it asks to be, and a stream has heartbeats before that.
const SILENCE_MAX: Duration = Duration::from_secs(LONG_POLL_SECONDS as u64 + ANSWER_WAIT.as_secs());
