//! The program under test as a child process.

use crate::peer::Peer;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_bothways");

/// Longest wait for anything that is expected.
pub const PROMPT: Duration = Duration::from_secs(10);

pub struct Server {
    child: Child,
    address: String,
    /// What it prints behind its first line.
    stdout: BufReader<ChildStdout>,
    log: Arc<Mutex<String>>,
    log_reader: Option<JoinHandle<()>>,
}

impl Server {
    /// `bothways serve` with these flags, on a free port; with two loops where nothing else is said.
    #[track_caller]
    pub fn start(flags: &[&str]) -> Server {
        let mut command = Command::new(PROGRAM);
        command.args(Server::arguments(flags));
        Server::start_as(command)
    }

    pub fn arguments<'a>(flags: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--memory"];
        if !flags.contains(&"--loops") {
            arguments.extend(["--loops", "2"]);
        }
        arguments.extend(flags);
        arguments
    }

    /// Whatever command it is, it becomes a server that says where it listens.
    #[track_caller]
    pub fn start_as(mut command: Command) -> Server {
        command.env("RUST_LOG", "debug").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut stderr = child.stderr.take().expect("stderr is a pipe");
        let log = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&log);
        let log_reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(bytes @ 1..) = stderr.read(&mut piece) {
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..bytes]));
            }
        });
        let mut line = String::new();
        stdout.read_line(&mut line).expect("stdout is text");
        let mut server = Server { child, address: String::new(), stdout, log, log_reader: Some(log_reader) };
        match line.strip_prefix("listening on http://") {
            Some(address) => server.address = address.trim_end().to_owned(),
            None => panic!("the server said {line:?} where it should say where it listens"),
        }
        server
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn socket_url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    pub fn connect(&self) -> Peer {
        Peer::connect(&self.address)
    }

    /// The body of one GET, on a connection of its own.
    #[track_caller]
    pub fn get(&self, path: &str) -> String {
        let mut peer = self.connect();
        peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        let response = peer.response();
        assert_eq!(response.status, 200);
        response.text()
    }

    /// The seq of the last change in `/tasks`.
    pub fn get_position(&self) -> u64 {
        let mut peer = self.connect();
        peer.say("GET /tasks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        peer.response().position()
    }

    /// One change in `/tasks`.
    pub fn put_item(&self) {
        let mut peer = self.connect();
        peer.say("PUT /tasks/last HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
        assert!(peer.response().status < 300);
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// `name` is TERM or INT, or STOP or CONT.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end; its status, and what it printed behind its first line.
    #[track_caller]
    pub fn wait_exit(&mut self) -> (ExitStatus, String) {
        let status = wait_exit(&mut self.child);
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).expect("stdout is text");
        (status, printed)
    }
}

/// What the kernel knows of it.
#[cfg(target_os = "linux")]
impl Server {
    /// Processor time that it has used.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // proc(5): utime and stime are the fields 14 and 15, in ticks of 10 ms; the name of the
        // program, in brackets, is field 2 and may have blanks.
        let (_, behind_name) = stat.rsplit_once(')').unwrap();
        let ticks: u64 =
            behind_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// How many file descriptors it holds open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// How often its first thread has waited for something.
    pub fn waits(&self) -> usize {
        self.status("voluntary_ctxt_switches:").parse().unwrap()
    }

    /// Memory that it occupies, in bytes.
    pub fn resident_bytes(&self) -> usize {
        self.status_bytes("VmRSS:")
    }

    /// The most that it ever has.
    pub fn resident_bytes_max(&self) -> usize {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, name: &str) -> usize {
        self.status(name).strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
    }

    fn status(&self, name: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.log_reader.take() {
            let _ = reader.join();
        }
        if thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

pub fn signal(process: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(status.expect("kill is a command").success());
}

#[track_caller]
pub fn wait_exit(child: &mut Child) -> ExitStatus {
    let mut status = None;
    wait_until("the program ends", || {
        status = child.try_wait().expect("it is our child");
        status.is_some()
    });
    status.expect("it has ended")
}

#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PROMPT;
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
