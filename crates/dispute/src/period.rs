use soru_base::{Level, Tick};
use soru_merkle::Tree;
use soru_protocol::inbox::SerializedMessage;
use soru_pvm::reveal::Metadata;

/// A state and the ticks of the machine up to it.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The state.
    pub state: Tree,
    /// Ticks since the machine was made.
    pub tick: Tick,
}

/// A level of a period.
#[derive(Debug, Clone)]
pub struct PeriodLevel {
    /// The level.
    pub level: Level,
    /// Its messages, the protocol's included: message `i` has the counter `i`.
    pub messages: Vec<SerializedMessage>,
    /// The state after it, if it is known.
    pub after: Option<Checkpoint>,
}

/// A commitment period: where it began and what was read in it.
#[derive(Debug, Clone)]
pub struct Period {
    /// The rollup.
    pub metadata: Metadata,
    /// The state of the parent commitment.
    pub begin: Checkpoint,
    /// The levels in order, without a gap; the last one is that of the disputed commitment.
    pub levels: Vec<PeriodLevel>,
}
