//! README and docs, held to what they say: every command is run, every byte is sent and received,
//! every link is followed. What is shown in these blocks is played in order, one server a document:
//!
//! - `console [FILE.json] [FLAGS]`: lines after `$ ` are commands, the lines below what they print, first on standard output
//!   and then on standard error. `^C` at the end: the command goes on for ever and is interrupted there.
//! - `wire [FLAGS]`: a TCP connection of its own. `> ` is sent and `< ` received, with `\r`, `\n`, `\\`
//!   and `\xHH`; `FIN` is the end of that side's stream. With flags, a server of its own too, which is
//!   killed at the end of the block. With `--data NAME` as the first of them, the next block that says the
//!   same goes on with what that one has stored.
//! - `frames PATH [FLAGS]`: the same after a handshake at that path, in hexadecimal up to two spaces,
//!   behind which the meaning stands; `78*256` is one byte 256 times. With `deflated` behind the path,
//!   permessage-deflate is offered.
//! - `messages PATH [FLAGS]`: the same, each line a text message in one frame.
//! - in these three, a line after `$ ` is a command in another terminal, which is run while the connection is
//!   open, with what it prints below it, as in `console`.
//! - `sh`: one command that builds, takes long, or needs what not every machine has. It is not run, only
//!   known by heart: see [`NOT_RUN`].
//!
//! `…` stands for whatever may be there. The address 127.0.0.1:8080 and the epoch 3f9c2a7b stand for
//! those of the server at hand, and the time of day for any other.
#![cfg(unix)]

mod bytes;
mod console;
mod map;
mod metrics;
mod paragraphs;
mod server;
mod tables;
mod units;

use bytes::{converse, frame_bytes, message_bytes, wire_bytes};
use console::{run, run_console};
use server::Server;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const ADDRESS: &str = "127.0.0.1:8080";
const EPOCH: &str = "3f9c2a7b";
const PATIENCE: Duration = Duration::from_secs(10);

/// First lines of what is not run.
const NOT_RUN: &[&str] = &[
    "cargo test",
    "bothways check bothways.redb",
    "bothways serve --new-epoch",
    "bothways compare --calls 1000 --rounds 5",
    "bothways compare --calls 500 --rounds 3 --rate 1000 --experiments ask,hold,follow,cross --follow-ways poll,long-poll,events,socket --followers 10 --changes 8 --changes-per-second 4 --quiet-seconds 1 --poll-seconds 1 --cross-seconds 2 --cross-rate-max 8 --html report.html > report.txt",
    "bothways compare --rtt 40ms --bandwidth 10mbit --experiments ask,follow --rounds 3 --follow-ways poll,long-poll,events,socket --followers 5 --changes 12 --changes-per-second 4 --quiet-seconds 2 --poll-seconds 1 --html at-a-distance.html > at-a-distance.txt",
    "bothways compare --like quantum-leap --rounds 7",
    "bothways compare --like gupta-2014 --calls 10000 --rounds 7",
    "bothways compare --like gupta-2014 --rtt 40ms --calls 100 --rounds 3",
    "bothways compare --like httparena --in-flight 64 --calls 20000 --rounds 7",
    "bothways compare --claims --rounds 5",
    "bothways compare --ways new,kept --calls 1000 --rounds 1 --json > report.json &",
    "bothways compare --rtt 40ms --bandwidth 10mbit --ways new,kept,socket",
    "bothways compare --experiments follow --followers 20 --changes 100 --changes-per-second 5 --poll-seconds 0.5,2",
    "bothways compare --experiments follow --follow-ways poll-new,poll,poll-conditional,long-poll,events,socket --followers 20 --changes 20 --changes-per-second 2 --poll-seconds 1,5 --quiet-seconds 5 --rounds 3",
    "bothways compare --experiments cross --followers 20 --poll-seconds 1 --rounds 3",
    "bothways compare --experiments cross --followers 20 --payload-bytes 2000 --follow-ways poll,poll-gzip,socket,socket-deflated --cross-rate-max 16 --rounds 1",
    "bothways compare --experiments cross --follow-ways poll,socket --poll-seconds 2 --stale-ms 500 --rounds 1",
    "bothways compare --experiments cross --payload-bytes 1000 --followers 20 --poll-seconds 1 --rounds 3",
    "BOTHWAYS_SCHEDULES=100000 cargo test --release --test schedules",
    "mkdir -p fuzz/corpus/head && cargo +nightly fuzz run head fuzz/corpus/head fuzz/seeds/head",
    "python3 tests/foreign/with_home.py target/debug/bothways chromium profile docs/page",
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
    server::clear_away();
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
    let (path, deflated) = (path.first().copied().unwrap_or_default(), path.contains(&"deflated"));
    let arguments = if block.kind == "console" { block.words.as_slice() } else { flags };
    let own = (!arguments.is_empty()).then(|| Server::start(arguments));
    let server = own.as_ref().unwrap_or(shared);
    let path = server.real(path);
    let path = path.as_str();
    match block.kind {
        "console" => run_console(&block.text, server, place),
        "wire" => converse(&block.text, wire_bytes, server.connect(), server, place),
        "frames" => converse(&block.text, frame_bytes, server.shake_hands(path, deflated), server, place),
        "messages" => converse(&block.text, message_bytes, server.shake_hands(path, false), server, place),
        "sh" => {
            assert!(NOT_RUN.contains(&block.text.lines().next().unwrap()), "{place} is not known by heart")
        }
        _ => {}
    }
}

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

/// The README, the changelog, and every page below docs.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("README.md"), PathBuf::from("CHANGELOG.md")];
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
fn every_link_leads_to_a_page_and_a_heading() {
    for path in documents() {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let page = root().join(if file.is_empty() { path.clone() } else { path.with_file_name(file) });
            // It may be a picture.
            let there = fs::read(&page).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let there = there.unwrap_or_else(|_| panic!("{} links to {file}", path.display()));
            let found =
                anchor.is_empty() || there.lines().any(|line| anchor_of(line) == Some(anchor.to_owned()));
            assert!(found, "{} links to {target}, and there is no such heading", path.display());
        }
    }
}

/// A heading's name in a link.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_lowercase())?;
    Some(heading.replace(' ', "-").chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect())
}

#[test]
fn the_page_of_flags_is_what_help_says() {
    let mut page =
        "# Every command and flag\n\nThis page is what `--help` prints, word for word. A test compares \
        the two;\n`UPDATE_DOCS=1 cargo test --test documents` writes it anew.\n"
            .to_owned();
    for name in ["", "serve", "call", "watch", "export", "check", "compare"] {
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
