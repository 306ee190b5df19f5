//! Items, collections and problems as XML.
//!
//! ```text
//! {"id":"1","text":"Buy milk","price":1.50,"tags":["a",null]}
//!
//! <item id="1"><member name="text">Buy milk</member><member name="price" type="number">1.50</member>
//! <member name="tags" type="array"><element>a</element><element type="null"></element></member></item>
//! ```
//!
//! A value without a type is a string; a number stands as it was written. A name is an attribute,
//! since not every name of JSON can be one of XML.

use crate::model::json_tokens::{Container, JsonToken, JsonTokens, unescape};
use crate::render::escape::{push_attribute, push_content};
use serde_json::Value;
use smallvec::SmallVec;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// An item as a document; `json` is the text of a [record](crate::model::record::Record).
pub fn item(json: &str) -> String {
    let mut out = DECLARATION.to_owned();
    push_item(json, &mut out);
    out
}

/// A collection as a document, from the texts of its records.
pub fn collection<'a>(name: &str, items: impl Iterator<Item = &'a str>) -> String {
    let mut out = DECLARATION.to_owned();
    out.push_str("<collection name=\"");
    push_attribute(name, &mut out);
    out.push_str("\">");
    for json in items {
        push_item(json, &mut out);
    }
    out.push_str("</collection>");
    out
}

/// A problem object (RFC 7807 §A, RFC 9457 §B), whose names are our own.
pub fn problem(problem: &Value) -> String {
    let mut out = format!("{DECLARATION}<problem xmlns=\"urn:ietf:rfc:7807\">");
    for (name, value) in problem.as_object().into_iter().flatten() {
        out.push_str(&format!("<{name}>"));
        match value {
            Value::String(text) => push_content(text, &mut out),
            other => push_content(&other.to_string(), &mut out),
        }
        out.push_str(&format!("</{name}>"));
    }
    out.push_str("</problem>");
    out
}

fn push_item(json: &str, out: &mut String) {
    // What is open around the value under way, the item itself apart.
    let mut open: SmallVec<[Element; 16]> = SmallVec::new();
    let mut tokens = JsonTokens::new(json);
    let mut name = None;
    // The id stands first in every item.
    let id = tokens.find_map(|token| if let JsonToken::String(id) = token { Some(id) } else { None });
    out.push_str("<item id=\"");
    push_attribute(&unescape(id.unwrap_or("\"\"")), out);
    out.push_str("\">");
    for token in tokens {
        let (value, kind) = match token {
            JsonToken::Name(written) => {
                name = Some(written);
                continue;
            }
            JsonToken::Begin(nest) => {
                let kind = if nest == Container::Array { "array" } else { "object" };
                open.push(Element::begin(name.take(), Some(kind), out));
                continue;
            }
            JsonToken::End => {
                match open.pop() {
                    Some(element) => element.end(out),
                    None => out.push_str("</item>"),
                }
                continue;
            }
            JsonToken::String(written) => (unescape(written), None),
            JsonToken::Literal("null") => ("".into(), Some("null")),
            JsonToken::Literal(word @ ("true" | "false")) => (word.into(), Some("boolean")),
            JsonToken::Literal(number) => (number.into(), Some("number")),
        };
        let element = Element::begin(name.take(), kind, out);
        push_content(&value, out);
        element.end(out);
    }
}

/// What stands around a value.
#[derive(Clone, Copy)]
enum Element {
    /// Of an object.
    Member,
    /// Of an array.
    Element,
}

impl Element {
    /// `name` is written as in JSON; what has none stands in an array.
    fn begin(name: Option<&str>, kind: Option<&str>, out: &mut String) -> Element {
        let element = match name {
            Some(name) => {
                out.push_str("<member name=\"");
                push_attribute(&unescape(name), out);
                out.push('"');
                Element::Member
            }
            None => {
                out.push_str("<element");
                Element::Element
            }
        };
        if let Some(kind) = kind {
            out.push_str(" type=\"");
            out.push_str(kind);
            out.push('"');
        }
        out.push('>');
        element
    }

    fn end(self, out: &mut String) {
        out.push_str(match self {
            Element::Member => "</member>",
            Element::Element => "</element>",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json_object::Object;

    #[track_caller]
    fn check(members: &str, expected: &str) {
        let text = item(&format!("{{\"id\":\"1\"{members}}}"));
        roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(text, format!("{DECLARATION}<item id=\"1\">{expected}</item>"));
    }

    #[test]
    fn every_kind_of_value_says_its_type() {
        check("", "");
        check(
            r#","text":"Buy milk","price":1.50,"done":true,"no":null"#,
            "<member name=\"text\">Buy milk</member><member name=\"price\" type=\"number\">1.50</member>\
             <member name=\"done\" type=\"boolean\">true</member><member name=\"no\" type=\"null\"></member>",
        );
        check(
            r#","a":[1,[],{"b":"x","":{}}]"#,
            "<member name=\"a\" type=\"array\"><element type=\"number\">1</element>\
             <element type=\"array\"></element><element type=\"object\"><member name=\"b\">x</member>\
             <member name=\"\" type=\"object\"></member></element></member>",
        );
    }

    #[test]
    fn strings_come_back_as_they_were() {
        let text = " a \t\n\r\n]]> <x> &amp; \"'é\u{85}😀 ";
        let json = format!("{{\"id\":\"1\",{0}:{0}}}", serde_json::to_string(text).unwrap());
        let xml = item(&json);
        let document = roxmltree::Document::parse(&xml).unwrap();
        let member = document.root_element().first_child().unwrap();
        assert_eq!((member.attribute("name"), member.text()), (Some(text), Some(text)));
    }

    #[test]
    fn what_xml_cannot_carry_is_replaced() {
        check(
            r#","a\u0000b":"\u001b\uffff\u007f""#,
            "<member name=\"a\u{fffd}b\">\u{fffd}\u{fffd}\u{7f}</member>",
        );
        let every: String = (0..=0x2ff).chain(0xfff0..=0xffff).filter_map(char::from_u32).collect();
        let every = serde_json::to_string(&every).unwrap();
        let xml = item(&format!("{{\"id\":\"1\",{every}:[{every}]}}"));
        roxmltree::Document::parse(&xml).unwrap();
    }

    #[test]
    fn the_deepest_item_is_gone_through_once() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let deep = Object::read(&nested(crate::model::json_object::DEPTH_MAX)).unwrap().text;
        let xml = item(&format!("{{\"id\":\"1\",{deep}}}"));
        roxmltree::Document::parse(&xml).unwrap();
    }

    #[test]
    fn an_item_is_at_most_seventeen_times_as_long() {
        let many = |unit: &str| vec![unit; 10_000].join(",");
        for members in [
            format!("\"a\":[{}]", many("1")),
            format!("\"a\":[{}]", many("[]")),
            format!("\"a\":[{}]", many("null")),
            format!("\"a\":[{}]", many("\"&\"")),
            many("\"\":1"),
            many("\"\\t\":[]"),
            format!("\"a\":\"{}\"", "&".repeat(10_000)),
        ] {
            let json = format!("{{\"id\":\"1\",{members}}}");
            let (xml, page) = (item(&json), crate::render::html::item(Some("tasks"), &json, None));
            assert!(xml.len() < 17 * json.len(), "{} of {}: {members:.20}", xml.len(), json.len());
            assert!(page.len() < 10 * json.len(), "{} of {}: {members:.20}", page.len(), json.len());
        }
    }

    #[test]
    fn a_collection_holds_its_items() {
        let items = [r#"{"id":"1","text":"a"}"#, r#"{"id":"b.2"}"#];
        let xml = collection("tasks", items.into_iter());
        let expected = "<collection name=\"tasks\"><item id=\"1\"><member name=\"text\">a</member></item>\
                        <item id=\"b.2\"></item></collection>";
        assert_eq!(xml, format!("{DECLARATION}{expected}"));
    }

    #[test]
    fn a_problem_is_that_of_the_rfc() {
        let object = serde_json::json!({"type":"about:blank","status":400,"detail":"<&>"});
        let expected = "<problem xmlns=\"urn:ietf:rfc:7807\"><type>about:blank</type><status>400</status>\
                        <detail>&lt;&amp;&gt;</detail></problem>";
        assert_eq!(problem(&object), format!("{DECLARATION}{expected}"));
    }
}
