//! Whether writes are taken: known to all loops, and told by `/readyz`.

use crate::error::ApiError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// One keeper sets it, everybody looks at it.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<AtomicU8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Standing {
    /// Writes are taken.
    Good,
    /// There is no room on the disk. That can change.
    Full,
    /// The disk has failed. Until the server is started anew, nothing more is stored.
    Failed,
    /// It could not be written from the start. Nor can it be until the server is started anew.
    ReadOnly,
}

impl Board {
    pub fn set(&self, standing: Standing) {
        self.0.store(standing as u8, Ordering::Relaxed);
    }

    pub fn get(&self) -> Standing {
        match self.0.load(Ordering::Relaxed) {
            0 => Standing::Good,
            1 => Standing::Full,
            3 => Standing::ReadOnly,
            _ => Standing::Failed,
        }
    }
}

impl Standing {
    /// What a write is told that comes now.
    pub fn refusal(self) -> Option<ApiError> {
        match self {
            Standing::Good => None,
            Standing::Full => Some(ApiError::StoreFull),
            Standing::Failed => Some(ApiError::StoreFailed),
            Standing::ReadOnly => Some(ApiError::StoreReadOnly),
        }
    }
}
