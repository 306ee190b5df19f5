//! The documents of this project, served as pages: a number on the page at `/` leads to where it is explained.
//!
//! ```text
//!   docs/*.md ── built in ──▶ table ── asked for the first time ──▶ markup ──▶ a page, kept ──▶ every answer
//! ```
//!
//! A page is rendered once in a process, for all loops. It depends on nothing but the built-in document. All
//! pages together have about half a megabyte.

pub mod contents;
pub mod markup;

use crate::model::change::Position;
use crate::render::escape::push_content;
use crate::site::chapters::contents::{ADDRESS, CHAPTERS, Chapter, PARTS};
use pulldown_cmark::HeadingLevel;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};

/// A rendered page.
pub struct CachedPage {
    pub tag: Position,
    pub html: Arc<[u8]>,
}

static LIST: OnceLock<CachedPage> = OnceLock::new();
static PAGES: [OnceLock<CachedPage>; CHAPTERS.len()] = [const { OnceLock::new() }; CHAPTERS.len()];

/// Returns the list of all chapters.
pub fn list() -> &'static CachedPage {
    LIST.get_or_init(|| cached(list_page()))
}

/// Returns the chapter of this name.
pub fn chapter(name: &str) -> Option<&'static CachedPage> {
    let n = contents::find(name)?;
    Some(PAGES[n].get_or_init(|| cached(page(n))))
}

fn cached(html: String) -> CachedPage {
    CachedPage { tag: Position::of_text(&html), html: html.into_bytes().into() }
}

fn list_page() -> String {
    let mut out = begin("Chapters");
    out.push_str("<nav aria-label=\"Where this is\"><a href=\"/\">bothways</a></nav>\n<main id=\"text\">\n<h1>Chapters</h1>\n");
    for (part, heading) in PARTS {
        _ = write!(out, "<h2>{heading}</h2>\n<ul class=\"list\">\n");
        for chapter in CHAPTERS.iter().filter(|chapter| chapter.part == part) {
            push_item(&chapter.address(), &chapter.title(), &mut out);
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn page(n: usize) -> String {
    let chapter = &CHAPTERS[n];
    let written = markup::write(chapter.markdown, |to| chapter.lead(to));
    let mut out = begin(&chapter.title());
    _ = writeln!(
        out,
        "<nav aria-label=\"Where this is\"><a href=\"/\">bothways</a> / <a href=\"{ADDRESS}\">chapters</a></nav>"
    );
    push_headings(&written.headings, &mut out);
    _ = write!(out, "<main id=\"text\">\n{}</main>\n", written.html);
    push_neighbours(n, &mut out);
    out.push_str("</body>\n</html>\n");
    out
}

fn begin(title: &str) -> String {
    let mut out = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                   <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>"
        .to_owned();
    push_content(title, &mut out);
    out.push_str(
        " – bothways</title>\n<link rel=\"stylesheet\" href=\"/-/chapters.css\">\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#text\">To the text</a>\n",
    );
    out
}

/// What is on the page, where that is more than one thing.
fn push_headings(headings: &[markup::Heading], out: &mut String) {
    let seconds: Vec<_> = headings.iter().filter(|heading| heading.level == HeadingLevel::H2).collect();
    if seconds.len() < 2 {
        return;
    }
    out.push_str(
        "<nav aria-label=\"On this page\"><details><summary>On this page</summary>\n<ul class=\"list\">\n",
    );
    for heading in seconds {
        push_item(&format!("#{}", heading.id), &heading.text, out);
    }
    out.push_str("</ul>\n</details></nav>\n");
}

fn push_item(address: &str, text: &str, out: &mut String) {
    _ = write!(out, "<li><a href=\"{address}\">");
    push_content(text, out);
    out.push_str("</a></li>\n");
}

fn push_neighbours(n: usize, out: &mut String) {
    out.push_str("<nav class=\"neighbours\" aria-label=\"Before and after\">\n");
    let before = n.checked_sub(1).map(|n| ("prev", "Before", &CHAPTERS[n]));
    let after = CHAPTERS.get(n + 1).map(|chapter| ("next", "After", chapter));
    for (relation, word, chapter) in before.into_iter().chain(after) {
        _ = write!(
            out,
            "<a rel=\"{relation}\" href=\"{}\"><small>{word}</small> ",
            Chapter::address(chapter)
        );
        push_content(&chapter.title(), out);
        out.push_str("</a>\n");
    }
    out.push_str("</nav>\n");
}

/// For tests: is there such a chapter, with such a heading, if one is named?
#[cfg(test)]
pub fn has(name: &str, anchor: &str) -> bool {
    let id = format!(" id=\"{anchor}\"");
    contents::find(name).is_some_and(|n| anchor.is_empty() || page(n).contains(&id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn pages() -> HashMap<String, String> {
        let chapters = (0..CHAPTERS.len()).map(|n| (CHAPTERS[n].address(), page(n)));
        chapters.chain([(ADDRESS.to_owned(), list_page())]).collect()
    }

    fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
        let rests = page.split(attribute).skip(1);
        rests.map(|rest| rest.split('"').next().unwrap()).collect()
    }

    #[test]
    fn every_link_of_a_chapter_leads_to_what_is_served() {
        let pages = pages();
        let mut between = 0;
        for (address, page) in &pages {
            for target in values(page, " href=\"") {
                let (to, anchor) = target.split_once('#').unwrap_or((target, ""));
                let to = if to.is_empty() { address } else { to };
                if to.starts_with("https://") || ["/", "/-/chapters.css"].contains(&to) {
                    continue;
                }
                let there = pages.get(to).unwrap_or_else(|| panic!("{address} links to {target}"));
                let is_found = anchor.is_empty() || values(there, " id=\"").contains(&anchor);
                assert!(is_found, "{address} links to {target}, and there is no such heading");
                between += usize::from(!anchor.is_empty());
            }
        }
        assert!(between > 100, "{between}");
    }

    #[test]
    fn a_page_has_no_id_twice_and_nothing_that_runs() {
        for (address, page) in pages() {
            let ids = values(&page, " id=\"");
            assert!(ids.iter().enumerate().all(|(n, id)| !ids[..n].contains(id)), "{address}: {ids:?}");
            for word in
                ["<script", " style=", "<style", " onclick=", "<img", "href=\"javascript:", "href=\"http:"]
            {
                assert!(!page.contains(word), "{address} has {word}");
            }
            assert_eq!(page.matches("<h1").count(), 1, "{address}");
            assert_eq!(
                page.matches("<table>").count(),
                page.matches("</table>\n</div>").count(),
                "{address}"
            );
        }
    }

    /// The number stands in the lesson above.
    #[test]
    fn all_pages_together_take_about_half_a_megabyte() {
        let bytes: usize = pages().values().map(String::len).sum();
        assert!((350_000..700_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn from_the_first_to_the_last_each_leads_on() {
        for n in 1..CHAPTERS.len() {
            let [before, after] = [&CHAPTERS[n - 1], &CHAPTERS[n]].map(Chapter::address);
            assert!(page(n - 1).contains(&format!("<a rel=\"next\" href=\"{after}\">")), "{after}");
            assert!(page(n).contains(&format!("<a rel=\"prev\" href=\"{before}\">")), "{before}");
        }
    }
}
