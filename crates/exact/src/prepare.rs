//! What becomes of a kernel before `kernel_run` is called: the machine reads, links and initialises it by ticks, the interpreter
//! runs its start function, and the machine does the rest.

use crate::Unsupported;
use crate::clock::Clock;
use crate::code::Code;
use crate::run::{Pause, Run};
use soru_base::tick::{Tick, TickSpan};
use soru_pvm::handover::Ready;
use soru_pvm::host::{HostState, HostTrap};
use soru_pvm::run::{Kernel, RunnerError, Stage};
use soru_pvm::state::{StateError, StuckError, TickState};
use soru_pvm::{Machine, Version};
use std::sync::Arc;

/// What becomes of a kernel before `kernel_run` is called: it depends on the kernel and the version of the machine alone.
#[derive(Debug)]
pub enum Prepared {
    /// It can run.
    Ready(Arc<Code>),
    /// The machine refuses it, and falls back to an earlier kernel if there is one.
    Refused {
        /// Which step refuses it.
        stage: Stage,
        /// Why, in the machine's own words.
        reason: String,
        /// Ticks from the beginning of the run to where the machine has looked for an earlier kernel.
        ticks: TickSpan,
    },
    /// The machine gets stuck for ever: there is no function to be called.
    Stuck {
        /// Why, in the machine's own words.
        reason: String,
        /// Ticks from the beginning of the run.
        ticks: TickSpan,
    },
    /// A run that may take so many ticks ends before the call: the machine is stuck for ever.
    TooLong {
        /// So many.
        most: TickSpan,
    },
    /// The interpreter does not take it: the machine has to run it.
    Unsupported {
        /// Why.
        reason: String,
        /// Ticks to the call of `kernel_run`, if the machine gets there.
        ready: Option<TickSpan>,
    },
}

/// What is kept of a kernel. What was not done in time goes on where it was.
#[derive(Debug, Default)]
pub(crate) struct Held {
    prepared: Option<Arc<Prepared>>,
    start: Option<Start>,
    /// The machine where it calls `kernel_run`, as a tree.
    settled: Option<Ready>,
    /// How far the machine had come by ticks when it was late.
    late: Option<Late>,
}

/// A machine that was late on its way to the call of a function.
#[derive(Debug)]
struct Late {
    machine: Box<Machine>,
    to: To,
}

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// That of the start function, or of `kernel_run` if there is none.
    Start,
    Run,
}

/// A start function that the interpreter takes.
#[derive(Debug)]
struct Start {
    code: Arc<Code>,
    /// The machine where it calls it, as a tree.
    settled: Option<Ready>,
    /// The call, as far as it has come; nothing once it is over.
    run: Option<Box<Run>>,
}

/// A kernel, a run of which may take so many ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) version: Version,
    pub(crate) most: TickSpan,
}

/// The machine where it calls a function, or what else has become of it.
type Come = Result<Ready, Prepared>;

impl Asked<'_> {
    fn begin(&self) -> Result<Machine, RunnerError> {
        Ok(Machine::of_kernel(self.kernel, self.version, self.most)?)
    }
}

impl Held {
    /// What becomes of the kernel.
    pub(crate) fn prepared(&mut self, asked: Asked<'_>, clock: Clock) -> Result<Arc<Prepared>, RunnerError> {
        if let Some(known) = self.known(asked.most) {
            return Ok(known);
        }
        let prepared = Arc::new(self.prepare(asked, clock)?);
        self.prepared = Some(prepared.clone());
        Ok(prepared)
    }

    /// The same if it is known.
    pub(crate) fn known(&self, most: TickSpan) -> Option<Arc<Prepared>> {
        let is_less = |known: &Prepared| matches!(known, Prepared::TooLong { most: known } if *known < most);
        self.prepared.clone().filter(|prepared| !is_less(prepared))
    }

    /// The code at the call of `kernel_run`, and the machine there.
    pub(crate) fn ready(
        &mut self,
        asked: Asked<'_>,
        clock: Clock,
    ) -> Result<Option<(Arc<Code>, Ready)>, RunnerError> {
        let prepared = self.prepared(asked, clock)?;
        let Prepared::Ready(code) = &*prepared else { return Ok(None) };
        Ok(Some((code.clone(), settled(&mut self.settled, code)?)))
    }

    /// The same at the call of the start function, if there is one that the interpreter takes. How that ends does not have to
    /// be known.
    pub(crate) fn start(
        &mut self,
        asked: Asked<'_>,
        clock: Clock,
    ) -> Result<Option<(Arc<Code>, Ready)>, RunnerError> {
        if self.start.is_none() && self.known(asked.most).is_none() {
            let come = self.come_to_start(asked, clock)?;
            self.prepared = come.map(Arc::new).or(self.prepared.take());
        }
        let Some(start) = &mut self.start else { return Ok(None) };
        Ok(Some((start.code.clone(), settled(&mut start.settled, &start.code)?)))
    }

    fn prepare(&mut self, asked: Asked<'_>, clock: Clock) -> Result<Prepared, RunnerError> {
        if self.late.as_ref().is_some_and(|late| late.to == To::Run) {
            return match self.resumed(asked)? {
                Some(machine) => self.come_to_run(machine, asked, clock),
                None => Ok(Prepared::TooLong { most: asked.most }),
            };
        }
        if self.start.is_none()
            && let Some(prepared) = self.come_to_start(asked, clock)?
        {
            return Ok(prepared);
        }
        let mut machine = asked.begin()?;
        if let Some(start) = self.start.as_mut().filter(|start| start.code.ready().ticks() < asked.most) {
            let left = asked.most.0 - 1 - start.code.ready().ticks().0;
            let run = start.run.get_or_insert_with(|| Box::new(Run::new(start.code.clone())));
            if run.used() > left {
                return Ok(Prepared::TooLong { most: asked.most });
            }
            let (begin, mut reveals, mut debug) = (machine.clone(), (), ());
            let mut host = begin.lend(&mut reveals, &mut debug)?;
            match clock.go(run, left, &mut host)? {
                Pause::Host(HostTrap::Undecided(error)) => return Err(error),
                Pause::Finished => return Err(RunnerError::Engine("a start function without an end".into())),
                Pause::Limit | Pause::Machine | Pause::Host(_) => enter(&mut machine, run, &host)?,
            }
        }
        let prepared = self.come_to_run(machine, asked, clock)?;
        if let Some(start) = self.start.as_mut().filter(|_| !matches!(prepared, Prepared::TooLong { .. })) {
            start.run = None;
        }
        Ok(prepared)
    }

    /// The machine that was late, if a run of so many ticks gets as far.
    fn resumed(&mut self, asked: Asked<'_>) -> Result<Option<Machine>, RunnerError> {
        let Some(late) = &mut self.late else { return Ok(Some(asked.begin()?)) };
        if late.machine.current_tick.since(Tick::ZERO) >= asked.most {
            return Ok(None);
        }
        late.machine.limits.ticks_per_snapshot = asked.most;
        Ok(self.late.take().map(|late| *late.machine))
    }

    /// Goes on to the call of the start function. What has become of the kernel if the interpreter has no start function to run.
    fn come_to_start(&mut self, asked: Asked<'_>, clock: Clock) -> Result<Option<Prepared>, RunnerError> {
        let Some(mut machine) = self.resumed(asked)? else {
            return Ok(Some(Prepared::TooLong { most: asked.most }));
        };
        let come = machine.make_start_ready_while(&mut (), &mut || !clock.is_late());
        let ready = match self.come(come, &machine, To::Start, asked, clock)? {
            Ok(ready) => ready,
            Err(prepared) => return Ok(Some(prepared)),
        };
        let (is_start, ticks) = (ready.is_start(), ready.ticks());
        match Code::new(&asked.kernel.load()?, asked.version, ready) {
            Ok(code) if is_start => {
                self.start = Some(Start { code: Arc::new(code), settled: None, run: None });
                Ok(None)
            }
            Ok(code) => Ok(Some(Prepared::Ready(Arc::new(code)))),
            Err(_) if is_start => self.come_to_run(machine, asked, clock).map(Some),
            Err(Unsupported { reason }) => Ok(Some(Prepared::Unsupported { reason, ready: Some(ticks) })),
        }
    }

    /// Goes on by ticks to the call of `kernel_run`.
    fn come_to_run(
        &mut self,
        mut machine: Machine,
        asked: Asked<'_>,
        clock: Clock,
    ) -> Result<Prepared, RunnerError> {
        let come = machine.make_ready_while(&mut (), &mut || !clock.is_late());
        let ready = match self.come(come, &machine, To::Run, asked, clock)? {
            Ok(ready) => ready,
            Err(prepared) => return Ok(prepared),
        };
        let ticks = ready.ticks();
        let code = match &self.start {
            Some(start) => start.code.later(ready),
            None => Code::new(&asked.kernel.load()?, asked.version, ready),
        };
        Ok(match code {
            Ok(code) => Prepared::Ready(Arc::new(code)),
            Err(Unsupported { reason }) => Prepared::Unsupported { reason, ready: Some(ticks) },
        })
    }

    /// What has come of going on by ticks.
    fn come(
        &mut self,
        come: Result<Option<Ready>, StateError>,
        machine: &Machine,
        to: To,
        asked: Asked<'_>,
        clock: Clock,
    ) -> Result<Come, RunnerError> {
        match come {
            Ok(Some(ready)) => return Ok(Ok(ready)),
            Ok(None) => (),
            Err(error @ StateError::TooLarge { .. }) => {
                return Ok(Err(Prepared::Unsupported { reason: error.to_string(), ready: None }));
            }
            Err(StateError::NoNextState { reason }) => return Err(RunnerError::NoNextState { reason }),
            Err(error) => return Err(error.into()),
        }
        let TickState::Stuck(error) = &machine.tick_state else {
            self.late = Some(Late { machine: Box::new(machine.clone()), to });
            clock.check()?;
            return Err(RunnerError::Engine(format!("a run begins with {}", machine.state_name())));
        };
        let ticks = machine.current_tick.since(Tick::ZERO);
        let stage = match error {
            StuckError::Decode(_) => Stage::Decode,
            StuckError::Link(_) => Stage::Link,
            StuckError::Init(_) => Stage::Init,
            StuckError::TooManyTicks => return Ok(Err(Prepared::TooLong { most: asked.most })),
            error => return Ok(Err(Prepared::Stuck { reason: error.reason(), ticks })),
        };
        Ok(Err(Prepared::Refused { stage, reason: error.reason(), ticks: TickSpan(ticks.0 + 1) }))
    }
}

fn settled(known: &mut Option<Ready>, code: &Code) -> Result<Ready, RunnerError> {
    Ok(match known {
        Some(settled) => settled.clone(),
        None => known.insert(code.ready().clone().settled()?).clone(),
    })
}

/// Puts a machine, which is where the run begins, to where the interpreter is.
pub(crate) fn enter(machine: &mut Machine, run: &Run, host: &HostState<'_>) -> Result<(), RunnerError> {
    let engine = |error: &dyn std::fmt::Display| RunnerError::Engine(error.to_string());
    let frozen = run.freeze().map_err(|error| engine(&error))?;
    let entered = machine.enter_run(run.code().ready(), frozen.as_ref(), host, TickSpan(run.used()));
    entered.map_err(|error| engine(&error))
}
