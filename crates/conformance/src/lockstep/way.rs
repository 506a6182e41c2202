//! An engine on its way through the levels.

use super::Answers;
use soru_base::hash::ContextHash;
use soru_base::tick::TickSpan;
use soru_merkle::Tree;
use soru_pvm::host::HostState;
use soru_pvm::level::{Advance, LevelError, RunEnd};
use soru_pvm::run::{Kernel, Outcome, Passage, Runner, RunnerError};
use soru_pvm::state::StateError;
use soru_pvm::{Machine, Surroundings};
use std::cell::RefCell;

/// The state of one way to run a kernel.
pub(super) struct Way<'a> {
    pub(super) name: &'a str,
    pub(super) runner: Watched<'a>,
    pub(super) machine: Machine,
    pub(super) tree: Tree,
    pub(super) debug: Vec<u8>,
}

/// An engine, and why it does not take a kernel, if that was so.
pub(super) struct Watched<'a> {
    pub(super) runner: &'a dyn Runner,
    pub(super) unsupported: RefCell<Option<String>>,
}

impl Runner for Watched<'_> {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let outcome = self.runner.kernel_run(kernel, host);
        if let Err(RunnerError::Unsupported { reason }) = &outcome {
            self.unsupported.borrow_mut().get_or_insert_with(|| reason.clone());
        }
        outcome
    }

    fn passage(&self, machine: &Machine) -> Result<Option<Box<dyn Passage>>, RunnerError> {
        self.runner.passage(machine)
    }
}

/// What came of a part of a level.
pub(super) enum Moved {
    /// The machine needs a message.
    InputRequired,
    /// Through padding, or out of it.
    Padding(Advance),
    /// Through a run.
    Ran { end: RunEnd, ticks: Option<TickSpan> },
    /// Nobody can say.
    Undecided(String),
}

impl Moved {
    /// What has to be the same on every way.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::InputRequired => "an input is required".to_owned(),
            Self::Padding(advance) => format!("{advance:?}"),
            Self::Ran { end: RunEnd::Stuck { reason, .. }, .. } => format!("stuck for ever: {reason}"),
            Self::Ran { end, .. } => format!("{end:?}"),
            Self::Undecided(reason) => format!("undecided: {reason}"),
        }
    }

    /// The ticks of a run, if they were counted.
    pub(super) fn ticks(&self) -> Option<TickSpan> {
        match self {
            Self::Ran { ticks, .. } => *ticks,
            _ => None,
        }
    }
}

impl<'a> Way<'a> {
    pub(super) fn new(name: &'a str, runner: &'a dyn Runner, machine: &Machine, tree: &Tree) -> Self {
        let runner = Watched { runner, unsupported: RefCell::default() };
        Self { name, runner, machine: machine.clone(), tree: tree.clone(), debug: Vec::new() }
    }

    pub(super) fn advance(&mut self, run: usize, answers: &mut Answers) -> Result<Moved, String> {
        let mut around = Surroundings { runner: &self.runner, reveals: answers, debug: &mut self.debug };
        match self.machine.advance(run, &mut around) {
            Ok(Advance::InputRequired) => Ok(Moved::InputRequired),
            Ok(Advance::Ran { end, ticks }) => Ok(Moved::Ran { end: plain(end), ticks }),
            Ok(advance) => Ok(Moved::Padding(advance)),
            Err(LevelError::Run { error, .. }) => match error {
                RunnerError::Engine(_) | RunnerError::State(_) => Err(format!("{}: {error}", self.name)),
                other => Ok(Moved::Undecided(other.to_string())),
            },
            Err(other) => Err(format!("{}: {other}", self.name)),
        }
    }

    pub(super) fn hash(&mut self) -> Result<ContextHash, StateError> {
        self.machine.apply(&mut self.tree)?;
        Ok(self.tree.hash()?)
    }
}

/// How a run ended, whoever ran it.
fn plain(end: RunEnd) -> RunEnd {
    match end {
        RunEnd::TickByTick { end, .. } => plain(*end),
        end => end,
    }
}
