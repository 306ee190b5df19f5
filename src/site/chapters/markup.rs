//! From Markdown to HTML.
//!
//! A library reads the one and writes the other. In between, headings get the ids that links name, links lead to
//! where things are served, and whatever would be markup of the document's own stays text.

use pulldown_cmark::{Alignment, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

pub struct Written {
    pub html: String,
    pub headings: Vec<Heading>,
}

pub struct Heading {
    pub level: HeadingLevel,
    pub id: String,
    pub text: String,
}

/// `lead` says where a link leads. Where it leads nowhere, its text is left.
pub fn write(markdown: &str, lead: impl Fn(&str) -> Option<String>) -> Written {
    let mut events: Vec<Event> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
    let headings = name_headings(&mut events);
    let mut adapted = Vec::with_capacity(events.len());
    let mut links = Vec::new();
    for event in events {
        adapt(event, &lead, &mut links, &mut adapted);
    }
    let mut html = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut html, adapted.into_iter());
    Written { html, headings }
}

fn name_headings(events: &mut [Event]) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    for at in 0..events.len() {
        let (Event::Start(Tag::Heading { level, .. }), rest) = (&events[at], &events[at + 1..]) else {
            continue;
        };
        let (level, text) = (*level, text_of_heading(rest));
        let id = distinct(&anchor_of(&text), &headings);
        if let Event::Start(Tag::Heading { id: place, .. }) = &mut events[at] {
            *place = Some(id.clone().into());
        }
        headings.push(Heading { level, id, text });
    }
    headings
}

fn text_of_heading(events: &[Event]) -> String {
    let inside = events.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let texts = inside.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(&**text),
        _ => None,
    });
    texts.collect()
}

/// What a link calls a heading, by the rule of those who show Markdown: small letters, blanks as hyphens, and
/// nothing else but letters, digits, hyphens and underscores.
pub fn anchor_of(heading: &str) -> String {
    let small = heading.to_lowercase().replace(' ', "-");
    small.chars().filter(|&c| c.is_alphanumeric() || c == '-' || c == '_').collect()
}

/// The second of a name is called `name-1`, by the same rule.
fn distinct(anchor: &str, others: &[Heading]) -> String {
    let mut id = anchor.to_owned();
    let mut number = 0;
    while others.iter().any(|other| other.id == id) {
        number += 1;
        id = format!("{anchor}-{number}");
    }
    id
}

#[derive(Clone, Copy, PartialEq)]
enum Link {
    Leads,
    Dropped,
}

fn adapt<'m>(
    event: Event<'m>,
    lead: &impl Fn(&str) -> Option<String>,
    links: &mut Vec<Link>,
    out: &mut Vec<Event<'m>>,
) {
    let markup = |text: &'static str| Event::Html(CowStr::Borrowed(text));
    match event {
        Event::Html(text) | Event::InlineHtml(text) => out.push(Event::Text(text)),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let Some(to) = lead(&dest_url) else { return links.push(Link::Dropped) };
            links.push(Link::Leads);
            out.push(Event::Start(Tag::Link { link_type, dest_url: to.into(), title, id }));
        }
        Event::End(TagEnd::Link) => {
            if links.pop() == Some(Link::Leads) {
                out.push(Event::End(TagEnd::Link));
            }
        }
        // No picture is served: what it shows in words is left.
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
        // Its style would stand in the markup, where no style may stand. And it may be wider than the page.
        Event::Start(Tag::Table(columns)) => {
            let plain = vec![Alignment::None; columns.len()];
            out.extend([markup("<div class=\"wide\">\n"), Event::Start(Tag::Table(plain))]);
        }
        Event::End(TagEnd::Table) => out.extend([Event::End(TagEnd::Table), markup("</div>\n")]),
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(markdown: &str, expected: &str) {
        let lead = |to: &str| to.starts_with('#').then(|| to.to_owned());
        assert_eq!(write(markdown, lead).html, expected);
    }

    #[test]
    fn headings_have_the_names_that_links_call_them_by() {
        check("# Bytes, `HEAD`", "<h1 id=\"bytes-head\">Bytes, <code>HEAD</code></h1>\n");
        check(
            "## A b\n## A *b*\n## A b",
            "<h2 id=\"a-b\">A b</h2>\n<h2 id=\"a-b-1\">A <em>b</em></h2>\n<h2 id=\"a-b-2\">A b</h2>\n",
        );
        let written = write("# One\n\n## The page at `/`\n", |_| None);
        let named = |heading: &Heading| (heading.level, heading.id.clone(), heading.text.clone());
        let expected =
            [(HeadingLevel::H1, "one", "One"), (HeadingLevel::H2, "the-page-at-", "The page at /")];
        assert!(written.headings.iter().map(named).eq(expected.map(|(l, i, t)| (l, i.into(), t.into()))));
    }

    #[test]
    fn markup_of_its_own_stays_text() {
        check("a <b>b</b>", "<p>a &lt;b&gt;b&lt;/b&gt;</p>\n");
        let html = write("<script>\nalert(1)\n</script>\n\n<!-- c -->\n\n<img src=x>\n", |_| None).html;
        assert!(!html.contains('<'), "{html}");
    }

    #[test]
    fn a_link_that_leads_nowhere_is_its_text() {
        check("[`one`](#one) [two](javascript:1)", "<p><a href=\"#one\"><code>one</code></a> two</p>\n");
        check("<https://example.com> ![seen](a.png)", "<p>https://example.com seen</p>\n");
    }

    #[test]
    fn no_style_stands_in_a_table() {
        check(
            "| a |\n| --: |\n| 1 |\n",
            "<div class=\"wide\">\n<table><thead><tr><th>a</th></tr></thead><tbody>\n<tr><td>1</td></tr>\n\
             </tbody></table>\n</div>\n",
        );
    }
}
