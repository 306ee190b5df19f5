//! What both roads share: the values that a call is made of, however it came.
//!
//! ```text
//!  an HTTP request ──┐                     ┌── an HTTP response
//!                    ├─▶ Call ··· Answer ─▶┤
//!  a socket message ─┘                     └── a socket message
//! ```
//!
//! Nothing in this room knows that HTTP or WebSocket exist. [`call`] is the question and the
//! answer, [`change`] is what a call does to the resources and the position at which it did it,
//! [`idempotency`] the key by which it is known again, [`record`] is one item, [`object`], [`merge_patch`] and [`json_patch`] take its text apart and put
//! it together, [`parts`] and [`number`] look into it where it stands, [`envelope`] is a call or an
//! answer as JSON-RPC text, [`notice`] what is told to those who follow, and [`problem`] is a refusal as
//! RFC 9457 text. [`representation`], [`html`] and [`xml`] show values in other ways than as JSON, with the
//! help of [`tokens`] and [`escape`].

pub mod call;
pub mod change;
pub mod decimal;
pub mod idempotency_key;
pub mod json_object;
pub mod json_patch;
pub mod json_rpc;
pub mod json_tokens;
pub mod merge_patch;
pub mod notification;
pub mod problem;
pub mod raw_json;
pub mod record;
