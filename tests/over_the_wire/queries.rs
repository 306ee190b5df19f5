//! Filters, order and pages of a list, by both roads.

use crate::calls::{Line, call, tell_over_a_socket, tell_over_http};
use crate::server::Server;

const fn list(path: &'static str) -> Line {
    call("GET", path)
}

macro_rules! milk {
    () => {
        r#"{"id":"1","text":"Milk","price":1.50,"done":false,"by":{"name":"Ann"}}"#
    };
}
macro_rules! tea {
    () => {
        r#"{"id":"2","text":"Green tea","price":12,"done":true,"tags":["hot","a b"]}"#
    };
}
macro_rules! bread {
    () => {
        r#"{"id":"3","text":"Bread","price":1.5e0,"by":{"name":"Bo"},"by.name":"nobody"}"#
    };
}

const MILK: &str = milk!();
const TEA: &str = tea!();
const BREAD: &str = bread!();

const STORY: &[Line] = &[
    call("POST", "/tasks").body(MILK).answered(201, MILK).at("E-1").location("/tasks/1"),
    call("POST", "/tasks").body(TEA).answered(201, TEA).at("E-2").location("/tasks/2"),
    call("POST", "/tasks").body(BREAD).answered(201, BREAD).at("E-3").location("/tasks/3"),
    // One field, another, several.
    list("/tasks?done=false").answered(200, concat!("[", milk!(), "]")).at("E-3"),
    list("/tasks?price=1.5").answered(200, concat!("[", milk!(), ",", bread!(), "]")).at("E-3"),
    list("/tasks?price:gt=1.5").answered(200, concat!("[", tea!(), "]")).at("E-3"),
    list("/tasks?price:gte=1.50&price:lt=12.0&done:ne=false")
        .answered(200, concat!("[", bread!(), "]"))
        .at("E-3"),
    list("/tasks?id=1&id=3").answered(200, concat!("[", milk!(), ",", bread!(), "]")).at("E-3"),
    list("/tasks?text:contains=EA").answered(200, concat!("[", tea!(), ",", bread!(), "]")).at("E-3"),
    list("/tasks?tags:contains=a+b").answered(200, concat!("[", tea!(), "]")).at("E-3"),
    list("/tasks?text=Green%20tea").answered(200, concat!("[", tea!(), "]")).at("E-3"),
    list("/tasks?by.name=Ann").answered(200, concat!("[", milk!(), "]")).at("E-3"),
    list("/tasks?by.name=Bo").answered(200, "[]").at("E-3"),
    list("/tasks?by.name=nobody").answered(200, concat!("[", bread!(), "]")).at("E-3"),
    // What is no filter of items changes nothing.
    list("/tasks?since=now&deliver=latest")
        .answered(200, concat!("[", milk!(), ",", tea!(), ",", bread!(), "]"))
        .at("E-3"),
    list("/tasks?").answered(200, concat!("[", milk!(), ",", tea!(), ",", bread!(), "]")).at("E-3"),
    // In another order; ties in order of creation.
    list("/tasks?_sort=text").answered(200, concat!("[", bread!(), ",", tea!(), ",", milk!(), "]")).at("E-3"),
    list("/tasks?_sort=-price,text")
        .answered(200, concat!("[", tea!(), ",", bread!(), ",", milk!(), "]"))
        .at("E-3"),
    list("/tasks?_sort=price").answered(200, concat!("[", milk!(), ",", bread!(), ",", tea!(), "]")).at("E-3"),
    list("/tasks?_sort=-done").answered(200, concat!("[", tea!(), ",", milk!(), ",", bread!(), "]")).at("E-3"),
    // By pages.
    list("/tasks?_page=1&_per_page=2")
        .answered(200, concat!("[", milk!(), ",", tea!(), "]"))
        .at("E-3")
        .page(
            3,
            "</tasks?_page=1&_per_page=2>; rel=\"first\", </tasks?_page=2&_per_page=2>; rel=\"next\", </tasks?_page=2&_per_page=2>; rel=\"last\"",
        ),
    list("/tasks?_page=2&price:lt=5&_per_page=1&_sort=-id")
        .answered(200, concat!("[", milk!(), "]"))
        .at("E-3")
        .page(
            2,
            "</tasks?price:lt=5&_sort=-id&_page=1&_per_page=1>; rel=\"first\", </tasks?price:lt=5&_sort=-id&_page=1&_per_page=1>; rel=\"prev\", </tasks?price:lt=5&_sort=-id&_page=2&_per_page=1>; rel=\"last\"",
        ),
    list("/tasks?_per_page=5")
        .answered(200, concat!("[", milk!(), ",", tea!(), ",", bread!(), "]"))
        .at("E-3")
        .page(3, "</tasks?_page=1&_per_page=5>; rel=\"first\", </tasks?_page=1&_per_page=5>; rel=\"last\""),
    list("/tasks?_page=1&id=9")
        .answered(200, "[]")
        .at("E-3")
        .page(
            0,
            "</tasks?id=9&_page=1&_per_page=10>; rel=\"first\", </tasks?id=9&_page=1&_per_page=10>; rel=\"last\"",
        ),
    // The position is that of the collection, whatever is asked of it.
    list("/tasks?done=true&_page=1").if_none_match("E-3").done(304).at("E-3"),
    list("/tasks?done=true").if_match("E-2").refused(412, NOT_NOW),
    // Each mistake is told.
    list("/tasks?_page=0").refused(400, "query parameter _page must be a whole number from 1 on"),
    list("/tasks?_per_page=1001")
        .refused(400, "query parameter _per_page must be a whole number from 1 to 1000"),
    list("/tasks?_embed=comments").refused(400, "query parameter _embed is not known here"),
    list("/tasks?a:like=x").refused(
        400,
        "query parameter a:like has an operator that is none of eq, ne, lt, lte, gt, gte, contains",
    ),
    list("/tasks?a=%4").refused(400, "query parameter a is not percent-encoded UTF-8"),
    // Elsewhere there is nothing to choose from.
    list("/tasks/1?id=2&_page=0").answered(200, MILK).at("E-1"),
    call("DELETE", "/tasks/3?id=1").done(204),
    call("POST", "/tasks?_page=0").body("{}").answered(201, r#"{"id":"3"}"#).at("E-5").location("/tasks/3"),
    list("/tasks?id:ne=3").answered(200, concat!("[", milk!(), ",", tea!(), "]")).at("E-5"),
];

const NOT_NOW: &str = "the item is not in the state that the condition asks for";

#[test]
fn a_list_is_asked_for_in_part_over_http() {
    tell_over_http(STORY);
}

#[test]
fn a_list_is_asked_for_in_part_over_a_socket() {
    tell_over_a_socket(STORY);
}

#[test]
fn a_part_of_a_list_has_lines_and_a_head_of_its_own() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    for text in ["b", "a", "c"] {
        peer.say(format!("POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\"{text}\""));
        assert_eq!(peer.response().status, 201);
    }
    let ask = "/tasks?_sort=-text&_per_page=2 HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n";
    peer.say(format!("GET {ask}"));
    let mut whole = peer.response();
    assert_eq!(whole.text(), "c\nb\n");
    assert_eq!(whole.field("X-Total-Count"), Some("3"));
    peer.say(format!("HEAD {ask}"));
    let mut head = peer.response_to_head();
    for response in [&mut whole, &mut head] {
        response.fields.retain(|(name, _)| name != "Date");
    }
    assert_eq!(whole.fields, head.fields);
    // Whoever follows its links sees everything once.
    let (mut next, mut seen) = ("/tasks?_sort=text&_per_page=1".to_owned(), String::new());
    loop {
        peer.say(format!("GET {next} HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n"));
        let page = peer.response();
        seen += &page.text();
        let links = page.field("Link").unwrap().to_owned();
        let Some(link) = links.split(", ").find_map(|link| link.strip_suffix(">; rel=\"next\"")) else {
            break;
        };
        next = link.trim_start_matches('<').to_owned();
    }
    assert_eq!(seen, "a\nb\nc\n");
}
