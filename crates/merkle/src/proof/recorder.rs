//! Watching what a step loads.

use super::parts::{Part, Parts, Slot};
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

/// Most parts of a proof. An operation holds a small fraction of them; but a directory that is shared on every level of a
/// tree would be open in more places than there is memory.
const MAX_PARTS: usize = 1 << 20;

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
                return Ok(Tree(Root::Leaf(Cell::lazy(cell.hash(), self.clone(), id, cell.place()))));
            }
            Root::Directory(cell) => cell.clone(),
            Root::Changed(changes) => changes.merged()?.clone(),
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
    pub(super) fn partial(&self, tree: &Tree) -> Result<Parts, LoadError> {
        let mut parts = Parts::default();
        let mut ahead = vec![(Slot::Root, Ahead::Tree(tree))];
        while let Some((slot, next)) = ahead.pop() {
            if parts.len() >= MAX_PARTS {
                return Err(LoadError::Malformed(
                    "a proof of more than 2^20 parts: what is open is there too often",
                ));
            }
            let (directory, cell) = match next {
                Ahead::Level(directory, cell) => (directory, cell),
                Ahead::Tree(tree) => match &tree.0 {
                    Root::Leaf(cell) => {
                        parts.add(slot, self.leaf_part(cell)?);
                        continue;
                    }
                    Root::Directory(cell) => (cell.hash()?, &**cell),
                    Root::Changed(changes) => (changes.merged()?.hash()?, &**changes.merged()?),
                },
            };
            match self.open(directory, cell)? {
                None => {
                    parts.add(slot, Part::Blinded(cell.hash()?));
                }
                Some(Inode::Entries { entries, .. }) => {
                    if entries.iter().any(|e| e.name.len() > MAX_NAME) {
                        return Err(LoadError::Malformed("a proof holds no name of more than 255 bytes"));
                    }
                    let index = parts.add(slot, Part::Entries(Vec::with_capacity(entries.len())));
                    let below = entries.iter().rev();
                    ahead.extend(below.map(|e| (Slot::Entry(index, e.name.clone()), Ahead::Tree(&e.child))));
                }
                Some(Inode::Branch(branch)) => {
                    let count = branch.count;
                    let (segment, end) = self.run(directory, branch)?;
                    if let Some(end) = end.filter(|_| segment.len() > 1) {
                        let index = parts.add(slot, Part::Extender { count, segment, below: 0 });
                        ahead.push((Slot::Below(index), Ahead::Level(directory, end)));
                        continue;
                    }
                    let index = parts.add(slot, Part::Branch { count, children: [None, None] });
                    for (bit, child) in [true, false].into_iter().zip(branch.children.iter().rev()) {
                        let level = child.as_ref().map(|child| Ahead::Level(directory, child));
                        ahead.extend(level.map(|level| (Slot::Child(index, bit), level)));
                    }
                }
            }
        }
        Ok(parts)
    }

    fn leaf_part(&self, cell: &Cell<Bytes>) -> Result<Part, LoadError> {
        let hash = cell.hash();
        Ok(match self.inner().leaves.contains(&hash) {
            true => Part::Leaf(cell.get()?.clone()),
            false => Part::BlindedLeaf(hash),
        })
    }

    /// The level, if it was read.
    fn open<'a>(&self, directory: ContextHash, cell: &'a InodeCell) -> Result<Option<&'a Inode>, LoadError> {
        let read = self.inner().inodes.contains(&(directory, cell.hash()?));
        if read { cell.get().map(Some) } else { Ok(None) }
    }

    /// The way down from `top` through open branches with one child each, and where it ends.
    fn run<'a>(
        &self,
        directory: ContextHash,
        top: &'a Branch,
    ) -> Result<(Vec<bool>, Option<&'a InodeCell>), LoadError> {
        let (mut segment, mut end) = (Vec::new(), None);
        let mut branch = top;
        loop {
            let only = match &branch.children {
                [Some(zero), None] => (false, zero),
                [None, Some(one)] => (true, one),
                _ => return Ok((segment, end)),
            };
            segment.push(only.0);
            end = Some(&**only.1);
            match self.open(directory, only.1)? {
                Some(Inode::Branch(below)) => branch = below,
                _ => return Ok((segment, end)),
            }
        }
    }
}

/// What is to be noted next.
enum Ahead<'a> {
    Tree(&'a Tree),
    /// A level of the trie of a directory of that hash.
    Level(ContextHash, &'a InodeCell),
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
