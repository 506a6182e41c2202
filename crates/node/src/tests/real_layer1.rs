//! The layer-1 behind an RPC, answered by a script: what a real one does that the embedded one does not.

use super::*;
use crate::layer1::{Header, Injected, Injection, Layer1Error, Signed};
use crate::rpc_layer1::RpcLayer1;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use soru_base::{BOOTSTRAP_ACCOUNTS, BlockHash, Json as _};
use soru_l1::Client;
use soru_l1::operate::Signer;
use soru_protocol::SignedOperation;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Answers by question, such as `GET /version`; a status for what is no JSON.
type Script = Arc<Mutex<BTreeMap<String, Value>>>;

struct Remote {
    script: Script,
    layer1: RpcLayer1,
}

fn hash(level: u32) -> BlockHash {
    let mut bytes = [7; 32];
    bytes[..4].copy_from_slice(&level.to_be_bytes());
    BlockHash(bytes)
}

fn head(at: u32) -> Header {
    Header { hash: hash(at), level: level(at), predecessor: hash(at - 1), timestamp: 0 }
}

fn header_json(at: u32) -> Value {
    json!({
        "hash": hash(at).to_string(), "level": at, "predecessor": hash(at - 1).to_string(),
        "timestamp": "1970-01-01T00:00:00Z", "of the future": null,
    })
}

/// As a node that applies whatever it is asked for.
fn simulated(asked: &Value) -> Value {
    let mut operation = asked["operation"].clone();
    for content in operation["contents"].as_array_mut().unwrap() {
        let result = json!({ "status": "applied", "consumed_milligas": "1000000" });
        content["metadata"] = json!({ "operation_result": result });
    }
    operation
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let question = format!("{} {}", request.method(), request.uri());
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    if question.ends_with("/simulate_operation") {
        return axum::Json(simulated(&serde_json::from_slice(&body).unwrap())).into_response();
    }
    match script.lock().unwrap().get(&question) {
        None => axum::http::StatusCode::NOT_FOUND.into_response(),
        Some(Value::Number(status)) => {
            let status = u16::try_from(status.as_u64().unwrap()).unwrap();
            axum::http::StatusCode::from_u16(status).unwrap().into_response()
        }
        Some(value) => axum::Json(value.clone()).into_response(),
    }
}

impl Remote {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let script = Script::default();
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let signer: Arc<dyn Signer> = Arc::new(BOOTSTRAP_ACCOUNTS[0].sk());
        let config = config(Path::new("nowhere"), Mode::Operator);
        let client = Client::new(&endpoint, IdFamily::Alpha).unwrap();
        Self { script, layer1: RpcLayer1::new(client, &config, [signer]) }
    }

    fn on(&self, question: impl Into<String>, answer: Value) -> &Self {
        self.script.lock().unwrap().insert(question.into(), answer);
        self
    }

    /// The head, and the account that signs.
    fn with_account(&self, at: u32) {
        let below = |path: &str| format!("GET /chains/main/blocks/{}{path}", hash(at));
        let key = BOOTSTRAP_ACCOUNTS[0].sk().public_key();
        let contract = format!("/context/contracts/{}", key.hash());
        self.on("GET /chains/main/blocks/head/header", header_json(at))
            .on("GET /chains/main/chain_id", json!("NetXdQprcVkpaWU"))
            .on(below("~2/hash"), json!(hash(at - 2).to_string()))
            .on(below("/context/constants"), constants())
            .on("GET /chains/main/blocks/head/context/constants", constants())
            .on(below(&format!("{contract}/manager_key")), json!(key.to_string()))
            .on(below(&format!("{contract}/counter")), json!("41"));
    }

    fn with_mempool(&self, operations: &[&SignedOperation]) {
        let entry = |operation: &&SignedOperation| {
            let mut entry = operation.to_json(IdFamily::Alpha);
            entry["hash"] = operation.hash().to_string().into();
            entry
        };
        let validated: Vec<Value> = operations.iter().map(entry).collect();
        let pending = json!({ "validated": validated, "refused": [], "outdated": [] });
        self.on("GET /chains/main/mempool/pending_operations", pending);
    }
}

fn constants() -> Value {
    json!({
        "minimal_block_delay": "6", "hard_gas_limit_per_operation": "1040000", "hard_gas_limit_per_block": "1040000",
        "hard_storage_limit_per_operation": "60000", "cost_per_byte": "250", "origination_size": 257,
        "smart_rollup_commitment_period_in_blocks": 30, "smart_rollup_challenge_window_in_blocks": 80640,
        "smart_rollup_stake_amount": "10000000000", "smart_rollup_timeout_period_in_blocks": 40320,
        "smart_rollup_number_of_sections_in_dissection": 32, "smart_rollup_max_lookahead_in_blocks": 172800,
        "smart_rollup_max_active_outbox_levels": 80640, "smart_rollup_max_outbox_messages_per_level": 100,
        "smart_rollup_max_number_of_cemented_commitments": 5, "smart_rollup_max_number_of_parallel_games": 32,
        "smart_rollup_origination_size": 6314, "of the future": {},
    })
}

fn fee(operation: &SignedOperation) -> u64 {
    operation.operation.contents.iter().map(|content| content.fee.0).sum()
}

#[tokio::test]
async fn an_operation_that_bakers_leave_is_replaced_by_a_dearer_one() {
    let remote = Remote::start().await;
    let source = BOOTSTRAP_ACCOUNTS[0].pkh();
    let signed = async || match remote.layer1.sign_messages(source, vec![vec![1, 2]]).await.unwrap() {
        Signed::Ready(operation) => *operation,
        Signed::Refused(reason) => panic!("{reason}"),
    };
    remote.with_account(9);
    remote.with_mempool(&[]);
    assert!(!remote.layer1.busy(source, &head(9)).await.unwrap());
    let first = signed().await;
    remote.with_mempool(&[&first]);
    for at in [9, 10, 128] {
        assert!(remote.layer1.busy(source, &head(at)).await.unwrap(), "level {at}");
    }
    remote.with_account(129);
    assert!(!remote.layer1.busy(source, &head(129)).await.unwrap());
    let second = signed().await;
    let contents = |operation: &SignedOperation| {
        let contents = operation.operation.contents.iter();
        contents.map(|c| (c.counter, c.action.clone())).collect::<Vec<_>>()
    };
    assert_eq!(contents(&first), contents(&second), "of the two one is included at most");
    assert!(fee(&second) * 100 >= fee(&first) * 125, "{} after {}", fee(&second), fee(&first));
    // What is not about messages does not take their place.
    let recover = vec![Injection::RecoverBond(source)];
    assert_eq!(remote.layer1.inject(ROLLUP, source, recover.clone()).await.unwrap(), [Injected::NotTried]);
    // Included: all is as before.
    remote.with_mempool(&[]);
    assert!(!remote.layer1.busy(source, &head(130)).await.unwrap());
    assert_eq!(fee(&signed().await), fee(&first));
    remote.on("POST /injection/operation?chain=main", json!(second.hash().to_string()));
    assert_eq!(remote.layer1.inject(ROLLUP, source, recover).await.unwrap(), [Injected::Sent(second.hash())]);
}

#[tokio::test]
async fn unknown_blocks_pruned_ones_and_pruned_contexts_are_three_things() {
    let remote = Remote::start().await;
    let block = format!("GET /chains/main/blocks/{}~2?metadata=always", hash(9));
    let inbox = format!("GET /chains/main/blocks/{}~2/context/smart_rollups/all/inbox", hash(9));
    let ask = async || remote.layer1.block(&head(9), level(7)).await;
    // The branch has changed while it was read.
    assert!(matches!(ask().await, Err(Layer1Error::Unknown(_))));
    remote.on(block.as_str(), json!(410));
    assert!(matches!(ask().await, Err(Layer1Error::Pruned(_))));
    for status in [502, 504, 500] {
        remote.on(block.as_str(), json!(status));
        assert!(matches!(ask().await, Err(Layer1Error::Unreachable(_))), "{status}");
    }
    let strange = json!({ "kind": "smart_rollup_add_messages", "source": "tz5Unheardof", "message": ["c0ffee"],
        "metadata": { "operation_result": { "status": "applied" } } });
    let operation = json!({ "hash": soru_base::OperationHash([3; 32]).to_string(), "branch": hash(5).to_string(),
        "contents": [strange] });
    let attestation = json!({ "hash": soru_base::OperationHash([4; 32]).to_string(), "branch": hash(6).to_string(),
        "contents": [{ "kind": "attestation_of_the_future" }] });
    let protocol = "PtTALLiNtPec7mE7yY4m3k26J8Qukef3E3ehzhfXgFZKGtDdAXu";
    remote.on(
        block.as_str(),
        json!({ "hash": hash(7).to_string(), "header": header_json(7), "protocol": protocol, "chain_id": "NetXdQprcVkpaWU",
            "operations": [[attestation], [], [], [operation]] }),
    );
    for status in [404, 410] {
        remote.on(inbox.as_str(), json!(status));
        let found = ask().await.unwrap();
        assert_eq!((found.header, found.inbox.is_none()), (head(7), true), "{status}");
        assert_eq!(
            found.messages.iter().map(|m| m.as_bytes().to_vec()).collect::<Vec<_>>(),
            [[1, 0xc0, 0xff, 0xee]]
        );
    }
}
