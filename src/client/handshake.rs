//! The client's half of the WebSocket handshake (RFC 6455 §4.1).

use std::time::Duration;

use serde_json::Value;

use crate::client::buffered_stream::Stream;
use crate::client::limits::REFUSAL_BYTES_MAX;
use crate::client::response::{self, status_words};
use crate::client::url::Url;
use crate::client::websocket::{Incoming, Outgoing, random};
use crate::error::{CommandError, one_line};
use crate::http::framing::ResponseFraming;
use crate::http::headers::Known;
use crate::websocket::handshake::{self, Extension};
use crate::websocket::permessage_deflate::Agreement;

/// Connects and shakes hands at `target` of the URL's host. A server that refuses is quoted: its
/// status, and the `detail` of its problem object, if it sent one.
pub fn open(
    url: &Url,
    target: &str,
    subprotocol: Option<&str>,
    wait: Duration,
) -> Result<(Incoming, Outgoing), CommandError> {
    let mut stream = Stream::connect(url, wait)?;
    shake_hands(&mut stream, &url.authority, target, &Asks { subprotocol, ..Asks::default() })?;
    let outgoing = Outgoing::new(stream.writing_end()?);
    Ok((Incoming::new(stream), outgoing))
}

/// What a client asks for beside a WebSocket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asks<'a> {
    pub subprotocol: Option<&'a str>,
    pub offered: Offered,
    /// Fields that say nothing about WebSocket.
    pub extra: &'a [(String, String)],
}

/// What may be agreed on beside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offered {
    #[default]
    Nothing,
    /// That messages are compressed (RFC 7692).
    Deflate,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Shaken {
    pub agreement: Option<Agreement>,
    /// Bytes of the request's head, and of the response's.
    pub asked_bytes: u64,
    pub answered_bytes: u64,
}

/// The handshake alone, on a connection that is there.
pub fn shake_hands(
    stream: &mut Stream,
    host: &str,
    target: &str,
    asks: &Asks,
) -> Result<Shaken, CommandError> {
    let key: [u8; 16] = random()?;
    let mut extra = asks.extra.to_vec();
    let extension = match asks.offered {
        Offered::Nothing => Extension::Unasked,
        Offered::Deflate => Extension::Deflate,
    };
    if extension == Extension::Deflate {
        extra.push(("Sec-WebSocket-Extensions".to_owned(), OFFER.to_owned()));
    }
    let mut request = Vec::new();
    let subprotocol = asks.subprotocol;
    handshake::encode_request(host, target, key, subprotocol, &extra, &mut request);
    stream.write(&request)?;

    let (status, framing, answered, checked) = response::read_head(stream, false, |head, bytes| {
        let checked = handshake::check_response(head, &key, extension).and_then(|agreement| {
            let mut chosen = head.fields.all(Known::SecWebSocketProtocol);
            match (chosen.next(), chosen.next()) {
                (None, _) => Ok(agreement),
                (one, None) if one == subprotocol.map(str::as_bytes) => Ok(agreement),
                _ => Err("the server chose a subprotocol that nobody offered"),
            }
        });
        (head.status, head.framing, bytes.len(), checked)
    })?;
    if status != 101 {
        return Err(refused("the server refused the WebSocket", status, stream, framing));
    }
    let agreement = checked
        .map_err(|why| CommandError::Failed(format!("the server's handshake cannot be believed: {why}")))?;
    Ok(Shaken { agreement, asked_bytes: request.len() as u64, answered_bytes: answered as u64 })
}

/// The server may choose its window, and whether its messages refer back; it takes ours uncompressed.
const OFFER: &str = "permessage-deflate";

/// The server said no: `what`, the status, and why, if it said that.
pub fn refused(what: &str, status: u16, stream: &mut Stream, framing: ResponseFraming) -> CommandError {
    let detail = refusal_detail(stream, framing);
    CommandError::Refused { status, line: format!("{what}: {}{detail}", status_words(status)) }
}

/// `: ` and the `detail` of a problem object (RFC 9457 §3.1.4); nothing, if there is none to be had.
fn refusal_detail(stream: &mut Stream, framing: ResponseFraming) -> String {
    let mut body = Vec::new();
    // Half a body has no detail that can be read, so how it failed does not matter.
    let _ = response::read_body(stream, framing, |piece| {
        body.extend_from_slice(piece);
        if body.len() <= REFUSAL_BYTES_MAX {
            Ok(())
        } else {
            Err(CommandError::Failed("too long".to_owned()))
        }
    });
    match serde_json::from_slice::<Value>(&body).unwrap_or_default().get("detail") {
        Some(Value::String(detail)) => format!(": {}", one_line(detail)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::test_server;
    use std::io::{self, Read, Write};

    fn open_at(address: std::net::SocketAddr) -> Result<(Incoming, Outgoing), CommandError> {
        let url = format!("ws://{address}/").parse().unwrap();
        open(&url, "/ws", Some("one"), Duration::from_secs(5))
    }

    fn refused_with(answer: &'static str) -> String {
        let (address, _server) = test_server::serve(move |mut socket| {
            test_server::read_head(&mut socket);
            socket.write_all(answer.as_bytes()).unwrap();
        });
        open_at(address).unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_is_quoted() {
        let answer = "HTTP/1.1 400 Bad Request\r\n\r\n{\"status\":400,\"detail\":\"no\\nsocket here\"}";
        assert_eq!(refused_with(answer), "the server refused the WebSocket: 400 Bad Request: no socket here");
        let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n<html>";
        assert_eq!(refused_with(answer), "the server refused the WebSocket: 404 Not Found");
    }

    #[test]
    fn half_a_handshake_is_not_believed() {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert!(refused_with(answer).ends_with("Sec-WebSocket-Accept does not belong to our key"));
    }

    #[test]
    fn a_subprotocol_that_nobody_offered_is_not_believed() {
        let (address, _server) =
            test_server::serve(|mut socket| test_server::shake_hands(&mut socket, Some("two")));
        assert!(open_at(address).unwrap_err().to_string().ends_with("a subprotocol that nobody offered"));
        // Nor are two, though one of them was offered (§11.3.4).
        let (address, _server) = test_server::serve(|mut socket| {
            let head = test_server::read_head(&mut socket);
            let key = head.split("Sec-WebSocket-Key: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
            let mut out = Vec::new();
            handshake::encode_accept(key.as_bytes(), Some("one"), None, &[b'x'; 29], &mut out);
            out.splice(out.len() - 2.., *b"Sec-WebSocket-Protocol: two\r\n\r\n");
            socket.write_all(&out).unwrap();
        });
        assert!(open_at(address).unwrap_err().to_string().ends_with("a subprotocol that nobody offered"));
    }

    #[test]
    fn every_connection_has_a_key_of_its_own() {
        let keys = [(); 2].map(|()| {
            let (address, server) =
                test_server::serve(|mut socket| test_server::shake_hands(&mut socket, None));
            open_at(address).unwrap();
            let head = server.join().unwrap();
            head.lines().find(|line| line.starts_with("Sec-WebSocket-Key: ")).unwrap().to_owned()
        });
        assert_eq!(keys[0].len(), "Sec-WebSocket-Key: ".len() + 24);
        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn nothing_is_said_before_the_answer() {
        let (address, server) = test_server::serve(|mut socket| {
            test_server::read_head(&mut socket);
            socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let early = socket.read(&mut [0]);
            socket.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
            early.map_err(|error| error.kind())
        });
        assert_eq!(
            open_at(address).unwrap_err().to_string(),
            "the server refused the WebSocket: 404 Not Found"
        );
        let early = server.join().unwrap();
        assert!(matches!(early, Err(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)), "{early:?}");
    }
}
