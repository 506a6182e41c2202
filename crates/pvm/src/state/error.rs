//! What can be wrong with the tree of a state.

use soru_merkle::TreeError;
use std::fmt;
use thiserror::Error;

/// A state cannot be read.
#[derive(Debug, Clone, Error)]
pub enum StateError {
    /// The tree cannot be read here.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Something is not there that has to be.
    #[error("the state has nothing at {path}")]
    Missing {
        /// Where, from the container that was read.
        path: String,
    },
    /// The machine has no next state: it is given an answer that it cannot take.
    #[error("the machine has no next state: {reason}")]
    NoNextState {
        /// Why.
        reason: String,
    },
    /// There is more of something than is kept in memory.
    #[error("the state is too large to be kept: {what}")]
    TooLarge {
        /// Of what, and how many.
        what: String,
    },
    /// Something is there that no state has.
    #[error("the state is malformed at {path}: {reason}")]
    Malformed {
        /// Where, from the container that was read.
        path: String,
        /// What was found.
        reason: String,
    },
}

impl StateError {
    pub(crate) fn missing(path: &[&str]) -> Self {
        Self::Missing { path: shown(path) }
    }

    pub(crate) fn malformed(path: &[&str], reason: impl fmt::Display) -> Self {
        Self::Malformed { path: shown(path), reason: reason.to_string() }
    }

    /// The same, seen from a container of the one that was read.
    pub(crate) fn below(self, parent: &[&str]) -> Self {
        match self {
            Self::Missing { path } => Self::Missing { path: joined(parent, &path) },
            Self::Malformed { path, reason } => Self::Malformed { path: joined(parent, &path), reason },
            other => other,
        }
    }

    /// Whether the cause is that a proof does not hold what was read.
    pub fn is_blinded(&self) -> bool {
        matches!(self, Self::Tree(error) if error.is_blinded())
    }
}

fn joined(parent: &[&str], path: &str) -> String {
    format!("{}{}", shown(parent), if path == "/" { "" } else { path })
}

fn shown(path: &[&str]) -> String {
    format!("/{}", path.join("/"))
}
