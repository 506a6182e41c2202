//! From moments to states.

use super::moments::Moment;
use crate::memory::Outline;
use soru_base::hash::StateHash;
use soru_base::tick::{Tick, TickSpan};
use soru_merkle::{Numbered, Tree};
use soru_pvm::Machine;
use soru_pvm::handover::{Frozen, Ready};
use soru_pvm::run::RunnerError;
use std::sync::Arc;

/// Makes states out of moments, each from what has changed since the last one. A copy goes on by itself and shares what does
/// not change.
#[derive(Clone)]
pub(super) struct States {
    /// The machine where the run begins.
    start: Machine,
    /// Where it calls the kernel.
    ready: Ready,
    /// The memory of the last state, and its hashes. No bytes: they are held by moments alone.
    memory: Outline,
    chunks: Numbered,
}

impl States {
    pub(super) fn new(start: Machine, ready: Ready, first: &Moment) -> Result<Self, RunnerError> {
        let contents = ready.memory().map_err(|error| engine(&error))?;
        let expected = contents.hash().map_err(|error| engine(&error))?;
        let (memory, chunks) = (Outline::default(), Numbered::default());
        let mut states = Self { start, ready, memory, chunks };
        let found = states.memory_at(first)?.hash().map_err(|error| engine(&error))?;
        match found == expected {
            true => Ok(states),
            false => Err(engine(&"the interpreter begins with another memory than the machine")),
        }
    }

    /// The machine where the run begins.
    pub(super) fn start(&self) -> &Machine {
        &self.start
    }

    /// The memory at a moment as the machine keeps it.
    fn memory_at(&mut self, moment: &Moment) -> Result<Tree, RunnerError> {
        let (memory, chunks) = (moment.memory(), &mut self.chunks);
        self.memory.go_to(memory, |chunk, bytes| match bytes {
            Some(bytes) => chunks.put(chunk, bytes),
            None => chunks.remove(chunk),
        });
        self.chunks.tree(Arc::new(memory.clone())).map_err(|error| engine(&error))
    }

    /// The machine at a moment.
    pub(super) fn machine(&mut self, moment: &Moment) -> Result<Machine, RunnerError> {
        let (pages, contents) = (moment.memory().pages(), self.memory_at(moment)?);
        let ready = self.ready.with_memory(pages, &contents).map_err(|error| engine(&error))?;
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
