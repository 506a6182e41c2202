//! Streams.

use crate::world::*;
use serde_json::{Value, json};
use soru_base::BlockHash;

/// The lines of a stream.
struct Lines {
    response: reqwest::Response,
    rest: Vec<u8>,
}

impl Lines {
    async fn open(world: &World, path: &str) -> Self {
        let response = world.client().get(world.url(path)).send().await.expect("an answer");
        assert!(response.status().is_success());
        Self { response, rest: Vec::new() }
    }

    /// The next line, `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("a line of JSON"));
            }
            self.rest.extend(self.response.chunk().await.expect("a chunk")?);
        }
    }
}

#[tokio::test]
async fn heads_come_as_they_are_made() {
    let world = world().await;
    world.bake(1).await;
    let mut heads = Lines::open(&world, "/monitor/heads/main").await;
    let first = heads.next().await.expect("the present head");
    assert_eq!(first["level"], 1);
    assert_eq!(text(&first["hash"]), world.head_hash().await.to_string());
    assert!(first["protocol_data"].is_string());

    world.bake(3).await;
    let mut predecessor = first["hash"].clone();
    for level in 2..=4 {
        let head = heads.next().await.expect("a head");
        assert_eq!(head["level"], level);
        assert_eq!(head["predecessor"], predecessor);
        predecessor = head["hash"].clone();
    }
}

#[tokio::test]
async fn a_reorganisation_shows_its_last_block_only() {
    let world = world().await;
    world.bake(3).await;
    let mut heads = Lines::open(&world, "/monitor/heads/main").await;
    heads.next().await.expect("the present head");
    world.post("/sandbox/reorg", json!({ "depth": 2, "blocks": 4 })).await;
    let head = heads.next().await.expect("the new head");
    assert_eq!(head["level"], 5);
    world.bake(1).await;
    assert_eq!(heads.next().await.expect("a head")["level"], 6);
}

#[tokio::test]
async fn streams_end_when_the_sandbox_stops() {
    let world = world().await;
    let mut heads = Lines::open(&world, "/monitor/heads/main").await;
    heads.next().await.expect("the present head");
    let stopped = tokio::spawn(world.running.stop());
    assert_eq!(heads.next().await, None);
    stopped.await.expect("it stops");
}

#[tokio::test]
async fn other_protocols_have_no_heads_here() {
    let world = world().await;
    let protocol = world.get("/chains/main/blocks/head/protocols").await["protocol"].clone();
    let mut ours =
        Lines::open(&world, &format!("/monitor/heads/main?next_protocol={}", text(&protocol))).await;
    assert_eq!(ours.next().await.expect("a head")["level"], 0);

    let other = soru_base::ProtocolHash([3; 32]);
    let mut others = Lines::open(&world, &format!("/monitor/heads/main?next_protocol={other}")).await;
    world.bake(1).await;
    world.running.stop().await;
    assert_eq!(others.next().await, None);
}

#[tokio::test]
async fn the_sandbox_is_always_up_to_date() {
    let world = world().await;
    world.bake(1).await;
    let mut lines = Lines::open(&world, "/monitor/bootstrapped").await;
    let line = lines.next().await.expect("the head");
    let hash: BlockHash = text(&line["block"]).parse().expect("a block hash");
    assert_eq!(hash, world.head_hash().await);
    assert_eq!(lines.next().await, None);
}

#[tokio::test]
async fn operations_are_watched_until_the_next_head() {
    let world = world().await;
    let waits = world.inject(&world.transfer(1, 2, 9).await).await;
    let mut operations = Lines::open(&world, "/chains/main/mempool/monitor_operations").await;
    let first = operations.next().await.expect("those that wait");
    assert_eq!(first[0]["hash"], json!(waits));
    assert_eq!(first[0]["contents"][0]["kind"], "transaction");
    let comes = world.inject(&world.transfer(2, 3, 9).await).await;
    assert_eq!(operations.next().await.expect("another")[0]["hash"], json!(comes));

    let path = format!("/chains/main/mempool/monitor_operations?source={}", account(4).public_key_hash);
    let mut of_one = Lines::open(&world, &path).await;
    assert_eq!(of_one.next().await.expect("none of this account"), json!([]));
    world.bake(1).await;
    assert_eq!(operations.next().await, None);
    assert_eq!(of_one.next().await, None);
}
