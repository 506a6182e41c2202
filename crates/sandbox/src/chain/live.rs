//! The last blocks of the current branch: an operation must be branched on one of them, and not be in one of them.

use super::block::Block;
use super::error::ChainError;
use super::store::Disk;
use soru_base::BlockId;
use soru_base::{BlockHash, OperationHash};
use std::collections::{BTreeSet, VecDeque};

/// The last blocks of the current branch and their operations.
#[derive(Debug, Default)]
pub(super) struct Live {
    // The newest last.
    blocks: VecDeque<(BlockHash, Vec<OperationHash>)>,
    hashes: BTreeSet<BlockHash>,
    operations: BTreeSet<OperationHash>,
    most: usize,
}

impl Live {
    /// Reads the last blocks up to `head`. An operation can be included for `time_to_live` blocks behind its branch.
    pub(super) fn read(disk: &Disk, head: &Block, time_to_live: u32) -> Result<Self, ChainError> {
        let most = time_to_live as usize + 1;
        let mut blocks = Vec::new();
        let mut hash = head.hash;
        while blocks.len() < most {
            let block = disk
                .block(&BlockId::from(hash))?
                .ok_or_else(|| ChainError::Corrupt(format!("the branch of the head lacks block {hash}")))?;
            let (level, predecessor) = (block.level().get(), block.predecessor());
            blocks.push(block);
            if level == 0 {
                break;
            }
            hash = predecessor;
        }
        let mut live = Self { most, ..Self::default() };
        for block in blocks.iter().rev() {
            live.push(block);
        }
        Ok(live)
    }

    pub(super) fn push(&mut self, block: &Block) {
        let operations: Vec<OperationHash> = block.operation_hashes().collect();
        self.hashes.insert(block.hash);
        self.operations.extend(&operations);
        self.blocks.push_back((block.hash, operations));
        while self.blocks.len() > self.most {
            let Some((hash, operations)) = self.blocks.pop_front() else { break };
            self.hashes.remove(&hash);
            for operation in operations {
                self.operations.remove(&operation);
            }
        }
    }

    /// Whether an operation can be branched on that block.
    pub(super) fn has_block(&self, hash: &BlockHash) -> bool {
        self.hashes.contains(hash)
    }

    /// Whether one of the last blocks has that operation.
    pub(super) fn has_operation(&self, hash: &OperationHash) -> bool {
        self.operations.contains(hash)
    }

    /// Number of blocks.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }
}
