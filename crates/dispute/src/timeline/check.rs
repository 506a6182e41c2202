//! What a timeline compares: what it was given, and the two ways through a run.

use super::{Timeline, hash_of};
use crate::{Checkpoint, DisputeError, Period, PeriodLevel};
use soru_base::{Level, Tick};
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::state::Status;

impl Timeline {
    /// Compares where ticks lead with where the engine leads, and that with the state that is kept behind the run, once for
    /// every run that was looked into.
    pub(super) fn compare_run(&mut self, machine: &Machine) -> Result<(), DisputeError> {
        let begin = machine.last_top_level_call;
        if self.compared.contains(&begin) {
            return Ok(());
        }
        let Some(mut state) = self.reach(begin)? else {
            return Err(DisputeError::Missing("the beginning of a run".to_owned()));
        };
        let mut by_engine = Machine::from_tree(&state)?;
        // An engine that cannot decide the run now contradicts nothing: the ticks have to do.
        if self.advance(&mut by_engine).is_err() {
            return Ok(());
        }
        let tick = by_engine.current_tick;
        let mut by_ticks = machine.clone();
        while by_ticks.current_tick < tick && by_ticks.status() != Status::InputRequired {
            let left = tick.since(by_ticks.current_tick).0;
            self.go_inside(&mut by_ticks, left)?;
        }
        let mut other = state.clone();
        by_ticks.apply(&mut other)?;
        by_engine.apply(&mut state)?;
        let level = self.level_of(machine);
        self.same(tick, level, [("the tick step", &other), ("the engine", &state)])?;
        if by_engine.status() == Status::Computing {
            by_engine.step(1, &mut ())?;
            by_engine.apply(&mut state)?;
        }
        let tick = by_engine.current_tick;
        if let Some(kept) = self.kept.get(tick) {
            self.same(tick, level, [("what was stored", &kept), ("the level evaluated again", &state)])?;
        }
        self.compared.insert(begin);
        Ok(())
    }

    fn same(
        &self,
        tick: Tick,
        level: Level,
        [(one_way, one), (other_way, other)]: [(&'static str, &Tree); 2],
    ) -> Result<(), DisputeError> {
        let (one, other) = (hash_of(one)?, hash_of(other)?);
        if one != other {
            return Err(DisputeError::Contradiction { tick, level, one_way, one, other_way, other });
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
