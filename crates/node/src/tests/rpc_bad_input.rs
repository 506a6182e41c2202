//! Everything a stranger can get wrong on each route: a typed error, and the node is as it was.

use super::rpc::start;
use super::*;
use serde_json::json;

#[tokio::test]
async fn every_bad_input_has_a_typed_error_and_loses_nothing() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    layer1.bake(6);
    let node = start(&layer1, dir.path(), Mode::Operator).await;
    node.synchronized(&layer1).await;
    node.until(|s| s.batcher.is_some()).await;
    let (status, _) = node.post("/local/batcher/injection", &json!(["c0ffee"])).await;
    assert_eq!(status, 200);
    let (queue, head) = (node.value("/local/batcher/queue").await, node.value("/global/block/head").await);
    let (json, text) = ("application/json", "text/plain");
    let large = format!("[\"{}\"]", "00".repeat(1 << 20));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let simulate = "/global/block/head/simulate";
    let inject = "/local/batcher/injection";
    let long_key = format!("/{}", "a".repeat(20_000));
    let kind = r#"{"messages": [], "insight_requests": [{"kind": "x"}]}"#;
    let key = "/global/block/head/durable/wasm_2_0_0";
    let cases = [
        ("GET", "/global/block/%ff/hash".to_owned(), json, "", 400),
        ("GET", "/global/block//hash".to_owned(), json, "", 400),
        ("GET", "/global/block/head/nothing".to_owned(), json, "", 404),
        ("GET", "/global/block/-1/hash".to_owned(), json, "", 400),
        ("GET", "/global/block/99999999999999999999/hash".to_owned(), json, "", 400),
        ("GET", "/global/block/2147483648/hash".to_owned(), json, "", 400),
        ("POST", "/global/tezos_head".to_owned(), json, "", 405),
        ("PUT", "/ping".to_owned(), json, "", 405),
        ("GET", inject.to_owned(), json, "", 405),
        ("POST", inject.to_owned(), json, "", 400),
        ("POST", inject.to_owned(), json, "{", 400),
        ("POST", inject.to_owned(), json, "{}", 400),
        ("POST", inject.to_owned(), json, "[1]", 400),
        ("POST", inject.to_owned(), json, "[\"0\"]", 400),
        ("POST", inject.to_owned(), json, &deep, 400),
        ("POST", inject.to_owned(), json, &large, 413),
        ("POST", inject.to_owned(), text, "[\"00\"]", 400),
        ("POST", format!("{inject}?order=one"), json, "[\"00\"]", 400),
        ("POST", format!("{inject}?drop_duplicate=maybe"), json, "[\"00\"]", 400),
        ("GET", "/local/batcher/queue/scmsg".to_owned(), json, "", 400),
        ("GET", "/local/commitments/scc1".to_owned(), json, "", 400),
        ("GET", "/local/outbox/pending?outbox_level=many".to_owned(), json, "", 400),
        ("GET", "/global/block/head/outbox".to_owned(), json, "", 400),
        ("GET", "/global/block/head/outbox?outbox_level=-3".to_owned(), json, "", 400),
        ("GET", "/global/block/head?outbox=perhaps".to_owned(), json, "", 400),
        ("GET", "/global/block/head/helpers/proofs/outbox/2/messages?index=x".to_owned(), json, "", 400),
        ("GET", format!("{key}/value?key=kernel"), json, "", 400),
        ("GET", format!("{key}/length?key=kernel"), json, "", 400),
        ("GET", format!("{key}/value?key={long_key}"), json, "", 200),
        ("POST", simulate.to_owned(), json, "", 400),
        ("POST", simulate.to_owned(), json, r#"{"messages": ["0"]}"#, 400),
        ("POST", simulate.to_owned(), json, r#"{"messages": [], "fuel": 1}"#, 400),
        ("POST", simulate.to_owned(), json, kind, 400),
        ("POST", simulate.to_owned(), text, r#"{"messages": []}"#, 400),
        ("POST", "/global/block/77/simulate".to_owned(), json, r#"{"messages": []}"#, 404),
        ("DELETE", "/admin/batcher/queue?order_below=-1".to_owned(), json, "", 400),
        ("DELETE", "/admin/batcher/queue?drop_no_order=perhaps".to_owned(), json, "", 400),
        ("DELETE", "/local/batcher/queue".to_owned(), json, "", 405),
        ("GET", "/stats/ocaml_gc".to_owned(), json, "", 404),
        ("POST", "/local/dal/slot/indices".to_owned(), json, r#"{"indices": []}"#, 404),
    ];
    for (verb, path, kind, body, expected) in cases {
        // That the answer is an error of the described shape is looked at for every request of every test.
        let (status, answer) = node.request(verb, &path, kind, body).await;
        assert_eq!(status, expected, "{verb} {}: {answer}", &path[..path.len().min(80)]);
    }
    assert_eq!(node.value("/local/batcher/queue").await, queue);
    assert_eq!(node.value("/global/block/head").await, head);
    node.stop().await.unwrap();
}

#[tokio::test]
async fn a_simulation_takes_no_more_than_it_may() {
    let (layer1, dir) = (FakeLayer1::new(), tempfile::tempdir().unwrap());
    layer1.bake(2);
    let node = start(&layer1, dir.path(), Mode::Observer).await;
    node.synchronized(&layer1).await;
    let page = "00".repeat(4_097);
    let insight = json!({"kind": "pvm_state", "key": ["fold"]});
    let long = json!({"kind": "pvm_state", "key": vec!["a"; 65]});
    for (body, cause) in [
        (json!({"messages": [page]}), "at most 4096"),
        (json!({"messages": [], "reveal_pages": [page]}), "at most 4096"),
        (json!({"messages": [], "insight_requests": vec![insight; 101]}), "at most 100 insights"),
        (json!({"messages": [], "insight_requests": [long]}), "at most 64 steps"),
        (
            json!({"messages": [], "insight_requests": [{"kind": "durable_storage", "key": 7}]}),
            "insight_requests",
        ),
        (json!({"reveal_pages": []}), "messages"),
    ] {
        let (status, answer) = node.post("/global/block/head/simulate", &body).await;
        assert_eq!((status, &answer[0]["id"]), (400, &json!("soru.node.bad_request")), "{answer}");
        assert!(answer[0]["msg"].as_str().unwrap().contains(cause), "{answer}");
    }
    node.stop().await.unwrap();
}
