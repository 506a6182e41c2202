//! Goes through runs and looks into each.

use crate::calls::Calls;
use crate::names::Names;
use crate::recorder::Recorder;
use crate::run::{Inside, MemoryUse, RunProfile};
use crate::storage::StorageUse;
use soru_base::hash::ContextHash;
use soru_base::tick::TickSpan;
use soru_exact::{Code, Pause, Prepared, Run, TickExact};
use soru_pvm::host::{DebugSink, HostTrap};
use soru_pvm::level::{Advance, LevelError, RunEnd};
use soru_pvm::phases::Phases;
use soru_pvm::reveal::RevealSource;
use soru_pvm::run::{Kernel, RunnerError};
use soru_pvm::state::StateError;
use soru_pvm::{Machine, Surroundings, Version};
use std::sync::Arc;
use thiserror::Error;

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To the end of one run and of its padding.
    Run,
    /// Until the machine needs the next inbox.
    Inbox,
}

/// Why there is no profile. The machine is then where the run began that has none.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// The state after the run could not be computed.
    #[error(transparent)]
    Level(#[from] LevelError),
    /// The run could not be looked into.
    #[error("run {number}: {error}")]
    Run {
        /// Its number, from 0.
        number: usize,
        /// Why.
        #[source]
        error: RunnerError,
    },
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// Two ways to count the ticks of a run come to different numbers.
    #[error(
        "run {number}: {found} ticks of kernel_run were seen, it has {expected}: that is a fault of soru"
    )]
    Differs {
        /// Its number, from 0.
        number: usize,
        /// Those that belong to functions.
        found: u64,
        /// Those of the run.
        expected: u64,
    },
}

/// What was found out of a kernel.
struct Known {
    hash: ContextHash,
    version: Version,
    phases: Phases,
    names: Names,
}

/// Goes through runs and looks into each.
pub struct Profiler<'a> {
    exact: &'a TickExact,
    known: Option<Known>,
}

impl<'a> Profiler<'a> {
    /// One that leaves runs to this engine.
    pub fn new(exact: &'a TickExact) -> Self {
        Self { exact, known: None }
    }

    /// Goes on with a machine that has its inbox, and profiles each run on the way. It stops before the run with the number
    /// `most`, too. What the kernel writes for debugging is told once.
    pub fn go_on(
        &mut self,
        machine: &mut Machine,
        until: Until,
        reveals: &mut dyn RevealSource,
        debug: &mut dyn DebugSink,
    ) -> Result<Vec<RunProfile>, ProfileError> {
        let mut runs = Vec::<RunProfile>::new();
        loop {
            let mut next = machine.clone();
            let number = runs.len();
            let mut around = Surroundings { runner: self.exact, reveals: &mut *reveals, debug: &mut *debug };
            match next.advance(number, &mut around)? {
                Advance::InputRequired => return Ok(runs),
                Advance::Padded => (),
                Advance::Ran { end, ticks } => {
                    runs.push(self.look_into(machine, &next, number, (end, ticks), reveals)?);
                }
                Advance::Left(boundary) => {
                    *machine = next;
                    let Some(run) = runs.last_mut() else { continue };
                    run.then = Some(boundary);
                    if until == Until::Run {
                        return Ok(runs);
                    }
                    continue;
                }
            }
            *machine = next;
        }
    }

    /// The profile of the run between two states.
    fn look_into(
        &mut self,
        before: &Machine,
        after: &Machine,
        number: usize,
        (end, ticks): (RunEnd, Option<TickSpan>),
        reveals: &mut dyn RevealSource,
    ) -> Result<RunProfile, ProfileError> {
        let failed = |error| ProfileError::Run { number, error };
        let version = before.durable.version()?;
        let kernel = Kernel::of_durable(&before.durable)?;
        let mut phases = match &kernel {
            Some(kernel) => self.known(before, kernel, version).map_err(failed)?.phases,
            None => before.phases()?,
        };
        // Without a kernel no engine is asked, and nobody counts: one more tick looks for an earlier one.
        let ticks = ticks.unwrap_or(TickSpan(phases.total().0 + 1));
        let eval = ticks.0.saturating_sub(phases.total().0);
        let (mut inside, mut memory) = (Inside::NotCalled, None);
        match kernel.as_ref().filter(|_| phases.gets_to_call) {
            None => {
                let refusing = match &mut phases {
                    Phases { init, .. } if init.0 > 0 => init,
                    Phases { link, .. } if link.0 > 0 => link,
                    Phases { decode, .. } => decode,
                };
                refusing.0 += eval;
            }
            Some(kernel) => match &*self.exact.prepared(kernel, version).map_err(failed)? {
                Prepared::Ready(code) => {
                    let names = &self.known(before, kernel, version).map_err(failed)?.names;
                    let (calls, used) = look_on(before, code, eval, names, reveals).map_err(failed)?;
                    if calls.ticks() != eval {
                        return Err(ProfileError::Differs { number, found: calls.ticks(), expected: eval });
                    }
                    (inside, memory) = (Inside::Calls(calls), Some(used));
                }
                Prepared::Unsupported { reason, .. } => inside = Inside::Unknown { reason: reason.clone() },
                _ => (),
            },
        }
        Ok(RunProfile {
            level: before.last_input.map(|place| place.level),
            number,
            kernel: kernel.map(|kernel| kernel.hash()),
            end,
            then: None,
            ticks,
            bound: before.limits.ticks_per_snapshot,
            phases,
            inside,
            memory,
            before: StorageUse::of(&before.durable)?,
            after: StorageUse::of(&after.durable)?,
        })
    }

    /// What depends on the kernel alone, for the kernel that was used last.
    fn known(&mut self, machine: &Machine, kernel: &Kernel, version: Version) -> Result<&Known, RunnerError> {
        let hash = kernel.hash();
        let known = match self.known.take() {
            Some(known) if known.hash == hash && known.version == version => known,
            _ => {
                let phases = self.exact.phases(machine, kernel)?;
                let names = Names::of_kernel(&kernel.load()?);
                Known { hash, version, phases, names }
            }
        };
        Ok(self.known.insert(known))
    }
}

/// Repeats a run of so many ticks from the call of `kernel_run` on.
fn look_on(
    before: &Machine,
    code: &Arc<Code>,
    eval: u64,
    names: &Names,
    reveals: &mut dyn RevealSource,
) -> Result<(Calls, MemoryUse), RunnerError> {
    let mut nothing = ();
    let mut host = before.lend(reveals, &mut nothing)?;
    host.begin_run()?;
    let mut run = Run::new(code.clone());
    let pages_before = run.pages();
    let mut recorder = Recorder::default();
    match run.watch(eval, &mut host, &mut recorder) {
        // A trap, or what stops the run: the machine says how it ended, and when.
        Pause::Finished | Pause::Limit | Pause::Machine | Pause::Host(HostTrap::Stuck { .. }) => (),
        Pause::Host(trap) => {
            let outcome = trap.into_outcome()?;
            return Err(RunnerError::Engine(format!("a host function ends the run with {outcome:?}")));
        }
    }
    recorder.finish(eval, names.entry());
    let memory = MemoryUse { pages_before, pages: run.pages(), written: run.written() };
    Ok((Calls::of(&recorder, names), memory))
}
