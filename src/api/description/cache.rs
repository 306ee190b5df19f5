//! The rendered documents of one loop.

use crate::model::change::Position;
use std::sync::Arc;

/// Both documents, each rendered at its first request. They depend on the routing table and on the names of
/// the collections, which never change while a process runs.
#[derive(Default)]
pub struct DescriptionCache {
    pub openapi: Option<CachedDescription>,
    pub asyncapi: Option<CachedDescription>,
}

/// A document as JSON text.
pub struct CachedDescription {
    pub tag: Position,
    pub text: Arc<[u8]>,
}
