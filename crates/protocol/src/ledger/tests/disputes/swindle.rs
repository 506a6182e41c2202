//! A liar who sees a proof against it under way tries to bring it into another game, in which it would be wrong: an
//! accomplice takes its stake, it stakes again, opens another game and says the truth just where the proof is about.

use super::world::{LIARS, honest, honest_claim, liar, next, truth};
use crate::commitment::Commitment;
use crate::ledger::Ledger;
use crate::operation::Action;
use crate::refutation::tests::games::honest_move;
use crate::refutation::tests::liar::lying_claim;
use crate::refutation::tests::world::{Dice, chunk};
use crate::refutation::{Answer, DissectionRules, Refutation, Stakers, Step};
use soru_base::{CommitmentHash, Level, PublicKeyHash, RollupAddress, Tick, TickSpan};
use std::convert::Infallible;

/// The proof of an accomplice, if one is ready.
pub(super) fn take_stake(
    ledger: &Ledger,
    rollup: &RollupAddress,
    loser: PublicKeyHash,
) -> Option<(PublicKeyHash, Action)> {
    for friend in (0..LIARS).step_by(4).map(liar) {
        let Some(stakers) = Stakers::new(friend, loser) else { continue };
        let Some(game) = ledger.game(rollup, &stakers).unwrap() else { continue };
        let truth = truth(game.inbox_level);
        let answer = game.answer(|tick| Ok::<_, Infallible>(truth.at(tick)));
        let ready = matches!(answer, Ok(Answer::Prove { choice }) if truth.at(choice).is_some());
        if stakers.staker(game.turn) == friend && ready {
            let (choice, step) = honest_move(&truth, &game);
            let refutation = Refutation::Move { choice: Tick(choice), step };
            return Some((
                friend,
                Action::SmartRollupRefute { rollup: *rollup, opponent: loser, refutation },
            ));
        }
    }
    None
}

/// Stakes, opens a game and plays, all at once: about the first level that is not cemented, or a later one.
pub(super) fn come_back(
    ledger: &Ledger,
    rollup: &RollupAddress,
    level: Level,
    dice: &mut Dice,
) -> Vec<Action> {
    let (mut predecessor, cemented) = ledger.last_cemented_commitment(rollup).unwrap().unwrap();
    let mut inbox_level = next(cemented);
    while dice.one_in(3) {
        predecessor = honest_claim(inbox_level, predecessor).hash();
        inbox_level = next(inbox_level);
    }
    if inbox_level >= level {
        return Vec::new();
    }
    let truth = truth(inbox_level);
    let lie = Commitment { inbox_level, predecessor, ..lying_claim(dice, &truth) };
    let theirs: CommitmentHash = honest_claim(inbox_level, predecessor).hash();
    let refute = |refutation| Action::SmartRollupRefute { rollup: *rollup, opponent: honest(), refutation };
    let sections = ledger.constants().rollup().number_of_sections_in_dissection;
    let rules = DissectionRules::new(sections, TickSpan(11_000_000_000)).unwrap();
    let (start, stop) = (chunk(truth.at(Tick(0)), 0), chunk(Some(truth.state(3, truth.ticks)), truth.ticks));
    let dissection =
        rules.default_dissection(start, stop, |tick| Ok::<_, Infallible>(truth.at(tick))).unwrap();
    vec![
        Action::SmartRollupPublish { rollup: *rollup, commitment: lie },
        refute(Refutation::Start { player_commitment_hash: lie.hash(), opponent_commitment_hash: theirs }),
        refute(Refutation::Move { choice: Tick(0), step: Step::Dissection(dissection) }),
    ]
}
