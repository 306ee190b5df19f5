//! Fields given with `-H`, as curl takes them (RFC 9110 §5).

use crate::error::CommandError;
use crate::http::headers::{is_field_value, is_token};

/// One field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: &'a str,
    /// Without blanks around it. Empty: a field of ours by that name is left out, as curl has it.
    pub value: &'a str,
}

impl Field<'_> {
    /// Names are compared without case (RFC 9110 §5.1).
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Reads `Name: value` texts, or says which of them is none.
pub fn parse(texts: &[String]) -> Result<Vec<Field<'_>>, CommandError> {
    texts.iter().map(|text| parse_one(text)).collect()
}

fn parse_one(text: &str) -> Result<Field<'_>, CommandError> {
    let malformed = || CommandError::Usage(format!("-H {text:?} is not a field: it must be `Name: value`"));
    let (name, value) = text.split_once(':').ok_or_else(malformed)?;
    let value = value.trim_matches([' ', '\t']);
    if !is_token(name.as_bytes()) || !is_field_value(value.as_bytes()) {
        return Err(malformed());
    }
    Ok(Field { name, value })
}

/// The value of the last field with that name.
pub fn find<'a>(fields: &[Field<'a>], name: &str) -> Option<&'a str> {
    fields.iter().rfind(|field| field.is(name)).map(|field| field.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_name_a_colon_and_a_value() {
        let texts = ["Accept:text/plain ".to_owned(), "X-Time: 12:00".to_owned(), "Host:".to_owned()];
        let fields = parse(&texts).unwrap();
        assert_eq!(fields[0], Field { name: "Accept", value: "text/plain" });
        assert_eq!(fields[1], Field { name: "X-Time", value: "12:00" });
        assert_eq!(find(&fields, "hOST"), Some(""));
        assert_eq!(find(&fields, "Cookie"), None);
    }

    #[test]
    fn no_field_begins_another() {
        for bad in ["", "Accept", ": a", "A b: c", "A : b", "A: b\r\nC: d", "A: \u{1}"] {
            let failure = parse_one(bad).unwrap_err();
            assert_eq!(failure.exit_status(), 2, "{bad}");
        }
    }
}
