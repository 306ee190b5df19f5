//! A connection on which a server sends events (WHATWG HTML §9.2).

use crate::client::byte_observer::{ByteObserver, BytePurpose};
use crate::client::client_connection::{ClientConnection, ResponseBody};
use crate::client::event_stream::{Reader, Said};
use crate::client::limits::MESSAGE_BYTES_MAX;
use crate::error::CommandError;
use crate::http::framing::ResponseFraming;
use crate::http::headers::Known;

/// A connection after the head of a response with status 200.
#[derive(Debug)]
pub struct EventStreamConnection<O = ()> {
    pub connection: ClientConnection<O>,
    /// How the stream ends.
    pub framing: ResponseFraming,
    pub content_type: String,
    body: ResponseBody,
    /// Bytes of the stream, of which so many are read.
    piece: Vec<u8>,
    at: usize,
    reader: Reader,
}

impl<O: ByteObserver> EventStreamConnection<O> {
    /// Sends a [request](encode_request) and reads the head of its response. A status other than 200 is a failure
    /// with that status. The type of the content is not checked.
    pub fn open(
        mut connection: ClientConnection<O>,
        request: &str,
    ) -> Result<EventStreamConnection<O>, CommandError> {
        connection.send_request(request.as_bytes())?;
        let (status, framing, content_type) = connection.read_head("GET", |head, _| {
            let content_type = head.fields.first(Known::ContentType).unwrap_or_default();
            (head.status, head.framing, String::from_utf8_lossy(content_type).into_owned())
        })?;
        if status != 200 {
            return Err(connection.rejected("the server refused the event stream", status, framing));
        }
        Ok(EventStreamConnection {
            connection,
            framing,
            content_type,
            body: ResponseBody::new(framing, BytePurpose::EventStream),
            piece: Vec::new(),
            at: 0,
            reader: Reader::new(MESSAGE_BYTES_MAX),
        })
    }

    /// Returns whether the response is what was requested.
    pub fn is_event_stream(&self) -> bool {
        let essence = self.content_type.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(EVENT_STREAM)
    }

    /// Waits for the next event, or for another time before a reconnect. The end of the stream is a failure.
    pub fn receive(&mut self) -> Result<Said, CommandError> {
        loop {
            let item = self.reader.next(&self.piece, &mut self.at);
            let item = item
                .map_err(|why| CommandError::Failed(format!("the server's events cannot be read: {why}")))?;
            if let Some(item) = item {
                return Ok(item);
            }
            self.piece.clear();
            self.at = 0;
            if !self.body.read_piece(&mut self.connection, &mut self.piece)? {
                return Err(CommandError::Lost("the server ended the stream".to_owned()));
            }
        }
    }
}

/// Encodes a request for an event stream, with fields before and after `Accept`. To continue after an event, the
/// latter include `Last-Event-ID`.
pub fn encode_request(
    host: &str,
    target: &str,
    fields_before: &[(String, String)],
    fields_after: &[(&str, &str)],
) -> String {
    let mut out = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n");
    let before = fields_before.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("Accept"));
    let before = before.map(|(name, value)| (&**name, &**value));
    for (name, value) in before.chain([("Accept", EVENT_STREAM)]).chain(fields_after.iter().copied()) {
        out += &format!("{name}: {value}\r\n");
    }
    out + "\r\n"
}

const EVENT_STREAM: &str = "text/event-stream";
