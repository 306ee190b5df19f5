//! One answer in several forms, and refusals that say what would do.

use crate::peer::{Peer, TEXT};
use crate::server::Server;
use serde_json::json;

fn post(body: &str) -> String {
    format!("POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn text_is_said_to_who_asks_for_it() {
    let server = Server::start(&["--collection", "tasks,notes"]);
    let mut peer = server.connect();
    let mut ask = |method: &str, path: &str, fields: &str, body: &str| {
        let length = body.len();
        peer.say(format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        ));
        let response = peer.response();
        (response.status, response.text())
    };
    let said = |status, text: &str| (status, text.to_owned());
    assert_eq!(ask("POST", "/tasks", "", "\"Buy milk\""), said(201, "Task added successfully."));
    assert_eq!(ask("POST", "/notes", "", "\"x\""), said(201, "Added successfully."));
    assert_eq!(
        ask("POST", "/tasks", "Content-Type: text/plain\r\n", "Tea\r\n"),
        said(201, "Task added successfully.")
    );
    assert_eq!(ask("POST", "/tasks", "Content-Type: text/plain\r\n", " \n"), said(400, "Enter valid data."));
    assert_eq!(ask("POST", "/tasks", "", "null"), said(400, "Enter valid data."));
    assert_eq!(ask("GET", "/tasks", "", ""), said(200, "Buy milk\nTea\n"));
    assert_eq!(ask("GET", "/tasks/2", "", ""), said(200, "Tea"));
    peer.say("GET /tasks HTTP/1.1\r\nHost: a\r\nAccept: image/png\r\n\r\n");
    assert_eq!(peer.response().status, 406);
}

/// A response to a GET with these fields: status, media type, entity tag, body.
fn get(peer: &mut Peer, path: &str, fields: &str) -> (u16, String, String, String) {
    peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    let response = peer.response();
    let field = |name: &str| response.field(name).unwrap_or_default().to_owned();
    assert_eq!(field("Vary"), "Accept", "{path} {fields}");
    (response.status, field("Content-Type"), field("ETag"), response.text())
}

#[test]
fn each_representation_is_had_by_its_media_type() {
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    let server = Server::start(&[]);
    let mut peer = server.connect();
    assert_eq!(ask(&mut peer, "POST", "/tasks", "{\"text\":\"<b> & co\",\"n\":1.50}").0, 201);
    let mut kind = |path: &str, accept: &str| {
        let fields = if accept.is_empty() { String::new() } else { format!("Accept: {accept}\r\n") };
        let (status, media_type, tag, body) = get(&mut peer, path, &fields);
        assert_eq!(status, 200, "{path} {accept}");
        let mark = tag.trim_matches('"').split_once('.').map(|(_, mark)| mark.to_owned());
        (media_type, mark.unwrap_or_default(), body)
    };
    let json = "application/json";
    let text = "text/plain; charset=utf-8";
    let html = "text/html; charset=utf-8";
    let xml = "application/xml";
    for path in ["/tasks", "/tasks/1"] {
        for (accept, media_type, mark, part) in [
            ("", json, "", "\"<b> & co\""),
            ("*/*", json, "", "\"<b> & co\""),
            ("application/*", json, "", "1.50"),
            ("text/html;q=0.5, */*;q=0.6", json, "", "1.50"),
            ("text/plain", text, "text", "\"<b> & co\""),
            ("text/*", text, "text", "1.50"),
            ("text/html", html, "html", "<dd>&lt;b&gt; &amp; co</dd>"),
            (BROWSER, html, "html", "<dd><code>1.50</code></dd>"),
            ("application/xml", xml, "xml", "<member name=\"text\">&lt;b&gt; &amp; co</member>"),
            ("text/xml", xml, "xml", "<member name=\"n\" type=\"number\">1.50</member>"),
            ("application/xml, text/html;q=0.9", xml, "xml", "<item id=\"1\">"),
        ] {
            let (had, marked, body) = kind(path, accept);
            assert_eq!((&*had, &*marked), (media_type, mark), "{path} {accept}");
            assert!(body.contains(part), "{path} {accept}: {body}");
        }
    }
}

#[test]
fn a_condition_is_about_the_representation_that_is_asked_for() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    ask(&mut peer, "POST", "/tasks", "{}");
    let kinds = ["application/json", "text/plain", "text/html", "application/xml"];
    for path in ["/tasks", "/tasks/1"] {
        let tags = kinds.map(|kind| get(&mut peer, path, &format!("Accept: {kind}\r\n")).2);
        for (n, kind) in kinds.iter().enumerate() {
            for (m, tag) in tags.iter().enumerate() {
                let (status, ..) =
                    get(&mut peer, path, &format!("Accept: {kind}\r\nIf-None-Match: {tag}\r\n"));
                assert_eq!(status, if n == m { 304 } else { 200 }, "{kind} {tag}");
            }
            let all = tags.join(", ");
            let (status, _, tag, _) =
                get(&mut peer, path, &format!("Accept: {kind}\r\nIf-None-Match: {all}\r\n"));
            assert_eq!((status, &tag), (304, &tags[n]));
        }
    }
    // A write is about the item, whichever representation of it was seen.
    for mark in [".text", ".html", ".xml", ""] {
        let tag = get(&mut peer, "/tasks/1", "").2.replace("\"", "");
        let put = |tag: &str| {
            format!(
                "PUT /tasks/1 HTTP/1.1\r\nHost: a\r\nIf-Match: \"{tag}\"\r\nContent-Length: 2\r\n\r\n{{}}"
            )
        };
        peer.say(put(&format!("{tag}.pdf")));
        assert_eq!(peer.response().status, 412);
        peer.say(put(&format!("{tag}{mark}")));
        assert_eq!(peer.response().status, 200, "{mark}");
    }
}

#[test]
fn a_problem_is_told_as_it_was_asked() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for (accept, media_type, body) in [
        (
            "application/json",
            "application/problem+json",
            "{\"type\":\"about:blank\",\"title\":\"Bad Request\",",
        ),
        ("text/plain", "text/plain; charset=utf-8", "Enter valid data."),
        ("text/html", "text/html; charset=utf-8", "<!doctype html>"),
        (
            "application/xml",
            "application/problem+xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<problem xmlns=\"urn:ietf:rfc:7807\">",
        ),
        ("text/xml", "application/problem+xml", "<?xml"),
    ] {
        let post =
            post("{\"a\":1,\n  <b>}").replace("Host: a\r\n", &format!("Host: a\r\nAccept: {accept}\r\n"));
        peer.say(post);
        let response = peer.response();
        assert_eq!((response.status, response.field("Content-Type")), (400, Some(media_type)), "{accept}");
        let text = response.text();
        assert!(text.starts_with(body), "{text}");
        match accept {
            "text/html" => {
                assert!(text.contains("<h1>400 Bad Request</h1>") && text.contains("<p>line: 2</p>"))
            }
            "application/xml" => {
                let document = roxmltree::Document::parse(&text).unwrap();
                let names: Vec<_> = document
                    .root_element()
                    .children()
                    .map(|child| child.tag_name().name().to_owned())
                    .collect();
                assert_eq!(names, ["type", "title", "status", "detail", "reason", "line", "column"]);
            }
            _ => {}
        }
    }
}

#[test]
fn what_was_written_comes_back_as_it_was_asked() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let mut write = |method: &str, path: &str, accept: &str| {
        peer.say(format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\nContent-Length: 7\r\n\r\n{{\"n\":1}}"
        ));
        let response = peer.response();
        (response.status, response.field("ETag").unwrap().to_owned(), response.text())
    };
    let (status, tag, page) = write("POST", "/tasks", "text/html");
    assert!(
        status == 201 && tag.ends_with("-1.html\"") && page.contains("<a href=\"/tasks\">tasks</a> / 1"),
        "{page}"
    );
    let (status, tag, page) = write("PUT", "/tasks/1", "text/html");
    assert!(
        status == 200 && tag.ends_with("-2.html\"") && page.contains("<dd><code>1</code></dd>"),
        "{page}"
    );
    let (status, tag, xml) = write("PATCH", "/tasks/1", "text/xml");
    assert!(status == 200 && tag.ends_with("-3.xml\""), "{tag}");
    roxmltree::Document::parse(&xml).unwrap();
}

#[test]
fn malformed_json_is_told_where() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.say(post("{\"a\":1,\n  b}"));
    let response = peer.response();
    assert_eq!((response.status, response.field("Content-Type")), (400, Some("application/problem+json")));
    let problem = response.json();
    assert_eq!(problem["detail"], "Enter valid data.");
    assert_eq!((&problem["line"], &problem["column"]), (&json!(2), &json!(3)));
    for bad in ["{", "{}x", "{\"a\":01}", "nul", "\"\\ud800\"", "\u{feff}{}", "{\"a\":\"\u{1}\"}"] {
        peer.say(post(bad));
        assert_eq!(peer.response().status, 400, "{bad}");
    }
    peer.say("GET /tasks HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(peer.response().text(), "[]");
}

#[test]
fn a_refusal_says_what_would_do() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let mut field = |request: &str, status: u16, name: &str| {
        peer.say(format!("{request}Host: a\r\n\r\n"));
        let response = peer.response();
        assert_eq!(response.status, status);
        response.field(name).map(str::to_owned)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(field("DELETE /tasks HTTP/1.1\r\n", 405, "Allow"), some("GET, HEAD, POST, OPTIONS"));
    assert_eq!(
        field("POST /tasks HTTP/1.1\r\nContent-Type: image/png\r\n", 415, "Accept"),
        some("application/json, text/plain")
    );
    assert_eq!(
        field("PATCH /tasks/1 HTTP/1.1\r\nContent-Type: text/plain\r\n", 415, "Accept-Patch"),
        some("application/merge-patch+json, application/json-patch+json, application/json")
    );
    assert_eq!(field("BREW /tasks HTTP/1.1\r\n", 501, "Connection"), None);
    assert_eq!(field("get /tasks HTTP/1.1\r\n", 501, "Connection"), None);
    assert_eq!(
        field("OPTIONS /tasks/1 HTTP/1.1\r\n", 204, "Allow"),
        some("GET, HEAD, PUT, PATCH, DELETE, OPTIONS")
    );
    assert_eq!(
        field("OPTIONS * HTTP/1.1\r\n", 204, "Allow"),
        some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
    );
    assert_eq!(field("GET /tasks HTTP/1.1\r\nIf-Match: unquoted\r\n", 400, "ETag"), None);
}

/// Says a request with a body, and hears the status and the text of the answer.
fn ask(peer: &mut Peer, method: &str, path: &str, body: &str) -> (u16, String) {
    let length = body.len();
    peer.say(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"));
    let response = peer.response();
    (response.status, response.text())
}

/// Members under names that our JSON library gives to values of its own.
fn traps() -> Vec<String> {
    let mut traps = Vec::new();
    for name in ["$serde_json::private::Number", "$serde_json::private::RawValue"] {
        for value in [r#""oops""#, r#""5""#, r#""[[""#, r#""{\"a\":\"\\\"\"}""#, r#""""#, "7", "1E5", "null"]
        {
            let trap = format!("\"{name}\":{value}");
            traps.push(format!("\"a\":{{{trap}}}"));
            traps.push(format!("\"a\":[1,{{\"b\":{{{trap}}}}}],\"c\":{{{trap},\"d\":1}}"));
            traps.push(trap);
        }
    }
    traps
}

#[test]
fn whatever_is_stored_is_well_formed_as_xml() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    // Every character that is not written as itself somewhere, as a name and as a value, and deep inside.
    let odd: String =
        (0..=0xff).chain(0x2020..=0x2030).chain(0xfff0..=0xffff).filter_map(char::from_u32).collect();
    let odd = serde_json::to_string(&odd).unwrap();
    let mut bodies: Vec<String> = traps().iter().map(|trap| format!("{{{trap}}}")).collect();
    bodies.push(format!("{{{odd}:{odd},\"a\":[{odd},{{{odd}:[{odd}]}}]}}"));
    bodies.push(r#"{"]]>":"<![CDATA[","<!--":"-->","<?xml":"&lt;","":"","\u0000":"\ud83d\ude00"}"#.into());
    bodies.push(format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100)));
    for body in &bodies {
        assert_eq!(ask(&mut peer, "POST", "/tasks", body).0, 201, "{body}");
    }
    let mut read = |path: &str| {
        peer.say(format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept: application/xml\r\n\r\n"));
        peer.response().text()
    };
    for n in 1..=bodies.len() {
        let text = read(&format!("/tasks/{n}"));
        let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(document.root_element().attribute("id"), Some(&*n.to_string()));
    }
    let text = read("/tasks");
    let document = roxmltree::Document::parse(&text).unwrap();
    assert_eq!(document.root_element().children().count(), bodies.len());
}

#[test]
fn whatever_is_stored_can_be_patched() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for (n, trap) in traps().iter().enumerate() {
        let body = format!("{{{trap}}}");
        for (method, path, id) in
            [("POST", "/tasks", format!("{}", n + 1)), ("PUT", "/tasks/own", "own".into())]
        {
            let stored = format!("{{\"id\":\"{id}\",{trap}}}");
            let (status, text) = ask(&mut peer, method, path, &body);
            assert!(matches!(status, 200 | 201) && text == stored, "{method} {body}: {status} {text}");
            let path = format!("/tasks/{id}");
            assert_eq!(ask(&mut peer, "PATCH", &path, "{}"), (200, stored.clone()));
            assert_eq!(ask(&mut peer, "GET", &path, ""), (200, stored.clone()));
            let (status, text) = ask(&mut peer, "PATCH", &path, r#"{"z":1}"#);
            assert_eq!((status, text), (200, format!("{},\"z\":1}}", &stored[..stored.len() - 1])));
            // And can be a patch; null takes a member out, and leaves nothing to look for.
            if !trap.contains("null") {
                assert_eq!(ask(&mut peer, "PATCH", &path, &body).0, 200, "{body}");
            }
        }
    }
    assert_eq!(server.get("/healthz"), "alive\n");
}

#[test]
fn whatever_is_stored_can_be_patched_in_a_batch() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.shake_hands("/rpc");
    for (n, trap) in traps().iter().enumerate() {
        let id = n + 1;
        let call = |method: &str, path: String, body: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"path":"{path}"{body}}}}}"#)
        };
        let create = call("post", "/tasks".into(), &format!(",\"body\":{{{trap}}}"));
        let patch = call("patch", format!("/tasks/{id}"), ",\"body\":{}");
        let read = call("get", format!("/tasks/{id}"), "");
        peer.say_frame(TEXT, format!("[{create},{patch},{read}]"));
        // To make values of the answers would be to trust the library that is tested.
        let (first, answers) = peer.frame();
        let answers = String::from_utf8(answers).unwrap();
        let stored = format!("\"body\":{{\"id\":\"{id}\",{trap}}}}}}}");
        assert_eq!((first, answers.matches(&stored).count()), (TEXT, 3), "{answers}");
    }
    assert_eq!(server.get("/healthz"), "alive\n");
}

#[test]
fn what_a_patch_does_not_name_stays_as_it_was_written() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let numbers = r#""a":1E5,"b":1.50,"c":12345678901234567890123,"d":{"e":-0.0,"f":[1e-400,1E+999]}"#;
    let created = ask(&mut peer, "POST", "/tasks", &format!("{{{numbers},\"n\":1}}"));
    assert_eq!(created, (201, format!("{{\"id\":\"1\",{numbers},\"n\":1}}")));
    let patched = ask(&mut peer, "PATCH", "/tasks/1", r#"{"n":2.0,"d":{"g":1E5}}"#);
    let numbers = numbers.replace("]}", "],\"g\":1E5}");
    assert_eq!(patched, (200, format!("{{\"id\":\"1\",{numbers},\"n\":2.0}}")));
}

#[test]
fn a_patch_is_not_nested_too_deep() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let nested = |depth, value| format!("{}{value}{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert_eq!(ask(&mut peer, "POST", "/tasks", "{}").0, 201);
    for depth in [102, 150, 100_000] {
        assert_eq!(ask(&mut peer, "PATCH", "/tasks/1", &nested(depth, 1)).0, 400, "{depth}");
    }
    let text = |value| format!("{{\"id\":\"1\",{}", &nested(101, value)[1..]);
    assert_eq!(ask(&mut peer, "PATCH", "/tasks/1", &nested(101, 1)), (200, text(1)));
    assert_eq!(ask(&mut peer, "PATCH", "/tasks/1", &nested(101, 2)), (200, text(2)));
    assert_eq!(ask(&mut peer, "PATCH", "/tasks/1", &nested(102, 3)).0, 400);
    assert_eq!(ask(&mut peer, "PATCH", "/tasks/1", "{}"), (200, text(2)));
}
