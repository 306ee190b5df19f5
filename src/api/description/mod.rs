//! The API as documents for other programs: [`openapi`](mod@openapi) describes the requests, [`asyncapi`](mod@asyncapi) the
//! WebSockets and event streams.
//!
//! Both are made from the routing table and the names of the collections.

pub mod asyncapi;
pub mod cache;
pub mod names;
pub mod openapi;
pub mod schemas;

use crate::api::description::cache::CachedDescription;
use crate::api::outcome::Outcome;
use crate::api::read_context::ReadContext;
use crate::api::resources::read_at;
use crate::api::route::Route;
use crate::error::ApiError;
use crate::model::call::{Answer, Body, Call};
use crate::model::change::Position;
use serde_json::Value;

pub fn openapi(call: &Call, cx: &mut ReadContext, routes: &[Route]) -> Result<Outcome, ApiError> {
    let description = cx.cache.descriptions.openapi.get_or_insert_with(|| {
        let names: Vec<&str> = cx.state.names().collect();
        render(&openapi::document(routes, &names))
    });
    respond(call, description)
}

pub fn asyncapi(call: &Call, cx: &mut ReadContext, routes: &[Route]) -> Result<Outcome, ApiError> {
    let description = cx.cache.descriptions.asyncapi.get_or_insert_with(|| {
        let names: Vec<&str> = cx.state.names().collect();
        render(&asyncapi::document(routes, &names))
    });
    respond(call, description)
}

fn respond(call: &Call, description: &CachedDescription) -> Result<Outcome, ApiError> {
    read_at(call, description.tag, || Ok(Answer::new(200, Body::Json(description.text.clone()))))
}

fn render(document: &Value) -> CachedDescription {
    let text = document.to_string();
    CachedDescription { tag: Position::of_text(&text), text: text.into_bytes().into() }
}
