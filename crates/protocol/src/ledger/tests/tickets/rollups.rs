//! Tickets through rollups: deposits, withdrawals, the types that say what may pass.

use super::super::life::{Life, with_message_of};
use super::*;
use crate::inbox::{InternalMessage, LevelInbox, ProtocolMessages};
use crate::outbox::{OutboxMessage, OutboxTransaction, TypedOutboxTransaction};
use crate::receipt::{InternalAction, OperationReceipt, TicketUpdate};
use soru_base::{IdFamily, Json, RollupAddress};

fn ticket_type() -> Micheline {
    Micheline::prim(Prim::ticket, [Micheline::atom(Prim::string)])
}

/// A wallet with ten tickets, and a rollup that takes them.
fn with_rollup() -> Life {
    let mut chain = Chain::new();
    let contract = wallet(&mut chain, Keeps::InBigMap);
    chain.done(2, mint(contract, 10));
    Life::of_type(chain, contract, ticket_type())
}

fn deposit(life: &mut Life, amount: u64) -> OperationReceipt {
    let action = give(life.contract, life.contract, amount, address(life.rollup));
    life.chain.run(2, vec![action])
}

fn withdrawal(contract: ContractHash, amount: u64) -> OutboxTransaction {
    let (destination, entrypoint) = (contract, named("take"));
    OutboxTransaction { parameters: ticket(contract, amount), destination, entrypoint }
}

fn batch(transactions: Vec<OutboxTransaction>) -> Vec<u8> {
    OutboxMessage::AtomicTransactionBatch(transactions).to_bytes()
}

#[test]
fn a_deposit_makes_the_rollup_the_owner() {
    let mut life = with_rollup();
    let before = life.chain.ledger.inbox().unwrap();
    let receipt = deposit(&mut life, 4);
    assert!(receipt.is_applied(), "{receipt:?}");
    let internal = &receipt.contents[0].internal[0];
    let updates = vec![TicketUpdate::new(token(life.contract), life.rollup, 4.into())];
    assert_eq!(*effect(&internal.result), Effect::ToRollup { ticket_updates: updates });
    // Who calls pays for the place of the rollup's balance.
    let Effect::ToContract { paid_storage_size_diff, .. } = effect(&receipt.contents[0].result) else {
        panic!()
    };
    assert_eq!(*paid_storage_size_diff, 66);
    let (rollup, contract) = (life.rollup, life.contract);
    assert_eq!((owned(&life.chain, rollup, contract), owned(&life.chain, contract, contract)), (4, 6));
    // The kernel reads the ticket as pairs: who made it, what it is, how many.
    let message = InternalMessage::Transfer {
        payload: ticket(contract, 4),
        sender: contract,
        source: pkh(2),
        destination: rollup,
    };
    let expected = [message.serialize().unwrap()];
    let built = LevelInbox::build(&before, &ProtocolMessages::default(), &expected).unwrap();
    assert_eq!(life.chain.ledger.inbox().unwrap(), built.inbox);
    // The JSON of calls.
    let json = internal.to_json(IdFamily::Alpha);
    let members: Vec<_> = json["result"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["status", "consumed_milligas", "ticket_receipt"]);
    assert_eq!(
        json["result"]["ticket_receipt"][0]["updates"][0]["account"],
        rollup.in_family(IdFamily::Alpha)
    );
}

#[test]
fn only_contracts_deposit_and_only_what_the_type_says() {
    let mut life = with_rollup();
    let rollup = life.rollup;
    // An account can neither call a rollup nor send it tickets.
    let call_rollup =
        Action::Transaction { amount: Mutez::ZERO, destination: rollup.into(), parameters: None };
    assert_eq!(
        life.chain.fails(2, call_rollup),
        ["operations.invalid_transfer_to_smart_rollup_from_implicit_account"]
    );
    // A contract asks for the rollup with a type: another type finds nothing.
    let sender = originate(
        &mut life.chain,
        "parameter address; storage unit;
         code { CAR ; CONTRACT bytes ; IF_NONE { PUSH string \"no such rollup\" ; FAILWITH } {} ;
                PUSH mutez 0 ; PUSH bytes 0x00 ; TRANSFER_TOKENS ;
                UNIT ; NIL operation ; DIG 2 ; CONS ; PAIR }",
        Micheline::unit(),
    );
    for nowhere in [rollup, RollupAddress::ZERO] {
        assert_eq!(
            life.chain.fails(2, call(sender, "default", address(nowhere))),
            ["michelson_v1.runtime_error", "michelson_v1.script_rejected"]
        );
    }
    // Nor has a rollup entrypoints, neither named by the instruction nor by the address.
    let named_one = originate(
        &mut life.chain,
        "parameter address; storage bool;
         code { CAR ; CONTRACT %other (ticket string) ;
                IF_NONE { PUSH bool False } { DROP ; PUSH bool True } ; NIL operation ; PAIR }",
        Micheline::atom(Prim::True),
    );
    life.chain.done(2, call(named_one, "default", address(rollup)));
    assert_eq!(life.chain.ledger.contract_storage(&named_one).unwrap(), Some(Micheline::atom(Prim::False)));
    let with_name = soru_base::MichelsonAddress { address: rollup.into(), entrypoint: named("other") };
    let action = give(life.contract, life.contract, 1, Micheline::bytes(with_name.to_bytes()));
    assert_eq!(
        life.chain.fails(2, action),
        ["michelson_v1.bad_contract_parameter", "michelson_v1.ill_typed_data"]
    );
    // Given as a contract of a type, it has to be of that type.
    let bytes_rollup = life.chain.originate();
    let action = give(life.contract, life.contract, 1, address(bytes_rollup));
    assert_eq!(
        life.chain.fails(2, action),
        ["michelson_v1.bad_contract_parameter", "michelson_v1.ill_typed_data"]
    );
    assert_eq!(owned(&life.chain, life.contract, life.contract), 10);
}

#[test]
fn a_withdrawal_gives_the_tickets_back() {
    let mut chain = Chain::new();
    let (contract, spare) = (wallet(&mut chain, Keeps::InBigMap), wallet(&mut chain, Keeps::InMap));
    chain.done(2, mint(contract, 10));
    let to_spare = OutboxTransaction { destination: spare, ..withdrawal(contract, 1) };
    let message = batch(vec![withdrawal(contract, 2), to_spare, withdrawal(contract, 1)]);
    let life = Life::of_type(chain, contract, ticket_type());
    let (mut life, commitment, proof) = with_message_of(life, |_| message);
    assert!(deposit(&mut life, 5).is_applied());
    let rollup = life.rollup;
    assert_eq!(owned(&life.chain, rollup, contract), 5);
    let receipt = life.chain.run(4, vec![life.execute(commitment, &proof)]);
    assert!(receipt.is_applied(), "{receipt:?}");
    let Effect::ExecuteOutboxMessage { ticket_updates, paid_storage_size_diff, .. } =
        effect(&receipt.contents[0].result)
    else {
        panic!()
    };
    assert_eq!(*ticket_updates, [TicketUpdate::new(token(contract), rollup, (-4).into())]);
    // The balance of the spare wallet, and the mark of the message.
    assert_eq!(*paid_storage_size_diff, 66 + 5);
    let gains: Vec<_> = receipt.contents[0]
        .internal
        .iter()
        .map(|call| {
            assert_eq!(call.source, Address::from(rollup));
            let Effect::ToContract { ticket_updates, .. } = effect(&call.result) else { panic!() };
            ticket_updates.clone()
        })
        .collect();
    let gain = |to: ContractHash, n: i32| vec![TicketUpdate::new(token(contract), to, n.into())];
    assert_eq!(gains, [gain(contract, 2), gain(spare, 1), gain(contract, 1)]);
    assert_eq!((owned(&life.chain, rollup, contract), owned(&life.chain, spare, contract)), (1, 1));
    let members: Vec<_> =
        receipt.contents[0].result.to_json(IdFamily::Alpha).as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        members,
        ["status", "balance_updates", "ticket_updates", "consumed_milligas", "paid_storage_size_diff"]
    );
    // Once only; but the tickets are asked for first.
    let again = life.execute(commitment, &proof);
    assert_eq!(life.chain.fails(4, again.clone()), ["Negative_ticket_balance"]);
    assert!(deposit(&mut life, 3).is_applied());
    assert_eq!(life.chain.fails(4, again), ["smart_rollup_outbox_message_already_applied"]);
    assert_eq!(owned(&life.chain, rollup, contract), 4);
}

#[test]
fn a_rollup_gives_only_what_it_owns() {
    let run = |deposited: u64, transactions: &dyn Fn(ContractHash) -> Vec<OutboxTransaction>| {
        let (mut life, commitment, proof) =
            with_message_of(with_rollup(), |life| batch(transactions(life.contract)));
        if deposited > 0 {
            assert!(deposit(&mut life, deposited).is_applied());
        }
        let action = life.execute(commitment, &proof);
        let receipt = life.chain.run(4, vec![action]);
        let ids: Vec<_> =
            receipt.errors().iter().map(|e| e.id().trim_start_matches("proto.alpha.").to_owned()).collect();
        (life, receipt, ids)
    };
    let one = |n| move |contract| vec![withdrawal(contract, n)];
    assert_eq!(run(0, &one(1)).2, ["Negative_ticket_balance"]);
    assert_eq!(run(4, &one(5)).2, ["Negative_ticket_balance"]);
    assert!(run(4, &one(4)).1.is_applied());
    // All or nothing: the calls of a message are paid from what was there before.
    let (life, _, ids) = run(4, &|contract| vec![withdrawal(contract, 3), withdrawal(contract, 2)]);
    assert_eq!(ids, ["Negative_ticket_balance"]);
    assert_eq!(owned(&life.chain, life.rollup, life.contract), 4);
    // What it makes up itself is nobody's, and a rollup makes no tickets.
    let forged = |ticketer: Micheline| {
        move |contract: ContractHash| {
            let mut t = withdrawal(contract, 1);
            let Micheline::Prim(_, args, _) = &mut t.parameters else { panic!() };
            args[0] = ticketer.clone();
            vec![t]
        }
    };
    assert_eq!(run(4, &forged(address(pkh(1)))).2, ["Negative_ticket_balance"]);
    assert_eq!(run(4, &forged(address(ContractHash::ZERO))).2, ["Negative_ticket_balance"]);
    assert_eq!(
        run(4, &forged(address(RollupAddress::ZERO))).2,
        ["michelson_v1.ill_typed_data", "michelson_v1.unexpected_ticket_owner"]
    );
    assert_eq!(
        run(4, &one(0)).2,
        ["michelson_v1.ill_typed_data", "michelson_v1.forbidden_zero_amount_ticket"]
    );
    // A rollup cannot call accounts, tickets or not: such a message cannot even be read.
    let (mut life, commitment, proof) = with_message_of(with_rollup(), |life| {
        let mut bytes = batch(vec![withdrawal(life.contract, 1)]);
        let destination = Contract::from(life.contract).to_bytes();
        let at = bytes.windows(22).rposition(|w| w == destination).unwrap();
        bytes[at..at + 22].copy_from_slice(&friend().to_bytes());
        bytes
    });
    let action = life.execute(commitment, &proof);
    assert_eq!(
        life.chain.fails(4, action),
        ["smart_rollup_outbox_message_repr.error_decoding_outbox_message"]
    );
}

#[test]
fn a_typed_message_is_checked_against_its_own_type_and_the_entrypoint_s() {
    let run = |change: &dyn Fn(&mut TypedOutboxTransaction)| {
        let (mut life, commitment, proof) = with_message_of(with_rollup(), |life| {
            let OutboxTransaction { parameters, destination, entrypoint } = withdrawal(life.contract, 2);
            let parameters_ty = ticket_type();
            let mut t = TypedOutboxTransaction { parameters, parameters_ty, destination, entrypoint };
            change(&mut t);
            OutboxMessage::AtomicTransactionBatchTyped(vec![t]).to_bytes()
        });
        assert!(deposit(&mut life, 2).is_applied());
        let receipt = life.chain.run(4, vec![life.execute(commitment, &proof)]);
        let ids: Vec<_> =
            receipt.errors().iter().map(|e| e.id().trim_start_matches("proto.alpha.").to_owned()).collect();
        // Whatever went wrong, the tickets are where they were.
        if !receipt.is_applied() {
            assert_eq!(owned(&life.chain, life.rollup, life.contract), 2);
        }
        (receipt, ids)
    };
    let (receipt, _) = run(&|_| {});
    assert!(receipt.is_applied(), "{receipt:?}");
    assert!(matches!(receipt.contents[0].internal[0].action, InternalAction::Transaction { .. }));
    let nat = || Micheline::atom(Prim::nat);
    // The argument is not of the type that is told.
    assert_eq!(run(&|t| t.parameters_ty = nat()).1, ["michelson_v1.ill_typed_data"]);
    assert_eq!(run(&|t| t.parameters_ty = Micheline::atom(Prim::Unit)).1, ["michelson_v1.ill_formed_type"]);
    // It is, but the type cannot leave a rollup.
    for (parameters, ty) in [(Micheline::int(1), Prim::mutez), (Micheline::seq([]), Prim::operation)] {
        let ids = run(&|t| {
            t.parameters = parameters.clone();
            t.parameters_ty = Micheline::atom(ty);
        })
        .1;
        let expected = if ty == Prim::mutez {
            "smart_rollup_invalid_parameters_type"
        } else {
            "michelson_v1.ill_typed_data"
        };
        assert_eq!(ids, [expected]);
    }
    // Only the call finds out what the contract takes, and whether it is there: the tickets went back by then.
    let other = |t: &mut TypedOutboxTransaction| {
        t.parameters = Micheline::int(1);
        t.parameters_ty = nat();
    };
    assert_eq!(run(&other).1, ["michelson_v1.bad_contract_parameter", "michelson_v1.inconsistent_types"]);
    assert_eq!(
        run(&|t| t.entrypoint = named("nowhere")).1,
        ["michelson_v1.bad_contract_parameter", "michelson_v1.no_such_entrypoint"]
    );
    assert_eq!(run(&|t| t.destination = ContractHash([9; 20])).1, ["contract.non_existing_contract"]);
}

#[test]
fn an_untyped_message_gets_the_type_of_its_entrypoint() {
    let run = |change: &dyn Fn(&mut OutboxTransaction)| {
        let (mut life, commitment, proof) = with_message_of(with_rollup(), |life| {
            let mut t = withdrawal(life.contract, 2);
            change(&mut t);
            batch(vec![t])
        });
        assert!(deposit(&mut life, 2).is_applied());
        let action = life.execute(commitment, &proof);
        life.chain.fails(4, action)
    };
    assert_eq!(
        run(&|t| t.destination = ContractHash([9; 20])),
        ["smart_rollup_management_protocol_invalid_destination"]
    );
    assert_eq!(run(&|t| t.entrypoint = named("nowhere")), ["michelson_v1.no_such_entrypoint"]);
    assert_eq!(run(&|t| t.entrypoint = named("mint")), ["michelson_v1.ill_typed_data"]);
    assert_eq!(run(&|t| t.parameters = Micheline::unit()), ["michelson_v1.ill_typed_data"]);
}

#[test]
fn rollups_of_types() {
    let parse = |text: &str| Micheline::parse(text).unwrap();
    let mut chain = Chain::new();
    let mut origination = |ty: &str| {
        let mut action = super::super::harness::originate();
        let Action::SmartRollupOriginate { parameters_ty, .. } = &mut action else { panic!() };
        *parameters_ty = parse(ty);
        let receipt = chain.run(1, vec![action]);
        let errors = receipt.errors();
        errors.first().map(|e| e.id().trim_start_matches("proto.alpha.").to_owned())
    };
    for ty in [
        "unit",
        "int",
        "nat",
        "signature",
        "string",
        "bytes",
        "key_hash",
        "key",
        "timestamp",
        "address",
        "bool",
        "never",
        "chain_id",
        "bls12_381_g1",
        "bls12_381_g2",
        "bls12_381_fr",
        "ticket string",
        "ticket (pair nat (option bytes))",
        "pair (ticket string) nat bytes",
        "or (ticket nat) (list (ticket nat))",
        "option (ticket string)",
        "set nat",
        "map string (ticket nat)",
        "contract (ticket string)",
        "contract mutez",
        "pair (string :named) (nat :too)",
    ] {
        assert_eq!(origination(ty), None, "{ty}");
    }
    for ty in [
        "mutez",
        "big_map nat nat",
        "lambda unit unit",
        "pair nat mutez",
        "option (lambda nat nat)",
        "map nat mutez",
        "or (nat %a) (string %b)",
        "or (nat %default) (string %other)",
        "list (big_map nat (ticket nat))",
        "ticket mutez",
        "chest",
        "sapling_transaction 8",
    ] {
        let id = origination(ty).unwrap_or_else(|| panic!("{ty} is taken"));
        assert!(
            id == "smart_rollup_invalid_parameters_type"
                || ty.starts_with(['c', 's']) && id == "michelson_v1.ill_formed_type",
            "{ty}: {id}"
        );
    }
    for ty in ["operation", "ticket (list nat)", "set (ticket nat)", "pair", "Unit"] {
        assert_eq!(origination(ty).as_deref(), Some("michelson_v1.ill_formed_type"), "{ty}");
    }
}
