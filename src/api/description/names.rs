//! The addresses that a route stands for, and the names of operations on them.

use crate::api::route::{COLLECTION, ITEM};

/// Returns the addresses of a path of the routing table, each with the collection that it belongs to.
pub fn addresses<'n>(path: &str, collections: &[&'n str]) -> Vec<(String, Option<&'n str>)> {
    match path {
        COLLECTION => collections.iter().map(|name| (format!("/{name}"), Some(*name))).collect(),
        ITEM => collections.iter().map(|name| (format!("/{name}/{{id}}"), Some(*name))).collect(),
        fixed => vec![(fixed.to_owned(), None)],
    }
}

/// Returns the name of an operation: `get` on `/tasks/{id}` is `getTasksId`.
pub fn operation_id(word: &str, address: &str) -> String {
    let mut name = word.to_owned();
    for part in address.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        let (first, rest) = part.split_at(1);
        name += &first.to_ascii_uppercase();
        name += rest;
    }
    name
}
