//! Tables that say by which test something is shown: no cell is empty, and each test and flag is there.

use crate::root;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Each page, and how many columns its tables have; the last one names tests.
const PAGES: &[(&str, usize)] = &[("docs/reference/websocket.md", 4), ("docs/reference/hostile-peers.md", 3)];

/// What stands in place of a test where there is nothing to show.
const NONE: &str = "none needed";

#[test]
fn every_row_names_a_test_that_exists() {
    let tests = tests();
    let flags = fs::read_to_string(root().join("docs/reference/flags.md")).unwrap();
    for (page, columns) in PAGES {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let mut rows = 0;
        for line in text.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            assert!(cells.len() == *columns && cells.iter().all(|cell| !cell.is_empty()), "{page}: {line}");
            let (shown_by, others) = cells.split_last().unwrap();
            if *shown_by == "test" || *shown_by == NONE {
                continue;
            }
            let names: Vec<&str> = quoted(shown_by).collect();
            assert!(!names.is_empty(), "{page} names no test in {line}");
            for name in names {
                assert!(tests.contains(name), "{page} names the test {name}, and there is none");
            }
            for flag in others.iter().flat_map(|cell| quoted(cell)).filter(|word| word.starts_with("--")) {
                assert!(
                    flags.contains(&format!("{flag} <")),
                    "{page} names the flag {flag}, and there is none"
                );
            }
            rows += 1;
        }
        assert!(rows > 40, "{page} has {rows} rows");
    }
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The name of every test in this package.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut places = vec![PathBuf::from("src"), PathBuf::from("tests")];
    while let Some(place) = places.pop() {
        for entry in fs::read_dir(root().join(&place)).unwrap() {
            let path = place.join(entry.unwrap().file_name());
            if root().join(&path).is_dir() {
                places.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(root().join(path)).unwrap();
                let behind = text.split("#[test]\n").skip(1);
                let names = behind.filter_map(|rest| rest.split("fn ").nth(1)?.split('(').next());
                found.extend(names.map(str::to_owned));
            }
        }
    }
    found
}
