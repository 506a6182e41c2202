//! The ticks of each call that `kernel_run` makes, by the interpreter.

use soru_exact::{Code, Pause, Run, Watch};
use soru_pvm::run::Kernel;
use soru_pvm::{Limits, Machine, Version};
use std::sync::Arc;

/// Somebody who notes how long the calls by `kernel_run` take.
#[derive(Debug, Default)]
struct Calls {
    depth: usize,
    begun: u64,
    done: Vec<u64>,
}

impl Watch for Calls {
    fn enter(&mut self, _: u32, used: u64) {
        if self.depth == 1 {
            self.begun = used;
        }
        self.depth += 1;
    }

    fn leave(&mut self, used: u64) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 1 {
            self.done.push(used - self.begun);
        }
    }
}

/// What was seen of the calls by `kernel_run`.
pub(super) struct Seen {
    /// For each that returns the ticks from the instruction that calls to the next one.
    pub(super) done: Vec<u64>,
    /// The number of the call, from 0, that the interpreter leaves to the machine.
    pub(super) by_tick: Option<usize>,
}

/// Lets the interpreter run a kernel, and looks on.
pub(super) fn calls(kernel: &Kernel) -> Result<Seen, String> {
    let (mut reveals, mut debug) = ((), ());
    let version = Version::V0;
    let most = Limits::of_version(version).ticks_per_snapshot;
    let machine = Machine::of_kernel(kernel, version, most).map_err(|error| error.to_string())?;
    let code: Code = soru_exact::prepare(&machine, kernel, version).map_err(|error| error.to_string())?;
    let mut host = machine.lend(&mut reveals, &mut debug).map_err(|error| error.to_string())?.within(most);
    host.begin_run().map_err(|error| error.to_string())?;
    let (mut run, mut calls) = (Run::new(Arc::new(code)), Calls::default());
    match run.watch(most.0, &mut host, &mut calls) {
        Pause::Finished => Ok(Seen { done: calls.done, by_tick: None }),
        Pause::Machine if calls.depth > 0 => Ok(Seen { by_tick: Some(calls.done.len()), done: calls.done }),
        pause => Err(format!("{pause:?} after {} ticks", run.used())),
    }
}
