//! How fast the innermost loops are: `cargo bench`.
//!
//! What they are held against: 10 GB/s of unmasking in cache. Text is read with simdutf8, and the standard
//! library stands beside it: should it catch up, a dependency can go.

use bothways::config::Limits;
use bothways::http::head::{FieldRoom, parse_request};
use bothways::websocket::frame::{self, Opcode, Role};
use bothways::websocket::mask;
use bothways::websocket::message::{Event, Reader, Step};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const MUCH: usize = 64 * 1024;

#[divan::bench(args = [125, 1024, MUCH])]
fn unmask(bencher: Bencher, bytes: usize) {
    let mut payload = vec![7; bytes];
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| mask::apply(black_box(&mut payload), black_box(KEY), 0));
}

/// Text of one kind, cut at a whole character.
fn text(kind: &str, bytes: usize) -> String {
    let word = match kind {
        "ascii" => "Buy milk, and water the plants. ",
        "two bytes" => "Купи молоко и полей цветы ",
        _ => "牛乳を買って植物に水をやる",
    };
    let mut text = word.repeat(bytes / word.len() + 1);
    text.truncate((0..=bytes).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0));
    text
}

const KINDS: [(&str, usize); 9] = [
    ("ascii", 32),
    ("ascii", 1024),
    ("ascii", MUCH),
    ("two bytes", 32),
    ("two bytes", 1024),
    ("two bytes", MUCH),
    ("three bytes", 32),
    ("three bytes", 1024),
    ("three bytes", MUCH),
];

#[divan::bench(args = KINDS)]
fn utf8_std(bencher: Bencher, (kind, bytes): (&str, usize)) {
    let text = text(kind, bytes);
    let counter = BytesCount::new(text.len());
    bencher.counter(counter).bench_local(|| std::str::from_utf8(black_box(text.as_bytes())).is_ok());
}

#[divan::bench(args = KINDS)]
fn utf8_simd(bencher: Bencher, (kind, bytes): (&str, usize)) {
    let text = text(kind, bytes);
    let counter = BytesCount::new(text.len());
    bencher.counter(counter).bench_local(|| simdutf8::basic::from_utf8(black_box(text.as_bytes())).is_ok());
}

/// What curl sends, and what a browser sends.
const CURL: &[u8] =
    b"GET /tasks HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n";
const BROWSER: &[u8] = b"GET /tasks/1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: keep-alive\r\n\
    Cache-Control: max-age=0\r\nsec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n\
    sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n\r\n";

#[divan::bench(args = ["curl", "browser"])]
fn head(bencher: Bencher, whose: &str) {
    let bytes = if whose == "curl" { CURL } else { BROWSER };
    bencher.counter(ItemsCount::new(1u32)).counter(BytesCount::new(bytes.len())).bench_local(|| {
        let mut room = FieldRoom::new();
        black_box(parse_request(black_box(bytes), &mut 0, &Limits::DEFAULT, &mut room)).is_ok()
    });
}

/// One masked text in, the same text out: what an echo costs without its socket.
#[divan::bench(args = [32, 1024, MUCH])]
fn echo(bencher: Bencher, bytes: usize) {
    let mut masked = Vec::new();
    frame::encode_masked(Opcode::Text, text("ascii", bytes).as_bytes(), KEY, &mut masked);
    let mut reader = Reader::new(Role::Server);
    let (mut bytes, mut out) = (masked.clone(), Vec::new());
    bencher.counter(ItemsCount::new(1u32)).counter(BytesCount::new(masked.len())).bench_local(|| {
        // It is unmasked in place, so it has to come anew.
        bytes.copy_from_slice(&masked);
        out.clear();
        if let Ok(Step::Event(Event::Text(text))) = reader.next(&mut bytes, &mut 0, 1 << 20) {
            frame::encode(Opcode::Text, text.as_str().as_bytes(), &mut out);
        }
        out.len()
    });
}
