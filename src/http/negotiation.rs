//! Accept: which of our representations a client likes best (RFC 9110 §12.5.1); and Accept-Encoding: whether as gzip
//! (§12.5.3).

use crate::http::headers::{is_token, members, split_outside_quotes};

/// Index of the offer that the Accept lines like best; of two liked the same, the first. None if
/// each is ruled out. Offers are media types without parameters (`application/json`).
///
/// For each offer the most specific range counts: `text/html`, then `text/*`, then `*/*`; then its
/// weight. Other parameters are not looked at, and members that are malformed are passed over. With
/// no lines, or none that says anything, everything is liked. One pass over the lines.
pub fn choose<'b>(accept: impl Iterator<Item = &'b [u8]>, offers: &[&str]) -> Option<usize> {
    debug_assert!(offers.len() <= OFFERS_MAX, "more than {OFFERS_MAX} offers");
    let mut liking = [Liking::default(); OFFERS_MAX];
    let mut said_something = false;
    for range in accept.flat_map(members).filter_map(parse_range) {
        said_something = true;
        for (offer, liking) in offers.iter().zip(&mut liking) {
            *liking = (*liking).max(range.liking_of(offer));
        }
    }
    if !said_something {
        return if offers.is_empty() { None } else { Some(0) };
    }
    let candidates = offers.iter().zip(&liking).enumerate().filter(|(_, (_, liking))| liking.weight > 0);
    // The last of equals is what `max_by_key` finds; backwards, that is the first.
    candidates.rev().max_by_key(|(_, (_, liking))| liking.weight).map(|(index, _)| index)
}

/// Whether gzip is taken, and liked no less than the body as it stands (RFC 9110 §12.5.3). Members that are malformed
/// are passed over.
pub fn takes_gzip<'b>(accept_encoding: impl Iterator<Item = &'b [u8]>) -> bool {
    let (mut gzip, mut identity, mut any_other) = (None, None, None);
    for (coding, weight) in accept_encoding.flat_map(members).filter_map(parse_coding) {
        let is = |name: &[u8]| coding.eq_ignore_ascii_case(name);
        if is(b"gzip") || is(b"x-gzip") {
            gzip.get_or_insert(weight);
        } else if is(b"identity") {
            identity = Some(weight);
        } else if is(b"*") {
            any_other = Some(weight);
        }
    }
    let weight = gzip.or(any_other).unwrap_or(0);
    weight > 0 && weight >= identity.or(any_other).unwrap_or(0)
}

/// The seconds that a client would rather wait (RFC 7240 §4.3); of several preferences the first counts.
pub fn preferred_wait<'b>(prefer: impl Iterator<Item = &'b [u8]>) -> Option<u32> {
    let value = prefer.flat_map(members).find_map(|member| {
        let preference = split_outside_quotes(member, b';').next()?;
        let equals = preference.iter().position(|&byte| byte == b'=')?;
        preference[..equals].trim_ascii().eq_ignore_ascii_case(b"wait").then_some(&preference[equals + 1..])
    })?;
    let value = value.trim_ascii();
    let digits = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    // A number too great for us is a wait as long as we can.
    all.then(|| str::from_utf8(digits).ok()?.parse().ok().or(Some(u32::MAX))).flatten()
}

/// How much an offer is liked: a more specific range counts before any weight.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Liking {
    /// 0 if no range was met, 1 for `*/*`, 2 for `type/*`, 3 for `type/subtype`.
    specificity: u8,
    /// In thousandths.
    weight: u16,
}

/// One member of Accept, such as `text/*;q=0.5`.
struct Range<'b> {
    /// Without parameters.
    media: &'b [u8],
    slash: usize,
    weight: u16,
}

impl Range<'_> {
    fn liking_of(&self, offer: &str) -> Liking {
        let offer = offer.as_bytes();
        let (kind, subkind) = (..=self.slash, self.slash + 1..);
        let specificity = match &self.media[subkind] {
            b"*" if self.media[0] == b'*' => 1,
            b"*" if offer.get(kind).is_some_and(|of| of.eq_ignore_ascii_case(&self.media[kind])) => 2,
            _ if self.media.eq_ignore_ascii_case(offer) => 3,
            _ => return Liking::default(),
        };
        Liking { specificity, weight: self.weight }
    }
}

/// None if it is malformed.
fn parse_range(member: &[u8]) -> Option<Range<'_>> {
    let mut parts = split_outside_quotes(member, b';');
    let media = parts.next()?;
    let slash = media.iter().position(|&byte| byte == b'/')?;
    let (kind, subkind) = (&media[..slash], &media[slash + 1..]);
    if !is_token(kind) || !is_token(subkind) || (kind == b"*" && subkind != b"*") {
        return None;
    }
    Some(Range { media, slash, weight: weight_among(parts)? })
}

/// One member of Accept-Encoding, such as `gzip;q=0.5`. None if it is malformed.
fn parse_coding(member: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = split_outside_quotes(member, b';');
    let coding = parts.next().filter(|coding| is_token(coding))?;
    Some((coding, weight_among(parts)?))
}

/// Of several, the first; 1 where there is none.
fn weight_among<'b>(mut parameters: impl Iterator<Item = &'b [u8]>) -> Option<u16> {
    match parameters.find_map(|part| part.strip_prefix(b"q=").or(part.strip_prefix(b"Q="))) {
        Some(text) => parse_weight(text),
        None => Some(1000),
    }
}

/// A weight in thousandths (RFC 9110 §12.4.2). `.2` is not one, but Java sends it.
fn parse_weight(text: &[u8]) -> Option<u16> {
    let (whole, decimals) = match text {
        [whole @ (b'0' | b'1')] => (whole - b'0', &[][..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] => (whole - b'0', decimals),
        [b'.', decimals @ ..] if !decimals.is_empty() => (0, decimals),
        _ => return None,
    };
    if decimals.len() > 3 || !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = decimals.iter().chain(b"000").take(3);
    let thousandths = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let weight = u16::from(whole) * 1000 + thousandths;
    (weight <= 1000).then_some(weight)
}

/// Ratings stand on the stack; nobody offers more.
const OFFERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_preferred_in_seconds() {
        let read = |lines: &[&str]| preferred_wait(lines.iter().map(|line| line.as_bytes()));
        assert_eq!(read(&["wait=10"]), Some(10));
        assert_eq!(read(&["respond-async, WAIT = \"7\"; foo", "wait=9"]), Some(7));
        assert_eq!(read(&["wait=99999999999"]), Some(u32::MAX));
        for none in ["", "wait", "wait=", "wait=-1", "wait=1.5", "waiting=3", "return=\"wait=3\""] {
            assert_eq!(read(&[none]), None, "{none}");
        }
    }

    #[test]
    fn gzip_is_used_where_it_is_liked_no_less_than_nothing() {
        for yes in [
            "gzip",
            "GZIP",
            "x-gzip",
            "gzip, deflate, br, zstd", // a browser
            "gzip;q=1.0, identity; q=0.5, *;q=0",
            "br;q=1, gzip;q=0.2",
            "*",
            "identity;q=0.5, *;q=0.5",
            "identity;q=0, gzip;q=0.001",
            "nonsense;q=9, gzip",
        ] {
            assert!(takes_gzip([yes.as_bytes()].into_iter()), "{yes}");
        }
        for no in [
            "",
            "identity",
            "br",
            "gzip;q=0",
            "gzip;q=0, *",
            "gzip;q=0.5, identity",
            "*;q=0",
            "gzip;q=0.5, *;q=1",
            "gzip;q=0, x-gzip",
            "gzip;q=2",
            "g zip",
        ] {
            assert!(!takes_gzip([no.as_bytes()].into_iter()), "{no}");
        }
        assert!(takes_gzip(["br", "gzip"].map(str::as_bytes).into_iter()), "two lines are a list");
    }

    const OFFERS: &[&str] = &["application/json", "text/html", "text/plain"];

    #[track_caller]
    fn check(accept: &str, expected: Option<&str>) {
        let chosen = choose([accept.as_bytes()].into_iter(), OFFERS);
        assert_eq!(chosen.map(|index| OFFERS[index]), expected, "{accept}");
        // One line or many: a comma list is the same.
        let lines: Vec<_> = members(accept.as_bytes()).collect();
        assert_eq!(choose(lines.into_iter(), OFFERS), chosen, "{accept}, in lines");
    }

    #[test]
    fn without_a_wish_the_first_offer_is_taken() {
        assert_eq!(choose(std::iter::empty(), OFFERS), Some(0));
        assert_eq!(choose(std::iter::empty(), &[]), None);
        check("", Some("application/json"));
        check("*/*", Some("application/json"));
        check("nonsense", Some("application/json"));
    }

    #[test]
    fn the_highest_weight_wins() {
        check("text/html", Some("text/html"));
        check("text/plain;q=0.5, text/html;q=0.501", Some("text/html"));
        check("TEXT/Plain; Q=1.000, text/html;q=0.9", Some("text/plain"));
        check("text/*, application/json;q=0.1", Some("text/html"));
        check("text/html, application/xhtml+xml, */*;q=0.8", Some("text/html")); // a browser
        check("text/html, image/gif, *; q=.2, */*; q=.2", Some("text/html")); // Java
        check("*/*; q=.2", Some("application/json"));
    }

    #[test]
    fn the_most_specific_range_counts() {
        check("*/*;q=1, application/json;q=0.1, text/html;q=0.2", Some("text/plain"));
        check("text/*;q=0.9, text/html;q=0.1, application/json;q=0.5", Some("text/plain"));
        check("*/*, application/json;q=0", Some("text/html"));
    }

    #[test]
    fn nothing_is_forced_on_a_client() {
        check("image/png", None);
        check("*/*;q=0", None);
        check("text/*;q=0.000, application/*;q=0", None);
    }

    #[test]
    fn other_parameters_are_not_looked_at() {
        check("text/plain;format=\"a,b;q=0\";q=0.3", Some("text/plain"));
        check("text/html;level=1", Some("text/html"));
        // An escaped quote ends nothing.
        check("text/plain;a=\"\\\",text/html,\";q=0.3", Some("text/plain"));
    }

    #[test]
    fn malformed_members_are_passed_over() {
        for bad in [
            "text/html;q=2",
            "text/html;q=1.001",
            "text/html;q=0.1234",
            "text/html;q=a",
            "text/html;q=",
            "text/html;q=.",
            "*/html",
            "text/",
            "/html",
            "text html",
            "text/h/ml",
        ] {
            check(&format!("{bad}, text/plain;q=0.1"), Some("text/plain"));
        }
    }

    #[test]
    fn a_hostile_list_is_read_once() {
        check(&"a/b;q=0.1,".repeat(100_000), None);
        check(&"\"".repeat(100_000), Some("application/json"));
        check(&"a/b;".repeat(100_000), None);
    }
}
