//! `docs/architecture.md`, held against the house: every file is in the tree, and every room knows
//! only the rooms that the page says it knows, all of which lie below it.

use crate::root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn page() -> String {
    fs::read_to_string(root().join("docs/architecture.md")).unwrap()
}

/// Every Rust file of `src`, from the root of the project.
fn sources() -> BTreeSet<PathBuf> {
    rust_files(&["src"])
}

/// Every Rust file below these folders, from the root of the project.
pub fn rust_files(folders: &[&str]) -> BTreeSet<PathBuf> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files(folders).into_iter().filter(is_rust).collect()
}

/// Every file below these folders, from the root of the project.
fn files(folders: &[&str]) -> BTreeSet<PathBuf> {
    let root = root();
    let mut found = BTreeSet::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    found
}

/// The room that a file belongs to: its folder below `src`, or its own name.
fn room(path: &Path) -> String {
    path.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

#[test]
fn the_tree_names_every_file() {
    let page = page();
    let tree = page.split("```text tree\n").nth(1).and_then(|rest| rest.split("\n```").next());
    let mut named = BTreeSet::new();
    let mut folders: Vec<&str> = Vec::new();
    for line in tree.expect("the page has a tree").lines() {
        let Some(start) = line.find(|c: char| !"│├└─ ".contains(c)) else { continue };
        let depth = line[..start].chars().count() / 4;
        let name = line[start..].split(' ').next().unwrap();
        folders.truncate(depth);
        match name.strip_suffix('/') {
            Some(folder) => folders.push(folder),
            None => _ = named.insert(folders.iter().chain([&name]).collect::<PathBuf>()),
        }
    }
    let sources = files(&["src"]);
    let missing: Vec<_> = sources.difference(&named).collect();
    let gone: Vec<_> = named.difference(&sources).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in the tree: {missing:?}; not there: {gone:?}");
}

#[test]
fn every_room_knows_what_the_page_says() {
    let mut knows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in sources() {
        let room = room(&path);
        let known = knows.entry(room.clone()).or_default();
        for line in fs::read_to_string(root().join(&path)).unwrap().lines() {
            let line = line.trim_start();
            let Some(rest) = line.strip_prefix("use crate::").or(line.strip_prefix("use bothways::")) else {
                continue;
            };
            let other = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            if other != room {
                known.insert(other.to_owned());
            }
        }
    }
    knows.remove("lib");
    let page = page();
    let rows = page.lines().skip_while(|line| *line != "| room | knows |").skip(2);
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows = rows.map_while(|line| line.strip_prefix("| ")?.split_once(" | "));
    let mut below: BTreeSet<String> = knows.keys().cloned().collect();
    for (rooms, known) in rows {
        let (rooms, known) = (words(rooms), words(known).into_iter().collect::<BTreeSet<_>>());
        for room in rooms {
            assert!(below.remove(&room), "{room} is a room, and stands in the table once");
            assert_eq!(knows[&room], known, "what {room} knows");
        }
        assert!(known.is_subset(&below), "a room knows only rooms below it: {known:?}");
    }
    assert!(below.is_empty(), "not in the table: {below:?}");
}

#[test]
fn what_is_quoted_stands_in_the_source() {
    let read = |path| fs::read_to_string(root().join(path)).unwrap();
    let source: String = sources().into_iter().map(read).collect::<Vec<_>>().join("\n");
    let page = page();
    let quoted = page.split("```rust\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    for line in quoted.flat_map(str::lines) {
        assert!(source.contains(line), "{line} is not in the source");
    }
    let prose: String = page.split("```").step_by(2).collect();
    for name in prose.split('`').skip(1).step_by(2).filter(|words| words.contains("::")) {
        let function = name.rsplit("::").next().unwrap();
        assert!(source.contains(&format!("fn {function}")), "{name} is not in the source");
    }
}
