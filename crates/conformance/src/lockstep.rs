//! The engines and the tick step, side by side: the same states and the same ticks at the end of every `kernel_run`, and the same
//! states inside of it.

mod reference;
mod way;

use reference::Reference;
use soru_base::level::Level;
use soru_base::tick::TickSpan;
use soru_merkle::Tree;
use soru_pvm::level::RunEnd;
use soru_pvm::machine::{initial_state, install_boot_sector};
use soru_pvm::reveal::{RevealError, RevealSource};
use soru_pvm::run::Runner;
use soru_pvm::state::{InputPlace, StateError};
use soru_pvm::{Limits, Machine, Version};
use std::collections::BTreeMap;
use thiserror::Error;
use way::{Moved, Way};

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

/// How far the tick step goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Most ticks of a run.
    pub budget: u64,
    /// So many ticks inside of each run are looked at, if an engine can go there.
    pub places: usize,
    /// And so many of its first ticks and of its last ones.
    pub ends: u64,
    /// Chooses them.
    pub seed: u64,
}

impl Look {
    /// At some ticks of runs of so many at most.
    pub fn within(budget: u64) -> Self {
        Self { budget, places: 8, ends: 2, seed: 1 }
    }

    /// Ticks of a run of `length` ticks, in any order.
    fn places(&self, length: u64, salt: u64) -> Vec<u64> {
        let mut state = self.seed ^ salt.rotate_left(32) ^ length;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 24) % (length + 1)
        };
        let mut places: Vec<u64> = (0..self.places).map(|_| next()).collect();
        let ends = self.ends.min(length + 1);
        places.extend((0..ends).chain(length + 1 - ends..=length));
        places.sort_by_key(|place| place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        places.dedup();
        places
    }
}

/// How far the comparison went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Calls of `kernel_run` after which all engines were in the same state.
    pub runs: usize,
    /// Those after which the tick step was in it, too.
    pub runs_by_tick: usize,
    /// Engines' numbers of ticks of a run that are those of the tick step.
    pub counted: usize,
    /// Runs, of one engine each, whose ticks the engine did not count.
    pub uncounted: usize,
    /// Ticks inside of runs at which an engine's state was that of the tick step.
    pub looks: usize,
    /// Levels that the tick step went through where no engine has an answer.
    pub levels_by_tick: usize,
    /// Runs that need more ticks than allowed: the tick step was set to the state of the engines.
    pub too_long: usize,
    /// Values in the durable storage after the last run.
    pub values: usize,
    /// How the runs ended: in the engines, or tick by tick where they left it to the machine.
    pub ends: Vec<RunEnd>,
    /// Ticks of the runs, as far as somebody counted them.
    pub ticks: Vec<Option<TickSpan>>,
    /// The machine's words, if it ended stuck for ever.
    pub stuck: Option<String>,
    /// Why no engine had an answer, if that ended it.
    pub undecided: Option<String>,
    /// Why engines, by name, left a run to the machine, the first time.
    pub unsupported: BTreeMap<String, String>,
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

impl RevealSource for Answers {
    fn reveal(&mut self, request: &[u8]) -> Result<Vec<u8>, RevealError> {
        const METADATA: u8 = 1;
        Ok(match (self.0.get(request), request) {
            (Some(answer), _) => answer.clone(),
            (None, [METADATA]) => vec![0x11; 24],
            (None, request) => request.iter().rev().chain(request).copied().collect(),
        })
    }
}

/// Runs a kernel on each engine and, if somebody looks, on the tick step.
pub fn compare(
    kernel: &[u8],
    inputs: &Inputs,
    engines: &[(&str, &dyn Runner)],
    look: Option<Look>,
) -> Result<Compared, Difference> {
    let mut place = (Level::GENESIS, 0);
    compare_all(kernel, inputs, engines, look, &mut place).map_err(|what| Difference {
        level: place.0,
        run: place.1,
        what,
    })
}

fn compare_all(
    kernel: &[u8],
    inputs: &Inputs,
    engines: &[(&str, &dyn Runner)],
    look: Option<Look>,
    place: &mut (Level, usize),
) -> Result<Compared, String> {
    let tree = boot(kernel, inputs).map_err(shown)?;
    let machine = Machine::from_tree(&tree).map_err(shown)?;
    let mut ways: Vec<_> =
        engines.iter().map(|(name, runner)| Way::new(name, *runner, &machine, &tree)).collect();
    let answers = Answers(inputs.reveals.clone());
    let mut reference =
        look.map(|look| Reference { machine, tree, look, answers: answers.clone(), debug: Vec::new() });
    let mut compared = Compared::default();
    for (level, messages) in &inputs.levels {
        *place = (*level, 0);
        for (counter, message) in (0..).zip(messages) {
            let at = InputPlace { level: *level, counter };
            let machines = ways.iter_mut().map(|way| &mut way.machine);
            for machine in machines.chain(reference.as_mut().map(|reference| &mut reference.machine)) {
                machine.set_input(at, message).map_err(shown)?;
            }
        }
        loop {
            let mut moves = Vec::new();
            for way in &mut ways {
                moves.push(way.advance(place.1, &mut answers.clone())?);
            }
            same(&ways, moves.iter().map(Moved::shown))?;
            let unsupported = ways.iter().filter_map(|way| Some((way.name, way.runner.unsupported.take()?)));
            for (name, reason) in unsupported {
                compared.unsupported.entry(name.to_owned()).or_insert(reason);
            }
            match moves.first() {
                None | Some(Moved::InputRequired) => break,
                Some(Moved::Padding(_)) => (),
                Some(Moved::Ran { end, .. }) => {
                    let end = end.clone();
                    ran(&mut ways, &moves, &end, reference.as_mut(), &mut compared)?;
                    if let RunEnd::Stuck { reason, .. } = end {
                        compared.stuck = Some(reason);
                        return Ok(compared);
                    }
                    compared.ends.push(end);
                    place.1 += 1;
                }
                Some(Moved::Undecided(reason)) => {
                    compared.undecided = Some(reason.clone());
                    if let Some(reference) = &mut reference {
                        reference.go_alone(&mut compared)?;
                    }
                    return Ok(compared);
                }
            }
            // Through padding, and out of it.
            if let (Some(reference), [way, ..]) = (&mut reference, &ways[..]) {
                reference.pad(way.machine.current_tick)?;
            }
        }
    }
    Ok(compared)
}

/// All engines have gone through a run: they are in the same state, and so is the tick step.
fn ran(
    ways: &mut [Way<'_>],
    moves: &[Moved],
    end: &RunEnd,
    reference: Option<&mut Reference>,
    compared: &mut Compared,
) -> Result<(), String> {
    let hashes: Vec<_> = ways.iter_mut().map(Way::hash).collect::<Result<_, _>>().map_err(shown)?;
    same(ways, hashes.iter().map(ToString::to_string))?;
    same(ways, ways.iter().map(|way| format!("{:?}", String::from_utf8_lossy(&way.debug))))?;
    let mut counts = ways.iter().zip(moves).filter_map(|(way, moved)| Some((way.name, moved.ticks()?)));
    let first = counts.next();
    if let (Some((one, ticks)), Some((other, others))) =
        (first, counts.find(|(_, ticks)| first.is_some_and(|(_, first)| first != *ticks)))
    {
        return Err(format!("{one}: {ticks} ticks; {other}: {others} ticks: {end:?}"));
    }
    compared.runs += usize::from(!end.is_stuck());
    compared.ticks.push(first.map(|(_, ticks)| ticks));
    let [way, ..] = ways else { return Ok(()) };
    compared.values = way.machine.durable.values().map_err(shown)?.len();
    let Some(reference) = reference else { return Ok(()) };
    let passages = ways.iter().find_map(|way| way.runner.runner.passage(&reference.machine).transpose());
    let passage = passages.transpose().map_err(|error| format!("no passage: {error}"))?;
    let followed = reference.follow(passage, compared)?;
    let Some(found) = followed.end else {
        compared.too_long += 1;
        let way = &ways[0];
        reference.machine = Machine::from_tree(&way.tree).map_err(shown)?;
        reference.tree = way.tree.clone();
        reference.debug = way.debug.clone();
        return Ok(());
    };
    if !reference::is_same(&found, end) {
        return Err(format!("the tick step ends with {found:?}, the engines with {end:?}"));
    }
    for (way, moved) in ways.iter().zip(moves) {
        match moved.ticks() {
            Some(ticks) if ticks == followed.ticks => compared.counted += 1,
            None => compared.uncounted += 1,
            Some(ticks) => {
                let name = way.name;
                return Err(format!(
                    "the tick step takes {} ticks, {name} says {ticks}: {end:?}",
                    followed.ticks
                ));
            }
        }
    }
    let way = &ways[0];
    if !end.is_stuck() {
        reference.pad(way.machine.current_tick)?;
    }
    reference.machine.apply(&mut reference.tree).map_err(shown)?;
    let (mine, theirs) = (reference.tree.hash().map_err(shown)?, way.tree.hash().map_err(shown)?);
    if mine != theirs {
        let tick = way.machine.current_tick;
        return Err(format!(
            "the tick step comes to {mine} at {}, {} to {theirs} at {tick}: {end:?}",
            reference.machine.current_tick, way.name
        ));
    }
    if reference.debug != way.debug {
        let (mine, theirs) = (String::from_utf8_lossy(&reference.debug), String::from_utf8_lossy(&way.debug));
        return Err(format!("the tick step shows {mine:?}, {} {theirs:?}", way.name));
    }
    compared.runs_by_tick += 1;
    Ok(())
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
