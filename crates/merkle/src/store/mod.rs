//! Trees on disk.

mod counts;
mod record;
mod writer;

use crate::cell::{Cell, Place, Source};
use crate::error::{LoadError, TreeError};
use crate::hashing;
use crate::inode::Inode;
use crate::tree::{Root, Tree};
use bytes::Bytes;
use record::{Link, Record};
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction,
};
use soru_base::{Binary, ContextHash};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use thiserror::Error;
use writer::Writer;

/// Nodes by id.
const NODES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("merkle_nodes");
/// How often a node is referred to by roots and nodes, if it is not once.
const COUNTS: TableDefinition<'_, u64, u64> = TableDefinition::new("merkle_counts");
/// What has changed of the counts, as the last transactions wrote it: each the ids and counts of one transaction.
const COUNT_CHANGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("merkle_count_changes");
/// By hash, the id of the node at a root. Roots are directories: the empty leaf has the hash of the empty directory.
const ROOTS: TableDefinition<'_, [u8; 32], u64> = TableDefinition::new("merkle_roots");
/// Nodes that nothing refers to any more, to be collected.
const UNUSED: TableDefinition<'_, u64, ()> = TableDefinition::new("merkle_unused");
/// Single numbers, by the names below.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("merkle_numbers");

const FORMAT: &str = "format";
const NEXT_ID: &str = "next_id";
const NODE_COUNT: &str = "nodes";
const BYTE_COUNT: &str = "bytes";
const COLLECTED: &str = "collected";
const COUNT_STAMP: &str = "count_changes";

/// The format that is described in the README.
const FORMAT_VERSION: u64 = 2;
/// The same without a list of counts: it is read as it is.
const FORMAT_WITHOUT_LIST: u64 = 1;

fn check_format(found: Option<u64>) -> Result<(), StoreError> {
    match found {
        None | Some(FORMAT_VERSION | FORMAT_WITHOUT_LIST) => Ok(()),
        Some(found) => Err(StoreError::Format { found }),
    }
}

/// Why the store could not do what was asked.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// The tree to be stored could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store could not be read or written.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Only directories can be roots.
    #[error("the tree is one leaf: only a directory can be a root of the store")]
    Leaf,
    /// The store was written by another version.
    #[error("the store has the format {found}, this version reads {FORMAT_VERSION}")]
    Format {
        /// In the store.
        found: u64,
    },
}

/// What a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Trees that can be checked out.
    pub roots: u64,
    /// Nodes, those to be collected included.
    pub nodes: u64,
    /// Bytes of the nodes, without what the database adds.
    pub bytes: u64,
}

/// What a [`Store::gc`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Nodes removed.
    pub nodes: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether nothing is left to collect.
    pub done: bool,
}

/// Trees in the tables `merkle_…` of a database that somebody else opened. A clone is the same store.
///
/// Whatever changes the store takes a transaction of that database, so that a caller can write trees together with its
/// own tables: all of it is there after the commit, or nothing. The tables must not be open elsewhere in it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    db: Arc<Database>,
    /// Tells the stores of a process apart.
    number: u64,
    counts: counts::Remembered,
}

/// A tree that was checked out: where its nodes come from.
struct CheckedOut {
    inner: Arc<Inner>,
    /// How many nodes had ever been collected then: whatever the tree refers to was there.
    there: u64,
}

impl Store {
    /// The store in `db`. Writes nothing.
    pub fn new(db: Arc<Database>) -> Result<Self, StoreError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let store = Self(Arc::new(Inner { db, number, counts: counts::Remembered::default() }));
        check_format(store.0.read()?.number(FORMAT)?)?;
        Ok(store)
    }

    /// Stores `tree`, a directory, as a root, writing only nodes that are not there yet. Storing it again does nothing.
    pub fn put(&self, transaction: &WriteTransaction, tree: &Tree) -> Result<ContextHash, StoreError> {
        let hash = tree.hash()?;
        let mut writer = Writer::open(transaction, &self.0)?;
        writer.put_root(hash, tree)?;
        writer.close()?;
        Ok(hash)
    }

    /// The stored tree of that hash, loaded part by part when it is read.
    pub fn checkout(&self, hash: ContextHash) -> Result<Option<Tree>, StoreError> {
        let read = self.0.read()?;
        let Some(table) = read.table(ROOTS)? else { return Ok(None) };
        let Some(found) = table.get(hash.0).map_err(database)? else { return Ok(None) };
        let id = found.value();
        let there = read.number(COLLECTED)?.unwrap_or(0);
        let source = Arc::new(CheckedOut { inner: self.0.clone(), there });
        let place = Some(source.place(id));
        Ok(Some(Tree(Root::Directory(Cell::lazy(hash, source, id, place)))))
    }

    /// Whether there is a tree of that hash to check out.
    pub fn contains(&self, hash: ContextHash) -> Result<bool, StoreError> {
        Ok(self.checkout(hash)?.is_some())
    }

    /// The hashes of all trees that can be checked out, in their order.
    pub fn roots(&self) -> Result<Vec<ContextHash>, StoreError> {
        let Some(table) = self.0.read()?.table(ROOTS)? else { return Ok(Vec::new()) };
        let roots = table.iter().map_err(database)?;
        roots
            .map(|root| root.map(|(hash, _)| ContextHash(hash.value())).map_err(|e| database(e).into()))
            .collect()
    }

    /// Gives up roots; those that are none are passed over. What only they hold goes with [`gc`](Self::gc).
    pub fn forget(
        &self,
        transaction: &WriteTransaction,
        roots: impl IntoIterator<Item = ContextHash>,
    ) -> Result<(), StoreError> {
        let mut writer = Writer::open(transaction, &self.0)?;
        for hash in roots {
            writer.forget_root(hash)?;
        }
        Ok(writer.close()?)
    }

    /// Gives up all roots but those.
    pub fn retain(
        &self,
        transaction: &WriteTransaction,
        roots: &BTreeSet<ContextHash>,
    ) -> Result<(), StoreError> {
        let mut writer = Writer::open(transaction, &self.0)?;
        for hash in writer.roots()?.into_iter().filter(|hash| !roots.contains(hash)) {
            writer.forget_root(hash)?;
        }
        Ok(writer.close()?)
    }

    /// Removes at most `limit` nodes that no root holds any more. What it costs depends on them alone, not on the size of
    /// the store. A tree that was checked out and given up fails to load what was removed ([`LoadError::Missing`]).
    pub fn gc(&self, transaction: &WriteTransaction, limit: u64) -> Result<Collected, StoreError> {
        let mut writer = Writer::open(transaction, &self.0)?;
        let collected = writer.collect(limit)?;
        writer.close()?;
        Ok(collected)
    }

    /// Figures of what is committed.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let read = self.0.read()?;
        let roots = match read.table(ROOTS)? {
            Some(table) => redb::ReadableTableMetadata::len(&table).map_err(database)?,
            None => 0,
        };
        let number = |name| Ok::<_, LoadError>(read.number(name)?.unwrap_or(0));
        Ok(Stats { roots, nodes: number(NODE_COUNT)?, bytes: number(BYTE_COUNT)? })
    }
}

/// What is committed, seen at one moment.
struct Read(ReadTransaction);

impl Read {
    /// Nothing if nothing was ever stored.
    fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        table: TableDefinition<'_, K, V>,
    ) -> Result<Option<redb::ReadOnlyTable<K, V>>, LoadError> {
        match self.0.open_table(table) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(e) => Err(database(e)),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u64>, LoadError> {
        let Some(table) = self.table(NUMBERS)? else { return Ok(None) };
        let found = table.get(name).map_err(database)?;
        Ok(found.map(|number| number.value()))
    }
}

impl Inner {
    fn read(&self) -> Result<Read, LoadError> {
        self.db.begin_read().map(Read).map_err(database)
    }

    fn record(&self, id: u64) -> Result<Record, LoadError> {
        let Some(table) = self.read()?.table(NODES)? else { return Err(LoadError::Missing { id }) };
        let found = table.get(id).map_err(database)?.ok_or(LoadError::Missing { id })?;
        decode(id, found.value())
    }
}

impl CheckedOut {
    fn place(&self, id: u64) -> Place {
        Place { store: self.inner.number, id, there: Some(self.there) }
    }
}

impl Source for CheckedOut {
    fn leaf(&self, id: u64, hash: &ContextHash) -> Result<Bytes, LoadError> {
        match self.inner.record(id)? {
            Record::Leaf(bytes) if hashing::leaf(&bytes) == *hash => Ok(bytes),
            Record::Leaf(_) => Err(changed(id)),
            _ => Err(LoadError::Corrupt { id, reason: "a directory where a leaf should be".to_owned() }),
        }
    }

    fn inode(self: Arc<Self>, id: u64, hash: &ContextHash) -> Result<Inode, LoadError> {
        let place = |link: Link| Some(self.place(link.id));
        let leaf = |link: Link| Cell::lazy(link.hash, self.clone(), link.id, place(link));
        let inode = |link: Link| Cell::lazy(link.hash, self.clone(), link.id, place(link));
        let Some(inode) = self.inner.record(id)?.into_inode(leaf, inode) else {
            return Err(LoadError::Corrupt { id, reason: "a leaf where a directory should be".to_owned() });
        };
        match hashing::inode(&inode)? == *hash {
            true => Ok(inode),
            false => Err(changed(id)),
        }
    }
}

fn decode(id: u64, bytes: &[u8]) -> Result<Record, LoadError> {
    Record::from_bytes(bytes).map_err(|e| LoadError::Corrupt { id, reason: e.to_string() })
}

fn changed(id: u64) -> LoadError {
    LoadError::Corrupt { id, reason: "its hash is another one".to_owned() }
}

fn database(error: impl Into<redb::Error>) -> LoadError {
    LoadError::Database(Arc::new(error.into()))
}
