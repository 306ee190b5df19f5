//! Makes the journals and states that the loops start with: empty, or from the store on disk.

use crate::api::routes;
use crate::config::COLLECTIONS_MAX;
use crate::error::CommandError;
use crate::model::change::Position;
use crate::serve::import_file;
use crate::serve::options::ServeOptions;
use crate::serve::progress;
use crate::store::commit_log::{SharedLog, Wake};
use crate::store::committer::{Committer, Sync};
use crate::store::disk::change_rows::Keeps;
use crate::store::disk::durable_store::{Epoch, OnDisk, Watcher};
use crate::store::disk::store_error::StoreError;
use crate::store::idempotency_table::{self, Keys};
use crate::store::journal::{self, Journal};
use crate::store::name_set::Names;
use crate::store::snapshot::{Stock, Stocked};
use crate::store::state::State;
use crate::store::write_queue::WriteQueue;
use crate::store::write_status::Standing;
use std::io::ErrorKind;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

pub struct Storage {
    /// One of each for each loop.
    pub journals: Vec<Journal>,
    pub states: Vec<State>,
    /// If the store is on disk: the committer and its queue.
    pub keeper: Option<(Committer, Arc<WriteQueue>)>,
}

/// The collection of a new store for which none is named.
const DEFAULT_COLLECTION: &str = "tasks";

pub fn open(options: &ServeOptions, wake: Vec<Wake>) -> Result<Storage, CommandError> {
    let epoch = getrandom::u32()
        .map_err(|error| CommandError::Failed(format!("the epoch of the log cannot be drawn: {error}")))?;
    if options.memory { in_memory(options, epoch, wake) } else { on_disk(options, epoch, wake) }
}

/// Checks the imported file and the names of collections.
pub fn check(options: &ServeOptions) -> Result<(), CommandError> {
    initial_collections(options).map(|_| ())
}

/// Returns the collections of a new store: those of the file, then those of the command line.
fn initial_collections(options: &ServeOptions) -> Result<Vec<Stocked>, CommandError> {
    let mut collections = match &options.file {
        Some(file) => import_file::read(file, options.limits.item_bytes_max)?,
        None => Vec::new(),
    };
    let there = collections.iter().map(|collection| collection.name.clone()).collect();
    let names = names(there, &options.collections)?.split_off(collections.len());
    collections.extend(names.into_iter().map(Stocked::empty));
    Ok(collections)
}

fn in_memory(options: &ServeOptions, epoch: u32, wake: Vec<Wake>) -> Result<Storage, CommandError> {
    let stock = Stock::beginning(epoch, initial_collections(options)?);
    let (position, limits) = (stock.position, &options.limits);
    let state = State::stocked(stock, limits.item_bytes_max)
        .keeping(limits.history_changes_max, limits.history_bytes_max);
    let states = forks(state, wake.len());
    Ok(Storage { journals: journal::in_memory(position.seq, keys(options), wake), states, keeper: None })
}

fn on_disk(options: &ServeOptions, epoch: u32, wake: Vec<Wake>) -> Result<Storage, CommandError> {
    let (path, limits) = (options.data.clone(), &options.limits);
    let keeps = Keeps { changes_max: limits.history_changes_max, bytes_max: limits.history_bytes_max };
    let failed = |error: StoreError| CommandError::Failed(format!("the store {}: {error}", path.display()));
    let begin = if options.new_epoch { Epoch::Anew } else { Epoch::Begin };
    let watcher = progress::watcher(&path);
    let (mut disk, standing) = open_or_read_only(&path, begin(epoch), keeps, &watcher).map_err(failed)?;
    let there = disk.names().map_err(failed)?;
    let is_new = there.is_empty();
    if is_new {
        disk.fill(&Stock::beginning(disk.epoch(), initial_collections(options)?)).map_err(failed)?;
    } else {
        disk.declare(&names(there, &options.collections)?).map_err(failed)?;
    }
    let stock = disk.load(&*watcher).map_err(failed)?;
    if let Some(file) = &options.file {
        log_import(file, &path, is_new, stock.position);
    }
    let keys = keys(options);
    disk.age_keys(keys.now()).map_err(failed)?;
    let keys = keys.restocked(disk.load_keys().map_err(failed)?);
    drop(watcher);
    if let Sync::Interval(_) = options.sync {
        disk.may_lose().map_err(failed)?;
    }
    let position = stock.position;
    let state = State::stocked(stock, limits.item_bytes_max)
        .keeping(limits.history_changes_max, limits.history_bytes_max);
    state.board().set(standing);
    // The committer decides by the current state, and needs no history.
    let ahead = state.fork().keeping(0, 0);
    let log = Arc::new(SharedLog::new(position.seq, None, wake));
    let desk = Arc::new(WriteQueue::new(limits.store_waiting_bytes_max));
    let states = forks(state, log.readers());
    let journals = journal::kept(states.len(), log.clone(), &desk);
    let reopened = path.clone();
    let reopen = Box::new(move || OnDisk::open(&reopened, Epoch::GoOn, keeps, &silent()));
    let keeper = Committer::new(disk, reopen, ahead, keys, log, options.sync);
    Ok(Storage { journals, states, keeper: Some((keeper, desk)) })
}

/// Opens the store, or opens it read-only on a read-only file system. A new epoch must be written.
fn open_or_read_only(
    path: &Path,
    epoch: Epoch,
    keeps: Keeps,
    watcher: &Watcher,
) -> Result<(OnDisk, Standing), StoreError> {
    let error = match OnDisk::open(path, epoch, keeps, watcher) {
        Ok(disk) => return Ok((disk, Standing::Good)),
        Err(StoreError::Io(error)) if error.kind() == ErrorKind::ReadOnlyFilesystem => error,
        Err(error) => return Err(error),
    };
    if let Epoch::Anew(_) = epoch {
        return Err(StoreError::Io(error));
    }
    match OnDisk::open_read_only(path, epoch, keeps, watcher) {
        // Neither can be read.
        Err(StoreError::Io(_) | StoreError::Empty) => Err(StoreError::Io(error)),
        Err(other) => Err(other),
        Ok(disk) => {
            log::error!("writes are refused until the server is started anew: {}: {error}", path.display());
            Ok((disk, Standing::ReadOnly))
        }
    }
}

/// Logs whether the file was imported. A store that has collections already is kept as it is.
fn log_import(file: &Path, store: &Path, was_new: bool, position: Position) {
    let (file, store) = (file.display(), store.display());
    match was_new {
        true => log::info!("{} items of {file} are in {store} now", position.seq),
        false => log::info!("{store} has collections already: {file} was not imported again"),
    }
}

/// Returns an empty table of idempotency keys, with the current time.
fn keys(options: &ServeOptions) -> Keys {
    let bounds = idempotency_table::Bounds {
        time: options.timeouts.idempotency,
        keys_max: options.limits.idempotency_keys_max,
        bytes_max: options.limits.idempotency_bytes_max,
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Keys::new(bounds, now.map_or(0, |since| since.as_secs()))
}

fn silent() -> Watcher {
    Rc::new(|_| ())
}

/// Returns `count` states with the same content.
fn forks(state: State, count: usize) -> Vec<State> {
    let mut states: Vec<State> = (1..count).map(|_| state.fork()).collect();
    states.push(state);
    states
}

/// Returns the names of the collections in the store, and then those that the command line adds.
fn names(mut names: Vec<String>, declared: &[String]) -> Result<Vec<String>, CommandError> {
    let (there, mut named) = (names.clone(), Names::default());
    let there: Names = there.iter().map(String::as_str).collect();
    for name in declared {
        if !named.add(name.as_str()) {
            return Err(CommandError::Usage(format!("the collection {name} is named twice")));
        }
        if !there.contain(name) {
            names.push(name.clone());
        }
    }
    if names.is_empty() {
        names.push(DEFAULT_COLLECTION.to_owned());
    }
    if names.len() > COLLECTIONS_MAX {
        return Err(CommandError::Usage(format!("there are at most {COLLECTIONS_MAX} collections")));
    }
    if let Some(name) = names.iter().find(|name| routes::RESERVED.contains(&name.as_str())) {
        return Err(CommandError::Usage(format!("no collection can be called {name}: the name is reserved")));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::name_set::counted;

    #[test]
    fn every_collection_has_a_number_of_its_own() {
        let there: Vec<String> = (0..COLLECTIONS_MAX).map(|n| format!("c{n}")).collect();
        let again = counted::check(COLLECTIONS_MAX, || names(there.clone(), &there).unwrap());
        assert_eq!(again, there);
        let one_more = names(there, &["more".to_owned()]).unwrap_err();
        assert_eq!(one_more.to_string(), "there are at most 65536 collections");
    }
}
