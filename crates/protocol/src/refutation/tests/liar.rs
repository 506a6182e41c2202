//! What liars try: dissections of runs that never were, proofs of anything, and nonsense.

use super::world::{Dice, Truth, chunk, claim};
use crate::commitment::Commitment;
use crate::refutation::{DissectionChunk, DissectionRules, Game, GameState, Step};
use soru_base::{StateHash, Tick, TickSpan};
use std::convert::Infallible;

fn dissect(
    rules: &DissectionRules,
    start: DissectionChunk,
    stop: Tick,
    at: impl Fn(Tick) -> Option<StateHash>,
) -> Vec<DissectionChunk> {
    let stop = chunk(at(stop), stop.0);
    rules.default_dissection(start, stop, |tick| Ok::<_, Infallible>(at(tick))).unwrap()
}

/// What a liar tries, by its temper and the dice. Much of it is refused.
pub(crate) fn liars_move(dice: &mut Dice, temper: u64, truth: &Truth, game: &Game) -> (u64, Step) {
    let GameState::Dissecting { dissection } = &game.state else {
        return (dice.roll(), some_proof(dice, game, truth, truth.state(0, 0)));
    };
    let sections = dissection.len() as u64 - 1;
    let section = match temper % 4 {
        0 => 0,
        1 => sections - 1,
        // The last tick is the closing one.
        2 if dice.one_in(20) => return (dissection[sections as usize].tick.0, Truth::garbage()),
        _ => dice.below(sections),
    } as usize;
    let (start, stop) = (dissection[section], dissection[section + 1]);
    let ticks = stop.tick.since(start.tick).0;
    if ticks == 1 || dice.one_in(30) {
        let from = start.state_hash.unwrap_or(truth.state(0, start.tick.0));
        return (start.tick.0, some_proof(dice, game, truth, from));
    }
    // A lie that starts somewhere, or a machine that blocks too early or never.
    let lie_from = start.tick.0 + 1 + dice.below(ticks);
    let blocked_from = match dice.below(3) {
        0 => start.tick.0 + 1 + dice.below(ticks),
        1 => truth.ticks.saturating_add(1),
        _ => u64::MAX,
    };
    let mark = 1 + dice.below(200) as u8;
    let lie = |tick: Tick| match tick.0 {
        at if at >= blocked_from => None,
        at if at >= lie_from => Some(truth.state(mark, at)),
        at => Some(truth.state(0, at)),
    };
    let mut answer = dissect(&game.rules, start, stop.tick, lie);
    match dice.below(8) {
        0 => random_ticks(dice, &mut answer, game.rules.ticks_per_snapshot()),
        1 => {
            let at = dice.below(answer.len() as u64) as usize;
            answer[at].state_hash = (!dice.one_in(2)).then(|| truth.state(mark, dice.below(9)));
        }
        2 => {
            answer.remove(dice.below(answer.len() as u64) as usize);
        }
        3 => {
            // One cut beside its place; often the first or the last.
            let last = answer.len() as u64 - 1;
            let at = [0, last, dice.below(last)][dice.below(3) as usize] as usize;
            answer[at].tick = Tick(answer[at].tick.0 + 1);
        }
        _ => {}
    }
    (start.tick.0, Step::Dissection(answer))
}

/// Other cuts, at snapshots where the first ones were.
fn random_ticks(dice: &mut Dice, answer: &mut [DissectionChunk], snapshot: TickSpan) {
    let first = answer[0].tick.0;
    let ticks = answer.last().map_or(0, |last| last.tick.0) - first;
    let unit = if ticks > snapshot.0 { snapshot.0 } else { 1 };
    let inner = answer.len() - 1;
    let mut cuts: Vec<u64> =
        (1..inner).map(|_| first + (1 + dice.below((ticks / unit).max(2) - 1)) * unit).collect();
    cuts.sort_unstable();
    for (chunk, cut) in answer[1..inner].iter_mut().zip(cuts) {
        chunk.tick = Tick(cut);
    }
}

fn some_proof(dice: &mut Dice, game: &Game, truth: &Truth, from: StateHash) -> Step {
    match dice.below(6) {
        0 => Truth::garbage(),
        1 => Truth::no_proof(),
        // Of the wrong tick, of a state that never was, and of the true end.
        2 => Truth::proof(truth.state(0, dice.below(truth.ticks + 2))),
        3 => Truth::proof(truth.state(9, dice.below(9))),
        4 => match &game.state {
            GameState::FinalMove { agreed_start_chunk, .. } => {
                Truth::proof(agreed_start_chunk.state_hash.expect("agreed"))
            }
            GameState::Dissecting { .. } => Truth::proof(truth.state(0, truth.ticks)),
        },
        _ => Truth::proof(from),
    }
}

/// A wrong claim: of the final state only, of too few or too many ticks, or of everything.
pub(crate) fn lying_claim(dice: &mut Dice, truth: &Truth) -> Commitment {
    let too_short = 1 + dice.below(truth.ticks.saturating_sub(1));
    let too_long = truth.ticks + dice.length(truth.ticks.ilog2() as u64 + 2);
    match dice.below(5) {
        1 if too_short < truth.ticks => claim(truth.state(0, too_short), too_short),
        2 => claim(truth.state(0, truth.ticks), too_long),
        3 => claim(truth.state(3, too_long), too_long),
        4 if too_short < truth.ticks => claim(truth.state(0, truth.ticks), too_short),
        _ => claim(truth.state(2, truth.ticks), truth.ticks),
    }
}
