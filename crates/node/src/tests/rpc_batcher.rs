use super::fake_layer1::PERIOD;
use super::rpc::{Running, running, start};
use super::*;
use crate::node::Node;
use serde_json::{Value, json};

impl Running {
    async fn status_until(&self, id: &str, wanted: &str) -> Value {
        loop {
            let status = self.value(&format!("/local/batcher/queue/{id}")).await;
            if status["status"] == json!(wanted) {
                return status;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn inject(&self, query: &str, messages: &[&str]) -> Vec<String> {
        let (status, ids) = self.post(&format!("/local/batcher/injection{query}"), &json!(messages)).await;
        assert_eq!(status, 200, "{ids}");
        ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_message_s_way_from_pending_to_committed() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    layer1.bake(3);
    let mut config = config(dir.path(), Mode::Operator);
    config.options.gc_period = 1;
    let node = running(Node::start(config, layer1.clone(), FakeMachine::default()).await.unwrap());
    node.synchronized(&layer1).await;
    node.until(|s| s.batcher.is_some()).await;
    let ids = node.inject("", &["cafe01", "cafe02"]).await;
    let pending = node.value(&format!("/local/batcher/queue/{}", ids[0])).await;
    assert_eq!(pending, json!({"content": "cafe01", "status": "pending_batch"}));
    assert_eq!(
        node.value("/local/batcher/queue").await,
        json!([
            {"id": ids[0], "message": {"content": "cafe01", "counter": "0"}},
            {"id": ids[1], "message": {"content": "cafe02", "counter": "1"}},
        ])
    );
    layer1.bake(1);
    let injected = node.status_until(&ids[1], "injected").await;
    let hash = layer1.signed()[0].hash().to_string();
    let operation = json!({"kind": "add_messages", "message": ["cafe01", "cafe02"]});
    assert_eq!(
        injected,
        json!({
            "content": "cafe02", "status": "injected", "operation": operation,
            "layer1": {"operation_hash": hash, "operation_index": 0},
        })
    );
    assert_eq!(node.value("/local/batcher/queue").await, json!([]));
    layer1.bake(1);
    let level = layer1.head_level();
    let included = node.status_until(&ids[0], "included").await;
    node.synchronized(&layer1).await;
    let block = node.value(&format!("/global/block/{level}/hash")).await;
    assert_eq!(
        included,
        json!({
            "content": "cafe01", "status": "included", "operation": operation,
            "layer1": {"operation_hash": hash, "operation_index": 0, "block_hash": block, "level": level},
            "finalized": false, "cemented": false,
        })
    );
    for _ in 0..100 {
        if node.value(&format!("/local/batcher/queue/{}", ids[0])).await["status"] == json!("committed") {
            break;
        }
        layer1.bake(1);
        node.settled(&layer1).await;
    }
    let committed = node.value(&format!("/local/batcher/queue/{}", ids[0])).await;
    assert_eq!(committed["status"], json!("committed"));
    assert_eq!(committed["finalized"], json!(true));
    assert!(committed["commitment"]["inbox_level"].as_u64().unwrap() >= u64::from(level));
    assert!(committed["hash"].as_str().unwrap().starts_with("scc1"));
    assert!(committed["published_at_level"].as_u64().unwrap() > u64::from(level));
    assert_eq!(committed["first_published_at_level"], committed["published_at_level"]);
    let (_, metrics) = node.get_text("/metrics").await;
    assert!(metrics.contains("soru_node_batcher_messages_taken_total"), "{metrics}");

    // A block between the message and its commitment is thrown away; what became of the message is still known.
    let last = committed["commitment"]["inbox_level"].as_u64().unwrap();
    assert!(u64::from(level) < last, "the message is in the last block of its period");
    let mut blocks = 0..100;
    while u64::from(layer1.cemented().level.get()) < last + u64::from(PERIOD) {
        blocks.next().expect("it is not cemented");
        layer1.bake(1);
        node.settled(&layer1).await;
    }
    assert_eq!(node.get(&format!("/global/block/{level}")).await.0, 200);
    // No reorganisation goes back so far.
    layer1.bake(101);
    node.settled(&layer1).await;
    assert_eq!(node.get(&format!("/global/block/{level}")).await.0, 404);
    let still = node.value(&format!("/local/batcher/queue/{}", ids[0])).await;
    assert_eq!((&still["status"], &still["hash"]), (&json!("committed"), &committed["hash"]));
    node.stop().await.unwrap();
}

#[tokio::test]
async fn a_batcher_follows_and_evaluates_nothing() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    layer1.bake(9);
    let node = start(&layer1, dir.path(), Mode::Batcher).await;
    node.synchronized(&layer1).await;
    assert_eq!(node.value("/local/synchronized").await, json!("synchronized"));
    assert_eq!(node.value("/global/tezos_level").await, json!(12));
    assert_eq!(node.value("/health").await["healthy"], json!(true));
    let once = node.inject("?drop_duplicate=true", &["00", "00"]).await;
    assert_eq!(once[0], once[1]);
    let ordered = node.inject("?order=7", &["01"]).await;
    let queue = node.value("/local/batcher/queue").await;
    assert_eq!(
        queue[0],
        json!({"order": "7", "id": ordered[0], "message": {"content": "01", "counter": "1"}})
    );
    layer1.bake(1);
    node.status_until(&once[0], "injected").await;
    layer1.bake(1);
    node.status_until(&once[0], "included").await;
    layer1.bake(10);
    node.synchronized(&layer1).await;
    let status = node.value(&format!("/local/batcher/queue/{}", once[0])).await;
    assert_eq!((&status["status"], &status["finalized"]), (&json!("included"), &json!(true)));
    assert_eq!(layer1.mempool(), 0);
    assert!(layer1.publications().is_empty());
    node.stop().await.unwrap();
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_as_a_whole() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let node = start(&layer1, dir.path(), Mode::Batcher).await;
    let large = "00".repeat(4_096);
    for body in [
        json!({}),
        json!("00"),
        json!(["00", 1]),
        json!(["00", "0"]),
        json!(["00", "xy"]),
        json!(["00", large]),
    ] {
        let (status, answer) = node.post("/local/batcher/injection", &body).await;
        assert_eq!((status, &answer[0]["id"]), (400, &json!("soru.node.bad_request")), "{body}");
    }
    let (status, answer) = node.post("/local/batcher/injection?order=-1", &json!(["00"])).await;
    assert_eq!((status, &answer[0]["id"]), (400, &json!("soru.node.bad_request")));
    assert_eq!(node.value("/local/batcher/queue").await, json!([]));
    assert!(node.inject("", &[]).await.is_empty());
    assert_eq!(node.inject("", &["", &large[2..]]).await.len(), 2);
    let unknown = crate::batcher::message_id(None, b"nobody sent this");
    assert_eq!(node.value(&format!("/local/batcher/queue/{unknown}")).await, json!({"status": "unknown"}));
    let (status, _) = node.get_text("/local/batcher/queue/nonsense").await;
    assert_eq!(status, 400);
    let (status, _) = node.get_text("/local/batcher/injection").await;
    assert_eq!(status, 405);
    // A page in somebody's browser can send plain text without being asked.
    let (status, _) = node.request("POST", "/local/batcher/injection", "text/plain", "[\"00\"]").await;
    assert_eq!(status, 400);
    node.stop().await.unwrap();
}

#[tokio::test]
async fn others_may_inject_only_where_it_is_allowed_by_name() {
    let layer1 = FakeLayer1::new();
    for allowed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(dir.path(), Mode::Batcher);
        config.options.rpc_addr = "0.0.0.0".parse().unwrap();
        if allowed {
            config.options.rpc_allow = vec!["/local/batcher/injection".to_owned()];
        }
        let node = running(Node::start(config, layer1.clone(), FakeMachine::default()).await.unwrap());
        let (status, answer) = node.post("/local/batcher/injection", &json!(["00"])).await;
        match allowed {
            true => assert_eq!(status, 200, "{answer}"),
            false => assert_eq!((status, &answer[0]["id"]), (401, &json!("soru.node.not_allowed"))),
        }
        let queue = node.value("/local/batcher/queue").await;
        assert_eq!(queue.as_array().unwrap().len(), usize::from(allowed));
        node.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_mode_without_a_batcher_says_so() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    let node = start(&layer1, dir.path(), Mode::Maintenance).await;
    let (status, answer) = node.post("/local/batcher/injection", &json!(["00"])).await;
    assert_eq!((status, &answer[0]["id"]), (500, &json!("sc_rollup.node.no_batcher")));
    let (status, _) = node.get_text("/local/batcher/queue").await;
    assert_eq!(status, 500);
    node.stop().await.unwrap();
}
