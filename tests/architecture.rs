//! The architecture of `src`: which module may import which, no import cycle between files, and the size of a file.
//!
//! ```text
//!   src/**/*.rs ──▶ lines of code ──▶ `crate::` paths ──▶ edges between modules ──▶ the table ALLOWED
//!                   (no comments,           │
//!                    no tests)              └──────────▶ edges between files ────▶ no cycle
//! ```
//!
//! A module is a folder of `src`, or a file directly in it. Tests at the end of a file may import anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules from the top down, each with those that it may import. An import always points down.
const ALLOWED: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["serve", "compare", "client", "api", "store"]),
    ("serve", &["reactor", "server", "api", "store", "client", "model"]),
    ("compare", &["client", "netlab", "render", "websocket", "http", "model"]),
    ("reactor", &["server", "connection"]),
    ("server", &["pubsub", "api", "connection", "store", "http", "model"]),
    ("pubsub", &["api", "connection", "store", "model"]),
    ("api", &["site", "render", "store", "model"]),
    ("store", &["model"]),
    ("site", &["render", "model"]),
    ("client", &["websocket", "http", "model"]),
    // The error of a request that never became a call is rendered here, in the representation that it accepts.
    ("connection", &["render", "websocket", "http", "model"]),
    ("render", &["model"]),
    ("websocket", &["http"]),
    ("http", &[]),
    ("netlab", &[]),
    ("model", &[]),
];

/// Modules that every other may import, and that import none.
const OPEN: &[&str] = &["config", "error", "metrics"];

/// Lines of code in a file, without its tests.
const LINES_MAX: usize = 400;

/// Lines of tests in a file of code. Longer tests are in a file of their own, `tests.rs`.
const TEST_LINES_MAX: usize = 300;

/// Words that few modules may use.
const WORDS: &[(&[&str], &[&str], &str)] = &[
    (&["mio"], &["reactor"], "readiness belongs to the reactor"),
    (&["clap"], &["cli"], "the command line is parsed in one module"),
    (&["socket2", "libc"], &["reactor", "netlab", "client", "compare"], "these are system calls"),
    (
        &["TcpStream", "TcpListener", "UdpSocket", "UnixStream"],
        &["reactor", "client", "compare", "netlab", "serve"],
        "protocol code gets bytes, and touches no socket",
    ),
    (&["UnixDatagram"], &["serve"], "only systemd is notified by datagram"),
    (
        &["io::Read", "io::BufRead", "io::Write"],
        &["reactor", "client", "compare", "netlab", "serve", "cli", "main"],
        "protocol code gets bytes, and reads from no stream",
    ),
    (
        &["Instant::now", "SystemTime::now", "Local::now", "Utc::now"],
        &["reactor", "client", "compare", "netlab", "serve"],
        "time is an argument, and is read once a turn",
    ),
    (
        &["Instant"],
        &[
            "reactor",
            "server",
            "pubsub",
            "client",
            "compare",
            "netlab",
            "serve",
            "connection",
            "store",
            "metrics",
        ],
        "these have no time",
    ),
    (
        &["serde", "serde_json"],
        &["model", "render", "api", "site", "client", "compare", "netlab"],
        "protocol code knows no JSON",
    ),
    (&["redb::"], &["store"], "the store owns its file"),
    (&["flate2"], &["websocket", "http"], "messages and bodies are compressed, and nothing else"),
    (&["pulldown_cmark"], &["site"], "only the chapters are written in Markdown"),
    (&["quick_xml"], &["render"], "markup is escaped in one module"),
    (&["httparse", "base64", "sha1"], &["http", "websocket", "client"], "these read bytes on the wire"),
    (&["thread_local!"], &[], "inputs are arguments"),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for line in lines() {
        for path in paths(&line) {
            let to = path[0].as_str();
            let from = line.module.as_str();
            let allowed = ALLOWED.iter().find(|(module, _)| *module == from).map_or(&[][..], |(_, to)| to);
            let is_open = OPEN.contains(&to) && !OPEN.contains(&from);
            if to != from && !is_open && !allowed.contains(&to) {
                wrong.push(line.report(&format!("{from} → {to} is not in the table")));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_table_points_down_and_names_every_module() {
    let mut above: BTreeSet<&str> = BTreeSet::new();
    for (module, imports) in ALLOWED {
        above.insert(module);
        for import in *imports {
            assert!(!above.contains(import), "{module} → {import} points up");
            assert!(ALLOWED.iter().any(|(module, _)| module == import), "{import} is in the table");
        }
    }
    let named: BTreeSet<String> = above.iter().chain(OPEN).map(|name| (*name).to_owned()).collect();
    let present: BTreeSet<String> = lines().map(|line| line.module).collect();
    assert_eq!(present, named);
}

#[test]
fn no_import_cycle_between_files() {
    let graph = Graph::of_source();
    let found: Vec<String> = graph.components().iter().map(|component| graph.describe(component)).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n\n"));
}

#[test]
fn a_planted_cycle_is_found() {
    let mut graph = Graph::default();
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("d", "e")] {
        graph.add(Path::new(from), Path::new(to), 7);
    }
    let components = graph.components();
    assert_eq!(components, [["b", "c", "d"].map(PathBuf::from)]);
    assert_eq!(
        graph.describe(&components[0]),
        "3 files import each other; one cycle:\n    b:7 → c\n    c:7 → d\n    d:7 → b"
    );
}

#[test]
fn files_are_short() {
    for (file, text) in sources() {
        let lines = without_tests(&text).lines().count();
        let test_lines = text.lines().count() - lines;
        assert!(lines <= LINES_MAX, "{} has {lines} lines without its tests", file.display());
        assert!(test_lines <= TEST_LINES_MAX, "{} has {test_lines} lines of tests", file.display());
    }
}

#[test]
fn words_stay_in_their_modules() {
    let mut wrong = Vec::new();
    for line in lines() {
        // `use std::io::{self, Read}` names io::Read.
        let list = line.code.strip_prefix("use std::io::{").unwrap_or_default();
        let names: Vec<&str> = list.split([',', '}']).map(str::trim).collect();
        for (words, modules, why) in WORDS {
            let imports = |word: &str| word.strip_prefix("io::").is_some_and(|word| names.contains(&word));
            let used = words.iter().find(|word| has_word(&line.code, word) || imports(word));
            if let (Some(word), false) = (used, modules.contains(&line.module.as_str())) {
                wrong.push(line.report(&format!("{} → {word}: {why}", line.module)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Imports between files, each with the line of one of them.
#[derive(Default)]
struct Graph {
    edges: BTreeMap<PathBuf, BTreeMap<PathBuf, usize>>,
}

impl Graph {
    fn of_source() -> Graph {
        let files: BTreeMap<Vec<String>, PathBuf> =
            sources().into_iter().map(|(file, _)| (module_path(&file), file)).collect();
        let mut graph = Graph::default();
        for line in lines() {
            let mut targets = paths(&line);
            targets.extend(declared_child(&line));
            for path in targets {
                // The longest prefix that is a file: what follows is a name in it.
                let prefixes = (1..=path.len()).rev();
                if let Some(to) = prefixes.filter_map(|n| files.get(&path[..n])).next() {
                    graph.add(&line.file, to, line.number);
                }
            }
        }
        graph
    }

    fn add(&mut self, from: &Path, to: &Path, line: usize) {
        if from != to {
            self.edges.entry(from.to_owned()).or_default().entry(to.to_owned()).or_insert(line);
        }
    }

    /// The shortest way from one file to another, both included.
    fn way(&self, from: &Path, to: &Path) -> Option<Vec<PathBuf>> {
        let mut queue = VecDeque::from([vec![from.to_owned()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = queue.pop_front() {
            for next in self.edges.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
                let longer = way.iter().chain([next]).cloned().collect();
                if next == to {
                    return Some(longer);
                }
                if seen.insert(next) {
                    queue.push_back(longer);
                }
            }
        }
        None
    }

    /// Strongly connected components of more than one file.
    fn components(&self) -> Vec<Vec<PathBuf>> {
        let reach: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
            self.edges.keys().map(|from| (from, self.reachable(from))).collect();
        let mut components: Vec<Vec<PathBuf>> = Vec::new();
        for (file, reached) in &reach {
            let is_placed = components.iter().any(|component| component.contains(file));
            if reached.contains(*file) && !is_placed {
                let is_mutual =
                    |other: &&&PathBuf| reach.get(**other).is_some_and(|back| back.contains(*file));
                components.push(reached.iter().filter(is_mutual).map(|other| (*other).clone()).collect());
            }
        }
        components
    }

    fn reachable(&self, from: &PathBuf) -> BTreeSet<&PathBuf> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for next in self.edges.get(file).into_iter().flat_map(BTreeMap::keys) {
                if reached.insert(next) {
                    open.push(next);
                }
            }
        }
        reached
    }

    fn describe(&self, component: &[PathBuf]) -> String {
        let ways = component.iter().filter_map(|file| self.way(file, file));
        let cycle = ways.min_by_key(Vec::len).expect("a component has a cycle");
        let arrow = |pair: &[PathBuf]| {
            let line = self.edges[&pair[0]][&pair[1]];
            format!("\n    {}:{line} → {}", pair[0].display(), pair[1].display())
        };
        let arrows: String = cycle.windows(2).map(arrow).collect();
        format!("{} files import each other; one cycle:{arrows}", component.len())
    }
}

/// One line of code.
struct Line {
    file: PathBuf,
    number: usize,
    module: String,
    code: String,
}

impl Line {
    fn report(&self, problem: &str) -> String {
        format!("{}:{}: {problem}\n    {}", self.file.display(), self.number, self.code)
    }
}

/// Every Rust file of `src`, from the root of the project, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        (file.strip_prefix(root).unwrap().to_owned(), text)
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        match path.extension() {
            // Tests that have a file of their own are tests all the same.
            Some(extension) if extension == "rs" && !path.ends_with("tests.rs") => files.push(path),
            None if path.is_dir() => collect(&path, files),
            _ => {}
        }
    }
}

/// Everything before the tests.
fn without_tests(text: &str) -> &str {
    let end = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\npub mod tests {", "#[cfg(test)]\nmod tests;"]
        .iter()
        .filter_map(|start| text.find(start))
        .min();
    &text[..end.unwrap_or(text.len())]
}

/// All code in `src` without comments and tests.
fn lines() -> impl Iterator<Item = Line> {
    sources().into_iter().filter(|(file, _)| file != Path::new("src/lib.rs")).flat_map(|(file, text)| {
        let module = file.iter().nth(1).unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let is_code = |code: &&str| !code.is_empty() && !code.starts_with("//");
        let numbered = without_tests(&text).lines().map(str::trim).enumerate();
        let line = |(n, code): (usize, &str)| Line {
            file: file.clone(),
            number: n + 1,
            module: module.clone(),
            code: code.to_owned(),
        };
        numbered.filter(|(_, code)| is_code(code)).map(line).collect::<Vec<_>>()
    })
}

/// `src/store/disk/mod.rs` is `store::disk`.
fn module_path(file: &Path) -> Vec<String> {
    let names = file.with_extension("");
    let names: Vec<String> = names.iter().skip(1).map(|name| name.to_str().unwrap().to_owned()).collect();
    match names.split_last() {
        Some((last, folder)) if last == "mod" => folder.to_vec(),
        _ => names,
    }
}

/// The child that a line like `pub mod outbox;` declares.
fn declared_child(line: &Line) -> Option<Vec<String>> {
    let name =
        line.code.strip_prefix("pub ").unwrap_or(&line.code).strip_prefix("mod ")?.strip_suffix(';')?;
    let mut path = module_path(&line.file);
    path.push(name.to_owned());
    Some(path)
}

/// Every path in a line from the root of the crate: after `crate::`, after `bothways::` in the program that
/// uses the library, or relative with `super::`.
fn paths(line: &Line) -> Vec<Vec<String>> {
    let code = &line.code;
    let own = module_path(&line.file);
    let mut found = Vec::new();
    let roots = [("crate::", 0), ("bothways::", 0), ("super::super::", 2), ("super::", 1)];
    let mut skip_until = 0;
    let mut starts: Vec<(usize, &str, usize)> = Vec::new();
    for (root, up) in roots {
        starts.extend(code.match_indices(root).map(|(at, _)| (at, root, up)));
    }
    starts.sort_by_key(|&(at, root, _)| (at, usize::MAX - root.len()));
    for (at, root, up) in starts {
        let is_inside = code[..at].chars().next_back().is_some_and(|c| is_name(c) || c == ':');
        if at < skip_until || is_inside {
            continue;
        }
        let path = &code[at + root.len()..];
        let end = path.find(|c: char| !is_name(c) && c != ':').unwrap_or(path.len());
        skip_until = at + root.len() + end;
        let base = if up == 0 { &[][..] } else { &own[..own.len().saturating_sub(up)] };
        let names = path[..end].split("::").filter(|name| !name.is_empty()).map(str::to_owned);
        let absolute: Vec<String> = base.iter().cloned().chain(names).collect();
        if !absolute.is_empty() {
            found.push(absolute);
        }
    }
    found
}

fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let around = [code[..at].chars().next_back(), code[at + word.len()..].chars().next()];
        !around.into_iter().flatten().any(is_name)
    })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
