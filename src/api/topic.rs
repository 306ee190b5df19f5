//! What a subscription is about, where it begins, and what it is sent.

use crate::api::query::Query;
use crate::api::read_context::ReadCache;
use crate::error::ApiError;
use crate::model::call::Representation;
use crate::model::change::{Change, CollectionId, Op};
use crate::model::notification::About;
use crate::model::record::Record;
use crate::render::cache::ItemList;
use crate::store::state::State;
use std::sync::Arc;

/// The topic of a subscription. Subscribers to equal topics are sent the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interest {
    pub collection: CollectionId,
    /// The id of one item; `None` for the whole collection.
    pub id: Option<Box<str>>,
    /// The filter on a whole collection.
    pub query: Query,
    /// The filter as canonical text, for notifications.
    text: Box<str>,
}

/// A requested subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    pub interest: Interest,
    pub from: From,
    pub deliver: Deliver,
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With a snapshot of the current state.
    Snapshot,
    /// With the first change after this seq.
    Since(u64),
}

/// What a slow subscriber is sent once it has drained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deliver {
    /// Every change that is still retained.
    #[default]
    All,
    /// Only the newest state of each item that changed.
    Latest,
}

impl Interest {
    /// Creates a topic of a whole collection, or of one item.
    pub fn whole(collection: CollectionId, id: Option<&str>) -> Interest {
        Interest { collection, id: id.map(Into::into), query: Query::default(), text: Box::default() }
    }

    /// Creates a topic of the items of a collection that a query leaves.
    pub fn filtered(collection: CollectionId, query: Query) -> Interest {
        let text = query.to_string().into();
        Interest { collection, id: None, query, text }
    }

    /// Returns what a change is within this topic, and the item to send. An item that the filter no longer
    /// matches is deleted, as far as this topic is concerned.
    pub fn sees<'c>(&self, change: &'c Change) -> Option<(Op, &'c Record)> {
        let Change { record, before, op, .. } = change;
        let concerns =
            self.collection == change.collection && self.id.as_deref().is_none_or(|id| id == record.id());
        if !concerns || self.query.is_empty() {
            return concerns.then_some((*op, record));
        }
        let passes = |record: &Record| self.query.matches(record.json());
        let was = match op {
            Op::Created => None,
            Op::Updated => before.as_ref(),
            Op::Deleted => Some(record),
        };
        let was = was.filter(|was| passes(was));
        let is = (*op != Op::Deleted && passes(record)).then_some(record);
        match (was, is) {
            (None, Some(is)) => Some((Op::Created, is)),
            (Some(_), Some(is)) => Some((Op::Updated, is)),
            (Some(was), None) => Some((Op::Deleted, was)),
            (None, None) => None,
        }
    }

    /// Bytes that [`sees`](Interest::sees) examines: the item before and after the change, for each filter.
    pub fn effort(&self, change: &Change) -> usize {
        64 + self.query.filters() * change.bytes()
    }

    /// Renders its snapshot as JSON: an array, an item, or `null` for an item that does not exist.
    pub fn snapshot(&self, state: &State, cache: &mut ReadCache) -> Result<Arc<[u8]>, ApiError> {
        let collection = state.collection(self.collection);
        if let Some(id) = &self.id {
            return Ok(collection.get(id).map_or("null", |record| record.json()).as_bytes().into());
        }
        let (name, position) = (&**collection.name(), state.at(collection.changed()));
        if self.query.is_empty() {
            let list = ItemList { collection: self.collection, name, position, items: collection.items() };
            return cache.collections.whole(Representation::Json, &list);
        }
        let selected = self.query.select(collection.items());
        let items = selected.items.iter().copied();
        let list = ItemList { collection: self.collection, name, position, items };
        cache.collections.part(Representation::Json, &list)
    }

    /// The path and query of this topic, for notifications.
    pub fn about<'a>(&'a self, state: &'a State) -> About<'a> {
        About {
            collection: state.collection(self.collection).name(),
            id: self.id.as_deref(),
            query: &self.text,
        }
    }

    /// The path of a changed item, for notifications.
    pub fn about_item<'a>(&'a self, record: &'a Record, state: &'a State) -> About<'a> {
        About { id: Some(record.id()), ..self.about(state) }
    }
}
