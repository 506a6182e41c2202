//! The state of the machine and its form as a tree.

mod encoding;
mod error;
mod stuck;

pub(crate) use encoding::{buffers, durable, set_durable};
pub use error::StateError;
pub use stuck::{FallbackCause, InterpreterError, StuckError, StuckText};

use crate::buffers::{InputBuffer, OutputBuffer};
use crate::decode::Decoder;
use crate::durable::Durable;
use crate::eval::Evaluator;
use crate::init::Initialiser;
use crate::link::Linker;
use crate::version::Version;
use soru_base::level::{Level, LevelSpan};
use soru_base::tick::{Tick, TickSpan};

/// Numbers that a protocol gives to a machine when its kernel is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Ticks between two calls of `kernel_run`.
    pub ticks_per_snapshot: TickSpan,
    /// For how many levels an outbox is kept.
    pub outbox_validity_period: LevelSpan,
    /// Most messages of an outbox.
    pub outbox_message_limit: u64,
}

impl Limits {
    /// Those of the network when the machine went live: eleven thousand million ticks, two weeks of levels, 100
    /// messages.
    pub const FIRST: Self = Self {
        ticks_per_snapshot: TickSpan(11_000_000_000),
        outbox_validity_period: LevelSpan(80_640),
        outbox_message_limit: 100,
    };

    /// Those of the network since version 2.0.0-r4.
    pub const SINCE_V4: Self = Self {
        ticks_per_snapshot: TickSpan(50_000_000_000_000),
        outbox_validity_period: LevelSpan(241_920),
        ..Self::FIRST
    };
}

impl Limits {
    /// Those that the network gave to rollups originated while that version was current.
    pub fn of_version(version: Version) -> Self {
        if version < Version::V4 { Self::FIRST } else { Self::SINCE_V4 }
    }
}

/// How often a kernel may reboot between two inputs, if nobody says otherwise.
pub const MAX_REBOOTS: u64 = 1000;

/// Where a message stands in the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputPlace {
    /// Its level.
    pub level: Level,
    /// Its index in the inbox of that level.
    pub counter: u64,
}

/// What the machine is doing.
#[derive(Debug, Clone)]
pub enum TickState {
    /// Waits for the next message.
    Collect,
    /// Lets the ticks go by that belong to the run, or to the inbox.
    Padding,
    /// Begins a run.
    Snapshot,
    /// Reads the kernel.
    Decode(Box<Decoder>),
    /// Looks up what the kernel imports.
    Link(Box<Linker>),
    /// Makes an instance of the kernel.
    Init(Box<Initialiser>),
    /// Runs it.
    Eval(Box<Evaluator>),
    /// Is stuck.
    Stuck(StuckError),
}

impl TickState {
    /// The name of the state in the vectors; of a state in a run its first word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Collect => "Collect",
            Self::Padding => "Padding",
            Self::Snapshot => "Snapshot",
            Self::Decode(_) => "Decode",
            Self::Link(_) => "Link",
            Self::Init(_) => "Init",
            Self::Eval(_) => "Eval",
            Self::Stuck(_) => "Stuck",
        }
    }
}

/// What the machine needs in order to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nothing: it can make a step.
    Computing,
    /// The next message of the inbox.
    InputRequired,
    /// The answer to a reveal: the request, as [`RevealRequest::parse`](crate::reveal::RevealRequest::parse) reads it.
    RevealRequired(Vec<u8>),
}

/// The state of the machine, read from a tree as far as needed.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The last message it took.
    pub last_input: Option<InputPlace>,
    /// How many steps it has made.
    pub current_tick: Tick,
    /// How many more runs it may make before the next input.
    pub reboot_counter: u64,
    /// The durable storage.
    pub durable: Durable,
    /// Messages that the kernel has not read.
    pub input: InputBuffer,
    /// The outboxes.
    pub output: OutputBuffer,
    /// What it is doing.
    pub tick_state: TickState,
    /// The tick at which the current run, or the current inbox, began.
    pub last_top_level_call: Tick,
    /// Reboots allowed between two inputs.
    pub max_reboots: u64,
    /// The numbers of the protocol.
    pub limits: Limits,
}

impl Machine {
    /// What the machine needs.
    pub fn status(&self) -> Status {
        match &self.tick_state {
            TickState::Collect => Status::InputRequired,
            TickState::Stuck(error) if !error.is_recoverable() => Status::InputRequired,
            TickState::Eval(evaluator) => {
                evaluator.request().map_or(Status::Computing, Status::RevealRequired)
            }
            _ => Status::Computing,
        }
    }

    /// The error that keeps it stuck, if it is.
    pub fn stuck_error(&self) -> Option<&StuckError> {
        match &self.tick_state {
            TickState::Stuck(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
