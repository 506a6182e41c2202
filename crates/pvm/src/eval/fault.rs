//! Why a step has no result: the machine gets stuck, in its own words.

use crate::lazy::VectorError;
use crate::state::{InterpreterError, StateError, StuckError, StuckText};

const BOUNDS: &str = "Tezos_lazy_containers.Lazy_vector.Bounds";
const NO_ENTRY: &str = "Tezos_tree_encoding__Decoding.Key_not_found(_)";

/// A step that cannot be made.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The interpreter says why.
    Interpreter(InterpreterError),
    /// Nothing that the machine knows of.
    Unknown(StuckText),
    /// The state cannot be read, or the next one not be written.
    State(StateError),
}

impl Fault {
    /// As the machine shows an error at a place in a kernel.
    #[cold]
    pub(crate) fn crash(reason: impl AsRef<str>) -> Self {
        let reason = reason.as_ref();
        Self::Interpreter(InterpreterError {
            raw: StuckText::new(format!("Error(_, {reason:?})")),
            explanation: Some(StuckText::new(reason)),
        })
    }

    /// An exception of the interpreter without a message.
    #[cold]
    pub(crate) fn raised(name: &str) -> Self {
        Self::Interpreter(InterpreterError { raw: StuckText::new(name), explanation: None })
    }

    /// An exception of the interpreter, and what the machine says of it.
    #[cold]
    pub(crate) fn explained(name: &str, explanation: &str) -> Self {
        let explanation = Some(StuckText::new(explanation));
        Self::Interpreter(InterpreterError { raw: StuckText::new(name), explanation })
    }

    /// An exception that is not the interpreter's.
    #[cold]
    pub(crate) fn unknown(name: &str) -> Self {
        Self::Unknown(StuckText::new(name))
    }

    /// An assertion of the machine that does not hold.
    #[cold]
    pub(crate) fn assertion(file: &str, line: u32, column: u32) -> Self {
        let end = column + 6;
        Self::unknown(&format!("File \"{file}\", line {line}, characters {column}-{end}: Assertion failed"))
    }

    /// What the machine is stuck with: `place` says in which part of a run.
    pub(crate) fn stuck(self, place: fn(InterpreterError) -> StuckError) -> Result<StuckError, StateError> {
        match self {
            Self::Interpreter(error) => Ok(place(error)),
            Self::Unknown(text) => Ok(StuckError::Unknown(text)),
            Self::State(error) => Err(error),
        }
    }
}

impl From<StateError> for Fault {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<VectorError> for Fault {
    #[cold]
    fn from(error: VectorError) -> Self {
        match error {
            VectorError::Bounds => Self::raised(BOUNDS),
            VectorError::NoEntry => Self::unknown(NO_ENTRY),
            VectorError::State(error) => Self::State(error),
        }
    }
}
