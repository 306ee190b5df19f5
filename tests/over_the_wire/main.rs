//! Everything that is promised to those outside, shown through real sockets.
//!
//! Each test starts the program with flags of its own on a free port of the loopback, speaks with
//! it byte by byte, and ends it. Nothing is shared, nothing sleeps to be in time: a test waits for
//! what it expects, and fails when that does not come.

mod attacks;
mod bounds;
mod calls;
mod canned_server;
mod checker;
mod claims;
mod codings;
mod commands;
mod compare;
mod compare_times;
mod compression;
mod counters;
mod disks;
mod distances;
mod following;
mod following_costs;
mod foreign;
mod handshakes;
mod hostile;
mod idempotency;
mod interrupts;
mod killed;
mod life;
mod messages;
mod metrics;
mod origins;
mod pages;
mod patches;
mod peer;
mod queries;
mod representations;
mod requests;
mod semantics;
mod server;
mod sockets;
mod storage;
mod strangers;
mod suites;
mod supervision;
mod system_calls;
