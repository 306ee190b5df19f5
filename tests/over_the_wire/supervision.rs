//! Started, told and ended by a supervisor: sockets that are handed over, and what it is told.
#![cfg(target_os = "linux")]

use crate::peer::Peer;
use crate::server::{PROGRAM, PROMPT, Server, wait_until};
use command_fds::{CommandFdExt, FdMapping};
use std::collections::BTreeSet;
use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const GET: &str = "GET /tasks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
/// The shell names itself, and becomes the server.
const OUR_OWN: &str = "LISTEN_PID=$$ exec \"$0\" \"$@\"";

/// `bothways serve` with these as its descriptors 3, 4 … and what is said of them.
fn activated(shell: &str, sockets: &[&dyn AsFd], flags: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", shell, PROGRAM, "serve", "--memory"]).args(flags).env("BOTHWAYS_LOOPS", "2");
    command.env("LISTEN_FDS", sockets.len().to_string()).env("LISTEN_FDNAMES", "http:https");
    let mappings = (3..).zip(sockets).map(|(child_fd, socket)| FdMapping {
        parent_fd: socket.as_fd().try_clone_to_owned().unwrap(),
        child_fd,
    });
    command.fd_mappings(mappings.collect()).unwrap();
    command
}

fn start(sockets: &[&dyn AsFd], flags: &[&str]) -> Server {
    Server::start_as(activated(OUR_OWN, sockets, flags))
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn address(listener: &TcpListener) -> String {
    listener.local_addr().unwrap().to_string()
}

#[track_caller]
fn is_served(address: &str) {
    let mut peer = Peer::connect(address);
    peer.say(GET);
    assert_eq!(peer.response().status, 200);
}

/// What it says on standard error when it does not begin, and its status.
fn fails(mut command: Command) -> (String, Option<i32>) {
    let output = command.env("RUST_LOG", "warn").output().unwrap();
    assert_eq!(output.stdout, b"");
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
fn a_socket_that_is_handed_over_is_the_listener_of_all_loops() {
    let socket = listener();
    for loops in ["1", "4"] {
        let mut server = start(&[&socket], &["--loops", loops]);
        assert_eq!(server.address(), address(&socket));
        let mut peers: Vec<Peer> = (0..100).map(|_| server.connect()).collect();
        for peer in &mut peers {
            peer.say(GET);
        }
        for peer in &mut peers {
            assert_eq!(peer.response().text(), "[]");
            peer.hear_end();
        }
        drop(peers);
        server.signal("TERM");
        let (status, printed) = server.wait_exit();
        assert_eq!((status.code(), &*printed), (Some(0), ""), "and nothing on 127.0.0.1:8080");
    }
}

#[test]
fn each_of_two_is_a_listener() {
    let sockets = [listener(), listener()];
    let mut server = start(&[&sockets[0], &sockets[1]], &[]);
    sockets.iter().for_each(|socket| is_served(&address(socket)));
    server.signal("TERM");
    let (status, printed) = server.wait_exit();
    let second = format!("listening on http://{}\n", address(&sockets[1]));
    assert_eq!((status.code(), printed), (Some(0), second));
}

#[test]
fn one_of_ipv6_says_so() {
    let Ok(socket) = TcpListener::bind("[::1]:0") else {
        return eprintln!("this machine has no IPv6 on its loopback");
    };
    let server = start(&[&socket], &[]);
    assert_eq!(server.address(), format!("[::1]:{}", socket.local_addr().unwrap().port()));
    is_served(server.address());
}

#[test]
fn what_is_asked_for_is_listened_on_as_well() {
    let socket = listener();
    let (handed_over, other) = (address(&socket), address(&listener()));
    let mut server = start(&[&socket], &["--listen", &handed_over, "--listen", &other]);
    is_served(&handed_over);
    is_served(&other);
    server.signal("TERM");
    let (status, printed) = server.wait_exit();
    // Its own socket is not bound a second time.
    assert_eq!((status.code(), printed), (Some(0), format!("listening on http://{other}\n")));
}

#[test]
fn what_is_no_listener_is_refused_by_its_number() {
    let good = listener();
    let stream = TcpStream::connect(good.local_addr().unwrap()).unwrap();
    let path = std::env::temp_dir().join(format!("bothways-supervision-{}", std::process::id()));
    let unix = UnixListener::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let no_socket =
        "it cannot be asked for its type: Socket operation on non-socket (os error 88)".to_owned();
    let connected = format!("it is connected to {} (Accept=no hands over the listener)", address(&good));
    let wrong: [(OwnedFd, String); 4] = [
        (File::open("/dev/null").unwrap().into(), no_socket),
        (UdpSocket::bind("127.0.0.1:0").unwrap().into(), "it is a datagram socket".to_owned()),
        (stream.into(), connected),
        (unix.into(), "it is a Unix socket".to_owned()),
    ];
    for (wrong, why) in &wrong {
        let said = format!("bothways: descriptor 3 of LISTEN_FDS is no listening TCP socket: {why}\n");
        assert_eq!(fails(activated(OUR_OWN, &[wrong], &[])), (said.clone(), Some(1)));
        let said = said.replace("descriptor 3", "descriptor 4");
        assert_eq!(fails(activated(OUR_OWN, &[&good, wrong], &[])), (said, Some(1)));
    }
    let said = "bothways: descriptor 4 of LISTEN_FDS is no listening TCP socket: it is not open\n";
    let fewer = activated(&format!("LISTEN_FDS=2 {OUR_OWN}"), &[&good], &[]);
    assert_eq!(fails(fewer), (said.to_owned(), Some(1)));
}

#[test]
fn what_is_for_somebody_else_is_passed_over() {
    let socket = listener();
    for whose in ["LISTEN_PID=1", "", "LISTEN_PID=1 LISTEN_FDS=x"] {
        let shell = format!("{whose} exec \"$0\" \"$@\"");
        let server = Server::start_as(activated(&shell, &[&socket], &["--listen", "127.0.0.1:0"]));
        assert_ne!(server.address(), address(&socket));
        is_served(server.address());
    }
}

#[test]
fn what_cannot_be_read_is_wrong_usage() {
    let socket = listener();
    for (shell, words) in [
        ("LISTEN_FDS=one", "LISTEN_FDS is \"one\", and that is no number"),
        ("LISTEN_FDS=-1", "LISTEN_FDS is \"-1\", and that is no number"),
        ("LISTEN_FDS=70000", "LISTEN_FDS is 70000, and more than 65535"),
        ("WATCHDOG_USEC=soon", "WATCHDOG_USEC is \"soon\", and that is no number"),
    ] {
        let command = activated(&format!("{shell} {OUR_OWN}"), &[&socket], &[]);
        assert_eq!(fails(command), (format!("bothways: {words}\n"), Some(2)));
    }
    let command = activated("LISTEN_PID=me exec \"$0\" \"$@\"", &[&socket], &[]);
    assert_eq!(
        fails(command),
        ("bothways: LISTEN_PID is \"me\", and that is no number\n".to_owned(), Some(2))
    );
}

/// Restarts a server whose socket somebody else holds, while requests come without a pause.
#[test]
fn a_restart_loses_no_request() {
    const RESTARTS: usize = 5;
    let socket = listener();
    let address = address(&socket);
    let (done, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let ask_on = || {
        let mut epochs = BTreeSet::new();
        while !done.load(Ordering::Relaxed) {
            let mut peer = Peer::connect(&address);
            peer.say(GET);
            let response = peer.response();
            assert_eq!((response.status, response.text()), (200, "[]".to_owned()));
            peer.hear_end();
            epochs.insert(response.field("ETag").unwrap()[1..9].to_owned());
            asked.fetch_add(1, Ordering::Relaxed);
        }
        epochs
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(ask_on)).collect();
        let answers_more = || {
            let before = asked.load(Ordering::Relaxed);
            wait_until("it answers", || asked.load(Ordering::Relaxed) > before + 200);
        };
        for _ in 0..RESTARTS {
            let mut server = start(&[&socket], &[]);
            answers_more();
            server.signal("TERM");
            assert_eq!(server.wait_exit().0.code(), Some(0));
        }
        // Who asked when nobody was there has waited for the last one.
        let _server = start(&[&socket], &[]);
        answers_more();
        done.store(true, Ordering::Relaxed);
        let epochs = clients.into_iter().flat_map(|client| client.join().unwrap());
        assert_eq!(epochs.collect::<BTreeSet<_>>().len(), RESTARTS + 1, "each server has answered");
    });
}

#[test]
fn who_drains_does_not_wake_for_those_that_wait_for_the_next() {
    let socket = listener();
    let server = start(&[&socket], &["--loops", "1", "--drain-seconds", "60"]);
    let mut slow = server.connect();
    slow.say(&GET[..20]);
    is_served(server.address());
    server.signal("TERM");
    wait_until("it drains", || server.log().contains("finishing what was begun"));
    // Not a wait for something: until then it takes whoever has come.
    thread::sleep(Duration::from_millis(100));
    let before = server.waits();
    let mut waiting: Vec<Peer> = (0..50).map(|_| server.connect()).collect();
    for peer in &mut waiting {
        peer.say(GET);
        thread::sleep(Duration::from_millis(2));
    }
    let woken = server.waits() - before;
    assert!(woken < 10, "it woke {woken} times");
    slow.say(&GET[20..]);
    assert_eq!(slow.response().status, 200);
    let _next = start(&[&socket], &[]);
    for peer in &mut waiting {
        assert_eq!(peer.response().status, 200);
    }
}

/// What is told to a supervisor.
struct Told(UnixDatagram);

impl Told {
    fn at(address: &SocketAddr) -> Told {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_read_timeout(Some(PROMPT)).unwrap();
        Told(socket)
    }

    #[track_caller]
    fn next(&self) -> String {
        let mut words = [0; 1000];
        let length = self.0.recv(&mut words).expect("the supervisor is told");
        String::from_utf8(words[..length].to_vec()).unwrap()
    }

    #[track_caller]
    fn hears(&self, words: &str) {
        assert_eq!(self.next(), words);
    }
}

fn notifying(name: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(Server::arguments(&[])).env("NOTIFY_SOCKET", name);
    command
}

#[test]
fn a_supervisor_is_told_that_it_is_ready_and_that_it_stops() {
    let path = std::env::temp_dir().join(format!("bothways-notify-{}", std::process::id()));
    let name = format!("bothways-notify-{}", std::process::id());
    let by_path = Told::at(&SocketAddr::from_pathname(&path).unwrap());
    let by_name = Told::at(&SocketAddr::from_abstract_name(&name).unwrap());
    for (told, name) in [(by_path, path.to_str().unwrap()), (by_name, &format!("@{name}"))] {
        let mut server = Server::start_as(notifying(name));
        told.hears(&format!("READY=1\nSTATUS=listening on http://{}", server.address()));
        let mut slow = server.connect();
        slow.say(&GET[..20]);
        is_served(server.address());
        server.signal("TERM");
        // While somebody is still being served.
        told.hears("STOPPING=1\nSTATUS=finishing what was begun");
        slow.say(&GET[20..]);
        assert_eq!(slow.response().status, 200);
        slow.hear_end();
        drop(slow);
        assert_eq!(server.wait_exit().0.code(), Some(0));
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_supervisor_that_cannot_be_told_is_warned_of_and_no_more() {
    for (name, words) in [
        ("/nowhere/at/all", "the supervisor cannot be told READY=1 at NOTIFY_SOCKET: No such file"),
        ("@bothways-nobody", "the supervisor cannot be told READY=1 at NOTIFY_SOCKET: Connection refused"),
        ("vsock:2:1", "NOTIFY_SOCKET is \"vsock:2:1\", and nobody is told: it must begin with / or @"),
    ] {
        let mut server = Server::start_as(notifying(name));
        is_served(server.address());
        wait_until("it warns", || server.log().contains(words));
        server.signal("TERM");
        assert_eq!(server.wait_exit().0.code(), Some(0));
        assert_eq!(server.log().matches("WARN").count(), 1, "{}", server.log());
    }
}

#[test]
fn a_watchdog_hears_of_it_while_it_turns() {
    let name = format!("bothways-watchdog-{}", std::process::id());
    let told = Told::at(&SocketAddr::from_abstract_name(&name).unwrap());
    let mut command = notifying(&format!("@{name}"));
    command.env("WATCHDOG_USEC", "400000");
    let mut server = Server::start_as(command);
    assert!(told.next().starts_with("READY=1\n"));
    let began = Instant::now();
    for _ in 0..5 {
        told.hears("WATCHDOG=1");
    }
    assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
    server.signal("STOP");
    told.0.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    // One may have been under way.
    let heard = (0..3).take_while(|_| told.0.recv(&mut [0; 100]).is_ok()).count();
    assert!(heard < 2, "{heard}");
    server.signal("CONT");
    told.0.set_read_timeout(Some(PROMPT)).unwrap();
    told.hears("WATCHDOG=1");
    server.signal("TERM");
    while told.next() != "STOPPING=1\nSTATUS=finishing what was begun" {}
    assert_eq!(server.wait_exit().0.code(), Some(0));
}

#[test]
fn a_watchdog_of_somebody_else_is_not_told() {
    let name = format!("bothways-other-{}", std::process::id());
    let told = Told::at(&SocketAddr::from_abstract_name(&name).unwrap());
    let mut command = notifying(&format!("@{name}"));
    command.env("WATCHDOG_USEC", "4000").env("WATCHDOG_PID", "1");
    let _server = Server::start_as(command);
    assert!(told.next().starts_with("READY=1\n"));
    told.0.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(told.0.recv(&mut [0; 100]).is_err());
}
