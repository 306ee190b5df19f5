//! The client's half of the WebSocket handshake (RFC 6455 §4.1).

use crate::client::byte_observer::ByteObserver;
use crate::client::client_connection::ClientConnection;
use crate::client::websocket::{WebSocketConnection, random};
use crate::error::CommandError;
use crate::http::headers::Known;
use crate::websocket::handshake::{self, Extension};

/// What a client requests along with a WebSocket.
#[derive(Clone, Copy, Debug, Default)]
pub struct HandshakeOptions<'a> {
    pub subprotocol: Option<&'a str>,
    pub compression: CompressionOffer,
    /// Fields that say nothing about WebSocket.
    pub fields: &'a [(String, String)],
}

/// Which extension a client offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompressionOffer {
    #[default]
    None,
    /// Compression of each message (RFC 7692); the server must agree to it.
    PermessageDeflate,
}

/// Opens a WebSocket on a connection. The failure of a server that rejects it has its status, and the `detail`
/// of its problem object if it sent one.
pub fn handshake<O: ByteObserver>(
    mut connection: ClientConnection<O>,
    host: &str,
    target: &str,
    options: &HandshakeOptions,
) -> Result<WebSocketConnection<O>, CommandError> {
    let key: [u8; 16] = random()?;
    let mut fields = options.fields.to_vec();
    let is_offered = options.compression == CompressionOffer::PermessageDeflate;
    let extension = if is_offered { Extension::Deflate } else { Extension::Unasked };
    if is_offered {
        fields.push(("Sec-WebSocket-Extensions".to_owned(), OFFER.to_owned()));
    }
    let mut request = Vec::new();
    let subprotocol = options.subprotocol;
    handshake::encode_request(host, target, key, subprotocol, &fields, &mut request);
    connection.send_request(&request)?;

    let (status, framing, checked) = connection.read_head("GET", |head, _| {
        let checked = handshake::check_response(head, &key, extension).and_then(|agreement| {
            let mut chosen = head.fields.all(Known::SecWebSocketProtocol);
            match (chosen.next(), chosen.next()) {
                (None, _) => Ok(agreement),
                (one, None) if one == subprotocol.map(str::as_bytes) => Ok(agreement),
                _ => Err("the server chose a subprotocol that nobody offered"),
            }
        });
        (head.status, head.framing, checked)
    })?;
    if status != 101 {
        return Err(connection.rejected("the server refused the WebSocket", status, framing));
    }
    let agreement = checked
        .map_err(|why| CommandError::Failed(format!("the server's handshake cannot be believed: {why}")))?;
    if is_offered && agreement.is_none() {
        return Err(CommandError::Failed("the server does not agree to compression".to_owned()));
    }
    Ok(WebSocketConnection::new(connection, agreement))
}

/// The server may choose its window and whether its messages refer to earlier ones; the client does not compress.
const OFFER: &str = "permessage-deflate";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::test_server;
    use crate::client::url::Url;
    use std::io::{self, Read, Write};
    use std::time::Duration;

    fn open_at(address: std::net::SocketAddr) -> Result<WebSocketConnection, CommandError> {
        let url: Url = format!("ws://{address}/").parse().unwrap();
        let connection = ClientConnection::connect(&url, Duration::from_secs(5), ()).unwrap();
        let options = HandshakeOptions { subprotocol: Some("one"), ..HandshakeOptions::default() };
        handshake(connection, &url.authority, "/ws", &options)
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
            crate::websocket::handshake::encode_accept(
                key.as_bytes(),
                Some("one"),
                None,
                &[b'x'; 29],
                &mut out,
            );
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
