//! Reorganisations.

use crate::world::*;
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn operations_of_abandoned_blocks_come_back() {
    for depth in [1, 2, 10] {
        let world = world().await;
        world.bake(1).await;
        // Branched below the fork, so that they are valid on both sides.
        let branch = world.head_hash().await;
        world.bake(2).await;
        let fork = world.level().await;
        let mut sent = Vec::new();
        for block in 0..depth {
            let from = 1 + block % 5;
            let operation = world.transfer(from, 1 + from % 5, 1).await.operation;
            let operation = soru_protocol::operation::Operation { branch, ..operation };
            let signed = soru_protocol::operation::SignedOperation::sign(operation, &account(from).sk());
            sent.push(world.inject(&signed).await);
            world.bake(1).await;
        }
        let old_head = world.head_hash().await;
        let answer = world.post("/sandbox/reorg", json!({ "depth": depth, "blocks": depth + 1 })).await;
        assert_eq!(answer["level"], json!(fork + depth as u64 + 1), "depth {depth}");

        // The abandoned blocks are still known by their hashes, and no longer by their levels.
        let old = world.get(&format!("/chains/main/blocks/{old_head}/header")).await;
        assert_eq!(old["level"], json!(fork + depth as u64));
        let new = world.get(&format!("/chains/main/blocks/{}/hash", fork + depth as u64)).await;
        assert_ne!(text(&new), old_head.to_string());
        let common = world.get(&format!("/chains/main/blocks/{fork}/hash")).await;
        let from_old = world.get(&format!("/chains/main/blocks/{old_head}~{depth}/hash")).await;
        assert_eq!(common, from_old);
        for account_number in 1..=5 {
            assert_eq!(world.counter(account(account_number).public_key_hash).await, 0);
        }

        // Ten operations of five accounts take two blocks: an account has one in a block.
        world.bake(2).await;
        let mut included = world.operations_of("head~1").await;
        included.extend(world.operations_of("head").await);
        assert_eq!(included, sent, "depth {depth}");
    }
}

#[tokio::test]
async fn operations_branched_on_an_abandoned_block_are_lost() {
    let world = world().await;
    world.bake(2).await;
    let operation = world.transfer(1, 2, 1).await;
    world.inject(&operation).await;
    world.bake(1).await;
    world.post("/sandbox/reorg", json!({ "depth": 2 })).await;
    let pending = world.get("/chains/main/mempool/pending_operations").await;
    assert_eq!(pending["validated"], json!([]));
    assert_eq!(pending["outdated"][0]["hash"], json!(operation.hash().to_string()));
    world.bake(1).await;
    assert_eq!(world.operations_of("head").await, [""; 0]);
}

#[tokio::test]
async fn a_branch_can_be_left_again_and_again() {
    let world = world().await;
    world.bake(3).await;
    let mut heads = vec![world.head_hash().await];
    for _ in 0..3 {
        // One block each on the same predecessor: all differ.
        world.post("/sandbox/reorg", json!({ "depth": 1, "blocks": 2 })).await;
        heads.push(world.head_hash().await);
        world.post("/sandbox/reorg", json!({ "depth": 2, "blocks": 3 })).await;
        heads.push(world.head_hash().await);
    }
    let count = heads.len();
    heads.sort();
    heads.dedup();
    assert_eq!(heads.len(), count);
}

#[tokio::test]
async fn impossible_reorganisations_are_refused() {
    let world = world().await;
    world.bake(2).await;
    let head = world.head_hash().await;
    for body in [
        json!({ "depth": 3, "blocks": 4 }),
        json!({ "depth": 0 }),
        json!({ "depth": 2, "blocks": 2 }),
        json!({ "depth": "two" }),
        json!({ "depth": -1 }),
    ] {
        let (status, answer) = world.try_post("/sandbox/reorg", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(id(&answer), "rpc.bad_request");
    }
    assert_eq!(world.head_hash().await, head);
}
