//! What changed since, and what will: the handlers of those who follow a resource.

use crate::api::outcome::{Named, Outcome};
use crate::api::query::Query;
use crate::api::resources;
use crate::error::ApiError;
use crate::model::call::{Call, Start, Wish};
use crate::model::change::{Change, CollectionId, GZIP_MARK, Op, Position};
use crate::model::notification::About;
use crate::model::record::{Record, is_id};
use crate::store::state::State;
use std::borrow::Cow;
use std::sync::Arc;

/// What somebody wants to hear of. Those who want the same hear the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interest {
    pub collection: CollectionId,
    /// One item, or all.
    pub id: Option<Box<str>>,
    /// Of all, only what this leaves.
    pub query: Query,
    /// The same as text, for notices.
    text: Box<str>,
}

/// A resource is to be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    pub interest: Interest,
    pub from: From,
    pub deliver: Deliver,
}

/// Where following begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With the whole state as it is now.
    Snapshot,
    /// With the first change after this seq.
    Since(u64),
}

/// What a slow reader is told when it has caught its breath.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deliver {
    /// Every change that is still kept.
    #[default]
    All,
    /// Only the newest state of each item that changed.
    Latest,
}

impl Interest {
    /// In all of a collection, or in one item.
    pub fn whole(collection: CollectionId, id: Option<&str>) -> Interest {
        Interest { collection, id: id.map(Into::into), query: Query::default(), text: Box::default() }
    }

    fn of(named: &Named) -> Interest {
        Interest::whole(named.collection, Some(named.id).filter(|id| !id.is_empty()))
    }

    /// The same, as far as a query leaves it. Of one item it is passed over, as by a GET.
    fn asked(named: &Named, call: &Call) -> Result<Interest, ApiError> {
        let interest = Interest::of(named);
        if interest.id.is_some() {
            return Ok(interest);
        }
        let query = Query::parse(&call.query)?;
        query.filters_only()?;
        let text = query.to_string().into();
        Ok(Interest { query, text, ..interest })
    }

    /// What this change is to whoever has this interest, and the item to show. What a query leaves out
    /// any longer has gone, for whoever asked with it.
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

    /// Bytes that are looked at to see what this change is: by each filter, before and after.
    pub fn effort(&self, change: &Change) -> usize {
        64 + self.query.filters() * change.bytes()
    }

    /// The whole state, as JSON; `null` where there is none.
    pub fn state(&self, state: &State) -> Result<Arc<[u8]>, ApiError> {
        let collection = state.collection(self.collection);
        match &self.id {
            None if self.query.is_empty() => collection.json(),
            None => collection.json_of(&self.query.select(collection.items()).items),
            Some(id) => Ok(collection.get(id).map_or("null", |record| record.json()).as_bytes().into()),
        }
    }

    /// What is subscribed to, for notices.
    pub fn about<'a>(&'a self, state: &'a State) -> About<'a> {
        About {
            collection: state.collection(self.collection).name(),
            id: self.id.as_deref(),
            query: &self.text,
        }
    }

    /// The item that a change is about, for notices.
    pub fn about_item<'a>(&'a self, record: &'a Record, state: &'a State) -> About<'a> {
        About { id: Some(record.id()), ..self.about(state) }
    }
}

/// A GET of a resource that wants more than one answer.
pub fn take_up(call: &Call, named: Named, state: &State) -> Result<Outcome, ApiError> {
    match &call.wish {
        Wish::Answer => resources::get(call, named, state),
        Wish::Wait(_) => wait(call, named, state),
        Wish::Socket => follow(call, named, &Start::default(), state),
        Wish::Follow(start) => follow(call, named, start, state),
        Wish::Unfollow => Ok(Outcome::Unfollow(Interest::asked(&named, call)?)),
    }
}

/// Answers at once where the state is another than the one known; or else it is worth waiting.
fn wait(call: &Call, named: Named, state: &State) -> Result<Outcome, ApiError> {
    match resources::get(call, named.clone(), state)? {
        Outcome::Answer(answer) if answer.status == 304 => Ok(Outcome::Wait(Interest::of(&named))),
        outcome => Ok(outcome),
    }
}

fn follow(call: &Call, named: Named, start: &Start, state: &State) -> Result<Outcome, ApiError> {
    let since = start.since.as_deref().map(Cow::Borrowed).or_else(|| parameter(&call.query, "since"));
    let deliver = start.deliver.as_deref().map(Cow::Borrowed).or_else(|| parameter(&call.query, "deliver"));
    let deliver = match deliver.as_deref() {
        None | Some("all") => Deliver::All,
        Some("latest") => Deliver::Latest,
        Some(_) => return Err(ApiError::DeliverUnknown),
    };
    let from = match since.as_deref() {
        None => From::Snapshot,
        Some("now") => From::Since(state.position().seq),
        Some(position) => From::Since(kept(position, state)?),
    };
    // Of an item that went since, the position tells; without one there is nothing to begin with.
    let collection = state.collection(named.collection);
    if !named.id.is_empty() && !is_id(named.id) {
        return Err(ApiError::NoSuchItem);
    }
    let is_known = matches!(since.as_deref(), Some(text) if text != "now");
    if !is_known && !named.id.is_empty() && collection.get(named.id).is_none() {
        return Err(ApiError::NoSuchItem);
    }
    Ok(Outcome::Follow(Follow { interest: Interest::asked(&named, call)?, from, deliver }))
}

/// The seq of a position from which every change is still kept. It may be what stands in an entity tag, its
/// mark with it.
fn kept(text: &str, state: &State) -> Result<u64, ApiError> {
    let position = text.strip_suffix(GZIP_MARK).unwrap_or(text);
    let position: Position = position.parse().map_err(|_| ApiError::PositionMalformed)?;
    let now = state.position();
    if position.epoch != now.epoch || state.history().since(position.seq).is_none() {
        return Err(ApiError::PositionGone { now: now.to_string() });
    }
    Ok(position.seq)
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let value = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::routes;
    use crate::model::change::{Act, Write};

    fn state() -> State {
        let mut state = State::new(7, &["tasks".to_owned()], 1000).keeping(2, 1000);
        for n in 1..=4 {
            let act = Act::Create { id: None, members: format!("\"n\":{n}") };
            let change = state.decide(Write::new(CollectionId(0), act)).unwrap();
            state.apply(&change);
        }
        state
    }

    fn ask(path: &str, query: &str, wish: Wish) -> Outcome {
        routes::take_up(&Call::get(path).query(query).wish(wish), &state())
    }

    #[track_caller]
    fn begins(query: &str, header: Option<&str>, expected: From) {
        let start = Start { since: header.map(Into::into), deliver: None };
        let Outcome::Follow(follow) = ask("/tasks", query, Wish::Follow(Box::new(start))) else {
            panic!("{query}");
        };
        assert_eq!(follow.from, expected, "{query}");
    }

    #[track_caller]
    fn refused(path: &str, query: &str, expected: u16) {
        let Outcome::Answer(answer) = ask(path, query, Wish::Follow(Box::default())) else {
            panic!("{path}?{query}");
        };
        assert_eq!(answer.status, expected, "{path}?{query}");
    }

    #[test]
    fn following_begins_where_it_is_told_to() {
        begins("", None, From::Snapshot);
        begins("since=now", None, From::Since(4));
        begins("since=00000007-3", None, From::Since(3));
        begins("since=00000007%2d2", None, From::Since(2));
        begins("since=00000007-2", Some("00000007-4"), From::Since(4));
    }

    #[test]
    fn what_a_query_leaves_out_comes_and_goes() {
        let Outcome::Follow(Follow { interest, .. }) = ask("/tasks", "n:lt=5", Wish::Follow(Box::default()))
        else {
            panic!();
        };
        let record = |n: u32| Record::new("1", format!("\"n\":{n}"), 1);
        let seen = |op, before: Option<u32>, now: u32| {
            let position = Position { epoch: 7, seq: 9 };
            let (record, before) = (record(now), before.map(record));
            let change = Change { position, collection: CollectionId(0), op, record, before, counter: 0 };
            interest.sees(&change).map(|(op, record)| (op, record.json().to_owned()))
        };
        let told = |op, n: u32| Some((op, format!("{{\"id\":\"1\",\"n\":{n}}}")));
        assert_eq!(seen(Op::Created, None, 1), told(Op::Created, 1));
        assert_eq!(seen(Op::Created, None, 9), None);
        assert_eq!(seen(Op::Updated, Some(1), 2), told(Op::Updated, 2));
        assert_eq!(seen(Op::Updated, Some(9), 2), told(Op::Created, 2));
        assert_eq!(seen(Op::Updated, Some(1), 9), told(Op::Deleted, 1));
        assert_eq!(seen(Op::Updated, Some(8), 9), None);
        assert_eq!(seen(Op::Deleted, None, 1), told(Op::Deleted, 1));
        assert_eq!(seen(Op::Deleted, None, 9), None);
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        refused("/tasks", "since=00000007-1", 410);
        refused("/tasks", "since=00000007-5", 410);
        refused("/tasks", "since=00000008-3", 410);
        refused("/tasks", "since=yesterday", 400);
        refused("/tasks", "deliver=some", 400);
        refused("/tasks/9", "", 404);
        refused("/tasks/9", "since=now", 404);
        refused("/tasks", "_sort=n", 400);
        refused("/tasks", "n:like=3", 400);
        refused("/tasks/a%22b", "since=00000007-3", 404);
        refused("/nothing", "", 404);
        refused("/", "", 406);
        refused("/healthz", "", 406);
        assert!(matches!(
            ask("/tasks/9", "since=00000007-3", Wish::Follow(Box::default())),
            Outcome::Follow(_)
        ));
    }
}
