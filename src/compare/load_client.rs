//! One load client: opens connections one after the other, and makes the calls of a plan on them.
//!
//! ```text
//!   Plan ─▶ Caller ── open ── ask, ask, … ── close      one LoadConnection at a time
//!              └─ application: the bytes of both directions, compared with what the kernel has counted
//! ```

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::client::byte_observer::BytePurpose;
use crate::compare::costs::{Application, Both, Costs};
use crate::compare::load_connection::{LoadConnection, finish};
use crate::compare::run_error::RunError;
use crate::compare::workloads::call_plan::{Lasts, Plan, Road};
use crate::error::CommandError;
use crate::netlab::packet_capture::Wire;
use crate::netlab::traffic::Network;

/// Whether the kernel is asked about each connection before it is closed: one system call more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Kernel,
    Nobody,
}

#[derive(Debug)]
pub struct Caller<'p> {
    plan: &'p Plan,
    ask_of_each: Ask,
    connection: Option<LoadConnection>,
    /// Connections opened so far.
    pub connections: u64,
    /// Bytes of the connections that are closed.
    closed_application: Both<Application>,
    /// What the kernel has counted of them.
    closed_network: Network,
    /// The first connection of which the kernel has counted something else, and what.
    pub disagreement: Option<CommandError>,
    /// How long the last connection took to open.
    opening: Duration,
    /// From nothing to the first complete answer.
    pub first: Option<Duration>,
    /// Waits end when this is set, if there is one.
    interrupted: Option<Arc<AtomicBool>>,
}

impl<'p> Caller<'p> {
    /// Creates a client without a connection. Its waits end when the flag is set, if there is one.
    pub fn new(plan: &'p Plan, ask_of_each: Ask, interrupted: Option<Arc<AtomicBool>>) -> Caller<'p> {
        Caller {
            plan,
            ask_of_each,
            connection: None,
            connections: 0,
            closed_application: Both::default(),
            closed_network: Network::default(),
            opening: Duration::ZERO,
            first: None,
            disagreement: None,
            interrupted,
        }
    }

    /// Connects, with a WebSocket handshake if the plan needs one.
    pub fn open(&mut self) -> Result<(), CommandError> {
        let begun = Instant::now();
        self.connection = Some(LoadConnection::open(self.plan, self.interrupted.as_ref())?);
        self.connections += 1;
        self.opening = begun.elapsed();
        Ok(())
    }

    /// Makes that many calls in one write, and calls `answered` with the time that each of them took.
    pub fn ask(&mut self, calls: usize, mut answered: impl FnMut(Duration)) -> Result<(), CommandError> {
        let begun = Instant::now();
        // The time of a connection that is open is added; that of one that is opened now is part of the call's.
        let opening = if self.connection.is_some() { self.opening } else { Duration::ZERO };
        if self.connection.is_none() {
            self.open()?;
        }
        let first = &mut self.first;
        let mut answered = || {
            let took = begun.elapsed();
            first.get_or_insert(opening + took);
            answered(took);
        };
        let connection = self.connection.as_mut().expect("it was opened");
        connection.calls += calls as u32;
        let expected = self.plan.expected;
        let road = &self.plan.road;
        let pending = match road {
            Road::Http(request) => connection.send_requests(request.repeat(calls))?,
            Road::Socket { texts, .. } => connection.send_calls(&texts[..calls])?,
            Road::Echo { text } => connection.send_messages(&vec![text.clone(); calls])?,
            Road::Clock => None,
        };
        for id in 1..=calls {
            match road {
                Road::Http(_) => connection.receive_response(expected)?,
                Road::Socket { .. } => connection.receive_reply(id, expected)?,
                Road::Echo { text } => {
                    if connection.receive_payload()? != *text {
                        return Err(CommandError::Failed("the echo is not what was sent".to_owned()));
                    }
                }
                Road::Clock => drop(connection.receive_payload()?),
            }
            answered();
        }
        finish(pending)?;
        let is_over = match self.plan.lasts {
            Lasts::All => false,
            Lasts::OneCall | Lasts::OneCallOfServer => true,
            Lasts::Calls(most) => connection.calls >= most,
        };
        if is_over { self.close() } else { Ok(()) }
    }

    /// Returns whether [`Caller::ask`] has something to receive, or will have within `wait`. A client without a
    /// connection has yet to open one.
    pub fn is_told(&self, wait: Duration) -> Result<bool, CommandError> {
        self.connection.as_ref().map_or(Ok(true), |connection| connection.has_input(wait))
    }

    /// Ends the connection, if there is one, and compares its bytes with what the kernel has counted.
    pub fn close(&mut self) -> Result<(), CommandError> {
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        connection.close()?;
        if self.plan.lasts == Lasts::OneCallOfServer {
            connection.wait_for_end(BytePurpose::Surplus)?;
        }
        self.closed_application = self.closed_application + *connection.application();
        if self.ask_of_each == Ask::Kernel {
            let (network, agreement) = connection.network()?;
            self.disagreement = self.disagreement.take().or(agreement.err());
            self.closed_network += network;
        }
        Ok(())
    }

    /// Bytes sent and received so far on all connections.
    fn application(&self) -> Both<Application> {
        let open = self.connection.as_ref().map_or(Both::default(), |connection| *connection.application());
        self.closed_application + open
    }

    /// What the kernel has counted so far of all connections, if it is asked about each.
    fn network(&self) -> Result<Network, CommandError> {
        let mut network = self.closed_network;
        if let Some(connection) = &self.connection {
            network += connection.network()?.0;
        }
        Ok(network)
    }
}

/// Returns the costs of all clients so far. Without a `wire`, the kernel is asked about each connection.
pub fn total(callers: &[Caller], wire: Option<&Wire>) -> Result<Costs, RunError> {
    let mut network = Network::default();
    if let Some(wire) = wire {
        network = wire.network().map_err(RunError::Inconsistent)?;
    } else {
        for caller in callers {
            network += caller.network()?;
        }
    }
    Ok(Costs {
        connections: callers.iter().map(|caller| caller.connections).sum(),
        network: Some(network),
        application: callers.iter().fold(Both::default(), |sum, caller| sum + caller.application()),
    })
}
