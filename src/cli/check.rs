//! `bothways check [PATH]`: is a store whole?

use crate::cli::args;
use crate::error::CommandError;
use crate::store::disk::durable_store::{OnDisk, no_progress};
use crate::store::disk::integrity;
use crate::store::disk::store_error::StoreError;
use std::io::{self, Write};

/// Faults that are named. Where there are more, somebody has to look at the file anyway.
const NAMED_MAX: usize = 10;

/// Prints one line that says what is in it, or fails with what is wrong.
pub fn run(check: &args::CheckArgs) -> Result<(), CommandError> {
    let path = check.path.display();
    let failed = |error: StoreError| CommandError::Failed(format!("the store {path}: {error}"));
    let (store, stock) = OnDisk::inspect(&check.path, &no_progress()).map_err(failed)?;
    let faults = integrity::faults(&stock);
    if !faults.is_empty() {
        let mut lines: Vec<String> =
            faults.iter().take(NAMED_MAX).map(|fault| format!("the store {path}: {fault}")).collect();
        if faults.len() > NAMED_MAX {
            lines.push(format!("the store {path}: and {} more", faults.len() - NAMED_MAX));
        }
        return Err(CommandError::Failed(lines.join("\n")));
    }
    let lacking = match store.may_lack_changes().map_err(failed)? {
        true => ", but it was not closed, and may lack its last changes",
        false => "",
    };
    let items = stock.collections.iter().map(|collection| collection.items.len()).sum();
    let line = format!(
        "{path}: {}, {}, {} kept, at {}: whole{lacking}",
        counted(stock.collections.len(), "collection"),
        counted(items, "item"),
        counted(stock.changes.len(), "change"),
        stock.position
    );
    let told = writeln!(io::stdout(), "{line}").map_err(CommandError::Output);
    CommandError::ignore_broken_pipe(told)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
