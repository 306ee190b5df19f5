//! Cookies that come with a request (RFC 6265 §4.2).

use crate::http::headers::{Fields, Known, trim};

/// The value of the first cookie of that name. Whoever forwards a request may have split the field
/// into several lines.
pub fn value<'b>(fields: Fields<'_, 'b>, name: &str) -> Option<&'b [u8]> {
    let pairs = fields.all(Known::Cookie).flat_map(|line| line.split(|&byte| byte == b';'));
    pairs.map(trim).find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: Option<&str>) {
        let lines: Vec<_> =
            lines.iter().map(|line| httparse::Header { name: "cookie", value: line.as_bytes() }).collect();
        assert_eq!(value(Fields::new(&lines), "who"), expected.map(str::as_bytes), "{lines:?}");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        check(&["who=1"], Some("1"));
        check(&["a=b; who=1; c=d"], Some("1"));
        check(&["a=b;who=1;"], Some("1"));
        check(&["a=b", "who=1"], Some("1"));
        check(&["who="], Some(""));
        check(&["who=a=b"], Some("a=b"));
    }

    #[test]
    fn of_two_with_one_name_the_first_counts() {
        check(&["who=1; who=2"], Some("1"));
        check(&["who=1", "who=2"], Some("1"));
    }

    #[test]
    fn names_are_compared_whole_and_with_case() {
        for line in ["", ";", "who", "whoever=1", "Who=1", "a=who=1", "w ho=1", "who =1", "=who"] {
            check(&[line], None);
        }
        check(&[], None);
    }
}
