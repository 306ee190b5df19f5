//! Values and checks that tests of reports share.

use roxmltree::{Document, Node, ParsingOptions};

use crate::compare::costs::Spread;

pub const HOSTILE: &str = "</text></code><script>alert('&1')</script>";

pub fn spread(min: f64, median: f64, max: f64) -> Spread {
    Spread { median, min, max }
}

/// Parses well-formed markup in which nothing became a script.
#[track_caller]
pub fn parse(markup: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(markup, options).unwrap();
    assert!(!document.descendants().any(|node| node.has_tag_name("script")));
    document
}

/// How many elements have that class.
#[track_caller]
pub fn count(markup: &str, class: &str) -> usize {
    let has = |node: &Node| node.attribute("class").is_some_and(|of| of.split(' ').any(|name| name == class));
    parse(markup).descendants().filter(has).count()
}
