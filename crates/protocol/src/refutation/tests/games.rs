//! Games between a player who knows the truth and liars of all kinds.

use super::liar::{liars_move, lying_claim};
use super::world::{Dice, PERIOD, SNAPSHOT, Truth, claim, level, open, players, rules, state};
use crate::refutation::{Answer, Game, GameError, GameResult, LossReason, Progress, Step};
use soru_base::{Level, LevelSpan};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// A dissection at least halves a section, but for the one that finds the run.
const MOST_MOVES: u32 = 70;
const GAMES: u64 = 100_000;

/// What an honest player plays: it needs the game and the truth, nothing else.
pub(crate) fn honest_move(truth: &Truth, game: &Game) -> (u64, Step) {
    match game.answer(|tick| Ok::<_, Infallible>(truth.at(tick))).unwrap() {
        Answer::Dissect { choice, dissection } => {
            // All long sections begin at a snapshot: otherwise no dissection would pass.
            let ticks = dissection.last().map_or(0, |last| last.tick.since(choice).0);
            let snapshot = game.rules.ticks_per_snapshot().0;
            assert!(ticks <= snapshot || choice.0.is_multiple_of(snapshot));
            (choice.0, Step::Dissection(dissection))
        }
        Answer::Prove { choice } => (choice.0, Truth::proof(truth.at(choice).expect("not blocked"))),
        Answer::Concede => panic!("no lie in {game:?}"),
    }
}

struct Ended {
    result: GameResult,
    moves: u32,
    refused: BTreeMap<&'static str, u32>,
}

/// Plays one game; every refused try costs the liar a block or more, and it always may let its time run out.
fn game(dice: &mut Dice) -> Ended {
    let [honest, liar] = players();
    let snapshot = match dice.below(3) {
        0 => SNAPSHOT,
        _ => dice.length(10),
    };
    let bits = if dice.one_in(4) { 60 } else { 40 };
    let truth = Truth::of(dice.length(bits));
    let lie = lying_claim(dice, &truth);
    let game = if dice.one_in(2) {
        open([honest, liar], &truth.commitment(), &lie, rules(snapshot))
    } else {
        open([liar, honest], &lie, &truth.commitment(), rules(snapshot))
    };
    let (mut game, mut at, temper) = (game.unwrap(), level(40), dice.roll());
    let (mut moves, mut refused) = (0, BTreeMap::new());
    loop {
        let player = game.stakers.staker(game.turn);
        let progress = if player == honest {
            at = at.next();
            let (choice, step) = honest_move(&truth, &game);
            let early = GameError::TimeoutLevelNotReached {
                blocks_left: game.clock.blocks_left(game.turn, at),
                staker: honest,
            };
            assert_eq!(game.timeout(at), Err(early), "the honest player always has time left");
            truth.play(&game, &honest, at, choice, &step).expect("an honest move is never refused")
        } else {
            at = at.plus(LevelSpan(dice.below(if temper.is_multiple_of(5) { 60 } else { 3 }) as u32));
            if let Ok(result) = game.timeout(at) {
                return Ended { result, moves, refused };
            }
            let (choice, step) = liars_move(dice, temper, &truth, &game);
            match truth.play(&game, &liar, at, choice, &step) {
                Ok(progress) => progress,
                Err(error) => {
                    *refused.entry(error.id()).or_default() += 1;
                    // Sooner or later it gives up.
                    if refused.values().sum::<u32>() > 6 {
                        at = end_of_time(&game);
                    }
                    continue;
                }
            }
        };
        moves += 1;
        match progress {
            Progress::Ongoing(next) => game = *next,
            Progress::Ended(result) => return Ended { result, moves, refused },
        }
    }
}

fn end_of_time(game: &Game) -> Level {
    game.clock.last_turn_level.plus(PERIOD).next()
}

#[test]
fn who_knows_the_truth_never_loses() {
    let liar = players()[1];
    let (mut proved, mut timed_out, mut longest) = (0u64, 0u64, 0);
    let mut refused: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..GAMES {
        let ended = game(&mut Dice(seed.wrapping_mul(0x1234_5678_9abc_def1)));
        match ended.result {
            GameResult::Loser { reason, loser } if loser == liar => match reason {
                LossReason::ConflictResolved => proved += 1,
                LossReason::Timeout => timed_out += 1,
            },
            other => panic!("game {seed}: {other:?}"),
        }
        longest = longest.max(ended.moves);
        assert!(ended.moves <= MOST_MOVES, "game {seed} took {} moves", ended.moves);
        for (id, times) in ended.refused {
            *refused.entry(id).or_default() += times;
        }
    }
    assert_eq!(proved + timed_out, GAMES);
    // The liars did try: most games are decided by a proof, and each rule had something to refuse.
    assert!(proved > GAMES / 2, "{proved} by proof, {timed_out} by time, at most {longest} moves");
    assert!(longest > 8, "{longest}");
    for id in [
        "Dissection_choice_not_found",
        "Dissection_unexpected_section_size",
        "smart_rollup_proof_check",
        "smart_rollup_dissection_number_of_sections_mismatch",
        "smart_rollup_dissection_start_hash_mismatch",
        "smart_rollup_dissection_stop_hash_mismatch",
        "smart_rollup_dissection_edge_ticks_mismatch",
        "smart_rollup_dissection_ticks_not_increasing",
        "smart_rollup_dissection_invalid_distribution",
        "smart_rollup_dissection_invalid_successive_states_shape",
        "smart_rollup_wasm_invalid_dissection_distribution",
    ] {
        assert!(refused.get(id) > Some(&20), "{id}: {refused:?}");
    }
}

/// Two players who both lie: the game ends all the same, and at most one of them keeps its stake.
#[test]
fn games_of_two_liars_end() {
    let mut results = BTreeMap::new();
    for seed in 0..5_000 {
        let mut dice = Dice(seed);
        let truth = Truth::of(dice.length(40));
        let mut claims = [lying_claim(&mut dice, &truth), lying_claim(&mut dice, &truth)];
        if claims[0] == claims[1] {
            claims[0] = claim(state(77, 5), 5);
        }
        let mut game = open(players(), &claims[0], &claims[1], rules(SNAPSHOT)).unwrap();
        let (mut moves, mut at) = (0, level(40));
        let result = loop {
            at = if dice.one_in(20) { end_of_time(&game) } else { at.next() };
            if let Ok(result) = game.timeout(at) {
                break result;
            }
            let player = game.stakers.staker(game.turn);
            let temper = dice.roll();
            let (choice, step) = liars_move(&mut dice, temper, &truth, &game);
            match truth.play(&game, &player, at, choice, &step) {
                Ok(Progress::Ongoing(next)) => (game, moves) = (*next, moves + 1),
                Ok(Progress::Ended(result)) => break result,
                Err(_) => {}
            }
            assert!(moves <= MOST_MOVES);
        };
        *results
            .entry(match result {
                GameResult::Draw => "draw",
                GameResult::Loser { reason: LossReason::Timeout, .. } => "time",
                GameResult::Loser { reason: LossReason::ConflictResolved, .. } => "proof",
            })
            .or_insert(0) += 1;
    }
    assert_eq!(results.keys().copied().collect::<Vec<_>>(), ["draw", "proof", "time"], "{results:?}");
}
