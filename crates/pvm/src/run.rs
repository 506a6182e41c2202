//! What an engine has to be: something that runs `kernel_run` once.

use crate::durable::Durable;
use crate::host::{DebugSink, HostState};
use crate::lazy::ByteVector;
use crate::level::RunEnd;
use crate::reveal::RevealSource;
use crate::state::{Machine, StateError};
use crate::version::Version;
use soru_base::hash::{ContextHash, StateHash};
use soru_base::tick::Tick;
use soru_merkle::Tree;
use thiserror::Error;

/// Name of the export that is called.
pub const ENTRYPOINT: &str = "kernel_run";

/// An engine. It runs one call of `kernel_run` on a fresh instance of the kernel.
pub trait Runner {
    /// Decodes, links and initialises `kernel`, then calls `kernel_run`. The durable storage, inbox and outbox
    /// of `host` change as the kernel asks. `Err` means that the run could not be decided: the state in `host` is
    /// then to be thrown away.
    ///
    /// [`HostState::begin_run`] is to be called between the two, when the instance is ready and its start function
    /// has run. A host function that gives a [`HostTrap`](crate::host::HostTrap) ends the run: its
    /// [`into_outcome`](crate::host::HostTrap::into_outcome) is what this function returns.
    ///
    /// An engine that counts ticks puts their number into [`HostState::ticks_used`].
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError>;

    /// A way through the run that the machine is about to begin. Nothing from an engine that cannot stop in the middle of
    /// a run, or not of this one: the machine has to go through it by itself.
    fn passage(&self, _machine: &Machine) -> Result<Option<Box<dyn Passage>>, RunnerError> {
        Ok(None)
    }
}

/// A way through one run, from where it begins to where its padding begins or the machine is stuck.
pub trait Passage: Send {
    /// The machine at `tick` (of the machine, not of the run), if the run is not over by then: else where it ends. An
    /// engine that does not get as far gives an earlier state, from which the machine has to go on by itself. Ticks can be
    /// asked for in any order: what was reached before is remembered, as far as there is room.
    fn reach(
        &mut self,
        tick: Tick,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Machine, RunnerError>;

    /// The machine where the run is over, and how it has ended.
    fn end(
        &mut self,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<(Machine, RunEnd), RunnerError>;

    /// The hashes of the states at some ticks, in rising order, inside of the run or of its padding. `state` is the tree of the
    /// state where the run begins. Nothing for ticks that the machine does not come to: it is stuck before.
    fn hashes(
        &mut self,
        state: &Tree,
        ticks: &[Tick],
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Vec<Option<StateHash>>, RunnerError> {
        let one = |tick: &Tick| {
            let mut machine = self.reach(*tick, &mut *reveals, &mut *debug)?;
            machine.hash_at(*tick, state)
        };
        ticks.iter().map(one).collect()
    }
}

/// Most elements that a table is made with, or grows by at once. Each is an entry of a state, and a tick that makes more
/// could neither be written nor be proved: no engine goes on with a run that does it, so that nobody commits to a state
/// that cannot be defended.
pub const TABLE_GROWTH_MAX: u32 = 1 << 17;

/// The kernel of a run. Its bytes are read only when asked for: an engine that remembers compiled kernels by their
/// hash does not need them.
#[derive(Debug, Clone)]
pub struct Kernel {
    value: ByteVector,
    hash: ContextHash,
}

impl Kernel {
    /// No kernel of more bytes is loaded.
    pub const MAX_LEN: u64 = 128 << 20;

    /// The kernel that the storage holds, if any.
    pub fn of_durable(durable: &Durable) -> Result<Option<Self>, StateError> {
        durable.kernel()?.map(Self::of_value).transpose()
    }

    /// A kernel of those bytes.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        Self::of_value(ByteVector::of_bytes(bytes)?)
    }

    fn of_value(value: ByteVector) -> Result<Self, StateError> {
        let hash = value.tree().hash()?;
        Ok(Self { value, hash })
    }

    /// Merkle hash of the value in the storage: two kernels with the same hash have the same bytes.
    pub fn hash(&self) -> ContextHash {
        self.hash
    }

    /// A storage with the version of the machine and this kernel.
    pub(crate) fn alone(&self, version: Version) -> Result<Durable, StateError> {
        let mut durable = Durable::default();
        durable.set_version(version)?;
        durable.put_kernel(&self.value)?;
        Ok(durable)
    }

    /// Number of its bytes.
    pub fn length(&self) -> Result<u64, StateError> {
        self.value.length()
    }

    /// The bytes.
    pub fn load(&self) -> Result<Vec<u8>, StateError> {
        self.value.read_all(Self::MAX_LEN)
    }
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
    /// The machine is stuck for ever: an exhausted call stack, the call of an empty or missing table entry, no
    /// function exported as `kernel_run`.
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
#[derive(Debug, Clone, Error)]
pub enum RunnerError {
    /// The run took longer than the node allows.
    #[error(
        "kernel_run did not end within {seconds} seconds, which is the deadline; it may take more ticks yet"
    )]
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
    /// The machine has no next state: it waits for a reveal whose answer it cannot take.
    #[error("the machine has no next state: {reason}")]
    NoNextState {
        /// Why.
        reason: String,
    },
    /// The compiler refuses code that the machine would run.
    #[error("the compiler refuses this kernel, the machine would run it: {reason}")]
    Unsupported {
        /// Why, with the place.
        reason: String,
    },
    /// The state could not be read.
    #[error("cannot read the state: {0}")]
    State(#[from] StateError),
    /// A fault of the engine.
    #[error("engine failure: {0}")]
    Engine(String),
}
