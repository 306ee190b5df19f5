//! Where a command goes: `http://` and `ws://` URLs (RFC 3986 §3, RFC 6455 §3).
//!
//! ```text
//! http://[::1]:8080/tasks/1?a=b#here
//! '--'   '--------' '-----' '-' '--'
//! scheme authority   path query fragment, which never travels; a ws: URL has none
//! ```

use std::str::FromStr;

use crate::error::CommandError;
use crate::http::target::{self, is_host};

/// Which road it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Ws,
}

/// A URL, taken apart. Nothing is percent-encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub scheme: Scheme,
    /// Host and port as they were written: the value of the Host field.
    pub authority: String,
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
    /// Begins with `/`.
    pub path: String,
    /// What stands behind the first `?`, without it.
    pub query: Option<String>,
}

impl Url {
    /// Path and query, as a request line has them.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

impl FromStr for Url {
    type Err = CommandError;

    /// Takes a URL apart, or says what is wrong with it.
    fn from_str(text: &str) -> Result<Url, CommandError> {
        parse(text).map_err(CommandError::Usage)
    }
}

fn parse(text: &str) -> Result<Url, String> {
    let (scheme, rest) = text.split_once("://").ok_or(NO_SCHEME)?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "ws" => Scheme::Ws,
        tls @ ("https" | "wss") => {
            return Err(format!("URL begins with {tls}://, and TLS is not spoken here"));
        }
        _ => return Err(NO_SCHEME.to_owned()),
    };
    let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, after)| (rest, Some(after)));
    if scheme == Scheme::Ws && fragment.is_some() {
        return Err("URL has a #, and a ws: URL has no fragment; what is meant is written %23".to_owned());
    }
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = split_authority(authority)?;

    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    // An empty path is the root's (RFC 9110 §4.2.3).
    let path = if path.is_empty() { "/" } else { path }.to_owned();
    let url = Url { scheme, authority: authority.to_owned(), host, port, path, query };
    if target::parse("GET", &url.target()).is_err() {
        return Err("URL has a character in its path or query that must be percent-encoded".to_owned());
    }
    Ok(url)
}

fn split_authority(authority: &str) -> Result<(String, u16), String> {
    if authority.is_empty() {
        return Err("URL has no host".to_owned());
    }
    if authority.contains('@') {
        return Err("URL names a user, and no names are sent from a URL".to_owned());
    }
    if !is_host(authority.as_bytes()) {
        return Err(format!("URL has {authority:?} where a host and an optional port should be"));
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or_default()),
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let port = match port {
        "" => PORT_DEFAULT,
        digits => match digits.parse() {
            Ok(port @ 1..) => port,
            _ => return Err(format!("URL has the port {digits}, which is not 1 to 65535")),
        },
    };
    Ok((host.to_owned(), port))
}

const NO_SCHEME: &str = "URL must begin with http:// or ws://";
/// RFC 9110 §4.2.1, RFC 6455 §3.
const PORT_DEFAULT: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, scheme: Scheme, authority: &str, host: &str, port: u16, target: &str) {
        let url: Url = text.parse().unwrap();
        assert_eq!((url.scheme, &*url.authority, &*url.host, url.port), (scheme, authority, host, port));
        assert_eq!(url.target(), target);
    }

    #[track_caller]
    fn refused(text: &str, words: &str) {
        let failure = text.parse::<Url>().unwrap_err();
        assert!(failure.to_string().contains(words), "{failure}");
        assert_eq!(failure.exit_status(), 2);
    }

    #[test]
    fn a_url_is_taken_apart() {
        check("http://a.org", Scheme::Http, "a.org", "a.org", 80, "/");
        check(
            "http://a.org:8080/b/%C3%A4?c=d?e",
            Scheme::Http,
            "a.org:8080",
            "a.org",
            8080,
            "/b/%C3%A4?c=d?e",
        );
        check("HTTP://a/b#top", Scheme::Http, "a", "a", 80, "/b");
        check("WS://127.0.0.1:1/ws", Scheme::Ws, "127.0.0.1:1", "127.0.0.1", 1, "/ws");
        check("ws://a?b", Scheme::Ws, "a", "a", 80, "/?b");
        check("http://a:/", Scheme::Http, "a:", "a", 80, "/");
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        check("http://[::1]:8080/x", Scheme::Http, "[::1]:8080", "::1", 8080, "/x");
        check("ws://[::1]", Scheme::Ws, "[::1]", "::1", 80, "/");
        refused("http://::1/", "where a host");
        refused("http://[::1/", "where a host");
    }

    #[test]
    fn what_is_no_url_is_told_why() {
        for text in ["", "tasks", "127.0.0.1:8080/tasks", "ftp://a/", "http:/a"] {
            refused(text, "must begin with http:// or ws://");
        }
        refused("https://a/", "TLS is not spoken here");
        refused("wss://a/", "TLS is not spoken here");
        refused("http:///tasks", "no host");
        refused("http://me@a/", "a user");
        refused("http://a:0/", "the port 0");
        refused("http://a:65536/", "the port 65536");
        refused("ws://a/ws#top", "no fragment");
        refused("http://a/b c", "percent-encoded");
        refused("http://a/ä", "percent-encoded");
    }
}
