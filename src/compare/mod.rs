//! The command `compare`: what each way of asking costs, counted and not claimed.
//!
//! It measures from outside. The server is a child process or a stranger, met on sockets; nothing of what
//! it is inside is known here.
//!
//! ```text
//! $ bothways compare
//!
//!   choose a network ─▶ start a server in it ─▶ rounds ─▶ report ─▶ table, JSON, page
//!      │ kernel            │ server               │         │
//!      │                   └ /metrics, /proc      │         └ every figure: median, least, most
//!      └ a namespace with a loopback of its own   │
//!                                                 │ ask:  ways ─▶ Workload ─▶ Caller ─▶ sockets
//!        wire: every packet, by direction ────────┤ hold: K connections, and the memory that they are
//!        TCP_INFO, where that is not allowed ─────┘ follow: K who follow, and how far behind they are
//! ```
//!
//! `--like` repeats what others have published, and `--claims` asks of what is commonly said whether it is so:
//! both are made of the same courses ([`like`], [`claims`]).
//!
//! Whatever can be counted twice is: packets against the kernel's counters, and what they carried against
//! what was written and read. Where two counts disagree, the run fails, and prints no figure.

pub mod claims;
pub mod costs;
pub mod count_method;
pub mod experiments;
pub mod headers;
pub mod interleaved_runs;
pub mod interrupt;
pub mod load_client;
pub mod load_connection;
pub mod open_loop;
pub mod options;
pub mod report;
pub mod reproductions;
pub mod rpc_reply;
pub mod server;
pub mod workloads;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use indicatif::{ProgressBar, ProgressStyle};

use crate::compare::costs::Round;
use crate::compare::count_method::{Counting, Place};
use crate::compare::experiments::crossover::{self, Crossed};
use crate::compare::experiments::idle_connections::Held;
use crate::compare::experiments::requests::{Bench, Stop};
use crate::compare::headers::Extra;
use crate::compare::interleaved_runs::Turns;
use crate::compare::options::{CompareOptions, CountChoice, Experiment};
use crate::compare::report::atomic_file::Destination;
use crate::compare::report::figures::{Asked, Measured, Report, Settings};
use crate::compare::report::html::page;
use crate::compare::report::provenance::Made;
use crate::compare::report::text::text;
use crate::compare::report::{report_document, stdout};
use crate::compare::server::Server;
use crate::compare::workloads::ways::Way;
use crate::compare::workloads::workload::Workload;
use crate::error::CommandError;
use crate::netlab::emulated_link::Stretch;

/// Measures, and prints what was measured: also when it is interrupted, which is a failure all the same.
pub fn run(options: &CompareOptions) -> Result<(), CommandError> {
    let extra = headers::read(&options.headers)?;
    let destination = options.html.as_deref().map(Destination::try_out).transpose()?;
    crate::compare::experiments::updates::check(options)?;
    check_count(options)?;
    let place = Place::choose(options)?;
    let interrupted = interrupt::listen()?;
    let mut server = match &options.url {
        Some(url) => Server::at(url, options.pid, &interrupted)?,
        None => Server::start(place.address(), options.payload_bytes, loops(options), &interrupted)?,
    };
    let distance = crate::netlab::emulated_link::put(options, &mut server, &place)?;
    let counting = Counting::begin(place, server.url.port)?;
    let turns =
        Turns { server: &server, counting: &counting, rounds: options.rounds, interrupted: &interrupted };
    if let Some(like) = options.like {
        return reproductions::run(like, options, distance, &turns);
    }
    if options.claims {
        return claims::run(&turns);
    }
    let mut report = begin(options, &server, &counting);
    let measured = measure(options, &server, &counting, &extra, &interrupted, &mut report);
    report.distance = distance.map(|stretch| Stretch { dropped: counting.dropped(), ..stretch });
    if let Err(failure) = measured {
        // What was measured before it stands.
        if is_empty(&report) {
            return Err(failure);
        }
        report.complete = false;
        report.notes.push(format!("Not measured to the end: {failure}"));
        publish(options, &report, destination)?;
        return Err(failure);
    }
    publish(options, &report, destination)?;
    judge(&report)
}

/// Prints the report before the page is written, for the folder of the page may be gone by now.
fn publish(
    options: &CompareOptions,
    report: &Report,
    destination: Option<Destination>,
) -> Result<(), CommandError> {
    let document = report_document::document(report);
    let printed =
        if options.json { stdout::print_json("report", report) } else { stdout::print(&text(&document)) };
    let written = destination.map_or(Ok(()), |destination| destination.write(&page(&document)));
    printed.and(written)
}

fn is_empty(report: &Report) -> bool {
    report.ask.is_empty() && report.hold.is_empty() && report.follow.is_empty() && report.cross.is_none()
}

/// Whoever serves a URL is where we cannot go.
fn check_count(options: &CompareOptions) -> Result<(), CommandError> {
    if options.url.is_some() && options.count == CountChoice::Namespace {
        let words = "--count namespace takes a server of our own, and no --url: that is in a network that is not ours";
        return Err(CommandError::Usage(words.to_owned()));
    }
    Ok(())
}

/// One, so that nothing of it is left to chance; several where that is what is asked about.
fn loops(options: &CompareOptions) -> u16 {
    if options.claims { claims::LOOPS } else { 1 }
}

/// A report in which nothing is measured yet.
fn begin(options: &CompareOptions, server: &Server, counting: &Counting) -> Report {
    Report {
        bothways: env!("CARGO_PKG_VERSION"),
        complete: true,
        counting: counting.method(),
        server: Measured {
            url: format!("http://{}{}", server.url.authority, server.url.target()),
            ours: server.is_ours(),
            process: server.process,
            counts: server.counts,
        },
        settings: Settings::of(options),
        distance: None,
        made: Made::now(),
        ask: Vec::new(),
        hold: Vec::new(),
        follow: Vec::new(),
        cross: None,
        notes: crate::compare::report::caveats::notes(options, server),
    }
}

/// One experiment after the other. Where one fails, nothing of it is in the report, and all of those before it.
fn measure(
    options: &CompareOptions,
    server: &Server,
    counting: &Counting,
    extra: &Extra,
    interrupted: &Arc<AtomicBool>,
    report: &mut Report,
) -> Result<(), CommandError> {
    if options.experiments.contains(&Experiment::Ask) {
        let bench = Bench { server, counting, calls: options.calls, rate: options.rate, interrupted };
        report.complete &= ask_in_turns(options, &bench, extra, report)?;
    }
    if report.complete && options.experiments.contains(&Experiment::Hold) {
        let mut held = Vec::new();
        report.complete &= hold_in_turns(options, server, counting, interrupted, &mut held)?;
        report.hold = held;
    }
    let bench = crate::compare::experiments::updates::update_round::Bench::new(
        options,
        server,
        counting,
        extra,
        interrupted,
    );
    if report.complete && options.experiments.contains(&Experiment::Follow) {
        report.complete &=
            crate::compare::experiments::updates::in_turns(options, &bench, &mut report.follow)?;
    }
    if report.complete && options.experiments.contains(&Experiment::Cross) {
        let mut crossed = Crossed::default();
        report.complete &= crossover::find(options, &bench, &mut crossed)?;
        report.cross = Some(crossed);
    }
    Ok(())
}

/// One way, and what its rounds have said so far.
struct Lane {
    way: Way,
    course: Option<Workload>,
    rounds: Vec<Round>,
    left_out: Option<String>,
}

impl Lane {
    fn new(way: Way, course: Result<Workload, CommandError>) -> Lane {
        let left_out = course.as_ref().err().map(CommandError::to_string);
        Lane { way, course: course.ok(), rounds: Vec::new(), left_out }
    }

    /// Where those of one round are not known: those of the others are of another process, perhaps.
    fn forget_system_calls(&mut self) -> bool {
        let is_unknown = self.rounds.iter().any(|round| round.system_calls.is_none());
        if is_unknown {
            self.rounds.iter_mut().for_each(|round| round.system_calls = None);
        }
        is_unknown
    }

    fn told(self, options: &CompareOptions, extra: &Extra) -> Asked {
        let mut asked = Asked::new(self.way, options, self.rounds, self.left_out);
        if let Some(words) = crate::compare::workloads::workload::no_difference(self.way, extra) {
            asked.differs = words.to_owned();
        }
        asked
    }
}

/// Whether all rounds were run. The ways take turns.
fn ask_in_turns(
    options: &CompareOptions,
    bench: &Bench,
    extra: &Extra,
    report: &mut Report,
) -> Result<bool, CommandError> {
    let (url, tag) = (&bench.server.url, bench.server.tag.as_deref());
    let lane = |way| Lane::new(way, Workload::new(way, options, url, tag, extra));
    let mut lanes: Vec<Lane> = wanted(options).map(lane).collect();
    let progress = progress(lanes.len() * (usize::from(options.rounds) + 1));
    let warm_up = Bench { calls: options.calls.min(WARM_UP_CALLS), rate: None, ..*bench };
    let mut complete = true;
    'rounds: for n in 0..=options.rounds {
        for lane in &mut lanes {
            let (Some(course), None) = (&lane.course, &lane.left_out) else { continue };
            progress.set_message(format!("round {n} of {}: {}", options.rounds, lane.way.name()));
            let outcome = if n == 0 { warm_up.round(course) } else { bench.round(course) };
            progress.inc(1);
            match outcome {
                Ok(_) if n == 0 => {}
                Ok(round) => lane.rounds.push(round),
                Err(Stop::Failed(failure)) => lane.left_out = Some(failure.to_string()),
                Err(Stop::Doubted(failure)) => return Err(failure),
                Err(Stop::Interrupted) => {
                    complete = false;
                    break 'rounds;
                }
            }
        }
    }
    progress.finish_and_clear();
    let mut went_back = false;
    for lane in lanes.iter_mut().filter(|_| bench.server.counts) {
        went_back |= lane.forget_system_calls();
    }
    if went_back {
        report.notes.push(COUNTS_GO_BACK.to_owned());
    }
    report.ask = lanes.into_iter().map(|lane| lane.told(options, extra)).collect();
    Ok(complete)
}

/// Each once, in the order in which they are told.
fn wanted(options: &CompareOptions) -> impl Iterator<Item = Way> {
    let is_wanted = |way: &Way| options.ways.is_empty() || options.ways.contains(way);
    crate::compare::workloads::ways::ALL.iter().copied().filter(is_wanted)
}

/// Whether all rounds were run. Of a stranger the first of each kind is thrown away.
fn hold_in_turns(
    options: &CompareOptions,
    server: &Server,
    counting: &Counting,
    interrupted: &Arc<AtomicBool>,
    held: &mut Vec<Held>,
) -> Result<bool, CommandError> {
    let thrown_away = crate::compare::experiments::idle_connections::rounds_thrown_away(server);
    let progress = progress(
        crate::compare::experiments::idle_connections::ALL.len() * usize::from(options.rounds + thrown_away),
    );
    let mut complete = true;
    for &kind in crate::compare::experiments::idle_connections::ALL {
        let (mut weights, mut left_out) = (Vec::new(), None);
        for n in 1 - thrown_away..=options.rounds {
            progress.set_message(format!("round {n} of {}: hold {}", options.rounds, kind.name()));
            let weighed = crate::compare::experiments::idle_connections::round(
                kind,
                options,
                server,
                counting,
                interrupted,
            );
            match weighed.map_err(|stop| stop.heeding(interrupted)) {
                Ok(_) if n == 0 => {}
                Ok(weight) => weights.push(weight),
                Err(Stop::Failed(failure)) => {
                    left_out = Some(failure.to_string());
                    break;
                }
                Err(Stop::Doubted(failure)) => return Err(failure),
                Err(Stop::Interrupted) => {
                    complete = false;
                    break;
                }
            }
            progress.inc(1);
        }
        held.push(Held::new(kind, options.connections, &weights, left_out));
        if !complete {
            break;
        }
    }
    progress.finish_and_clear();
    Ok(complete)
}

/// On standard error, and nothing where that is no terminal.
fn progress(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}").expect("it is well formed");
    ProgressBar::new(steps as u64).with_style(style)
}

/// What was printed may not be what was asked for: a stranger may lack a way, a server of ours may not.
fn judge(report: &Report) -> Result<(), CommandError> {
    if !report.complete {
        return Err(interleaved_runs::interrupted());
    }
    let asked = report.ask.iter().map(|asked| (asked.way, asked.rounds, &asked.left_out));
    let held = report.hold.iter().map(|held| (held.way, held.rounds, &held.left_out));
    let followed = report.follow.iter().map(|one| (one.way, one.rounds, &one.left_out));
    let points = report.cross.iter().flat_map(|crossed| &crossed.points).map(|point| &point.followed);
    let crossed = points.map(|one| (one.way, one.rounds, &one.left_out));
    let all: Vec<_> = asked.chain(held).chain(followed).chain(crossed).collect();
    let nothing = all.iter().all(|(_, rounds, _)| *rounds == 0);
    match all.iter().find_map(|(way, _, left_out)| left_out.as_ref().map(|why| (way, why))) {
        Some((way, why)) if report.server.ours || nothing => {
            Err(CommandError::Failed(format!("{way} could not be measured: {why}")))
        }
        _ => Ok(()),
    }
}

/// Calls of the round that is thrown away.
const WARM_UP_CALLS: u32 = 100;
const COUNTS_GO_BACK: &str = "Not said of every way: system calls of the server, whose counts at /metrics went back \
    between two looks, as they do where several processes answer at one port.";
