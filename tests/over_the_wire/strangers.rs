//! `bothways compare --url` and servers that do as they like: what can be measured is, and of the rest it is
//! said why it cannot be.
#![cfg(target_os = "linux")]

use crate::canned_server::{CannedServer, send};
use crate::compare::{compare, least, report, way};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

/// The report of a run that ended well, with as many calls and rounds as these flags say.
#[track_caller]
fn measure(flags: &[&str]) -> Value {
    let output = compare(&[flags, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Why it was left out.
#[track_caller]
fn why(report: &Value, experiment: &str, name: &str) -> String {
    let all = report[experiment].as_array().unwrap();
    let one = all.iter().find(|one| one["way"] == name).unwrap();
    one["left_out"].as_str().unwrap_or_else(|| panic!("{name} is not left out: {one}")).to_owned()
}

#[test]
fn a_server_that_closes_is_counted_with_its_fin() {
    let old = CannedServer::respond_once("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let until_close = CannedServer::respond_once("HTTP/1.0 200 OK\r\n\r\nhello");
    let without_a_word = CannedServer::respond_once(HELLO);
    for url in [old.url(), until_close.url(), without_a_word.url()] {
        // So many that the FIN comes before, while and after the kernel is asked.
        let report =
            measure(&["--url", &url, "--ways", "new,new-closed,kept", "--calls", "400", "--rounds", "2"]);
        for name in ["new", "new-closed"] {
            assert_eq!(
                (&way(&report, name)["unsaid"], &way(&report, name)["left_out"]),
                (&Value::Null, &Value::Null)
            );
            assert!((least(&report, name, "payload_bytes_per_call") - 5.0).abs() < 1e-9);
            assert!(least(&report, name, "segments_per_call") >= 6.0, "{report}");
        }
        assert_eq!(way(&report, "kept")["rounds"], 0);
    }
    let flags =
        ["--url", &old.url(), "--experiments", "ask,hold", "--connections", "4", "--ways", "new,kept"];
    let report = report(&flags);
    for experiment in ["ask", "hold"] {
        assert_eq!(why(&report, experiment, "kept"), "the server does not keep the connection");
    }
}

#[test]
fn a_server_that_ignores_close_is_looked_at_and_measured() {
    let server = CannedServer::respond(|_| HELLO);
    let begun = Instant::now();
    let report = report(&["--url", &server.url(), "--ways", "new,new-closed,kept,pipelined"]);
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    for name in ["new", "kept", "pipelined"] {
        assert_eq!(
            (&way(&report, name)["left_out"], &way(&report, name)["unsaid"]),
            (&Value::Null, &Value::Null)
        );
    }
    let words = "the server was asked to close the connection, and did not within 5s";
    assert!(why(&report, "ask", "new-closed").starts_with(words), "{report}");
}

#[test]
fn what_is_no_event_stream_and_no_socket_is_not_held() {
    let server = CannedServer::respond(|request| if request[0].contains("/rpc") { NOT_FOUND } else { HELLO });
    let report = report(&["--url", &server.url(), "--experiments", "hold", "--connections", "8"]);
    assert_eq!(report["hold"][0]["rounds"], 2, "{report}");
    let words = "the server answered text/plain where text/event-stream was asked for";
    assert_eq!(why(&report, "hold", "events"), words);
    assert_eq!(why(&report, "hold", "socket"), "the server refused the WebSocket: 404 Not Found");
}

#[test]
fn an_event_stream_may_say_more_of_its_type() {
    let server = CannedServer::respond(|request| {
        let is_stream = request.iter().any(|line| line.ends_with("text/event-stream"));
        let stream_head =
            "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n: hello\n";
        if is_stream { stream_head } else { HELLO }
    });
    let report = report(&["--url", &server.url(), "--experiments", "hold", "--connections", "8"]);
    assert_eq!((&report["hold"][1]["left_out"], &report["hold"][1]["rounds"]), (&Value::Null, &2.into()));
}

#[test]
fn system_calls_that_were_counted_backwards_are_not_said() {
    let scrapes = AtomicUsize::new(0);
    let server = CannedServer::respond(move |request| {
        if !request[0].contains("/metrics") {
            return HELLO.to_owned();
        }
        let count = [1000, 1002, 400][scrapes.fetch_add(1, Ordering::Relaxed) % 3];
        let text = format!("bothways_system_calls_total{{call=\"read\"}} {count}\n");
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
    });
    let report = report(&["--url", &server.url(), "--ways", "kept"]);
    assert_eq!(way(&report, "kept")["system_calls"], serde_json::json!({}), "{report}");
    assert_eq!(way(&report, "kept")["left_out"], Value::Null);
    let notes = report["notes"].as_array().unwrap();
    let said = notes.iter().filter(|note| note.as_str().unwrap().contains("went back")).count();
    assert_eq!(said, 1, "{report}");
}

/// The probe for the server's presence asks for `Connection: close`, and succeeds.
#[test]
fn an_answer_that_is_another_one_is_no_measurement() {
    let server = CannedServer::respond(|request| {
        if request.iter().any(|line| line == "Connection: close") { HELLO } else { NOT_FOUND }
    });
    let url = server.url();
    let flags =
        ["--url", &url, "--experiments", "ask,hold", "--connections", "4", "--ways", "kept", "--json"];
    let output = compare(&flags);
    let words = String::from_utf8(output.stderr).unwrap();
    let expected = "the server answered 404 Not Found, and 200 was expected";
    assert_eq!(words, format!("bothways: kept could not be measured: {expected}\n"));
    assert_eq!(output.status.code(), Some(1), "nothing was measured");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for experiment in ["ask", "hold"] {
        assert_eq!(why(&report, experiment, "kept"), expected);
    }
}

#[test]
fn a_connection_that_is_kept_for_some_calls_is_measured_as_long() {
    let server = CannedServer::start(|stream, requests| {
        requests.take(19).for_each(|_| send(stream, HELLO));
        requests.next();
        send(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    });
    let measured = report(&["--url", &server.url(), "--ways", "kept"]);
    assert_eq!(
        (&way(&measured, "kept")["left_out"], &way(&measured, "kept")["unsaid"]),
        (&Value::Null, &Value::Null)
    );
    let report = measure(&["--url", &server.url(), "--ways", "kept,new", "--calls", "21", "--rounds", "1"]);
    let words = "the server keeps a connection for 20 calls and no longer; see --calls";
    assert_eq!(why(&report, "ask", "kept"), words);
}
