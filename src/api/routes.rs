//! The routing table, and its only entry point: [`dispatch`].

use crate::api::description;
use crate::api::outcome::{Handler, Named, Outcome};
use crate::api::pages;
use crate::api::read_context::ReadContext;
use crate::api::resources;
use crate::api::route::{CHAPTER, COLLECTION, ITEM, Route, SOCKETS};
use crate::api::subscribe;
use crate::error::ApiError;
use crate::metrics::totals;
use crate::model::call::{Answer, Body, Call, Method, Representation, Talk, Wish};
use crate::model::change::{CollectionId, Conditions, Tags};
use crate::site::chapters::contents;
use crate::site::page::{self, FILES};
use crate::store::state::State;
use std::borrow::Cow;

const fn route(method: Method, path: &'static str, handler: Handler, summary: &'static str) -> Route {
    Route { method, path, handler, summary }
}

/// Every method of every path. Help, `Allow` and descriptions are made from it.
pub const ROUTES: &[Route] = &[
    route(Method::Get, COLLECTION, subscribe::take_up, "all items, in order of creation"),
    route(Method::Post, COLLECTION, resources::create, "add an item"),
    route(Method::Get, ITEM, subscribe::take_up, "one item"),
    route(Method::Put, ITEM, resources::replace, "write one item, whether it is there or not"),
    route(Method::Patch, ITEM, resources::patch, "change some members of an item"),
    route(Method::Delete, ITEM, resources::remove, "remove an item"),
    route(Method::Get, "/", index, "what there is"),
    route(Method::Get, "/ws", clock, "WebSocket: the time, once a second"),
    route(Method::Get, "/echo", echo, "WebSocket: every message comes back"),
    route(Method::Get, "/rpc", calls, "WebSocket: calls as JSON-RPC 2.0"),
    route(Method::Get, "/healthz", alive, "is the process alive?"),
    route(Method::Get, "/readyz", ready, "can it take calls?"),
    route(Method::Get, "/metrics", metrics, "what was counted, as Prometheus reads it"),
    route(Method::Get, "/counters", counters, "what was counted for the browser that asks"),
    route(Method::Get, "/openapi.json", openapi, "what can be asked, as OpenAPI 3.1"),
    route(Method::Get, "/asyncapi.json", asyncapi, "what is said over sockets, as AsyncAPI 3.0"),
    route(Method::Get, FILES[0].path, pages::file::<0>, "the script of the pages of resources"),
    route(Method::Get, FILES[1].path, pages::file::<1>, "their style"),
    route(Method::Get, FILES[2].path, pages::file::<2>, "the script of the page at /"),
    route(Method::Get, FILES[3].path, pages::file::<3>, "a part of it: the two lanes"),
    route(Method::Get, FILES[4].path, pages::file::<4>, "a part of it: what is measured"),
    route(Method::Get, FILES[5].path, pages::file::<5>, "a part of it: the exercises"),
    route(Method::Get, FILES[6].path, pages::file::<6>, "the style of the page at /"),
    route(Method::Get, FILES[7].path, pages::file::<7>, "the style of the chapters"),
    route(Method::Get, contents::ADDRESS, pages::chapters, "which chapters there are"),
    route(Method::Get, CHAPTER, pages::chapter, "a chapter, as a page"),
];

/// Names that no collection may have: the table uses them.
pub const RESERVED: &[&str] =
    &["ws", "echo", "rpc", "healthz", "readyz", "metrics", "counters", "openapi.json", "asyncapi.json", "-"];

/// Finds the route of a call, and returns what its handler does.
pub fn dispatch(call: &Call, cx: &mut ReadContext) -> Outcome {
    decide(call, cx).unwrap_or_else(|refusal| Outcome::Answer(refusal.into()))
}

fn decide(call: &Call, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    // The asterisk is no resource: it stands for the server as a whole (RFC 9110 §9.3.7).
    if call.path == "*" && call.method == Method::Options {
        return Ok(allow(ALL_METHODS));
    }
    let path = decoded(&call.path)?;
    let (pattern, named) = locate(&path, cx.state)?;
    if call.wish.is_of_changes() && !matches!(pattern, COLLECTION | ITEM) {
        return Err(ApiError::NotFollowed);
    }
    match ROUTES.iter().find(|route| route.method == call.method && route.path == pattern) {
        Some(route) => (route.handler)(call, named, cx),
        None if call.method == Method::Options => Ok(allow(allowed(pattern))),
        None => Err(ApiError::MethodNotAllowed { allow: allowed(pattern) }),
    }
}

/// Returns whether a request serves the page that sends it, and not its user: a page, a part of one, or the counters.
pub fn is_of_page(call: &Call, state: &State) -> bool {
    match decoded(&call.path).and_then(|path| locate(&path, state).map(|(found, _)| found)) {
        Ok(COLLECTION | ITEM) => call.representation == Representation::Html,
        Ok(fixed) => !SOCKETS.contains(&fixed),
        Err(_) => true,
    }
}

/// Finds the path in the table. An item need not exist.
fn locate<'p>(path: &'p str, state: &State) -> Result<(&'static str, Named<'p>), ApiError> {
    let rest = path.strip_prefix('/').ok_or(ApiError::NoSuchResource)?;
    // Names are short: a plain loop is at their end before a search has begun.
    let (name, id) = match rest.bytes().position(|byte| byte == b'/') {
        Some(slash) => (&rest[..slash], Some(&rest[slash + 1..])),
        None => (rest, None),
    };
    match (state.find(name), id) {
        (Some(collection), None) => Ok((COLLECTION, Named { collection, id: "" })),
        (Some(collection), Some(id)) if !id.is_empty() && !id.bytes().any(|byte| byte == b'/') => {
            Ok((ITEM, Named { collection, id }))
        }
        _ => fixed(path),
    }
}

/// Finds a path that belongs to no collection.
fn fixed(path: &str) -> Result<(&'static str, Named<'_>), ApiError> {
    let of_none = |id| Named { collection: CollectionId(0), id };
    let chapter = path.strip_prefix(contents::ADDRESS).and_then(|rest| rest.strip_prefix('/'));
    if let Some(name) = chapter.filter(|name| contents::find(name).is_some()) {
        return Ok((CHAPTER, of_none(name)));
    }
    let route = ROUTES.iter().find(|route| route.path == path && !path.contains('{'));
    Ok((route.ok_or(ApiError::NoSuchResource)?.path, of_none("")))
}

fn decoded<'a>(path: &'a str) -> Result<Cow<'a, str>, ApiError> {
    if !path.bytes().any(|byte| byte == b'%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut rest = path.as_bytes();
    while let Some(at) = memchr::memchr(b'%', rest) {
        if !matches!(&rest[at + 1..], [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()) {
            return Err(ApiError::PathMalformed);
        }
        // A slash that is encoded parts nothing (RFC 3986 §2.2), and no name here has one.
        if rest[at + 1..at + 3].eq_ignore_ascii_case(b"2f") {
            return Err(ApiError::NoSuchResource);
        }
        rest = &rest[at + 3..];
    }
    percent_encoding::percent_decode_str(path).decode_utf8().map_err(|_| ApiError::PathMalformed)
}

const ALL_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// The methods of a path. A test compares them with the table.
fn allowed(pattern: &str) -> &'static str {
    match pattern {
        COLLECTION => "GET, HEAD, POST, OPTIONS",
        ITEM => "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
        _ => "GET, HEAD, OPTIONS",
    }
}

fn allow(methods: &'static str) -> Outcome {
    Outcome::Answer(Answer::new(204, Body::Allow(methods)))
}

/// Answers with a body that has no entity tag: only `*` matches it in conditions.
fn untagged(call: &Call, body: Body) -> Result<Outcome, ApiError> {
    let is_any = |tags: &Option<Box<Tags>>| matches!(tags.as_deref(), Some(Tags::Any));
    let Conditions { if_match, if_none_match } = &call.conditions;
    if if_match.is_some() && !is_any(if_match) {
        return Err(ApiError::ConditionFailed);
    }
    Ok(Outcome::Answer(match is_any(if_none_match) {
        true => Answer::new(304, Body::Nothing),
        false => Answer::new(200, body),
    }))
}

fn index(call: &Call, _: Named, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    if call.representation == Representation::Html {
        let page = page::home(cx.state.names());
        return untagged(call, Body::Html(page.into_bytes().into()));
    }
    let collections: Vec<String> = cx.state.names().map(|name| format!("\"/{name}\"")).collect();
    let sockets = "\"/ws\",\"/echo\",\"/rpc\"";
    let json = format!(
        "{{\"name\":\"bothways\",\"collections\":[{}],\"sockets\":[{sockets}],\"health\":[\"/healthz\",\"/readyz\"],\
         \"counted\":[\"/metrics\",\"/counters\"],\"descriptions\":[\"/openapi.json\",\"/asyncapi.json\"]}}",
        collections.join(",")
    );
    untagged(call, Body::Json(json.into_bytes().into()))
}

fn clock(call: &Call, _: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    socket(call, Talk::Clock)
}

fn echo(call: &Call, _: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    socket(call, Talk::Echo)
}

fn calls(call: &Call, _: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    socket(call, Talk::Calls)
}

fn socket(call: &Call, talk: Talk) -> Result<Outcome, ApiError> {
    match call.wish {
        Wish::Socket => Ok(Outcome::Talk(talk)),
        _ => Err(ApiError::NotAHandshake),
    }
}

fn alive(call: &Call, _: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    untagged(call, Body::Text((*b"alive\n").into()))
}

/// A server that answers has bound its listeners and loaded its state. Whether it accepts writes depends on
/// the disk.
fn ready(call: &Call, _: Named, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    if let Some(refusal) = cx.state.board().get().refusal() {
        return Err(refusal);
    }
    untagged(call, Body::Text((*b"ready\n").into()))
}

fn openapi(call: &Call, _: Named, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    description::openapi(call, cx, ROUTES)
}

fn asyncapi(call: &Call, _: Named, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    description::asyncapi(call, cx, ROUTES)
}

/// The counters of the process are not in the state.
fn metrics(call: &Call, _: Named, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    untagged(call, Body::File { media_type: totals::MEDIA_TYPE, text: cx.metrics.text().into() })
}

/// The counters of the browser that sent the call.
fn counters(call: &Call, _: Named, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    let text = cx.metrics.text_for(cx.browser);
    untagged(call, Body::Json(text.into_bytes().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::read_context::ReadCache;
    use crate::metrics::loop_metrics::Metrics;

    fn ask(method: Method, path: &str) -> Outcome {
        let state = State::new(1, &["tasks".to_owned(), "notes".to_owned()], 1000);
        let call = Call::new(method, path).body("\"x\"");
        let mut cache = ReadCache::default();
        dispatch(
            &call,
            &mut ReadContext {
                state: &state,
                cache: &mut cache,
                metrics: &mut Metrics::default(),
                browser: None,
            },
        )
    }

    #[track_caller]
    fn status(method: Method, path: &str) -> u16 {
        match ask(method, path) {
            Outcome::Answer(answer) => answer.status,
            Outcome::Talk(_) => 101,
            _ => 0,
        }
    }

    #[test]
    fn every_path_finds_its_route_or_404() {
        for (method, path, expected) in [
            (Method::Get, "/tasks", 200),
            (Method::Get, "/notes", 200),
            (Method::Post, "/tasks", 0),
            (Method::Put, "/tasks/1", 0),
            (Method::Put, "/tasks/%31", 0),
            (Method::Delete, "/tasks/1", 0),
            (Method::Get, "/tasks/1", 404),
            (Method::Get, "/", 200),
            (Method::Get, "/healthz", 200),
            (Method::Get, "/-/page.js", 200),
            (Method::Get, "/-/page.css", 200),
            (Method::Get, "/-/home.js", 200),
            (Method::Get, "/-/%68ome.css", 200),
            (Method::Get, "/-/home.html", 404),
            (Method::Get, "/metrics", 200),
            (Method::Get, "/counters", 200),
            (Method::Get, "/openapi.json", 200),
            (Method::Get, "/asyncapi.json", 200),
            (Method::Get, "/-/chapters.css", 200),
            (Method::Get, "/-/chapters", 200),
            (Method::Get, "/-/chapters/10-polling", 200),
            (Method::Get, "/-/chapters/http", 200),
            (Method::Get, "/-/chapters/reference/http", 404),
            (Method::Get, "/-/chapters/10-polling.md", 404),
            (Method::Get, "/-/chapters/10-polling/", 404),
            (Method::Get, "/-/chapters/{name}", 404),
            (Method::Get, "/-/chapters/", 404),
            (Method::Get, "/-/chapters10-polling", 404),
            (Method::Post, "/-/chapters/10-polling", 405),
            (Method::Options, "/-/chapters/10-polling", 204),
            (Method::Get, "/-/", 404),
            (Method::Get, "/-", 404),
            (Method::Get, "/ws", 400),
            (Method::Get, "/other", 404),
            (Method::Get, "/tasks/", 404),
            (Method::Get, "/tasks/1/2", 404),
            (Method::Get, "//tasks", 404),
            (Method::Get, "/{collection}", 404),
            (Method::Get, "/Tasks", 404),
            (Method::Get, "/tasks/%zz", 400),
            (Method::Get, "/tasks/%ff", 400),
            (Method::Get, "/tasks/%2", 400),
            (Method::Put, "/tasks", 405),
            (Method::Post, "/tasks/1", 405),
            (Method::Post, "/ws", 405),
            (Method::Options, "/tasks", 204),
            (Method::Options, "*", 204),
            (Method::Get, "*", 404),
            (Method::Get, "/t%61sks", 200),
            (Method::Get, "/tasks%2F1", 404),
            (Method::Put, "/tasks/a%2fb", 404),
            (Method::Get, "%2A", 404),
            (Method::Put, "/tasks/a%20b", 400),
        ] {
            assert_eq!(status(method, path), expected, "{method:?} {path}");
        }
    }

    #[test]
    fn allow_says_what_the_table_says() {
        for route in ROUTES {
            let mut methods: Vec<String> = Vec::new();
            for other in ROUTES.iter().filter(|other| other.path == route.path) {
                methods.push(format!("{:?}", other.method).to_uppercase());
                if other.method == Method::Get {
                    methods.push("HEAD".into());
                }
            }
            methods.push("OPTIONS".into());
            assert_eq!(allowed(route.path), methods.join(", "), "{}", route.path);
        }
    }

    #[test]
    fn no_collection_can_hide_a_route() {
        for route in ROUTES {
            let name = route.path[1..].split('/').next().unwrap();
            assert!(name.is_empty() || name.contains('{') || RESERVED.contains(&name), "{name}");
        }
    }
}
