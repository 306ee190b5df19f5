//! Clients that we did not write: ureq for HTTP, tungstenite for WebSocket.

use crate::server::{PROMPT, Server};
use serde_json::{Value, json};
use std::net::TcpStream;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{ClientRequestBuilder, Error, Message, WebSocket};

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(PROMPT)).http_status_as_error(false).build().into()
}

fn connect(server: &Server, path: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PROMPT)).unwrap();
    tungstenite::client(server.socket_url(path), stream).unwrap().0
}

#[test]
fn ureq_creates_reads_replaces_changes_and_removes() {
    let server = Server::start(&[]);
    let agent = agent();
    let mut created = agent.post(server.url("/tasks")).send_json(json!({"text": "Buy milk"})).unwrap();
    assert_eq!(created.status(), 201);
    assert_eq!(created.headers()["Location"], "/tasks/1");
    let etag = created.headers()["ETag"].clone();
    let item = json!({"id": "1", "text": "Buy milk"});
    assert_eq!(created.body_mut().read_json::<Value>().unwrap(), item);

    let mut list = agent.get(server.url("/tasks")).call().unwrap();
    assert_eq!(list.body_mut().read_json::<Value>().unwrap(), json!([item]));
    let same = agent.get(server.url("/tasks/1")).header("If-None-Match", &etag).call().unwrap();
    assert_eq!(same.status(), 304);

    let replaced = agent.put(server.url("/tasks/1")).header("If-Match", &etag).send_json("Oat").unwrap();
    assert_eq!(replaced.status(), 200);
    let too_late = agent.put(server.url("/tasks/1")).header("If-Match", &etag).send_json("Soy").unwrap();
    assert_eq!(too_late.status(), 412);
    let patch = agent.patch(server.url("/tasks/1")).content_type("application/merge-patch+json");
    let mut patched = patch.send(r#"{"n":1}"#).unwrap();
    let item = json!({"id": "1", "text": "Oat", "n": 1});
    assert_eq!(patched.body_mut().read_json::<Value>().unwrap(), item);

    let removed = agent.delete(server.url("/tasks/1")).call().unwrap();
    assert_eq!(removed.status(), 204);
    let mut gone = agent.get(server.url("/tasks/1")).call().unwrap();
    assert_eq!(gone.status(), 404);
    assert_eq!(gone.body_mut().read_json::<Value>().unwrap()["title"], "Not Found");
    assert_eq!(agent.head(server.url("/tasks")).call().unwrap().status(), 200);
    assert_eq!(
        agent.options(server.url("/tasks")).call().unwrap().headers()["Allow"],
        "GET, HEAD, POST, OPTIONS"
    );
}

#[test]
fn ureq_sends_a_body_of_unknown_length_and_one_that_is_too_long() {
    let server = Server::start(&[]);
    let agent = agent();
    let reader = &mut &b"{\"text\":\"in chunks\"}"[..];
    let sent = agent.post(server.url("/tasks")).send(ureq::SendBody::from_reader(reader)).unwrap();
    assert_eq!(sent.status(), 201);
    let long = "x".repeat(3 << 20);
    let refused = agent.post(server.url("/tasks")).header("Expect", "100-continue").send(&long).unwrap();
    assert_eq!(refused.status(), 413);
    assert_eq!(agent.get(server.url("/tasks")).call().unwrap().status(), 200);
}

#[test]
fn tungstenite_hears_its_own_words() {
    let server = Server::start(&[]);
    let mut socket = connect(&server, "/echo");
    for length in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        for message in [Message::text("x".repeat(length)), Message::binary(vec![7; length])] {
            socket.send(message.clone()).unwrap();
            assert_eq!(socket.read().unwrap(), message);
        }
    }
    socket.send(Message::Ping("p".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("p".into()));

    let close = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
    socket.close(Some(close)).unwrap();
    let Message::Close(Some(answer)) = socket.read().unwrap() else { panic!("a close is answered") };
    assert_eq!(answer.code, CloseCode::Normal);
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
}

#[test]
fn tungstenite_makes_calls() {
    let server = Server::start(&[]);
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PROMPT)).unwrap();
    let request = ClientRequestBuilder::new(server.socket_url("/rpc").parse().unwrap());
    let (mut socket, response) =
        tungstenite::client(request.with_sub_protocol("bothways.v1"), stream).unwrap();
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "bothways.v1");
    let mut call = |message: Value| {
        socket.send(Message::text(message.to_string())).unwrap();
        serde_json::from_str::<Value>(socket.read().unwrap().to_text().unwrap()).unwrap()
    };
    let post =
        json!({"jsonrpc": "2.0", "id": 1, "method": "post", "params": {"path": "/tasks", "body": "Tea"}});
    assert_eq!(call(post)["result"]["location"], "/tasks/1");
    let get = json!({"jsonrpc": "2.0", "id": 2, "method": "get", "params": {"path": "/tasks/1"}});
    assert_eq!(call(get)["result"]["body"], json!({"id": "1", "text": "Tea"}));
    assert_eq!(server.get("/tasks"), r#"[{"id":"1","text":"Tea"}]"#);
}

#[test]
fn tungstenite_is_told_the_time_and_then_goodbye() {
    let server = Server::start(&[]);
    let mut socket = connect(&server, "/ws");
    let said = socket.read().unwrap();
    assert!(said.to_text().unwrap().starts_with("The time is: "), "{said}");
    server.signal("TERM");
    let goodbye = loop {
        match socket.read().unwrap() {
            Message::Text(_) => {}
            other => break other,
        }
    };
    let Message::Close(Some(close)) = goodbye else { panic!("{goodbye}") };
    assert_eq!(close.code, CloseCode::Away);
}

#[test]
fn tungstenite_is_refused_where_there_is_no_socket() {
    let server = Server::start(&[]);
    let stream = TcpStream::connect(server.address()).unwrap();
    let refused = tungstenite::client(server.socket_url("/nowhere"), stream);
    let Err(tungstenite::HandshakeError::Failure(Error::Http(response))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(response.status(), 404);
}
