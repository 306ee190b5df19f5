//! The tables of a store. `docs/reference/store.md` shows them to whoever reads the file.

use redb::TableDefinition;

/// What is said of the whole: `format`, `epoch`, and `lossy`, which is 1 while answers are given before
/// their changes are safe. The seq of the last change is that of the collection that changed last: a
/// commit touches no page that it need not.
pub const ABOUT: TableDefinition<&str, u64> = TableDefinition::new("about");
/// By number: name, seq of its last change, counter, largest number chosen as an id.
pub const COLLECTIONS: TableDefinition<u16, (&str, u64, u64, u64)> = TableDefinition::new("collections");
/// By number of the collection, and id: seq of its creation, seq of its last change, JSON.
pub const ITEMS: TableDefinition<(u16, &str), (u64, u64, &str)> = TableDefinition::new("items");
/// By seq of the first: changes that were committed together.
pub const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");
/// By seq of the change: collection, second, whether the id was chosen, key, and JSON of what was created.
pub const KEYS: TableDefinition<u64, (u16, u64, bool, &str, &str)> = TableDefinition::new("keys");

/// What this program writes, and the only one that it reads.
pub const FORMAT: u64 = 1;
