//! A JSON-RPC response as far as it is measured: its id, its status, and the size of its payload.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::CommandError;

#[derive(Debug, PartialEq, Eq)]
pub struct MeasuredReply {
    pub id: usize,
    pub status: u16,
    /// Bytes of the representation, as they arrived.
    pub body_bytes: u64,
}

#[derive(Deserialize)]
struct RpcEnvelope<'t> {
    id: Option<usize>,
    #[serde(borrow)]
    result: Option<RpcResult<'t>>,
    error: Option<RpcErrorCode>,
}

#[derive(Deserialize)]
struct RpcResult<'t> {
    status: u16,
    #[serde(borrow)]
    body: Option<&'t RawValue>,
}

#[derive(Deserialize)]
struct RpcErrorCode {
    code: i32,
}

impl MeasuredReply {
    /// Reads the response to a call. A rejected call is a failure.
    pub fn read(text: &str) -> Result<MeasuredReply, CommandError> {
        let envelope: RpcEnvelope =
            serde_json::from_str(text).map_err(|error| invalid(&error.to_string()))?;
        match (envelope.id, envelope.result, envelope.error) {
            (Some(id), Some(RpcResult { status, body }), None) => {
                Ok(MeasuredReply { id, status, body_bytes: body.map_or(0, |body| body.get().len() as u64) })
            }
            (_, None, Some(RpcErrorCode { code })) => {
                Err(CommandError::Failed(format!("the server refused the call: {code}")))
            }
            _ => Err(invalid("it has no result of ours")),
        }
    }
}

fn invalid(why: &str) -> CommandError {
    CommandError::Failed(format!("the server's answer is no JSON-RPC: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_measured_as_it_came() {
        let text = r#"{"jsonrpc":"2.0","id":7,"result":{"status":200,"etag":"e-1","body":{"id": "1"}}}"#;
        assert_eq!(MeasuredReply::read(text).unwrap(), MeasuredReply { id: 7, status: 200, body_bytes: 11 });
        let empty = r#"{"id":7,"result":{"status":204}}"#;
        assert_eq!(MeasuredReply::read(empty).unwrap().body_bytes, 0);
    }

    #[test]
    fn a_refusal_is_a_failure() {
        let why = |text: &str| MeasuredReply::read(text).unwrap_err().to_string();
        assert_eq!(why(r#"{"id":1,"error":{"code":404}}"#), "the server refused the call: 404");
        assert!(why("{}").ends_with("it has no result of ours"));
        assert!(why("<html>").starts_with("the server's answer is no JSON-RPC: "));
    }
}
