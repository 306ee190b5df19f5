//! One value, shown in another way than as JSON.

use serde_json::Value;
use serde_json::value::RawValue;

/// An item as one line of plain text: its `text`, where that is all it has, or else its JSON.
pub fn item_as_line(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    match value.get("text") {
        Some(Value::String(text)) if value.as_object().is_some_and(|members| members.len() == 2) => {
            text.replace(['\r', '\n'], " ")
        }
        _ => json.to_owned(),
    }
}

/// The items of a collection, one a line.
pub fn list_as_lines(json: &[u8]) -> String {
    let items: Vec<&RawValue> = serde_json::from_slice(json).unwrap_or_default();
    items.iter().map(|item| item_as_line(item.get()) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_text_alone_where_there_is_nothing_else() {
        assert_eq!(item_as_line(r#"{"id":"1","text":"Buy\nmilk"}"#), "Buy milk");
        assert_eq!(item_as_line(r#"{"id":"1","n":1}"#), r#"{"id":"1","n":1}"#);
        assert_eq!(item_as_line(r#"{"id":"1","text":"x","n":1}"#), r#"{"id":"1","text":"x","n":1}"#);
    }

    #[test]
    fn a_list_has_a_line_for_each_item() {
        assert_eq!(list_as_lines(br#"[{"id":"1","text":"a"},{"id":"2","text":"b"}]"#), "a\nb\n");
        assert_eq!(list_as_lines(b"[]"), "");
    }
}
