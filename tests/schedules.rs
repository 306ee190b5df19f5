//! The whole logic of the event loop without a socket: peers that share a state and a journal, and a
//! network that brings, takes, cuts, resets and waits as the dice say.
//!
//! ```text
//!   BOTHWAYS_SCHEDULES=100000 cargo test --release --test schedules
//! ```
//!
//! plays as many schedules. One that fails prints its number; `BOTHWAYS_SCHEDULE=7` plays that one.
//!
//! What must hold, whatever happens:
//! - answers come in order, each exactly once, and say what they say to a peer that is alone, sends
//!   everything at once and takes everything at once;
//! - nothing is written behind the end;
//! - a peer that pauses goes on, if only it reads;
//! - once everybody is silent, every peer is gone when its waits are over;
//! - what is held for a peer stays within [`simulation::held_bytes_max`].

#[allow(dead_code)] // Others use the rest.
#[path = "../fuzz/src/connections.rs"]
mod connections;
#[allow(dead_code)] // Others use the rest.
#[path = "../fuzz/src/readers.rs"]
mod readers;
#[allow(dead_code)] // Others use the rest.
#[path = "../fuzz/src/simulated_sockets.rs"]
mod simulated_sockets;
#[allow(dead_code)] // Others use the rest.
#[path = "../fuzz/src/simulation.rs"]
mod simulation;

use bothways::websocket::frame::{Opcode, encode_masked};
use simulation::{Commits, Simulation};
use std::time::Duration;

#[test]
fn whatever_the_network_does_the_promises_hold() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let schedules = match number("BOTHWAYS_SCHEDULE") {
        Some(one) => one..one + 1,
        None => 0..number("BOTHWAYS_SCHEDULES").unwrap_or(SCHEDULES),
    };
    for schedule in schedules {
        println!("schedule {schedule}");
        play(schedule);
    }
}

/// The wait for a body does not run while what was asked before has to be taken first.
#[test]
fn who_is_not_read_is_not_late() {
    let item = format!("\"{}\"", "x".repeat(200));
    let head = format!("POST /tasks0 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", item.len());
    let all = (head.clone() + &item).repeat(3) + &head + &item;
    let (front, back) = all.split_at(all.len() - 100);
    let mut simulation = Simulation::new(&names(), 4096, Commits::Queued);
    let peer = simulation.connect();
    simulation.commit_delay = 1;
    simulation.peer(peer).send(front.as_bytes());
    simulation.run_until_quiet();
    for _ in 0..5 {
        simulation.advance(Duration::from_secs(20));
        simulation.turn();
        simulation.peer(peer).receive(25);
        simulation.run_until_quiet();
    }
    simulation.peer(peer).receive(usize::MAX);
    simulation.run_until_quiet();
    simulation.advance(Duration::from_secs(15));
    simulation.turn();
    simulation.peer(peer).send(back.as_bytes());
    simulation.run_until_quiet();
    let said = String::from_utf8(simulation.received(peer).to_vec()).unwrap();
    assert_eq!(said.matches(" 201 Created\r\n").count(), 4, "{said}");
    simulation.run_until_all_closed();
}

/// A shutdown answers what was sent before it, also by a connection that waits in the backlog, and then closes every peer.
#[test]
fn a_shutdown_answers_what_was_sent_before_it() {
    for commits in [Commits::Inline, Commits::Queued] {
        let mut simulation = Simulation::new(&names(), 4096, commits);
        let [websocket, idle] = [simulation.connect(), simulation.connect()];
        simulation.peer(websocket).send(&[b"GET /echo HTTP/1.1\r\nHost: a\r\n", HANDSHAKE].concat());
        simulation.peer(idle).send(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
        for peer in [websocket, idle] {
            simulation.peer(peer).receive(usize::MAX);
        }
        simulation.run_until_quiet();
        let late = simulation.connect();
        simulation.peer(late).receive(usize::MAX);
        simulation.peer(late).send(b"POST /tasks0 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\"a\"");
        simulation.request_shutdown();
        simulation.run_until_quiet();
        let answer = String::from_utf8_lossy(simulation.received(late));
        assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{commits:?}: {answer}");
        assert!(simulation.has_ended(late) && simulation.has_ended(idle), "{commits:?}");
        let frames = connections::words(simulation.received(websocket)).expect("a WebSocket");
        assert_eq!(frames, [(Opcode::Close, b"\x03\xe9".to_vec())], "{commits:?}: 1001, going away");
        simulation.run_until_all_closed();
    }
}

/// A shutdown answers a long poll with the state of which a writer is told in the same turn, and then accepts nothing.
#[test]
fn a_shutdown_answers_a_long_poll_with_the_newest_state() {
    let mut simulation = Simulation::new(&names(), 4096, Commits::Queued);
    let [poller, writer] = [simulation.connect(), simulation.connect()];
    let post = b"POST /tasks0 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\"a\"";
    for peer in [poller, writer] {
        simulation.peer(peer).receive(usize::MAX);
    }
    let wait = "Prefer: wait=30\r\nIf-None-Match: \"3f9c2a7b-0\"\r\n";
    simulation.peer(poller).send(format!("GET /tasks0 HTTP/1.1\r\nHost: a\r\n{wait}\r\n").as_bytes());
    simulation.run_until_quiet();
    simulation.peer(writer).send(post);
    // The write is committed after this turn, and applied in the turn of the shutdown.
    simulation.turn();
    simulation.request_shutdown();
    simulation.run_until_quiet();
    for (peer, start) in [(writer, "HTTP/1.1 201 Created\r\n"), (poller, "HTTP/1.1 200 OK\r\n")] {
        let answer = String::from_utf8_lossy(simulation.received(peer));
        assert!(answer.starts_with(start) && answer.contains("ETag: \"3f9c2a7b-1\""), "{answer}");
    }
    let late = simulation.connect();
    simulation.peer(late).send(post);
    simulation.run_until_quiet();
    assert_eq!(simulation.received(late), b"", "the listener is closed");
}

/// Nothing outside a server influences what its peers are sent: no other traffic of the thread, and no other server.
#[test]
fn same_bytes_at_the_same_time_give_the_same_output() {
    let first = peers_of_every_kind(0);
    let sent = |n: usize, words: &str| first[n].windows(words.len()).any(|window| window == words.as_bytes());
    for (n, words) in [
        (0, "Content-Encoding: gzip"),
        (0, "bothways_requests_total 10"),
        (0, "\"requests\":{\"connections\":1,\"calls\":5,"),
        (0, "404 Not Found"),
        (1, "400 Bad Request"),
        (2, "permessage-deflate"),
        (3, "\"method\":\"change\""),
        (4, "101 Switching Protocols"),
    ] {
        assert!(sent(n, words), "{words} in {}", first[n].escape_ascii());
    }
    assert!(first[2].windows(1).any(|byte| byte == [0xc1]), "a message was compressed");
    for items in [1, 40] {
        peers_of_every_kind(items);
    }
    for (n, (first, again)) in first.iter().zip(&peers_of_every_kind(0)).enumerate() {
        assert_eq!(first.escape_ascii().to_string(), again.escape_ascii().to_string(), "peer {n}");
    }
}

/// Returns what a requester, a peer that breaks the rules, two WebSockets and an event stream are sent, where the
/// collection has so many more items.
fn peers_of_every_kind(more_items: usize) -> Vec<Vec<u8>> {
    const COOKIE: &str = "Cookie: bothways-visitor=00000000000000aa\r\n";
    let mut simulation = Simulation::new(&names(), 4096, Commits::Inline);
    let peers: Vec<usize> = (0..5).map(|_| simulation.connect()).collect();
    let [requester, rogue, subscriber, event_stream, clock] = peers[..] else { unreachable!("five") };
    let mut say = |peer: usize, bytes: &[u8]| {
        simulation.peer(peer).receive(usize::MAX);
        simulation.peer(peer).send(bytes);
        simulation.run_until_quiet();
        simulation.advance(Duration::from_millis(400));
        simulation.turn();
    };
    let put = |id: usize, text: &str| {
        let length = text.len() + 2;
        format!("PUT /tasks0/{id} HTTP/1.1\r\nHost: a\r\n{COOKIE}Content-Length: {length}\r\n\r\n\"{text}\"")
    };
    let get = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n{COOKIE}{fields}\r\n");
    for id in 0..more_items {
        say(requester, put(100 + id, &"more ".repeat(id % 30)).as_bytes());
    }
    for id in 1..=2 {
        say(requester, put(id, &"to be or not to be ".repeat(10)).as_bytes());
    }
    let offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n";
    say(subscriber, &[b"GET /tasks0 HTTP/1.1\r\nHost: a\r\n".as_slice(), offer, HANDSHAKE].concat());
    say(event_stream, get("/tasks0", "Accept: text/event-stream\r\n").as_bytes());
    say(clock, &[b"GET /ws HTTP/1.1\r\nHost: a\r\n".as_slice(), HANDSHAKE].concat());
    for _ in 0..2 {
        say(requester, get("/tasks0", "Accept-Encoding: gzip\r\n").as_bytes());
    }
    say(requester, put(3, &"that is the question ".repeat(8)).as_bytes());
    let mut call = Vec::new();
    let text = br#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/tasks0"}}"#;
    encode_masked(Opcode::Text, text, MASK, &mut call);
    say(subscriber, &call);
    say(rogue, b"GET / HTTP/1.1\r\n\r\n");
    say(requester, get("/nowhere", "").as_bytes());
    say(requester, get("/metrics", "").as_bytes());
    say(requester, get("/counters", "").as_bytes());
    peers.iter().map(|&peer| simulation.received(peer).to_vec()).collect()
}

/// A long message that goes back while it comes, to a peer that reads a little and then neither reads nor
/// speaks: something is waited for all the same.
#[test]
fn who_stops_in_the_middle_of_a_message_is_gone_in_the_end() {
    for reads in (0..400).step_by(5) {
        let mut simulation = Simulation::new(&names(), 4096, Commits::Inline);
        let peer = simulation.connect();
        let mut bytes = [b"GET /echo HTTP/1.1\r\nHost: a\r\n", HANDSHAKE].concat();
        let first = bytes.len();
        encode_masked(Opcode::Binary, &[7; 100], MASK, &mut bytes);
        bytes[first] &= 0x7f;
        (0..4).for_each(|_| encode_masked(Opcode::Ping, &[7; 100], MASK, &mut bytes));
        for _ in 0..400 {
            let start = bytes.len();
            encode_masked(Opcode::Continuation, b"x", MASK, &mut bytes);
            bytes[start] &= 0x7f;
        }
        simulation.peer(peer).receive(200);
        simulation.peer(peer).send(&bytes);
        simulation.run_until_quiet();
        simulation.peer(peer).receive(reads);
        simulation.peer(peer).send(b"\x00");
        simulation.run_until_quiet();
        simulation.run_until_all_closed();
    }
}

/// Takes a few seconds, also without optimization.
const SCHEDULES: u64 = 400;

/// How the network and the peers behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    /// Everything comes and is taken, sooner or later, and no wait is ever over.
    Gentle,
    /// Some say only half of what they wanted, do not read, or are reset.
    Rough,
    /// And hours pass.
    Wild,
}

fn play(schedule: u64) {
    let mut dice = Dice(schedule);
    let weather = [Weather::Gentle, Weather::Gentle, Weather::Rough, Weather::Wild][dice.below(4)];
    let scripts: Vec<Script> =
        (0..1 + dice.below(PEERS_MAX)).map(|n| script(&mut dice, n, weather)).collect();
    let commits = [Commits::Inline, Commits::Queued][dice.below(2)];
    let mut simulation = Simulation::new(&names(), [1, 7, 64, 4096][dice.below(4)], commits);
    let mut rests: Vec<&[u8]> = scripts.iter().map(|script| &script.bytes[..script.stops_at]).collect();
    for script in &scripts {
        assert_eq!(simulation.connect(), script.peer);
        if dice.below(2) == 0 {
            simulation.turn();
        }
    }
    let mut ended = vec![false; scripts.len()];
    let mut steps = 0;
    while (0..scripts.len())
        .any(|n| !(simulation.is_closed(n) || ended[n] || rests[n].is_empty() && !scripts[n].ends))
    {
        let peer = dice.below(scripts.len());
        let bytes = [1, 3, 20, 100, 1000][dice.below(5)];
        match dice.below(12) {
            0..6 if !ended[peer] => {
                let (piece, rest) = rests[peer].split_at(bytes.min(rests[peer].len()));
                rests[peer] = rest;
                match dice.below(8) {
                    0 => simulation.peer(peer).send_urgent(piece),
                    _ => simulation.peer(peer).send(piece),
                }
            }
            0..6 => {}
            6..8 if scripts[peer].reads => simulation.peer(peer).receive(bytes),
            6..8 => {}
            8 if rests[peer].is_empty() && scripts[peer].ends && !ended[peer] => {
                ended[peer] = true;
                simulation.peer(peer).end();
            }
            9 => simulation.commit_delay = dice.below(4),
            10 if weather == Weather::Wild && dice.below(4) == 0 => {
                simulation.advance(Duration::from_secs([1, 11, 30, 100][dice.below(4)]));
            }
            11 if weather != Weather::Gentle && dice.below(40) == 0 => {
                ended[peer] = true;
                simulation.peer(peer).reset();
            }
            _ => simulation.advance(Duration::from_micros(100)),
        }
        if dice.below(3) > 0 {
            simulation.turn();
        }
        steps += 1;
        assert!(steps < 100_000, "the dice never get to the end");
    }
    for script in scripts.iter().filter(|script| script.reads) {
        simulation.peer(script.peer).receive(usize::MAX);
    }
    simulation.run_until_quiet();
    if weather != Weather::Wild {
        scripts.iter().for_each(|script| compare(script, &simulation, weather));
    }
    simulation.run_until_all_closed();
}

/// What a peer does.
struct Script {
    peer: usize,
    kind: Kind,
    bytes: Vec<u8>,
    /// How much of it is said.
    stops_at: usize,
    /// Does it end its side then?
    ends: bool,
    /// Does it take what it is sent?
    reads: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Requests,
    Echo,
    Calls,
    Clock,
    /// Calls on the socket of its own collection, which it follows.
    Follows,
    /// The same collection as events; nothing is asked behind that.
    Events,
}

fn script(dice: &mut Dice, peer: usize, weather: Weather) -> Script {
    let kinds = [
        Kind::Requests,
        Kind::Requests,
        Kind::Echo,
        Kind::Calls,
        Kind::Clock,
        Kind::Follows,
        Kind::Follows,
        Kind::Events,
    ];
    let kind = kinds[dice.below(kinds.len())];
    let mut bytes = Vec::new();
    let mut closes = dice.below(2) == 0;
    match kind {
        Kind::Requests => {
            (0..1 + dice.below(8)).for_each(|_| request(dice, peer, &mut bytes));
            match dice.below(8) {
                0 => bytes.extend(b"\r\n"),
                1 => bytes.extend(b"GET / HT"),
                2 => bytes.extend(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nand more"),
                3 => bytes.extend(b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
                4 => bytes.extend(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\nabc"),
                _ => {}
            }
        }
        Kind::Events => {
            let accept = "Accept: text/event-stream\r\n";
            bytes.extend(format!("GET /tasks{} HTTP/1.1\r\nHost: a\r\n{accept}\r\n", peer / 2).bytes());
            // Whoever follows and reads is never given up.
            closes = true;
        }
        Kind::Echo | Kind::Calls | Kind::Clock | Kind::Follows => {
            let path = match kind {
                Kind::Echo => "echo",
                Kind::Calls => "rpc",
                Kind::Clock => "ws",
                _ => ["tasks0", "tasks1", "tasks2", "tasks3"][peer % 4],
            };
            bytes.extend(format!("GET /{path} HTTP/1.1\r\nHost: a\r\n").bytes());
            bytes.extend(HANDSHAKE);
            (0..dice.below(8)).for_each(|_| match kind {
                Kind::Calls | Kind::Follows => call(dice, peer, &mut bytes),
                _ => message(dice, &mut bytes),
            });
            if closes {
                encode_masked(Opcode::Close, b"\x03\xe8bye", MASK, &mut bytes);
            } else {
                // Whoever leaves a socket without a close has heard the last.
                closes = weather != Weather::Gentle && dice.below(2) == 0;
            }
        }
    }
    let is_gentle = weather == Weather::Gentle;
    let stops_at = if is_gentle || dice.below(2) == 0 { bytes.len() } else { dice.below(bytes.len()) };
    Script { peer, kind, bytes, stops_at, ends: closes, reads: is_gentle || dice.below(4) > 0 }
}

const HANDSHAKE: &[u8] = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One request about the peer's own collection.
fn request(dice: &mut Dice, peer: usize, bytes: &mut Vec<u8>) {
    let (id, text) = (dice.below(6), "x".repeat(dice.below(200)));
    let item = format!("{{\"text\":\"{text}\"}}");
    let (line, fields, body) = match dice.below(12) {
        0..3 => ("POST /tasks{peer}", "", item),
        3 => ("POST /tasks{peer}", "Expect: 100-continue\r\n", item),
        4 => ("PUT /tasks{peer}/{id}", "If-None-Match: *\r\n", item),
        5 => ("PATCH /tasks{peer}/{id}", "", format!("{{\"n\":{id}}}")),
        6 => ("DELETE /tasks{peer}/{id}", "If-Match: *\r\n", String::new()),
        7 => ("GET /tasks{peer}", "", String::new()),
        8 => ("GET /tasks{peer}", "Accept: text/plain\r\n", String::new()),
        9 => ("HEAD /tasks{peer}/{id}", "", String::new()),
        10 => ("BREW /tasks{peer}", "", item),
        _ => ("GET /nothing", "", String::new()),
    };
    bytes.extend(&b"\r\n\r\n"[..[0, 0, 2, 4][dice.below(4)]]);
    let line = line.replace("{peer}", &peer.to_string()).replace("{id}", &id.to_string());
    bytes.extend(format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}").bytes());
    match (body.len(), dice.below(3)) {
        (0, _) => bytes.extend(b"\r\n"),
        (length, 0) => {
            let (front, back) = body.split_at(dice.below(length));
            bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in [front, back].iter().filter(|chunk| !chunk.is_empty()) {
                bytes.extend(format!("{:x};a=b\r\n{chunk}\r\n", chunk.len()).bytes());
            }
            bytes.extend(b"0\r\nA: b\r\n\r\n");
        }
        (length, _) => bytes.extend(format!("Content-Length: {length}\r\n\r\n{body}").bytes()),
    }
}

/// One call, or a batch of them.
fn call(dice: &mut Dice, peer: usize, bytes: &mut Vec<u8>) {
    let mut one = |n: usize| {
        let (id, text) = (dice.below(6), "x".repeat(dice.below(60)));
        let (method, params) = match dice.below(6) {
            0..3 => ("post", format!("{{\"path\":\"/tasks{peer}\",\"body\":\"{text}.\"}}")),
            3 => ("patch", format!("{{\"path\":\"/tasks{peer}/{id}\",\"body\":{{\"n\":{id}}}}}")),
            4 => ("delete", format!("{{\"path\":\"/tasks{peer}/{id}\"}}")),
            _ => ("get", format!("{{\"path\":\"/tasks{peer}\"}}")),
        };
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{n},\"method\":\"{method}\",\"params\":{params}}}")
    };
    let text = match peer % 2 {
        0 => one(0),
        _ => format!("[{},{}]", one(1), one(2)),
    };
    encode_masked(Opcode::Text, text.as_bytes(), MASK, bytes);
}

/// One message, perhaps in two fragments with a ping between them.
fn message(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let payload = "aé€😀".repeat(dice.below(30));
    let start = bytes.len();
    let opcode = [Opcode::Text, Opcode::Binary][dice.below(2)];
    if dice.below(3) > 0 {
        return encode_masked(opcode, payload.as_bytes(), MASK, bytes);
    }
    let (front, back) = payload.as_bytes().split_at(dice.below(payload.len() + 1));
    encode_masked(opcode, front, MASK, bytes);
    bytes[start] &= 0x7f;
    encode_masked(Opcode::Ping, b"are you there", MASK, bytes);
    encode_masked(Opcode::Continuation, back, MASK, bytes);
}

/// Whoever follows is told everything once and in order, from a snapshot on.
fn check_told(said: &[u8]) {
    let said = String::from_utf8_lossy(said);
    let mut last = None;
    for notice in said.split("{\"jsonrpc\":\"2.0\",\"method\":\"").skip(1) {
        let seq = notice.split("\"position\":\"3f9c2a7b-").nth(1).and_then(|rest| rest.split('"').next());
        // What was not taken is cut off somewhere.
        let Some(seq) = seq.and_then(|seq| seq.parse::<u64>().ok()) else { break };
        match notice.split('"').next() {
            Some("snapshot") => assert!(last.is_none_or(|last| seq >= last), "{seq} after {last:?}"),
            Some("change") => assert!(last.is_some_and(|last| seq > last), "{seq} after {last:?}"),
            _ => assert!(last.is_none_or(|last| seq >= last), "{seq} after {last:?}"),
        }
        last = Some(seq);
    }
}

/// Holds what a peer was sent against what it is sent when it is alone and in no hurry.
fn compare(script: &Script, simulation: &Simulation, weather: Weather) {
    if matches!(script.kind, Kind::Follows | Kind::Events) {
        return check_told(simulation.received(script.peer));
    }
    let mut alone = Simulation::new(&names(), 1 << 12, Commits::Inline);
    (0..=script.peer).for_each(|_| _ = alone.connect());
    alone.peer(script.peer).receive(usize::MAX);
    alone.peer(script.peer).send(&script.bytes);
    alone.run_until_quiet();
    if script.ends {
        alone.peer(script.peer).end();
        alone.run_until_quiet();
    }
    let name = format!("tasks{}", script.peer);
    let [said, expected] =
        [simulation, &alone].map(|simulation| words(script.kind, simulation.received(script.peer)));
    if weather == Weather::Gentle {
        assert_eq!(said, expected, "{:?} of peer {}", script.kind, script.peer);
        assert_eq!(simulation.has_ended(script.peer), alone.has_ended(script.peer), "{:?}", script.kind);
        let [items, expected] = [simulation, &alone].map(|simulation| {
            let state = simulation.state();
            let collection = state.collection(state.find(&name).expect("it was declared"));
            collection.items().map(|item| item.json().to_owned() + "\n").collect::<String>()
        });
        assert_eq!(items, expected);
    } else if script.kind == Kind::Requests {
        // Whoever said less or was cut off got the beginning.
        assert!(expected.starts_with(&said), "{said:?} is not how {expected:?} begins");
    }
}

/// What was said, but for what depends on others: the positions, an invitation to send a body, and
/// where a pong stands between messages.
fn words(kind: Kind, said: &[u8]) -> String {
    let Some(frames) = connections::words(said).filter(|_| kind != Kind::Requests) else {
        return without_positions(&said.escape_ascii().to_string()).replace(CONTINUE, "");
    };
    let is_pong = |frame: &&(Opcode, Vec<u8>)| frame.0 == Opcode::Pong;
    // The clock says more the longer one listens.
    let counts = |frame: &&(Opcode, Vec<u8>)| kind != Kind::Clock || frame.0 != Opcode::Text;
    let in_words = |(opcode, payload): &(Opcode, Vec<u8>)| format!("{opcode:?} {}\n", payload.escape_ascii());
    let others: String = frames.iter().filter(|frame| !is_pong(frame)).filter(counts).map(in_words).collect();
    let pongs: String = frames.iter().filter(is_pong).map(in_words).collect();
    without_positions(&others) + &pongs
}

const CONTINUE: &str = "HTTP/1.1 100 Continue\\r\\n\\r\\n";

fn without_positions(text: &str) -> String {
    let mut pieces = text.split("3f9c2a7b-");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        text + "3f9c2a7b-" + piece.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

/// A collection for each peer, so that what it is answered does not depend on the others.
fn names() -> Vec<String> {
    (0..PEERS_MAX).map(|peer| format!("tasks{peer}")).collect()
}

const PEERS_MAX: usize = 4;

/// SplitMix64: small, and the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % end
    }
}
