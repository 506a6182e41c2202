//! The WASM machine of `soru-pvm` on some engine, as the node uses it.

use crate::kernel_log::KernelLog;
use crate::kernel_runs::KernelRuns;
use crate::layer1::Origin;
use crate::machine::{Evaluated, Machine, MachineError, Place, Referee, Trial};
use crate::reveals::Pages;
use crate::status::Obstacle;
use crate::trial::{Handed, Limited};
use soru_base::{Binary as _, Level, StateHash, Tick, TickSpan};
use soru_engine::{Kind, Status};
use soru_merkle::Tree;
use soru_protocol::Commitment;
use soru_protocol::inbox::SerializedMessage;
use soru_pvm::durable::{Durable, DurableError, Key};
use soru_pvm::level::{LevelError, Run, RunEnd};
use soru_pvm::machine::{Boundary, initial_state, install_boot_sector};
use soru_pvm::outbox::{self, OutputError, OutputProof};
use soru_pvm::reveal::{Metadata, PreimageSource, RollupReveals};
use soru_pvm::run::{Runner, RunnerError};
use soru_pvm::state::StateError;
use soru_pvm::{Limits, Surroundings, Version, eval_level};
use std::sync::{Arc, OnceLock};
use tracing::info;

/// Longest value that the RPC shows, in bytes.
const MAX_VALUE: u64 = 64 << 20;

/// Ticks between two calls of `kernel_run`, now and in the first versions.
const TICKS_PER_SNAPSHOT: [TickSpan; 2] = [Limits::FIRST.ticks_per_snapshot, TickSpan(50_000_000_000_000)];

/// Makes a runner of its own for simulations, so that nothing they do touches the one that evaluates.
type NewRunner<R> = Box<dyn Fn() -> Result<R, String> + Send + Sync>;

/// The WASM machine.
pub struct WasmMachine<R> {
    runner: Arc<R>,
    status: fn(&R) -> Option<Status>,
    pages: Pages,
    log: KernelLog,
    new_simulator: Option<NewRunner<R>>,
    // Made for the first simulation.
    simulator: OnceLock<Result<R, String>>,
}

impl<R: Runner + Send + Sync + 'static> WasmMachine<R> {
    /// A machine whose kernels run on `runner`, whose status `status` gives, with those pages. What kernels write for debugging
    /// goes to `log`.
    pub fn new(runner: R, status: fn(&R) -> Option<Status>, pages: Pages, log: KernelLog) -> Self {
        let runner = Arc::new(runner);
        Self { runner, status, pages, log, new_simulator: None, simulator: OnceLock::new() }
    }

    /// The same, that simulates on another runner.
    pub fn with_simulator(self, simulator: impl Fn() -> Result<R, String> + Send + Sync + 'static) -> Self {
        Self { new_simulator: Some(Box::new(simulator)), ..self }
    }

    fn simulator(&self) -> Result<&R, MachineError> {
        let Some(make) = &self.new_simulator else { return Ok(&self.runner) };
        let failed = |reason: &String| MachineError::Undecided {
            obstacle: Obstacle::Engine,
            reason: format!("there is no engine for simulations: {reason}"),
        };
        self.simulator.get_or_init(make).as_ref().map_err(failed)
    }

    fn run(
        &self,
        state: &Tree,
        place: Place,
        messages: &[SerializedMessage],
        runner: &dyn Runner,
        pages: &mut dyn PreimageSource,
        log: &KernelLog,
    ) -> Result<Evaluated, MachineError> {
        let metadata = Metadata { address: place.rollup, origination_level: place.origination };
        let mut reveals = RollupReveals { metadata, preimages: pages };
        let mut lines = log.lines(place.level);
        let mut around = Surroundings { runner, reveals: &mut reveals, debug: &mut lines };
        let messages: Vec<&[u8]> = messages.iter().map(SerializedMessage::as_bytes).collect();
        let outcome = eval_level(state, place.level, &messages, &mut around).map_err(undecided)?;
        lines.flush();
        let status = match outcome.machine.stuck_error() {
            Some(error) => format!("Stuck: {}", error.to_json()),
            None => WAITING.to_owned(),
        };
        let by_ticks = self.engine().is_some_and(|status| status.kind == Kind::Reference);
        let bound = outcome.machine.limits.ticks_per_snapshot;
        Ok(Evaluated {
            hash: hash_of(&outcome.tree)?,
            state: outcome.tree,
            tick: outcome.machine.current_tick,
            status,
            outbox_len: u32::try_from(outcome.outbox.len()).unwrap_or(u32::MAX),
            notes: notes(&outcome.runs, bound, by_ticks),
            runs: KernelRuns::new(bound, &outcome.runs),
        })
    }
}

fn first_state(version: Version, ticks: TickSpan, origin: &Origin) -> Result<Tree, StateError> {
    let mut tree = initial_state(version)?;
    let limits = Limits {
        ticks_per_snapshot: ticks,
        outbox_validity_period: origin.outbox_validity,
        outbox_message_limit: origin.outbox_limit.into(),
    };
    install_boot_sector(&mut tree, &origin.boot_sector, limits)?;
    Ok(tree)
}

impl<R: Runner + Send + Sync + 'static> Machine for WasmMachine<R> {
    fn genesis(&self, origin: &Origin) -> Result<Evaluated, MachineError> {
        let mut first = None;
        for (version, ticks) in Version::ALL.into_iter().flat_map(|v| TICKS_PER_SNAPSHOT.map(|t| (v, t))) {
            let state = first_state(version, ticks, origin).map_err(unreadable)?;
            let evaluated = Evaluated {
                hash: hash_of(&state)?,
                state,
                tick: Tick::ZERO,
                status: WAITING.to_owned(),
                outbox_len: 0,
                runs: KernelRuns::new(ticks, &[]),
                notes: Vec::new(),
            };
            if Commitment::genesis(origin.level, evaluated.hash).hash() == origin.commitment {
                info!(%version, "the machine of the rollup");
                return Ok(evaluated);
            }
            first.get_or_insert(evaluated);
        }
        first.ok_or_else(|| MachineError::State("there is no version of the machine".to_owned()))
    }

    fn engine(&self) -> Option<Status> {
        (self.status)(&self.runner)
    }

    fn referee(&self) -> Option<Referee> {
        let preimages = Box::new(self.pages.clone());
        Some(Referee { runner: self.runner.clone(), preimages })
    }

    fn evaluate(
        &self,
        state: Tree,
        place: Place,
        messages: &[SerializedMessage],
    ) -> Result<Evaluated, MachineError> {
        self.run(&state, place, messages, self.runner.as_ref(), &mut self.pages.clone(), &self.log)
    }

    fn simulate(
        &self,
        state: Tree,
        place: Place,
        messages: &[SerializedMessage],
        trial: Trial,
    ) -> Result<Evaluated, MachineError> {
        let runner = Limited::new(self.simulator()?, trial.deadline);
        let log = trial.log.map_or(KernelLog::Off, KernelLog::File);
        self.run(&state, place, messages, &runner, &mut Handed::new(trial.pages, self.pages.clone()), &log)
    }

    fn current_level(&self, state: &Tree) -> Result<Option<Level>, MachineError> {
        let machine = soru_pvm::Machine::from_tree(state).map_err(unreadable)?;
        Ok(machine.last_input.map(|place| place.level))
    }

    fn outbox(&self, state: &Tree, level: Level) -> Result<Vec<(u32, Vec<u8>)>, MachineError> {
        let messages = outbox::outbox(state, level).map_err(unreadable)?.unwrap_or_default();
        Ok((0..).zip(messages.into_iter().map(|m| m.to_vec())).collect())
    }

    fn output_proof(&self, state: &Tree, level: Level, index: u32) -> Result<Option<Vec<u8>>, MachineError> {
        match OutputProof::produce(state, level, index.into()) {
            Ok(proof) => Ok(Some(proof.to_bytes())),
            Err(OutputError::NoMessage { .. }) => Ok(None),
            Err(error) => Err(MachineError::State(error.to_string())),
        }
    }

    fn durable_value(&self, state: &Tree, key: &str) -> Result<Option<Vec<u8>>, MachineError> {
        durable(state)?.read_all(&parse_key(key)?, MAX_VALUE).or_else(|e| absent(key, e))
    }

    fn durable_length(&self, state: &Tree, key: &str) -> Result<Option<u64>, MachineError> {
        durable(state)?.value_len(&parse_key(key)?).or_else(|e| absent(key, e))
    }

    fn durable_subkeys(&self, state: &Tree, key: &str) -> Result<Vec<String>, MachineError> {
        let durable = durable(state)?;
        let children = durable.tree().list(parse_key(key)?.steps(), 0, usize::MAX);
        let names = children.map_err(|e| MachineError::State(e.to_string()))?.into_iter().map(|(name, _)| {
            let name = String::from_utf8_lossy(&name).into_owned();
            if name == "@" { String::new() } else { name }
        });
        Ok(names.collect())
    }
}

const WAITING: &str = "Waiting for input message";

/// What the engine or the reveal channel could not do. A state with such an end is never made up.
fn undecided(error: LevelError) -> MachineError {
    let obstacle = match &error {
        LevelError::State(error) => return MachineError::State(error.to_string()),
        LevelError::Run { error: RunnerError::Deadline { .. }, .. } => Obstacle::Deadline,
        LevelError::Run { error: RunnerError::RevealUnavailable { .. }, .. } => Obstacle::Reveal,
        _ => Obstacle::Engine,
    };
    MachineError::Undecided { obstacle, reason: error.to_string() }
}

/// What is to be said about runs that may take so many ticks each; of going tick by tick nothing, where that was asked for.
fn notes(runs: &[Run], bound: TickSpan, by_ticks: bool) -> Vec<String> {
    let mut notes = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        match &run.end {
            RunEnd::TickByTick { end, .. } if by_ticks => note(number, end, &mut notes),
            end => note(number, end, &mut notes),
        }
        if let Some(ticks) = run.ticks.filter(|ticks| is_near(*ticks, bound) && !run.end.is_stuck()) {
            notes.push(format!("kernel_run {number} took {ticks} ticks of the {bound} that it may take"));
        }
        if run.then == Some(Boundary::ForcedYield) {
            notes.push("the kernel asked for more reboots than a level allows".to_owned());
        }
    }
    notes
}

/// Whether a run is about to be too long.
fn is_near(ticks: TickSpan, bound: TickSpan) -> bool {
    ticks.0 > bound.0 / 10 * 9
}

fn note(number: usize, end: &RunEnd, notes: &mut Vec<String>) {
    match end {
        RunEnd::Finished => (),
        RunEnd::Trapped { reason } => notes.push(format!("kernel_run {number} trapped: {reason}")),
        RunEnd::FellBack { stage, reason } => {
            notes
                .push(format!("the kernel was refused ({stage:?}: {reason}), the one before took its place"));
        }
        RunEnd::Stuck { stage, reason } => {
            let hint = soru_pvm::host::hint(reason).map_or_else(String::new, |hint| format!("; {hint}"));
            let why = match stage {
                Some(stage) => format!("the kernel was refused ({stage:?}: {reason})"),
                None => format!("kernel_run {number} failed ({reason})"),
            };
            notes.push(format!("{why}: the machine is stuck for ever{hint}"));
        }
        RunEnd::TickByTick { reason, end } => {
            notes.push(format!(
                "kernel_run {number} went tick by tick, which is slow: the engine does not run it ({reason})"
            ));
            note(number, end, notes);
        }
    }
}

fn hash_of(tree: &Tree) -> Result<StateHash, MachineError> {
    tree.hash().map(StateHash::from).map_err(|e| MachineError::State(e.to_string()))
}

fn durable(state: &Tree) -> Result<Durable, MachineError> {
    let tree = state.find_tree(&["durable"]).map_err(|e| MachineError::State(e.to_string()))?;
    Ok(Durable::of_tree(tree.unwrap_or_default()))
}

fn parse_key(text: &str) -> Result<Key, MachineError> {
    // The root is named both ways.
    let text = if text == "/" { "" } else { text };
    Key::parse(text.as_bytes()).map_err(|_| MachineError::Key(text.to_owned()))
}

fn absent<T>(key: &str, error: DurableError) -> Result<Option<T>, MachineError> {
    match error {
        DurableError::NotAValue | DurableError::NotANode => Ok(None),
        DurableError::State(error) => Err(unreadable(error)),
        other => Err(MachineError::State(format!("{key}: {other}"))),
    }
}

fn unreadable(error: StateError) -> MachineError {
    MachineError::State(error.to_string())
}

#[cfg(test)]
#[path = "wasm_tests.rs"]
mod tests;
