//! Questions, their answers, and all that can be wrong with these.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fake;

use fake::{Fake, Reply, block_hash, header_json, settings};
use serde_json::json;
use soru_base::{
    BootstrapAccount, ChainId, CommitmentHash, ContractHash, IdFamily, Json as _, Level, Mutez,
    RollupAddress, StateHash, TickSpan,
};
use soru_l1::{BlockId, Client, L1Error, Settings};
use soru_michelson::MAX_DEPTH;
use soru_michelson::Micheline;
use soru_protocol::Commitment;
use soru_protocol::operation::PvmKind;
use std::time::Duration;
use tokio::net::TcpListener;

const CHAIN_ID: &str = "/chains/main/chain_id";
const ASK_CHAIN_ID: &str = "GET /chains/main/chain_id";

#[tokio::test]
async fn what_does_not_exist_is_not_found_at_a_place() {
    let fake = Fake::start().await;
    let error = fake.client().header(BlockId::before_head(2)).await.unwrap_err();
    assert!(matches!(error, L1Error::NotFound { .. }));
    assert_eq!(error.to_string(), format!("nothing at {}/chains/main/blocks/head~2/header", fake.endpoint));
    assert!(!error.is_transient());
}

#[tokio::test]
async fn the_networks_errors_are_told_by_their_ids() {
    let fake = Fake::start().await;
    let errors = json!([
        { "kind": "temporary", "id": "proto.alpha.contract.balance_too_low", "balance": "1" },
        { "kind": "permanent", "id": "failure", "msg": "no luck today" },
    ]);
    fake.on(ASK_CHAIN_ID, Reply::Status(500, errors.to_string()));
    let error = fake.client().chain_id().await.unwrap_err();
    assert!(error.has_id("contract.balance_too_low") && error.has_id("proto.alpha.contract.balance_too_low"));
    assert!(!error.has_id("balance_too_low"));
    let told = error.to_string();
    assert!(told.contains(CHAIN_ID), "{told}");
    assert!(
        told.ends_with("proto.alpha.contract.balance_too_low (balance: 1), failure (no luck today)"),
        "{told}"
    );
}

#[tokio::test]
async fn other_answers_are_told_as_they_are() {
    let fake = Fake::start().await;
    fake.on(ASK_CHAIN_ID, Reply::Status(500, "<html>oops</html>".to_owned()))
        .on(ASK_CHAIN_ID, Reply::Status(400, "[]".to_owned()))
        .on(ASK_CHAIN_ID, Reply::Status(200, "{\"cut\":".to_owned()))
        .json(ASK_CHAIN_ID, json!("BLockGenesis"))
        .on(ASK_CHAIN_ID, Reply::Status(302, String::new()));
    let client = fake.client();
    for expected in
        ["status 500: <html>oops</html>", "status 400: []", "expected JSON", "expected ChainId", "302"]
    {
        let error = client.chain_id().await.unwrap_err();
        let told = error.to_string();
        assert!(told.contains(expected) && told.contains(CHAIN_ID), "{told}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let fake = Fake::start().await;
    fake.json(ASK_CHAIN_ID, json!("x".repeat(2_000)));
    let client = fake.client_with(Settings { max_body: 1_000, ..settings() });
    let error = client.chain_id().await.unwrap_err();
    assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
}

/// What reads and drops JSON recurses: whoever asks for contracts gives it the stack for that.
#[test]
fn a_contract_may_be_nested_deeper_than_usual() {
    let asking = std::thread::Builder::new().stack_size(64 << 20).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ask_for_nested_contracts());
    });
    asking.unwrap().join().unwrap();
}

async fn ask_for_nested_contracts() {
    let fake = Fake::start().await;
    let contract: ContractHash = "KT1TxqZ8QtKvLu3V3JH7Gx58n7Co8pgtpQU5".parse().unwrap();
    let path = format!("GET /chains/main/blocks/head/context/contracts/{contract}/storage");
    let nested = |depth: usize| Reply::Status(200, format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    fake.on(&path, nested(MAX_DEPTH)).on(&path, nested(MAX_DEPTH + 1)).on(&path, nested(100_000));
    let client = fake.client();
    assert!(client.storage(BlockId::HEAD, contract).await.is_ok());
    let error = client.storage(BlockId::HEAD, contract).await.unwrap_err();
    assert!(error.to_string().contains(&MAX_DEPTH.to_string()), "{error}");
    let error = client.storage(BlockId::HEAD, contract).await.unwrap_err();
    assert!(error.to_string().contains("nested values"), "{error}");
}

#[tokio::test]
async fn an_overloaded_layer_1_is_asked_again() {
    let fake = Fake::start().await;
    fake.on(ASK_CHAIN_ID, Reply::RetryAfter(429, "0"))
        .on(ASK_CHAIN_ID, Reply::RetryAfter(503, "soon"))
        .json(ASK_CHAIN_ID, json!("NetXdQprcVkpaWU"));
    assert_eq!(fake.client().chain_id().await, Ok("NetXdQprcVkpaWU".parse::<ChainId>().unwrap()));
    assert_eq!(fake.asked(ASK_CHAIN_ID).len(), 3);
}

#[tokio::test]
async fn an_overload_without_end_is_an_error() {
    let fake = Fake::start().await;
    fake.on(ASK_CHAIN_ID, Reply::RetryAfter(429, "999999999"));
    let error = fake.client().chain_id().await.unwrap_err();
    assert!(matches!(error, L1Error::HttpStatus { code: 429, .. }), "{error}");
    assert!(error.is_transient());
    assert_eq!(fake.asked(ASK_CHAIN_ID).len(), 1 + 3);
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let fake = Fake::start().await;
    fake.on(ASK_CHAIN_ID, Reply::Silence);
    let client = fake.client_with(Settings { request_timeout: Duration::from_millis(20), ..settings() });
    let error = client.chain_id().await.unwrap_err();
    assert!(matches!(error, L1Error::Timeout { .. }) && error.is_transient(), "{error}");
    assert!(error.to_string().contains(CHAIN_ID));
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fake = Fake::at(&listener);
    drop(listener);
    let error = fake.client().chain_id().await.unwrap_err();
    assert!(matches!(error, L1Error::Unreachable { .. }) && error.is_transient());
    let told = error.to_string();
    assert!(told.starts_with(&format!("layer-1 unreachable at {}{CHAIN_ID}: ", fake.endpoint)), "{told}");
    assert!(told.to_lowercase().contains("refused"), "{told}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fake = Fake::at(&listener);
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 64];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\"NetXd").await.unwrap();
    });
    let error = fake.client().chain_id().await.unwrap_err();
    assert!(matches!(error, L1Error::Unreachable { .. }), "{error}");
}

#[test]
fn endpoints() {
    for (text, endpoint) in [
        ("http://127.0.0.1:8732/", "http://127.0.0.1:8732"),
        ("localhost:8732", "http://localhost:8732"),
        ("http://host/below/", "http://host/below"),
    ] {
        assert_eq!(Client::new(text, IdFamily::Alpha).unwrap().endpoint(), endpoint);
    }
    for text in
        ["", "http://", "https://", "ftp://host", "http://host?x=1", "http://a b", "http://host:99999"]
    {
        let error = Client::new(text, IdFamily::Alpha).unwrap_err().to_string();
        assert!(error.contains("http://127.0.0.1:8732"), "{error}");
    }
}

#[tokio::test]
async fn blocks_and_chain() {
    let fake = Fake::start().await;
    let head = block_hash(7, 0);
    fake.json("GET /chains/main/blocks/head/header", header_json(7, 0, block_hash(6, 0)))
        .json(&format!("GET /chains/main/blocks/{head}~5/header"), header_json(2, 0, block_hash(1, 0)))
        .json("GET /chains/main/blocks/7~1/hash", json!(block_hash(6, 0).to_string()))
        .json(
            "GET /chains/main/blocks/head/operation_hashes",
            json!([[], [], [], [fake::operation_hash(3).to_string()]]),
        )
        .json("GET /version", json!({ "version": { "major": 24 } }));
    let client = fake.client();
    let header = client.header(BlockId::HEAD).await.unwrap();
    assert_eq!((header.hash, header.level.get(), header.predecessor), (head, 7, block_hash(6, 0)));
    assert_eq!(header.timestamp.to_string(), "2026-11-22T09:30:00Z");
    assert_eq!(client.ancestor(&header, Level::new(2).unwrap()).await.unwrap().level.get(), 2);
    assert_eq!(client.ancestor(&header, header.level).await.unwrap(), header);
    assert!(matches!(client.ancestor(&header, Level::new(8).unwrap()).await, Err(L1Error::NotFound { .. })));
    assert_eq!(client.block_hash(BlockId::from(header.level).minus(1)).await.unwrap(), block_hash(6, 0));
    assert_eq!(client.operation_hashes(BlockId::HEAD).await.unwrap()[3], [fake::operation_hash(3)]);
    assert_eq!(client.version().await.unwrap()["version"]["major"], 24);
}

#[tokio::test]
async fn accounts_and_contracts() {
    let fake = Fake::start().await;
    let account = BootstrapAccount::named("bootstrap1").unwrap();
    let (pkh, kt1) = (account.public_key_hash, "KT1TxqZ8QtKvLu3V3JH7Gx58n7Co8pgtpQU5");
    let at = |contract: &str, below: &str| {
        format!("GET /chains/main/blocks/head/context/contracts/{contract}{below}")
    };
    let script = json!({ "code": [], "storage": { "int": "7" } });
    fake.json(&at(pkh, "/balance"), json!("1500000"))
        .json(&at(pkh, "/counter"), json!("12"))
        .json(&at(pkh, "/manager_key"), json!(null))
        .json(&at(pkh, "/manager_key"), json!(account.public_key))
        .json(&at(pkh, ""), json!({ "counter": "12", "balance": "3", "new": 1 }))
        .json(&at(kt1, ""), json!({ "script": script, "balance": "3", "delegate": null }))
        .json(&at(kt1, "/storage"), json!({ "int": "7" }))
        .json(
            &at(kt1, "/entrypoints"),
            json!({ "unreachable": [], "entrypoints": { "mint": { "prim": "unit" } } }),
        );
    let client = fake.client();
    assert_eq!(client.balance(BlockId::HEAD, account.pkh()).await.unwrap(), Mutez(1_500_000));
    assert_eq!(client.counter(BlockId::HEAD, account.pkh()).await.unwrap(), 12);
    assert_eq!(client.manager_key(BlockId::HEAD, account.pkh()).await.unwrap(), None);
    assert_eq!(client.manager_key(BlockId::HEAD, account.pkh()).await.unwrap(), Some(account.pk()));
    let whole = client.account(BlockId::HEAD, account.pkh()).await.unwrap();
    assert_eq!((whole.balance, whole.counter, whole.script), (Mutez(3), Some(12), None));
    let contract: ContractHash = kt1.parse().unwrap();
    let whole = client.account(BlockId::HEAD, contract).await.unwrap();
    assert_eq!((whole.counter, whole.script.unwrap().storage), (None, Micheline::int(7)));
    assert_eq!(client.storage(BlockId::HEAD, contract).await.unwrap(), Micheline::int(7));
    let entrypoints = client.entrypoints(BlockId::HEAD, contract).await.unwrap();
    assert_eq!(entrypoints.into_keys().collect::<Vec<_>>(), ["mint"]);
}

#[tokio::test]
async fn rollups() {
    let fake = Fake::start().await;
    let (rollup, text) = (RollupAddress::ZERO, "scr1AFyXAWFS3c6S2D617o8NGRvazoMJPEw6s");
    let commitment = Commitment {
        compressed_state: StateHash([1; 32]),
        inbox_level: Level::new(32).unwrap(),
        predecessor: CommitmentHash([2; 32]),
        number_of_ticks: TickSpan(11_000_000_000),
    };
    let hash = commitment.hash();
    let shown = hash.in_family(IdFamily::Alpha);
    let account = BootstrapAccount::named("bootstrap1").unwrap();
    let staker = account.public_key_hash;
    let mut staked = commitment.to_json(IdFamily::Alpha);
    let at = |below: &str| {
        format!("GET /chains/main/blocks/head/context/smart_rollups/smart_rollup/{text}{below}")
    };
    fake.json(&at(&format!("/commitment/{shown}")), staked.clone());
    staked["hash"] = json!(shown);
    fake.json("GET /chains/main/blocks/head/context/smart_rollups/all", json!([text]))
        .on(&at("/kind"), Reply::Status(404, "[]".to_owned()))
        .json(&at("/kind"), json!("wasm_2_0_0"))
        .json(&at("/genesis_info"), json!({ "level": 2, "commitment_hash": shown }))
        .json(&at("/last_cemented_commitment_hash_with_level"), json!({ "level": 32, "hash": shown }))
        .json(&at(&format!("/commitment/{shown}/can_be_cemented")), json!(true))
        .json(&at(&format!("/staker/{staker}/staked_on_commitment")), staked)
        .json(&at(&format!("/staker/{staker}/staked_on_commitment")), json!(null))
        .json(&at("/stakers"), json!([staker]))
        .json(&at("/inbox_level/32/commitments"), json!([shown]))
        .json(&at("/inbox_level/32/commitments"), json!(null))
        .json(&at("/consumed_outputs/40"), json!([0, 2]));
    let client = fake.client();
    let head = BlockId::HEAD;
    let level = Level::new(32).unwrap();
    assert_eq!(client.rollups(head).await.unwrap(), [rollup]);
    assert_eq!(client.rollup_kind(head, rollup).await.unwrap(), None);
    assert_eq!(client.rollup_kind(head, rollup).await.unwrap(), Some(PvmKind::Wasm2_0_0));
    let genesis = client.genesis_info(head, rollup).await.unwrap();
    assert_eq!((genesis.level.get(), genesis.commitment_hash), (2, hash));
    let cemented = client.last_cemented_commitment(head, rollup).await.unwrap();
    assert_eq!((cemented.level, cemented.hash), (level, hash));
    assert_eq!(client.commitment(head, rollup, hash).await.unwrap(), commitment);
    assert!(client.can_be_cemented(head, rollup, hash).await.unwrap());
    assert_eq!(
        client.staked_on_commitment(head, rollup, account.pkh()).await.unwrap(),
        Some((hash, commitment))
    );
    assert_eq!(client.staked_on_commitment(head, rollup, account.pkh()).await.unwrap(), None);
    assert_eq!(client.stakers(head, rollup).await.unwrap(), [account.pkh()]);
    assert_eq!(client.published_commitments(head, rollup, level).await.unwrap(), [hash]);
    assert_eq!(client.published_commitments(head, rollup, level).await.unwrap(), []);
    assert_eq!(client.executed_outputs(head, rollup, Level::new(40).unwrap()).await.unwrap(), [0, 2]);
}

#[tokio::test]
async fn the_mempool_in_both_its_forms() {
    let fake = Fake::start().await;
    let path = "GET /chains/main/mempool/pending_operations";
    let source = BootstrapAccount::named("bootstrap1").unwrap().public_key_hash;
    let branch = block_hash(1, 0).to_string();
    let contents = json!([{ "kind": "of_the_future", "source": source }]);
    let hash = |n| fake::operation_hash(n).to_string();
    fake.json(path, json!({
        "validated": [{ "hash": hash(1), "branch": branch, "contents": contents }],
        "refused": [{ "hash": hash(2), "branch": branch, "contents": [], "error": [{ "id": "x.y", "kind": "permanent" }] }],
        "branch_delayed": [], "unprocessed": [], "something": 1,
    }))
    .json(path, json!({
        "applied": [{ "hash": hash(1), "branch": branch, "contents": [] }],
        "unprocessed": [[hash(3), { "branch": branch, "contents": contents }]],
        "outdated": [[hash(2), { "branch": branch, "contents": [], "error": [] }]],
    }))
    .json(path, json!({
        "branch_delayed": [{ "hash": hash(1), "branch": branch, "contents": contents, "error": [] }],
    }));
    let client = fake.client();
    let pkh = source.parse().unwrap();
    for (unprocessed, refusal) in [(0, "was refused: x.y"), (1, "was refused: no reason is given")] {
        let pending = client.pending_operations().await.unwrap();
        assert_eq!((pending.validated.len(), pending.unprocessed.len()), (1, unprocessed));
        assert!(pending.has_source(pkh));
        assert!(!pending.has_source(BootstrapAccount::named("bootstrap2").unwrap().pkh()));
        assert!(pending.refused[0].to_string().ends_with(refusal));
    }
    // Its counter is not yet reached: it holds up nobody who could reach it.
    let pending = client.pending_operations().await.unwrap();
    assert_eq!(pending.delayed.len(), 1);
    assert!(!pending.has_source(pkh));
}
