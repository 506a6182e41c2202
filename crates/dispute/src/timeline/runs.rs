//! Runs that somebody looks into, by the engine's ways through them.

use super::check::Ways;
use super::{Timeline, run_number};
use crate::DisputeError;
use soru_base::{Level, StateHash, Tick};
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::level::{LevelError, RunEnd};
use soru_pvm::reveal::RollupReveals;
use soru_pvm::run::{Passage, RunnerError};

/// Most runs whose ways are kept. A game looks into one.
const RUNS_KEPT: usize = 2;
/// So many ticks are made one by one to compare them with the engine's way.
const STEPS_MAX: u64 = 1 << 20;

/// Runs with ways through them; the one that was used last is the last.
#[derive(Default)]
pub(super) struct Runs(Vec<Open>);

/// A run, and a way through it.
struct Open {
    /// The state where it begins.
    state: Tree,
    begin: Tick,
    /// The last tick of its padding.
    last: Tick,
    level: Level,
    number: usize,
    passage: Box<dyn Passage>,
}

impl Open {
    fn failed(&self, error: RunnerError) -> DisputeError {
        match error {
            RunnerError::State(error) => error.into(),
            error => {
                let error = LevelError::Run { number: self.number, error };
                DisputeError::Level { level: self.level, error }
            }
        }
    }
}

impl Timeline {
    /// Where the run begins that a tick is inside of, or of whose padding it is, if a way through it is known.
    pub(super) fn run_around(&self, tick: Tick) -> Option<Tick> {
        let is_around = |run: &&Open| run.begin < tick && tick <= run.last;
        self.runs.0.iter().find(is_around).map(|run| run.begin)
    }

    /// Looks for a way through the run that the machine begins. `state` is a tree of an earlier state.
    pub(super) fn open(&mut self, machine: &Machine, state: &Tree) -> Result<bool, DisputeError> {
        let begin = machine.current_tick;
        if self.runs.0.iter().any(|run| run.begin == begin) {
            return Ok(true);
        }
        let (level, number) = (self.level_of(machine), run_number(machine));
        let mut state = state.clone();
        machine.clone().apply(&mut state)?;
        let machine = Machine::from_tree(&state)?;
        let failed = |error| DisputeError::Level { level, error: LevelError::Run { number, error } };
        let Some(passage) = self.runner.passage(&machine).map_err(failed)? else { return Ok(false) };
        if self.runs.0.len() == RUNS_KEPT {
            self.runs.0.remove(0);
        }
        let last = machine.last_padding_tick()?;
        self.runs.0.push(Open { state, begin, last, level, number, passage });
        Ok(true)
    }

    fn with_run<T>(
        &mut self,
        begin: Tick,
        ask: impl FnOnce(&mut Open, &mut RollupReveals<'_>) -> Result<T, DisputeError>,
    ) -> Result<T, DisputeError> {
        let place = self.runs.0.iter().position(|run| run.begin == begin);
        let missing = || DisputeError::Missing("a way through a run".to_owned());
        let mut run = self.runs.0.remove(place.ok_or_else(missing)?);
        let Self { period, preimages, .. } = self;
        let mut reveals = RollupReveals { metadata: period.metadata, preimages: preimages.as_mut() };
        let found = ask(&mut run, &mut reveals);
        self.runs.0.push(run);
        found
    }

    /// The machine at a tick of a run, or where the run is over, and a tree of an earlier state.
    pub(super) fn go_into(&mut self, begin: Tick, wanted: Tick) -> Result<(Machine, Tree), DisputeError> {
        let found = self.with_run(begin, |run, reveals| {
            let machine = run.passage.reach(wanted, reveals, &mut ()).map_err(|error| run.failed(error))?;
            Ok((machine, run.state.clone()))
        })?;
        self.compare_way(begin)?;
        Ok(found)
    }

    /// The machine where a run is over, and how it has ended.
    pub(super) fn end_of_run(&mut self, begin: Tick) -> Result<(Machine, RunEnd), DisputeError> {
        self.with_run(begin, |run, reveals| {
            run.passage.end(reveals, &mut ()).map_err(|error| run.failed(error))
        })
    }

    /// The ticks of a run, or of its padding, that are among some in rising order: how many come first.
    pub(super) fn count_inside(&self, begin: Tick, ticks: &[Tick]) -> usize {
        let run = self.runs.0.iter().find(|run| run.begin == begin);
        run.map_or(0, |run| ticks.partition_point(|tick| *tick <= run.last))
    }

    /// The hashes of the states at ticks of a run or of its padding, in rising order. Nothing for ticks that it does not come
    /// to.
    pub(super) fn hashes_inside(
        &mut self,
        begin: Tick,
        ticks: &[Tick],
    ) -> Result<Vec<Option<StateHash>>, DisputeError> {
        let found = self.with_run(begin, |run, reveals| {
            let found = run.passage.hashes(&run.state, ticks, reveals, &mut ());
            let found = found.map_err(|error| run.failed(error))?;
            let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else { return Ok(found) };
            let steps = last.since(*first).0;
            if (1..=STEPS_MAX).contains(&steps) {
                // The short section that a game ends in is gone through by the machine as well.
                let machine = run.passage.reach(*first, reveals, &mut ());
                let mut machine = machine.map_err(|error| run.failed(error))?;
                machine.go_through(*last, reveals, &mut ()).map_err(|error| run.failed(error))?;
                let by_ticks = machine.hash_at(*last, &run.state).map_err(|error| run.failed(error))?;
                let known = found.last().copied().flatten();
                Ways::SECTION.same(*last, run.level, by_ticks, known)?;
            }
            Ok(found)
        })?;
        self.compare_way(begin)?;
        Ok(found)
    }

    /// Compares where the way through a run leads with where the engine leads that runs kernels as a whole.
    fn compare_way(&mut self, begin: Tick) -> Result<(), DisputeError> {
        if self.compared.contains(&begin) {
            return Ok(());
        }
        // What comes later in the run, and cannot be answered, says nothing of what was asked for.
        let Ok((machine, _)) = self.end_of_run(begin) else { return Ok(()) };
        let state = self.with_run(begin, |run, _| Ok(run.state.clone()))?;
        self.compare_ends(machine, state, Ways::PASSAGE)?;
        self.compared.insert(begin);
        Ok(())
    }
}
