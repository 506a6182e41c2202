//! From moments to states.

use super::moments::Moment;
use crate::memory::Snapshot;
use soru_base::hash::StateHash;
use soru_base::tick::{Tick, TickSpan};
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::handover::{Frozen, MemoryTree, Ready};
use soru_pvm::run::RunnerError;

/// Makes states out of moments, each from what has changed since the last one. A copy goes on by itself and shares what does
/// not change.
#[derive(Clone)]
pub(super) struct States {
    /// The machine where the run begins.
    start: Machine,
    /// Where it calls the kernel.
    ready: Ready,
    /// The memory of the last state, and the same as the machine keeps it.
    memory: Snapshot,
    tree: MemoryTree,
}

impl States {
    pub(super) fn new(start: Machine, ready: Ready, first: &Moment) -> Result<Self, RunnerError> {
        let tree = ready.memory().map_err(|error| engine(&error))?;
        Ok(Self { start, ready, memory: first.memory().clone(), tree })
    }

    /// The machine where the run begins.
    pub(super) fn start(&self) -> &Machine {
        &self.start
    }

    /// The machine at a moment.
    pub(super) fn machine(&mut self, moment: &Moment) -> Result<Machine, RunnerError> {
        let memory = moment.memory();
        let tree = &mut self.tree;
        self.memory.changes_to(memory, |chunk, bytes| match bytes {
            Some(bytes) => tree.put(chunk, bytes),
            None => tree.remove(chunk),
        })?;
        self.memory = memory.clone();
        let pages = memory.pages();
        let ready = self.ready.with_memory(pages, &self.tree).map_err(|error| engine(&error))?;
        let frozen = moment.frozen().map_err(|error| engine(&error))?;
        let frozen = frozen.map(|frozen| Frozen { pages, ..frozen });
        let (mut reveals, mut debug) = ((), ());
        let host = moment.reach().lend(&mut reveals, &mut debug);
        let mut machine = self.start.clone();
        let entered = machine.enter_run(&ready, frozen.as_ref(), &host, TickSpan(moment.used()));
        entered.map_err(|error| engine(&error))?;
        Ok(machine)
    }

    /// The hash of the state at a tick, a little after a moment.
    pub(super) fn hash(
        &mut self,
        moment: &Moment,
        tick: Tick,
        state: &Tree,
    ) -> Result<Option<StateHash>, RunnerError> {
        let mut machine = self.machine(moment)?;
        // The interpreter has stopped in front of what would ask or tell something.
        machine.go_through(tick, &mut (), &mut ())?;
        machine.hash_at(tick, state)
    }
}

pub(super) fn engine(error: &dyn std::fmt::Display) -> RunnerError {
    RunnerError::Engine(error.to_string())
}
