//! bothways: the same JSON resources over REST and over one WebSocket, from one hand-written
//! event loop.
//!
//! The same question can come by two roads: as an HTTP request, or as a message on a WebSocket.
//! Inside it is the same value, a [`Call`](model::call::Call); what goes back is the same value,
//! an [`Answer`](model::call::Answer). Only the road itself knows which road was taken.
//!
//! This crate is a program first; the library is its rooms, made reachable for tests and fuzz
//! targets. `docs/architecture.md` is the map.

#![deny(unsafe_code)]

pub mod api;
pub mod cli;
pub mod client;
pub mod compare;
pub mod config;
pub mod connection;
pub mod error;
pub mod http;
pub mod metrics;
pub mod model;
pub mod netlab;
pub mod pubsub;
pub mod reactor;
pub mod render;
pub mod serve;
pub mod server;
pub mod site;
pub mod store;
pub mod websocket;
