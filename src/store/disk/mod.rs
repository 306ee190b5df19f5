//! The store on disk: all collections and the retained changes in one file of redb.
//!
//! [`durable_store`] opens the file, [`load`] reads it and [`commit`] writes batches of changes.
//! [`disk_state`] decides what happens when it cannot be written.

pub mod change_rows;
pub mod commit;
pub mod disk_state;
pub mod durable_store;
pub mod fail_stop_file;
#[cfg(test)]
pub mod fault_injection;
pub mod integrity;
pub mod load;
pub mod overlay_file;
pub mod store_error;
pub mod tables;
