//! Values that both transports share: a call is the same however it arrived.
//!
//! ```text
//!  HTTP request ────────┐                     ┌── HTTP response
//!                       ├─▶ Call ··· Answer ─▶┤
//!  WebSocket message ───┘                     └── WebSocket message
//! ```
//!
//! | values | modules |
//! | --- | --- |
//! | a call, its answer, its errors as RFC 9457 problem objects | [`call`], [`problem`] |
//! | a write request, the change that it became, and its position | [`change`], [`idempotency_key`] |
//! | one item as JSON text | [`record`] |
//! | calls, answers and notifications as JSON-RPC 2.0 text | [`json_rpc`], [`notification`] |
//! | JSON text, read without a tree | [`json_tokens`], [`raw_json`], [`json_object`], [`decimal`] |
//! | changes to JSON text | [`merge_patch`], [`json_patch`], [`json_pointer`] |
//!
//! The modules know the semantics of HTTP (RFC 9110), but no wire format.

pub mod call;
pub mod change;
pub mod decimal;
pub mod idempotency_key;
pub mod json_object;
pub mod json_patch;
pub mod json_pointer;
pub mod json_rpc;
pub mod json_tokens;
pub mod merge_patch;
pub mod notification;
pub mod problem;
pub mod raw_json;
pub mod record;
