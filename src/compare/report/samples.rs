//! Values and checks that tests of reports share.

use std::time::Duration;

use roxmltree::{Document as Markup, ParsingOptions};

use crate::compare::costs::{Application, Both, Costs, Figure, Paced, Round, Spread, histogram, record};
use crate::compare::count_method::Method;
use crate::compare::experiments::idle_connections::Held;
use crate::compare::experiments::requests::figures::{Asked, FIGURES, figure};
use crate::compare::experiments::updates::arrivals::Arrivals;
use crate::compare::experiments::updates::figures::Followed;
use crate::compare::options::UpdateOptions;
use crate::compare::report::document::Document;
use crate::compare::report::figures::{Measured, Report, Settings};
use crate::compare::report::html::page;
use crate::compare::report::provenance::Made;
use crate::compare::report::sections::crossover::POINT;
use crate::compare::report::sections::updates::TABLES;
use crate::netlab::traffic::{Network, Segments};

pub const HOSTILE: &str = "</text></code><script>alert('&1')</script>";

pub fn spread(min: f64, median: f64, max: f64) -> Spread {
    Spread { median, min, max }
}

/// Parses well-formed markup in which nothing became a script.
#[track_caller]
pub fn parse(markup: &str) -> Markup<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Markup::parse_with_options(markup, options).unwrap();
    assert!(!document.descendants().any(|node| node.has_tag_name("script")));
    document
}

/// How many elements have that class.
#[track_caller]
pub fn count(markup: &str, class: &str) -> usize {
    let document = parse(markup);
    let classes = document.descendants().filter_map(|node| node.attribute("class"));
    classes.filter(|classes| classes.split(' ').any(|name| name == class)).count()
}

/// The page of blocks that `add` adds to an empty document.
pub fn page_of(add: impl FnOnce(&mut Document)) -> String {
    let mut document = Document::new("title", String::new(), true);
    add(&mut document);
    page(&document)
}

/// A round in which nothing is nothing.
pub fn round(n: u64) -> Round {
    let mut latency = histogram();
    (1..100).for_each(|call| record(&mut latency, Duration::from_micros(call * n)));
    let segments = Segments { segments: 30 + n, bytes: 9000 + n, carried: 5000 };
    let network = Network { sent: segments, received: segments, round_trips: Some(20), retransmitted: 0 };
    let mut application = Both::<Application>::default();
    (application.sent.fields, application.received.payload) = (4000, 640 + n);
    (application.sent.framing, application.received.deflated) = (60, 100);
    let costs = Costs { connections: 2, network: Some(network), application };
    let names = ["read", "write", "accept", "poll", "close", HOSTILE];
    Round {
        calls: 10,
        writes: 10,
        opening: costs,
        asking: costs,
        closing: costs,
        took: Duration::from_millis(n),
        first: Some(Duration::from_micros(700 + n)),
        paced: Some(Paced {
            latency: latency.clone(),
            wakes: latency.clone(),
            took: Duration::from_micros(900 * n),
            behind: Duration::from_micros(80 * n),
        }),
        latency,
        client_time: Duration::from_micros(31 * n),
        server_time: Some(Duration::from_micros(47 * n)),
        system_calls: Some(names.map(|name| (name.to_owned(), 9 + n)).into()),
        disagreement: None,
    }
}

/// One way of calling with all figures of the rounds, or left out where there are none.
fn asked(way: &'static str, rounds: &[Round]) -> Asked {
    let figures = FIGURES
        .iter()
        .filter_map(|kind| Some((kind.name, Figure { unit: kind.unit, spread: figure(kind.name, rounds)? })));
    let names = rounds.iter().filter_map(|round| round.system_calls.as_ref()).flatten();
    let calls = names.map(|(name, calls)| {
        let of_round = *calls as f64 / 10.0;
        (name.clone(), Figure { unit: "calls", spread: spread(of_round, of_round, of_round) })
    });
    Asked {
        way,
        differs: "from nothing".to_owned(),
        rounds: rounds.len(),
        figures: figures.collect(),
        sent_again: 0,
        system_calls: calls.collect(),
        without_end: false,
        rate_missed: None,
        unsaid: None,
        left_out: rounds.is_empty().then(|| HOSTILE.to_owned()),
    }
}

/// A report of two ways of calling, and of connections that were held.
pub fn report(rounds: &[Round]) -> Report {
    let held = Held {
        way: "kept",
        connections: 77,
        rounds: 1,
        server_bytes: Some(spread(1200.0, 1234.5, 1300.25)),
        kernel_bytes: None,
        left_out: None,
    };
    Report {
        bothways: "0.1.0",
        complete: true,
        counting: Method { how: "namespace", mtu: Some(1500), why: None, says: HOSTILE.to_owned() },
        server: Measured { url: HOSTILE.to_owned(), ours: false, process: None, counts: true },
        settings: Settings {
            calls: 1000,
            rounds: 5,
            in_flight: 1,
            depth: 1,
            rate: None,
            headers: HOSTILE.to_owned(),
            payload_bytes: None,
            connections: 77,
            follow: update_settings(),
        },
        distance: None,
        made: Made { command: HOSTILE.to_owned(), processor: Some(HOSTILE.to_owned()), ..Made::now() },
        ask: vec![asked("new", rounds), asked("socket", rounds)],
        hold: vec![held],
        follow: Vec::new(),
        cross: None,
        notes: vec![HOSTILE.to_owned()],
    }
}

pub fn update_settings() -> UpdateOptions {
    UpdateOptions {
        follow_ways: Vec::new(),
        followers: 20,
        changes: 100,
        changes_per_second: 10.0,
        rhythm: Arrivals::Evenly,
        seed: 1,
        poll_seconds: vec![Duration::from_secs(1)],
        quiet_seconds: Duration::from_secs(4),
        stale_ms: 0,
        cross_seconds: Duration::from_secs(4),
        cross_rate_max: 64.0,
    }
}

/// One way of following, of which each figure of the tables has this value.
pub fn followed(way: &'static str, poll_seconds: Option<f64>, value: f64) -> Followed {
    let columns = TABLES.iter().flat_map(|table| table.columns).chain(POINT);
    let figure = Figure { unit: "x", spread: spread(value * 0.5, value, value * 2.0) };
    Followed {
        way,
        poll_seconds,
        differs: "<script>",
        followers: 3,
        rounds: 2,
        figures: columns.map(|(_, name)| ((*name).to_owned(), figure)).collect(),
        system_calls: Default::default(),
        left_out: None,
    }
}
