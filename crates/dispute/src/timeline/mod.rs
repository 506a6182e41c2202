mod ahead;
mod check;
mod find;
mod kept;
mod runs;

pub use find::Landmark;

use crate::{DisputeError, Period, PeriodLevel};
use kept::Kept;
use runs::Runs;
use soru_base::{Level, StateHash, Tick, TickSpan};
use soru_merkle::Tree;
use soru_protocol::inbox::InboxSource;
use soru_protocol::refutation::{Game, RefutationProof, prove};
use soru_pvm::Machine;
use soru_pvm::level::{Advance, LevelError, RunEnd, Surroundings};
use soru_pvm::reveal::{PreimageSource, RevealSource, RollupReveals};
use soru_pvm::run::{Runner, RunnerError};
use soru_pvm::state::{InputPlace, StateError, Status, TickState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The true states of a period, at any tick. Ticks count from its beginning, as in games.
///
/// Whole runs are left to an engine; ticks are made only inside of the run that somebody looks into. States that were
/// reached are kept, a bounded number of them, so the next look into the same section is a short way. All games about
/// one period can share a timeline.
pub struct Timeline {
    period: Period,
    runner: Arc<dyn Runner + Send + Sync>,
    preimages: Box<dyn PreimageSource>,
    kept: Kept,
    runs: Runs,
    /// Hashes of states, by the machine's tick.
    hashes: BTreeMap<Tick, StateHash>,
    /// The tick of the machine at the end of each level, as far as they are known.
    ends: Vec<Option<Tick>>,
    /// The tick of the machine at the end of the period.
    end: Option<Tick>,
    /// First ticks of the runs whose two readings, the engine's and the tick step's, were found to be equal.
    compared: BTreeSet<Tick>,
    /// Whether the period was found to make sense.
    checked: bool,
    /// Places that were asked for.
    found: BTreeMap<(Landmark, u64), Option<Tick>>,
}

/// Where somebody has come who wants to be at a tick.
enum Approach {
    /// The machine is blocked before.
    Blocked,
    /// The state is kept.
    Kept(Tree),
    /// There; with a tree of an earlier state.
    There(Box<Machine>, Tree),
    /// Inside of the run that begins at that tick of the machine.
    Inside(Tick),
}

/// How far somebody has gone.
enum Gone {
    There,
    Blocked,
    /// To the beginning of a run, which was opened.
    Into(Tick),
}

/// Most states kept, those after levels apart: what sixteen dissections of 32 sections ask for. States of one run share
/// almost everything: for a kernel of 28 kilobytes, a thousand of them take some 100 megabytes, and thirty 30.
const STATES_KEPT: usize = 512;
/// Most hashes kept.
const HASHES_KEPT: usize = 1 << 14;

impl Timeline {
    /// The states of `period`, with whole runs made by `runner`.
    pub fn new(
        period: Period,
        runner: Arc<dyn Runner + Send + Sync>,
        preimages: Box<dyn PreimageSource>,
    ) -> Self {
        let mut kept = Kept::new(STATES_KEPT);
        kept.pin(period.begin.tick, period.begin.state.clone());
        for after in period.levels.iter().filter_map(|level| level.after.as_ref()) {
            kept.pin(after.tick, after.state.clone());
        }
        let ends = period.levels.iter().map(|level| level.after.as_ref().map(|after| after.tick)).collect();
        Self {
            period,
            runner,
            preimages,
            kept,
            runs: Runs::default(),
            hashes: BTreeMap::new(),
            ends,
            end: None,
            compared: BTreeSet::new(),
            checked: false,
            found: BTreeMap::new(),
        }
    }

    /// The period.
    pub fn period(&self) -> &Period {
        &self.period
    }

    /// Ticks that the period takes.
    pub fn length(&mut self) -> Result<TickSpan, DisputeError> {
        let end = match self.end {
            Some(end) => end,
            None => {
                self.reach(Tick(u64::MAX))?;
                self.end.ok_or_else(|| DisputeError::Missing("a period that ends".to_owned()))?
            }
        };
        Ok(end.since(self.period.begin.tick))
    }

    /// The state at a tick; nothing behind the end, where the machine is blocked.
    pub fn state_at(&mut self, tick: Tick) -> Result<Option<Tree>, DisputeError> {
        match self.period.begin.tick.0.checked_add(tick.0) {
            Some(tick) => self.reach(Tick(tick)),
            None => Ok(None),
        }
    }

    /// The hash of the state at a tick; nothing behind the end.
    pub fn hash_at(&mut self, tick: Tick) -> Result<Option<StateHash>, DisputeError> {
        Ok(self.hashes_at(&[tick])?.pop().flatten())
    }

    /// The hashes of the states at some ticks, in any order; nothing behind the end. Each run is gone through once for all of
    /// them.
    pub fn hashes_at(&mut self, ticks: &[Tick]) -> Result<Vec<Option<StateHash>>, DisputeError> {
        if self.hashes.len() + ticks.len() > HASHES_KEPT {
            self.hashes.clear();
        }
        let begin = self.period.begin.tick.0;
        let of_machine = |tick: &Tick| begin.checked_add(tick.0).map(Tick);
        let missing: BTreeSet<Tick> = ticks.iter().filter_map(of_machine).collect();
        let missing: Vec<Tick> = missing.into_iter().filter(|tick| !self.hashes.contains_key(tick)).collect();
        let mut left = missing.as_slice();
        while let Some(first) = left.first() {
            let (some, rest) = match self.approach(*first)? {
                Approach::Inside(begin) => left.split_at(self.count_inside(begin, left).max(1)),
                _ => left.split_at(1),
            };
            let found = match self.run_around(*first) {
                Some(begin) => self.hashes_inside(begin, some)?,
                None => vec![None; some.len()],
            };
            for (tick, hash) in some.iter().zip(found) {
                let hash = match hash {
                    Some(hash) => Some(hash),
                    None => self.reach(*tick)?.map(|state| hash_of(&state)).transpose()?,
                };
                hash.map(|hash| self.hashes.insert(*tick, hash));
            }
            left = rest;
        }
        let known = |tick: &Tick| of_machine(tick).and_then(|tick| self.hashes.get(&tick).copied());
        Ok(ticks.iter().map(known).collect())
    }

    /// The proof, in `game`, of the tick that leads on from the state at `tick`: at the end of the period that there is no
    /// message up to the level of the game. It was examined, and is valid. There is none behind the end.
    pub fn proof_at(
        &mut self,
        tick: Tick,
        game: &Game,
        inbox: &dyn InboxSource,
    ) -> Result<RefutationProof, DisputeError> {
        let Some(state) = self.state_at(tick)? else {
            let reason = format!("the machine is blocked before tick {tick}");
            return Err(DisputeError::Proof(reason));
        };
        let proof = prove(&state, game, self.period.metadata, inbox, self.preimages.as_mut())?;
        self.check_proof(tick, &state, &proof)?;
        Ok(proof)
    }

    /// The state at a tick of the machine.
    fn reach(&mut self, wanted: Tick) -> Result<Option<Tree>, DisputeError> {
        let (mut machine, mut state) = match self.approach(wanted)? {
            Approach::Blocked => return Ok(None),
            Approach::Kept(state) => return Ok(Some(state)),
            Approach::There(machine, state) => (*machine, state),
            Approach::Inside(begin) => {
                let (mut machine, mut state) = self.go_into(begin, wanted)?;
                self.end_level(&mut machine, &mut state)?;
                match self.go_on(&mut machine, &mut state, wanted, false)? {
                    Gone::There => (),
                    Gone::Blocked | Gone::Into(_) => return Ok(None),
                }
                (machine, state)
            }
        };
        machine.apply(&mut state)?;
        // Others of a run are reached again by the way through it, and take much room.
        let is_reached_again = self.run_around(wanted).is_some();
        if !is_reached_again {
            self.kept.keep(&machine, state.clone())?;
        }
        Ok(Some(state))
    }

    /// Goes to a tick of the machine, or to the run that it is inside of if there is a way through that run.
    fn approach(&mut self, wanted: Tick) -> Result<Approach, DisputeError> {
        self.check_period()?;
        if self.end.is_some_and(|end| wanted > end) || wanted < self.period.begin.tick {
            return Ok(Approach::Blocked);
        }
        if let Some(state) = self.kept.get(wanted) {
            return Ok(Approach::Kept(state));
        }
        if let Some(begin) = self.run_around(wanted) {
            return Ok(Approach::Inside(begin));
        }
        let Some(mut state) = self.kept.nearest(wanted) else {
            return Err(DisputeError::Missing("the state before the period".to_owned()));
        };
        let mut machine = Machine::from_tree(&state)?;
        Ok(match self.go_on(&mut machine, &mut state, wanted, true)? {
            Gone::There => Approach::There(Box::new(machine), state),
            Gone::Blocked => Approach::Blocked,
            Gone::Into(begin) => Approach::Inside(begin),
        })
    }

    /// Goes on to a tick, or into the run that it is inside of.
    fn go_on(
        &mut self,
        machine: &mut Machine,
        state: &mut Tree,
        wanted: Tick,
        into_runs: bool,
    ) -> Result<Gone, DisputeError> {
        while machine.current_tick < wanted {
            let begins = into_runs && matches!(machine.tick_state, TickState::Snapshot);
            if begins && machine.last_padding_tick()? > wanted && self.open(machine, state)? {
                return Ok(Gone::Into(machine.current_tick));
            }
            if !self.forward(machine, wanted)? {
                return Ok(Gone::Blocked);
            }
            self.end_level(machine, state)?;
        }
        Ok(Gone::There)
    }

    /// Keeps the state if a level ends with it.
    fn end_level(&mut self, machine: &mut Machine, state: &mut Tree) -> Result<(), DisputeError> {
        if let Some(index) = self.level_that_ends(machine) {
            machine.apply(state)?;
            *machine = Machine::from_tree(state)?;
            self.level_ended(index, machine, state)?;
        }
        Ok(())
    }

    /// The tick of the machine before the first message of a level of the period.
    fn level_begin(&mut self, index: usize) -> Result<Tick, DisputeError> {
        let mut begin = self.period.begin.tick;
        for index in 0..index {
            begin = match self.ends[index] {
                Some(end) => end,
                None => self.find_end(index, begin)?,
            };
        }
        Ok(begin)
    }

    fn find_end(&mut self, index: usize, begin: Tick) -> Result<Tick, DisputeError> {
        let level = self.period.levels[index].level;
        let no_end = || DisputeError::Period { level, reason: "it has no end".to_owned() };
        let mut state = self.reach(begin)?.ok_or_else(no_end)?;
        let mut machine = Machine::from_tree(&state)?;
        while self.level_that_ends(&machine) != Some(index) {
            if !self.forward(&mut machine, Tick(u64::MAX))? {
                return Err(no_end());
            }
        }
        machine.apply(&mut state)?;
        self.level_ended(index, &machine, &state)?;
        Ok(machine.current_tick)
    }

    /// Goes on, up to `wanted` at most, and to the end of a run or of a level at most. False at the end of the period.
    fn forward(&mut self, machine: &mut Machine, wanted: Tick) -> Result<bool, DisputeError> {
        match machine.status() {
            Status::InputRequired => {
                let Some((index, counter)) = self.next_message(machine)? else {
                    self.end = Some(machine.current_tick);
                    return Ok(false);
                };
                let level = &self.period.levels[index];
                let place = InputPlace { level: level.level, counter: counter as u64 };
                machine.set_input(place, level.messages[counter].as_bytes())?;
            }
            Status::RevealRequired(request) => self.answer(machine, &request)?,
            Status::Computing => match &machine.tick_state {
                TickState::Snapshot if machine.last_padding_tick()? <= wanted => {
                    self.whole_run(machine, wanted)?;
                }
                TickState::Padding => {
                    let way_out = machine.last_padding_tick()?.max(machine.current_tick).plus(TickSpan(1));
                    machine.step(wanted.min(way_out).since(machine.current_tick).0, &mut ())?;
                }
                _ => self.part_of_run(machine, wanted)?,
            },
        }
        Ok(true)
    }

    fn answer(&mut self, machine: &mut Machine, request: &[u8]) -> Result<(), DisputeError> {
        let level = self.level_of(machine);
        let Self { period, preimages, .. } = self;
        let mut reveals = RollupReveals { metadata: period.metadata, preimages: preimages.as_mut() };
        let answer = reveals.reveal(request).map_err(|error| {
            let (request, reason) = (hex::encode(request), error.reason);
            let error = RunnerError::RevealUnavailable { request, reason };
            DisputeError::Level { level, error: LevelError::Run { number: run_number(machine), error } }
        })?;
        Ok(machine.set_reveal(&answer)?)
    }

    /// The run that begins at a snapshot, by the engine.
    fn whole_run(&mut self, machine: &mut Machine, wanted: Tick) -> Result<(), DisputeError> {
        let before = machine.clone();
        let end = self.advance(machine)?;
        // A machine that needs too many ticks gets stuck one tick behind the padding.
        if end.is_stuck() && machine.current_tick > wanted {
            *machine = before;
            self.part_of_run(machine, wanted)?;
        }
        Ok(())
    }

    fn advance(&mut self, machine: &mut Machine) -> Result<RunEnd, DisputeError> {
        let level = self.level_of(machine);
        let number = run_number(machine);
        let Self { period, preimages, runner, .. } = self;
        let mut reveals = RollupReveals { metadata: period.metadata, preimages: preimages.as_mut() };
        let mut around = Surroundings { runner: runner.as_ref(), reveals: &mut reveals, debug: &mut () };
        match machine.advance(number, &mut around) {
            Ok(Advance::Ran { end, .. }) => Ok(end),
            Ok(other) => Err(DisputeError::Missing(format!("a run, where the machine has {other:?}"))),
            Err(error) => Err(DisputeError::Level { level, error }),
        }
    }

    /// Ticks inside of a run, up to its padding at most.
    fn part_of_run(&mut self, machine: &mut Machine, wanted: Tick) -> Result<(), DisputeError> {
        let last = machine.last_padding_tick()?;
        // One that has no tick left gets stuck one tick later.
        let end = last.max(machine.current_tick.plus(TickSpan(1)));
        machine.step(wanted.min(end).since(machine.current_tick).0, &mut ())?;
        let is_over = matches!(machine.tick_state, TickState::Padding) || machine.current_tick >= last;
        if is_over || machine.status() == Status::InputRequired {
            self.compare_run(machine)?;
        }
        Ok(())
    }

    /// Up to that many ticks of a run, not beyond the next reveal.
    fn go_inside(&mut self, machine: &mut Machine, most: u64) -> Result<(), DisputeError> {
        match machine.status() {
            Status::RevealRequired(request) => self.answer(machine, &request),
            _ => {
                // One that has no tick left gets stuck, or leaves its padding.
                let left = machine.last_padding_tick()?.since(machine.current_tick).0.max(1);
                machine.step(most.min(left), &mut ())?;
                Ok(())
            }
        }
    }

    /// The index of the level whose last message the machine has taken, if it needs the next one.
    fn level_that_ends(&self, machine: &Machine) -> Option<usize> {
        if machine.status() != Status::InputRequired {
            return None;
        }
        let last = machine.last_input?;
        let index = self.index_of(last.level)?;
        let messages = self.period.levels[index].messages.len() as u64;
        (last.counter + 1 == messages).then_some(index)
    }

    /// The state after a level is kept for good.
    fn level_ended(&mut self, index: usize, machine: &Machine, state: &Tree) -> Result<(), DisputeError> {
        let PeriodLevel { level, after, .. } = &self.period.levels[index];
        if let Some(known) = after.as_ref().filter(|known| known.tick != machine.current_tick) {
            let reason = format!(
                "the state that was stored is at tick {}, the level ends at tick {}",
                known.tick, machine.current_tick
            );
            return Err(DisputeError::Period { level: *level, reason });
        }
        self.ends[index] = Some(machine.current_tick);
        self.kept.pin(machine.current_tick, state.clone());
        Ok(())
    }

    /// Index of the level and of the message in it; nothing behind the last one.
    fn next_message(&self, machine: &Machine) -> Result<Option<(usize, usize)>, DisputeError> {
        let mut next = match machine.last_input {
            Some(last) => match self.index_of(last.level) {
                Some(index) => (index, usize::try_from(last.counter + 1).unwrap_or(usize::MAX)),
                None => (0, 0),
            },
            None => (0, 0),
        };
        while let Some(level) = self.period.levels.get(next.0) {
            if next.1 < level.messages.len() {
                return Ok(Some(next));
            }
            next = (next.0 + 1, 0);
        }
        Ok(None)
    }

    fn index_of(&self, level: Level) -> Option<usize> {
        self.period.levels.binary_search_by_key(&level, |l| l.level).ok()
    }

    /// The level that the machine is working on.
    fn level_of(&self, machine: &Machine) -> Level {
        machine.last_input.map_or(self.period.metadata.origination_level, |last| last.level)
    }
}

/// The number of the run in its level, from 0.
fn run_number(machine: &Machine) -> usize {
    usize::try_from(machine.max_reboots.saturating_sub(machine.reboot_counter)).unwrap_or(usize::MAX)
}

fn hash_of(state: &Tree) -> Result<StateHash, DisputeError> {
    Ok(state.hash().map_err(StateError::from)?.into())
}
