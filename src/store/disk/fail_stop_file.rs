//! The file under a store. What was not made safe in it never becomes true.
//!
//! ```text
//!   write pages ─▶ write the header that names them ─▶ sync ─▶ the header is safe
//!        └────────────────────┴────────────────────────┴─ failed ─▶ the safe header is put back
//! ```
//!
//! A commit is true as soon as the header names its pages. If its sync fails, nobody can say
//! whether the disk has it or not, and whoever asked for it is told that it was not stored. So the
//! header is put back as it was, and nothing more is written: what was refused does not appear when
//! the store is opened again. The pages that the old header names are still there, for a commit writes
//! beside them and never over them.

use redb::{BackendError, StorageBackend};
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

/// A file that stops at its first failure.
#[derive(Debug)]
pub struct Guarded<F> {
    file: F,
    header: Mutex<Header>,
    trouble: Trouble,
}

/// The first bytes of the file, as they are and as they were when it was synced last.
#[derive(Debug)]
struct Header {
    now: Vec<u8>,
    safe: Vec<u8>,
}

/// What went wrong with the file first, for whoever is told only that something did.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<Option<Failed>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub doing: Doing,
    pub kind: io::ErrorKind,
    words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Reading,
    Writing,
    Growing,
    Shrinking,
    Syncing,
}

/// The page that holds the header. The library writes no more of it than a small part.
const HEADER_BYTES: u64 = 4096;

impl<F: StorageBackend> Guarded<F> {
    pub fn new(file: F, trouble: Trouble) -> io::Result<Guarded<F>> {
        let mut safe = vec![0; file.len()?.min(HEADER_BYTES) as usize];
        file.read(0, &mut safe)?;
        Ok(Guarded { file, header: Mutex::new(Header { now: safe.clone(), safe }), trouble })
    }

    fn header(&self) -> MutexGuard<'_, Header> {
        self.header.lock().expect("no keeper panicked")
    }

    /// Does something that changes the file, unless something has failed before.
    fn attempt(&self, doing: Doing, act: impl FnOnce(&F, &mut Header) -> io::Result<()>) -> io::Result<()> {
        let mut header = self.header();
        if self.trouble.get().is_some() {
            return Err(io::Error::other("the file has failed before"));
        }
        act(&self.file, &mut header).inspect_err(|error| {
            self.trouble.set(doing, error);
            if header.now != header.safe {
                let undone = self.file.write(0, &header.safe).and_then(|()| self.file.sync_data());
                if let Err(error) = undone {
                    log::error!("the header of the store cannot be put back: {error}");
                }
            }
        })
    }
}

impl Header {
    fn overlay(&mut self, offset: u64, bytes: &[u8]) {
        if offset >= HEADER_BYTES {
            return;
        }
        let from = offset as usize;
        let bytes = &bytes[..bytes.len().min(HEADER_BYTES as usize - from)];
        if self.now.len() < from + bytes.len() {
            self.now.resize(from + bytes.len(), 0);
        }
        self.now[from..from + bytes.len()].copy_from_slice(bytes);
    }
}

impl<F: StorageBackend> StorageBackend for Guarded<F> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out).inspect_err(|error| self.trouble.set(Doing::Reading, error))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if len >= self.file.len()? {
            return self.attempt(Doing::Growing, |file, _| file.set_len(len));
        }
        // The library shrinks the file behind a commit, and says that the commit has failed where this
        // fails. But it is safe by then. So the failure is kept for whoever writes next.
        if self.attempt(Doing::Shrinking, |file, _| file.set_len(len)).is_err() {
            log::warn!("the store stays longer than it needs to be");
        }
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.attempt(Doing::Writing, |file, header| {
            // Also where it fails: some of it may have been written.
            header.overlay(offset, bytes);
            file.write(offset, bytes)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.attempt(Doing::Syncing, |file, header| {
            file.sync_data()?;
            header.safe.clone_from(&header.now);
            Ok(())
        })
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

impl Trouble {
    /// The first failure, if there was one.
    pub fn get(&self) -> Option<Failed> {
        self.0.lock().expect("no keeper panicked").clone()
    }

    fn set(&self, doing: Doing, error: &io::Error) {
        let mut first = self.0.lock().expect("no keeper panicked");
        first.get_or_insert_with(|| Failed { doing, kind: error.kind(), words: error.to_string() });
    }
}

impl Failed {
    /// Can it be over when somebody has made room?
    pub fn is_for_want_of_room(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        self.doing != Doing::Syncing && matches!(self.kind, StorageFull | QuotaExceeded | FileTooLarge)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.doing {
            Doing::Reading => "reading",
            Doing::Writing => "writing",
            Doing::Growing => "growing",
            Doing::Shrinking => "shrinking",
            Doing::Syncing => "syncing",
        };
        write!(f, "{doing} the file failed: {}", self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::fault_injection::{Fault, File};

    fn bytes(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read(0, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn half_a_header_is_put_back_too() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            let file = File::default();
            file.set_len(8192).unwrap();
            let guarded = Guarded::new(file.clone(), Trouble::default()).unwrap();
            guarded.write(0, &[1; 300]).unwrap();
            guarded.sync_data().unwrap();
            let safe = bytes(&file);
            // Half of what comes next is written all the same.
            file.fail(Fault::Once { after: 0, kind });
            assert_eq!(guarded.write(0, &[2; 300]).unwrap_err().kind(), kind);
            assert!(bytes(&file) == safe);
            assert!(guarded.write(0, &[3; 300]).is_err() && guarded.sync_data().is_err());
            assert!(bytes(&file) == safe, "nothing is written after a failure");
        }
    }
}
