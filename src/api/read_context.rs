//! What a handler gets beside its call.

use crate::api::description::cache::DescriptionCache;
use crate::metrics::browsers::BrowserId;
use crate::metrics::loop_metrics::Metrics;
use crate::render::cache::RenderCache;
use crate::store::state::State;

/// What a handler reads.
pub struct ReadContext<'a> {
    pub state: &'a State,
    pub cache: &'a mut ReadCache,
    pub metrics: &'a mut Metrics,
    /// The browser that sent the call, if it shows the built-in page.
    pub browser: Option<BrowserId>,
}

/// Texts that were rendered from the state of one loop, shared by all who request them.
#[derive(Default)]
pub struct ReadCache {
    pub collections: RenderCache,
    pub descriptions: DescriptionCache,
}
