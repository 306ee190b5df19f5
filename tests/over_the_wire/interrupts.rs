//! Whatever `bothways compare` is doing: an interrupt ends it soon, and what there was by then is printed.
#![cfg(target_os = "linux")]

use crate::canned_server::{CannedServer, send};
use crate::compare::Running;
use crate::server::{signal, wait_exit, wait_until};
use serde_json::Value;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What it printed, on standard output and on standard error, when it was interrupted `after` it began.
#[track_caller]
fn interrupted(flags: &[&str], after: Duration) -> (String, String) {
    let mut running = Running::start(flags);
    wait_until("it measures", || running.server().is_some() || running.0.try_wait().unwrap().is_some());
    let (mut stdout, mut stderr) = (running.0.stdout.take().unwrap(), running.0.stderr.take().unwrap());
    let reader = thread::spawn(move || {
        let mut printed = String::new();
        stdout.read_to_string(&mut printed).unwrap();
        printed
    });
    thread::sleep(after);
    // Twice, as timeout(1) sends it: to the process, and to its group. It may have ended by itself, and says why.
    let process = running.0.id().to_string();
    _ = Command::new("kill").args(["-INT", &process, &process]).stderr(Stdio::null()).status();
    let begun = Instant::now();
    let status = wait_exit(&mut running.0);
    let took = begun.elapsed();
    let mut words = String::new();
    stderr.read_to_string(&mut words).unwrap();
    assert_eq!(status.code(), Some(1), "{flags:?}: {words}");
    assert!(took < SOON, "{flags:?} took {took:?} to end");
    (reader.join().unwrap(), words)
}

/// On a machine that does other things meanwhile.
const SOON: Duration = Duration::from_secs(2);
const LINE: &str = "bothways: interrupted: what was measured until then is incomplete\n";

/// So many rounds that none of them is over by itself; and the parts of each: calls, messages that come once
/// a second, connections, changes.
const ENDLESS: &[&[&str]] = &[
    &["--calls", "1000000"],
    &["--ways", "kept", "--calls", "100", "--rounds", "1000"],
    &["--experiments", "hold", "--rounds", "1000"],
    &["--experiments", "follow", "--changes", "100000"],
    &["--experiments", "cross"],
    &["--like", "quantum-leap", "--rounds", "1000"],
    &["--like", "quantum-leap", "--calls", "10", "--rounds", "3"],
    &["--like", "gupta-2014", "--calls", "10000"],
    &["--like", "gupta-2014", "--rtt", "40ms"],
    &["--like", "httparena", "--calls", "1000000"],
];

#[test]
fn an_interrupt_ends_whatever_is_measured() {
    for flags in ENDLESS {
        let (printed, words) = interrupted(&[flags, &["--json"][..]].concat(), Duration::from_millis(800));
        assert_eq!(words, LINE, "{flags:?}");
        let report: Value = serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{flags:?}: {printed}"));
        assert_eq!(report["complete"], false, "{flags:?}");
    }
}

#[test]
fn a_server_that_stands_still_is_not_waited_for() {
    let mut running = Running::start(&["--json", "--calls", "20", "--rounds", "1000"]);
    wait_until("it measures", || running.server().is_some());
    thread::sleep(Duration::from_millis(800));
    signal(running.server().unwrap(), "STOP");
    thread::sleep(Duration::from_millis(300));
    signal(running.0.id(), "INT");
    let begun = Instant::now();
    let (mut printed, mut words) = (String::new(), String::new());
    running.0.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    running.0.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(begun.elapsed() < SOON, "it took {:?} to end", begun.elapsed());
    assert_eq!((wait_exit(&mut running.0).code(), &*words), (Some(1), LINE));
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&report["complete"], &report["ask"][0]["left_out"]), (&false.into(), &Value::Null));
}

#[test]
fn an_answer_that_never_ends_is_not_heard_to_its_end() {
    let server = CannedServer::start(|mut stream, _| {
        send(stream, "HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b".").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let mut running = Running::start(&["--url", &server.url()]);
    thread::sleep(Duration::from_millis(500));
    assert!(running.0.try_wait().unwrap().is_none(), "it hears");
    signal(running.0.id(), "INT");
    let begun = Instant::now();
    assert_eq!(wait_exit(&mut running.0).code(), Some(1));
    assert!(begun.elapsed() < SOON, "it took {:?} to end", begun.elapsed());
    let mut words = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert_eq!(words, "bothways: interrupted while the server was waited for\n");
}

#[test]
fn a_second_interrupt_waits_for_nothing() {
    // The other side is a second away, so what is under way is not over soon.
    let mut running = Running::start(&["--like", "gupta-2014", "--rtt", "1s"]);
    wait_until("it measures", || running.server().is_some());
    thread::sleep(Duration::from_secs(3));
    let begun = Instant::now();
    signal(running.0.id(), "INT");
    // Within a moment it would be taken for the same one, sent twice.
    thread::sleep(Duration::from_millis(200));
    if running.0.try_wait().unwrap().is_none() {
        signal(running.0.id(), "INT");
    }
    assert_eq!(wait_exit(&mut running.0).code(), Some(1));
    assert!(begun.elapsed() < SOON, "it took {:?} to end", begun.elapsed());
}

#[test]
fn half_a_table_says_so_and_has_the_figures_that_there_are() {
    let flags = ["--like", "gupta-2014", "--calls", "10", "--rounds", "1000"];
    let (printed, words) = interrupted(&flags, Duration::from_secs(1));
    assert_eq!(words, LINE);
    assert!(printed.starts_with("INCOMPLETE: "), "{printed}");
    let row =
        |what: &str| printed.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{printed}"));
    assert!(row("10 × 64 bytes: times as long").contains(" of 1000 rounds"), "{printed}");
    assert!(row("both one at a time: HTTP, echo").contains("not measured"), "{printed}");
}

#[test]
fn what_was_counted_by_then_is_no_verdict() {
    let (page, words) = interrupted(&["--claims", "--rounds", "1000"], Duration::from_secs(1));
    if words.contains("counts packet by packet") {
        eprintln!("LEFT OUT: no network of our own here: {words}");
        return;
    }
    assert_eq!(words, LINE);
    assert!(page.starts_with("**INCOMPLETE**"), "{page}");
    assert!(!page.contains("Verdict: ") && !page.contains("**false**"), "{page}");
    assert_eq!(page.matches("There is no verdict").count(), 15, "{page}");
    assert!(page.contains("- Counted by then: 322 bytes a call: payload 64"), "{page}");
    assert!(page.contains("- Counted by then: nothing"), "who follows comes later: {page}");
}
