//! For whom a peer is counted, where it speaks for a visitor of our page.
//!
//! What is read and written is counted as it happens, for the visitor and by the road that the connection
//! says. Where it says none, and that is nearly always, the test for it is all that it costs.

use crate::api::routes::{self, Subject};
use crate::api::subscribe::Interest;
use crate::connection::Connection;
use crate::metrics::browsers::{self, Counts, Road, Visitor};
use crate::metrics::lateness::{Published, Since, Told};
use crate::model::call::{Answer, Call};
use crate::model::change::{Change, CollectionId};
use crate::store::state::State;
use std::sync::LazyLock;
use std::time::Instant;

/// From when on times are counted for visitors, the same for all loops.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

fn microseconds(at: Instant) -> u64 {
    at.saturating_duration_since(*BEGAN).as_micros() as u64
}

/// A change became true in this turn.
pub fn publish(change: &Change, now: Instant) {
    let Change { position, collection: CollectionId(collection), .. } = *change;
    browsers::publish(|| Published { seq: position.seq, collection, at_us: microseconds(now) });
}

/// What was counted in this turn, for whom. Where somebody was told something, the clock is read once more:
/// by now it has been written.
pub fn hand_in() {
    browsers::hand_in(|| microseconds(Instant::now()));
}

#[derive(Default)]
pub struct Guest {
    visitor: Option<Visitor>,
    /// The roads on which this connection has been counted for that visitor.
    roads: u8,
    /// The last request was for something of the page itself.
    of_page: bool,
    /// Calls taken up that are not counted yet: what road they take shows when they are done.
    calls: u32,
    /// Boxed, for nearly nobody is told anything as a visitor.
    telling: Option<Box<Telling>>,
}

/// What a visitor is being told.
#[derive(Default)]
struct Telling {
    /// The collection that the request is about.
    asked: Option<CollectionId>,
    /// It counts as told when all has been written.
    unwritten: Option<Told>,
}

impl Guest {
    /// A call, by whichever road, is the call of whoever opened it.
    #[inline]
    pub fn note(&mut self, call: &mut Call, connection: &Connection, state: &State, now: Instant) {
        call.visitor = connection.visitor();
        if let Some(visitor) = call.visitor {
            self.note_for(visitor, call, connection, state);
            browsers::called(microseconds(now));
        }
    }

    fn note_for(&mut self, visitor: Visitor, call: &Call, connection: &Connection, state: &State) {
        let is_request = connection.road() == Road::Requests;
        let subject = is_request.then(|| routes::subject_of(call, state));
        self.of_page = matches!(subject, Some(Subject::Page | Subject::Home));
        self.telling.get_or_insert_default().asked = match subject {
            Some(Subject::Collection(collection)) => Some(collection),
            _ => None,
        };
        if subject == Some(Subject::Home) {
            browsers::opens(visitor);
        }
        self.calls += 1;
    }

    /// The request is answered, with what is true now: that nothing is new says as much.
    #[inline]
    pub fn answered(&mut self, answer: &Answer, state: &State) {
        let Some(telling) = &mut self.telling else { return };
        if let (Some(CollectionId(collection)), 200 | 304) = (telling.asked.take(), answer.status) {
            let upto = state.position().seq;
            telling.unwritten = Some(Told { collection, upto, since: Since::Asked });
        }
    }

    /// It follows this, and is being told what there is up to this seq.
    #[inline]
    pub fn told(&mut self, interest: &Interest, upto: u64, since: Since) {
        let Some(telling) = &mut self.telling else { return };
        if interest.id.is_none() && interest.query.is_empty() {
            // Nothing was written since it began anew.
            let is_new = telling.unwritten.is_some_and(|earlier| earlier.since == Since::Anew);
            let since = if is_new { Since::Anew } else { since };
            telling.unwritten = Some(Told { collection: interest.collection.0, upto, since });
        }
    }

    /// The socket has taken everything.
    #[inline]
    pub fn all_written(&mut self, connection: &Connection) {
        let Some(telling) = &mut self.telling else { return };
        if let (Some(told), Some(visitor)) = (telling.unwritten.take(), connection.visitor()) {
            browsers::told(visitor, connection.road(), told);
        }
    }

    /// So many bytes were read, and taken up.
    #[inline]
    pub fn used(&mut self, bytes: usize, connection: &Connection) {
        if bytes > 0 {
            self.count(connection, Counts { read_bytes: bytes as u64, ..Counts::default() });
        }
    }

    /// The socket was read once, and brought something.
    #[inline]
    pub fn read(&mut self, connection: &Connection) {
        self.count(connection, Counts { moves: 1, ..Counts::default() });
    }

    /// The socket has taken so many bytes, in one write.
    #[inline]
    pub fn wrote(&mut self, bytes: usize, connection: &Connection) {
        if bytes > 0 {
            self.count(connection, Counts { written_bytes: bytes as u64, moves: 1, ..Counts::default() });
        }
    }

    #[inline]
    fn count(&mut self, connection: &Connection, more: Counts) {
        if let Some(visitor) = connection.visitor() {
            self.count_for(visitor, connection.road(), more);
        }
    }

    fn count_for(&mut self, visitor: Visitor, road: Road, more: Counts) {
        if self.visitor != Some(visitor) {
            (self.visitor, self.roads) = (Some(visitor), 0);
        }
        let road = if road == Road::Requests && self.of_page { Road::Page } else { road };
        let is_new = self.roads & road.bit() == 0;
        self.roads |= road.bit();
        let calls = std::mem::take(&mut self.calls).into();
        browsers::add(visitor, road, &Counts { connections: is_new.into(), calls, ..more });
    }
}
