//! The requests that today's clients make to inject one operation.

use crate::world::*;
use reqwest::StatusCode;
use serde_json::{Value, json};
use soru_base::{Binary, IdFamily, Json};

#[tokio::test]
async fn the_way_of_taquito() {
    let world = world().await;
    world.bake(3).await;
    let head = "/chains/main/blocks/head";
    let pkh = account(1).public_key_hash;
    let constants = world.get(&format!("{head}/context/constants")).await;
    for name in
        ["hard_gas_limit_per_operation", "hard_gas_limit_per_block", "cost_per_byte", "minimal_block_delay"]
    {
        assert!(constants[name].is_string(), "{name}");
    }
    let info = world.get(&format!("{head}/context/contracts/{pkh}")).await;
    assert_eq!(info["balance"], "4000000000000");
    assert_eq!(info["counter"], "0");
    assert_eq!(
        world.get(&format!("{head}/context/contracts/{pkh}/manager_key")).await,
        json!(account(1).public_key)
    );
    let branch = world.get("/chains/main/blocks/head~2/header").await["hash"].clone();
    let protocol = world.get(&format!("{head}/protocols")).await["protocol"].clone();
    let chain_id = world.get("/chains/main/chain_id").await;

    let mut operation = world.transfer(1, 2, 9).await;
    operation.operation.branch = text(&branch).parse().expect("a block hash");
    let contents = operation.operation.to_json(IdFamily::Alpha);
    let signature =
        "edsigtXomBKi5CTRf5cjATJWSyaRvhfYNHqSUGrn4SdbYRcGwQrUGjzEfQDTuqHhuA8b2d8NarZjz8TRf65WkpQmo423BtomS8Q";
    let mut unsigned = contents.clone();
    unsigned["signature"] = json!(signature);
    let body = json!({ "operation": unsigned, "chain_id": chain_id });
    let simulated = world.post(&format!("{head}/helpers/scripts/simulate_operation"), body).await;
    let result = &simulated["contents"][0]["metadata"]["operation_result"];
    assert_eq!(result["status"], "applied");
    let milligas: u64 = text(&result["consumed_milligas"]).parse().expect("milligas");
    assert!(milligas > 0);

    let forged = world.post(&format!("{head}/helpers/forge/operations"), contents.clone()).await;
    assert_eq!(text(&forged), hex::encode(operation.operation.forge()));
    let signed = soru_protocol::operation::SignedOperation::sign(operation.operation, &account(1).sk());
    let mut preapply = contents;
    preapply["signature"] = signed.signature.to_json(IdFamily::Alpha);
    preapply["protocol"] = protocol.clone();
    let preapplied = world.post(&format!("{head}/helpers/preapply/operations"), json!([preapply])).await;
    assert_eq!(preapplied[0]["contents"], simulated["contents"]);

    let hash = world.inject(&signed).await;
    world.bake(1).await;
    let block = world.get(head).await;
    let included = &block["operations"][3][0];
    assert_eq!(included["hash"], json!(hash));
    // What was foretold came true.
    assert_eq!(included["contents"], simulated["contents"]);

    let bytes = hex::encode(&signed.to_bytes()[32..]);
    let body = json!({ "operations": [{ "branch": branch, "data": bytes }], "check_signature": false });
    let parsed = world.post(&format!("{head}/helpers/parse/operations"), body).await;
    assert_eq!(parsed[0]["protocol"], protocol);
    let parsed = soru_protocol::operation::SignedOperation::from_json(&parsed[0], IdFamily::Alpha);
    assert_eq!(parsed, Ok(signed));
}

#[tokio::test]
async fn simulation_checks_all_but_the_signature() {
    let world = world().await;
    let chain_id = world.get("/chains/main/chain_id").await;
    let simulate = async |operation: Value| {
        let body = json!({ "operation": operation, "chain_id": chain_id });
        world.try_post("/chains/main/blocks/head/helpers/scripts/run_operation", &body).await
    };
    let mut operation = world.transfer(1, 2, 9).await.operation.to_json(IdFamily::Alpha);
    let (status, answer) = simulate(operation.clone()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    operation["contents"][0]["counter"] = json!("7");
    let (status, answer) = simulate(operation.clone()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(id(&answer), "proto.alpha.contract.counter_in_the_future");
    operation["contents"][0]["counter"] = json!("1");
    operation["contents"][0]["amount"] = json!("9000000000000000");
    let (status, answer) = simulate(operation).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["contents"][0]["metadata"]["operation_result"]["status"], "failed");
    // Nothing happened.
    world.bake(1).await;
    assert_eq!(world.counter(account(1).public_key_hash).await, 0);
}

#[tokio::test]
async fn a_sandbox_says_what_it_is() {
    let world = world().await;
    world.bake(1).await;
    let version = world.get("/version").await;
    assert_eq!(version["network_version"]["chain_name"], "SANDBOXED_TEZOS");
    let info = world.get("/sandbox/info").await;
    assert_eq!(info["profile"], "alpha");
    assert_eq!(info["head"]["level"], 1);
    assert_eq!(world.get("/network/version").await, version["network_version"]);
}
