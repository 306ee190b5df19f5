//! The store that lasts: items, changes of late, counters and epoch in one file.
//!
//! The file is redb's. [`tables`](crate::store::disk::tables) says what is in it. A commit is one transaction: either
//! all of it is there when the store is opened again, or nothing of it. How everything is read stands in
//! [`loading`](crate::store::disk::load), how it is written in [`committing`](crate::store::disk::commit).

use crate::config::STORE_CACHE_BYTES;
use crate::model::change::Position;
use crate::store::disk::change_rows::{Keeps, Rows};
use crate::store::disk::fail_stop_file::{Guarded, Trouble};
use crate::store::disk::overlay_file::{Commits, Trust, Untouched};
use crate::store::disk::store_error::{StoreError, damaged};
use crate::store::disk::tables::{ABOUT, CHANGES, COLLECTIONS, FORMAT, ITEMS, KEYS};
use crate::store::snapshot::Stock;
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::rc::Rc;

pub struct OnDisk {
    pub(super) database: Database,
    trouble: Trouble,
    pub(super) epoch: u32,
    pub(super) rows: Rows,
    pub(super) keeps: Keeps,
}

/// How far opening has come. A large store takes its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// From 0 to 1.
    Checked(f64),
    Loaded {
        items: u64,
        of: u64,
    },
}

pub type Watcher = Rc<dyn Fn(Progress)>;

/// Returns a callback that reports nothing.
pub fn no_progress() -> Watcher {
    Rc::new(|_| ())
}

/// Of the log in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// The one that is there; or this, where a new one must begin.
    Begin(u32),
    /// This one: nobody goes on from a position of before.
    Anew(u32),
    /// The one that is there. The process has been in it all the time.
    GoOn,
}

/// A file that is shorter has not even the library's header.
const HEADER_BYTES: u64 = 4096;

impl OnDisk {
    /// Opens the store, or begins one. All that was ever written into it is checked.
    pub fn open(path: &Path, epoch: Epoch, keeps: Keeps, watcher: &Watcher) -> Result<OnDisk, StoreError> {
        check_kind(path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(epoch != Epoch::GoOn)
            .truncate(false)
            .open(path)?;
        let file = FileBackend::new(file)?;
        let store = OnDisk::open_with(file, epoch, keeps, watcher)?;
        // A file that is safe is lost all the same as long as its name is not: whoever made it may have been
        // killed before this.
        if let Some(folder) = path.canonicalize()?.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(store)
    }

    pub fn open_with(
        file: impl StorageBackend,
        epoch: Epoch,
        keeps: Keeps,
        watcher: &Watcher,
    ) -> Result<OnDisk, StoreError> {
        let mut store = OnDisk::unread(file, keeps, watcher)?;
        store.epoch = match epoch {
            Epoch::Begin(fresh) => store.begin(fresh, false)?,
            Epoch::Anew(fresh) => store.begin(fresh, true)?,
            Epoch::GoOn => store.epoch_there()?,
        };
        Ok(store)
    }

    /// Opens a store that lies where nothing can be written. What is written to it all the same stays in
    /// memory: nobody may be told that it was stored.
    pub fn open_read_only(
        path: &Path,
        epoch: Epoch,
        keeps: Keeps,
        watcher: &Watcher,
    ) -> Result<OnDisk, StoreError> {
        let file = Untouched::new(FileBackend::new(File::open(path)?)?, Trust::Newest)?;
        if file.len()? == 0 {
            return Err(StoreError::Empty);
        }
        let store = OnDisk::open_with(file, epoch, keeps, watcher)?;
        if store.names()?.is_empty() { Err(StoreError::Empty) } else { Ok(store) }
    }

    /// Opens the store to look into it. The file stays as it is.
    pub fn look(path: &Path, trust: Trust, watcher: &Watcher) -> Result<OnDisk, StoreError> {
        check_kind(path)?;
        let file = Untouched::new(FileBackend::new(File::open(path)?)?, trust)?;
        if file.len()? == 0 {
            return Err(StoreError::Empty);
        }
        let mut store = OnDisk::unread(file, Keeps { changes_max: 0, bytes_max: 0 }, watcher)?;
        match store.about("format")? {
            Some(FORMAT) => {}
            Some(other) => return Err(StoreError::Format(other)),
            None => return Err(damaged("it does not say which format it has")),
        }
        store.epoch = store.epoch_there()?;
        Ok(store)
    }

    /// Looks whether all is there that was ever stored, and gives it. `look` at a store forgives what can
    /// happen in a crash; here nothing is forgiven but what was never answered.
    pub fn inspect(path: &Path, watcher: &Watcher) -> Result<(OnDisk, Stock), StoreError> {
        check_kind(path)?;
        let file = Untouched::new(FileBackend::new(File::open(path)?)?, Trust::Newest)?;
        let Commits { primary, is_behind, is_certain } = match file.len()? {
            0 => return Err(StoreError::Empty),
            HEADER_BYTES.. => file.commits()?,
            _ => return Err(damaged("it is too short")),
        };
        drop(file);
        let mut store = OnDisk::look(path, Trust::Only(primary), watcher)?;
        if is_behind && is_certain {
            return Err(damaged("its header does not name the last commit"));
        }
        if is_behind {
            // It ended between two writes of the header. Both commits must be there then.
            store.load(&**watcher)?;
            drop(store);
            store = OnDisk::look(path, Trust::Only(primary.other()), watcher)?;
        }
        let stock = store.load(&**watcher)?;
        Ok((store, stock))
    }

    fn unread(file: impl StorageBackend, keeps: Keeps, watcher: &Watcher) -> Result<OnDisk, StoreError> {
        let trouble = Trouble::default();
        let file = Guarded::new(file, trouble.clone())?;
        let watcher = watcher.clone();
        let database = Database::builder()
            .set_cache_size(STORE_CACHE_BYTES)
            .set_check_integrity_on_open(true)
            .set_repair_callback(move |session| watcher(Progress::Checked(session.progress())))
            .create_with_backend(file)?;
        Ok(OnDisk { database, trouble, epoch: 0, rows: Rows::default(), keeps })
    }

    fn about(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let transaction = self.database.begin_read()?;
        let value = transaction.open_table(ABOUT)?.get(name)?.map(|guard| guard.value());
        Ok(value)
    }

    fn epoch_there(&self) -> Result<u32, StoreError> {
        let epoch = self.about("epoch")?.and_then(|epoch| u32::try_from(epoch).ok());
        epoch.ok_or_else(|| damaged("it has no epoch of 32 bits"))
    }

    /// Changes that were told may be lacking, for it was not closed.
    pub fn may_lack_changes(&self) -> Result<bool, StoreError> {
        Ok(self.about("lossy")? == Some(1))
    }

    /// The epoch of what is there. Where there is nothing, or changes that were told may be lost, a new
    /// one begins: nobody goes on from a position that means something else now.
    fn begin(&self, fresh: u32, is_anew: bool) -> Result<u32, StoreError> {
        let transaction = self.database.begin_write()?;
        let epoch = {
            let mut about = transaction.open_table(ABOUT)?;
            let read = |name| Ok::<_, StoreError>(about.get(name)?.map(|guard| guard.value()));
            match read("format")? {
                Some(FORMAT) | None => {}
                Some(other) => return Err(StoreError::Format(other)),
            }
            let (kept, is_lossy) = (read("epoch")?, read("lossy")? == Some(1));
            let epoch = match kept {
                Some(epoch) if !is_lossy && !is_anew => {
                    u32::try_from(epoch).map_err(|_| damaged("its epoch has more than 32 bits"))?
                }
                _ => fresh,
            };
            about.insert("format", FORMAT)?;
            about.insert("epoch", u64::from(epoch))?;
            about.insert("lossy", 0)?;
            if is_lossy {
                log::warn!("the store was not closed, and may lack its last changes: a new epoch begins");
            }
            if is_lossy || is_anew {
                transaction.open_table(CHANGES)?.retain(|_, _| false)?;
            }
            transaction.open_table(COLLECTIONS)?;
            transaction.open_table(ITEMS)?;
            transaction.open_table(CHANGES)?;
            transaction.open_table(KEYS)?;
            epoch
        };
        transaction.commit()?;
        Ok(epoch)
    }

    /// What went wrong with the file first.
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// Of its log.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The names of its collections, by number.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let transaction = self.database.begin_read()?;
        let mut names = Vec::new();
        for row in transaction.open_table(COLLECTIONS)?.iter()? {
            let (number, row) = row?;
            if usize::from(number.value()) != names.len() {
                return Err(damaged(format!("there is no collection with the number {}", names.len())));
            }
            names.push(row.value().0.to_owned());
        }
        Ok(names)
    }

    /// That of its last change.
    pub fn position(&self) -> Result<Position, StoreError> {
        let transaction = self.database.begin_read()?;
        let mut seq = 0;
        for row in transaction.open_table(COLLECTIONS)?.iter()? {
            seq = seq.max(row?.1.value().1);
        }
        Ok(Position { epoch: self.epoch, seq })
    }

    /// The rows of changes in it.
    pub fn into_rows(self) -> Rows {
        self.rows
    }

    /// Whoever has loaded it before knows what is in it: these rows of changes, too.
    pub fn going_on(self, rows: Rows) -> OnDisk {
        OnDisk { rows, ..self }
    }

    /// From here on until it is closed, changes may be told before they are safe.
    pub fn may_lose(&mut self) -> Result<(), StoreError> {
        self.set_lossy(1)
    }

    /// Everything that was told is safe.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.set_lossy(0)?;
        Ok(self.database.close()?)
    }

    fn set_lossy(&mut self, lossy: u64) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        let before = transaction.open_table(ABOUT)?.insert("lossy", lossy)?.map(|guard| guard.value());
        if before == Some(lossy) {
            return Ok(transaction.abort()?);
        }
        transaction.commit()?;
        Ok(())
    }
}

/// Whoever opens a pipe waits for somebody at its other end, and a device may do anything.
fn check_kind(path: &Path) -> Result<(), StoreError> {
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata.file_type(),
        // That it is not there is said where it is opened.
        Err(_) => return Ok(()),
    };
    let what = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(StoreError::NoFile(what))
}
