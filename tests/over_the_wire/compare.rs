//! `bothways compare` as somebody runs it, held against what is known of TCP, HTTP and WebSocket.
#![cfg(target_os = "linux")]

use crate::server::{PROGRAM, Server, signal, wait_exit};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

const CALLS: f64 = 20.0;

fn compare(flags: &[&str]) -> Output {
    Command::new(PROGRAM).arg("compare").args(flags).env_remove("RUST_LOG").output().unwrap()
}

/// The report of a run that ended well.
#[track_caller]
fn report(flags: &[&str]) -> Value {
    let output = compare(&[flags, &["--calls", "20", "--rounds", "2", "--json"]].concat());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && words.is_empty(), "{words}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn way<'r>(report: &'r Value, name: &str) -> &'r Value {
    let ways = report["ask"].as_array().unwrap();
    ways.iter().find(|asked| asked["way"] == name).unwrap_or_else(|| panic!("{name} is a way"))
}

/// The least of all rounds: a machine that is busy may be late with an answer, and an acknowledgement then
/// travels alone.
#[track_caller]
fn least(report: &Value, name: &str, figure: &str) -> f64 {
    way(report, name)["figures"][figure]["min"].as_f64().unwrap_or_else(|| panic!("{name} has {figure}"))
}

#[track_caller]
fn check(report: &Value, figure: &str, expected: &[(&str, f64)]) {
    for (name, value) in expected {
        let counted = least(report, name, figure);
        assert!((counted - value).abs() < 1e-9, "{figure} of {name} is {counted}, and should be {value}");
    }
}

/// Where this machine allows no namespaces, what they show is left out.
fn is_exact(report: &Value) -> bool {
    let exact = report["counting"]["how"] == "namespace";
    if !exact {
        eprintln!("LEFT OUT: no network of our own here: {}", report["counting"]["why"]);
    }
    exact
}

#[test]
fn what_is_known_of_each_way_is_what_is_counted() {
    let report = report(&["--depth", "10"]);
    assert_eq!(report["complete"], true);
    assert_eq!(report["ask"].as_array().unwrap().len(), 10);
    check(
        &report,
        "connections_per_call",
        &[("new", 1.0), ("new-closed", 1.0), ("kept", 0.0), ("socket", 0.0)],
    );
    check(
        &report,
        "payload_bytes_per_call",
        &[("new", 64.0), ("kept", 64.0), ("conditional", 0.0), ("socket", 64.0)],
    );
    // A frame's header and mask there, a longer header back.
    check(&report, "framing_bytes_per_call", &[("kept", 0.0), ("socket", 6.0 + 4.0)]);
    for asked in report["ask"].as_array().unwrap() {
        assert_eq!((&asked["left_out"], asked["rounds"].as_u64()), (&Value::Null, Some(2)), "{asked}");
        let figures = ["payload_", "fields_", "framing_", "deflated_", "header_"];
        let name = asked["way"].as_str().unwrap();
        let parts: f64 =
            figures.iter().map(|part| least(&report, name, &format!("{part}bytes_per_call"))).sum();
        assert!((parts - least(&report, name, "bytes_per_call")).abs() < 1.0, "{asked}");
    }
    if !is_exact(&report) {
        return;
    }
    // Chapter 1 counts them one by one. The first exchange on a connection is acknowledged at once, which
    // is two segments more; that of a socket is its handshake.
    let kept = (2.0 * CALLS + 2.0) / CALLS;
    check(
        &report,
        "segments_per_call",
        &[
            ("new", 10.0),
            ("new-closed", 8.0),
            ("kept", kept),
            ("conditional", kept),
            ("socket", 2.0),
            ("socket-deflated", 2.0),
        ],
    );
    check(&report, "opening_segments", &[("kept", 3.0), ("socket", 3.0 + 4.0)]);
    check(&report, "closing_segments", &[("kept", 3.0), ("socket", 5.0)]);
    check(&report, "round_trips_first", &[("new", 2.0), ("kept", 2.0), ("socket", 3.0), ("pipelined", 2.0)]);
    check(&report, "round_trips_per_call", &[("kept", 1.0), ("pipelined", 0.1), ("socket-pipelined", 0.1)]);
}

#[test]
fn without_a_namespace_the_end_of_a_connection_is_not_counted() {
    let report = report(&["--count", "tcp-info", "--ways", "new,kept,socket"]);
    assert_eq!(report["counting"]["how"], "tcp-info");
    assert!(report["counting"]["says"].as_str().unwrap().contains("its end is not in them"));
    let kept = (2.0 * CALLS + 2.0) / CALLS;
    check(&report, "segments_per_call", &[("new", 7.0), ("kept", kept), ("socket", 2.0)]);
    check(&report, "opening_segments", &[("kept", 3.0), ("socket", 7.0)]);
    assert_eq!(way(&report, "kept")["figures"].get("round_trips_first"), None);
}

#[test]
fn what_a_browser_sends_is_fields_and_nothing_else() {
    let (lean, browser) = (
        report(&["--ways", "kept,socket", "--count", "tcp-info"]),
        report(&["--ways", "kept,socket", "--count", "tcp-info", "--headers", "browser"]),
    );
    let more = |name, figure| least(&browser, name, figure) - least(&lean, name, figure);
    assert!(more("kept", "fields_bytes_per_call") > 400.0);
    assert!((more("kept", "payload_bytes_per_call")).abs() < 1e-9);
    // A socket says them once.
    assert!((more("socket", "fields_bytes_per_call")).abs() < 1e-9);
    assert!(more("socket", "opening_bytes") > 400.0);
}

#[test]
fn a_long_message_is_compressed_where_that_was_offered() {
    let report = report(&["--ways", "socket,socket-deflated", "--payload-bytes", "4000"]);
    check(&report, "deflated_bytes_per_call", &[("socket", 0.0)]);
    check(&report, "payload_bytes_per_call", &[("socket", 4000.0), ("socket-deflated", 0.0)]);
    let deflated = least(&report, "socket-deflated", "deflated_bytes_per_call");
    assert!((50.0..2000.0).contains(&deflated), "{deflated}");
}

#[test]
fn a_stranger_is_measured_as_far_as_it_can_be() {
    let server = Server::start(&["--loops", "1"]);
    server.put_item();
    let report = report(&["--url", &server.url("/tasks/last"), "--ways", "new,kept,conditional,socket"]);
    assert_eq!((&report["server"]["ours"], &report["server"]["counts"]), (&false.into(), &true.into()));
    assert_eq!(report["counting"]["how"], "tcp-info");
    assert!(report["counting"]["why"].as_str().unwrap().contains("a network that is not ours"));
    assert_eq!(way(&report, "kept")["figures"].get("server_us_per_call"), None);
    assert!(report["notes"].to_string().contains("see --pid"));
}

#[test]
fn nobody_there_is_one_line() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let output = compare(&["--url", &url]);
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), words.lines().count()), (Some(1), 1), "{words}");
    assert!(words.starts_with("bothways: cannot connect to 127.0.0.1:"), "{words}");
}

#[test]
fn what_cannot_be_is_wrong_usage() {
    for flags in [
        &["--calls", "0"][..],
        &["--ways", "telepathy"],
        &["--pid", "1"],
        &["--url", "ws://a/"],
        &["--headers", "/there/is/no/such/file"],
        &["--url", "http://a/", "--payload-bytes", "100"],
    ] {
        assert_eq!(compare(flags).status.code(), Some(2), "{flags:?}");
    }
    let output = compare(&["--count", "namespace", "--url", "http://127.0.0.1:1/"]);
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("a network that is not ours"), "{words}");
}

#[test]
fn an_interrupt_prints_what_was_measured_and_says_so() {
    let mut child = Command::new(PROGRAM)
        .args(["compare", "--json", "--ways", "kept", "--calls", "1000000", "--rounds", "1000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its server listens, so its own signals are taken: it says nothing until then that could be waited for.
    std::thread::sleep(std::time::Duration::from_secs(1));
    signal(child.id(), "INT");
    let mut printed = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut printed).unwrap();
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert_eq!(wait_exit(&mut child).code(), Some(1));
    assert_eq!(words, "bothways: interrupted: what was measured until then is incomplete\n");
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["complete"], false);
}

#[test]
fn connections_that_are_held_weigh_something() {
    let report = report(&["--experiments", "hold", "--connections", "200"]);
    let held = report["hold"].as_array().unwrap();
    let names: Vec<&str> = held.iter().map(|held| held["way"].as_str().unwrap()).collect();
    assert_eq!(names, ["kept", "events", "socket"]);
    for held in held {
        assert_eq!((&held["left_out"], held["rounds"].as_u64()), (&Value::Null, Some(2)));
        // No connection of this server takes the memory of a thread.
        assert!(held["server_bytes"]["median"].as_f64().unwrap() < 64.0 * 1024.0, "{held}");
    }
}
