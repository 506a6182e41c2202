//! What a real Octez node, or a proxy before it, answers differently from the embedded layer-1. The book's page "A real
//! layer-1" names these tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fake;

use axum::Router;
use axum::extract::Request;
use axum::response::Json;
use fake::{Ending, Fake, Reply, block_hash, head_line, header_json, settings};
use serde_json::{Value, json};
use soru_base::{IdFamily, ProtocolHash};
use soru_l1::{BlockId, Client, L1Error, Settings};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const MONITOR: &str = "GET /monitor/heads/main";
const CHAIN_ID: &str = "GET /chains/main/chain_id";
const MAINNET: &str = "NetXdQprcVkpaWU";

fn line(level: u32) -> Vec<u8> {
    head_line(level, 0, block_hash(level - 1, 0))
}

#[tokio::test]
async fn the_stream_of_heads_may_end_at_any_byte() {
    let both = [line(5), line(6)].concat();
    for ending in [Ending::Ends, Ending::Breaks] {
        let fake = Fake::start().await;
        let client = fake.client();
        for cut in 0..both.len() {
            fake.on(MONITOR, Reply::Pieces(vec![both[..cut].to_vec()], ending));
        }
        fake.on(MONITOR, Reply::Pieces(vec![both.clone()], Ending::StaysOpen));
        // Whatever was lost, only the heads that were whole are told, and the last one in the end.
        let mut heads = client.monitor_heads();
        let mut told = Vec::new();
        while told.last() != Some(&6) {
            match heads.try_next().await {
                Ok(head) => told.push(head.level.get()),
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
        // Of a connection that breaks, what was sent may be lost, too.
        assert!(told == [5, 6] || ending == Ending::Breaks && told == [6], "{told:?}");
        assert!(fake.asked(MONITOR).len() >= both.len() - line(6).len());
    }
}

#[tokio::test]
async fn heads_come_in_any_pieces_with_blanks_between_them() {
    let fake = Fake::start().await;
    let whole = [b"\n \r\n".to_vec(), line(5), b"\n\n".to_vec(), line(6), line(7), b"\n".to_vec()].concat();
    fake.on(MONITOR, Reply::Pieces(whole.chunks(1).map(<[u8]>::to_vec).collect(), Ending::StaysOpen));
    let mut heads = fake.client().monitor_heads();
    let mut last = 0;
    while last < 7 {
        let head = heads.try_next().await.unwrap();
        assert!(head.level.get() > last, "no head comes twice");
        last = head.level.get();
    }
}

#[tokio::test]
async fn heads_may_skip_levels_and_go_back() {
    let fake = Fake::start().await;
    let other = head_line(7, 1, block_hash(6, 1));
    for piece in [line(5), line(90), other] {
        fake.on(MONITOR, Reply::Pieces(vec![piece], Ending::Ends));
    }
    let mut heads = fake.client().monitor_heads();
    let mut told = Vec::new();
    while told.len() < 3 {
        told.extend(heads.try_next().await.ok().map(|head| head.hash));
    }
    assert_eq!(told, [block_hash(5, 0), block_hash(90, 0), block_hash(7, 1)]);
}

#[tokio::test]
async fn clocks_may_be_wrong() {
    let fake = Fake::start().await;
    for (level, time) in
        [(1, json!("1970-01-01T00:00:00Z")), (2, json!("2999-01-01T00:00:00Z")), (3, json!(-5))]
    {
        let mut header = header_json(level, 0, block_hash(level - 1, 0));
        header["timestamp"] = time;
        fake.json(&format!("GET /chains/main/blocks/{level}/header"), header);
    }
    for level in 1..=3 {
        let id: BlockId = level.to_string().parse().unwrap();
        assert_eq!(fake.client().header(id).await.unwrap().level.get(), level);
    }
}

#[tokio::test]
async fn numbers_may_be_texts() {
    let fake = Fake::start().await;
    let mut header = header_json(8, 0, block_hash(7, 0));
    header["level"] = "8".into();
    fake.json("GET /chains/main/blocks/head/header", header);
    assert_eq!(fake.client().header(BlockId::HEAD).await.unwrap().level.get(), 8);
}

#[tokio::test]
async fn levels_that_are_pruned_are_gone_not_unknown() {
    let fake = Fake::start().await;
    fake.on(CHAIN_ID, Reply::Status(410, "[{\"kind\":\"permanent\",\"id\":\"failure\"}]".to_owned()))
        .on(CHAIN_ID, Reply::Status(410, String::new()))
        .on(CHAIN_ID, Reply::Status(404, "<html>no block</html>".to_owned()));
    let client = fake.client();
    for _ in 0..2 {
        let error = client.chain_id().await.unwrap_err();
        assert!(matches!(error, L1Error::Gone { .. }) && !error.is_transient(), "{error}");
    }
    assert!(matches!(client.chain_id().await, Err(L1Error::NotFound { .. })));
}

#[tokio::test]
async fn a_limit_of_rate_is_kept_to() {
    let fake = Fake::start().await;
    fake.on(CHAIN_ID, Reply::RetryAfter(429, "0"))
        .on(CHAIN_ID, Reply::RetryAfter(429, "Sun, 22 Nov 2026 10:00:00 GMT"))
        .on(CHAIN_ID, Reply::RetryAfter(503, "never"))
        .json(CHAIN_ID, json!(MAINNET));
    assert_eq!(fake.client().chain_id().await.unwrap().to_string(), MAINNET);
    assert_eq!(fake.asked(CHAIN_ID).len(), 4);
}

#[tokio::test]
async fn proxies_that_have_no_node_behind_them_are_waited_for() {
    for code in [408, 502, 503, 504] {
        let fake = Fake::start().await;
        fake.on(CHAIN_ID, Reply::Status(code, "<html><h1>Bad Gateway</h1></html>".to_owned()));
        let error = fake.client().chain_id().await.unwrap_err();
        assert!(error.is_transient(), "{code}: {error}");
        assert!(error.to_string().contains("Bad Gateway"), "{error}");
    }
}

#[tokio::test]
async fn a_page_for_people_is_no_answer() {
    let fake = Fake::start().await;
    fake.on(CHAIN_ID, Reply::Status(200, "<!DOCTYPE html><title>Maintenance</title>".to_owned()));
    let error = fake.client().chain_id().await.unwrap_err();
    assert!(matches!(error, L1Error::BadJson { .. }), "{error}");
}

#[tokio::test]
async fn redirections_are_told_not_followed() {
    let fake = Fake::start().await;
    let elsewhere = "https://rpc.example/mainnet/chains/main/chain_id".to_owned();
    fake.on(CHAIN_ID, Reply::With(301, "location", elsewhere.clone()))
        .on(CHAIN_ID, Reply::With(308, "location", format!("{}/chains/main/chain_id", fake.endpoint)));
    let client = fake.client();
    let error = client.chain_id().await.unwrap_err().to_string();
    assert!(error.contains("status 301") && error.contains(&elsewhere), "{error}");
    client.chain_id().await.unwrap_err();
    assert_eq!(fake.asked(CHAIN_ID).len(), 2);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_shorter_answer() {
    let fake = Fake::start().await;
    let whole = json!(MAINNET).to_string().into_bytes();
    fake.on(CHAIN_ID, Reply::Pieces(vec![whole[..8].to_vec()], Ending::Breaks))
        .on(CHAIN_ID, Reply::Pieces(vec![whole[..8].to_vec()], Ending::Ends));
    let client = fake.client();
    let lost = client.chain_id().await.unwrap_err();
    assert!(matches!(lost, L1Error::Unreachable { .. }) && lost.is_transient(), "{lost}");
    assert!(matches!(client.chain_id().await, Err(L1Error::BadJson { .. })));
}

#[tokio::test]
async fn slow_answers_have_an_end() {
    let fake = Fake::start().await;
    fake.on(CHAIN_ID, Reply::Silence).on(CHAIN_ID, Reply::Pieces(vec![b"\"Net".to_vec()], Ending::StaysOpen));
    let client = fake.client_with(Settings { request_timeout: Duration::from_millis(30), ..settings() });
    for what in ["no answer", "a part of one"] {
        let error = client.chain_id().await.unwrap_err();
        assert!(matches!(error, L1Error::Timeout { .. }) && error.is_transient(), "{what}: {error}");
    }
}

/// `"NetXdQprcVkpaWU"`, compressed, and a megabyte of blanks before it.
const COMPRESSED: &str = "1f8b0800000000000003";

#[tokio::test]
async fn answers_may_be_compressed_and_are_limited_as_what_they_stand_for() {
    let fake = Fake::start().await;
    fake.on(CHAIN_ID, Reply::Gzip(gzip(json!(MAINNET).to_string().as_bytes())))
        .on(CHAIN_ID, Reply::Gzip(gzip(&[b' '; 5_000])));
    let client = fake.client_with(Settings { max_body: 1_000, ..settings() });
    assert_eq!(client.chain_id().await.unwrap().to_string(), MAINNET);
    let error = client.chain_id().await.unwrap_err();
    assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
}

/// The bytes in the form of RFC 1952, stored as they are.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = hex::decode(COMPRESSED).unwrap();
    let length = u16::try_from(bytes.len()).unwrap();
    out.push(1);
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(bytes);
    let crc = !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    out.extend(crc.to_le_bytes());
    out.extend(u32::from(length).to_le_bytes());
    out
}

/// A server that answers with what it was asked.
async fn mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = async |request: Request| {
        let login = request.headers().get("authorization").map(|v| v.to_str().unwrap().to_owned());
        Json(json!({ "path": request.uri().to_string(), "login": login }))
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address.to_string()
}

#[tokio::test]
async fn an_endpoint_may_have_a_path_and_a_login() {
    let address = mirror().await;
    let ask = async |endpoint: String| -> (Client, Value) {
        let client = Client::with_settings(&endpoint, IdFamily::Mainnet, settings()).unwrap();
        let answer = client.get("/version").await.unwrap();
        (client, answer)
    };
    let (client, answer) = ask(format!("http://me:s%3Acret@{address}/v1/mainnet/")).await;
    // `me:s:cret` in base64.
    assert_eq!(answer, json!({ "path": "/v1/mainnet/version", "login": "Basic bWU6czpjcmV0" }));
    assert_eq!(client.endpoint(), format!("http://{address}/v1/mainnet"));
    assert!(!format!("{client:?}").contains("cret"));
    let (_, answer) = ask(address).await;
    assert_eq!(answer, json!({ "path": "/version", "login": null }));
}

#[tokio::test]
async fn an_https_endpoint_is_spoken_to_in_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let client = Client::with_settings(&endpoint, IdFamily::Mainnet, settings()).unwrap();
    let greeted = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap()
    };
    let (answer, first) = tokio::join!(client.chain_id(), greeted);
    // A handshake, and nothing in the clear.
    assert_eq!(first, 0x16);
    assert!(matches!(answer, Err(L1Error::Unreachable { .. })));
}

/// A block as a node of another kind writes it.
fn block_json(level: u32, more: Value) -> Value {
    let mut block = json!({
        "protocol": "PtTALLiNtPec7mE7yY4m3k26J8Qukef3E3ehzhfXgFZKGtDdAXu",
        "chain_id": MAINNET,
        "hash": block_hash(level, 0).to_string(),
        "header": header_json(level, 0, block_hash(level - 1, 0)),
        "metadata": null,
        "operations": [[], [], [], []],
    });
    for (name, value) in more.as_object().unwrap() {
        block[name] = value.clone();
    }
    block
}

async fn block_of(value: Value) -> Result<soru_l1::Block, L1Error> {
    let fake = Fake::start().await;
    fake.json("GET /chains/main/blocks/head?metadata=always", value);
    fake.client().block(BlockId::HEAD).await
}

#[tokio::test]
async fn the_block_of_a_new_protocol_names_both() {
    let next = "ProtoALphaALphaALphaALphaALphaALphaALphaALphaDdp3zK";
    let block = block_of(block_json(7, json!({ "metadata": { "next_protocol": next } }))).await.unwrap();
    assert_eq!(
        (block.next_protocol, block.protocol == block.next_protocol),
        (next.parse::<ProtocolHash>().unwrap(), false)
    );
    // Metadata may have been thrown away.
    let block = block_of(block_json(7, json!({}))).await.unwrap();
    assert_eq!(block.protocol, block.next_protocol);
}

#[tokio::test]
async fn a_block_without_a_list_of_operations_is_not_taken_for_an_empty_one() {
    assert!(block_of(block_json(7, json!({ "operations": [] }))).await.unwrap().rollup_events().is_ok());
    for operations in [Value::Null, json!({}), json!([null])] {
        let error = block_of(block_json(7, json!({ "operations": operations }))).await.unwrap_err();
        assert!(matches!(error, L1Error::BadJson { .. }), "{error}");
    }
}
