//! Whose pages may make calls: a browser says from which origin a page came (RFC 6454, Fetch §3.1).
//!
//! The field is a flag of `bothways serve` and an environment variable; its doc comment is the flag's
//! help. What follows from it for a request is decided in `http/origin.rs`.

/// The origins that are listed, besides the server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Origins {
    /// Whose pages may make calls besides the server's own: an origin, such as `https://example.org`, or
    /// `*` for any. May be given more than once.
    #[arg(id = "origin", long = "origin", env = "BOTHWAYS_ORIGIN", value_name = "URL", value_delimiter = ',', value_parser = origin)]
    pub listed: Vec<Origin>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Any,
    /// As browsers write it: lower case, without the port that is usual for the scheme.
    One(Box<str>),
}

impl Origins {
    /// Only the server's own.
    pub const NONE: Origins = Origins { listed: Vec::new() };

    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub fn has_any(&self) -> bool {
        self.listed.contains(&Origin::Any)
    }

    pub fn has(&self, origin: &[u8]) -> bool {
        let is_it = |listed: &Origin| match listed {
            Origin::Any => true,
            Origin::One(one) => one.as_bytes().eq_ignore_ascii_case(origin),
        };
        self.listed.iter().any(is_it)
    }
}

/// Port that goes without saying (RFC 6454 §6.2).
pub fn usual_port(scheme: &[u8]) -> &'static str {
    if scheme.eq_ignore_ascii_case(b"http") {
        ":80"
    } else if scheme.eq_ignore_ascii_case(b"https") {
        ":443"
    } else {
        ""
    }
}

fn origin(text: &str) -> Result<Origin, String> {
    if text == "*" {
        return Ok(Origin::Any);
    }
    let wrong = || "an origin is SCHEME://HOST or SCHEME://HOST:PORT with nothing behind it, or *".to_owned();
    let lower = text.to_ascii_lowercase();
    let (scheme, host) = lower.split_once("://").ok_or_else(wrong)?;
    if !is_scheme(scheme) || !is_host(host) {
        return Err(wrong());
    }
    let host = host.strip_suffix(usual_port(scheme.as_bytes())).unwrap_or(host);
    Ok(Origin::One(format!("{scheme}://{host}").into()))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// A name, an IPv4 address or an IPv6 address in brackets, and perhaps a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_address = bracketed.is_some_and(|inside| inside.parse::<std::net::Ipv6Addr>().is_ok());
    (is_address || (!host.is_empty() && host.bytes().all(is_name)))
        && port.is_none_or(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, expected) in [
            ("http://localhost:5173", "http://localhost:5173"),
            ("HTTPS://Example.org", "https://example.org"),
            ("https://example.org:443", "https://example.org"),
            ("http://example.org:80", "http://example.org"),
            ("http://example.org:443", "http://example.org:443"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://[::80]", "http://[::80]"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(origin(text), Ok(Origin::One(expected.into())), "{text}");
        }
        assert_eq!(origin("*"), Ok(Origin::Any));
    }

    #[test]
    fn whatever_no_browser_says_is_refused() {
        for bad in [
            "",
            "null",
            "localhost",
            "localhost:5173",
            "http://",
            "http://a/",
            "http://a/b",
            "http://a?b",
            "http://u@a",
            "http://a:",
            "http://a:x",
            "http://a:+1",
            "http://a:65536",
            "http://*.a",
            "http://a b",
            "http://ä",
            "http://[::1",
            "http://[x]",
            "http://a:1:2",
            "1http://a",
            "**",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
