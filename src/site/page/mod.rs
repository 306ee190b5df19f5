//! The page at `/`, and the scripts and styles of all pages.
//!
//! Scripts and styles are built in, and their addresses do not change with them. A browser revalidates its
//! copy each time, by an entity tag that is made from the text.

use crate::model::change::Position;
use crate::site::chapters::contents;

/// A script or a style.
pub struct StaticFile {
    pub path: &'static str,
    pub media_type: &'static str,
    pub text: &'static str,
    pub tag: Position,
}

const fn script(path: &'static str, text: &'static str) -> StaticFile {
    StaticFile { path, media_type: "text/javascript; charset=utf-8", text, tag: Position::of_text(text) }
}

const fn style(path: &'static str, text: &'static str) -> StaticFile {
    StaticFile { path, media_type: "text/css; charset=utf-8", text, tag: Position::of_text(text) }
}

/// Those of the pages of resources first, then those of the page at `/`, then that of the chapters.
pub const FILES: [StaticFile; 8] = [
    script("/-/page.js", include_str!("page.js")),
    style("/-/page.css", include_str!("page.css")),
    script("/-/home.js", include_str!("home.js")),
    script("/-/lanes.js", include_str!("lanes.js")),
    script("/-/tally.js", include_str!("tally.js")),
    script("/-/exercises.js", include_str!("exercises.js")),
    style("/-/home.css", include_str!("home.css")),
    style("/-/chapters.css", include_str!("chapters.css")),
];

const HOME: &str = include_str!("home.html");

/// The collection that the page at `/` is about, where there is one of that name; else the first.
const DEFAULT_COLLECTION: &str = "tasks";

/// Renders the page at `/`. Names of collections need no escape, neither in a path nor in markup.
pub fn home<'a>(collections: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut names = collections.clone();
    let first = names.next().unwrap_or(DEFAULT_COLLECTION);
    let name = if names.any(|name| name == DEFAULT_COLLECTION) { DEFAULT_COLLECTION } else { first };
    let collections: Vec<String> = collections.map(|name| format!("/{name}")).collect();
    let groups: [(&str, &[&str]); 5] = [
        ("To read", &[contents::ADDRESS]),
        ("Collections", &collections.iter().map(String::as_str).collect::<Vec<_>>()),
        ("Health", &["/healthz", "/readyz"]),
        ("Counted", &["/metrics", "/counters"]),
        ("Descriptions", &["/openapi.json", "/asyncapi.json"]),
    ];
    let links: String = groups.iter().map(|(heading, paths)| links_to(heading, paths)).collect();
    HOME.replace("{path}", &format!("/{name}")).replace("{links}", &links)
}

fn links_to(heading: &str, paths: &[&str]) -> String {
    let items: String =
        paths.iter().map(|path| format!("<li><a href=\"{path}\">{path}</a></li>\n")).collect();
    format!("<h3>{heading}</h3>\n<ul>\n{items}</ul>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::chapters;

    #[test]
    fn another_text_has_another_tag() {
        for (n, file) in FILES.iter().enumerate() {
            assert!(FILES[..n].iter().all(|other| other.tag != file.tag && other.path != file.path));
        }
    }

    #[test]
    fn no_script_writes_markup() {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "setHTML",
            "document.write",
            "createContextualFragment",
            "DOMParser",
            "eval(",
            "new Function",
        ] {
            for file in FILES {
                assert!(!file.text.contains(word), "{} has {word}", file.path);
            }
        }
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for text in FILES.iter().map(|file| file.text).chain([HOME]) {
            assert!(!text.contains("//www.") && !text.contains("http://") && !text.contains("https://"));
        }
    }

    #[test]
    fn each_script_asks_for_parts_that_are_there() {
        for file in FILES {
            for part in file.text.split(" from './").skip(1).filter_map(|rest| rest.split('\'').next()) {
                assert!(
                    FILES.iter().any(|other| other.path == format!("/-/{part}")),
                    "{}: {part}",
                    file.path
                );
            }
        }
    }

    /// By each number, and each row of numbers, stands a link; a test of the chapters looks at where those lead.
    #[test]
    fn every_number_links_to_a_chapter_that_is_there() {
        let targets = |part: &str| -> Vec<String> {
            let rests = part.split(" href=\"/-/chapters/").skip(1);
            rests.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        let rows: Vec<&str> = HOME.split("<div role=\"row\" class=\"row\">").skip(1).collect();
        assert_eq!(rows.len(), 5);
        for row in rows.iter().map(|row| row.split("</section>").next().unwrap()) {
            let closed = row.split("<details>").nth(1).and_then(|rest| rest.split("</details>").next());
            assert!(!targets(row).is_empty() && targets(closed.unwrap()).is_empty(), "{row}");
        }
        for name in targets(HOME) {
            let (name, anchor) = name.split_once('#').unwrap_or((&name, ""));
            assert!(chapters::has(name, anchor), "the page links to {name}#{anchor}");
        }
    }

    /// Its elements are found by their ids.
    #[test]
    fn the_page_has_what_its_scripts_look_for() {
        let ids: Vec<&str> = HOME.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(ids.iter().enumerate().all(|(n, id)| !ids[..n].contains(id)), "an id stands twice: {ids:?}");
        for file in FILES.iter().filter(|file| file.path != "/-/page.js") {
            let looks_for = |call: &str, close: char| {
                let rests: Vec<&str> = file.text.split(call).skip(1).collect();
                rests.into_iter().map(move |rest| rest.split(close).next().unwrap().to_owned())
            };
            for id in looks_for("element('", '\'').chain(looks_for("put('", '\'')) {
                assert!(ids.contains(&&*id), "{} looks for {id}", file.path);
            }
            for call in ["element(`${lane.name}-", "put(`${lane.name}-", "put(`${name}-", "element(`${name}-"]
            {
                for end in looks_for(call, '`') {
                    for id in ["polling", "socket"].map(|lane| format!("{lane}-{end}")) {
                        assert!(ids.contains(&&*id), "{} looks for {id}", file.path);
                    }
                }
            }
        }
    }

    #[test]
    fn the_page_is_about_tasks_or_what_comes_first() {
        for (names, path) in
            [(&["tasks"][..], "/tasks"), (&["notes", "tasks"], "/tasks"), (&["notes", "plans"], "/notes")]
        {
            let page = home(names.iter().copied());
            assert!(page.contains(&format!("<body data-path=\"{path}\">")), "{path}");
            assert!(!page.contains('{'), "every place is filled");
            for name in names {
                assert!(page.contains(&format!("<a href=\"/{name}\">/{name}</a>")), "{name}");
            }
        }
    }
}
