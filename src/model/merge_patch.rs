//! Merge patches (RFC 7396), on text: what a patch does not name stays as it was written.

use crate::model::json_object::Object;
use std::borrow::Cow;

/// The members of the target after the patch, without braces. Both are members without braces, of
/// well-formed objects that are not nested too deep. Costs one pass over both.
pub fn apply(target: &Object, patch: &Object) -> String {
    let mut members = target.sorted_out();
    for (name, value) in patch.members() {
        match value.as_bytes()[0] {
            b'n' => _ = members.take(name),
            b'{' => {
                let merged = merge_value(members.get(name), value);
                members.set(name, Cow::Owned(merged));
            }
            _ => members.set(name, Cow::Borrowed(value)),
        }
    }
    members.text()
}

/// An object over an object; over anything else, or nothing, it is as over an empty one.
fn merge_value(target: Option<&str>, patch: &str) -> String {
    let target = target.filter(|value| value.starts_with('{')).unwrap_or("{}");
    let object = |text| Object::known(text).expect("a part of what was read, and not nested as deep");
    format!("{{{}}}", apply(&object(target), &object(patch)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &str, patch: &str, expected: &str) {
        let object = |text| Object::read(text).unwrap();
        let merged = apply(&object(target), &object(patch));
        assert_eq!(format!("{{{merged}}}"), expected, "{target} with {patch}");
    }

    /// RFC 7396, appendix A: the cases whose target and patch are objects.
    #[test]
    fn the_cases_of_the_rfc() {
        check(r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#);
        check(r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#);
        check(r#"{"a":"b"}"#, r#"{"a":null}"#, "{}");
        check(r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#);
        check(r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#);
        check(r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#);
        check(r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#);
        check(r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#);
        check(r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#);
        check("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#);
    }

    #[test]
    fn what_is_not_named_stays_as_it_was_written() {
        check(
            r#"{"n":1E5,"big":12345678901234567890123,"o":{"x":1.50,"y":2}}"#,
            r#"{"o":{"y":3}}"#,
            r#"{"n":1E5,"big":12345678901234567890123,"o":{"x":1.50,"y":3}}"#,
        );
        check(r#"{"a":1}"#, r#"{"\u0061":2}"#, r#"{"a":2}"#);
        check(
            r#"{"a":{"$serde_json::private::Number":"5"}}"#,
            "{}",
            r#"{"a":{"$serde_json::private::Number":"5"}}"#,
        );
    }

    #[test]
    fn the_deepest_allowed_meet() {
        let nested = |value| format!("{}{value}{}", "{\"a\":".repeat(100), "}".repeat(100));
        check(&nested("1"), &nested("2"), &nested("2"));
    }
}
