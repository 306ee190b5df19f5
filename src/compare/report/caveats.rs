//! What must be known of figures to read them: words that stand beside them in every form of a report, and
//! marks on those that are not what they seem.

use crate::compare::experiments::requests::figures::Asked;
use crate::compare::format::rate_words;
use crate::compare::options::{CompareOptions, Experiment};
use crate::compare::report::figures::Report;
use crate::compare::server::Server;

/// A median of one, which has no least and no most.
pub const ONE_ROUND: &str = "One round: how far the figures differ from round to round is not known.";

/// What a stall does to whom it does not meet is not measured ("coordinated omission", as Gil Tene calls it).
pub const CLOSED_LOOP: &str = "p50, p99 and max of calls at full speed are those of a closed loop: the next call \
    waits for the answer to the one before, so a server that stalls is asked less, and whoever would have come \
    meanwhile is not counted. With --rate each call has its time, and its wait counts from then.";

/// Of the report as a whole.
pub fn notes(compare: &CompareOptions, server: &Server) -> Vec<String> {
    let all = [
        (compare.rounds == 1, ONE_ROUND),
        (compare.experiments.contains(&Experiment::Ask), CLOSED_LOOP),
        (true, COMPRESSION),
        (server.process.is_none(), NO_PROCESS),
        (!server.counts, NO_SYSTEM_CALLS),
    ];
    all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words.to_owned()).collect()
}

/// Those of them that do not stand beside their figures already.
pub fn notes_at_the_end(report: &Report) -> impl Iterator<Item = &String> {
    report.notes.iter().filter(|note| ![ONE_ROUND, CLOSED_LOOP].contains(&note.as_str()))
}

/// What one figure of a way lacks, or means: a sign, told by the words beside its table.
pub fn mark(asked: &Asked, figure: &str) -> &'static str {
    if asked.without_end && ["segments_", "bytes_", "header_bytes_"].iter().any(|of| figure.starts_with(of)) {
        "*"
    } else if asked.rate_missed.is_some() && figure.starts_with("paced_") {
        "†"
    } else {
        ""
    }
}

/// Beside segments and bytes of calls.
pub fn of_travel(report: &Report) -> Vec<String> {
    let is_marked = report.ask.iter().any(|asked| asked.without_end);
    is_marked.then(|| WITHOUT_END.to_owned()).into_iter().collect()
}

/// Beside all figures: what their marks mean.
pub fn of_marks(report: &Report) -> Vec<String> {
    let is_missed = report.ask.iter().any(|asked| asked.rate_missed.is_some());
    of_travel(report).into_iter().chain(is_missed.then(|| RATE_MISSED.to_owned())).collect()
}

/// Beside what opening and closing take.
pub fn of_connections(report: &Report) -> Vec<String> {
    let mut figures = report.ask.iter().map(|asked| &asked.figures);
    let is_unseen =
        figures.any(|of| of.contains_key("opening_segments") && !of.contains_key("closing_segments"));
    is_unseen.then(|| ENDS_UNSEEN.to_owned()).into_iter().collect()
}

/// Beside how long calls take at full speed.
pub fn of_latency(_: &Report) -> Vec<String> {
    vec![CLOSED_LOOP.to_owned()]
}

/// Beside how long calls take at a rate.
pub fn of_rate(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(rate) = report.settings.rate {
        lines.push(format!("Wanted: {rate} calls/s. {OPEN_LOOP}"));
    }
    let missed = |asked: &Asked| Some(format!("{}: {}", asked.way, asked.rate_missed.as_ref()?));
    let missed: Vec<String> = report.ask.iter().filter_map(missed).collect();
    if !missed.is_empty() {
        lines.push(RATE_MISSED.to_owned());
    }
    lines.extend(missed);
    lines
}

/// Of a way that has one round where there should have been several.
pub fn of_rounds(report: &Report) -> impl Iterator<Item = String> {
    let asked = report.ask.iter().map(|asked| (asked.way.to_owned(), asked.rounds));
    let followed = report.follow.iter().map(|one| (one.words(), one.rounds));
    let points = report.cross.iter().flat_map(|crossed| &crossed.points).map(|point| {
        let rate = rate_words(point.changes_per_second);
        (format!("{}, {rate} changes a second", point.followed.words()), point.followed.rounds)
    });
    let all = asked.chain(followed).chain(points);
    let alone = all.filter(|(_, rounds)| *rounds == 1 && report.settings.rounds > 1);
    alone.map(|(way, _)| format!("{way}: {ONE_ROUND}"))
}

const WITHOUT_END: &str = "* Without the end of each connection, which TCP_INFO cannot see.";
const ENDS_UNSEEN: &str = "Of closing nothing is known: TCP_INFO cannot see how a connection ends.";
const OPEN_LOOP: &str = "Each is written when it is due, or as soon after that as its caller is free, and its time \
    counts from when it was due. Where several go in one write, they wait until the last of them is due. \"Woke \
    late\" is how late callers were that had slept until then: that much of the times is ours.";
const RATE_MISSED: &str = "† The rate was not kept: callers fell behind, and each call had to wait for those before \
    it. Such times grow with --calls; they are not those of a rate that can be kept.";
const COMPRESSION: &str = "Bodies travel as gzip where that is accepted, messages by permessage-deflate where that is \
    offered, and then only if the server does it; event streams as they are.";
const NO_PROCESS: &str = "Not measured: processor time and memory of the server, which is no child of ours; see \
    --pid.";
const NO_SYSTEM_CALLS: &str =
    "Not measured: system calls of the server, which does not say them at /metrics.";
