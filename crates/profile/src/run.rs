//! One call of `kernel_run`.

use crate::calls::Calls;
use crate::folded::Folded;
use crate::storage::StorageUse;
use soru_base::hash::ContextHash;
use soru_base::level::Level;
use soru_base::tick::TickSpan;
use soru_pvm::level::RunEnd;
use soru_pvm::machine::Boundary;
use soru_pvm::phases::Phases;
use soru_pvm::run::ENTRYPOINT;

/// The memory of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// Pages of 65,536 bytes when `kernel_run` is called.
    pub pages_before: u32,
    /// Pages at the end of the run.
    pub pages: u32,
    /// Bytes that the run has written, in parts of 512; the data of the kernel is there before.
    pub written: u64,
}

/// What is known of the ticks of `kernel_run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// Who takes them.
    Calls(Calls),
    /// Nothing but their number: the tick-exact interpreter does not take the kernel.
    Unknown {
        /// Why.
        reason: String,
    },
    /// There are none: the machine did not get to the call.
    NotCalled,
}

/// A run: reading the kernel, making its instance, calling `kernel_run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunProfile {
    /// Its level; nothing before the first message.
    pub level: Option<Level>,
    /// Its number among the runs of the level that were profiled, from 0.
    pub number: usize,
    /// Merkle hash of the kernel, if there is one.
    pub kernel: Option<ContextHash>,
    /// How it ended.
    pub end: RunEnd,
    /// How the machine went on; nothing if it is stuck for ever.
    pub then: Option<Boundary>,
    /// Ticks from its beginning to its padding, or to where the machine got stuck.
    pub ticks: TickSpan,
    /// Ticks that it may take, the last one being padding.
    pub bound: TickSpan,
    /// Ticks up to the call of `kernel_run`. If the kernel is refused, what that takes counts to the phase that refuses it.
    pub phases: Phases,
    /// What `kernel_run` does.
    pub inside: Inside,
    /// Its memory, where `kernel_run` was looked into.
    pub memory: Option<MemoryUse>,
    /// The durable storage when it begins.
    pub before: StorageUse,
    /// The durable storage at its end.
    pub after: StorageUse,
}

impl RunProfile {
    /// Ticks from the call of `kernel_run` to its end.
    pub fn eval(&self) -> TickSpan {
        TickSpan(self.ticks.0.saturating_sub(self.phases.total().0))
    }

    /// Ticks that are left of those that it may take.
    pub fn left(&self) -> TickSpan {
        TickSpan(self.bound.0.saturating_sub(self.ticks.0))
    }

    /// Its calls, if they are known.
    pub fn calls(&self) -> Option<&Calls> {
        match &self.inside {
            Inside::Calls(calls) => Some(calls),
            Inside::Unknown { .. } | Inside::NotCalled => None,
        }
    }

    /// Its stacks with their ticks, `[decode]`, `[link]` and `[init]` among them: all ticks of the run.
    pub fn folded(&self) -> Folded {
        let mut folded = Folded::default();
        folded.add("[decode]", self.phases.decode.0);
        folded.add("[link]", self.phases.link.0);
        folded.add("[init]", self.phases.init.0);
        match &self.inside {
            Inside::Calls(calls) => folded.add_all(&calls.stacks),
            Inside::Unknown { .. } => folded.add(ENTRYPOINT, self.eval().0),
            Inside::NotCalled => (),
        }
        folded
    }
}
