//! A way through a run that the interpreter does not take: the machine's ticks, some of which are kept.

use super::MACHINES_KEPT;
use crate::clock::Clock;
use soru_base::tick::Tick;
use soru_pvm::Machine;
use soru_pvm::host::DebugSink;
use soru_pvm::level::RunEnd;
use soru_pvm::reveal::RevealSource;
use soru_pvm::run::{Passage, RunnerError};
use std::collections::BTreeMap;
use std::time::Duration;

/// Machines at some of the ticks of a run.
#[derive(Default)]
pub(super) struct Machines(BTreeMap<Tick, Machine>);

impl Machines {
    pub(super) fn keep(&mut self, machine: Machine) {
        self.0.insert(machine.current_tick, machine);
        if self.0.len() > MACHINES_KEPT {
            let ticks: Vec<Tick> = self.0.keys().copied().collect();
            // Where the next one is least far away, nothing much is lost.
            let nearest = ticks.windows(2).min_by_key(|pair| pair[1].since(pair[0]));
            nearest.map(|pair| self.0.remove(&pair[0]));
        }
    }

    /// The last one between two ticks.
    pub(super) fn nearest(&self, from: Tick, to: Tick) -> Option<&Machine> {
        self.0.range(from..=to).next_back().map(|(_, machine)| machine)
    }
}

/// A way by ticks.
pub(crate) struct ByTicks {
    start: Machine,
    kept: Machines,
    end: Option<(Machine, RunEnd)>,
    deadline: Option<Duration>,
}

impl ByTicks {
    /// A way through the run that a machine begins, which gives up after that time.
    pub(crate) fn new(start: &Machine, deadline: Option<Duration>) -> Self {
        Self { start: start.clone(), kept: Machines::default(), end: None, deadline }
    }
}

impl Passage for ByTicks {
    fn reach(
        &mut self,
        tick: Tick,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Machine, RunnerError> {
        if let Some((end, _)) = self.end.as_ref().filter(|(end, _)| end.current_tick <= tick) {
            return Ok(end.clone());
        }
        let mut machine = self.kept.nearest(Tick::ZERO, tick).unwrap_or(&self.start).clone();
        let end = Clock::new(self.deadline).go_through(&mut machine, tick, reveals, debug);
        match &end {
            Ok(Some(end)) => self.end = Some((machine.clone(), end.clone())),
            Ok(None) | Err(RunnerError::Deadline { .. }) => self.kept.keep(machine.clone()),
            Err(_) => (),
        }
        end.map(|_| machine)
    }

    fn end(
        &mut self,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<(Machine, RunEnd), RunnerError> {
        self.reach(Tick(u64::MAX), reveals, debug)?;
        self.end.clone().ok_or_else(|| RunnerError::Engine("a run without an end".to_owned()))
    }
}
