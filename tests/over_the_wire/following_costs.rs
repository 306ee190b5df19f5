//! `bothways compare --experiments follow,cross`, as a shell sees them: what must be exact, whatever this
//! machine does meanwhile.
#![cfg(target_os = "linux")]

use crate::server::{PROGRAM, signal, wait_exit};
use serde_json::Value;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

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
    assert_eq!(followed.len(), 1 + 5 * 2 + 4);
    for one in followed.iter().filter(|one| one["way"] != "nobody") {
        let way = one["way"].as_str().unwrap();
        let of = |name| figure(one, name);
        // Thirds do not add up to the last digit.
        assert!((of("seen") + of("missed") - 20.0).abs() < 1e-9, "{one}");
        // Whoever is held is asking already for what comes next.
        let asked = if way == "long-poll" { 2.0 } else { 1.0 };
        assert_eq!((of("opening_connections"), of("opening_asked")), (1.0, asked), "{one}");
        let parts = ["payload", "fields", "framing", "deflated", "header"]
            .map(|part| figure(one, &format!("opening_{part}_bytes")));
        assert!((parts.iter().sum::<f64>() - of("opening_bytes")).abs() < 1e-6, "{one}");
        if way.starts_with("poll-new") {
            // Each poll has its own; one that is late may be under way when it is counted.
            let polls = of("changing_asked") * of("changing_seconds");
            assert!((of("changing_connections") * of("changing_seconds") - polls).abs() < 1.01, "{one}");
        } else {
            assert_eq!((of("quiet_connections"), of("changing_connections")), (0.0, 0.0), "{one}");
        }
        assert!(of("age_p50_ms") <= of("age_p99_ms") && of("age_p99_ms") <= of("age_max_ms"), "{one}");
        match one["poll_seconds"].as_f64() {
            // Twenty changes in a second, and who looks three times sees no more than that many states,
            // and the last.
            Some(0.3) => assert!(of("seen") <= 6.0 && of("missed") >= 14.0, "{one}"),
            Some(_) => assert!(of("quiet_asked") > 2.0, "{one}"),
            None => assert_eq!((of("quiet_asked"), of("quiet_bytes")), (0.0, 0.0), "{one}"),
        }
        if let "events" | "socket" | "socket-deflated" = way {
            assert_eq!((of("seen"), of("missed"), of("changing_asked")), (20.0, 0.0, 0.0), "{one}");
            let payload = of("changing_payload_bytes") * of("changing_seconds");
            assert!((payload - 20.0 * 64.0).abs() < 1e-6, "{one}");
        }
    }
}

#[test]
fn on_a_socket_nothing_happens_while_nothing_happens() {
    // Both ways of counting know it; where there can be no network of our own, it is the second twice.
    for how in ["auto", "tcp-info"] {
        let ways = ["--follow-ways", "socket,events", "--quiet-seconds", "1", "--count", how];
        let (report, _) = compare(&[SMALL, &ways].concat());
        let followed = report["follow"].as_array().unwrap();
        assert_eq!(followed.len(), 3);
        for one in &followed[1..] {
            assert_eq!(figure(one, "quiet_segments"), 0.0, "{one}");
            // Each change is one segment, and at most one acknowledgement.
            let segments = figure(one, "changing_segments") * figure(one, "changing_seconds");
            assert!((20.0..=40.01).contains(&segments), "{one}");
        }
    }
}

#[test]
fn long_notices_come_compressed_where_that_was_offered() {
    let long = ["--payload-bytes", "4000", "--quiet-seconds", "0.2"];
    for ways in ["socket,socket-deflated", "events,socket-deflated"] {
        let (report, _) = compare(&[SMALL, &long, &["--follow-ways", ways]].concat());
        let [plain, deflated] = [1, 2].map(|n| &report["follow"][n]);
        let split = |one| {
            ["payload", "fields", "framing", "deflated", "header"]
                .map(|part| figure(one, &format!("changing_{part}_bytes")) * figure(one, "changing_seconds"))
        };
        for one in [plain, deflated] {
            let all = figure(one, "changing_bytes") * figure(one, "changing_seconds");
            assert!((split(one).iter().sum::<f64>() - all).abs() < 1e-6, "{one}");
        }
        assert!((split(plain)[0] - 20.0 * 4000.0).abs() < 1e-6 && split(plain)[3] == 0.0, "{plain}");
        // Nobody can say what of a compressed message is payload; a frame of such a length has four bytes
        // of header.
        let [payload, fields, framing, compressed, _] = split(deflated);
        assert_eq!((payload, fields, framing.round()), (0.0, 0.0, 20.0 * 4.0), "{deflated}");
        assert!(compressed > 20.0 * 126.0 && compressed < 20.0 * 1000.0, "{deflated}");
    }
}

#[test]
fn long_answers_to_polls_come_as_gzip_where_that_is_accepted() {
    let long = ["--payload-bytes", "4000", "--quiet-seconds", "1", "--poll-seconds", "0.3"];
    let ways = ["--follow-ways", "poll,poll-gzip"];
    for headers in ["lean", "browser"] {
        let (report, _) = compare(&[SMALL, &long, &ways, &["--headers", headers]].concat());
        let of_each = |one: &Value| figure(one, "quiet_payload_bytes") / figure(one, "quiet_asked");
        let [plain, coded] = [1, 2].map(|n| of_each(&report["follow"][n]));
        assert!(coded > 100.0 && coded < 1000.0, "{coded}");
        // A browser accepts it anyway.
        assert!((plain - if headers == "lean" { 4000.0 } else { coded }).abs() < 50.0, "{plain}");
        for n in [1, 2] {
            assert!(figure(&report["follow"][n], "seen") >= 1.0, "what came was read");
        }
    }
}

#[test]
fn a_crossing_lies_between_two_rates_that_were_measured() {
    let flags = [
        "--experiments",
        "cross",
        "--followers",
        "4",
        "--follow-ways",
        "poll,socket",
        "--poll-seconds",
        "0.25",
        "--cross-seconds",
        "0.5",
        "--cross-rate-max",
        "64",
        "--rhythm",
        "at-random",
    ];
    let (report, status) = compare(&flags);
    assert_eq!((&report["complete"], status), (&Value::Bool(true), Some(0)));
    let points = report["cross"]["points"].as_array().unwrap();
    let crossings = report["cross"]["crossings"].as_array().unwrap();
    assert_eq!(crossings.len(), 3);
    let at = |way: &str, rate: f64, name| {
        let is_it = |point: &&Value| point["way"] == way && point["changes_per_second"] == rate;
        figure(points.iter().find(is_it).unwrap(), name)
    };
    let cost = |way, rate| at(way, rate, "changing_bytes");
    // Four polls a second of some 400 bytes against changes of some 300.
    let bytes = &crossings[0];
    assert_eq!((&bytes["figure"], &bytes["poller"]), (&"changing_bytes".into(), &"poll".into()));
    let [low, high] = ["low", "high"].map(|end| bytes[end].as_f64().unwrap_or_else(|| panic!("{bytes}")));
    assert!(2.0 <= low && low < high && high <= 12.0, "{bytes}");
    assert!(cost("poll", low) >= cost("socket", low) && cost("poll", high) < cost("socket", high), "{bytes}");

    // Whichever search has measured them.
    let rates =
        points.iter().filter(|point| point["way"] == "poll").map(|point| &point["changes_per_second"]);
    let shared = |rate: &f64| {
        points.iter().any(|point| point["way"] == "socket" && point["changes_per_second"] == *rate)
    };
    for rate in rates.map(|rate| rate.as_f64().unwrap()).filter(shared) {
        let is_told_dearer = cost("poll", rate) < cost("socket", rate);
        assert!(if is_told_dearer { rate >= high } else { rate <= low }, "{rate}: {bytes}");
    }

    // Whoever is told is fresher, at both ends and so everywhere.
    let stale = &crossings[2];
    assert_eq!((&stale["figure"], &stale["high"]), (&"stale_percent".into(), &Value::Null), "{stale}");
    assert_eq!((&stale["low"], &stale["measured"][1]), (&64.0.into(), &64.0.into()), "{stale}");
    let says = stale["says"].as_str().unwrap();
    assert!(
        says.starts_with("staleness: polling is fresher at no rate measured, 2 to 64 changes a"),
        "{says}"
    );
    // Once in the time from one poll to the next it changes: then half of the time another state is shown.
    let [polled, told] = [0, 1].map(|n| &report["cross"]["staleness"][n]);
    assert_eq!(
        (&polled["way"], &told["way"], &told["high"]),
        (&"poll".into(), &"socket".into(), &Value::Null)
    );
    let [low, high] = ["low", "high"].map(|end| polled[end].as_f64().unwrap_or_else(|| panic!("{polled}")));
    assert!(2.0 <= low && low < high && high <= 12.0, "{polled}");
    let share = |rate| at("poll", rate, "stale_percent");
    assert!(share(low) <= 50.0 && share(high) > 50.0, "{polled}");
}

#[test]
fn who_is_far_away_is_told_of_all_that_is_counted() {
    let far = ["--rtt", "300ms", "--follow-ways", "socket", "--quiet-seconds", "0.2"];
    let (report, _) = compare(&[SMALL, &far].concat());
    let one = &report["follow"][1];
    assert_eq!((figure(one, "seen"), figure(one, "missed")), (20.0, 0.0), "{one}");
    // The word of the last change is on its way for half of that, as the change was before.
    let payload = figure(one, "changing_payload_bytes") * figure(one, "changing_seconds");
    assert!((payload - 20.0 * 64.0).abs() < 1e-6, "{one}");
    assert!(figure(one, "known_p50_ms") > 299.0, "{one}");
}

#[test]
fn what_is_a_little_old_need_not_be_stale() {
    let flags = ["--follow-ways", "poll", "--poll-seconds", "0.4", "--quiet-seconds", "0.4"];
    let stale = |ms: &str| {
        let (report, _) = compare(&[SMALL, &flags, &["--stale-ms", ms]].concat());
        let polled = &report["follow"][1];
        let of = |name| figure(polled, name);
        // Both are shares of the same time.
        assert!(of("stale_percent") <= 100.0 - of("current_percent") + 1e-9, "{polled}");
        of("stale_percent")
    };
    let [any, old, never] = ["0", "200", "60000"].map(stale);
    assert!(any > 60.0 && any > old + 20.0 && old > 10.0 && never == 0.0, "{any}, {old}, {never}");
}

#[test]
fn an_interrupt_prints_what_there_is() {
    let mut child = Command::new(PROGRAM)
        .args(["compare", "--json", "--experiments", "follow", "--changes", "100000", "--poll-seconds", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_secs(2));
    signal(child.id(), "INT");
    let status = wait_exit(&mut child);
    let (mut out, mut error) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{error}"));
    assert_eq!((&report["complete"], status.code()), (&Value::Bool(false), Some(1)));
    assert_eq!(error, "bothways: interrupted: what was measured until then is incomplete\n");
}

#[test]
fn one_round_of_several_has_no_spread_and_says_so() {
    let mut child = Command::new(PROGRAM)
        .args(["compare", "--rounds", "50", "--follow-ways", "socket", "--quiet-seconds", "1"])
        .args(SMALL)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // In the first round of who follows by socket: nobody has had one then, and has the next two seconds later.
    thread::sleep(Duration::from_millis(4500));
    signal(child.id(), "INT");
    wait_exit(&mut child);
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let words = "\nnobody: One round: how far the figures differ from round to round is not known.\n";
    assert!(out.contains(words), "{out}");
}

#[test]
fn an_interrupted_search_prints_the_rates_that_were_measured() {
    for json in [&[][..], &["--json"]] {
        let few = ["--followers", "3", "--follow-ways", "poll,socket", "--poll-seconds", "0.25"];
        let mut child = Command::new(PROGRAM)
            .args(["compare", "--experiments", "cross", "--cross-seconds", "1", "--rounds", "50"])
            .args(few)
            .args(json)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_secs(6));
        signal(child.id(), "INT");
        let status = wait_exit(&mut child);
        let mut out = String::new();
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        assert_eq!(status.code(), Some(1));
        if json.is_empty() {
            assert!(out.starts_with("INCOMPLETE: ") && out.contains("\n│ socket "), "{out}");
            assert!(!out.contains("overtakes") && out.matches('╞').count() == 1, "{out}");
            continue;
        }
        let report: Value = serde_json::from_str(&out).unwrap();
        let cross = &report["cross"];
        assert_eq!((&report["complete"], &cross["crossings"]), (&Value::Bool(false), &Value::Array(vec![])));
        // Of its fifty rounds, those that were run by then.
        let rounds = cross["points"][0]["rounds"].as_u64().unwrap();
        assert!((1..50).contains(&rounds), "{cross}");
    }
}

#[test]
fn what_cannot_be_compared_is_wrong_usage() {
    for (flags, words) in [
        (
            &["--follow-ways", "poll"][..],
            "cross takes --follow-ways of both kinds: one that polls, and one that is told",
        ),
        (&["--poll-seconds", "9"], "--poll-seconds 9 is longer than --cross-seconds 4: nobody would poll"),
        (
            &["--cross-rate-max", "0.25"],
            "--cross-rate-max 0.25 in --cross-seconds 4 is too little to compare",
        ),
    ] {
        let output =
            Command::new(PROGRAM).args(["compare", "--experiments", "cross"]).args(flags).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((error, output.status.code()), (format!("bothways: {words}\n"), Some(2)));
    }
}

#[test]
fn who_would_never_poll_is_wrong_usage() {
    for (flags, words) in [
        (&["--poll-seconds", "0.5,3"][..], "--quiet-seconds 2"),
        (
            &["--poll-seconds", "1.5", "--changes", "4", "--changes-per-second", "4"],
            "the time of 4 changes, 1.1",
        ),
    ] {
        let output =
            Command::new(PROGRAM).args(["compare", "--experiments", "follow"]).args(flags).output().unwrap();
        let every = flags[1].rsplit(',').next().unwrap();
        let words = format!("bothways: --poll-seconds {every} is longer than {words}: nobody would poll\n");
        assert_eq!((String::from_utf8(output.stderr).unwrap(), output.status.code()), (words, Some(2)));
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
