//! What `bothways compare` says of times, and what must be known to read it.
#![cfg(target_os = "linux")]

use crate::canned_server::{CannedServer, send};
use crate::compare::{CALLS, compare, least, printed, report, way};
use std::thread;
use std::time::Duration;

#[test]
fn one_round_alone_is_said_to_have_no_spread() {
    const WORDS: &str = "One round: how far the figures differ from round to round is not known.";
    for (rounds, times) in [("1", 1), ("2", 0)] {
        let flags = ["--ways", "kept", "--count", "tcp-info", "--rounds", rounds];
        let (text, page) = printed(&flags);
        let json = compare(&[&flags[..], &["--calls", "20", "--json"]].concat());
        let json = String::from_utf8(json.stdout).unwrap();
        for form in [text, page, json] {
            assert_eq!(form.matches(WORDS).count(), times, "{form}");
        }
    }
}

#[test]
fn latency_at_full_speed_is_said_to_be_that_of_a_closed_loop() {
    const WORDS: &str = "p50, p99 and max of calls at full speed are those of a closed loop: ";
    let flags = ["--ways", "kept", "--count", "tcp-info"];
    let (text, page) = printed(&flags);
    assert_eq!((text.matches(WORDS).count(), page.matches(WORDS).count()), (1, 1), "{text}");
    assert!(report(&flags)["notes"].to_string().contains(WORDS));
}

#[test]
fn a_call_that_had_to_wait_for_others_has_waited() {
    let server = CannedServer::start(|stream, requests| {
        for request in requests {
            thread::sleep(Duration::from_millis(20));
            send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
            if request.iter().any(|line| line == "Connection: close") {
                return;
            }
        }
    });
    // One is due every ten milliseconds, and takes twenty: the last is 200 late when it is answered.
    let flags = ["--url", &server.url(), "--ways", "kept", "--rate", "100"];
    let slow = report(&flags);
    assert!(least(&slow, "kept", "paced_max_us") >= 200_000.0, "{slow}");
    assert!(least(&slow, "kept", "paced_p50_us") >= 100_000.0, "{slow}");
    assert!(least(&slow, "kept", "paced_behind_ms") >= 180.0, "{slow}");
    let made = &way(&slow, "kept")["figures"]["paced_calls_per_second"];
    // Nineteen answers have been waited for when the last is written.
    assert!(made["max"].as_f64().unwrap() <= CALLS / (19.0 * 0.02), "{made}");
    let words = way(&slow, "kept")["rate_missed"].as_str().unwrap();
    assert!(words.starts_with("2 of 2 rounds did not keep 100 calls/s: "), "{words}");
    let (text, page) = printed(&flags);
    assert!(text.contains("\n† The rate was not kept: ") && text.contains("\nkept: 5 of 5 rounds"), "{text}");
    assert!(page.contains("† The rate was not kept: ") && page.contains(">kept†</text>"), "{page}");
}

#[test]
fn who_waits_for_company_in_one_write_has_waited() {
    let report = report(&["--rate", "100", "--depth", "10", "--ways", "pipelined,socket-pipelined"]);
    for name in ["pipelined", "socket-pipelined"] {
        // The first of ten waits until the last is due.
        assert!(least(&report, name, "paced_max_us") >= 90_000.0, "{report}");
        assert!(least(&report, name, "paced_p50_us") >= 40_000.0, "{report}");
        assert!(least(&report, name, "paced_calls_per_second") <= 100.0, "{report}");
    }
}

#[test]
fn a_rate_that_is_missed_is_told_for_exactly_those_ways_that_miss_it() {
    let report = report(&["--rate", "200", "--depth", "5"]);
    for asked in report["ask"].as_array().unwrap() {
        let of = |figure: &str, end: &str| asked["figures"][figure][end].as_f64().unwrap();
        let is_kept = of("paced_calls_per_second", "min") >= 190.0 && of("paced_behind_ms", "max") <= 10.0;
        assert_eq!(asked["rate_missed"].is_null(), is_kept, "{asked}");
    }
}
