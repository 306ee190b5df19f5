//! A row of the routing table, and the paths in it that are patterns.

use crate::api::outcome::Handler;
use crate::model::call::Method;

/// One method of one path.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub handler: Handler,
    /// A phrase for the descriptions that are made from the table.
    pub summary: &'static str,
}

pub const COLLECTION: &str = "/{collection}";
pub const ITEM: &str = "/{collection}/{id}";
pub const CHAPTER: &str = "/-/chapters/{name}";

/// The paths that only take a WebSocket handshake.
pub const SOCKETS: &[&str] = &["/ws", "/echo", "/rpc"];
