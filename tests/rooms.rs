//! Who may know whom: every `crate::` path in `src/`, held against the table of rooms.
//!
//! A room is a folder of `src/`, or a file right in it. What stands under `#[cfg(test)]` at the end
//! of a file may know more, and so may comments.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors of the house, highest first. A room knows rooms below it; those on its own floor are
/// strangers.
const FLOORS: &[&[&str]] = &[
    &["main"],
    &["serve", "upkeep", "compare"],
    &["supervision"],
    &["event_loop", "client"],
    &["api", "connection"],
    &["store", "websocket"],
    &["exchange", "http", "cli"],
    &["visitors"],
    &[
        "failure",
        "fault",
        "refusal",
        "parsed",
        "limits",
        "timeouts",
        "compression",
        "origins",
        "meter",
        "descriptors",
    ],
];

/// Arrows that do not run down, and why they are there all the same.
const EXCEPTIONS: &[(&str, &str, &str)] =
    &[("cli", "exchange::record::is_id", "a collection is named by the rule for ids, which stands once")];

/// Arrows that run down, and must not be.
const NEVER: &[(&str, &[&str], &str)] = &[
    ("websocket", &["exchange"], "frames are bytes, whatever is asked in them"),
    ("store", &["http", "cli"], "what is true does not depend on who asks"),
    ("api", &["http", "websocket", "fault", "timeouts", "cli"], "a call is the same on every road"),
    ("connection", &["api", "store", "cli"], "a connection does not know what a call means"),
    ("event_loop", &["websocket", "cli"], "the loop does not know what an opcode is"),
    (
        "supervision",
        &["api", "store", "connection", "exchange", "http", "websocket", "cli"],
        "it hears of processes, not of peers",
    ),
    (
        "compare",
        &["api", "store", "event_loop", "connection", "refusal", "meter"],
        "what is measured is seen from outside",
    ),
    ("client", &["api", "store", "refusal"], "a client sees a server from outside"),
];

/// Words that few rooms may use.
const WORDS: &[(&[&str], &[&str], &str)] = &[
    (&["mio"], &["event_loop", "serve"], "readiness is the loop's"),
    (&["socket2", "libc"], &["event_loop", "compare", "descriptors"], "so are the kernel's other doors"),
    (
        &["TcpStream", "TcpListener", "UdpSocket", "UnixStream"],
        &["event_loop", "client", "compare", "serve"],
        "protocol code is shown bytes, and touches no socket",
    ),
    (&["UnixDatagram"], &["supervision"], "only a supervisor is told something beside"),
    (
        &["io::Read", "io::BufRead", "io::Write"],
        &["event_loop", "client", "compare", "serve", "upkeep", "main"],
        "protocol code is shown bytes, and pulls at no stream",
    ),
    (
        &["Instant::now", "SystemTime", "Local", "Utc"],
        &["event_loop", "client", "compare", "serve"],
        "time is an argument, and is read once a turn",
    ),
    (
        &["Instant"],
        &["event_loop", "client", "compare", "serve", "connection", "store"],
        "these have no time",
    ),
    (
        &["serde", "serde_json"],
        &["exchange", "api", "client", "compare"],
        "bytes on the wire have no JSON in them, calls and answers have",
    ),
    (&["redb::"], &["store"], "what lies on disk is the store's"),
    (&["flate2"], &["websocket", "http"], "messages and bodies are compressed, and nothing else"),
    (&["pulldown_cmark"], &["api"], "only the chapters are written as Markdown"),
    (&["quick_xml"], &["exchange"], "markup is made in one place, and escaped there"),
    (&["httparse", "base64", "sha1"], &["http", "websocket", "client"], "these are about bytes on the wire"),
];

#[test]
fn arrows_run_down() {
    let mut wrong = Vec::new();
    for line in lines() {
        for target in targets(&line.code) {
            let to = target.split("::").next().unwrap_or_default();
            let (Some(from_floor), Some(to_floor)) = (floor(&line.room), floor(to)) else {
                wrong.push(line.says(&format!("{} → {to}: no floor of the table has that room", line.room)));
                continue;
            };
            let known = EXCEPTIONS.iter().any(|(from, path, _)| *from == line.room && *path == target);
            if to != line.room && to_floor >= from_floor && !known {
                wrong.push(line.says(&format!("{} → {to}: that arrow does not run down", line.room)));
            }
            for (from, never, why) in NEVER {
                if *from == line.room && never.contains(&to) {
                    wrong.push(line.says(&format!("{from} → {to}: {why}")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn words_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for line in lines() {
        // `use std::io::{self, Read}` names io::Read.
        let list = line.code.strip_prefix("use std::io::{").unwrap_or_default();
        let names: Vec<&str> = list.split([',', '}']).map(str::trim).collect();
        for (words, rooms, why) in WORDS {
            let imports = |word: &str| word.strip_prefix("io::").is_some_and(|word| names.contains(&word));
            let used = words.iter().find(|word| has_word(&line.code, word) || imports(word));
            if let (Some(word), false) = (used, rooms.contains(&line.room.as_str())) {
                wrong.push(line.says(&format!("{} → {word}: {why}", line.room)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_table_names_the_rooms_that_are_there_and_no_others() {
    let there: BTreeSet<String> = lines().map(|line| line.room).collect();
    let named: BTreeSet<String> = FLOORS.concat().into_iter().map(String::from).collect();
    assert_eq!(there, named);
    let used = |from: &str, path: &str| {
        lines().any(|line| line.room == from && targets(&line.code).contains(&path.to_owned()))
    };
    for (from, path, _) in EXCEPTIONS {
        assert!(used(from, path), "{from} → {path} is no longer there: the exception can go");
    }
}

/// One line of code, and where it stands.
struct Line {
    file: PathBuf,
    number: usize,
    room: String,
    code: String,
}

impl Line {
    fn says(&self, what: &str) -> String {
        format!("{}:{}: {what}\n    {}", self.file.display(), self.number, self.code)
    }
}

/// All code in `src/` but for comments and tests.
fn lines() -> impl Iterator<Item = Line> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    files.into_iter().filter(move |file| *file != src.join("lib.rs")).flat_map(|file| {
        let text = fs::read_to_string(&file).unwrap();
        let file = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned();
        let room = file.components().nth(1).unwrap().as_os_str().to_str().unwrap();
        let room = room.trim_end_matches(".rs").to_owned();
        let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
        let is_code = |code: &&str| !code.is_empty() && !code.starts_with("//");
        let numbered = text[..end].lines().map(str::trim).enumerate().filter(|(_, code)| is_code(code));
        let line = |(n, code): (usize, &str)| Line {
            file: file.clone(),
            number: n + 1,
            room: room.clone(),
            code: code.to_owned(),
        };
        numbered.map(line).collect::<Vec<_>>()
    })
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        match path.extension() {
            Some(extension) if extension == "rs" => files.push(path),
            None if path.is_dir() => collect(&path, files),
            _ => {}
        }
    }
}

/// What stands behind `crate::`, or behind `bothways::` in the program that uses the library.
fn targets(code: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for root in ["crate::", "bothways::"] {
        for (at, _) in code.match_indices(root) {
            let path = &code[at + root.len()..];
            let end = path.find(|c: char| !is_name(c) && c != ':').unwrap_or(path.len());
            targets.push(path[..end].trim_end_matches(':').to_owned());
        }
    }
    // Nobody leaves a room by the window.
    if code.contains("super::super::") {
        targets.push("super".to_owned());
    }
    targets
}

fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let around = [code[..at].chars().next_back(), code[at + word.len()..].chars().next()];
        !around.into_iter().flatten().any(is_name)
    })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Counted from the ground.
fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().rev().position(|rooms| rooms.contains(&room))
}
