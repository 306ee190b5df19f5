//! From the first line to the exit status, and what a server survives between them.

use crate::peer::{BINARY, CLOSE, Peer, TEXT, closing, handshake, masked};
use crate::server::{PROGRAM, PROMPT, Server, wait_exit, wait_until};
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const GET: &str = "GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn at_a_signal_what_was_begun_is_finished() {
    for name in ["TERM", "INT"] {
        let mut server = Server::start(&["--loops", "2"]);
        let mut idle = server.connect();
        idle.say(GET);
        idle.response();
        let mut in_head = server.connect();
        in_head.say(&GET[..20]);
        let mut in_body = server.connect();
        in_body.say(&POST[..POST.len() - 1]);
        let mut socket = server.connect();
        socket.shake_hands("/echo");
        // Each was read before the signal: what comes later on these loops has been answered.
        for _ in 0..10 {
            server.get("/tasks");
        }
        server.signal(name);

        idle.hear_end();
        socket.hear_close(1001);
        in_body.say(&POST[POST.len() - 1..]);
        let response = in_body.response();
        assert_eq!((response.status, response.field("Connection")), (201, Some("close")));
        in_body.hear_end();
        in_head.say(&GET[20..]);
        let response = in_head.response();
        assert_eq!((response.status, response.field("Connection")), (200, Some("close")));
        in_head.hear_end();
        // No one else comes in, though one peer is still here.
        wait_until("the listeners are closed", || TcpStream::connect(server.address()).is_err());
        socket.say_frame(CLOSE, closing(1001, ""));
        socket.hear_end();
        let (status, printed) = server.wait_exit();
        assert_eq!((status.code(), &*printed), (Some(0), ""), "SIG{name}");
    }
}

#[test]
fn a_signal_ends_a_server_that_still_reads_its_file() {
    for name in ["TERM", "INT"] {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "-", "--memory", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // More than the pipe holds: when it is written, it is being read.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&[b' '; 1 << 20]).unwrap();
        let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(wait_exit(&mut child).code(), Some(0), "SIG{name}");
    }
}

#[test]
fn a_server_that_goes_says_nothing_after_its_close() {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"post","params":{"path":"/tasks","body":{}}}"#;
    let calls = masked(TEXT, call.as_bytes()).repeat(500);
    let mut server = Server::start(&[]);
    let mut peers: Vec<Peer> = (0..20).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.shake_hands("/rpc");
        peer.say(&calls);
    }
    server.signal("TERM");
    for mut peer in peers {
        loop {
            let (first, payload) = peer.frame();
            if first == CLOSE {
                assert_eq!(payload, closing(1001, ""));
                break;
            }
            assert!(payload.starts_with(br#"{"jsonrpc":"2.0","id":1,"result":{"status":201,"#));
        }
        peer.say_frame(CLOSE, closing(1001, ""));
        peer.hear_end();
    }
    assert_eq!(server.wait_exit().0.code(), Some(0));
}

#[test]
fn who_shakes_hands_with_a_server_that_goes_is_told_so() {
    let mut server = Server::start(&["--drain-seconds", "60"]);
    let hands = handshake("/echo");
    let mut peer = server.connect();
    peer.say(&hands[..40]);
    // Read before the signal, as above.
    for _ in 0..10 {
        server.get("/tasks");
    }
    server.signal("TERM");
    wait_until("the listeners are closed", || TcpStream::connect(server.address()).is_err());
    peer.say(&hands[40..]);
    assert_eq!(peer.response().status, 101);
    peer.hear_close(1001);
    peer.say_frame(CLOSE, closing(1001, ""));
    peer.hear_end();
    drop(peer);
    assert_eq!(server.wait_exit().0.code(), Some(0));
}

#[test]
fn who_has_come_before_the_signal_may_still_ask_and_not_for_long() {
    let mut server = Server::start(&["--drain-seconds", "60"]);
    let mut peers = [server.connect(), server.connect()];
    // Accepted before the signal, as above.
    for _ in 0..10 {
        server.get("/tasks");
    }
    server.signal("TERM");
    wait_until("the listeners are closed", || TcpStream::connect(server.address()).is_err());
    let began = Instant::now();
    let [asking, silent] = &mut peers;
    asking.say(GET);
    let response = asking.response();
    assert_eq!((response.status, response.field("Connection")), (200, Some("close")));
    asking.hear_end();
    silent.hear_end();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    drop(peers);
    assert_eq!(server.wait_exit().0.code(), Some(0));
}

#[test]
fn who_has_asked_before_the_signal_is_answered_though_nobody_has_come_to_the_door() {
    let mut server = Server::start(&["--drain-seconds", "60"]);
    server.signal("STOP");
    let mut peers: Vec<Peer> = (0..600).map(|_| server.connect()).collect();
    for (n, peer) in peers.iter_mut().enumerate() {
        peer.say(if n % 2 == 0 { GET } else { POST });
    }
    server.signal("TERM");
    server.signal("CONT");
    for (n, mut peer) in peers.into_iter().enumerate() {
        let response = peer.response();
        let expected = if n % 2 == 0 { 200 } else { 201 };
        assert_eq!(response.status, expected, "peer {n}");
        peer.hear_end();
    }
    assert_eq!(server.wait_exit().0.code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start(&["--drain-seconds", "60"]);
    // On one of the loops; the others have ended when the second signal comes.
    let mut slow = server.connect();
    slow.say(&POST[..POST.len() - 1]);
    for _ in 0..10 {
        server.get("/tasks");
    }
    server.signal("INT");
    wait_until("the listeners are closed", || TcpStream::connect(server.address()).is_err());
    assert!(slow.hears_nothing_for(Duration::from_millis(100)), "it is waited for");
    let began = Instant::now();
    server.signal("INT");
    assert_eq!(server.wait_exit().0.code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn who_does_not_finish_is_left_behind() {
    let mut server = Server::start(&["--drain-seconds", "0.3"]);
    let mut slow = server.connect();
    slow.say(&POST[..40]);
    let mut socket = server.connect();
    socket.shake_hands("/echo");
    let began = Instant::now();
    server.signal("TERM");
    socket.hear_close(1001);
    assert_eq!(server.wait_exit().0.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn with_nobody_there_the_end_is_at_once() {
    let mut server = Server::start(&[]);
    let began = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait_exit().0.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

/// What the program says on standard error when it does not begin, and its status.
fn fails(arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    assert_eq!(output.stdout, b"", "{arguments:?}");
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
fn an_address_in_use_is_refused_in_one_line() {
    let server = Server::start(&[]);
    let (said, status) = fails(&["serve", "--memory", "--listen", server.address()]);
    let words = format!("bothways: cannot listen on {}: Address already in use", server.address());
    assert!(said.starts_with(&words) && said.lines().count() == 1, "{said}");
    assert_eq!(status, Some(1));
    assert_eq!(server.get("/tasks"), "[]");
}

#[test]
fn a_collection_has_a_name_of_its_own() {
    let with = |name| fails(&["serve", "--memory", "--listen", "127.0.0.1:0", "--collection", name]);
    for name in ["ws", "echo", "rpc", "healthz", "readyz", "metrics", "openapi.json", "asyncapi.json"] {
        let words = format!("bothways: no collection can be called {name}: the name is reserved\n");
        assert_eq!(with(name), (words, Some(2)));
    }
    assert_eq!(with("a,a"), ("bothways: the collection a is named twice\n".to_owned(), Some(2)));
    assert_eq!(with("a/b").1, Some(2));
    assert_eq!(with("").1, Some(2));
}

#[test]
fn flags_are_also_environment_variables() {
    let mut command = Command::new(PROGRAM);
    command.arg("serve").env("BOTHWAYS_LISTEN", "127.0.0.1:0").env("BOTHWAYS_MEMORY", "true");
    command.env("BOTHWAYS_COLLECTION", "notes,cities").env("BOTHWAYS_LOOPS", "1");
    let server = Server::start_as(command);
    assert_eq!(server.get("/notes"), "[]");
    assert_eq!(server.get("/cities"), "[]");
    let mut peer = server.connect();
    peer.say(GET);
    assert_eq!(peer.response().status, 404);
}

#[test]
fn a_check_ends_without_serving() {
    assert_eq!(fails(&["serve", "--check", "--memory", "--listen", "127.0.0.1:0"]), (String::new(), Some(0)));
    assert_eq!(fails(&["serve", "--loops", "0"]).1, Some(2));
    assert_eq!(fails(&["serve", "--head-seconds", "0"]).1, Some(2));
}

#[test]
fn it_says_that_it_is_alive_and_ready() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/healthz"), "alive\n");
    assert_eq!(server.get("/readyz"), "ready\n");
    assert!(server.get("/").contains(r#""/tasks""#));
}

#[test]
fn what_one_was_answered_every_other_sees() {
    let server = Server::start(&["--loops", "4"]);
    for n in 1..=200 {
        let mut writer = server.connect();
        writer.say(POST);
        assert_eq!(writer.response().status, 201);
        let mut reader = server.connect();
        reader.say(format!("GET /tasks/{n} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(reader.response().status, 200, "item {n}");
    }
}

#[test]
fn loops_agree_on_what_was_written_at_once() {
    let server = Server::start(&["--loops", "4"]);
    let writers: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let writing = writers.into_iter().map(|mut peer| {
        thread::spawn(move || {
            peer.say(POST.repeat(100));
            let places = (0..100).map(|_| peer.response().field("Location").unwrap().to_owned());
            places.collect::<Vec<_>>()
        })
    });
    let writing: Vec<_> = writing.collect();
    let mut places: Vec<String> = writing.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 800);
    let lists: Vec<String> = (0..10).map(|_| server.get("/tasks")).collect();
    assert!(lists.iter().all(|list| *list == lists[0]) && lists[0].matches("\"id\"").count() == 800);
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_descriptor_left_new_peers_wait_their_turn() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 40; exec \"$0\" \"$@\"", PROGRAM])
        .args(Server::arguments(&["--loops", "1"]));
    let server = Server::start_as(command);
    let mut peers: Vec<Peer> = (0..100).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.say(GET);
    }
    wait_until("there is no descriptor left", || server.log().contains("accepting rests"));
    assert_eq!(peers[0].response().text(), "[]");
    assert!(peers[99].hears_nothing_for(Duration::from_millis(1)));

    // Not a wait for something: so long is measured what trying again costs.
    let before = server.processor_time();
    thread::sleep(Duration::from_millis(500));
    let spent = server.processor_time() - before;
    assert!(spent <= Duration::from_millis(100), "{spent:?} of processor time in 500 ms");

    // Those who are served still are, and each who leaves makes room.
    peers[0].say(GET);
    for mut peer in peers {
        assert_eq!(peer.response().text(), "[]");
    }
    assert_eq!(server.get("/tasks"), "[]");
}

#[test]
#[cfg(target_os = "linux")]
fn who_never_reads_is_not_read_and_then_dropped() {
    let server = Server::start(&["--write-stall-seconds", "0.5", "--loops", "1"]);
    let before = server.resident_bytes();
    let mut peer = server.connect();
    peer.shake_hands("/echo");
    let mut speaker = peer.stream();
    speaker.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let message = masked(BINARY, &[7; 100_000]);
    let (mut at, mut said, mut most) = (0, 0, 0);
    let began = Instant::now();
    let end = loop {
        assert!(began.elapsed() < PROMPT && said < 1 << 30, "said {said} bytes, and is still here");
        match speaker.write(&message[at..]) {
            Ok(bytes) => (at, said) = ((at + bytes) % message.len(), said + bytes),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => break error,
        }
        most = most.max(server.resident_bytes());
    };
    assert!(matches!(end.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{end}");
    assert!(most < before + (8 << 20), "{} bytes more", most - before);
    assert_eq!(server.get("/tasks"), "[]");
}

#[test]
#[cfg(target_os = "linux")]
fn who_asks_and_never_reads_is_dropped() {
    let server = Server::start(&["--write-stall-seconds", "0.5", "--loops", "1"]);
    let body = format!("\"{}\"", "x".repeat(1_000_000));
    let mut peer = server.connect();
    peer.say(format!("POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    assert_eq!(peer.response().status, 201);
    let before = server.resident_bytes();
    let mut speaker = peer.stream();
    speaker.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let began = Instant::now();
    let requests = GET.repeat(100);
    loop {
        assert!(began.elapsed() < PROMPT, "still here");
        match speaker.write(requests.as_bytes()) {
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => break,
            _ => assert!(server.resident_bytes() < before + (8 << 20)),
        }
    }
    assert_eq!(server.get("/healthz"), "alive\n");
}

#[test]
#[cfg(target_os = "linux")]
fn resets_leave_nothing_behind() {
    let server = Server::start(&["--loops", "1"]);
    for n in 0..200 {
        let mut peer = server.connect();
        match n % 4 {
            0 => peer.say(&GET[..10]),
            1 => peer.say(GET.repeat(50)),
            2 => peer.say(&POST[..POST.len() - 1]),
            _ => {
                peer.shake_hands("/echo");
                peer.say_frame(TEXT, "x".repeat(10_000));
            }
        }
        // Dropped with something unread, a socket is reset.
    }
    let mut last = server.connect();
    last.say(GET);
    last.response();
    wait_until("the sockets are closed", || server.descriptors() < 25);
    let before = server.processor_time();
    thread::sleep(Duration::from_millis(200));
    assert!(server.processor_time() - before <= Duration::from_millis(40));
}
