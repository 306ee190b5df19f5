//! The client side of both transports: the commands `call`, `watch` and `export`, and the connections of
//! `compare`.
//!
//! One call, over the transport that the URL names. What is requested and what is printed are the same:
//!
//! ```text
//! bothways call PUT http://127.0.0.1:8080/tasks/1 '"Buy milk"'
//!
//!   call ── over_http ────── ClientConnection ───── PUT /tasks/1 HTTP/1.1 … ───▶
//!                            ClientConnection ◀──── HTTP/1.1 200 OK … ──────────
//!
//! bothways call PUT ws://127.0.0.1:8080/tasks/1 '"Buy milk"'
//!
//!   call ── over_websocket ─ handshake ──────────── GET /rpc, Upgrade: websocket ▶
//!                            handshake ◀─────────── 101 ────────────────────────
//!                            WebSocketConnection ── {…"method":"put"…} ─────────▶
//!                            WebSocketConnection ◀─ {…"result":{"status":200…}} ─
//! ```
//!
//! All that changes, until interrupted; over either transport, and again after a connection is lost:
//!
//! ```text
//! $ bothways watch ws://127.0.0.1:8080/ws
//! Connected!
//! Received: The time is: 12:00:00
//!
//!   watch ◀─ WatchEvent ── watch_event ── WebSocketConnection    GET /tasks?since=…, Upgrade: websocket
//!     └───── resume_point ──▶          or EventStreamConnection  GET /tasks, Last-Event-ID: …
//! ```
//!
//! `export` reads all collections of a server with [`download`].
//!
//! A client may wait, so this module blocks on a socket. The bytes are read and written by
//! [`http`](crate::http) and [`websocket`](crate::websocket), as in the server, seen from the other end. Whoever
//! measures observes each byte with its purpose, through [`byte_observer`]. Not supported: TLS, redirects, proxies,
//! cookies, and a connection that serves two calls of the command line.

pub mod backoff;
pub mod byte_observer;
pub mod call;
pub mod call_request;
pub mod client_connection;
pub mod download;
pub mod event_stream;
pub mod event_stream_connection;
pub mod fields;
pub mod handshake;
pub mod limits;
pub mod over_http;
pub mod over_websocket;
pub mod resume_point;
pub mod rpc_request;
#[cfg(test)]
pub mod test_server;
pub mod transport;
pub mod url;
pub mod watch;
pub mod watch_event;
pub mod websocket;
