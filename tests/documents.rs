//! README and docs, held to what they say: every command is run, every byte is sent and received,
//! every link is followed. What is shown in these blocks is played in order, one server a document:
//!
//! - `console`: lines after `$ ` are commands, the lines below what they print, first on standard output
//!   and then on standard error. `^C` at the end: the command goes on for ever and is interrupted there.
//! - `wire [FLAGS]`: a TCP connection of its own. `> ` is sent and `< ` received, with `\r`, `\n`, `\\`
//!   and `\xHH`; `FIN` is the end of that side's stream. With flags, a server of its own too.
//! - `frames PATH [FLAGS]`: the same after a handshake at that path, in hexadecimal up to two spaces,
//!   behind which the meaning stands; `78*256` is one byte 256 times.
//! - `messages PATH [FLAGS]`: the same, each line a text message in one frame.
//! - `sh`: one command that builds, takes long, or needs what not every machine has. It is not run, only
//!   known by heart: see [`NOT_RUN`].
//!
//! `…` stands for whatever may be there. The address 127.0.0.1:8080 and the epoch 3f9c2a7b stand for
//! those of the server at hand, and the time of day for any other.
#![cfg(unix)]

use bothways::websocket::frame::{self, Opcode};
use bothways::websocket::handshake;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const ADDRESS: &str = "127.0.0.1:8080";
const EPOCH: &str = "3f9c2a7b";
const PATIENCE: Duration = Duration::from_secs(10);

/// First lines of what is not run.
const NOT_RUN: &[&str] = &[
    "cargo test",
    "cargo fuzz run head fuzz/seeds/head",
    "unshare -rn sh -c '",
    "printf dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11 | openssl dgst -sha1 -binary | base64",
];

#[test]
fn every_command_and_every_byte_is_as_shown() {
    let has_curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(has_curl || std::env::var_os("CI").is_none(), "the documents use curl, and it is missing here");
    thread::scope(|scope| {
        for path in documents() {
            scope.spawn(move || play_all(&path, has_curl));
        }
    });
}

fn play_all(path: &Path, has_curl: bool) {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let server = Server::start(&[]);
    for block in blocks(&text) {
        let place = format!("{}:{}", path.display(), block.line);
        if !has_curl && block.kind == "console" && block.text.contains("$ curl ") {
            eprintln!("curl is missing on this machine: what stands from {place} on is not checked");
            break;
        }
        play(&block, &server, &place);
    }
}

fn play(block: &Block, shared: &Server, place: &str) {
    let (path, flags) = block.words.split_at(block.words.iter().take_while(|w| !w.starts_with("--")).count());
    let path = path.first().copied().unwrap_or_default();
    let own = (!flags.is_empty()).then(|| Server::start(flags));
    let server = own.as_ref().unwrap_or(shared);
    match block.kind {
        "console" => run_console(&block.text, server, place),
        "wire" => converse(&block.text, wire_bytes, server.connect(), server, place),
        "frames" => converse(&block.text, frame_bytes, server.shake_hands(path), server, place),
        "messages" => converse(&block.text, message_bytes, server.shake_hands(path), server, place),
        "sh" => {
            assert!(NOT_RUN.contains(&block.text.lines().next().unwrap()), "{place} is not known by heart")
        }
        _ => {}
    }
}

// Commands.

fn run_console(text: &str, server: &Server, place: &str) {
    for session in format!("\n{text}").split("\n$ ").skip(1) {
        let (command, shown) = session.split_once('\n').unwrap_or((session, ""));
        let printed = if command == "cargo run --release -- serve" {
            server.announced.clone()
        } else {
            run(&server.real(command), shown)
        };
        let printed = one_time(&server.shown(&printed).replace('\r', ""));
        let shown = one_time(shown.trim_end().trim_end_matches("\n^C"));
        assert!(
            matches(&shown, printed.trim_end()),
            "{place}: `{command}` should print\n{shown}\nand prints\n{printed}"
        );
    }
}

fn run(command: &str, shown: &str) -> String {
    let mut shell = Command::new("sh");
    let Some(lines) = shown.trim_end().strip_suffix("\n^C").map(|shown| shown.lines().count()) else {
        let output = tidy(shell.arg("-c").arg(command)).output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        return if out.is_empty() { err } else { format!("{}\n{err}", out.trim_end_matches('\n')) };
    };
    shell.arg("-c").arg(format!("exec {command}")).stdout(Stdio::piped());
    let mut child = tidy(&mut shell).spawn().unwrap();
    let (tell, told) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line + "\n")));
    let printed = (0..lines).map_while(|_| told.recv_timeout(PATIENCE).ok()).collect();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success(), "`{command}` ends well when it is interrupted");
    printed
}

/// Finds `bothways` where it was just built, and no settings.
fn tidy(command: &mut Command) -> &mut Command {
    let built = Path::new(env!("CARGO_BIN_EXE_bothways")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BOTHWAYS_")) {
        command.env_remove(name);
    }
    command.env("PATH", format!("{}:{path}", built.display())).env_remove("RUST_LOG").current_dir(root())
}

/// Every time of day, and every date, as one.
fn one_time(text: &str) -> String {
    let line = |line: &str| {
        let mut line = if line.starts_with("Date: ") { "Date:".to_owned() } else { line.to_owned() };
        for at in 0..line.len().saturating_sub(7) {
            let is_time = line.as_bytes()[at..at + 8].iter().enumerate().all(|(n, byte)| match n {
                2 | 5 => *byte == b':',
                _ => byte.is_ascii_digit(),
            });
            if is_time {
                line.replace_range(at..at + 8, "HH:MM:SS");
            }
        }
        line
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

// Bytes.

/// What is sent or awaited: bytes, in which `None` is whatever may be there.
type Pattern = Vec<Option<u8>>;

/// What one line says, behind its `> ` or `< `.
type Reading = fn(&str, &str) -> Pattern;

fn converse(text: &str, read: Reading, mut stream: TcpStream, server: &Server, place: &str) {
    let text = server.real(text);
    let mut lines = text.lines().peekable();
    let mut received = Vec::new();
    while let Some(line) = lines.next() {
        let (side, content) = line.split_at_checked(2).unwrap_or_else(|| panic!("{place}: {line}"));
        if side == "> " && content == "FIN" {
            stream.shutdown(Shutdown::Write).unwrap();
            continue;
        }
        let mut pattern = if content == "FIN" { Vec::new() } else { read(side, content) };
        let goes_on = |next: &&str| next.starts_with(side) && *next != "< FIN" && *next != "> FIN";
        while content != "FIN" && lines.peek().is_some_and(goes_on) {
            pattern.extend(read(side, &lines.next().unwrap()[2..]));
        }
        if side == "> " {
            let bytes: Vec<u8> = pattern.iter().map(|byte| byte.expect("what is sent is known")).collect();
            stream.write_all(&bytes).unwrap();
        } else if content == "FIN" {
            assert_eq!(receive(&mut stream, &mut received), Some(0), "{place}: the stream ends");
        } else {
            let deadline = Instant::now() + PATIENCE;
            while !matches_bytes(&pattern, &received) {
                let more = Instant::now() < deadline && receive(&mut stream, &mut received) > Some(0);
                assert!(more, "{place}: instead of {line} … came {}", received.escape_ascii());
            }
            received.clear();
        }
    }
}

/// How many bytes came; `None` if none did in time.
fn receive(stream: &mut TcpStream, into: &mut Vec<u8>) -> Option<usize> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer).ok()?;
    into.extend_from_slice(&buffer[..count]);
    Some(count)
}

fn wire_bytes(_: &str, line: &str) -> Pattern {
    let mut pattern = Vec::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '…' => pattern.push(None),
            '\\' => pattern.push(Some(match rest.next() {
                Some('r') => b'\r',
                Some('n') => b'\n',
                Some('x') => {
                    let digits: String = rest.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).unwrap_or_else(|_| panic!("{line}"))
                }
                Some('\\') => b'\\',
                _ => panic!("an unknown escape in {line}"),
            })),
            c => pattern.extend(c.encode_utf8(&mut [0; 4]).bytes().map(Some)),
        }
    }
    pattern
}

fn frame_bytes(_: &str, line: &str) -> Pattern {
    let hexadecimal = line.trim_start().split("  ").next().unwrap_or_default();
    let byte = |text: &str| u8::from_str_radix(text, 16).unwrap_or_else(|_| panic!("{line}"));
    let mut pattern = Vec::new();
    for word in hexadecimal.split_whitespace() {
        match word.split_once('*') {
            Some((one, times)) => pattern.extend(vec![Some(byte(one)); times.parse().unwrap()]),
            None => pattern.push((word != "…").then(|| byte(word))),
        }
    }
    pattern
}

fn message_bytes(side: &str, line: &str) -> Pattern {
    let mut bytes = Vec::new();
    match side {
        "> " => frame::encode_masked(Opcode::Text, line.as_bytes(), [0x37, 0xfa, 0x21, 0x3d], &mut bytes),
        _ => frame::encode(Opcode::Text, line.as_bytes(), &mut bytes),
    }
    bytes.into_iter().map(Some).collect()
}

fn matches(shown: &str, printed: &str) -> bool {
    let pattern: Pattern = shown.split('…').flat_map(|part| part.bytes().map(Some).chain([None])).collect();
    matches_bytes(&pattern[..pattern.len() - 1], printed.as_bytes())
}

/// From the end: what stands behind the last wildcard is the end, and so on.
fn matches_bytes(pattern: &[Option<u8>], bytes: &[u8]) -> bool {
    let mut parts = pattern.split(Option::is_none).map(|part| part.iter().flatten().copied().collect());
    let first: Vec<u8> = parts.next().unwrap_or_default();
    let mut parts: Vec<Vec<u8>> = parts.collect();
    let Some(mut rest) = bytes.strip_prefix(&first[..]) else { return false };
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let Some(at) = rest.windows(part.len()).position(|window| window == part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(&last)
}

// A server.

struct Server {
    child: Child,
    announced: String,
    address: String,
    epoch: String,
}

impl Server {
    fn start(flags: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bothways"));
        command.args(["serve", "--memory", "--listen", "127.0.0.1:0"]).args(flags);
        let mut child = tidy(command.stdout(Stdio::piped())).spawn().unwrap();
        let mut announced = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut announced).unwrap();
        let address = announced.trim_end().rsplit('/').next().unwrap().to_owned();
        let mut server = Server { child, announced, address, epoch: String::new() };
        let (mut stream, mut answer) = (server.connect(), String::new());
        stream.write_all(b"GET /tasks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        stream.read_to_string(&mut answer).unwrap();
        server.epoch = answer.split("ETag: \"").nth(1).unwrap()[..EPOCH.len()].to_owned();
        server
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn shake_hands(&self, path: &str) -> TcpStream {
        let (mut stream, mut request, mut head) = (self.connect(), Vec::new(), Vec::new());
        handshake::encode_request(&self.address, path, *b"the sample nonce", None, &[], &mut request);
        stream.write_all(&request).unwrap();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", head.escape_ascii());
        stream
    }

    fn real(&self, shown: &str) -> String {
        shown.replace(ADDRESS, &self.address).replace(EPOCH, &self.epoch)
    }

    fn shown(&self, real: &str) -> String {
        real.replace(&self.address, ADDRESS).replace(&self.epoch, EPOCH)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// Documents.

struct Block<'t> {
    kind: &'t str,
    words: Vec<&'t str>,
    text: String,
    line: usize,
}

/// What stands between lines of three backticks.
fn blocks(document: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (n, line) in document.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(info) if !inside => {
                let mut words = info.split_whitespace();
                let kind = words.next().unwrap_or_default();
                blocks.push(Block { kind, words: words.collect(), text: String::new(), line: n + 1 });
                inside = true;
            }
            Some(_) => inside = false,
            None if inside => {
                let text = &mut blocks.last_mut().expect("it has begun").text;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README, and every page below docs.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("README.md")];
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            match path.extension() {
                None => folders.push(path),
                Some(extension) if extension == "md" => found.push(path),
                Some(_) => {}
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_link_leads_to_a_file() {
    for path in documents() {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
            let file = root().join(&path).parent().unwrap().join(target);
            assert!(file.exists(), "{} links to {target}, which is not there", path.display());
        }
    }
}

#[test]
fn the_page_of_flags_is_what_help_says() {
    let mut page =
        "# Every command and flag\n\nThis page is what `--help` prints, word for word. A test compares \
        the two;\n`UPDATE_DOCS=1 cargo test --test documents` writes it anew.\n"
            .to_owned();
    for name in ["", "serve", "call", "watch"] {
        let command = format!("bothways {name}").trim().to_owned();
        let help = run(&format!("{command} --help"), "");
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        page += &format!("\n## `{command}`\n\n```text\n{}\n```\n", help.join("\n"));
    }
    let path = root().join("docs/reference/flags.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page,
        "docs/reference/flags.md is not what --help says: set UPDATE_DOCS=1 to rewrite it"
    );
}
