//! Tickets, as the RPC tells of them.

use crate::world::*;
use reqwest::StatusCode;
use serde_json::{Value, json};
use soru_base::{Contract, Entrypoint, Mutez};
use soru_michelson::{Micheline, Prim, Source};
use soru_protocol::operation::{Action, Parameters, Script, SignedOperation};

/// Mints tickets "t" for an account, and keeps as many.
const MINT: &str = "
    parameter (pair nat (contract (ticket string)));
    storage (big_map unit (ticket string));
    code { CAR ; UNPAIR ;
           DUP ; PUSH string \"t\" ; TICKET ; IF_NONE { FAIL } {} ;
           EMPTY_BIG_MAP unit (ticket string) ; SWAP ; SOME ; UNIT ; UPDATE ; DUG 2 ;
           PUSH string \"t\" ; TICKET ; IF_NONE { FAIL } {} ;
           PUSH mutez 0 ; SWAP ; TRANSFER_TOKENS ;
           NIL operation ; SWAP ; CONS ; PAIR }";

async fn run(world: &World, who: usize, action: Action) -> Value {
    let operation = world.operation(account(who), action).await;
    world.inject(&SignedOperation::sign(operation, &account(who).sk())).await;
    world.bake(1).await;
    world.get("/chains/main/blocks/head/operations/3/0").await["contents"][0]["metadata"].clone()
}

#[tokio::test]
async fn the_balances_of_tickets_are_told() {
    let world = world().await;
    let script = Script { code: Source::script(MINT).expect("a script").node, storage: Micheline::seq([]) };
    let made = run(&world, 1, Action::Origination { balance: Mutez(0), delegate: None, script }).await;
    let contract = text(&made["operation_result"]["originated_contracts"][0]).to_owned();
    let receiver = account(2).public_key_hash;
    let argument = [Micheline::int(7), Micheline::string(receiver)];
    let value = Micheline::prim(Prim::Pair, argument);
    let call = Action::Transaction {
        amount: Mutez(0),
        destination: contract.parse().expect("an address"),
        parameters: Some(Parameters { entrypoint: Entrypoint::default(), value }),
    };
    let metadata = run(&world, 1, call).await;
    let token = json!({
        "ticketer": contract, "content_type": { "prim": "string" }, "content": { "string": "t" },
    });
    let update = |account: &str, amount: &str| json!([{ "ticket_token": token, "updates": [{ "account": account, "amount": amount }] }]);
    assert_eq!(metadata["operation_result"]["ticket_updates"], update(&contract, "7"), "{metadata}");
    let internal = &metadata["internal_operation_results"][0]["result"];
    assert_eq!(internal["ticket_receipt"], update(receiver, "7"));

    let send = Action::TransferTicket {
        contents: Micheline::string("t"),
        ty: Micheline::atom(Prim::string),
        ticketer: contract.parse().expect("an address"),
        amount: 3u32.into(),
        destination: Contract::from(account(3).pkh()),
        entrypoint: Entrypoint::default(),
    };
    let metadata = run(&world, 2, send).await;
    let result = &metadata["operation_result"];
    assert_eq!(result["ticket_updates"][0]["updates"][0], json!({ "account": receiver, "amount": "-3" }));
    assert_eq!(result["paid_storage_size_diff"], "66");

    let at = "/chains/main/blocks/head/context";
    let balance = |owner: &str| format!("{at}/contracts/{owner}/ticket_balance");
    for (owner, amount) in [
        (&*contract, "7"),
        (receiver, "4"),
        (account(3).public_key_hash, "3"),
        (account(4).public_key_hash, "0"),
    ] {
        assert_eq!(world.post(&balance(owner), token.clone()).await, amount, "{owner}");
    }
    // Before the block they were where they were; an unknown rollup has none.
    let before = format!("/chains/main/blocks/head~1/context/contracts/{receiver}/ticket_balance");
    assert_eq!(world.post(&before, token.clone()).await, "7");
    let rollup =
        format!("{at}/smart_rollups/smart_rollup/scr1AFyXAWFS3c6S2D617o8NGRvazoMJPEw6s/ticket_balance");
    assert_eq!(world.post(&rollup, token.clone()).await, "0");

    let mut held = token.clone();
    held["amount"] = json!("7");
    assert_eq!(world.get(&format!("{at}/contracts/{contract}/all_ticket_balances")).await, json!([held]));
    let (status, _) = world.try_get(&format!("{at}/contracts/{receiver}/all_ticket_balances")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    for body in [json!(null), json!({}), json!({ "ticketer": "nobody", "content_type": {}, "content": {} })] {
        let (status, answer) = world.try_post(&balance(&contract), &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    }
}
