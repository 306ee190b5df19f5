//! bothways: the same JSON resources over REST and over one WebSocket, from one hand-written
//! event loop.
//!
//! The same question can come by two roads: as an HTTP request, or as a message on a WebSocket.
//! Inside it is the same value, a [`Call`](exchange::call::Call); what goes back is the same value,
//! an [`Answer`](exchange::call::Answer). Only the road itself knows which road was taken.
//!
//! This crate is a program first; the library is its rooms, made reachable for tests and fuzz
//! targets. `docs/architecture.md` is the map.

#![deny(unsafe_code)]

pub mod api;
pub mod cli;
pub mod client;
pub mod compare;
pub mod compression;
pub mod connection;
pub mod descriptors;
pub mod event_loop;
pub mod exchange;
pub mod failure;
pub mod fault;
pub mod http;
pub mod limits;
pub mod meter;
pub mod origins;
pub mod parsed;
pub mod refusal;
pub mod serve;
pub mod store;
pub mod supervision;
pub mod timeouts;
pub mod upkeep;
pub mod visitors;
pub mod websocket;
