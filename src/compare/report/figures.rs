//! What was measured in one run, as values. Tables, JSON and charts are made from it.

use serde::Serialize;

use crate::compare::count_method::{Counting, Method};
use crate::compare::experiments::crossover::cross_result::Crossed;
use crate::compare::experiments::idle_connections::Held;
use crate::compare::experiments::requests::figures::Asked;
use crate::compare::experiments::updates::figures::Followed;
use crate::compare::link::LinkReport;
use crate::compare::options::{CompareOptions, UpdateOptions};
use crate::compare::report::provenance::Made;
use crate::compare::run_error;
use crate::compare::server::Server;
use crate::error::CommandError;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this program.
    pub bothways: &'static str,
    /// False: it was interrupted, and this is what there was by then.
    pub complete: bool,
    pub counting: Method,
    pub server: Measured,
    pub settings: Settings,
    /// Between client and server, where one was put there.
    pub distance: Option<LinkReport>,
    pub made: Made,
    pub ask: Vec<Asked>,
    pub hold: Vec<Held>,
    pub follow: Vec<Followed>,
    pub cross: Option<Crossed>,
    /// What a reader must know beside the figures.
    pub notes: Vec<String>,
}

/// The server that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub url: String,
    /// Started for it.
    pub ours: bool,
    pub process: Option<u32>,
    /// It counts its system calls.
    pub counts: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    pub calls: u32,
    pub rounds: u16,
    pub in_flight: u16,
    pub depth: u16,
    pub rate: Option<u32>,
    pub headers: String,
    /// Of the item asked for, where the server is ours.
    pub payload_bytes: Option<u32>,
    pub connections: u32,
    pub follow: UpdateOptions,
}

impl Report {
    /// Creates a report without results.
    pub fn new(options: &CompareOptions, server: &Server, counting: &Counting, notes: Vec<String>) -> Report {
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
            notes,
        }
    }

    /// Returns whether it has no results.
    pub fn is_empty(&self) -> bool {
        self.ask.is_empty() && self.hold.is_empty() && self.follow.is_empty() && self.cross.is_none()
    }

    /// Fails if the run was interrupted, or if a way is missing. Only a server that was running may lack a way.
    pub fn check(&self) -> Result<(), CommandError> {
        if !self.complete {
            return Err(run_error::interrupted());
        }
        let asked = self.ask.iter().map(|asked| (asked.way, asked.rounds, &asked.left_out));
        let held = self.hold.iter().map(|held| (held.way, held.rounds, &held.left_out));
        let points = self.cross.iter().flat_map(|crossed| &crossed.points).map(|point| &point.followed);
        let followed = self.follow.iter().chain(points).map(|one| (one.way, one.rounds, &one.left_out));
        let all: Vec<_> = asked.chain(held).chain(followed).collect();
        let is_empty = all.iter().all(|(_, rounds, _)| *rounds == 0);
        match all.iter().find_map(|(way, _, left_out)| left_out.as_ref().map(|why| (way, why))) {
            Some((way, why)) if self.server.ours || is_empty => {
                Err(CommandError::Failed(format!("{way} could not be measured: {why}")))
            }
            _ => Ok(()),
        }
    }
}

impl Settings {
    /// The settings of a run.
    pub fn of(compare: &CompareOptions) -> Settings {
        Settings {
            calls: compare.calls,
            rounds: compare.rounds,
            in_flight: compare.in_flight,
            depth: compare.depth,
            rate: compare.rate,
            headers: compare.headers.clone(),
            payload_bytes: compare.url.is_none().then_some(compare.payload_bytes),
            connections: compare.connections,
            follow: compare.follow.clone(),
        }
    }
}
