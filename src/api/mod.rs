//! What a call means. This room knows no protocol, no bytes on a wire, and no time.
//!
//! ```text
//!   Call ──▶ routes ──▶ handler(call, shelf) ──▶ Outcome: here is the answer
//!                                                       | please write this
//!                                                       | let us talk on
//! ```
//!
//! A handler is pure: it looks at the call and at what is true now, and says what should happen.
//! The event loop makes it happen. [`routes`] is the table, [`resources`] the handlers,
//! [`intake`] reads the body of a new item, [`page`] is what belongs to the pages,
//! [`clock`] is the source article's example.

pub mod clock;
pub mod intake;
pub mod outcome;
pub mod page;
pub mod resources;
pub mod routes;
