//! The fields of a head: looking up, comma lists, tokens (RFC 9110 §5).

use memchr::memchr2;

/// Fields this program looks at. One pass over a head notes which of them are there, so that asking
/// for an absent one costs the test of a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Accept,
    AcceptEncoding,
    AccessControlRequestMethod,
    Connection,
    ContentEncoding,
    ContentLength,
    ContentRange,
    ContentType,
    Cookie,
    Expect,
    Host,
    IdempotencyKey,
    IfMatch,
    IfNoneMatch,
    LastEventId,
    Origin,
    Prefer,
    SecWebSocketAccept,
    SecWebSocketExtensions,
    SecWebSocketKey,
    SecWebSocketProtocol,
    SecWebSocketVersion,
    TransferEncoding,
    Upgrade,
}

/// The name of each `Known`, in the order of the variants.
const NAMES: [&str; 24] = [
    "Accept",
    "Accept-Encoding",
    "Access-Control-Request-Method",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Cookie",
    "Expect",
    "Host",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "Origin",
    "Prefer",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
    "Transfer-Encoding",
    "Upgrade",
];

impl Known {
    /// The name as it is usually written.
    pub fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// The fields of one head, in the order they came. Names are compared without case (RFC 9110 §5.1);
/// values have no blanks around them.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'h, 'b> {
    lines: &'h [httparse::Header<'b>],
    /// One bit for each `Known`.
    there: u32,
}

impl<'h, 'b> Fields<'h, 'b> {
    pub fn new(lines: &'h [httparse::Header<'b>]) -> Fields<'h, 'b> {
        let there = lines.iter().fold(0, |there, line| there | known_bit(line.name));
        Fields { lines, there }
    }

    pub fn has(self, known: Known) -> bool {
        self.there & known.bit() != 0
    }

    /// The value of the first line of that name.
    pub fn first(self, known: Known) -> Option<&'b [u8]> {
        self.all(known).next()
    }

    /// The values of all lines of that name.
    pub fn all(self, known: Known) -> impl Iterator<Item = &'b [u8]> + use<'h, 'b> {
        let lines = if self.has(known) { self.lines } else { &[] };
        lines.iter().filter(move |line| is_same_name(line.name, known.name())).map(|line| line.value)
    }

    /// The members of the comma list that all lines of that name make together (RFC 9110 §5.6.1),
    /// without blanks around them. Empty members are skipped.
    pub fn list(self, known: Known) -> impl Iterator<Item = &'b [u8]> + use<'h, 'b> {
        self.all(known).flat_map(members).filter(|member| !member.is_empty())
    }

    /// Whether a comma list has that member, compared without case.
    pub fn list_has(self, known: Known, member: &str) -> bool {
        self.list(known).any(|found| found.eq_ignore_ascii_case(member.as_bytes()))
    }

    /// Every field: name and value.
    pub fn iter(self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'h, 'b> {
        self.lines.iter().map(|line| (line.name, line.value))
    }
}

/// The bit of the `Known` with that name, 0 if it is none of them.
fn known_bit(name: &str) -> u32 {
    let mut candidates = OF_LENGTH.get(name.len()).copied().unwrap_or(0);
    while candidates != 0 {
        let candidate = candidates.trailing_zeros();
        if is_same_name(name, NAMES[candidate as usize]) {
            return 1 << candidate;
        }
        candidates &= candidates - 1;
    }
    0
}

/// Most names come written as usual, which shows at memory speed; case is looked at only if not.
fn is_same_name(name: &str, usual: &str) -> bool {
    name == usual || name.eq_ignore_ascii_case(usual)
}

/// For each length of a name, the bits of those that have it: most names are told apart by it.
const OF_LENGTH: [u32; 32] = {
    let mut of_length = [0; 32];
    let mut index = 0;
    while index < NAMES.len() {
        of_length[NAMES[index].len()] |= 1 << index;
        index += 1;
    }
    of_length
};

/// The members of one line's comma list, without blanks around them, empty ones too. A comma inside
/// a quoted string parts nothing; a quoted string that is not closed lasts to the end of the line.
pub fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_outside_quotes(line, b',')
}

/// What stands between separators that are outside of quoted strings (RFC 9110 §5.6.4), without
/// blanks around it.
pub fn split_outside_quotes(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = first_outside_quotes(text, separator);
        rest = text.get(end + 1..);
        Some(trim(&text[..end]))
    })
}

fn first_outside_quotes(text: &[u8], separator: u8) -> usize {
    let mut from = 0;
    while let Some(found) = memchr2(separator, b'"', &text[from..]) {
        let at = from + found;
        if text[at] == separator {
            return at;
        }
        let Some(length) = quoted_length(&text[at..]) else { break };
        from = at + length;
    }
    text.len()
}

/// How long the quoted string is that `text` begins with (RFC 9110 §5.6.4), both quotes included.
/// None if it is not closed.
pub(super) fn quoted_length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        match text[at] {
            b'"' => return Some(at + 1),
            // A backslash takes away the meaning of the byte behind it.
            _ => at += 2,
        }
    }
}

/// Without the blanks around it. Blanks are SP and HTAB (RFC 9110 §5.6.3), nothing else.
pub fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Whether it is a token (RFC 9110 §5.6.2): one or more of the bytes that make names.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| IS_TOKEN_BYTE[byte as usize])
}

/// Whether these bytes can stand in a field's value (RFC 9110 §5.5): no control but HTAB.
pub fn is_field_value(text: &[u8]) -> bool {
    text.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

const IS_TOKEN_BYTE: [bool; 256] = table_of(b"!#$%&'*+-.^_`|~");

/// A table that holds for ASCII letters, digits and the bytes of `others`.
pub(super) const fn table_of(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn line<'b>(name: &'b str, value: &'b [u8]) -> httparse::Header<'b> {
        httparse::Header { name, value }
    }

    const LINES: &[httparse::Header<'static>] = &[
        line("HOST", b"example.org"),
        line("Connection", b"keep-alive, , Upgrade"),
        line("X-Other", b"1"),
        line("connection", b"te"),
        line("Prefer", b"a=\"1, \\\", 2\", b"),
    ];

    #[test]
    fn names_are_compared_without_case() {
        let fields = Fields::new(LINES);
        assert!(fields.has(Known::Host));
        assert_eq!(fields.first(Known::Host), Some(&b"example.org"[..]));
        assert!(!fields.has(Known::Upgrade));
        assert_eq!(fields.first(Known::Upgrade), None);
        assert_eq!(fields.iter().count(), 5);
    }

    #[test]
    fn every_known_name_is_known() {
        for (index, name) in NAMES.iter().enumerate() {
            assert_eq!(known_bit(&name.to_lowercase()), 1 << index, "{name}");
            assert_eq!(known_bit(&format!("{name}x")), 0, "{name}x");
        }
        assert_eq!(Known::Upgrade.name(), "Upgrade");
        assert_eq!(known_bit(&"x".repeat(1000)), 0);
    }

    #[test]
    fn lines_of_one_name_make_one_list() {
        let list: Vec<_> = Fields::new(LINES).list(Known::Connection).collect();
        assert_eq!(list, [&b"keep-alive"[..], b"Upgrade", b"te"]);
        assert!(Fields::new(LINES).list_has(Known::Connection, "upgrade"));
    }

    #[test]
    fn a_comma_in_a_quoted_string_parts_nothing() {
        let list: Vec<_> = Fields::new(LINES).list(Known::Prefer).collect();
        assert_eq!(list, [&b"a=\"1, \\\", 2\""[..], b"b"]);
        assert_eq!(members(b"a,\"b,c").collect::<Vec<_>>(), [&b"a"[..], b"\"b,c"]);
        assert_eq!(members(b",").collect::<Vec<_>>(), [b"", b""]);
    }

    #[test]
    fn tokens_have_no_separators() {
        assert!(is_token(b"X-Tag_1!"));
        for bad in [&b""[..], b"a b", b"a:", b"a\r", b"\xc3\xa4", b"\"a\""] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }

    #[test]
    fn only_space_and_tab_are_blanks() {
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b"\x0ba\xa0"), b"\x0ba\xa0");
        assert_eq!(trim(b" "), b"");
    }
}
