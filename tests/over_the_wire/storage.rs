//! What lasts: beginning with a file, going on after the end of the process, taking everything out again,
//! and looking whether a store is whole.

use crate::server::{Folder, PROGRAM, Server, wait_until};
use std::fs;
use std::process::{Command, Stdio};

/// json-server's own example, but for `profile`, which is no collection.
const DB: &str = r#"{
  "posts": [
    { "id": "1", "title": "a title", "views": 100 },
    { "id": "2", "title": "another title", "views": 2.00 }
  ],
  "comments": [
    { "id": 1, "text": "a comment about post 1", "postId": "1" },
    { "text": "another", "postId": "1" }
  ]
}"#;

const POSTS: &str =
    r#"[{"id":"1","title":"a title","views":100},{"id":"2","title":"another title","views":2.00}]"#;

/// Standard output, standard error and exit status of `bothways` in this folder.
fn run(folder: &Folder, arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(PROGRAM);
    let output = command.current_dir(folder.path()).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[track_caller]
fn post(server: &Server, path: &str, body: &str) -> String {
    let mut peer = server.connect();
    let length = body.len();
    peer.say(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"));
    let response = peer.response();
    assert_eq!(response.status, 201);
    response.text()
}

#[track_caller]
fn end(mut server: Server) {
    server.signal("TERM");
    assert!(server.wait_exit().0.success());
}

#[test]
fn a_file_is_imported_once_and_then_the_store_goes_on() {
    let folder = Folder::new();
    // As editors on Windows write it.
    folder.put("db.json", format!("\u{feff}{DB}"));
    let server = Server::start_in(&folder, &["db.json", "--collection", "more"]);
    assert_eq!(server.get("/posts"), POSTS);
    let expected = r#"[{"id":"1","text":"a comment about post 1","postId":"1"},{"id":"2","text":"another","postId":"1"}]"#;
    assert_eq!(server.get("/comments"), expected);
    assert_eq!(server.get("/more"), "[]");
    let said = "4 items of db.json are in bothways.redb now";
    wait_until("it says what it imported", || server.log().contains(said));
    assert_eq!(post(&server, "/posts", "{}"), r#"{"id":"3"}"#);
    assert_eq!(post(&server, "/comments", "{}"), r#"{"id":"3"}"#);
    end(server);
    // Nobody reads it a second time.
    folder.put("db.json", "no JSON any more");
    let server = Server::start_in(&folder, &["db.json"]);
    assert!(server.get("/posts").ends_with(r#",{"id":"3"}]"#));
    let said = "bothways.redb has collections already: db.json was not imported again";
    wait_until("it says that it did not", || server.log().contains(said));
    end(server);
    let server = Server::start_in(&folder, &[]);
    assert!(server.get("/posts").ends_with(r#",{"id":"3"}]"#));
}

#[test]
fn each_imported_item_has_a_position_of_its_own() {
    let folder = Folder::new();
    folder.put("db.json", DB);
    for server in
        [Server::start_in(&folder, &["db.json"]), Server::start_in(&folder, &["--memory", "db.json"])]
    {
        for (path, seq) in [("/posts/1", 1), ("/posts/2", 2), ("/comments/2", 4), ("/posts", 2)] {
            let mut peer = server.connect();
            peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(peer.response().position(), seq, "{path}");
        }
        assert_eq!(server.get("/posts"), POSTS);
        end(server);
    }
}

#[test]
fn a_file_with_faults_is_not_imported_by_half() {
    let folder = Folder::new();
    folder.put("db.json", r#"{"posts":[{"id":1},{"id":"a b"}],"profile":{"name":"typicode"}}"#);
    let complaint = "\
        bothways: db.json: /posts/1/id: an id is 1 to 64 of A-Z a-z 0-9 . _ ~ -\n\
        db.json: /profile: one object is no collection: put it into an array, with an id, as in \
        \"profile\":[{\"id\":\"me\",…}]\n";
    for flags in [&["--check"][..], &["--memory"], &[], &["--check", "--memory"]] {
        let arguments = [&["serve", "--listen", "127.0.0.1:0", "db.json"], flags].concat();
        assert_eq!(run(&folder, &arguments), (String::new(), complaint.to_owned(), Some(1)), "{flags:?}");
    }
    let many: Vec<String> = (0..25).map(|n| n.to_string()).collect();
    folder.put("db.json", format!("{{\"a\":[{}]}}", many.join(",")));
    let (_, said, status) = run(&folder, &["serve", "--check", "--listen", "127.0.0.1:0", "db.json"]);
    assert_eq!((said.lines().count(), said.lines().last()), (11, Some("db.json: and 15 more")));
    assert_eq!(status, Some(1));
    folder.put("db.json", b"{\"a\":\n[\"\xff\"]}");
    let (_, said, _) = run(&folder, &["serve", "--check", "--listen", "127.0.0.1:0", "db.json"]);
    assert_eq!(said, "bothways: db.json: it is not UTF-8, in line 2\n");
    let (_, said, status) = run(&folder, &["serve", "--check", "--listen", "127.0.0.1:0", "none.json"]);
    assert!(said.starts_with("bothways: none.json: No such file") && status == Some(1), "{said}");
    // What was mended is taken.
    folder.put("db.json", DB);
    assert_eq!(run(&folder, &["serve", "--check", "--listen", "127.0.0.1:0", "db.json"]).2, Some(0));
    let server = Server::start_in(&folder, &["db.json"]);
    assert_eq!(server.get("/posts"), POSTS);
    assert!(fs::metadata(folder.file("bothways.redb")).unwrap().len() > 0);
}

#[track_caller]
fn check(folder: &Folder, path: &str) -> (String, Option<i32>) {
    let (out, error, status) = run(folder, &["check", path]);
    (out + &error, status)
}

#[test]
fn what_is_exported_can_be_imported_again() {
    let folder = Folder::new();
    folder.put("db.json", DB);
    let server = Server::start_in(&folder, &["db.json", "--collection", "none"]);
    post(&server, "/posts", r#"{"id":"mine","n":1.5e300}"#);
    let (exported, error, status) = run(&folder, &["export", &server.url("")]);
    assert_eq!((&*error, status), ("", Some(0)));
    let expected = r#"{
  "posts": [
    {"id":"1","title":"a title","views":100},
    {"id":"2","title":"another title","views":2.00},
    {"id":"mine","n":1.5e300}
  ],
  "comments": [
    {"id":"1","text":"a comment about post 1","postId":"1"},
    {"id":"2","text":"another","postId":"1"}
  ],
  "none": []
}
"#;
    assert_eq!(exported, expected);
    end(server);
    let bytes = fs::read(folder.file("bothways.redb")).unwrap();
    assert_eq!(run(&folder, &["export"]), (exported.clone(), String::new(), Some(0)));
    assert_eq!(run(&folder, &["export", "bothways.redb"]).0, exported);
    assert!(fs::read(folder.file("bothways.redb")).unwrap() == bytes, "reading changes nothing");
    let other = Folder::new();
    other.put("again.json", &exported);
    end(Server::start_in(&other, &["again.json"]));
    assert_eq!(run(&other, &["export"]).0, exported);
}

#[test]
fn what_cannot_be_exported_is_one_clear_line() {
    let folder = Folder::new();
    let server = Server::start_in(&folder, &[]);
    let said = |arguments: &[&str]| {
        let (out, error, status) = run(&folder, arguments);
        assert_eq!((&*out, error.lines().count()), ("", 1), "{arguments:?}: {error}");
        (error, status)
    };
    let in_use = "bothways: the store bothways.redb: another process has it open\n".to_owned();
    assert_eq!(said(&["export"]), (in_use.clone(), Some(1)));
    assert_eq!(said(&["check"]), (in_use, Some(1)));
    assert_eq!(said(&["export", &server.url("/tasks")]).1, Some(2));
    assert_eq!(said(&["export", &server.socket_url("")]).1, Some(2));
    let gone = server.url("");
    end(server);
    assert_eq!(said(&["export", &gone]).1, Some(1));
    assert_eq!(said(&["export", "none.redb"]).1, Some(1));
}

#[test]
fn nobody_needs_to_read_an_export_to_its_end() {
    let folder = Folder::new();
    let items: Vec<String> = (0..2000).map(|_| format!("{{\"x\":\"{}\"}}", "y".repeat(200))).collect();
    folder.put("db.json", format!("{{\"a\":[{}]}}", items.join(",")));
    end(Server::start_in(&folder, &["db.json"]));
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder.path()).arg("export").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}

#[test]
fn check_says_what_is_in_a_store_and_what_is_wrong_with_it() {
    let folder = Folder::new();
    folder.put("db.json", DB);
    let server = Server::start_in(&folder, &["db.json"]);
    post(&server, "/posts", r#"{"text":"to be found again"}"#);
    end(server);
    let bytes = fs::read(folder.file("bothways.redb")).unwrap();
    let (said, status) = check(&folder, "bothways.redb");
    let (before, after) = ("bothways.redb: 2 collections, 5 items, 1 change kept, at ", "-5: whole\n");
    assert!(said.starts_with(before) && said.ends_with(after) && status == Some(0), "{said}");
    assert!(fs::read(folder.file("bothways.redb")).unwrap() == bytes, "looking changes nothing");

    let mut damaged = bytes.clone();
    let places = damaged.windows(17).enumerate().filter(|(_, text)| text == b"to be found again");
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    assert!(places.len() >= 2, "in the item and in the change");
    places.into_iter().for_each(|at| damaged[at] = b'T');
    for (content, words) in [
        (&damaged[..], "it is damaged, or no store: "),
        (&bytes[..bytes.len() / 2], "it is damaged, or no store: "),
        (&bytes[..100], "it is damaged, or no store: it is too short"),
        (b"", "it is empty"),
        (DB.as_bytes(), "it is damaged, or no store: it is too short"),
        (DB.repeat(100).as_bytes(), "it is damaged, or no store: "),
    ] {
        folder.put("other.redb", content);
        let (said, status) = check(&folder, "other.redb");
        assert!(said.starts_with(&format!("bothways: the store other.redb: {words}")), "{said}");
        assert_eq!((said.lines().count(), status), (1, Some(1)), "{said}");
        assert!(fs::read(folder.file("other.redb")).unwrap() == content);
    }
    for path in ["none.redb", "."] {
        let (said, status) = check(&folder, path);
        assert!(said.starts_with(&format!("bothways: the store {path}: ")), "{said}");
        assert_eq!((said.lines().count(), status), (1, Some(1)), "{said}");
    }
    assert!(!folder.file("none.redb").exists());
}

#[test]
fn a_server_that_was_killed_leaves_a_whole_store() {
    let folder = Folder::new();
    let server = Server::start_in(&folder, &[]);
    (0..20).for_each(|_| drop(post(&server, "/tasks", "{}")));
    server.signal("KILL");
    drop(server);
    let (said, status) = check(&folder, "bothways.redb");
    assert!(said.contains("1 collection, 20 items, 20 changes kept") && status == Some(0), "{said}");
    let server = Server::start_in(&folder, &["--sync", "interval"]);
    post(&server, "/tasks", "{}");
    server.signal("KILL");
    drop(server);
    let (said, _) = check(&folder, "bothways.redb");
    assert!(said.ends_with(": whole, but it was not closed, and may lack its last changes\n"), "{said}");
}

#[test]
fn an_older_copy_that_was_put_back_can_begin_a_new_epoch() {
    let folder = Folder::new();
    let position = |server: &Server| {
        let mut peer = server.connect();
        peer.say("GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n");
        peer.response().field("ETag").unwrap().trim_matches('"').to_owned()
    };
    let asks = |server: &Server, since: &str| {
        let mut peer = server.connect();
        let follow = "Accept: text/event-stream\r\nConnection: close\r\n";
        peer.say(format!("GET /tasks?since={since} HTTP/1.1\r\nHost: a\r\n{follow}\r\n"));
        peer.response().status
    };
    let server = Server::start_in(&folder, &[]);
    post(&server, "/tasks", "{}");
    end(server);
    let copy = fs::read(folder.file("bothways.redb")).unwrap();
    let server = Server::start_in(&folder, &[]);
    post(&server, "/tasks", "{}");
    let (told, epoch) = (position(&server), position(&server)[..8].to_owned());
    end(server);

    folder.put("bothways.redb", copy);
    let server = Server::start_in(&folder, &["--new-epoch"]);
    post(&server, "/tasks", r#"{"another":true}"#);
    assert!(told.ends_with("-2") && position(&server).ends_with("-2"), "seqs are used again");
    assert_ne!(position(&server)[..8], epoch);
    assert_eq!(asks(&server, &told), 410);
    let kept = position(&server);
    end(server);
    let server = Server::start_in(&folder, &[]);
    assert_eq!(position(&server), kept, "and it goes on from there");
}
