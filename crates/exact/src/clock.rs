//! The time that is left, and going on as long as there is some.

use crate::run::{Pause, Run};
use soru_base::tick::{Tick, TickSpan};
use soru_pvm::Machine;
use soru_pvm::host::{DebugSink, HostState};
use soru_pvm::level::RunEnd;
use soru_pvm::reveal::RevealSource;
use soru_pvm::run::RunnerError;
use std::time::{Duration, Instant};

/// So many ticks of the interpreter are made between two looks at the time.
const SHARE: u64 = 1 << 24;
/// The same of the machine.
const MACHINE_SHARE: u64 = 1 << 20;

/// The time that is left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    begun: Instant,
    deadline: Option<Duration>,
}

impl Clock {
    pub(crate) fn new(deadline: Option<Duration>) -> Self {
        Self { begun: Instant::now(), deadline }
    }

    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.begun.elapsed() >= deadline)
    }

    pub(crate) fn check(&self) -> Result<(), RunnerError> {
        match self.deadline.filter(|_| self.is_late()) {
            Some(deadline) => Err(RunnerError::Deadline { seconds: deadline.as_secs() }),
            None => Ok(()),
        }
    }

    /// Goes on with a run to so many ticks.
    pub(crate) fn go(self, run: &mut Run, most: u64, host: &mut HostState<'_>) -> Result<Pause, RunnerError> {
        let mut share = SHARE;
        loop {
            let before = run.used();
            let until = before.saturating_add(share).min(most);
            let pause = run.go(until, host);
            if !matches!(pause, Pause::Limit) || until == most {
                return Ok(pause);
            }
            self.check()?;
            // There are instructions that are done as a whole or not at all.
            share = if run.used() == before { share.saturating_mul(2) } else { SHARE };
        }
    }

    /// Goes on by ticks, inside of a run, to a tick at most: see [`Machine::go_through`].
    pub(crate) fn go_through(
        self,
        machine: &mut Machine,
        until: Tick,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Option<RunEnd>, RunnerError> {
        loop {
            let part = machine.current_tick.plus(TickSpan(MACHINE_SHARE)).min(until);
            let end = machine.go_through(part, &mut *reveals, &mut *debug)?;
            if end.is_some() || machine.current_tick >= until {
                return Ok(end);
            }
            self.check()?;
        }
    }
}
