//! WebSocket on paper: bytes to values and back (RFC 6455).

pub mod handshake;
