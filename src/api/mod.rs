//! What a call means. This room knows no protocol, no bytes on a wire, and no time.
//!
//! ```text
//!   Call ──▶ routes ──▶ handler(call, state) ──▶ Outcome: here is the answer
//!                                                       | please write this
//!                                                       | let us talk on
//! ```
//!
//! A handler is pure: it looks at the call and at what is true now, and says what should happen.
//! The event loop makes it happen. [`routes`] is the table, [`resources`] the handlers,
//! [`intake`] reads the body of a new item, [`import`] a whole file of them, [`query`] and [`selection`] are what is asked of a list and
//! what is left of it, [`changes`] and [`feed`] are for those who follow, [`page`] is what belongs to the
//! pages, [`chapters`] are the documents, [`description`] says all this to other programs, [`clock`] is the source article's example.

pub mod clock;
pub mod description;
pub mod import;
pub mod new_item;
pub mod outcome;
pub mod query;
pub mod resources;
pub mod routes;
pub mod selection;
pub mod subscribe;
