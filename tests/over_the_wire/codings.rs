//! Bodies as gzip, for those who take it.

use crate::peer::{Peer, Response};
use crate::server::Server;
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::io::Read;

const GZIP: &str = "Accept-Encoding: gzip, deflate, br\r\n";

fn get(peer: &mut Peer, path: &str, fields: &str) -> Response {
    peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    peer.response()
}

fn gunzip(response: &Response) -> Vec<u8> {
    assert_eq!(response.field("Content-Encoding"), Some("gzip"));
    let mut text = Vec::new();
    GzDecoder::new(&response.body[..]).read_to_end(&mut text).expect("it is gzip");
    text
}

fn put(peer: &mut Peer, path: &str, fields: &str, text: &str) -> u16 {
    let body = json!({ "text": text }).to_string();
    let length = body.len();
    peer.say(format!(
        "PUT {path} HTTP/1.1\r\nHost: a\r\n{GZIP}{fields}Content-Length: {length}\r\n\r\n{body}"
    ));
    let response = peer.response();
    assert_eq!(response.field("Content-Encoding"), None, "what answers a change is sent as it is");
    assert!(!response.field("ETag").unwrap_or_default().contains("gzip"));
    response.status
}

/// With an item of so many bytes, and one that is short.
fn server_with(flags: &[&str], bytes: usize) -> (Server, Peer) {
    let server = Server::start(flags);
    let mut peer = server.connect();
    assert_eq!(put(&mut peer, "/tasks/short", "", "x"), 201);
    assert_eq!(put(&mut peer, "/tasks/long", "", &"to be or not to be ".repeat(bytes / 19)), 201);
    (server, peer)
}

fn varies(response: &Response) -> bool {
    response.fields.iter().any(|(name, value)| name == "Vary" && value == "Accept-Encoding")
}

#[test]
fn every_representation_travels_as_gzip_to_who_takes_it() {
    let (_server, mut peer) = server_with(&[], 9_000);
    for path in
        ["/tasks", "/tasks/long", "/tasks?text:contains=be", "/openapi.json", "/metrics", "/-/page.js", "/"]
    {
        for accept in ["", "Accept: text/plain\r\n", "Accept: text/html\r\n", "Accept: application/xml\r\n"] {
            let plain = get(&mut peer, path, accept);
            if plain.status != 200 || plain.body.len() < 256 {
                continue;
            }
            let coded = get(&mut peer, path, &format!("{accept}{GZIP}"));
            let place = format!("{path} {accept}");
            assert!(varies(&plain) && varies(&coded), "{place}");
            assert_eq!(plain.field("Content-Encoding"), None, "{place}");
            assert_eq!(plain.field("Content-Type"), coded.field("Content-Type"), "{place}");
            assert!(coded.body.len() < plain.body.len() / 2, "{place}");
            if path != "/metrics" {
                assert_eq!(gunzip(&coded), plain.body, "{place}");
            }
            let [plain_tag, coded_tag] =
                [&plain, &coded].map(|response| response.field("ETag").map(str::to_owned));
            assert_eq!(
                coded_tag,
                plain_tag.map(|tag| format!("{}.gzip\"", tag.trim_end_matches('"'))),
                "{place}"
            );
        }
    }
}

#[test]
fn head_says_of_a_coded_body_what_get_says() {
    let (_server, mut peer) = server_with(&[], 9_000);
    let got = get(&mut peer, "/tasks", GZIP);
    peer.say(format!("HEAD /tasks HTTP/1.1\r\nHost: a\r\n{GZIP}\r\n"));
    assert_eq!(peer.response_to_head().fields, got.fields);
}

#[test]
fn what_is_short_is_sent_as_it_is_and_does_not_vary() {
    let (_server, mut peer) = server_with(&[], 9_000);
    let short = get(&mut peer, "/tasks/short", GZIP);
    assert_eq!((short.field("Content-Encoding"), varies(&short)), (None, false));
    assert!(!short.field("ETag").unwrap().contains("gzip"));
    // Who likes it better as it is, or has not said gzip.
    for fields in
        ["", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0\r\n", "Accept-Encoding: identity\r\n"]
    {
        let plain = get(&mut peer, "/tasks/long", fields);
        assert_eq!((plain.field("Content-Encoding"), varies(&plain)), (None, true), "{fields}");
    }
    let (_server, mut peer) = server_with(&["--compression", "off"], 9_000);
    let plain = get(&mut peer, "/tasks/long", GZIP);
    assert_eq!((plain.field("Content-Encoding"), varies(&plain)), (None, false));
    let (_server, mut peer) = server_with(&["--compression-body-bytes-max", "5000"], 9_000);
    assert_eq!(get(&mut peer, "/tasks/long", GZIP).field("Content-Encoding"), None, "too long");
}

#[test]
fn the_tag_of_a_coded_body_is_as_good_as_the_other() {
    let (server, mut peer) = server_with(&[], 9_000);
    for (path, accept) in [("/tasks", ""), ("/tasks/long", ""), ("/tasks/long", "Accept: text/html\r\n")] {
        let plain = get(&mut peer, path, accept).field("ETag").unwrap().to_owned();
        let coded = get(&mut peer, path, &format!("{accept}{GZIP}")).field("ETag").unwrap().to_owned();
        let mut ask = |fields: &str, tag: &str| {
            let response = get(&mut peer, path, &format!("{accept}{fields}If-None-Match: {tag}\r\n"));
            (response.status, response.field("ETag").unwrap().to_owned(), varies(&response))
        };
        assert_eq!(ask(GZIP, &coded), (304, coded.clone(), true), "{path} {accept}");
        assert_eq!(ask(GZIP, &plain), (304, plain.clone(), true), "what it has is no less true");
        assert_eq!(ask("", &plain), (304, plain.clone(), false));
        // Of several it is told which one is still so.
        assert_eq!(ask(GZIP, &format!("\"00000000-1.gzip\", {plain}")), (304, plain.clone(), true));
        assert_eq!(ask(GZIP, &format!("\"x.gzip-y\", {plain}, {coded}")), (304, coded.clone(), true));
        // What it has it cannot read, by its own words.
        assert_eq!(ask("", &coded), (200, plain.clone(), true));
    }
    let coded = get(&mut peer, "/tasks/long", GZIP).field("ETag").unwrap().to_owned();
    assert_eq!(get(&mut peer, "/tasks/long", &format!("{GZIP}If-Match: {coded}\r\n")).status, 200);
    assert_eq!(put(&mut peer, "/tasks/long", &format!("If-Match: {coded}\r\n"), "new"), 200);
    assert_eq!(put(&mut peer, "/tasks/long", &format!("If-Match: {coded}\r\n"), "newer"), 412);

    // On the other road, and as a place to go on from.
    put(&mut peer, "/tasks/long", "", &"word ".repeat(100));
    let coded = get(&mut peer, "/tasks/long", GZIP).field("ETag").unwrap().trim_matches('"').to_owned();
    assert!(coded.ends_with(".gzip"));
    let mut socket = server.connect();
    socket.shake_hands(&format!("/tasks?since={coded}"));
    let (_, first) = socket.frame();
    let first: Value = serde_json::from_slice(&first).unwrap();
    assert_eq!(first["method"], "position", "nothing is missing since");
    let patch = json!({ "jsonrpc": "2.0", "id": 1, "method": "patch",
        "params": { "path": "/tasks/long", "body": { "done": true }, "if_match": format!("\"{coded}\"") } });
    assert_eq!(socket.call(patch.to_string())["result"]["status"], 200);
}
