//! `transfer_ticket`: accounts send tickets.

use super::*;
use crate::receipt::{TicketChange, TicketUpdate};
use serde_json::json;
use soru_base::IdFamily;

/// A chain where account 4 has ten tickets of a wallet.
fn with_tickets() -> (Chain, ContractHash) {
    let mut chain = Chain::new();
    let one = wallet(&mut chain, Keeps::InMap);
    chain.done(2, mint(one, 10));
    assert!(chain.run(2, vec![give(one, one, 10, address(friend()))]).is_applied());
    (chain, one)
}

#[test]
fn an_account_sends_tickets_to_an_account() {
    let (mut chain, one) = with_tickets();
    let success = chain.done(4, transfer_ticket(one, 4, pkh(3), "default"));
    let Effect::TransferTicket { ticket_updates, paid_storage_size_diff } = &success.effect else { panic!() };
    let change =
        |account: Contract, amount: i32| TicketChange { account: account.into(), amount: amount.into() };
    let updates = vec![change(friend(), -4), change(pkh(3).into(), 4)];
    assert_eq!(*ticket_updates, [TicketUpdate { token: token(one), updates }]);
    assert_eq!(*paid_storage_size_diff, 66);
    assert_eq!(success.balance_updates[0].change, -66 * 250);
    assert_eq!((owned(&chain, friend(), one), owned(&chain, pkh(3), one)), (6, 4));
    // All of it: the place that gets free is taken by the receiver.
    let success = chain.done(3, transfer_ticket(one, 4, pkh(2), "default"));
    let result = crate::receipt::OperationResult::Applied(success).to_json(IdFamily::Alpha);
    assert_eq!(result["balance_updates"], json!([]));
    assert_eq!(result.get("paid_storage_size_diff"), None);
    let members: Vec<_> = result.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["status", "balance_updates", "ticket_updates", "consumed_milligas"]);
    assert_eq!(chain.ledger.ticket_storage().unwrap().0, 132);
    // To oneself changes nothing.
    chain.done(2, transfer_ticket(one, 4, pkh(2), "default"));
    assert_eq!(owned(&chain, pkh(2), one), 4);
}

#[test]
fn an_account_sends_tickets_to_a_contract() {
    let (mut chain, one) = with_tickets();
    let two = wallet(&mut chain, Keeps::InBigMap);
    let receipt = chain.run(4, vec![transfer_ticket(one, 4, two, "take")]);
    assert!(receipt.is_applied(), "{receipt:?}");
    let Effect::TransferTicket { ticket_updates, .. } = effect(&receipt.contents[0].result) else { panic!() };
    assert_eq!(*ticket_updates, [TicketUpdate::new(token(one), friend(), (-4).into())]);
    let internal = &receipt.contents[0].internal[0];
    assert_eq!(internal.source, Address::from(pkh(4)));
    let Effect::ToContract { ticket_updates, .. } = effect(&internal.result) else { panic!() };
    assert_eq!(*ticket_updates, [TicketUpdate::new(token(one), two, 4.into())]);
    assert_eq!((owned(&chain, friend(), one), owned(&chain, two, one)), (6, 4));
}

#[test]
fn what_nobody_owns_cannot_be_sent() {
    let (mut chain, one) = with_tickets();
    let two = wallet(&mut chain, Keeps::InMap);
    let before = chain.ledger.ticket_storage().unwrap();
    let refused = |chain: &mut Chain, who, action| {
        let receipt = chain.run(who, vec![action]);
        let errors: Vec<_> = receipt.errors().iter().map(|e| e.0.clone()).collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0].clone()
    };
    let error = refused(&mut chain, 4, transfer_ticket(one, 11, pkh(3), "default"));
    assert_eq!(error["id"], "proto.alpha.Negative_ticket_balance");
    assert_eq!((&error["kind"], &error["balance"]), (&json!("permanent"), &json!("-1")));
    assert!(error["key"].as_str().unwrap().starts_with("expr"));
    // Nobody can send what somebody else owns, an account makes no tickets, and other contents are other tickets.
    let mut other = transfer_ticket(one, 1, pkh(3), "default");
    let Action::TransferTicket { contents, .. } = &mut other else { panic!() };
    *contents = Micheline::string("u");
    for (who, action) in [
        (3, transfer_ticket(one, 1, pkh(2), "default")),
        (3, transfer_ticket(pkh(3), 1, pkh(2), "default")),
        (3, transfer_ticket(pkh(3), 1, two, "take")),
        (4, transfer_ticket(one, 11, two, "take")),
        (4, other),
    ] {
        let error = refused(&mut chain, who, action);
        assert_eq!(error["id"], "proto.alpha.Negative_ticket_balance");
    }
    assert_eq!(chain.ledger.ticket_storage().unwrap(), before);
}

#[test]
fn transfers_that_make_no_sense_fail_and_leave_the_tickets() {
    let (mut chain, one) = with_tickets();
    let with = |change: &dyn Fn(&mut Micheline, &mut Micheline)| {
        let mut action = transfer_ticket(one, 1, pkh(3), "default");
        let Action::TransferTicket { contents, ty, .. } = &mut action else { panic!() };
        change(contents, ty);
        action
    };
    for (action, ids) in [
        (transfer_ticket(one, 1, pkh(3), "take"), &["michelson_v1.no_such_entrypoint"][..]),
        (with(&|contents, _| *contents = Micheline::int(1)), &["michelson_v1.ill_typed_data"]),
        (
            with(&|_, ty| *ty = Micheline::prim(Prim::list, [Micheline::atom(Prim::int)])),
            &["michelson_v1.comparable_type_expected"],
        ),
        (with(&|_, ty| *ty = Micheline::atom(Prim::Unit)), &["michelson_v1.ill_formed_type"]),
        (transfer_ticket(one, 1, ContractHash::ZERO, "default"), &["contract.non_existing_contract"]),
        (
            transfer_ticket(one, 1, one, "nowhere"),
            &["michelson_v1.bad_contract_parameter", "michelson_v1.no_such_entrypoint"],
        ),
        (
            transfer_ticket(one, 1, one, "mint"),
            &["michelson_v1.bad_contract_parameter", "michelson_v1.inconsistent_types"],
        ),
    ] {
        assert_eq!(chain.fails(4, action.clone()), ids, "{action:?}");
        assert_eq!(owned(&chain, friend(), one), 10);
    }
    // A ticket of nothing is no operation at all.
    let nothing = chain.operation(pkh(4), vec![transfer_ticket(one, 0, pkh(3), "default")]);
    assert!(crate::Operation::from_bytes(&nothing.forge()).unwrap_err().to_string().contains("ticket"));
    let json = soru_base::Json::to_json(&nothing, IdFamily::Alpha);
    assert!(<crate::Operation as soru_base::Json>::from_json(&json, IdFamily::Alpha).is_err());
    assert_eq!(
        chain.fails(4, nothing.contents[0].action.clone()),
        ["michelson_v1.forbidden_zero_amount_ticket"]
    );
}

/// What a contract keeps by the type with names is the same as without them, and keys are in the form of `PACK`.
#[test]
fn tokens_are_known_by_their_contents() {
    let mut chain = Chain::new();
    let code = "parameter (contract (ticket (pair (string %name) nat address))); storage unit;
                code { CAR ; PUSH mutez 0 ; PUSH nat 2 ; SELF_ADDRESS ; PUSH nat 7 ; PUSH string \"n\" ; PAIR 3 ;
                       TICKET ; IF_NONE { FAIL } {} ; TRANSFER_TOKENS ;
                       UNIT ; NIL operation ; DIG 2 ; CONS ; PAIR }";
    let maker = originate(&mut chain, code, Micheline::unit());
    assert!(chain.run(2, vec![call(maker, "default", address(friend()))]).is_applied());
    let text = |family| Micheline::string(Address::from(maker).in_family(family));
    let (string, nat) = (Micheline::atom(Prim::string), Micheline::atom(Prim::nat));
    let content_type = Micheline::prim(Prim::pair, [string, nat, Micheline::atom(Prim::address)]);
    let parts = |address| [Micheline::string("n"), Micheline::int(7), address];
    let [name, seven, bytes] = parts(address(maker));
    let content = Micheline::prim(Prim::Pair, [name, Micheline::prim(Prim::Pair, [seven, bytes])]);
    let known = TicketToken { ticketer: maker.into(), content_type: content_type.clone(), content };
    assert_eq!(chain.ledger.ticket_balance(&friend().into(), &known).unwrap(), 2u32.into());
    // An operation may write it for people.
    let action = Action::TransferTicket {
        contents: Micheline::prim(Prim::Pair, parts(text(IdFamily::Alpha))),
        ty: content_type,
        ticketer: maker.into(),
        amount: 2u32.into(),
        destination: pkh(3).into(),
        entrypoint: Entrypoint::default(),
    };
    let Effect::TransferTicket { ticket_updates, .. } = chain.done(4, action).effect else { panic!() };
    assert_eq!(ticket_updates[0].token, known);
    assert_eq!(chain.ledger.ticket_balance(&Address::from(pkh(3)), &known).unwrap(), 2u32.into());
}
