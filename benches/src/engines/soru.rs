//! Soru's own engines.

use super::host;
use crate::engine::{Ran, Ready};
use crate::kernels::{MetadataOnly, Start};
use anyhow::{Result, anyhow, bail, ensure};
use soru_base::{Tick, TickSpan};
use soru_engine::{Compiler, Options};
use soru_pvm::Machine;
use soru_pvm::reveal::RevealSource;
use soru_pvm::run::{Outcome, Runner};
use soru_pvm::state::{Status, TickState};
use std::time::Instant;

/// An engine that makes whole runs.
pub(super) struct Whole(Box<dyn Runner>);

impl Whole {
    pub(super) fn tick_exact() -> Self {
        Self(Box::new(soru_exact::TickExact::new()))
    }

    pub(super) fn compiled(compiler: Compiler, metered: bool) -> Result<Self> {
        let options = Options { compiler, metered, ..Options::default() };
        Ok(Self(Box::new(soru_engine::Engine::new(options)?)))
    }
}

impl Ready for Whole {
    fn run(&mut self, start: &Start) -> Result<Ran> {
        let ticks = start.machine.last_padding_tick()?.since(start.machine.current_tick);
        let mut host = host(start)?.within(ticks);
        let at = Instant::now();
        let outcome = self.0.kernel_run(&start.kernel, &mut host)?;
        let time = at.elapsed();
        ensure!(outcome == Outcome::Finished, "kernel_run did not return: {outcome:?}");
        Ok(Ran { time, ticks: host.ticks_used, durable: host.durable })
    }
}

/// The machine, by itself, on a run whose ticks another engine has counted: whether it comes to the same is looked at.
pub(super) struct Reference {
    ticks: TickSpan,
}

impl Reference {
    pub(super) fn new(start: &Start) -> Result<Self> {
        let ticks = Whole::tick_exact().run(start)?.ticks;
        Ok(Self { ticks: ticks.ok_or_else(|| anyhow!("tick-exact counts no ticks"))? })
    }
}

impl Ready for Reference {
    fn run(&mut self, start: &Start) -> Result<Ran> {
        let mut machine = start.machine.clone();
        let end = machine.current_tick.plus(self.ticks);
        let last = Tick(end.0 - 1);
        let at = Instant::now();
        go(&mut machine, last)?;
        let early = matches!(machine.tick_state, TickState::Padding);
        go(&mut machine, end)?;
        let time = at.elapsed();
        let late = !matches!(machine.tick_state, TickState::Padding);
        ensure!(!early && !late, "tick by tick, the run does not take {} ticks", self.ticks.0);
        Ok(Ran { time, ticks: Some(self.ticks), durable: machine.durable })
    }
}

fn go(machine: &mut Machine, end: Tick) -> Result<()> {
    while machine.current_tick < end {
        match machine.status() {
            Status::RevealRequired(request) => machine.set_reveal(&MetadataOnly.reveal(&request)?)?,
            Status::Computing => {
                machine.step(end.since(machine.current_tick).0, &mut ())?;
            }
            Status::InputRequired => bail!("the run asks for input"),
        }
    }
    Ok(())
}
