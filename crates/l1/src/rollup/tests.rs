use super::*;
use serde_json::json;
use soru_base::{ContractHash, IdFamily, StateHash};
use soru_base::{Json as _, Level};
use soru_protocol::refutation::{LossReason, Player};

const ROLLUP: &str = "scr1AFyXAWFS3c6S2D617o8NGRvazoMJPEw6s";
const KT1: &str = "KT1TxqZ8QtKvLu3V3JH7Gx58n7Co8pgtpQU5";
const SOURCE: &str = "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx";

fn hash(n: u8) -> CommitmentHash {
    CommitmentHash([n; 32])
}

fn commitment() -> Commitment {
    Commitment {
        compressed_state: StateHash([1; 32]),
        inbox_level: Level::new(32).unwrap(),
        predecessor: hash(2),
        number_of_ticks: soru_base::TickSpan(5),
    }
}

/// A content of that kind, with what it asks and its receipt, the members in an unusual order.
fn content(kind: &str, asked: Value, result: Value, internal: Value) -> Value {
    let mut content = json!({
        "metadata": {
            "internal_operation_results": internal,
            "of the future": [1, 2],
            "operation_result": result,
            "balance_updates": [],
        },
        "storage_limit": "0", "gas_limit": "1000", "counter": "10", "fee": "357", "unknown": null,
        "source": SOURCE,
    });
    for (name, value) in asked.as_object().unwrap() {
        content[name] = value.clone();
    }
    content["kind"] = kind.into();
    content
}

fn call(destination: &str, parameters: Value, status: &str) -> Value {
    json!({
        "result": { "consumed_milligas": "1000", "status": status, "ticket_receipt": [] },
        "parameters": parameters,
        "kind": "transaction", "source": KT1, "nonce": 0, "amount": "0", "destination": destination,
    })
}

fn block(passes: Value) -> Block {
    let block_hash = soru_base::BlockHash([3; 32]).to_string();
    let value = json!({
        "operations": passes,
        "metadata": { "max_operations_ttl": 450, "next_protocol": "PtTALLiNtPec7mE7yY4m3k26J8Qukef3E3ehzhfXgFZKGtDdAXu" },
        "header": { "level": 7, "predecessor": block_hash, "timestamp": "2026-11-22T09:30:00Z", "new": {} },
        "hash": block_hash,
        "protocol": "ProtoALphaALphaALphaALphaALphaALphaALphaALphaDdp3zK",
        "chain_id": "NetXdQprcVkpaWU",
    });
    Block::read(&value, IdFamily::Alpha).unwrap()
}

fn operation(contents: Value) -> Value {
    json!({
        "hash": OperationHash([5; 32]).to_string(),
        "branch": soru_base::BlockHash([4; 32]).to_string(),
        // Of a curve that is not known.
        "signature": "mdsig1unheardof",
        "contents": contents,
    })
}

fn events(contents: Value) -> Result<RollupEvents, RollupEventsError> {
    block(json!([[], [], [], [operation(contents)]])).rollup_events()
}

fn applied() -> Value {
    json!({ "status": "applied", "consumed_milligas": "1000123" })
}

fn add_messages(messages: Value, result: Value) -> Value {
    content("smart_rollup_add_messages", json!({ "message": messages }), result, json!([]))
}

fn transaction(result: Value, calls: Value) -> Value {
    content("transaction", json!({ "amount": "0", "destination": KT1 }), result, calls)
}

#[test]
fn a_block_keeps_what_it_does_not_know() {
    let attestation = json!({ "kind": "attestation_with_something", "slot": 1, "metadata": {} });
    let block = block(json!([[operation(json!([attestation]))], [], [], []]));
    assert_eq!(block.max_operations_ttl, Some(450));
    assert_ne!(block.protocol, block.next_protocol);
    let first = block.all_operations().next().unwrap();
    assert_eq!(first.contents, [BlockContent::Other(attestation)]);
    assert_eq!(first.signature, None);
    assert_eq!(block.rollup_events(), Ok(RollupEvents::default()));
}

#[test]
fn messages_are_those_of_applied_contents_and_calls_in_order() {
    let payload = json!({ "entrypoint": "default", "value": { "string": "hi" } });
    let calls = json!([
        call(ROLLUP, payload, "applied"),
        call(KT1, json!({ "entrypoint": "default", "value": { "int": "1" } }), "applied"),
        { "kind": "of_the_future", "source": KT1, "nonce": 2, "result": { "status": "applied" } },
        call(ROLLUP, Value::Null, "applied"),
    ]);
    let failed = json!({ "status": "failed", "errors": [{ "id": "x", "kind": "temporary" }] });
    let undone = json!({ "status": "backtracked", "consumed_milligas": "1" });
    let events = events(json!([
        add_messages(json!(["00", "ffee"]), applied()),
        transaction(applied(), calls),
        add_messages(json!(["01"]), failed),
        transaction(undone, json!([call(ROLLUP, Value::Null, "backtracked")])),
        transaction(json!({ "status": "skipped" }), json!([])),
        add_messages(json!([""]), applied()),
    ]))
    .unwrap();
    let transfer = |payload| {
        InternalMessage::Transfer {
            payload,
            sender: KT1.parse::<ContractHash>().unwrap(),
            source: SOURCE.parse().unwrap(),
            destination: ROLLUP.parse().unwrap(),
        }
        .serialize()
        .unwrap()
    };
    let external = |bytes: &[u8]| SerializedMessage([&[1], bytes].concat());
    assert_eq!(
        events.messages,
        [
            external(&[0]),
            external(&[0xff, 0xee]),
            transfer(Micheline::string("hi")),
            transfer(Micheline::unit()),
            external(&[]),
        ]
    );
}

#[test]
fn the_life_of_a_rollup() {
    let with = |members: Value| {
        let mut result = applied();
        result.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        result
    };
    let shown = |n| hash(n).in_family(IdFamily::Mainnet);
    let events = events(json!([
        content(
            "smart_rollup_originate",
            json!({ "kernel": "0061736d", "pvm_kind": "wasm_2_0_0", "parameters_ty": { "prim": "bytes" } }),
            with(json!({ "size": "6314", "genesis_commitment_hash": shown(1), "address": ROLLUP, "balance_updates": [] })),
            Value::Null,
        ),
        content(
            "smart_rollup_publish",
            json!({ "rollup": ROLLUP, "commitment": commitment().to_json(IdFamily::Mainnet) }),
            with(json!({ "balance_updates": [], "published_at_level": 6, "staked_hash": shown(7) })),
            json!([]),
        ),
        content(
            "smart_rollup_cement",
            json!({ "rollup": ROLLUP }),
            with(json!({ "commitment_hash": shown(7), "inbox_level": 32 })),
            json!([]),
        ),
        content(
            "smart_rollup_execute_outbox_message",
            json!({ "rollup": ROLLUP, "cemented_commitment": shown(7), "output_proof": "0304" }),
            with(json!({ "balance_updates": [], "ticket_updates": [] })),
            json!([]),
        ),
        content("smart_rollup_recover_bond", json!({ "rollup": ROLLUP, "staker": SOURCE }), applied(), json!([])),
    ]))
    .unwrap();
    let (operation, rollup) = (OperationHash([5; 32]), RollupAddress::ZERO);
    assert_eq!(events.originated.len(), 1);
    assert_eq!(events.originated[0].kernel, b"\0asm");
    assert_eq!((events.originated[0].rollup, events.originated[0].genesis_commitment), (rollup, hash(1)));
    assert_eq!(
        events.published,
        [Published {
            operation,
            rollup,
            staker: SOURCE.parse().unwrap(),
            hash: hash(7),
            commitment: commitment(),
            first_published: Level::new(6).unwrap(),
        }]
    );
    let inbox_level = Level::new(32).unwrap();
    assert_eq!(events.cemented, [Cemented { operation, rollup, hash: hash(7), inbox_level }]);
    let output_proof = vec![3, 4];
    assert_eq!(events.executed, [Executed { operation, rollup, cemented_commitment: hash(7), output_proof }]);
    assert_eq!(events.recovered, [Recovered { operation, rollup, staker: SOURCE.parse().unwrap() }]);
    assert_eq!(events.messages, []);
}

#[test]
fn moves_and_ends_of_games_are_told_and_failed_ones_are_not() {
    let opponent = soru_base::BOOTSTRAP_ACCOUNTS[1].pkh();
    let source: PublicKeyHash = SOURCE.parse().unwrap();
    let stakers = Stakers::new(source, opponent).unwrap();
    let start = Refutation::Start { player_commitment_hash: hash(1), opponent_commitment_hash: hash(2) };
    let refute = |refutation: Value, result: Value| {
        let asked = json!({ "rollup": ROLLUP, "opponent": opponent.to_string(), "refutation": refutation });
        content("smart_rollup_refute", asked, result, json!([]))
    };
    let with = |status: Value| {
        let mut result = applied();
        result["game_status"] = status;
        result["balance_updates"] = json!([]);
        result
    };
    let lost = GameResult::Loser { reason: LossReason::Timeout, loser: opponent };
    let start_json = start.to_json(IdFamily::Mainnet);
    let events = events(json!([
        refute(start_json.clone(), with("ongoing".into())),
        refute(start_json.clone(), json!({ "status": "failed", "errors": [] })),
        // A move of a kind that is not known makes no wrong inbox.
        refute(json!({ "refutation_kind": "of the future" }), with("ongoing".into())),
        content(
            "smart_rollup_timeout",
            json!({ "rollup": ROLLUP, "stakers": {
                "alice": stakers.staker(Player::Alice).to_string(), "bob": stakers.staker(Player::Bob).to_string(),
            }}),
            with(json!({ "result": lost.to_json(IdFamily::Mainnet) })),
            json!([]),
        ),
    ]))
    .unwrap();
    let (operation, rollup) = (OperationHash([5; 32]), RollupAddress::ZERO);
    let told = |refutation, result| Refuted { operation, rollup, stakers, source, refutation, result };
    assert_eq!(events.refuted, [told(Some(start), None), told(None, Some(lost))]);
}

/// A content of an account of a kind that is not known here.
fn from_stranger(mut content: Value) -> Value {
    content["source"] = "tz5Unheardof".into();
    content
}

#[test]
fn operations_of_every_other_kind_are_passed_over() {
    let kinds = [
        "attestation",
        "preattestation",
        "attestation_with_dal",
        "attestations_aggregate",
        "preattestations_aggregate",
        "endorsement",
        "dal_attestation",
        "proposals",
        "ballot",
        "seed_nonce_revelation",
        "vdf_revelation",
        "double_consensus_operation_evidence",
        "activate_account",
        "drain_delegate",
        "dal_entrapment_evidence",
        "failing_noop",
        "set_deposits_limit",
        "update_consensus_key",
        "zk_rollup_origination",
        "dal_publish_commitment",
        "smart_rollup_of_the_future",
        "host",
        "",
    ];
    let strange: Vec<Value> = kinds
        .iter()
        .flat_map(|kind| {
            [
                json!({ "kind": kind, "slot": 1, "metadata": {} }),
                json!({ "kind": kind }),
                content(kind, json!({}), applied(), json!([])),
            ]
        })
        .collect();
    let passes = json!([[operation(json!(strange))], [operation(json!([{}]))], [operation(json!([]))], []]);
    assert_eq!(block(passes).rollup_events(), Ok(RollupEvents::default()));
}

#[test]
fn messages_count_whoever_sent_them_and_whatever_else_the_receipt_tells() {
    let mut told = applied();
    told["balance_updates"] = json!([
        { "kind": "contract", "contract": "tz5Unheardof", "change": "-1", "origin": "block" },
        { "kind": "of the future", "change": 7 },
    ]);
    let mut numbers = add_messages(json!(["03"]), applied());
    numbers["fee"] = json!(357);
    numbers["counter"] = json!(10);
    let undone = json!({ "status": "failed", "errors": [{ "kind": "temporary", "id": "x" }] });
    let events = events(json!([
        from_stranger(add_messages(json!(["01"]), applied())),
        add_messages(json!(["02"]), told),
        numbers,
        from_stranger(add_messages(json!(["04"]), undone)),
        from_stranger(add_messages(json!(["05"]), json!({ "status": "skipped" }))),
        from_stranger(add_messages(json!(["06"]), json!({ "status": "backtracked" }))),
    ]))
    .unwrap();
    let bytes: Vec<&[u8]> = events.messages.iter().map(SerializedMessage::as_bytes).collect();
    assert_eq!(bytes, [&[1, 1], &[1, 2], &[1, 3]]);
    let indexes: Vec<usize> = events.added.iter().map(|added| added.index).collect();
    assert_eq!(indexes, [0, 1, 2]);
}

#[test]
fn addresses_of_either_prefix_are_the_same_rollup() {
    let other = ROLLUP.parse::<RollupAddress>().unwrap().in_family(IdFamily::Mainnet).to_string();
    assert!(other.starts_with("sr1"));
    let calls = json!([call(&other, Value::Null, "applied"), call(ROLLUP, Value::Null, "applied")]);
    let events = events(json!([
        transaction(applied(), calls),
        content(
            "smart_rollup_recover_bond",
            json!({ "rollup": other, "staker": SOURCE }),
            applied(),
            json!([])
        ),
        content(
            "smart_rollup_recover_bond",
            json!({ "rollup": ROLLUP, "staker": SOURCE }),
            applied(),
            json!([])
        ),
    ]))
    .unwrap();
    assert_eq!((events.messages.len(), &events.messages[0]), (2, &events.messages[1]));
    assert_eq!(events.recovered[0].rollup, events.recovered[1].rollup);
}

#[test]
fn what_strangers_do_to_other_rollups_holds_nobody_up() {
    let originate =
        json!({ "kernel": "00", "pvm_kind": "of the future", "parameters_ty": { "prim": "bytes" } });
    let publish = json!({ "rollup": ROLLUP, "commitment": commitment().to_json(IdFamily::Mainnet) });
    let failed = json!({ "status": "failed", "errors": [] });
    let events = events(json!([
        content("smart_rollup_originate", originate, applied(), json!([])),
        from_stranger(content("smart_rollup_publish", publish.clone(), applied(), json!([]))),
        from_stranger(content("smart_rollup_publish", publish, failed, json!([]))),
        content("smart_rollup_cement", json!({ "rollup": "sr1unheardof" }), applied(), json!([])),
    ]))
    .unwrap();
    let operation = OperationHash([5; 32]);
    let obscure = |index, kind: &str, rollup| Obscure { operation, index, kind: kind.to_owned(), rollup };
    let expected = [obscure(1, "publish", Some(RollupAddress::ZERO)), obscure(3, "cement", None)];
    assert_eq!(events, RollupEvents { obscure: expected.to_vec(), ..RollupEvents::default() });
}

#[test]
fn calls_that_are_not_understood_count_if_they_reached_a_rollup() {
    let strange = |destination: &str, status: &str| {
        let mut call = call(destination, Value::Null, status);
        call["source"] = "KT9Unheardof".into();
        from_stranger(transaction(applied(), json!([call])))
    };
    assert_eq!(events(json!([strange(ROLLUP, "failed")])), Ok(RollupEvents::default()));
    assert_eq!(events(json!([strange(KT1, "applied")])), Ok(RollupEvents::default()));
    let not_understood = RollupEventsError::NotUnderstood { operation: OperationHash([5; 32]), index: 0 };
    assert_eq!(events(json!([strange(ROLLUP, "applied")])), Err(not_understood));
}

#[test]
fn what_would_make_a_wrong_inbox_is_an_error() {
    let operation = OperationHash([5; 32]);
    let index = 1;
    let after_another = |content: Value| events(json!([add_messages(json!([]), applied()), content]));

    let not_understood = Err(RollupEventsError::NotUnderstood { operation, index });
    assert_eq!(after_another(add_messages(json!("no list"), applied())), not_understood);
    assert_eq!(after_another(from_stranger(add_messages(json!(["0x"]), applied()))), not_understood);
    // A transaction to an address that is not known, in which a contract calls a rollup.
    let mut strange = transaction(applied(), json!([call(ROLLUP, Value::Null, "applied")]));
    strange["destination"] = "KT9unheardof".into();
    assert_eq!(after_another(strange.clone()), not_understood);
    strange["metadata"]["internal_operation_results"] = json!([call(KT1, Value::Null, "applied")]);
    assert!(after_another(strange).is_ok());

    let mut without = add_messages(json!(["00"]), applied());
    without["metadata"] = "too large".into();
    assert_eq!(after_another(without.clone()), Err(RollupEventsError::NoReceipt { operation, index }));
    assert_eq!(after_another(from_stranger(without)), Err(RollupEventsError::NoReceipt { operation, index }));

    let large = add_messages(json!(["00".repeat(4_096)]), applied());
    assert_eq!(after_another(large), Err(RollupEventsError::MessageTooLarge { operation, index }));
    let largest = add_messages(json!(["00".repeat(4_095)]), applied());
    assert!(after_another(largest).is_ok());
}
