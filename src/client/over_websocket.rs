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

use crate::client::call::{Asked, OutputMode, check_status};
use crate::client::handshake;
use crate::client::response::status_words;
use crate::client::rpc_request::{self, ID};
use crate::client::websocket::{Heard, Incoming, Outgoing, closed_line};
use crate::error::{CommandError, one_line};
use crate::model::json_rpc::SUBPROTOCOL;
use crate::websocket::close;

/// Makes the call, and prints the answer's body as JSON text: for an error, its problem object.
pub fn make(asked: &Asked, out: &mut impl Write) -> Result<(), CommandError> {
    let request = rpc_request::encode(asked)?;
    let (mut incoming, mut outgoing) = handshake::open(&asked.url, "/rpc", Some(SUBPROTOCOL), asked.wait)?;
    outgoing.text(&request)?;
    let text = wait_for_reply(&mut incoming, &mut outgoing)?;
    let outcome = print_reply(&text, asked.print, out);
    // The call is done; a connection that is not closed in good order takes nothing back of it.
    if outgoing.close(Some(close::NORMAL)).is_ok() {
        incoming.wait_for_end();
    }
    outcome
}

/// What the server says to our call. Pings are answered on the way, and what is for nobody who asked
/// is passed over.
fn wait_for_reply(incoming: &mut Incoming, outgoing: &mut Outgoing) -> Result<String, CommandError> {
    loop {
        match incoming.hear()? {
            Heard::Text(text) if is_ours(&text)? => return Ok(text),
            Heard::Text(_) | Heard::Binary { .. } | Heard::Pong => {}
            Heard::Ping(payload) => outgoing.pong(&payload)?,
            Heard::Close(closing) => {
                // The server may be gone already, and that is as good.
                let _ = outgoing.close(closing.code);
                incoming.wait_for_end();
                let code = closing.code.unwrap_or(close::NO_CODE);
                return Err(CommandError::Failed(closed_line(code, &closing.reason)));
            }
            Heard::Broken(fault) => return Err(outgoing.fail(fault)),
            Heard::End => {
                return Err(CommandError::Failed(closed_line(close::ABNORMAL, "without a close frame")));
            }
        }
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

/// Whether the text answers our one call. An error without an id does: the server could not read so
/// far (JSON-RPC 2.0 §5).
fn is_ours(text: &str) -> Result<bool, CommandError> {
    let reply: Reply = serde_json::from_str(text).map_err(no_reply)?;
    Ok(match reply.id {
        Some(id) => id.get() == ID.to_string(),
        None => reply.error.is_some(),
    })
}

fn print_reply(text: &str, print: OutputMode, out: &mut impl Write) -> Result<(), CommandError> {
    let reply: Reply = serde_json::from_str(text).map_err(no_reply)?;
    if let Some(json) = reply.error {
        let error: Error = serde_json::from_str(json.get()).map_err(no_reply)?;
        let words = format!("{} {}", error.code, one_line(&error.message));
        write_answer(&words, &[], Some(error.data.unwrap_or(json)), print, out)
            .map_err(CommandError::Output)?;
        return Err(CommandError::Failed(format!("the server answered {words}")));
    }
    let success: Success =
        serde_json::from_str(reply.result.map_or("null", RawValue::get)).map_err(no_reply)?;
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
    write_answer(&status_words(success.status), &fields, success.body, print, out)
        .map_err(CommandError::Output)?;
    check_status(success.status)
}

fn write_answer(
    words: &str,
    fields: &[(&str, Option<String>)],
    body: Option<&RawValue>,
    print: OutputMode,
    out: &mut impl Write,
) -> io::Result<()> {
    if print == OutputMode::HeadAndBody {
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

fn no_reply(error: serde_json::Error) -> CommandError {
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
