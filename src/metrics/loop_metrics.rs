//! The metrics of one loop, and those that all loops of the process share.

use crate::metrics::browsers::{
    self, BROWSERS_MAX, BrowserCounts, BrowserId, BrowserTable, LocalCounts, TrafficClass,
};
use crate::metrics::totals::{LocalTotals, MetricId, Totals};
use std::sync::{Arc, Mutex, MutexGuard};

/// The metrics of the process.
#[derive(Debug)]
pub struct SharedMetrics {
    pub totals: Totals,
    browsers: Mutex<BrowserTable>,
    run: u32,
}

impl SharedMetrics {
    /// `run` differs at each start of the process.
    pub fn new(run: u32) -> SharedMetrics {
        let browsers = Mutex::new(BrowserTable::new(BROWSERS_MAX));
        SharedMetrics { totals: Totals::default(), browsers, run }
    }

    fn browsers(&self) -> MutexGuard<'_, BrowserTable> {
        self.browsers.lock().expect("a panic ends the process")
    }
}

/// What one loop counts. It is an argument wherever something is counted, and is flushed once a turn.
#[derive(Debug)]
pub struct Metrics {
    local: LocalTotals,
    browsers: LocalCounts,
    shared: Arc<SharedMetrics>,
}

impl Metrics {
    pub fn new(shared: Arc<SharedMetrics>) -> Metrics {
        Metrics { local: LocalTotals::default(), browsers: LocalCounts::default(), shared }
    }

    #[inline]
    pub fn add(&mut self, metric: MetricId, more: usize) {
        self.local.add(metric, more as u64);
    }

    #[inline]
    pub fn inc(&mut self, metric: MetricId) {
        self.local.add(metric, 1);
    }

    #[inline]
    pub fn dec(&mut self, gauge: MetricId) {
        self.local.add(gauge, u64::MAX);
    }

    /// Counts an answer by the class of its status.
    #[inline]
    pub fn count_answer(&mut self, status: u16) {
        self.inc(match status {
            ..200 => MetricId::Answers1xx,
            200..300 => MetricId::Answers2xx,
            300..400 => MetricId::Answers3xx,
            400..500 => MetricId::Answers4xx,
            500.. => MetricId::Answers5xx,
        });
    }

    pub fn count_for(&mut self, browser: BrowserId, class: TrafficClass, more: &BrowserCounts) {
        if self.browsers.add(browser, class, more) {
            self.flush_browsers();
        }
    }

    /// Adds what was counted in this turn to the metrics of the process.
    pub fn flush_local(&mut self) {
        self.local.flush(&self.shared.totals);
        self.flush_browsers();
    }

    /// Takes no lock where no browser was counted.
    fn flush_browsers(&mut self) {
        if !self.browsers.is_empty() {
            self.browsers.flush(&mut self.shared.browsers());
        }
    }

    /// Returns the totals of the process in Prometheus' text format.
    pub fn text(&self) -> String {
        self.local.text(&self.shared.totals)
    }

    /// Returns what was counted for a browser as JSON. An unknown browser, or none, has counts of zero.
    pub fn text_for(&mut self, browser: Option<BrowserId>) -> String {
        self.flush_browsers();
        let counts = browser.map(|browser| self.shared.browsers().find(browser)).unwrap_or_default();
        browsers::text_of(&counts, self.shared.run)
    }
}

/// Metrics that are shared with no other loop.
impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new(Arc::new(SharedMetrics::new(0)))
    }
}
