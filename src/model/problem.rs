//! A refusal as a problem object (RFC 9457).

use crate::error::ApiError;
use serde_json::{Map, Value};

/// The problem object of a refusal. `title` is the status's phrase, which the road knows.
pub fn of_refusal(refusal: &ApiError, title: &str) -> Value {
    let mut members = members(refusal.status(), title, &refusal.detail());
    if let ApiError::InvalidData { reason, place } = refusal {
        members.insert("reason".into(), reason.as_ref().into());
        if let Some(place) = place {
            members.insert("line".into(), place.line.into());
            members.insert("column".into(), place.column.into());
        }
    }
    if let ApiError::PositionGone { now } = refusal {
        members.insert("position".into(), now.as_str().into());
    }
    Value::Object(members)
}

/// The problem object of anything else that ends in a status.
pub fn of_status(status: u16, title: &str, detail: &str) -> Value {
    Value::Object(members(status, title, detail))
}

fn members(status: u16, title: &str, detail: &str) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("type".into(), "about:blank".into());
    members.insert("title".into(), title.into());
    members.insert("status".into(), status.into());
    members.insert("detail".into(), detail.into());
    members
}
