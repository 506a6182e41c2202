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
use std::time::{Duration, Instant};

/// How many kernels are kept ready, of so many bytes together. A rollup has one, and now and then a new one. What is kept of a
/// kernel is some hundred times as large.
const KERNELS_KEPT: usize = 8;
const BYTES_KEPT: u64 = 32 << 20;
/// So many ticks of a run are made between two looks at the time.
const SHARE: u64 = 1 << 24;
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
    deadline: Option<Duration>,
}

/// The time that is left.
#[derive(Debug, Clone, Copy)]
struct Clock {
    begun: Instant,
    deadline: Option<Duration>,
}

impl Clock {
    fn new(deadline: Option<Duration>) -> Self {
        Self { begun: Instant::now(), deadline }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.begun.elapsed() >= deadline)
    }

    fn check(&self) -> Result<(), RunnerError> {
        match self.deadline.filter(|_| self.is_late()) {
            Some(deadline) => Err(RunnerError::Deadline { seconds: deadline.as_secs() }),
            None => Ok(()),
        }
    }
}

impl TickExact {
    /// An engine that knows no kernel yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same that gives up a run, with what comes before its call, after that time: [`RunnerError::Deadline`]. Ways through
    /// runs take as long as it takes.
    pub fn within(deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..Self::default() }
    }

    /// What becomes of a kernel before it is called. Remembered for the kernels that were used last.
    pub fn prepared(&self, kernel: &Kernel, version: Version) -> Result<Arc<Prepared>, RunnerError> {
        let most = Limits::of_version(version).ticks_per_snapshot;
        self.prepared_within(kernel, version, most, Clock::new(self.deadline))
    }

    /// The same for a run that may take so many ticks.
    fn prepared_within(
        &self,
        kernel: &Kernel,
        version: Version,
        most: TickSpan,
        clock: Clock,
    ) -> Result<Arc<Prepared>, RunnerError> {
        self.held(kernel, version, most, clock, |held| Ok(held.prepared.clone()))
    }

    fn held<T>(
        &self,
        kernel: &Kernel,
        version: Version,
        most: TickSpan,
        clock: Clock,
        take: impl FnOnce(&mut Held) -> Result<T, RunnerError>,
    ) -> Result<T, RunnerError> {
        let key = (kernel.hash(), version);
        let place = self.kept.lock().unwrap_or_else(PoisonError::into_inner).place(key, kernel.length()?);
        // Two threads with the same kernel: one prepares it, the other waits.
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = &mut *place
            && !matches!(*held.prepared, Prepared::TooLong { most: known } if known < most)
        {
            return take(held);
        }
        let prepared = Arc::new(prepare(kernel, version, most, clock)?);
        take(place.insert(Held { prepared, settled: None }))
    }
}

fn prepare(kernel: &Kernel, version: Version, most: TickSpan, clock: Clock) -> Result<Prepared, RunnerError> {
    let mut machine = Machine::of_kernel(kernel, version, most)?;
    let ready = match machine.make_ready_while(&mut (), &mut || !clock.is_late()) {
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
        clock.check()?;
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
        let clock = Clock::new(self.deadline);
        let prepared = self.prepared_within(kernel, host.version, host.ticks, clock)?;
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
        self.held(&kernel, version, most, Clock::new(None), |held| {
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

fn run(code: &Arc<Code>, host: &mut HostState<'_>, most: u64, clock: Clock) -> Result<Outcome, RunnerError> {
    let begin = Machine::of_host(host);
    host.begin_run()?;
    let ready = code.ready().ticks().0;
    let mut run = Run::new(code.clone());
    match go(&mut run, most - ready, host, clock)? {
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

/// Goes on to so many ticks, in parts.
fn go(run: &mut Run, most: u64, host: &mut HostState<'_>, clock: Clock) -> Result<Pause, RunnerError> {
    let mut share = SHARE;
    loop {
        let before = run.used();
        let until = before.saturating_add(share).min(most);
        let pause = run.go(until, host);
        if !matches!(pause, Pause::Limit) || until == most {
            return Ok(pause);
        }
        clock.check()?;
        // There are instructions that are done as a whole or not at all.
        share = if run.used() == before { share.saturating_mul(2) } else { SHARE };
    }
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

/// Kernels, with the time of their last use and the number of their bytes.
#[derive(Debug, Default)]
struct Kept {
    places: BTreeMap<(ContextHash, Version), (u64, u64, Place)>,
    uses: u64,
}

impl Kept {
    fn place(&mut self, kernel: (ContextHash, Version), length: u64) -> Place {
        self.uses += 1;
        let (used, bytes, place) = self.places.entry(kernel).or_default();
        (*used, *bytes) = (self.uses, length);
        let place = place.clone();
        while self.places.len() > 1 && self.are_many() {
            let oldest = self.places.iter().min_by_key(|(_, (used, ..))| *used).map(|(key, _)| *key);
            oldest.map(|key| self.places.remove(&key));
        }
        place
    }

    fn are_many(&self) -> bool {
        let bytes = self.places.values().fold(0, |sum: u64, (_, bytes, _)| sum.saturating_add(*bytes));
        self.places.len() > KERNELS_KEPT || bytes > BYTES_KEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_kernels_make_room_for_each_other() {
        let key = |n: u8| (ContextHash([n; 32]), Version::V0);
        let mut kept = Kept::default();
        let first = kept.place(key(0), 10);
        for n in 1..100 {
            kept.place(key(n), BYTES_KEPT / 4);
            assert!(Arc::ptr_eq(&first, &kept.place(key(0), 10)));
            assert!(kept.places.len() <= 4);
        }
        kept.place(key(200), BYTES_KEPT * 2);
        assert_eq!(kept.places.keys().copied().collect::<Vec<_>>(), [key(200)], "the one that is used stays");
        (0..100).for_each(|n| drop(kept.place(key(n), 1)));
        assert_eq!(kept.places.len(), KERNELS_KEPT);
    }

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
