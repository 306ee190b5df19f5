//! What can be asked by a request, as OpenAPI 3.1.
//!
//! The table says which addresses there are, and what each method of them is; here stands what is asked
//! with it, and what can come back.

use crate::api::description::names::{addresses, operation_id};
use crate::api::description::schemas::{self, NOT_BLANK, TAGS, reference};
use crate::api::new_item;
use crate::api::route::{CHAPTER, COLLECTION, ITEM, Route, SOCKETS};
use crate::config::QUERY_PARAMETERS_MAX;
use crate::model::call::Method;
use crate::site::chapters::contents::{self, CHAPTERS, Chapter};
use serde_json::{Map, Value, json};

pub fn document(routes: &[Route], names: &[&str]) -> Value {
    let mut paths = Map::new();
    for route in routes {
        for (address, name) in addresses(route.path, names) {
            let item = paths.entry(address.clone()).or_insert_with(|| path_item(route.path, &address));
            let operation = operation(route, &address, name);
            // Of a socket there is no head without the rest.
            if has_head(route) {
                item["head"] = head_of(&operation, &address);
            }
            item[word(route.method)] = operation;
        }
    }
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "bothways",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The same JSON resources over REST and over one WebSocket.",
            "description": "What is followed, and what is said over a socket, is described in /asyncapi.json.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" }
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas::shared(), "parameters": parameters(), "headers": headers(), "responses": problems() }
    })
}

fn has_head(route: &Route) -> bool {
    route.method == Method::Get && !SOCKETS.contains(&route.path)
}

fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Patch => "patch",
        Method::Delete => "delete",
        Method::Options => "options",
    }
}

fn path_item(path: &str, address: &str) -> Value {
    let options = json!({
        "operationId": operation_id("options", address),
        "summary": "which methods there are",
        "responses": responses(&[], json!({
            "204": { "description": "They stand in Allow.", "headers": named_headers(&["Allow"]) }
        }))
    });
    match path {
        ITEM => json!({
            "parameters": [{
                "name": "id", "in": "path", "required": true, "schema": schemas::id()
            }],
            "options": options
        }),
        CHAPTER => json!({
            "parameters": [{
                "name": "name", "in": "path", "required": true,
                "schema": { "type": "string", "enum": CHAPTERS.iter().map(Chapter::name).collect::<Vec<_>>() }
            }],
            "options": options
        }),
        _ => json!({ "options": options }),
    }
}

fn operation(route: &Route, address: &str, name: Option<&str>) -> Value {
    let mut operation = json!({
        "operationId": operation_id(word(route.method), address),
        "summary": route.summary,
    });
    if let Some(name) = name {
        operation["tags"] = json!([name]);
    }
    let (parameters, body, responses) = match (route.path, route.method) {
        (COLLECTION, Method::Get) => (list_parameters(), None, followed(list(), true)),
        (ITEM, Method::Get) => (follow_parameters(), None, followed(item("The item."), false)),
        (COLLECTION, Method::Post) => (post_parameters(), Some(content("NewItem")), created_by_post(name)),
        (_, Method::Put) => (write_parameters(), Some(content("WrittenItem")), written()),
        (_, Method::Patch) => (write_parameters(), Some(patches()), patched()),
        (_, Method::Delete) => (write_parameters(), None, removed()),
        (path, _) => fixed(path),
    };
    operation["parameters"] = parameters;
    if let Some(content) = body {
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation["responses"] = responses;
    operation
}

/// The same without a body.
fn head_of(get: &Value, address: &str) -> Value {
    let mut head = get.clone();
    head["operationId"] = operation_id("head", address).into();
    let answers = head["responses"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for answer in answers.filter_map(Value::as_object_mut) {
        answer.remove("content");
    }
    head
}

// What is asked with.

fn parameter(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

fn conditions() -> Vec<Value> {
    vec![parameter("IfMatch"), parameter("IfNoneMatch")]
}

fn write_parameters() -> Value {
    conditions().into()
}

fn post_parameters() -> Value {
    let mut all = conditions();
    all.push(parameter("IdempotencyKey"));
    all.into()
}

fn follow_parameters() -> Value {
    let mut all = conditions();
    all.extend(["Prefer", "LastEventId", "Since", "Deliver"].map(parameter));
    all.into()
}

fn list_parameters() -> Value {
    let mut all = conditions();
    let of_lists = ["Prefer", "LastEventId", "Since", "Deliver", "Filters", "Sort", "Page", "PerPage"];
    all.extend(of_lists.map(parameter));
    all.into()
}

/// With or without quotes.
const KEY: &str = r#"^([!#-+.-~-]{1,255}|"([!#-\[\]-~]|\\["\\]){1,255}")$"#;

const TAG: &str = "\"3f9c2a7b-42\"";

fn parameters() -> Value {
    let tags = json!({ "type": "string", "pattern": TAGS });
    json!({
        "IfMatch": {
            "name": "If-Match", "in": "header", "schema": tags, "example": TAG,
            "description": "Only if the state is one of these; or, with *, if there is one. Else 412."
        },
        "IfNoneMatch": {
            "name": "If-None-Match", "in": "header", "schema": tags, "example": TAG,
            "description": "Only if the state is none of these; or, with *, if there is none. Else 304 for a \
                            GET, 412 for a write."
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header",
            "schema": { "type": "string", "pattern": KEY },
            "example": "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
            "description": "1 to 255 visible ASCII characters, in quotes or without. What is sent again with \
                            the same key and body is done once, and answered as it was then; with another \
                            body it is 422."
        },
        "Prefer": {
            "name": "Prefer", "in": "header", "schema": { "type": "string" }, "example": "wait=1",
            "description": "wait=N, with If-None-Match: held until the state is another, or N seconds have \
                            passed. What is not understood is passed over."
        },
        "LastEventId": {
            "name": "Last-Event-ID", "in": "header", "schema": { "type": "string" },
            "description": "Of an event stream: the position from which it goes on. It wins over since."
        },
        "Since": {
            "name": "since", "in": "query", "schema": { "type": "string" },
            "description": "Of an event stream or a socket: the position from which it goes on, or now. \
                            Anything else is passed over."
        },
        "Deliver": {
            "name": "deliver", "in": "query", "schema": { "type": "string" },
            "description": "Of an event stream or a socket: what a slow reader is told, all (every change) or \
                            latest (the newest state of each item). Otherwise passed over."
        },
        "Filters": {
            "name": "filters", "in": "query", "style": "form", "explode": true,
            "schema": {
                "type": "object",
                "maxProperties": QUERY_PARAMETERS_MAX / 2,
                "propertyNames": {
                    "pattern": "^(?!since$|deliver$)[A-Za-z][A-Za-z0-9_.]*(:(eq|ne|lt|lte|gt|gte|contains))?$"
                },
                "additionalProperties": { "type": "string" }
            },
            "description": "Each is the name of a member, or names with dots between them, and behind a colon \
                            an operator: eq, ne, lt, lte, gt, gte, contains. All must hold; of several for \
                            one member without an operator, one is enough."
        },
        "Sort": {
            "name": "_sort", "in": "query",
            "schema": { "type": "string", "pattern": "^(-[^,]+|[^,-][^,]*)(,(-[^,]+|[^,-][^,]*)){0,15}$" },
            "description": "Members, the first counting most; with a minus in falling order."
        },
        "Page": {
            "name": "_page", "in": "query",
            "schema": { "type": "integer", "minimum": 1, "maximum": usize::MAX },
            "description": "Which page, counted from 1."
        },
        "PerPage": {
            "name": "_per_page", "in": "query", "schema": schemas::per_page(),
            "description": "How many items are on a page."
        }
    })
}

/// An item in the media types that [`intake`] reads.
fn content(schema: &str) -> Value {
    let mut content = Map::new();
    for media_type in new_item::MEDIA_TYPES.split(", ") {
        let schema = match media_type {
            "text/plain" => json!({ "type": "string", "pattern": NOT_BLANK }),
            _ => reference(schema),
        };
        content.insert(media_type.to_owned(), json!({ "schema": schema }));
    }
    content.into()
}

fn patches() -> Value {
    json!({
        "application/merge-patch+json": { "schema": reference("MergePatch") },
        "application/json-patch+json": { "schema": reference("JsonPatch") },
        "application/json": { "schema": reference("MergePatch") }
    })
}

// What comes back.

/// Statuses of refusals, and when they come.
const PROBLEMS: &[(u16, &str)] = &[
    (400, "The path, the query, a condition, the body or the request itself is malformed."),
    (403, "A page of another origin asks, and may not."),
    (404, "There is no such resource."),
    (406, "Accept takes none of the representations that there are."),
    (408, "The request has not come whole in time. The connection ends."),
    (409, "The id is taken; or a JSON Patch cannot be done to the item as it is now."),
    (410, "What changed since that position is kept no more; `position` is the one to begin again from."),
    (412, "The condition does not hold."),
    (413, "The body or the item is too long."),
    (414, "The target is too long. The connection ends."),
    (415, "Not this media type, or a content coding."),
    (417, "Another expectation than 100-continue. The connection ends."),
    (422, "The key came before with another body."),
    (426, "Another version of WebSocket than 13."),
    (431, "The head is too long or has too many fields. The connection ends."),
    (501, "A transfer coding that is not known. The connection ends."),
    (503, "Too many long answers are still being read; or the disk is behind, or has failed."),
    (505, "Another major version of HTTP than 1. The connection ends."),
    (507, "There is no room on the disk."),
];

/// Those that can come of every request, whatever it asks for.
const OF_ANY: &[u16] = &[400, 404, 406, 408, 413, 414, 417, 426, 431, 501, 505];

/// These answers, and the problems that can come as well.
fn responses(problems: &[u16], answers: Value) -> Value {
    let mut responses = answers;
    for &(status, _) in PROBLEMS {
        if OF_ANY.contains(&status) || problems.contains(&status) {
            responses[status.to_string()] =
                json!({ "$ref": format!("#/components/responses/Problem{status}") });
        }
    }
    responses
}

fn problems() -> Value {
    let named = |&(status, when): &(u16, &str)| (format!("Problem{status}"), problem(status, when));
    PROBLEMS.iter().map(named).collect::<Map<_, _>>().into()
}

fn problem(status: u16, when: &str) -> Value {
    let mut response = json!({
        "description": when,
        "content": {
            "application/problem+json": { "schema": reference("Problem") },
            "text/plain": { "schema": { "type": "string" } },
            "text/html": { "schema": { "type": "string" } },
            "application/problem+xml": {}
        }
    });
    let names: &[&str] = match status {
        415 => &["Accept", "AcceptPatch", "AcceptEncoding"],
        426 => &["SecWebSocketVersion"],
        503 => &["RetryAfter"],
        _ => &[],
    };
    if !names.is_empty() {
        response["headers"] = named_headers(names);
    }
    response
}

fn named_headers(names: &[&str]) -> Value {
    let mut named = Map::new();
    for name in names {
        let field = HEADERS.iter().find(|(known, ..)| known == name).map_or(*name, |(_, field, ..)| field);
        named.insert(field.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    }
    named.into()
}

/// Name here, name of the field, pattern of its value, what it says.
const HEADERS: &[(&str, &str, &str, &str)] = &[
    (
        "ETag",
        "ETag",
        r#"^"[!#-~]+"$"#,
        "The position, and behind a dot the representation if it is not JSON.",
    ),
    ("Location", "Location", "^/", "Where what was created stands."),
    ("Replayed", "Idempotent-Replayed", "^true$", "An earlier call with the same key has created it."),
    ("Link", "Link", "^<", "Where the other pages are (RFC 8288): first, prev, next, last."),
    ("TotalCount", "X-Total-Count", "^[0-9]+$", "How many items there are on all pages."),
    ("PreferenceApplied", "Preference-Applied", "^wait=[0-9]+$", "For how long it would have waited."),
    ("CacheControl", "Cache-Control", "^no-cache$", "What is kept is to be asked about before it is used."),
    ("Vary", "Vary", "^", "What the answer depended on."),
    ("Allow", "Allow", "^[A-Z, ]+$", "The methods that this resource takes."),
    ("Accept", "Accept", "^", "The media types that POST and PUT take."),
    ("AcceptPatch", "Accept-Patch", "^", "The media types that PATCH takes."),
    ("AcceptEncoding", "Accept-Encoding", "^identity$", "No content coding is undone."),
    ("SecWebSocketVersion", "Sec-WebSocket-Version", "^13$", "The version that is spoken."),
    ("SecWebSocketAccept", "Sec-WebSocket-Accept", "^", "Made from the key of the handshake."),
    ("RetryAfter", "Retry-After", "^[0-9]+$", "Seconds."),
];

fn headers() -> Value {
    let mut headers = Map::new();
    for (name, _, pattern, says) in HEADERS {
        let schema = json!({ "type": "string", "pattern": pattern });
        headers.insert((*name).to_owned(), json!({ "description": says, "schema": schema }));
    }
    headers.into()
}

/// One value in each of its representations.
fn represented(schema: Value) -> Value {
    json!({
        "application/json": { "schema": schema },
        "text/plain": { "schema": { "type": "string" } },
        "text/html": { "schema": { "type": "string" } },
        "application/xml": {}
    })
}

const OF_A_STATE: &[&str] = &["ETag", "CacheControl", "Vary"];

fn item(says: &str) -> Value {
    json!({
        "description": says,
        "headers": named_headers(OF_A_STATE),
        "content": represented(reference("Item"))
    })
}

fn list() -> Value {
    let headers = named_headers(&[OF_A_STATE, &["Link", "TotalCount"]].concat());
    json!({
        "description": "The items, in order of creation, or as the query asks.",
        "headers": headers,
        "content": represented(json!({ "type": "array", "items": reference("Item") }))
    })
}

/// What a GET says of something that can also be followed.
fn followed(mut state: Value, can_be_long: bool) -> Value {
    state["headers"]["Preference-Applied"] = json!({ "$ref": "#/components/headers/PreferenceApplied" });
    state["content"]["text/event-stream"] = json!({
        "schema": {
            "type": "string",
            "description": "Server-Sent Events: each is a notice, and its id a position. See /asyncapi.json."
        }
    });
    let problems: &[u16] = if can_be_long { &[403, 410, 412, 503] } else { &[403, 410, 412] };
    responses(
        problems,
        json!({
            "101": socket("Asked for with a handshake, it is a socket on which the same is told and calls can \
                           be made. See /asyncapi.json."),
            "200": state,
            "304": unchanged(&["PreferenceApplied"])
        }),
    )
}

fn socket(says: &str) -> Value {
    json!({ "description": says, "headers": named_headers(&["SecWebSocketAccept"]) })
}

fn unchanged(others: &[&str]) -> Value {
    let headers = named_headers(&[OF_A_STATE, others].concat());
    json!({ "description": "It is still what you have.", "headers": headers })
}

/// What can be said to every write.
const OF_WRITES: &[u16] = &[403, 412, 413, 415, 503, 507];

fn created(mut answer: Value) -> Value {
    answer["headers"]["Location"] = json!({ "$ref": "#/components/headers/Location" });
    answer
}

fn created_by_post(name: Option<&str>) -> Value {
    let words = if name == Some("tasks") { "Task added successfully." } else { "Added successfully." };
    let mut answer = created(item("It is created: Location says where."));
    answer["content"]["text/plain"]["schema"]["const"] = words.into();
    answer["headers"]["Idempotent-Replayed"] = json!({ "$ref": "#/components/headers/Replayed" });
    responses(&[OF_WRITES, &[409, 422]].concat(), json!({ "201": answer }))
}

fn written() -> Value {
    let answers = json!({
        "200": item("It is replaced."),
        "201": created(item("It was not there, and is created."))
    });
    responses(OF_WRITES, answers)
}

fn patched() -> Value {
    let answers = json!({ "200": item("It is changed, and this is what it is now.") });
    responses(&[OF_WRITES, &[409]].concat(), answers)
}

fn removed() -> Value {
    responses(OF_WRITES, json!({ "204": { "description": "It is removed." } }))
}

/// What a handshake has to say (RFC 6455 §4.1).
const HANDSHAKE: [(&str, &str); 4] = [
    ("Connection", "^Upgrade$"),
    ("Upgrade", "^websocket$"),
    ("Sec-WebSocket-Version", "^13$"),
    ("Sec-WebSocket-Key", "^[A-Za-z0-9+/]{21}[AQgw]==$"),
];

/// What has an address of its own: what is asked with, and what comes back.
fn fixed(path: &str) -> (Value, Option<Value>, Value) {
    let text = json!({ "schema": { "type": "string" } });
    let said = |media_type: &str, schema: Value, headers: &[&str]| {
        let mut content = Map::new();
        content.insert(media_type.to_owned(), json!({ "schema": schema }));
        json!({
            "description": "Here it is, whatever Accept likes best.",
            "headers": named_headers(headers),
            "content": content
        })
    };
    let answer = match path {
        "/" => {
            let mut answer = said("application/json", json!({ "type": "object" }), &["CacheControl", "Vary"]);
            answer["content"]["text/html"] = text;
            answer
        }
        "/healthz" | "/readyz" => said("text/plain", text["schema"].clone(), &["CacheControl"]),
        "/metrics" => said("text/plain", text["schema"].clone(), &["CacheControl"]),
        "/counters" => {
            let mut answer = said("application/json", json!({ "type": "object" }), &["CacheControl", "Vary"]);
            answer["description"] = "For the visitor that the cookie `bothways-visitor` names; without one, nothing. \
                                     A token is 16 hexadecimal digits, drawn by chance: it stands for a browser, and \
                                     is kept in memory only."
                .into();
            answer
        }
        "/openapi.json" | "/asyncapi.json" => {
            said("application/json", json!({ "type": "object" }), OF_A_STATE)
        }
        contents::ADDRESS | CHAPTER => said("text/html", text["schema"].clone(), OF_A_STATE),
        file if file.ends_with(".js") => said("text/javascript", text["schema"].clone(), OF_A_STATE),
        file if file.ends_with(".css") => said("text/css", text["schema"].clone(), OF_A_STATE),
        // Those that are sockets and nothing else.
        other => {
            debug_assert!(SOCKETS.contains(&other), "{other} is not described");
            let answers = json!({ "101": socket("From here on it is a socket. See /asyncapi.json.") });
            let asked = HANDSHAKE.map(|(name, pattern)| {
                let schema = json!({ "type": "string", "pattern": pattern });
                json!({ "name": name, "in": "header", "required": true, "schema": schema })
            });
            return (asked.to_vec().into(), None, responses(&[403], answers));
        }
    };
    // What has no tag can still be asked for with *.
    let answers = json!({ "200": answer, "304": unchanged(&[]) });
    let problems: &[u16] = match path {
        "/readyz" => &[412, 503, 507],
        CHAPTER => &[404, 412],
        _ => &[412],
    };
    (write_parameters(), None, responses(problems, answers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::routes::ROUTES;
    use std::collections::BTreeSet;

    const NAMES: &[&str] = &["tasks", "notes"];

    #[test]
    fn every_route_has_an_operation_and_every_operation_a_route() {
        let document = document(ROUTES, NAMES);
        let mut described = BTreeSet::new();
        for (address, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            described.extend(methods.map(|method| (address.clone(), method.clone())));
        }
        let mut routed = BTreeSet::new();
        for route in ROUTES {
            for (address, _) in addresses(route.path, NAMES) {
                routed.insert((address.clone(), "options".to_owned()));
                if has_head(route) {
                    routed.insert((address.clone(), "head".to_owned()));
                }
                routed.insert((address, word(route.method).to_owned()));
            }
        }
        assert_eq!(described, routed);
        assert!(document["paths"]["/notes/{id}"]["patch"]["summary"].is_string());
    }

    #[test]
    fn every_reference_leads_somewhere_and_no_operation_has_the_name_of_another() {
        let document = document(ROUTES, NAMES);
        let text = document.to_string();
        for target in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(target).is_some(), "{target}");
        }
        let ids: Vec<&str> =
            text.split("\"operationId\":\"").skip(1).map(|id| &id[..id.find('"').unwrap()]).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn every_operation_says_what_comes_of_it() {
        for (address, item) in document(ROUTES, NAMES)["paths"].as_object().unwrap() {
            for (method, operation) in
                item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters")
            {
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.keys().any(|status| status < &"300".to_owned()), "{method} {address}");
                for (status, response) in responses {
                    let is_problem = response.get("$ref").is_some();
                    assert_eq!(is_problem, **status >= *"400", "{method} {address} {status}");
                }
            }
        }
    }
}
