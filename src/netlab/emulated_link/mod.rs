//! An emulated link with a delay and a bandwidth between client and server, on one machine.
//!
//! ```text
//!   client ──▶ ─── half a round trip, at the given bandwidth ───▶ ── server
//!          ◀── ◀── half a round trip, at the given bandwidth ────
//! ```
//!
//! - The tunnel delays every packet in a network namespace. Handshakes, slow start and acknowledgements are those of
//!   the kernel.
//! - The proxy delays bytes where no namespace is permitted. The kernel accepts a connection to the proxy at once, so
//!   the handshake and slow start are modelled.

pub mod link_model;
pub mod link_settings;
pub mod proxy;
#[cfg_attr(not(target_os = "linux"), path = "tunnel_other.rs")]
pub mod tunnel;
