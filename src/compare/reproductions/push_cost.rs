//! What one message costs that nobody asks for: many connections, to which the clock says the time once a
//! second.
//!
//! ```text
//!   open K ┊ hear two on each ┊ a rest ┊ hear S more on each ┊ a rest ┊ close
//!                                └────────── counted ──────────┘
//! ```

use std::time::{Duration, Instant};

use crate::client::url::Url;
use crate::compare::costs::Costs;
use crate::compare::interleaved_runs::Turns;
use crate::compare::load_client::{Ask, Caller, total};
use crate::compare::run_error::{RunError, until_interrupted};
use crate::compare::workloads::workload_builder::{Recipe, What};
use crate::error::CommandError;

/// One message, its acknowledgement with it.
#[derive(Clone, Copy, Debug)]
pub struct Push {
    pub segments: f64,
    /// From the IP header on.
    pub bytes: f64,
    pub payload: f64,
    pub framing: f64,
}

/// As many rounds as are wanted, or as there were until it was interrupted.
pub fn measure(
    connections: usize,
    messages: usize,
    url: &Url,
    turns: &Turns,
) -> Result<Vec<Push>, CommandError> {
    let mut pushes = Vec::new();
    for _ in 0..turns.rounds {
        match until_interrupted(round(connections, messages, url, turns))? {
            Some(push) => pushes.push(push),
            None => break,
        }
    }
    Ok(pushes)
}

fn round(connections: usize, messages: usize, url: &Url, turns: &Turns) -> Result<Push, RunError> {
    let course = Recipe::new(url, What::Clock).course()?;
    turns.server.check_interrupted()?;
    turns.counting.settle()?;
    let mut callers: Vec<Caller> =
        (0..connections).map(|_| Caller::new(&course.plan, Ask::Kernel, None)).collect();
    // The first comes at once, and the next when the second is over: from there on it is known when.
    for _ in 0..2 {
        hear(&mut callers, turns)?;
    }
    turns.server.sleep_until(Instant::now() + REST)?;
    let before = total(&callers, None)?;
    for _ in 0..messages {
        hear(&mut callers, turns)?;
    }
    turns.server.sleep_until(Instant::now() + REST)?;
    let after = total(&callers, None)?;
    callers.iter_mut().try_for_each(Caller::close)?;
    turns.counting.settle()?;
    if let Some(disagreement) = callers.iter_mut().find_map(|caller| caller.disagreement.take()) {
        return Err(RunError::Inconsistent(disagreement));
    }

    let Costs { network, application: said, .. } = after - before;
    let network = network.unwrap_or_default();
    let each = |sum: u64| sum as f64 / (connections * messages) as f64;
    Ok(Push {
        segments: each(network.segments()),
        bytes: each(network.bytes()),
        payload: each(said.received.payload),
        framing: each(said.received.framing + said.sent.framing),
    })
}

/// One message on each, which may be a second away.
fn hear(callers: &mut [Caller], turns: &Turns) -> Result<(), RunError> {
    for caller in callers {
        while !caller.is_told(LOOK_UP)? {
            turns.server.check_interrupted()?;
        }
        caller.ask(1, |_| {})?;
    }
    Ok(())
}

/// For acknowledgements that wait (200 ms at most). The clock is silent for longer.
const REST: Duration = Duration::from_millis(400);

/// So soon an interrupt is seen.
const LOOK_UP: Duration = Duration::from_millis(50);
