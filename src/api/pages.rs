//! The handlers of what `site` holds: the files of the pages, and the chapters.

use crate::api::outcome::{Named, Outcome};
use crate::api::read_context::ReadContext;
use crate::api::resources::read_at;
use crate::error::ApiError;
use crate::model::call::{Answer, Body, Call};
use crate::site::chapters::{self, CachedPage};
use crate::site::page::{FILES, StaticFile};

/// Answers with the script or style of that number.
pub fn file<const N: usize>(call: &Call, _: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    let StaticFile { media_type, text, tag, .. } = FILES[N];
    read_at(call, tag, || Ok(Answer::new(200, Body::File { media_type, text: text.into() })))
}

pub fn chapters(call: &Call, _: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    respond(call, chapters::list())
}

pub fn chapter(call: &Call, named: Named, _: &mut ReadContext) -> Result<Outcome, ApiError> {
    respond(call, chapters::chapter(named.id).ok_or(ApiError::NoSuchResource)?)
}

fn respond(call: &Call, CachedPage { tag, html }: &CachedPage) -> Result<Outcome, ApiError> {
    read_at(call, *tag, || Ok(Answer::new(200, Body::Html(html.clone()))))
}
