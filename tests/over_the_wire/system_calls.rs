//! The system calls that the server says it makes, held against those that strace sees.
#![cfg(target_os = "linux")]

use crate::peer::Peer;
use crate::server::{PROGRAM, Server, wait_until};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

/// What each of them is called by the kernel.
const NAMES: &[(&str, &[&str])] = &[
    ("poll", &["epoll_wait", "epoll_pwait"]),
    ("accept", &["accept4"]),
    ("register", &["epoll_ctl"]),
    ("read", &["recvfrom"]),
    ("write", &["sendto", "writev", "sendmsg"]),
    ("shutdown", &["shutdown"]),
    ("close", &["close"]),
];

fn scrape(peer: &mut Peer) -> BTreeMap<String, u64> {
    peer.say("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    let text = peer.response().text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("bothways_system_calls_total{call=\""));
    lines
        .map(|line| line.split_once("\"} ").unwrap())
        .map(|(name, n)| (name.to_owned(), n.parse().unwrap()))
        .collect()
}

/// What strace saw behind the first time that the metrics were read, up to the second time.
fn seen(trace: &str) -> BTreeMap<String, u64> {
    let mut seen: BTreeMap<String, u64> = NAMES.iter().map(|(name, _)| ((*name).to_owned(), 0)).collect();
    let mut scrapes = 0;
    // The thread that waits for signals makes calls of its own, whenever it comes to it.
    let scrape = trace.lines().find(|line| line.contains("\"GET /metrics ")).expect("it was asked for");
    let thread = scrape.split(' ').next();
    for line in trace.lines().filter(|line| line.split(' ').next() == thread) {
        // `PID name(…`; what was interrupted by another thread goes on in a line of its own.
        let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
        let name = call.split('(').next().unwrap_or_default();
        if scrapes == 1
            && let Some((name, _)) = NAMES.iter().find(|(_, names)| names.contains(&name))
        {
            *seen.get_mut(*name).unwrap() += 1;
        }
        scrapes += u32::from(line.contains("\"GET /metrics "));
    }
    assert_eq!(scrapes, 2, "{trace}");
    seen
}

#[test]
fn the_server_counts_the_system_calls_that_strace_sees() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        eprintln!("LEFT OUT: strace is missing on this machine");
        return;
    }
    let file = std::env::temp_dir().join(format!("bothways-strace-{}", std::process::id()));
    let traced =
        "trace=epoll_wait,epoll_pwait,accept4,epoll_ctl,recvfrom,sendto,writev,sendmsg,shutdown,close";
    let mut command = Command::new("strace");
    // With -D the child is the server, and strace sits beside it: whoever ends the child ends both.
    command.args(["-D", "-f", "-s", "16", "-e", traced, "-e", "signal=none", "-o"]).arg(&file).arg(PROGRAM);
    command.args(Server::arguments(&["--loops", "1"]));
    let mut server = Server::start_as(command);
    let mut asker = server.connect();
    let first = scrape(&mut asker);
    for _ in 0..3 {
        server.get("/tasks");
    }
    server.put_item();
    let mut kept = server.connect();
    for _ in 0..5 {
        kept.say("GET /tasks/last HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(kept.response().status, 200);
    }
    kept.end();
    kept.hear_end();
    let mut socket = server.connect();
    socket.shake_hands("/rpc");
    socket.call(r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/tasks"}}"#);
    let second = scrape(&mut asker);
    drop((asker, socket));
    server.signal("TERM");
    assert!(server.wait_exit().0.success());
    let mut trace = String::new();
    wait_until("strace has written everything", || {
        trace = fs::read_to_string(&file).unwrap_or_default();
        trace.contains("+++ exited with 0 +++")
    });
    fs::remove_file(&file).unwrap();

    let seen = seen(&trace);
    let counted: BTreeMap<String, u64> =
        NAMES.iter().map(|(name, _)| ((*name).to_owned(), second[*name] - first[*name])).collect();
    assert_eq!(counted, seen, "\n{trace}");
    assert!(counted["read"] >= 12 && counted["accept"] >= 6 && counted["close"] >= 5, "{counted:?}");
}
