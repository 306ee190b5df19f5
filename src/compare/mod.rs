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
//!                                                 │ ask:  ways ─▶ Course ─▶ Caller ─▶ sockets
//!        wire: every packet, by direction ────────┤ hold: K connections, and the memory that they are
//!        TCP_INFO, where that is not allowed ─────┘ follow: K who follow, and how far behind they are
//! ```
//!
//! `--like` repeats what others have published, and `--claims` asks of what is commonly said whether it is so:
//! both are made of the same courses ([`like`], [`claims`]).
//!
//! Whatever can be counted twice is: packets against the kernel's counters, and what they carried against
//! what was written and read. Where two counts disagree, the run fails, and prints no figure.

pub mod ask;
pub mod caveats;
pub mod claims;
pub mod client;
pub mod counter;
pub mod counting;
pub mod destination;
pub mod distance;
pub mod follow;
pub mod headers;
pub mod hold;
pub mod html;
pub mod interrupt;
#[cfg_attr(not(target_os = "linux"), path = "kernel_elsewhere.rs")]
pub mod kernel;
pub mod like;
pub mod line;
pub mod made;
pub mod pace;
pub mod plan;
pub mod proc;
pub mod recipe;
pub mod reply;
pub mod report;
pub mod segment;
pub mod sequence;
pub mod server;
pub mod table;
pub mod tally;
pub mod turns;
pub mod ways;
pub mod wire;

use std::io::{self, Write};
use std::sync::atomic::AtomicBool;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Compare, Experiment, Way};
use crate::descriptors;
use crate::failure::Failure;
use ask::{Bench, Stop};
use counting::{Counting, Place};
use destination::Destination;
use distance::Stretch;
use follow::cross::{self, Crossed};
use headers::Extra;
use hold::Held;
use made::Made;
use report::{Asked, Measured, Report, Settings};
use server::Server;
use tally::Round;
use turns::Turns;
use ways::Course;

/// Measures, and prints what was measured: also when it is interrupted, which is a failure all the same.
pub fn run(compare: &Compare) -> Result<(), Failure> {
    let extra = headers::read(&compare.headers)?;
    let destination = compare.html.as_deref().map(Destination::try_out).transpose()?;
    follow::check(compare)?;
    let place = Place::choose(compare)?;
    let interrupted = interrupt::listen()?;
    descriptors::raise_limit();
    let mut server = match &compare.url {
        Some(url) => Server::at(url, compare.pid)?,
        None => Server::start(place.address(), compare.payload_bytes, loops(compare))?,
    };
    let distance = distance::put(compare, &mut server, &place)?;
    let counting = Counting::begin(place, server.url.port)?;
    let turns =
        Turns { server: &server, counting: &counting, rounds: compare.rounds, interrupted: &interrupted };
    if let Some(like) = compare.like {
        return like::run(like, compare, distance, &turns);
    }
    if compare.claims {
        return claims::run(&turns);
    }
    let mut report = measure(compare, &server, &counting, &extra, &interrupted)?;
    report.distance = distance.map(|stretch| Stretch { dropped: counting.dropped(), ..stretch });
    if let Some(destination) = destination {
        destination.write(&html::page(&report))?;
    }
    print(compare, &report)?;
    judge(&report)
}

/// One, so that nothing of it is left to chance; several where that is what is asked about.
fn loops(compare: &Compare) -> u16 {
    if compare.claims { claims::LOOPS } else { 1 }
}

fn measure(
    compare: &Compare,
    server: &Server,
    counting: &Counting,
    extra: &Extra,
    interrupted: &AtomicBool,
) -> Result<Report, Failure> {
    let mut report = Report {
        bothways: env!("CARGO_PKG_VERSION"),
        complete: true,
        counting: counting.method(),
        server: Measured {
            url: format!("http://{}{}", server.url.authority, server.url.target()),
            ours: server.is_ours(),
            process: server.process,
            counts: server.counts,
        },
        settings: Settings::of(compare),
        distance: None,
        made: Made::now(),
        ask: Vec::new(),
        hold: Vec::new(),
        follow: Vec::new(),
        cross: None,
        notes: caveats::notes(compare, server),
    };
    if compare.experiments.contains(&Experiment::Ask) {
        let bench = Bench { server, counting, calls: compare.calls, rate: compare.rate, interrupted };
        report.complete &= ask_in_turns(compare, &bench, extra, &mut report.ask)?;
    }
    if report.complete && compare.experiments.contains(&Experiment::Hold) {
        report.complete &= hold_in_turns(compare, server, counting, interrupted, &mut report.hold)?;
    }
    let bench = follow::course::Bench::new(compare, server, counting, extra, interrupted);
    if report.complete && compare.experiments.contains(&Experiment::Follow) {
        report.complete &= follow::in_turns(compare, &bench, &mut report.follow)?;
    }
    if report.complete && compare.experiments.contains(&Experiment::Cross) {
        report.complete &= cross::find(compare, &bench, report.cross.insert(Crossed::default()))?;
    }
    Ok(report)
}

/// One way, and what its rounds have said so far.
struct Lane {
    way: Way,
    course: Option<Course>,
    rounds: Vec<Round>,
    left_out: Option<String>,
}

impl Lane {
    fn new(way: Way, course: Result<Course, Failure>) -> Lane {
        let left_out = course.as_ref().err().map(Failure::to_string);
        Lane { way, course: course.ok(), rounds: Vec::new(), left_out }
    }
}

/// Whether all rounds were run. The ways take turns.
fn ask_in_turns(
    compare: &Compare,
    bench: &Bench,
    extra: &Extra,
    asked: &mut Vec<Asked>,
) -> Result<bool, Failure> {
    let (url, tag) = (&bench.server.url, bench.server.tag.as_deref());
    let lane = |way| Lane::new(way, Course::new(way, compare, url, tag, extra));
    let mut lanes: Vec<Lane> = wanted(compare).map(lane).collect();
    let progress = progress(lanes.len() * (usize::from(compare.rounds) + 1));
    let warm_up = Bench { calls: compare.calls.min(WARM_UP_CALLS), rate: None, ..*bench };
    let mut complete = true;
    'rounds: for n in 0..=compare.rounds {
        for lane in &mut lanes {
            let (Some(course), None) = (&lane.course, &lane.left_out) else { continue };
            progress.set_message(format!("round {n} of {}: {}", compare.rounds, ways::name(lane.way)));
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
    asked.extend(lanes.into_iter().map(|lane| Asked::new(lane.way, compare, lane.rounds, lane.left_out)));
    Ok(complete)
}

/// Each once, in the order in which they are told.
fn wanted(compare: &Compare) -> impl Iterator<Item = Way> {
    let is_wanted = |way: &Way| compare.ways.is_empty() || compare.ways.contains(way);
    ways::ALL.iter().copied().filter(is_wanted)
}

/// Whether all rounds were run. Of a stranger the first of each kind is thrown away.
fn hold_in_turns(
    compare: &Compare,
    server: &Server,
    counting: &Counting,
    interrupted: &AtomicBool,
    held: &mut Vec<Held>,
) -> Result<bool, Failure> {
    let thrown_away = hold::rounds_thrown_away(server);
    let progress = progress(hold::ALL.len() * usize::from(compare.rounds + thrown_away));
    let mut complete = true;
    for &kind in hold::ALL {
        let (mut weights, mut left_out) = (Vec::new(), None);
        for n in 1 - thrown_away..=compare.rounds {
            progress.set_message(format!("round {n} of {}: hold {}", compare.rounds, kind.name()));
            match hold::round(kind, compare, server, counting, interrupted) {
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
        held.push(Held::new(kind, compare.connections, &weights, left_out));
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

fn print(compare: &Compare, report: &Report) -> Result<(), Failure> {
    let text = if compare.json {
        let json = serde_json::to_string(report);
        json.map_err(|error| Failure::Failed(format!("the report cannot be written as JSON: {error}")))?
            + "\n"
    } else {
        table::text(report)
    };
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output);
    Failure::pass_over_broken_pipe(written)
}

/// What was printed may not be what was asked for: a stranger may lack a way, a server of ours may not.
fn judge(report: &Report) -> Result<(), Failure> {
    if !report.complete {
        return Err(turns::interrupted());
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
            Err(Failure::Failed(format!("{way} could not be measured: {why}")))
        }
        _ => Ok(()),
    }
}

/// Calls of the round that is thrown away.
const WARM_UP_CALLS: u32 = 100;
