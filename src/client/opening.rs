//! The client's half of the WebSocket handshake (RFC 6455 §4.1).

use std::io;
use std::time::Duration;

use serde_json::Value;

use crate::client::response::{self, status_words};
use crate::client::socket::{Incoming, Outgoing, random};
use crate::client::stream::Stream;
use crate::client::url::Url;
use crate::failure::{Failure, one_line};
use crate::http::framing::ResponseFraming;
use crate::http::headers::Known;
use crate::websocket::handshake;

/// Connects and shakes hands at `target` of the URL's host. A server that refuses is quoted: its
/// status, and the `detail` of its problem object, if it sent one.
pub fn open(
    url: &Url,
    target: &str,
    subprotocol: Option<&str>,
    wait: Duration,
) -> Result<(Incoming, Outgoing), Failure> {
    let mut stream = Stream::connect(url, wait)?;
    let key: [u8; 16] = random()?;
    let mut request = Vec::new();
    handshake::encode_request(&url.authority, target, key, subprotocol, &[], &mut request);
    stream.write(&request)?;

    let (status, framing, checked) = response::read_head(&mut stream, false, |head, _| {
        let checked = handshake::check_response(head, &key).and_then(|()| {
            let chosen = head.fields.first(Known::SecWebSocketProtocol);
            match chosen.is_none() || chosen == subprotocol.map(str::as_bytes) {
                true => Ok(()),
                false => Err("the server chose a subprotocol that nobody offered"),
            }
        });
        (head.status, head.framing, checked)
    })?;
    if status != 101 {
        let detail = refusal_detail(&mut stream, framing);
        let words = status_words(status);
        return Err(Failure::Failed(format!("the server refused the WebSocket: {words}{detail}")));
    }
    checked.map_err(|why| Failure::Failed(format!("the server's handshake cannot be believed: {why}")))?;
    let outgoing = Outgoing::new(stream.writing_end()?);
    Ok((Incoming::new(stream), outgoing))
}

/// `: ` and the `detail` of a problem object (RFC 9457 §3.1.4); nothing, if there is none to be had.
fn refusal_detail(stream: &mut Stream, framing: ResponseFraming) -> String {
    let mut body = Vec::new();
    // Half a body has no detail that can be read, so how it failed does not matter.
    let _ = response::read_body(stream, framing, |piece| {
        body.extend_from_slice(piece);
        if body.len() > REFUSAL_BYTES_MAX { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
    });
    match serde_json::from_slice::<Value>(&body).unwrap_or_default().get("detail") {
        Some(Value::String(detail)) => format!(": {}", one_line(detail)),
        _ => String::new(),
    }
}

/// Most that is read of why a handshake was refused.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::canned;
    use std::io::Write;

    fn open_at(address: std::net::SocketAddr) -> Result<(Incoming, Outgoing), Failure> {
        let url = format!("ws://{address}/").parse().unwrap();
        open(&url, "/ws", Some("one"), Duration::from_secs(5))
    }

    fn refused_with(answer: &'static str) -> String {
        let (address, _server) = canned::serve(move |mut socket| {
            canned::read_head(&mut socket);
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
        let (address, _server) = canned::serve(|mut socket| canned::shake_hands(&mut socket, Some("two")));
        assert!(open_at(address).unwrap_err().to_string().ends_with("a subprotocol that nobody offered"));
    }
}
