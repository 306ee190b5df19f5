//! What a distance does to `bothways compare`, and what it leaves alone.
#![cfg(target_os = "linux")]

use crate::compare::{compare, is_exact, least, report, way};
use serde_json::Value;

#[test]
fn what_is_held_weighs_nothing_and_all_else_is_far_away() {
    let few = ["--rtt", "2ms", "--connections", "50", "--followers", "2", "--changes", "4"];
    let short = ["--changes-per-second", "20", "--quiet-seconds", "1", "--follow-ways", "events"];
    for experiments in ["hold,follow", "ask,hold"] {
        let report = report(&[&few[..], &short, &["--ways", "new", "--experiments", experiments]].concat());
        let held = report["hold"].as_array().unwrap();
        assert_eq!(held.len(), 3);
        for held in held {
            assert_eq!((&held["left_out"], held["rounds"].as_u64()), (&Value::Null, Some(2)), "{held}");
        }
        match experiments {
            "ask,hold" => {
                let says = report["counting"]["says"].as_str().unwrap();
                assert_eq!(says.contains("The tunnel in it has an MTU of 1500"), is_exact(&report), "{says}");
                assert!(!says.contains("Its loopback"), "{says}");
                assert!(least(&report, "new", "latency_p50_us") >= 2.0 * 2000.0, "{report}");
            }
            _ => assert_eq!(report["follow"][1]["left_out"], Value::Null, "{report}"),
        }
    }
}

/// Each of 256 is sent ten segments at once and more, and each direction holds 1000.
#[test]
fn what_a_tunnel_has_no_room_for_is_said() {
    const FLAGS: &[&str] = &["--ways", "parallel", "--in-flight", "256", "--payload-bytes", "20000"];
    let calm = report(&[FLAGS, &["--rtt", "2ms"]].concat());
    assert_eq!(calm["distance"]["dropped"], 0, "twenty at a time have room: {calm}");
    let narrow = ["--rtt", "2ms", "--bandwidth", "50mbit", "--calls", "256", "--rounds", "1", "--json"];
    let output = compare(&[FLAGS, &narrow].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    if is_exact(&report) {
        let dropped = report["distance"]["dropped"].as_u64().unwrap();
        assert!(dropped > 0 && report["ask"][0]["sent_again"].as_u64().unwrap() > 0, "{report}");
    }
}

#[test]
fn many_callers_come_over_a_distance_at_the_same_time() {
    // One after the other would take longer than a server waits for the first word of the first.
    let report = report(&["--rtt", "50ms", "--ways", "parallel", "--in-flight", "256"]);
    let parallel = way(&report, "parallel");
    assert_eq!((&parallel["left_out"], &parallel["rounds"]), (&Value::Null, &Value::from(2)), "{parallel}");
}
