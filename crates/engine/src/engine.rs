//! The engine: settings, and the way of a run from engine to engine.

use crate::compiled::{Compiled, Prepared};
use crate::compiler::Compiler;
use crate::debug::{Rest, Told};
use crate::execute::{Limits, Ran, Reason, execute};
use crate::kind::Kind;
use crate::status::{Counters, Status, count};
use soru_base::hash::ContextHash;
use soru_base::tick::TickSpan;
use soru_exact::{Prepared as Exact, TickExact, price};
use soru_pvm::host::HostState;
use soru_pvm::run::{Kernel, Outcome, Passage, Runner, RunnerError};
use soru_pvm::{Machine, Version};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;

/// Settings of an engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which engine.
    pub kind: Kind,
    /// The compiler.
    pub compiler: Compiler,
    /// Folder for compiled kernels; none, and they are compiled again by every process. It is made if it is not there,
    /// and must not be writable by others: what is in it is run.
    pub cache: Option<PathBuf>,
    /// Longest time of one `kernel_run`, and of what comes before it. One that compiled code has made in time, but cannot decide,
    /// may take eight times as long once more, and so may each look into a run.
    pub deadline: Duration,
    /// Whether compiled kernels count their ticks. Without it a run has no bound, no deadline and no number of ticks: for
    /// measurements only.
    pub metered: bool,
}

impl Default for Options {
    fn default() -> Self {
        const DEADLINE: Duration = Duration::from_secs(60);
        Self {
            kind: Kind::default(),
            compiler: Compiler::default(),
            cache: None,
            deadline: DEADLINE,
            metered: true,
        }
    }
}

/// So many times the deadline has the interpreter for a run that it makes after compiled code, and for each look into a run.
const TIMES_AGAIN: u32 = 8;

/// An engine could not be made.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The folder for compiled kernels cannot be used.
    #[error("cannot use {folder} for compiled kernels: {source}")]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that watches over the deadlines of modules cannot be started.
    #[error("cannot start the thread that watches over deadlines: {0}")]
    Thread(#[from] std::io::Error),
    /// The compiler refuses its settings.
    #[error("the {compiler} compiler cannot be used on this machine: {reason}")]
    Compiler {
        /// Which.
        compiler: Compiler,
        /// Why.
        reason: String,
    },
}

/// Runs kernels. Can be shared between threads.
pub struct Engine {
    options: Options,
    compiled: Compiled,
    exact: TickExact,
    counters: Counters,
    /// Kernels of which it was said what the interpreter leaves to the machine.
    told: Mutex<BTreeSet<(ContextHash, Version)>>,
}

/// So many kernels at most are in there.
const TOLD_MAX: usize = 1 << 10;

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("options", &self.options).field("status", &self.status()).finish()
    }
}

/// What is known of a run before it is made.
enum Known {
    /// It begins to run after so many ticks.
    After(TickSpan),
    /// The machine does not get to the call.
    NotRun,
    /// Its ticks are not counted.
    Uncounted,
}

/// How a run was decided.
enum Decision {
    /// By machine code, or by what is known of the kernel.
    Compiled(Outcome),
    Again(Reason, String),
}

impl Engine {
    /// An engine of these settings.
    pub fn new(options: Options) -> Result<Self, EngineError> {
        let compiled = Compiled::new(options.compiler, options.metered, options.cache.as_ref())?;
        // What machine code has found out in time is to be made exact, by something slower.
        let longer = options.deadline.saturating_mul(TIMES_AGAIN);
        let deadline = if options.kind == Kind::Compiled { longer } else { options.deadline };
        let exact = TickExact::within(deadline).with_ways_within(longer);
        Ok(Self { compiled, exact, counters: Counters::default(), told: Mutex::default(), options })
    }

    /// What it has done so far.
    pub fn status(&self) -> Status {
        self.counters.status(self.options.kind, self.options.compiler)
    }

    fn known(
        &self,
        kernel: &Kernel,
        host: &HostState<'_>,
        prepared: &Prepared,
    ) -> Result<Known, RunnerError> {
        if !self.options.metered {
            return Ok(Known::Uncounted);
        }
        let (hash, version, most) = (kernel.hash(), host.version, host.ticks);
        // The last tick of a run is one of padding, and what is done at a tick is seen at the next one.
        let after = |ticks: TickSpan| if ticks.0 < most.0 { Known::After(ticks) } else { Known::NotRun };
        if let Some(ticks) = self.compiled.ready_ticks(hash, prepared, version) {
            return Ok(after(ticks));
        }
        // Start functions take as long as they like: what is not done in time goes on when somebody asks again.
        let exact = self.exact.prepared_for(kernel, version, most, Some(self.options.deadline))?;
        self.tell_left_out(hash, version);
        let ticks = match &*exact {
            Exact::Ready(code) => code.ready().ticks(),
            Exact::Unsupported { ready: Some(ticks), .. } => *ticks,
            Exact::Unsupported { ready: None, .. }
            | Exact::Refused { .. }
            | Exact::Stuck { .. }
            | Exact::TooLong { .. } => return Ok(Known::NotRun),
        };
        self.compiled.keep_ready_ticks(hash, prepared, version, ticks);
        Ok(after(ticks))
    }

    fn compiled_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let mut told = 0;
        match self.decide(kernel, host, &mut told)? {
            Decision::Compiled(outcome) => {
                count(&self.counters.by_compiled);
                Ok(outcome)
            }
            Decision::Again(reason, why) => {
                count(match reason {
                    Reason::Trap => &self.counters.traps,
                    Reason::Ticks => &self.counters.over,
                    Reason::Unsupported => &self.counters.unsupported,
                });
                tracing::info!(kernel = %kernel.hash(), ?reason, "the tick-exact interpreter makes the run: {why}");
                self.run_again(kernel, host, told)
            }
        }
    }

    /// Runs the compiled kernel; `host` changes only if that decides the run. Says how many bytes it told for debugging.
    fn decide(
        &self,
        kernel: &Kernel,
        host: &mut HostState<'_>,
        told: &mut u64,
    ) -> Result<Decision, RunnerError> {
        let prepared = self.compiled.prepared(kernel, &self.counters)?;
        let before = match self.known(kernel, host, &prepared)? {
            Known::After(ticks) => Some(ticks.0 + price::FINISH),
            Known::Uncounted => None,
            // The outcome is remembered, or found now.
            Known::NotRun => {
                let outcome = self.exact.kernel_run(kernel, host);
                return match outcome {
                    Err(RunnerError::Unsupported { reason }) => {
                        Ok(Decision::Again(Reason::Unsupported, reason))
                    }
                    outcome => outcome.map(Decision::Compiled),
                };
            }
        };
        let instance = match &prepared.body {
            Ok(instance) => instance,
            Err(reason) => return Ok(Decision::Again(Reason::Unsupported, reason.clone())),
        };
        let most = host.ticks.0.saturating_sub(1);
        let limits = Limits {
            ticks: before.map(|before| most.saturating_sub(before)),
            deadline: self.options.deadline,
        };
        let (durable, input, output) = (host.durable.clone(), host.input.clone(), host.output.clone());
        let mut debug = Told::new(&mut *host.debug);
        let mut trial = HostState::new(host.version, durable, input, output, &mut *host.reveals, &mut debug)
            .within(host.ticks);
        let ran = execute(instance, &mut trial, limits);
        let HostState { durable, input, output, .. } = trial;
        *told = debug.bytes();
        Ok(match ran {
            Ran::Returned(ticks) => {
                host.begin_run()?;
                (host.durable, host.input, host.output) = (durable, input, output);
                host.ticks_used = ticks.zip(before).map(|(ticks, before)| TickSpan(ticks + before));
                Decision::Compiled(Outcome::Finished)
            }
            Ran::Again(reason, why) => Decision::Again(reason, why),
            Ran::Failed(error) => return Err(error),
        })
    }

    /// Says once of a kernel what of it the tick-exact interpreter leaves to the machine.
    fn tell_left_out(&self, kernel: ContextHash, version: Version) {
        let known = self.exact.remembered(kernel, version, TickSpan(0));
        let Some(Exact::Ready(code)) = known.as_deref() else { return };
        let Some(first) = code.left_out().first() else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOLD_MAX {
            told.clear();
        }
        if told.insert((kernel, version)) {
            let functions = code.left_out().len();
            self.counters.left_out.fetch_add(functions as u64, Ordering::Relaxed);
            tracing::warn!(%kernel, functions, "the tick-exact interpreter leaves functions to the machine, tick by tick: {first}");
        }
    }

    /// Makes a run with the tick-exact interpreter of which so many bytes were told for debugging.
    fn run_again(
        &self,
        kernel: &Kernel,
        host: &mut HostState<'_>,
        told: u64,
    ) -> Result<Outcome, RunnerError> {
        let (durable, input, output) = (host.durable.clone(), host.input.clone(), host.output.clone());
        let mut debug = Rest::new(&mut *host.debug, told);
        let mut again = HostState::new(host.version, durable, input, output, &mut *host.reveals, &mut debug)
            .within(host.ticks);
        let outcome = self.exact.kernel_run(kernel, &mut again);
        self.tell_left_out(kernel.hash(), again.version);
        let (used, begun) = (again.ticks_used, again.has_begun());
        let HostState { durable, input, output, .. } = again;
        if begun || told > 0 {
            // Also where the machine has to make the run once more: it tells nothing then.
            host.begin_run()?;
        }
        match &outcome {
            Ok(_) => {
                count(&self.counters.by_tick_exact);
                (host.durable, host.input, host.output) = (durable, input, output);
                host.ticks_used = used;
            }
            Err(RunnerError::Unsupported { reason }) => {
                count(&self.counters.to_reference);
                tracing::warn!(kernel = %kernel.hash(), "the machine makes the run tick by tick: {reason}");
            }
            Err(_) => (),
        }
        outcome
    }
}

impl Runner for Engine {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        count(&self.counters.runs);
        let result = match self.options.kind {
            Kind::Compiled => self.compiled_run(kernel, host),
            Kind::TickExact => self.run_again(kernel, host, 0),
            Kind::Reference => {
                Err(RunnerError::Unsupported { reason: "the machine itself was asked for".into() })
            }
        };
        match &result {
            Err(RunnerError::Unsupported { .. }) => count(&self.counters.by_reference),
            Err(RunnerError::Deadline { .. }) => {
                count(&self.counters.deadlines);
                tracing::error!(kernel = %kernel.hash(), deadline = ?self.options.deadline, "kernel_run did not end in time");
            }
            _ => (),
        }
        let ticks = host.ticks_used.map_or(0, |ticks| ticks.0);
        self.counters.ticks.fetch_add(ticks, Ordering::Relaxed);
        result
    }

    fn passage(&self, machine: &Machine) -> Result<Option<Box<dyn Passage>>, RunnerError> {
        match self.options.kind {
            Kind::Compiled | Kind::TickExact => {
                let passage = self.exact.passage(machine)?;
                if let Some(kernel) = Kernel::of_durable(&machine.durable)? {
                    self.tell_left_out(kernel.hash(), machine.durable.version()?);
                }
                Ok(passage)
            }
            Kind::Reference => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_can_be_shared() {
        fn shared<T: Send + Sync>(_: &T) {}
        shared(&Engine::new(Options::default()).unwrap());
    }
}
