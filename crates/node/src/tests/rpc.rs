use super::*;
use crate::error::NodeError;
use crate::node::Node;
use crate::status::Connection;
use crate::store::StoreError;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(super) struct Running {
    addr: SocketAddr,
    pub(super) status: StatusCell,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), NodeError>>,
}

pub(super) async fn start(layer1: &FakeLayer1, data_dir: &Path, mode: Mode) -> Running {
    running(Node::start(config(data_dir, mode), layer1.clone(), FakeMachine::default()).await.unwrap())
}

pub(super) fn running(node: Node<FakeLayer1, FakeMachine>) -> Running {
    let (addr, status) = (node.rpc_addr(), node.status());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(node.run(async { drop(stopped.await) }));
    Running { addr, status, stop, task }
}

impl Running {
    pub(super) async fn until(&self, wanted: impl FnMut(&crate::status::Status) -> bool) {
        self.status.watch().wait_for(wanted).await.unwrap();
    }

    pub(super) async fn synchronized(&self, layer1: &FakeLayer1) {
        let level = layer1.head_level();
        self.until(|s| s.evaluated.is_some_and(|(_, l)| l.get() == level)).await;
    }

    /// Until it has also published what is to be published at the head, and collected what can be.
    pub(super) async fn settled(&self, layer1: &FakeLayer1) {
        let level = layer1.head_level();
        self.until(|s| s.settled.is_some_and(|head| head.level.get() == level)).await;
    }

    pub(super) fn addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.addr.port()))
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.get_text(path).await;
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    pub(super) async fn get_text(&self, path: &str) -> (u16, String) {
        self.request("GET", path, "application/json", "").await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, body) = self.request("POST", path, "application/json", &body.to_string()).await;
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    pub(super) async fn request(&self, method: &str, path: &str, kind: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.addr.port())).await.unwrap();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        // Whatever a test asks for: the answer is one of those that are described.
        crate::rpc::described::check(method, path, status, body);
        (status, body.to_owned())
    }

    pub(super) async fn value(&self, path: &str) -> Value {
        let (status, value) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    pub(super) async fn stop(self) -> Result<(), NodeError> {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }
}

#[tokio::test]
async fn blocks_are_shown_as_the_network_s_node_shows_them() {
    let layer1 = FakeLayer1::new();
    layer1.send(b"out one");
    layer1.bake(1);
    layer1.bake(8);
    let dir = tempfile::tempdir().unwrap();
    let node = start(&layer1, dir.path(), Mode::Observer).await;
    node.synchronized(&layer1).await;
    assert_eq!(node.value("/local/synchronized").await, json!("synchronized"));

    assert_eq!(node.value("/global/block/head/level").await, json!(12));
    assert_eq!(node.value("/global/tezos_level").await, json!(12));
    assert_eq!(node.value("/global/block/finalized/level").await, json!(10));
    let hash = node.value("/global/block/head/hash").await;
    assert_eq!(node.value("/global/tezos_head").await, hash);
    let by_hash = format!("/global/block/{}/level", hash.as_str().unwrap());
    assert_eq!(node.value(&by_hash).await, json!(12));
    assert_eq!(node.value("/global/block/4/num_messages").await, json!("4"));
    assert_eq!(node.value("/global/block/4/ticks").await, json!("4"));
    let runs = json!({"bound": "1000", "runs": [{"ticks": "4", "end": "finished"}]});
    assert_eq!(node.value("/global/block/4/kernel_runs").await, runs);
    assert_eq!(node.value("/global/block/12/total_ticks").await, json!("28"));
    assert_eq!(node.value("/global/block/head/status").await, json!("Waiting for input message"));
    assert_eq!(node.value("/global/smart_rollup_address").await, json!(ROLLUP.in_family(IdFamily::Alpha)));

    let block = node.value("/global/block/11?outbox=true").await;
    let names: Vec<&String> = block.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "block_hash",
            "level",
            "predecessor",
            "commitment_hash",
            "previous_commitment_hash",
            "inbox_witness",
            "inbox_hash",
            "inbox",
            "messages",
            "commitment",
            "outbox",
            "initial_tick",
            "num_ticks",
            "state_hash",
            "pvm_status",
        ]
    );
    assert_eq!(block["messages"].as_array().unwrap().len(), 3);
    assert_eq!(block["messages"][0], json!("0001"));
    assert_eq!(block["state_hash"], block["commitment"]["compressed_state"]);
    let last = node.value("/global/last_stored_commitment").await;
    assert_eq!(last["hash"], block["commitment_hash"]);
    let by_hash = format!("/local/commitments/{}", last["hash"].as_str().unwrap());
    assert_eq!(node.value(&by_hash).await["commitment"], last["commitment"]);
    assert_eq!(node.value("/local/last_published_commitment").await, Value::Null);

    let outbox = node.value("/global/block/head/outbox/4/messages").await;
    assert_eq!(outbox[0]["outbox_level"], json!(4));
    assert_eq!(outbox[0]["message_index"], json!("0"));
    let pending = node.value("/local/outbox/pending").await;
    assert_eq!(pending[0]["status"], json!("pending"));
    assert_eq!(
        node.value("/global/block/head/durable/wasm_2_0_0/value?key=/kernel").await,
        json!("6b65726e656c")
    );
    assert_eq!(node.value("/global/block/head/durable/wasm_2_0_0/length?key=/kernel").await, json!("6"));
    assert_eq!(node.value("/global/block/head/durable/wasm_2_0_0/value?key=/none").await, Value::Null);
    let version = node.value("/version").await;
    assert!(version["version"].as_str().unwrap().starts_with("soru"));
    assert_eq!(node.value("/health").await["healthy"], json!(true));
    let (_, metrics) = node.get_text("/metrics").await;
    assert!(metrics.contains("soru_node_head_level "), "{metrics}");
    node.stop().await.unwrap();
}

#[tokio::test]
async fn errors_are_typed() {
    let layer1 = FakeLayer1::new();
    layer1.bake(2);
    let dir = tempfile::tempdir().unwrap();
    let node = start(&layer1, dir.path(), Mode::Observer).await;
    node.synchronized(&layer1).await;
    for (path, status, id) in [
        ("/nothing/here", 404, "soru.node.not_found"),
        ("/global/block/99/hash", 404, "soru.node.not_found"),
        ("/global/block/nonsense/hash", 400, "soru.node.bad_request"),
        ("/global/block/head/outbox/77/messages", 404, "soru.node.not_found"),
        ("/global/block/head/outbox/x/messages", 400, "soru.node.bad_request"),
        ("/global/block/head/durable/wasm_2_0_0/value?key=nokey", 400, "soru.node.bad_request"),
        ("/global/block/head/helpers/proofs/outbox/3/messages", 400, "soru.node.bad_request"),
        ("/global/block/head/helpers/proofs/outbox/5/messages?index=0", 503, "soru.node.not_yet"),
        ("/local/commitments/nonsense", 400, "soru.node.bad_request"),
    ] {
        let (found, body) = node.get(path).await;
        assert_eq!((found, &body[0]["id"]), (status, &json!(id)), "{path}: {body}");
        assert!(body[0]["msg"].is_string());
    }
    node.stop().await.unwrap();
}

#[tokio::test]
async fn a_proof_is_one_against_the_cemented_state() {
    let layer1 = FakeLayer1::new();
    layer1.send(b"out one");
    layer1.bake(1);
    let dir = tempfile::tempdir().unwrap();
    let node = start(&layer1, dir.path(), Mode::Operator).await;
    while layer1.cemented().level.get() < 7 {
        node.settled(&layer1).await;
        layer1.bake(1);
    }
    layer1.bake(1);
    // The cemented commitment is noted after the block is evaluated.
    node.settled(&layer1).await;
    let path = "/global/block/cemented/helpers/proofs/outbox/4/messages?index=0";
    let proof = node.value(path).await;
    let cemented = layer1.cemented().hash.in_family(IdFamily::Alpha);
    assert_eq!(proof, json!({"commitment": cemented, "proof": hex::encode(b"out one")}));
    assert_eq!(node.value("/local/outbox/pending/executable").await[0]["outbox_level"], json!(4));
    let published = node.value("/local/last_published_commitment").await;
    assert!(published["published_at_level"].as_u64().unwrap() > 4);
    node.stop().await.unwrap();
}

#[tokio::test]
async fn a_kernel_that_loops_is_seen_from_outside() {
    let layer1 = FakeLayer1::new();
    layer1.bake(2);
    let dir = tempfile::tempdir().unwrap();
    let machine = FakeMachine::default();
    machine.loops.store(true, std::sync::atomic::Ordering::SeqCst);
    let node = Node::start(config(dir.path(), Mode::Operator), layer1.clone(), machine).await.unwrap();
    let node = running(node);
    node.until(|s| s.stuck.is_some()).await;
    let health = node.value("/health").await;
    assert_eq!((&health["healthy"], &health["degraded"]), (&json!(false), &json!(true)));
    assert_eq!(health["stuck"]["obstacle"], json!("deadline"));
    assert_eq!(health["stuck"]["level"], json!(4));
    assert_eq!(node.value("/global/tezos_level").await, json!(3));
    assert_eq!(layer1.mempool(), 0);
    node.stop().await.unwrap();
}

#[tokio::test]
async fn it_waits_for_a_layer_1_that_is_down_at_start_and_later() {
    let layer1 = FakeLayer1::new();
    layer1.bake(2);
    layer1.set_down(true);
    let dir = tempfile::tempdir().unwrap();
    let node = start(&layer1, dir.path(), Mode::Observer).await;
    node.until(|s| s.connection == Connection::Reconnecting).await;
    assert_eq!(node.value("/health").await["l1"]["connection"], json!("reconnecting"));
    layer1.set_down(false);
    node.synchronized(&layer1).await;
    layer1.set_down(true);
    layer1.bake(3);
    node.until(|s| s.connection == Connection::Reconnecting).await;
    layer1.set_down(false);
    layer1.bake(1);
    node.synchronized(&layer1).await;
    node.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_start() {
    let layer1 = FakeLayer1::new();
    let dir = tempfile::tempdir().unwrap();
    let start = |config: Config| Node::start(config, layer1.clone(), FakeMachine::default());
    let first = start(config(dir.path(), Mode::Observer)).await.unwrap();
    let second = start(config(dir.path(), Mode::Observer)).await.err();
    assert!(matches!(second, Some(NodeError::Store(StoreError::Locked { .. }))), "{second:?}");

    let other_dir = tempfile::tempdir().unwrap();
    let mut taken = config(other_dir.path(), Mode::Observer);
    taken.options.rpc_port = first.rpc_addr().port();
    let taken = start(taken).await.err();
    assert!(matches!(taken, Some(NodeError::Listen { addr, .. }) if addr == first.rpc_addr()), "{taken:?}");
    first.run(std::future::ready(())).await.unwrap();

    let mut other = config(dir.path(), Mode::Observer);
    other.rollup = RollupAddress([6; 20]);
    let other = start(other).await.err();
    assert!(matches!(other, Some(NodeError::Store(StoreError::OtherRollup { .. }))), "{other:?}");

    let mut unknown = config(other_dir.path(), Mode::Observer);
    unknown.rollup = RollupAddress([6; 20]);
    unknown.data_dir = other_dir.path().join("unknown");
    let unknown = start(unknown).await.unwrap().run(std::future::pending()).await;
    assert!(matches!(unknown, Err(NodeError::NoRollup { .. })), "{unknown:?}");
}
