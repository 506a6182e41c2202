//! Blocks and their parts in the network's JSON.

use crate::chain::{BAKER, Block, Network};
use serde_json::{Map, Value, json};
use soru_base::{Binary, IdFamily, Json};
use soru_protocol::block::{MANAGER_PASS, VALIDATION_PASSES};
use soru_protocol::receipt::BlockOperation;

/// Blocks of a cycle, for clients that look at it; nothing here depends on cycles.
const BLOCKS_PER_CYCLE: u32 = 14_400;
const CYCLES_PER_VOTING_PERIOD: u32 = 14;
/// Bytes of a block header, at most: what the network allows.
const MAX_HEADER: u32 = 289;

fn merge(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(mut all), Value::Object(more)) => {
            all.extend(more);
            Value::Object(all)
        }
        (first, _) => first,
    }
}

/// `…/header`
pub(super) fn header(block: &Block, network: &Network) -> Value {
    let id = json!({
        "protocol": network.profile().protocol.to_string(),
        "chain_id": network.chain_id.to_string(),
        "hash": block.hash.to_string(),
    });
    merge(id, block.header.raw_json(network.profile().ids))
}

/// A line of `/monitor/heads`
pub(super) fn head(block: &Block, network: &Network) -> Value {
    let mut line =
        merge(json!({ "hash": block.hash.to_string() }), block.header.shell.to_json(network.profile().ids));
    line["protocol_data"] = protocol_data(block).into();
    line
}

/// A line of `/monitor/applied_blocks`
pub(super) fn applied(block: &Block, network: &Network) -> Value {
    let operations = block.operations.iter().filter_map(BlockOperation::signed_operation).map(|operation| {
        let bytes = operation.to_bytes();
        let branch = bytes.len().min(32);
        json!({
            "branch": operation.operation.branch.to_string(),
            "data": hex::encode(&bytes[branch..]),
        })
    });
    json!({
        "chain_id": network.chain_id.to_string(),
        "hash": block.hash.to_string(),
        "header": merge(
            block.header.shell.to_json(network.profile().ids),
            json!({ "protocol_data": protocol_data(block) }),
        ),
        "operations": in_passes(operations.collect()),
    })
}

/// `…/header/protocol_data/raw`
pub(super) fn protocol_data(block: &Block) -> String {
    let shell = block.header.shell.to_bytes().len();
    hex::encode(&block.header.to_bytes()[shell..])
}

/// The four lists of a block, of which only that of the accounts' operations has something in it.
pub(super) fn in_passes(operations: Vec<Value>) -> Value {
    let mut passes = vec![json!([]); usize::from(VALIDATION_PASSES)];
    passes[MANAGER_PASS] = Value::Array(operations);
    Value::Array(passes)
}

/// The operations of the last pass.
pub(super) fn operations(block: &Block, network: &Network, with_metadata: bool) -> Vec<Value> {
    block.operations.iter().map(|o| operation(o, network, with_metadata)).collect()
}

fn operation(operation: &BlockOperation, network: &Network, with_metadata: bool) -> Value {
    let id = json!({
        "protocol": network.profile().protocol.to_string(),
        "chain_id": network.chain_id.to_string(),
    });
    let mut object = merge(id, operation.to_json(network.profile().ids));
    if !with_metadata && let Some(Value::Array(contents)) = object.get_mut("contents") {
        for content in contents {
            if let Some(content) = content.as_object_mut() {
                content.shift_remove("metadata");
            }
        }
    }
    object
}

/// A whole block.
pub(super) fn whole(block: &Block, network: &Network, with_metadata: bool) -> Value {
    let mut object = Map::new();
    object.insert("protocol".to_owned(), json!(network.profile().protocol.to_string()));
    object.insert("chain_id".to_owned(), json!(network.chain_id.to_string()));
    object.insert("hash".to_owned(), json!(block.hash.to_string()));
    object.insert("header".to_owned(), block.header.raw_json(network.profile().ids));
    if with_metadata {
        object.insert("metadata".to_owned(), metadata(block, network));
    }
    object.insert("operations".to_owned(), in_passes(operations(block, network, with_metadata)));
    Value::Object(object)
}

/// `…/metadata`
pub(super) fn metadata(block: &Block, network: &Network) -> Value {
    let protocol = network.profile().protocol.to_string();
    let shell = json!({
        "protocol": protocol,
        "next_protocol": protocol,
        "test_chain_status": { "status": "not_running" },
        "max_operations_ttl": network.constants.max_operations_time_to_live,
        "max_operation_data_length": 32_768,
        "max_block_header_length": MAX_HEADER,
        "max_operation_list_length": operation_quotas(),
    });
    if block.level().get() == 0 {
        return shell;
    }
    let baker = BAKER.to_string();
    let ours = json!({
        "proposer": baker,
        "baker": baker,
        "level_info": level_info(block.level().get()),
        "voting_period_info": voting_period_info(block.level().get()),
        "nonce_hash": null,
        "deactivated": [],
        "balance_updates": json_list(&block.balance_updates, network.profile().ids),
        "liquidity_baking_toggle_ema": 0,
        "implicit_operations_results": [],
        "proposer_consensus_key": baker,
        "baker_consensus_key": baker,
        "consumed_milligas": block.consumed_milligas().to_string(),
        "dal_attestation": "0",
        "all_bakers_attest_activation_level": null,
        "attestations": null,
        "preattestations": null,
    });
    merge(shell, ours)
}

fn json_list<T: Json>(items: &[T], family: IdFamily) -> Value {
    items.iter().map(|item| item.to_json(family)).collect()
}

fn operation_quotas() -> Value {
    json!([
        { "max_size": 4_194_304, "max_op": 2_048 },
        { "max_size": 32_768 },
        { "max_size": 135_168, "max_op": 132 },
        { "max_size": 524_288 },
    ])
}

/// The cycle of a level.
pub(super) fn cycle(level: u32) -> u32 {
    level.saturating_sub(1) / BLOCKS_PER_CYCLE
}

/// The first and the last level of the cycle of a level. The genesis is a cycle of its own, as it were.
pub(super) fn levels_of_cycle(level: u32) -> (u32, u32) {
    let first = cycle(level).saturating_mul(BLOCKS_PER_CYCLE).saturating_add(1);
    (first, first.saturating_add(BLOCKS_PER_CYCLE - 1))
}

/// `…/helpers/current_level`, too.
pub(super) fn level_info(level: u32) -> Value {
    let position = level.saturating_sub(1);
    json!({
        "level": level,
        "level_position": position,
        "cycle": position / BLOCKS_PER_CYCLE,
        "cycle_position": position % BLOCKS_PER_CYCLE,
        "expected_commitment": false,
    })
}

/// `…/votes/current_period`, too.
pub(super) fn voting_period_info(level: u32) -> Value {
    let position = level.saturating_sub(1);
    let period = BLOCKS_PER_CYCLE * CYCLES_PER_VOTING_PERIOD;
    let index = position / period;
    json!({
        "voting_period": { "index": index, "kind": "proposal", "start_position": index * period },
        "position": position % period,
        "remaining": period - position % period - 1,
    })
}
