//! What each browser that shows our page was served, and by which road, for `/counters`.
//!
//! ```text
//!   a peer's read or write ──▶ slip of this thread ──▶ end of the turn: the table ──▶ text
//!              add: no lock             hand_in: one lock, if there is a slip
//! ```
//!
//! The page chooses a token by chance and keeps it in a cookie; it stands for nobody, and nothing else is
//! kept with it. What is counted is what the loop moved: heads and frames are in it. Whoever sends
//! no token is not counted here. As many visitors are kept as there is room for; those of whom nothing
//! was heard for longest are forgotten.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::num::NonZeroU64;
use std::sync::{LazyLock, Mutex, MutexGuard};

/// The name of the cookie.
pub const COOKIE: &str = "bothways-visitor";

/// Slips of one thread past which it does not wait for the end of its turn.
const SLIPS_MAX: usize = 32;

/// Digits of a token.
const TOKEN_DIGITS: usize = 16;

/// A browser, by the token that it chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Visitor(NonZeroU64);

impl Visitor {
    /// Sixteen hexadecimal digits, the letters small, not all of them 0. None: no token of our page.
    pub fn parse(token: &[u8]) -> Option<Visitor> {
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
        number.and_then(NonZeroU64::new).map(Visitor)
    }
}

/// By which road something was said and heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// Requests for collections and items, also those that were held.
    Requests,
    /// Event streams, with the requests that they began with.
    Events,
    /// WebSockets, with their handshakes.
    Sockets,
    /// Whatever belongs to the page itself: its parts, and these counters.
    Page,
}

const ROADS: [(Road, &str); 4] = [
    (Road::Requests, "requests"),
    (Road::Events, "events"),
    (Road::Sockets, "sockets"),
    (Road::Page, "page"),
];

impl Road {
    /// A bit of its own, for sets of roads.
    pub fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What was counted on one road.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections on which something went this way.
    pub connections: u64,
    /// Requests, and calls in messages.
    pub calls: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    /// Reads and writes of the socket that moved something: so many calls of the kernel.
    pub moves: u64,
}

impl Counts {
    fn add(&mut self, more: &Counts) {
        self.connections += more.connections;
        self.calls += more.calls;
        self.read_bytes += more.read_bytes;
        self.written_bytes += more.written_bytes;
        self.moves += more.moves;
    }
}

type OfRoads = [Counts; ROADS.len()];

struct Slip {
    visitor: Visitor,
    counts: OfRoads,
}

thread_local! {
    static SLIPS: RefCell<Vec<Slip>> = const { RefCell::new(Vec::new()) };
}

/// Most browsers whose traffic is counted, 400 bytes each. The more recent half of them is never evicted.
const BROWSERS_MAX: usize = 2048;

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(|| Mutex::new(Table::new(BROWSERS_MAX)));

/// Drawn by chance: whoever reads another one than before knows that counting has begun anew.
static RUN: LazyLock<u32> = LazyLock::new(|| getrandom::u32().unwrap_or_default());

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().expect("a panic ends the process")
}

/// So much more, for this visitor on this road.
pub fn add(visitor: Visitor, road: Road, more: &Counts) {
    let is_full = SLIPS.with_borrow_mut(|slips| {
        let n = slips.iter().rposition(|slip| slip.visitor == visitor).unwrap_or_else(|| {
            slips.push(Slip { visitor, counts: OfRoads::default() });
            slips.len() - 1
        });
        slips[n].counts[road as usize].add(more);
        slips.len() >= SLIPS_MAX
    });
    if is_full {
        hand_in();
    }
}

/// Adds the counts of this thread to the table. Called once a turn; without counts it costs one test.
#[inline]
pub fn hand_in() {
    SLIPS.with_borrow_mut(|slips| {
        if !slips.is_empty() {
            let mut table = table();
            slips.drain(..).for_each(|slip| table.add(&slip));
        }
    });
}

/// What this visitor was served, as JSON; and of one that is not known, nothing.
pub fn text(visitor: Option<Visitor>) -> String {
    hand_in();
    let counts = visitor.map(|visitor| table().find(visitor)).unwrap_or_default();
    text_of(&counts, *RUN)
}

fn text_of(counts: &OfRoads, run: u32) -> String {
    let mut text = format!("{{\"run\":\"{run:08x}\"");
    for ((_, name), counts) in ROADS.iter().zip(counts) {
        let Counts { connections, calls, read_bytes, written_bytes, moves } = counts;
        _ = write!(
            text,
            ",\"{name}\":{{\"connections\":{connections},\"calls\":{calls},\"read_bytes\":{read_bytes},\
             \"written_bytes\":{written_bytes},\"moves\":{moves}}}"
        );
    }
    text.push('}');
    text
}

/// Visitors in two halves. Whoever is counted comes to the younger half; when that is full it becomes the
/// older one, and what was the older one is forgotten. So forgetting costs no search.
struct Table {
    half: usize,
    young: HashMap<Visitor, OfRoads>,
    old: HashMap<Visitor, OfRoads>,
}

impl Table {
    fn new(visitors_max: usize) -> Table {
        Table { half: visitors_max / 2, young: HashMap::new(), old: HashMap::new() }
    }

    fn add(&mut self, slip: &Slip) {
        for (counts, more) in self.known(slip.visitor).iter_mut().zip(&slip.counts) {
            counts.add(more);
        }
    }

    fn known(&mut self, visitor: Visitor) -> &mut OfRoads {
        if self.young.len() >= self.half && !self.young.contains_key(&visitor) {
            // Before the older half is forgotten, this visitor is looked for in it.
            let known = self.old.remove(&visitor);
            self.old = std::mem::take(&mut self.young);
            self.young.extend(known.map(|known| (visitor, known)));
        }
        let Table { young, old, .. } = self;
        young.entry(visitor).or_insert_with(|| old.remove(&visitor).unwrap_or_default())
    }

    fn find(&self, visitor: Visitor) -> OfRoads {
        self.young.get(&visitor).or_else(|| self.old.get(&visitor)).copied().unwrap_or_default()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(number: u64) -> Visitor {
        Visitor(NonZeroU64::new(number).unwrap())
    }

    fn slip(number: u64) -> Slip {
        let mut counts = OfRoads::default();
        counts[Road::Sockets as usize].calls = 1;
        Slip { visitor: visitor(number), counts }
    }

    #[test]
    fn a_token_is_sixteen_digits() {
        assert_eq!(Visitor::parse(b"00000000000000ff"), Some(visitor(255)));
        assert_eq!(Visitor::parse(b"ffffffffffffffff"), Some(visitor(u64::MAX)));
        for bad in
            [&b""[..], b"0000000000000000", b"00000000000000f", b"00000000000000fff", b"00000000000000FF"]
        {
            assert_eq!(Visitor::parse(bad), None, "{}", bad.escape_ascii());
        }
        for byte in (0..=255).filter(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            let mut token = *b"00000000000000ff";
            token[7] = byte;
            assert_eq!(Visitor::parse(&token), None, "{byte}");
        }
    }

    #[test]
    fn the_table_has_an_end_and_forgets_those_of_long_ago() {
        let mut table = Table::new(8);
        for number in 1..1000 {
            table.add(&slip(number));
            table.add(&slip(1000));
            assert!(table.len() <= 8, "{number}: {}", table.len());
        }
        let calls = |number| table.find(visitor(number))[Road::Sockets as usize].calls;
        assert_eq!(calls(1000), 999, "who is heard of in every turn stays");
        assert_eq!([997, 998, 999].map(calls), [1, 1, 1]);
        assert_eq!(calls(1), 0);
    }

    #[test]
    fn who_comes_back_from_the_older_half_keeps_what_was_counted() {
        for others in 0..8 {
            let mut table = Table::new(8);
            table.add(&slip(100));
            (1..=others).for_each(|number| table.add(&slip(number)));
            let kept = table.find(visitor(100))[Road::Sockets as usize].calls;
            table.add(&slip(100));
            assert_eq!(table.find(visitor(100))[Road::Sockets as usize].calls, kept + 1, "{others}");
            assert_eq!(kept, u64::from(others < 8), "{others}");
        }
    }

    #[test]
    fn slips_are_put_together_and_told() {
        let someone = visitor(0x1234_5678_9abc_def0);
        let more = Counts { connections: 1, calls: 2, read_bytes: 3, written_bytes: 4, moves: 5 };
        assert_eq!(table().find(someone), OfRoads::default());
        add(someone, Road::Events, &more);
        // So many others that the slips do not wait for the end.
        for number in 1..=2 * SLIPS_MAX as u64 {
            add(visitor(number), Road::Page, &Counts::default());
        }
        add(someone, Road::Events, &more);
        hand_in();
        let nothing = "{\"connections\":0,\"calls\":0,\"read_bytes\":0,\"written_bytes\":0,\"moves\":0}";
        let table = table();
        assert_eq!(
            text_of(&table.find(someone), 0xa),
            format!(
                "{{\"run\":\"0000000a\",\"requests\":{nothing},\"events\":{{\"connections\":2,\"calls\":4,\
                 \"read_bytes\":6,\"written_bytes\":8,\"moves\":10}},\"sockets\":{nothing},\"page\":{nothing}}}"
            )
        );
        drop(table);
        let nobody = text(None);
        assert_eq!(text(Some(visitor(u64::MAX))), nobody, "who is not known was served nothing");
        assert_ne!(text(Some(someone)), nobody);
    }

    #[test]
    fn every_road_has_its_place() {
        for (n, (road, _)) in ROADS.iter().enumerate() {
            assert_eq!((*road as usize, road.bit()), (n, 1 << n));
        }
    }
}
