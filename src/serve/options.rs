//! What the command line decides about `serve`.

use crate::config::{AllowedOrigins, CompressionConfig, Limits, Timeouts};
use crate::model::record::is_id;
use crate::store::committer::Sync;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How the server stores, listens and limits.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// A json-server style file that a new store begins with; `-` is standard input.
    pub file: Option<PathBuf>,
    /// Addresses to bind, besides inherited sockets. If both are missing, the default address is bound.
    pub listen: Vec<SocketAddr>,
    /// Collections besides those in the store.
    pub collections: Vec<String>,
    /// The file of the store.
    pub data: PathBuf,
    /// Whether earlier positions become invalid.
    pub new_epoch: bool,
    /// Whether everything stays in memory, and `data` is not opened.
    pub memory: bool,
    pub sync: Sync,
    /// Number of event loops; by default one for each core.
    pub loops: Option<u16>,
    /// SO_SNDBUF of accepted sockets.
    pub send_buffer_bytes: Option<u32>,
    /// TCP_CONGESTION of accepted sockets.
    pub congestion: Option<String>,
    /// TCP_DEFER_ACCEPT, in seconds.
    pub defer_accept: Option<u16>,
    /// Whether to check options, addresses and `file`, and exit.
    pub check: bool,
    pub limits: Limits,
    pub timeouts: Timeouts,
    pub compression: CompressionConfig,
    pub origins: AllowedOrigins,
}

/// Parses the name of a collection.
///
/// # Errors
///
/// A sentence with the rule, if the name is not an id.
pub fn collection_name(name: &str) -> Result<String, String> {
    if !is_id(name) {
        return Err("a collection's name is 1 to 64 of A-Z a-z 0-9 . _ ~ -".to_owned());
    }
    Ok(name.to_owned())
}
