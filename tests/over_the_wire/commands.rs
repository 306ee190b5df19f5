//! `bothways call` and `bothways watch`, as a shell sees them.

use crate::server::{PROGRAM, Server, signal, wait_exit};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

/// Standard output, standard error, and exit status.
fn run(arguments: &[&str]) -> (String, String, Option<i32>) {
    run_with(arguments, "")
}

fn run_with(arguments: &[&str], input: &str) -> (String, String, Option<i32>) {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who does not read its input closes it, and that is none of our business.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[track_caller]
fn check(arguments: &[&str], printed: &str, complaint: &str, status: i32) {
    let (out, error, code) = run(arguments);
    assert_eq!((out.trim_end(), &*error, code), (printed, complaint, Some(status)), "{arguments:?}");
}

#[test]
fn a_call_by_either_road_prints_the_same() {
    for road in ["http", "ws"] {
        let server = Server::start(&[]);
        let url = |path: &str| format!("{road}://{}{path}", server.address());
        check(&["call", "POST", &url("/tasks"), "\"Buy milk\""], r#"{"id":"1","text":"Buy milk"}"#, "", 0);
        check(&["call", "post", &url("/tasks"), "-d", r#"{"n":1}"#], r#"{"id":"2","n":1}"#, "", 0);
        check(&["call", "GET", &url("/tasks")], r#"[{"id":"1","text":"Buy milk"},{"id":"2","n":1}]"#, "", 0);
        check(&["call", "PATCH", &url("/tasks/2"), r#"{"n":null}"#], r#"{"id":"2"}"#, "", 0);
        check(&["call", "DELETE", &url("/tasks/2")], "", "", 0);
        let complaint = "bothways: the server answered 404 Not Found\n";
        let problem =
            r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no such item"}"#;
        check(&["call", "GET", &url("/tasks/2")], problem, complaint, 1);
        check(
            &["call", "PUT", &url("/tasks/1"), "{}", "-H", "If-None-Match: *"],
            r#"{"type":"about:blank","title":"Precondition Failed","status":412,"detail":"the item is not in the state that the condition asks for"}"#,
            "bothways: the server answered 412 Precondition Failed\n",
            1,
        );
        let piped = run_with(&["call", "POST", &url("/tasks"), "-"], r#"{"from":"a pipe"}"#);
        assert_eq!((piped.0.trim_end(), piped.2), (r#"{"id":"3","from":"a pipe"}"#, Some(0)));
    }
}

#[test]
fn a_call_can_show_the_head_too() {
    let server = Server::start(&[]);
    let (out, _, status) = run(&["call", "-i", "GET", &server.url("/healthz"), "-H", "X-Mine: 1"]);
    assert_eq!(status, Some(0));
    assert!(out.starts_with("HTTP/1.1 200 OK\r\nDate: ") && out.ends_with("\r\n\r\nalive\n"), "{out:?}");
    let (out, _, status) = run(&["call", "-i", "HEAD", &server.url("/tasks")]);
    assert_eq!(status, Some(0));
    assert!(out.contains("\r\nContent-Length: 2\r\n") && out.ends_with("\r\n\r\n"), "{out:?}");
    let (out, _, status) = run(&["call", "-i", "GET", &server.socket_url("/tasks")]);
    assert_eq!(status, Some(0));
    assert!(out.contains("200") && out.trim_end().ends_with("[]"), "{out:?}");
}

#[test]
fn a_failure_is_one_clear_line() {
    let server = Server::start(&[]);
    let address = server.address().to_owned();
    drop(server);
    for road in ["http", "ws"] {
        let (out, error, status) = run(&["call", "GET", &format!("{road}://{address}/tasks")]);
        assert_eq!((&*out, status), ("", Some(1)));
        assert!(error.starts_with("bothways: ") && error.lines().count() == 1, "{error}");
    }
    let (_, error, status) = run(&["watch", &format!("ws://{address}/ws")]);
    assert!(error.starts_with("bothways: ") && error.lines().count() == 1, "{error}");
    assert_eq!(status, Some(1));
}

#[test]
fn wrong_usage_is_status_two() {
    for arguments in [
        &[][..],
        &["brew"],
        &["call"],
        &["call", "GET"],
        &["call", "GET", "tasks"],
        &["call", "G T", "http://a/"],
        &["watch", "http://127.0.0.1:1/tasks"],
        &["serve", "--no-such-flag"],
        &["serve", "--memory", "--check", "--connections-max", "0"],
        &["serve", "--memory", "--check", "--head-bytes-max", "0"],
    ] {
        let (out, error, status) = run(arguments);
        assert_eq!((&*out, status), ("", Some(2)), "{arguments:?}");
        assert!(!error.is_empty(), "{arguments:?}");
    }
    assert_eq!(run(&["--help"]).2, Some(0));
    assert_eq!(run(&["--version"]).0, format!("bothways {}\n", env!("CARGO_PKG_VERSION")));
}

/// Places for standard error that take nothing.
const NOWHERE: &[&str] = if cfg!(target_os = "linux") { &["2>&-", "2>/dev/full"] } else { &["2>&-"] };

fn unheard(nowhere: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\" {nowhere}"), PROGRAM]).args(arguments);
    command
}

#[test]
fn with_nowhere_to_complain_the_status_is_the_same() {
    let server = Server::start(&[]);
    let gone = Server::start(&[]).url("/tasks");
    for nowhere in NOWHERE {
        for (arguments, status) in [
            (&["call", "GET", &server.url("/tasks")][..], 0),
            (&["call", "GET", &server.url("/tasks/9")], 1),
            (&["call", "GET", &server.socket_url("/tasks/9")], 1),
            (&["call", "GET", &gone], 1),
            (&["call", "GET", "tasks"], 2),
            (&["watch", &gone.replace("http", "ws")], 1),
            (&["serve", "--memory", "--listen", server.address()], 1),
            (&["serve", "--memory", "--listen", "127.0.0.1:0", "--collection", "ws"], 2),
            (&["serve", "--loops", "0"], 2),
        ] {
            let mut command = unheard(nowhere, arguments);
            let code = command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap().code();
            assert_eq!(code, Some(status), "{arguments:?} {nowhere}");
        }
        let mut server = Server::start_as(unheard(nowhere, &Server::arguments(&[])));
        assert_eq!(server.get("/tasks"), "[]");
        server.signal("TERM");
        assert_eq!(server.wait_exit().0.code(), Some(0), "{nowhere}");
    }
}

/// A watch under way; ended with the test.
struct Watch {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Watch {
    fn start(url: &str) -> Watch {
        let mut command = Command::new(PROGRAM);
        command.args(["watch", url]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Watch { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// Its exit status, and what it said on standard error.
    fn end(&mut self) -> (Option<i32>, String) {
        let status = wait_exit(&mut self.child).code();
        let mut error = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        (status, error)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn check_time(line: &str) {
    let time = line.strip_prefix("Received: The time is: ").and_then(|rest| rest.strip_suffix('\n'));
    let shape: String = time.expect(line).chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "00:00:00");
}

#[test]
fn watch_prints_what_it_hears_until_it_is_interrupted() {
    let server = Server::start(&[]);
    for name in ["INT", "TERM"] {
        let mut watch = Watch::start(&server.socket_url("/ws"));
        assert_eq!(watch.line(), "Connected!\n");
        check_time(&watch.line());
        check_time(&watch.line());
        signal(watch.child.id(), name);
        assert_eq!(watch.end(), (Some(0), String::new()));
    }
}

#[test]
fn watch_ends_well_with_a_server_that_ends_well() {
    let mut server = Server::start(&[]);
    let mut watch = Watch::start(&server.socket_url("/ws"));
    assert_eq!(watch.line(), "Connected!\n");
    check_time(&watch.line());
    server.signal("TERM");
    assert_eq!(server.wait_exit().0.code(), Some(0));
    let (status, error) = watch.end();
    assert_eq!(status, Some(0));
    assert!(error.contains("1001"), "{error}");
}

#[test]
fn watch_says_when_a_server_is_gone_without_a_word() {
    let server = Server::start(&[]);
    let mut watch = Watch::start(&server.socket_url("/ws"));
    assert_eq!(watch.line(), "Connected!\n");
    drop(server);
    let (status, error) = watch.end();
    assert_eq!(status, Some(1));
    assert!(error.starts_with("bothways: ") && error.lines().count() == 1, "{error}");
}
