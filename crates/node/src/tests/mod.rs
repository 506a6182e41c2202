//! The node's core against a layer-1 and a machine in memory.

mod batching;
mod disputing;
mod fake_layer1;
mod fake_machine;
mod fake_rollup;
mod following;
mod gaming;
mod publishing;
mod real_layer1;
mod rpc;
mod rpc_bad_input;
mod rpc_batcher;
mod rpc_disputes;
mod rpc_state;

use crate::chain::Chain;
use crate::config::{Config, Mode};
use crate::follow::{FollowError, Followed, Follower};
use crate::layer1::Layer1;
use crate::publish::{Outlook, Publisher};
use crate::status::StatusCell;
use crate::store::{BlockRecord, Store};
use fake_layer1::FakeLayer1;
use fake_machine::FakeMachine;
use soru_base::{IdFamily, Level, PublicKeyHash, RollupAddress};
use std::path::Path;
use std::sync::Arc;

const ROLLUP: RollupAddress = RollupAddress([5; 20]);

fn level(n: u32) -> Level {
    Level::new(n).unwrap()
}

fn operator() -> PublicKeyHash {
    "tz1fp5ncDmqYwYC568fREYz9iwQTgGQuKZqX".parse().unwrap()
}

fn config(data_dir: &Path, mode: Mode) -> Config {
    let rollup = ROLLUP.in_family(IdFamily::Alpha);
    let mut config = Config::new(mode, &rollup, Config::operators_for(mode, operator()), data_dir).unwrap();
    config.options.rpc_port = 0;
    config
}

/// A node without its loop: tests say when it looks at the layer-1.
struct TestNode {
    layer1: FakeLayer1,
    chain: Arc<Chain<FakeMachine>>,
    follower: Follower<FakeLayer1, FakeMachine>,
    publisher: Publisher<FakeLayer1, FakeMachine>,
    status: StatusCell,
}

impl TestNode {
    fn open(layer1: &FakeLayer1, data_dir: &Path, mode: Mode) -> Self {
        Self::with(layer1, &config(data_dir, mode))
    }

    fn with(layer1: &FakeLayer1, config: &Config) -> Self {
        let status = StatusCell::default();
        let store = Store::open(&config.data_dir, ROLLUP).unwrap();
        let chain = Arc::new(Chain::new(store, Arc::new(FakeMachine::default()), ROLLUP, IdFamily::Alpha));
        let shared = Arc::new(layer1.clone());
        Self {
            layer1: layer1.clone(),
            follower: Follower::new(shared.clone(), chain.clone(), status.clone()),
            publisher: Publisher::new(shared, chain.clone(), status.clone(), config),
            chain,
            status,
        }
    }

    async fn follow(&self) -> Result<Followed, FollowError> {
        let head = self.layer1.head().await.unwrap();
        self.follower.follow(&head).await
    }

    async fn act(&mut self) -> Outlook {
        let head = self.layer1.head().await.unwrap();
        let constants = self.layer1.constants(&head).await.unwrap();
        self.publisher.act(&head, constants).await.unwrap()
    }

    fn store(&self) -> &Store {
        self.chain.store()
    }

    /// All blocks of the chain that were not collected.
    fn records(&self) -> Vec<BlockRecord> {
        let head = self.store().head().unwrap().unwrap();
        let first = self.store().genesis().unwrap().unwrap().level;
        (first.get()..=head.level.get()).filter_map(|n| self.store().block_at(level(n)).unwrap()).collect()
    }

    /// Whether it has what a fresh node has, down to `kept`; what is below that may have been collected.
    async fn check(&self, kept: Level) {
        let mut expected = reference(&self.layer1).await;
        let found = self.records();
        expected.retain(|record| record.level >= kept || found.iter().any(|f| f.level == record.level));
        assert_eq!(found, expected);
    }
}

/// What a node that was never killed, and came only now, has.
async fn reference(layer1: &FakeLayer1) -> Vec<BlockRecord> {
    let dir = tempfile::tempdir().unwrap();
    let node = TestNode::open(layer1, dir.path(), Mode::Observer);
    node.follow().await.unwrap();
    node.records()
}
