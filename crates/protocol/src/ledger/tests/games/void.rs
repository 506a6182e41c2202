//! Games whose stakes are gone.

use super::*;

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
