//! What can go wrong when a tree is read.

use soru_base::ContextHash;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// Why a part of a tree is not in memory and cannot be brought there.
#[derive(Debug, Clone, Error)]
pub enum LoadError {
    /// A proof holds only the hash of this part.
    #[error("only the hash is known here ({hash}): this part of the tree is blinded")]
    Blinded {
        /// Hash of what is not there.
        hash: ContextHash,
    },
    /// The store has no node of that id: it was forgotten, and the garbage collector took it.
    #[error("the store has no node {id}: it was garbage-collected")]
    Missing {
        /// Id in the store.
        id: u64,
    },
    /// A stored node is not what its hash says, or cannot be decoded.
    #[error("node {id} of the store is corrupt: {reason}")]
    Corrupt {
        /// Id in the store.
        id: u64,
        /// What was found.
        reason: String,
    },
    /// The list of counts that are not yet in their table is not what was written.
    #[error("the counts of references of the store are corrupt: {0}")]
    Counts(String),
    /// The trie of a directory is not one that the names in it can have.
    #[error("the directory is malformed: {0}")]
    Malformed(&'static str),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(Arc<redb::Error>),
}

/// Why an operation on a tree failed, and where.
#[derive(Debug, Clone, Error)]
#[error("at {}: {cause}", Shown(path))]
pub struct TreeError {
    /// The path asked for, from the root of the tree.
    pub path: Vec<Vec<u8>>,
    /// What happened.
    #[source]
    pub cause: LoadError,
}

impl TreeError {
    /// Whether the cause is that a proof does not hold what was read.
    pub fn is_blinded(&self) -> bool {
        matches!(self.cause, LoadError::Blinded { .. })
    }
}

/// A path as text; bytes that are no printable ASCII are escaped.
struct Shown<'a>(&'a [Vec<u8>]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        for step in self.0 {
            write!(f, "/{}", step.escape_ascii())?;
        }
        Ok(())
    }
}
