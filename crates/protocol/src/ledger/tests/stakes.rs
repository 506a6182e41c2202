use super::harness::{Chain, cement, pkh, publish, recover};
use crate::commitment::Commitment;
use crate::receipt::{BalanceAccount, Effect};
use soru_base::{Contract, Level, LevelSpan, RollupAddress, TickSpan};

const STAKE: u64 = 10_000_000_000;

/// A chain with a rollup originated at level 1, at a level where the first commitment can be published.
fn started() -> (Chain, RollupAddress, Commitment) {
    let mut chain = Chain::new();
    let rollup = chain.originate();
    chain.bake_to(4);
    let first = chain.on(&rollup, chain.lcc(&rollup), 1);
    (chain, rollup, first)
}

#[test]
fn the_first_stake_freezes_a_deposit_and_the_next_does_not() {
    let (mut chain, rollup, first) = started();
    let before = chain.balance(pkh(2));
    let success = chain.done(2, publish(rollup, first));
    assert_eq!(chain.balance(pkh(2)), before - STAKE - 1_000);
    assert_eq!(chain.ledger.frozen_bonds(&pkh(2).into()).unwrap().0, STAKE);
    let bond = BalanceAccount::FrozenBonds { contract: Contract::from(pkh(2)), rollup };
    assert_eq!(success.balance_updates[1].account, bond);
    let expected = Effect::Publish { staked_hash: first.hash(), published_at_level: Level::new(5).unwrap() };
    assert_eq!(success.effect, expected);
    assert_eq!(chain.ledger.staked_on(&rollup, &pkh(2)).unwrap(), Some(first.hash()));

    chain.bake_to(7);
    let second = chain.on(&rollup, first.hash(), 2);
    assert!(chain.done(2, publish(rollup, second)).balance_updates.is_empty());
    assert_eq!(chain.ledger.staked_on(&rollup, &pkh(2)).unwrap(), Some(second.hash()));
    assert_eq!(chain.ledger.stakers(&rollup).unwrap(), [pkh(2)]);
}

#[test]
fn two_stakers_on_one_commitment_and_the_level_is_that_of_the_first() {
    let (mut chain, rollup, first) = started();
    chain.done(2, publish(rollup, first));
    let Effect::Publish { published_at_level, .. } = chain.done(3, publish(rollup, first)).effect else {
        panic!()
    };
    assert_eq!(published_at_level.get(), 5);
    assert_eq!(chain.ledger.stakers_of(&rollup, &first.hash()).unwrap(), [0, 1]);
    assert_eq!(chain.ledger.staker_index(&rollup, &pkh(3)).unwrap(), Some(1));
    assert_eq!(chain.ledger.commitments_at(&rollup, first.inbox_level).unwrap(), [first.hash()]);
    chain.bake_to(9);
    chain.done(1, cement(rollup));
    for i in [2, 3] {
        let before = chain.balance(pkh(i));
        chain.done(4, recover(rollup, i));
        assert_eq!(chain.balance(pkh(i)), before + STAKE);
    }
    assert!(chain.ledger.stakers(&rollup).unwrap().is_empty());
}

#[test]
fn commitments_that_break_a_rule_are_refused() {
    let (mut chain, rollup, first) = started();
    let with = |change: &dyn Fn(&mut Commitment)| {
        let mut commitment = first;
        change(&mut commitment);
        publish(rollup, commitment)
    };
    assert_eq!(
        chain.fails(2, with(&|c| c.number_of_ticks = TickSpan(0))),
        ["smart_rollup_zero_tick_commitment"]
    );
    assert_eq!(
        chain.fails(2, with(&|c| c.inbox_level = c.inbox_level.plus(LevelSpan(1)))),
        ["smart_rollup_bad_inbox_level"]
    );
    assert_eq!(
        chain.fails(2, with(&|c| c.inbox_level = c.inbox_level.minus(LevelSpan(3)))),
        ["smart_rollup_commitment_too_old"]
    );
    assert_eq!(chain.fails(2, with(&|c| c.inbox_level = Level::MAX)), ["smart_rollup_too_far_ahead"]);
    assert_eq!(chain.fails(2, with(&|c| c.predecessor.0[0] ^= 1)), ["smart_rollup_unknown_commitment"]);
    assert_eq!(chain.fails(2, publish(RollupAddress::ZERO, first)), ["smart_rollup_does_not_exist"]);
    // Nothing of it froze a deposit.
    assert_eq!(chain.ledger.frozen_bonds(&pkh(2).into()).unwrap().0, 0);
}

#[test]
fn a_commitment_of_the_present_or_future_is_refused() {
    let mut chain = Chain::new();
    let rollup = chain.originate();
    let first = chain.on(&rollup, chain.lcc(&rollup), 1);
    chain.bake_to(3);
    assert_eq!(chain.level().next(), first.inbox_level);
    assert_eq!(chain.fails(2, publish(rollup, first)), ["smart_rollup_commitment_from_future"]);
    chain.done(2, publish(rollup, first));
}

#[test]
fn a_staker_publishes_once_for_a_level() {
    let (mut chain, rollup, first) = started();
    chain.done(2, publish(rollup, first));
    assert_eq!(chain.fails(2, publish(rollup, first)), ["smart_rollup_double_publish"]);
    let other = chain.on(&rollup, chain.lcc(&rollup), 9);
    assert_eq!(chain.fails(2, publish(rollup, other)), ["smart_rollup_staker_double_stake"]);
    assert_eq!(chain.ledger.commitment(&rollup, &other.hash()).unwrap(), None);
}

#[test]
fn a_deposit_nobody_has_is_refused() {
    let (mut chain, rollup, first) = started();
    let poor = super::harness::stranger(3);
    let pkh = poor.public_key().hash();
    chain.done(1, super::harness::transfer(pkh, STAKE - 1));
    let reveal =
        crate::Action::Reveal { public_key: poor.public_key(), proof: crate::operation::RevealProof::None };
    let operation = chain.operation(pkh, vec![reveal, publish(rollup, first)]);
    let receipt = chain.run_signed(&crate::SignedOperation::sign(operation, &poor)).unwrap();
    let errors: Vec<_> = receipt.errors().iter().map(|e| e.id().to_owned()).collect();
    assert_eq!(
        errors,
        ["proto.alpha.smart_rollup_staker_funds_too_low", "proto.alpha.contract.balance_too_low"]
    );
}

#[test]
fn cementing_waits_for_the_window_and_takes_the_oldest_first() {
    let (mut chain, rollup, first) = started();
    assert_eq!(chain.fails(1, cement(rollup)), ["smart_rollup_no_valid_commitment_to_cement"]);
    chain.done(2, publish(rollup, first));
    assert_eq!(chain.level().get(), 6);
    chain.bake_to(7);
    let second = chain.on(&rollup, first.hash(), 2);
    chain.done(2, publish(rollup, second));
    chain.bake_to(9);
    // Published at 6, so 11 is the first level at which it can be cemented.
    assert_eq!(chain.fails(1, cement(rollup)), ["smart_rollup_commitment_too_recent"]);
    let effect = chain.done(1, cement(rollup)).effect;
    assert_eq!(effect, Effect::Cement { inbox_level: first.inbox_level, commitment_hash: first.hash() });
    assert_eq!(chain.lcc(&rollup), first.hash());
    assert_eq!(chain.fails(1, cement(rollup)), ["smart_rollup_commitment_too_recent"]);
    assert_eq!(
        chain.done(1, cement(rollup)).effect,
        Effect::Cement { inbox_level: second.inbox_level, commitment_hash: second.hash() }
    );
}

#[test]
fn a_fork_freezes_cementing() {
    let (mut chain, rollup, first) = started();
    let other = chain.on(&rollup, chain.lcc(&rollup), 9);
    chain.done(2, publish(rollup, first));
    chain.done(3, publish(rollup, other));
    chain.bake_to(30);
    assert_eq!(chain.fails(1, cement(rollup)), ["smart_rollup_commitment_disputed"]);
    assert_eq!(chain.fails(4, publish(rollup, first)), ["smart_rollup_commitment_past_curfew"]);
    assert_eq!(chain.fails(4, recover(rollup, 2)), ["smart_rollup_not_staked_on_lcc_or_ancestor"]);
    assert_eq!(chain.ledger.commitments(&rollup).unwrap().len(), 3);
}

#[test]
fn after_the_window_nobody_can_contradict() {
    let (mut chain, rollup, first) = started();
    chain.done(2, publish(rollup, first));
    let other = chain.on(&rollup, chain.lcc(&rollup), 9);
    // Published at 5: 10 is the last level at which another one is taken.
    chain.bake_to(10);
    assert_eq!(chain.fails(3, publish(rollup, other)), ["smart_rollup_commitment_past_curfew"]);
    let (mut chain, rollup, first) = started();
    chain.done(2, publish(rollup, first));
    let other = chain.on(&rollup, chain.lcc(&rollup), 9);
    chain.bake_to(9);
    chain.done(3, publish(rollup, other));
}

#[test]
fn a_bond_comes_back_once_and_not_while_it_is_needed() {
    let (mut chain, rollup, first) = started();
    assert_eq!(chain.fails(2, recover(rollup, 2)), ["smart_rollup_not_staked"]);
    chain.done(2, publish(rollup, first));
    assert_eq!(chain.fails(2, recover(rollup, 2)), ["smart_rollup_not_staked_on_lcc_or_ancestor"]);
    chain.bake_to(10);
    chain.done(1, cement(rollup));
    let before = chain.balance(pkh(2));
    chain.done(2, recover(rollup, 2));
    assert_eq!(chain.balance(pkh(2)), before + STAKE - 1_000);
    assert_eq!(chain.fails(2, recover(rollup, 2)), ["smart_rollup_not_staked"]);
    // Staking anew takes a new deposit and a new number.
    let second = chain.on(&rollup, first.hash(), 2);
    chain.done(2, publish(rollup, second));
    assert_eq!(chain.ledger.staker_index(&rollup, &pkh(2)).unwrap(), Some(1));
}

#[test]
fn an_account_that_gives_its_last_tez_as_bond_stays() {
    let (mut chain, rollup, first) = started();
    let all = chain.balance(pkh(2)) - STAKE - 2_000;
    chain.done(2, super::harness::transfer(pkh(1), all));
    chain.done(2, publish(rollup, first));
    assert_eq!(chain.balance(pkh(2)), 0);
    assert!(chain.ledger.manager_key(&pkh(2)).unwrap().is_some());
    chain.bake_to(12);
    chain.done(1, cement(rollup));
    chain.done(1, recover(rollup, 2));
    assert_eq!(chain.balance(pkh(2)), STAKE);
}

#[test]
fn a_fixed_number_of_cemented_commitments_is_kept() {
    let (mut chain, rollup, mut next) = started();
    let genesis = chain.lcc(&rollup);
    let mut cemented = vec![genesis];
    for i in 0..8 {
        chain.bake_to(next.inbox_level.get());
        chain.done(2, publish(rollup, next));
        chain.bake_to(chain.level().get() + 4);
        chain.done(1, cement(rollup));
        cemented.push(next.hash());
        next = chain.on(&rollup, next.hash(), i);
    }
    let known: Vec<_> =
        cemented.iter().filter(|hash| chain.ledger.commitment(&rollup, hash).unwrap().is_some()).collect();
    let kept = chain.ledger.constants().rollup().max_number_of_stored_cemented_commitments as usize;
    assert_eq!(known, cemented[cemented.len() - kept..].iter().collect::<Vec<_>>());
}
