//! One connection of a load client. It counts what each byte is for.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::client::byte_observer::{ByteObserver, BytePurpose};
use crate::client::client_connection::{ClientConnection, no_answer, status_words};
use crate::client::handshake::{HandshakeOptions, handshake};
use crate::client::websocket::{ServerMessage, WebSocketConnection, rule_broken};
use crate::compare::byte_accounting::{check_tcp_info, is_ipv6, network_of, tcp_info};
use crate::compare::costs::{Application, Both};
use crate::compare::rpc_reply::MeasuredReply;
use crate::compare::workloads::call_plan::Plan;
use crate::error::CommandError;
use crate::netlab::traffic::Network;
use crate::websocket::close;
use crate::websocket::frame::Opcode;

#[derive(Debug)]
pub struct LoadConnection {
    protocol: Protocol,
    /// Calls made on it.
    pub calls: u32,
    /// Responses received on it.
    responses: u32,
    /// The last response says that no other follows.
    is_last_response: bool,
}

#[derive(Debug)]
enum Protocol {
    Http(ClientConnection<Both<Application>>),
    WebSocket(Box<WebSocketConnection<Both<Application>>>),
}

/// What another thread still writes, if anything.
type PendingWrite = Option<JoinHandle<Result<(), CommandError>>>;

impl LoadConnection {
    /// Connects, with a WebSocket handshake if the plan needs one. Waits end when the flag is set, if there is one.
    pub fn open(plan: &Plan, interrupted: Option<&Arc<AtomicBool>>) -> Result<LoadConnection, CommandError> {
        let mut connection = ClientConnection::connect(&plan.url, ANSWER_WAIT, Both::default())?;
        if let Some(interrupted) = interrupted {
            connection.set_cancel_flag(Arc::clone(interrupted))?;
        }
        connection.set_deadline(ANSWER_WAIT);
        let protocol = match plan.road.handshake() {
            None => Protocol::Http(connection),
            Some((target, subprotocol, compression)) => {
                let options = HandshakeOptions { subprotocol, compression, fields: &plan.extra };
                let websocket = handshake(connection, &plan.url.authority, target, &options)?;
                Protocol::WebSocket(Box::new(websocket))
            }
        };
        Ok(LoadConnection { protocol, calls: 0, responses: 0, is_last_response: false })
    }

    fn connection(&self) -> &ClientConnection<Both<Application>> {
        match &self.protocol {
            Protocol::Http(connection) => connection,
            Protocol::WebSocket(websocket) => &websocket.connection,
        }
    }

    fn connection_mut(&mut self) -> &mut ClientConnection<Both<Application>> {
        match &mut self.protocol {
            Protocol::Http(connection) => connection,
            Protocol::WebSocket(websocket) => &mut websocket.connection,
        }
    }

    fn websocket(&mut self) -> &mut WebSocketConnection<Both<Application>> {
        match &mut self.protocol {
            Protocol::Http(_) => unreachable!("the plan opens a WebSocket for messages"),
            Protocol::WebSocket(websocket) => websocket,
        }
    }

    /// The bytes sent and received so far, by purpose.
    pub fn application(&self) -> &Both<Application> {
        &self.connection().observer
    }

    /// Sends requests in one write.
    pub fn send_requests(&mut self, requests: Vec<u8>) -> Result<PendingWrite, CommandError> {
        self.connection_mut().observer.sent(BytePurpose::Request, requests.len() as u64);
        self.write(requests)
    }

    /// Sends messages in one write, each in a frame of its own.
    pub fn send_messages(&mut self, texts: &[String]) -> Result<PendingWrite, CommandError> {
        let mut out = Vec::new();
        for text in texts {
            self.websocket().encode(Opcode::Text, text.as_bytes(), &mut out)?;
        }
        self.write(out)
    }

    /// Sends calls in one write: messages that have no payload of their own.
    pub fn send_calls(&mut self, texts: &[String]) -> Result<PendingWrite, CommandError> {
        let pending = self.send_messages(texts)?;
        let bytes = texts.iter().map(|text| text.len() as u64).sum();
        self.connection_mut().observer.sent.payload_to_fields(bytes);
        Ok(pending)
    }

    /// What may not fit into the buffers between both ends is written by another thread: else each end could wait
    /// for the other to read.
    fn write(&mut self, bytes: Vec<u8>) -> Result<PendingWrite, CommandError> {
        self.check_keep_alive()?;
        let transport = self.connection().transport();
        if bytes.len() <= WRITTEN_ALONE_MAX {
            transport.write_all(&bytes)?;
            return Ok(None);
        }
        let transport = transport.try_clone()?;
        Ok(Some(thread::spawn(move || transport.write_all(&bytes))))
    }

    /// Receives one response, whose body is the payload.
    pub fn receive_response(&mut self, expected: u16) -> Result<(), CommandError> {
        self.check_keep_alive()?;
        let connection = self.connection_mut();
        connection.set_deadline(WHOLE_WAIT);
        let (status, framing, is_persistent) =
            connection.read_head("GET", |head, _| (head.status, head.framing, head.persistent))?;
        connection.read_body(framing, |_| Ok(()))?;
        self.responses += 1;
        self.is_last_response = !is_persistent;
        check_status(status, expected)
    }

    /// HTTP/1.0 servers close after each response, and others after some: nginx after 1000 by default.
    fn check_keep_alive(&self) -> Result<(), CommandError> {
        match (self.is_last_response, self.responses) {
            (false, _) => Ok(()),
            (true, 1) => Err(CommandError::Failed(NO_KEEP_ALIVE.to_owned())),
            (true, most) => {
                let words =
                    format!("the server keeps a connection for {most} calls and no longer; see --calls");
                Err(CommandError::Failed(words))
            }
        }
    }

    /// Receives the response to the call with that id.
    pub fn receive_reply(&mut self, id: usize, expected: u16) -> Result<(), CommandError> {
        let (text, is_compressed) = self.receive_message()?;
        let reply = MeasuredReply::read(&text)?;
        if reply.id != id {
            let words = format!("the server answered call {} where {id} was next", reply.id);
            return Err(CommandError::Failed(words));
        }
        if !is_compressed {
            let fields = text.len() as u64 - reply.body_bytes;
            self.connection_mut().observer.received.payload_to_fields(fields);
        }
        check_status(reply.status, expected)
    }

    /// Receives a message, all of which is payload.
    pub fn receive_payload(&mut self) -> Result<String, CommandError> {
        self.receive_message().map(|(text, _)| text)
    }

    /// Receives a text message, and returns whether it was compressed. Pings are answered meanwhile.
    fn receive_message(&mut self) -> Result<(String, bool), CommandError> {
        let websocket = self.websocket();
        websocket.connection.set_deadline(WHOLE_WAIT);
        loop {
            match websocket.receive()? {
                ServerMessage::Text { text, is_compressed } => return Ok((text, is_compressed)),
                ServerMessage::Ping(payload) => websocket.send(Opcode::Pong, &payload)?,
                ServerMessage::Binary { .. } | ServerMessage::Pong | ServerMessage::Close(_) => {}
                ServerMessage::ProtocolError(fault) => return Err(rule_broken(fault)),
                ServerMessage::End => return Err(no_answer()),
            }
        }
    }

    /// Returns whether there is something to receive, or will be within `timeout`.
    pub fn has_input(&self, timeout: Duration) -> Result<bool, CommandError> {
        self.connection().has_input(timeout)
    }

    /// Ends a WebSocket with the closing handshake, so that the server ends the connection (RFC 6455 §7.1.1).
    /// An HTTP connection ends when it is dropped.
    pub fn close(&mut self) -> Result<(), CommandError> {
        let Protocol::WebSocket(websocket) = &mut self.protocol else { return Ok(()) };
        websocket.send_close(Some(close::NORMAL))?;
        self.wait_for_end(BytePurpose::AfterClose)
    }

    /// Waits for the server to close the connection, as it was asked to.
    pub fn wait_for_end(&mut self, purpose: BytePurpose) -> Result<(), CommandError> {
        self.connection_mut().read_to_end(CLOSES_WITHIN, purpose).map_err(|failure| {
            let words = "the server was asked to close the connection, and did not";
            CommandError::Failed(format!("{words} within {CLOSES_WITHIN:?}: {failure}"))
        })
    }

    /// Returns what the kernel has counted of this connection, and whether it agrees with the bytes counted here.
    pub fn network(&self) -> Result<(Network, Result<(), CommandError>), CommandError> {
        let (connection, application) = (self.connection(), self.application());
        let info = tcp_info(connection.transport())?;
        let network = network_of(&info, application, is_ipv6(connection.transport()));
        Ok((network, check_tcp_info(&info, application, connection.has_ended())))
    }
}

/// Waits until all of it is written.
pub fn finish(pending: PendingWrite) -> Result<(), CommandError> {
    pending.map_or(Ok(()), |thread| thread.join().expect("a panic ends the process"))
}

pub fn check_status(status: u16, expected: u16) -> Result<(), CommandError> {
    if status == expected {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "the server answered {}, and {expected} was expected",
        status_words(status)
    )))
}

pub const NO_KEEP_ALIVE: &str = "the server does not keep the connection";

/// Longest wait for a connection, and for each piece of an answer.
pub const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Longest wait for a complete answer, however slowly it arrives: 1 MiB at 56 kbit/s takes half of it.
const WHOLE_WAIT: Duration = Duration::from_secs(300);
/// What the buffers of both ends are sure to hold, in bytes.
const WRITTEN_ALONE_MAX: usize = 32 * 1024;
/// Longest wait for the end of a connection that the server was asked to close.
const CLOSES_WITHIN: Duration = Duration::from_secs(5);
