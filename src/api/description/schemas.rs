//! JSON Schemas (2020-12) that both documents have under `components/schemas`.

use crate::config::PER_PAGE_MAX;
use serde_json::{Value, json};

/// 1 to 64 of these, and not `.` or `..`.
const ID: &str = r"^(?!\.{1,2}$)[A-Za-z0-9._~-]{1,64}$";

/// The pattern of a string with more than white space.
const NOT_BLANK: &str = r"[^\s\u0085]";

/// Returns a reference to a schema.
pub fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub fn id() -> Value {
    json!({ "type": "string", "pattern": ID, "description": "1 to 64 of A-Z a-z 0-9 . _ ~ -" })
}

/// The schemas that both documents refer to.
pub fn shared() -> Value {
    json!({
        "Item": {
            "type": "object",
            "required": ["id"],
            "properties": { "id": id() },
            "description": "Other members are kept as they were written."
        },
        "NewItem": {
            "description": "An object; or a string that is not blank, which is short for {\"text\": …}.",
            "oneOf": [
                { "type": "object", "properties": { "id": id() } },
                { "type": "string", "pattern": NOT_BLANK }
            ]
        },
        "WrittenItem": {
            "description": "As a new item. The id is that of the path, and need not be said.",
            "oneOf": [
                { "type": "object", "not": { "required": ["id"] } },
                { "type": "string", "pattern": NOT_BLANK }
            ]
        },
        "MergePatch": {
            "description": "RFC 7396: members are replaced, those that are null removed. The id stays.",
            "type": "object",
            "not": { "required": ["id"] }
        },
        "JsonPatch": {
            "description": "RFC 6902: done in order, and all together or not at all.",
            "type": "array",
            "maxItems": crate::config::PATCH_OPERATIONS_MAX,
            "items": { "oneOf": [
                operation(&["add", "replace", "test"], "value", json!(true)),
                operation(&["move", "copy"], "from", pointer()),
                operation(&["remove"], "path", pointer()),
            ] }
        },
        "Position": {
            "description": "Which log, and how far in it: EPOCH-SEQ.",
            "type": "string",
            "pattern": "^[0-9a-f]{8}-(0|[1-9][0-9]*)$",
            "examples": ["3f9c2a7b-42"]
        },
        "Problem": {
            "description": "RFC 9457.",
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": { "type": "string" },
                "title": { "type": "string" },
                "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                "detail": { "type": "string" },
                "reason": { "type": "string", "description": "Of a body: what is wrong with it." },
                "line": { "type": "integer", "minimum": 1, "description": "Where its JSON is malformed." },
                "column": { "type": "integer", "minimum": 1 },
                "position": {
                    "type": "string",
                    "description": "Of a 410: where to begin again."
                }
            }
        }
    })
}

fn pointer() -> Value {
    // The item itself stays, and so does its id.
    json!({ "type": "string", "pattern": "^(?!/id$)(/([^~/]|~[01])*)+$", "description": "RFC 6901" })
}

fn operation(names: &[&str], needs: &str, what: Value) -> Value {
    let mut properties = json!({ "op": { "enum": names }, "path": pointer() });
    properties[needs] = what;
    let required = if needs == "path" { json!(["op", "path"]) } else { json!(["op", "path", needs]) };
    json!({ "type": "object", "required": required, "properties": properties })
}

pub fn per_page() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": PER_PAGE_MAX })
}
