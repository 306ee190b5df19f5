//! What a query leaves of a list, in which order, and which page of it.
//!
//! Items are searched in place ([`raw_json`]). Numbers are compared as they are written ([`Number`]), strings by
//! their meaning. A member is named by its name or, inside of objects,
//! by a path with dots: of `{"a.b":1,"a":{"b":2}}`, `a.b` is 1.

use crate::api::query::{Direction, Filter, Key, Operator, Page, Query};
use crate::model::call::Paging;
use crate::model::decimal::Number;
use crate::model::json_tokens::unescape;
use crate::model::raw_json;
use crate::model::record::Record;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cmp::Ordering;

/// What a query has found.
pub struct Selected<'a> {
    /// Those on the page, where one is asked for.
    pub items: Vec<&'a Record>,
    /// How many there are on all pages.
    pub total: usize,
}

impl Query {
    /// Whether an item as it stands in the state passes every filter; of several that ask one field
    /// for equality, one is enough.
    pub fn matches(&self, item: &str) -> bool {
        let are_alternatives = |one: &Filter, other: &Filter| {
            one.field == other.field && [one.operator, other.operator] == [Operator::Equal; 2]
        };
        // They stand beside each other, for filters are kept in order.
        let mut groups = self.filters.chunk_by(are_alternatives);
        groups.all(|alternatives| alternatives.iter().any(|filter| filter.matches(item)))
    }

    pub fn select<'a>(&self, items: impl Iterator<Item = &'a Record>) -> Selected<'a> {
        let mut items: Vec<&Record> = items.filter(|item| self.matches(item.json())).collect();
        if !self.sort.is_empty() {
            items = self.sorted(items);
        }
        let total = items.len();
        if let Some(Page { number, items_max }) = self.page {
            let before = (number - 1).saturating_mul(items_max).min(total);
            items.drain(..before);
            items.truncate(items_max);
        }
        Selected { items, total }
    }

    /// Those that are equal stay in order of creation.
    fn sorted<'a>(&self, items: Vec<&'a Record>) -> Vec<&'a Record> {
        let mut ranked: Vec<(SmallVec<[Rank; 1]>, &Record)> = items
            .into_iter()
            .map(|item| (self.sort.iter().map(|key| key.rank(item.json())).collect(), item))
            .collect();
        ranked.sort_by(|(one, _), (other, _)| {
            let mut pairs = self.sort.iter().zip(one.iter().zip(other));
            pairs
                .find_map(|(key, (one, other))| Some(key.order(one, other)).filter(|order| order.is_ne()))
                .unwrap_or(Ordering::Equal)
        });
        ranked.into_iter().map(|(_, item)| item).collect()
    }

    /// The pages beside this one, where one is asked for. The links are relative (RFC 8288 §3.1) and
    /// keep the filters and the order; `collection` needs no escape.
    pub fn paging(&self, collection: &str, total: usize) -> Option<Box<Paging>> {
        let page = self.page?;
        let last = total.div_ceil(page.items_max).max(1);
        let pages = [
            ("first", Some(1)),
            ("prev", (page.number > 1).then(|| last.min(page.number - 1))),
            ("next", (page.number < last).then(|| page.number + 1)),
            ("last", Some(last)),
        ];
        let link = |(name, number): (&str, Option<usize>)| {
            let query = Query { page: Some(Page { number: number?, ..page }), ..self.clone() };
            Some(format!("</{collection}?{query}>; rel=\"{name}\""))
        };
        let links: Vec<String> = pages.into_iter().filter_map(link).collect();
        Some(Box::new(Paging { link: links.join(", "), total }))
    }
}

impl Filter {
    fn matches(&self, item: &str) -> bool {
        let member = find(item, &self.field);
        let order = || member.and_then(|member| compared(member, &self.value));
        match self.operator {
            Operator::Equal => member.is_some_and(|member| is_equal(member, &self.value)),
            Operator::NotEqual => !member.is_some_and(|member| is_equal(member, &self.value)),
            Operator::Less => order().is_some_and(Ordering::is_lt),
            Operator::LessOrEqual => order().is_some_and(Ordering::is_le),
            Operator::Greater => order().is_some_and(Ordering::is_gt),
            Operator::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
            Operator::Contains => member.is_some_and(|member| contains(member, &self.value)),
        }
    }
}

/// The value of a member: by its name or, where there is none of that name, by the way that the
/// dots show. Of members with one name the last counts.
fn find<'a>(object: &'a str, field: &str) -> Option<&'a str> {
    let way = field.split_once('.');
    let (mut found, mut on_the_way) = (None, None);
    for (name, value) in raw_json::members(object) {
        let name = unescape(name);
        if name == field {
            found = Some(value);
        } else if way.is_some_and(|(first, _)| first == name) {
            on_the_way = Some(value);
        }
    }
    found.or_else(|| find(on_the_way.filter(|value| value.starts_with('{'))?, way?.1))
}

/// A number is compared with a number, a string with anything, for a query is made of text; nothing
/// else has an order.
fn compared(member: &str, value: &str) -> Option<Ordering> {
    match raw_json::string(member) {
        // By code points: in UTF-8 that is the order of the bytes.
        Some(text) => Some((*text).cmp(value)),
        None => Some(raw_json::number(member)?.cmp(&Number::read(value)?)),
    }
}

fn is_equal(member: &str, value: &str) -> bool {
    match member.as_bytes()[0] {
        b't' | b'f' | b'n' => member == value,
        _ => compared(member, value) == Some(Ordering::Equal),
    }
}

/// A part of a string, whatever its case, or an element of an array.
fn contains(member: &str, value: &str) -> bool {
    match raw_json::string(member) {
        // In capitals, for there σ and ς are one.
        Some(text) => text.to_uppercase().contains(&value.to_uppercase()),
        None => member.starts_with('[') && raw_json::elements(member).any(|element| is_equal(element, value)),
    }
}

/// What is sorted by, in the order of kinds.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank<'a> {
    Number(Number<'a>),
    String(Cow<'a, str>),
    False,
    True,
    /// `null`, an array or an object.
    Other,
    Missing,
}

impl Key {
    fn rank<'a>(&self, item: &'a str) -> Rank<'a> {
        let Some(member) = find(item, &self.field) else { return Rank::Missing };
        match member.as_bytes()[0] {
            b'"' => Rank::String(unescape(member)),
            b'f' => Rank::False,
            b't' => Rank::True,
            _ => raw_json::number(member).map_or(Rank::Other, Rank::Number),
        }
    }

    /// Items without the member come last in either direction.
    fn order(&self, one: &Rank, other: &Rank) -> Ordering {
        let missing = [one, other].map(|rank| *rank == Rank::Missing);
        missing[0].cmp(&missing[1]).then_with(|| match self.direction {
            Direction::Ascending => one.cmp(other),
            Direction::Descending => other.cmp(one),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::parse(text).unwrap()
    }

    const ITEM: &str = r#"{"id":"7","text":"Buy \u006dilk","n":1.50,"big":9007199254740993,"done":false,"by":{"name":"Ann","a.b":1,"x":{"y":[]}},"tags":["Home","a b",2.0,null],"by.name":"literal","none":null,"empty":"","digits":"10","t":"a","t2":{"u":1,"u":2}}"#;

    #[test]
    fn filters_ask_for_what_a_member_means() {
        for (text, expected) in [
            ("id=7", true),
            ("id=7.0", false), // an id is a string
            ("text=Buy+milk", true),
            ("text=buy+milk", false),
            ("n=1.5", true),
            ("n=15e-1", true),
            ("n=1.51", false),
            ("n=one", false),
            ("big=9007199254740992", false),
            ("big=9007199254740993", true),
            ("big:gt=9007199254740992", true),
            ("done=false", true),
            ("done=False", false),
            ("none=null", true),
            ("empty=", true),
            ("empty=null", false),
            ("missing=", false),
            ("missing=null", false),
            ("by=null", false),
            ("tags=Home", false),
            // Several of one field are alternatives; of several fields all must hold.
            ("n=1&n=1.5", true),
            ("n=1&n=2", false),
            ("n=1.5&done=true", false),
            ("n=1.5&done=false", true),
            ("n:ne=1&n:ne=2", true),
            ("n:ne=1&n:ne=1.5", false),
            // Only what is not equal, or not there.
            ("n:ne=1.5", false),
            ("n:ne=2", true),
            ("missing:ne=1", true),
            ("by:ne=1", true),
            // Order.
            ("n:lt=2", true),
            ("n:lt=1.5", false),
            ("n:lte=1.5", true),
            ("n:gte=1.5", true),
            ("n:gt=1.5", false),
            ("n:gt=-1e99999", true),
            ("n:gt=abc", false),
            ("n:gt=1&n:lt=2", true),
            ("digits:lt=9", true), // strings
            ("t:lt=b", true),
            ("t:lt=%EF%BF%BD", true),
            ("done:lt=true", false),
            ("missing:lt=1", false),
            ("none:lt=1", false),
            // Contained.
            ("text:contains=MILK", true),
            ("text:contains=", true),
            ("text:contains=tea", false),
            ("tags:contains=Home", true),
            ("tags:contains=home", false),
            ("tags:contains=2", true),
            ("tags:contains=null", true),
            ("tags:contains=3", false),
            ("n:contains=1", false),
            ("by:contains=Ann", false),
            // Ways.
            ("by.name=literal", true),
            ("by.name=Ann", false),
            ("by.a.b=1", true),
            ("by.x.y:ne=1", true),
            ("by.x.y.z=1", false),
            ("by..=1", false),
            ("text.x=1", false),
            ("t2.u=2", true),
            ("t2.u=1", false),
        ] {
            assert_eq!(query(text).matches(ITEM), expected, "{text}");
        }
    }

    #[test]
    fn case_is_that_of_all_alphabets() {
        assert!(query("a:contains=%C3%89t").matches(r#"{"id":"1","a":"l'ÉTÉ"}"#));
        assert!(query("a:contains=σ").matches(r#"{"id":"1","a":"ΟΔΟΣ"}"#));
        assert!(query("a:contains=ΟΔΟΣ").matches(r#"{"id":"1","a":"οδος"}"#));
        assert!(query("a:contains=ПОЛЕЙ").matches(r#"{"id":"1","a":"полей"}"#));
    }

    fn records(items: &[&str]) -> Vec<Record> {
        items.iter().enumerate().map(|(n, item)| Record::new(&n.to_string(), (*item).into(), 1)).collect()
    }

    #[track_caller]
    fn check_order(records: &[Record], text: &str, expected: &str) {
        let found: Vec<&str> =
            query(text).select(records.iter()).items.iter().map(|item| item.id()).collect();
        assert_eq!(found.join(" "), expected, "{text}");
    }

    #[test]
    fn kinds_have_an_order_and_the_missing_come_last() {
        let records = records(&[
            r#""a":"b""#,
            r#""b":1"#,
            r#""a":null"#,
            r#""a":10,"b":2"#,
            r#""a":true"#,
            r#""a":9.5,"b":3"#,
            r#""a":"B""#,
            r#""a":false"#,
            r#""a":[1]"#,
            r#""a":1e1,"b":4"#,
        ]);
        check_order(&records, "_sort=a", "5 3 9 6 0 7 4 2 8 1");
        check_order(&records, "_sort=-a", "2 8 4 7 0 6 3 9 5 1");
        check_order(&records, "_sort=-a,-b", "2 8 4 7 0 6 9 3 5 1");
        check_order(&records, "_sort=missing", "0 1 2 3 4 5 6 7 8 9");
        check_order(&records, "_sort=-b&a:ne=10", "5 1 0 2 4 6 7 8");
    }

    #[test]
    fn a_page_is_a_part_of_what_is_found() {
        let records = records(&[""; 25]);
        let page = |text: &str| {
            let selected = query(text).select(records.iter());
            assert_eq!(selected.total, 25, "{text}");
            let ids: Vec<usize> = selected.items.iter().map(|item| item.id().parse().unwrap()).collect();
            ids.first().map(|first| (*first, ids.len()))
        };
        assert_eq!(page("_page=1"), Some((0, 10)));
        assert_eq!(page("_page=3"), Some((20, 5)));
        assert_eq!(page("_page=4"), None);
        assert_eq!(page("_page=2&_per_page=20"), Some((20, 5)));
        assert_eq!(page("_per_page=1000"), Some((0, 25)));
        assert_eq!(page(&format!("_page={}&_per_page=1000", usize::MAX)), None);
    }

    #[test]
    fn links_lead_to_the_pages_around() {
        let link = |text: &str, total| query(text).paging("tasks", total).map(|paging| paging.link);
        assert_eq!(link("a=1", 9), None);
        let to = |number: usize, name: &str| {
            format!("</tasks?a=x%20y&_page={number}&_per_page=2>; rel=\"{name}\"")
        };
        let ask = |number: usize, total| link(&format!("_per_page=2&a=x+y&_page={number}"), total).unwrap();
        assert_eq!(ask(2, 5), [to(1, "first"), to(1, "prev"), to(3, "next"), to(3, "last")].join(", "));
        assert_eq!(ask(1, 2), [to(1, "first"), to(1, "last")].join(", "));
        assert_eq!(ask(1, 0), [to(1, "first"), to(1, "last")].join(", "));
        assert_eq!(ask(9, 5), [to(1, "first"), to(3, "prev"), to(3, "last")].join(", "));
    }
}
