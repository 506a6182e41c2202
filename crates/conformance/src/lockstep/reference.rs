//! The tick step: what all engines have to come to.

use super::{Answers, Compared, Look, shown};
use soru_base::hash::StateHash;
use soru_base::tick::{Tick, TickSpan};
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::level::RunEnd;
use soru_pvm::run::{Passage, RunnerError};
use soru_pvm::state::Status;
use std::collections::BTreeMap;

/// The tick step on its way through the levels.
pub(super) struct Reference {
    pub(super) machine: Machine,
    pub(super) tree: Tree,
    pub(super) look: Look,
    pub(super) answers: Answers,
    pub(super) debug: Vec<u8>,
}

/// A run, as far as the tick step goes.
pub(super) struct Followed {
    /// How it ended; nothing if it takes too long.
    pub(super) end: Option<RunEnd>,
    /// How many ticks it took so far.
    pub(super) ticks: TickSpan,
}

impl Reference {
    /// Goes through padding, or out of it, up to a tick.
    pub(super) fn pad(&mut self, target: Tick) -> Result<(), String> {
        let more = target.0.saturating_sub(self.machine.current_tick.0);
        self.machine.step(more, &mut self.debug).map_err(shown)?;
        if self.machine.current_tick == target {
            return Ok(());
        }
        Err(format!("the tick step is at {} and not at {target}", self.machine.current_tick))
    }

    /// Goes through the run that is about to begin, and compares what a passage finds inside of it. The machine is at the end
    /// then, or after as many ticks as are looked at.
    pub(super) fn follow(
        &mut self,
        passage: Option<Box<dyn Passage>>,
        compared: &mut Compared,
    ) -> Result<Followed, String> {
        let begin = self.machine.current_tick;
        let last = begin.plus(TickSpan(self.look.budget));
        let mut end = self.machine.clone();
        let how = through(&mut end, last, &self.answers, &mut Vec::new())?;
        let ticks = end.current_tick.since(begin);
        self.machine.apply(&mut self.tree).map_err(shown)?;
        let found = match passage {
            Some(passage) => self.look_inside(passage, &self.look.places(ticks.0, begin.0))?,
            None => BTreeMap::new(),
        };
        for (tick, hash) in found {
            through(&mut self.machine, tick, &self.answers, &mut self.debug)?;
            self.machine.apply(&mut self.tree).map_err(shown)?;
            let mine = self.tree.hash().map_err(shown)?;
            if Some(mine.into()) != hash {
                let (name, place, ticks) = (self.machine.state_name(), tick.since(begin).0, ticks.0);
                return Err(format!(
                    "tick {place} of {ticks} of the run: the tick step comes to {mine} ({name}), the passage to {hash:?}"
                ));
            }
            compared.looks += 1;
        }
        through(&mut self.machine, last, &self.answers, &mut self.debug)?;
        self.machine.apply(&mut self.tree).map_err(shown)?;
        Ok(Followed { end: how, ticks })
    }

    /// What a passage finds at some ticks of the run that is about to begin: half of them one by one, in any order, half of
    /// them in one go.
    fn look_inside(
        &self,
        mut passage: Box<dyn Passage>,
        places: &[u64],
    ) -> Result<BTreeMap<Tick, Option<StateHash>>, String> {
        let begin = self.machine.current_tick;
        let (mut reveals, mut debug) = (self.answers.clone(), Vec::new());
        let failed = |error: RunnerError| format!("the passage: {error}");
        let ticks: Vec<_> = places.iter().map(|place| begin.plus(TickSpan(*place))).collect();
        let (one_by_one, at_once) = ticks.split_at(ticks.len() / 2);
        let mut found = BTreeMap::new();
        for tick in one_by_one {
            let mut machine = passage.reach(*tick, &mut reveals, &mut debug).map_err(failed)?;
            machine.go_through(*tick, &mut reveals, &mut debug).map_err(failed)?;
            if machine.current_tick != *tick {
                return Err(format!("the passage comes to {} and not to {tick}", machine.current_tick));
            }
            let mut tree = self.tree.clone();
            machine.apply(&mut tree).map_err(shown)?;
            found.insert(*tick, Some(tree.hash().map_err(shown)?.into()));
        }
        let mut at_once = at_once.to_vec();
        at_once.sort_unstable();
        let hashes = passage.hashes(&self.tree, &at_once, &mut reveals, &mut debug).map_err(failed)?;
        found.extend(at_once.into_iter().zip(hashes));
        Ok(found)
    }

    /// The engines have no answer: to the next inbox, or to where nothing goes on.
    pub(super) fn go_alone(&mut self, compared: &mut Compared) -> Result<(), String> {
        loop {
            if self.machine.status() == Status::InputRequired {
                compared.levels_by_tick += 1;
                return Ok(());
            }
            if self.machine.state_name() == "Padding" {
                let last = self.machine.last_padding_tick().map_err(shown)?;
                self.pad(last.plus(TickSpan(1)))?;
                continue;
            }
            let last = self.machine.current_tick.plus(TickSpan(self.look.budget));
            if through(&mut self.machine, last, &self.answers, &mut self.debug)?.is_none() {
                compared.too_long += 1;
                return Ok(());
            }
        }
    }
}

/// Takes a machine through a run up to a tick; nothing if the run goes on from there, or cannot.
fn through(
    machine: &mut Machine,
    until: Tick,
    answers: &Answers,
    debug: &mut Vec<u8>,
) -> Result<Option<RunEnd>, String> {
    match machine.go_through(until, &mut answers.clone(), debug) {
        // The machine waits for ever, or has a state that nobody can write.
        Err(RunnerError::NoNextState { .. } | RunnerError::Unsupported { .. }) => Ok(None),
        end => end.map_err(|error| format!("the tick step: {error}")),
    }
}

/// Whether a run ended alike. The machine keeps the beginning of its words.
pub(super) fn is_same(mine: &RunEnd, theirs: &RunEnd) -> bool {
    let begins = |mine: &str, theirs: &str| mine.contains(&theirs.chars().take(100).collect::<String>());
    match (mine, theirs) {
        (RunEnd::Finished, RunEnd::Finished) => true,
        (RunEnd::Trapped { reason: mine }, RunEnd::Trapped { reason: theirs })
        | (RunEnd::FellBack { reason: mine, .. }, RunEnd::FellBack { reason: theirs, .. })
        | (RunEnd::Stuck { reason: mine, .. }, RunEnd::Stuck { reason: theirs, .. }) => begins(mine, theirs),
        _ => false,
    }
}
