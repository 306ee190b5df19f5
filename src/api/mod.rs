//! What a call means, whichever transport it came over. No protocol, no bytes on the wire and no time is
//! known here.
//!
//! ```text
//!   Call ──▶ routes::dispatch ──▶ handler(call, resource, context) ──▶ Outcome: an answer,
//!                                                                     a write, an upgrade,
//!                                                                     a subscription or a long poll
//! ```
//!
//! A handler is pure: it reads the call and the [state](read_context), and returns an [`outcome`]. The server
//! loop acts on it. [`routes`] is the table. [`resources`], [`subscribe`], [`pages`] and [`description`] have
//! the handlers. [`new_item`], [`query`] and [`selection`] read what a call contains. [`import`] reads a whole
//! file of collections, and [`clock`] is an example of the source article.

pub mod clock;
pub mod description;
pub mod import;
pub mod new_item;
pub mod outcome;
pub mod pages;
pub mod query;
pub mod read_context;
pub mod resources;
pub mod route;
pub mod routes;
pub mod selection;
pub mod subscribe;
pub mod topic;
