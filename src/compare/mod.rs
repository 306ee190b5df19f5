//! The command `compare`: measures what each way of calling costs.
//!
//! It measures from outside. The server is a child process or one that was running, reached by sockets; nothing of its
//! inside is known here.
//!
//! ```text
//! $ bothways compare
//!
//!   choose a network ─▶ start a server in it ─▶ rounds ─▶ report ─▶ table, JSON, page
//!      │ kernel            │ server               │         │
//!      │                   └ /metrics, /proc      │         └ every figure: median, minimum, maximum
//!      └ a namespace with its own loopback        │
//!                                                 │ ask: ways ─▶ Workload ─▶ load_client ─▶ sockets
//!        packet_capture: every packet ────────────┤ hold: K idle connections, and their memory
//!        TCP_INFO, where that is not permitted ───┘ follow: K subscribers, and the age of what they know
//! ```
//!
//! `--like` reproduces published tables, and `--claims` decides common statements. Both run the same workloads
//! ([`reproductions`], [`claims`]).
//!
//! Whatever can be counted twice is: packets against the counters of the kernel, and their payload against the bytes
//! written and read. If two counts disagree, the run fails and prints no figure.

pub mod byte_accounting;
pub mod claims;
pub mod costs;
pub mod count_method;
pub mod experiments;
pub mod format;
pub mod headers;
pub mod interleaved_runs;
pub mod interrupt;
pub mod link;
pub mod load_client;
pub mod load_connection;
pub mod open_loop;
pub mod options;
pub mod progress;
pub mod report;
pub mod reproductions;
pub mod rpc_reply;
pub mod run_error;
pub mod server;
pub mod system_calls;
pub mod workloads;

use crate::compare::count_method::{Counting, Place};
use crate::compare::experiments::updates;
use crate::compare::interleaved_runs::Turns;
use crate::compare::link::LinkReport;
use crate::compare::options::CompareOptions;
use crate::compare::report::atomic_file::Destination;
use crate::compare::report::figures::Report;
use crate::compare::report::html::page;
use crate::compare::report::text::text;
use crate::compare::report::{caveats, report_document, stdout};
use crate::compare::server::{ANY_PORT, Server};
use crate::error::CommandError;

/// Measures, and prints what was measured. An interrupted run is printed as well, and fails.
pub fn run(options: &CompareOptions) -> Result<(), CommandError> {
    let extra = headers::read(&options.headers)?;
    let destination = options.html.as_deref().map(Destination::try_out).transpose()?;
    updates::check(options)?;
    let place = Place::choose(options)?;
    let interrupted = interrupt::listen()?;
    let mut server = match &options.url {
        Some(url) => Server::at(url, options.pid, &interrupted)?,
        None => Server::start(
            (place.address(), ANY_PORT).into(),
            options.payload_bytes,
            options.loops(),
            &interrupted,
        )?,
    };
    let link = options.link().map(|settings| link::set_up(settings, &mut server, &place)).transpose()?;
    let counting = Counting::begin(place, server.url.port)?;
    let turns = Turns { server: &server, counting: &counting, rounds: options.rounds };
    if let Some(like) = options.like {
        return reproductions::run(like, options, link, &turns);
    }
    if options.claims {
        return claims::run(&turns);
    }
    let mut report = Report::new(options, &server, &counting, caveats::notes(options, &server));
    let measured = experiments::run(options, &server, &counting, &extra, &mut report);
    report.distance = link.map(|link| LinkReport { dropped: counting.dropped(), ..link });
    if let Err(error) = &measured {
        if report.is_empty() {
            return measured;
        }
        report.complete = false;
        report.notes.push(format!("Not measured to the end: {error}"));
    }
    let document = report_document::document(&report);
    // Printed before the page is written: the folder of the page may be gone by now.
    let printed = match options.json {
        true => stdout::print_json("report", &report),
        false => stdout::print(&text(&document)),
    };
    let written = destination.map_or(Ok(()), |destination| destination.write(&page(&document)));
    printed.and(written).and(measured)?;
    report.check()
}
