use soru_base::Level;
use soru_pvm::level::LevelError;
use soru_pvm::state::StateError;
use thiserror::Error;

/// Why a player does not know what to do.
#[derive(Debug, Clone, Error)]
pub enum DisputeError {
    /// A level could not be evaluated again.
    #[error("level {level}: {error}")]
    Level {
        /// The level.
        level: Level,
        /// Why.
        #[source]
        error: LevelError,
    },
    /// A state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// Something that was stored is missing.
    #[error("{0}")]
    Missing(String),
    /// There is no proof.
    #[error("no proof: {0}")]
    Proof(String),
}
