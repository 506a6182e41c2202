//! The chain on disk: one redb database.
//!
//! | table | key | value |
//! |---|---|---|
//! | `blocks` | hash | the block as [`Block::encode`] writes it; blocks of abandoned branches stay |
//! | `branch` | level | hash of the block of the current branch |
//! | `ledgers` | level, root | blocks whose ledger is kept |
//! | `meta` | name | `head`: hash; `network`: the constants the chain was made with, as JSON |
//!
//! and the tables of [`soru_merkle::Store`] for the ledgers. Blocks, their ledgers and the head move in one transaction.

use super::block::Block;
use super::error::ChainError;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction};
use soru_base::{Anchor, BlockId};
use soru_base::{BlockHash, ContextHash};
use soru_merkle::Tree;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

const BLOCKS: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("blocks");
const BRANCH: TableDefinition<u32, &[u8; 32]> = TableDefinition::new("branch");
const LEDGERS: TableDefinition<(u32, [u8; 32]), ()> = TableDefinition::new("ledgers");
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const HEAD: &str = "head";
const NETWORK: &str = "network";

/// Name of the database's file in the directory of the chain.
const FILE: &str = "chain.redb";
/// Nodes of forgotten ledgers that one block removes at most: many more than it adds, and few enough to be quick.
const COLLECTED: u64 = 20_000;
/// Bytes of the database kept in memory, at most.
const CACHE: usize = 32 << 20;
/// Blocks kept in memory: clients ask for the last ones again and again.
const CACHED: usize = 64;

/// A new block and the ledger after it.
pub(super) struct NewBlock {
    pub(super) block: Arc<Block>,
    pub(super) ledger: Tree,
}

/// The chain on disk. Reading needs no lock; one at a time writes.
pub(super) struct Disk {
    path: PathBuf,
    // Taken away when the sandbox stops, so that the directory is free whatever still holds on to the rest.
    open: RwLock<Option<Arc<Open>>>,
    cache: Mutex<VecDeque<Arc<Block>>>,
}

struct Open {
    database: Arc<Database>,
    trees: soru_merkle::Store,
}

impl Open {
    fn save_ledgers(&self, transaction: &WriteTransaction, blocks: &[NewBlock]) -> Result<(), ChainError> {
        for new in blocks {
            let root = self.trees.put(transaction, &new.ledger)?;
            transaction.open_table(LEDGERS)?.insert((new.block.level().get(), root.0), ())?;
        }
        Ok(())
    }

    /// Lets go of the ledgers of blocks below `level`, on whatever branch.
    fn let_go(&self, transaction: &WriteTransaction, level: u32) -> Result<(), ChainError> {
        let mut old = Vec::new();
        let mut ledgers = transaction.open_table(LEDGERS)?;
        for entry in ledgers.extract_from_if(..(level, [0; 32]), |_, ()| true)? {
            let (_, root) = entry?.0.value();
            old.push(ContextHash(root));
        }
        drop(ledgers);
        self.trees.forget(transaction, old)?;
        self.trees.gc(transaction, COLLECTED)?;
        Ok(())
    }
}

impl Disk {
    pub(super) fn open(dir: &Path) -> Result<Self, ChainError> {
        let path = dir.join(FILE);
        let failed = |reason: String| ChainError::Open { path: path.clone(), reason };
        std::fs::create_dir_all(dir).map_err(|e| failed(e.to_string()))?;
        let database = Database::builder().set_cache_size(CACHE).create(&path).map_err(|e| match e {
            DatabaseError::DatabaseAlreadyOpen => ChainError::InUse { path: path.clone() },
            other => failed(other.to_string()),
        })?;
        let database = Arc::new(database);
        let trees = soru_merkle::Store::new(database.clone()).map_err(|e| failed(e.to_string()))?;
        let transaction = database.begin_write()?;
        // So that reading them never fails for want of a table.
        transaction.open_table(BLOCKS)?;
        transaction.open_table(BRANCH)?;
        transaction.open_table(LEDGERS)?;
        transaction.open_table(META)?;
        transaction.commit()?;
        let open = Open { database, trees };
        Ok(Self { path, open: RwLock::new(Some(Arc::new(open))), cache: Mutex::default() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the directory up. Whatever is asked from now on fails.
    pub(super) fn close(&self) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn get(&self) -> Result<Arc<Open>, ChainError> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(ChainError::Stopping)
    }

    /// The constants that the chain was made with, if there is one.
    pub(super) fn network(&self) -> Result<Option<Vec<u8>>, ChainError> {
        let read = self.get()?.database.begin_read()?;
        Ok(read.open_table(META)?.get(NETWORK)?.map(|value| value.value().to_vec()))
    }

    /// Stores the first block.
    pub(super) fn create(&self, genesis: &NewBlock, network: &[u8]) -> Result<(), ChainError> {
        self.save(std::slice::from_ref(genesis), Some(network), 0)
    }

    /// Stores blocks, each the successor of the one before, and makes the last one the head. What was on the current
    /// branch at and above the first one's level leaves it. Ledgers of blocks more than `kept` below the head are let go.
    pub(super) fn extend(&self, blocks: &[NewBlock], kept: u32) -> Result<(), ChainError> {
        self.save(blocks, None, kept)
    }

    fn save(&self, blocks: &[NewBlock], network: Option<&[u8]>, kept: u32) -> Result<(), ChainError> {
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return Ok(()) };
        let open = self.get()?;
        let transaction = open.database.begin_write()?;
        {
            let mut stored = transaction.open_table(BLOCKS)?;
            let mut branch = transaction.open_table(BRANCH)?;
            let mut meta = transaction.open_table(META)?;
            branch.retain_in(first.block.level().get().., |_, _| false)?;
            for new in blocks {
                stored.insert(&new.block.hash.0, new.block.encode().as_slice())?;
                branch.insert(new.block.level().get(), &new.block.hash.0)?;
            }
            meta.insert(HEAD, last.block.hash.as_bytes())?;
            if let Some(network) = network {
                meta.insert(NETWORK, network)?;
            }
        }
        open.save_ledgers(&transaction, blocks)?;
        open.let_go(&transaction, last.block.level().get().saturating_sub(kept))?;
        transaction.commit()?;
        for new in blocks {
            self.remember(&new.block);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn stats(&self) -> Result<soru_merkle::store::Stats, ChainError> {
        Ok(self.get()?.trees.stats()?)
    }

    /// The ledger with that root, if it is still there.
    pub(super) fn ledger(&self, root: &ContextHash) -> Result<Option<Tree>, ChainError> {
        Ok(self.get()?.trees.checkout(*root)?)
    }

    pub(super) fn head(&self) -> Result<Option<Arc<Block>>, ChainError> {
        let read = self.get()?.database.begin_read()?;
        match head_of(&read)? {
            Some(hash) => self.block_in(&read, &hash),
            None => Ok(None),
        }
    }

    /// The block that `id` names.
    pub(super) fn block(&self, id: &BlockId) -> Result<Option<Arc<Block>>, ChainError> {
        // One transaction: the branch cannot change on the way.
        let read = self.get()?.database.begin_read()?;
        let anchor = match id.anchor {
            Anchor::Genesis => at_level(&read, 0)?,
            Anchor::Level(level) if id.back == 0 => at_level(&read, level.get())?,
            // The anchor of an offset may be a level that is not there yet.
            Anchor::Level(level) => {
                return self.at_offset(&read, i64::from(level.get()) - id.back);
            }
            Anchor::Head => head_of(&read)?,
            Anchor::Hash(hash) => Some(hash),
        };
        let Some(anchor) = anchor else { return Ok(None) };
        let Some(block) = self.block_in(&read, &anchor)? else { return Ok(None) };
        if id.back == 0 {
            return Ok(Some(block));
        }
        let level = block.level().get();
        if at_level(&read, level)? == Some(anchor) {
            return self.at_offset(&read, i64::from(level) - id.back);
        }
        self.ancestor(&read, block, id.back)
    }

    fn at_offset(&self, read: &ReadTransaction, level: i64) -> Result<Option<Arc<Block>>, ChainError> {
        let Ok(level) = u32::try_from(level) else { return Ok(None) };
        match at_level(read, level)? {
            Some(hash) => self.block_in(read, &hash),
            None => Ok(None),
        }
    }

    /// Goes back from a block of an abandoned branch. It has no single successor: forward there is nothing.
    fn ancestor(
        &self,
        read: &ReadTransaction,
        mut block: Arc<Block>,
        back: i64,
    ) -> Result<Option<Arc<Block>>, ChainError> {
        if back < 0 || back > i64::from(block.level().get()) {
            return Ok(None);
        }
        for done in 0..back {
            let predecessor = block.predecessor();
            match self.block_in(read, &predecessor)? {
                Some(found) => block = found,
                None => return Ok(None),
            }
            let level = block.level().get();
            if at_level(read, level)? == Some(block.hash) {
                return self.at_offset(read, i64::from(level) - (back - done - 1));
            }
        }
        Ok(Some(block))
    }

    fn block_in(&self, read: &ReadTransaction, hash: &BlockHash) -> Result<Option<Arc<Block>>, ChainError> {
        let cached = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = cached.iter().find(|block| block.hash == *hash) {
            return Ok(Some(block.clone()));
        }
        drop(cached);
        let Some(bytes) = read.open_table(BLOCKS)?.get(&hash.0)? else { return Ok(None) };
        let block = Arc::new(Block::decode(*hash, bytes.value())?);
        self.remember(&block);
        Ok(Some(block))
    }

    fn remember(&self, block: &Arc<Block>) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() == CACHED {
            cache.pop_front();
        }
        cache.push_back(block.clone());
    }
}

fn head_of(read: &ReadTransaction) -> Result<Option<BlockHash>, ChainError> {
    let Some(bytes) = read.open_table(META)?.get(HEAD)? else { return Ok(None) };
    let hash = BlockHash::from_slice(bytes.value());
    hash.map(Some).ok_or_else(|| ChainError::Corrupt("the head is no hash of 32 bytes".to_owned()))
}

fn at_level(read: &ReadTransaction, level: u32) -> Result<Option<BlockHash>, ChainError> {
    Ok(read.open_table(BRANCH)?.get(level)?.map(|hash| BlockHash(*hash.value())))
}
