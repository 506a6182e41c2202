//! Writing nodes, counting references, collecting what is not referred to.

use super::record::{Child, DIRECTORY_WITHIN, LEAF_WITHIN, Link, NamedChild, Record, put_entries};
use super::{
    BYTE_COUNT, COUNTS, Collected, FORMAT, FORMAT_VERSION, NEXT_ID, NODE_COUNT, NODES, NUMBERS, ROOTS,
    StoreError, UNUSED, database, decode,
};
use crate::cell::{Cell, Place};
use crate::error::LoadError;
use crate::inode::{Branch, Entry, Inode, InodeCell};
use crate::tree::{Root, Tree};
use bytes::Bytes;
use redb::{ReadableTable, Table, WriteTransaction};
use soru_base::{Binary, ContextHash};

/// The tables of the store in one transaction.
///
/// Nodes are counted by the references to them: a node is written with one, by what it is written for.
pub(super) struct Writer<'t> {
    store: u64,
    nodes: Table<'t, u64, &'static [u8]>,
    counts: Table<'t, u64, u64>,
    roots: Table<'t, [u8; 32], u64>,
    unused: Table<'t, u64, ()>,
    numbers: Table<'t, &'static str, u64>,
    next_id: u64,
    node_count: u64,
    byte_count: u64,
}

impl<'t> Writer<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction, store: u64) -> Result<Self, StoreError> {
        let numbers = transaction.open_table(NUMBERS).map_err(database)?;
        let number = |name: &str| Ok::<_, LoadError>(numbers.get(name).map_err(database)?.map(|n| n.value()));
        match number(FORMAT)? {
            None | Some(FORMAT_VERSION) => {}
            Some(found) => return Err(StoreError::Format { found }),
        }
        let next_id = number(NEXT_ID)?.unwrap_or(1);
        let node_count = number(NODE_COUNT)?.unwrap_or(0);
        let byte_count = number(BYTE_COUNT)?.unwrap_or(0);
        Ok(Self {
            store,
            nodes: transaction.open_table(NODES).map_err(database)?,
            counts: transaction.open_table(COUNTS).map_err(database)?,
            roots: transaction.open_table(ROOTS).map_err(database)?,
            unused: transaction.open_table(UNUSED).map_err(database)?,
            numbers,
            next_id,
            node_count,
            byte_count,
        })
    }

    /// Writes the numbers. What was written before an error is to be aborted with the transaction.
    pub(super) fn close(mut self) -> Result<(), LoadError> {
        let numbers = [
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
            Root::Changed(changes) => changes.merged()?,
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

    /// Refers to the cell, writing it if it is not there. Gives its id.
    fn put_inode(&mut self, cell: &InodeCell) -> Result<u64, LoadError> {
        let hash = cell.hash()?;
        if let Some(id) = self.refer(cell, hash)? {
            return Ok(id);
        }
        let record = match cell.get()? {
            Inode::Entries { role, entries } => {
                let entries = entries.iter().map(|e| self.put_entry(e)).collect::<Result<_, _>>()?;
                Record::Entries { role: *role, entries }
            }
            Inode::Branch(Branch { depth, count, children }) => {
                let mut links = [None, None];
                for (link, child) in links.iter_mut().zip(children) {
                    if let Some(child) = child {
                        *link = Some(Link { hash: child.hash()?, id: self.put_inode(child)? });
                    }
                }
                let depth = u8::try_from(*depth)
                    .map_err(|_| LoadError::Malformed("a trie of more than 256 levels"))?;
                Record::Branch { depth, count: *count, children: links }
            }
        };
        self.write(cell, &record)
    }

    fn put_entry(&mut self, entry: &Entry) -> Result<NamedChild, LoadError> {
        let child = match &entry.child.0 {
            Root::Directory(cell) => self.put_directory(cell)?,
            Root::Changed(changes) => self.put_directory(&*changes.merged()?)?,
            Root::Leaf(cell) => {
                let hash = cell.hash()?;
                let stored = if within(cell) { None } else { self.refer(cell, hash)? };
                match stored {
                    Some(id) => Child::Leaf(Link { hash, id }),
                    None if cell.get()?.len() <= LEAF_WITHIN => Child::LeafWithin(cell.get()?.clone()),
                    None => Child::Leaf(Link { hash, id: self.put_leaf(cell)? }),
                }
            }
        };
        Ok((entry.name.to_vec(), child))
    }

    /// Refers to a directory in another one, or gives its entries if they are to be kept within that.
    fn put_directory(&mut self, cell: &InodeCell) -> Result<Child, LoadError> {
        let hash = cell.hash()?;
        if let Some(id) = self.refer(cell, hash)? {
            return Ok(Child::Directory(Link { hash, id }));
        }
        let Inode::Entries { role, entries } = cell.get()? else {
            return Ok(Child::Directory(Link { hash, id: self.put_inode(cell)? }));
        };
        let entries = entries.iter().map(|e| self.put_entry(e)).collect::<Result<Vec<_>, _>>()?;
        let mut bytes = Vec::new();
        put_entries(&mut bytes, &entries);
        if bytes.len() <= DIRECTORY_WITHIN {
            return Ok(Child::DirectoryWithin(entries));
        }
        let record = Record::Entries { role: *role, entries };
        Ok(Child::Directory(Link { hash, id: self.write(cell, &record)? }))
    }

    fn put_leaf(&mut self, cell: &Cell<Bytes>) -> Result<u64, LoadError> {
        let hash = cell.hash()?;
        if let Some(id) = self.refer(cell, hash)? {
            return Ok(id);
        }
        let record = Record::Leaf(cell.get()?.clone());
        self.write(cell, &record)
    }

    fn write<B>(&mut self, cell: &Cell<B>, record: &Record) -> Result<u64, LoadError> {
        let id = self.next_id;
        let bytes = record.to_bytes();
        self.nodes.insert(id, bytes.as_slice()).map_err(database)?;
        self.next_id += 1;
        self.node_count += 1;
        self.byte_count += bytes.len() as u64;
        cell.set_place(Place { store: self.store, id });
        Ok(id)
    }

    /// The id of the cell, referred to once more, if it is stored. What a cell remembers is a hint: the transaction that
    /// wrote it may have been aborted, its id used again, the node collected. So the node is looked up and hashed.
    fn refer<B>(&mut self, cell: &Cell<B>, hash: ContextHash) -> Result<Option<u64>, LoadError> {
        let Some(Place { store, id }) = cell.place() else { return Ok(None) };
        if store != self.store {
            return Ok(None);
        }
        match self.nodes.get(id).map_err(database)? {
            Some(found) if decode(id, found.value())?.hash()? == hash => {}
            _ => return Ok(None),
        }
        let count = self.count(id)?;
        self.set_count(id, count + 1)?;
        Ok(Some(id))
    }

    fn count(&self, id: u64) -> Result<u64, LoadError> {
        Ok(self.counts.get(id).map_err(database)?.map_or(1, |count| count.value()))
    }

    fn set_count(&mut self, id: u64, count: u64) -> Result<(), LoadError> {
        match count {
            1 => self.counts.remove(id).map_err(database)?,
            _ => self.counts.insert(id, count).map_err(database)?,
        };
        Ok(())
    }

    /// Takes one reference away.
    fn release(&mut self, id: u64) -> Result<(), LoadError> {
        let count = self.count(id)?.checked_sub(1).ok_or_else(|| LoadError::Corrupt {
            id,
            reason: "it is referred to, but its count of references is zero".to_owned(),
        })?;
        self.set_count(id, count)?;
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
            if self.count(id)? != 0 {
                continue;
            }
            let (links, len) = match self.nodes.remove(id).map_err(database)? {
                Some(found) => (decode(id, found.value())?.links(), found.value().len() as u64),
                None => return Err(LoadError::Missing { id }),
            };
            self.counts.remove(id).map_err(database)?;
            for link in links {
                self.release(link.id)?;
            }
            collected.nodes += 1;
            collected.bytes += len;
        }
        self.node_count = self.node_count.saturating_sub(collected.nodes);
        self.byte_count = self.byte_count.saturating_sub(collected.bytes);
        collected.done = self.unused.first().map_err(database)?.is_none();
        Ok(collected)
    }
}

/// Whether the leaf is known to be kept within its directory.
fn within(cell: &Cell<Bytes>) -> bool {
    cell.loaded().is_some_and(|bytes| bytes.len() <= LEAF_WITHIN)
}
