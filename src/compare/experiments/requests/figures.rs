//! The results of the experiment on calls, as values.
//!
//! Every figure is the median of the rounds, with their minimum and maximum. [`FIGURES`] lists all of them;
//! `docs/reference/compare.md` describes how each is counted.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::compare::costs::{Application, Both, Costs, Figure, Round, Spread};
use crate::compare::open_loop;
use crate::compare::options::CompareOptions;
use crate::compare::system_calls::figures_by_name;
use crate::compare::workloads::ways::Way;
use crate::compare::workloads::workload;
use crate::netlab::traffic::Network;

/// What was measured of one way.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    pub way: &'static str,
    /// In which one thing, and from which other way.
    pub differs: String,
    pub rounds: usize,
    /// By name, as in [`FIGURES`].
    pub figures: BTreeMap<&'static str, Figure>,
    /// Segments that were sent again, in all rounds together. They are in the figures.
    pub sent_again: u64,
    /// Of the server for each call, by name.
    pub system_calls: BTreeMap<String, Figure>,
    /// Segments and bytes of the calls are without the end of each connection.
    pub without_end: bool,
    /// How far the stated rate was not kept.
    pub rate_missed: Option<String>,
    /// Why nothing is said of segments and bytes.
    pub unsaid: Option<String>,
    /// Why it could not be measured, or not to the end.
    pub left_out: Option<String>,
}

impl Asked {
    pub fn new(
        way: Way,
        compare: &CompareOptions,
        mut rounds: Vec<Round>,
        left_out: Option<String>,
    ) -> Asked {
        let unsaid = rounds.iter().find_map(|round| round.disagreement.clone());
        if unsaid.is_some() {
            rounds.iter_mut().for_each(Round::forget_network);
        }
        let mut figures = BTreeMap::new();
        for kind in FIGURES {
            if let Some(spread) = Spread::of(rounds.iter().filter_map(kind.of)) {
                figures.insert(kind.name, Figure { unit: kind.unit, spread });
            }
        }
        Asked {
            way: way.name(),
            differs: workload::difference(way, compare),
            rounds: rounds.len(),
            figures,
            sent_again: rounds.iter().map(Round::sent_again).sum(),
            system_calls: figures_by_name("calls", &rounds, |round| {
                Some((round.system_calls.as_ref()?, round.calls as f64))
            }),
            without_end: rounds.iter().any(Round::lacks_ends),
            rate_missed: compare.rate.and_then(|rate| open_loop::shortfall(rate, &rounds)),
            unsaid,
            left_out,
        }
    }
}

/// One figure of a way: its name in JSON, its unit, what it is, and where a round has it.
pub struct Kind {
    pub name: &'static str,
    pub unit: &'static str,
    pub says: &'static str,
    of: fn(&Round) -> Option<f64>,
}

/// Shorter than naming the fields two dozen times.
const fn kind(
    name: &'static str,
    unit: &'static str,
    says: &'static str,
    of: fn(&Round) -> Option<f64>,
) -> Kind {
    Kind { name, unit, says, of }
}

/// All of them. What ends in `per_call` leaves out opening and closing, where a connection is kept.
pub const FIGURES: &[Kind] = &[
    kind("connections_per_call", "connections", "connections opened for the calls", |r| {
        Some(per_call(r.asking.connections, r))
    }),
    kind("segments_per_call", "segments", "TCP segments, both directions together", |r| {
        network(r, Network::segments)
    }),
    kind("segments_sent_per_call", "segments", TO_SERVER, |r| network(r, |n| n.sent.segments)),
    kind("segments_received_per_call", "segments", TO_CLIENT, |r| network(r, |n| n.received.segments)),
    kind("bytes_per_call", "bytes", "all bytes from the IP header on, both directions together", |r| {
        network(r, Network::bytes)
    }),
    kind("bytes_sent_per_call", "bytes", TO_SERVER, |r| network(r, |n| n.sent.bytes)),
    kind("bytes_received_per_call", "bytes", TO_CLIENT, |r| network(r, |n| n.received.bytes)),
    kind("header_bytes_per_call", "bytes", "headers of IP and TCP, both directions together", |r| {
        network(r, Network::header_bytes)
    }),
    kind("header_bytes_sent_per_call", "bytes", TO_SERVER, |r| network(r, |n| n.sent.header_bytes())),
    kind("header_bytes_received_per_call", "bytes", TO_CLIENT, |r| network(r, |n| n.received.header_bytes())),
    kind("payload_bytes_per_call", "bytes", "the representation: what the call is made for", |r| {
        application(r, |said| said.sent.payload + said.received.payload)
    }),
    kind("payload_bytes_sent_per_call", "bytes", TO_SERVER, |r| application(r, |said| said.sent.payload)),
    kind("payload_bytes_received_per_call", "bytes", TO_CLIENT, |r| {
        application(r, |said| said.received.payload)
    }),
    kind(
        "fields_bytes_per_call",
        "bytes",
        "request lines, status lines and fields; on a socket the JSON-RPC around the payload",
        |r| application(r, |said| said.sent.fields + said.received.fields),
    ),
    kind("fields_bytes_sent_per_call", "bytes", TO_SERVER, |r| application(r, |said| said.sent.fields)),
    kind("fields_bytes_received_per_call", "bytes", TO_CLIENT, |r| {
        application(r, |said| said.received.fields)
    }),
    kind("framing_bytes_per_call", "bytes", "frame headers, masks, chunk lines", |r| {
        application(r, |said| said.sent.framing + said.received.framing)
    }),
    kind("framing_bytes_sent_per_call", "bytes", TO_SERVER, |r| application(r, |said| said.sent.framing)),
    kind("framing_bytes_received_per_call", "bytes", TO_CLIENT, |r| {
        application(r, |said| said.received.framing)
    }),
    kind("deflated_bytes_per_call", "bytes", "compressed messages: payload and fields in one", |r| {
        application(r, |said| said.sent.deflated + said.received.deflated)
    }),
    kind("deflated_bytes_sent_per_call", "bytes", TO_SERVER, |r| application(r, |said| said.sent.deflated)),
    kind("deflated_bytes_received_per_call", "bytes", TO_CLIENT, |r| {
        application(r, |said| said.received.deflated)
    }),
    kind("opening_segments", "segments", "to open a kept connection, shaking hands included", |r| {
        around(r, &r.opening, Network::segments)
    }),
    kind("opening_bytes", "bytes", "the same, from the IP header on", |r| {
        around(r, &r.opening, Network::bytes)
    }),
    kind("closing_segments", "segments", "to close a kept connection", |r| {
        around(r, &r.closing, Network::segments)
    }),
    kind("closing_bytes", "bytes", "the same, from the IP header on", |r| {
        around(r, &r.closing, Network::bytes)
    }),
    kind("round_trips_first", "round trips", "from nothing to the first useful byte", round_trips_first),
    kind("first_answer_us", "microseconds", "from nothing to the first whole answer", |r| {
        Some(micros(r.first?.as_nanos() as f64))
    }),
    kind("round_trips_per_call", "round trips", "how often the other end was waited for", |r| {
        Some(per_call(r.asking.network?.round_trips?, r))
    }),
    kind(
        "system_calls_per_call",
        "calls",
        "system calls of the server, opening and closing included",
        |round| Some(per_call(round.system_calls.as_ref()?.values().sum(), round)),
    ),
    kind("server_us_per_call", "microseconds", "processor time of the server", |r| {
        Some(micros(r.server_time?.as_nanos() as f64) / r.calls as f64)
    }),
    kind("client_us_per_call", "microseconds", "processor time of the client", |r| {
        Some(micros(r.client_time.as_nanos() as f64) / r.calls as f64)
    }),
    kind("calls_per_second", "calls/s", "as fast as they could be made so", |r| {
        Some(r.calls as f64 / r.took.as_secs_f64())
    }),
    kind(
        "latency_p50_us",
        "microseconds",
        "from writing a call to its whole answer: half of the calls took no longer",
        |round| Some(quantile(&round.latency, 0.5)),
    ),
    kind("latency_p99_us", "microseconds", "99 of 100 took no longer", |r| Some(quantile(&r.latency, 0.99))),
    kind("latency_max_us", "microseconds", "the longest", |round| Some(quantile(&round.latency, 1.0))),
    kind("paced_calls_per_second", "calls/s", "those that were made at the stated rate", |r| {
        Some(r.paced.as_ref()?.calls_per_second(r.calls))
    }),
    kind("paced_behind_ms", "milliseconds", "how late the last of them was written", |r| {
        Some(r.paced.as_ref()?.behind_ms())
    }),
    kind(
        "paced_p50_us",
        "microseconds",
        "at the stated rate, from when the call should have been made: half took no longer",
        |round| Some(quantile(&round.paced.as_ref()?.latency, 0.5)),
    ),
    kind("paced_p99_us", "microseconds", "99 of 100 took no longer", |r| {
        Some(quantile(&r.paced.as_ref()?.latency, 0.99))
    }),
    kind("paced_max_us", "microseconds", "the longest", |r| Some(quantile(&r.paced.as_ref()?.latency, 1.0))),
    kind(
        "paced_wake_p50_us",
        "microseconds",
        "how late a caller woke that had nothing else to wait for, which is in all of those: half of the \
         times no later",
        |round| woke_late(round, 0.5),
    ),
    kind("paced_wake_p99_us", "microseconds", "99 of 100 times no later", |round| woke_late(round, 0.99)),
];

const TO_SERVER: &str = "those from client to server";
const TO_CLIENT: &str = "those from server to client";

/// What rounds say of one of [`FIGURES`].
pub fn figure(name: &str, rounds: &[Round]) -> Option<Spread> {
    let kind = FIGURES.iter().find(|kind| kind.name == name)?;
    Spread::of(rounds.iter().filter_map(kind.of))
}

fn per_call(sum: u64, round: &Round) -> f64 {
    sum as f64 / round.calls as f64
}

fn micros(nanos: f64) -> f64 {
    nanos / 1000.0
}

fn quantile(nanos: &Histogram<u64>, share: f64) -> f64 {
    micros(nanos.value_at_quantile(share) as f64)
}

/// Nobody did, where everybody was behind all the time.
fn woke_late(round: &Round, share: f64) -> Option<f64> {
    let wakes = Some(&round.paced.as_ref()?.wakes).filter(|wakes| !wakes.is_empty())?;
    Some(quantile(wakes, share))
}

fn network(round: &Round, of: fn(&Network) -> u64) -> Option<f64> {
    Some(per_call(of(round.asking.network.as_ref()?), round))
}

fn application(round: &Round, of: fn(&Both<Application>) -> u64) -> Option<f64> {
    Some(per_call(of(&round.asking.application), round))
}

/// For each connection; none where each call has one of its own.
fn around(round: &Round, costs: &Costs, of: fn(&Network) -> u64) -> Option<f64> {
    let connections = Some(round.opening.connections).filter(|&connections| connections > 0)?;
    Some(of(costs.network.as_ref()?) as f64 / connections as f64)
}

/// Those of opening a connection, and those of a call.
fn round_trips_first(round: &Round) -> Option<f64> {
    let call = round.asking.network?.round_trips? as f64 / round.writes as f64;
    match round.opening.connections {
        0 => Some(call),
        connections => Some(call + round.opening.network?.round_trips? as f64 / connections as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_figure_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = FIGURES.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), FIGURES.len());
    }
}
