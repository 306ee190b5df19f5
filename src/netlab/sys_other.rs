//! Stubs of `sys` for systems other than Linux: all of them return an error.

use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::netlab::tcp_info::TcpInfo;

pub fn may_enter_network(_: Option<Ipv4Addr>) -> io::Result<()> {
    unsupported()
}

pub fn enter_network() -> io::Result<()> {
    unsupported()
}

pub fn tcp_info(_: &TcpStream) -> io::Result<TcpInfo> {
    unsupported()
}

pub fn processor_time_of_thread() -> Duration {
    Duration::ZERO
}

pub fn processor_time_of_process(_: u32) -> io::Result<Duration> {
    unsupported()
}

pub fn wake_on_time() {}

pub fn end_with_us(_: &mut Command) {}

/// The error of everything that only Linux can do.
pub fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "segments are counted by Linux only"))
}
