//! `bothways compare --like` and `--claims`: tables that others have published, and the page of what is said.
#![cfg(target_os = "linux")]

use crate::server::PROGRAM;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

fn compare(flags: &[&str]) -> Output {
    Command::new(PROGRAM).arg("compare").args(flags).env_remove("RUST_LOG").output().unwrap()
}

/// A table that was repeated in small.
#[track_caller]
fn repeated(table: &str, flags: &[&str]) -> Value {
    let output = compare(&[&["--like", table, "--rounds", "1", "--json"], flags].concat());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && words.is_empty(), "{words}");
    let table: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&table["rounds"], &table["complete"]), (&1.into(), &true.into()));
    let sections = table["sections"].as_array().unwrap();
    let mut rows = sections.iter().flat_map(|section| section["rows"].as_array().unwrap());
    assert!(rows.all(|row| row["rounds"] == 1), "{table}");
    table
}

/// Each row by what it is of, in that section.
#[track_caller]
fn rows(table: &Value, section: usize) -> BTreeMap<String, Value> {
    let rows = table["sections"][section]["rows"].as_array().unwrap();
    rows.iter().map(|row| (row["what"].as_str().unwrap().to_owned(), row.clone())).collect()
}

fn here(row: &Value) -> f64 {
    row["here"]["median"].as_f64().unwrap()
}

fn published(row: &Value) -> f64 {
    row["published"][0]["figure"].as_f64().unwrap()
}

#[test]
fn the_quantum_leap_is_measured_once_and_multiplied() {
    let table = repeated("quantum-leap", &["--calls", "10"]);
    let one = rows(&table, 0);
    // As long as theirs, by padding; and what they counted of a frame is what a frame has.
    for alone in ["headers of a poll alone", "header of a frame alone"] {
        assert!((here(&one[alone]) - published(&one[alone])).abs() < 1e-9, "{alone}");
    }
    let poll = here(&one["a poll, headers of 871 bytes"]);
    let push = here(&one["a push"]);
    // 21 bytes of payload, and two segments at least.
    assert!((871.0 + 21.0 + 2.0 * 40.0..1100.0).contains(&poll), "{poll}");
    assert!((2.0 + 21.0 + 40.0..200.0).contains(&push), "{push}");
    let many = rows(&table, 1);
    for (clients, published_bits) in [(1_000, 6.968), (10_000, 69.68), (100_000, 696.8)] {
        let row = &many[&format!("{clients} clients: headers of polls")];
        assert_eq!(row["how"], "multiplied");
        assert!((published(row) - published_bits).abs() < 1e-9, "{row}");
        let all = &many[&format!("{clients} clients: those polls, all of them")];
        assert!((here(all) - poll * f64::from(clients) * 8.0 / 1e6).abs() < 1e-6, "{all}");
    }
    let ratio = &rows(&table, 2)["a poll of 871 bytes : a push"];
    assert!((here(ratio) - poll / push).abs() < 1e-6 && published(ratio) == 435.5, "{ratio}");
}

#[test]
fn one_thing_is_varied_at_a_time() {
    let table = repeated("gupta-2014", &["--calls", "10"]);
    assert_eq!(table["sections"].as_array().unwrap().len(), 5);
    let bytes = rows(&table, 4);
    let of = |what: &str| here(&bytes[what]);
    assert!(of("  but a new connection for each") > of("HTTP, one at a time, as published"));
    assert!(of("HTTP, one at a time, as published") > of("  but lean headers") + 400.0);
    // Two segments of 52 and the message with 6 there, with 2 back.
    let echo = of("  but one at a time");
    assert!(echo >= 2.0 * 40.0 + 64.0 + 6.0 + 64.0 + 2.0, "{echo}");
    let ratios = rows(&table, 3);
    let known: Vec<&Value> = ratios.values().filter(|row| row["published"][0].is_object()).collect();
    assert_eq!(known.len(), 1, "what is not known for certain is left out");
    assert_eq!(published(known[0]), 10.0);
    assert!(ratios.values().all(|row| row["how"] == "ratio" && here(row) > 0.0));
}

#[test]
fn many_messages_at_once_are_no_deadlock() {
    // Of 10 000 bytes each: far more than the buffers between here and there hold.
    let table = repeated("gupta-2014", &["--calls", "500"]);
    assert!(here(&rows(&table, 1)["500 × 10000 bytes: echo, all at once"]) > 0.0);
}

#[test]
fn a_connection_lasts_for_all_requests_for_ten_or_for_one() {
    let table = repeated("httparena", &["--calls", "40", "--in-flight", "4"]);
    let ratios = rows(&table, 1);
    let published: Vec<&Value> =
        ratios["echoes : requests, kept"]["published"].as_array().unwrap().iter().map(|p| &p["of"]).collect();
    assert_eq!(published, ["actix", "ASP.NET", "helidon"]);
    let rates = rows(&table, 0);
    assert_eq!(rates.len(), 5);
    assert!(rates.values().all(|row| here(row) > 0.0 && row["how"] == "measured"));
    let opened = rows(&table, 2);
    for (what, connections) in [
        ("requests, kept", 0.0),
        ("requests, a new connection after every tenth", 0.1),
        ("requests, a new connection for each", 1.0),
        ("the same calls by the socket", 0.0),
    ] {
        assert!((here(&opened[what]) - connections).abs() < 1e-9, "{what}: {}", opened[what]);
    }
}

#[test]
fn a_table_is_read_at_a_terminal_too() {
    let output = compare(&["--like", "httparena", "--calls", "20", "--in-flight", "2", "--rounds", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for words in ["published by HttpArena", "actix 0.408", "a ratio", "one loop serves"] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

/// Which flags cannot be given is said, flag by flag, beside the command line itself.
#[test]
fn a_flag_that_would_be_ignored_is_wrong_usage() {
    for flags in [
        &["--like", "hearsay"][..],
        &["--like", "httparena", "--url", "http://127.0.0.1:1/"],
        &["--like", "httparena", "--claims"],
        &["--like", "gupta-2014", "--in-flight", "8"],
        &["--like", "gupta-2014", "--html", "page.html"],
        &["--claims", "--url", "http://127.0.0.1:1/"],
        &["--claims", "--json"],
        &["--claims", "--payload-bytes", "64"],
        &["--claims", "--rtt", "40ms", "--followers", "3"],
    ] {
        let output = compare(flags);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{flags:?}");
    }
    let output = compare(&["--claims", "--count", "tcp-info"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("counts packet by packet"));
}

#[test]
fn a_table_is_repeated_over_a_distance_and_says_so() {
    let flags = ["--calls", "10", "--rtt", "20ms", "--bandwidth", "100mbit"];
    let table = repeated("gupta-2014", &flags);
    assert_eq!(table["distance"]["round_trip_ms"], 20.0);
    let ratios = rows(&table, 3);
    let told = here(&ratios["as published: HTTP one at a time, echo all at once"]);
    // Ten round trips to one, and what the machine itself takes.
    assert!((5.0..10.5).contains(&told), "{told}");
    let same = here(&ratios["both one at a time: HTTP, the same call"]);
    assert!((0.5..2.0).contains(&same), "{same}");
    let flags = ["--like", "httparena", "--calls", "20", "--in-flight", "2", "--rounds", "1", "--rtt", "5ms"];
    let text = String::from_utf8(compare(&flags).stdout).unwrap();
    assert!(text.contains("A distance of 5 ms there and back"), "{text}");
}

/// The page, made anew. That a verdict holds is looked at by the command, which fails where one does not.
#[test]
fn what_is_said_is_held_to_the_figures() {
    let output = compare(&["--claims", "--rounds", "5"]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if words.contains("counts packet by packet") {
        eprintln!("LEFT OUT: no network of our own here: {words}");
        return;
    }
    assert!(output.status.success(), "{words}");
    let page = String::from_utf8(output.stdout).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/claims.md");
    let written = fs::read_to_string(path).unwrap_or_default();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, &page).unwrap();
        return;
    }
    for (now, then) in page.lines().zip(written.lines()) {
        assert_eq!(without_marked(now), without_marked(then), "UPDATE_DOCS=1 writes docs/claims.md anew");
    }
    assert_eq!(page.lines().count(), written.lines().count());
}

/// A number with `~` before it is of one run.
fn without_marked(line: &str) -> String {
    let mut parts = line.split('~');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push('~');
        kept += part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    }
    kept
}

#[test]
fn only_what_is_marked_may_differ() {
    assert_eq!(without_marked("kept ~172, socket ~-2; 5 of 6"), "kept ~, socket ~; 5 of 6");
    assert_ne!(without_marked("2 segments, ~3 µs"), without_marked("3 segments, ~3 µs"));
}
