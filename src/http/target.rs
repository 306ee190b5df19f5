//! What a request asks for: the forms of the request target, and the host (RFC 9112 §3.2, §3.3).

use std::net::Ipv6Addr;
use std::str;

use memchr::memchr;

use crate::error::ProtocolError;
use crate::http::headers::table_of;

/// A request target, taken apart. Nothing is undone: percent-encoding stays as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'b> {
    /// Begins with `/`; or is `*`; or, for CONNECT only, the whole target.
    pub path: &'b str,
    /// What stands behind the first `?`, without it; empty if there is none.
    pub query: &'b str,
    /// Host and port of the absolute form, which count more than the Host field (RFC 9112 §3.2.2).
    pub host: Option<&'b [u8]>,
}

/// Takes a target apart by its form (RFC 9112 §3.2.1 to §3.2.4). ProtocolError: `TargetMalformed`.
pub fn parse<'b>(method: &str, target: &'b str) -> Result<Target<'b>, ProtocolError> {
    if !target.bytes().all(|byte| IS_TARGET_BYTE[byte as usize]) {
        return Err(ProtocolError::TargetMalformed);
    }
    // A tunnel's target is host and port; who does not build tunnels refuses the method, not the form.
    if method == "CONNECT" {
        return Ok(Target { path: target, query: "", host: None });
    }
    match target.as_bytes() {
        [b'/', ..] => Ok(of_path(target, None)),
        b"*" if method == "OPTIONS" => Ok(of_path(target, None)),
        _ => absolute(method, target),
    }
}

fn of_path<'b>(target: &'b str, host: Option<&'b [u8]>) -> Target<'b> {
    match target.bytes().position(|byte| byte == b'?') {
        Some(at) => Target { path: &target[..at], query: &target[at + 1..], host },
        None => Target { path: target, query: "", host },
    }
}

/// `http://host:port/path?query`. Only `http`, for nothing else is spoken here; no name of a user
/// and no empty host (RFC 9110 §4.2.1, §4.2.4).
fn absolute<'b>(method: &str, target: &'b str) -> Result<Target<'b>, ProtocolError> {
    let (scheme, rest) = target.split_once("://").ok_or(ProtocolError::TargetMalformed)?;
    let host_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(host_end);
    if !scheme.eq_ignore_ascii_case("http") || !is_host(host.as_bytes()) {
        return Err(ProtocolError::TargetMalformed);
    }
    let target = of_path(path, Some(host.as_bytes()));
    Ok(match target.path {
        // An empty path is the root's (RFC 9110 §4.2.3), but for OPTIONS, which then asks about the
        // whole server (RFC 9112 §3.2.4).
        "" if method == "OPTIONS" && !rest.contains('?') => Target { path: "*", ..target },
        "" => Target { path: "/", ..target },
        _ => target,
    })
}

/// Whether it is a host that is not empty, with an optional port (RFC 9110 §7.2, RFC 3986 §3.2.2).
pub fn is_host(text: &[u8]) -> bool {
    let port = if let Some(bracketed) = text.strip_prefix(b"[") {
        let Some(end) = memchr(b']', bracketed) else { return false };
        if !is_ipv6(&bracketed[..end]) {
            return false;
        }
        &bracketed[end + 1..]
    } else {
        let end = name_length(text);
        if end == 0 {
            return false;
        }
        &text[end..]
    };
    match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn is_ipv6(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// How much of the front is a registered name, which an IPv4 address is too.
fn name_length(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        at += rest.iter().position(|&byte| !IS_NAME_BYTE[byte as usize]).unwrap_or(rest.len());
        match text[at..] {
            [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => at += 3,
            _ => return at,
        }
    }
}

/// What RFC 3986 allows in a path or query, and beyond it what browsers send there as it is
/// (``\ ^ ` { | }``). Missing on purpose: `#`, since a fragment never travels, and `"`, `<`, `>`.
const IS_TARGET_BYTE: [bool; 256] = table_of(b"-._~:/?[]@!$&'()*+,;=%\\^`{|}");

/// RFC 3986 §3.2.2, reg-name without its percent-encoding.
const IS_NAME_BYTE: [bool; 256] = table_of(b"-._~!$&'()*+,;=");

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, target: &str, path: &str, query: &str, host: Option<&str>) {
        let expected = Target { path, query, host: host.map(str::as_bytes) };
        assert_eq!(parse(method, target), Ok(expected));
    }

    #[track_caller]
    fn refused(method: &str, target: &str) {
        assert_eq!(parse(method, target), Err(ProtocolError::TargetMalformed), "{target}");
    }

    #[test]
    fn origin_form() {
        check("GET", "/", "/", "", None);
        check("GET", "/tasks/%C3%A4?a=1&b=%20?c", "/tasks/%C3%A4", "a=1&b=%20?c", None);
        check("GET", "//a/b", "//a/b", "", None);
        check("GET", "/a?", "/a", "", None);
    }

    #[test]
    fn absolute_form() {
        check("GET", "http://a.org/x?y", "/x", "y", Some("a.org"));
        check("GET", "HTTP://a.org:8080", "/", "", Some("a.org:8080"));
        check("GET", "http://[::1]:80?y=/", "/", "y=/", Some("[::1]:80"));
        for bad in ["http://", "http:///x", "http://u@a.org/", "https://a.org/", "http:/a", "ftp://a/"] {
            refused("GET", bad);
        }
    }

    #[test]
    fn asterisk_form_is_for_options_only() {
        check("OPTIONS", "*", "*", "", None);
        refused("GET", "*");
        refused("OPTIONS", "*?a");
        check("OPTIONS", "http://a:80", "*", "", Some("a:80"));
        check("OPTIONS", "http://a/", "/", "", Some("a"));
        check("OPTIONS", "http://a?", "/", "", Some("a"));
    }

    #[test]
    fn a_tunnel_is_left_to_the_router() {
        check("CONNECT", "a.org:443", "a.org:443", "", None);
        refused("GET", "a.org:443");
    }

    #[test]
    fn a_target_has_no_fragment_and_no_strange_bytes() {
        for bad in ["/#a", "/ä", "/a b", "/\u{7f}", "/\"", "/<script>", "", "tasks"] {
            refused("GET", bad);
        }
    }

    #[test]
    fn hosts() {
        for good in ["a", "a.org:", "127.0.0.1:8080", "[::1]", "[::ffff:1.2.3.4]:1", "a%20b", "x_y"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in
            ["", ":80", "a b", "a/b", "u@a", "a:b", "a:1:2", "[::1", "[::1]x", "[x]", "a%2", "ä", "a,\tb"]
        {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
