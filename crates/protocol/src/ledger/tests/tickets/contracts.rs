//! Tickets in contracts.

use super::*;
use crate::receipt::{OperationResult, TicketUpdate};
use serde_json::json;
use soru_base::{IdFamily, Json};

#[test]
fn a_contract_mints_keeps_gives_and_burns_tickets() {
    for keeps in [Keeps::InBigMap, Keeps::InMap] {
        let mut chain = Chain::new();
        let (one, two) = (wallet(&mut chain, keeps), wallet(&mut chain, keeps));
        let minted = chain.done(2, mint(one, 10)).effect;
        let Effect::ToContract { ticket_updates, paid_storage_size_diff, .. } = minted else { panic!() };
        assert_eq!(ticket_updates, [TicketUpdate::new(token(one), one, 10.into())]);
        assert_eq!(owned(&chain, one, one), 10);
        // A balance of less than 64 takes 66 bytes; then what the storage takes.
        assert_eq!(chain.ledger.ticket_storage().unwrap(), (66, 66));
        assert!(paid_storage_size_diff > 66 + 20);

        let receipt = chain.run(2, vec![give(one, one, 4, take(two))]);
        let Effect::ToContract { ticket_updates, .. } = effect(&receipt.contents[0].result) else { panic!() };
        assert_eq!(*ticket_updates, [TicketUpdate::new(token(one), one, (-4).into())]);
        let internal = &receipt.contents[0].internal[0];
        let Effect::ToContract { ticket_updates, .. } = effect(&internal.result) else { panic!() };
        assert_eq!(*ticket_updates, [TicketUpdate::new(token(one), two, 4.into())]);
        assert_eq!((owned(&chain, one, one), owned(&chain, two, one)), (6, 4));
        assert_eq!(chain.ledger.ticket_storage().unwrap(), (132, 132));
        // Calls tell tickets under another name, and their argument as the pairs that it is.
        let json = internal.to_json(IdFamily::Mainnet);
        assert_eq!(
            json["result"]["ticket_receipt"],
            json!([{
                "ticket_token": {
                    "ticketer": one.to_string(), "content_type": { "prim": "string" }, "content": { "string": "t" },
                },
                "updates": [{ "account": two.to_string(), "amount": "4" }],
            }])
        );
        let argument = &json["parameters"]["value"];
        assert_eq!(
            (&argument["prim"], &argument["args"][1]["args"][1]["int"]),
            (&json!("Pair"), &json!("4"))
        );

        // All of it goes back: the place of the balance is free, and was paid for.
        chain.run(2, vec![give(two, one, 4, take(one))]);
        assert_eq!((owned(&chain, one, one), owned(&chain, two, one)), (10, 0));
        assert_eq!(chain.ledger.ticket_storage().unwrap(), (66, 132));
        chain.run(2, vec![burn(one, one)]);
        assert_eq!(owned(&chain, one, one), 0);
        assert_eq!(chain.ledger.ticket_storage().unwrap(), (0, 132));
        let Effect::ToContract { paid_storage_size_diff, .. } = chain.done(2, mint(one, 63)).effect else {
            panic!()
        };
        assert_eq!(chain.ledger.ticket_storage().unwrap(), (66, 132));
        assert_eq!(paid_storage_size_diff, 0, "{keeps:?}");
    }
}

#[test]
fn the_place_of_a_balance_is_as_long_as_its_number() {
    let mut chain = Chain::new();
    let one = wallet(&mut chain, Keeps::InMap);
    for (amount, bytes) in [(63, 66), (1, 67), (8_127, 67), (1, 68)] {
        chain.done(2, mint(one, amount));
        assert_eq!(chain.ledger.ticket_storage().unwrap().0, bytes, "{amount} more");
    }
}

#[test]
fn tickets_of_several_makers_are_told_apart() {
    let mut chain = Chain::new();
    let (one, two) = (wallet(&mut chain, Keeps::InBigMap), wallet(&mut chain, Keeps::InBigMap));
    chain.done(2, mint(one, 10));
    chain.done(2, mint(two, 20));
    assert!(chain.run(2, vec![give(one, one, 3, take(two)), give(two, one, 3, take(one))]).is_applied());
    assert!(chain.run(2, vec![give(one, one, 3, take(two))]).is_applied());
    let stored = chain.ledger.stored_tickets(&two).unwrap().unwrap();
    let mut amounts: Vec<_> = stored.iter().map(|(token, n)| (token.ticketer, n.clone())).collect();
    amounts.sort();
    let mut expected = vec![(one.into(), 3u32.into()), (two.into(), 20u32.into())];
    expected.sort();
    assert_eq!(amounts, expected);
    assert_eq!(chain.ledger.stored_tickets(&ContractHash::ZERO).unwrap(), None);
    assert_eq!((owned(&chain, two, one), owned(&chain, two, two), owned(&chain, one, two)), (3, 20, 0));
}

#[test]
fn an_account_gets_tickets_from_a_contract() {
    let mut chain = Chain::new();
    let one = wallet(&mut chain, Keeps::InMap);
    chain.done(2, mint(one, 10));
    let receipt = chain.run(2, vec![give(one, one, 4, address(friend()))]);
    let internal = &receipt.contents[0].internal[0];
    let Effect::ToContract { ticket_updates, allocated_destination_contract, storage: None, .. } =
        effect(&internal.result)
    else {
        panic!()
    };
    assert_eq!(*ticket_updates, [TicketUpdate::new(token(one), friend(), 4.into())]);
    assert!(!allocated_destination_contract);
    assert_eq!(owned(&chain, friend(), one), 4);

    // An account that never was is paid for, and is not there afterwards: no tez came.
    let stranger = Contract::from(super::super::harness::stranger(9).public_key().hash());
    let receipt = chain.run(2, vec![give(one, one, 1, address(stranger))]);
    let internal = receipt.contents[0].internal[0].result.success().unwrap();
    assert!(matches!(internal.effect, Effect::ToContract { allocated_destination_contract: true, .. }));
    assert_eq!(internal.balance_updates[0].change, -257 * 250);
    assert_eq!((owned(&chain, stranger, one), chain.ledger.balance(&stranger).unwrap()), (1, None));
}

/// Whoever is no contract cannot write tickets.
#[test]
fn made_up_tickets_are_refused() {
    let mut chain = Chain::new();
    let one = wallet(&mut chain, Keeps::InMap);
    let forged = call(one, "take", ticket(one, 1));
    assert_eq!(
        chain.fails(2, forged),
        [
            "michelson_v1.bad_contract_parameter",
            "michelson_v1.ill_typed_data",
            "michelson_v1.unexpected_forged_value"
        ]
    );
    let code = "parameter unit; storage (ticket string); code { CDR ; NIL operation ; PAIR }";
    let script = Script { code: Micheline::parse_script(code).unwrap(), storage: ticket(one, 1) };
    let action = Action::Origination { balance: Mutez::ZERO, delegate: None, script };
    assert_eq!(
        chain.fails(2, action),
        ["michelson_v1.ill_typed_data", "michelson_v1.unexpected_forged_value"]
    );
    assert_eq!(chain.fails(2, mint(one, 0)), ["michelson_v1.runtime_error", "michelson_v1.script_rejected"]);
    assert_eq!(owned(&chain, one, one), 0);
    assert_eq!(chain.ledger.ticket_storage().unwrap(), (0, 0));
}

/// A new contract gets tickets into its storage, and a list of them into an argument.
#[test]
fn tickets_go_to_new_contracts_and_into_structures() {
    let mut chain = Chain::new();
    let sink = originate(
        &mut chain,
        "parameter (list (option (ticket string))); storage nat;
         code { UNPAIR ; ITER { IF_NONE {} { READ_TICKET ; CDR ; CDR ; DIG 2 ; ADD ; SWAP ; DROP } } ;
                NIL operation ; PAIR }",
        Micheline::int(0),
    );
    let maker = originate(
        &mut chain,
        "parameter (contract (list (option (ticket string)))); storage unit;
         code { CAR ;
                PUSH nat 3 ; PUSH string \"t\" ; TICKET ; PUSH nat 4 ; PUSH string \"t\" ; TICKET ;
                NIL (option (ticket string)) ; SWAP ; CONS ; SWAP ; CONS ;
                PUSH mutez 0 ; SWAP ; TRANSFER_TOKENS ;
                PUSH nat 5 ; PUSH string \"t\" ; TICKET ; IF_NONE { FAIL } {} ;
                PUSH mutez 0 ; NONE key_hash ;
                CREATE_CONTRACT { parameter unit ; storage (ticket string) ; code { CDR ; NIL operation ; PAIR } } ;
                SWAP ; DROP ;
                UNIT ; NIL operation ; DIG 2 ; CONS ; DIG 2 ; CONS ; PAIR }",
        Micheline::unit(),
    );
    let receipt = chain.run(2, vec![call(maker, "default", address(sink))]);
    assert!(receipt.is_applied(), "{receipt:?}");
    let Effect::ToContract { ticket_updates, originated_contracts, .. } = effect(&receipt.contents[0].result)
    else {
        panic!()
    };
    // What is minted and sent at once never was in the storage.
    assert!(ticket_updates.is_empty());
    let made = originated_contracts[0];
    assert_eq!(owned(&chain, made, maker), 5);
    // The sink burns what it gets.
    assert_eq!((owned(&chain, sink, maker), owned(&chain, maker, maker)), (0, 0));
    assert_eq!(chain.ledger.contract_storage(&sink).unwrap(), Some(Micheline::int(7)));
    let burnt = &receipt.contents[0].internal;
    assert_eq!(burnt.len(), 2);
    assert!(burnt.iter().all(|call| matches!(call.result, OperationResult::Applied(_))));
    let stored = chain.ledger.stored_tickets(&made).unwrap().unwrap();
    assert_eq!(stored, [(token(maker), 5u32.into())]);
}

/// A big map with tickets goes from one contract to another as a whole.
#[test]
fn big_maps_of_tickets_are_handed_over() {
    let mut chain = Chain::new();
    let (one, two) = (wallet(&mut chain, Keeps::InBigMap), wallet(&mut chain, Keeps::InBigMap));
    let keeper = |chain: &mut Chain| {
        originate(
            chain,
            "parameter (or (or (ticket %add string) (big_map %all nat (ticket string)))
                           (contract %pass (big_map nat (ticket string))));
             storage (big_map nat (ticket string));
             code { UNPAIR ;
                    IF_LEFT
                      { IF_LEFT { SOME ; PUSH nat 0 ; UPDATE } { SWAP ; DROP } ; NIL operation ; PAIR }
                      { SWAP ; PUSH mutez 0 ; SWAP ; TRANSFER_TOKENS ;
                        EMPTY_BIG_MAP nat (ticket string) ; NIL operation ; DIG 2 ; CONS ; PAIR } }",
            Micheline::seq([]),
        )
    };
    let (first, second) = (keeper(&mut chain), keeper(&mut chain));
    let at = |contract: ContractHash, name| {
        let address = soru_base::MichelsonAddress { address: contract.into(), entrypoint: named(name) };
        Micheline::bytes(address.to_bytes())
    };
    chain.done(2, mint(one, 10));
    chain.done(2, mint(two, 10));
    let receipt =
        chain.run(2, vec![give(one, one, 4, at(first, "add")), give(two, two, 2, at(second, "add"))]);
    assert!(receipt.is_applied(), "{receipt:?}");
    assert_eq!((owned(&chain, first, one), owned(&chain, second, two)), (4, 2));
    let receipt = chain.run(2, vec![call(first, "pass", at(second, "all"))]);
    assert!(receipt.is_applied(), "{receipt:?}");
    assert_eq!((owned(&chain, first, one), owned(&chain, second, one)), (0, 4));
    // What the second one had is gone with its big map.
    assert_eq!(owned(&chain, second, two), 0);
    assert_eq!(chain.ledger.stored_tickets(&second).unwrap().unwrap(), [(token(one), 4u32.into())]);
    let Effect::ToContract { ticket_updates, .. } = effect(&receipt.contents[0].internal[0].result) else {
        panic!()
    };
    assert_eq!(ticket_updates.len(), 2);

    // From outside only an empty one can come.
    let binding = Micheline::prim(Prim::Elt, [Micheline::int(0), ticket(one, 1)]);
    let errors = chain.fails(2, call(first, "all", Micheline::seq([binding])));
    assert_eq!(errors.last().unwrap(), "michelson_v1.unexpected_forged_value");
    assert!(chain.run(2, vec![call(first, "all", Micheline::seq([]))]).is_applied());
}

/// Operations are values that can be copied; the tickets in them are not.
#[test]
fn an_operation_with_tickets_is_done_once() {
    let mut chain = Chain::new();
    let one = wallet(&mut chain, Keeps::InMap);
    // What it is given, or what it makes of its own, it sends on in two copies of one operation.
    let twice = originate(
        &mut chain,
        "parameter (or (ticket %given string) (unit %made)); storage address;
         code { UNPAIR ;
                IF_LEFT {} { DROP ; PUSH nat 3 ; PUSH string \"t\" ; TICKET ; IF_NONE { FAIL } {} } ;
                DUP 2 ; CONTRACT %take (ticket string) ; IF_NONE { FAIL } {} ;
                PUSH mutez 0 ; DIG 2 ; TRANSFER_TOKENS ;
                NIL operation ; DUP 2 ; CONS ; SWAP ; CONS ; PAIR }",
        address(one),
    );
    chain.done(2, mint(one, 10));
    let given = soru_base::MichelsonAddress { address: twice.into(), entrypoint: named("given") };
    let action = give(one, one, 4, Micheline::bytes(given.to_bytes()));
    let receipt = chain.run(2, vec![action]);
    let error = receipt.errors()[0].0.clone();
    assert_eq!(error["id"], "proto.alpha.invalid_ticket_transfer");
    assert_eq!((&error["ticketer"], &error["amount"]), (&json!(one.to_string()), &json!("8")));
    assert_eq!(chain.fails(2, call(twice, "made", Micheline::unit())), ["internal_operation_replay"]);
    assert_eq!((owned(&chain, one, one), owned(&chain, one, twice)), (10, 0));
}
