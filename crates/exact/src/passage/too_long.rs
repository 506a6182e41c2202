//! A way through a run that does not get to the call of its kernel: where it is stuck is known, the rest is the machine's.

use soru_base::tick::Tick;
use soru_pvm::Machine;
use soru_pvm::host::DebugSink;
use soru_pvm::level::RunEnd;
use soru_pvm::reveal::RevealSource;
use soru_pvm::run::{Passage, RunnerError};
use soru_pvm::state::StuckError;

/// A run in which the machine takes too many ticks to make the instance.
pub(crate) struct TooLong {
    start: Machine,
    /// Where somebody has been last.
    last: Machine,
}

impl TooLong {
    pub(crate) fn new(start: &Machine) -> Self {
        Self { start: start.clone(), last: start.clone() }
    }
}

impl Passage for TooLong {
    fn reach(
        &mut self,
        tick: Tick,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Machine, RunnerError> {
        if tick > self.start.last_padding_tick()? {
            return Ok(self.end(reveals, debug)?.0);
        }
        if self.last.current_tick > tick {
            self.last = self.start.clone();
        }
        self.last.go_through(tick, reveals, debug)?;
        Ok(self.last.clone())
    }

    fn end(
        &mut self,
        _: &mut dyn RevealSource,
        _: &mut dyn DebugSink,
    ) -> Result<(Machine, RunEnd), RunnerError> {
        let mut machine = self.start.clone();
        machine.overrun()?;
        Ok((machine, RunEnd::Stuck { stage: None, reason: StuckError::TooManyTicks.to_string() }))
    }
}
