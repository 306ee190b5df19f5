//! How far a resource was followed, and how to go on from there.
//!
//! ```text
//! snapshot, change, position ──→ the place is there
//! gone ────────────────────────→ there is no place: a snapshot is to come
//! a change that is not newer ──→ was heard before, on a connection that was lost
//! 410 ─────────────────────────→ begin again, without a place
//! ```

use std::borrow::Cow;

use serde::Deserialize;

use crate::client::url::Url;
use crate::http::headers::is_field_value;
use crate::model::change::Position;

/// Where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    mark: Option<Mark>,
    /// The place that the URL names is kept no more.
    anew: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Mark {
    Position(Position),
    /// The id of an event that is no notice of ours.
    Id(String),
}

/// A message, as far as it says where it stands.
#[derive(Deserialize)]
struct Notice<'t> {
    #[serde(borrow)]
    method: Cow<'t, str>,
    #[serde(borrow)]
    params: Params<'t>,
}

#[derive(Deserialize)]
struct Params<'t> {
    #[serde(borrow)]
    position: Cow<'t, str>,
}

impl Place {
    /// Whether this message is new; with `id` where it was an event that had one. From now on the place
    /// is behind it.
    pub fn pass(&mut self, text: &str, id: Option<String>) -> bool {
        let notice = serde_json::from_str::<Notice>(text).ok();
        let position = notice.as_ref().and_then(|notice| notice.params.position.parse::<Position>().ok());
        let method = notice.as_ref().map_or("", |notice| &*notice.method);
        match (method, position) {
            ("gone", Some(_)) => *self = Place { mark: None, anew: true },
            ("change", Some(position)) if self.has(position) => return false,
            ("snapshot" | "change" | "position", Some(position)) => {
                self.mark = Some(Mark::Position(position))
            }
            _ => match id {
                Some(id) if is_field_value(id.as_bytes()) => self.mark = Some(Mark::Id(id)),
                _ => {}
            },
        }
        true
    }

    fn has(&self, position: Position) -> bool {
        matches!(self.mark, Some(Mark::Position(last)) if last.epoch == position.epoch && position.seq <= last.seq)
    }

    /// What came behind this place is kept no more. Whether there was a place: without one, there is
    /// nothing else to try.
    pub fn forget(&mut self, url: &Url) -> bool {
        let named = !self.anew && url.query.as_deref().is_some_and(|query| query.split('&').any(is_since));
        let was = self.mark.is_some() || named;
        *self = Place { mark: None, anew: true };
        was
    }

    /// What to ask for: the URL's path and query, from this place on.
    pub fn target(&self, url: &Url) -> String {
        let since = match &self.mark {
            Some(Mark::Position(position)) => Some(format!("since={position}")),
            _ => None,
        };
        if since.is_none() && !self.anew {
            return url.target();
        }
        let parts = url.query.as_deref().unwrap_or_default().split('&');
        let parts = parts.filter(|part| !part.is_empty() && !is_since(part));
        let query: Vec<&str> = parts.chain(since.as_deref()).collect();
        Url { query: (!query.is_empty()).then(|| query.join("&")), ..url.clone() }.target()
    }

    /// For `Last-Event-ID`.
    pub fn last_event_id(&self) -> Option<String> {
        match &self.mark {
            None => None,
            Some(Mark::Position(position)) => Some(position.to_string()),
            Some(Mark::Id(id)) => Some(id.clone()),
        }
    }
}

fn is_since(part: &str) -> bool {
    part.split('=').next() == Some("since")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(method: &str, position: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","method":"{method}","params":{{"path":"/tasks","position":"{position}","value":[{{"position":1}}]}}}}"#
        )
    }

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_change_is_passed_once() {
        let mut place = Place::default();
        let mut pass = |method, position| place.pass(&notice(method, position), None);
        assert!(pass("snapshot", "3f9c2a7b-41"));
        assert!(!pass("change", "3f9c2a7b-41"));
        assert!(pass("change", "3f9c2a7b-43"));
        assert!(!pass("change", "3f9c2a7b-42"));
        assert!(pass("position", "3f9c2a7b-43"));
        assert!(pass("position", "3f9c2a7b-50"));
        assert!(!pass("change", "3f9c2a7b-50"));
        assert!(pass("change", "3f9c2a7b-51"));
        // Another log counts from its own beginning; and a snapshot is the whole truth, wherever it stands.
        assert!(pass("change", "00000001-1"));
        assert!(!pass("change", "00000001-1"));
        assert!(pass("snapshot", "3f9c2a7b-7"));
        assert!(pass("change", "3f9c2a7b-8"));
    }

    #[test]
    fn what_is_no_notice_says_nothing_of_the_place() {
        let mut place = Place::default();
        assert!(place.pass(&notice("snapshot", "3f9c2a7b-41"), None));
        for text in [
            "The time is: 12:00:00",
            "",
            "7",
            "[]",
            r#"{"jsonrpc":"2.0","id":1,"result":{"position":"3f9c2a7b-99"}}"#,
            r#"{"method":"change","params":{}}"#,
            &notice("change", "yesterday"),
            &notice("other", "3f9c2a7b-99"),
        ] {
            assert!(place.pass(text, None), "{text}");
            assert_eq!(place.last_event_id().as_deref(), Some("3f9c2a7b-41"), "{text}");
        }
    }

    #[test]
    fn the_rest_of_the_query_is_kept() {
        let mut place = Place::default();
        let follow = |place: &Place, query: &str| place.target(&url(&format!("ws://a/tasks{query}")));
        assert_eq!(follow(&place, "?since=now&done=true"), "/tasks?since=now&done=true");
        place.pass(&notice("position", "3f9c2a7b-41"), None);
        assert_eq!(follow(&place, ""), "/tasks?since=3f9c2a7b-41");
        assert_eq!(follow(&place, "?"), "/tasks?since=3f9c2a7b-41");
        assert_eq!(
            follow(&place, "?since=now&done=true&sincere"),
            "/tasks?done=true&sincere&since=3f9c2a7b-41"
        );
    }

    #[test]
    fn without_a_place_all_begins_anew() {
        let tasks = url("http://a/tasks?since=3f9c2a7b-1&done=true");
        let mut place = Place::default();
        assert!(place.forget(&tasks), "the URL names one");
        assert_eq!((&*place.target(&tasks), place.last_event_id()), ("/tasks?done=true", None));
        assert!(!place.forget(&tasks), "and now it does not");
        place.pass(&notice("snapshot", "00000001-1"), None);
        assert!(place.forget(&tasks));
        assert!(!Place::default().forget(&url("http://a/tasks?done=true")));
        // Nor is there one between the news that it is gone and the snapshot.
        place.pass(&notice("snapshot", "00000001-1"), None);
        place.pass(&notice("gone", "00000001-9"), Some("00000001-9".to_owned()));
        assert_eq!((&*place.target(&tasks), place.last_event_id()), ("/tasks?done=true", None));
    }

    #[test]
    fn events_of_others_have_ids_of_their_own() {
        let tasks = url("http://a/news?page=1");
        let mut place = Place::default();
        assert!(
            place.pass("hello", Some("seven".to_owned())) && place.pass("hello", Some("seven".to_owned()))
        );
        assert_eq!(
            (&*place.target(&tasks), place.last_event_id()),
            ("/news?page=1", Some("seven".to_owned()))
        );
        assert!(place.pass("hello", Some("a\u{1}".to_owned())));
        assert_eq!(place.last_event_id(), Some("seven".to_owned()));
    }
}
