//! bothways: the same JSON resources over REST and over one WebSocket, from one hand-written event loop.
//!
//! A call can arrive over two transports: as an HTTP request, or as a JSON-RPC message on a WebSocket. Inside the server
//! both are the same value, a [`Call`](model::call::Call), and the result is the same value, an
//! [`Answer`](model::call::Answer). Only transport code knows which one was used.
//!
//! This crate is a program first. The library exists for its tests and fuzz targets. `docs/architecture.md` describes the
//! modules.

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
