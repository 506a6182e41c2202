//! Blocks, whole and in parts, and the ways to name one.

use crate::world::*;
use reqwest::StatusCode;
use serde_json::json;
use soru_base::IdFamily;
use soru_base::{BlockHash, Json, Level};
use soru_protocol::block::BlockHeader;

#[tokio::test]
async fn blocks_are_made_on_demand_and_every_id_finds_its_own() {
    let world = world().await;
    assert_eq!(world.level().await, 0);
    let answer = world.bake(5).await;
    assert_eq!(answer["level"], 5);
    assert_eq!(answer["baked"].as_array().map(Vec::len), Some(5));

    let mut hashes = Vec::new();
    for level in 0..=5 {
        hashes.push(text(&world.get(&format!("/chains/main/blocks/{level}/hash")).await).to_owned());
    }
    let head = &hashes[5];
    assert_eq!(answer["hash"], json!(head));
    for (id, level) in [
        ("head".to_owned(), 5),
        ("head~0".to_owned(), 5),
        ("head~2".to_owned(), 3),
        ("head-5".to_owned(), 0),
        ("genesis".to_owned(), 0),
        ("genesis+2".to_owned(), 2),
        ("4~1".to_owned(), 3),
        ("4+1".to_owned(), 5),
        (head.clone(), 5),
        (format!("{head}~4"), 1),
        (format!("{}+1", hashes[2]), 3),
    ] {
        let found = world.get(&format!("/chains/main/blocks/{id}/hash")).await;
        assert_eq!(text(&found), hashes[level], "{id}");
    }
    for id in ["head~6", "6", "4+2", "head+1", &format!("{head}~6"), &BlockHash([1; 32]).to_string()] {
        let (status, answer) = world.try_get(&format!("/chains/main/blocks/{id}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{id}");
        assert_eq!(crate::world::id(&answer), "rpc.not_found");
    }
    for id in ["yesterday", "head~x", "99999999999", "head~99999999999"] {
        let (status, answer) = world.try_get(&format!("/chains/main/blocks/{id}/header")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{id}");
        assert_eq!(crate::world::id(&answer), "rpc.bad_request");
    }
}

#[tokio::test]
async fn a_header_hashes_to_the_name_of_its_block() {
    let world = world().await;
    world.bake(2).await;
    for id in ["head", "head~1", "genesis"] {
        let json = world.get(&format!("/chains/main/blocks/{id}/header")).await;
        let header = BlockHeader::from_json(&json, IdFamily::Alpha).expect("a header");
        assert_eq!(header.hash().to_string(), text(&json["hash"]), "{id}");
        let shell = world.get(&format!("/chains/main/blocks/{id}/header/shell")).await;
        assert_eq!(shell["level"], json["level"]);
        assert!(shell.get("hash").is_none());
    }
    let head = world.get("/chains/main/blocks/head/header").await;
    let before = world.get("/chains/main/blocks/head~1/header").await;
    assert_eq!(head["predecessor"], before["hash"]);
    assert_eq!(head["level"], 2);
    assert_eq!(head["validation_pass"], 4);
    // Fifteen seconds after each other, from the genesis on.
    assert_eq!(head["timestamp"], "2026-01-01T00:00:30Z");
}

#[tokio::test]
async fn the_parts_of_a_block_agree_with_the_whole() {
    let world = world().await;
    world.bake(1).await;
    let operation = world.inject(&world.transfer(1, 2, 5).await).await;
    world.bake(1).await;

    let block = world.get("/chains/main/blocks/head").await;
    let hash = text(&block["hash"]);
    assert_eq!(block["operations"], world.get(&format!("/chains/main/blocks/{hash}/operations")).await);
    assert_eq!(block["operations"].as_array().map(Vec::len), Some(4));
    assert_eq!(block["operations"][3], world.get(&format!("/chains/main/blocks/{hash}/operations/3")).await);
    assert_eq!(block["operations"][3][0], world.get("/chains/main/blocks/head/operations/3/0").await);
    assert_eq!(block["metadata"], world.get("/chains/main/blocks/head/metadata").await);
    assert_eq!(block["operations"][3][0]["hash"], json!(operation));
    let content = &block["operations"][3][0]["contents"][0];
    assert_eq!(content["metadata"]["operation_result"]["status"], "applied");
    assert_eq!(world.operations_of("head").await, [operation]);

    for (name, value) in
        world.get("/chains/main/blocks/head/header/shell").await.as_object().expect("an object")
    {
        assert_eq!(&block["header"][name], value);
    }
    let bare = world.get("/chains/main/blocks/head?metadata=never").await;
    assert!(bare.get("metadata").is_none());
    assert!(bare["operations"][3][0]["contents"][0].get("metadata").is_none());

    let protocols = world.get("/chains/main/blocks/head/protocols").await;
    assert_eq!(protocols["protocol"], block["protocol"]);
    assert_eq!(protocols["next_protocol"], block["metadata"]["next_protocol"]);
    let level = world.get("/chains/main/blocks/head/helpers/current_level").await;
    assert_eq!(level, block["metadata"]["level_info"]);

    for path in ["operations/4", "operations/3/1", "operations/0/0", "operation_hashes/3/7"] {
        let (status, _) = world.try_get(&format!("/chains/main/blocks/head/{path}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn lists_of_blocks_go_back_from_their_heads() {
    let world = world().await;
    world.bake(4).await;
    let mut hashes = Vec::new();
    for back in 0..=4 {
        hashes.push(world.get(&format!("/chains/main/blocks/head~{back}/hash")).await);
    }
    assert_eq!(world.get("/chains/main/blocks").await, json!([[hashes[0]]]));
    assert_eq!(world.get("/chains/main/blocks?length=3").await, json!([hashes[..3]]));
    assert_eq!(world.get("/chains/main/blocks?length=100").await, json!([hashes]));
    let from = format!("/chains/main/blocks?length=2&head={}", text(&hashes[2]));
    assert_eq!(world.get(&from).await, json!([hashes[2..4]]));
    let (status, _) = world.try_get("/chains/main/blocks?length=many").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(world.get("/chains/main/blocks/head/live_blocks").await.as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn a_chain_is_named_main_or_by_its_id() {
    let world = world().await;
    let chain_id = world.get("/chains/main/chain_id").await;
    let by_id = world.get(&format!("/chains/{}/blocks/head/header", text(&chain_id))).await;
    assert_eq!(by_id["chain_id"], chain_id);
    let (status, _) = world.try_get("/chains/test/blocks/head/header").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/chains/main/is_bootstrapped").await["bootstrapped"], true);
    assert_eq!(by_id["level"], json!(Level::GENESIS.get()));
}
