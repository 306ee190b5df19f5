//! What stands behind the question mark of a list: filters, an order, a page.
//!
//! ```text
//!   done=false&price:lt=5&by.name:contains=ann&_sort=price,-text&_page=2&_per_page=20
//!   '------------------ filters -------------' '----- sort ----' '------ page ------'
//! ```
//!
//! Two queries that ask for the same in another order or spelling are equal, and have one canonical
//! text, which parses to an equal query: whoever follows a filter is known by it. What a query does
//! with items stands in [`selection`](crate::api::selection).

use crate::config::{PER_PAGE_DEFAULT, PER_PAGE_MAX, QUERY_BYTES_MAX, QUERY_PARAMETERS_MAX};
use crate::error::ApiError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;
use std::fmt;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// In their order, and none of them twice.
    pub(super) filters: Vec<Filter>,
    /// The first counts most.
    pub(super) sort: Vec<Key>,
    pub(super) page: Option<Page>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Filter {
    /// The name of a member, or names with dots between them.
    pub field: Box<str>,
    pub operator: Operator,
    pub value: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

const OPERATORS: [(&str, Operator); 7] = [
    ("eq", Operator::Equal),
    ("ne", Operator::NotEqual),
    ("lt", Operator::Less),
    ("lte", Operator::LessOrEqual),
    ("gt", Operator::Greater),
    ("gte", Operator::GreaterOrEqual),
    ("contains", Operator::Contains),
];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub field: Box<str>,
    pub direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

/// The first page is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Page {
    pub number: usize,
    pub items_max: usize,
}

/// Parameters that are about following a resource, not about what is in it.
const OF_FOLLOWING: [&str; 2] = ["since", "deliver"];

impl Query {
    /// Reads what stands behind the question mark: `name=value` with `&` between them, percent-encoded,
    /// where `+` is a blank. Costs nothing where there is nothing.
    pub fn parse(text: &str) -> Result<Query, ApiError> {
        let mut query = Query::default();
        if text.len() > QUERY_BYTES_MAX {
            return Err(wrong(text, format!("is too long: a query has at most {QUERY_BYTES_MAX} bytes")));
        }
        let (mut page, mut per_page) = (None, None);
        let mut left = QUERY_PARAMETERS_MAX;
        for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let wrong = |why: &'static str| wrong(name, why);
            let decoded = decoded(name).zip(decoded(value));
            let (name, value) = decoded.ok_or_else(|| wrong("is not percent-encoded UTF-8"))?;
            // Those two stand once at the most, and may come on top: links to other pages have both.
            let parts = match &*name {
                "_sort" => value.split(',').count(),
                "_page" | "_per_page" => 0,
                _ => 1,
            };
            left = left.checked_sub(parts).ok_or_else(|| too_many(&name))?;
            match &*name {
                name if OF_FOLLOWING.contains(&name) => {}
                "_sort" if !query.sort.is_empty() => return Err(wrong("stands twice")),
                "_sort" => {
                    let keys = value.split(',').map(Key::read).collect::<Option<_>>();
                    query.sort = keys.ok_or_else(|| wrong("must name members, with commas between them"))?;
                }
                "_page" => set(&mut page, &name, &value, usize::MAX)?,
                "_per_page" => set(&mut per_page, &name, &value, PER_PAGE_MAX)?,
                name if name.starts_with('_') => return Err(wrong("is not known here")),
                _ => query.filters.push(Filter::read(&name, &value)?),
            }
        }
        query.filters.sort_unstable();
        query.filters.dedup();
        if page.is_some() || per_page.is_some() {
            let (number, items_max) = (page.unwrap_or(1), per_page.unwrap_or(PER_PAGE_DEFAULT));
            query.page = Some(Page { number, items_max });
        }
        Ok(query)
    }

    /// Does it ask for everything, in order of creation?
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty() && self.sort.is_empty() && self.page.is_none()
    }

    /// How many filters each item is held against.
    pub fn filters(&self) -> usize {
        self.filters.len()
    }

    /// Changes come in their own order, and end at no page.
    pub fn filters_only(&self) -> Result<(), ApiError> {
        let why = "has no meaning for what is followed";
        match (self.sort.is_empty(), self.page) {
            (false, _) => Err(wrong("_sort", why)),
            (true, Some(_)) => Err(wrong("_page or _per_page", why)),
            (true, None) => Ok(()),
        }
    }
}

fn wrong(parameter: &str, why: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::QueryMalformed { parameter: parameter.to_owned(), why: why.into() }
}

fn too_many(parameter: &str) -> ApiError {
    wrong(parameter, format!("is one too many: at most {QUERY_PARAMETERS_MAX} are taken"))
}

/// None: a percent sign begins no octet, or the octets are no text.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    for after in text.split('%').skip(1) {
        if after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() != 2 {
            return None;
        }
    }
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().ok()?;
    Some(Cow::Owned(decoded.into_owned()))
}

/// A number from 1 to `most`, which stands once.
fn set(number: &mut Option<usize>, name: &str, text: &str, most: usize) -> Result<(), ApiError> {
    if number.is_some() {
        return Err(wrong(name, "stands twice"));
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    *number = text.parse().ok().filter(|number| digits && (1..=most).contains(number));
    match (*number, most) {
        (Some(_), _) => Ok(()),
        (None, usize::MAX) => Err(wrong(name, "must be a whole number from 1 on")),
        (None, most) => Err(wrong(name, format!("must be a whole number from 1 to {most}"))),
    }
}

impl Filter {
    /// Behind the last colon stands the operator: of a name with a colon it must be said.
    fn read(name: &str, value: &str) -> Result<Filter, ApiError> {
        let (field, operator) = match name.rsplit_once(':') {
            None => (name, Operator::Equal),
            Some((field, word)) => match OPERATORS.iter().find(|(known, _)| *known == word) {
                Some((_, operator)) => (field, *operator),
                None => {
                    let known = OPERATORS.map(|(known, _)| known).join(", ");
                    return Err(wrong(name, format!("has an operator that is none of {known}")));
                }
            },
        };
        match field {
            "" => Err(wrong(&format!("{name}={value}"), "names no member")),
            _ => Ok(Filter { field: field.into(), operator, value: value.into() }),
        }
    }
}

impl Key {
    fn read(text: &str) -> Option<Key> {
        let (field, direction) = match text.strip_prefix('-') {
            Some(field) => (field, Direction::Descending),
            None => (text, Direction::Ascending),
        };
        (!field.is_empty()).then(|| Key { field: field.into(), direction })
    }
}

/// The canonical text.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for Filter { field, operator, value } in &self.filters {
            write!(f, "{between}{}", encoded(field))?;
            let is_plain = !field.contains(':') && !OF_FOLLOWING.contains(&&**field);
            if *operator != Operator::Equal || !is_plain {
                let word = OPERATORS.iter().find(|(_, known)| known == operator).map_or("", |(word, _)| word);
                write!(f, ":{word}")?;
            }
            write!(f, "={}", encoded(value))?;
            between = "&";
        }
        for (n, Key { field, direction }) in self.sort.iter().enumerate() {
            let before = if n == 0 { format!("{between}_sort=") } else { ",".to_owned() };
            let minus = if *direction == Direction::Descending { "-" } else { "" };
            write!(f, "{before}{minus}{}", encoded(field))?;
            between = "&";
        }
        match self.page {
            Some(Page { number, items_max }) => {
                write!(f, "{between}_page={number}&_per_page={items_max}")
            }
            None => Ok(()),
        }
    }
}

fn encoded(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, &ESCAPED)
}

/// All but the unreserved characters (RFC 3986 §2.3).
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, canonical: &str) {
        let query = Query::parse(text).unwrap();
        assert_eq!(query.to_string(), canonical, "{text}");
        assert_eq!(Query::parse(canonical).as_ref(), Ok(&query), "{text}");
    }

    #[track_caller]
    fn refused(text: &str, detail: &str) {
        let refusal = Query::parse(text).unwrap_err();
        assert_eq!((refusal.status(), &*refusal.detail()), (400, detail), "{text}");
    }

    #[test]
    fn equal_queries_have_one_text() {
        check("", "");
        check("&&", "");
        check("b=2&a=1&b=1&&a=1", "a=1&b=1&b=2");
        check("a:eq=1&a:gt=0&b:contains=x+y", "a=1&a:gt=0&b:contains=x%20y");
        check("a%3Alt=5", "a:lt=5");
        check("a:b:eq=1&since:eq=2", "a%3Ab:eq=1&since:eq=2");
        check("by.name=%C3%A9&%61=%26%3D%2B", "a=%26%3D%2B&by.name=%C3%A9");
        check("_sort=a,-b.c,--d", "_sort=a,-b.c,--d");
        check("_sort=-a%2Cb&done=false", "done=false&_sort=-a,b");
        check("_page=1", "_page=1&_per_page=10");
        check("_per_page=10", "_page=1&_per_page=10");
        check("_per_page=1000&_page=007", "_page=7&_per_page=1000");
        check("done", "done=");
        check("a==b", "a=%3Db");
    }

    #[test]
    fn what_is_about_following_is_passed_over() {
        check("since=3f9c2a7b-1&deliver=latest", "");
        check("since=now&a=1", "a=1");
        assert!(Query::parse("since=now").unwrap().is_empty());
        assert!(!Query::parse("_page=1").unwrap().is_empty());
    }

    #[test]
    fn each_mistake_names_its_parameter() {
        refused("a=1&_embed=x", "query parameter _embed is not known here");
        refused("_x:lt=5", "query parameter _x:lt is not known here");
        refused(
            "a:near=1",
            "query parameter a:near has an operator that is none of eq, ne, lt, lte, gt, gte, contains",
        );
        refused("=1", "query parameter =1 names no member");
        refused(":lt=1", "query parameter :lt=1 names no member");
        for bad in ["0", "-1", "+1", "%2B1", "1.5", "", "x", "99999999999999999999"] {
            let page = format!("_page={bad}");
            refused(&page, "query parameter _page must be a whole number from 1 on");
        }
        for bad in ["0", "1001", "all"] {
            let per_page = format!("_per_page={bad}");
            refused(&per_page, "query parameter _per_page must be a whole number from 1 to 1000");
        }
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            refused(bad, "query parameter a is not percent-encoded UTF-8");
        }
        refused("%ff=1", "query parameter %ff is not percent-encoded UTF-8");
        for bad in ["_sort=", "_sort=-", "_sort=a,,b", "_sort=a,"] {
            refused(bad, "query parameter _sort must name members, with commas between them");
        }
        for twice in ["_sort", "_page", "_per_page"] {
            let text = format!("{twice}=1&{twice}=1");
            refused(&text, &format!("query parameter {twice} stands twice"));
        }
    }

    #[test]
    fn so_many_parameters_are_taken_and_no_more() {
        let many = |count: usize| (0..count).map(|n| format!("a{n}=1")).collect::<Vec<_>>().join("&");
        assert!(Query::parse(&many(32)).is_ok());
        refused(&many(33), "query parameter a32 is one too many: at most 32 are taken");
        assert!(Query::parse(&(many(30) + "&_sort=a,b")).is_ok());
        let all = Query::parse(&(many(32) + "&_page=2")).unwrap();
        assert_eq!(Query::parse(&all.to_string()), Ok(all), "a link to another page is taken, too");
        let detail = "query parameter _sort is one too many: at most 32 are taken";
        refused(&(many(30) + "&_sort=a,b,c"), detail);
        let long = |bytes: usize| format!("a={}", "x".repeat(bytes - 2));
        assert!(Query::parse(&long(8192)).is_ok());
        let beginning = &long(80);
        let detail = format!("query parameter {beginning}… is too long: a query has at most 8192 bytes");
        refused(&long(8193), &detail);
    }

    #[test]
    fn what_is_followed_is_filtered_only() {
        let followed = |text: &str| Query::parse(text).unwrap().filters_only();
        assert_eq!(followed("a=1&since=now"), Ok(()));
        for (text, name) in [("_sort=a", "_sort"), ("_page=1", "_page or _per_page")] {
            let detail = format!("query parameter {name} has no meaning for what is followed");
            assert_eq!(followed(text).unwrap_err().detail(), detail);
        }
    }
}
