//! Refutation games, one rule after the other, with a machine of numbers.

use super::harness::{Chain, account, cement, constants, pkh, publish, recover};
use crate::commitment::Commitment;
use crate::ledger::Constants;
use crate::operation::{Action, PvmKind, SignedOperation};
use crate::receipt::{BalanceAccount, Effect, Success};
use crate::refutation::tests::games::honest_move;
use crate::refutation::tests::world::{Truth, chunk, state};
use crate::refutation::{
    Game, GameResult, LossReason, Player, Refutation, RefutationProof, Stakers, Step, Verdict,
};
use proptest::prelude::*;
use serde_json::json;
use soru_base::{Contract, IdFamily, Json, Level, PublicKeyHash, RollupAddress, StateHash, Tick, TickSpan};
use soru_michelson::{Micheline, Prim};
use soru_pvm::reveal::Metadata;

const STAKE: u64 = 10_000_000_000;
const FEE: u64 = 1_000;
const CLOCK: u32 = 10;
const WINDOW: u32 = 30;
const TRUTH: Truth = Truth::of(64);
const ROLLUP: RollupAddress = RollupAddress([7; 20]);
/// Who tells the truth, and who does not.
const HONEST: usize = 2;
const LIAR: usize = 3;

fn examine(_: &Game, proof: &RefutationProof, metadata: Metadata) -> Verdict {
    assert_eq!((metadata.address, metadata.origination_level.get()), (ROLLUP, 1));
    TRUTH.examine(proof)
}

fn never(_: &Game, _: &RefutationProof, _: Metadata) -> Verdict {
    panic!("refused before the proof is looked at")
}

fn rules() -> Constants {
    let mut constants = constants();
    constants.profile.rollup.timeout_period_in_blocks = CLOCK;
    constants.profile.rollup.challenge_window_in_blocks = WINDOW;
    constants.one_operation_per_manager = false;
    constants
}

/// A chain with a rollup, at a level where the first commitment can be published.
fn chain_with(constants: Constants) -> Chain {
    let mut chain = Chain::with(constants);
    chain.bake_to(1);
    let genesis = Commitment::genesis(chain.level(), state(0, 0));
    let ty = Micheline::atom(Prim::bytes);
    chain.ledger.store_rollup(&ROLLUP, PvmKind::Wasm2_0_0, &ty, &genesis).unwrap();
    chain.examine = examine;
    chain.bake_to(4);
    chain
}

fn claim(chain: &Chain, compressed_state: StateHash) -> Commitment {
    let claim = chain.on(&ROLLUP, chain.lcc(&ROLLUP), 0);
    Commitment { compressed_state, number_of_ticks: TickSpan(64), ..claim }
}

fn truth(chain: &Chain) -> Commitment {
    claim(chain, state(0, 64))
}

fn lie(chain: &Chain, mark: u8) -> Commitment {
    claim(chain, state(mark, 64))
}

/// Both have staked.
fn dispute() -> Chain {
    let mut chain = chain_with(rules());
    let (truth, lie) = (truth(&chain), lie(&chain, 1));
    chain.done(HONEST, publish(ROLLUP, truth));
    chain.done(LIAR, publish(ROLLUP, lie));
    chain
}

fn start(opponent: usize, ours: &Commitment, theirs: &Commitment) -> Action {
    let refutation =
        Refutation::Start { player_commitment_hash: ours.hash(), opponent_commitment_hash: theirs.hash() };
    Action::SmartRollupRefute { rollup: ROLLUP, opponent: pkh(opponent), refutation }
}

fn play(opponent: usize, choice: u64, step: Step) -> Action {
    let refutation = Refutation::Move { choice: Tick(choice), step };
    Action::SmartRollupRefute { rollup: ROLLUP, opponent: pkh(opponent), refutation }
}

fn timeout(one: usize, other: usize) -> Action {
    Action::SmartRollupTimeout { rollup: ROLLUP, alice: pkh(one), bob: pkh(other) }
}

fn stakers(one: usize, other: usize) -> Stakers {
    Stakers::new(pkh(one), pkh(other)).unwrap()
}

fn game(chain: &Chain, one: usize, other: usize) -> Option<Game> {
    chain.ledger.game(&ROLLUP, &stakers(one, other)).unwrap()
}

/// The honest answer in the game against somebody.
fn answer(chain: &Chain, opponent: usize) -> Action {
    let (choice, step) = honest_move(&TRUTH, &game(chain, HONEST, opponent).unwrap());
    play(opponent, choice, step)
}

/// A dissection that is true up to the tick before the last.
fn lies_at_the_end(opponent: usize, choice: u64, stop: u64, mark: u8) -> Action {
    let at = |i: u64| chunk(Some(state(if i == stop { mark } else { 0 }, i)), i);
    play(opponent, choice, Step::Dissection((choice..=stop).map(at).collect()))
}

fn ended(result: GameResult) -> Effect {
    Effect::Game { result: Some(result) }
}

fn lost(loser: usize, reason: LossReason) -> GameResult {
    GameResult::Loser { reason, loser: pkh(loser) }
}

/// Moves until it is the liar's turn in a section of one tick, or the honest player's with the proof as answer.
fn down_to_one_tick() -> Chain {
    let mut chain = dispute();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    chain.done(HONEST, start(LIAR, &ours, &theirs));
    let first = answer(&chain, LIAR);
    chain.done(HONEST, first);
    chain.done(LIAR, lies_at_the_end(HONEST, 62, 64, 2));
    chain
}

#[test]
fn a_game_is_opened_played_and_paid_for() {
    let mut chain = dispute();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    let conflicts = chain.ledger.conflicts_of(&ROLLUP, &pkh(HONEST)).unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].other, conflicts[0].their_commitment), (pkh(LIAR), theirs));
    assert_eq!((conflicts[0].our_commitment, conflicts[0].parent_commitment), (ours, chain.lcc(&ROLLUP)));
    assert_eq!(chain.ledger.conflicts_of(&ROLLUP, &pkh(4)).unwrap(), []);

    // The inbox of the game is that before the block that opens it.
    let inbox = chain.ledger.inbox().unwrap();
    let opened = chain.done(HONEST, start(LIAR, &ours, &theirs));
    assert_eq!(opened.effect, Effect::Game { result: None });
    assert_eq!(opened.consumed_milligas, 5_166_000);
    let opening = game(&chain, HONEST, LIAR).unwrap();
    assert_eq!(opening.inbox_snapshot, inbox.old_levels_messages);
    assert_eq!((opening.start_level, opening.inbox_level), (chain.level(), ours.inbox_level));
    assert_eq!(opening.stakers.staker(opening.turn), pkh(HONEST));
    assert_eq!(chain.ledger.games_of(&ROLLUP, &pkh(LIAR)).unwrap(), [opening]);

    let first = answer(&chain, LIAR);
    chain.done(HONEST, first);
    chain.done(LIAR, lies_at_the_end(HONEST, 62, 64, 2));
    // Cementation waits for the end of the dispute.
    chain.bake_to(11);
    assert_eq!(chain.fails(1, cement(ROLLUP)), ["smart_rollup_commitment_disputed"]);

    let (before, supply) = (chain.balance(pkh(HONEST)), chain.ledger.supply().unwrap());
    let last = answer(&chain, LIAR);
    let won = chain.done(HONEST, last);
    assert_eq!(won.effect, ended(lost(LIAR, LossReason::ConflictResolved)));
    let bond = BalanceAccount::FrozenBonds { contract: Contract::from(pkh(LIAR)), rollup: ROLLUP };
    let told: Vec<_> = won.balance_updates.iter().map(|u| (u.account.clone(), u.change)).collect();
    let (stake, half) = (STAKE as i64, STAKE as i64 / 2);
    let expected = [
        (bond, -stake),
        (BalanceAccount::RefutationPunishments, stake),
        (BalanceAccount::RefutationRewards, -half),
        (BalanceAccount::Contract(Contract::from(pkh(HONEST))), half),
    ];
    assert_eq!(told, expected);
    assert_eq!(chain.balance(pkh(HONEST)), before - FEE + STAKE / 2);
    assert_eq!(chain.ledger.frozen_bonds(&pkh(LIAR).into()).unwrap().0, 0);
    let after = chain.ledger.supply().unwrap();
    assert_eq!((after.burnt - supply.burnt, after.minted, after.total()), (STAKE, STAKE / 2, supply.total()));
    assert_eq!(game(&chain, HONEST, LIAR), None);
    assert_eq!(chain.ledger.stakers(&ROLLUP).unwrap(), [pkh(HONEST)]);

    // What nobody stakes on holds up nothing any more, and vanishes.
    chain.bake_to(5 + WINDOW);
    chain.done(1, cement(ROLLUP));
    assert_eq!(chain.lcc(&ROLLUP), ours.hash());
    assert_eq!(chain.ledger.commitment(&ROLLUP, &theirs.hash()).unwrap(), None);
    chain.done(LIAR, recover(ROLLUP, HONEST));
    assert_eq!(chain.balance(pkh(HONEST)), before - FEE + STAKE + STAKE / 2);
}

#[test]
fn receipts_have_the_members_of_the_network() {
    let json = |effect: Effect, consumed_milligas| {
        let success = Success { consumed_milligas, balance_updates: Vec::new(), effect };
        let result = crate::receipt::OperationResult::Applied(success);
        let json = result.to_json(IdFamily::Mainnet);
        for kind in ["smart_rollup_refute", "smart_rollup_timeout"] {
            let read = crate::receipt::OperationResult::from_json_of_kind(&json, kind, IdFamily::Mainnet);
            assert_eq!(read.as_ref(), Ok(&result));
        }
        json
    };
    assert_eq!(
        json(Effect::Game { result: None }, 5_166_000),
        json!({
            "status": "applied", "consumed_milligas": "5166000", "game_status": "ongoing", "balance_updates": []
        })
    );
    let status = json(ended(lost(LIAR, LossReason::Timeout)), 1)["game_status"].clone();
    let player = pkh(LIAR).to_json(IdFamily::Mainnet);
    assert_eq!(status, json!({ "result": { "kind": "loser", "reason": "timeout", "player": player } }));
}

#[test]
fn what_is_no_conflict_opens_no_game() {
    let mut chain = dispute();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    // Against oneself, about one's own commitment, about others' ones, without a stake.
    assert_eq!(chain.fails(HONEST, start(HONEST, &ours, &ours)), ["smart_rollup_no_conflict"]);
    chain.done(4, publish(ROLLUP, ours));
    assert_eq!(chain.fails(HONEST, start(4, &ours, &ours)), ["smart_rollup_no_conflict"]);
    let wrong = ["smart_rollup_wrong_staker_for_conflict_commitment"];
    assert_eq!(chain.fails(HONEST, start(LIAR, &theirs, &ours)), wrong);
    assert_eq!(chain.fails(HONEST, start(LIAR, &ours, &ours)), wrong);
    assert_eq!(chain.fails(HONEST, start(5, &ours, &theirs)), ["smart_rollup_not_staked"]);
    assert_eq!(chain.fails(5, start(HONEST, &theirs, &ours)), ["smart_rollup_not_staked"]);
    let Action::SmartRollupRefute { opponent, refutation, .. } = start(LIAR, &ours, &theirs) else {
        panic!()
    };
    let nowhere = Action::SmartRollupRefute { rollup: RollupAddress::ZERO, opponent, refutation };
    assert_eq!(chain.fails(HONEST, nowhere), ["smart_rollup_not_staked"]);

    // Commitments of two levels have no common predecessor.
    chain.bake_to(8);
    let second = Commitment { predecessor: theirs.hash(), ..chain.on(&ROLLUP, theirs.hash(), 9) };
    chain.done(LIAR, publish(ROLLUP, second));
    let id = ["smart_rollup_not_valid_commitments_conflict"];
    assert_eq!(chain.fails(HONEST, start(LIAR, &ours, &second)), id);

    chain.done(HONEST, start(LIAR, &ours, &theirs));
    for again in [start(LIAR, &ours, &theirs), start(HONEST, &theirs, &ours)] {
        let who = if matches!(&again, Action::SmartRollupRefute { opponent, .. } if *opponent == pkh(LIAR)) {
            HONEST
        } else {
            LIAR
        };
        assert_eq!(chain.fails(who, again), ["smart_rollup_game_already_started"]);
    }
}

#[test]
fn only_so_many_games_are_played_at_once() {
    let mut constants = rules();
    constants.profile.rollup.max_number_of_parallel_games = 1;
    let mut chain = chain_with(constants);
    let (ours, lies) = (truth(&chain), [lie(&chain, 1), lie(&chain, 2)]);
    chain.done(HONEST, publish(ROLLUP, ours));
    chain.done(LIAR, publish(ROLLUP, lies[0]));
    chain.done(4, publish(ROLLUP, lies[1]));
    chain.done(HONEST, start(LIAR, &ours, &lies[0]));
    let full = "smart_rollup_maximal_number_of_parallel_games_reached";
    let receipt = chain.run(HONEST, vec![start(4, &ours, &lies[1])]);
    assert_eq!(receipt.errors()[0].0["id"], format!("proto.alpha.{full}"));
    assert_eq!(receipt.errors()[0].0["staker"], pkh(HONEST).to_string());
    assert_eq!(chain.fails(4, start(HONEST, &lies[1], &ours)), [full]);
    assert_eq!(chain.fails(4, start(LIAR, &lies[1], &lies[0])), [full]);
}

/// What can be refused is refused before the proof is looked at.
#[test]
fn cheap_checks_come_before_the_proof() {
    let mut chain = down_to_one_tick();
    let before = game(&chain, HONEST, LIAR).unwrap();
    chain.examine = never;
    let proof = || Truth::garbage();
    let no_game = ["smart_rollup_no_game"];
    assert_eq!(chain.fails(HONEST, play(HONEST, 62, proof())), no_game);
    assert_eq!(chain.fails(HONEST, play(4, 62, proof())), no_game);
    assert_eq!(chain.fails(5, play(HONEST, 62, proof())), no_game);
    let Action::SmartRollupRefute { opponent, refutation, .. } = play(LIAR, 62, proof()) else { panic!() };
    let nowhere = Action::SmartRollupRefute { rollup: RollupAddress::ZERO, opponent, refutation };
    assert_eq!(chain.fails(HONEST, nowhere), no_game);
    assert_eq!(chain.fails(LIAR, play(HONEST, 62, proof())), ["smart_rollup_wrong_turn"]);
    for choice in [0, 61, 64, 65, u64::MAX] {
        assert_eq!(chain.fails(HONEST, play(LIAR, choice, proof())), ["Dissection_choice_not_found"]);
    }
    // Gas is paid before as well.
    let mut content = chain.content(pkh(HONEST), play(LIAR, 62, proof()));
    content.gas_limit = 3_000;
    let operation =
        crate::operation::Operation { branch: soru_base::BlockHash::ZERO, contents: vec![content] };
    let receipt = chain.run_signed(&SignedOperation::sign(operation, &account(HONEST).sk())).unwrap();
    assert_eq!(receipt.errors()[0].id(), "proto.alpha.gas_exhausted.operation");
    assert_eq!(chain.fails(1, timeout(1, 1)), no_game);
    assert_eq!(chain.fails(1, timeout(1, LIAR)), no_game);
    assert_eq!(game(&chain, HONEST, LIAR), Some(before));
}

/// A section of more than one tick cannot be proved: on the public network the game was then lost for both.
#[test]
fn a_proof_for_a_long_section_is_refused() {
    let mut chain = dispute();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    chain.done(LIAR, start(HONEST, &theirs, &ours));
    chain.examine = never;
    let receipt = chain.run(LIAR, vec![play(HONEST, 0, Truth::garbage())]);
    let error =
        json!({ "kind": "permanent", "id": "proto.alpha.Dissection_unexpected_section_size", "n": "64" });
    assert_eq!(receipt.errors()[0].0, error);
}

#[test]
fn the_second_move_of_a_block_is_judged_on_the_game_that_the_first_one_left() {
    let mut chain = dispute();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    chain.done(HONEST, start(LIAR, &ours, &theirs));
    let first = answer(&chain, LIAR);

    // In one operation: nothing of it is done.
    let before = game(&chain, HONEST, LIAR);
    let receipt = chain.run(HONEST, vec![first.clone(), first.clone()]);
    assert_eq!(receipt.errors()[0].id(), "proto.alpha.smart_rollup_wrong_turn");
    assert_eq!(game(&chain, HONEST, LIAR), before);

    // In one block.
    let mut builder = chain.begin();
    let one = chain.sign(HONEST, vec![first.clone()]);
    assert!(builder.apply(&one).unwrap().is_applied());
    let mut twice = chain.operation(pkh(HONEST), vec![first]);
    twice.contents[0].counter += 1;
    let receipt = builder.apply(&SignedOperation::sign(twice, &account(HONEST).sk())).unwrap();
    assert_eq!(receipt.errors()[0].id(), "proto.alpha.smart_rollup_wrong_turn");
    // The opponent's answer in the same block is in time.
    let reply = chain.sign(LIAR, vec![lies_at_the_end(HONEST, 62, 64, 2)]);
    assert!(builder.apply(&reply).unwrap().is_applied());
    chain.finish(builder);
    let last = answer(&chain, LIAR);
    assert_eq!(chain.done(HONEST, last).effect, ended(lost(LIAR, LossReason::ConflictResolved)));
}

#[test]
fn after_the_end_there_is_no_game() {
    let mut chain = down_to_one_tick();
    let last = answer(&chain, LIAR);
    chain.done(HONEST, last.clone());
    assert_eq!(chain.fails(HONEST, last), ["smart_rollup_no_game"]);
    assert_eq!(chain.fails(LIAR, lies_at_the_end(HONEST, 62, 64, 3)), ["smart_rollup_no_game"]);
    assert_eq!(chain.fails(LIAR, timeout(HONEST, LIAR)), ["smart_rollup_no_game"]);
    assert_eq!(chain.ledger.frozen_bonds(&pkh(HONEST).into()).unwrap().0, STAKE);
}

#[test]
fn a_clock_runs_out_one_block_after_its_limit() {
    // The refuter's clock from the opening, then the defender's from the move.
    for moves in [0, 1] {
        let mut chain = dispute();
        let (ours, theirs) = (truth(&chain), lie(&chain, 1));
        chain.done(HONEST, start(LIAR, &ours, &theirs));
        let mut late = HONEST;
        if moves == 1 {
            let first = answer(&chain, LIAR);
            chain.done(HONEST, first);
            late = LIAR;
        }
        let limit = chain.level().get() + CLOCK;
        chain.bake_to(limit - 2);
        for left in [1, 0] {
            let receipt = chain.run(5, vec![timeout(LIAR, HONEST)]);
            let error = &receipt.errors()[0].0;
            assert_eq!(error["id"], "proto.alpha.smart_rollup_timeout_level_not_reached");
            assert_eq!(
                (&error["level_timeout"], &error["staker"]),
                (&json!(left), &json!(pkh(late).to_string()))
            );
        }
        let success = chain.done(5, timeout(LIAR, HONEST));
        assert_eq!(success.effect, ended(lost(late, LossReason::Timeout)));
        assert_eq!(success.consumed_milligas, 3_716_000);
        assert_eq!(chain.ledger.staker_index(&ROLLUP, &pkh(late)).unwrap(), None);
    }
}

/// A move in the last block is in time, and the other player still has all of its own.
#[test]
fn who_moves_in_the_last_block_gains_nothing() {
    let mut chain = dispute();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    chain.done(LIAR, start(HONEST, &theirs, &ours));
    chain.bake_to(chain.level().get() + CLOCK - 1);
    let at = |i: u64| chunk(Some(state(if i > 20 { 4 } else { 0 }, 2 * i)), 2 * i);
    chain.done(LIAR, play(HONEST, 0, Step::Dissection((0..=32).map(at).collect())));
    assert_eq!(chain.fails(LIAR, timeout(HONEST, LIAR)), ["smart_rollup_timeout_level_not_reached"]);
}

#[test]
fn two_wrong_proofs_are_a_draw_and_both_lose() {
    let mut chain = chain_with(rules());
    let lies = [lie(&chain, 1), lie(&chain, 2)];
    chain.done(HONEST, publish(ROLLUP, lies[0]));
    chain.done(LIAR, publish(ROLLUP, lies[1]));
    chain.done(HONEST, start(LIAR, &lies[0], &lies[1]));
    chain.done(HONEST, play(LIAR, 64, Truth::garbage()));
    // The proof of another tick is not the one that is asked for.
    let supply = chain.ledger.supply().unwrap();
    let draw = chain.done(LIAR, play(HONEST, 64, Truth::proof(state(0, 3))));
    assert_eq!(draw.effect, ended(GameResult::Draw));
    assert_eq!(draw.balance_updates.len(), 4);
    let after = chain.ledger.supply().unwrap();
    assert_eq!((after.burnt - supply.burnt, after.minted), (2 * STAKE, 0));
    assert_eq!(chain.ledger.stakers(&ROLLUP).unwrap(), []);
    chain.bake_to(12);
    assert_eq!(chain.fails(1, cement(ROLLUP)), ["smart_rollup_no_valid_commitment_to_cement"]);
}

#[test]
fn who_lost_can_stake_again_with_another_number() {
    let mut chain = down_to_one_tick();
    let (first, theirs) = (chain.ledger.staker_index(&ROLLUP, &pkh(LIAR)).unwrap(), lie(&chain, 1));
    let last = answer(&chain, LIAR);
    chain.done(HONEST, last);
    assert_eq!(chain.ledger.conflicts_of(&ROLLUP, &pkh(HONEST)).unwrap(), []);
    chain.bake_to(9);
    let success = chain.done(LIAR, publish(ROLLUP, theirs));
    assert_eq!(success.balance_updates.len(), 2);
    assert_ne!(chain.ledger.staker_index(&ROLLUP, &pkh(LIAR)).unwrap(), first);
    assert_eq!(chain.ledger.conflicts_of(&ROLLUP, &pkh(HONEST)).unwrap().len(), 1);
}

/// A game with a third one, whose turn it is, in which the liar gives its stake away.
fn give_stake_away(chain: &mut Chain) {
    let (choice, step) = honest_move(&TRUTH, &game(chain, 4, LIAR).unwrap());
    chain.done(4, play(LIAR, choice, step));
    assert_eq!(chain.ledger.staker_index(&ROLLUP, &pkh(LIAR)).unwrap(), None);
}

/// The liar plays against the honest player and against a friend, who can take its stake with the next move.
fn with_a_friend() -> Chain {
    let mut chain = down_to_one_tick();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    chain.done(4, publish(ROLLUP, ours));
    chain.done(4, start(LIAR, &ours, &theirs));
    let (choice, step) = honest_move(&TRUTH, &game(&chain, 4, LIAR).unwrap());
    chain.done(4, play(LIAR, choice, step));
    chain.done(LIAR, lies_at_the_end(4, 62, 64, 2));
    chain
}

#[test]
fn a_move_that_is_under_way_meets_no_newer_game() {
    let mut chain = with_a_friend();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    // The honest proof is sent, but does not arrive: the liar loses elsewhere, and stakes again.
    let under_way = answer(&chain, LIAR);
    give_stake_away(&mut chain);
    chain.done(LIAR, publish(ROLLUP, theirs));
    // In another game, a true dissection at that place would make the proof a wrong one.
    let again = start(HONEST, &theirs, &ours);
    assert_eq!(chain.fails(LIAR, again.clone()), ["smart_rollup_game_already_started"]);
    let void = GameResult::Loser { reason: LossReason::ConflictResolved, loser: pkh(LIAR) };
    assert_eq!(chain.ledger.void_result(&ROLLUP, &stakers(HONEST, LIAR)).unwrap(), Some(void));
    assert_eq!(chain.fails(LIAR, lies_at_the_end(HONEST, 62, 64, 3)), ["smart_rollup_wrong_turn"]);

    let success = chain.done(HONEST, under_way);
    assert_eq!((success.effect, success.balance_updates), (ended(void), Vec::new()));
    let bond = |who: usize| chain.ledger.frozen_bonds(&pkh(who).into()).unwrap().0;
    assert_eq!((bond(HONEST), bond(LIAR)), (STAKE, STAKE));
    chain.done(LIAR, again);
    assert_eq!(chain.ledger.void_result(&ROLLUP, &stakers(HONEST, LIAR)).unwrap(), None);
}

#[test]
fn a_void_game_costs_nothing_when_its_clock_runs_out() {
    let mut chain = with_a_friend();
    give_stake_away(&mut chain);
    let balance = chain.balance(pkh(HONEST));
    chain.bake_to(chain.level().get() + CLOCK + 1);
    let success = chain.done(LIAR, timeout(HONEST, LIAR));
    assert!(success.balance_updates.is_empty());
    assert_eq!(game(&chain, HONEST, LIAR), None);
    assert_eq!(chain.balance(pkh(HONEST)), balance);
    assert_eq!(chain.ledger.frozen_bonds(&pkh(HONEST).into()).unwrap().0, STAKE);
}

#[test]
fn nobody_waits_for_who_lost_its_stake() {
    let mut chain = with_a_friend();
    // The liar has to move in a game with a third one when it loses.
    let theirs = lie(&chain, 1);
    let other = lie(&chain, 5);
    chain.done(5, publish(ROLLUP, other));
    chain.done(LIAR, start(5, &theirs, &other));
    give_stake_away(&mut chain);
    assert_eq!(game(&chain, 5, LIAR), None);
    assert_eq!(chain.ledger.games_of(&ROLLUP, &pkh(5)).unwrap(), []);
}

/// Stakes on a branch that is dead come back, also while there are games about it; these say nothing about later stakes.
#[test]
fn who_takes_its_bond_back_is_in_no_old_game() {
    let mut chain = dispute();
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    chain.bake_to(8);
    // Two liars quarrel about what follows the first lie, on which neither stakes.
    let on_lie =
        |mark| Commitment { compressed_state: state(mark, 99), ..chain.on(&ROLLUP, theirs.hash(), 0) };
    let claims = [on_lie(8), on_lie(9)];
    let second = Commitment { compressed_state: state(0, 128), ..chain.on(&ROLLUP, ours.hash(), 0) };
    chain.done(4, publish(ROLLUP, claims[0]));
    chain.done(5, publish(ROLLUP, claims[1]));
    chain.done(HONEST, publish(ROLLUP, second));
    chain.done(4, start(5, &claims[0], &claims[1]));
    chain.done(HONEST, start(LIAR, &ours, &theirs));
    let first = answer(&chain, LIAR);
    chain.done(HONEST, first);
    chain.done(LIAR, lies_at_the_end(HONEST, 62, 64, 2));
    let last = answer(&chain, LIAR);
    chain.done(HONEST, last);
    chain.bake_to(12 + WINDOW);
    chain.done(1, cement(ROLLUP));
    chain.done(1, cement(ROLLUP));
    assert_eq!(chain.lcc(&ROLLUP), second.hash());

    let balance = chain.balance(pkh(5));
    chain.done(1, recover(ROLLUP, 5));
    // It makes the blocks as well.
    assert_eq!(chain.balance(pkh(5)), balance + STAKE + FEE);
    // It stakes again; the old game, void by now, ends by its clock or a move, and takes nothing.
    let third = chain.on(&ROLLUP, second.hash(), 3);
    chain.done(5, publish(ROLLUP, third));
    chain.bake_to(chain.level().get() + CLOCK);
    let success = chain.done(1, timeout(4, 5));
    let void = GameResult::Loser { reason: LossReason::ConflictResolved, loser: pkh(5) };
    assert_eq!((success.effect, success.balance_updates), (ended(void), Vec::new()));
    assert_eq!(chain.ledger.frozen_bonds(&pkh(5).into()).unwrap().0, STAKE);
    assert_eq!(chain.ledger.frozen_bonds(&pkh(4).into()).unwrap().0, STAKE);
}

#[test]
fn an_account_that_loses_all_it_has_vanishes() {
    let mut chain = down_to_one_tick();
    let all = chain.balance(pkh(LIAR)) - FEE;
    chain.done(LIAR, super::harness::transfer(pkh(1), all));
    assert_eq!(chain.balance(pkh(LIAR)), 0);
    assert!(chain.ledger.accounts().unwrap().contains(&pkh(LIAR).into()));
    let supply = chain.ledger.supply().unwrap().total();
    let last = answer(&chain, LIAR);
    chain.done(HONEST, last);
    assert!(!chain.ledger.accounts().unwrap().contains(&pkh(LIAR).into()));
    assert_eq!(chain.ledger.supply().unwrap().total(), supply);
}

#[test]
fn odd_constants_make_no_game() {
    let mut constants = rules();
    constants.profile.rollup.number_of_sections_in_dissection = 3;
    let mut chain = chain_with(constants);
    let (ours, theirs) = (truth(&chain), lie(&chain, 1));
    chain.done(HONEST, publish(ROLLUP, ours));
    chain.done(LIAR, publish(ROLLUP, theirs));
    assert_eq!(chain.fails(HONEST, start(LIAR, &ours, &theirs)), ["operation.unsupported"]);
}

fn any_step() -> impl Strategy<Value = Step> {
    use crate::refutation::{InputProof, RevealProof};
    let number = || prop_oneof![Just(0), Just(62), Just(63), Just(64), Just(u64::MAX), any::<u64>()];
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let level = || prop_oneof![Just(Level::GENESIS), Just(Level::MAX), Just(Level::new(4).unwrap())];
    let hash = || prop_oneof![Just(None), Just(Some(state(0, 62))), Just(Some(state(1, 64)))];
    let dissection = prop::collection::vec((hash(), number()).prop_map(|(h, t)| chunk(h, t)), 0..40);
    let input = prop_oneof![
        Just(InputProof::FirstInput),
        (level(), number(), bytes()).prop_map(|(level, message_counter, serialized_proof)| {
            InputProof::InboxProof { level, message_counter, serialized_proof }
        }),
        bytes().prop_map(|data| InputProof::RevealProof(RevealProof::RawDataProof(data))),
        Just(InputProof::RevealProof(RevealProof::MetadataProof)),
        Just(InputProof::RevealProof(RevealProof::DalParametersProof)),
        (level(), bytes()).prop_map(|(published_level, proof)| InputProof::RevealProof(
            RevealProof::DalPageProof { published_level, slot_index: 255, page_index: i16::MIN, proof }
        )),
    ];
    let step = prop_oneof![bytes(), real_proof()];
    prop_oneof![
        dissection.prop_map(Step::Dissection),
        (step, prop::option::of(input))
            .prop_map(|(pvm_step, input_proof)| Step::Proof(RefutationProof { pvm_step, input_proof })),
    ]
}

/// Bytes of a real proof of the first tick of a real machine, mostly.
fn real_proof() -> impl Strategy<Value = Vec<u8>> {
    let state = Chain::new().ledger.genesis_state(b"\0asm\x01\0\0\0").unwrap();
    let proof =
        soru_pvm::step_proof::StepProof::produce(&state, soru_pvm::step_proof::StepInput::Nothing).unwrap();
    let bytes = soru_base::Binary::to_bytes(&proof.proof);
    (any::<prop::sample::Index>(), any::<u8>(), 0u8..3).prop_map(move |(at, byte, how)| {
        let mut bytes = bytes.clone();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.truncate(at),
            _ => {}
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// With the examination of the network: whatever a stranger sends is refused or played, and blocks go on.
    #[test]
    fn no_move_stops_a_block(
        who in 1usize..5, against in 1usize..5, choice: u64, at_section: bool, step in any_step(), final_move: bool,
    ) {
        let mut chain = down_to_one_tick();
        chain.examine = crate::refutation::examine;
        let supply = chain.ledger.supply().unwrap().total();
        let choice = if at_section { 62 } else { choice };
        if final_move {
            chain.examine = |_, _, _| Verdict::Invalid;
            chain.done(HONEST, play(LIAR, 63, Truth::garbage()));
            chain.examine = crate::refutation::examine;
        }
        let operation = chain.sign(who, vec![play(against, choice, step)]);
        let _ = chain.run_signed(&operation).unwrap();
        chain.bake_to(30);
        prop_assert_eq!(chain.ledger.supply().unwrap().total(), supply);
    }
}

#[test]
fn the_players_of_a_game_are_told_in_order() {
    let both: [PublicKeyHash; 2] = [Player::Alice, Player::Bob].map(|p| stakers(HONEST, LIAR).staker(p));
    assert!(both[0] < both[1]);
    // The network takes the two in either order.
    let mut chain = down_to_one_tick();
    chain.bake_to(chain.level().get() + CLOCK);
    let [alice, bob] = both;
    let swapped = Action::SmartRollupTimeout { rollup: ROLLUP, alice: bob, bob: alice };
    chain.done(1, swapped);
}
