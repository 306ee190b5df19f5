//! The commands `check` and `export`: a store is looked at, and nobody serves it meanwhile.
//!
//! ```text
//!   bothways.redb ── read, never written ─▶ Stock ─┬─▶ check: does all of it agree?
//!                                                  └─▶ export ─▶ {"posts": [
//!   http://… ── GET /, then GET /posts ────────────────▶         {"id":"1",…},
//! ```

pub mod check;
pub mod export;

use crate::store::on_disk::Watcher;
use std::rc::Rc;

/// Nobody is told how far it has come: standard error is for what is wrong.
fn silent() -> Watcher {
    Rc::new(|_| ())
}
