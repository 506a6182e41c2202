//! Operations: estimated, signed, injected, refused, included, and included again after a reorganisation.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fake;

use fake::{Ending, Fake, Reply, block_hash, head_line, header_json, operation_hash};
use serde_json::{Value, json};
use soru_base::{
    Binary, BlockHash, BootstrapAccount, Curve, IdFamily, Json, Level, LevelSpan, Mutez, RollupAddress,
    SecretKey, Tick,
};
use soru_l1::L1Error;
use soru_l1::operate::{Limits, OperateError, Sighting, WaitError, Waiting};
use soru_protocol::operation::{Action, MAX_OPERATION_SIZE, RevealProof};
use soru_protocol::receipt::Effect;
use soru_protocol::refutation::{Refutation, RefutationProof, Step};
use soru_protocol::{Content, SignedOperation};

const INJECT: &str = "POST /injection/operation?chain=main";
const KT1: &str = "KT1TxqZ8QtKvLu3V3JH7Gx58n7Co8pgtpQU5";

fn simulate(head: &BlockHash) -> String {
    format!("POST /chains/main/blocks/{head}/helpers/scripts/simulate_operation")
}

fn messages() -> Action {
    Action::SmartRollupAddMessages { messages: vec![b"hello".to_vec()] }
}

fn transfer() -> Action {
    let destination = KT1.parse::<soru_base::ContractHash>().unwrap().into();
    Action::Transaction { amount: Mutez(5), destination, parameters: None }
}

fn constants() -> Value {
    json!({
        "minimal_block_delay": "6", "hard_gas_limit_per_operation": "1040000", "hard_gas_limit_per_block": "1040000",
        "hard_storage_limit_per_operation": "60000", "cost_per_byte": "250", "origination_size": 257,
        "max_operations_time_to_live": 450,
        "smart_rollup_commitment_period_in_blocks": 30, "smart_rollup_challenge_window_in_blocks": 80640,
        "smart_rollup_stake_amount": "10000000000", "smart_rollup_timeout_period_in_blocks": 40320,
        "smart_rollup_number_of_sections_in_dissection": 32, "smart_rollup_max_lookahead_in_blocks": 172800,
        "smart_rollup_max_active_outbox_levels": 80640, "smart_rollup_max_outbox_messages_per_level": 100,
        "smart_rollup_max_number_of_cemented_commitments": 5, "smart_rollup_max_number_of_parallel_games": 32,
        "smart_rollup_origination_size": 6314, "of_the_future": {},
    })
}

/// A layer-1 with an account that may need a reveal; its head is at level 9.
async fn with_account(key: &SecretKey, revealed: bool) -> Fake {
    let fake = Fake::start().await;
    let head = block_hash(9, 0);
    let pkh = key.public_key().hash();
    let at = |below: &str| format!("GET /chains/main/blocks/{head}{below}");
    let manager_key = if revealed { json!(key.public_key().to_string()) } else { Value::Null };
    fake.json("GET /chains/main/blocks/head/header", header_json(9, 0, block_hash(8, 0)))
        .json("GET /chains/main/chain_id", json!("NetXdQprcVkpaWU"))
        .json(&at("~2/hash"), json!(block_hash(7, 0).to_string()))
        .json(&at("/context/constants"), constants())
        .json(&at(&format!("/context/contracts/{pkh}/manager_key")), manager_key)
        .json(&at(&format!("/context/contracts/{pkh}/counter")), json!("41"));
    fake
}

/// The answer to a simulation of `actions`, with these results.
fn simulated(key: &SecretKey, actions: &[Action], results: &[Value]) -> Value {
    let contents = actions.iter().zip(results).map(|(action, result)| {
        let content = Content {
            source: key.public_key().hash(),
            fee: Mutez::ZERO,
            counter: 1,
            gas_limit: 0,
            storage_limit: 0,
            action: action.clone(),
        };
        let mut json = content.to_json(IdFamily::Alpha);
        json["metadata"] = json!({ "operation_result": result, "balance_updates": [] });
        json
    });
    json!({ "contents": contents.collect::<Vec<_>>() })
}

fn reveal(key: &SecretKey) -> Action {
    let proof = key.prove_possession().map_or(RevealProof::None, |proof| RevealProof::Some(proof.to_vec()));
    Action::Reveal { public_key: key.public_key(), proof }
}

#[tokio::test]
async fn a_first_operation_reveals_the_key_and_is_estimated() {
    for key in [
        BootstrapAccount::named("bootstrap1").unwrap().sk(),
        SecretKey::from_seed(Curve::Bls, &[1; 32]).unwrap(),
    ] {
        let fake = with_account(&key, false).await;
        let results = [
            json!({ "status": "applied", "consumed_milligas": "170001" }),
            json!({ "status": "applied", "consumed_milligas": "2000000", "allocated_destination_contract": true,
                    "paid_storage_size_diff": "3", "storage_size": "300" }),
            json!({ "status": "applied", "consumed_milligas": "500000" }),
        ];
        let actions = [reveal(&key), transfer(), messages()];
        fake.json(&simulate(&block_hash(9, 0)), simulated(&key, &actions, &results));
        let client = fake.client();
        let prepared = client.prepare(&key, vec![transfer(), messages()], &Limits::default()).await.unwrap();

        let SignedOperation { operation, signature } = &prepared.operation;
        assert_eq!(operation.branch, block_hash(7, 0));
        let contents = &operation.contents;
        assert_eq!(contents.iter().map(|c| c.action.clone()).collect::<Vec<_>>(), actions);
        assert_eq!(contents.iter().map(|c| c.counter).collect::<Vec<_>>(), [42, 43, 44]);
        assert_eq!(contents.iter().map(|c| c.gas_limit).collect::<Vec<_>>(), [271, 2_100, 600]);
        assert_eq!(contents.iter().map(|c| c.storage_limit).collect::<Vec<_>>(), [0, 257 + 3 + 20, 0]);
        let size = prepared.operation.to_bytes().len() as u64;
        let asked = 100 + size + (271 + 2_100 + 600_u64).div_ceil(10);
        assert!((asked..asked + 300).contains(&prepared.fee().0), "{} for {asked}", prepared.fee());
        assert!(signature.verify_operation(&key.public_key(), &operation.forge()));
        assert_eq!((prepared.reveals, prepared.head.get()), (true, 9));
        assert_eq!(prepared.receipt(1).unwrap().result.success().unwrap().consumed_milligas, 500_000);

        // What was simulated may have all the gas of a block, fairly shared, and pays nothing.
        let asked = &fake.asked(&simulate(&block_hash(9, 0)))[0];
        assert_eq!(asked["chain_id"], "NetXdQprcVkpaWU");
        assert_eq!(asked["operation"]["contents"][2]["gas_limit"], "346666");
        assert_eq!(asked["operation"]["contents"][2]["fee"], "0");
    }
}

#[tokio::test]
async fn an_operation_is_injected_once_and_whole() {
    let key = BootstrapAccount::named("bootstrap1").unwrap().sk();
    let fake = with_account(&key, true).await;
    let result = json!({ "status": "applied", "consumed_milligas": "500000" });
    fake.json(&simulate(&block_hash(9, 0)), simulated(&key, &[messages()], &[result]));
    fake.json(INJECT, json!(operation_hash(1).to_string()));
    let limits = Limits { fee: Some(Mutez(9_999)), gas: Some(1_234), storage: Some(7), ..Limits::default() };
    let prepared = fake.client().submit(&key, vec![messages()], &limits).await.unwrap();
    let content = &prepared.operation.operation.contents[0];
    assert_eq!(
        (content.fee, content.gas_limit, content.storage_limit, content.counter),
        (Mutez(9_999), 1_234, 7, 42)
    );
    assert_eq!(fake.asked(INJECT), [json!(hex::encode(prepared.operation.to_bytes()))]);
    assert!(!prepared.reveals);
}

#[tokio::test]
async fn what_would_fail_is_not_injected() {
    let key = BootstrapAccount::named("bootstrap1").unwrap().sk();
    let fake = with_account(&key, false).await;
    let error = json!({ "id": "proto.alpha.smart_rollup_unknown", "kind": "temporary" });
    let results = [
        json!({ "status": "backtracked", "consumed_milligas": "1" }),
        json!({ "status": "backtracked", "consumed_milligas": "1" }),
        json!({ "status": "failed", "errors": [error] }),
    ];
    let actions = [reveal(&key), transfer(), messages()];
    fake.json(&simulate(&block_hash(9, 0)), simulated(&key, &actions, &results));
    let error =
        fake.client().submit(&key, vec![transfer(), messages()], &Limits::default()).await.unwrap_err();
    let OperateError::WouldFail { index: 1, kind: "smart_rollup_add_messages", errors } = &error else {
        panic!("{error}")
    };
    assert_eq!(errors[0].id(), "proto.alpha.smart_rollup_unknown");
    assert!(error.to_string().ends_with("would fail: proto.alpha.smart_rollup_unknown"), "{error}");
    assert!(!error.is_transient());
    assert_eq!(fake.asked(INJECT), Vec::<Value>::new());
}

/// A proof may take almost all of an operation, and no more than that.
#[tokio::test]
async fn the_largest_proof_fits_and_a_larger_one_is_not_sent() {
    let key = BootstrapAccount::named("bootstrap1").unwrap().sk();
    let fake = with_account(&key, true).await;
    let refute = |bytes: usize| Action::SmartRollupRefute {
        rollup: RollupAddress::ZERO,
        opponent: BootstrapAccount::named("bootstrap2").unwrap().pkh(),
        refutation: Refutation::Move {
            choice: Tick(5),
            step: Step::Proof(RefutationProof { pvm_step: vec![7; bytes], input_proof: None }),
        },
    };
    let largest = refute(32_000);
    let result = json!({
        "status": "applied", "consumed_milligas": "1030000000", "game_status": "ongoing", "balance_updates": [],
    });
    fake.json(&simulate(&block_hash(9, 0)), simulated(&key, std::slice::from_ref(&largest), &[result]));
    let client = fake.client();
    let prepared = client.prepare(&key, vec![largest], &Limits::default()).await.unwrap();
    // A move is on the head.
    assert_eq!(prepared.operation.operation.branch, block_hash(9, 0));
    let size = prepared.operation.to_bytes().len();
    assert!((32_000..=MAX_OPERATION_SIZE).contains(&size), "{size}");
    assert_eq!(prepared.operation.operation.contents[0].gas_limit, 1_030_100);
    // A mutez for each byte and for ten units of gas.
    assert!(prepared.fee().0 > size as u64 + 103_010, "{}", prepared.fee());
    assert!(matches!(
        prepared.receipt(0).unwrap().result.success().unwrap().effect,
        Effect::Game { result: None }
    ));

    let error = client.prepare(&key, vec![refute(MAX_OPERATION_SIZE)], &Limits::default()).await.unwrap_err();
    assert!(matches!(error, OperateError::TooLarge { max: MAX_OPERATION_SIZE, .. }), "{error}");
    assert_eq!(fake.asked(&simulate(&block_hash(9, 0))).len(), 1);
}

#[tokio::test]
async fn refusals_keep_the_networks_errors() {
    let key = BootstrapAccount::named("bootstrap1").unwrap().sk();
    let fake = with_account(&key, true).await;
    let result = json!({ "status": "applied", "consumed_milligas": "500000" });
    let errors = json!([{ "id": "proto.alpha.contract.counter_in_the_past", "kind": "branch" }]);
    fake.on(&simulate(&block_hash(9, 0)), Reply::Status(500, errors.to_string()))
        .json(&simulate(&block_hash(9, 0)), json!({ "contents": [{ "kind": "new" }] }))
        .json(&simulate(&block_hash(9, 0)), simulated(&key, &[messages()], &[result]))
        .on(INJECT, Reply::Status(500, errors.to_string()))
        .on(INJECT, Reply::RetryAfter(503, "0"));
    let client = fake.client();
    let limits = Limits::default();
    let submit = || client.submit(&key, vec![messages()], &limits);

    let refused = submit().await.unwrap_err();
    assert_eq!(refused.reports()[0].kind(), "branch");
    assert!(matches!(submit().await, Err(OperateError::NoReceipt { index: 0, .. })));
    let refused = submit().await.unwrap_err();
    assert!(matches!(&refused, OperateError::L1(error) if error.has_id("contract.counter_in_the_past")));
    // It may have arrived all the same: it is for the caller to try again.
    assert!(submit().await.unwrap_err().is_transient());
    assert_eq!(fake.asked(INJECT).len(), 2);
    assert_eq!(client.prepare(&key, vec![], &Limits::default()).await, Err(OperateError::Empty));
    let poor = BootstrapAccount::named("bootstrap2").unwrap();
    let error = client.prepare(&poor.sk(), vec![messages()], &limits).await.unwrap_err();
    assert_eq!(error, OperateError::NoAccount(poor.pkh()));
}

/// Adds blocks of branch `branch` with their operations; the first one follows `predecessor`.
fn add_blocks(fake: &Fake, branch: u8, mut predecessor: BlockHash, blocks: &[(u32, &[u8])]) {
    for (level, operations) in blocks {
        let hash = block_hash(*level, branch);
        let header = header_json(*level, branch, predecessor);
        let hashes: Vec<_> = operations.iter().map(|n| operation_hash(*n).to_string()).collect();
        let full: Vec<_> = hashes
            .iter()
            .map(|hash| json!({ "hash": hash, "branch": predecessor.to_string(), "contents": [] }))
            .collect();
        fake.json(&format!("GET /chains/main/blocks/{hash}/header"), header.clone())
            .json(&format!("GET /chains/main/blocks/{hash}/operation_hashes"), json!([[], [], [], hashes]))
            .json(
                &format!("GET /chains/main/blocks/{hash}?metadata=always"),
                json!({
                    "hash": hash.to_string(), "protocol": header["protocol"], "chain_id": header["chain_id"],
                    "header": header, "operations": [[], [], [], full],
                }),
            );
        predecessor = hash;
    }
}

fn heads(fake: &Fake, heads: &[(u32, u8, BlockHash)]) {
    for (level, branch, predecessor) in heads {
        let line = head_line(*level, *branch, *predecessor);
        fake.on("GET /monitor/heads/main", Reply::Pieces(vec![line], Ending::Ends));
    }
}

#[tokio::test]
async fn an_operation_is_found_in_a_block_that_was_passed_already() {
    let fake = Fake::start().await;
    add_blocks(&fake, 0, block_hash(4, 0), &[(5, &[]), (6, &[1, 9]), (7, &[]), (8, &[])]);
    heads(&fake, &[(8, 0, block_hash(7, 0))]);
    let waiting = Waiting { from: Level::new(5), confirmations: LevelSpan(2), ..Waiting::default() };
    let inclusion = fake.client().wait_included(operation_hash(9), &waiting).await.unwrap();
    assert_eq!((inclusion.block.hash, inclusion.operation.hash), (block_hash(6, 0), operation_hash(9)));
}

#[tokio::test]
async fn a_block_that_was_left_does_not_count() {
    let fake = Fake::start().await;
    add_blocks(&fake, 0, block_hash(4, 0), &[(5, &[]), (6, &[9]), (7, &[])]);
    add_blocks(&fake, 1, block_hash(5, 0), &[(6, &[]), (7, &[]), (8, &[9]), (9, &[]), (10, &[])]);
    let after = |level: u32, branch: u8| (level, branch, block_hash(level - 1, branch));
    heads(&fake, &[after(5, 0), after(6, 0), after(7, 0), after(8, 1), after(9, 1), after(10, 1)]);
    let waiting = Waiting { confirmations: LevelSpan(2), ..Waiting::default() };
    let mut seen = Vec::new();
    let inclusion =
        fake.client().watch_included(operation_hash(9), &waiting, |sight| seen.push(sight)).await.unwrap();
    let included = |block| Sighting::Included { block, pass: 3, offset: 0 };
    let confirmed = |n, block| Sighting::Confirmed { confirmations: LevelSpan(n), block };
    assert_eq!(
        seen,
        [
            included(block_hash(6, 0)),
            confirmed(1, block_hash(7, 0)),
            included(block_hash(8, 1)),
            confirmed(1, block_hash(9, 1)),
            confirmed(2, block_hash(10, 1)),
        ]
    );
    assert_eq!(inclusion.block.hash, block_hash(8, 1));
    assert_eq!(inclusion.block.level.get(), 8);
}

#[tokio::test]
async fn a_reorganisation_may_go_below_the_first_block_looked_at() {
    let fake = Fake::start().await;
    add_blocks(&fake, 0, block_hash(4, 0), &[(5, &[]), (6, &[9])]);
    // The other chain has the operation in a block below the first one looked at.
    add_blocks(
        &fake,
        1,
        block_hash(0, 0),
        &[(1, &[]), (2, &[]), (3, &[9]), (4, &[]), (5, &[]), (6, &[]), (7, &[])],
    );
    fake.json(
        &format!("GET /chains/main/blocks/{}/header", block_hash(0, 0)),
        header_json(0, 0, block_hash(0, 0)),
    )
    .json(&format!("GET /chains/main/blocks/{}/operation_hashes", block_hash(0, 0)), json!([]));
    heads(&fake, &[(5, 0, block_hash(4, 0)), (6, 0, block_hash(5, 0)), (7, 1, block_hash(6, 1))]);
    let waiting = Waiting { confirmations: LevelSpan(1), ..Waiting::default() };
    let inclusion = fake.client().wait_included(operation_hash(9), &waiting).await.unwrap();
    assert_eq!(inclusion.block.hash, block_hash(3, 1));
}

#[tokio::test]
async fn patience_has_an_end() {
    let fake = Fake::start().await;
    add_blocks(&fake, 0, block_hash(4, 0), &[(5, &[1]), (6, &[2]), (7, &[3])]);
    heads(&fake, &[(5, 0, block_hash(4, 0)), (7, 0, block_hash(6, 0))]);
    let waiting = Waiting { patience: LevelSpan(2), ..Waiting::default() };
    let error = fake.client().wait_included(operation_hash(9), &waiting).await.unwrap_err();
    assert!(matches!(error, WaitError::NotIncluded { .. }));
    assert!(error.to_string().ends_with("is in none of the blocks of levels 5 to 7"), "{error}");
}

#[tokio::test]
async fn preapplied_operations_name_their_protocol() {
    let key = BootstrapAccount::named("bootstrap1").unwrap().sk();
    let fake = with_account(&key, true).await;
    let path = "POST /chains/main/blocks/head/helpers/preapply/operations";
    let protocol = "ProtoALphaALphaALphaALphaALphaALphaALphaALphaDdp3zK";
    let result = json!({ "status": "applied", "consumed_milligas": "500000" });
    let simulated = simulated(&key, &[messages()], &[result]);
    fake.json(
        "GET /chains/main/blocks/head/protocols",
        json!({ "protocol": protocol, "next_protocol": protocol }),
    )
    .json(&simulate(&block_hash(9, 0)), simulated.clone())
    .json(path, json!([simulated]))
    .on(path, Reply::Status(404, String::new()));
    let client = fake.client();
    let prepared = client.prepare(&key, vec![messages()], &Limits::default()).await.unwrap();
    let applied = client.preapply(std::slice::from_ref(&prepared.operation)).await.unwrap();
    assert!(applied[0].failure().is_none());
    let asked = &fake.asked(path)[0][0];
    assert_eq!(asked["protocol"], protocol);
    assert_eq!(asked["signature"], prepared.operation.signature.to_string());
    assert!(matches!(client.preapply(&[]).await, Err(L1Error::NotFound { .. })));
}
