//! The commands `call` and `watch`: a small client on a blocking socket.
//!
//! One call, by either road. The URL says which; what is asked and what is printed are the same:
//!
//! ```text
//! bothways call PUT http://127.0.0.1:8080/tasks/1 '"Buy milk"'
//!
//!   call -- over_http ----- stream ------ PUT /tasks/1 HTTP/1.1 … ------>
//!                           response <--- HTTP/1.1 200 OK … -------------
//!
//! bothways call PUT ws://127.0.0.1:8080/tasks/1 '"Buy milk"'
//!
//!   call -- over_socket --- opening ----- GET /rpc, Upgrade: websocket ->
//!                           opening <---- 101 ---------------------------
//!                           socket ------ {…"method":"put"…} ----------->
//!                           socket <----- {…"result":{"status":200…}} ---
//! ```
//!
//! And whatever comes, until interrupted; again by either road, and again when a connection is lost:
//!
//! ```text
//! $ bothways watch ws://127.0.0.1:8080/ws
//! Connected!
//! Received: The time is: 12:00:00
//!
//!   watch <─ news ── road -- opening, socket --- GET /tasks?since=…, Upgrade: websocket
//!     └──── place ──↗   or response, events --- GET /tasks, Last-Event-ID: …
//! ```
//!
//! `export` asks a server for all that it has with [`download`].
//!
//! A client may wait, so this room may hold a socket and block on it; what the bytes mean is said by
//! [`http`](crate::http) and [`websocket`](crate::websocket), the same readers and writers that the
//! server uses, seen from the other end. Absent on purpose: TLS, redirects, proxies, cookies, and
//! using a connection twice.

pub mod backoff;
pub mod buffered_stream;
pub mod call;
pub mod download;
pub mod event_stream;
pub mod fields;
pub mod handshake;
pub mod limits;
pub mod over_http;
pub mod over_websocket;
pub mod response;
pub mod resume_point;
pub mod rpc_request;
#[cfg(test)]
mod test_server;
pub mod transport;
pub mod url;
pub mod watch;
pub mod websocket;
