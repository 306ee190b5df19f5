//! Disks that are full, that cannot be written, and files that are no stores.

use crate::killed::Folder;
use crate::peer::Peer;
use crate::server::{PROGRAM, Server, wait_exit, wait_until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A command that serves this store; `limit` is what the shell says before.
fn serve(store: &Path, limit: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit}\nexec \"$0\" \"$@\""), PROGRAM]);
    command.args(["serve", "--listen", "127.0.0.1:0", "--loops", "2", "--data"]).arg(store);
    command
}

/// What it says where it cannot serve this store: one line, and no more.
#[track_caller]
fn complaint(store: &Path) -> String {
    complaint_of(serve(store, ""), store)
}

/// What a command says that can do nothing with this store: one line, and no more.
#[track_caller]
fn complaint_of(mut command: Command, store: &Path) -> String {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let status = wait_exit(&mut child);
    let output = child.wait_with_output().unwrap();
    let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!((&*out, status.code()), ("", Some(1)), "{error}");
    let said = error.strip_prefix(&format!("bothways: the store {}: ", store.display()));
    let said = said.unwrap_or_else(|| panic!("{error}")).strip_suffix('\n').unwrap();
    assert!(!said.contains('\n') && !said.is_empty(), "{said}");
    said.to_owned()
}

fn put(peer: &mut Peer, id: &str, bytes: usize) -> (u16, String) {
    let body = format!("{{\"x\":\"{}\"}}", "y".repeat(bytes));
    peer.say(format!("PUT /tasks/{id} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let response = peer.response();
    (response.status, response.text())
}

fn ids(server: &Server) -> Vec<String> {
    let items: Value = serde_json::from_str(&server.get("/tasks")).unwrap();
    items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn readiness(server: &Server) -> u16 {
    let mut peer = server.connect();
    peer.say("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    peer.response().status
}

/// A disk that fills, how room is made on it, and how the server ends.
fn fill(store: &Path, limit: &str, make_room: impl FnOnce(&Server)) {
    let mut server = Server::start_as(serve(store, limit));
    let mut listener = server.connect();
    listener.say("GET /tasks?since=now HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    assert_eq!(listener.response_to_head().status, 200);
    listener.until(b"\n\n");

    let mut writer = server.connect();
    let mut written = Vec::new();
    let problem = loop {
        let id = format!("a{}", written.len());
        match put(&mut writer, &id, 20_000) {
            (201, _) => written.push(id),
            (507, problem) => break problem,
            other => panic!("{other:?}"),
        }
        assert!(written.len() < 2000, "it is never full");
    };
    assert!(problem.contains("\"detail\":\"the disk is full: nothing was stored\""), "{problem}");
    assert_eq!(readiness(&server), 507);
    assert_eq!(ids(&server), written, "what there is can be read");
    let mut refused = 1;
    for n in 0..100 {
        let id = format!("b{n}");
        match put(&mut writer, &id, 20_000).0 {
            201 => written.push(id),
            507 => refused += 1,
            other => panic!("{other}"),
        }
    }

    make_room(&server);
    let mut tries = 0;
    wait_until("writes are taken again", || {
        let id = format!("c{tries}");
        tries += 1;
        let status = put(&mut writer, &id, 20_000).0;
        if status == 201 {
            written.push(id);
        }
        status == 201
    });
    assert_eq!(readiness(&server), 200);
    assert_eq!(ids(&server), written);
    for id in &written {
        let event = listener.until(b"\n\n");
        assert!(event.contains(&format!("\"path\":\"/tasks/{id}\"")), "{event:.200} instead of {id}");
    }

    server.signal("TERM");
    assert_eq!(server.wait_exit().0.code(), Some(0));
    let server = Server::start_as(serve(store, ""));
    assert_eq!(ids(&server), written, "what was refused does not appear");
    println!("{} writes answered, {refused} and {} refused", written.len(), tries - 1);
}

#[test]
fn a_file_that_may_not_grow_is_a_full_disk() {
    if !is_command("prlimit") {
        return println!("LEFT OUT: there is no prlimit on this machine");
    }
    let folder = Folder::new("limited");
    // In blocks of 512 bytes.
    fill(&folder.join("store.redb"), "ulimit -S -f 6000", |server| {
        let process = server.process().to_string();
        let status = Command::new("prlimit").args(["--pid", &process, "--fsize=unlimited:"]).status();
        assert!(status.unwrap().success());
    });
}

fn is_command(name: &str) -> bool {
    Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A file system of its own, where we may have one.
struct Mount(PathBuf);

impl Mount {
    fn new(folder: &Folder, options: &str) -> Option<Mount> {
        let path = folder.join("mount");
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Mount(path));
        }
        println!("LEFT OUT: no file system can be mounted here");
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_was_full_takes_writes_when_there_is_room() {
    let folder = Folder::new("full");
    let Some(mount) = Mount::new(&folder, "size=8m") else { return };
    let filler = mount.0.join("filler");
    fs::write(&filler, vec![7; 5 << 20]).unwrap();
    fill(&mount.0.join("store.redb"), "", |_| fs::remove_file(&filler).unwrap());
}

#[test]
fn what_cannot_be_written_is_said_in_one_line() {
    let folder = Folder::new("unwritable");
    assert_eq!(complaint(&folder.join("missing/store")), "No such file or directory (os error 2)");
    complaint(Path::new("/proc/store.redb"));

    let store = folder.join("store.redb");
    let server = Server::start_as(serve(&store, ""));
    assert_eq!(complaint(&store), "another process has it open");
    drop(server);
    let Some(mount) = Mount::new(&folder, "size=8m") else { return };
    let copy = mount.0.join("store.redb");
    fs::copy(&store, &copy).unwrap();
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&mount.0).status();
    assert!(remounted.unwrap().success());
    let nothing = "Read-only file system (os error 30)";
    assert_eq!(complaint(&mount.0.join("new.redb")), nothing);
    let mut command = serve(&copy, "");
    command.arg("--new-epoch");
    assert_eq!(complaint_of(command, &copy), nothing, "a new epoch would have to be written");
}

#[test]
fn what_cannot_be_written_can_be_read() {
    let folder = Folder::new("read-only");
    let Some(mount) = Mount::new(&folder, "size=8m") else { return };
    let store = mount.0.join("store.redb");
    // It was killed: to be read, it must be repaired.
    let server = Server::start_as(serve(&store, ""));
    assert_eq!(put(&mut server.connect(), "x", 100).0, 201);
    let (before, empty) = (server.get("/tasks"), mount.0.join("empty.redb"));
    drop(server);
    fs::write(&empty, "").unwrap();
    let bytes = fs::read(&store).unwrap();
    let remount = |how: &str| {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&mount.0).status();
        assert!(status.unwrap().success());
    };
    remount("ro");
    assert_eq!(complaint(&empty), "Read-only file system (os error 30)", "there is nothing to be read");
    let mut server = Server::start_as(serve(&store, ""));
    let said = format!("{}: Read-only file system (os error 30)", store.display());
    wait_until("it says so", || server.log().contains(&said));
    let (status, problem) = put(&mut server.connect(), "y", 100);
    assert!(
        status == 503 && problem.contains("the file system is read-only: nothing was stored"),
        "{problem}"
    );
    assert_eq!((readiness(&server), server.get("/tasks")), (503, before));
    server.signal("TERM");
    assert_eq!(server.wait_exit().0.code(), Some(0));
    assert!(fs::read(&store).unwrap() == bytes, "the file is as it was");

    remount("rw");
    let server = Server::start_as(serve(&store, ""));
    assert_eq!(put(&mut server.connect(), "y", 100).0, 201);
    assert_eq!((readiness(&server), ids(&server)), (200, vec!["x".to_owned(), "y".to_owned()]));
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = Folder::new("no-file");
    let [pipe, socket, directory] = ["pipe", "socket", "directory"].map(|name| folder.join(name));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let _listener = UnixListener::bind(&socket).unwrap();
    fs::create_dir(&directory).unwrap();
    let device = PathBuf::from("/dev/null");
    for (path, what) in [(pipe, "pipe"), (socket, "socket"), (directory, "directory"), (device, "device")] {
        let expected = format!("it is a {what}, and a store is a file");
        assert_eq!(complaint(&path), expected, "serve");
        for name in ["check", "export"] {
            let mut command = Command::new(PROGRAM);
            command.arg(name).arg(&path);
            assert_eq!(complaint_of(command, &path), expected, "{name}");
        }
    }
}

#[test]
fn what_is_no_store_is_said_in_one_line() {
    let folder = Folder::new("no-store");
    let store = folder.join("store.redb");
    let server = Server::start_as(serve(&store, ""));
    put(&mut server.connect(), "x", 100);
    drop(server);
    let whole = fs::read(&store).unwrap();
    let mut dice = crate::checker::Dice(1);
    let noise: Vec<u8> = (0..100_000).map(|_| dice.below(256) as u8).collect();
    let mut files = BTreeMap::from([
        ("noise", noise),
        ("text", b"Buy milk\n".to_vec()),
        ("json", b"{\"tasks\":[]}\n".to_vec()),
        ("zeros", vec![0; 100_000]),
        ("one-byte", vec![b'r']),
    ]);
    let cuts = [1, 8, 64, 100, 320, 4096, 4097, 50_000, whole.len() / 2, whole.len() - 1];
    let names: Vec<String> = cuts.iter().map(|cut| format!("cut-at-{cut}")).collect();
    for (cut, name) in cuts.iter().zip(&names) {
        files.insert(name, whole[..*cut].to_vec());
    }
    for (name, bytes) in files {
        let file = folder.join(name);
        fs::write(&file, &bytes).unwrap();
        let said = complaint(&file);
        println!("{name}: {said}");
        assert!(said.starts_with("it is damaged, or no store: "), "{name}: {said}");
        // What begins as a store does is tried to be repaired.
        let is_left = name.starts_with("cut") || fs::read(&file).unwrap() == bytes;
        assert!(is_left, "{name}: it is left as it was");
    }
    let empty = folder.join("empty");
    fs::write(&empty, "").unwrap();
    let server = Server::start_as(serve(&empty, ""));
    assert_eq!(put(&mut server.connect(), "x", 100).0, 201, "an empty file is a new store");
}
