//! A file in memory that fails when it is told to, and forgets what was not synced.
//!
//! Only tests and fuzz targets have it. Those outside of this package include the file by its path.

use redb::StorageBackend;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Clone, Debug, Default)]
pub struct File(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    now: Vec<u8>,
    /// As it was at the last sync, and what was done since.
    synced: Vec<u8>,
    since: Vec<Done>,
    fault: Option<Fault>,
    /// It cannot grow beyond.
    room: Option<usize>,
    failures: usize,
    bytes_read: usize,
    is_cut_off: bool,
}

/// What goes wrong with a file that is written, grown or synced.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// After so many of these that go well, one does not.
    Once { after: usize, kind: ErrorKind },
    /// Nor any behind it.
    Ever { after: usize, kind: ErrorKind },
    /// It has no room for more than it holds now.
    NoRoom,
}

/// What is left in a crash of what was not synced.
#[derive(Clone, Copy, Debug)]
pub enum Crash {
    Nothing,
    All,
    /// As these dice say.
    Some(u64),
}

#[derive(Clone, Debug)]
enum Done {
    Written(usize, Vec<u8>),
    Length(usize),
}

impl File {
    pub fn fail(&self, fault: Fault) {
        let mut inner = self.lock();
        match fault {
            Fault::NoRoom => inner.room = Some(inner.now.len()),
            other => inner.fault = Some(other),
        }
    }

    /// It works again.
    pub fn mend(&self) {
        let mut inner = self.lock();
        (inner.fault, inner.room) = (None, None);
    }

    /// It works, and nothing is known of what has failed.
    pub fn begin_again(&self) {
        self.mend();
        let mut inner = self.lock();
        (inner.failures, inner.is_cut_off) = (0, false);
    }

    /// How often it has failed since then.
    pub fn failures(&self) -> usize {
        self.lock().failures
    }

    /// All that were ever read from it.
    pub fn bytes_read(&self) -> usize {
        self.lock().bytes_read
    }

    /// Nothing reaches it any more until it begins again.
    pub fn cut_off(&self) {
        self.lock().is_cut_off = true;
    }

    pub fn crash(&self, crash: Crash) {
        let inner = &mut *self.lock();
        let mut dice = match crash {
            Crash::Some(seed) => seed,
            _ => 0,
        };
        for done in std::mem::take(&mut inner.since) {
            dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let is_left = match crash {
                Crash::Nothing => false,
                Crash::All => true,
                Crash::Some(_) => dice >> 63 == 1,
            };
            if is_left {
                done.to(&mut inner.synced);
            }
        }
        inner.now.clone_from(&inner.synced);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl Done {
    fn to(&self, bytes: &mut Vec<u8>) {
        match self {
            Done::Length(length) => bytes.resize(*length, 0),
            Done::Written(at, written) => {
                let end = at + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*at..end].copy_from_slice(written);
            }
        }
    }
}

impl Inner {
    fn attempt(&mut self, grows_to: usize) -> io::Result<()> {
        if self.is_cut_off {
            return Err(io::Error::other("it is cut off"));
        }
        let kind = match &mut self.fault {
            Some(Fault::Once { after: 0, kind } | Fault::Ever { after: 0, kind }) => Some(*kind),
            Some(Fault::Once { after, .. } | Fault::Ever { after, .. }) => {
                *after -= 1;
                None
            }
            _ => None,
        };
        let is_full = self.room.is_some_and(|room| grows_to > room);
        let Some(kind) = kind.or(is_full.then_some(ErrorKind::StorageFull)) else { return Ok(()) };
        if let Some(Fault::Once { .. }) = self.fault {
            self.fault = None;
        }
        self.failures += 1;
        Err(io::Error::new(kind, "as it was told to"))
    }

    fn act(&mut self, done: Done) {
        done.to(&mut self.now);
        self.since.push(done);
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (mut inner, from) = (self.lock(), offset as usize);
        let bytes = inner.now.get(from..from + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        inner.bytes_read += out.len();
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut inner = self.lock();
        inner.attempt(length as usize)?;
        inner.act(Done::Length(length as usize));
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut inner, at) = (self.lock(), offset as usize);
        let attempt = inner.attempt(at + bytes.len());
        // Where it fails, the half of it may be there.
        let length = if attempt.is_ok() { bytes.len() } else { bytes.len() / 2 };
        if !inner.is_cut_off && (attempt.is_ok() || at + length <= inner.now.len()) {
            inner.act(Done::Written(at, bytes[..length].to_vec()));
        }
        attempt
    }

    fn sync_data(&self) -> io::Result<()> {
        let inner = &mut *self.lock();
        inner.attempt(0)?;
        for done in std::mem::take(&mut inner.since) {
            done.to(&mut inner.synced);
        }
        Ok(())
    }
}
