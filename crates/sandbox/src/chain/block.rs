//! Blocks: what the chain keeps of each.

use super::error::ChainError;
use serde_json::Value;
use soru_base::bin::put_bytes;
use soru_base::{Binary, BlockHash, IdFamily, Json, Level, OperationHash, Reader, json_text};
use soru_protocol::block::{BlockHeader, Timestamp};
use soru_protocol::receipt::{BalanceUpdate, BlockOperation};

/// Bytes of one part of a stored block; far above what a block can have.
const LONGEST: usize = 256 * 1024 * 1024;
/// How deep JSON is nested at most: two levels for each of an expression, of which there are at most 10,000, and some around.
pub(crate) const MAX_JSON_DEPTH: usize = 2 * soru_michelson::MAX_DEPTH + 100;
/// The family of the identifiers in what is stored. Reading takes any.
const STORED: IdFamily = IdFamily::Mainnet;

/// A block with its operations and what became of them.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its hash.
    pub hash: BlockHash,
    /// Its header.
    pub header: BlockHeader,
    /// Its operations, all of accounts, with their receipts.
    pub operations: Vec<BlockOperation>,
    /// What the block itself did to balances: fees for the baker.
    pub balance_updates: Vec<BalanceUpdate>,
}

impl Block {
    /// Its level.
    pub fn level(&self) -> Level {
        self.header.shell.level
    }

    /// When it was made.
    pub fn timestamp(&self) -> Timestamp {
        self.header.shell.timestamp
    }

    /// The block before.
    pub fn predecessor(&self) -> BlockHash {
        self.header.shell.predecessor
    }

    /// Hashes of its operations.
    pub fn operation_hashes(&self) -> impl Iterator<Item = OperationHash> {
        self.operations.iter().map(|operation| operation.hash)
    }

    /// Gas that its operations used, in thousandths.
    pub fn consumed_milligas(&self) -> u64 {
        let results =
            self.operations.iter().flat_map(BlockOperation::manager_contents).flat_map(|(_, receipt)| {
                std::iter::once(&receipt.result)
                    .chain(receipt.internal.iter().map(|internal| &internal.result))
            });
        results.filter_map(|r| r.success()).map(|s| s.consumed_milligas).fold(0, u64::saturating_add)
    }

    /// The form in the database: header, operations as JSON, balance updates as JSON, each behind its length.
    pub(super) fn encode(&self) -> Vec<u8> {
        let array = |items: Vec<Value>| Value::Array(items).to_string().into_bytes();
        let mut out = Vec::new();
        put_bytes(&mut out, &self.header.to_bytes());
        put_bytes(&mut out, &array(self.operations.iter().map(|o| o.to_json(STORED)).collect()));
        put_bytes(&mut out, &array(self.balance_updates.iter().map(|u| u.to_json(STORED)).collect()));
        out
    }

    pub(super) fn decode(hash: BlockHash, bytes: &[u8]) -> Result<Self, ChainError> {
        let corrupt = |what: &dyn std::fmt::Display| ChainError::Corrupt(format!("block {hash}: {what}"));
        let mut reader = Reader::new(bytes);
        let mut part = |what| reader.bytes(LONGEST, what).map_err(|e| corrupt(&e));
        let header = BlockHeader::from_bytes(part("header")?).map_err(|e| corrupt(&e))?;
        let operations = list(part("operations")?).map_err(|e| corrupt(&e))?;
        let balance_updates = list(part("balance updates")?).map_err(|e| corrupt(&e))?;
        reader.finish().map_err(|e| corrupt(&e))?;
        Ok(Self { hash, header, operations, balance_updates })
    }
}

fn list<T: Json>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let items = json_text::parse(bytes, MAX_JSON_DEPTH).map_err(|e| e.to_string())?;
    let items = items.as_array().ok_or("no array")?;
    items.iter().map(|item| T::from_json(item, STORED).map_err(|e| e.to_string())).collect()
}
