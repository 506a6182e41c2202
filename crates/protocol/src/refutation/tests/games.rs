//! Games between a player who knows the truth and liars of all kinds.

use super::world::{Dice, PERIOD, SNAPSHOT, Truth, chunk, claim, level, open, players, rules, state};
use crate::refutation::{
    Answer, DissectionChunk, DissectionRules, Game, GameError, GameResult, GameState, LossReason, Progress,
    Step,
};
use soru_base::{Level, LevelSpan, StateHash, Tick, TickSpan};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// A dissection at least halves a section, but for the one that finds the run.
const MOST_MOVES: u32 = 70;
const GAMES: u64 = 100_000;

/// What an honest player plays: it needs the game and the truth, nothing else.
fn honest_move(truth: &Truth, game: &Game) -> (u64, Step) {
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
fn liars_move(dice: &mut Dice, temper: u64, truth: &Truth, game: &Game) -> (u64, Step) {
    let GameState::Dissecting { dissection } = &game.state else {
        return (dice.roll(), some_proof(dice, game, truth, state(0, 0)));
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
        let from = start.state_hash.unwrap_or(state(0, start.tick.0));
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
        at if at >= lie_from => Some(state(mark, at)),
        at => Some(state(0, at)),
    };
    let mut answer = dissect(&game.rules, start, stop.tick, lie);
    match dice.below(8) {
        0 => random_ticks(dice, &mut answer, game.rules.ticks_per_snapshot()),
        1 => {
            let at = dice.below(answer.len() as u64) as usize;
            answer[at].state_hash = (!dice.one_in(2)).then(|| state(mark, dice.below(9)));
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
        2 => Truth::proof(state(0, dice.below(truth.ticks + 2))),
        3 => Truth::proof(state(9, dice.below(9))),
        4 => match &game.state {
            GameState::FinalMove { agreed_start_chunk, .. } => {
                Truth::proof(agreed_start_chunk.state_hash.expect("agreed"))
            }
            GameState::Dissecting { .. } => Truth::proof(state(0, truth.ticks)),
        },
        _ => Truth::proof(from),
    }
}

/// A wrong claim: of the final state only, of too few or too many ticks, or of everything.
fn lying_claim(dice: &mut Dice, truth: &Truth) -> crate::Commitment {
    let too_short = 1 + dice.below(truth.ticks.saturating_sub(1));
    let too_long = truth.ticks + dice.length(truth.ticks.ilog2() as u64 + 2);
    match dice.below(5) {
        1 if too_short < truth.ticks => claim(state(0, too_short), too_short),
        2 => claim(state(0, truth.ticks), too_long),
        3 => claim(state(3, too_long), too_long),
        4 if too_short < truth.ticks => claim(state(0, truth.ticks), too_short),
        _ => claim(state(2, truth.ticks), truth.ticks),
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
    let truth = Truth { ticks: dice.length(bits) };
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
        let truth = Truth { ticks: dice.length(40) };
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
