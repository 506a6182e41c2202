//! What the node needs of a machine: its first state, the state after a level, and a look into a state.

use crate::kernel_runs::KernelRuns;
use crate::layer1::Origin;
use crate::status::Obstacle;
use soru_base::{Level, RollupAddress, StateHash, Tick};
use soru_merkle::Tree;
use soru_protocol::inbox::SerializedMessage;
use soru_pvm::reveal::PreimageSource;
use soru_pvm::run::Runner;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A state of the machine with what is told about it.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// The state.
    pub state: Tree,
    /// Its hash.
    pub hash: StateHash,
    /// Steps since the machine was made.
    pub tick: Tick,
    /// What the machine waits for, in words.
    pub status: String,
    /// Messages that are in the outbox of the level.
    pub outbox_len: u32,
    /// The calls of `kernel_run` that led here.
    pub runs: KernelRuns,
    /// What a person may want to know: traps, refused kernels, too many reboots.
    pub notes: Vec<String>,
}

/// Where a level is evaluated: the machine may ask for it through the reveal channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The rollup.
    pub rollup: RollupAddress,
    /// Level of its origination.
    pub origination: Level,
    /// The level whose messages are read.
    pub level: Level,
}

/// Why a level could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MachineError {
    /// Another attempt may succeed, later or on another machine.
    #[error("{reason}")]
    Undecided {
        /// The kind of obstacle.
        obstacle: Obstacle,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The state cannot be read.
    #[error("cannot read the state: {0}")]
    State(String),
    /// The text is no key of the durable storage.
    #[error(
        "`{0}` is no key of the durable storage: expected steps of letters, digits, `.`, `-` and `_`, each behind a `/`"
    )]
    Key(String),
}

/// What a simulation may use.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Pages that are found before those of the node.
    pub pages: Vec<Vec<u8>>,
    /// How long it may take.
    pub deadline: Duration,
    /// Where what the kernel writes for debugging is kept, if somebody wants it.
    pub log: Option<PathBuf>,
}

/// What it takes to make the ticks of past levels again.
pub struct Referee {
    /// Makes whole runs.
    pub runner: Arc<dyn Runner + Send + Sync>,
    /// Pages of the reveal channel.
    pub preimages: Box<dyn PreimageSource>,
}

/// A machine.
pub trait Machine: Send + Sync + 'static {
    /// The state of a rollup at its origination: of the machine that leads to the commitment the layer-1 has for it, for
    /// there are several versions, and the layer-1 does not say which one it means. If none does, any of them.
    fn genesis(&self, origin: &Origin) -> Result<Evaluated, MachineError>;

    /// What the engine has done, if there is one.
    fn engine(&self) -> Option<soru_engine::Status> {
        None
    }

    /// What it takes to make its ticks again; nothing if they cannot be proved to a layer-1.
    fn referee(&self) -> Option<Referee> {
        None
    }

    /// The state after a level. `messages` are all of the level's, the protocol's included.
    fn evaluate(
        &self,
        state: Tree,
        place: Place,
        messages: &[SerializedMessage],
    ) -> Result<Evaluated, MachineError>;

    /// The state that messages would lead to. It neither goes on for ever nor counts ticks one by one, whatever the kernel does.
    fn simulate(
        &self,
        state: Tree,
        place: Place,
        messages: &[SerializedMessage],
        trial: Trial,
    ) -> Result<Evaluated, MachineError>;

    /// The level of the last message that was read.
    fn current_level(&self, state: &Tree) -> Result<Option<Level>, MachineError>;

    /// The messages in the outbox of a level, with their indexes.
    fn outbox(&self, state: &Tree, level: Level) -> Result<Vec<(u32, Vec<u8>)>, MachineError>;

    /// The bytes of a proof that a message is in the outbox of the state; nothing if it is not.
    fn output_proof(&self, state: &Tree, level: Level, index: u32) -> Result<Option<Vec<u8>>, MachineError>;

    /// A value of the durable storage.
    fn durable_value(&self, state: &Tree, key: &str) -> Result<Option<Vec<u8>>, MachineError>;

    /// Bytes of a value of the durable storage.
    fn durable_length(&self, state: &Tree, key: &str) -> Result<Option<u64>, MachineError>;

    /// Names of what is directly below a key; the key's own value has the empty name.
    fn durable_subkeys(&self, state: &Tree, key: &str) -> Result<Vec<String>, MachineError>;
}
