//! Origin: from whose page a request comes, and what that page may do (Fetch §3.2, RFC 6455 §10.2).
//!
//! ```text
//!                     │ read      change    follow │ what the answer says
//! no Origin           │ yes       yes       yes    │ nothing of origins: nobody's page asks
//! own, or listed      │ yes       yes       yes    │ Access-Control-Allow-Origin: that origin
//! another, or "null"  │ yes       403       403    │ nothing: the browser shows the page no answer
//! ```
//!
//! A browser sends a simple POST, and opens a WebSocket, without asking first: what has been done
//! cannot be undone by hiding the answer. So the server looks itself.

use crate::config::{AllowedOrigins, default_port};
use crate::http::headers::{Fields, Known};
use crate::http::response::Writer;

/// Who asks, as far as the browser says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'b> {
    /// No browser, or a browser that reads for its own window.
    NoPage,
    /// The page may read the answer; this origin is named in it, or `*`.
    Allowed(&'b str),
    Stranger,
}

/// What is asked to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Read,
    /// Whatever changes a resource.
    Change,
    /// A WebSocket or another answer that does not end by itself.
    Follow,
}

/// `host` is the one that the request names.
#[inline]
pub fn caller<'b>(fields: Fields<'_, 'b>, host: &[u8], origins: &AllowedOrigins) -> Caller<'b> {
    if !fields.has(Known::Origin) {
        return Caller::NoPage;
    }
    let mut lines = fields.all(Known::Origin);
    let (origin, second) = (lines.next().unwrap_or_default(), lines.next());
    if origins.has_any() {
        return Caller::Allowed("*");
    }
    let known = second.is_none() && (is_own(origin, host) || origins.has(origin));
    match str::from_utf8(origin) {
        Ok(origin) if known => Caller::Allowed(origin),
        _ => Caller::Stranger,
    }
}

/// Whether the page came from the host that is asked now. Whether it came by TLS is not compared: a
/// proxy that ends TLS asks without.
fn is_own(origin: &[u8], host: &[u8]) -> bool {
    let Some(colon) = origin.windows(3).position(|window| window == b"://") else { return false };
    let (scheme, page_host) = (&origin[..colon], &origin[colon + 3..]);
    let port = default_port(scheme).as_bytes();
    let [page_host, host] = [page_host, host].map(|host| host.strip_suffix(port).unwrap_or(host));
    !port.is_empty() && !host.is_empty() && page_host.eq_ignore_ascii_case(host)
}

impl Caller<'_> {
    /// The one rule.
    pub fn may(self, deed: Deed) -> bool {
        self != Caller::Stranger || deed == Deed::Read
    }
}

/// What an answer says of origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// It is the same for everyone.
    Unsaid,
    /// It could be another for another origin.
    Varies,
    Readable(Box<Reader>),
}

/// A page that may read the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    origin: Box<str>,
    /// It asks what it may ask.
    preflight: bool,
}

impl Crossing {
    #[inline]
    pub fn of(caller: Caller, fields: Fields, origins: &AllowedOrigins) -> Crossing {
        match caller {
            Caller::NoPage if origins.is_empty() => Crossing::Unsaid,
            Caller::NoPage | Caller::Stranger => Crossing::Varies,
            Caller::Allowed(origin) => Crossing::Readable(Box::new(Reader {
                origin: origin.into(),
                preflight: fields.has(Known::AccessControlRequestMethod),
            })),
        }
    }

    /// The fields of Fetch §3.2.3 but for those of a preflight.
    #[inline]
    pub fn write(&self, writer: &mut Writer) {
        if let Crossing::Readable(reader) = self {
            writer.field("Access-Control-Allow-Origin", reader.origin.as_bytes());
            if !reader.preflight {
                writer.raw(EXPOSED);
            }
        }
    }

    /// What a preflight asks for, where this is the answer to one; `methods` are those of the path.
    pub fn write_preflight(&self, methods: &str, writer: &mut Writer) {
        if let Crossing::Readable(reader) = self
            && reader.preflight
        {
            writer.field("Access-Control-Allow-Methods", methods.as_bytes()).raw(PREFLIGHT);
        }
    }
}

/// What a page may read of an answer besides what every page may.
const EXPOSED: &[u8] =
    b"Access-Control-Expose-Headers: ETag, Location, Link, X-Total-Count, Preference-Applied, Idempotent-Replayed\r\n";

/// What a page may say, and for how long its browser need not ask again: ten minutes, so that a list
/// that was changed is soon known, and a page that asks often asks once.
const PREFLIGHT: &[u8] =
    b"Access-Control-Allow-Headers: Content-Type, If-Match, If-None-Match, Idempotency-Key, Prefer, Last-Event-ID, Accept\r\n\
                           Access-Control-Max-Age: 600\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AllowedOrigin;

    fn listed(origins: &[&str]) -> AllowedOrigins {
        let origin =
            |&text: &&str| if text == "*" { AllowedOrigin::Any } else { AllowedOrigin::One(text.into()) };
        AllowedOrigins { listed: origins.iter().map(origin).collect() }
    }

    /// What becomes of a request with these Origin lines, asked of `a.org:8080`: read, change, follow;
    /// and the origin named in the answer.
    fn judged(lines: &[&str], host: &str, list: &[&str]) -> (bool, bool, bool, Option<String>) {
        let lines: Vec<_> =
            lines.iter().map(|line| httparse::Header { name: "Origin", value: line.as_bytes() }).collect();
        let caller = caller(Fields::new(&lines), host.as_bytes(), &listed(list));
        let named = if let Caller::Allowed(origin) = caller { Some(origin.to_owned()) } else { None };
        (caller.may(Deed::Read), caller.may(Deed::Change), caller.may(Deed::Follow), named)
    }

    #[test]
    fn what_a_page_may_do_is_decided_in_one_place() {
        const EVIL: &str = "https://evil.example";
        const APP: &str = "http://localhost:5173";
        let nobody = (true, true, true, None);
        let stranger = (true, false, false, None);
        let allowed = |origin: &str| (true, true, true, Some(origin.to_owned()));
        let own = "a.org:8080";
        for (lines, host, list, expected) in [
            // Not from a page.
            (&[][..], own, &[][..], nobody.clone()),
            (&[], own, &[APP], nobody.clone()),
            (&[], own, &["*"], nobody),
            // The server's own, by either scheme.
            (&["http://a.org:8080"], own, &[], allowed("http://a.org:8080")),
            (&["https://A.org:8080"], own, &[], allowed("https://A.org:8080")),
            (&["https://a.org"], "a.org", &[], allowed("https://a.org")),
            (&["https://a.org"], "a.org:443", &[], allowed("https://a.org")),
            (&["http://a.org"], "a.org:80", &[], allowed("http://a.org")),
            (&["http://[::1]"], "[::1]:80", &[], allowed("http://[::1]")),
            // Much alike is not the same.
            (&["http://a.org"], own, &[], stranger.clone()),
            (&["http://a.org:80800"], own, &[], stranger.clone()),
            (&["http://xa.org:8080"], own, &[], stranger.clone()),
            (&["http://a.org:8080.evil"], own, &[], stranger.clone()),
            (&["http://a.org:8080/"], own, &[], stranger.clone()),
            (&["http://a.org:80"], "a.org:443", &[], stranger.clone()),
            (&["ftp://a.org:8080"], own, &[], stranger.clone()),
            (&["a.org:8080"], own, &[], stranger.clone()),
            (&["http://"], "", &[], stranger.clone()),
            (&["http://:80"], "", &[], stranger.clone()),
            // Listed, or not.
            (&[APP], own, &[APP], allowed(APP)),
            (&["HTTP://LOCALHOST:5173"], own, &[APP], allowed("HTTP://LOCALHOST:5173")),
            (&["http://localhost"], own, &[APP], stranger.clone()),
            (&["https://localhost:5173"], own, &[APP], stranger.clone()),
            (&[EVIL], own, &[], stranger.clone()),
            (&[EVIL], own, &[APP], stranger.clone()),
            (&["http://localhost:5173.evil.example"], own, &[APP], stranger.clone()),
            // From nowhere, from several places, from anywhere.
            (&["null"], own, &[], stranger.clone()),
            (&["null"], own, &[APP], stranger.clone()),
            (&[""], own, &[APP], stranger.clone()),
            (&[APP, APP], own, &[APP], stranger.clone()),
            (&["http://localhost:5173 http://a.org:8080"], own, &[APP], stranger),
            (&[EVIL], own, &["*"], allowed("*")),
            (&["null"], own, &["*"], allowed("*")),
            (&["http://a.org:8080"], own, &[APP, "*"], allowed("*")),
        ] {
            assert_eq!(judged(lines, host, list), expected, "{lines:?} of {host}, listed {list:?}");
        }
    }
}
