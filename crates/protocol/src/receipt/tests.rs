use super::*;
use serde_json::json;
use soru_base::OperationHash;

const BOOTSTRAP1: &str = "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx";

fn in_block(contents: Value) -> Value {
    json!({
        "hash": OperationHash::ZERO.to_string(),
        "branch": "BMEiCfjQV4Lttmng78SvQMwsErZ1P4SXy1jt2L3fkiGieMVL4Bo",
        "contents": contents,
    })
}

#[test]
fn operations_of_other_kinds_are_kept_as_they_are() {
    let operation = in_block(json!([
        { "kind": "attestation", "slot": 3, "metadata": { "delegate": BOOTSTRAP1 } },
        { "kind": "smart_rollup_refute", "source": BOOTSTRAP1, "refutation": { "refutation_kind": "start" } },
    ]));
    let read = BlockOperation::from_json(&operation, IdFamily::Mainnet).unwrap();
    assert!(read.contents.iter().all(|c| matches!(c, BlockContent::Other(_))));
    assert_eq!(read.signed_operation(), None);
    assert_eq!(read.manager_contents().count(), 0);
    assert_eq!(read.to_json(IdFamily::Mainnet), operation);
}

/// An operation of the network whose receipt has calls, events, tickets and errors.
#[test]
fn receipts_of_the_network_read_back() {
    let content = |metadata: Value| {
        json!({
            "kind": "transaction", "source": BOOTSTRAP1, "fee": "468", "counter": "1", "gas_limit": "2169",
            "storage_limit": "0", "amount": "42000000", "destination": "KT1RJ6PbjHpwc3M5rw5s2Nbmefwbuwbdxton",
            "parameters": { "entrypoint": "do", "value": { "prim": "Unit" } },
            "metadata": metadata,
        })
    };
    let update = |change: &str| json!({ "kind": "contract", "contract": BOOTSTRAP1, "change": change, "origin": "block" });
    let fees = json!([
        update("-468"),
        { "kind": "accumulator", "category": "block fees", "change": "468", "origin": "block" },
        { "kind": "staking", "category": "delegator_numerator", "delegator": BOOTSTRAP1, "change": "7", "origin": "subsidy" },
    ]);
    let call = |result: Value| {
        json!({
            "kind": "transaction", "source": "KT1RJ6PbjHpwc3M5rw5s2Nbmefwbuwbdxton", "nonce": 0, "amount": "0",
            "destination": "sr1FHVqYUoPXVV3juMvuFcYLX2TwcjTNBbci",
            "parameters": { "entrypoint": "default", "value": { "bytes": "c0ffee" } },
            "result": result,
        })
    };
    let applied = json!({
        "balance_updates": fees,
        "operation_result": {
            "status": "applied", "storage": { "int": "1" }, "balance_updates": [update("-1"), update("1")],
            "consumed_milligas": "2169000", "storage_size": "44", "paid_storage_size_diff": "3",
            "allocated_destination_contract": true,
            "lazy_storage_diff": [{ "kind": "big_map", "id": "5", "diff": { "action": "remove" } }],
        },
        "internal_operation_results": [
            call(json!({ "status": "applied", "consumed_milligas": "1000", "ticket_receipt": [] })),
            {
                "kind": "event", "source": "KT1RJ6PbjHpwc3M5rw5s2Nbmefwbuwbdxton", "nonce": 1,
                "type": { "prim": "string" }, "tag": "told", "payload": { "string": "hi" },
                "result": { "status": "applied", "consumed_milligas": "5" },
            },
        ],
    });
    let failed = json!({
        "balance_updates": [update("-468")],
        "operation_result": {
            "status": "backtracked", "errors": [{ "kind": "permanent", "id": "proto.042.unheard_of", "more": [1] }],
            "consumed_milligas": "2169000",
        },
        "internal_operation_results": [
            call(json!({ "status": "failed", "errors": [{ "kind": "temporary", "id": "x" }] })),
            call(json!({ "status": "skipped" })),
        ],
    });
    let operation = in_block(json!([content(applied), content(failed)]));
    let read = BlockOperation::from_json(&operation, IdFamily::Mainnet).unwrap();
    assert_eq!(read.to_json(IdFamily::Mainnet), operation);
    let receipts: Vec<_> = read.manager_contents().map(|(_, receipt)| receipt.clone()).collect();
    assert!(matches!(receipts[0].internal[0].result.success().unwrap().effect, Effect::ToRollup { .. }));
    let receipt = OperationReceipt { contents: receipts };
    assert_eq!(receipt.errors().iter().map(|e| e.id()).collect::<Vec<_>>(), ["proto.042.unheard_of", "x"]);
    assert_eq!(receipt.consumed_milligas(), 2_169_000 + 1_000 + 5);
    assert!(!receipt.is_applied());
}

#[test]
fn what_is_no_receipt_is_told_with_its_place() {
    let content = json!({
        "kind": "smart_rollup_add_messages", "source": BOOTSTRAP1, "fee": "0", "counter": "1", "gas_limit": "1",
        "storage_limit": "0", "message": [], "metadata": { "operation_result": { "status": "perhaps" } },
    });
    let error = BlockOperation::from_json(&in_block(json!([content])), IdFamily::Alpha).unwrap_err();
    assert_eq!(error.path, ".contents[0].metadata.operation_result.status");
    for value in
        [json!(null), json!([]), json!({}), json!({ "contents": 5 }), in_block(json!([{ "kind": "reveal" }]))]
    {
        assert!(BlockOperation::from_json(&value, IdFamily::Alpha).is_err());
    }
}
