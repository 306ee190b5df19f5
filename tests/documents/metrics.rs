//! `docs/reference/metrics.md`, held against what the server says at `/metrics`; and the statuses of
//! `docs/reference/http.md` against its description.

use crate::root;
use crate::server::Server;
use bothways::compare::experiments::requests::figures::FIGURES;
use bothways::compare::experiments::updates;
use bothways::compare::workloads::ways;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};

#[test]
fn the_page_of_metrics_names_those_that_are_there() {
    let page = fs::read_to_string(root().join("docs/reference/metrics.md")).unwrap();
    let said = get("/metrics");
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

#[test]
fn the_page_of_compare_names_every_figure_and_way() {
    let page = fs::read_to_string(root().join("docs/reference/compare.md")).unwrap();
    let figures = FIGURES.iter().map(|figure| figure.name);
    let follow = updates::figures::FIGURES.iter().map(|figure| figure.0);
    let follow = follow.chain(updates::figures::COSTS.iter().map(|cost| cost.0));
    let follow = follow.chain(updates::ways::ALL.iter().map(|way| way.name()));
    for name in figures.chain(ways::ALL.iter().map(|&way| way.name())).chain(follow) {
        assert!(page.contains(&format!("`{name}`")), "the page does not name {name}");
    }
}

#[test]
fn every_status_of_the_page_is_in_the_description() {
    let said: Value = serde_json::from_str(&get("/openapi.json")).unwrap();
    let mut described = BTreeSet::new();
    for path in said["paths"].as_object().unwrap().values() {
        for operation in path.as_object().unwrap().values() {
            let statuses = operation["responses"].as_object();
            described.extend(statuses.into_iter().flat_map(|statuses| statuses.keys().cloned()));
        }
    }
    let page = fs::read_to_string(root().join("docs/reference/http.md")).unwrap();
    let (_, rows) = page.split_once("\n## Statuses\n").unwrap();
    let rows = rows.lines().skip_while(|line| !line.starts_with("| ---")).skip(1);
    let rows = rows.map_while(|line| line.strip_prefix("| ")?.split(' ').next());
    // An answer in between, one to methods that are not described, and one over a socket only.
    let named: BTreeSet<String> =
        rows.filter(|status| !["100", "405", "429"].contains(status)).map(str::to_owned).collect();
    assert_eq!(described, named);
}

fn get(path: &str) -> String {
    let server = Server::start(&[]);
    let (mut stream, mut said) = (server.connect(), String::new());
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    stream.read_to_string(&mut said).unwrap();
    said.split_once("\r\n\r\n").unwrap().1.to_owned()
}
