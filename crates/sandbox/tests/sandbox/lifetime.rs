//! Starting, stopping, starting again.

use crate::world::*;
use serde_json::json;
use soru_sandbox::{Baking, ChainError, Config, Sandbox, StartError};
use std::time::Duration;
use tempfile::TempDir;

#[tokio::test]
async fn a_restart_continues_at_the_head() {
    let World { dir, running, .. } = {
        let world = world().await;
        world.inject(&world.transfer(1, 2, 7).await).await;
        world.bake(3).await;
        world
    };
    let url = running.url();
    let before: serde_json::Value = reqwest::get(format!("{url}/chains/main/blocks/head"))
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    running.stop().await;

    let other_time = Config { genesis_time: Some(GENESIS + 999), ..config(&dir) };
    let running = Sandbox::start(other_time).await.expect("the sandbox starts again");
    let url = running.url();
    let get = async |path: &str| -> serde_json::Value {
        reqwest::get(format!("{url}{path}")).await.expect("an answer").json().await.expect("JSON")
    };
    assert_eq!(get("/chains/main/blocks/head").await, before);
    let balance =
        format!("/chains/main/blocks/head/context/contracts/{}/balance", account(2).public_key_hash);
    assert_eq!(get(&balance).await, json!("4000000000007"));
    let client = reqwest::Client::new();
    let baked: serde_json::Value = client
        .post(format!("{url}/sandbox/bake"))
        .body("{}")
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(baked["level"], 4);
    let head = get("/chains/main/blocks/head/header").await;
    assert_eq!(head["predecessor"], before["hash"]);
    running.stop().await;
}

#[tokio::test]
async fn two_sandboxes_cannot_share_a_directory() {
    let world = world().await;
    let error = Sandbox::start(config(&world.dir)).await.err().expect("an error");
    assert!(matches!(error, StartError::Chain(ChainError::InUse { .. })), "{error}");
    assert!(error.to_string().contains("another sandbox"), "{error}");
    // As soon as the first one has stopped, the directory is free.
    world.running.stop().await;
    Sandbox::start(config(&world.dir)).await.expect("the sandbox starts").stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let world = world().await;
    let dir = TempDir::new().expect("a temporary directory");
    let taken = world.running.addr();
    let error = Sandbox::start(Config { rpc_addr: taken, ..config(&dir) }).await.err().expect("an error");
    assert!(matches!(error, StartError::PortInUse(addr) if addr == taken), "{error}");
    assert!(error.to_string().contains(&taken.port().to_string()), "{error}");
    assert!(!dir.path().join("chain").exists(), "nothing is made when the start fails");
}

#[tokio::test]
async fn a_directory_that_cannot_be_is_named() {
    let dir = TempDir::new().expect("a temporary directory");
    std::fs::write(dir.path().join("chain"), "no directory").expect("a file");
    let error = Sandbox::start(config(&dir)).await.err().expect("an error").to_string();
    assert!(error.contains("chain.redb"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_chain_is_refused() {
    let dir = TempDir::new().expect("a temporary directory");
    std::fs::create_dir(dir.path().join("chain")).expect("a directory");
    std::fs::write(dir.path().join("chain/chain.redb"), vec![7; 10_000]).expect("a file");
    let error = Sandbox::start(config(&dir)).await.err().expect("an error");
    assert!(matches!(error, StartError::Chain(ChainError::Open { .. })), "{error}");
}

#[tokio::test]
async fn the_baker_makes_blocks_by_the_clock() {
    let dir = TempDir::new().expect("a temporary directory");
    let baking = Baking::Every(Duration::from_millis(20));
    let running = Sandbox::start(Config { baking, ..config(&dir) }).await.expect("the sandbox starts");
    let mut heads = reqwest::get(format!("{}/monitor/heads/main", running.url())).await.expect("an answer");
    let mut lines = Vec::new();
    while lines.iter().filter(|b| **b == b'\n').count() < 4 {
        lines.extend(heads.chunk().await.expect("a chunk").expect("no end"));
    }
    let heads: Vec<serde_json::Value> = serde_json::Deserializer::from_slice(&lines)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("lines of JSON");
    // What clients ask for first is there from the start.
    assert!(heads[0]["level"].as_u64().is_some_and(|level| level >= 2));
    for pair in heads.windows(2) {
        assert_eq!(pair[1]["predecessor"], pair[0]["hash"]);
        assert!(text(&pair[1]["timestamp"]) > text(&pair[0]["timestamp"]));
    }
    running.stop().await;
}

#[tokio::test]
async fn old_ledgers_are_let_go_and_blocks_stay() {
    let world = world_with(|config| config.kept_ledgers = 3).await;
    world.bake(10).await;
    let path = |back| {
        format!("/chains/main/blocks/head~{back}/context/contracts/{}/balance", account(1).public_key_hash)
    };
    assert_eq!(world.get(&path(3)).await, json!("4000000000000"));
    let (status, answer) = world.try_get(&path(4)).await;
    assert_eq!(status, reqwest::StatusCode::NOT_FOUND);
    assert!(answer.to_string().contains("only the last 3 are kept"), "{answer}");
    assert_eq!(world.get("/chains/main/blocks/head~9/header").await["level"], 1);
}
