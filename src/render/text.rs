//! Items as lines of plain text.

use crate::model::json_object::Object;

/// Renders a collection with one item on each line, from the texts of its records.
pub fn collection<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for json in items {
        out.push_str(&item_as_line(json));
        out.push('\n');
    }
    out
}

/// Renders an item as one line: its `text` if that is its only member beside the id, its JSON otherwise.
pub fn item_as_line(json: &str) -> String {
    text_alone(json).map_or_else(|| json.to_owned(), |text| text.replace(['\r', '\n'], " "))
}

fn text_alone(json: &str) -> Option<String> {
    let object = Object::known(json)?;
    let mut members = object.members();
    match (members.next(), members.next(), members.next()) {
        (Some(_id), Some(("\"text\"", value)), None) => serde_json::from_str(value).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_text_alone_where_there_is_nothing_else() {
        assert_eq!(item_as_line(r#"{"id":"1","text":"Buy\nmilk"}"#), "Buy milk");
        assert_eq!(item_as_line(r#"{"id":"1","n":1}"#), r#"{"id":"1","n":1}"#);
        assert_eq!(item_as_line(r#"{"id":"1","text":7}"#), r#"{"id":"1","text":7}"#);
        assert_eq!(item_as_line(r#"{"id":"1","text":"x","n":1}"#), r#"{"id":"1","text":"x","n":1}"#);
    }
}
