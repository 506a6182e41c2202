//! A sandbox to be asked, and accounts that sign.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use soru_base::bootstrap::{BOOTSTRAP_ACCOUNTS, BootstrapAccount};
use soru_base::{Address, Binary, BlockHash, Mutez};
use soru_protocol::operation::{Action, Content, Operation, SignedOperation};
use soru_sandbox::{Config, Running, Sandbox};
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z
pub(crate) const GENESIS: i64 = 1_767_225_600;
pub(crate) const FEE: u64 = 2_000;

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) running: Running,
    client: Client,
}

/// A configuration for tests: blocks on demand, from a fixed time on.
pub(crate) fn config(dir: &TempDir) -> Config {
    Config { genesis_time: Some(GENESIS), ..Config::new(dir.path().join("chain")) }
}

pub(crate) async fn world() -> World {
    world_with(|_| {}).await
}

pub(crate) async fn world_with(change: impl FnOnce(&mut Config)) -> World {
    let dir = TempDir::new().expect("a temporary directory");
    let mut config = config(&dir);
    change(&mut config);
    let running = Sandbox::start(config).await.expect("the sandbox starts");
    World { dir, running, client: Client::new() }
}

impl World {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url())
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) async fn try_get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.client.get(self.url(path)).send().await.expect("an answer");
        (response.status(), response.json().await.expect("JSON"))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, value) = self.try_get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {value}");
        value
    }

    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let response = self.client.post(self.url(path)).json(body).send().await.expect("an answer");
        (response.status(), response.json().await.expect("JSON"))
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, value) = self.try_post(path, &body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {value}");
        value
    }

    pub(crate) async fn bake(&self, count: u32) -> Value {
        self.post("/sandbox/bake", json!({ "count": count })).await
    }

    pub(crate) async fn head_hash(&self) -> BlockHash {
        text(&self.get("/chains/main/blocks/head/hash").await).parse().expect("a block hash")
    }

    pub(crate) async fn level(&self) -> u64 {
        self.get("/chains/main/blocks/head/header").await["level"].as_u64().expect("a level")
    }

    pub(crate) async fn balance(&self, address: &str) -> u64 {
        let path = format!("/chains/main/blocks/head/context/contracts/{address}/balance");
        text(&self.get(&path).await).parse().expect("mutez")
    }

    pub(crate) async fn counter(&self, address: &str) -> u64 {
        let path = format!("/chains/main/blocks/head/context/contracts/{address}/counter");
        text(&self.get(&path).await).parse().expect("a counter")
    }

    /// The next operation of an account: one content, branched on the head.
    pub(crate) async fn operation(&self, account: &BootstrapAccount, action: Action) -> Operation {
        let content = Content {
            source: account.pkh(),
            fee: Mutez(FEE),
            counter: self.counter(account.public_key_hash).await + 1,
            gas_limit: 5_000,
            storage_limit: 1_000,
            action,
        };
        Operation { branch: self.head_hash().await, contents: vec![content] }
    }

    pub(crate) async fn transfer(&self, from: usize, to: usize, mutez: u64) -> SignedOperation {
        let operation = self.operation(account(from), transfer_to(to, mutez)).await;
        SignedOperation::sign(operation, &account(from).sk())
    }

    pub(crate) async fn try_inject(&self, operation: &SignedOperation) -> (StatusCode, Value) {
        self.try_post("/injection/operation?chain=main", &json!(hex::encode(operation.to_bytes()))).await
    }

    pub(crate) async fn inject(&self, operation: &SignedOperation) -> String {
        let (status, answer) = self.try_inject(operation).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(text(&answer), operation.hash().to_string());
        text(&answer).to_owned()
    }

    /// Hashes of the operations of a block.
    pub(crate) async fn operations_of(&self, block: &str) -> Vec<String> {
        let hashes = self.get(&format!("/chains/main/blocks/{block}/operation_hashes/3")).await;
        hashes.as_array().expect("an array").iter().map(|hash| text(hash).to_owned()).collect()
    }
}

/// `bootstrap1` to `bootstrap5`.
pub(crate) fn account(number: usize) -> &'static BootstrapAccount {
    &BOOTSTRAP_ACCOUNTS[number - 1]
}

pub(crate) fn transfer_to(to: usize, mutez: u64) -> Action {
    Action::Transaction {
        amount: Mutez(mutez),
        destination: Address::from(account(to).pkh()),
        parameters: None,
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a string was expected, not {value}"))
}

/// The id of the first error of an answer.
pub(crate) fn id(answer: &Value) -> &str {
    text(&answer[0]["id"])
}
