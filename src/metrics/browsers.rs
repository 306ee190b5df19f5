//! What each browser that shows the built-in page was sent, for `/counters`.
//!
//! ```text
//!   a peer's read or write ──▶ LocalCounts of its loop ── flush_local, once a turn: one lock ──▶ BrowserTable ──▶ text
//! ```
//!
//! The page draws a token at random and keeps it in a cookie. The token identifies nobody, and nothing else is stored
//! with it. Bytes are counted as the loop moves them, heads and frames included. A peer that sends no token is not
//! counted here. The table has room for a fixed number of browsers, and drops those that were silent longest.

use std::collections::HashMap;
use std::fmt::Write;
use std::num::NonZeroU64;

/// The name of the cookie.
pub const COOKIE: &str = "bothways-visitor";

/// Digits of a token.
const TOKEN_DIGITS: usize = 16;

/// A browser, by the token that its page drew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BrowserId(NonZeroU64);

impl BrowserId {
    /// Parses sixteen hexadecimal digits in lower case, not all of them 0. Returns `None` for anything else.
    pub fn parse(token: &[u8]) -> Option<BrowserId> {
        if token.len() != TOKEN_DIGITS {
            return None;
        }
        let number = token.iter().try_fold(0, |number: u64, &digit| {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            Some(number << 4 | u64::from(value))
        });
        number.and_then(NonZeroU64::new).map(BrowserId)
    }
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficClass {
    /// Requests for collections and items, also those that were held.
    Requests,
    /// Event streams, with the requests that they began with.
    EventStreams,
    /// WebSockets, with their handshakes.
    WebSockets,
    /// Whatever belongs to the page itself: its parts, and these counters.
    Page,
}

const TRAFFIC_CLASSES: [(TrafficClass, &str); 4] = [
    (TrafficClass::Requests, "requests"),
    (TrafficClass::EventStreams, "events"),
    (TrafficClass::WebSockets, "sockets"),
    (TrafficClass::Page, "page"),
];

impl TrafficClass {
    /// Returns a bit of its own, for sets of classes.
    pub fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What was counted of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BrowserCounts {
    /// Connections on which something went this way.
    pub connections: u64,
    /// Requests, and calls in messages.
    pub calls: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    /// Reads and writes of the socket that moved something: so many calls of the kernel.
    pub moves: u64,
}

impl BrowserCounts {
    fn add(&mut self, more: &BrowserCounts) {
        self.connections += more.connections;
        self.calls += more.calls;
        self.read_bytes += more.read_bytes;
        self.written_bytes += more.written_bytes;
        self.moves += more.moves;
    }
}

pub type PerTrafficClass = [BrowserCounts; TRAFFIC_CLASSES.len()];

/// What one loop has counted for browsers since it was flushed last.
#[derive(Debug, Default)]
pub struct LocalCounts(Vec<(BrowserId, PerTrafficClass)>);

impl LocalCounts {
    /// Returns whether so many browsers were counted that the end of the turn should not be waited for.
    pub fn add(&mut self, browser: BrowserId, class: TrafficClass, more: &BrowserCounts) -> bool {
        let n = self.0.iter().rposition(|(known, _)| *known == browser).unwrap_or_else(|| {
            self.0.push((browser, PerTrafficClass::default()));
            self.0.len() - 1
        });
        self.0[n].1[class as usize].add(more);
        self.0.len() >= LOCAL_BROWSERS_MAX
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn flush(&mut self, table: &mut BrowserTable) {
        self.0.drain(..).for_each(|(browser, counts)| table.add(browser, &counts));
    }
}

/// Browsers that a loop counts before it does not wait for the end of its turn.
const LOCAL_BROWSERS_MAX: usize = 32;

/// Most browsers whose traffic is counted, 400 bytes each. The more recent half of them is never evicted.
pub const BROWSERS_MAX: usize = 2048;

/// Writes the counts of one browser as JSON. `run` differs at each start, so that a page sees that counting has
/// started again.
pub fn text_of(counts: &PerTrafficClass, run: u32) -> String {
    let mut text = format!("{{\"run\":\"{run:08x}\"");
    for ((_, name), counts) in TRAFFIC_CLASSES.iter().zip(counts) {
        let BrowserCounts { connections, calls, read_bytes, written_bytes, moves } = counts;
        _ = write!(
            text,
            ",\"{name}\":{{\"connections\":{connections},\"calls\":{calls},\"read_bytes\":{read_bytes},\
             \"written_bytes\":{written_bytes},\"moves\":{moves}}}"
        );
    }
    text.push('}');
    text
}

/// Browsers in two halves. A browser that is counted joins the younger half; when that is full it becomes the older
/// one, and the browsers of the older one are dropped. So eviction costs no search.
#[derive(Debug)]
pub struct BrowserTable {
    half: usize,
    young: HashMap<BrowserId, PerTrafficClass>,
    old: HashMap<BrowserId, PerTrafficClass>,
}

impl BrowserTable {
    pub fn new(browsers_max: usize) -> BrowserTable {
        BrowserTable { half: browsers_max / 2, young: HashMap::new(), old: HashMap::new() }
    }

    fn add(&mut self, browser: BrowserId, more: &PerTrafficClass) {
        for (counts, more) in self.known(browser).iter_mut().zip(more) {
            counts.add(more);
        }
    }

    fn known(&mut self, browser: BrowserId) -> &mut PerTrafficClass {
        if self.young.len() >= self.half && !self.young.contains_key(&browser) {
            // Before the older half is dropped, this browser moves out of it.
            let known = self.old.remove(&browser);
            self.old = std::mem::take(&mut self.young);
            self.young.extend(known.map(|known| (browser, known)));
        }
        let BrowserTable { young, old, .. } = self;
        young.entry(browser).or_insert_with(|| old.remove(&browser).unwrap_or_default())
    }

    pub fn find(&self, browser: BrowserId) -> PerTrafficClass {
        self.young.get(&browser).or_else(|| self.old.get(&browser)).copied().unwrap_or_default()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn browser(number: u64) -> BrowserId {
        BrowserId(NonZeroU64::new(number).unwrap())
    }

    fn count_call(table: &mut BrowserTable, number: u64) {
        let mut counts = PerTrafficClass::default();
        counts[TrafficClass::WebSockets as usize].calls = 1;
        table.add(browser(number), &counts);
    }

    #[test]
    fn a_token_is_sixteen_digits() {
        assert_eq!(BrowserId::parse(b"00000000000000ff"), Some(browser(255)));
        assert_eq!(BrowserId::parse(b"ffffffffffffffff"), Some(browser(u64::MAX)));
        for bad in
            [&b""[..], b"0000000000000000", b"00000000000000f", b"00000000000000fff", b"00000000000000FF"]
        {
            assert_eq!(BrowserId::parse(bad), None, "{}", bad.escape_ascii());
        }
        for byte in (0..=255).filter(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            let mut token = *b"00000000000000ff";
            token[7] = byte;
            assert_eq!(BrowserId::parse(&token), None, "{byte}");
        }
    }

    #[test]
    fn the_table_has_an_end_and_forgets_those_of_long_ago() {
        let mut table = BrowserTable::new(8);
        for number in 1..1000 {
            count_call(&mut table, number);
            count_call(&mut table, 1000);
            assert!(table.len() <= 8, "{number}: {}", table.len());
        }
        let calls = |number| table.find(browser(number))[TrafficClass::WebSockets as usize].calls;
        assert_eq!(calls(1000), 999, "who is heard of in every turn stays");
        assert_eq!([997, 998, 999].map(calls), [1, 1, 1]);
        assert_eq!(calls(1), 0);
    }

    #[test]
    fn who_comes_back_from_the_older_half_keeps_what_was_counted() {
        for others in 0..8 {
            let mut table = BrowserTable::new(8);
            count_call(&mut table, 100);
            (1..=others).for_each(|number| count_call(&mut table, number));
            let kept = table.find(browser(100))[TrafficClass::WebSockets as usize].calls;
            count_call(&mut table, 100);
            assert_eq!(
                table.find(browser(100))[TrafficClass::WebSockets as usize].calls,
                kept + 1,
                "{others}"
            );
            assert_eq!(kept, u64::from(others < 8), "{others}");
        }
    }

    #[test]
    fn local_counts_are_added_up_in_the_table() {
        let someone = browser(0x1234_5678_9abc_def0);
        let more = BrowserCounts { connections: 1, calls: 2, read_bytes: 3, written_bytes: 4, moves: 5 };
        let (mut local, mut table) = (LocalCounts::default(), BrowserTable::new(100));
        assert!(!local.add(someone, TrafficClass::EventStreams, &more));
        local.flush(&mut table);
        for number in 1..LOCAL_BROWSERS_MAX as u64 {
            assert!(!local.add(browser(number), TrafficClass::Page, &BrowserCounts::default()));
        }
        assert!(
            local.add(someone, TrafficClass::EventStreams, &more),
            "so many do not wait for the end of the turn"
        );
        local.flush(&mut table);
        assert!(local.is_empty());
        let nothing = "{\"connections\":0,\"calls\":0,\"read_bytes\":0,\"written_bytes\":0,\"moves\":0}";
        assert_eq!(
            text_of(&table.find(someone), 0xa),
            format!(
                "{{\"run\":\"0000000a\",\"requests\":{nothing},\"events\":{{\"connections\":2,\"calls\":4,\
                 \"read_bytes\":6,\"written_bytes\":8,\"moves\":10}},\"sockets\":{nothing},\"page\":{nothing}}}"
            )
        );
        assert_eq!(table.find(browser(u64::MAX)), PerTrafficClass::default());
    }

    #[test]
    fn every_class_has_its_place() {
        for (n, (class, _)) in TRAFFIC_CLASSES.iter().enumerate() {
            assert_eq!((*class as usize, class.bit()), (n, 1 << n));
        }
    }
}
