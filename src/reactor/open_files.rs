//! How many files this process may have open: each connection is one.
#![allow(unsafe_code)] // RLIMIT_NOFILE is set by no crate that is here already.

use std::io;

/// Raises that number as far as the process is allowed to go. Where it cannot, that is said, and it stays.
pub fn raise_limit() {
    if let Err(error) = raise() {
        log::warn!("the limit of open files stays as it is: {error}");
    }
}

fn raise() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls are given a whole `rlimit` that lives until they are over.
    let result = unsafe {
        match libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) {
            0 => {
                limit.rlim_cur = limit.rlim_max;
                libc::setrlimit(libc::RLIMIT_NOFILE, &limit)
            }
            failed => failed,
        }
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
