//! The state, and the order of its changes.
//!
//! ```text
//!   Write ──▶ journal: decided in order ──▶ committer: durable ──▶ Change ──▶ the state of every loop
//! ```
//!
//! A [`state`] is all collections at one position. The [`journal`] orders the changes. Each loop has a handle
//! to it and a state of its own, and applies what is committed before it handles a call. So a state needs no
//! lock, and every peer can rely on what another peer was answered.
//!
//! The [`idempotency_table`] remembers the results of POSTs with a key: a repeated one is answered again, and
//! changes nothing. Nothing in this module knows clients or subscribers.

pub mod collection;
pub mod commit_log;
pub mod committed;
pub mod committer;
pub mod disk;
pub mod history;
pub mod idempotency_table;
pub mod journal;
pub mod name_set;
pub mod snapshot;
pub mod state;
#[cfg(test)]
pub mod test_store;
pub mod write_queue;
pub mod write_status;
