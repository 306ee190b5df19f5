//! A server that is killed at any moment, and begun again on the same store: what was answered is there,
//! what was told is true, and whoever followed goes on without a gap.
//!
//! ```text
//!   BOTHWAYS_KILLS=200 cargo test --release --test over_the_wire killed -- --nocapture
//! ```
//!
//! Every write has a mark of its own, so that each change in the log is known for what was asked. After
//! each kill the log is read from the store, and everybody is held against it.

use crate::checker::Dice;
use crate::peer::{CLOSE, PING, PONG, TEXT, handshake, masked};
use crate::server::{PROGRAM, PROMPT, Server, wait_until};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// A folder that is gone with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("bothways-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A connection that may end at any moment: then there is nothing more.
struct Wire {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Wire {
    fn connect(address: &str) -> Option<Wire> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PROMPT)).unwrap();
        stream.set_nodelay(true).ok()?;
        Some(Wire { stream, heard: Vec::new() })
    }

    fn say(&mut self, bytes: impl AsRef<[u8]>) -> Option<()> {
        self.stream.write_all(bytes.as_ref()).ok()
    }

    fn more(&mut self) -> Option<()> {
        let mut piece = [0; 16 * 1024];
        let bytes = self.stream.read(&mut piece).ok().filter(|&bytes| bytes > 0)?;
        self.heard.extend_from_slice(&piece[..bytes]);
        Some(())
    }

    fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        while self.heard.len() < bytes {
            self.more()?;
        }
        Some(self.heard.drain(..bytes).collect())
    }

    fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.heard.windows(end.len()).position(|window| window == end) {
                return Some(String::from_utf8(self.take(at + end.len())?).unwrap());
            }
            self.more()?;
        }
    }

    /// Status and head.
    fn head(&mut self) -> Option<(u16, String)> {
        let head = self.until(b"\r\n\r\n")?;
        Some((head[9..12].parse().unwrap(), head))
    }

    /// Status, the seq of its tag, and body.
    fn response(&mut self) -> Option<(u16, Option<u64>, Vec<u8>)> {
        let (status, head) = self.head()?;
        let field = |name| head.split_once(name).map(|(_, rest)| rest.split("\r\n").next().unwrap());
        let length = field("\r\nContent-Length: ").map_or(0, |length| length.parse().unwrap());
        Some((status, field("\r\nETag: ").map(seq_of), self.take(length)?))
    }

    fn frame(&mut self) -> Option<Value> {
        loop {
            let head = self.take(2)?;
            let length = match head[1] {
                126 => u16::from_be_bytes(self.take(2)?.try_into().unwrap()).into(),
                127 => u64::from_be_bytes(self.take(8)?.try_into().unwrap()) as usize,
                short => short.into(),
            };
            let payload = self.take(length)?;
            match head[0] {
                TEXT => return Some(serde_json::from_slice(&payload).unwrap()),
                PING => self.say(masked(PONG, &payload))?,
                CLOSE => return None,
                other => panic!("a frame {other:x}"),
            }
        }
    }
}

fn seq_of(position: &str) -> u64 {
    position.trim_matches('"').split_once('-').unwrap().1.parse().unwrap()
}

/// A write, and what was heard of it.
struct Asked {
    mark: String,
    heard: Heard,
}

#[derive(Clone, Copy, PartialEq)]
enum Heard {
    Nothing,
    /// Its seq, where the answer says one.
    Done(Option<u64>),
    Refused,
}

struct Writer {
    n: usize,
    count: usize,
    dice: Dice,
    /// Items that nobody else touches.
    own: Vec<String>,
    asked: Vec<Asked>,
}

/// Items that all writers touch, and nobody removes.
const SHARED: u64 = 6;

struct Wish {
    method: &'static str,
    path: String,
    body: Option<Value>,
    mark: String,
}

impl Writer {
    fn wish(&mut self) -> Wish {
        self.count += 1;
        let mark = format!("{}-{}", self.n, self.count);
        let fill = "x".repeat(self.dice.below(300) as usize);
        let shared = format!("/tasks/s{}", self.dice.below(SHARED));
        let whole = Some(json!({"w": mark, "fill": fill}));
        if self.own.len() > 4 {
            let id = self.own.remove(0);
            return Wish { method: "DELETE", path: format!("/tasks/{id}"), body: None, mark: removal(&id) };
        }
        let (method, path, body) = match self.dice.below(5) {
            0 => ("POST", "/tasks".to_owned(), whole),
            1 => ("PUT", format!("/tasks/w{mark}"), whole),
            2 => ("PUT", shared, whole),
            _ => ("PATCH", shared, Some(json!({"p": mark}))),
        };
        Wish { method, path, body, mark }
    }

    fn note(&mut self, at: usize, status: u64, seq: Option<u64>, id: Option<&str>) {
        self.asked[at].heard = if status < 300 { Heard::Done(seq) } else { Heard::Refused };
        assert!(status < 300, "{} got {status}", self.asked[at].mark);
        if let Some(id) = id.filter(|id| !id.starts_with('s')) {
            self.own.push(id.to_owned());
        }
    }

    /// Until the server is gone.
    fn write(&mut self, address: &str) {
        let _ = if self.n.is_multiple_of(2) { self.over_http(address) } else { self.over_socket(address) };
    }

    fn over_http(&mut self, address: &str) -> Option<()> {
        let mut wire = Wire::connect(address)?;
        loop {
            let Wish { method, path, body, mark } = self.wish();
            let body = body.map_or(String::new(), |body| body.to_string());
            self.asked.push(Asked { mark, heard: Heard::Nothing });
            let length = body.len();
            wire.say(format!(
                "{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
            ))?;
            let (status, seq, body) = wire.response()?;
            let item: Value = serde_json::from_slice(&body).unwrap_or_default();
            self.note(self.asked.len() - 1, status.into(), seq, item["id"].as_str());
        }
    }

    /// Several calls at a time.
    fn over_socket(&mut self, address: &str) -> Option<()> {
        let mut wire = Wire::connect(address)?;
        wire.say(handshake("/rpc"))?;
        assert_eq!(wire.head()?.0, 101);
        loop {
            let calls = 1 + self.dice.below(4);
            for _ in 0..calls {
                let Wish { method, path, body, mark } = self.wish();
                let mut params = json!({"path": path});
                if let Some(body) = body {
                    params["body"] = body;
                }
                let method = method.to_ascii_lowercase();
                let call =
                    json!({"jsonrpc": "2.0", "id": self.asked.len(), "method": method, "params": params});
                self.asked.push(Asked { mark, heard: Heard::Nothing });
                wire.say(masked(TEXT, call.to_string().as_bytes()))?;
            }
            for _ in 0..calls {
                let answer = wire.frame()?;
                let result = &answer["result"];
                let status = result["status"].as_u64().unwrap_or_else(|| panic!("{answer}"));
                let (seq, id) = (result["etag"].as_str().map(seq_of), result["body"]["id"].as_str());
                self.note(answer["id"].as_u64().unwrap() as usize, status, seq, id);
            }
        }
    }
}

fn removal(id: &str) -> String {
    format!("remove {id}")
}

/// What a listener, or the log, says of a change.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    seq: u64,
    op: String,
    id: String,
    item: String,
    mark: String,
}

impl Change {
    fn new(params: &Value) -> Change {
        let (op, item) = (params["op"].as_str().unwrap(), &params["value"]);
        let id = item["id"].as_str().unwrap();
        let mark = match op {
            "deleted" => removal(id),
            _ => item["p"].as_str().or(item["w"].as_str()).unwrap().to_owned(),
        };
        let seq = seq_of(params["position"].as_str().unwrap());
        Change { seq, op: op.to_owned(), id: id.to_owned(), item: item.to_string(), mark }
    }
}

/// One who follows over all kills.
struct Listener {
    n: usize,
    path: String,
    place: String,
    /// It began behind this one.
    since: u64,
    told: Vec<Change>,
    resumed: usize,
    gone: usize,
}

#[derive(Debug, PartialEq)]
struct Gone;

impl Listener {
    /// Until the server is gone, or until `ends` says so and it has come so far.
    fn follow(&mut self, address: &str, until: Option<u64>) -> Result<(), Gone> {
        let Some(mut wire) = Wire::connect(address) else { return Ok(()) };
        let Listener { path, place, .. } = &*self;
        let is_socket = self.n.is_multiple_of(2);
        let ask = match self.n % 4 {
            0 | 2 => handshake(&format!("{path}?since={place}")),
            1 => format!("GET {path}?since={place} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"),
            _ => format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: {place}\r\n\r\n"
            ),
        };
        if wire.say(ask).is_none() {
            return Ok(());
        }
        match wire.head() {
            None => return Ok(()),
            Some((410, _)) => return Err(Gone),
            Some((status, _)) => assert_eq!(status, if is_socket { 101 } else { 200 }, "{}", self.path),
        }
        self.resumed += 1;
        while let Some(notice) = if is_socket { wire.frame() } else { event(&mut wire) } {
            let params = &notice["params"];
            let position = params["position"].as_str().unwrap();
            match notice["method"].as_str().unwrap() {
                "change" => self.told.push(Change::new(params)),
                "position" => {}
                other => panic!("{other} where there is no gap"),
            }
            assert!(seq_of(position) >= seq_of(&self.place));
            self.place = position.to_owned();
            if until.is_some_and(|until| seq_of(position) >= until) {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn event(wire: &mut Wire) -> Option<Value> {
    loop {
        let event = wire.until(b"\n\n")?;
        if let Some((_, data)) = event.split_once("\ndata: ") {
            return Some(serde_json::from_str(data.trim_end()).unwrap());
        }
    }
}

/// What is known to be in the store.
#[derive(Default)]
struct Log {
    epoch: String,
    /// Seq of the first of them, less one.
    begins: u64,
    changes: Vec<Change>,
    items: BTreeMap<String, String>,
}

impl Log {
    fn head(&self) -> u64 {
        self.begins + self.changes.len() as u64
    }

    fn position(&self) -> String {
        format!("{}-{}", self.epoch, self.head())
    }

    fn add(&mut self, change: Change) {
        assert_eq!(change.seq, self.head() + 1, "the log has no gap, and nothing in it is there twice");
        let before = match change.op.as_str() {
            "deleted" => self.items.remove(&change.id),
            _ => self.items.insert(change.id.clone(), change.item.clone()),
        };
        assert_eq!(before.is_some(), change.op != "created", "{change:?}");
        self.changes.push(change);
    }

    /// As it is told to one who was away, up to where it is now.
    fn read_on(&mut self, address: &str) {
        let now = position_now(address);
        assert!(now.starts_with(&self.epoch), "the log goes on: {now}");
        let place = self.position();
        let mut reader =
            Listener { n: 1, path: "/tasks".into(), place, since: 0, told: vec![], resumed: 0, gone: 0 };
        if seq_of(&now) > self.head() {
            assert_eq!(reader.follow(address, Some(seq_of(&now))), Ok(()));
        }
        reader.told.into_iter().for_each(|change| self.add(change));
        assert_eq!(self.position(), now);
    }

    /// Nothing is known but what is there now.
    fn begin(address: &str) -> Log {
        let position = position_now(address);
        let items = items_now(address);
        let (epoch, _) = position.split_once('-').unwrap();
        Log { epoch: epoch.to_owned(), begins: seq_of(&position), changes: Vec::new(), items }
    }

    fn at(&self, seq: u64) -> Option<&Change> {
        self.changes.get(seq.checked_sub(self.begins + 1)? as usize)
    }
}

fn get(address: &str) -> (String, Value) {
    let mut wire = Wire::connect(address).unwrap();
    wire.say("GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (status, head) = wire.head().unwrap();
    assert_eq!(status, 200);
    let field = |name| head.split_once(name).unwrap().1.split("\r\n").next().unwrap();
    let body = wire.take(field("\r\nContent-Length: ").parse().unwrap()).unwrap();
    (field("\r\nETag: ").trim_matches('"').to_owned(), serde_json::from_slice(&body).unwrap())
}

fn position_now(address: &str) -> String {
    get(address).0
}

fn items_now(address: &str) -> BTreeMap<String, String> {
    let (_, items) = get(address);
    let item = |item: &Value| (item["id"].as_str().unwrap().to_owned(), item.to_string());
    items.as_array().unwrap().iter().map(item).collect()
}

#[derive(Default)]
struct Figures {
    kills: usize,
    answered: usize,
    there: usize,
    not_there: usize,
    lost: usize,
    told: usize,
    resumed: usize,
    gone: usize,
}

struct Play {
    folder: Folder,
    flags: Vec<&'static str>,
    port: u16,
    dice: Dice,
    log: Log,
    marks: HashSet<String>,
    figures: Figures,
}

const WRITERS: usize = 8;
const LISTENERS: usize = 8;

impl Play {
    fn new(name: &str, flags: &[&'static str], seed: u64) -> Play {
        // Outside of those that the system gives away: it is free again after each kill.
        let from = 20_000 + (std::process::id() as u16 ^ (seed as u16 * 101)) % 10_000;
        let port = (from..).find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok()).unwrap();
        Play {
            folder: Folder::new(name),
            flags: flags.to_vec(),
            port,
            dice: Dice(seed),
            log: Log::default(),
            marks: HashSet::new(),
            figures: Figures::default(),
        }
    }

    fn start(&mut self) -> Server {
        let port = if self.dice.below(2) == 0 { self.port } else { 0 };
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--history-changes-max", "100000", "--listen", &format!("127.0.0.1:{port}")]);
        command.arg("--data").arg(self.folder.join("store.redb")).args(&self.flags);
        Server::start_as(command)
    }

    /// Everybody writes and listens until the server is killed. Who found that the log is another says so.
    fn round(&mut self, writers: &mut [Writer], listeners: &mut [Listener], server: Server) -> usize {
        let address = server.address().to_owned();
        let time = Duration::from_millis(5 + self.dice.below(150));
        let gone = AtomicBool::new(false);
        let gone = thread::scope(|scope| {
            let (address, is_gone) = (&address, &gone);
            let listening: Vec<_> = listeners
                .iter_mut()
                .map(|listener| {
                    scope.spawn(move || {
                        let outcome = listener.follow(address, None);
                        listener.gone += usize::from(outcome.is_err());
                        is_gone.fetch_or(outcome.is_err(), Ordering::Relaxed);
                        outcome.is_err()
                    })
                })
                .collect();
            let writing: Vec<_> =
                writers.iter_mut().map(|writer| scope.spawn(move || writer.write(address))).collect();
            thread::sleep(time);
            server.signal("KILL");
            writing.into_iter().for_each(|thread| thread.join().unwrap());
            listening.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        self.figures.kills += 1;
        drop(server);
        gone
    }

    fn prepare(&mut self, server: &Server) {
        let mut wire = Wire::connect(server.address()).unwrap();
        for n in 0..SHARED {
            let body = json!({"w": format!("begin {n}")}).to_string();
            let length = body.len();
            wire.say(format!(
                "PUT /tasks/s{n} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
            ));
            assert_eq!(wire.response().unwrap().0, 201);
        }
        self.log = Log::begin(server.address());
    }

    fn writers(&self) -> Vec<Writer> {
        let writer = |n| Writer { n, count: 0, dice: Dice(n as u64), own: vec![], asked: vec![] };
        (0..WRITERS).map(writer).collect()
    }

    fn listener(&self, n: usize) -> Listener {
        let path = if n < LISTENERS / 2 { "/tasks".to_owned() } else { format!("/tasks/s{}", n % 3) };
        let (place, since) = (self.log.position(), self.log.head());
        Listener { n, path, place, since, told: vec![], resumed: 0, gone: 0 }
    }

    /// What was asked since the last kill is held against the log.
    fn hold_writes(&mut self, writers: &mut [Writer], from: u64) {
        let asked: HashMap<String, Heard> =
            writers.iter_mut().flat_map(|writer| writer.asked.drain(..)).map(|a| (a.mark, a.heard)).collect();
        let mut seen = HashSet::new();
        for seq in from + 1..=self.log.head() {
            let change = self.log.at(seq).unwrap();
            let heard = asked.get(&change.mark).unwrap_or_else(|| panic!("nobody asked for {change:?}"));
            assert!(*heard != Heard::Refused, "{change:?} was refused");
            assert!(self.marks.insert(change.mark.clone()), "{change:?} happened twice");
            seen.insert(&change.mark);
        }
        for (mark, heard) in &asked {
            match heard {
                Heard::Done(seq) => {
                    self.figures.answered += 1;
                    assert!(seen.contains(mark), "{mark} was answered, and is lost");
                    let is_there = seq.is_none_or(|seq| self.log.at(seq).is_some_and(|c| c.mark == *mark));
                    assert!(is_there, "{mark} is not at {seq:?}");
                }
                Heard::Refused => {}
                Heard::Nothing if seen.contains(mark) => self.figures.there += 1,
                Heard::Nothing => self.figures.not_there += 1,
            }
        }
    }

    /// What a listener was told is the log, from where it began up to its place.
    fn hold_listener(&self, listener: &Listener) {
        let id = listener.path.strip_prefix("/tasks/");
        let place = seq_of(&listener.place);
        assert!(place <= self.log.head(), "it was told of {place}, and the log ends at {}", self.log.head());
        let should = (listener.since + 1..=place).map(|seq| self.log.at(seq).unwrap());
        let should: Vec<&Change> = should.filter(|change| id.is_none_or(|id| change.id == id)).collect();
        assert!(listener.told.iter().eq(should.iter().copied()), "{} is told the log", listener.path);
    }

    fn say(&self, name: &str) {
        let Figures { kills, answered, there, not_there, lost, told, resumed, gone } = self.figures;
        println!(
            "{name}: {kills} kills; {answered} writes answered, {lost} of them lost; unanswered: {there} there, \
             {not_there} not there; {told} changes told, {resumed} times resumed, {gone} times gone"
        );
    }
}

fn kills() -> usize {
    std::env::var("BOTHWAYS_KILLS").map_or(10, |text| text.parse().expect("a number"))
}

fn check(name: &str, flags: &[&'static str], seed: u64) {
    let mut play = Play::new(name, flags, seed);
    let mut server = play.start();
    play.prepare(&server);
    let mut writers = play.writers();
    let mut listeners: Vec<Listener> = (0..LISTENERS).map(|n| play.listener(n)).collect();
    for _ in 0..kills() {
        let from = play.log.head();
        assert_eq!(play.round(&mut writers, &mut listeners, server), 0, "the log goes on, and is kept");
        server = play.start();
        play.log.read_on(server.address());
        assert!(items_now(server.address()) == play.log.items, "the items are what the changes come to");
        play.hold_writes(&mut writers, from);
        for listener in &mut listeners {
            play.hold_listener(listener);
            play.figures.told += listener.told.len();
            (listener.since, listener.told) = (seq_of(&listener.place), Vec::new());
        }
    }
    play.figures.resumed = listeners.iter().map(|listener| listener.resumed.saturating_sub(1)).sum();
    play.say(name);
}

#[test]
fn nothing_answered_is_lost_in_a_kill_on_one_loop() {
    check("killed, one loop", &["--loops", "1"], 1);
}

#[test]
fn nothing_answered_is_lost_in_a_kill_on_two_loops() {
    check("killed, two loops", &["--loops", "2"], 2);
}

/// What was answered since the last sync may be lost. But then everybody hears that the log is another.
#[test]
fn what_is_synced_late_is_never_lost_without_a_word() {
    let name = "killed, synced at intervals";
    let mut play = Play::new(name, &["--loops", "2", "--sync", "interval", "--sync-seconds", "0.05"], 3);
    let mut server = play.start();
    play.prepare(&server);
    for _ in 0..kills() {
        let mut writers = play.writers();
        let mut listeners: Vec<Listener> = (0..LISTENERS).map(|n| play.listener(n)).collect();
        assert_eq!(play.round(&mut writers, &mut listeners, server), 0);
        // Nobody has told more of this log than one of those who follow the whole.
        let most = listeners[..LISTENERS / 2].iter_mut().max_by_key(|listener| listener.told.len()).unwrap();
        let told = most.told.clone();
        server = play.start();
        let after = Log::begin(server.address());
        assert_ne!(after.epoch, play.log.epoch);
        let known = told.len() as u64 + play.log.begins;
        for change in told.into_iter().take_while(|change| change.seq <= after.begins) {
            play.log.add(change);
        }
        if after.begins <= known {
            assert!(after.items == play.log.items, "the items are what the changes come to");
        }
        for listener in &mut listeners {
            play.figures.told += listener.told.len();
            play.figures.resumed += listener.resumed.saturating_sub(1);
            assert_eq!(listener.follow(server.address(), None), Err(Gone), "from {}", listener.place);
            play.figures.gone += 1;
        }
        for Asked { heard, .. } in writers.iter_mut().flat_map(|writer| writer.asked.drain(..)) {
            if let Heard::Done(seq) = heard {
                play.figures.answered += 1;
                play.figures.lost += usize::from(seq.is_some_and(|seq| seq > after.begins));
            }
        }
        play.log = after;
    }
    play.say(name);
    wait_until("the server is up", || position_now(server.address()).starts_with(&play.log.epoch));
}
