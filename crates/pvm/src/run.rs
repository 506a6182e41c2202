//! What an engine has to be: something that runs `kernel_run` once.

use crate::host::HostState;
use thiserror::Error;

/// An engine. It runs one call of `kernel_run` on a fresh instance of the kernel.
pub trait Runner {
    /// Decodes, links and initialises `kernel`, then calls `kernel_run`. The durable storage, inbox and outbox
    /// of `host` change as the kernel asks. `Err` means that the run could not be decided: the state in `host` is
    /// then to be thrown away.
    fn kernel_run(&self, kernel: &[u8], host: &mut HostState<'_>) -> Result<Outcome, RunnerError>;
}

/// How a call of `kernel_run` ended, in the machine's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It returned.
    Finished,
    /// It trapped: the stuck flag is set and the machine goes on.
    Trapped {
        /// Message of the trap.
        reason: String,
    },
    /// The kernel was refused: the machine falls back to the previous kernel, or is stuck for ever.
    Refused {
        /// Which step refused it.
        stage: Stage,
        /// Why.
        reason: String,
    },
    /// The machine is stuck for ever: an exhausted call stack, or the call of an empty or missing table entry.
    Stuck {
        /// Why.
        reason: String,
    },
}

/// A step on the way to `kernel_run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading the bytes.
    Decode,
    /// Looking up imports.
    Link,
    /// Making the instance.
    Init,
}

/// Why a run could not be decided.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RunnerError {
    /// The run took longer than the node allows.
    #[error("kernel_run did not end within {seconds} seconds: the kernel may loop for ever")]
    Deadline {
        /// The time allowed.
        seconds: u64,
    },
    /// A reveal could not be answered (yet).
    #[error("the data of the reveal {request} is not available: {reason}")]
    RevealUnavailable {
        /// The request, in hexadecimal.
        request: String,
        /// Why.
        reason: String,
    },
    /// The compiler refuses code that the machine would run.
    #[error("the compiler refuses this kernel, the machine would run it: {reason}")]
    Unsupported {
        /// Why, with the place.
        reason: String,
    },
    /// The tree under the durable storage could not be read.
    #[error("cannot read the state: {0}")]
    State(#[from] soru_merkle::TreeError),
    /// A fault of the engine.
    #[error("engine failure: {0}")]
    Engine(String),
}
