//! What clients expect of any node, though a sandbox has no use for it: bakers, votes, peers; forms of requests.

use crate::world::*;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const HEAD: &str = "/chains/main/blocks/head";

#[tokio::test]
async fn there_is_one_baker() {
    let world = world().await;
    world.bake(2).await;
    let baker = world.get(&format!("{HEAD}/metadata")).await["baker"].clone();
    assert_eq!(world.get(&format!("{HEAD}/context/delegates?active=true")).await, json!([baker]));
    assert_eq!(world.get(&format!("{HEAD}/context/delegates?inactive=true")).await, json!([]));
    let path = format!("{HEAD}/context/delegates/{}", text(&baker));
    let whole = world.get(&path).await;
    assert_eq!(whole["deactivated"], false);
    assert_eq!(whole["consensus_key"]["active"]["pkh"], baker);
    assert_eq!(world.get(&format!("{path}/consensus_key")).await, whole["consensus_key"]);
    assert_eq!(world.get(&format!("{path}/full_balance")).await, whole["own_full_balance"]);
    let other = account(1).public_key_hash;
    let (status, answer) = world.try_get(&format!("{HEAD}/context/delegates/{other}")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(id(&answer).ends_with("delegate.not_registered"), "{answer}");
    let (status, _) = world.try_get(&format!("{HEAD}/context/contracts/{other}/delegate")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let rights = world.get(&format!("{HEAD}/helpers/baking_rights?level=2&level=9")).await;
    assert_eq!((&rights[0]["level"], &rights[1]["delegate"]), (&json!(2), &baker));
    assert!(rights[0].get("estimated_time").is_none() && rights[1]["estimated_time"].is_string());
    assert_eq!(world.get(&format!("{HEAD}/helpers/baking_rights?delegate={other}")).await, json!([]));
    assert_eq!(world.get(&format!("{HEAD}/helpers/attestation_rights")).await[0]["level"], 2);
    let (status, _) = world.try_get(&format!("{HEAD}/helpers/baking_rights?level=-1")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nobody_votes_stakes_or_peers() {
    let world = world().await;
    world.bake(1).await;
    let alice = account(1).public_key_hash;
    for (path, expected) in [
        ("votes/listings", json!([])),
        ("votes/current_proposal", Value::Null),
        ("context/total_frozen_stake", json!("0")),
        ("context/cache/contracts/all", json!([])),
        ("helpers/round", json!(0)),
        ("helpers/levels_in_current_cycle", json!({ "first": 1, "last": 14_400 })),
        (&format!("context/contracts/{alice}/staked_balance"), Value::Null),
        (&format!("context/contracts/{alice}/unstaked_frozen_balance"), json!("0")),
        (&format!("context/contracts/{alice}/unstake_requests"), Value::Null),
        (&format!("context/destination/{alice}/index"), Value::Null),
    ] {
        assert_eq!(world.get(&format!("{HEAD}/{path}")).await, expected, "{path}");
    }
    assert_eq!(world.get(&format!("{HEAD}/votes/current_period")).await["voting_period"]["kind"], "proposal");
    for path in
        ["/network/connections", "/network/peers", "/workers/prevalidators", "/chains/main/invalid_blocks"]
    {
        assert_eq!(world.get(path).await, json!([]), "{path}");
    }
    assert!(text(&world.get("/network/self").await).starts_with("id"));
    let protocols = world.get("/chains/main/protocols").await;
    let [protocol] = &protocols.as_array().expect("an array")[..] else { panic!("one protocol") };
    let activation = world.get(&format!("/chains/main/protocols/{}", text(protocol))).await;
    assert_eq!(activation["activation_block"]["level"], 0);
    let supply: u64 = text(&world.get(&format!("{HEAD}/context/total_supply")).await).parse().expect("mutez");
    assert!(supply >= 20_000_000_000_000);
}

#[tokio::test]
async fn bodies_are_json_and_slashes_need_not_be_tidy() {
    let world = world().await;
    let url = |path: &str| world.url(path);
    let get = async |path: &str, accept: &str| {
        world.client().get(url(path)).header("accept", accept).send().await.expect("an answer").status()
    };
    assert_eq!(
        get("/version", "application/json, application/bson;q=0.1, application/octet-stream;q=0.2").await,
        200
    );
    assert_eq!(get("/version", "*/*").await, 200);
    assert_eq!(get("/version", "application/octet-stream").await, StatusCode::NOT_ACCEPTABLE);
    for path in
        ["//version", "/version/", "//chains//main/blocks/head//hash?x=1", "/chains/main/blocks/head/"]
    {
        assert_eq!(get(path, "*/*").await, 200, "{path}");
    }
    let pack = format!("{HEAD}/helpers/scripts/pack_data");
    let body = json!({ "data": { "int": "1" }, "type": { "prim": "nat" } }).to_string();
    let post = async |form: Option<&str>| {
        let request = world.client().post(url(&pack)).body(body.clone());
        let request = form.into_iter().fold(request, |request, form| request.header("content-type", form));
        request.send().await.expect("an answer").status()
    };
    assert_eq!(post(None).await, 200);
    assert_eq!(post(Some("application/json; charset=utf-8")).await, 200);
    assert_eq!(post(Some("application/octet-stream")).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let asked = world.client().request(Method::OPTIONS, url("/injection/operation"));
    let answer =
        asked.header("origin", "https://example.org").header("access-control-request-headers", "x-own");
    let answer = answer.send().await.expect("an answer");
    assert!(answer.status().is_success());
    for (name, value) in
        [("access-control-allow-origin", "*"), ("access-control-allow-private-network", "true")]
    {
        assert_eq!(answer.headers()[name], value);
    }
}
