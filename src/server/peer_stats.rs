//! For whom a peer is counted, where it speaks for a visitor of our page.
//!
//! What is read and written is counted as it happens, for the visitor and by the road that the connection
//! says. Where it says none, and that is nearly always, the test for it is all that it costs.

use crate::api::routes;
use crate::connection::Connection;
use crate::metrics::browsers::{self, Counts, Road, Visitor};
use crate::model::call::Call;
use crate::store::state::State;

#[derive(Default)]
pub struct Guest {
    visitor: Option<Visitor>,
    /// The roads on which this connection has been counted for that visitor.
    roads: u8,
    /// The last request was for something of the page itself.
    of_page: bool,
    /// Calls taken up that are not counted yet: what road they take shows when they are done.
    calls: u32,
}

impl Guest {
    /// A call, by whichever road, is the call of whoever opened it.
    #[inline]
    pub fn note(&mut self, call: &Call, connection: &Connection, state: &State) {
        if connection.visitor().is_some() {
            self.of_page = connection.road() == Road::Requests && routes::is_of_page(call, state);
            self.calls += 1;
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
