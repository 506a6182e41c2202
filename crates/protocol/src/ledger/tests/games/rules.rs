//! How games begin, go on, end and are paid for.

use super::*;

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

#[test]
fn an_account_that_loses_all_it_has_vanishes() {
    let mut chain = down_to_one_tick();
    let all = chain.balance(pkh(LIAR)) - FEE;
    chain.done(LIAR, super::super::harness::transfer(pkh(1), all));
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
