//! What is sent and what must come back, byte by byte.

use crate::PATIENCE;
use crate::console::run_console;
use crate::server::Server;
use bothways::websocket::frame::{self, Opcode};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

/// What is sent or awaited: bytes, in which `None` is whatever may be there.
type Pattern = Vec<Option<u8>>;

/// How a line begins: sent, received, and what is done in another terminal meanwhile.
const SIDES: [&str; 3] = ["> ", "< ", "$ "];

/// What one line says, behind its `> ` or `< `.
type Reading = fn(&str, &str) -> Pattern;

/// Sends and receives in the order of the lines.
pub fn converse(text: &str, read: Reading, mut stream: TcpStream, server: &Server, place: &str) {
    let mut lines = text.lines().peekable();
    let mut received = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("$ ") {
            let mut meanwhile = line.to_owned();
            while let Some(printed) = lines.next_if(|next| !SIDES.iter().any(|side| next.starts_with(side))) {
                meanwhile = meanwhile + "\n" + printed;
            }
            run_console(&meanwhile, server, place);
            continue;
        }
        let (side, content) = line.split_at_checked(2).unwrap_or_else(|| panic!("{place}: {line}"));
        let read = |content: &str| read(side, &server.real(content));
        if side == "> " && content == "FIN" {
            stream.shutdown(Shutdown::Write).unwrap();
            continue;
        }
        let mut pattern = if content == "FIN" { Vec::new() } else { read(content) };
        let goes_on = |next: &&str| next.starts_with(side) && *next != "< FIN" && *next != "> FIN";
        while content != "FIN" && lines.peek().is_some_and(goes_on) {
            pattern.extend(read(&lines.next().unwrap()[2..]));
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
                let beginning = received[..received.len().min(500)].escape_ascii();
                assert!(more, "{place}: instead of {line} … came {beginning}");
            }
            received.clear();
        }
    }
}

/// How many bytes came; `None` if none did in time.
fn receive(stream: &mut TcpStream, into: &mut Vec<u8>) -> Option<usize> {
    let mut buffer = [0; 4096];
    let count = loop {
        match stream.read(&mut buffer) {
            // A process that is stopped and goes on finds its timed reads cut short (signal(7)).
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => break read.ok()?,
        }
    };
    into.extend_from_slice(&buffer[..count]);
    Some(count)
}

pub fn wire_bytes(_: &str, line: &str) -> Pattern {
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

pub fn frame_bytes(_: &str, line: &str) -> Pattern {
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

pub fn message_bytes(side: &str, line: &str) -> Pattern {
    let mut bytes = Vec::new();
    match side {
        "> " => frame::encode_masked(Opcode::Text, line.as_bytes(), [0x37, 0xfa, 0x21, 0x3d], &mut bytes),
        _ => frame::encode(Opcode::Text, line.as_bytes(), &mut bytes),
    }
    bytes.into_iter().map(Some).collect()
}

/// Whether the text is as shown, where `…` is whatever may be there.
pub fn matches(shown: &str, printed: &str) -> bool {
    let pattern: Pattern = shown.split('…').flat_map(|part| part.bytes().map(Some).chain([None])).collect();
    matches_bytes(&pattern[..pattern.len() - 1], printed.as_bytes())
}

/// What stands before the first wildcard is the beginning, what stands behind the last one the end; the rest
/// comes in order between them.
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
