use soru_base::{Level, StateHash, Tick};
use soru_protocol::refutation::{GameError, ProveError};
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
    /// The levels, or the states after them, are not those of one period.
    #[error("level {level} of the period: {reason}")]
    Period {
        /// The level.
        level: Level,
        /// What is wrong.
        reason: String,
    },
    /// Two ways to one state lead to two states. One of them is wrong, and commitments may be: somebody has to look.
    #[error(
        "THE MACHINE CONTRADICTS ITSELF at tick {tick}, in level {level}: {one_way} says {}, {other_way} says {}; \
         do not publish before this is understood",
        shown(one),
        shown(other)
    )]
    Contradiction {
        /// Ticks since the machine was made.
        tick: Tick,
        /// The level.
        level: Level,
        /// A way to the state.
        one_way: &'static str,
        /// Where it leads; nothing if it does not get there.
        one: Option<StateHash>,
        /// Another way.
        other_way: &'static str,
        /// Where that leads.
        other: Option<StateHash>,
    },
    /// There is no proof.
    #[error("no proof: {0}")]
    Proof(String),
    /// The tick cannot be proved.
    #[error("no proof: {0}")]
    Unprovable(#[from] ProveError),
    /// The game is about another period: it does not begin with the state that is known to be true.
    #[error(
        "the game begins with the state {found:?} at tick {tick}, where this period has {expected:?}: it is about another one"
    )]
    OtherPeriod {
        /// Tick of the game.
        tick: Tick,
        /// The true state there.
        expected: Option<StateHash>,
        /// The agreed one.
        found: Option<StateHash>,
    },
    /// The opponent claims what is true: what this player has claimed before is not.
    #[error(
        "everything that the opponent claims up to tick {tick} is true: no honest move can win this game"
    )]
    NothingWrong {
        /// Last tick of the claims.
        tick: Tick,
    },
    /// The move that follows from the truth is one that the rules refuse.
    #[error("the rules refuse the honest move: {0}")]
    Refused(#[source] GameError),
}

fn shown(state: &Option<StateHash>) -> String {
    state.map_or("that there is no state".to_owned(), |state| format!("{state:?}"))
}
