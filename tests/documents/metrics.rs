//! `docs/reference/metrics.md`, held against what the server says at `/metrics`.

use crate::root;
use crate::server::Server;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};

#[test]
fn the_page_of_metrics_names_those_that_are_there() {
    let page = fs::read_to_string(root().join("docs/reference/metrics.md")).unwrap();
    let server = Server::start(&[]);
    let (mut stream, mut said) = (server.connect(), String::new());
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    stream.read_to_string(&mut said).unwrap();
    let (_, said) = said.split_once("\r\n\r\n").unwrap();
    let mut there = BTreeSet::new();
    for line in said.lines() {
        let line = line.strip_prefix("# TYPE ").unwrap_or(line);
        let name = line.split([' ', '{']).next().unwrap_or_default();
        let label = line.split_once('{').and_then(|(_, rest)| rest.split('=').next()).unwrap_or_default();
        if !name.starts_with('#') {
            there.insert((name.to_owned(), label.to_owned()));
        }
    }
    // A metric with a label has its name alone only in its type.
    let labelled: Vec<String> =
        there.iter().filter(|(_, label)| !label.is_empty()).map(|(name, _)| name.clone()).collect();
    there.retain(|(name, label)| !label.is_empty() || !labelled.contains(name));
    let mut named = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        named.insert((cells[1].trim_matches('`').to_owned(), cells[2].trim_matches('`').to_owned()));
    }
    assert_eq!(named, there);
}
