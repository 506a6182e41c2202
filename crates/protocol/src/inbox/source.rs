use super::{HistoryCell, SerializedMessage};
use soru_base::Level;
use thiserror::Error;

/// Part of the inbox that a prover needs is not there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} of level {level}: {reason}")]
pub struct NotKeptError {
    /// What was asked for.
    pub what: &'static str,
    /// Its level.
    pub level: Level,
    /// Why it is not there.
    pub reason: String,
}

/// Where a prover finds the inbox of a chain, level by level.
pub trait InboxSource {
    /// The cell of a level in the skip list over the levels.
    fn cell(&self, level: Level) -> Result<HistoryCell, NotKeptError>;

    /// The messages of a level in order, the protocol's included.
    fn messages(&self, level: Level) -> Result<Vec<SerializedMessage>, NotKeptError>;
}
