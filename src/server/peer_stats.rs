//! For which browser a peer is counted, if it sends the token of the built-in page.
//!
//! Reads and writes are counted as they happen, for the browser and the class of traffic that the connection has then.
//! Nearly every connection has no browser, and costs one test.

use crate::api::routes;
use crate::connection::Connection;
use crate::metrics::browsers::{BrowserCounts, BrowserId, TrafficClass};
use crate::metrics::loop_metrics::Metrics;
use crate::model::call::Call;
use crate::store::state::State;

#[derive(Default)]
pub struct PeerStats {
    browser: Option<BrowserId>,
    /// The classes in which this connection was counted for that browser.
    classes: u8,
    /// The last request served the page itself.
    of_page: bool,
    /// Calls that are not counted yet: their class is known only when they have been dispatched.
    calls: u32,
}

impl PeerStats {
    #[inline]
    pub fn record_call(&mut self, call: &Call, connection: &Connection, state: &State) {
        if connection.visitor().is_some() {
            self.of_page = connection.road() == TrafficClass::Requests && routes::is_of_page(call, state);
            self.calls += 1;
        }
    }

    /// Counts bytes that were read and parsed.
    #[inline]
    pub fn count_consumed(&mut self, bytes: usize, connection: &Connection, metrics: &mut Metrics) {
        if bytes > 0 {
            self.count(
                connection,
                BrowserCounts { read_bytes: bytes as u64, ..BrowserCounts::default() },
                metrics,
            );
        }
    }

    /// Counts a read of the socket that returned bytes.
    #[inline]
    pub fn count_read(&mut self, connection: &Connection, metrics: &mut Metrics) {
        self.count(connection, BrowserCounts { moves: 1, ..BrowserCounts::default() }, metrics);
    }

    /// Counts a write of the socket.
    #[inline]
    pub fn count_written(&mut self, bytes: usize, connection: &Connection, metrics: &mut Metrics) {
        if bytes > 0 {
            let written_bytes = bytes as u64;
            self.count(
                connection,
                BrowserCounts { written_bytes, moves: 1, ..BrowserCounts::default() },
                metrics,
            );
        }
    }

    #[inline]
    fn count(&mut self, connection: &Connection, more: BrowserCounts, metrics: &mut Metrics) {
        if let Some(browser) = connection.visitor() {
            self.count_for(browser, connection.road(), more, metrics);
        }
    }

    #[cold]
    fn count_for(
        &mut self,
        browser: BrowserId,
        class: TrafficClass,
        more: BrowserCounts,
        metrics: &mut Metrics,
    ) {
        if self.browser != Some(browser) {
            (self.browser, self.classes) = (Some(browser), 0);
        }
        let is_page = class == TrafficClass::Requests && self.of_page;
        let class = if is_page { TrafficClass::Page } else { class };
        let is_new = self.classes & class.bit() == 0;
        self.classes |= class.bit();
        let calls = std::mem::take(&mut self.calls).into();
        metrics.count_for(browser, class, &BrowserCounts { connections: is_new.into(), calls, ..more });
    }
}
