//! What a loop waits on: its poll, its listeners and its wake-ups.

use crate::reactor::listener::Listener;
use crate::reactor::wakeup::{self, Mailbox, Sender};
use mio::Poll;
use std::io;

pub struct LoopIo {
    pub poll: Poll,
    pub listeners: Vec<Listener>,
    /// Wakes this loop from another thread.
    pub sender: Sender,
    pub mailbox: Mailbox,
}

impl LoopIo {
    pub fn new(listeners: Vec<Listener>) -> io::Result<LoopIo> {
        let poll = Poll::new()?;
        let (sender, mailbox) = wakeup::mailbox(&poll)?;
        Ok(LoopIo { poll, listeners, sender, mailbox })
    }
}
