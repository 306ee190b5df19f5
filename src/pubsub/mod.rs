//! Publish/subscribe: a client subscribes to a topic, and is sent every change of it.
//!
//! ```text
//!   committed change ──▶ Topics::matching ──▶ channel ──▶ encoded once ──▶ live subscribers
//!                                                                              │ one does not read
//!   subscribe ──▶ Cursor::NeedsSnapshot ──▶ snapshot ──▶ Cursor::Live ◀──┐     ▼
//!                                                                replay ─┴─ Cursor::At(seq)
//! ```
//!
//! It reaches peers through the trait [`PeerTable`](peer_table::PeerTable), and knows neither sockets nor the turn.

pub mod catch_up;
pub mod delivery_mode;
pub mod peer_subscriptions;
pub mod peer_table;
pub mod subscribers;
pub mod topics;
