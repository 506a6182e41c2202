use super::harness::{Chain, account, add_messages, pkh, publish, refusal, stranger, transfer};
use crate::ledger::ProtocolError;
use crate::operation::{Action, RevealProof, SignedOperation};
use crate::receipt::{Effect, OperationResult};
use soru_base::{Contract, IdFamily, Mutez, RollupAddress};

const TEZ: u64 = 1_000_000;

#[test]
fn a_transfer_moves_tez_pays_fee_and_storage_of_a_new_account() {
    let mut chain = Chain::new();
    let new = stranger(1).public_key().hash();
    let before = chain.balance(pkh(1));
    let baker = chain.balance(pkh(5));
    let success = chain.done(1, transfer(new, 10 * TEZ));
    assert_eq!(chain.balance(new), 10 * TEZ);
    assert_eq!(chain.balance(pkh(1)), before - 10 * TEZ - 257 * 250 - 1_000);
    assert_eq!(chain.balance(pkh(5)), baker + 1_000);
    assert!(matches!(success.effect, Effect::ToContract { allocated_destination_contract: true, .. }));
    assert_eq!(success.balance_updates.iter().map(|u| u.change).sum::<i64>(), 0);
    assert!(success.consumed_milligas > 0);

    let success = chain.done(1, transfer(new, 1));
    assert!(matches!(success.effect, Effect::ToContract { allocated_destination_contract: false, .. }));
}

#[test]
fn a_new_account_reveals_its_key_first() {
    let mut chain = Chain::new();
    let key = stranger(1);
    let new = key.public_key().hash();
    chain.done(1, transfer(new, 10 * TEZ));
    let unrevealed = SignedOperation::sign(chain.operation(new, vec![transfer(pkh(1), 1)]), &key);
    assert_eq!(
        refusal(chain.run_signed(&unrevealed)),
        ProtocolError::UnrevealedKey { contract: Contract::from(new) }
    );
    let reveal = Action::Reveal { public_key: key.public_key(), proof: RevealProof::None };
    let operation =
        SignedOperation::sign(chain.operation(new, vec![reveal.clone(), transfer(pkh(1), 1)]), &key);
    assert!(chain.run_signed(&operation).unwrap().is_applied());
    assert_eq!(chain.ledger.manager_key(&new).unwrap(), Some(key.public_key()));

    let again = SignedOperation::sign(chain.operation(new, vec![reveal.clone()]), &key);
    let receipt = chain.run_signed(&again).unwrap();
    assert_eq!(receipt.errors()[0].id(), "proto.alpha.contract.previously_revealed_key");
    let late = SignedOperation::sign(chain.operation(new, vec![transfer(pkh(1), 1), reveal]), &key);
    assert_eq!(refusal(chain.run_signed(&late)), ProtocolError::IncorrectRevealPosition);
    let other = Action::Reveal { public_key: stranger(2).public_key(), proof: RevealProof::None };
    let other = SignedOperation::sign(chain.operation(new, vec![other]), &key);
    assert!(matches!(refusal(chain.run_signed(&other)), ProtocolError::InconsistentHash { .. }));
}

#[test]
fn what_cannot_be_included_is_refused_with_the_cause() {
    let mut chain = Chain::new();
    let good = chain.sign(1, vec![transfer(pkh(2), 1)]);
    let broken = |change: &dyn Fn(&mut SignedOperation)| {
        let mut operation = good.clone();
        change(&mut operation);
        SignedOperation::sign(operation.operation, &account(1).sk())
    };
    let expect = |chain: &mut Chain, op: &SignedOperation, id: &str| {
        let before = chain.ledger.context_hash().unwrap();
        assert_eq!(refusal(chain.run_signed(op)).id(), id);
        assert_eq!(chain.ledger.context_hash().unwrap(), before);
    };

    let mut unsigned = good.clone();
    unsigned.signature = account(2).sk().sign_operation(&good.operation.forge());
    expect(&mut chain, &unsigned, "operation.invalid_signature");
    expect(&mut chain, &broken(&|o| o.operation.contents[0].counter = 0), "contract.counter_in_the_past");
    expect(&mut chain, &broken(&|o| o.operation.contents[0].counter = 2), "contract.counter_in_the_future");
    expect(
        &mut chain,
        &broken(&|o| o.operation.contents[0].fee = Mutez(u64::MAX)),
        "contract.balance_too_low",
    );
    expect(&mut chain, &broken(&|o| o.operation.contents[0].gas_limit = u64::MAX), "gas_limit_too_high");
    expect(
        &mut chain,
        &broken(&|o| o.operation.contents[0].gas_limit = 1),
        "validate.operation.insufficient_gas_for_manager",
    );
    expect(
        &mut chain,
        &broken(&|o| o.operation.contents[0].storage_limit = 60_001),
        "storage_limit_too_high",
    );
    expect(&mut chain, &broken(&|o| o.operation.contents.clear()), "operation.contents_list_error");
    let twice = |o: &mut SignedOperation| o.operation.contents.push(o.operation.contents[0].clone());
    expect(&mut chain, &broken(&twice), "validate.operation.inconsistent_counters");
    let two = |o: &mut SignedOperation| {
        let mut other = o.operation.contents[0].clone();
        other.source = pkh(2);
        o.operation.contents.push(other);
    };
    expect(&mut chain, &broken(&two), "validate.operation.inconsistent_sources");
    let nobody = SignedOperation::sign(
        chain.operation(stranger(7).public_key().hash(), vec![transfer(pkh(1), 1)]),
        &stranger(7),
    );
    expect(&mut chain, &nobody, "implicit.empty_implicit_contract");
    assert!(chain.run_signed(&good).unwrap().is_applied());
    expect(&mut chain, &good, "contract.counter_in_the_past");
}

#[test]
fn an_account_has_one_operation_in_a_block() {
    let chain = Chain::new();
    let mut builder = chain.begin();
    builder.apply(&chain.sign(1, vec![transfer(pkh(2), 1)])).unwrap();
    let mut second = chain.operation(pkh(1), vec![transfer(pkh(2), 1)]);
    second.contents[0].counter += 1;
    let second = SignedOperation::sign(second, &account(1).sk());
    assert_eq!(refusal(builder.apply(&second)).id(), "validate.operation.manager_restriction");
    builder.apply(&chain.sign(2, vec![transfer(pkh(1), 1)])).unwrap();
}

#[test]
fn the_gas_of_a_block_is_limited() {
    let chain = Chain::new();
    let mut builder = chain.begin();
    let with_gas = |i: usize, gas: u64| {
        let mut operation = chain.operation(pkh(i), vec![transfer(pkh(3), 1)]);
        operation.contents[0].gas_limit = gas;
        SignedOperation::sign(operation, &account(i).sk())
    };
    builder.apply(&with_gas(1, 1_040_000)).unwrap();
    assert_eq!(refusal(builder.apply(&with_gas(2, 1_000))), ProtocolError::GasExhaustedBlock);
}

#[test]
fn a_failing_content_undoes_all_but_the_fees() {
    let mut chain = Chain::new();
    let (one, two) = (chain.balance(pkh(1)), chain.balance(pkh(2)));
    let receipt =
        chain.run(1, vec![transfer(pkh(2), 5), transfer(pkh(2), u64::MAX >> 1), transfer(pkh(2), 5)]);
    let statuses: Vec<_> = receipt.contents.iter().map(|c| c.result.status()).collect();
    assert_eq!(statuses, ["backtracked", "failed", "skipped"]);
    assert_eq!(receipt.errors()[0].id(), "proto.alpha.contract.balance_too_low");
    assert_eq!((chain.balance(pkh(1)), chain.balance(pkh(2))), (one - 3_000, two));
    assert_eq!(chain.ledger.counter(&pkh(1)).unwrap(), 3);
}

#[test]
fn limits_of_gas_and_storage_hold_within_an_operation() {
    let mut chain = Chain::new();
    let mut operation = chain.operation(pkh(1), vec![transfer(stranger(1).public_key().hash(), TEZ)]);
    operation.contents[0].storage_limit = 256;
    let receipt = chain.run_signed(&SignedOperation::sign(operation, &account(1).sk())).unwrap();
    assert_eq!(receipt.errors()[0].id(), "proto.alpha.storage_exhausted.operation");
    assert_eq!(receipt.contents[0].result.status(), "backtracked");

    let rollup = RollupAddress::ZERO;
    let mut operation = chain.operation(pkh(1), vec![Action::SmartRollupCement { rollup }]);
    operation.contents[0].gas_limit = 200;
    let receipt = chain.run_signed(&SignedOperation::sign(operation, &account(1).sk())).unwrap();
    assert_eq!(receipt.errors()[0].id(), "proto.alpha.gas_exhausted.operation");
}

#[test]
fn an_emptied_account_vanishes_and_comes_back_unrevealed() {
    let mut chain = Chain::new();
    let all = chain.balance(pkh(2)) - 1_000;
    chain.done(2, transfer(pkh(1), all));
    assert_eq!(chain.ledger.balance(&pkh(2).into()).unwrap(), None);
    assert_eq!(chain.ledger.manager_key(&pkh(2)).unwrap(), None);
    chain.done(1, transfer(pkh(2), TEZ));
    assert_eq!(chain.ledger.manager_key(&pkh(2)).unwrap(), None);
    // Counters of accounts that come back never repeat.
    assert!(chain.ledger.counter(&pkh(2)).unwrap() >= 2);
}

#[test]
fn transfers_that_make_no_sense_fail() {
    let mut chain = Chain::new();
    assert_eq!(chain.fails(1, transfer(pkh(2), 0)), ["contract.empty_transaction"]);
    assert_eq!(
        chain.fails(1, transfer(RollupAddress::ZERO, 0)),
        ["operations.invalid_transfer_to_smart_rollup_from_implicit_account"]
    );
}

#[test]
fn a_simulation_needs_no_signature_and_tells_the_same() {
    let mut chain = Chain::new();
    let operation =
        chain.operation(pkh(1), vec![transfer(stranger(1).public_key().hash(), TEZ), add_messages(&[b"hi"])]);
    let simulated = chain.ledger.simulate(chain.context(), &operation).unwrap();
    let signed = SignedOperation::sign(operation, &account(1).sk());
    let checked = chain.ledger.check_mempool(chain.context(), &signed).unwrap();
    let applied = chain.run_signed(&signed).unwrap();
    assert_eq!(simulated, applied);
    assert_eq!(checked, applied);
}

#[test]
fn receipts_read_back() {
    let mut chain = Chain::new();
    let rollup = chain.originate();
    chain.bake_to(6);
    let commitment = chain.on(&rollup, chain.lcc(&rollup), 1);
    for action in
        [transfer(pkh(2), 1), add_messages(&[b"x"]), publish(rollup, commitment), transfer(pkh(2), 0)]
    {
        let kind = action.kind();
        let receipt = chain.run(1, vec![action]);
        for family in [IdFamily::Alpha, IdFamily::Mainnet] {
            let json = receipt.contents[0].to_json(family);
            let read = crate::receipt::ContentReceipt::from_json_of_kind(&json, kind, family).unwrap();
            assert_eq!(read, receipt.contents[0], "{json}");
        }
    }
    let failed = chain.run(1, vec![transfer(pkh(2), 0)]);
    assert!(matches!(failed.contents[0].result, OperationResult::Failed(_)));
}

#[test]
fn an_account_emptied_by_its_own_fee_leaves_nothing_behind() {
    let mut chain = Chain::new();
    let key = stranger(4);
    let poor = key.public_key().hash();
    chain.done(1, transfer(poor, 2_000));
    let reveal = Action::Reveal { public_key: key.public_key(), proof: RevealProof::None };
    let mut operation = chain.operation(poor, vec![reveal, add_messages(&[b"x"])]);
    operation.contents[0].fee = Mutez(2_000);
    operation.contents[1].fee = Mutez(0);
    let receipt = chain.run_signed(&SignedOperation::sign(operation, &key)).unwrap();
    assert_eq!(receipt.errors()[0].id(), "proto.alpha.implicit.empty_implicit_contract");
    assert_eq!(chain.ledger.balance(&poor.into()).unwrap(), None);
    assert_eq!(chain.ledger.manager_key(&poor).unwrap(), None);
    assert!(!chain.ledger.accounts().unwrap().contains(&Contract::from(poor)));
}

#[test]
fn an_operation_of_more_than_32_kib_is_refused() {
    let mut chain = Chain::new();
    let large = chain.sign(1, vec![add_messages(&[&[0u8; 4_000][..]; 9])]);
    assert!(matches!(refusal(chain.run_signed(&large)), ProtocolError::Oversized { .. }));
}
