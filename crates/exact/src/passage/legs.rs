//! A way through a run whose kernel has a start function: through that, then through `kernel_run`.

use super::{Way, engine};
use crate::prepare::{Asked, Prepared};
use crate::runner::TickExact;
use soru_base::hash::StateHash;
use soru_base::tick::{Tick, TickSpan};
use soru_merkle::Tree;
use soru_pvm::host::DebugSink;
use soru_pvm::level::RunEnd;
use soru_pvm::reveal::RevealSource;
use soru_pvm::run::{Kernel, Passage, RunnerError};
use soru_pvm::state::StuckError;
use soru_pvm::{Machine, Version};

/// A way in two parts. Whether there is the second one is found out when somebody asks for a tick that may be in it: a start
/// function takes as many ticks as it likes.
pub(crate) struct Legs {
    begin: Machine,
    kernel: Kernel,
    version: Version,
    exact: TickExact,
    /// Through the start function.
    start: Way,
    /// Through `kernel_run`, which is called at that tick.
    run: Option<(Tick, Way)>,
    /// `kernel_run` is not called up to that tick.
    not_until: Tick,
}

impl Legs {
    /// A way through the run that a machine begins, with that through the start function.
    pub(crate) fn new(
        begin: &Machine,
        kernel: Kernel,
        exact: TickExact,
        start: Way,
    ) -> Result<Self, RunnerError> {
        let (begin, version) = (begin.clone(), begin.durable.version()?);
        let not_until = begin.current_tick;
        Ok(Self { begin, kernel, version, exact, start, run: None, not_until })
    }

    /// Finds out whether `kernel_run` is called up to a tick, and at which.
    fn call(&mut self, tick: Tick) -> Result<Option<Tick>, RunnerError> {
        let tick = tick.min(self.begin.last_padding_tick()?);
        if self.run.is_none() && self.not_until < tick {
            let most = TickSpan(tick.since(self.begin.current_tick).0 + 1);
            let asked = Asked { kernel: &self.kernel, version: self.version, most };
            let clock = self.exact.clock_of_ways();
            match self.exact.held(asked, |held| held.ready(asked, clock))? {
                Some((code, settled)) => {
                    let call = self.begin.current_tick.plus(code.ready().ticks());
                    let way = Way::new(&self.begin, code, settled, self.exact.deadline_of_ways())?;
                    self.run = Some((call, way));
                }
                None => self.not_until = tick,
            }
        }
        Ok(self.run.as_ref().map(|(call, _)| *call).filter(|call| *call <= tick))
    }

    fn run(&mut self) -> Result<&mut Way, RunnerError> {
        self.run.as_mut().map(|(_, way)| way).ok_or_else(|| engine(&"no way through `kernel_run`"))
    }

    /// Whether the start function takes all the ticks that there are.
    fn is_too_long(&self) -> Result<bool, RunnerError> {
        let most = self.begin.limits.ticks_per_snapshot;
        let asked = Asked { kernel: &self.kernel, version: self.version, most };
        let clock = self.exact.clock_of_ways();
        let prepared = self.exact.held(asked, |held| held.prepared(asked, clock))?;
        Ok(matches!(*prepared, Prepared::TooLong { .. }))
    }
}

impl Passage for Legs {
    fn reach(
        &mut self,
        tick: Tick,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Machine, RunnerError> {
        match self.call(tick)? {
            Some(_) => self.run()?.reach(tick, reveals, debug),
            None => self.start.reach(tick, reveals, debug),
        }
    }

    fn end(
        &mut self,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<(Machine, RunEnd), RunnerError> {
        if self.call(Tick(u64::MAX))?.is_some() {
            return self.run()?.end(reveals, debug);
        }
        if !self.is_too_long()? {
            return self.start.end(reveals, debug);
        }
        let mut machine = self.begin.clone();
        machine.overrun()?;
        Ok((machine, RunEnd::Stuck { stage: None, reason: StuckError::TooManyTicks.to_string() }))
    }

    fn hashes(
        &mut self,
        state: &Tree,
        ticks: &[Tick],
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Vec<Option<StateHash>>, RunnerError> {
        let Some(last) = ticks.last() else { return Ok(Vec::new()) };
        let before = match self.call(*last)? {
            Some(call) => ticks.partition_point(|tick| *tick < call),
            None => ticks.len(),
        };
        let (before, behind) = ticks.split_at(before);
        let mut found = Vec::with_capacity(ticks.len());
        if !before.is_empty() {
            found = self.start.hashes(state, before, reveals, debug)?;
        }
        if !behind.is_empty() {
            found.extend(self.run()?.hashes(state, behind, reveals, debug)?);
        }
        Ok(found)
    }
}
