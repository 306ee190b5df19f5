//! A stub of the packet ring for systems other than Linux.

use std::io;

use crate::netlab::device::Device;
use crate::netlab::sys::unsupported;

/// Cannot be opened.
#[derive(Debug)]
pub struct PacketRing;

impl PacketRing {
    pub fn open(_: Device) -> io::Result<PacketRing> {
        unsupported()
    }

    pub fn drain(&mut self, _: impl FnMut(usize, &[u8])) {}

    pub fn take_lost(&self) -> io::Result<u64> {
        unsupported()
    }
}
