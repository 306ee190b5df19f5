//! What belongs to the pages: the one at `/`, and the scripts and styles of all.
//!
//! Scripts and styles are built in, and have no address that changes with them. So whoever keeps them
//! asks each time whether they are still the same, and is told by a tag made from what they say.

use crate::api::outcome::{Named, Outcome};
use crate::api::resources::read_at;
use crate::error::ApiError;
use crate::model::call::{Answer, Body, Call};
use crate::model::change::Position;
use crate::site::chapters;
use crate::store::state::State;

/// A script or a style: its address, what it is, and its tag.
pub struct File {
    pub path: &'static str,
    media_type: &'static str,
    text: &'static str,
    tag: Position,
}

const fn script(path: &'static str, text: &'static str) -> File {
    File { path, media_type: "text/javascript; charset=utf-8", text, tag: tag_of(text) }
}

const fn style(path: &'static str, text: &'static str) -> File {
    File { path, media_type: "text/css; charset=utf-8", text, tag: tag_of(text) }
}

/// Those of the pages of resources first, then those of the page at `/`, then that of the chapters.
pub const FILES: [File; 8] = [
    script("/-/page.js", include_str!("page.js")),
    style("/-/page.css", include_str!("page.css")),
    script("/-/home.js", include_str!("home.js")),
    script("/-/lanes.js", include_str!("lanes.js")),
    script("/-/tally.js", include_str!("tally.js")),
    script("/-/exercises.js", include_str!("exercises.js")),
    style("/-/home.css", include_str!("home.css")),
    style("/-/chapters.css", include_str!("chapters.css")),
];

/// The file of that number.
pub fn file<const N: usize>(call: &Call, _: Named, _: &State) -> Result<Outcome, ApiError> {
    let File { media_type, text, tag, .. } = FILES[N];
    read_at(call, tag, || Ok(Answer::new(200, Body::File { media_type, text: text.into() })))
}

const HOME: &str = include_str!("home.html");

/// The collection that the page at `/` is about, where there is one of that name; else the first.
const USUAL: &str = "tasks";

/// The page at `/`. Names of collections need no escape, neither in a path nor in markup.
pub fn home(state: &State) -> Body {
    let mut names = state.names();
    let first = names.next().unwrap_or(USUAL);
    let name = if names.any(|name| name == USUAL) { USUAL } else { first };
    let collections: Vec<String> = state.names().map(|name| format!("/{name}")).collect();
    let groups: [(&str, &[&str]); 5] = [
        ("To read", &[chapters::contents::ADDRESS]),
        ("Collections", &collections.iter().map(String::as_str).collect::<Vec<_>>()),
        ("Health", &["/healthz", "/readyz"]),
        ("Counted", &["/metrics", "/counters"]),
        ("Descriptions", &["/openapi.json", "/asyncapi.json"]),
    ];
    let links: String = groups.iter().map(|(heading, paths)| links_to(heading, paths)).collect();
    let page = HOME.replace("{path}", &format!("/{name}")).replace("{links}", &links);
    Body::Html(page.into_bytes().into())
}

fn links_to(heading: &str, paths: &[&str]) -> String {
    let items: String =
        paths.iter().map(|path| format!("<li><a href=\"{path}\">{path}</a></li>\n")).collect();
    format!("<h3>{heading}</h3>\n<ul>\n{items}</ul>\n")
}

/// Conditions hold positions, so the tag of a text is spelled as one: its hash (FNV-1a), its length.
pub const fn tag_of(text: &str) -> Position {
    let bytes = text.as_bytes();
    let (mut hash, mut at) = (0x811c_9dc5_u32, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    Position { epoch: hash, seq: bytes.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_has_another_tag() {
        // The vectors of those who made the hash.
        assert_eq!(tag_of(""), Position { epoch: 0x811c_9dc5, seq: 0 });
        assert_eq!(tag_of("foobar"), Position { epoch: 0xbf9c_f968, seq: 6 });
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
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let Body::Html(page) = home(&State::new(1, &names, 1000)) else { panic!("it is a page") };
            let page = std::str::from_utf8(&page).unwrap();
            assert!(page.contains(&format!("<body data-path=\"{path}\">")), "{path}");
            assert!(!page.contains('{'), "every place is filled");
            for name in names {
                assert!(page.contains(&format!("<a href=\"/{name}\">/{name}</a>")), "{name}");
            }
        }
    }
}
