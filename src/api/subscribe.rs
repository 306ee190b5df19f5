//! The handlers of subscriptions and long polls.

use crate::api::outcome::{Named, Outcome};
use crate::api::query::Query;
use crate::api::read_context::ReadContext;
use crate::api::resources;
use crate::api::topic::{Deliver, Follow, From, Interest};
use crate::error::ApiError;
use crate::model::call::{Call, Start, Wish};
use crate::model::change::{GZIP_MARK, Position};
use crate::model::record::is_id;
use crate::store::state::State;
use std::borrow::Cow;

/// A GET of a resource: one answer, a long poll or a subscription.
pub fn take_up(call: &Call, named: Named, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    match &call.wish {
        Wish::Answer => resources::get(call, named, cx),
        Wish::Wait(_) => wait(call, named, cx),
        Wish::Socket => follow(call, named, &Start::default(), cx.state),
        Wish::Follow(start) => follow(call, named, start, cx.state),
        Wish::Unfollow => Ok(Outcome::Unfollow(topic_of(&named, call)?)),
    }
}

/// Answers at once if the state is not the one that the client has, and waits for a change otherwise.
fn wait(call: &Call, named: Named, cx: &mut ReadContext) -> Result<Outcome, ApiError> {
    match resources::get(call, named.clone(), cx)? {
        Outcome::Answer(answer) if answer.status == 304 => Ok(Outcome::Wait(whole(&named))),
        outcome => Ok(outcome),
    }
}

fn whole(named: &Named) -> Interest {
    Interest::whole(named.collection, Some(named.id).filter(|id| !id.is_empty()))
}

/// The topic that the path and the query name. A query on one item is ignored, as by a GET.
fn topic_of(named: &Named, call: &Call) -> Result<Interest, ApiError> {
    if !named.id.is_empty() {
        return Ok(whole(named));
    }
    let query = Query::parse(&call.query)?;
    query.filters_only()?;
    Ok(Interest::filtered(named.collection, query))
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
    Ok(Outcome::Follow(Follow { interest: topic_of(&named, call)?, from, deliver }))
}

/// Returns the seq of a position if all changes since are retained. The position may be an entity tag with
/// the suffix of a content coding.
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
    use crate::api::read_context::ReadCache;
    use crate::api::routes;
    use crate::metrics::loop_metrics::Metrics;
    use crate::model::change::{Change, Op};
    use crate::model::record::Record;

    fn state() -> State {
        State::new(7, &["tasks".to_owned()], 1000).keeping(2, 1000).with_items(&["\"n\":1"; 4])
    }

    fn ask(path: &str, query: &str, wish: Wish) -> Outcome {
        let call = Call::get(path).query(query).wish(wish);
        let mut cache = ReadCache::default();
        routes::dispatch(
            &call,
            &mut ReadContext {
                state: &state(),
                cache: &mut cache,
                metrics: &mut Metrics::default(),
                browser: None,
            },
        )
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
            let change = Change { before: before.map(record), ..Change::new(op, record(now)) };
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
