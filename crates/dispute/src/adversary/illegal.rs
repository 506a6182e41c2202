//! Moves that the rules refuse.

use super::dice::Dice;
use soru_base::{Tick, TickSpan};
use soru_protocol::refutation::{DissectionChunk, Game, GameError, GameState, Refutation, Step, Verdict};

/// A rule that is broken.
#[derive(Debug, Clone, Copy)]
enum Breach {
    Choice,
    ChoiceOfLast,
    Empty,
    OneTooFew,
    OneTooMany,
    OtherStart,
    SameStop,
    OtherEdge,
    OutOfOrder,
    Lopsided,
    OffSnapshots,
    Unblocked,
}

const BREACHES: [Breach; 12] = [
    Breach::Choice,
    Breach::ChoiceOfLast,
    Breach::Empty,
    Breach::OneTooFew,
    Breach::OneTooMany,
    Breach::OtherStart,
    Breach::SameStop,
    Breach::OtherEdge,
    Breach::OutOfOrder,
    Breach::Lopsided,
    Breach::OffSnapshots,
    Breach::Unblocked,
];

/// A good move made bad, in a way that is drawn. A proof becomes a dissection.
pub(super) fn spoilt(game: &Game, good: Refutation, mut dice: Dice) -> Refutation {
    let Refutation::Move { choice, step } = good else { return good };
    let dissection = match step {
        Step::Dissection(dissection) => dissection,
        Step::Proof(_) => one_section(game, choice, &mut dice),
    };
    let from = dice.below(BREACHES.len() as u64) as usize;
    let mut breaches = BREACHES.iter().cycle().skip(from).take(BREACHES.len());
    let spoilt = breaches.find_map(|breach| {
        let (choice, step) = break_rule(game, *breach, choice, dissection.clone(), &mut dice);
        refusal(game, choice, &step).map(|_| Refutation::Move { choice, step })
    });
    spoilt.unwrap_or(Refutation::Move { choice: Tick(u64::MAX), step: Step::Dissection(dissection) })
}

/// Why the rules refuse a dissection.
pub(super) fn refusal(game: &Game, choice: Tick, step: &Step) -> Option<GameError> {
    let player = game.stakers.staker(game.turn);
    game.play(&player, game.clock.last_turn_level, choice, step, |_, _| Verdict::Invalid).err()
}

/// One tick, which cannot be dissected.
fn one_section(game: &Game, choice: Tick, dice: &mut Dice) -> Vec<DissectionChunk> {
    let start = match &game.state {
        GameState::Dissecting { dissection } => dissection.iter().find(|chunk| chunk.tick == choice),
        GameState::FinalMove { agreed_start_chunk, .. } => Some(agreed_start_chunk),
    };
    let stop = DissectionChunk { state_hash: Some(dice.noise()), tick: choice.plus(TickSpan(1)) };
    start.copied().into_iter().chain([stop]).collect()
}

fn break_rule(
    game: &Game,
    breach: Breach,
    choice: Tick,
    mut chunks: Vec<DissectionChunk>,
    dice: &mut Dice,
) -> (Tick, Step) {
    let mut other_choice = choice;
    let opponents = match &game.state {
        GameState::Dissecting { dissection } => dissection.as_slice(),
        GameState::FinalMove { .. } => &[],
    };
    let refuted = opponents.iter().find(|chunk| chunk.tick > choice);
    let middle = chunks.len() / 2;
    let last = chunks.len().saturating_sub(1);
    match breach {
        Breach::Choice => other_choice = choice.plus(TickSpan(1)),
        Breach::ChoiceOfLast => other_choice = opponents.last().map_or(Tick(u64::MAX), |chunk| chunk.tick),
        Breach::Empty => chunks.clear(),
        Breach::OneTooFew => {
            if middle < chunks.len() {
                chunks.remove(middle);
            }
        }
        Breach::OneTooMany => {
            let tick = chunks.last().map_or(choice, |chunk| chunk.tick).plus(TickSpan(1));
            chunks.push(DissectionChunk { state_hash: None, tick });
        }
        Breach::OtherStart => {
            chunks.iter_mut().take(1).for_each(|chunk| chunk.state_hash = Some(dice.noise()));
        }
        Breach::SameStop => {
            let hash = refuted.and_then(|chunk| chunk.state_hash);
            chunks.iter_mut().skip(last).for_each(|chunk| chunk.state_hash = hash);
        }
        Breach::OtherEdge => {
            chunks.iter_mut().skip(last).for_each(|chunk| chunk.tick = chunk.tick.plus(TickSpan(1)));
        }
        Breach::OutOfOrder => {
            if middle > 0 {
                chunks[middle].tick = chunks[middle - 1].tick;
            }
        }
        Breach::Lopsided => {
            let unit = if chunks.iter().all(|chunk| on_snapshot(game, chunk.tick)) {
                game.rules.ticks_per_snapshot().0
            } else {
                1
            };
            for (i, chunk) in (0..).zip(&mut chunks).take(last) {
                chunk.tick = choice.plus(TickSpan(unit.saturating_mul(i)));
            }
        }
        Breach::OffSnapshots => {
            for chunk in chunks.iter_mut().take(last).skip(1) {
                chunk.tick = chunk.tick.plus(TickSpan(1));
            }
        }
        Breach::Unblocked => {
            if (1..last).contains(&middle) {
                chunks[middle].state_hash = None;
                chunks[last].state_hash = Some(dice.noise());
            }
        }
    }
    (other_choice, Step::Dissection(chunks))
}

fn on_snapshot(game: &Game, tick: Tick) -> bool {
    tick.0.is_multiple_of(game.rules.ticks_per_snapshot().0)
}
