//! What the node keeps: one redb database in which a level is one transaction.
//!
//! Blocks are kept by their hash, so a chain that comes back after a reorganisation is not evaluated again; an index says
//! which block is on the current chain at each level. What is derived from blocks (who published what, and when) is
//! looked up through that index, so there is nothing to undo when blocks are abandoned.

mod batch_record;
mod batcher;
mod gc;
mod publications;
mod record;
mod tables;

pub use batch_record::{Attempt, Batch, Inclusion, Message, Place};
pub use batcher::{EnqueueError, QueueSize, Room, Wishes};
pub use gc::{Collected, Kept, Needs};
pub use record::BlockRecord;

use crate::publish::Pointed;
use record::{messages_from_bytes, messages_to_bytes};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};
use soru_base::{Binary, BlockHash, CommitmentHash, DecodeError, IdFamily, Level, RollupAddress};
use soru_merkle::Tree;
use soru_protocol::Commitment;
use soru_protocol::inbox::SerializedMessage;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tables::*;
use thiserror::Error;

/// Version of the tables. A store of another version is refused.
pub const VERSION: u32 = 2;

/// Bytes of the database kept in memory, at most: the library's own bound is so high that a node's memory would grow for months.
const CACHE: usize = 32 << 20;

/// Why the store does not give or take something.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process uses the data directory.
    #[error("{} is in use by another process: two nodes cannot share a data directory", path.display())]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// The data directory belongs to another rollup.
    #[error(
        "the data directory is that of the rollup {found:?} ({}), not of {expected:?} ({}): use another data directory",
        found.in_family(IdFamily::Mainnet), expected.in_family(IdFamily::Mainnet)
    )]
    OtherRollup {
        /// The rollup of the configuration.
        expected: RollupAddress,
        /// The rollup of the store.
        found: RollupAddress,
    },
    /// The store was written by another version of Soru.
    #[error("the store has version {found}, this program needs {VERSION}: use another data directory")]
    OtherVersion {
        /// Version found.
        found: u32,
    },
    /// A block that does not continue the chain.
    #[error("block {block} of level {level} does not follow {head}, the head of the store")]
    Gap {
        /// The block.
        block: BlockHash,
        /// Its level.
        level: Level,
        /// Head of the store.
        head: String,
    },
    /// Something stored cannot be read.
    #[error("the store is damaged: {what}: {reason}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// Why it cannot be.
        reason: String,
    },
    /// The state of a block was collected.
    #[error("the state of level {level} is no longer kept: history-mode archive keeps all of them")]
    Collected {
        /// The level.
        level: Level,
    },
    /// The directory cannot be made.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The store of trees failed.
    #[error("the store of states failed: {0}")]
    Trees(#[from] soru_merkle::StoreError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[source] Box<redb::Error>),
}

macro_rules! from_database {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        }
    )*};
}

from_database!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

/// A block about to be stored.
#[derive(Debug)]
pub struct NewBlock {
    /// What is kept of it.
    pub record: BlockRecord,
    /// All messages of its level, the protocol's included.
    pub messages: Vec<SerializedMessage>,
    /// The commitment, if a period ends.
    pub commitment: Option<Commitment>,
    /// The state after the block.
    pub state: Tree,
}

/// The node's database. Cheap to clone; readers never wait for the writer.
#[derive(Clone)]
pub struct Store {
    db: Arc<Database>,
    trees: soru_merkle::Store,
    path: Arc<Path>,
}

impl Store {
    /// Opens the store of a data directory, or makes it. It is locked until the last clone is dropped.
    pub fn open(data_dir: &Path, rollup: RollupAddress) -> Result<Self, StoreError> {
        let dir = data_dir.join("storage");
        std::fs::create_dir_all(&dir).map_err(|source| StoreError::Io { path: dir.clone(), source })?;
        let path = dir.join("node.redb");
        let db = match Database::builder().set_cache_size(CACHE).create(&path) {
            Err(redb::DatabaseError::DatabaseAlreadyOpen) => return Err(StoreError::Locked { path }),
            other => Arc::new(other?),
        };
        let tx = db.begin_write()?;
        check_owner(&tx, rollup)?;
        create_all(&tx)?;
        tx.commit()?;
        let trees = soru_merkle::Store::new(db.clone())?;
        Ok(Self { db, trees, path: path.into() })
    }

    fn read(&self) -> Result<ReadTransaction, StoreError> {
        Ok(self.db.begin_read()?)
    }

    /// The last block of the current chain.
    pub fn head(&self) -> Result<Option<BlockRecord>, StoreError> {
        let tx = self.read()?;
        let last = tx.open_table(CANONICAL)?.last()?.map(|(_, hash)| hash.value());
        last.map(|hash| required_block(&tx, hash)).transpose()
    }

    /// The first block of the current chain: the one with the rollup's origination.
    pub fn genesis(&self) -> Result<Option<BlockRecord>, StoreError> {
        let tx = self.read()?;
        let first = tx.open_table(CANONICAL)?.first()?.map(|(_, hash)| hash.value());
        first.map(|hash| required_block(&tx, hash)).transpose()
    }

    /// The block of that hash, on the current chain or not.
    pub fn block(&self, hash: &BlockHash) -> Result<Option<BlockRecord>, StoreError> {
        block_of(&self.read()?, hash.0)
    }

    /// Hash of the block of the current chain at that level.
    pub fn hash_at(&self, level: Level) -> Result<Option<BlockHash>, StoreError> {
        Ok(self.read()?.open_table(CANONICAL)?.get(level.get())?.map(|h| BlockHash(h.value())))
    }

    /// The block of the current chain at that level, unless it was collected.
    pub fn block_at(&self, level: Level) -> Result<Option<BlockRecord>, StoreError> {
        block_on_chain(&self.read()?, level)
    }

    /// All messages of a block's level, the protocol's included; none if they were collected with the block.
    pub fn messages(&self, hash: &BlockHash) -> Result<Vec<SerializedMessage>, StoreError> {
        match self.read()?.open_table(MESSAGES)?.get(hash.0)? {
            None => Ok(Vec::new()),
            Some(bytes) => messages_from_bytes(bytes.value()).map_err(damaged("messages")),
        }
    }

    /// A commitment that the node computed.
    pub fn commitment(&self, hash: &CommitmentHash) -> Result<Option<Commitment>, StoreError> {
        commitment_of(&self.read()?, hash)
    }

    /// The outboxes of the current chain with the indexes of their messages that were not executed, the oldest first.
    pub fn pending_outboxes(&self) -> Result<Vec<(Level, BTreeSet<u32>)>, StoreError> {
        let tx = self.read()?;
        let (canonical, executions) = (tx.open_table(CANONICAL)?, tx.open_table(EXECUTIONS)?);
        let on_chain = |level: u32, is: &dyn Fn([u8; 32]) -> bool| -> Result<bool, StoreError> {
            Ok(canonical.get(level)?.is_some_and(|hash| is(hash.value())))
        };
        let mut pending = Vec::new();
        for entry in tx.open_table(OUTBOXES)?.iter()? {
            let (key, len) = entry?;
            let (level, block) = key.value();
            if !on_chain(level, &|hash| hash == block)? {
                continue;
            }
            let mut left: BTreeSet<u32> = (0..len.value()).collect();
            for entry in executions.range((level, 0, 0)..=(level, u32::MAX, u32::MAX))? {
                let (key, blocks) = entry?;
                let (_, index, at) = key.value();
                if on_chain(at, &|hash| names(blocks.value(), hash))? {
                    left.remove(&index);
                }
            }
            pending.extend(Level::new(level).filter(|_| !left.is_empty()).map(|level| (level, left)));
        }
        Ok(pending)
    }

    /// The highest block of the current chain, up to `level`, whose state is kept.
    pub fn last_with_state(&self, level: Level) -> Result<Option<Level>, StoreError> {
        let tx = self.read()?;
        let (states, canonical) = (tx.open_table(STATES)?, tx.open_table(CANONICAL)?);
        for entry in states.range(..=(level.get(), [0xff; 32]))?.rev() {
            let (at, block) = entry?.0.value();
            if canonical.get(at)?.is_some_and(|hash| hash.value() == block) {
                return Ok(Level::new(at));
            }
        }
        Ok(None)
    }

    /// The lowest level whose state is kept.
    pub fn first_state_level(&self) -> Result<Option<Level>, StoreError> {
        let first = self.read()?.open_table(STATES)?.first()?.map(|(key, _)| key.value().0);
        Ok(first.and_then(Level::new))
    }

    /// The state after a block.
    pub fn state(&self, block: &BlockRecord) -> Result<Tree, StoreError> {
        self.trees.checkout(block.state_hash.into())?.ok_or(StoreError::Collected { level: block.level })
    }

    /// The last cemented commitment, as the layer-1 said last.
    pub fn cemented(&self) -> Result<Option<Pointed>, StoreError> {
        let tx = self.read()?;
        match tx.open_table(META)?.get(CEMENTED)? {
            None => Ok(None),
            Some(bytes) => {
                pointed_from_bytes(bytes.value()).map(Some).map_err(damaged("cemented commitment"))
            }
        }
    }

    /// Remembers the last cemented commitment.
    pub fn set_cemented(&self, cemented: Pointed) -> Result<(), StoreError> {
        let mut bytes = cemented.hash.to_bytes();
        cemented.level.write(&mut bytes);
        let tx = self.db.begin_write()?;
        tx.open_table(META)?.insert(CEMENTED, bytes.as_slice())?;
        Ok(tx.commit()?)
    }

    /// Stores a block with all that belongs to it and makes it the head, or does nothing at all. It has to follow the
    /// head, or be the first one.
    pub fn put(&self, block: &NewBlock) -> Result<(), StoreError> {
        let tx = self.db.begin_write()?;
        let record = &block.record;
        check_follows(&tx, record)?;
        tx.open_table(BLOCKS)?.insert(record.hash.0, record.to_bytes().as_slice())?;
        tx.open_table(MESSAGES)?.insert(record.hash.0, messages_to_bytes(&block.messages).as_slice())?;
        if let Some(commitment) = &block.commitment {
            tx.open_table(COMMITMENTS)?.insert(commitment.hash().0, commitment.to_bytes().as_slice())?;
        }
        add_to_indexes(&tx, record)?;
        tx.open_table(STATES)?.insert((record.level.get(), record.hash.0), record.state_hash.0)?;
        self.trees.put(&tx, &block.state)?;
        tx.open_table(CANONICAL)?.insert(record.level.get(), record.hash.0)?;
        Ok(tx.commit()?)
    }

    /// Makes a stored block that follows the head the new head, without evaluating it again. Nothing if the block is not
    /// stored, or its state was collected.
    pub fn reuse(&self, hash: &BlockHash) -> Result<Option<BlockRecord>, StoreError> {
        // Nearly always: the writer is not bothered for that.
        if self.read()?.open_table(BLOCKS)?.get(hash.0)?.is_none() {
            return Ok(None);
        }
        let tx = self.db.begin_write()?;
        let record = match tx.open_table(BLOCKS)?.get(hash.0)? {
            None => return Ok(None),
            Some(bytes) => BlockRecord::from_bytes(bytes.value()).map_err(damaged("block"))?,
        };
        if tx.open_table(STATES)?.get((record.level.get(), record.hash.0))?.is_none() {
            return Ok(None);
        }
        check_follows(&tx, &record)?;
        tx.open_table(CANONICAL)?.insert(record.level.get(), record.hash.0)?;
        tx.commit()?;
        Ok(Some(record))
    }

    /// Takes the blocks above `level` off the current chain. They stay in the store.
    pub fn rollback(&self, level: Level) -> Result<(), StoreError> {
        let tx = self.db.begin_write()?;
        tx.open_table(CANONICAL)?.retain_in(level.get() + 1.., |_, _| false)?;
        Ok(tx.commit()?)
    }

    /// Takes all blocks off the current chain.
    pub fn rollback_all(&self) -> Result<(), StoreError> {
        let tx = self.db.begin_write()?;
        tx.open_table(CANONICAL)?.retain(|_, _| false)?;
        tx.open_table(META)?.remove(CEMENTED)?;
        Ok(tx.commit()?)
    }

    /// What the store takes.
    pub fn size(&self) -> Result<Size, StoreError> {
        let file = std::fs::metadata(&*self.path)
            .map_err(|source| StoreError::Io { path: self.path.to_path_buf(), source })?;
        let trees = self.trees.stats()?;
        Ok(Size { file_bytes: file.len(), states: trees.roots, nodes: trees.nodes, node_bytes: trees.bytes })
    }
}

/// What a store takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the database's file, free space included.
    pub file_bytes: u64,
    /// States kept.
    pub states: u64,
    /// Nodes of their trees.
    pub nodes: u64,
    /// Bytes of the nodes.
    pub node_bytes: u64,
}

fn check_owner(tx: &WriteTransaction, rollup: RollupAddress) -> Result<(), StoreError> {
    let mut meta = tx.open_table(META)?;
    let version = meta.get(STORE_VERSION)?.map(|v| v.value().to_vec());
    match version {
        None => {
            meta.insert(STORE_VERSION, VERSION.to_be_bytes().as_slice())?;
            meta.insert(ROLLUP, rollup.as_bytes())?;
            return Ok(());
        }
        Some(bytes) => {
            let found = bytes.try_into().map(u32::from_be_bytes).unwrap_or(0);
            if found != VERSION {
                return Err(StoreError::OtherVersion { found });
            }
        }
    }
    let found = meta.get(ROLLUP)?.and_then(|v| RollupAddress::from_slice(v.value()));
    match found {
        Some(found) if found == rollup => Ok(()),
        Some(found) => Err(StoreError::OtherRollup { expected: rollup, found }),
        None => Err(StoreError::Damaged { what: "rollup", reason: "no address".into() }),
    }
}

fn check_follows(tx: &WriteTransaction, record: &BlockRecord) -> Result<(), StoreError> {
    let canonical = tx.open_table(CANONICAL)?;
    let head = canonical.last()?.map(|(level, hash)| (level.value(), BlockHash(hash.value())));
    match head {
        None => Ok(()),
        Some((level, hash)) if level + 1 == record.level.get() && hash == record.predecessor => Ok(()),
        Some((level, hash)) => Err(StoreError::Gap {
            block: record.hash,
            level: record.level,
            head: format!("{hash} of level {level}"),
        }),
    }
}

fn add_to_indexes(tx: &WriteTransaction, record: &BlockRecord) -> Result<(), StoreError> {
    let (level, hash) = (record.level.get(), record.hash.0);
    if record.outbox_len > 0 {
        tx.open_table(OUTBOXES)?.insert((level, hash), record.outbox_len)?;
    }
    publications::add(tx, record)?;
    let mut executions = tx.open_table(EXECUTIONS)?;
    for (outbox, index) in &record.executed {
        add_block(&mut executions, (outbox.get(), *index, level), hash)?;
    }
    Ok(())
}

/// Adds a block to those of a key, once.
fn add_block<'k, K: redb::Key + 'static>(
    table: &mut redb::Table<'_, K, &'static [u8]>,
    key: K::SelfType<'k>,
    block: [u8; 32],
) -> Result<(), StoreError> {
    let mut blocks = table.get(&key)?.map(|b| b.value().to_vec()).unwrap_or_default();
    if !names(&blocks, block) {
        blocks.extend_from_slice(&block);
        table.insert(&key, blocks.as_slice())?;
    }
    Ok(())
}

/// Whether a block is among hashes put one after another.
fn names(blocks: &[u8], block: [u8; 32]) -> bool {
    blocks.chunks_exact(32).any(|b| b == block)
}

fn block_of(tx: &ReadTransaction, hash: [u8; 32]) -> Result<Option<BlockRecord>, StoreError> {
    match tx.open_table(BLOCKS)?.get(hash)? {
        None => Ok(None),
        Some(bytes) => BlockRecord::from_bytes(bytes.value()).map(Some).map_err(damaged("block")),
    }
}

fn commitment_of(tx: &ReadTransaction, hash: &CommitmentHash) -> Result<Option<Commitment>, StoreError> {
    match tx.open_table(COMMITMENTS)?.get(hash.0)? {
        None => Ok(None),
        Some(bytes) => Commitment::from_bytes(bytes.value()).map(Some).map_err(damaged("commitment")),
    }
}

/// The block of the current chain at a level, unless it was collected.
fn block_on_chain(tx: &ReadTransaction, level: Level) -> Result<Option<BlockRecord>, StoreError> {
    let hash = tx.open_table(CANONICAL)?.get(level.get())?.map(|h| h.value());
    hash.map_or(Ok(None), |hash| block_of(tx, hash))
}

fn required_block(tx: &ReadTransaction, hash: [u8; 32]) -> Result<BlockRecord, StoreError> {
    block_of(tx, hash)?.ok_or_else(|| StoreError::Damaged {
        what: "block",
        reason: format!("{} is on the current chain, but not stored", BlockHash(hash)),
    })
}

fn pointed_from_bytes(bytes: &[u8]) -> Result<Pointed, DecodeError> {
    let mut r = soru_base::Reader::new(bytes);
    Ok(Pointed { hash: CommitmentHash::read(&mut r)?, level: Level::read(&mut r)? })
}

fn damaged(what: &'static str) -> impl FnOnce(DecodeError) -> StoreError {
    move |e| StoreError::Damaged { what, reason: e.to_string() }
}

#[cfg(test)]
mod gc_tests;
#[cfg(test)]
mod tests;
