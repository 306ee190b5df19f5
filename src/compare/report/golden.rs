use crate::compare::costs::*;
use crate::compare::count_method::Method;
use crate::compare::experiments::crossover::*;
use crate::compare::experiments::idle_connections::Held;
use crate::compare::experiments::updates;
use crate::compare::experiments::updates::figures::Followed;
use crate::compare::report::figures::*;
use crate::compare::report::provenance::Made;
use crate::netlab::emulated_link::Stretch;
use std::collections::BTreeMap;
use std::time::Duration;

const ODD: &str = "a & <b> \"c\"";

fn round(n: u64) -> Round {
    let mut latency = histogram();
    (1..100).for_each(|call| record(&mut latency, Duration::from_micros(call * call * n)));
    let segments = Segments { segments: 30 + n, bytes: 9000 + n, carried: 5000 };
    let network = Network { sent: segments, received: segments, round_trips: Some(20), retransmitted: n / 5 };
    let mut application = Both::<Application>::default();
    (application.sent.fields, application.received.payload) = (4000, 640 + n);
    (application.sent.framing, application.received.deflated) = (60, if n > 4 { 100 } else { 0 });
    let costs = Costs { connections: 2, network: Some(network), application };
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
        system_calls: Some(
            ["read", "write", "accept", "poll", "close", ODD]
                .iter()
                .enumerate()
                .map(|(at, name)| ((*name).to_owned(), 9 + n * at as u64))
                .collect(),
        ),
        disagreement: None,
    }
}

fn figure_of(kind: &Kind, rounds: &[u64]) -> Option<(&'static str, Figure)> {
    let all: Vec<Round> = rounds.iter().map(|n| round(*n)).collect();
    let spread = figure(kind.name, &all)?;
    Some((kind.name, Figure { unit: kind.unit, spread }))
}

fn asked(way: &'static str, rounds: &[u64], without: &[&str]) -> Asked {
    let figures: BTreeMap<_, _> = FIGURES
        .iter()
        .filter(|kind| !without.iter().any(|name| kind.name.starts_with(name)))
        .filter_map(|kind| figure_of(kind, rounds))
        .collect();
    let calls = if without.contains(&"system_calls") { vec![] } else { vec!["read", "write", "accept", "poll", "close", ODD] };
    Asked {
        way,
        differs: format!("from {ODD}"),
        rounds: rounds.len(),
        figures,
        sent_again: rounds.iter().map(|n| n / 5).sum(),
        system_calls: calls
            .iter()
            .enumerate()
            .filter_map(|(at, name)| {
                let spread = Spread::of(rounds.iter().map(|n| (9 + n * at as u64) as f64 / 10.0))?;
                Some(((*name).to_owned(), Figure { unit: "calls", spread }))
            })
            .collect(),
        without_end: false,
        rate_missed: None,
        unsaid: None,
        left_out: rounds.is_empty().then(|| ODD.to_owned()),
    }
}

const NAMES: &[&str] = &[
    "seen", "missed", "current_percent", "stale_percent", "age_p50_ms", "age_p99_ms", "age_max_ms", "known_p50_ms", "known_p99_ms", "known_max_ms",
    "quiet_asked", "quiet_connections", "quiet_segments", "quiet_bytes", "quiet_system_calls", "quiet_server_us", "quiet_client_us",
    "changing_asked", "changing_connections", "changing_segments", "changing_bytes_sent", "changing_bytes_received",
    "changing_bytes", "changing_payload_bytes", "changing_fields_bytes", "changing_framing_bytes", "changing_deflated_bytes", "changing_header_bytes",
    "changing_system_calls", "changing_server_us", "changing_client_us", "writer_late_p99_us", "writer_late_max_us",
    "opening_asked", "opening_connections", "opening_segments", "opening_bytes",
    "changes", "changing_seconds",
];

fn followed(way: &'static str, poll_seconds: Option<f64>, value: f64, without: &[&str]) -> Followed {
    let figure = |(n, name): (usize, &&str)| {
        let value = match *name {
            "current_percent" => 40.25,
            "changes" => 13.0,
            "changing_seconds" => 3.1,
            _ => value * (1.0 + n as f64 / 7.0),
        };
        let wide = if n % 3 == 0 { 0.0 } else { 0.25 };
        let spread = Spread { median: value, min: value * (1.0 - wide), max: value * (1.0 + wide * 3.0) };
        ((*name).to_owned(), Figure { unit: "x", spread })
    };
    Followed {
        way,
        poll_seconds,
        differs: "in <this> & that",
        followers: 3,
        rounds: if value > 400.0 { 1 } else { 2 },
        figures: NAMES.iter().enumerate().filter(|(_, name)| !without.iter().any(|of| name.starts_with(of))).map(figure).collect(),
        system_calls: Default::default(),
        left_out: (value == 7.0).then(|| ODD.to_owned()),
    }
}

fn settings(rounds: u16, rate: Option<u32>) -> Settings {
    Settings {
        calls: 10,
        rounds,
        in_flight: 1,
        depth: 1,
        rate,
        headers: ODD.to_owned(),
        payload_bytes: Some(64),
        connections: 77,
        follow: updates::Settings {
            followers: 3,
            changes: 13,
            changes_per_second: 4.5,
            rhythm: "at-random",
            seed: 1,
            poll_seconds: vec![1.0, 0.25],
            quiet_seconds: 2.5,
            stale_ms: if rounds == 1 { 250 } else { 0 },
            cross_seconds: 4.0,
            cross_rate_max: 64.0,
        },
    }
}

fn fig(value: f64) -> Figure {
    Figure { unit: "x", spread: Spread { median: value, min: value * 0.9, max: value * 1.1 } }
}

fn crossing(figure: &'static str, compared: &'static str, low: Option<f64>, high: Option<f64>) -> Crossing {
    let pair = Pair { polling: fig(1.0), told: fig(2.0) };
    Crossing {
        poller: "poll",
        poll_seconds: 1.0,
        told: "socket",
        figure,
        compared,
        low,
        high,
        measured: [1.0, 64.0],
        at_lowest: pair,
        at_highest: pair,
        poller_age_p50_ms: low.map(|_| fig(123.456)),
        told_age_p50_ms: Some(fig(2.5)),
        decided: true,
        clear: high != Some(9.5),
        says: format!("{compared}: {ODD}"),
    }
}

fn staleness(way: &'static str, every: Option<f64>, low: Option<f64>, high: Option<f64>) -> Staleness {
    Staleness {
        way,
        poll_seconds: every,
        stale_ms: 0,
        low,
        high,
        measured: [0.25, 64.0],
        at_lowest: fig(12.5),
        at_highest: fig(98.75),
        decided: true,
        clear: true,
        says: format!("stale: {ODD}"),
    }
}

fn crossed(seconds: f64) -> Crossed {
    let mut points = Vec::new();
    for (way, every, base, slope) in [("poll", Some(1.0), 30.0, 0.0), ("poll", Some(0.5), 60.0, 0.0), ("events", None, 0.0, 7.5), ("socket", None, 0.1, 5.0), ("long-poll", None, 500.0, 1.0)] {
        for rate in [64.0, 1.0, 7.125, 8.0] {
            points.push(Point { changes_per_second: rate, followed: followed(way, every, base + slope * rate, &[]) });
        }
    }
    Crossed {
        seconds,
        points,
        crossings: vec![
            crossing("changing_bytes", "bytes", Some(7.125), Some(8.0)),
            crossing("changing_bytes", "bytes", Some(7.125), Some(9.5)),
            crossing("changing_server_us", "server CPU", None, Some(1.0)),
            crossing("stale_percent", "staleness", Some(64.0), None),
        ],
        staleness: vec![staleness("poll", Some(1.0), Some(0.75), Some(1.0)), staleness("socket", None, None, None)],
    }
}

fn held(way: &'static str, server: Option<Spread>, kernel: Option<Spread>) -> Held {
    let rounds = usize::from(server.is_some() || kernel.is_some());
    Held { way, connections: 77, rounds, server_bytes: server, kernel_bytes: kernel, left_out: (rounds == 0).then(|| ODD.to_owned()) }
}

fn base(rounds: u16, rate: Option<u32>) -> Report {
    Report {
        bothways: "0.1.0",
        complete: true,
        counting: Method { how: "namespace", mtu: Some(1500), why: None, says: format!("Counted by {ODD}.") },
        server: Measured { url: "http://a/?b&c".to_owned(), ours: true, process: None, counts: true },
        settings: settings(rounds, rate),
        distance: None,
        made: Made {
            command: format!("bothways compare {ODD}"),
            date: "2026-01-02T03:04:05Z".to_owned(),
            system: "linux 6 x86_64".to_owned(),
            processor: Some(ODD.to_owned()),
            cores: 2,
        },
        ask: Vec::new(),
        hold: Vec::new(),
        follow: Vec::new(),
        cross: None,
        notes: vec![format!("Note {ODD}"), crate::compare::report::caveats::ONE_ROUND.to_owned(), crate::compare::report::caveats::CLOSED_LOOP.to_owned()],
    }
}

pub fn samples() -> Vec<(&'static str, Report)> {
    let mut all = base(3, Some(200));
    let mut missed = asked("kept", &[3, 5, 8], &[]);
    missed.rate_missed = Some("199 of 200".to_owned());
    let mut endless = asked("new", &[3, 3, 3], &["closing"]);
    endless.without_end = true;
    let mut unsaid = asked("socket", &[4], &["segments", "bytes", "opening", "closing", "header", "server_us"]);
    unsaid.unsaid = Some(ODD.to_owned());
    all.ask = vec![endless, missed, unsaid, asked("socket-deflated", &[], &[])];
    all.distance = Some(Stretch { round_trip_ms: 40.0, bits_per_second: Some(2_000_000), how: "tunnel", dropped: 3, says: format!("So {ODD}.") });
    all.server.ours = false;
    let spread = |median, min, max| Some(Spread { median, min, max });
    all.hold = vec![
        held("kept", spread(1234.5, 1200.0, 1300.25), spread(3502.0, 3194.88, 3809.28)),
        held("events", spread(-100.0, -150.0, 20.0), None),
        held("socket", None, None),
    ];
    all.follow = vec![
        followed("nobody", None, 3.0, &["age", "known", "seen", "missed", "stale", "current", "quiet", "opening"]),
        followed("poll", Some(1.0), 500.0, &[]),
        followed("poll", Some(0.3), 123.5, &[]),
        followed("poll-conditional", Some(1.0), 12345.6, &[]),
        followed("events", None, 0.0, &["writer"]),
        followed("socket", None, 7.0, &["known_max"]),
    ];
    all.cross = Some(crossed(4.25));
    let mut one = base(1, None);
    one.ask = vec![asked("new", &[3], &["paced", "system_calls"]), asked("kept", &[8], &["paced", "first_answer"])];
    let mut interrupted = base(2, None);
    interrupted.complete = false;
    interrupted.hold = vec![held("kept", None, None)];
    interrupted.made.processor = None;
    interrupted.counting.mtu = None;
    interrupted.cross = Some(Crossed::default());
    let mut follow = base(1, None);
    follow.follow = vec![followed("poll", Some(1.0), 10.0, &["changing_deflated", "changes", "missed"]), followed("socket", None, 2.0, &["missed"])];
    follow.server.ours = false;
    let mut cross = base(2, None);
    cross.cross = Some(Crossed { crossings: vec![], staleness: vec![], ..crossed(1.0) });
    let mut hold = base(2, None);
    hold.hold = vec![held("kept", spread(10.0, 10.0, 10.0), None)];
    vec![("all", all), ("one", one), ("interrupted", interrupted), ("follow", follow), ("cross", cross), ("hold", hold)]
}

#[test]
fn golden() {
    let folder = std::path::PathBuf::from(std::env::var("GOLDEN").unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    for (name, report) in samples() {
        std::fs::write(folder.join(format!("{name}.txt")), text_of(&report)).unwrap();
        std::fs::write(folder.join(format!("{name}.html")), page_of(&report)).unwrap();
        std::fs::write(folder.join(format!("{name}.json")), serde_json::to_string(&report).unwrap()).unwrap();
    }
}

fn text_of(report: &Report) -> String {
    crate::compare::report::text::text(&crate::compare::report::report_document::document(report))
}

fn page_of(report: &Report) -> String {
    crate::compare::report::html::page(&crate::compare::report::report_document::document(report))
}
