//! List, read, create, replace, patch, remove: the handlers of collections and items.

use super::intake::{self, Intake};
use super::outcome::{Named, Outcome};
use crate::exchange::call::{Answer, Body, Call, Representation};
use crate::exchange::change::{Act, Change, Op, Position, Write};
use crate::exchange::html;
use crate::exchange::record::is_id;
use crate::refusal::Refusal;
use crate::store::shelf::Shelf;

/// What PATCH takes, for `Accept-Patch`.
const PATCH_TYPES: &str = "application/merge-patch+json, application/json";

pub fn list(call: &Call, named: Named, shelf: &Shelf) -> Result<Outcome, Refusal> {
    let collection = shelf.collection(named.collection);
    let position = shelf.at(collection.changed());
    read_at(call, position, || match call.representation {
        Representation::Json => Ok(Body::Json(collection.json()?)),
        Representation::Text => Ok(Body::Text(collection.lines()?)),
        Representation::Html => Ok(Body::Html(collection.html(position)?)),
        Representation::Xml => Ok(Body::Xml(collection.xml()?)),
    })
}

pub fn read(call: &Call, named: Named, shelf: &Shelf) -> Result<Outcome, Refusal> {
    let collection = shelf.collection(named.collection);
    // Conditions count only where there would be an answer without them (RFC 9110 §13.2.1).
    let record = collection.get(named.id).ok_or(Refusal::NoSuchItem)?;
    let position = shelf.at(record.seq);
    read_at(call, position, || match call.representation {
        Representation::Html => {
            let page = html::item(Some(collection.name()), record.json(), Some(position));
            Ok(Body::Html(page.into_bytes().into()))
        }
        _ => Ok(Body::Record(record.clone())),
    })
}

/// A GET under its conditions (RFC 9110 §13.2.2).
pub fn read_at(
    call: &Call,
    position: Position,
    body: impl FnOnce() -> Result<Body, Refusal>,
) -> Result<Outcome, Refusal> {
    let current = Some(position);
    if call.conditions.if_match.as_ref().is_some_and(|tags| !tags.matches(current)) {
        return Err(Refusal::ConditionFailed);
    }
    let fresh = call.conditions.if_none_match.as_ref().is_some_and(|tags| tags.matches(current));
    let answer = if fresh { Answer::new(304, Body::Nothing) } else { Answer::new(200, body()?) };
    Ok(Outcome::Answer(Answer { etag: current, ..answer }))
}

pub fn create(call: &Call, named: Named, _: &Shelf) -> Result<Outcome, Refusal> {
    let Intake { id, members } = intake::read(call)?;
    Ok(please(call, named, Act::Create { id, members }))
}

pub fn replace(call: &Call, named: Named, _: &Shelf) -> Result<Outcome, Refusal> {
    let Intake { id, members } = intake::read(call)?;
    if !is_id(named.id) {
        return Err(Refusal::invalid("an id is 1 to 64 of A-Z a-z 0-9 . _ ~ -"));
    }
    if id.is_some_and(|id| *id != *named.id) {
        return Err(Refusal::invalid("the id in the body is not the one in the path"));
    }
    Ok(please(call, named.clone(), Act::Replace { id: named.id.into(), members }))
}

pub fn patch(call: &Call, named: Named, _: &Shelf) -> Result<Outcome, Refusal> {
    let content_type = call.content_type.as_deref().unwrap_or("application/json");
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let takes = PATCH_TYPES.split(", ").any(|taken| taken.eq_ignore_ascii_case(essence));
    // What curl says of `-d` where it was not told otherwise.
    if !takes && !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::PatchMediaTypeUnsupported { accept: PATCH_TYPES });
    }
    let merge = Box::new(intake::merge_patch(&call.body)?);
    Ok(please(call, named.clone(), Act::Patch { id: named.id.into(), merge }))
}

pub fn remove(call: &Call, named: Named, _: &Shelf) -> Result<Outcome, Refusal> {
    Ok(please(call, named.clone(), Act::Remove { id: named.id.into() }))
}

fn please(call: &Call, named: Named, act: Act) -> Outcome {
    Outcome::Write(Write { collection: named.collection, act, conditions: call.conditions.clone() })
}

/// What is said of a write when it is settled.
pub fn answer_to(change: Change, shelf: &Shelf) -> Answer {
    let Change { position, collection, op, record, .. } = change;
    let etag = Some(position);
    match op {
        Op::Created => {
            let collection = shelf.collection(collection).name().clone();
            let words = match &*collection {
                "tasks" => "Task added successfully.",
                _ => "Added successfully.",
            };
            Answer { etag, ..Answer::new(201, Body::Created { record, collection, words }) }
        }
        Op::Updated => Answer { etag, ..Answer::new(200, Body::Record(record)) },
        Op::Deleted => Answer::new(204, Body::Nothing),
    }
}
