//! The engines and the tick step, side by side: the same state at the end of every `kernel_run`.

use soru_base::hash::ContextHash;
use soru_base::level::Level;
use soru_merkle::Tree;
use soru_pvm::host::{DebugSink, HostState};
use soru_pvm::level::{Advance, LevelError, RunEnd};
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::reveal::{RevealError, RevealSource};
use soru_pvm::run::{Kernel, Outcome, Runner, RunnerError};
use soru_pvm::state::{InputPlace, StateError, Status};
use soru_pvm::{Limits, Machine, Surroundings, Version};
use std::cell::RefCell;
use std::collections::BTreeMap;
use thiserror::Error;

/// What a kernel is given.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Version of the machine.
    pub version: Version,
    /// Constants of the protocol.
    pub limits: Limits,
    /// Reboots allowed between two inboxes.
    pub max_reboots: u32,
    /// The messages of each level.
    pub levels: Vec<(Level, Vec<Vec<u8>>)>,
    /// Answers to reveals; what is not among them is answered with bytes made of the request.
    pub reveals: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// How far the comparison went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Calls of `kernel_run` after which all engines were in the same state.
    pub runs: usize,
    /// Those after which the tick step was in it, too.
    pub runs_by_tick: usize,
    /// Levels that the tick step went through where no engine has an answer.
    pub levels_by_tick: usize,
    /// Those that need more ticks than allowed: the tick step was set to the state of the engines.
    pub too_long: usize,
    /// Values in the durable storage after the last run.
    pub values: usize,
    /// How the runs ended: in the engines, or tick by tick where they left it to the machine.
    pub ends: Vec<RunEnd>,
    /// The machine's words, if it ended stuck for ever.
    pub stuck: Option<String>,
    /// Why no engine had an answer, if that ended it.
    pub undecided: Option<String>,
    /// Why an engine did not take a kernel of the run, the first time.
    pub unsupported: Option<String>,
}

/// Two ways to run a kernel that do not lead to the same.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("level {level}, run {run}: {what}")]
pub struct Difference {
    /// The level.
    pub level: Level,
    /// Number of the run in its level, from 0.
    pub run: usize,
    /// What differs.
    pub what: String,
}

/// The answers to reveals.
#[derive(Debug, Clone, Default)]
struct Answers(BTreeMap<Vec<u8>, Vec<u8>>);

impl Answers {
    fn answer(&self, request: &[u8]) -> Vec<u8> {
        const METADATA: u8 = 1;
        match (self.0.get(request), request) {
            (Some(answer), _) => answer.clone(),
            (None, [METADATA]) => vec![0x11; 24],
            (None, request) => request.iter().rev().chain(request).copied().collect(),
        }
    }
}

impl RevealSource for Answers {
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, RevealError> {
        Ok(self.answer(request))
    }
}

/// The state of one way to run a kernel.
struct Way<'a> {
    name: &'a str,
    runner: Watched<'a>,
    machine: Machine,
    tree: Tree,
    debug: Vec<u8>,
}

/// An engine, and why it does not take a kernel, if that was so.
struct Watched<'a> {
    runner: &'a dyn Runner,
    unsupported: RefCell<Option<String>>,
}

impl Runner for Watched<'_> {
    fn kernel_run(&self, kernel: &Kernel, host: &mut HostState<'_>) -> Result<Outcome, RunnerError> {
        let outcome = self.runner.kernel_run(kernel, host);
        if let Err(RunnerError::Unsupported { reason }) = &outcome {
            self.unsupported.borrow_mut().get_or_insert_with(|| reason.clone());
        }
        outcome
    }
}

/// What came of a part of a level.
enum Moved {
    To(Advance),
    Stuck(String),
    Undecided(String),
}

impl Way<'_> {
    fn advance(&mut self, run: usize, answers: &mut Answers) -> Result<Moved, String> {
        let mut around = Surroundings { runner: &self.runner, reveals: answers, debug: &mut self.debug };
        match self.machine.advance(run, &mut around) {
            Ok(Advance::Ran { end, ticks }) => Ok(match plain(end) {
                RunEnd::Stuck { reason, .. } => Moved::Stuck(reason),
                end => Moved::To(Advance::Ran { end, ticks }),
            }),
            Ok(advance) => Ok(Moved::To(advance)),
            Err(LevelError::Run { error, .. }) => match error {
                RunnerError::Engine(_) | RunnerError::State(_) => Err(error.to_string()),
                other => Ok(Moved::Undecided(other.to_string())),
            },
            Err(other) => Err(other.to_string()),
        }
    }

    fn hash(&mut self) -> Result<ContextHash, StateError> {
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

impl Moved {
    fn shown(&self) -> String {
        match self {
            Self::To(advance) => format!("{advance:?}"),
            Self::Stuck(reason) => format!("stuck for ever: {reason}"),
            Self::Undecided(reason) => format!("undecided: {reason}"),
        }
    }
}

/// Runs a kernel on each engine and, if there is a `budget` of ticks a run, on the tick step.
pub fn compare(
    kernel: &[u8],
    inputs: &Inputs,
    engines: &[(&str, &dyn Runner)],
    budget: Option<u64>,
) -> Result<Compared, Difference> {
    let mut place = (Level::GENESIS, 0);
    compare_all(kernel, inputs, engines, budget, &mut place).map_err(|what| Difference {
        level: place.0,
        run: place.1,
        what,
    })
}

fn compare_all(
    kernel: &[u8],
    inputs: &Inputs,
    engines: &[(&str, &dyn Runner)],
    budget: Option<u64>,
    place: &mut (Level, usize),
) -> Result<Compared, String> {
    let tree = boot(kernel, inputs).map_err(shown)?;
    let machine = Machine::from_tree(&tree).map_err(shown)?;
    let mut ways: Vec<_> = engines
        .iter()
        .map(|(name, runner)| Way {
            name,
            runner: Watched { runner: *runner, unsupported: RefCell::default() },
            machine: machine.clone(),
            tree: tree.clone(),
            debug: Vec::new(),
        })
        .collect();
    let mut exact = budget.map(|budget| Exact {
        machine,
        tree,
        budget,
        answers: Answers(inputs.reveals.clone()),
        debug: Vec::new(),
    });
    let mut compared = Compared::default();
    for (level, messages) in &inputs.levels {
        *place = (*level, 0);
        for (counter, message) in (0..).zip(messages) {
            let at = InputPlace { level: *level, counter };
            for way in &mut ways {
                way.machine.set_input(at, message).map_err(shown)?;
            }
            if let Some(exact) = &mut exact {
                exact.machine.set_input(at, message).map_err(shown)?;
            }
        }
        loop {
            let mut moves = Vec::new();
            for way in &mut ways {
                moves.push(way.advance(place.1, &mut Answers(inputs.reveals.clone()))?);
            }
            same(&ways, moves.iter().map(Moved::shown))?;
            compared.unsupported = ways.iter().find_map(|way| way.runner.unsupported.borrow().clone());
            match moves.into_iter().next() {
                None | Some(Moved::To(Advance::InputRequired)) => break,
                Some(Moved::To(Advance::Padded | Advance::Left(_))) => (),
                Some(Moved::To(Advance::Ran { end, .. })) => {
                    let hashes: Vec<_> =
                        ways.iter_mut().map(Way::hash).collect::<Result<_, _>>().map_err(shown)?;
                    same(&ways, hashes.iter().map(ToString::to_string))?;
                    same(&ways, ways.iter().map(|way| format!("{:?}", String::from_utf8_lossy(&way.debug))))?;
                    compared.runs += 1;
                    if let [way, ..] = &ways[..] {
                        compared.values = way.machine.durable.values().map_err(shown)?.len();
                    }
                    if let (Some(exact), [way, ..]) = (&mut exact, &ways[..]) {
                        exact.follow(way, &end, &mut compared)?;
                    }
                    compared.ends.push(end);
                    place.1 += 1;
                }
                Some(Moved::Stuck(reason)) => {
                    if let Some(exact) = &mut exact {
                        exact.get_stuck(&reason, &mut compared)?;
                    }
                    compared.stuck = Some(reason);
                    return Ok(compared);
                }
                Some(Moved::Undecided(reason)) => {
                    if let Some(exact) = &mut exact {
                        exact.go_alone(&mut compared)?;
                    }
                    compared.undecided = Some(reason);
                    return Ok(compared);
                }
            }
        }
        // Out of the padding, to the next inbox.
        if let (Some(exact), [way, ..]) = (&mut exact, &ways[..]) {
            exact.go(way.machine.current_tick.0).map_err(shown)?;
        }
    }
    Ok(compared)
}

fn boot(kernel: &[u8], inputs: &Inputs) -> Result<Tree, StateError> {
    let mut tree = initial_state(inputs.version)?;
    install_boot_sector(&mut tree, kernel, inputs.limits)?;
    let mut machine = Machine::from_tree(&tree)?;
    machine.set_max_reboots(inputs.max_reboots);
    machine.apply(&mut tree)?;
    Ok(tree)
}

fn shown(error: impl ToString) -> String {
    error.to_string()
}

fn same(ways: &[Way<'_>], found: impl Iterator<Item = String>) -> Result<(), String> {
    let found: Vec<_> = found.collect();
    for (way, other) in ways.iter().zip(&found).skip(1) {
        if *other != found[0] {
            return Err(format!("{}: {}; {}: {other}", ways[0].name, found[0], way.name));
        }
    }
    Ok(())
}

/// The tick step.
struct Exact {
    machine: Machine,
    tree: Tree,
    /// Most ticks of a run.
    budget: u64,
    answers: Answers,
    debug: Vec<u8>,
}

impl Exact {
    /// Goes where an engine is, and compares.
    fn follow(&mut self, way: &Way<'_>, end: &RunEnd, compared: &mut Compared) -> Result<(), String> {
        let target = way.machine.current_tick.0;
        if !self.go(target).map_err(shown)? {
            compared.too_long += 1;
            self.machine = Machine::from_tree(&way.tree).map_err(shown)?;
            self.tree = way.tree.clone();
            self.debug = way.debug.clone();
            return Ok(());
        }
        let (mine, theirs) = (self.machine.current_tick.0, target);
        let stuck = self.machine.stuck_error().map(ToString::to_string).unwrap_or_default();
        if mine != theirs {
            return Err(format!("the tick step ends at {mine} ({stuck}), {} at {theirs}: {end:?}", way.name));
        }
        self.machine.apply(&mut self.tree).map_err(shown)?;
        let (mine, theirs) = (self.tree.hash().map_err(shown)?, way.tree.hash().map_err(shown)?);
        if mine != theirs {
            return Err(format!("the tick step comes to {mine}, {} to {theirs}: {end:?}", way.name));
        }
        if self.debug != way.debug {
            let (mine, theirs) = (String::from_utf8_lossy(&self.debug), String::from_utf8_lossy(&way.debug));
            return Err(format!("the tick step shows {mine:?}, {} {theirs:?}", way.name));
        }
        compared.runs_by_tick += 1;
        Ok(())
    }

    /// The engines say that the machine gets stuck for ever.
    fn get_stuck(&mut self, reason: &str, compared: &mut Compared) -> Result<(), String> {
        if !self.go(u64::MAX).map_err(shown)? {
            compared.too_long += 1;
            return Ok(());
        }
        let found = self.machine.stuck_error().map(ToString::to_string).unwrap_or_default();
        // The machine keeps the beginning of its words.
        let words: String = reason.chars().take(100).collect();
        if !found.contains(&words) {
            return Err(format!("the tick step is stuck with {found:?}, the engines with {reason:?}"));
        }
        compared.runs_by_tick += 1;
        Ok(())
    }

    /// The engines have no answer: to the next inbox, or to where nothing goes on.
    fn go_alone(&mut self, compared: &mut Compared) -> Result<(), String> {
        if self.go(u64::MAX).map_err(shown)? {
            compared.levels_by_tick += 1;
        } else {
            compared.too_long += 1;
        }
        Ok(())
    }

    /// Goes on to a tick, or to where nothing goes on; no if that takes too long.
    fn go(&mut self, target: u64) -> Result<bool, StateError> {
        let mut left = self.budget;
        while self.machine.current_tick.0 < target {
            match self.machine.status() {
                Status::InputRequired => return Ok(true),
                Status::RevealRequired(request) => {
                    self.machine.set_reveal(&self.answers.answer(&request))?;
                }
                Status::Computing => {
                    let to_go = target - self.machine.current_tick.0;
                    // Padding costs nothing, but it must not be left for the next run.
                    let padding = self.machine.tick_state.name() == "Padding";
                    let share = self.machine.limits.ticks_per_snapshot.0;
                    let left_in_share = (self.machine.last_top_level_call.0 + share)
                        .saturating_sub(self.machine.current_tick.0)
                        .max(1);
                    let step = to_go.min(if padding { left_in_share } else { left });
                    if step == 0 {
                        return Ok(false);
                    }
                    let done = self.machine.step(step, &mut Sink(&mut self.debug))?;
                    if !padding {
                        left = left.saturating_sub(done);
                    }
                }
            }
        }
        Ok(true)
    }
}

struct Sink<'a>(&'a mut Vec<u8>);

impl DebugSink for Sink<'_> {
    fn debug(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
