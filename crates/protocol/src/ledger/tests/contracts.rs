//! Contracts: made, called, paid for.

use super::harness::{Chain, pkh};
use crate::operation::{Action, Parameters, Script};
use crate::receipt::Effect;
use serde_json::json;
use soru_base::{ContractHash, Entrypoint, IdFamily, Json, Mutez};
use soru_michelson::{Micheline, Prim};

/// A contract that keeps the last string it was given, and forwards bytes to the rollup it is told.
pub(super) const CONTRACT: &str = "
    parameter (or (string %save) (pair %forward address bytes));
    storage string;
    code { UNPAIR ;
           IF_LEFT
             { SWAP ; DROP ; NIL operation ; PAIR }
             { UNPAIR ; CONTRACT bytes ; IF_NONE { PUSH string \"no rollup\" ; FAILWITH } {} ;
               PUSH mutez 0 ; DIG 2 ; TRANSFER_TOKENS ;
               NIL operation ; SWAP ; CONS ; PAIR } }";

pub(super) fn script() -> Script {
    Script { code: Micheline::parse_script(CONTRACT).unwrap(), storage: Micheline::string("") }
}

pub(super) fn call(contract: ContractHash, entrypoint: &str, value: Micheline) -> Action {
    Action::Transaction {
        amount: Mutez::ZERO,
        destination: contract.into(),
        parameters: Some(Parameters { entrypoint: Entrypoint::new(entrypoint).unwrap(), value }),
    }
}

/// A chain with that contract, made at level 1.
pub(super) fn with_contract() -> (Chain, ContractHash) {
    let mut chain = Chain::new();
    let action = Action::Origination { balance: Mutez::ZERO, delegate: None, script: script() };
    let Effect::Origination { originated_contracts, .. } = chain.done(1, action).effect else { panic!() };
    (chain, originated_contracts[0])
}

#[test]
fn contracts_are_called_and_paid_for() {
    let (mut chain, contract) = with_contract();
    let success = chain.done(3, call(contract, "save", Micheline::string("text")));
    let Effect::ToContract { storage, storage_size, paid_storage_size_diff, .. } = success.effect else {
        panic!()
    };
    assert_eq!(storage, Some(Micheline::string("text")));
    // Four letters more than the empty text.
    assert_eq!(paid_storage_size_diff, 4);
    assert_eq!(chain.ledger.used_storage(&contract).unwrap(), storage_size);
    assert_eq!(success.balance_updates[0].change, -4 * 250);
    let less = chain.done(3, call(contract, "save", Micheline::string("")));
    let Effect::ToContract { paid_storage_size_diff, .. } = less.effect else { panic!() };
    assert_eq!(paid_storage_size_diff, 0);
    assert_eq!(chain.ledger.paid_storage(&contract).unwrap(), storage_size);

    let fails = |chain: &mut Chain, action| chain.fails(3, action);
    assert_eq!(
        fails(&mut chain, call(contract, "nowhere", Micheline::unit())),
        ["michelson_v1.bad_contract_parameter", "michelson_v1.no_such_entrypoint"]
    );
    assert_eq!(
        fails(&mut chain, call(contract, "save", Micheline::int(1))),
        ["michelson_v1.bad_contract_parameter", "michelson_v1.ill_typed_data"]
    );
    assert_eq!(
        fails(&mut chain, call(ContractHash([3; 20]), "save", Micheline::unit())),
        ["contract.non_existing_contract"]
    );
    let names: Vec<_> = chain
        .ledger
        .entrypoints(&contract)
        .unwrap()
        .unwrap()
        .into_iter()
        .map(|(n, _)| n.to_string())
        .collect();
    assert_eq!(names, ["default", "forward", "save"]);
}

#[test]
fn contracts_that_make_no_sense_are_not_made() {
    let mut chain = Chain::new();
    let with = |code: &str, storage: Micheline, mutez: u64| Action::Origination {
        balance: Mutez(mutez),
        delegate: None,
        script: Script { code: Micheline::parse_script(code).unwrap(), storage },
    };
    assert_eq!(
        chain.fails(1, with("parameter int; storage int; code { CDR }", Micheline::int(0), 0)),
        ["michelson_v1.ill_typed_contract"]
    );
    assert_eq!(chain.fails(1, with(CONTRACT, Micheline::int(0), 0)), ["michelson_v1.ill_typed_data"]);
    let poor = with(CONTRACT, Micheline::string(""), u64::MAX >> 1);
    assert_eq!(chain.fails(1, poor), ["contract.balance_too_low"]);
    let before = chain.balance(pkh(1));
    let success = chain.done(1, with(CONTRACT, Micheline::string(""), 7));
    let Effect::Origination { originated_contracts, storage_size, .. } = success.effect else { panic!() };
    assert_eq!(chain.balance(originated_contracts[0]), 7);
    assert_eq!(chain.balance(pkh(1)), before - 7 - 1_000 - (storage_size + 257) * 250);
}

#[test]
fn a_contract_with_a_big_map_pays_for_its_bindings() {
    let mut chain = Chain::new();
    let code = "parameter (pair string int); storage (big_map string int);
                code { UNPAIR ; UNPAIR ; DIP { SOME } ; UPDATE ; NIL operation ; PAIR }";
    let script = Script { code: Micheline::parse_script(code).unwrap(), storage: Micheline::seq([]) };
    let action = Action::Origination { balance: Mutez::ZERO, delegate: None, script };
    let Effect::Origination { originated_contracts, lazy_storage_diff, .. } = chain.done(1, action).effect
    else {
        panic!()
    };
    assert_eq!(lazy_storage_diff.unwrap()[0]["diff"]["action"], "alloc");
    let contract = originated_contracts[0];
    let put = |key: &str, n: i32| {
        let value = Micheline::prim(Prim::Pair, [Micheline::string(key), Micheline::int(n)]);
        call(contract, "default", value)
    };
    let Effect::ToContract { paid_storage_size_diff, lazy_storage_diff, .. } =
        chain.done(1, put("a", 1)).effect
    else {
        panic!()
    };
    // A key costs 65 bytes, the number two.
    assert_eq!(paid_storage_size_diff, 67);
    assert_eq!(lazy_storage_diff.unwrap()[0]["diff"]["updates"][0]["value"]["int"], "1");
    let Effect::ToContract { paid_storage_size_diff, .. } = chain.done(1, put("a", 2)).effect else {
        panic!()
    };
    assert_eq!(paid_storage_size_diff, 0);
    let id = num_bigint::BigInt::from(0);
    let key = Micheline::string("a").packed_hash();
    assert_eq!(chain.ledger.big_map_get(&id, &key).unwrap(), Some(Micheline::int(2)));
    assert_eq!(chain.ledger.contract_storage(&contract).unwrap(), Some(Micheline::int(0)));
}

#[test]
fn storage_can_be_paid_in_advance() {
    let (mut chain, contract) = with_contract();
    let paid = chain.ledger.paid_storage(&contract).unwrap();
    let more = |amount: i32, destination| Action::IncreasePaidStorage { amount: amount.into(), destination };
    let success = chain.done(3, more(100, contract));
    assert_eq!(success.balance_updates[0].change, -25_000);
    assert_eq!(chain.ledger.paid_storage(&contract).unwrap(), paid + 100);
    let free = chain.done(3, call(contract, "save", Micheline::string("twenty letters of it")));
    assert!(free.balance_updates.is_empty());
    assert_eq!(chain.fails(3, more(0, contract)), ["contract.negative_storage_input"]);
    assert_eq!(chain.fails(3, more(1, ContractHash::ZERO)), ["contract.non_existing_contract"]);
}

#[test]
fn events_are_told_and_do_nothing() {
    let mut chain = Chain::new();
    let code = "parameter unit; storage unit;
                code { CDR ; NIL operation ; UNIT ; EMIT ; CONS ; PUSH nat 5 ; EMIT %told (nat :amount) ; CONS ; PAIR }";
    let script = Script { code: Micheline::parse_script(code).unwrap(), storage: Micheline::unit() };
    let action = Action::Origination { balance: Mutez::ZERO, delegate: None, script };
    let Effect::Origination { originated_contracts, .. } = chain.done(1, action).effect else { panic!() };
    let contract = originated_contracts[0];
    let receipt = chain.run(1, vec![call(contract, "default", Micheline::unit())]);
    let told: Vec<_> = receipt.contents[0].internal.iter().map(|i| i.to_json(IdFamily::Alpha)).collect();
    let gas = told[0]["result"]["consumed_milligas"].clone();
    let result = json!({ "status": "applied", "consumed_milligas": gas });
    let source = contract.to_string();
    assert_eq!(
        told,
        [
            json!({
                "kind": "event", "source": source, "nonce": 1,
                "type": { "prim": "nat", "annots": [":amount"] }, "tag": "told", "payload": { "int": "5" },
                "result": result,
            }),
            json!({ "kind": "event", "source": source, "nonce": 0, "type": { "prim": "unit" }, "result": result }),
        ]
    );
}

/// What this layer-1 does not offer is said before a fee is taken.
#[test]
fn other_operations_of_accounts_are_refused_by_name() {
    let chain = Chain::new();
    for (action, kind) in [
        (Action::Delegation { delegate: None }, "delegation"),
        (Action::Delegation { delegate: Some(pkh(1)) }, "delegation"),
        (Action::RegisterGlobalConstant { value: Micheline::unit() }, "register_global_constant"),
    ] {
        let signed = chain.sign(1, vec![action]);
        let refused = super::harness::refusal(chain.begin().apply(&signed));
        assert_eq!(refused.id(), "operation.unsupported");
        assert!(refused.to_string().contains(kind), "{refused}");
    }
}
