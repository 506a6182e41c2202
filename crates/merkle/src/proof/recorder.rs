//! Watching what a step loads.

use super::{PartialInode, PartialTree};
use crate::cell::{Cell, Source};
use crate::error::LoadError;
use crate::inode::{Branch, Entry, Inode, InodeCell};
use crate::tree::{Root, Tree};
use bytes::Bytes;
use soru_base::ContextHash;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

/// Longest name that a proof can hold.
const MAX_NAME: usize = 255;

/// Stands between a tree and its cells, and notes the hashes of those that are loaded.
///
/// What was loaded is known by its hash, as in the reference: a subtree that is there twice and read once is open in
/// both places. The levels of a directory's trie are known by the directory they were loaded in as well.
pub(super) struct Recorder {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The cells handed out; their number is their id.
    cells: Vec<Watched>,
    leaves: BTreeSet<ContextHash>,
    /// Hash of the directory, hash of the level.
    inodes: BTreeSet<(ContextHash, ContextHash)>,
}

#[derive(Clone)]
enum Watched {
    Leaf(Arc<Cell<Bytes>>),
    Inode { directory: ContextHash, cell: Arc<InodeCell> },
}

impl Recorder {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Sets and vectors stay whole when a thread panics beside them.
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The same tree, watched.
    pub(super) fn watch(self: &Arc<Self>, tree: &Tree) -> Result<Tree, LoadError> {
        let cell = match &tree.0 {
            Root::Leaf(cell) => {
                let id = self.hand_out(Watched::Leaf(cell.clone()));
                return Ok(Tree(Root::Leaf(Cell::lazy(cell.hash()?, self.clone(), id, cell.place()))));
            }
            Root::Directory(cell) => cell.clone(),
            Root::Changed(changes) => changes.merged()?,
        };
        let directory = cell.hash()?;
        Ok(Tree(Root::Directory(self.watch_inode(directory, &cell)?)))
    }

    fn watch_inode(
        self: &Arc<Self>,
        directory: ContextHash,
        cell: &Arc<InodeCell>,
    ) -> Result<Arc<InodeCell>, LoadError> {
        let id = self.hand_out(Watched::Inode { directory, cell: cell.clone() });
        Ok(Cell::lazy(cell.hash()?, self.clone(), id, cell.place()))
    }

    fn hand_out(&self, cell: Watched) -> u64 {
        let mut inner = self.inner();
        inner.cells.push(cell);
        inner.cells.len() as u64 - 1
    }

    fn handed_out(&self, id: u64) -> Option<Watched> {
        self.inner().cells.get(usize::try_from(id).ok()?).cloned()
    }

    /// What was read of `tree`, the tree that was watched.
    pub(super) fn partial(&self, tree: &Tree) -> Result<PartialTree, LoadError> {
        let cell = match &tree.0 {
            Root::Leaf(cell) => {
                let hash = cell.hash()?;
                return Ok(match self.inner().leaves.contains(&hash) {
                    true => PartialTree::Leaf(cell.get()?.clone()),
                    false => PartialTree::BlindedLeaf(hash),
                });
            }
            Root::Directory(cell) => cell.clone(),
            Root::Changed(changes) => changes.merged()?,
        };
        Ok(PartialTree::Directory(self.partial_inode(cell.hash()?, &cell)?))
    }

    fn partial_inode(&self, directory: ContextHash, cell: &InodeCell) -> Result<PartialInode, LoadError> {
        let hash = cell.hash()?;
        if !self.inner().inodes.contains(&(directory, hash)) {
            return Ok(PartialInode::Blinded(hash));
        }
        Ok(match cell.get()? {
            Inode::Entries { entries, .. } => {
                let entry = |e: &Entry| match e.name.len() {
                    0..=MAX_NAME => Ok((e.name.clone(), self.partial(&e.child)?)),
                    _ => Err(LoadError::Malformed("a proof holds no name of more than 255 bytes")),
                };
                PartialInode::Entries(entries.iter().map(entry).collect::<Result<_, _>>()?)
            }
            Inode::Branch(Branch { count, children, .. }) => {
                let below = |child: &Option<Arc<InodeCell>>| match child {
                    Some(child) => self.partial_inode(directory, child).map(Box::new).map(Some),
                    None => Ok(None),
                };
                contracted(*count, [below(&children[0])?, below(&children[1])?])
            }
        })
    }
}

/// A branch, as a part of a run if it and what is below have one child each.
fn contracted(count: u64, children: [Option<Box<PartialInode>>; 2]) -> PartialInode {
    let (bit, only) = match children {
        [Some(zero), None] => (false, zero),
        [None, Some(one)] => (true, one),
        both => return PartialInode::Branch { count, children: both },
    };
    let alone = |bit: bool, child| if bit { [None, Some(child)] } else { [Some(child), None] };
    match *only {
        PartialInode::Branch { count: _, children: [Some(below), None] } => {
            PartialInode::Extender { count, segment: vec![bit, false], below }
        }
        PartialInode::Branch { count: _, children: [None, Some(below)] } => {
            PartialInode::Extender { count, segment: vec![bit, true], below }
        }
        PartialInode::Extender { count: _, mut segment, below } => {
            segment.insert(0, bit);
            PartialInode::Extender { count, segment, below }
        }
        other => PartialInode::Branch { count, children: alone(bit, Box::new(other)) },
    }
}

impl Source for Recorder {
    fn leaf(&self, id: u64, hash: &ContextHash) -> Result<Bytes, LoadError> {
        match self.handed_out(id) {
            Some(Watched::Leaf(cell)) => {
                let bytes = cell.get()?.clone();
                self.inner().leaves.insert(*hash);
                Ok(bytes)
            }
            _ => Err(LoadError::Malformed("the recorder never gave out this leaf")),
        }
    }

    fn inode(self: Arc<Self>, id: u64, hash: &ContextHash) -> Result<Inode, LoadError> {
        let Some(Watched::Inode { directory, cell }) = self.handed_out(id) else {
            return Err(LoadError::Malformed("the recorder never gave out this directory"));
        };
        let inode = match cell.get()? {
            Inode::Entries { role, entries } => {
                let entry = |e: &Entry| Ok(Entry { name: e.name.clone(), child: self.watch(&e.child)? });
                Inode::Entries {
                    role: *role,
                    entries: entries.iter().map(entry).collect::<Result<_, LoadError>>()?,
                }
            }
            Inode::Branch(Branch { depth, count, children }) => {
                let below = |child: &Option<Arc<InodeCell>>| match child {
                    Some(child) => self.watch_inode(directory, child).map(Some),
                    None => Ok(None),
                };
                let children = [below(&children[0])?, below(&children[1])?];
                Inode::Branch(Branch { depth: *depth, count: *count, children })
            }
        };
        self.inner().inodes.insert((directory, *hash));
        Ok(inode)
    }
}
