//! Making blocks: the header's side here, the rules' side in `soru_protocol`.

use super::block::Block;
use super::error::ChainError;
use super::network::{BAKER, BAKER_KEY, Network};
use super::store::NewBlock;
use crate::mempool::{Pending, Refusal};
use serde_json::{Value, json};
use soru_base::blake2b::hash32_parts;
use soru_base::{
    BlockHash, BlockPayloadHash, ContextHash, IdFamily, Level, OperationHash, OperationListHash, Signature,
};
use soru_protocol::block::{
    BlockHeader, MANAGER_PASS, ProtocolData, ShellHeader, Timestamp, VALIDATION_PASSES, operation_list_hash,
    operation_list_list_hash,
};
use soru_protocol::ledger::{ApplyError, BlockContext, Ledger};
use soru_protocol::operation::SignedOperation;
use soru_protocol::receipt::BlockOperation;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Bytes of all operations of accounts in a block, as on the network.
const MAX_OPERATIONS_SIZE: usize = 512 * 1024;
/// First byte of what is signed for a block.
const BLOCK_WATERMARK: u8 = 0x11;

/// A block that was made, and what became of the operations that are not in it.
pub(super) struct Made {
    pub(super) new: NewBlock,
    pub(super) ledger: Ledger,
    pub(super) refused: Vec<(OperationHash, Refusal)>,
}

/// The first block and the ledger that the chain starts with.
pub(super) fn genesis(network: &Network, timestamp: Timestamp) -> Result<NewBlock, ChainError> {
    let rules = network.constants.rules.clone();
    let ledger = Ledger::genesis(rules, &Network::bootstrap(), timestamp)?;
    let shell = ShellHeader {
        level: Level::GENESIS,
        proto: 0,
        predecessor: BlockHash::ZERO,
        timestamp,
        validation_pass: 0,
        operations_hash: operation_list_list_hash(&[]),
        fitness: Vec::new(),
        context: ledger.context_hash()?,
    };
    let header = BlockHeader { shell, protocol_data: None };
    let block = Block { hash: header.hash(), header, operations: Vec::new(), balance_updates: Vec::new() };
    Ok(NewBlock { block: Arc::new(block), ledger: ledger.tree().clone() })
}

/// What the next block is known to be before its operations.
pub(super) fn context(network: &Network, predecessor: &Block, timestamp: Timestamp) -> BlockContext {
    BlockContext {
        level: predecessor.level().next(),
        timestamp,
        predecessor: predecessor.hash,
        predecessor_timestamp: predecessor.timestamp(),
        chain_id: network.chain_id,
        baker: *BAKER,
    }
}

/// Whether an operation could be in the block after `head`.
pub(super) fn check(
    network: &Network,
    head: &Block,
    ledger: &Ledger,
    timestamp: Timestamp,
    operation: &SignedOperation,
) -> Result<(), Refusal> {
    let judged =
        catch_unwind(AssertUnwindSafe(|| ledger.check_mempool(context(network, head, timestamp), operation)));
    match judged {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(refusal(error, network.profile().ids)),
        Err(_) => Err(bug()),
    }
}

/// The rules' error as the network's nodes write it.
pub(crate) fn refusal(error: ApplyError, family: IdFamily) -> Refusal {
    match error {
        ApplyError::Refused(refused) => {
            let told = refused.to_string();
            let mut trace: Vec<Value> =
                refused.trace.reports(family).into_iter().map(|report| report.0).collect();
            // The network's errors have no text; people have eyes.
            if let Some(Value::Object(first)) = trace.first_mut()
                && !first.contains_key("msg")
            {
                first.insert("msg".to_owned(), told.into());
            }
            Refusal::new(trace)
        }
        ApplyError::Storage(e) => Refusal::new(vec![json!({
            "kind": "temporary",
            "id": "sandbox.storage",
            "msg": e.to_string(),
        })]),
    }
}

/// An operation that makes the rules panic is a bug of theirs, and must not stop the chain.
fn bug() -> Refusal {
    Refusal::new(vec![json!({
        "kind": "permanent",
        "id": "sandbox.panic",
        "msg": "a bug in the sandbox: applying this operation panics",
    })])
}

/// A block with as many of the candidates, in their order, as the rules and the limits of a block let in.
pub(super) fn block(
    network: &Network,
    predecessor: &Block,
    ledger: &Ledger,
    timestamp: Timestamp,
    round: u32,
    candidates: &[Pending],
) -> Result<Made, ChainError> {
    let mut builder = ledger.begin_block(context(network, predecessor, timestamp));
    let mut sources = BTreeSet::new();
    let mut operations = Vec::new();
    let mut refused = Vec::new();
    let mut size = 0;
    for candidate in candidates {
        // The others of an account wait for the next blocks.
        if size + candidate.size() > MAX_OPERATIONS_SIZE || !sources.insert(candidate.source) {
            continue;
        }
        // Refused operations leave the builder as it was; one that makes it panic may not.
        let before = builder.clone();
        match catch_unwind(AssertUnwindSafe(|| builder.apply(&candidate.operation))) {
            Ok(Ok(receipt)) => {
                size += candidate.size();
                operations.push(BlockOperation::new(&candidate.operation, receipt));
            }
            Ok(Err(error)) => refused.push((candidate.hash, refusal(error, network.profile().ids))),
            Err(_) => {
                builder = before;
                refused.push((candidate.hash, bug()));
            }
        }
    }
    let (ledger, metadata) = builder.finish()?;
    let hashes: Vec<OperationHash> = operations.iter().map(|operation| operation.hash).collect();
    let header = header(network, predecessor, timestamp, round, &hashes, ledger.context_hash()?);
    let block = Block { hash: header.hash(), header, operations, balance_updates: metadata.balance_updates };
    let new = NewBlock { block: Arc::new(block), ledger: ledger.tree().clone() };
    Ok(Made { new, ledger, refused })
}

fn header(
    network: &Network,
    predecessor: &Block,
    timestamp: Timestamp,
    round: u32,
    operations: &[OperationHash],
    context: ContextHash,
) -> BlockHeader {
    let list = operation_list_hash(operations);
    let mut passes = vec![operation_list_hash(&[]); usize::from(VALIDATION_PASSES)];
    passes[MANAGER_PASS] = list;
    let level = predecessor.level().next();
    let shell = ShellHeader {
        level,
        proto: 1,
        predecessor: predecessor.hash,
        timestamp,
        validation_pass: VALIDATION_PASSES,
        operations_hash: operation_list_list_hash(&passes),
        fitness: fitness(level, round_of(predecessor), round),
        context,
    };
    let mut header = BlockHeader {
        shell,
        protocol_data: Some(ProtocolData {
            payload_hash: payload_hash(predecessor.hash, round, list),
            payload_round: round,
            proof_of_work_nonce: [0; 8],
            seed_nonce_hash: None,
            per_block_votes: ProtocolData::VOTE_PASS,
            signature: Signature::ZERO,
        }),
    };
    let signed = [&[BLOCK_WATERMARK], network.chain_id.as_bytes(), &header.forge()].concat();
    if let Some(data) = &mut header.protocol_data {
        // As it is read back: the binary form of a signature does not tell its curve.
        data.signature = Signature::from_slice(BAKER_KEY.sign(&signed).as_bytes()).unwrap_or(Signature::ZERO);
    }
    header
}

fn round_of(block: &Block) -> u32 {
    block.header.protocol_data.as_ref().map_or(0, |data| data.payload_round)
}

/// Version, level, no locked round, the predecessor's round as −1 − round, the round.
fn fitness(level: Level, predecessor_round: u32, round: u32) -> Vec<Vec<u8>> {
    let int32 = |n: u32| n.to_be_bytes().to_vec();
    vec![vec![2], level.as_i32().to_be_bytes().to_vec(), vec![], int32(!predecessor_round), int32(round)]
}

fn payload_hash(predecessor: BlockHash, round: u32, operations: OperationListHash) -> BlockPayloadHash {
    BlockPayloadHash(hash32_parts(&[&predecessor.0, &round.to_be_bytes(), &operations.0]))
}
