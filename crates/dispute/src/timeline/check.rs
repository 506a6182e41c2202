//! What a timeline compares: what it was given, and the ways through a run.

use super::{Timeline, hash_of};
use crate::{Checkpoint, DisputeError, Period, PeriodLevel};
use soru_base::{Level, StateHash, Tick};
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::state::Status;

/// Names of two ways to a state.
pub(super) struct Ways([&'static str; 2]);

impl Ways {
    const TICKS: Self = Self(["the tick step", "the engine"]);
    pub(super) const PASSAGE: Self = Self(["the way through the run", "the engine"]);
    const STORED: Self = Self(["what was stored", "the level evaluated again"]);
    pub(super) const SECTION: Self = Self(["the tick step", "the way through the run"]);
    pub(super) const PROOF: Self = Self(["the proof", "the way through the run"]);

    /// Whether they have led to one state; nothing where there is none.
    pub(super) fn same(
        self,
        tick: Tick,
        level: Level,
        one: Option<StateHash>,
        other: Option<StateHash>,
    ) -> Result<(), DisputeError> {
        let Self([one_way, other_way]) = self;
        if one == other {
            return Ok(());
        }
        Err(DisputeError::Contradiction { tick, level, one_way, one, other_way, other })
    }
}

impl Timeline {
    /// Compares where ticks lead with where the engine leads, once for every run that was looked into.
    pub(super) fn compare_run(&mut self, machine: &Machine) -> Result<(), DisputeError> {
        let begin = machine.last_top_level_call;
        if self.compared.contains(&begin) {
            return Ok(());
        }
        let Some(state) = self.reach(begin)? else {
            return Err(DisputeError::Missing("the beginning of a run".to_owned()));
        };
        self.compare_ends(machine.clone(), state, Ways::TICKS)?;
        self.compared.insert(begin);
        Ok(())
    }

    /// Compares a machine at the end of a run with where the engine leads, and that with the state that is kept behind the
    /// run. `state` is the one where the run begins.
    pub(super) fn compare_ends(
        &mut self,
        mut machine: Machine,
        mut state: Tree,
        ways: Ways,
    ) -> Result<(), DisputeError> {
        let mut by_engine = Machine::from_tree(&state)?;
        // An engine that cannot decide the run now contradicts nothing: the other way has to do.
        if self.advance(&mut by_engine).is_err() {
            return Ok(());
        }
        let tick = by_engine.current_tick;
        while machine.current_tick < tick && machine.status() != Status::InputRequired {
            let left = tick.since(machine.current_tick).0;
            self.go_inside(&mut machine, left)?;
        }
        let level = self.level_of(&machine);
        let mut other = state.clone();
        machine.apply(&mut other)?;
        by_engine.apply(&mut state)?;
        ways.same(tick, level, Some(hash_of(&other)?), Some(hash_of(&state)?))?;
        if by_engine.status() == Status::Computing {
            by_engine.step(1, &mut ())?;
            by_engine.apply(&mut state)?;
        }
        let tick = by_engine.current_tick;
        if let Some(kept) = self.kept.get(tick) {
            Ways::STORED.same(tick, level, Some(hash_of(&kept)?), Some(hash_of(&state)?))?;
        }
        Ok(())
    }

    /// Levels without a gap, and states that are between them.
    pub(super) fn check_period(&mut self) -> Result<(), DisputeError> {
        if self.checked {
            return Ok(());
        }
        let Period { begin, levels, metadata } = &self.period;
        let first = levels.first().and_then(|first| first.level.prev()).unwrap_or(metadata.origination_level);
        check_state(first, begin, begin.tick)?;
        let (mut last, mut tick) = (first, begin.tick);
        for PeriodLevel { level, after, .. } in levels {
            if last.next() != *level {
                return Err(DisputeError::Period {
                    level: *level,
                    reason: format!("it follows level {last}"),
                });
            }
            if let Some(after) = after {
                check_state(*level, after, tick)?;
                tick = after.tick;
            }
            last = *level;
        }
        self.checked = true;
        Ok(())
    }
}

/// Whether a state may be that after `level`.
fn check_state(level: Level, state: &Checkpoint, earliest: Tick) -> Result<(), DisputeError> {
    let machine = Machine::from_tree(&state.state)?;
    let wrong = |reason| Err(DisputeError::Period { level, reason });
    if machine.current_tick != state.tick || state.tick < earliest {
        let found = machine.current_tick;
        return wrong(format!(
            "the state after it is at tick {found}, {} is expected",
            state.tick.max(earliest)
        ));
    }
    if machine.status() != Status::InputRequired {
        return wrong(format!("the machine is in the middle of a run after it: {}", machine.state_name()));
    }
    // A machine that was just made has read nothing.
    match machine.last_input {
        Some(last) if last.level != level => {
            wrong(format!("the state after it has read level {} last", last.level))
        }
        _ => Ok(()),
    }
}
