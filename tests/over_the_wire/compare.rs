//! `bothways compare` as somebody runs it, held against what is known of TCP, HTTP and WebSocket.
#![cfg(target_os = "linux")]

use crate::canned_server::{CannedServer, send};
use crate::server::{PROGRAM, Server, signal, wait_exit, wait_until};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{self, Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub const CALLS: f64 = 20.0;

pub fn compare(flags: &[&str]) -> Output {
    Command::new(PROGRAM).arg("compare").args(flags).env_remove("RUST_LOG").output().unwrap()
}

/// The report of a run that ended well.
#[track_caller]
pub fn report(flags: &[&str]) -> Value {
    let output = compare(&[flags, &["--calls", "20", "--rounds", "2", "--json"]].concat());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && words.is_empty(), "{words}");
    serde_json::from_slice(&output.stdout).unwrap()
}

pub fn way<'r>(report: &'r Value, name: &str) -> &'r Value {
    let ways = report["ask"].as_array().unwrap();
    ways.iter().find(|asked| asked["way"] == name).unwrap_or_else(|| panic!("{name} is a way"))
}

/// The least of all rounds: a machine that is busy may be late with an answer, and an acknowledgement then
/// travels alone.
#[track_caller]
pub fn least(report: &Value, name: &str, figure: &str) -> f64 {
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
pub fn is_exact(report: &Value) -> bool {
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
    assert_eq!(report["ask"].as_array().unwrap().len(), 11);
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
            ("kept-gzip", kept),
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
    for figure in ["round_trips_first", "closing_segments", "closing_bytes"] {
        assert_eq!(way(&report, "kept")["figures"].get(figure), None);
    }
    for (name, expected) in [("new", true), ("kept", false), ("socket", false)] {
        assert_eq!(way(&report, name)["without_end"], expected, "{name}");
    }
}

#[test]
fn a_figure_without_the_end_of_its_connections_is_marked() {
    let (text, page) = printed(&["--count", "tcp-info", "--ways", "new,kept", "--rounds", "2"]);
    let row = |name: &str| text.lines().find(|line| line.starts_with(&format!("│ {name} "))).unwrap();
    assert!(row("new").contains(" 7* ") && !row("kept").contains('*'), "{text}");
    assert!(text.contains("\n* Without the end of each connection, which TCP_INFO cannot see.\n"), "{text}");
    assert!(text.contains("\nOf closing nothing is known: "), "{text}");
    assert!(page.contains("<td>7<sup>*</sup></td>") && page.contains(">new*</text>"), "{page}");
    let (text, page) = printed(&["--ways", "new,kept", "--rounds", "2"]);
    if text.contains("in a network namespace of its own") {
        assert!(!text.contains("7*") && !page.contains("<sup>*"), "{text}");
    }
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
fn a_long_body_is_compressed_where_that_is_accepted() {
    let report = report(&["--ways", "kept,kept-gzip", "--payload-bytes", "4000"]);
    check(&report, "payload_bytes_per_call", &[("kept", 4000.0)]);
    let coded = least(&report, "kept-gzip", "payload_bytes_per_call");
    assert!((50.0..2000.0).contains(&coded), "{coded}");
    // Accept-Encoding there; Content-Encoding, a longer tag and a shorter length back.
    let fields = |way| least(&report, way, "fields_bytes_per_call");
    assert!((40.0..70.0).contains(&(fields("kept-gzip") - fields("kept"))));
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

/// Lower bounds: whoever is at work beside us can make it longer. The first distance is one of packets
/// where this machine lets us hold them back, the second one of bytes.
#[test]
fn a_distance_is_waited_for_as_often_as_it_is_travelled() {
    const ROUND_TRIP_US: f64 = 20_000.0;
    for count in ["auto", "tcp-info"] {
        let flags =
            ["--rtt", "20ms", "--bandwidth", "100mbit", "--ways", "new,kept,socket", "--count", count];
        let report = report(&flags);
        let distance = &report["distance"];
        assert_eq!(
            (&distance["round_trip_ms"], &distance["bits_per_second"]),
            (&20.0.into(), &100_000_000.into())
        );
        let expected = if is_exact(&report) { "tunnel" } else { "relay" };
        assert_eq!(distance["how"], expected);
        let waits = |name, figure| least(&report, name, figure) / ROUND_TRIP_US;
        assert!(waits("new", "latency_p50_us") >= 2.0, "{report}");
        assert!(waits("kept", "latency_p50_us") >= 1.0, "{report}");
        for (name, round_trips) in [("new", 2.0), ("kept", 2.0), ("socket", 3.0)] {
            assert!(waits(name, "first_answer_us") >= round_trips, "{name}: {report}");
        }
        if expected == "tunnel" {
            // As without it: the same kernel says the same, only later.
            check(&report, "segments_per_call", &[("new", 10.0), ("socket", 2.0)]);
            check(&report, "round_trips_first", &[("new", 2.0), ("kept", 2.0), ("socket", 3.0)]);
        }
    }
}

#[test]
fn a_long_answer_over_a_distance_takes_the_rounds_of_slow_start() {
    for count in ["auto", "tcp-info"] {
        let flags = ["--rtt", "20ms", "--ways", "new", "--count", count, "--payload-bytes", "100000"];
        // 70 segments: 10, 20, 40; and a round trip before them.
        let took = least(&report(&flags), "new", "latency_p50_us");
        assert!(took >= 4.0 * 20_000.0, "{took}");
    }
}

#[test]
fn a_stranger_can_be_far_away_too() {
    let server = Server::start(&["--loops", "1"]);
    server.put_item();
    let report = report(&["--url", &server.url("/tasks/last"), "--rtt", "10ms", "--ways", "kept,socket"]);
    assert_eq!(report["distance"]["how"], "relay");
    assert!(least(&report, "kept", "latency_p50_us") >= 10_000.0, "{report}");
}

/// What a run prints, and its page.
#[track_caller]
pub fn printed(flags: &[&str]) -> (String, String) {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("bothways-printed-{}-{run}.html", process::id()));
    let output = compare(&[&["--calls", "20", "--html", file.to_str().unwrap()], flags].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    (String::from_utf8(output.stdout).unwrap(), page)
}

/// The page of a run, and its report.
fn page(flags: &[&str]) -> (String, Value) {
    let file = std::env::temp_dir().join(format!("bothways-{}-{}.html", std::process::id(), flags.len()));
    let report = report(&[flags, &["--html", file.to_str().unwrap()]].concat());
    let page = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    (page, report)
}

fn parse(page: &str) -> roxmltree::Document<'_> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    roxmltree::Document::parse_with_options(page, options).unwrap()
}

#[test]
fn the_page_says_what_the_report_says() {
    let (page, report) = page(&["--rate", "200", "--experiments", "ask,hold", "--connections", "20"]);
    let document = parse(&page);
    let figures = document.descendants().rfind(|node| node.has_tag_name("section")).unwrap();
    let rows: Vec<_> = figures.descendants().filter(|node| node.has_tag_name("tr")).collect();
    let words = |node: roxmltree::Node| -> Vec<String> {
        node.descendants().filter(|node| node.is_text()).map(|node| node.text().unwrap().to_owned()).collect()
    };
    let ways: Vec<String> = words(rows[0])[1..].to_vec();
    let mut seen = 0;
    for asked in report["ask"].as_array().unwrap() {
        let column = 1 + ways.iter().position(|way| asked["way"] == **way).unwrap();
        for (name, figure) in asked["figures"].as_object().unwrap() {
            let row =
                rows.iter().find(|row| words(**row)[0] == **name).unwrap_or_else(|| panic!("no {name}"));
            let cell = row.children().filter(|node| node.is_element()).nth(column).unwrap();
            let shown: f64 = words(cell)[0].parse().unwrap();
            let median = figure["median"].as_f64().unwrap();
            // As many digits as mean something.
            let digits = [0.0005, 0.05, 0.5][usize::from(median >= 10.0) + usize::from(median >= 1000.0)];
            assert!((shown - median).abs() <= digits * 1.01, "{name}: {shown} {median}");
            seen += 1;
        }
    }
    assert!(seen > 300, "{seen}");
    for held in report["hold"].as_array().unwrap() {
        assert!(page.contains(&format!("<th scope=\"row\">{}</th>", held["way"].as_str().unwrap())));
    }
    let command = report["made"]["command"].as_str().unwrap();
    assert!(command.starts_with("bothways compare --rate 200 ") && page.contains(command), "{command}");
    assert!(page.contains(report["made"]["system"].as_str().unwrap()));
}

#[test]
fn what_is_asked_for_is_no_markup() {
    let server = Server::start(&["--loops", "1"]);
    server.put_item();
    let fields = std::env::temp_dir().join(format!("<script>&'{}", std::process::id()));
    std::fs::write(&fields, "X-Field: 1\n").unwrap();
    let url = server.url("/tasks/last?a='&b=;alert(1)");
    let (page, _) = page(&["--url", &url, "--headers", fields.to_str().unwrap(), "--ways", "kept"]);
    std::fs::remove_file(fields).unwrap();
    let document = parse(&page);
    assert!(!document.descendants().any(|node| node.has_tag_name("script")));
    assert!(page.contains("&lt;script&gt;&amp;") && page.contains("?a='&amp;b=;alert(1)"), "{page}");
}

#[test]
fn a_page_that_cannot_be_written_is_said_before_anything_is_measured() {
    let begun = std::time::Instant::now();
    let output = compare(&["--calls", "1000000", "--html", "/no/such/folder/page.html"]);
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), words.lines().count(), output.stdout.len()),
        (Some(2), 1, 0),
        "{words}"
    );
    assert!(words.starts_with("bothways: --html: /no/such/folder/page.html cannot be written: "), "{words}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
}

#[test]
fn nobody_there_is_one_line() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
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
        &["--rate", "0"],
        &["--rtt", "40"],
        &["--rtt", "40ms", "--bandwidth", "10"],
        &["--bandwidth", "10mbit"],
    ] {
        assert_eq!(compare(flags).status.code(), Some(2), "{flags:?}");
    }
    let output = compare(&["--count", "namespace", "--url", "http://127.0.0.1:1/"]);
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("a network that is not ours"), "{words}");
}

#[test]
fn an_interrupt_prints_what_was_measured_and_says_so() {
    let folder = std::env::temp_dir().join(format!("bothways-interrupt-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("page.html");
    let flags = ["--json", "--ways", "kept", "--calls", "1000000", "--rounds", "1000", "--html"];
    let mut running = Running::start(&[&flags[..], &[file.to_str().unwrap()]].concat());
    wait_until("calls are made", || running.server().is_some_and(|server| switches(server) > 1000));
    signal(running.0.id(), "INT");
    let mut printed = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut printed).unwrap();
    let mut words = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert_eq!(wait_exit(&mut running.0).code(), Some(1));
    assert_eq!(words, "bothways: interrupted: what was measured until then is incomplete\n");
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["complete"], false);
    let page = std::fs::read_to_string(&file).unwrap();
    parse(&page);
    assert!(page.contains("<b>Incomplete.</b>"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left behind");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_folder_that_is_gone_at_the_end_costs_the_page_and_not_the_figures() {
    let folder = std::env::temp_dir().join(format!("bothways-gone-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("page.html");
    let flags = ["--json", "--ways", "kept", "--calls", "20", "--rounds", "1000", "--html"];
    let mut running = Running::start(&[&flags[..], &[file.to_str().unwrap()]].concat());
    wait_until("calls are made", || running.server().is_some_and(|server| switches(server) > 1000));
    std::fs::remove_dir_all(&folder).unwrap();
    signal(running.0.id(), "INT");
    let mut printed = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut printed).unwrap();
    let mut words = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert_eq!((wait_exit(&mut running.0).code(), words.lines().count()), (Some(1), 1), "{words}");
    assert!(words.contains("page.html cannot be written: "), "{words}");
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert!(way(&report, "kept")["rounds"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn connections_that_are_held_weigh_something() {
    let report = report(&["--experiments", "hold", "--connections", "1000"]);
    let held = report["hold"].as_array().unwrap();
    let names: Vec<&str> = held.iter().map(|held| held["way"].as_str().unwrap()).collect();
    assert_eq!(names, ["kept", "events", "socket"]);
    for held in held {
        assert_eq!((&held["left_out"], held["rounds"].as_u64()), (&Value::Null, Some(2)));
        // Of a server that has kept nothing for them; and none of them takes the memory of a thread.
        let bytes = held["server_bytes"]["median"].as_f64().unwrap();
        assert!((100.0..4000.0).contains(&bytes), "{held}");
    }
}

#[test]
fn of_a_stranger_whose_bytes_do_not_agree_the_rest_is_still_said() {
    let server = CannedServer::start(|stream, requests| {
        let request = requests.next().unwrap_or_default();
        // The body is 3 bytes longer than `Content-Length`.
        send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}...");
        if !request.iter().any(|line| line == "Connection: close") {
            assert!(requests.next().is_none(), "one call for each connection");
        }
    });
    let report = report(&["--url", &server.url(), "--ways", "new"]);
    let new = way(&report, "new");
    let why = new["unsaid"].as_str().unwrap();
    assert!(why.starts_with("two counts disagree: of one connection the kernel says "), "{why}");
    assert_eq!((&new["left_out"], new["figures"].get("segments_per_call")), (&Value::Null, None));
    assert!((least(&report, "new", "payload_bytes_per_call") - 2.0).abs() < 1e-9);
}

#[test]
fn a_stranger_that_ends_first_agrees_with_the_kernel() {
    // The end of the connection is not announced, as with servers of HTTP/1.0.
    let server = CannedServer::start(|stream, requests| {
        assert!(requests.next().is_some(), "there is a request");
        send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    });
    let report = report(&["--url", &server.url(), "--ways", "new"]);
    assert_eq!(way(&report, "new")["unsaid"], Value::Null);
    assert!(least(&report, "new", "segments_per_call") >= 7.0);
}

/// `bothways compare` while it runs. It ends with the test, also where that fails.
pub struct Running(pub Child);

impl Running {
    pub fn start(flags: &[&str]) -> Running {
        let mut command = Command::new(PROGRAM);
        command.arg("compare").args(flags).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().unwrap())
    }

    /// The process of the server that it has started.
    pub fn server(&self) -> Option<u32> {
        let process = self.0.id();
        let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
        children.split_whitespace().map(|child| child.parse().unwrap()).find(|child| {
            fs::read(format!("/proc/{child}/cmdline"))
                .is_ok_and(|words| words.split(|byte| *byte == 0).nth(1) == Some(b"serve"))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its server ends with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How often the threads of a process have waited for something.
fn switches(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    let of = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok())
        .filter_map(of)
        .sum()
}
