//! What strangers send: bad paths, bad bodies, any bytes.

use crate::world::*;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use soru_base::{Binary, Entrypoint, IdFamily, Json};
use soru_michelson::{Micheline, Prim};
use soru_protocol::operation::{Action, Parameters, SignedOperation};

#[tokio::test]
async fn bad_requests_get_typed_errors() {
    let world = world().await;
    for (path, body, status) in [
        ("/injection/operation", "", StatusCode::BAD_REQUEST),
        ("/injection/operation", "\"xyz\"", StatusCode::BAD_REQUEST),
        ("/injection/operation", "\"abc\"", StatusCode::BAD_REQUEST),
        ("/injection/operation", "{\"a\":1}", StatusCode::BAD_REQUEST),
        ("/injection/operation", "{", StatusCode::BAD_REQUEST),
        ("/injection/operation", "\"\"", StatusCode::INTERNAL_SERVER_ERROR),
        ("/injection/operation", "\"00\"", StatusCode::INTERNAL_SERVER_ERROR),
        ("/injection/operation?chain=test", "\"00\"", StatusCode::NOT_FOUND),
        ("/chains/main/blocks/head/helpers/scripts/simulate_operation", "[]", StatusCode::BAD_REQUEST),
        ("/chains/main/blocks/head/helpers/preapply/operations", "{}", StatusCode::BAD_REQUEST),
        ("/chains/main/blocks/head/helpers/forge/operations", "{\"branch\":1}", StatusCode::BAD_REQUEST),
        ("/chains/main/blocks/head/helpers/parse/operations", "{}", StatusCode::BAD_REQUEST),
        ("/sandbox/bake", "{\"count\":0}", StatusCode::BAD_REQUEST),
        ("/sandbox/bake", "{\"count\":\"one\"}", StatusCode::BAD_REQUEST),
        ("/no/such/service", "{}", StatusCode::NOT_FOUND),
        ("/version", "{}", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let response = world.client().post(world.url(path)).body(body).send().await.expect("an answer");
        assert_eq!(response.status(), status, "{path} {body}");
        let answer: Value = response.json().await.expect("JSON");
        assert!(answer[0]["kind"].is_string() && answer[0]["id"].is_string(), "{path} {body}: {answer}");
    }
    for path in ["/", "/chains/main/blocks/head/nothing", "/chains", "/monitor/heads"] {
        let (status, answer) = world.try_get(path).await;
        assert_eq!((status, id(&answer)), (StatusCode::NOT_FOUND, "rpc.not_found"), "{path}");
    }
    assert_eq!(world.level().await, 0);
}

#[tokio::test]
async fn oversized_things_are_refused() {
    let world = world().await;
    let body = json!("00".repeat(40_000));
    let (status, answer) = world.try_post("/injection/operation", &body).await;
    assert_eq!(
        (status, id(&answer)),
        (StatusCode::INTERNAL_SERVER_ERROR, "node.prevalidation.oversized_operation")
    );
    let body = json!("00".repeat(4_000_000));
    let (status, answer) = world.try_post("/injection/operation", &body).await;
    assert_eq!((status, id(&answer)), (StatusCode::PAYLOAD_TOO_LARGE, "rpc.body_too_large"));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let forge = world.url("/chains/main/blocks/head/helpers/forge/operations");
    let response = world.client().post(forge).body(deep).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn web_pages_may_ask() {
    let world = world().await;
    let response = world
        .client()
        .request(Method::OPTIONS, world.url("/injection/operation"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let response = world.client().head(world.url("/version")).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
}

/// Bytes near a valid operation: cut, with one byte changed, with a tail; and any bytes at all.
fn bytes(valid: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let len = valid.len();
    let (cut, changed, longer) = (valid.clone(), valid.clone(), valid);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (0..len).prop_map(move |at| cut[..at].to_vec()),
        (0..len, any::<u8>()).prop_map(move |(at, byte)| {
            let mut bytes = changed.clone();
            bytes[at] = byte;
            bytes
        }),
        prop::collection::vec(any::<u8>(), 1..100).prop_map(move |tail| [longer.clone(), tail].concat()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn any_bytes_get_an_answer_and_blocks_go_on() {
    let world = world().await;
    let valid = world.transfer(1, 2, 1).await.to_bytes();
    let handle = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        let mut runner = TestRunner::new(Cases::with_cases(256));
        runner
            .run(&bytes(valid), |bytes| {
                let (status, answer) =
                    handle.block_on(world.try_post("/injection/operation", &json!(hex::encode(&bytes))));
                if status == StatusCode::OK {
                    // Only the operation itself can be valid.
                    prop_assert!(answer.is_string());
                } else {
                    prop_assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
                    prop_assert_ne!(id(&answer), "sandbox.panic", "{}", hex::encode(&bytes));
                    prop_assert!(!id(&answer).starts_with("sandbox."), "{}", answer);
                }
                Ok(())
            })
            .expect("every answer is typed");
    });
    world.inject(&world.transfer(3, 2, 1).await).await;
    world.bake(1).await;
    assert!(!world.operations_of("head").await.is_empty());
}

/// As deep as an expression can be: everything that touches it must have stack enough.
#[test]
fn the_deepest_expressions_go_through() {
    // The test handles them, too.
    let thread = std::thread::Builder::new().stack_size(256 * 1024 * 1024).spawn(|| {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(deepest());
    });
    thread.expect("a thread").join().expect("no panic");
}

async fn deepest() {
    let world = world().await;
    for depth in [100, 1_000, 9_900] {
        let mut value = Micheline::unit();
        for _ in 0..depth {
            value = Micheline::prim(Prim::Some, [value]);
        }
        let mut operation = world.operation(account(1), transfer_to(2, 1)).await;
        if let Action::Transaction { parameters, .. } = &mut operation.contents[0].action {
            *parameters = Some(Parameters { entrypoint: Entrypoint::default(), value });
        }
        let json = operation.to_json(IdFamily::Alpha);
        let chain_id = world.get("/chains/main/chain_id").await;
        let body = json!({ "operation": json, "chain_id": chain_id });
        let simulate = world.url("/chains/main/blocks/head/helpers/scripts/simulate_operation");
        let response = world.client().post(simulate).body(body.to_string()).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{depth}");

        let signed = SignedOperation::sign(operation, &account(1).sk());
        let hash = world.inject(&signed).await;
        let rejected = SignedOperation::sign(signed.operation.clone(), &account(2).sk());
        world.try_inject(&rejected).await;
        for path in ["/chains/main/mempool/pending_operations", "/chains/main/blocks/head"] {
            let response = world.client().get(world.url(path)).send().await.expect("an answer");
            assert_eq!(response.status(), StatusCode::OK, "{path} {depth}");
            if path.ends_with("head") {
                break;
            }
            world.bake(1).await;
        }
        assert_eq!(world.operations_of("head").await, [hash]);
    }
    // More blocks than are kept in memory, so that they are read again.
    world.bake(70).await;
    for level in 1..=3 {
        let path = format!("/chains/main/blocks/{level}");
        let response = world.client().get(world.url(&path)).send().await.expect("an answer");
        let text = response.text().await.expect("a text");
        assert!(text.contains("\"Some\""), "{level}");
    }
}
