//! What was counted since the process began, for `/metrics`.
//!
//! ```text
//!   whoever does something ──▶ tally of this thread ──▶ end of the turn: meter of the process ──▶ text
//!                  count: one addition                  hand_in: one atomic addition each
//! ```
//!
//! Each loop has a thread, and each thread a tally: plain numbers that nobody else touches. So counting
//! costs next to nothing where much happens, and the meter is at most a turn behind.

use std::cell::Cell;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Everything that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
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
struct Metric(&'static str, Kind, &'static str, &'static [(Label, Count)]);

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
        &[(None, Count::ConnectionsAccepted)],
    ),
    Metric(
        "bothways_connections_open",
        Kind::Gauge,
        "Connections open now.",
        &[(None, Count::ConnectionsOpen)],
    ),
    Metric("bothways_requests_total", Kind::Counter, "HTTP requests taken up.", &[(None, Count::Requests)]),
    Metric(
        "bothways_messages_total",
        Kind::Counter,
        "Text and binary messages taken up on sockets.",
        &[(None, Count::Messages)],
    ),
    Metric(
        "bothways_answers_total",
        Kind::Counter,
        "Answers to requests, and to calls on sockets, by class of status.",
        &[
            (class("1xx"), Count::Answers1xx),
            (class("2xx"), Count::Answers2xx),
            (class("3xx"), Count::Answers3xx),
            (class("4xx"), Count::Answers4xx),
            (class("5xx"), Count::Answers5xx),
        ],
    ),
    Metric(
        "bothways_changes_total",
        Kind::Counter,
        "Changes that were asked for here and settled.",
        &[(None, Count::Changes)],
    ),
    Metric(
        "bothways_replays_total",
        Kind::Counter,
        "POSTs answered as an earlier one with the same Idempotency-Key was.",
        &[(None, Count::Replays)],
    ),
    Metric(
        "bothways_store_syncs_total",
        Kind::Counter,
        "Times that changes were made safe on disk, all together that had been asked for meanwhile.",
        &[(None, Count::StoreSyncs)],
    ),
    Metric(
        "bothways_listeners",
        Kind::Gauge,
        "Subscriptions there are now, by how they are told.",
        &[
            (form("frame"), Count::ListenersFrame),
            (form("deflated"), Count::ListenersDeflated),
            (form("event"), Count::ListenersEvent),
            (form("held"), Count::ListenersHeld),
        ],
    ),
    Metric(
        "bothways_subscriptions_total",
        Kind::Counter,
        "Subscriptions begun, requests that were held among them.",
        &[(None, Count::Subscriptions)],
    ),
    Metric(
        "bothways_deliveries_total",
        Kind::Counter,
        "News given to listeners that keep up: one for each listener and turn.",
        &[
            (form("frame"), Count::DeliveriesFrame),
            (form("deflated"), Count::DeliveriesDeflated),
            (form("event"), Count::DeliveriesEvent),
        ],
    ),
    Metric(
        "bothways_listeners_fell_behind_total",
        Kind::Counter,
        "Times that a listener had not read what it was told before, and was told no more.",
        &[(None, Count::FellBehind)],
    ),
    Metric(
        "bothways_catch_ups_total",
        Kind::Counter,
        "Times that a listener was told by itself until it had everything, by the whole state or by changes.",
        &[(by("snapshot"), Count::CaughtUpBySnapshot), (by("changes"), Count::CaughtUpByChanges)],
    ),
    Metric(
        "bothways_gone_total",
        Kind::Counter,
        "Times that a listener lacked changes that are kept no more.",
        &[(None, Count::Gone)],
    ),
    Metric(
        "bothways_messages_deflated_total",
        Kind::Counter,
        "Messages compressed, those for many once.",
        &[(None, Count::MessagesDeflated)],
    ),
    Metric(
        "bothways_read_bytes_total",
        Kind::Counter,
        "Bytes read from sockets.",
        &[(None, Count::BytesRead)],
    ),
    Metric(
        "bothways_written_bytes_total",
        Kind::Counter,
        "Bytes that sockets have taken.",
        &[(None, Count::BytesWritten)],
    ),
    Metric(
        "bothways_system_calls_total",
        Kind::Counter,
        "System calls made by the loops for connections, by what they are for.",
        &[
            (call("poll"), Count::CallsPoll),
            (call("accept"), Count::CallsAccept),
            (call("register"), Count::CallsRegister),
            (call("read"), Count::CallsRead),
            (call("write"), Count::CallsWrite),
            (call("shutdown"), Count::CallsShutdown),
            (call("close"), Count::CallsClose),
            (call("wake"), Count::CallsWake),
        ],
    ),
];

const COUNTS: usize = Count::CallsWake as usize + 1;

static METER: [AtomicU64; COUNTS] = [const { AtomicU64::new(0) }; COUNTS];

thread_local! {
    static TALLY: [Cell<u64>; COUNTS] = const { [const { Cell::new(0) }; COUNTS] };
}

/// So many more.
#[inline]
pub fn count(what: Count, more: usize) {
    add(what, more as u64);
}

/// One more.
#[inline]
pub fn one(what: Count) {
    add(what, 1);
}

/// One less of what there is now. A tally may stand below nothing: together they do not.
#[inline]
pub fn one_less(what: Count) {
    add(what, u64::MAX);
}

#[inline]
fn add(what: Count, more: u64) {
    TALLY.with(|tally| {
        let cell = &tally[what as usize];
        cell.set(cell.get().wrapping_add(more));
    });
}

/// An answer with this status.
#[inline]
pub fn answer(status: u16) {
    one(match status {
        ..200 => Count::Answers1xx,
        200..300 => Count::Answers2xx,
        300..400 => Count::Answers3xx,
        400..500 => Count::Answers4xx,
        500.. => Count::Answers5xx,
    });
}

/// Adds the tally of this thread to the meter. Once a turn.
pub fn hand_in() {
    TALLY.with(|tally| {
        for (cell, total) in tally.iter().zip(&METER) {
            let more = cell.take();
            if more != 0 {
                total.fetch_add(more, Ordering::Relaxed);
            }
        }
    });
}

pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The meter in Prometheus' text format, version 0.0.4.
pub fn text() -> String {
    hand_in();
    text_of(METRICS, |what| METER[what as usize].load(Ordering::Relaxed))
}

fn text_of(metrics: &[Metric], value: impl Fn(Count) -> u64) -> String {
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
            &[(Some(("l", "a\"b\\c\nd")), Count::Gone), (None, Count::Changes)],
        );
        let text = text_of(&[metric], |what| what as u64);
        let expected = format!(
            "# HELP a_total one\\\\\\ntwo\n# TYPE a_total counter\na_total{{l=\"a\\\"b\\\\c\\nd\"}} {}\na_total {}\n",
            Count::Gone as u64,
            Count::Changes as u64
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
        let metric = Metric("a", Kind::Gauge, "", &[(None, Count::ConnectionsOpen)]);
        assert!(text_of(&[metric], |_| u64::MAX).ends_with("a 0\n"));
    }
}
