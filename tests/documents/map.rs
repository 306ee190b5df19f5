//! `docs/architecture.md` compared with `src`: the tree names every file, and the table of imports names what
//! each module imports, always a module further down.

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

/// The module of a file: its folder below `src`, or its own name.
fn module(path: &Path) -> String {
    path.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// What each module imports, its tests aside.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let is_code = |path: &PathBuf| !path.ends_with("tests.rs") && path != Path::new("src/lib.rs");
    for path in sources().into_iter().filter(is_code) {
        let module = module(&path);
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let imported = imports.entry(module.clone()).or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for rest in line.replace("bothways::", "crate::").split("crate::").skip(1) {
                let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                if name != module && !name.is_empty() {
                    imported.insert(name.to_owned());
                }
            }
        }
    }
    imports
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
fn the_table_names_every_import() {
    let imports = imports();
    let page = page();
    let rows = page.lines().skip_while(|line| *line != "| module | imports |").skip(2);
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut below: BTreeSet<String> = imports.keys().cloned().collect();
    let mut wrong = Vec::new();
    for (module, named) in rows.map_while(|line| line.strip_prefix("| `")?.split_once("` | ")) {
        assert!(below.remove(module), "{module} is a module, and is in the table once");
        let imported = &imports[module];
        if words(named).into_iter().collect::<BTreeSet<_>>() != *imported {
            let names: String = imported.iter().map(|name| format!("`{name}` ")).collect();
            wrong.push(format!("| `{module}` | {names}|"));
        }
        let above: Vec<_> = imported.difference(&below).collect();
        assert!(above.is_empty(), "{module} imports modules that are not below it: {above:?}");
    }
    assert!(below.is_empty(), "not in the table: {below:?}");
    assert!(wrong.is_empty(), "the table should say:\n{}", wrong.join("\n"));
}

#[test]
fn quoted_code_is_in_the_source() {
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
