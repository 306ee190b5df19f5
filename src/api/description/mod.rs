//! What can be asked here, as documents that other programs read: [`openapi`] of requests, [`asyncapi`] of
//! sockets and event streams.
//!
//! Both are made from the routing table and the names of the collections, each when somebody asks for it
//! first. They stay the same for as long as the process runs, and so does their tag.

pub mod asyncapi;
pub mod openapi;
pub mod schemas;

use crate::api::outcome::{Named, Outcome};
use crate::api::resources::read_at;
use crate::error::ApiError;
use crate::model::call::{Answer, Body, Call};
use crate::site::page::tag_of;
use crate::store::state::{Described, State};
use serde_json::Value;

pub fn of_requests(call: &Call, _: Named, state: &State) -> Result<Outcome, ApiError> {
    tell(call, state.described(0, |names| text_of(&openapi::document(names))))
}

pub fn of_sockets(call: &Call, _: Named, state: &State) -> Result<Outcome, ApiError> {
    tell(call, state.described(1, |names| text_of(&asyncapi::document(names))))
}

fn tell(call: &Call, described: &Described) -> Result<Outcome, ApiError> {
    read_at(call, described.tag, || Ok(Answer::new(200, Body::Json(described.text.clone()))))
}

fn text_of(document: &Value) -> Described {
    let text = document.to_string();
    Described { tag: tag_of(&text), text: text.into_bytes().into() }
}

/// A name in a document: `/tasks/{id}` and `get` are `getTasksId`.
fn name_of(word: &str, address: &str) -> String {
    let mut name = word.to_owned();
    for part in address.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        let (first, rest) = part.split_at(1);
        name += &first.to_ascii_uppercase();
        name += rest;
    }
    name
}
