//! What an engine has done.

use crate::compiler::Compiler;
use crate::kind::Kind;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an engine has done since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The engine it was asked for.
    pub kind: Kind,
    /// The compiler it was asked for.
    pub compiler: Compiler,
    /// Calls of `kernel_run`.
    pub runs: u64,
    /// Which engine has decided them; what was given up is in none.
    pub decided: Decided,
    /// Why compiled runs were made again.
    pub fallbacks: Fallbacks,
    /// Ticks of the runs, but for those that were left to the machine.
    pub ticks: u64,
    /// Kernels compiled.
    pub compiled: u64,
    /// Compiled kernels read from disk.
    pub loaded: u64,
    /// Kernels that the `singlepass` compiler does not take, and that `cranelift` compiled instead.
    pub retreats: u64,
    /// Runs given up at the deadline.
    pub deadlines: u64,
    /// Functions that the tick-exact interpreter leaves to the machine, of the kernels that it was asked for.
    pub left_out: u64,
}

/// Calls of `kernel_run` by the engine that has decided them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decided {
    /// By machine code, or by what is known of the kernel without running it.
    pub compiled: u64,
    /// By the tick-exact interpreter.
    pub tick_exact: u64,
    /// Left to the machine, tick by tick.
    pub reference: u64,
}

/// Why compiled runs were made again, by the tick-exact interpreter or tick by tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fallbacks {
    /// The kernel ran into a trap, or left the machine stuck for ever.
    pub trap: u64,
    /// The run took more ticks than it may, or all but a few of them.
    pub ticks: u64,
    /// The compilers do not take the kernel, or the run needed more than they have.
    pub unsupported: u64,
    /// The tick-exact interpreter does not take the run either: the machine made it tick by tick.
    pub reference: u64,
}

impl Fallbacks {
    /// Each with a word for it.
    pub fn by_reason(&self) -> [(&'static str, u64); 4] {
        [
            ("trap", self.trap),
            ("ticks", self.ticks),
            ("unsupported", self.unsupported),
            ("reference", self.reference),
        ]
    }
}

/// The same, as it is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) runs: AtomicU64,
    pub(crate) by_compiled: AtomicU64,
    pub(crate) by_tick_exact: AtomicU64,
    pub(crate) by_reference: AtomicU64,
    pub(crate) traps: AtomicU64,
    pub(crate) over: AtomicU64,
    pub(crate) unsupported: AtomicU64,
    pub(crate) to_reference: AtomicU64,
    pub(crate) ticks: AtomicU64,
    pub(crate) compiled: AtomicU64,
    pub(crate) loaded: AtomicU64,
    pub(crate) retreats: AtomicU64,
    pub(crate) deadlines: AtomicU64,
    pub(crate) left_out: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn status(&self, kind: Kind, compiler: Compiler) -> Status {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            kind,
            compiler,
            runs: read(&self.runs),
            decided: Decided {
                compiled: read(&self.by_compiled),
                tick_exact: read(&self.by_tick_exact),
                reference: read(&self.by_reference),
            },
            fallbacks: Fallbacks {
                trap: read(&self.traps),
                ticks: read(&self.over),
                unsupported: read(&self.unsupported),
                reference: read(&self.to_reference),
            },
            ticks: read(&self.ticks),
            compiled: read(&self.compiled),
            loaded: read(&self.loaded),
            retreats: read(&self.retreats),
            deadlines: read(&self.deadlines),
            left_out: read(&self.left_out),
        }
    }
}
