//! Counters and gauges of the process, for `/metrics`.
//!
//! ```text
//!   each loop: Metrics, plain numbers ── flush_local, once a turn: one atomic addition each ──▶ Totals ──▶ text
//! ```
//!
//! Counting is one addition to a number that no other thread touches. The totals are at most a turn behind.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Everything that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricId {
    ConnectionsAccepted,
    ConnectionsOpen,
    Requests,
    Messages,
    Answers1xx,
    Answers2xx,
    Answers3xx,
    Answers4xx,
    Answers5xx,
    Changes,
    Replays,
    StoreSyncs,
    ListenersFrame,
    ListenersDeflated,
    ListenersEvent,
    ListenersHeld,
    Subscriptions,
    DeliveriesFrame,
    DeliveriesDeflated,
    DeliveriesEvent,
    FellBehind,
    CaughtUpBySnapshot,
    CaughtUpByChanges,
    Gone,
    MessagesDeflated,
    BytesRead,
    BytesWritten,
    CallsPoll,
    CallsAccept,
    CallsRegister,
    CallsRead,
    CallsWrite,
    CallsShutdown,
    CallsClose,
    CallsWake,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It only grows.
    Counter,
    /// How many there are now.
    Gauge,
}

/// One metric: name, kind, help, and what is counted under which label.
struct Metric(&'static str, Kind, &'static str, &'static [(Label, MetricId)]);

type Label = Option<(&'static str, &'static str)>;

const fn form(value: &'static str) -> Label {
    Some(("form", value))
}

const fn class(value: &'static str) -> Label {
    Some(("class", value))
}

const fn by(value: &'static str) -> Label {
    Some(("by", value))
}

const fn call(value: &'static str) -> Label {
    Some(("call", value))
}

const METRICS: &[Metric] = &[
    Metric(
        "bothways_connections_accepted_total",
        Kind::Counter,
        "Connections accepted.",
        &[(None, MetricId::ConnectionsAccepted)],
    ),
    Metric(
        "bothways_connections_open",
        Kind::Gauge,
        "Connections open now.",
        &[(None, MetricId::ConnectionsOpen)],
    ),
    Metric(
        "bothways_requests_total",
        Kind::Counter,
        "HTTP requests taken up.",
        &[(None, MetricId::Requests)],
    ),
    Metric(
        "bothways_messages_total",
        Kind::Counter,
        "Text and binary messages taken up on sockets.",
        &[(None, MetricId::Messages)],
    ),
    Metric(
        "bothways_answers_total",
        Kind::Counter,
        "Answers to requests, and to calls on sockets, by class of status.",
        &[
            (class("1xx"), MetricId::Answers1xx),
            (class("2xx"), MetricId::Answers2xx),
            (class("3xx"), MetricId::Answers3xx),
            (class("4xx"), MetricId::Answers4xx),
            (class("5xx"), MetricId::Answers5xx),
        ],
    ),
    Metric(
        "bothways_changes_total",
        Kind::Counter,
        "Changes that were asked for here and settled.",
        &[(None, MetricId::Changes)],
    ),
    Metric(
        "bothways_replays_total",
        Kind::Counter,
        "POSTs answered as an earlier one with the same Idempotency-Key was.",
        &[(None, MetricId::Replays)],
    ),
    Metric(
        "bothways_store_syncs_total",
        Kind::Counter,
        "Times that changes were made safe on disk, all together that had been asked for meanwhile.",
        &[(None, MetricId::StoreSyncs)],
    ),
    Metric(
        "bothways_listeners",
        Kind::Gauge,
        "Subscriptions there are now, by how they are told.",
        &[
            (form("frame"), MetricId::ListenersFrame),
            (form("deflated"), MetricId::ListenersDeflated),
            (form("event"), MetricId::ListenersEvent),
            (form("held"), MetricId::ListenersHeld),
        ],
    ),
    Metric(
        "bothways_subscriptions_total",
        Kind::Counter,
        "Subscriptions begun, requests that were held among them.",
        &[(None, MetricId::Subscriptions)],
    ),
    Metric(
        "bothways_deliveries_total",
        Kind::Counter,
        "News given to listeners that keep up: one for each listener and turn.",
        &[
            (form("frame"), MetricId::DeliveriesFrame),
            (form("deflated"), MetricId::DeliveriesDeflated),
            (form("event"), MetricId::DeliveriesEvent),
        ],
    ),
    Metric(
        "bothways_listeners_fell_behind_total",
        Kind::Counter,
        "Times that a listener had not read what it was told before, and was told no more.",
        &[(None, MetricId::FellBehind)],
    ),
    Metric(
        "bothways_catch_ups_total",
        Kind::Counter,
        "Times that a listener was told by itself until it had everything, by the whole state or by changes.",
        &[(by("snapshot"), MetricId::CaughtUpBySnapshot), (by("changes"), MetricId::CaughtUpByChanges)],
    ),
    Metric(
        "bothways_gone_total",
        Kind::Counter,
        "Times that a listener lacked changes that are kept no more.",
        &[(None, MetricId::Gone)],
    ),
    Metric(
        "bothways_messages_deflated_total",
        Kind::Counter,
        "Messages compressed, those for many once.",
        &[(None, MetricId::MessagesDeflated)],
    ),
    Metric(
        "bothways_read_bytes_total",
        Kind::Counter,
        "Bytes read from sockets.",
        &[(None, MetricId::BytesRead)],
    ),
    Metric(
        "bothways_written_bytes_total",
        Kind::Counter,
        "Bytes that sockets have taken.",
        &[(None, MetricId::BytesWritten)],
    ),
    Metric(
        "bothways_system_calls_total",
        Kind::Counter,
        "System calls made by the loops for connections, by what they are for.",
        &[
            (call("poll"), MetricId::CallsPoll),
            (call("accept"), MetricId::CallsAccept),
            (call("register"), MetricId::CallsRegister),
            (call("read"), MetricId::CallsRead),
            (call("write"), MetricId::CallsWrite),
            (call("shutdown"), MetricId::CallsShutdown),
            (call("close"), MetricId::CallsClose),
            (call("wake"), MetricId::CallsWake),
        ],
    ),
];

const COUNTS: usize = MetricId::CallsWake as usize + 1;

/// What all loops and threads of the process have counted.
#[derive(Debug)]
pub struct Totals([AtomicU64; COUNTS]);

impl Default for Totals {
    fn default() -> Totals {
        Totals([const { AtomicU64::new(0) }; COUNTS])
    }
}

impl Totals {
    /// Counts on a thread that is no loop.
    pub fn add(&self, metric: MetricId, more: u64) {
        self.0[metric as usize].fetch_add(more, Ordering::Relaxed);
    }
}

/// What one loop has counted since it was flushed last. A gauge may be below zero here: its totals are not.
#[derive(Debug)]
pub struct LocalTotals([u64; COUNTS]);

impl Default for LocalTotals {
    fn default() -> LocalTotals {
        LocalTotals([0; COUNTS])
    }
}

impl LocalTotals {
    #[inline]
    pub fn add(&mut self, metric: MetricId, more: u64) {
        let local = &mut self.0[metric as usize];
        *local = local.wrapping_add(more);
    }

    pub fn flush(&mut self, totals: &Totals) {
        for (local, total) in self.0.iter_mut().zip(&totals.0) {
            let more = std::mem::take(local);
            if more != 0 {
                total.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    /// Returns the totals, with what is not flushed yet, in Prometheus' text format, version 0.0.4.
    pub fn text(&self, totals: &Totals) -> String {
        text_of(METRICS, |metric| {
            let n = metric as usize;
            totals.0[n].load(Ordering::Relaxed).wrapping_add(self.0[n])
        })
    }
}

pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

fn text_of(metrics: &[Metric], value: impl Fn(MetricId) -> u64) -> String {
    let mut text = String::new();
    for Metric(name, kind, help, counts) in metrics {
        let word = if *kind == Kind::Gauge { "gauge" } else { "counter" };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {word}\n");
        for (label, what) in *counts {
            text.push_str(name);
            if let Some((label, labelled)) = label {
                let labelled = labelled.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                _ = write!(text, "{{{label}=\"{labelled}\"}}");
            }
            // Of what there is now, another thread may have told of the end before one of the beginning.
            let value = if *kind == Kind::Gauge { (value(*what) as i64).max(0) as u64 } else { value(*what) };
            _ = writeln!(text, " {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_stands_in_the_text_is_escaped() {
        let metric = Metric(
            "a_total",
            Kind::Counter,
            "one\\\ntwo",
            &[(Some(("l", "a\"b\\c\nd")), MetricId::Gone), (None, MetricId::Changes)],
        );
        let text = text_of(&[metric], |what| what as u64);
        let expected = format!(
            "# HELP a_total one\\\\\\ntwo\n# TYPE a_total counter\na_total{{l=\"a\\\"b\\\\c\\nd\"}} {}\na_total {}\n",
            MetricId::Gone as u64,
            MetricId::Changes as u64
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn everything_counted_stands_in_one_metric() {
        let named: Vec<usize> =
            METRICS.iter().flat_map(|metric| metric.3).map(|(_, what)| *what as usize).collect();
        assert_eq!(named, (0..COUNTS).collect::<Vec<_>>());
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.0).collect();
        assert_eq!(names.len(), METRICS.len());
    }

    #[test]
    fn less_than_nothing_is_nothing() {
        let metric = Metric("a", Kind::Gauge, "", &[(None, MetricId::ConnectionsOpen)]);
        assert!(text_of(&[metric], |_| u64::MAX).ends_with("a 0\n"));
    }
}
