//! `bothways compare --experiments follow,cross`, as a shell sees them: what must be exact, whatever this
//! machine does meanwhile.

use crate::server::PROGRAM;
use serde_json::Value;
use std::process::Command;

/// What is printed as JSON, and the exit status.
fn compare(flags: &[&str]) -> (Value, Option<i32>) {
    let output =
        Command::new(PROGRAM).args(["compare", "--json", "--rounds", "1"]).args(flags).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    let report = serde_json::from_slice(&output.stdout);
    (report.unwrap_or_else(|_| panic!("no report: {error}")), output.status.code())
}

/// One figure of a way; the same in all rounds, of which there is one.
fn figure(of: &Value, name: &str) -> f64 {
    of["figures"][name]["median"].as_f64().unwrap_or_else(|| panic!("{} has no {name}", of["way"]))
}

const SMALL: &[&str] =
    &["--experiments", "follow", "--followers", "3", "--changes", "20", "--changes-per-second", "20"];

#[test]
fn who_follows_sees_or_misses_each_change() {
    let flags = [SMALL, &["--poll-seconds", "0.1,0.3", "--quiet-seconds", "0.5"]].concat();
    let (report, status) = compare(&flags);
    assert_eq!((&report["complete"], status), (&Value::Bool(true), Some(0)));
    let followed = report["follow"].as_array().unwrap();
    assert_eq!(followed.len(), 1 + 4 * 2 + 3);
    for one in followed.iter().filter(|one| one["way"] != "nobody") {
        let way = one["way"].as_str().unwrap();
        let of = |name| figure(one, name);
        // Thirds do not add up to the last digit.
        assert!((of("seen") + of("missed") - 20.0).abs() < 1e-9, "{one}");
        let is_new = way.starts_with("poll-new");
        assert_eq!(of("opening_connections") >= 1.0, true);
        assert_eq!(of("changing_connections") > 0.0, is_new, "{one}");
        assert_eq!(of("quiet_connections") > 0.0, is_new, "{one}");
        if is_new {
            // A poll under way at the border of two phases has its connection on the one side of it.
            assert!((of("changing_connections") - of("changing_asked")).abs() < 2.0, "{one}");
        }
        assert!(of("age_p50_ms") <= of("age_p99_ms") && of("age_p99_ms") <= of("age_max_ms"), "{one}");
        match one["poll_seconds"].as_f64() {
            // Twenty changes in a second, and who looks three times sees no more than that many states,
            // and the last.
            Some(0.3) => assert!(of("seen") <= 6.0 && of("missed") >= 14.0, "{one}"),
            Some(_) => assert!(of("quiet_asked") > 2.0, "{one}"),
            None => {
                assert_eq!((of("opening_connections"), of("quiet_asked")), (1.0, 0.0), "{one}");
                assert_eq!(of("quiet_bytes"), 0.0, "{one}");
            }
        }
        if let "events" | "socket" = way {
            assert_eq!((of("seen"), of("missed"), of("changing_asked")), (20.0, 0.0, 0.0), "{one}");
            let payload = of("changing_payload_bytes") * of("changing_seconds");
            assert!((payload - 20.0 * 64.0).abs() < 1e-6, "{one}");
        }
    }
}

#[test]
fn on_a_socket_nothing_happens_while_nothing_happens() {
    let flags = [SMALL, &["--follow-ways", "socket,events", "--quiet-seconds", "1"]].concat();
    let (report, _) = compare(&flags);
    let followed = report["follow"].as_array().unwrap();
    assert_eq!(followed.len(), 3);
    for one in &followed[1..] {
        assert_eq!(figure(one, "quiet_segments"), 0.0, "{one}");
        // Each change is at least one segment; and an acknowledgement at most for each.
        let segments = figure(one, "changing_segments") * figure(one, "changing_seconds");
        assert!((20.0..=40.5).contains(&segments), "{one}");
    }
}

#[test]
fn who_makes_the_changes_keeps_to_a_server_of_our_own() {
    let output = Command::new(PROGRAM)
        .args(["compare", "--experiments", "follow", "--url", "http://127.0.0.1:1/tasks/1"])
        .output()
        .unwrap();
    let words = "bothways: follow and cross change what they follow, and so take a server of our own, and no \
                 --url\n";
    assert_eq!(
        (String::from_utf8(output.stderr).unwrap(), output.status.code()),
        (words.to_owned(), Some(2))
    );
}
