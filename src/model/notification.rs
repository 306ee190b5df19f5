//! What is told to those who follow a resource, as JSON-RPC notifications.
//!
//! ```text
//! {"jsonrpc":"2.0","method":"snapshot","params":{"path":"/tasks","position":"3f9c2a7b-41","value":[…]}}
//! {"jsonrpc":"2.0","method":"change","params":{"path":"/tasks/7","position":"3f9c2a7b-42","op":"updated","value":{…}}}
//! {"jsonrpc":"2.0","method":"position","params":{"path":"/tasks","position":"3f9c2a7b-57"}}
//! {"jsonrpc":"2.0","method":"gone","params":{"path":"/tasks","position":"3f9c2a7b-99"}}
//! ```
//!
//! `path` names the item that a change is about, and otherwise what was subscribed to; neither needs an
//! escape. A subscription with a query has it beside the path.

use crate::model::change::{Op, Position};

/// What a notice is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub collection: &'a str,
    pub id: Option<&'a str>,
    /// Of the subscription; empty where it has none.
    pub query: &'a str,
}

/// The whole state follows, and then [`SNAPSHOT_END`].
pub fn begin_snapshot(about: About, position: Position, out: &mut Vec<u8>) {
    begin("snapshot", about, position, out);
    out.extend_from_slice(b",\"value\":");
}

pub const SNAPSHOT_END: &[u8] = b"}}";

pub fn change(about: About, position: Position, op: Op, value: &str, out: &mut Vec<u8>) {
    begin("change", about, position, out);
    out.extend_from_slice(match op {
        Op::Created => b",\"op\":\"created\",\"value\":",
        Op::Updated => b",\"op\":\"updated\",\"value\":",
        Op::Deleted => b",\"op\":\"deleted\",\"value\":",
    });
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"}}");
}

/// Nothing older than this is missing.
pub fn position(about: About, position: Position, out: &mut Vec<u8>) {
    begin("position", about, position, out);
    out.extend_from_slice(b"}}");
}

/// What came since is kept no more; a snapshot follows.
pub fn gone(about: About, position: Position, out: &mut Vec<u8>) {
    begin("gone", about, position, out);
    out.extend_from_slice(b"}}");
}

fn begin(method: &str, about: About, position: Position, out: &mut Vec<u8>) {
    for part in
        ["{\"jsonrpc\":\"2.0\",\"method\":\"", method, "\",\"params\":{\"path\":\"/", about.collection]
    {
        out.extend_from_slice(part.as_bytes());
    }
    if let Some(id) = about.id {
        out.push(b'/');
        out.extend_from_slice(id.as_bytes());
    }
    if !about.query.is_empty() {
        out.extend_from_slice(b"\",\"query\":");
        let query = serde_json::to_string(about.query).expect("a string has a JSON text");
        out.extend_from_slice(query.as_bytes());
        out.extend_from_slice(b",\"position\":\"");
    } else {
        out.extend_from_slice(b"\",\"position\":\"");
    }
    position.write(out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        serde_json::from_str::<&serde_json::value::RawValue>(expected).expect("it is JSON");
    }

    #[test]
    fn notices_are_json_rpc_notifications() {
        let at = Position { epoch: 0x3f9c2a7b, seq: 42 };
        let tasks = About { collection: "tasks", id: None, query: "" };
        let seventh = About { id: Some("7"), ..tasks };
        check(
            r#"{"jsonrpc":"2.0","method":"change","params":{"path":"/tasks/7","position":"3f9c2a7b-42","op":"updated","value":{"id":"7"}}}"#,
            |out| change(seventh, at, Op::Updated, r#"{"id":"7"}"#, out),
        );
        check(
            r#"{"jsonrpc":"2.0","method":"snapshot","params":{"path":"/tasks","position":"3f9c2a7b-42","value":[]}}"#,
            |out| {
                begin_snapshot(tasks, at, out);
                out.extend_from_slice(b"[]");
                out.extend_from_slice(SNAPSHOT_END);
            },
        );
        check(
            r#"{"jsonrpc":"2.0","method":"position","params":{"path":"/tasks","query":"a=\"b\"","position":"3f9c2a7b-42"}}"#,
            |out| position(About { query: "a=\"b\"", ..tasks }, at, out),
        );
        check(
            r#"{"jsonrpc":"2.0","method":"gone","params":{"path":"/tasks/7","position":"3f9c2a7b-42"}}"#,
            |out| gone(seventh, at, out),
        );
    }
}
