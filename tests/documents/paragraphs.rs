//! The tables of `docs/reference/http.md` that go through the RFCs: no cell is empty, and every test
//! that a row names exists.

use crate::map::rust_files;
use crate::root;
use std::collections::BTreeSet;
use std::fs;

/// The names of all tests, in `src` and in `tests`.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in rust_files(&["src", "tests"]) {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let behind = text.split("#[test]\n").skip(1).filter_map(|rest| rest.split_once("fn "));
        names.extend(behind.filter_map(|(_, rest)| rest.split('(').next()).map(str::to_owned));
    }
    names
}

#[test]
fn every_row_of_the_rfcs_is_whole_and_names_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/reference/http.md")).unwrap();
    let tests = tests();
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| §")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{line}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
        let named: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() || cells[3] == "nothing to show", "{line}");
        for name in named {
            assert!(tests.contains(name), "{name} is no test, in: {line}");
        }
        rows += 1;
    }
    let said = format!("In {rows} rows");
    assert!(page.contains(&said), "the page should say: {said}");
}
