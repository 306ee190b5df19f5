//! The reactor: the only module of the server with mio and sockets. It waits, reads the clock, and runs one turn of the
//! server loop.
//!
//! ```text
//!   ┌─▶ Poll::poll ──▶ clock ──▶ events ──▶ ServerLoop::turn ─┐
//!   │      listeners · peers · waker          (server/)       │
//!   └─────────────────────────────────────────────────────────┘
//! ```
//!
//! Readiness is edge-triggered, so it is reported once: the server loop acts on it until a call would block, or until
//! its budget is spent and the peer joins the ready queue of the next turn. A reactor does not sleep while its loop
//! has work left.

pub mod listener;
pub mod loop_io;
pub mod socket;
pub mod socket_activation;
pub mod sys;
pub mod wakeup;

use crate::config::ServerConfig;
use crate::connection::turn_context::TurnContext;
use crate::metrics::loop_metrics::Metrics;
use crate::metrics::totals::MetricId;
use crate::reactor::socket::TcpSockets;
use crate::reactor::wakeup::{WAKER, WakeReceiver};
use crate::server::ServerLoop;
use crate::server::sockets::Ready;
use chrono::Local;
use mio::Events;
use std::io;
use std::time::{Duration, Instant};

/// Readiness events that one call of `Poll::poll` returns.
const EVENTS_PER_TURN: usize = 1024;

/// One loop in its thread.
pub struct Reactor<'r> {
    wakeups: WakeReceiver,
    server: ServerLoop<TcpSockets>,
    turn: TurnContext<'r>,
    ready: Vec<Ready>,
}

impl<'r> Reactor<'r> {
    pub fn new(
        wakeups: WakeReceiver,
        server: ServerLoop<TcpSockets>,
        config: &'r ServerConfig,
        metrics: Metrics,
    ) -> Reactor<'r> {
        let turn = TurnContext::new(config, metrics, Instant::now());
        Reactor { wakeups, server, turn, ready: Vec::new() }
    }

    /// Runs turns until the loop is asked to shut down and has done so.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        while !self.server.is_over() {
            self.wait(&mut events)?;
            self.server.begin_turn(Instant::now(), Local::now, &mut self.turn);
            self.dispatch(&events);
            self.server.turn(&self.ready, &mut self.turn);
        }
        Ok(())
    }

    /// Sleeps until a socket is ready, another thread wakes this loop, or a deadline passes.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let timeout = if self.server.has_work() {
            Some(Duration::ZERO)
        } else {
            let deadlines = [self.server.next_deadline(), self.server.sockets().next_deadline()];
            let next = deadlines.into_iter().flatten().min();
            next.map(|deadline| deadline.saturating_duration_since(self.turn.now))
        };
        self.turn.metrics.inc(MetricId::CallsPoll);
        self.server.sockets_mut().wait(events, timeout)
    }

    /// Sorts events by what is ready: this loop's waker, a listener, or a peer.
    fn dispatch(&mut self, events: &Events) {
        self.ready.clear();
        for event in events {
            match event.token() {
                WAKER => self.handle_wakeup(),
                token if token.0 > WAKER.0 => self.server.sockets_mut().mark_listener(token),
                _ => self.ready.push(socket::readiness(event)),
            }
        }
    }

    /// A turn applies what other loops have committed; only a shutdown needs more.
    fn handle_wakeup(&mut self) {
        if self.wakeups.take() {
            self.server.sockets_mut().mark_listeners();
            self.server.request_shutdown();
        }
    }
}
