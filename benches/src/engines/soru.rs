//! Soru's own engines.

use super::host;
use crate::engine::{Ran, Ready};
use crate::kernels::{MetadataOnly, Start};
use crate::stopwatch::Stopwatch;
use anyhow::{Result, anyhow, bail, ensure};
use soru_base::{Tick, TickSpan};
use soru_engine::{Compiler, Options};
use soru_pvm::reveal::RevealSource;
use soru_pvm::run::{Outcome, Runner};
use soru_pvm::state::{Status, TickState};
use soru_pvm::{Limits, Machine};

/// The tick-exact interpreter.
#[derive(Default)]
pub(super) struct Interpreted(soru_exact::TickExact);

impl Ready for Interpreted {
    fn run(&mut self, start: &Start) -> Result<Ran> {
        whole_run(&self.0, start)
    }
}

/// The compiled engine.
pub(super) struct Compiled(soru_engine::Engine);

impl Compiled {
    pub(super) fn new(compiler: Compiler, metered: bool) -> Result<Self> {
        let options = Options { compiler, metered, ..Options::default() };
        Ok(Self(soru_engine::Engine::new(options)?))
    }
}

impl Ready for Compiled {
    fn run(&mut self, start: &Start) -> Result<Ran> {
        let ran = whole_run(&self.0, start)?;
        let status = self.0.status();
        let by_itself = status.decided.compiled == status.runs && status.retreats == 0;
        ensure!(by_itself, "another engine had to make the run: {status:?}");
        Ok(ran)
    }
}

fn whole_run(engine: &dyn Runner, start: &Start) -> Result<Ran> {
    let mut host = host(start)?.within(Limits::FIRST.ticks_per_snapshot);
    let at = Stopwatch::start()?;
    let outcome = engine.kernel_run(&start.kernel, &mut host)?;
    let time = at.time()?;
    ensure!(outcome == Outcome::Finished, "kernel_run did not return: {outcome:?}");
    Ok(Ran { time, ticks: host.ticks_used, durable: host.durable })
}

/// The machine, by itself, on a run whose ticks another engine has counted: whether it comes to the same is looked at.
pub(super) struct Reference {
    ticks: TickSpan,
}

impl Reference {
    pub(super) fn new(start: &Start) -> Result<Self> {
        let ticks = Interpreted::default().run(start)?.ticks;
        Ok(Self { ticks: ticks.ok_or_else(|| anyhow!("tick-exact counts no ticks"))? })
    }
}

impl Ready for Reference {
    fn run(&mut self, start: &Start) -> Result<Ran> {
        let mut machine = start.machine.clone();
        let end = machine.current_tick.plus(self.ticks);
        let last = Tick(end.0 - 1);
        let at = Stopwatch::start()?;
        go(&mut machine, last)?;
        let early = matches!(machine.tick_state, TickState::Padding);
        go(&mut machine, end)?;
        let time = at.time()?;
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
