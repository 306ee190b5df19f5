//! Items, collections and problems as pages.
//!
//! Each page can be read as it stands. With scripts on, `/-/page.js` keeps the page of a resource
//! as true as the resource: it finds what it needs by the `id` and `data-` attributes here, and
//! makes the same rows as `push_row` and `push_members`.

use crate::model::change::Position;
use crate::model::json_object::Object;
use crate::model::json_tokens::unescape;
use crate::render::escape::{push_attribute, push_content};
use serde_json::Value;
use std::borrow::Cow;

/// What stands before `/tasks` in a heading, and leads to what there is.
const HOME: &str = "<a href=\"/\">bothways</a>";

/// A collection as a page, from the texts of its records.
pub fn collection<'a>(name: &str, position: Position, items: impl Iterator<Item = &'a str>) -> String {
    let mut out = begin(&format!("/{name}"), Script::Loaded);
    out.push_str(&format!("<nav>{HOME} / {name}</nav>\n"));
    begin_resource("collection", &format!("/{name}"), Some(position), &mut out);
    out.push_str(
        "<table>\n<thead><tr><th scope=\"col\">id</th><th scope=\"col\">members</th></tr></thead>\n",
    );
    out.push_str("<tbody id=\"items\">\n");
    for json in items {
        push_row(name, json, &mut out);
    }
    out.push_str("</tbody>\n</table>\n</main>\n");
    end(out)
}

/// An item as a page. The name of its collection is known where it was asked for.
pub fn item(collection: Option<&str>, json: &str, position: Option<Position>) -> String {
    let Some(object) = Object::known(json) else { return String::new() };
    let id = id_of(&object);
    let path = collection.map_or_else(|| id.to_string(), |name| format!("/{name}/{id}"));
    let mut out = begin(&path, Script::Loaded);
    out.push_str(&format!("<nav>{HOME} / "));
    if let Some(name) = collection {
        out.push_str(&format!("<a href=\"/{name}\">{name}</a> / "));
    }
    push_content(&id, &mut out);
    out.push_str("</nav>\n");
    begin_resource("item", &path, position, &mut out);
    out.push_str("<div id=\"item\">");
    push_members(&object, &mut out);
    out.push_str("</div>\n</main>\n");
    end(out)
}

/// A problem object as a page.
pub fn problem(problem: &Value) -> String {
    let word = |name: &str| match &problem[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let title = format!("{} {}", word("status"), word("title"));
    let mut out = begin(&title, Script::None);
    out.push_str(&format!("<nav>{HOME}</nav>\n<main>\n<h1>"));
    push_content(&title, &mut out);
    out.push_str("</h1>\n");
    let shown = ["type", "title", "status"];
    for (name, _) in problem.as_object().into_iter().flatten().filter(|(name, _)| !shown.contains(&&***name))
    {
        out.push_str("<p>");
        if name != "detail" {
            out.push_str(&format!("{name}: "));
        }
        push_content(&word(name), &mut out);
        out.push_str("</p>\n");
    }
    out.push_str("</main>\n");
    end(out)
}

#[derive(Clone, Copy, PartialEq)]
enum Script {
    Loaded,
    None,
}

fn begin(title: &str, script: Script) -> String {
    let mut out = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                   <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>"
        .to_owned();
    push_content(title, &mut out);
    out.push_str("</title>\n<link rel=\"stylesheet\" href=\"/-/page.css\">\n");
    if script == Script::Loaded {
        out.push_str("<script src=\"/-/page.js\" defer></script>\n");
    }
    out.push_str("</head>\n<body>\n");
    out
}

fn end(mut out: String) -> String {
    out.push_str("</body>\n</html>\n");
    out
}

fn begin_resource(kind: &str, path: &str, position: Option<Position>, out: &mut String) {
    let position = position.map_or_else(String::new, |position| position.to_string());
    out.push_str(&format!("<main id=\"resource\" data-kind=\"{kind}\">\n<h1>"));
    push_content(path, out);
    out.push_str(&format!("</h1>\n<p>Position <code id=\"position\">{position}</code>. "));
    out.push_str(
        "<span id=\"status\" role=\"status\">Reload this page to see what comes later.</span></p>\n",
    );
}

/// Names and ids need no escape in a path (RFC 3986 §2.3).
fn push_row(collection: &str, json: &str, out: &mut String) {
    let Some(object) = Object::known(json) else { return };
    let id = id_of(&object);
    out.push_str("<tr data-id=\"");
    push_attribute(&id, out);
    out.push_str(&format!("\"><th scope=\"row\"><a href=\"/{collection}/{id}\">{id}</a></th><td>"));
    push_members(&object, out);
    out.push_str("</td></tr>\n");
}

/// A string as its text, any other value as JSON. The id, which stands first, is shown elsewhere.
fn push_members(object: &Object, out: &mut String) {
    out.push_str("<dl>");
    for (name, value) in object.members().skip(1) {
        out.push_str("<div><dt>");
        push_content(&unescape(name), out);
        out.push_str("</dt><dd>");
        if value.starts_with('"') {
            push_content(&unescape(value), out);
        } else {
            out.push_str("<code>");
            push_content(value, out);
            out.push_str("</code>");
        }
        out.push_str("</dd></div>");
    }
    out.push_str("</dl>");
}

fn id_of(object: &Object) -> Cow<'_, str> {
    object.members().next().map_or(Cow::Borrowed(""), |(_, id)| unescape(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSITION: Position = Position { epoch: 0x3f9c2a7b, seq: 2 };

    #[test]
    fn a_collection_is_a_table_with_a_link_to_each_item() {
        let page = collection("tasks", POSITION, [r#"{"id":"a.1","text":"Buy milk","n":1.50}"#].into_iter());
        let row = "<tr data-id=\"a.1\"><th scope=\"row\"><a href=\"/tasks/a.1\">a.1</a></th><td><dl>\
                   <div><dt>text</dt><dd>Buy milk</dd></div><div><dt>n</dt><dd><code>1.50</code></dd></div></dl></td></tr>\n";
        assert!(page.contains(row), "{page}");
        assert!(page.contains("<code id=\"position\">3f9c2a7b-2</code>"), "{page}");
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    }

    #[test]
    fn an_item_leads_back_to_its_collection() {
        let json = r#"{"id":"1","tags":["<a>"]}"#;
        let page = item(Some("tasks"), json, Some(POSITION));
        assert!(
            page.contains("<nav><a href=\"/\">bothways</a> / <a href=\"/tasks\">tasks</a> / 1</nav>"),
            "{page}"
        );
        assert!(page.contains("<dt>tags</dt><dd><code>[\"&lt;a&gt;\"]</code></dd>"), "{page}");
        assert!(item(None, json, Some(POSITION)).contains("<h1>1</h1>"));
    }

    #[test]
    fn nothing_of_an_item_becomes_markup() {
        for evil in
            ["</title><script>", "<img src=x onerror=alert(1)>", "\"><b>", "'", "&lt;script&gt;", "\u{0}<b"]
        {
            let text = serde_json::to_string(evil).unwrap();
            let json = format!("{{\"id\":\"1\",{text}:{text},\"deep\":[{{{text}:{text}}}]}}");
            let tags = |page: String| page.matches('<').count();
            let tame = r#"{"id":"1","x":"x","deep":[]}"#;
            assert_eq!(
                tags(collection("tasks", POSITION, [&*json].into_iter())),
                tags(collection("tasks", POSITION, [tame].into_iter())),
                "{evil}"
            );
            assert_eq!(tags(item(None, &json, None)), tags(item(None, tame, None)), "{evil}");
        }
    }

    #[test]
    fn a_problem_is_a_small_page() {
        let object = serde_json::json!({"type":"about:blank","title":"Bad Request","status":400,"detail":"<b>","line":2});
        let page = problem(&object);
        assert!(page.contains("<h1>400 Bad Request</h1>\n<p>&lt;b&gt;</p>\n<p>line: 2</p>"), "{page}");
        assert!(!page.contains("script"), "{page}");
    }
}
