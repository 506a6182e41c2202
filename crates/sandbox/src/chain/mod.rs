//! The chain: blocks on the current branch and beside it, the ledger at the head, and the operations that wait.
//!
//! No clock: the timestamps of blocks come from outside.

mod block;
mod build;
mod error;
mod live;
mod network;
mod store;

pub use block::Block;
pub(crate) use block::MAX_JSON_DEPTH;
pub(crate) use build::refusal;
pub use error::ChainError;
pub(crate) use network::baker_public_key;
pub use network::{BAKER, BOOTSTRAP_BALANCE, Network};

use crate::constants::ChainConstants;
use crate::mempool::{Class, Mempool, Pending, Refusal, Rejected};
use build::Made;
use live::Live;
use serde_json::json;
use soru_base::{Anchor, BlockId};
use soru_base::{Binary, ChainId, OperationHash};
use soru_protocol::block::Timestamp;
use soru_protocol::ledger::{BlockBuilder, Ledger};
use soru_protocol::operation::{MAX_OPERATION_SIZE, SignedOperation};
use std::path::Path;
use std::sync::Arc;
use store::{Disk, NewBlock};

/// A chain, to be changed.
pub struct Chain {
    reader: ChainReader,
    head: Arc<Block>,
    ledger: Ledger,
    live: Live,
    mempool: Mempool,
    new_heads: Vec<Arc<Block>>,
}

/// A chain, to be read: from any thread, while it changes.
#[derive(Clone)]
pub struct ChainReader {
    disk: Arc<Disk>,
    network: Arc<Network>,
}

impl ChainReader {
    /// The network that the chain imitates.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The newest block of the current branch.
    pub fn head(&self) -> Result<Arc<Block>, ChainError> {
        self.disk.head()?.ok_or_else(|| ChainError::Corrupt("there is no head".to_owned()))
    }

    /// The block that `id` names, if there is one.
    pub fn block(&self, id: &BlockId) -> Result<Option<Arc<Block>>, ChainError> {
        self.disk.block(id)
    }

    /// The ledger after a block.
    pub fn ledger(&self, block: &Block) -> Result<Ledger, ChainError> {
        let gone = || ChainError::NoLedger { level: block.level().get(), kept: self.network.kept_ledgers };
        let tree = self.disk.ledger(&block.header.shell.context)?.ok_or_else(gone)?;
        Ok(Ledger::from_tree(tree, self.network.constants.rules.clone()))
    }

    /// A block after `block` in the making, `minimal_block_delay` later: to try operations out.
    pub fn try_block(&self, block: &Block) -> Result<BlockBuilder, ChainError> {
        let context = build::context(&self.network, block, self.network.after(block));
        Ok(self.ledger(block)?.begin_block(context))
    }

    /// Gives the directory up. Whatever is asked from now on fails.
    pub(crate) fn close(&self) {
        self.disk.close();
    }
}

impl Chain {
    /// Opens the chain of a directory, or starts one there with a genesis block of that time.
    pub fn open(
        dir: &Path,
        constants: ChainConstants,
        kept_ledgers: u32,
        genesis_time: i64,
    ) -> Result<Self, ChainError> {
        let disk = Disk::open(dir)?;
        let mut network = Network { constants, chain_id: ChainId::ZERO, kept_ledgers };
        match disk.network()? {
            Some(stored) => network.check_stored(&stored, disk.path())?,
            None => disk.create(&build::genesis(&network, Timestamp(genesis_time))?, &network.to_stored())?,
        }
        let none = || ChainError::Corrupt("there is no genesis block".to_owned());
        let genesis = disk.block(&BlockId { anchor: Anchor::Genesis, back: 0 })?.ok_or_else(none)?;
        network.chain_id = Network::id_of(genesis.hash);

        let reader = ChainReader { disk: Arc::new(disk), network: Arc::new(network) };
        let head = reader.head()?;
        let ledger = reader.ledger(&head)?;
        let live = Live::read(&reader.disk, &head, reader.network.constants.max_operations_time_to_live)?;
        Ok(Self { reader, head, ledger, live, mempool: Mempool::default(), new_heads: Vec::new() })
    }

    /// For reading, from any thread.
    pub fn reader(&self) -> ChainReader {
        self.reader.clone()
    }

    /// The newest block.
    pub fn head(&self) -> &Arc<Block> {
        &self.head
    }

    /// The operations that wait.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// The operations that wait, in their order, each with whether it is the next one of its account.
    pub fn waiting(&self) -> Vec<(Pending, bool)> {
        let next = |pending: &Pending| {
            let counter = self.ledger.counter(&pending.source).unwrap_or(0);
            counter.checked_add(1) == Some(pending.counter)
        };
        let with_next = |pending: Pending| (pending.clone(), next(&pending));
        self.mempool.in_order().into_iter().map(with_next).collect()
    }

    /// Heads made since this was last asked.
    pub(crate) fn take_new_heads(&mut self) -> Vec<Arc<Block>> {
        std::mem::take(&mut self.new_heads)
    }

    /// Takes the bytes of a signed operation that a client sent, if the protocol finds it valid on the head.
    pub fn inject(&mut self, bytes: &[u8]) -> Result<OperationHash, Refusal> {
        if bytes.len() > MAX_OPERATION_SIZE {
            return Err(Refusal::new(vec![json!({
                "kind": "permanent",
                "id": "node.prevalidation.oversized_operation",
                "size": bytes.len(),
                "max_size": MAX_OPERATION_SIZE,
                "msg": format!("an operation of {} bytes is longer than {MAX_OPERATION_SIZE}", bytes.len()),
            })]));
        }
        let operation = SignedOperation::from_bytes(bytes).map_err(|e| {
            Refusal::new(vec![json!({
                "kind": "permanent",
                "id": "node.prevalidation.parse_error",
                "msg": format!("these bytes are no signed operation: {e}"),
            })])
        })?;
        let hash = operation.hash();
        if self.mempool.contains(&hash) || self.live.has_operation(&hash) {
            return Ok(hash);
        }
        let judged = self.judge(&hash, &operation);
        let taken = judged.and_then(|()| self.mempool.add(hash, operation.clone(), bytes.len()));
        if let Err(refusal) = &taken {
            tracing::debug!(%hash, "refused: {}", serde_json::Value::Array(refusal.trace.clone()));
            let operation = Arc::new(operation);
            self.mempool.remember(Rejected { hash, operation, refusal: refusal.clone() });
        }
        taken.map(|()| hash)
    }

    fn judge(&self, hash: &OperationHash, operation: &SignedOperation) -> Result<(), Refusal> {
        self.check_branch(hash, operation)?;
        build::check(
            &self.reader.network,
            &self.head,
            &self.ledger,
            self.reader.network.after(&self.head),
            operation,
        )
    }

    fn check_branch(&self, hash: &OperationHash, operation: &SignedOperation) -> Result<(), Refusal> {
        let branch = operation.operation.branch;
        if self.live.has_block(&branch) {
            return Ok(());
        }
        let trace = vec![json!({
            "kind": "temporary",
            "id": "failure",
            "msg": format!(
                "operation {hash} is branched on block {branch}, which is not among the last {} blocks of this branch: \
                 it is too old, unknown, or on an abandoned branch",
                self.live.len(),
            ),
        })];
        Err(Refusal { class: Class::Outdated, trace })
    }

    /// Makes a block with the operations that wait, with that timestamp or, if it is not later than the head's, one second
    /// more than the head's.
    pub fn bake_at(&mut self, seconds: i64) -> Result<Arc<Block>, ChainError> {
        let earliest = self.head.timestamp().0.saturating_add(1);
        self.bake(Timestamp(seconds.max(earliest)))
    }

    /// Makes a block with the operations that wait, `minimal_block_delay` after the head.
    pub fn bake_next(&mut self) -> Result<Arc<Block>, ChainError> {
        self.bake(self.reader.network.after(&self.head))
    }

    fn bake(&mut self, timestamp: Timestamp) -> Result<Arc<Block>, ChainError> {
        let mut candidates = Vec::new();
        for pending in self.mempool.in_order() {
            match self.check_branch(&pending.hash, &pending.operation) {
                Ok(()) => candidates.push(pending),
                Err(refusal) => self.mempool.reject(&pending.hash, refusal),
            }
        }
        let made = self.make(&self.head, &self.ledger, timestamp, &candidates)?;
        self.reader.disk.extend(std::slice::from_ref(&made.new), self.reader.network.kept_ledgers)?;

        // Stored: from here on nothing fails.
        let block = made.new.block;
        // Read anew: what the block touched need not stay in memory.
        let ledger = self.reader.ledger(&block).unwrap_or(made.ledger);
        for hash in block.operation_hashes() {
            self.mempool.remove(&hash);
        }
        for (hash, refusal) in made.refused {
            // What may be valid later stays, until its branch is too old.
            if refusal.class != Class::BranchDelayed {
                self.mempool.reject(&hash, refusal);
            }
        }
        self.live.push(&block);
        self.ledger = ledger;
        self.head = block.clone();
        self.new_heads.push(block.clone());
        Ok(block)
    }

    /// A block after `predecessor` that is not known yet.
    fn make(
        &self,
        predecessor: &Block,
        ledger: &Ledger,
        timestamp: Timestamp,
        candidates: &[Pending],
    ) -> Result<Made, ChainError> {
        let network = &self.reader.network;
        // Two blocks on one predecessor differ at least in their round.
        for round in 0.. {
            let made = build::block(network, predecessor, ledger, timestamp, round, candidates)?;
            if self.reader.block(&BlockId::from(made.new.block.hash))?.is_none() {
                return Ok(made);
            }
        }
        Err(ChainError::Block("every round has a block".to_owned()))
    }

    /// Leaves the last `depth` blocks for a longer branch of `count` others. These have no operations: those of the abandoned
    /// blocks wait again, if they are still valid, and so do all others. Either all of it happens, or nothing.
    pub fn reorg(&mut self, depth: u32, count: u32) -> Result<Arc<Block>, ChainError> {
        let refused = |text: String| Err(ChainError::Reorganisation(text));
        let level = self.head.level().get();
        if depth == 0 || depth > level {
            return refused(format!("{depth} blocks cannot be abandoned: expected 1 to {level}"));
        }
        if count <= depth {
            return refused(format!("{count} blocks are no longer branch than the {depth} they replace"));
        }
        let fork_id = BlockId { anchor: Anchor::Head, back: i64::from(depth) };
        let missing =
            || ChainError::Corrupt(format!("the current branch has no block {depth} below its head"));
        let fork = self.reader.block(&fork_id)?.ok_or_else(missing)?;
        let mut abandoned = Vec::new();
        for back in (0..depth).rev() {
            let id = BlockId { anchor: Anchor::Head, back: i64::from(back) };
            abandoned.push(self.reader.block(&id)?.ok_or_else(missing)?);
        }

        let mut ledger = self.reader.ledger(&fork)?;
        let mut predecessor = fork;
        let mut branch: Vec<NewBlock> = Vec::new();
        for _ in 0..count {
            let made = self.make(&predecessor, &ledger, self.reader.network.after(&predecessor), &[])?;
            predecessor = made.new.block.clone();
            ledger = made.ledger;
            branch.push(made.new);
        }
        self.reader.disk.extend(&branch, self.reader.network.kept_ledgers)?;
        let live = self.reader.network.constants.max_operations_time_to_live;
        self.live = Live::read(&self.reader.disk, &predecessor, live)?;
        self.head = predecessor;
        self.ledger = ledger;
        self.new_heads.push(self.head.clone());
        self.put_back(&abandoned);
        Ok(self.head.clone())
    }

    /// Lets the operations of abandoned blocks wait again.
    fn put_back(&mut self, abandoned: &[Arc<Block>]) {
        let mut operations = Vec::new();
        for operation in abandoned.iter().flat_map(|block| &block.operations) {
            let Some(signed) = operation.signed_operation() else { continue };
            match self.check_branch(&operation.hash, &signed) {
                Ok(()) => {
                    let size = signed.to_bytes().len();
                    operations.push((operation.hash, signed, size));
                }
                Err(refusal) => {
                    let operation_ref = Arc::new(signed);
                    self.mempool.remember(Rejected {
                        hash: operation.hash,
                        operation: operation_ref,
                        refusal,
                    });
                }
            }
        }
        self.mempool.put_back(operations);
    }
}

#[cfg(test)]
mod tests;
