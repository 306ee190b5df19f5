//! The version of HTTP in a request line or status line (RFC 9112 §2.3).

/// A version that is spoken here. Every later minor version counts as 1.1 (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Http10,
    Http11,
}

impl Version {
    /// Takes the minor version from httparse, which rejects every major version but 1.
    pub fn from_minor(minor: Option<u8>) -> Version {
        if minor == Some(0) { Version::Http10 } else { Version::Http11 }
    }
}

/// Whether `text` is the name of any version. Later major versions have no minor number.
pub fn is_version(text: &[u8]) -> bool {
    match text.strip_prefix(b"HTTP/") {
        Some([major]) => major.is_ascii_digit(),
        Some([major, b'.', minor]) => major.is_ascii_digit() && minor.is_ascii_digit(),
        _ => false,
    }
}
