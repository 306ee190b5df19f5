//! What a JSON-RPC reply says of itself, and how much of it is the payload.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::CommandError;

#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub id: usize,
    pub status: u16,
    /// Bytes of the representation, as it came.
    pub body_bytes: u64,
}

#[derive(Deserialize)]
struct Envelope<'t> {
    id: Option<usize>,
    #[serde(borrow)]
    result: Option<Outcome<'t>>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Outcome<'t> {
    status: u16,
    #[serde(borrow)]
    body: Option<&'t RawValue>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i32,
}

impl Reply {
    /// A call that was refused is a failure.
    pub fn read(text: &str) -> Result<Reply, CommandError> {
        let unreadable =
            |why: String| CommandError::Failed(format!("the server's answer is no JSON-RPC: {why}"));
        let envelope: Envelope = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        match (envelope.id, envelope.result, envelope.error) {
            (Some(id), Some(Outcome { status, body }), None) => {
                Ok(Reply { id, status, body_bytes: body.map_or(0, |body| body.get().len() as u64) })
            }
            (_, None, Some(Refusal { code })) => {
                Err(CommandError::Failed(format!("the server refused the call: {code}")))
            }
            _ => Err(unreadable("it has no result of ours".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_measured_as_it_came() {
        let text = r#"{"jsonrpc":"2.0","id":7,"result":{"status":200,"etag":"e-1","body":{"id": "1"}}}"#;
        assert_eq!(Reply::read(text).unwrap(), Reply { id: 7, status: 200, body_bytes: 11 });
        let empty = r#"{"id":7,"result":{"status":204}}"#;
        assert_eq!(Reply::read(empty).unwrap().body_bytes, 0);
    }

    #[test]
    fn a_refusal_is_a_failure() {
        let why = |text: &str| Reply::read(text).unwrap_err().to_string();
        assert_eq!(why(r#"{"id":1,"error":{"code":404}}"#), "the server refused the call: 404");
        assert!(why("{}").ends_with("it has no result of ours"));
        assert!(why("<html>").starts_with("the server's answer is no JSON-RPC: "));
    }
}
