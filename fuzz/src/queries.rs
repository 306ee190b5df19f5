//! Queries against a slow model, which reads items as a library does.

use super::texts::{library_knows, members_of};
use bothways::api::query::Query;
use bothways::api::selection::Selected;
use bothways::model::record::Record;
use serde_json::Value;
use std::cmp::Ordering;

/// A query that can be read has one text, whatever the order of its parts; and of a list it leaves
/// what the model leaves, in the same order. The first line is the query, each other line an item.
pub fn check_query(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (asked, bodies) = text.split_once('\n').unwrap_or((text, ""));
    let (query, model) = (Query::parse(asked), Model::read(asked));
    let turned_round = asked.split('&').rev().collect::<Vec<_>>().join("&");
    assert_eq!(Query::parse(&turned_round).ok(), query.clone().ok(), "{turned_round}");
    assert_eq!(query.is_ok(), model.is_some(), "{asked}: {query:?}");
    let (Ok(query), Some(model)) = (query, model) else { return };
    let canonical = query.to_string();
    assert_eq!(Query::parse(&canonical).as_ref(), Ok(&query), "{canonical}");
    assert_eq!(query.is_empty(), canonical.is_empty());

    let values = model.filters.iter().map(|(_, _, value)| value.as_str());
    if !library_knows(bodies.as_bytes()) || ![bodies].into_iter().chain(values).all(is_tame) {
        return;
    }
    let bodies = bodies.lines().filter_map(|body| members_of(body.as_bytes()));
    let records: Vec<Record> =
        bodies.enumerate().map(|(n, members)| Record::new(&n.to_string(), members, 1)).collect();
    let read = |record: &Record| serde_json::from_str(record.json()).expect("an item can be read");
    let items: Vec<Value> = records.iter().map(read).collect();
    for (record, item) in records.iter().zip(&items) {
        assert_eq!(query.matches(record.json()), model.matches(item), "{asked} of {item}");
    }
    let Selected { items: selected, total } = query.select(records.iter());
    let (expected, expected_total) = model.select(&items);
    let found: Vec<&str> = selected.iter().map(|record| record.id()).collect();
    let expected: Vec<&str> = expected.iter().filter_map(|item| item["id"].as_str()).collect();
    assert_eq!((found, total), (expected, expected_total), "{asked}");
    let paging = query.paging("tasks", total);
    assert_eq!(paging.is_some(), model.page.is_some());
    for link in paging.iter().flat_map(|paging| paging.link.split(", ")) {
        let next = link.strip_prefix("</tasks?").and_then(|link| link.split_once('>')).expect("a link").0;
        assert!(Query::parse(next).is_ok(), "{next}");
    }
}

/// True where every number is the same to a double as to us: it has few digits.
fn is_tame(text: &str) -> bool {
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    text.split(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | 'e' | 'E' | '+' | '-')).all(|number| {
        let (front, exponent) = number.split_once(['e', 'E']).unwrap_or((number, ""));
        digits(front) <= 15 && digits(exponent) <= 2
    })
}

/// What a query says, part by part.
struct Model {
    filters: Vec<(String, String, String)>,
    sort: Vec<String>,
    page: Option<(usize, usize)>,
}

impl Model {
    fn read(text: &str) -> Option<Model> {
        let (mut filters, mut sort, mut page, mut per_page) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut count = 0;
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let mut sides = part.splitn(2, '=');
            let name = decode(sides.next()?)?;
            let value = decode(sides.next().unwrap_or_default())?;
            count += match name.as_str() {
                "_sort" => 1 + value.matches(',').count(),
                "_page" | "_per_page" => 0,
                _ => 1,
            };
            match name.as_str() {
                "since" | "deliver" => {}
                "_sort" => sort.push(value),
                "_page" => page.push(number(&value)?),
                "_per_page" => per_page.push(number(&value)?),
                _ if name.starts_with('_') => return None,
                _ => {
                    let colon = name.rfind(':').unwrap_or(name.len());
                    let word = name.get(colon + 1..).unwrap_or("eq");
                    if colon == 0 || !["eq", "ne", "lt", "lte", "gt", "gte", "contains"].contains(&word) {
                        return None;
                    }
                    filters.push((name[..colon].to_owned(), word.to_owned(), value));
                }
            }
        }
        let keys: Vec<String> = sort.iter().flat_map(|keys| keys.split(',')).map(str::to_owned).collect();
        let all_once = sort.len() < 2 && page.len() < 2 && per_page.len() < 2;
        let named = keys.iter().all(|key| !key.is_empty() && key != "-");
        if !all_once || !named || count > 32 || text.len() > 8192 || per_page.iter().any(|most| *most > 1000)
        {
            return None;
        }
        let page = match (page.pop(), per_page.pop()) {
            (None, None) => None,
            (page, per_page) => Some((page.unwrap_or(1), per_page.unwrap_or(10))),
        };
        Some(Model { filters, sort: keys, page })
    }

    fn matches(&self, item: &Value) -> bool {
        self.filters.iter().all(|(field, word, value)| match word.as_str() {
            "eq" => self.filters.iter().any(|(other, word, value)| {
                other == field && word == "eq" && holds(look(item, field), "eq", value)
            }),
            word => holds(look(item, field), word, value),
        })
    }

    fn select<'a>(&self, items: &'a [Value]) -> (Vec<&'a Value>, usize) {
        let mut found: Vec<&Value> = items.iter().filter(|item| self.matches(item)).collect();
        // Sorted by the last key first, and stable: what counts most is done last.
        for key in self.sort.iter().rev() {
            let field = key.strip_prefix('-').unwrap_or(key);
            let is_missing = |item: &Value| look(item, field).is_none();
            found.sort_by(|one, other| {
                let order = kind(look(one, field)).cmp(&kind(look(other, field))).then_with(|| {
                    match (look(one, field), look(other, field)) {
                        (Some(Value::String(one)), Some(Value::String(other))) => {
                            one.chars().cmp(other.chars())
                        }
                        (Some(Value::Number(one)), Some(Value::Number(other))) => {
                            one.as_f64().partial_cmp(&other.as_f64()).expect("no number is none")
                        }
                        _ => Ordering::Equal,
                    }
                });
                let is_turned = field != key && !is_missing(one) && !is_missing(other);
                if is_turned { order.reverse() } else { order }
            });
        }
        let total = found.len();
        if let Some((number, most)) = self.page {
            found = found.chunks(most).nth(number - 1).unwrap_or_default().to_vec();
        }
        (found, total)
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?].map(|digit| char::from(digit).to_digit(16));
                (digits[0]? * 16 + digits[1]?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn number(text: &str) -> Option<usize> {
    text.chars().all(|c| c.is_ascii_digit()).then(|| text.parse().ok())?.filter(|number| *number > 0)
}

fn look<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    let members = value.as_object()?;
    members.get(field).or_else(|| {
        let (first, rest) = field.split_once('.')?;
        look(members.get(first)?, rest)
    })
}

fn holds(member: Option<&Value>, word: &str, value: &str) -> bool {
    let Some(member) = member else { return word == "ne" };
    let order = match member {
        Value::String(text) => Some(text.chars().cmp(value.chars())),
        // The library would let blanks pass.
        Value::Number(number) if value.trim() == value => match serde_json::from_str(value) {
            Ok(Value::Number(other)) => number.as_f64().partial_cmp(&other.as_f64()),
            _ => None,
        },
        _ => None,
    };
    let equal = match member {
        Value::Bool(true) => value == "true",
        Value::Bool(false) => value == "false",
        Value::Null => value == "null",
        _ => order == Some(Ordering::Equal),
    };
    let capitals = |text: &str| text.chars().flat_map(char::to_uppercase).collect::<String>();
    match word {
        "eq" => equal,
        "ne" => !equal,
        "lt" => order == Some(Ordering::Less),
        "lte" => order.is_some() && order != Some(Ordering::Greater),
        "gt" => order == Some(Ordering::Greater),
        "gte" => order.is_some() && order != Some(Ordering::Less),
        _ => match member {
            Value::String(text) => capitals(text).contains(&capitals(value)),
            Value::Array(elements) => elements.iter().any(|element| holds(Some(element), "eq", value)),
            _ => false,
        },
    }
}

fn kind(member: Option<&Value>) -> u8 {
    match member {
        Some(Value::Number(_)) => 0,
        Some(Value::String(_)) => 1,
        Some(Value::Bool(false)) => 2,
        Some(Value::Bool(true)) => 3,
        Some(_) => 4,
        None => 5,
    }
}
