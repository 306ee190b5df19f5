//! The body of a new item: what it says, or why it cannot be taken.

use crate::error::{ApiError, LineColumn};
use crate::model::call::Call;
use crate::model::json_object::{DEPTH_MAX, NotAnObject, Object};
use crate::model::json_patch::{JsonPatch, NotAPatch};
use crate::model::record::is_id;
use serde_json::value::RawValue;

/// A new item, as asked for.
#[derive(Debug, PartialEq)]
pub struct Intake {
    pub id: Option<Box<str>>,
    /// Compact JSON without braces and without `id`.
    pub members: String,
}

/// The media types that this module reads, for `Accept` in a 415.
pub const MEDIA_TYPES: &str = "application/json, text/plain";

pub fn read(call: &Call) -> Result<Intake, ApiError> {
    match kind_of(call.content_type.as_deref()) {
        Kind::Json => from_json(&call.body),
        Kind::Text => from_text(&call.body),
        Kind::Other => Err(ApiError::MediaTypeUnsupported { accept: MEDIA_TYPES }),
    }
}

enum Kind {
    Json,
    Text,
    Other,
}

/// curl says `application/x-www-form-urlencoded` of everything given with `-d`, so that is read as
/// JSON too.
fn kind_of(content_type: Option<&str>) -> Kind {
    let Some(content_type) = content_type else { return Kind::Json };
    if content_type == "application/json" {
        return Kind::Json;
    }
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    if is("application/json") || is("application/x-www-form-urlencoded") || ends_in_json(essence) {
        Kind::Json
    } else if is("text/plain") {
        Kind::Text
    } else {
        Kind::Other
    }
}

fn ends_in_json(essence: &str) -> bool {
    essence.len() > 5 && essence.as_bytes()[essence.len() - 5..].eq_ignore_ascii_case(b"+json")
}

fn from_text(body: &[u8]) -> Result<Intake, ApiError> {
    let text = std::str::from_utf8(body).map_err(|_| ApiError::invalid("the text is not UTF-8"))?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    from_string(text)
}

/// A string is short for an object with the one member `text`.
fn from_string(text: &str) -> Result<Intake, ApiError> {
    if text.trim().is_empty() {
        return Err(ApiError::invalid("the text is blank"));
    }
    let text = serde_json::to_string(text).expect("a string has a JSON text");
    Ok(Intake { id: None, members: format!("\"text\":{text}") })
}

fn from_json(body: &[u8]) -> Result<Intake, ApiError> {
    let text = std::str::from_utf8(body).map_err(|_| ApiError::invalid("the body is not UTF-8"))?;
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'{') => {
            let object = object(text)?;
            if object.is_plain() {
                return Ok(Intake { id: None, members: object.text });
            }
            from_object(&object)
        }
        Some(b'"') => from_string(&serde_json::from_str::<String>(text).map_err(malformed)?),
        Some(_) => {
            serde_json::from_str::<&RawValue>(text).map_err(malformed)?;
            Err(ApiError::invalid("an item is a JSON object, or a string as its text"))
        }
        None => Err(ApiError::invalid("the body is blank")),
    }
}

fn from_object(object: &Object) -> Result<Intake, ApiError> {
    let mut members = object.sorted_out();
    let id = members.take("\"id\"").map(|value| id_from(&value)).transpose()?;
    Ok(Intake { id, members: members.text() })
}

/// The body of a PATCH: any JSON value, of which only an object can leave an item.
pub fn merge_patch(body: &[u8]) -> Result<Object, ApiError> {
    object(std::str::from_utf8(body).map_err(|_| ApiError::invalid("the body is not UTF-8"))?)
}

/// The body of a PATCH that is a JSON Patch.
pub fn json_patch(body: &[u8]) -> Result<JsonPatch, ApiError> {
    let text = std::str::from_utf8(body).map_err(|_| ApiError::invalid("the body is not UTF-8"))?;
    JsonPatch::read(text).map_err(|why| match why {
        NotAPatch::Malformed(error) => malformed(error),
        NotAPatch::Otherwise(why) => ApiError::invalid(why),
    })
}

fn object(text: &str) -> Result<Object, ApiError> {
    Object::read(text).map_err(|why| match why {
        NotAnObject::Malformed(error) => malformed(error),
        NotAnObject::AnotherKind => ApiError::invalid("a merge patch of an item is a JSON object"),
        NotAnObject::TooDeep => ApiError::invalid(format!("nested deeper than {DEPTH_MAX}")),
    })
}

fn id_from(value: &str) -> Result<Box<str>, ApiError> {
    match serde_json::from_str::<String>(value) {
        Ok(id) if is_id(&id) => Ok(id.into()),
        Ok(_) => Err(ApiError::invalid("an id is 1 to 64 of A-Z a-z 0-9 . _ ~ -")),
        Err(_) => Err(ApiError::invalid("an id is a string")),
    }
}

fn malformed(error: serde_json::Error) -> ApiError {
    // Behind a line end serde_json counts no column yet.
    let place = LineColumn { line: error.line(), column: error.column().max(1) };
    ApiError::InvalidData { reason: error.to_string().into(), place: Some(place) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, id: Option<&str>, members: &str) {
        let expected = Intake { id: id.map(Into::into), members: members.into() };
        assert_eq!(from_json(body.as_bytes()), Ok(expected), "{body}");
    }

    #[track_caller]
    fn refused(body: &[u8]) -> ApiError {
        from_json(body).unwrap_err()
    }

    #[test]
    fn members_are_kept_as_they_were_written() {
        check(r#"{"text":"Buy milk"}"#, None, r#""text":"Buy milk""#);
        check(
            r#" { "z" : 1.50 , "a" : 12345678901234567890123 } "#,
            None,
            r#""z":1.50,"a":12345678901234567890123"#,
        );
        check("{\"a\": [ 1,\n {\"b c\": \" x \\\" y \"} ] }", None, r#""a":[1,{"b c":" x \" y "}]"#);
        check(r#"{"a\n\"b":"\u00e9"}"#, None, r#""a\n\"b":"\u00e9""#);
        check("{}", None, "");
        // Of a number JSON says how it is spelled, not how great it may be (RFC 8259 §6).
        check(r#"{"n":1E400, "m":-1e-400}"#, None, r#""n":1E400,"m":-1e-400"#);
    }

    #[test]
    fn the_last_of_two_members_with_one_name_counts() {
        check(r#"{"a":1,"b":2,"a":3}"#, None, r#""a":3,"b":2"#);
        let many: String = (0..40).map(|n| format!(r#""k{}":{n},"#, n % 20)).collect();
        let kept: Vec<_> = (0..20).map(|n| format!(r#""k{n}":{}"#, n + 20)).collect();
        check(&format!("{{{}\"id\":\"x\"}}", many), Some("x"), &kept.join(","));
    }

    #[test]
    fn a_string_is_short_for_its_text() {
        check(r#""Buy \"milk\"""#, None, r#""text":"Buy \"milk\"""#);
        assert_eq!(from_text(b"Buy milk\r\n").unwrap().members, r#""text":"Buy milk""#);
    }

    #[test]
    fn an_id_may_be_chosen() {
        check(r#"{"id":"a.1","n":1}"#, Some("a.1"), r#""n":1"#);
        check(r#"{"id":"\u0061"}"#, Some("a"), "");
        for bad in [r#"{"id":5}"#, r#"{"id":""}"#, r#"{"id":"a/b"}"#, r#"{"id":null}"#] {
            assert!(matches!(refused(bad.as_bytes()), ApiError::InvalidData { place: None, .. }), "{bad}");
        }
    }

    #[test]
    fn whatever_is_no_item_is_refused() {
        for bad in ["", "  ", "null", "7", "true", "[]", "[{}]", r#""""#, r#"" \n ""#] {
            assert!(matches!(refused(bad.as_bytes()), ApiError::InvalidData { place: None, .. }), "{bad}");
        }
        for bad in
            ["{", r#"{"a"}"#, "{} {}", r#"{"a":1,}"#, "nul", r#""open"#, r#"{"a":"\ud800"}"#, r#"{"a":01}"#]
        {
            assert!(matches!(refused(bad.as_bytes()), ApiError::InvalidData { place: Some(_), .. }), "{bad}");
        }
        assert!(matches!(refused(b"{\"a\":\"\xff\"}"), ApiError::InvalidData { .. }));
        assert!(matches!(refused(b"{\"\xff\":1}"), ApiError::InvalidData { .. }));
        let ApiError::InvalidData { place, .. } = refused(b"{\"a\":1,\n  b}") else { panic!() };
        assert_eq!(place, Some(LineColumn { line: 2, column: 3 }));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(from_json(nested(DEPTH_MAX).as_bytes()).is_ok());
        let stored = format!("{{\"id\":\"1\",{}}}", from_json(nested(DEPTH_MAX).as_bytes()).unwrap().members);
        assert!(
            serde_json::from_str::<serde_json::Value>(&stored).is_ok(),
            "what is taken can be read again"
        );
        refused(nested(DEPTH_MAX + 1).as_bytes());
        refused(nested(100_000).as_bytes());
    }

    #[test]
    fn media_types_are_told_apart() {
        for json in [None, Some("application/json; charset=utf-8"), Some("application/ld+JSON")] {
            assert!(matches!(kind_of(json), Kind::Json), "{json:?}");
        }
        assert!(matches!(kind_of(Some("Text/Plain;charset=utf-8")), Kind::Text));
        for other in ["image/png", "text/html", "", "+json", "multipart/form-data; boundary=x"] {
            assert!(matches!(kind_of(Some(other)), Kind::Other), "{other}");
        }
    }
}
