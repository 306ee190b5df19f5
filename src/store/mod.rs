//! What is true, and in which order it became so.
//!
//! ```text
//!   Write ──▶ journal: decided in order, one after the other ──▶ Change ──▶ every loop's state
//! ```
//!
//! A [`state`] is all collections at one position. The [`journal`] is the order of
//! changes; each event loop holds a handle to it and a state of its own, and applies to the state
//! what has been settled. A state needs no lock, and what one peer has been answered, every other
//! peer may rely on, because a loop catches up before it takes up a call.
//!
//! What is to be done once has a key, and [`keys`] knows what came of it: whoever asks again is answered again,
//! and nothing changes.
//!
//! Nothing in this room knows who asks and who listens.

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
