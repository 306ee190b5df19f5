//! `bothways call` and `bothways watch`, as a shell sees them.

use crate::server::{PROGRAM, Server, signal, wait_exit};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

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
    let watch = |url: &str| {
        let (out, error, status) = run(&["watch", url]);
        assert!(error.starts_with("bothways: ") && error.lines().count() == 1, "{error}");
        assert_eq!((&*out, status), ("", Some(1)), "{url}");
        error
    };
    watch(&format!("ws://{address}/ws"));
    watch(&format!("http://{address}/tasks"));
    let server = Server::start(&[]);
    for url in [server.url("/tasks/9"), server.socket_url("/tasks/9")] {
        assert!(watch(&url).ends_with(": 404 Not Found: there is no such item\n"));
    }
    assert!(watch(&server.url("/healthz")).contains("406 Not Acceptable"));
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
        &["watch", "https://127.0.0.1:1/tasks"],
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
    fn start(arguments: &[&str]) -> Watch {
        let mut command = Command::new(PROGRAM);
        command.arg("watch").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Watch { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The notice in the next line, behind `Received: `: its method, and its text.
    #[track_caller]
    fn notice(&mut self) -> (String, String) {
        let line = self.line();
        let text = line.strip_prefix("Received: ").expect(&line).trim_end().to_owned();
        let method = text.split('"').nth(7).expect(&text).to_owned();
        (method, text)
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
        let mut watch = Watch::start(&[&server.socket_url("/ws")]);
        assert_eq!(watch.line(), "Connected!\n");
        check_time(&watch.line());
        check_time(&watch.line());
        signal(watch.child.id(), name);
        assert_eq!(watch.end(), (Some(0), String::new()));
    }
}

#[test]
fn watch_prints_an_event_stream_too() {
    let server = Server::start(&[]);
    let mut watch = Watch::start(&[&server.url("/tasks?text=Buy%20milk")]);
    assert_eq!(watch.line(), "Connected!\n");
    assert_eq!(watch.notice().0, "snapshot");
    put(&server, 1);
    check(&["call", "POST", &server.url("/tasks"), "\"Buy milk\""], r#"{"id":"2","text":"Buy milk"}"#, "", 0);
    let (method, text) = watch.notice();
    assert!(method == "change" && text.ends_with(r#""value":{"id":"2","text":"Buy milk"}}}"#), "{text}");
    signal(watch.child.id(), "INT");
    assert_eq!(watch.end(), (Some(0), String::new()));
}

#[test]
fn watch_prints_json_and_nothing_else() {
    let server = Server::start(&[]);
    for url in [server.url("/tasks"), server.socket_url("/tasks")] {
        let mut watch = Watch::start(&["--json", &url]);
        let line = watch.line();
        assert!(line.starts_with(r#"{"jsonrpc":"2.0","method":"snapshot","#), "{line}");
        signal(watch.child.id(), "TERM");
        assert_eq!(watch.end(), (Some(0), "Connected!\n".to_owned()));
    }
    let mut watch = Watch::start(&["--json", &server.socket_url("/ws")]);
    assert!(watch.line().starts_with("\"The time is: "));
}

/// A relay of single connections, for a server that can be changed behind it.
struct Relay {
    address: String,
    server: Arc<Mutex<String>>,
}

impl Relay {
    /// Lets through so many bytes from the server, for one connection after the other, and then ends it.
    fn start(server: &Server, cuts: impl Iterator<Item = u64> + Send + 'static) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = Arc::new(Mutex::new(server.address().to_owned()));
        let relay = Relay { address, server: target.clone() };
        thread::spawn(move || {
            for (cut, client) in cuts.zip(listener.incoming().map_while(Result::ok)) {
                // While nobody is behind it, there is nobody before it.
                let Ok(server) = TcpStream::connect(&*target.lock().unwrap()) else { continue };
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let up = thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                let _ = std::io::copy(&mut (&server).take(cut), &mut &client);
                for socket in [&client, &server] {
                    let _ = socket.shutdown(Shutdown::Both);
                }
                let _ = up.join();
            }
        });
        relay
    }
}

fn put(server: &Server, n: usize) {
    let url = server.url(&format!("/tasks/{n}"));
    let (_, error, status) = run(&["call", "PUT", &url, &format!("{{\"n\":{n}}}")]);
    assert_eq!((&*error, status), ("", Some(0)));
}

/// Each connection is cut after other many bytes: mostly in the middle of a notice, and sometimes in the
/// head of the answer.
#[test]
fn watch_prints_every_change_once_however_often_it_is_cut() {
    const CHANGES: usize = 24;
    let server = Server::start(&[]);
    let roads = ["ws", "http"].map(|road| {
        let cuts = (0u64..).map(|n| if n % 7 == 3 { 60 } else { 480 + n * 97 % 331 });
        let relay = Relay::start(&server, cuts);
        let mut watch = Watch::start(&[&format!("{road}://{}/tasks", relay.address)]);
        assert_eq!(watch.line(), "Connected!\n");
        assert_eq!(watch.notice().0, "snapshot");
        (relay, watch)
    });
    let reading = roads.map(|(relay, mut watch)| {
        thread::spawn(move || {
            let (mut connections, mut changes) = (1, Vec::new());
            while changes.len() < CHANGES {
                let line = watch.line();
                let Some((_, behind)) = line.split_once("\"value\":{\"id\":\"") else {
                    assert!(line == "Connected!\n" || line.contains("\"method\":\"position\""), "{line}");
                    connections += usize::from(line == "Connected!\n");
                    continue;
                };
                changes.push(behind.split('"').next().unwrap().parse::<usize>().unwrap());
            }
            // What is said behind the last change is no change.
            signal(watch.child.id(), "INT");
            let mut rest = String::new();
            watch.lines.read_to_string(&mut rest).unwrap();
            assert!(!rest.contains("\"method\":\"change\""), "{rest}");
            assert_eq!(watch.end().0, Some(0));
            drop(relay);
            (connections, changes)
        })
    });
    for n in 1..=CHANGES {
        put(&server, n);
    }
    for reading in reading {
        let (connections, changes) = reading.join().unwrap();
        assert_eq!(changes, (1..=CHANGES).collect::<Vec<_>>());
        assert!(connections > 3, "{connections}");
    }
}

#[test]
fn watch_begins_anew_with_a_server_that_forgot() {
    for road in ["ws", "http"] {
        let mut server = Server::start(&[]);
        let relay = Relay::start(&server, std::iter::repeat(u64::MAX));
        let mut watch = Watch::start(&[&format!("{road}://{}/tasks", relay.address)]);
        assert_eq!(watch.line(), "Connected!\n");
        assert!(watch.notice().1.ends_with("\"value\":[]}}"));
        put(&server, 1);
        assert_eq!(watch.notice().0, "change");
        server.signal("TERM");
        assert_eq!(server.wait_exit().0.code(), Some(0));
        drop(server);
        // It is in vain for a while.
        thread::sleep(Duration::from_millis(300));
        let server = Server::start(&[]);
        put(&server, 7);
        *relay.server.lock().unwrap() = server.address().to_owned();
        assert_eq!(watch.line(), "Connected!\n");
        let (method, text) = watch.notice();
        assert_eq!(method, "snapshot");
        assert!(text.ends_with(r#""value":[{"id":"7","n":7}]}}"#), "{text}");
        put(&server, 8);
        assert_eq!(watch.notice().0, "change");
        signal(watch.child.id(), "INT");
        let (status, error) = watch.end();
        assert_eq!(status, Some(0));
        let first = if road == "ws" { "1001" } else { "the server ended the stream" };
        assert!(error.lines().next().unwrap().contains(first), "{error}");
        assert!(error.contains("410 Gone: ") && error.contains("; beginning anew\n"), "{error}");
    }
}

#[test]
fn watch_tries_again_where_nobody_listens_any_more() {
    let server = Server::start(&[]);
    let mut watch = Watch::start(&[&server.socket_url("/ws")]);
    assert_eq!(watch.line(), "Connected!\n");
    check_time(&watch.line());
    drop(server);
    let mut error = BufReader::new(watch.child.stderr.take().unwrap());
    for words in ["bothways: ", "bothways: cannot connect to 127.0.0.1:"] {
        let mut line = String::new();
        error.read_line(&mut line).unwrap();
        assert!(line.starts_with(words) && line.contains("; trying again in 0."), "{line}");
    }
    signal(watch.child.id(), "INT");
    assert_eq!(wait_exit(&mut watch.child).code(), Some(0));
}
