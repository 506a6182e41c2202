//! Why a run goes no further, or cannot be shown.

use crate::run::RunnerError;
use crate::state::StateError;
use crate::step_proof::StepError;
use std::fmt;
use thiserror::Error;

/// Why a run goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The machine needs a message, and there is none left.
    NoMessage,
    /// It needs an answer to a reveal, and there is none.
    NoAnswer {
        /// The request.
        request: Vec<u8>,
        /// Why there is none.
        reason: String,
    },
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMessage => f.write_str("the machine needs a message, and none is left"),
            Self::NoAnswer { request, reason } => {
                write!(
                    f,
                    "the machine needs an answer to the reveal {}, and there is none: {reason}",
                    hex::encode(request)
                )
            }
        }
    }
}

/// Why a state of a run cannot be shown.
#[derive(Debug, Clone, Error)]
pub enum TraceError {
    /// The run ends before.
    #[error("tick {wanted} is not reached: the run ends at tick {tick}: {end}")]
    Beyond {
        /// The tick asked for.
        wanted: u64,
        /// The last one.
        tick: u64,
        /// Why it is the last one.
        end: End,
    },
    /// The run is further on: it does not go back.
    #[error("tick {wanted} comes after tick {tick}: ticks have to be in order")]
    Past {
        /// The tick asked for.
        wanted: u64,
        /// Where the run is.
        tick: u64,
    },
    /// There is no proof of a tick that cannot be made.
    #[error("there is no proof of tick {tick}: {end}")]
    NoProof {
        /// The tick of the state.
        tick: u64,
        /// What is missing.
        end: End,
    },
    /// A state of the run cannot be read or written, or has no next one.
    #[error("after tick {tick}: {error}")]
    State {
        /// The last tick known to be good.
        tick: u64,
        /// Why.
        #[source]
        error: StateError,
    },
    /// The engine cannot go through a run.
    #[error("after tick {tick}: {error}")]
    Engine {
        /// Where the run was.
        tick: u64,
        /// Why.
        #[source]
        error: RunnerError,
    },
    /// A tick cannot be proved.
    #[error("the proof of tick {tick}: {error}")]
    Proof {
        /// The tick of the state.
        tick: u64,
        /// Why.
        #[source]
        error: StepError,
    },
}
