//! What one follower has come to so far: kept by its thread, read by the one that measures.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::client::transport::Transport;
use crate::compare::byte_accounting::{is_ipv6, network_of, tcp_info};
use crate::compare::costs::{Application, Both};
use crate::error::CommandError;
use crate::netlab::sys;
use crate::netlab::traffic::Network;

#[derive(Debug, Default)]
pub struct Ledger {
    tally: Mutex<Tally>,
    /// The change whose state is shown.
    shown: AtomicU32,
}

#[derive(Debug, Default)]
pub struct Tally {
    pub said: Both<Application>,
    /// Connections opened.
    pub connections: u64,
    /// Requests made, handshakes included.
    pub asked: u64,
    /// Of its thread.
    pub processor_time: Duration,
    /// What the kernel has counted of connections that are closed, where it is asked.
    pub closed: Network,
    /// The connection of which it is still to be asked, and what had been said before it.
    pub open: Option<(Transport, Both<Application>)>,
}

impl Ledger {
    /// Writes down what was just done, and the processor time that it took.
    pub fn note<T>(&self, write: impl FnOnce(&mut Tally) -> T) -> T {
        let mut tally = self.lock();
        let noted = write(&mut tally);
        tally.processor_time = sys::processor_time_of_thread();
        noted
    }

    pub fn read<T>(&self, read: impl FnOnce(&Tally) -> T) -> T {
        read(&self.lock())
    }

    pub fn show(&self, number: u32) {
        self.shown.store(number, Ordering::Release);
    }

    pub fn shown(&self) -> u32 {
        self.shown.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    /// What the kernel has counted, where it is asked about each connection.
    pub fn network(&self) -> Result<Network, CommandError> {
        let mut network = self.closed;
        if let Some((transport, before)) = &self.open {
            let info = tcp_info(transport)?;
            network += network_of(&info, &(self.said - *before), is_ipv6(transport));
        }
        Ok(network)
    }
}
