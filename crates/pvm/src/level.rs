//! What the machine does at one level: it takes the messages of the inbox, then runs its kernel until it needs the
//! next inbox.

use crate::buffers::OutputBuffer;
use crate::host::{DebugSink, HostState};
use crate::machine::Boundary;
use crate::reveal::RevealSource;
use crate::run::{Kernel, Outcome, Runner, RunnerError, Stage};
use crate::state::{InputPlace, Machine, StateError, Status, TickState};
use crate::version::Version;
use bytes::Bytes;
use soru_base::level::{Level, LevelSpan};
use soru_base::tick::{Tick, TickSpan};
use soru_merkle::Tree;
use std::mem;
use thiserror::Error;

/// What a level needs from outside.
pub struct Surroundings<'a> {
    /// The engine.
    pub runner: &'a dyn Runner,
    /// Where reveals are answered.
    pub reveals: &'a mut dyn RevealSource,
    /// Where debug output goes.
    pub debug: &'a mut dyn DebugSink,
}

/// What a level has come to.
#[derive(Debug, Clone)]
pub struct LevelOutcome {
    /// The state that waits for the next level.
    pub tree: Tree,
    /// The same, read.
    pub machine: Machine,
    /// Ticks that the level took.
    pub ticks: TickSpan,
    /// The calls of `kernel_run`, in order.
    pub runs: Vec<Run>,
    /// The messages written to the outbox of this level.
    pub outbox: Vec<Bytes>,
}

/// How one call of `kernel_run` ended, and what came after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub end: RunEnd,
    /// Ticks from its beginning to its padding, or to where the machine got stuck; nothing if the engine did not count them.
    pub ticks: Option<TickSpan>,
    /// How the machine went on; nothing if it is stuck for ever.
    pub then: Option<Boundary>,
}

/// How one call of `kernel_run` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// It returned.
    Finished,
    /// It trapped.
    Trapped {
        /// Message of the trap.
        reason: String,
    },
    /// The kernel was refused; the previous one took its place.
    FellBack {
        /// Which step refused it.
        stage: Stage,
        /// Why.
        reason: String,
    },
    /// The kernel was refused, and there is no other: the machine is stuck for ever.
    Stuck {
        /// Which step refused it; nothing if it was its code that failed.
        stage: Option<Stage>,
        /// Why.
        reason: String,
    },
    /// The engine cannot run the kernel as the machine does: the machine ran it tick by tick.
    TickByTick {
        /// Why.
        reason: String,
        /// How it ended.
        end: Box<RunEnd>,
    },
}

impl RunEnd {
    /// Whether the machine is stuck for ever.
    pub fn is_stuck(&self) -> bool {
        match self {
            Self::Stuck { .. } => true,
            Self::TickByTick { end, .. } => end.is_stuck(),
            Self::Finished | Self::Trapped { .. } | Self::FellBack { .. } => false,
        }
    }
}

/// A step over all ticks up to the next state that can be known without counting them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advance {
    /// None: the machine needs a message.
    InputRequired,
    /// Up to the last tick of padding.
    Padded,
    /// Through a whole run, up to the last tick of its padding.
    Ran {
        /// How it ended.
        end: RunEnd,
        /// Ticks of it: see [`Run::ticks`].
        ticks: Option<TickSpan>,
    },
    /// One tick: out of padding.
    Left(Boundary),
}

/// Why the state after a level could not be computed.
#[derive(Debug, Clone, Error)]
pub enum LevelError {
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// A run could not be decided.
    #[error("run {number} of the level: {error}")]
    Run {
        /// Number of the run in its level, from 0.
        number: usize,
        /// Why.
        #[source]
        error: RunnerError,
    },
    /// The state is in the middle of a run.
    #[error("the state is in the middle of a run ({phase}): a level begins where an input is required")]
    InRun {
        /// The part of the run.
        phase: &'static str,
    },
}

/// Gives the messages of a level to the machine in the state `tree`, then lets it run until it needs the next ones.
/// Message number i of `messages` has the counter i.
pub fn eval_level<M: AsRef<[u8]>>(
    tree: &Tree,
    level: Level,
    messages: &[M],
    around: &mut Surroundings<'_>,
) -> Result<LevelOutcome, LevelError> {
    let mut machine = Machine::from_tree(tree)?;
    let start = machine.current_tick;
    for (counter, message) in (0..).zip(messages) {
        machine.set_input(InputPlace { level, counter }, message.as_ref())?;
    }
    let runs = machine.run_until_input_required(around)?;
    let mut tree = tree.clone();
    machine.apply(&mut tree)?;
    let outbox = machine.output.outbox(level)?.unwrap_or_default();
    Ok(LevelOutcome { tree, ticks: machine.current_tick.since(start), runs, outbox, machine })
}

impl Machine {
    /// Runs the kernel as often as it takes until the machine needs the next message.
    pub fn run_until_input_required(
        &mut self,
        around: &mut Surroundings<'_>,
    ) -> Result<Vec<Run>, LevelError> {
        let mut runs = Vec::new();
        let mut end = None;
        loop {
            match self.advance(runs.len(), around)? {
                Advance::InputRequired => {
                    runs.extend(end.take().map(|(end, ticks)| Run { end, ticks, then: None }));
                    return Ok(runs);
                }
                Advance::Padded => (),
                Advance::Ran { end: how, ticks } => end = Some((how, ticks)),
                Advance::Left(then) => {
                    runs.extend(end.take().map(|(end, ticks)| Run { end, ticks, then: Some(then) }));
                }
            }
        }
    }

    /// Goes on to the next state that can be known without counting ticks inside of a run. `number` is the number of
    /// the run in its level, for errors.
    pub fn advance(&mut self, number: usize, around: &mut Surroundings<'_>) -> Result<Advance, LevelError> {
        if self.status() == Status::InputRequired {
            return Ok(Advance::InputRequired);
        }
        match &self.tick_state {
            TickState::Snapshot => {
                let (begin, mut ticks) = (self.current_tick, None);
                let end = self.run(number, around, &mut ticks)?;
                // A run made by ticks has moved the machine.
                if self.current_tick > begin {
                    ticks = Some(self.current_tick.since(begin));
                }
                if !end.is_stuck() {
                    self.skip_padding()?;
                }
                Ok(Advance::Ran { end, ticks })
            }
            TickState::Padding if self.is_padded()? => Ok(Advance::Left(self.leave_padding()?)),
            TickState::Padding => {
                self.skip_padding()?;
                Ok(Advance::Padded)
            }
            // Such a state comes from a tick-exact reading: here a refused kernel never stays for a tick.
            TickState::Stuck(_) => {
                self.leave_stuck()?;
                Ok(Advance::Padded)
            }
            other => Err(LevelError::InRun { phase: other.name() }),
        }
    }

    fn run(
        &mut self,
        number: usize,
        around: &mut Surroundings<'_>,
        ticks: &mut Option<TickSpan>,
    ) -> Result<RunEnd, LevelError> {
        let failed = |error| LevelError::Run { number, error };
        let Some(kernel) = Kernel::of_durable(&self.durable)? else {
            let mut machine = self.clone();
            machine.go_through(Tick(u64::MAX), &mut *around.reveals, &mut ()).map_err(failed)?;
            *ticks = Some(machine.current_tick.since(self.current_tick));
            return self.refused(number, Stage::Decode, "Value not found".to_owned(), around);
        };
        let version = self.durable.version()?;
        let before = self.clone();
        let mut once = Once { sink: &mut *around.debug, told: 0, passed: 0 };
        let (runner, reveals) = (around.runner, &mut *around.reveals);
        let mut around = Surroundings { runner, reveals: &mut *reveals, debug: &mut once };
        let outcome = self.call_kernel(version, &kernel, &mut around, ticks);
        once.passed = 0;
        let around = &mut Surroundings { runner, reveals, debug: &mut once };
        let outcome = match outcome {
            Err(RunnerError::Unsupported { reason }) => {
                *self = before;
                let end = Box::new(self.run_tick_by_tick(number, around)?);
                return Ok(RunEnd::TickByTick { reason, end });
            }
            outcome => outcome.map_err(failed)?,
        };
        Ok(match outcome {
            Outcome::Finished => {
                self.run_finished()?;
                RunEnd::Finished
            }
            Outcome::Trapped { reason } => {
                self.run_trapped()?;
                RunEnd::Trapped { reason }
            }
            Outcome::Refused { stage, reason } => self.refused(number, stage, reason, around)?,
            Outcome::Stuck { reason } => {
                *self = before;
                self.get_stuck_tick_by_tick(number, around)?;
                RunEnd::Stuck { stage: None, reason }
            }
        })
    }

    // The parts that a kernel changes are lent to the host functions and come back; after an error they are lost with
    // the machine.
    fn call_kernel(
        &mut self,
        version: Version,
        kernel: &Kernel,
        around: &mut Surroundings<'_>,
        ticks: &mut Option<TickSpan>,
    ) -> Result<Outcome, RunnerError> {
        let durable = self.durable.clone();
        let input = mem::take(&mut self.input);
        let output = mem::replace(&mut self.output, OutputBuffer::new(LevelSpan(0), 0));
        let host = HostState::new(version, durable, input, output, around.reveals, around.debug);
        let mut host = host.within(self.limits.ticks_per_snapshot);
        let outcome = around.runner.kernel_run(kernel, &mut host);
        let begun = host.has_begun();
        *ticks = host.ticks_used;
        let HostState { durable, input, output, .. } = host;
        outcome.and_then(|outcome| {
            (self.durable, self.input, self.output) = (durable, input, output);
            let expected = matches!(outcome, Outcome::Finished | Outcome::Trapped { .. });
            if begun != expected && !matches!(outcome, Outcome::Stuck { .. }) {
                let has = if begun { "has" } else { "has not" };
                return Err(RunnerError::Engine(format!(
                    "the engine {has} begun the run and says {outcome:?}"
                )));
            }
            Ok(outcome)
        })
    }

    fn refused(
        &mut self,
        number: usize,
        stage: Stage,
        reason: String,
        around: &mut Surroundings<'_>,
    ) -> Result<RunEnd, LevelError> {
        let before = self.clone();
        if self.fall_back()? {
            return Ok(RunEnd::FellBack { stage, reason });
        }
        *self = before;
        self.get_stuck_tick_by_tick(number, around)?;
        Ok(RunEnd::Stuck { stage: Some(stage), reason })
    }

    // The tick at which the machine gets stuck is part of its state: an engine does not know it.
    fn get_stuck_tick_by_tick(
        &mut self,
        number: usize,
        around: &mut Surroundings<'_>,
    ) -> Result<(), LevelError> {
        if self.run_tick_by_tick(number, around)?.is_stuck() {
            return Ok(());
        }
        let reason = "the engine says that the kernel gets stuck, and it does not".to_owned();
        Err(LevelError::Run { number, error: RunnerError::Engine(reason) })
    }

    /// From a snapshot up to the padding, or until it is stuck for ever.
    fn run_tick_by_tick(
        &mut self,
        number: usize,
        around: &mut Surroundings<'_>,
    ) -> Result<RunEnd, LevelError> {
        let failed = |error| match error {
            RunnerError::State(error) => LevelError::State(error),
            error => LevelError::Run { number, error },
        };
        if let Some(mut passage) = around.runner.passage(self).map_err(failed)? {
            let over = passage.end(&mut *around.reveals, &mut *around.debug);
            let (machine, end) = over.map_err(failed)?;
            *self = machine;
            return Ok(end);
        }
        let over = self.go_through(Tick(u64::MAX), &mut *around.reveals, &mut *around.debug);
        over.map_err(failed)?.ok_or_else(|| failed(RunnerError::Engine("a run without an end".to_owned())))
    }
}

/// Tells what a kernel writes for debugging once, though its run may be made twice: by an engine, then by ticks.
struct Once<'a> {
    sink: &'a mut dyn DebugSink,
    /// Bytes that were told.
    told: usize,
    /// Bytes since the run began, the last time.
    passed: usize,
}

impl DebugSink for Once<'_> {
    fn debug(&mut self, bytes: &[u8]) {
        let known = self.told.saturating_sub(self.passed).min(bytes.len());
        self.passed += bytes.len();
        self.told = self.told.max(self.passed);
        if known < bytes.len() {
            self.sink.debug(&bytes[known..]);
        }
    }

    fn wants_bytes(&self) -> bool {
        self.sink.wants_bytes()
    }
}

/// The machine's version, without reading the rest of the state.
pub fn version(tree: &Tree) -> Result<Version, StateError> {
    crate::state::durable(tree)?.version()
}

/// The kernel of a state, without reading its bytes or the rest of the state.
pub fn kernel(tree: &Tree) -> Result<Option<Kernel>, StateError> {
    Kernel::of_durable(&crate::state::durable(tree)?)
}
