//! A file that is only looked at. What the library writes to it stays in memory.
//!
//! ```text
//!   the library ── write ──▶ pages in memory
//!        ▲                       │ what was written
//!        └──────── read ◀────────┴── all else ── the file, which nobody changes
//! ```
//!
//! Even who only reads a store makes the library repair it: that is a commit, and a new header. Here the
//! same is done, and the file stays as it is.
//!
//! The header names two commits, the last one and the one before, to which the library goes back where
//! the last is not whole. That is right after a crash, and wrong for who asks whether all is there: see
//! [`Trust`].

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use std::collections::btree_map::{BTreeMap, Entry};
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

#[derive(Debug)]
pub struct Untouched {
    file: FileBackend,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    /// By number.
    pages: BTreeMap<u64, Box<[u8; PAGE_BYTES as usize]>>,
    len: u64,
    /// So much of the file still counts.
    of_file: u64,
}

const PAGE_BYTES: u64 = 4096;

/// Which of its two commits a file is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The newer one that is whole, as when it is served.
    Newest,
    /// This one, and where it is not whole there is none.
    Only(Slot),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    First,
    Second,
}

/// What the header says of its commits, without a look at what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commits {
    /// The one that counts.
    pub primary: Slot,
    /// By their numbers the other is the newer one.
    pub is_behind: bool,
    /// It is certain that the one that counts is safe, and the other does not matter.
    pub is_certain: bool,
}

/// Where the header says which commit counts, and how it was made (redb's design page: "god byte").
const FLAGS_AT: u64 = 9;
const SECOND_COUNTS: u8 = 1;
const TWO_PHASES: u8 = 4;
/// Where each commit has its number.
const NUMBERS_AT: [u64; 2] = [64 + 104, 64 + 128 + 104];

impl Untouched {
    pub fn new(file: FileBackend, trust: Trust) -> io::Result<Untouched> {
        let len = file.len()?;
        let written = Written { pages: BTreeMap::new(), len, of_file: len };
        let untouched = Untouched { file, written: Mutex::new(written) };
        if let Trust::Only(slot) = trust {
            let flags = untouched.flags()? & !SECOND_COUNTS | TWO_PHASES;
            let counts = if slot == Slot::Second { SECOND_COUNTS } else { 0 };
            // Of a commit in two phases the library knows that there is no going back.
            untouched.write(FLAGS_AT, &[flags | counts])?;
        }
        Ok(untouched)
    }

    pub fn commits(&self) -> io::Result<Commits> {
        let flags = self.flags()?;
        let mut numbers = [0; 2];
        for (number, at) in numbers.iter_mut().zip(NUMBERS_AT) {
            let mut bytes = [0; 8];
            self.read(at, &mut bytes)?;
            *number = u64::from_le_bytes(bytes);
        }
        let primary = if flags & SECOND_COUNTS == 0 { Slot::First } else { Slot::Second };
        let [of_primary, of_other] = match primary {
            Slot::First => numbers,
            Slot::Second => [numbers[1], numbers[0]],
        };
        let is_certain = flags & TWO_PHASES != 0;
        Ok(Commits { primary, is_behind: of_primary <= of_other, is_certain })
    }

    fn flags(&self) -> io::Result<u8> {
        let mut flags = [0];
        self.read(FLAGS_AT, &mut flags)?;
        Ok(flags[0])
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().expect("no reader panicked")
    }

    /// What is in the file, and nothing where it has ended.
    fn read_file(&self, of_file: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = of_file.saturating_sub(offset).min(out.len() as u64) as usize;
        let (there, beyond) = out.split_at_mut(there);
        beyond.fill(0);
        if there.is_empty() { Ok(()) } else { self.file.read(offset, there) }
    }
}

impl Slot {
    pub fn other(self) -> Slot {
        match self {
            Slot::First => Slot::Second,
            Slot::Second => Slot::First,
        }
    }
}

/// Each page that these bytes touch: its number, where in it they begin, and which of them they are.
fn pieces(offset: u64, bytes: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (page, within) = ((offset + at as u64) / PAGE_BYTES, (offset + at as u64) % PAGE_BYTES);
        let from = at;
        at = bytes.min(from + (PAGE_BYTES - within) as usize);
        (from < bytes).then_some((page, within as usize, from..at))
    })
}

impl StorageBackend for Untouched {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > written.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_file(written.of_file, offset, out)?;
        if written.pages.is_empty() {
            return Ok(());
        }
        for (page, within, piece) in pieces(offset, out.len()) {
            if let Some(page) = written.pages.get(&page) {
                let bytes = piece.len();
                out[piece].copy_from_slice(&page[within..within + bytes]);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written();
        written.len = len;
        written.of_file = written.of_file.min(len);
        written.pages.split_off(&len.div_ceil(PAGE_BYTES));
        if let Some(last) = written.pages.get_mut(&(len / PAGE_BYTES)) {
            last[(len % PAGE_BYTES) as usize..].fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut written = self.written();
        let of_file = written.of_file;
        written.len = written.len.max(offset + bytes.len() as u64);
        for (number, within, piece) in pieces(offset, bytes.len()) {
            let page = match written.pages.entry(number) {
                Entry::Occupied(page) => page.into_mut(),
                Entry::Vacant(place) => {
                    let mut page = Box::new([0; PAGE_BYTES as usize]);
                    self.read_file(of_file, number * PAGE_BYTES, &mut page[..])?;
                    place.insert(page)
                }
            };
            page[within..within + piece.len()].copy_from_slice(&bytes[piece]);
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    // Who reads does not keep others from reading, and keeps whoever writes out all the same.

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn what_is_written_is_read_again_and_the_file_stays() {
        let path = std::env::temp_dir().join(format!("bothways-untouched-{}", std::process::id()));
        let before: Vec<u8> = (0..10_000_u32).map(|n| n as u8).collect();
        fs::write(&path, &before).unwrap();
        let file = FileBackend::new(File::open(&path).unwrap()).unwrap();
        let untouched = Untouched::new(file, Trust::Newest).unwrap();
        let mut expected = before.clone();
        let check = |expected: &[u8]| {
            let mut out = vec![1; expected.len()];
            untouched.read(0, &mut out).unwrap();
            assert!(out == expected);
            assert_eq!(untouched.len().unwrap(), expected.len() as u64);
            assert!(untouched.read(1, &mut out).is_err());
            assert!(untouched.read(u64::MAX, &mut out).is_err());
        };
        check(&expected);
        untouched.write(4000, &[7; 5000]).unwrap();
        expected[4000..9000].fill(7);
        check(&expected);
        for len in [12_000, 8500, 20_000, 100, 9000] {
            untouched.set_len(len).unwrap();
            expected.resize(len as usize, 0);
            check(&expected);
        }
        untouched.write(8999, &[1, 2, 3]).unwrap();
        expected.truncate(8999);
        expected.extend([1, 2, 3]);
        check(&expected);
        assert!(fs::read(&path).unwrap() == before);
        fs::remove_file(path).unwrap();
    }
}
