//! What lasts: beginning with a file, going on after the end of the process, taking everything out again,
//! and looking whether a store is whole.

use crate::server::{Folder, PROGRAM, Server};
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
    folder.put("db.json", DB);
    let server = Server::start_in(&folder, &["db.json", "--collection", "more"]);
    assert_eq!(server.get("/posts"), POSTS);
    let expected = r#"[{"id":"1","text":"a comment about post 1","postId":"1"},{"id":"2","text":"another","postId":"1"}]"#;
    assert_eq!(server.get("/comments"), expected);
    assert_eq!(server.get("/more"), "[]");
    assert!(server.log().contains("4 items of db.json are in bothways.redb now"));
    assert_eq!(post(&server, "/posts", "{}"), r#"{"id":"3"}"#);
    assert_eq!(post(&server, "/comments", "{}"), r#"{"id":"3"}"#);
    end(server);
    // Nobody reads it a second time.
    folder.put("db.json", "no JSON any more");
    let server = Server::start_in(&folder, &["db.json"]);
    assert!(server.get("/posts").ends_with(r#",{"id":"3"}]"#));
    let said = "bothways.redb has collections already: db.json was not imported again";
    assert_eq!(server.log().matches(said).count(), 1);
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
