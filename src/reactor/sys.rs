//! System calls that no safe crate offers.
#![allow(unsafe_code)]

use socket2::Socket;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Reports a new connection only when its first bytes have arrived (`TCP_DEFER_ACCEPT`, tcp(7)).
#[cfg(target_os = "linux")]
pub fn defer_accept(socket: &Socket, seconds: u16) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let seconds = libc::c_int::from(seconds);
    let length = size_of_val(&seconds) as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and the kernel reads
    // `length` bytes of `seconds`, which lives until the call is over.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_os = "linux"))]
pub fn defer_accept(_: &Socket, _: u16) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no TCP_DEFER_ACCEPT"))
}

/// Takes over descriptors that were open when the process began: `first` and those after it.
///
/// Must run once, before anything else is opened: later the numbers may belong to other files.
pub fn take_over(first: RawFd, count: u16) -> Vec<(RawFd, io::Result<OwnedFd>)> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    assert!(!TAKEN.swap(true, Ordering::Relaxed), "nobody else takes descriptors over");
    let descriptors = (first..).take(count.into());
    descriptors.map(|descriptor| (descriptor, take(descriptor))).collect()
}

fn take(descriptor: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: this call is given no memory, and changes nothing.
    if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, as was just asked. Whoever started the process has given it to the process,
    // whose other parts know no number of it: `take_over` runs once, before they open any.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
