//! Why a store cannot be opened, read, or written.

use crate::store::disk::tables::FORMAT;
use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};
use std::{fmt, io};

/// Why a store cannot be opened, read, or written.
#[derive(Debug)]
pub enum StoreError {
    InUse,
    Empty,
    /// Something else has its name: a directory, a device, a pipe.
    NoFile(&'static str),
    /// It is no store, or no longer.
    Damaged(String),
    /// Made by a later version of this program.
    Format(u64),
    Io(io::Error),
}

pub fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged(what.into())
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> StoreError {
        match error {
            redb::Error::DatabaseAlreadyOpen => StoreError::InUse,
            // The disk is well: it is what the library read there.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                StoreError::Damaged(error.to_string())
            }
            redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                damaged("it ends before it should")
            }
            redb::Error::Io(error) => StoreError::Io(error),
            redb::Error::Corrupted(why) => StoreError::Damaged(why),
            redb::Error::UpgradeRequired(_) => {
                StoreError::Damaged("the file has the format of another version of redb".into())
            }
            other => StoreError::Damaged(other.to_string()),
        }
    }
}

/// The library has an error for each of its calls, and one that is any of them.
macro_rules! through_the_common_one {
    ($($error:ty),*) => {
        $(impl From<$error> for StoreError {
            fn from(error: $error) -> StoreError {
                redb::Error::from(error).into()
            }
        })*
    };
}

through_the_common_one!(CommitError, DatabaseError, StorageError, TableError, TransactionError);

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> StoreError {
        StoreError::Io(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::InUse => f.write_str("another process has it open"),
            StoreError::Empty => f.write_str("it is empty"),
            StoreError::NoFile(what) => write!(f, "it is {what}, and a store is a file"),
            StoreError::Damaged(what) => write!(f, "it is damaged, or no store: {what}"),
            StoreError::Format(format) => {
                write!(f, "it has format {format}, and this program knows {FORMAT} only")
            }
            StoreError::Io(error) => error.fmt(f),
        }
    }
}
