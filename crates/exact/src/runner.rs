//! An engine that counts every tick.

use crate::Unsupported;
use crate::code::Code;
use crate::passage::{TooLong, Way};
use crate::run::{Pause, Run};
use soru_base::hash::ContextHash;
use soru_base::tick::{Tick, TickSpan};
use soru_pvm::handover::Ready;
use soru_pvm::host::{HostState, HostTrap};
use soru_pvm::level::RunEnd;
use soru_pvm::run::{Kernel, Outcome, Passage, Runner, RunnerError, Stage};
use soru_pvm::state::{StateError, StuckError, TickState};
use soru_pvm::{Limits, Machine, Version};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many kernels are kept ready. A rollup has one, and now and then a new one.
const KERNELS_KEPT: usize = 8;
/// So many ticks of a run are left to the machine at most, where the interpreter does not go on. It makes them in a second
/// or two.
const BY_MACHINE_MAX: u64 = 100_000_000;

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

/// The tick-exact interpreter as an engine. Can be shared between threads.
#[derive(Debug, Default)]
pub struct TickExact {
    kept: Mutex<Kept>,
}

impl TickExact {
    /// An engine that knows no kernel yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What becomes of a kernel before it is called. Remembered for the kernels that were used last.
    pub fn prepared(&self, kernel: &Kernel, version: Version) -> Result<Arc<Prepared>, RunnerError> {
        self.prepared_within(kernel, version, Limits::of_version(version).ticks_per_snapshot)
    }

    /// The same for a run that may take so many ticks.
    fn prepared_within(
        &self,
        kernel: &Kernel,
        version: Version,
        most: TickSpan,
    ) -> Result<Arc<Prepared>, RunnerError> {
        self.held(kernel, version, most, |held| Ok(held.prepared.clone()))
    }

    fn held<T>(
        &self,
        kernel: &Kernel,
        version: Version,
        most: TickSpan,
        take: impl FnOnce(&mut Held) -> Result<T, RunnerError>,
    ) -> Result<T, RunnerError> {
        let place = self.kept.lock().unwrap_or_else(PoisonError::into_inner).place(kernel.hash(), version);
        // Two threads with the same kernel: one prepares it, the other waits.
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = &mut *place
            && !matches!(*held.prepared, Prepared::TooLong { most: known } if known < most)
        {
            return take(held);
        }
        let prepared = Arc::new(prepare(kernel, version, most)?);
        take(place.insert(Held { prepared, settled: None }))
    }
}

fn prepare(kernel: &Kernel, version: Version, most: TickSpan) -> Result<Prepared, RunnerError> {
    let mut machine = Machine::of_kernel(kernel, version, most)?;
    let ready = match machine.make_ready(&mut ()) {
        Ok(ready) => ready,
        Err(error @ StateError::TooLarge { .. }) => {
            return Ok(Prepared::Unsupported { reason: error.to_string(), ready: None });
        }
        Err(StateError::NoNextState { reason }) => return Err(RunnerError::NoNextState { reason }),
        Err(error) => return Err(error.into()),
    };
    if let Some(ready) = ready {
        let ticks = ready.ticks();
        return Ok(match Code::new(&kernel.load()?, version, ready) {
            Ok(code) => Prepared::Ready(Arc::new(code)),
            Err(Unsupported { reason }) => Prepared::Unsupported { reason, ready: Some(ticks) },
        });
    }
    let TickState::Stuck(error) = &machine.tick_state else {
        return Err(RunnerError::Engine(format!("a run begins with {}", machine.state_name())));
    };
    let ticks = machine.current_tick.since(Tick::ZERO);
    let stage = match error {
        StuckError::Decode(_) => Stage::Decode,
        StuckError::Link(_) => Stage::Link,
        StuckError::Init(_) => Stage::Init,
        StuckError::TooManyTicks => return Ok(Prepared::TooLong { most }),
        error => return Ok(Prepared::Stuck { reason: error.reason(), ticks }),
    };
    Ok(Prepared::Refused { stage, reason: error.reason(), ticks: TickSpan(ticks.0 + 1) })
}

impl Runner for TickExact {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let prepared = self.prepared_within(kernel, host.version, host.ticks)?;
        // The last tick of a run is one of padding, and what is done at a tick is seen at the next one.
        let most = host.ticks.0.saturating_sub(1);
        match &*prepared {
            Prepared::Refused { stage, reason, ticks } if ticks.0 <= host.ticks.0 => {
                host.ticks_used = Some(*ticks);
                Ok(Outcome::Refused { stage: *stage, reason: reason.clone() })
            }
            Prepared::Stuck { reason, ticks } if ticks.0 <= most => {
                host.ticks_used = Some(*ticks);
                Ok(Outcome::Stuck { reason: reason.clone() })
            }
            Prepared::Ready(code) if code.ready().ticks().0 <= most => run(code, host, most),
            Prepared::Unsupported { reason, .. } => Err(RunnerError::Unsupported { reason: reason.clone() }),
            _ => {
                host.ticks_used = Some(host.ticks);
                Ok(Outcome::Stuck { reason: StuckError::TooManyTicks.reason() })
            }
        }
    }

    fn passage(&self, machine: &Machine) -> Result<Option<Box<dyn Passage>>, RunnerError> {
        let Some(kernel) = Kernel::of_durable(&machine.durable)? else { return Ok(None) };
        let (version, most) = (machine.durable.version()?, machine.limits.ticks_per_snapshot);
        self.held(&kernel, version, most, |held| {
            Ok(match held.ready()? {
                Some((code, settled)) => Some(Box::new(Way::new(machine, code, settled)?) as _),
                None if matches!(*held.prepared, Prepared::TooLong { .. }) => {
                    Some(Box::new(TooLong::new(machine)) as _)
                }
                None => None,
            })
        })
    }
}

fn run(code: &Arc<Code>, host: &mut HostState<'_>, most: u64) -> Result<Outcome, RunnerError> {
    let begin = Machine::of_host(host);
    host.begin_run()?;
    let ready = code.ready().ticks().0;
    let mut run = Run::new(code.clone());
    match run.go(most - ready, host) {
        Pause::Finished => {
            host.ticks_used = Some(TickSpan(ready + run.used()));
            return Ok(Outcome::Finished);
        }
        Pause::Host(HostTrap::Undecided(error)) => return Err(error),
        Pause::Limit | Pause::Machine | Pause::Host(_) => (),
    }
    // How it ends from here is the machine's to say.
    let mut machine = begin;
    enter(&mut machine, &run, host)?;
    drop(run);
    let from = machine.current_tick;
    let end =
        machine.go_through(from.plus(TickSpan(BY_MACHINE_MAX)), &mut *host.reveals, &mut *host.debug)?;
    let outcome = match end {
        Some(RunEnd::Finished) => Outcome::Finished,
        Some(RunEnd::Trapped { reason }) => Outcome::Trapped { reason },
        Some(RunEnd::Stuck { .. }) => {
            let reason = machine.stuck_error().map(StuckError::reason).unwrap_or_default();
            Outcome::Stuck { reason }
        }
        None => {
            let reason = format!("the interpreter does not go on at tick {from} of the run");
            return Err(RunnerError::Unsupported { reason });
        }
        Some(end) => return Err(RunnerError::Engine(format!("a run ends with {end:?}"))),
    };
    host.ticks_used = Some(machine.current_tick.since(Tick::ZERO));
    (host.durable, host.input, host.output) = (machine.durable, machine.input, machine.output);
    Ok(outcome)
}

/// Puts a machine, which is where the run begins, to where the interpreter is.
pub(crate) fn enter(machine: &mut Machine, run: &Run, host: &HostState<'_>) -> Result<(), RunnerError> {
    let engine = |error: &dyn std::fmt::Display| RunnerError::Engine(error.to_string());
    let frozen = run.freeze().map_err(|error| engine(&error))?;
    let entered = machine.enter_run(run.code().ready(), frozen.as_ref(), host, TickSpan(run.used()));
    entered.map_err(|error| engine(&error))
}

/// A kernel that is kept.
#[derive(Debug)]
struct Held {
    prepared: Arc<Prepared>,
    /// The machine where it calls the kernel, as a tree.
    settled: Option<Ready>,
}

impl Held {
    /// The code, and the machine where it is called.
    fn ready(&mut self) -> Result<Option<(Arc<Code>, Ready)>, RunnerError> {
        let Prepared::Ready(code) = &*self.prepared else { return Ok(None) };
        let settled = match &self.settled {
            Some(settled) => settled.clone(),
            None => self.settled.insert(code.ready().clone().settled()?).clone(),
        };
        Ok(Some((code.clone(), settled)))
    }
}

type Place = Arc<Mutex<Option<Held>>>;

/// Kernels, with the time of their last use.
#[derive(Debug, Default)]
struct Kept {
    places: BTreeMap<(ContextHash, Version), (u64, Place)>,
    uses: u64,
}

impl Kept {
    fn place(&mut self, kernel: ContextHash, version: Version) -> Place {
        self.uses += 1;
        let (used, place) = self.places.entry((kernel, version)).or_default();
        *used = self.uses;
        let place = place.clone();
        if self.places.len() > KERNELS_KEPT {
            let oldest = self.places.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            oldest.map(|key| self.places.remove(&key));
        }
        place
    }
}
