//! Writing nodes, counting references, collecting what is not referred to.

use super::counts::Counts;
use super::record::{Child, DIRECTORY_WITHIN, LEAF_WITHIN, Link, NamedChild, Record, put_entries};
use super::{
    BYTE_COUNT, COLLECTED, COUNT_STAMP, Collected, FORMAT, FORMAT_VERSION, Inner, NEXT_ID, NODE_COUNT, NODES,
    NUMBERS, ROOTS, StoreError, UNUSED, check_format, database, decode,
};
use crate::cell::{Cell, Place};
use crate::error::LoadError;
use crate::inode::{Branch, Inode, InodeCell};
use crate::tree::{Root, Tree};
use bytes::Bytes;
use redb::{ReadableTable, Table, WriteTransaction};
use soru_base::{Binary, ContextHash};
use std::collections::BTreeMap;

/// The tables of the store in one transaction.
///
/// Nodes are counted by the references to them: a node is written with one, by what it is written for.
pub(super) struct Writer<'t> {
    store: u64,
    nodes: Table<'t, u64, &'static [u8]>,
    counts: Counts<'t>,
    roots: Table<'t, [u8; 32], u64>,
    unused: Table<'t, u64, ()>,
    numbers: Table<'t, &'static str, u64>,
    next_id: u64,
    node_count: u64,
    byte_count: u64,
    /// Nodes ever collected.
    collected: u64,
    /// What was written for cells out of another store, by whether it is a leaf and by hash: of a node that is shared
    /// there, several cells may have been loaded.
    brought: BTreeMap<(bool, ContextHash), u64>,
}

impl<'t> Writer<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction, store: &'t Inner) -> Result<Self, StoreError> {
        let numbers = transaction.open_table(NUMBERS).map_err(database)?;
        let number = |name: &str| Ok::<_, LoadError>(numbers.get(name).map_err(database)?.map(|n| n.value()));
        check_format(number(FORMAT)?)?;
        let next_id = number(NEXT_ID)?.unwrap_or(1);
        let node_count = number(NODE_COUNT)?.unwrap_or(0);
        let byte_count = number(BYTE_COUNT)?.unwrap_or(0);
        let collected = number(COLLECTED)?.unwrap_or(0);
        let stamp = number(COUNT_STAMP)?.unwrap_or(0);
        Ok(Self {
            store: store.number,
            nodes: transaction.open_table(NODES).map_err(database)?,
            counts: Counts::open(transaction, &store.counts, stamp)?,
            roots: transaction.open_table(ROOTS).map_err(database)?,
            unused: transaction.open_table(UNUSED).map_err(database)?,
            numbers,
            next_id,
            node_count,
            byte_count,
            collected,
            brought: BTreeMap::new(),
        })
    }

    /// Writes the numbers. What was written before an error is to be aborted with the transaction.
    pub(super) fn close(mut self) -> Result<(), LoadError> {
        let stamp = self.counts.close()?;
        let numbers = [
            (COLLECTED, self.collected),
            (COUNT_STAMP, stamp),
            (FORMAT, FORMAT_VERSION),
            (NEXT_ID, self.next_id),
            (NODE_COUNT, self.node_count),
            (BYTE_COUNT, self.byte_count),
        ];
        for (name, number) in numbers {
            self.numbers.insert(name, number).map_err(database)?;
        }
        Ok(())
    }

    pub(super) fn roots(&self) -> Result<Vec<ContextHash>, LoadError> {
        let roots = self.roots.iter().map_err(database)?;
        roots.map(|root| root.map(|(hash, _)| ContextHash(hash.value())).map_err(database)).collect()
    }

    pub(super) fn put_root(&mut self, hash: ContextHash, tree: &Tree) -> Result<(), StoreError> {
        let cell = match &tree.0 {
            Root::Leaf(_) => return Err(StoreError::Leaf),
            Root::Directory(cell) => cell.clone(),
            Root::Changed(changes) => changes.merged()?.clone(),
        };
        if self.roots.get(hash.0).map_err(database)?.is_some() {
            return Ok(());
        }
        let id = self.put_inode(&cell)?;
        self.roots.insert(hash.0, id).map_err(database)?;
        Ok(())
    }

    pub(super) fn forget_root(&mut self, hash: ContextHash) -> Result<(), LoadError> {
        let found = self.roots.remove(hash.0).map_err(database)?.map(|root| root.value());
        match found {
            Some(id) => self.release(id),
            None => Ok(()),
        }
    }

    /// Refers to the cell, writing it and what is below if it is not there. Gives its id.
    ///
    /// What is below is written first, from a list: trees may be deeper than any stack.
    fn put_inode(&mut self, root: &InodeCell) -> Result<u64, LoadError> {
        let mut ahead = Vec::new();
        let mut put = self.begin(root, false, &mut ahead)?;
        while let Some(top) = ahead.last_mut() {
            top.below.extend(put.take());
            put = match top.next()? {
                Some(Next::Leaf(cell)) => Some(self.put_leaf(cell)?),
                Some(Next::Directory(cell)) => self.begin(cell, true, &mut ahead)?,
                Some(Next::Level(cell)) => self.begin(cell, false, &mut ahead)?,
                None => match ahead.pop() {
                    Some(whole) => Some(self.end(whole)?),
                    None => break,
                },
            };
        }
        match put {
            Some(Child::Directory(link)) => Ok(link.id),
            _ => Err(LoadError::Malformed("a root is a node of its own")),
        }
    }

    /// Refers to the cell if it is there. If not, it waits on `ahead` for what is below.
    fn begin<'a>(
        &mut self,
        cell: &'a InodeCell,
        may_be_within: bool,
        ahead: &mut Vec<Waiting<'a>>,
    ) -> Result<Option<Child>, LoadError> {
        let hash = cell.hash()?;
        if let Some(id) = self.refer(cell, false, hash)? {
            return Ok(Some(Child::Directory(Link { hash, id })));
        }
        ahead.push(Waiting { cell, hash, inode: cell.get()?, may_be_within, below: Vec::new() });
        Ok(None)
    }

    /// Writes the cell, or gives its entries if they are to be kept within another directory.
    fn end(&mut self, whole: Waiting<'_>) -> Result<Child, LoadError> {
        let Waiting { cell, hash, inode, may_be_within, below } = whole;
        let record = match inode {
            Inode::Entries { role, entries } => {
                let names = entries.iter().map(|entry| entry.name.to_vec());
                let entries: Vec<NamedChild> = names.zip(below).collect();
                if may_be_within {
                    let mut bytes = Vec::new();
                    put_entries(&mut bytes, &entries);
                    if bytes.len() <= DIRECTORY_WITHIN {
                        return Ok(Child::DirectoryWithin(entries));
                    }
                }
                Record::Entries { role: *role, entries }
            }
            Inode::Branch(Branch { depth, count, children }) => {
                let mut links = below.into_iter().filter_map(|child| match child {
                    Child::Directory(link) => Some(link),
                    _ => None,
                });
                let depth = u8::try_from(*depth)
                    .map_err(|_| LoadError::Malformed("a trie of more than 256 levels"))?;
                let children = children.each_ref().map(|child| child.as_ref().and_then(|_| links.next()));
                Record::Branch { depth, count: *count, children }
            }
        };
        Ok(Child::Directory(Link { hash, id: self.write(cell, hash, &record)? }))
    }

    fn put_leaf(&mut self, cell: &Cell<Bytes>) -> Result<Child, LoadError> {
        let hash = cell.hash();
        let known_within = cell.loaded().is_some_and(|bytes| bytes.len() <= LEAF_WITHIN);
        let stored = if known_within { None } else { self.refer(cell, true, hash)? };
        if let Some(id) = stored {
            return Ok(Child::Leaf(Link { hash, id }));
        }
        let bytes = cell.get()?.clone();
        if bytes.len() <= LEAF_WITHIN {
            return Ok(Child::LeafWithin(bytes));
        }
        Ok(Child::Leaf(Link { hash, id: self.write(cell, hash, &Record::Leaf(bytes))? }))
    }

    fn write<B>(&mut self, cell: &Cell<B>, hash: ContextHash, record: &Record) -> Result<u64, LoadError> {
        let id = self.next_id;
        let bytes = record.to_bytes();
        self.nodes.insert(id, bytes.as_slice()).map_err(database)?;
        self.next_id += 1;
        self.node_count += 1;
        self.byte_count += bytes.len() as u64;
        cell.set_place(Place { store: self.store, id, there: None });
        if cell.is_from_source() {
            self.brought.insert((matches!(record, Record::Leaf(_)), hash), id);
        }
        Ok(id)
    }

    /// The id of the cell, referred to once more, if it is stored. What a cell remembers is a hint: the transaction that
    /// wrote it may have been aborted, its id used again, the node collected. So the node is looked up and hashed, unless it
    /// is part of what was checked out, and nothing was collected since.
    fn refer<B>(
        &mut self,
        cell: &Cell<B>,
        is_leaf: bool,
        hash: ContextHash,
    ) -> Result<Option<u64>, LoadError> {
        let id = match cell.place() {
            Some(place) if place.store == self.store && self.holds(place, hash)? => place.id,
            _ if cell.is_from_source() => match self.brought.get(&(is_leaf, hash)) {
                Some(id) => *id,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let count = self.counts.get(id)?;
        self.counts.set(id, count + 1);
        Ok(Some(id))
    }

    fn holds(&self, Place { id, there, .. }: Place, hash: ContextHash) -> Result<bool, LoadError> {
        if there == Some(self.collected) {
            return Ok(true);
        }
        match self.nodes.get(id).map_err(database)? {
            Some(found) => Ok(decode(id, found.value())?.hash()? == hash),
            None => Ok(false),
        }
    }

    /// Takes one reference away.
    fn release(&mut self, id: u64) -> Result<(), LoadError> {
        let count = self.counts.get(id)?.checked_sub(1).ok_or_else(|| LoadError::Corrupt {
            id,
            reason: "it is referred to, but its count of references is zero".to_owned(),
        })?;
        self.counts.set(id, count);
        if count == 0 {
            self.unused.insert(id, ()).map_err(database)?;
        }
        Ok(())
    }

    /// Removes up to `limit` nodes without references. One that was referred to again in the meantime stays.
    pub(super) fn collect(&mut self, limit: u64) -> Result<Collected, LoadError> {
        let mut collected = Collected::default();
        while collected.nodes < limit {
            let Some(id) = self.unused.pop_first().map_err(database)?.map(|(id, _)| id.value()) else {
                break;
            };
            if self.counts.get(id)? != 0 {
                continue;
            }
            let (links, len) = match self.nodes.remove(id).map_err(database)? {
                Some(found) => (decode(id, found.value())?.links(), found.value().len() as u64),
                None => return Err(LoadError::Missing { id }),
            };
            self.counts.set(id, 1);
            for link in links {
                self.release(link.id)?;
            }
            collected.nodes += 1;
            collected.bytes += len;
        }
        self.collected = self.collected.saturating_add(collected.nodes);
        self.node_count = self.node_count.saturating_sub(collected.nodes);
        self.byte_count = self.byte_count.saturating_sub(collected.bytes);
        collected.done = self.unused.first().map_err(database)?.is_none();
        Ok(collected)
    }
}

/// A directory or a level of one, waiting to be written for what is below.
struct Waiting<'a> {
    cell: &'a InodeCell,
    hash: ContextHash,
    inode: &'a Inode,
    /// Whether it is a directory in another one.
    may_be_within: bool,
    /// What was put already.
    below: Vec<Child>,
}

/// What is right below, to be put next.
enum Next<'a> {
    Leaf(&'a Cell<Bytes>),
    Directory(&'a InodeCell),
    Level(&'a InodeCell),
}

impl<'a> Waiting<'a> {
    fn next(&self) -> Result<Option<Next<'a>>, LoadError> {
        let index = self.below.len();
        Ok(match self.inode {
            Inode::Branch(b) => b.children.iter().flatten().nth(index).map(|child| Next::Level(child)),
            Inode::Entries { entries, .. } => match entries.get(index).map(|entry| &entry.child.0) {
                None => None,
                Some(Root::Leaf(cell)) => Some(Next::Leaf(cell)),
                Some(Root::Directory(cell)) => Some(Next::Directory(cell)),
                Some(Root::Changed(changes)) => Some(Next::Directory(changes.merged()?)),
            },
        })
    }
}
