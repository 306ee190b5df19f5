//! Pages for browsers: what they say without a script, and what surrounds them.

use crate::peer::{Peer, Response};
use crate::server::Server;

const ACCEPT: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n";

fn get(peer: &mut Peer, path: &str, fields: &str) -> Response {
    peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    peer.response()
}

#[test]
fn a_browser_gets_a_page_that_leads_on() {
    let server = Server::start(&["--collection", "tasks,notes"]);
    let mut peer = server.connect();
    for body in ["\"Buy milk\"", "{\"text\":\"Tea\",\"tags\":[\"<i>\"],\"done\":false}"] {
        peer.say(format!("POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        assert_eq!(peer.response().status, 201);
    }
    let index = get(&mut peer, "/", ACCEPT).text();
    assert!(
        index.contains("<a href=\"/tasks\">/tasks</a>") && index.contains("<a href=\"/notes\">/notes</a>")
    );
    let page = get(&mut peer, "/tasks", ACCEPT);
    let position = page.field("ETag").unwrap().trim_matches('"').strip_suffix(".html").unwrap().to_owned();
    let page = page.text();
    assert!(page.contains(&format!("<code id=\"position\">{position}</code>")), "{page}");
    for id in ["1", "2"] {
        assert!(page.contains(&format!("<a href=\"/tasks/{id}\">{id}</a>")), "{page}");
    }
    assert!(page.contains("<dd>Buy milk</dd>") && page.contains("<code>[\"&lt;i&gt;\"]</code>"), "{page}");
    let item = get(&mut peer, "/tasks/2", ACCEPT).text();
    assert!(item.contains("<a href=\"/tasks\">tasks</a>") && item.contains("<dd>Tea</dd>"), "{item}");
    let missing = get(&mut peer, "/tasks/9", ACCEPT);
    assert!(missing.status == 404 && missing.text().contains("<h1>404 Not Found</h1>"));
    // And without a browser all is as it was.
    assert!(get(&mut peer, "/", "").text().starts_with("{\"name\":\"bothways\""));
}

#[test]
fn nothing_but_our_own_runs_in_a_page() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for path in ["/", "/tasks", "/nowhere"] {
        let page = get(&mut peer, path, ACCEPT);
        let policy = page.field("Content-Security-Policy").unwrap();
        for directive in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]
        {
            assert!(policy.split("; ").any(|said| said == directive), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.field("X-Content-Type-Options"), Some("nosniff"));
        let text = page.text();
        for inline in ["<style", " style=", " onclick=", " onload=", "javascript:", "<script>"] {
            assert!(!text.contains(inline), "{path} has {inline}");
        }
    }
}

#[test]
fn script_and_style_are_built_in() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for path in [
        "/-/page.js",
        "/-/page.css",
        "/-/home.js",
        "/-/lanes.js",
        "/-/tally.js",
        "/-/exercises.js",
        "/-/home.css",
        "/-/chapters.css",
    ] {
        let is_style = path.ends_with(".css");
        let media_type = if is_style { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
        for accept in ["", "Accept: */*\r\n", "Accept: text/css,*/*;q=0.1\r\n", ACCEPT] {
            let file = get(&mut peer, path, accept);
            assert_eq!((file.status, file.field("Content-Type")), (200, Some(media_type)));
            assert_eq!(file.field("X-Content-Type-Options"), Some("nosniff"));
            assert_eq!(file.field("Cache-Control"), Some("no-cache"));
            let tag = file.field("ETag").unwrap();
            let again = get(&mut peer, path, &format!("{accept}If-None-Match: {tag}\r\n"));
            assert_eq!((again.status, again.field("ETag")), (304, Some(tag)));
        }
        peer.say(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(peer.response().field("Allow"), Some("GET, HEAD, OPTIONS"));
    }
    assert_eq!(get(&mut peer, "/-/other.js", "").status, 404);
    peer.shake_hands("/rpc");
    let answer = peer.call(r#"{"jsonrpc":"2.0","id":1,"method":"get","params":{"path":"/-/page.css"}}"#);
    assert!(answer["result"]["body"].as_str().unwrap().starts_with(":root {"), "{answer}");
}

#[test]
fn the_chapters_that_the_page_links_to_are_served() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let home = get(&mut peer, "/", ACCEPT).text();
    let linked = home.split(" href=\"/-/chapters").skip(1).map(|rest| rest.split(['"', '#']).next().unwrap());
    let paths: Vec<String> = linked.map(|rest| format!("/-/chapters{rest}")).collect();
    assert!(paths.len() > 10 && paths.contains(&"/-/chapters".to_owned()), "{paths:?}");
    for path in &paths {
        for accept in ["", "Accept: text/html\r\n", "Accept: */*\r\n"] {
            let page = get(&mut peer, path, accept);
            assert_eq!((page.status, page.field("Content-Type")), (200, Some("text/html; charset=utf-8")));
            assert!(page.field("Content-Security-Policy").unwrap().contains("default-src 'none'"), "{path}");
            let tag = page.field("ETag").unwrap();
            let again = get(&mut peer, path, &format!("{accept}If-None-Match: {tag}\r\n"));
            assert_eq!((again.status, again.field("ETag"), again.body.len()), (304, Some(tag), 0));
            peer.say(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n{accept}\r\n"));
            let head = peer.response_to_head();
            assert_eq!((head.status, head.field("Content-Length")), (200, page.field("Content-Length")));
        }
        for (method, status) in [("OPTIONS", 204), ("DELETE", 405)] {
            peer.say(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let answer = peer.response();
            assert_eq!((answer.status, answer.field("Allow")), (status, Some("GET, HEAD, OPTIONS")));
        }
    }
    let unknown = get(&mut peer, "/-/chapters/99-nothing", "");
    assert_eq!((unknown.status, unknown.field("Content-Type")), (404, Some("application/problem+json")));
}

#[test]
fn a_page_is_as_long_to_head_as_to_get() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let page = get(&mut peer, "/tasks", ACCEPT);
    peer.say(format!("HEAD /tasks HTTP/1.1\r\nHost: a\r\n{ACCEPT}\r\n"));
    let head = peer.response_to_head();
    assert_eq!((head.status, &head.fields), (page.status, &page.fields));
}
