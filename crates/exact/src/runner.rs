//! An engine that counts every tick.

use crate::clock::Clock;
use crate::code::Code;
use crate::kept::Kept;
use crate::passage::{ByTicks, Legs, Way};
use crate::prepare::{Asked, Held, Prepared, enter};
use crate::run::{Pause, Run};
use soru_base::hash::ContextHash;
use soru_base::tick::{Tick, TickSpan};
use soru_pvm::host::{HostState, HostTrap};
use soru_pvm::level::RunEnd;
use soru_pvm::phases::Phases;
use soru_pvm::run::{Kernel, Outcome, Passage, Runner, RunnerError};
use soru_pvm::state::StuckError;
use soru_pvm::{Limits, Machine, Version};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// So many ticks of a run are left to the machine at most, where the interpreter does not go on. It makes them in a second
/// or two.
const BY_MACHINE_MAX: u64 = 100_000_000;

/// The tick-exact interpreter as an engine. Can be shared between threads; copies share what they know of kernels.
#[derive(Debug, Clone, Default)]
pub struct TickExact {
    kept: Arc<Mutex<Kept>>,
    deadline: Option<Duration>,
    deadline_of_ways: Option<Duration>,
}

impl TickExact {
    /// An engine that knows no kernel yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same that gives up a run, with what comes before its call, after that time: [`RunnerError::Deadline`]. Start functions
    /// go on where they were when somebody asks again.
    pub fn within(deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..Self::default() }
    }

    /// The same whose ways through runs give up after that time on the way from one tick that was asked for to the next. What
    /// was reached is kept: whoever asks again goes on from there.
    pub fn with_ways_within(self, deadline: Duration) -> Self {
        Self { deadline_of_ways: Some(deadline), ..self }
    }

    /// What becomes of a kernel before it is called. Remembered for the kernels that were used last.
    pub fn prepared(&self, kernel: &Kernel, version: Version) -> Result<Arc<Prepared>, RunnerError> {
        let most = Limits::of_version(version).ticks_per_snapshot;
        self.prepared_for(kernel, version, most, self.deadline)
    }

    /// The same for a run that may take so many ticks, and not more than that time for what comes before the call.
    pub fn prepared_for(
        &self,
        kernel: &Kernel,
        version: Version,
        most: TickSpan,
        deadline: Option<Duration>,
    ) -> Result<Arc<Prepared>, RunnerError> {
        let asked = Asked { kernel, version, most };
        self.held(asked, |held| held.prepared(asked, Clock::new(deadline)))
    }

    /// The ticks of the run that a machine is about to begin with a kernel, up to the call of `kernel_run`. The machine is not
    /// changed.
    pub fn phases(&self, machine: &Machine, kernel: &Kernel) -> Result<Phases, RunnerError> {
        let mut phases = machine.phases_to_start()?;
        let most = machine.limits.ticks_per_snapshot;
        let prepared = self.prepared_for(kernel, machine.durable.version()?, most, self.deadline)?;
        let (total, gets_to_call) = match &*prepared {
            Prepared::Ready(code) if code.ready().ticks() < most => (code.ready().ticks(), true),
            Prepared::Unsupported { ready: Some(ticks), .. } => (*ticks, true),
            // The tick that looks for another kernel is none of them.
            Prepared::Refused { ticks, .. } => (TickSpan(ticks.0 - 1), false),
            Prepared::Stuck { ticks, .. } => (*ticks, false),
            Prepared::Ready(_) | Prepared::TooLong { .. } => (most, false),
            Prepared::Unsupported { reason, ready: None } => {
                return Err(RunnerError::Unsupported { reason: reason.clone() });
            }
        };
        phases.gets_to_call = gets_to_call;
        phases.init.0 += total.0.saturating_sub(phases.total().0);
        Ok(phases)
    }

    /// What becomes of a kernel for a run that may take so many ticks, if it is remembered, and nobody is finding out more just
    /// now.
    pub fn remembered(&self, kernel: ContextHash, version: Version, most: TickSpan) -> Option<Arc<Prepared>> {
        let place = self.kept.lock().unwrap_or_else(PoisonError::into_inner).find((kernel, version))?;
        place.try_lock().ok()?.known(most)
    }

    /// What is kept of a kernel.
    pub(crate) fn held<T>(
        &self,
        asked: Asked<'_>,
        ask: impl FnOnce(&mut Held) -> Result<T, RunnerError>,
    ) -> Result<T, RunnerError> {
        let (key, length) = ((asked.kernel.hash(), asked.version), asked.kernel.length()?);
        let place = self.kept.lock().unwrap_or_else(PoisonError::into_inner).place(key, length);
        // Two threads with the same kernel: one prepares it, the other waits.
        ask(&mut place.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The time that ways have.
    pub(crate) fn deadline_of_ways(&self) -> Option<Duration> {
        self.deadline_of_ways
    }

    /// The same from here on.
    pub(crate) fn clock_of_ways(&self) -> Clock {
        Clock::new(self.deadline_of_ways)
    }
}

impl Runner for TickExact {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let clock = Clock::new(self.deadline);
        let asked = Asked { kernel, version: host.version, most: host.ticks };
        let prepared = self.held(asked, |held| held.prepared(asked, clock))?;
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
            Prepared::Ready(code) if code.ready().ticks().0 <= most => run(code, host, most, clock),
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
        let asked = Asked { kernel: &kernel, version, most };
        let clock = self.clock_of_ways();
        if let Some((code, settled)) = self.held(asked, |held| held.start(asked, clock))? {
            let start = Way::new(machine, code, settled, self.deadline_of_ways)?;
            return Ok(Some(Box::new(Legs::new(machine, kernel, self.clone(), start)?)));
        }
        let (ready, prepared) =
            self.held(asked, |held| Ok((held.ready(asked, clock)?, held.prepared(asked, clock)?)))?;
        Ok(match (ready, &*prepared) {
            (Some((code, settled)), _) => {
                Some(Box::new(Way::new(machine, code, settled, self.deadline_of_ways)?))
            }
            (None, Prepared::TooLong { .. } | Prepared::Unsupported { .. }) => {
                Some(Box::new(ByTicks::new(machine, self.deadline_of_ways)))
            }
            (None, _) => None,
        })
    }
}

fn run(code: &Arc<Code>, host: &mut HostState<'_>, most: u64, clock: Clock) -> Result<Outcome, RunnerError> {
    let begin = Machine::of_host(host);
    host.begin_run()?;
    let ready = code.ready().ticks().0;
    let mut run = Run::new(code.clone());
    match clock.go(&mut run, most - ready, host)? {
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
    let called = run.left_out().map_or_else(String::new, |left_out| format!(": {left_out}"));
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
            let reason = format!("the interpreter does not go on at tick {from} of the run{called}");
            return Err(RunnerError::Unsupported { reason });
        }
        Some(end) => return Err(RunnerError::Engine(format!("a run ends with {end:?}"))),
    };
    host.ticks_used = Some(machine.current_tick.since(Tick::ZERO));
    (host.durable, host.input, host.output) = (machine.durable, machine.input, machine.output);
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_takes_more_than_a_share_is_come_past_and_endless_ones_end() {
        // Backwards: all of it at once or nothing, 48 ticks for each byte.
        let wat = r#"(module (memory 20) (export "mem" (memory 0)) (func (export "kernel_run")
            (memory.copy (i32.const 1) (i32.const 0) (i32.const 1048576))
            (if (i32.load8_u (i32.const 0)) (then (loop (br 0))))))"#;
        let data = wat.replace("(func", r#"(data (i32.const 0) "\01") (func"#);
        let mut ends = Vec::new();
        for (wat, deadline) in [(wat, None), (wat, Some(Duration::MAX)), (&data, Some(Duration::ZERO))] {
            let kernel = Kernel::of_bytes(&wat::parse_str(wat).unwrap()).unwrap();
            let begin = Machine::of_kernel(&kernel, Version::V4, TickSpan(50_000_000_000_000)).unwrap();
            let (mut reveals, mut debug) = ((), ());
            let host = begin.lend(&mut reveals, &mut debug).unwrap();
            let mut host = host.within(begin.limits.ticks_per_snapshot);
            let engine = deadline.map_or_else(TickExact::new, TickExact::within);
            let end = engine.kernel_run(&kernel, &mut host);
            ends.push((end.map_err(|error| error.to_string()), host.ticks_used.map(|ticks| ticks.0 >> 20)));
        }
        let given_up = RunnerError::Deadline { seconds: 0 }.to_string();
        assert_eq!(ends[0], (Ok(Outcome::Finished), Some(48)));
        assert_eq!(ends[1], ends[0]);
        assert_eq!(ends[2], (Err(given_up), None));
    }
}
