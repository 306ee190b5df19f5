//! JSON-RPC 2.0 on a socket, apart from what the calls mean.

use crate::peer::{CLOSE, Peer, TEXT, closing, masked};
use crate::server::Server;
use serde_json::{Value, json};

fn socket(server: &Server) -> Peer {
    let mut peer = server.connect();
    peer.shake_hands("/rpc");
    peer
}

fn get(id: Value, path: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "get", "params": {"path": path}})
}

fn post(id: Value, body: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "post", "params": {"path": "/tasks", "body": body}})
}

fn without_id(mut message: Value) -> Value {
    message.as_object_mut().unwrap().remove("id");
    message
}

#[test]
fn a_call_and_its_answer_are_made_of_these_bytes() {
    let server = Server::start(&[]);
    let mut peer = socket(&server);
    peer.say_frame(
        TEXT,
        r#"{"jsonrpc":"2.0","id":1,"method":"post","params":{"path":"/tasks","body":"Buy milk"}}"#,
    );
    let (_, answer) = peer.frame();
    let answer = String::from_utf8(answer).unwrap();
    let etag = serde_json::from_str::<Value>(&answer).unwrap()["result"]["etag"].as_str().unwrap().to_owned();
    assert_eq!(
        answer,
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"status":201,"etag":"{etag}","location":"/tasks/1","body":{{"id":"1","text":"Buy milk"}}}}}}"#
        )
    );
}

#[test]
fn what_is_no_call_has_the_code_of_json_rpc() {
    let server = Server::start(&["--batch-calls-max", "10"]);
    let mut peer = socket(&server);
    let cases = [
        ("", -32700, json!(null)),
        ("{", -32700, json!(null)),
        ("[1,", -32700, json!(null)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/"}} x"#, -32700, json!(null)),
        ("1", -32600, json!(null)),
        ("[]", -32600, json!(null)),
        ("{}", -32600, json!(null)),
        ("[1,1,1,1,1,1,1,1,1,1,1]", -32600, json!(null)),
        (r#"{"jsonrpc":"1.0","id":1,"method":"get"}"#, -32600, json!(null)),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"get"}"#, -32600, json!(null)),
        (r#"{"jsonrpc":"2.0","id":"a","method":"brew","params":{"path":"/"}}"#, -32601, json!("a")),
        (r#"{"jsonrpc":"2.0","id":2,"method":"GET","params":{"path":"/"}}"#, -32601, json!(2)),
        (r#"{"jsonrpc":"2.0","id":2.5,"method":"get"}"#, -32602, json!(2.5)),
        (r#"{"jsonrpc":"2.0","id":null,"method":"get","params":["/"]}"#, -32602, json!(null)),
        (r#"{"jsonrpc":"2.0","id":3,"method":"get","params":{"path":1}}"#, -32602, json!(3)),
        (r#"{"jsonrpc":"2.0","id":3,"method":"get","params":{"path":"/","bogus":1}}"#, -32602, json!(3)),
        (r#"{"jsonrpc":"2.0","id":3,"method":"get","params":{"path":"/ws"}}"#, 400, json!(3)),
    ];
    for (message, code, id) in cases {
        let answer = peer.call(message);
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &id), "{message}");
        assert!(answer["error"]["message"].is_string() && answer.get("result").is_none());
    }
    assert_eq!(server.get("/tasks"), "[]");
}

#[test]
fn a_batch_is_answered_with_one_array() {
    let server = Server::start(&[]);
    let mut peer = socket(&server);
    let batch = json!([
        post(json!("a"), json!({})),
        get(json!("b"), "/tasks"),
        1,
        without_id(post(json!(null), json!({"n": 2}))),
        get(json!(null), "/tasks/2"),
        get(json!("c"), "/nowhere"),
    ]);
    let answers = peer.call(batch.to_string());
    let said: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(said, [json!("a"), json!("b"), json!(null), json!(null), json!("c")]);
    assert_eq!(answers[0]["result"]["status"], 201);
    assert_eq!(answers[1]["result"]["body"], json!([{"id": "1"}]));
    assert_eq!(answers[2]["error"]["code"], -32600);
    assert_eq!(answers[3]["result"]["body"], json!({"id": "2", "n": 2}));
    assert_eq!(answers[4]["error"]["code"], 404);

    let many: Vec<Value> = (0..1000).map(|n| post(json!(n), json!({"n": n}))).collect();
    assert_eq!(peer.call(Value::from(many).to_string()).as_array().unwrap().len(), 1000);
}

#[test]
fn of_a_notification_nothing_is_said() {
    let server = Server::start(&[]);
    let mut peer = socket(&server);
    peer.say_frame(TEXT, without_id(post(json!(null), json!({}))).to_string());
    peer.say_frame(TEXT, without_id(get(json!(null), "/nowhere")).to_string());
    peer.say_frame(TEXT, json!([without_id(post(json!(null), json!({})))]).to_string());
    let answer = peer.call(get(json!(1), "/tasks").to_string());
    assert_eq!((&answer["id"], &answer["result"]["body"]), (&json!(1), &json!([{"id": "1"}, {"id": "2"}])));
}

#[test]
fn calls_may_be_asked_without_waiting() {
    let server = Server::start(&["--calls-waiting-max", "3"]);
    let mut peer = socket(&server);
    let mut said = Vec::new();
    for n in 0..100 {
        said.extend(masked(TEXT, post(json!(n), json!({"n": n})).to_string().as_bytes()));
        said.extend(masked(TEXT, get(json!("read"), &format!("/tasks/{}", n + 1)).to_string().as_bytes()));
    }
    said.extend(masked(CLOSE, &closing(1000, "")));
    peer.say(said);
    let mut hear = || serde_json::from_slice::<Value>(&peer.frame().1).unwrap();
    for n in 0..100 {
        let written = hear();
        assert_eq!((&written["id"], &written["result"]["status"]), (&json!(n), &json!(201)));
        let read = hear();
        assert_eq!((&read["id"], &read["result"]["body"]["n"]), (&json!("read"), &json!(n)));
    }
    peer.hear_close(1000);
    peer.hear_end();
}

#[test]
fn a_call_may_come_in_fragments() {
    let server = Server::start(&[]);
    let mut peer = socket(&server);
    let message = post(json!(1), json!("Käse")).to_string();
    let middle = message.find('ä').unwrap() + 1;
    peer.say_frame(0x01, &message.as_bytes()[..middle]);
    peer.say_frame(0x80, &message.as_bytes()[middle..]);
    let answer: Value = serde_json::from_slice(&peer.frame().1).unwrap();
    assert_eq!(answer["result"]["body"]["text"], "Käse");
}

#[test]
fn what_was_asked_before_a_close_is_answered_before_it() {
    let server = Server::start(&[]);
    let mut peer = socket(&server);
    let call = masked(TEXT, post(json!(1), json!({})).to_string().as_bytes());
    peer.say([call, masked(CLOSE, &closing(1000, ""))].concat());
    let (first, answer) = peer.frame();
    assert_eq!(first, TEXT);
    assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["result"]["status"], 201);
    peer.hear_close(1000);
    peer.hear_end();
}

#[test]
fn plain_text_is_a_json_string_in_a_call() {
    let server = Server::start(&[]);
    let mut peer = socket(&server);
    let mut message = post(json!(1), json!("Tea"));
    message["params"]["content_type"] = json!("text/plain");
    assert_eq!(peer.call(message.to_string())["result"]["body"], json!({"id": "1", "text": "Tea"}));
}

#[test]
fn the_answers_of_a_batch_are_bounded() {
    let server = Server::start(&["--outbox-bytes-max", "100000"]);
    let mut peer = socket(&server);
    peer.call(post(json!(0), json!("x".repeat(40_000))).to_string());
    let mut batch: Vec<Value> = (0..500).map(|n| get(json!(n), "/tasks/1")).collect();
    batch.push(post(json!("not done"), json!({})));
    let answers = peer.call(Value::from(batch).to_string());
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 501);
    for (n, answer) in answers.iter().enumerate() {
        match n {
            ..3 => assert_eq!(answer["result"]["status"], 200, "{n}"),
            _ => assert_eq!(answer["error"]["code"], -32000, "{n}"),
        }
    }
    assert_eq!(peer.call(get(json!(1), "/tasks/2").to_string())["error"]["code"], 404);
}

#[test]
fn a_batch_has_so_many_calls_or_none_is_done() {
    let server = Server::start(&["--batch-calls-max", "2"]);
    let mut peer = socket(&server);
    let batch = |calls: i32| Value::from_iter((0..calls).map(|n| post(json!(n), json!({})))).to_string();
    let answer = peer.call(batch(3));
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(null), &json!(-32600)));
    assert_eq!(server.get("/tasks"), "[]");
    assert_eq!(peer.call(batch(2)).as_array().unwrap().len(), 2);
}

#[test]
fn parameters_that_http_could_not_carry_are_invalid() {
    let server = Server::start(&[]);
    let mut peer = socket(&server);
    let mut code = |params: Value| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "put", "params": params});
        let answer = peer.call(message.to_string());
        assert_eq!(answer["id"], 1);
        answer["error"]["code"].clone()
    };
    for name in ["if_match", "if_none_match"] {
        for tags in [json!(["*"]), json!(["00000001-1", "*"])] {
            assert_eq!(code(json!({"path": "/tasks/1", "body": {}, name: tags})), -32602);
        }
    }
    for body in [json!({}), json!(7), json!(null), json!(["x"])] {
        for name in ["text/plain", "Text/Plain; charset=utf-8"] {
            let params = json!({"path": "/tasks/1", "body": body, "content_type": name});
            assert_eq!(code(params), -32602, "{body}");
        }
    }
    assert_eq!(server.get("/tasks"), "[]");
}

#[test]
fn the_asterisk_is_no_resource() {
    let server = Server::start(&[]);
    let mut peer = socket(&server);
    assert_eq!(peer.call(get(json!(1), "*").to_string())["error"]["code"], 404);
}
