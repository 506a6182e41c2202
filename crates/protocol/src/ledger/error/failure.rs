//! What the rules answer: errors of the network, or of the ledger's storage.

use super::{ErrorKind, ProtocolError};
use crate::receipt::ErrorReport;
use crate::refutation::GameError;
use soru_base::{DecodeError, IdFamily};
use soru_merkle::TreeError;
use thiserror::Error;

/// Errors, the outermost first.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace(pub Vec<ProtocolError>);

impl Trace {
    /// The outermost error.
    pub fn first(&self) -> Option<&ProtocolError> {
        self.0.first()
    }

    /// The network's forms.
    pub fn reports(&self, family: IdFamily) -> Vec<ErrorReport> {
        self.0.iter().map(|e| e.report(family)).collect()
    }
}

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if i > 0 { ": " } else { "" })?;
        }
        Ok(())
    }
}

/// Why an operation cannot be in a block at all.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{trace}")]
pub struct Refused {
    /// Why.
    pub trace: Trace,
}

impl Refused {
    /// Whether it may be included later, on another branch, or never: that of the outermost error.
    pub fn kind(&self) -> ErrorKind {
        self.trace.first().map_or(ErrorKind::Permanent, ProtocolError::kind)
    }
}

/// Why the ledger could not be read.
#[derive(Debug, Error)]
pub enum StorageError {
    /// The tree could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// What is there is not what should be.
    #[error("the ledger holds something unexpected at {path}: {reason}")]
    Corrupt {
        /// Where.
        path: String,
        /// What is wrong.
        reason: DecodeError,
    },
    /// Something that must be there is not.
    #[error("the ledger lacks {0}")]
    Missing(String),
}

/// Why an operation was not applied.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// It cannot be in a block at all.
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    /// The ledger could not be read: nothing is known about the operation.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What the rules work with: an error of the network, or of the ledger's storage.
#[derive(Debug)]
pub(crate) enum Failure {
    Rule(Trace),
    Storage(StorageError),
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// The same failure, told from further out.
    pub(crate) fn within(self, error: ProtocolError) -> Self {
        match self {
            Self::Rule(mut trace) => {
                trace.0.insert(0, error);
                Self::Rule(trace)
            }
            storage => storage,
        }
    }
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        Self::Rule(Trace(vec![error]))
    }
}

impl From<GameError> for Failure {
    fn from(error: GameError) -> Self {
        ProtocolError::from(error).into()
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<TreeError> for Failure {
    fn from(error: TreeError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<Failure> for ApplyError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rule(trace) => Self::Refused(Refused { trace }),
            Failure::Storage(error) => Self::Storage(error),
        }
    }
}
