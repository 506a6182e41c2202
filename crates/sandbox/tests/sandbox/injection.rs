//! Operations: taken, refused, included; and those that wait.

use crate::world::*;
use reqwest::StatusCode;
use serde_json::json;
use soru_base::{BlockHash, Mutez};
use soru_protocol::operation::SignedOperation;

#[tokio::test]
async fn a_transfer_moves_tez_and_pays_the_baker() {
    let world = world().await;
    let (from, to) = (account(1).public_key_hash, account(2).public_key_hash);
    let baker = soru_sandbox::BAKER.to_string();
    let operation = world.transfer(1, 2, 5_000_000).await;
    let hash = world.inject(&operation).await;

    let pending = world.get("/chains/main/mempool/pending_operations").await;
    assert_eq!(pending["validated"][0]["hash"], json!(hash));
    assert_eq!(world.operations_of("head").await, [""; 0]);
    world.bake(1).await;
    assert_eq!(world.operations_of("head").await, std::slice::from_ref(&hash));
    assert_eq!(world.balance(from).await, 4_000_000_000_000 - 5_000_000 - FEE);
    assert_eq!(world.balance(to).await, 4_000_000_000_000 + 5_000_000);
    assert_eq!(world.balance(&baker).await, FEE);
    assert_eq!(world.counter(from).await, 1);
    let pending = world.get("/chains/main/mempool/pending_operations").await;
    assert_eq!(pending["validated"], json!([]));

    // The contexts of older blocks are still there.
    let before = format!("/chains/main/blocks/head~1/context/contracts/{to}/balance");
    assert_eq!(world.get(&before).await, json!("4000000000000"));
    // Once more: it is known, and nothing happens.
    assert_eq!(world.inject(&operation).await, hash);
    world.bake(1).await;
    assert_eq!(world.operations_of("head").await, [""; 0]);
}

#[tokio::test]
async fn an_operation_sent_twice_waits_once() {
    let world = world().await;
    let operation = world.transfer(1, 2, 1).await;
    world.inject(&operation).await;
    world.inject(&operation).await;
    let pending = world.get("/chains/main/mempool/pending_operations").await;
    assert_eq!(pending["validated"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn invalid_operations_are_refused_with_the_networks_errors() {
    let world = world().await;
    world.inject(&world.transfer(1, 2, 1).await).await;
    world.bake(1).await;
    let key = account(1).sk();
    let valid = world.transfer(1, 2, 1).await.operation;
    let with = |change: &dyn Fn(&mut soru_protocol::operation::Operation)| {
        let mut operation = valid.clone();
        change(&mut operation);
        SignedOperation::sign(operation, &key)
    };
    let stranger = SignedOperation::sign(valid.clone(), &account(3).sk());
    for (operation, expected, class) in [
        (with(&|o| o.contents[0].counter = 1), "proto.alpha.contract.counter_in_the_past", "branch_refused"),
        (
            with(&|o| o.contents[0].counter = 3),
            "proto.alpha.contract.counter_in_the_future",
            "branch_delayed",
        ),
        (with(&|o| o.contents[0].gas_limit = 99_000_000), "proto.alpha.gas_limit_too_high", "refused"),
        (with(&|o| o.branch = BlockHash([9; 32])), "failure", "outdated"),
        (stranger, "proto.alpha.operation.invalid_signature", "refused"),
    ] {
        let (status, answer) = world.try_inject(&operation).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{answer}");
        assert_eq!(id(&answer), expected, "{answer}");
        assert!(answer[0]["kind"].is_string());
        let pending = world.get("/chains/main/mempool/pending_operations").await;
        let told = pending[class].as_array().expect("an array");
        assert!(told.iter().any(|o| o["hash"] == json!(operation.hash().to_string())), "{class}: {pending}");
        assert_eq!(pending["validated"], json!([]));
    }
    world.bake(1).await;
    assert_eq!(world.operations_of("head").await, [""; 0]);
}

#[tokio::test]
async fn a_second_operation_of_an_account_waits_its_turn_or_pays_more() {
    let world = world().await;
    let first = world.transfer(1, 2, 1).await;
    world.inject(&first).await;
    // The same counter, the same fee.
    let rival = world.transfer(1, 3, 1).await;
    let (status, answer) = world.try_inject(&rival).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(id(&answer), "prevalidation.operation_conflict");
    let needed: u64 = text(&answer[0]["needed_fee_in_mutez"]).parse().expect("mutez");
    // The fee that was named is enough.
    let mut better = rival.operation.clone();
    better.contents[0].fee = Mutez(needed);
    let better = SignedOperation::sign(better, &account(1).sk());
    world.inject(&better).await;
    let pending = world.get("/chains/main/mempool/pending_operations").await;
    assert_eq!(pending["outdated"][0]["hash"], json!(first.hash().to_string()));
    world.bake(1).await;
    assert_eq!(world.operations_of("head").await, [better.hash().to_string()]);
}

#[tokio::test]
async fn an_account_that_cannot_pay_its_fee_does_not_stop_the_others() {
    let world = world().await;
    let drain = world.transfer(4, 5, 2_000_000_000_000).await;
    let before = world.transfer(1, 2, 1).await;
    world.inject(&before).await;
    world.inject(&drain).await;
    world.bake(1).await;
    assert_eq!(world.operations_of("head").await, [before.hash().to_string(), drain.hash().to_string()]);

    let mut dear = world.operation(account(4), transfer_to(5, 1)).await;
    dear.contents[0].fee = Mutez(3_000_000_000_000);
    let (status, answer) = world.try_inject(&SignedOperation::sign(dear, &account(4).sk())).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(id(&answer).ends_with("balance_too_low"), "{answer}");
    let after = world.transfer(3, 2, 1).await;
    world.inject(&after).await;
    world.bake(1).await;
    assert_eq!(world.operations_of("head").await, [after.hash().to_string()]);
}

#[tokio::test]
async fn a_failing_call_is_included_and_pays() {
    let world = world().await;
    let operation = world.transfer(1, 2, u64::MAX >> 1).await;
    world.inject(&operation).await;
    world.bake(1).await;
    let included = world.get("/chains/main/blocks/head/operations/3/0").await;
    let result = &included["contents"][0]["metadata"]["operation_result"];
    assert_eq!(result["status"], "failed");
    assert_eq!(result["errors"][0]["id"], "proto.alpha.contract.balance_too_low");
    assert_eq!(world.balance(account(1).public_key_hash).await, 4_000_000_000_000 - FEE);
}

#[tokio::test]
async fn an_operation_grows_old() {
    let world = world_with(|config| {
        config.overrides = vec![("max_operations_time_to_live".to_owned(), "3".to_owned())];
    })
    .await;
    world.bake(1).await;
    let operation = world.transfer(1, 2, 1).await;
    world.bake(3).await;
    world.inject(&operation).await;
    let late = world.transfer(3, 2, 1).await;
    world.bake(1).await;
    assert_eq!(world.operations_of("head").await.len(), 1);
    world.bake(3).await;
    let (status, answer) = world.try_inject(&late).await;
    assert_eq!((status, id(&answer)), (StatusCode::INTERNAL_SERVER_ERROR, "failure"));
}

#[tokio::test]
async fn pending_operations_can_be_filtered() {
    let world = world().await;
    let ours = world.inject(&world.transfer(1, 2, 1).await).await;
    world.inject(&world.transfer(3, 2, 1).await).await;
    for (query, expected) in [
        (String::new(), 2),
        (format!("?source={}", account(1).public_key_hash), 1),
        (format!("?operation_hash={ours}"), 1),
        ("?validation_pass=0".to_owned(), 0),
        ("?validation_pass=0&validation_pass=3".to_owned(), 2),
        ("?validated=false".to_owned(), 0),
        ("?version=2&validated=true&refused=no".to_owned(), 2),
    ] {
        let pending = world.get(&format!("/chains/main/mempool/pending_operations{query}")).await;
        assert_eq!(pending["validated"].as_array().map(Vec::len), Some(expected), "{query}");
    }
    for query in ["?source=nobody", "?version=1", "?validated=perhaps"] {
        let (status, _) = world.try_get(&format!("/chains/main/mempool/pending_operations{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
}
