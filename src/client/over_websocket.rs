//! One call as one JSON-RPC message on a WebSocket at `/rpc`.
//!
//! ```text
//! → {"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/tasks/1","query":"a=b"}}
//! ← {"jsonrpc":"2.0","id":1,"result":{"status":200,"etag":"3f9c2a7b-42","body":{"id":"1",…}}}
//!                                                                              '---------'
//!                                                              printed, byte for byte as it came
//! ```

use std::io::{self, Write};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::byte_observer::BytePurpose;
use crate::client::call_request::{CallRequest, OutputMode, check_status};
use crate::client::client_connection::{ClientConnection, status_words};
use crate::client::handshake::{HandshakeOptions, handshake};
use crate::client::limits::CLOSE_WAIT;
use crate::client::rpc_request::{self, ID};
use crate::client::websocket::{ServerMessage, WebSocketConnection, close_message};
use crate::error::{CommandError, one_line};
use crate::model::json_rpc::SUBPROTOCOL;
use crate::websocket::close;
use crate::websocket::frame::Opcode;

/// Makes the call, and prints the body of the answer as JSON text; for an error, its problem object.
pub fn make(request: &CallRequest, out: &mut impl Write) -> Result<(), CommandError> {
    let text = rpc_request::encode(request)?;
    let connection = ClientConnection::connect(&request.url, request.timeout, ())?;
    let options = HandshakeOptions { subprotocol: Some(SUBPROTOCOL), ..HandshakeOptions::default() };
    let mut websocket = handshake(connection, &request.url.authority, "/rpc", &options)?;
    websocket.send(Opcode::Text, text.as_bytes())?;
    let reply = wait_for_reply(&mut websocket)?;
    let outcome = print_reply(&reply, request.output, out);
    // The call is done, whether or not the connection is closed in good order.
    close_and_wait(&mut websocket, Some(close::NORMAL));
    outcome
}

/// Waits for the reply to the call. Pings are answered meanwhile; other messages are dropped.
fn wait_for_reply(websocket: &mut WebSocketConnection) -> Result<String, CommandError> {
    loop {
        match websocket.receive()? {
            ServerMessage::Text { text, .. } if is_our_response(&text)? => return Ok(text),
            ServerMessage::Text { .. } | ServerMessage::Binary { .. } | ServerMessage::Pong => {}
            ServerMessage::Ping(payload) => websocket.send(Opcode::Pong, &payload)?,
            ServerMessage::Close(closing) => {
                close_and_wait(websocket, closing.code);
                let code = closing.code.unwrap_or(close::NO_CODE);
                return Err(CommandError::Failed(close_message(code, &closing.reason)));
            }
            ServerMessage::ProtocolError(fault) => return Err(websocket.fail(fault)),
            ServerMessage::End => {
                return Err(CommandError::Failed(close_message(close::ABNORMAL, "without a close frame")));
            }
        }
    }
}

/// Sends a close frame, and waits a moment for the server to end the connection. A failure of either is the end
/// of the connection, too.
fn close_and_wait(websocket: &mut WebSocketConnection, code: Option<u16>) {
    if websocket.send_close(code).is_ok() {
        let _ = websocket.connection.read_to_end(CLOSE_WAIT, BytePurpose::AfterClose);
    }
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Success<'a> {
    status: u16,
    #[serde(default)]
    etag: Option<String>,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    replayed: bool,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    total: Option<u64>,
    #[serde(default)]
    allow: Option<String>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Error<'a> {
    code: i64,
    message: String,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Returns whether the text is the response to the call. An error without an id is: the server could not read the
/// id (JSON-RPC 2.0 §5).
fn is_our_response(text: &str) -> Result<bool, CommandError> {
    let reply: Reply = serde_json::from_str(text).map_err(invalid_response)?;
    Ok(match reply.id {
        Some(id) => id.get() == ID.to_string(),
        None => reply.error.is_some(),
    })
}

fn print_reply(text: &str, output: OutputMode, out: &mut impl Write) -> Result<(), CommandError> {
    let reply: Reply = serde_json::from_str(text).map_err(invalid_response)?;
    if let Some(json) = reply.error {
        let error: Error = serde_json::from_str(json.get()).map_err(invalid_response)?;
        let words = format!("{} {}", error.code, one_line(&error.message));
        write_answer(&words, &[], Some(error.data.unwrap_or(json)), output, out)
            .map_err(CommandError::Output)?;
        return Err(CommandError::Failed(format!("the server answered {words}")));
    }
    let success: Success =
        serde_json::from_str(reply.result.map_or("null", RawValue::get)).map_err(invalid_response)?;
    // Over HTTP the quotes belong to the tag, and either road takes it back with them.
    let etag = success.etag.map(|etag| format!("\"{}\"", etag.trim_matches('"')));
    let total = success.total.map(|total| total.to_string());
    let fields = [
        ("etag", etag),
        ("location", success.location),
        ("replayed", success.replayed.then(|| "true".to_owned())),
        ("link", success.link),
        ("total", total),
        ("allow", success.allow),
    ];
    write_answer(&status_words(success.status), &fields, success.body, output, out)
        .map_err(CommandError::Output)?;
    check_status(success.status)
}

fn write_answer(
    words: &str,
    fields: &[(&str, Option<String>)],
    body: Option<&RawValue>,
    output: OutputMode,
    out: &mut impl Write,
) -> io::Result<()> {
    if output == OutputMode::HeadAndBody {
        writeln!(out, "{words}")?;
        for (name, value) in fields {
            if let Some(value) = value {
                writeln!(out, "{name}: {}", one_line(value))?;
            }
        }
        writeln!(out)?;
    }
    out.write_all(body.map_or("", RawValue::get).as_bytes())?;
    out.flush()
}

fn invalid_response(error: serde_json::Error) -> CommandError {
    CommandError::Failed(format!("the server's answer is no JSON-RPC: {error}"))
}

#[cfg(test)]
mod tests {
    use crate::client::call::make_for_test;
    use crate::client::test_server;
    use crate::websocket::frame::{self, Opcode};
    use std::io::Write;

    /// What was asked, what was printed, how it ended.
    fn call(arguments: &[&str], reply: &'static str) -> (String, String, Result<(), String>) {
        let (address, server) = test_server::serve(move |mut socket| {
            let head = test_server::shake_hands(&mut socket, Some("bothways.v1"));
            assert!(head.starts_with("GET /rpc HTTP/1.1\r\n"), "{head}");
            let (_, request, _) = test_server::read_frame(&mut socket);
            let mut out = Vec::new();
            frame::encode(Opcode::Ping, b"there?", &mut out);
            frame::encode(Opcode::Text, br#"{"jsonrpc":"2.0","method":"position","params":{}}"#, &mut out);
            frame::encode(Opcode::Text, reply.as_bytes(), &mut out);
            socket.write_all(&out).unwrap();
            let (opcode, payload, _) = test_server::read_frame(&mut socket);
            assert_eq!((opcode, &*payload), (Opcode::Pong, &b"there?"[..]));
            let (opcode, payload, _) = test_server::read_frame(&mut socket);
            assert_eq!((opcode, &*payload), (Opcode::Close, &[0x03, 0xe8][..]));
            String::from_utf8(request).unwrap()
        });
        let arguments: Vec<String> =
            arguments.iter().map(|text| text.replace("HOST", &address.to_string())).collect();
        let arguments: Vec<&str> = arguments.iter().map(|text| &**text).collect();
        let (printed, outcome) = make_for_test(&arguments, "");
        (server.join().unwrap(), printed, outcome)
    }

    const CREATED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"status":201,"etag":"3f9c2a7b-42","location":"/tasks/1","body":{"id":"1", "n":1.50}}}"#;

    #[test]
    fn the_body_is_printed_as_it_came() {
        let (_, printed, outcome) = call(&["POST", "ws://HOST/tasks", "{}"], CREATED);
        assert_eq!((&*printed, outcome), (r#"{"id":"1", "n":1.50}"#, Ok(())));
        let (_, printed, _) = call(&["POST", "-i", "ws://HOST/tasks", "{}"], CREATED);
        assert!(
            printed.starts_with("201 Created\netag: \"3f9c2a7b-42\"\nlocation: /tasks/1\n\n{"),
            "{printed}"
        );
        let page = r#"{"jsonrpc":"2.0","id":1,"result":{"status":200,"link":"</tasks?_page=1>; rel=\"first\"","total":1,"body":[]}}"#;
        let (asked, printed, _) = call(&["GET", "-i", "ws://HOST/tasks?_page=1"], page);
        assert!(asked.contains(r#""path":"/tasks","query":"_page=1""#), "{asked}");
        assert_eq!(printed, "200 OK\nlink: </tasks?_page=1>; rel=\"first\"\ntotal: 1\n\n[]");
        let (_, printed, outcome) =
            call(&["DELETE", "ws://HOST/tasks/1"], r#"{"jsonrpc":"2.0","id":1,"result":{"status":204}}"#);
        assert_eq!((&*printed, outcome), ("", Ok(())));
    }

    #[test]
    fn an_error_is_printed_as_its_problem_and_is_a_failure() {
        let reply =
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":404,"message":"Not Found","data":{"status":404}}}"#;
        let (_, printed, outcome) = call(&["GET", "-i", "ws://HOST/x"], reply);
        assert_eq!(printed, "404 Not Found\n\n{\"status\":404}");
        assert_eq!(outcome, Err("1 the server answered 404 Not Found".to_owned()));
        let reply = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no such method"}}"#;
        let (_, printed, outcome) = call(&["BREW", "ws://HOST/x"], reply);
        assert_eq!(printed, r#"{"code":-32601,"message":"no such method"}"#);
        assert_eq!(outcome, Err("1 the server answered -32601 no such method".to_owned()));
    }

    #[test]
    fn a_server_that_closes_is_quoted() {
        let (address, server) = test_server::serve(|mut socket| {
            test_server::shake_hands(&mut socket, None);
            socket.write_all(b"\x88\x06\x03\xf1late").unwrap();
            test_server::read_frame(&mut socket);
            test_server::read_frame(&mut socket).0
        });
        let (_, outcome) = make_for_test(&["GET", &format!("ws://{address}/x")], "");
        assert_eq!(server.join().unwrap(), Opcode::Close);
        assert_eq!(outcome, Err("1 the server closed the connection: 1009 late".to_owned()));
    }
}
