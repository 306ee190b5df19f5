//! The experiment *Hold*: many connections on which nothing happens, and the memory that they are.
//!
//! ```text
//!   a fresh server ┊ open a few ┊ read memory ┊ open K ┊ a moment of rest ┊ read memory ┊ end all of it
//!                                    └────── the difference, for each of K ──────┘
//! ```
//!
//! A server keeps for later what connections gave back, and the next ones weigh nothing: so each round has a
//! server that has held none before, but for a few, for which it makes what is made once. Of a stranger there is
//! one only, and its first round of each kind is thrown away.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::client::client_connection::ClientConnection;
use crate::client::event_stream_connection::{self, EventStreamConnection};
use crate::client::handshake::{HandshakeOptions, handshake};
use crate::client::url::Url;
use crate::compare::costs::Spread;
use crate::compare::count_method::Counting;
use crate::compare::interleaved_runs::{SeriesRounds, interleave};
use crate::compare::load_connection::{ANSWER_WAIT, NO_KEEP_ALIVE, check_status};
use crate::compare::options::CompareOptions;
use crate::compare::progress::progress;
use crate::compare::run_error::RunError;
use crate::compare::server::{ANY_PORT, Server};
use crate::error::{CommandError, one_line};
use crate::model::json_rpc::SUBPROTOCOL;
use crate::netlab::proc;

/// One way of being connected.
#[derive(Clone, Debug, Serialize)]
pub struct Held {
    pub way: &'static str,
    pub connections: u32,
    pub rounds: usize,
    /// Of the server's process, for each connection.
    pub server_bytes: Option<Spread>,
    /// Of the kernel for both ends of each connection: what the slabs of the whole machine grew by.
    pub kernel_bytes: Option<Spread>,
    /// Why it could not be measured.
    pub left_out: Option<String>,
}

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HTTP, after one answer.
    Kept,
    /// An event stream, after its head.
    Events,
    /// A WebSocket, after its handshake.
    Socket,
}

pub const ALL: &[Kind] = &[Kind::Kept, Kind::Events, Kind::Socket];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Kept => "kept",
            Kind::Events => "events",
            Kind::Socket => "socket",
        }
    }

    pub fn open(self, url: &Url) -> Result<ClientConnection, CommandError> {
        let mut connection = ClientConnection::connect(url, ANSWER_WAIT, ())?;
        let (target, host) = (url.target(), &url.authority);
        match self {
            Kind::Kept => {
                connection
                    .send_request(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
                let response = connection.read_response()?;
                check_status(response.status, 200)?;
                if !response.is_persistent {
                    return Err(CommandError::Failed(NO_KEEP_ALIVE.to_owned()));
                }
                Ok(connection)
            }
            Kind::Events => {
                let request = event_stream_connection::encode_request(host, &target, &[], &[]);
                let stream = EventStreamConnection::open(connection, &request)?;
                if stream.is_event_stream() {
                    return Ok(stream.connection);
                }
                let kind = match &*stream.content_type {
                    "" => "something without a Content-Type".to_owned(),
                    kind => one_line(kind),
                };
                let words = format!("the server answered {kind} where text/event-stream was asked for");
                Err(CommandError::Failed(words))
            }
            Kind::Socket => {
                let options =
                    HandshakeOptions { subprotocol: Some(SUBPROTOCOL), ..HandshakeOptions::default() };
                Ok(handshake(connection, host, "/rpc", &options)?.connection)
            }
        }
    }
}

/// Memory of one round, for each connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weight {
    server: Option<f64>,
    kernel: Option<f64>,
}

/// Runs all rounds of all kinds. Returns false if it was interrupted. The first round of each kind is not counted if
/// the server is one that was running.
///
/// # Errors
///
/// Fails if two counts disagree. A kind that fails alone is left out.
pub fn run(
    options: &CompareOptions,
    server: &Server,
    counting: &Counting,
    held: &mut Vec<Held>,
) -> Result<bool, CommandError> {
    let thrown_away = u16::from(!server.is_ours());
    let progress = progress(ALL.len() * usize::from(options.rounds + thrown_away));
    let mut complete = true;
    for &kind in ALL {
        let mut one = [SeriesRounds::new(kind)];
        let numbers = 1 - thrown_away..=options.rounds;
        complete = interleave(
            &mut one,
            numbers,
            &progress,
            |kind| format!("hold {}", kind.name()),
            |&kind, _| {
                let weight = round(kind, options, server, counting);
                weight.map_err(|stop| stop.or_interrupted(&server.interrupted))
            },
        )?;
        let [SeriesRounds { rounds, left_out, .. }] = one;
        held.push(Held::new(kind, options.connections, &rounds, left_out));
        if !complete {
            break;
        }
    }
    progress.finish_and_clear();
    Ok(complete)
}

/// Opens so many, looks, and closes them. A distance weighs nothing, and is left out.
fn round(
    kind: Kind,
    options: &CompareOptions,
    server: &Server,
    counting: &Counting,
) -> Result<Weight, RunError> {
    let connections = options.connections;
    if !server.is_ours() {
        return counting.aside(|| weigh(kind, connections, server));
    }
    let address = beside(server, counting);
    let fresh = counting
        .aside(|| Ok(Server::start(address, options.payload_bytes, options.loops(), &server.interrupted)?))?;
    // It is there until all connections have ended.
    counting.aside(|| {
        let _few = open(kind, FEW, &fresh)?;
        weigh(kind, connections, &fresh)
    })
}

/// Where packets are counted they are known by the port of the server that is measured, so a fresh one has the
/// same port, and another address of the loopback.
fn beside(server: &Server, counting: &Counting) -> SocketAddr {
    match counting.wire() {
        Some(_) => (ANOTHER_LOOPBACK, server.near.port).into(),
        None => (Ipv4Addr::LOCALHOST, ANY_PORT).into(),
    }
}

/// Opens connections, and compares the memory before and after. They are closed again.
fn weigh(kind: Kind, connections: u32, server: &Server) -> Result<Weight, RunError> {
    let memory = || (server.process.and_then(proc::memory_bytes), proc::slab_bytes());
    let before = memory();
    let held = open(kind, connections, server)?;
    thread::sleep(REST);
    let after = memory();
    drop(held);
    let each = |before: Option<u64>, after: Option<u64>| {
        Some((after? as f64 - before? as f64) / f64::from(connections))
    };
    Ok(Weight { server: each(before.0, after.0), kernel: each(before.1, after.1) })
}

fn open(kind: Kind, connections: u32, server: &Server) -> Result<Vec<ClientConnection>, RunError> {
    let mut held = Vec::new();
    for n in 0..connections {
        server.check_interrupted()?;
        let connection = kind.open(&server.near).map_err(|failure| match n {
            0 => failure,
            n => CommandError::Failed(format!("{n} connections are open, and one more cannot be: {failure}")),
        })?;
        held.push(connection);
    }
    Ok(held)
}

impl Held {
    pub fn new(kind: Kind, connections: u32, rounds: &[Weight], left_out: Option<String>) -> Held {
        Held {
            way: kind.name(),
            connections,
            rounds: rounds.len(),
            server_bytes: Spread::of(rounds.iter().filter_map(|weight| weight.server)),
            kernel_bytes: Spread::of(rounds.iter().filter_map(|weight| weight.kernel)),
            left_out,
        }
    }
}

/// A spread as it may be shown: with no more digits than the kernel's kilobytes have, shared among so many
/// connections, and than the rounds agree on to a tenth of what they differ by.
pub fn rounded(spread: &Spread, connections: u32) -> Spread {
    let finest = (1024.0 / f64::from(connections)).max((spread.max - spread.min) / 10.0).max(1.0);
    let step = 10f64.powf(finest.log10().floor());
    // No zero is below zero.
    let round = |value: f64| (value / step).round() * step + 0.0;
    Spread { median: round(spread.median), min: round(spread.min), max: round(spread.max) }
}

/// What must be known of the weights to read them.
pub fn beside_weights(is_ours: bool, held: &[Held]) -> Vec<&'static str> {
    let is_anything = held.iter().any(|held| held.rounds > 0);
    let used_again = (is_anything && !is_ours).then_some(USED_AGAIN);
    used_again.into_iter().chain(below_zero(held)).collect()
}

const USED_AGAIN: &str = "The server is the same in all rounds: memory that earlier connections gave back to it is \
    used again, so what later ones weigh can be too little.";

/// Why connections can weigh less than nothing, where they do.
fn below_zero(held: &[Held]) -> Option<&'static str> {
    let is_below = |held: &Held| {
        let spreads = [held.server_bytes, held.kernel_bytes];
        spreads.iter().flatten().any(|spread| rounded(spread, held.connections).min < 0.0)
    };
    held.iter().any(is_below).then_some(BELOW_ZERO)
}

const BELOW_ZERO: &str = "Where a round is below zero, memory was given back while the connections were open: \
    by the server, that had kept what it freed before, or by others, for the kernel's is that of the whole \
    machine. They weigh less than that noise; more --connections stand out of it.";

/// So many have a fresh server make what it makes once, and stay while others are weighed.
const FEW: u32 = 8;
/// Not where the server listens that is measured, wherever that is.
const ANOTHER_LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// For buffers to be given back, and for acknowledgements that wait (40 ms).
const REST: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(median: f64, min: f64, max: f64) -> Spread {
        Spread { median, min, max }
    }

    #[test]
    fn a_weight_has_the_digits_that_were_measured() {
        for (measured, connections, shown) in [
            (spread(143.36, 122.88, 163.84), 1000, spread(143.0, 123.0, 164.0)),
            (spread(3502.08, 3194.88, 3809.28), 1000, spread(3500.0, 3190.0, 3810.0)),
            (spread(-6656.0, -14336.0, 1024.0), 100, spread(-7000.0, -14000.0, 1000.0)),
            (spread(51.2, 51.2, 51.2), 20, spread(50.0, 50.0, 50.0)),
            (spread(-0.3, -0.3, 0.3), 10_000, spread(0.0, 0.0, 0.0)),
        ] {
            assert_eq!(rounded(&measured, connections), shown, "{measured:?}");
        }
        assert!(rounded(&spread(-0.3, -0.3, -0.3), 10_000).median.is_sign_positive());
    }

    #[test]
    fn less_than_nothing_is_explained_where_it_is_shown() {
        let weight = |server: f64| Weight { server: Some(server), kernel: Some(3000.0) };
        let held = |server: &[f64]| {
            let weights: Vec<Weight> = server.iter().copied().map(weight).collect();
            [Held::new(Kind::Kept, 20, &weights, None)]
        };
        assert_eq!(below_zero(&held(&[0.0, 10.0])), None);
        assert!(below_zero(&held(&[-100.0, 10.0])).is_some());
    }

    #[test]
    fn of_a_stranger_it_is_said_that_memory_is_used_again() {
        let weight = Weight { server: Some(400.0), kernel: Some(3000.0) };
        let held = [Held::new(Kind::Kept, 20, &[weight], None)];
        assert_eq!(beside_weights(false, &held), [USED_AGAIN]);
        assert!(beside_weights(true, &held).is_empty() && beside_weights(false, &[]).is_empty());
    }
}
