//! Blocks as one reads them: a header, and operations with their receipts.

use serde_json::Value;
use soru_base::json::{array_field, field, member};
use soru_base::{BlockHash, ChainId, IdFamily, Json, JsonError, Level, ProtocolHash};
use soru_protocol::Timestamp;
use soru_protocol::receipt::{BlockContent, BlockOperation};

/// Where a block is and when it was made. All else in a header is left to those who need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its hash.
    pub hash: BlockHash,
    /// Its level.
    pub level: Level,
    /// Hash of the block before; its own hash in a genesis block.
    pub predecessor: BlockHash,
    /// When it was made.
    pub timestamp: Timestamp,
}

/// A block.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Its header.
    pub header: Header,
    /// The chain it belongs to.
    pub chain_id: ChainId,
    /// The protocol that made it.
    pub protocol: ProtocolHash,
    /// The protocol that will make the next one.
    pub next_protocol: ProtocolHash,
    /// For how many blocks an operation on this branch can be included, if the block tells.
    pub max_operations_ttl: Option<u32>,
    /// The operations, by validation pass.
    pub operations: Vec<Vec<BlockOperation>>,
}

impl Header {
    /// Reads a header whose hash is in the object, as in the stream of heads and the RPC of headers.
    pub(crate) fn read(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        Self::read_with_hash(value, field(value, "hash", family)?, family)
    }

    fn read_with_hash(value: &Value, hash: BlockHash, family: IdFamily) -> Result<Self, JsonError> {
        Ok(Self {
            hash,
            level: field(value, "level", family)?,
            predecessor: field(value, "predecessor", family)?,
            timestamp: field(value, "timestamp", family)?,
        })
    }
}

impl Block {
    /// The operations of all passes, in the order in which they were applied.
    pub fn all_operations(&self) -> impl Iterator<Item = &BlockOperation> {
        self.operations.iter().flatten()
    }

    pub(crate) fn read(value: &Value, family: IdFamily) -> Result<Self, JsonError> {
        let hash = field(value, "hash", family)?;
        let metadata = member(value, "metadata");
        let protocol = field(value, "protocol", family)?;
        let passes = array_field(value, "operations")?.iter().enumerate();
        Ok(Self {
            header: Header::read_with_hash(member(value, "header"), hash, family)
                .map_err(|e| e.within("header"))?,
            chain_id: field(value, "chain_id", family)?,
            protocol,
            next_protocol: match member(metadata, "next_protocol") {
                Value::Null => protocol,
                _ => field(metadata, "next_protocol", family).map_err(|e| e.within("metadata"))?,
            },
            max_operations_ttl: member(metadata, "max_operations_ttl")
                .as_u64()
                .and_then(|n| u32::try_from(n).ok()),
            operations: passes
                .map(|(i, pass)| read_pass(pass, family).map_err(|e| e.at(i).within("operations")))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn read_pass(pass: &Value, family: IdFamily) -> Result<Vec<BlockOperation>, JsonError> {
    let operations = pass.as_array().ok_or_else(|| JsonError::new("an array of operations", pass))?;
    operations.iter().enumerate().map(|(i, op)| read_operation(op, family).map_err(|e| e.at(i))).collect()
}

/// Reads an operation of a block, whatever its contents: those that are not understood are kept as they are.
pub(crate) fn read_operation(value: &Value, family: IdFamily) -> Result<BlockOperation, JsonError> {
    Ok(BlockOperation {
        hash: field(value, "hash", family)?,
        branch: field(value, "branch", family)?,
        contents: array_field(value, "contents")?.iter().map(|c| read_content(c, family)).collect(),
        // Of a curve that is not known here: nobody needs it.
        signature: field(value, "signature", family).ok(),
    })
}

/// Reads a content with its receipt; keeps it as it is if it is not understood.
pub(crate) fn read_content(value: &Value, family: IdFamily) -> BlockContent {
    BlockContent::from_json(value, family).unwrap_or_else(|_| BlockContent::Other(value.clone()))
}
