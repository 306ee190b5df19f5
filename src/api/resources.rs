//! List, read, create, replace, patch, remove: the handlers of collections and items.

use crate::api::new_item::{self, Intake};
use crate::api::outcome::{Named, Outcome};
use crate::api::query::Query;
use crate::api::read_context::ReadContext;
use crate::api::selection::Selected;
use crate::error::ApiError;
use crate::model::call::{Answer, Body, Call, Representation};
use crate::model::change::{Act, Change, CollectionId, Once, Op, Position, Write};
use crate::model::idempotency_key::Key;
use crate::model::record::{Record, is_id};
use crate::render::cache::ItemList;
use crate::render::html;
use crate::store::committed;
use crate::store::idempotency_table::Earlier;
use crate::store::state::State;
use std::sync::Arc;

/// The media types of PATCH, for `Accept-Patch`.
const PATCH_TYPES: &str = "application/merge-patch+json, application/json-patch+json, application/json";

/// The items of a collection, or one of them.
pub fn get(call: &Call, named: Named, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    if named.id.is_empty() { list(call, named, cx) } else { read(call, named, cx.state) }
}

fn list(call: &Call, named: Named, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    let collection = cx.state.collection(named.collection);
    let (name, position) = (collection.name(), cx.state.at(collection.changed()));
    let query = Query::parse(&call.query)?;
    read_at(call, position, || {
        if query.is_empty() {
            let list = ItemList { collection: named.collection, name, position, items: collection.items() };
            let text = cx.cache.collections.whole(call.representation, &list)?;
            return Ok(Answer::new(200, list_body(call.representation, text)));
        }
        let Selected { items, total } = query.select(collection.items());
        let items = items.iter().copied();
        let list = ItemList { collection: named.collection, name, position, items };
        let text = cx.cache.collections.part(call.representation, &list)?;
        let body = list_body(call.representation, text);
        Ok(Answer { paging: query.paging(name, total), ..Answer::new(200, body) })
    })
}

fn list_body(representation: Representation, text: Arc<[u8]>) -> Body {
    match representation {
        Representation::Json => Body::Json(text),
        Representation::Text => Body::Text(text),
        Representation::Html => Body::Html(text),
        Representation::Xml => Body::Xml(text),
    }
}

/// A query is ignored: there is one item, and it is shown whole.
fn read(call: &Call, named: Named, state: &State) -> Result<Outcome, ApiError> {
    let collection = state.collection(named.collection);
    // Conditions count only where there would be an answer without them (RFC 9110 §13.2.1).
    let record = collection.get(named.id).ok_or(ApiError::NoSuchItem)?;
    let position = state.at(record.seq);
    read_at(call, position, || match call.representation {
        Representation::Html => {
            let page = html::item(Some(collection.name()), record.json(), Some(position));
            Ok(Answer::new(200, Body::Html(page.into_bytes().into())))
        }
        _ => Ok(Answer::new(200, Body::Record(record.clone()))),
    })
}

/// A GET under its conditions (RFC 9110 §13.2.2).
pub fn read_at(
    call: &Call,
    position: Position,
    answer: impl FnOnce() -> Result<Answer, ApiError>,
) -> Result<Outcome, ApiError> {
    let current = Some(position);
    if call.conditions.if_match.as_ref().is_some_and(|tags| !tags.matches(current)) {
        return Err(ApiError::ConditionFailed);
    }
    let fresh = call.conditions.if_none_match.as_ref().is_some_and(|tags| tags.matches(current));
    let answer = if fresh { Answer::new(304, Body::Nothing) } else { answer()? };
    Ok(Outcome::Answer(Answer { etag: current, ..answer }))
}

/// POST is idempotent only with a key.
pub fn create(call: &Call, named: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    let once = call.idempotency_key.as_deref().map(once).transpose()?;
    let Intake { id, members } = new_item::read(call)?;
    let act = Act::Create { id, members };
    Ok(Outcome::Write(Write { once, ..please(call, named, act) }))
}

/// The server loop sets the time.
fn once(key: &str) -> Result<Box<Once>, ApiError> {
    let key = Key::read(key).ok_or(ApiError::IdempotencyKeyMalformed)?;
    Ok(Box::new(Once { key, at: 0 }))
}

pub fn replace(call: &Call, named: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    let Intake { id, members } = new_item::read(call)?;
    if !is_id(named.id) {
        return Err(ApiError::invalid("an id is 1 to 64 of A-Z a-z 0-9 . _ ~ -"));
    }
    if id.is_some_and(|id| *id != *named.id) {
        return Err(ApiError::invalid("the id in the body is not the one in the path"));
    }
    Ok(Outcome::Write(please(call, named.clone(), Act::Replace { id: named.id.into(), members })))
}

pub fn patch(call: &Call, named: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    let content_type = call.content_type.as_deref().unwrap_or("application/json");
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let takes = PATCH_TYPES.split(", ").any(|taken| taken.eq_ignore_ascii_case(essence));
    // What curl says of `-d` where it was not told otherwise.
    if !takes && !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(ApiError::PatchMediaTypeUnsupported { accept: PATCH_TYPES });
    }
    let id = named.id.into();
    let act = if essence.eq_ignore_ascii_case("application/json-patch+json") {
        Act::JsonPatch { id, patch: Box::new(new_item::json_patch(&call.body)?) }
    } else {
        Act::Patch { id, merge: Box::new(new_item::merge_patch(&call.body)?) }
    };
    Ok(Outcome::Write(please(call, named, act)))
}

pub fn remove(call: &Call, named: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    Ok(Outcome::Write(please(call, named.clone(), Act::Remove { id: named.id.into() })))
}

fn please(call: &Call, named: Named, act: Act) -> Write {
    Write { collection: named.collection, act, conditions: call.conditions.clone(), once: None }
}

/// The answer to a committed or rejected write.
pub fn answer_to(outcome: committed::Outcome, state: &State) -> Answer {
    match outcome {
        committed::Outcome::Changed(change) => changed(change, state),
        committed::Outcome::Repeated(Earlier { collection, record }) => {
            let position = state.at(record.seq);
            created(position, collection, record, state, true)
        }
        committed::Outcome::Refused(refusal) => refusal.into(),
    }
}

fn changed(change: Change, state: &State) -> Answer {
    let Change { position, collection, op, record, .. } = change;
    let etag = Some(position);
    match op {
        Op::Created => created(position, collection, record, state, false),
        Op::Updated => Answer { etag, ..Answer::new(200, Body::Record(record)) },
        Op::Deleted => Answer::new(204, Body::Nothing),
    }
}

fn created(
    position: Position,
    collection: CollectionId,
    record: Record,
    state: &State,
    replayed: bool,
) -> Answer {
    let collection = state.collection(collection).name().clone();
    let words = created_text(&collection);
    let body = Body::Created { record, collection, words, replayed };
    Answer { etag: Some(position), ..Answer::new(201, body) }
}

/// The answer to a created item as plain text.
pub fn created_text(collection: &str) -> &'static str {
    match collection {
        "tasks" => "Task added successfully.",
        _ => "Added successfully.",
    }
}
