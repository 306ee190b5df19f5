use super::*;
use crate::client::test_server;
use crate::websocket::frame::Opcode;
use std::net::TcpStream;

/// What was printed, what was said aside, how it ended.
type Seen = (String, String, Result<(), String>);

/// Watches a server that has one connection after the other; `talk` is given the number of each. With
/// `interrupted`, a signal comes behind the last. What each of them saw.
fn watch<T: Send + 'static>(
    url: &str,
    form: OutputFormat,
    connections: usize,
    interrupted: bool,
    mut talk: impl FnMut(usize, TcpStream) -> T + Send + 'static,
) -> (Seen, Vec<T>) {
    let (tell, news) = sync_channel(QUEUED_EVENTS_MAX);
    let interrupt = tell.clone();
    let (address, server) = test_server::serve_each(connections, move |n, socket| {
        let seen = talk(n, socket);
        if interrupted && n + 1 == connections {
            let _ = interrupt.send(WatchEvent::Interrupted);
        }
        seen
    });
    let url = url.replace("HOST", &address.to_string()).parse().unwrap();
    let (mut out, mut aside) = (Vec::new(), Vec::new());
    let paper = Paper { form, out: &mut out, aside: &mut aside };
    let outcome = Watcher::new(url, tell, news, paper).watch().map_err(|failure| failure.to_string());
    let [out, aside] = [out, aside].map(|bytes| String::from_utf8(bytes).unwrap());
    ((out, aside, outcome), server.join().unwrap())
}

/// A server that says these frames after its handshake. What was printed, how it ended, what the
/// server saw last.
fn watch_frames(frames: &'static [u8], interrupted: bool) -> (Seen, (Opcode, Vec<u8>)) {
    let (seen, mut last) = watch("ws://HOST/ws", OutputFormat::Text, 1, interrupted, move |_, mut socket| {
        test_server::shake_hands(&mut socket, None);
        socket.write_all(frames).unwrap();
        let (opcode, payload, _) = test_server::read_frame(&mut socket);
        (opcode, payload)
    });
    (seen, last.remove(0))
}

#[test]
fn every_message_is_a_line_until_the_server_closes() {
    let frames = b"\x81\x05Hello\x82\x02\x00\x01\x8a\x00\x88\x02\x03\xe8";
    let ((printed, said, outcome), last) = watch_frames(frames, false);
    assert_eq!(printed, "Connected!\nReceived: Hello\nReceived: 2 bytes\n");
    assert_eq!((outcome, last), (Ok(()), (Opcode::Close, vec![0x03, 0xe8])));
    assert_eq!(said, "bothways: the server closed the connection: 1000\n");
}

#[test]
fn a_ping_is_answered() {
    let ((_, said, _), last) = watch_frames(b"\x89\x01p", true);
    assert_eq!(last, (Opcode::Pong, b"p".to_vec()));
    let words = "bothways: the server closed the connection: 1006 without a close frame; trying again in ";
    assert!(said.is_empty() || said.starts_with(words), "{said}");
}

#[test]
fn a_server_that_closes_for_a_reason_is_a_failure() {
    let ((_, _, outcome), last) = watch_frames(b"\x88\x06\x03\xf1long", false);
    assert_eq!(outcome, Err("the server closed the connection: 1009 long".to_owned()));
    assert_eq!(last, (Opcode::Close, vec![0x03, 0xf1]));
    let ((.., outcome), last) = watch_frames(b"\x81\x01\xff", false);
    assert!(outcome.unwrap_err().starts_with("the server broke a rule of WebSocket: "));
    assert_eq!(last, (Opcode::Close, vec![0x03, 0xef]));
}

#[test]
fn a_signal_closes_in_good_order() {
    let (tell, news) = sync_channel(QUEUED_EVENTS_MAX);
    let interrupt = tell.clone();
    let (address, server) = test_server::serve(move |mut socket| {
        test_server::shake_hands(&mut socket, None);
        interrupt.send(WatchEvent::Interrupted).unwrap();
        let (opcode, payload, _) = test_server::read_frame(&mut socket);
        (opcode, payload)
    });
    let paper = Paper { form: OutputFormat::Text, out: Vec::new(), aside: Vec::new() };
    let url = format!("ws://{address}/ws").parse().unwrap();
    let mut watcher = Watcher::new(url, tell, news, paper);
    assert!(watcher.watch().is_ok());
    // Where the signal comes before the answer, it is an end all the same.
    if !watcher.paper.out.is_empty() {
        assert_eq!(watcher.paper.out, b"Connected!\n");
        assert_eq!(server.join().unwrap(), (Opcode::Close, vec![0x03, 0xe8]));
    }
}

fn notice(method: &str, seq: u32) -> String {
    format!(r#"{{"method":"{method}","params":{{"path":"/tasks","position":"3f9c2a7b-{seq}"}}}}"#)
}

/// Whichever road: the position is said, each change is printed once, and a 410 begins anew.
#[test]
fn it_comes_back_and_goes_on_behind_what_was_printed() {
    for road in ["ws", "http"] {
        let ((printed, said, outcome), heads) =
            watch(&format!("{road}://HOST/tasks?a=b"), OutputFormat::Text, 5, true, move |n, mut socket| {
                let notices: &[(&str, u32)] = match n {
                    0 => &[("snapshot", 1), ("change", 2)],
                    1 => &[("change", 2), ("change", 3), ("position", 3)],
                    2 => &[],
                    3 => &[("snapshot", 9)],
                    _ => &[("change", 9), ("change", 10)],
                };
                let texts = notices.iter().map(|(method, seq)| notice(method, *seq));
                if n == 2 {
                    let head = test_server::read_head(&mut socket);
                    socket.write_all(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n").unwrap();
                    return head;
                }
                let head = if road == "ws" {
                    let head = test_server::shake_hands(&mut socket, None);
                    for text in texts {
                        socket.write_all(&[0x81, text.len() as u8]).unwrap();
                        socket.write_all(text.as_bytes()).unwrap();
                    }
                    // Half a frame, and then nothing.
                    socket.write_all(b"\x81\x05Hel").unwrap();
                    head
                } else {
                    let head = test_server::read_head(&mut socket);
                    socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").unwrap();
                    for text in texts {
                        socket.write_all(format!("id: x\ndata: {text}\n\n").as_bytes()).unwrap();
                    }
                    socket.write_all(b"id: y\ndata: Hel").unwrap();
                    head
                };
                socket.shutdown(std::net::Shutdown::Write).unwrap();
                // The signal comes only when all was read.
                let _ = io::copy(&mut socket, &mut io::sink());
                head
            });
        let lines: Vec<&str> = printed.lines().collect();
        let received = |method, seq| format!("Received: {}", notice(method, seq));
        assert_eq!(
            lines,
            [
                "Connected!",
                &received("snapshot", 1),
                &received("change", 2),
                "Connected!",
                &received("change", 3),
                &received("position", 3),
                "Connected!",
                &received("snapshot", 9),
                "Connected!",
                &received("change", 10),
            ]
        );
        assert_eq!(outcome, Ok(()));
        assert!(said.contains("410 Gone; beginning anew\n"), "{said}");
        let lost = match road {
            "ws" => {
                "bothways: the server closed the connection: 1006 without a close frame; trying again in 0."
            }
            _ => "bothways: the server ended the stream; trying again in 0.",
        };
        assert!(said.starts_with(lost), "{said}");
        let asked = |n: usize| heads[n].lines().next().unwrap().to_owned();
        let id = |n: usize| heads[n].lines().find_map(|line| line.strip_prefix("Last-Event-ID: "));
        let (positions, ids): (Vec<_>, Vec<_>) = (0..5).map(|n| (asked(n), id(n))).unzip();
        let place = |text: &str| format!("GET /tasks?a=b{text} HTTP/1.1");
        let since = ["", "&since=3f9c2a7b-2", "&since=3f9c2a7b-3", "", "&since=3f9c2a7b-9"].map(place);
        assert_eq!(positions, since);
        if road == "http" {
            assert_eq!(ids, [None, Some("3f9c2a7b-2"), Some("3f9c2a7b-3"), None, Some("3f9c2a7b-9")]);
        }
    }
}

#[test]
fn a_server_that_is_silent_for_too_long_is_left() {
    const MOST: Duration = Duration::from_millis(600);
    for road in ["ws", "http"] {
        let (tell, news) = sync_channel(QUEUED_EVENTS_MAX);
        let interrupt = tell.clone();
        let (address, server) = test_server::serve_each(2, move |n, mut socket| {
            let mut signs = Vec::new();
            if road == "ws" {
                test_server::shake_hands(&mut socket, None);
                // Each ping has its pong, and then none has.
                for _ in 0..9 {
                    signs.push(test_server::read_frame(&mut socket).0);
                    socket.write_all(b"\x8a\x00").unwrap();
                }
            } else {
                test_server::read_head(&mut socket);
                socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").unwrap();
                for _ in 0..9 {
                    thread::sleep(MOST / 6);
                    socket.write_all(b":\n\n").unwrap();
                }
            }
            if n == 1 {
                interrupt.send(WatchEvent::Interrupted).unwrap();
            }
            // Says nothing, until the other has gone.
            let _ = io::copy(&mut socket, &mut io::sink());
            signs
        });
        let url = format!("{road}://{address}/tasks").parse().unwrap();
        let paper = Paper { form: OutputFormat::Text, out: Vec::new(), aside: Vec::new() };
        let mut watcher = Watcher::new(url, tell, news, paper);
        watcher.silence = Silence { ping_after: MOST / 6, most: MOST };
        assert!(watcher.watch().is_ok());
        assert_eq!(watcher.paper.out, b"Connected!\nConnected!\n");
        let said = String::from_utf8(watcher.paper.aside).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("bothways: the server sent nothing for too long; trying again"), "{said}");
        let signs = server.join().unwrap().concat();
        assert!(signs.iter().all(|sign| *sign == Opcode::Ping));
    }
}

fn refused(url: &str, answer: &'static str) -> Seen {
    watch(url, OutputFormat::Text, 1, false, move |_, mut socket| {
        test_server::read_head(&mut socket);
        socket.write_all(answer.as_bytes()).unwrap();
    })
    .0
}

#[test]
fn what_cannot_be_followed_is_told_in_one_line() {
    for (url, answer, line) in [
        (
            "http://HOST/a",
            "HTTP/1.1 406 Not Acceptable\r\n\r\n{\"detail\":\"no stream\"}",
            "the server refused the event stream: 406 Not Acceptable: no stream",
        ),
        (
            "http://HOST/a",
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            "the server refused the event stream: 503 Service Unavailable",
        ),
        (
            "http://HOST/a",
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
            "the server's answer is no event stream",
        ),
        ("http://HOST/a", "HTTP/1.1 410 Gone\r\n\r\n", "the server refused the event stream: 410 Gone"),
        ("ws://HOST/a", "HTTP/1.1 200 OK\r\n\r\n", "the server refused the WebSocket: 200 OK"),
        ("ws://HOST/a", "", "the server closed the connection without an answer"),
    ] {
        let (printed, said, outcome) = refused(url, answer);
        assert_eq!((&*printed, &*said, outcome), ("", "", Err(line.to_owned())), "{url}");
    }
    let (printed, said, outcome) = refused("http://HOST/a", "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!((&*printed, outcome), ("", Ok(())));
    assert_eq!(said, "bothways: the server ended the stream: 204 No Content\n");
}

#[test]
fn json_is_one_line_for_each_message_and_nothing_else() {
    let body = "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n\
                retry: 100\n\ndata: {\"a\":\ndata: \"b\\n\"}\n\ndata: Hello, \"you\"\ndata: two\n\ndata: 7\n\n";
    let ((printed, said, outcome), _) =
        watch("http://HOST/a", OutputFormat::Json, 1, true, move |_, mut socket| {
            test_server::read_head(&mut socket);
            socket.write_all(body.as_bytes()).unwrap();
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = io::copy(&mut socket, &mut io::sink());
        });
    assert_eq!(printed, "{\"a\": \"b\\n\"}\n\"Hello, \\\"you\\\"\\ntwo\"\n7\n");
    assert!(said.starts_with("Connected!\n"), "{said}");
    assert_eq!(outcome, Ok(()));
}

#[test]
fn nobody_reading_is_a_quiet_end() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut paper = Paper { form: OutputFormat::Text, out: Gone, aside: Gone };
    paper.say(format_args!("x"));
    assert!(CommandError::ignore_broken_pipe(paper.message("x")).is_ok());
}
