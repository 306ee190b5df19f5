//! Writers, listeners of all ways, and a network that loses them: what each listener was told is held
//! against what happened.
//!
//! ```text
//!   BOTHWAYS_CHECK_SECONDS=120 cargo test --release --test over_the_wire checker -- --nocapture
//! ```
//!
//! What must hold for each listener, whatever it lived through:
//! - every change exactly once and in order, without a gap, or a snapshot after it was told that there is one;
//! - at every position it is told, its state is the state that the server had there.

use crate::following::socket;
use crate::peer::{Peer, handshake};
use crate::server::Server;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Events,
    Socket,
    Subscription,
    LongPoll,
}

const WAYS: [Way; 4] = [Way::Events, Way::Socket, Way::Subscription, Way::LongPoll];

/// SplitMix64: small, and the same every time.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// The items as one listener knows them, and one number that says what they are.
#[derive(Default)]
struct State {
    items: BTreeMap<String, String>,
    sum: u64,
    seq: u64,
    epoch: String,
}

impl State {
    fn digest(id: &str, item: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (id, item).hash(&mut hasher);
        hasher.finish()
    }

    fn set(&mut self, id: &str, item: Option<String>) {
        if let Some(old) = self.items.remove(id) {
            self.sum = self.sum.wrapping_sub(State::digest(id, &old));
        }
        if let Some(item) = item {
            self.sum = self.sum.wrapping_add(State::digest(id, &item));
            self.items.insert(id.to_owned(), item);
        }
    }

    fn replace(&mut self, items: &Value) {
        (self.items, self.sum) = (BTreeMap::new(), 0);
        for item in items.as_array().expect("a collection is an array") {
            self.set(item["id"].as_str().unwrap(), Some(item.to_string()));
        }
    }

    fn position(&self) -> String {
        format!("{}-{}", self.epoch, self.seq)
    }

    fn reach(&mut self, position: &str) -> u64 {
        let (epoch, seq) = position.split_once('-').unwrap();
        self.epoch = epoch.to_owned();
        std::mem::replace(&mut self.seq, seq.parse().unwrap())
    }
}

/// What all of them share.
struct Stage<'s> {
    server: &'s Server,
    ends: AtomicBool,
    /// The seq at which whoever has it may leave; 0 while nobody may.
    last: AtomicU64,
    /// What the state was at each seq, as somebody knew it who was never cut off.
    truth: Mutex<HashMap<u64, u64>>,
    changes: AtomicU64,
    told: AtomicU64,
    cuts: AtomicU64,
    gone: AtomicU64,
}

fn write(stage: &Stage, seed: u64) {
    let mut dice = Dice(seed);
    let mut peer = stage.server.connect();
    while !stage.ends.load(Ordering::Relaxed) {
        let id = dice.below(40);
        let body =
            format!("{{\"n\":{},\"text\":\"{}\"}}", dice.below(1000), "x".repeat(dice.below(3000) as usize));
        let (method, body) = match dice.below(5) {
            0 => ("DELETE", ""),
            1 => ("PATCH", "{\"done\":true}"),
            _ => ("PUT", body.as_str()),
        };
        let length = body.len();
        peer.say(format!(
            "{method} /tasks/{id} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        if peer.response().status < 300 {
            stage.changes.fetch_add(1, Ordering::Relaxed);
        }
        if dice.below(20) == 0 {
            thread::sleep(Duration::from_millis(dice.below(20)));
        }
    }
}

/// Follows until the end, and is cut off now and then, unless it is the one who knows the truth.
fn follow(stage: &Stage, way: Way, seed: u64, is_truth: bool, known: &mut Vec<(u64, u64)>) {
    let mut dice = Dice(seed);
    let mut state = State::default();
    loop {
        let mut peer = join(stage, way, &state);
        let Some(peer) = peer.as_mut() else {
            // It has been away for too long, and begins anew.
            state = State::default();
            stage.gone.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let stays = if is_truth { u64::MAX } else { 1 + dice.below(80) };
        for _ in 0..stays {
            let Some(notice) = next(peer, way, &state) else { break };
            take(stage, &notice, &mut state, is_truth, known);
            let last = stage.last.load(Ordering::Acquire);
            if last > 0 && state.seq >= last {
                return;
            }
            // A slow one, now and then.
            if !is_truth && dice.below(300) == 0 {
                thread::sleep(Duration::from_millis(dice.below(200)));
            }
        }
        stage.cuts.fetch_add(1, Ordering::Relaxed);
    }
}

/// From where it was. None: what came since is kept no more.
fn join(stage: &Stage, way: Way, state: &State) -> Option<Peer> {
    let since = (!state.epoch.is_empty()).then(|| state.position());
    let query = since.as_ref().map_or(String::new(), |since| format!("?since={since}"));
    match way {
        Way::LongPoll => Some(stage.server.connect()),
        Way::Events | Way::Socket => {
            let mut peer = stage.server.connect();
            let head = format!("GET /tasks{query} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
            peer.say(if way == Way::Events { head } else { handshake(&format!("/tasks{query}")) });
            let status = peer.response_to_head().status;
            assert!(matches!(status, 101 | 200 | 410), "{status}");
            (status != 410).then_some(peer)
        }
        Way::Subscription => {
            let mut peer = socket(stage.server, "/rpc");
            let since = since.map_or(String::new(), |since| format!(",\"since\":\"{since}\""));
            let params = format!("{{\"path\":\"/tasks\"{since}}}");
            let call =
                format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\",\"params\":{params}}}");
            let answer = peer.call(call);
            assert!(answer["result"]["status"] == 204 || answer["error"]["code"] == 410, "{answer}");
            answer["error"].is_null().then_some(peer)
        }
    }
}

/// The next notice. A long poll is told as a snapshot. None: a poll that found nothing.
fn next(peer: &mut Peer, way: Way, state: &State) -> Option<Value> {
    let text = match way {
        Way::Events => loop {
            let event = peer.until(b"\n\n");
            if let Some((_, data)) = event.split_once("\ndata: ") {
                break data.trim_end().to_owned();
            }
        },
        Way::Socket | Way::Subscription => loop {
            match peer.frame() {
                (crate::peer::TEXT, payload) => break String::from_utf8(payload).unwrap(),
                (crate::peer::PING, payload) => peer.say_frame(crate::peer::PONG, payload),
                (first, _) => panic!("a frame {first:x}"),
            }
        },
        Way::LongPoll => {
            let known = if state.epoch.is_empty() { "00000000-0".to_owned() } else { state.position() };
            peer.say(format!(
                "GET /tasks HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"{known}\"\r\nPrefer: wait=1\r\n\r\n"
            ));
            let response = peer.response();
            let position = response.field("ETag").unwrap().trim_matches('"').to_owned();
            let method = if response.status == 304 { "position" } else { "snapshot" };
            let value = if response.status == 304 { "null".to_owned() } else { response.text() };
            format!(
                "{{\"method\":\"{method}\",\"params\":{{\"path\":\"/tasks\",\"position\":\"{position}\",\"value\":{value}}}}}"
            )
        }
    };
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

fn take(stage: &Stage, notice: &Value, state: &mut State, is_truth: bool, known: &mut Vec<(u64, u64)>) {
    let params = &notice["params"];
    let position = params["position"].as_str().unwrap();
    let value = &params["value"];
    match notice["method"].as_str().unwrap() {
        "snapshot" => {
            let before = state.reach(position);
            assert!(state.seq >= before, "back from {before} to {}", state.seq);
            state.replace(value);
        }
        "change" => {
            stage.told.fetch_add(1, Ordering::Relaxed);
            let before = state.reach(position);
            assert_eq!(state.seq, before + 1, "each change once, in order, and no gap");
            let id = value["id"].as_str().unwrap();
            assert_eq!(params["path"], format!("/tasks/{id}"));
            let (had, op) = (state.items.contains_key(id), params["op"].as_str().unwrap());
            assert_eq!(had, op != "created", "{op} {id}");
            state.set(id, (op != "deleted").then(|| value.to_string()));
        }
        "position" => {
            let before = state.reach(position);
            assert_eq!(state.seq, before, "nothing else changes here, so nothing can be skipped");
        }
        "gone" => {
            stage.gone.fetch_add(1, Ordering::Relaxed);
            return;
        }
        other => panic!("{other}"),
    }
    if is_truth {
        stage.truth.lock().unwrap().insert(state.seq, state.sum);
    } else {
        known.push((state.seq, state.sum));
    }
}

fn check(flags: &[&str], name: &str) {
    let seconds = std::env::var("BOTHWAYS_CHECK_SECONDS").map_or(2, |text| text.parse().expect("a number"));
    let server = Server::start(flags);
    let stage = Stage {
        server: &server,
        ends: AtomicBool::new(false),
        last: AtomicU64::new(0),
        truth: Mutex::default(),
        changes: AtomicU64::new(0),
        told: AtomicU64::new(0),
        cuts: AtomicU64::new(0),
        gone: AtomicU64::new(0),
    };
    let began = Instant::now();
    let mut listeners = 0;
    let known: Vec<(Way, Vec<(u64, u64)>)> = thread::scope(|scope| {
        let stage = &stage;
        let truth = scope.spawn(move || follow(stage, Way::Socket, 0, true, &mut Vec::new()));
        while stage.truth.lock().unwrap().is_empty() {
            thread::yield_now();
        }
        let followers: Vec<_> = (0..16)
            .map(|n| {
                let way = WAYS[n % WAYS.len()];
                listeners += 1;
                scope.spawn(move || {
                    let mut known = Vec::new();
                    follow(stage, way, 1000 + n as u64, false, &mut known);
                    (way, known)
                })
            })
            .collect();
        let writers: Vec<_> = (0..2).map(|n| scope.spawn(move || write(stage, 7 + n))).collect();
        thread::sleep(Duration::from_secs(seconds).saturating_sub(began.elapsed()));
        stage.ends.store(true, Ordering::Relaxed);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        server.put_item();
        stage.last.store(server.get_position(), Ordering::Release);
        // One more, so that whoever waits hears that it is the end.
        server.put_item();
        truth.join().unwrap();
        followers.into_iter().map(|follower| follower.join().unwrap()).collect()
    });
    let truth = stage.truth.lock().unwrap();
    let mut held = 0;
    for (way, states) in &known {
        // Whoever knows the truth left then.
        for (seq, sum) in states.iter().filter(|(seq, _)| *seq <= stage.last.load(Ordering::Relaxed)) {
            assert_eq!(truth.get(seq), Some(sum), "{way:?}: its state at {seq} is not what it was");
            held += 1;
        }
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{name}: {listeners} listeners, {} changes, {} told, {} cuts, {} times gone; {held} states held against the truth; gaps found: none",
        count(&stage.changes),
        count(&stage.told),
        count(&stage.cuts),
        count(&stage.gone),
    );
}

#[test]
fn nobody_misses_a_change_or_hears_one_twice_on_one_loop() {
    check(&["--loops", "1"], "one loop");
}

#[test]
fn nobody_misses_a_change_or_hears_one_twice_on_four_loops() {
    check(
        &["--loops", "4", "--history-changes-max", "50", "--position-seconds", "0.1"],
        "four loops, a short history",
    );
}

/// The less may wait for a listener, the more often one is behind.
#[test]
fn nobody_misses_a_change_or_hears_one_twice_where_writes_are_short() {
    check(
        &["--loops", "2", "--listener-bytes-max", "1", "--send-buffer-bytes", "4096"],
        "two loops, short writes",
    );
}
