//! What the loops begin with: journals and states, empty or from the store on disk.

use crate::api::routes;
use crate::config::COLLECTIONS_MAX;
use crate::error::CommandError;
use crate::model::change::Position;
use crate::serve::import_file;
use crate::serve::options::ServeOptions;
use crate::serve::progress;
use crate::store::commit_log::{SharedLog, Wake};
use crate::store::committer::{Keeper, Sync};
use crate::store::disk::change_rows::Keeps;
use crate::store::disk::durable_store::{Epoch, OnDisk, Watcher};
use crate::store::disk::store_error::StoreError;
use crate::store::idempotency_table::{self, Keys};
use crate::store::journal::{self, Journal};
use crate::store::name_set::Names;
use crate::store::snapshot::{Stock, Stocked};
use crate::store::state::State;
use crate::store::write_queue::Desk;
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
    /// Where the log is to last.
    pub keeper: Option<(Keeper, Arc<Desk>)>,
}

/// The collection there is where nobody names one.
const USUAL_COLLECTION: &str = "tasks";

pub fn open(options: &ServeOptions, wake: Vec<Wake>) -> Result<Storage, CommandError> {
    let epoch = getrandom::u32()
        .map_err(|error| CommandError::Failed(format!("the epoch of the log cannot be drawn: {error}")))?;
    if options.memory { in_memory(options, epoch, wake) } else { on_disk(options, epoch, wake) }
}

/// Could it begin with the file that is named?
pub fn check(options: &ServeOptions) -> Result<(), CommandError> {
    begin_with(options).map(|_| ())
}

/// What a store begins with that has nothing yet: the file's collections, then those of the command line.
fn begin_with(options: &ServeOptions) -> Result<Vec<Stocked>, CommandError> {
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
    let stock = Stock::beginning(epoch, begin_with(options)?);
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
    let (mut disk, standing) = open_or_look(&path, begin(epoch), keeps, &watcher).map_err(failed)?;
    let there = disk.names().map_err(failed)?;
    let is_new = there.is_empty();
    if is_new {
        disk.fill(&Stock::beginning(disk.epoch(), begin_with(options)?)).map_err(failed)?;
    } else {
        disk.declare(&names(there, &options.collections)?).map_err(failed)?;
    }
    let stock = disk.load(&*watcher).map_err(failed)?;
    if let Some(file) = &options.file {
        tell_of(file, &path, is_new, stock.position);
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
    // The keeper looks at what is there now, and has no use for what was.
    let ahead = state.fork().keeping(0, 0);
    let log = Arc::new(SharedLog::new(position.seq, None, wake));
    let desk = Arc::new(Desk::new(limits.store_waiting_bytes_max));
    let states = forks(state, log.readers());
    let journals = journal::kept(states.len(), log.clone(), &desk);
    let again = path.clone();
    let reopen = move || OnDisk::open(&again, Epoch::GoOn, keeps, &silent());
    let keeper = Keeper::new(disk, Box::new(reopen), ahead, keys, log, options.sync);
    Ok(Storage { journals, states, keeper: Some((keeper, desk)) })
}

/// Where nothing can be written there may be something to be read. A new epoch would have to be written.
fn open_or_look(
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
        // There is nothing to be read either.
        Err(StoreError::Io(_) | StoreError::Empty) => Err(StoreError::Io(error)),
        Err(other) => Err(other),
        Ok(disk) => {
            log::error!("writes are refused until the server is started anew: {}: {error}", path.display());
            Ok((disk, Standing::ReadOnly))
        }
    }
}

/// Says whether the file was imported. Who starts the server again wants what was stored since.
fn tell_of(file: &Path, store: &Path, was_new: bool, position: Position) {
    let (file, store) = (file.display(), store.display());
    match was_new {
        true => log::info!("{} items of {file} are in {store} now", position.seq),
        false => log::info!("{store} has collections already: {file} was not imported again"),
    }
}

/// None of them yet, at this second.
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

/// So many states with one content.
fn forks(state: State, count: usize) -> Vec<State> {
    let mut states: Vec<State> = (1..count).map(|_| state.fork()).collect();
    states.push(state);
    states
}

/// Those in the store, and those that the command line adds.
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
        names.push(USUAL_COLLECTION.to_owned());
    }
    if names.len() > COLLECTIONS_MAX {
        return Err(CommandError::Usage(format!("there are at most {COLLECTIONS_MAX} collections")));
    }
    let reserved = |name: &&String| routes::RESERVED.contains(&name.as_str());
    if let Some(name) = names.iter().find(reserved) {
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
