#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod clock;
mod code;
mod freeze;
mod kept;
mod memory;
mod module;
mod op;
mod passage;
mod prepare;
pub mod price;
mod run;
mod runner;
mod translate;
mod watch;

pub use code::{Code, prepare};
pub use prepare::Prepared;
pub use run::{Pause, Run};
pub use runner::TickExact;
pub use watch::{HostCall, Watch};

use thiserror::Error;

/// A kernel that the interpreter does not take: the machine has to run it, tick by tick.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Unsupported {
    /// What is in it.
    pub reason: String,
}

impl Unsupported {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    pub(crate) fn in_function(self, index: u32) -> Self {
        Self { reason: format!("function {index}: {}", self.reason) }
    }
}
