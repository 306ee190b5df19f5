//! The messages of WebSockets and event streams, as AsyncAPI 3.0.
//!
//! Actions are those of the server: it receives calls, and sends answers and notifications.

use crate::api::description::names::{addresses, operation_id};
use crate::api::description::schemas::{self, reference};
use crate::api::route::{COLLECTION, ITEM, Route};
use crate::model::call::Method;
use crate::model::json_rpc::SUBPROTOCOL;
use serde_json::{Map, Value, json};

/// The messages that a WebSocket for calls receives and sends.
const CALLS_IN: &[&str] = &["call", "batch"];
const CALLS_OUT: &[&str] = &["answer", "answers"];
/// The notifications to subscribers.
const NOTICES: &[&str] = &["snapshot", "change", "position", "gone"];

/// An address with more than one message.
struct Stream {
    name: String,
    address: String,
    says: String,
    receives: Vec<&'static str>,
    sends: Vec<&'static str>,
    /// A WebSocket, not an event stream.
    is_socket: bool,
    /// Whether a subscription can begin at a position.
    is_followed: bool,
    has_id: bool,
}

pub fn document(routes: &[Route], names: &[&str]) -> Value {
    let (mut channels, mut operations) = (Map::new(), Map::new());
    for stream in streams(routes, names) {
        for (action, messages) in [("receive", &stream.receives), ("send", &stream.sends)] {
            if !messages.is_empty() {
                operations
                    .insert(operation_id(action, &stream.name), operation(action, &stream.name, messages));
            }
        }
        channels.insert(stream.name.clone(), channel(&stream));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "bothways",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "What is said over sockets and event streams. Calls are JSON-RPC 2.0, under the subprotocol \
                 {SUBPROTOCOL} where it is offered. Requests are described in /openapi.json."
            ),
            "license": { "name": "MIT OR Apache-2.0" }
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages(), "schemas": schemas() }
    })
}

/// Returns the channels of all routes.
fn streams(routes: &[Route], names: &[&str]) -> Vec<Stream> {
    let mut streams = Vec::new();
    for route in routes.iter().filter(|route| route.method == Method::Get) {
        let fixed = |name: &str, receives: &[&'static str], sends: &[&'static str]| Stream {
            name: name.to_owned(),
            address: route.path.to_owned(),
            says: route.summary.to_owned(),
            receives: receives.to_vec(),
            sends: sends.to_vec(),
            is_socket: true,
            is_followed: false,
            has_id: false,
        };
        match route.path {
            "/ws" => streams.push(fixed("clock", &[], &["time"])),
            "/echo" => streams.push(fixed("echo", &["anything"], &["anything"])),
            "/rpc" => {
                let sends = [CALLS_OUT, NOTICES].concat();
                streams.push(fixed("rpc", CALLS_IN, &sends));
            }
            COLLECTION | ITEM => {
                for (address, _) in addresses(route.path, names) {
                    streams.extend(followed(&address, route.summary, route.path == ITEM));
                }
            }
            _ => {}
        }
    }
    streams
}

/// Returns the channels of a resource: a WebSocket and an event stream.
fn followed(address: &str, says: &str, has_id: bool) -> [Stream; 2] {
    let stream = |is_socket: bool| Stream {
        name: operation_id(if is_socket { "socket" } else { "events" }, address),
        address: address.to_owned(),
        says: says.to_owned(),
        receives: if is_socket { CALLS_IN.to_vec() } else { Vec::new() },
        sends: if is_socket { [NOTICES, CALLS_OUT].concat() } else { NOTICES.to_vec() },
        is_socket,
        is_followed: true,
        has_id,
    };
    [stream(true), stream(false)]
}

fn channel(stream: &Stream) -> Value {
    let mut messages = Map::new();
    for name in stream.receives.iter().chain(&stream.sends) {
        messages.insert((*name).to_owned(), json!({ "$ref": format!("#/components/messages/{name}") }));
    }
    let mut channel = json!({
        "address": stream.address,
        "description": if stream.is_socket { stream.says.clone() } else {
            format!("{}, followed as text/event-stream: each data is a notice, each id its position", stream.says)
        },
        "messages": messages
    });
    if stream.has_id {
        channel["parameters"] = json!({ "id": { "description": "1 to 64 of A-Z a-z 0-9 . _ ~ -" } });
    }
    if stream.is_socket {
        channel["bindings"] = json!({ "ws": { "method": "GET" } });
    }
    if stream.is_followed {
        let query = json!({
            "type": "object",
            "properties": {
                "since": { "type": "string", "description": "The position from which to go on, or now." },
                "deliver": { "type": "string", "enum": ["all", "latest"] }
            }
        });
        match stream.is_socket {
            true => channel["bindings"]["ws"]["query"] = query,
            false => {
                channel["description"] = format!(
                    "{}. Begins with a snapshot; or behind ?since=, or Last-Event-ID, which wins",
                    channel["description"].as_str().unwrap_or_default()
                )
                .into()
            }
        }
    }
    channel
}

fn operation(action: &str, channel: &str, messages: &[&str]) -> Value {
    let reference = |name: &&str| json!({ "$ref": format!("#/channels/{channel}/messages/{name}") });
    let mut operation = json!({
        "action": action,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": messages.iter().map(reference).collect::<Vec<_>>()
    });
    if messages.contains(&"call") {
        operation["reply"] = json!({
            "channel": { "$ref": format!("#/channels/{channel}") },
            "messages": CALLS_OUT.iter().map(reference).collect::<Vec<_>>()
        });
    }
    operation
}

fn messages() -> Value {
    let message = |name: &str, summary: &str, payload: Value| json!({ "name": name, "summary": summary, "contentType": "application/json", "payload": payload });
    json!({
        "time": {
            "name": "time",
            "summary": "The time of day, at once and then every second.",
            "contentType": "text/plain",
            "payload": { "type": "string", "pattern": "^The time is: [0-9]{2}:[0-9]{2}:[0-9]{2}$" }
        },
        "anything": {
            "name": "anything",
            "summary": "A text or binary message, which comes back as it was.",
            "contentType": "application/octet-stream",
            "payload": {}
        },
        "call": message("call", "One call; without an id, one that is not answered.", reference("Call")),
        "batch": message("batch", "Several calls, answered together.", json!({
            "type": "array", "minItems": 1, "items": reference("Call")
        })),
        "answer": message("answer", "What is said to a call.", reference("Answer")),
        "answers": message("answers", "What is said to a batch.", json!({
            "type": "array", "minItems": 1, "items": reference("Answer")
        })),
        "snapshot": message("snapshot", "The whole state, at a position.", notice("snapshot", json!({
            "value": { "description": "An array of items; one item; or null, where it is not there." }
        }))),
        "change": message("change", "What changed.", notice("change", json!({
            "op": { "enum": ["created", "updated", "deleted"] },
            "value": reference("Item")
        }))),
        "position": message("position", "Nothing older than this is missing.", notice("position", json!({}))),
        "gone": message("gone", "What came since is kept no more; a snapshot follows.", notice("gone", json!({})))
    })
}

/// Returns the schema of a notification with these members in addition to path, query and position.
fn notice(method: &str, more: Value) -> Value {
    let mut params = json!({
        "path": { "type": "string", "pattern": "^/" },
        "query": { "type": "string", "description": "Of the subscription, where it has one." },
        "position": reference("Position")
    });
    let mut required = vec!["path", "position"];
    for (name, schema) in more.as_object().into_iter().flatten() {
        params[name] = schema.clone();
        required.push(name);
    }
    json!({
        "type": "object",
        "required": ["jsonrpc", "method", "params"],
        "properties": {
            "jsonrpc": { "const": "2.0" },
            "method": { "const": method },
            "params": { "type": "object", "required": required, "properties": params }
        }
    })
}

fn schemas() -> Value {
    let mut schemas = schemas::shared();
    let tags = json!({
        "description": "*, a position, or a list of positions, with or without quotes.",
        "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
    });
    schemas["Call"] = json!({
        "type": "object",
        "required": ["jsonrpc", "method", "params"],
        "properties": {
            "jsonrpc": { "const": "2.0" },
            "id": { "type": ["string", "number", "null"] },
            "method": { "enum": ["get", "post", "put", "patch", "delete", "subscribe", "unsubscribe"] },
            "params": {
                "type": "object",
                "required": ["path"],
                "additionalProperties": false,
                "properties": {
                    "path": { "type": "string", "pattern": "^/" },
                    "query": { "type": "string" },
                    "body": { "description": "Any value; what is taken says /openapi.json." },
                    "if_match": tags,
                    "if_none_match": tags,
                    "idempotency_key": {
                        "type": "string",
                        "description": "Of post: what is sent again with the same key is done once. With quotes \
                                        or without."
                    },
                    "content_type": { "type": "string" },
                    "since": { "type": "string", "description": "Of subscribe." },
                    "deliver": { "enum": ["all", "latest"], "description": "Of subscribe." }
                }
            }
        }
    });
    schemas["Answer"] = json!({
        "oneOf": [
            {
                "type": "object",
                "required": ["jsonrpc", "id", "result"],
                "properties": {
                    "jsonrpc": { "const": "2.0" },
                    "id": { "type": ["string", "number", "null"] },
                    "result": {
                        "type": "object",
                        "required": ["status"],
                        "properties": {
                            "status": { "type": "integer", "minimum": 200, "maximum": 399 },
                            "etag": reference("Position"),
                            "location": { "type": "string", "pattern": "^/" },
                            "replayed": { "const": true },
                            "link": { "type": "string" },
                            "total": { "type": "integer", "minimum": 0 },
                            "allow": { "type": "string" },
                            "body": { "description": "An item, an array of items, or a text." }
                        }
                    }
                }
            },
            {
                "type": "object",
                "required": ["jsonrpc", "id", "error"],
                "properties": {
                    "jsonrpc": { "const": "2.0" },
                    "id": { "type": ["string", "number", "null"] },
                    "error": {
                        "type": "object",
                        "required": ["code", "message"],
                        "properties": {
                            "code": {
                                "type": "integer",
                                "description": "The status over HTTP, or one of JSON-RPC's own."
                            },
                            "message": { "type": "string" },
                            "data": reference("Problem")
                        }
                    }
                }
            }
        ]
    });
    schemas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::routes::ROUTES;

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document(ROUTES, &["tasks", "notes"]);
        let text = document.to_string();
        for target in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(target).is_some(), "{target}");
        }
    }

    #[test]
    fn every_socket_and_stream_has_a_channel() {
        let document = document(ROUTES, &["tasks"]);
        let channels = document["channels"].as_object().unwrap();
        let addresses: Vec<&str> =
            channels.values().map(|channel| channel["address"].as_str().unwrap()).collect();
        let all = ["/tasks", "/tasks", "/tasks/{id}", "/tasks/{id}", "/ws", "/echo", "/rpc"];
        assert_eq!(addresses, all);
        for (name, channel) in channels {
            for message in channel["messages"].as_object().unwrap().keys() {
                let target = format!("#/channels/{name}/messages/{message}");
                let said = document["operations"].to_string().contains(&format!("\"{target}\""));
                assert!(said, "{message} on {name} is neither sent nor received");
            }
        }
    }
}
