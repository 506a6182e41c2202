//! What can go wrong with the chain itself.

use std::path::PathBuf;
use thiserror::Error;

/// What can go wrong with the chain itself.
#[derive(Debug, Error)]
pub enum ChainError {
    /// Another sandbox uses the directory.
    #[error("{path} is in use: another sandbox runs on it; stop it, or choose another directory")]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The directory or its database cannot be opened.
    #[error("cannot open {path}: {reason}")]
    Open {
        /// The database.
        path: PathBuf,
        /// What the system or the database says.
        reason: String,
    },
    /// The chain was made with other constants.
    #[error(
        "the chain in {path} was made with {name} = {stored}, and the sandbox is started with {asked}: \
         start it as it was, or in another directory"
    )]
    OtherNetwork {
        /// The database.
        path: PathBuf,
        /// The constant that differs.
        name: String,
        /// Its value in the chain.
        stored: String,
        /// Its value now.
        asked: String,
    },
    /// The database fails.
    #[error("the database of the chain fails: {0}")]
    Database(
        /// What it says.
        String,
    ),
    /// What is stored is no chain.
    #[error("what is stored is no chain: {0}")]
    Corrupt(
        /// What was found, and where.
        String,
    ),
    /// The ledger of an old block was let go.
    #[error("the ledger of the block at level {level} was let go: only the last {kept} are kept")]
    NoLedger {
        /// The block's level.
        level: u32,
        /// How many are kept.
        kept: u32,
    },
    /// A reorganisation that makes no sense.
    #[error("no such reorganisation: {0}")]
    Reorganisation(
        /// What was asked for and what there is.
        String,
    ),
    /// The protocol cannot finish a block.
    #[error("no block can be made: {0}")]
    Block(
        /// What it says.
        String,
    ),
    /// The sandbox is stopping.
    #[error("the sandbox is stopping")]
    Stopping,
    /// A bug.
    #[error("a bug in the sandbox: {0}")]
    Panicked(
        /// The text of the panic.
        String,
    ),
}

impl ChainError {
    pub(crate) fn database(reason: impl Into<redb::Error>) -> Self {
        Self::Database(reason.into().to_string())
    }
}

impl From<soru_protocol::ledger::StorageError> for ChainError {
    fn from(error: soru_protocol::ledger::StorageError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<soru_merkle::StoreError> for ChainError {
    fn from(error: soru_merkle::StoreError) -> Self {
        Self::Database(error.to_string())
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for ChainError {
            fn from(error: $error) -> Self {
                Self::database(error)
            }
        }
    )*};
}

from_redb!(redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError);
