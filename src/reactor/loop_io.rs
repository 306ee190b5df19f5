//! What a loop waits on: its sockets with their poll, and its wake-ups.

use crate::metrics::loop_metrics::SharedMetrics;
use crate::reactor::listener::Listener;
use crate::reactor::socket::TcpSockets;
use crate::reactor::wakeup::{self, WakeReceiver, WakeSender};
use mio::Poll;
use std::io;
use std::sync::Arc;

pub struct LoopIo {
    pub sockets: TcpSockets,
    /// Wakes this loop from another thread.
    pub sender: WakeSender,
    pub wakeups: WakeReceiver,
}

impl LoopIo {
    pub fn new(listeners: Vec<Listener>, metrics: Arc<SharedMetrics>) -> io::Result<LoopIo> {
        let poll = Poll::new()?;
        let (sender, wakeups) = wakeup::wake_channel(&poll, metrics)?;
        let sockets = TcpSockets::new(poll, listeners)?;
        Ok(LoopIo { sockets, sender, wakeups })
    }
}
