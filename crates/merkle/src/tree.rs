//! The tree as a value.

use crate::cell::Cell;
use crate::directory::{Changes, Pending};
use crate::error::{LoadError, TreeError};
use crate::inode::InodeCell;
use bytes::Bytes;
use soru_base::ContextHash;
use std::fmt;
use std::sync::Arc;

/// Name of a child in its directory: any bytes.
pub type Name = Arc<[u8]>;

/// What a tree is at its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    Leaf,
    /// Named subtrees.
    Directory,
}

/// A Merkle tree: a leaf of bytes, or a directory of named trees.
///
/// A value: `clone` costs nothing, a change makes a new version and shares the rest. An empty directory exists only as
/// the whole tree, never inside of one. When an operation fails, the tree is as it was.
#[derive(Clone)]
pub struct Tree(pub(crate) Root);

#[derive(Clone)]
pub(crate) enum Root {
    Leaf(Arc<Cell<Bytes>>),
    Directory(Arc<InodeCell>),
    Changed(Arc<Changes>),
}

impl Default for Tree {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known_hash() {
            Some(hash) => write!(f, "{:?}({hash})", self.kind()),
            None => write!(f, "{:?}(not hashed yet)", self.kind()),
        }
    }
}

impl Tree {
    /// The directory without children.
    pub fn empty() -> Self {
        Self(Root::Directory(InodeCell::empty()))
    }

    /// A tree that is one leaf.
    pub fn leaf(bytes: impl Into<Bytes>) -> Self {
        Self(Root::Leaf(Cell::new(bytes.into())))
    }

    /// What is at the root. Loads nothing.
    pub fn kind(&self) -> Kind {
        match self.0 {
            Root::Leaf(_) => Kind::Leaf,
            Root::Directory(_) | Root::Changed(_) => Kind::Directory,
        }
    }

    /// Whether the tree is one leaf. Loads nothing.
    pub fn is_leaf(&self) -> bool {
        self.kind() == Kind::Leaf
    }

    /// Whether the tree is the directory without children.
    pub fn is_empty(&self) -> Result<bool, TreeError> {
        self.is_empty_inside().map_err(at(ROOT))
    }

    fn is_empty_inside(&self) -> Result<bool, LoadError> {
        match &self.0 {
            Root::Leaf(_) => Ok(false),
            Root::Directory(cell) => match cell.loaded() {
                Some(inode) => Ok(inode.count() == 0),
                None => Ok(cell.hash()? == InodeCell::empty().hash()?),
            },
            Root::Changed(changes) => changes.is_empty_without(None),
        }
    }

    /// The Merkle hash. Costs what changed since it was last asked; loads at most the tries of changed directories.
    pub fn hash(&self) -> Result<ContextHash, TreeError> {
        self.load_hash().map_err(at(ROOT))
    }

    pub(crate) fn load_hash(&self) -> Result<ContextHash, LoadError> {
        match &self.0 {
            Root::Leaf(cell) => Ok(cell.hash()),
            Root::Directory(cell) => cell.hash(),
            Root::Changed(changes) => changes.merged()?.hash(),
        }
    }

    fn known_hash(&self) -> Option<ContextHash> {
        match &self.0 {
            Root::Leaf(cell) => cell.known_hash(),
            Root::Directory(cell) => cell.known_hash(),
            Root::Changed(_) => None,
        }
    }

    /// The bytes of the leaf at `path`; nothing if there is no leaf.
    pub fn find<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<Option<Bytes>, TreeError> {
        match self.find_tree(path)?.map(|tree| tree.0) {
            Some(Root::Leaf(cell)) => cell.get().map(|bytes| Some(bytes.clone())).map_err(at(path)),
            _ => Ok(None),
        }
    }

    /// The tree at `path`. Does not load the tree itself.
    pub fn find_tree<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<Option<Tree>, TreeError> {
        let mut tree = self.clone();
        for (depth, step) in path.iter().enumerate() {
            match tree.child(step.as_ref()).map_err(at(&path[..depth]))? {
                Some(child) => tree = child,
                None => return Ok(None),
            }
        }
        Ok(Some(tree))
    }

    fn child(&self, name: &[u8]) -> Result<Option<Tree>, LoadError> {
        match &self.0 {
            Root::Leaf(_) => Ok(None),
            Root::Directory(cell) => cell.child(name),
            Root::Changed(changes) => match changes.pending(name) {
                Pending::Known(child) => Ok(child.cloned()),
                Pending::Unchanged => changes.base().child(name),
            },
        }
    }

    /// Whether there is a leaf at `path`. Does not load it.
    pub fn contains<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<bool, TreeError> {
        Ok(self.find_tree(path)?.is_some_and(|tree| tree.is_leaf()))
    }

    /// Whether there is a leaf or a directory at `path`. Does not load it.
    pub fn contains_tree<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<bool, TreeError> {
        Ok(self.find_tree(path)?.is_some())
    }

    /// Puts a leaf at `path`, in place of what is there or of a leaf on the way.
    pub fn insert<S: AsRef<[u8]>>(&mut self, path: &[S], bytes: impl Into<Bytes>) -> Result<(), TreeError> {
        self.insert_tree(path, Tree::leaf(bytes))
    }

    /// Puts a tree at `path`, in place of what is there or of a leaf on the way. An empty tree removes.
    pub fn insert_tree<S: AsRef<[u8]>>(&mut self, path: &[S], tree: Tree) -> Result<(), TreeError> {
        if tree.is_empty()? {
            return self.remove(path);
        }
        self.set(path, Some(tree))
    }

    /// Puts something at `path`, or removes what is there.
    fn set<S: AsRef<[u8]>>(&mut self, path: &[S], tree: Option<Tree>) -> Result<(), TreeError> {
        let Some((last, above)) = path.split_last() else {
            *self = tree.unwrap_or_default();
            return Ok(());
        };
        // Until something is missing, this only prepares directories to be changed; from there on nothing is loaded. So
        // an error leaves the tree as it was.
        let mut place = self;
        for (depth, step) in above.iter().enumerate() {
            place = place.changes_mut().child_mut(step.as_ref()).map_err(at(&path[..depth]))?;
        }
        place.changes_mut().set(last.as_ref(), tree).map_err(at(above))
    }

    /// Removes what is at `path`, if there is something; directories that become empty vanish.
    pub fn remove<S: AsRef<[u8]>>(&mut self, path: &[S]) -> Result<(), TreeError> {
        let mut ways = Vec::with_capacity(path.len() + 1);
        ways.push(self.clone());
        for (depth, step) in path.iter().enumerate() {
            match ways[depth].child(step.as_ref()).map_err(at(&path[..depth]))? {
                Some(child) => ways.push(child),
                None => return Ok(()),
            }
        }
        // Directories that have no other child go as well.
        let mut cut = path.len();
        while cut > 0
            && ways[cut - 1].is_empty_without(path[cut - 1].as_ref()).map_err(at(&path[..cut - 1]))?
        {
            cut -= 1;
        }
        drop(ways);
        self.set(&path[..cut], None)
    }

    fn is_empty_without(&self, name: &[u8]) -> Result<bool, LoadError> {
        match &self.0 {
            Root::Leaf(_) => Ok(true),
            Root::Directory(cell) => Changes::of(cell.clone()).is_empty_without(Some(name)),
            Root::Changed(changes) => changes.is_empty_without(Some(name)),
        }
    }

    /// This directory as one to be changed; a leaf becomes an empty one.
    fn changes_mut(&mut self) -> &mut Changes {
        let base = match &self.0 {
            Root::Leaf(_) => Some(InodeCell::empty()),
            Root::Directory(cell) => Some(cell.clone()),
            Root::Changed(_) => None,
        };
        if let Some(base) = base {
            self.0 = Root::Changed(Arc::new(Changes::of(base)));
        }
        match &mut self.0 {
            Root::Changed(changes) => Changes::make_mut(changes),
            Root::Leaf(_) | Root::Directory(_) => unreachable!("made a changed directory just now"),
        }
    }

    /// Number of children of the directory at `path`; zero if there is none. Loads no child.
    pub fn length<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<u64, TreeError> {
        match self.find_tree(path)?.map(|tree| tree.0) {
            Some(Root::Directory(cell)) => cell.get().map(|inode| inode.count()).map_err(at(path)),
            Some(Root::Changed(changes)) => changes.count().map_err(at(path)),
            Some(Root::Leaf(_)) | None => Ok(0),
        }
    }

    /// The children of the directory at `path` in the order of their names: `limit` of them, from `offset` on.
    pub fn list<S: AsRef<[u8]>>(
        &self,
        path: &[S],
        offset: usize,
        limit: usize,
    ) -> Result<Vec<(Name, Tree)>, TreeError> {
        let all = match self.find_tree(path)?.map(|tree| tree.0) {
            Some(Root::Directory(cell)) => Changes::of(cell).entries().map_err(at(path))?,
            Some(Root::Changed(changes)) => changes.entries().map_err(at(path))?,
            Some(Root::Leaf(_)) | None => return Ok(Vec::new()),
        };
        Ok(all.into_iter().skip(offset).take(limit).collect())
    }

    /// The children of the directory at `path` in the order of its trie (that of the bits of their hashed names; at most
    /// two that end a branch come by name): `limit` of them, from `offset` on. Loads no more of the trie than needed.
    pub fn list_in_tree_order<S: AsRef<[u8]>>(
        &self,
        path: &[S],
        offset: usize,
        limit: usize,
    ) -> Result<Vec<(Name, Tree)>, TreeError> {
        let cell = match self.find_tree(path)?.map(|tree| tree.0) {
            Some(Root::Directory(cell)) => cell,
            Some(Root::Changed(changes)) => changes.merged().map_err(at(path))?.clone(),
            Some(Root::Leaf(_)) | None => return Ok(Vec::new()),
        };
        let mut out = Vec::new();
        if limit > 0 {
            cell.each_from(offset as u64, &mut |e| {
                out.push((e.name.clone(), e.child.clone()));
                out.len() < limit
            })
            .map_err(at(path))?;
        }
        Ok(out)
    }

    /// Visits all leaves in the order of their paths, each with its path.
    pub fn for_each_leaf<E: From<TreeError>>(
        &self,
        mut visit: impl FnMut(&[Name], &Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        // Trees still to be visited, the next one last, each with its depth and name.
        let mut path: Vec<Name> = Vec::new();
        let mut ahead = vec![(0, None, self.clone())];
        while let Some((depth, name, tree)) = ahead.pop() {
            path.truncate(depth);
            path.extend(name);
            match &tree.0 {
                Root::Leaf(cell) => visit(&path, cell.get().map_err(at(&path))?)?,
                Root::Directory(_) | Root::Changed(_) => {
                    let children = tree.list(ROOT, 0, usize::MAX).map_err(|e| at(&path)(e.cause))?;
                    let depth = path.len();
                    // A name is one deeper than its directory: cut back to the directory, then go down.
                    ahead.extend(children.into_iter().rev().map(|(name, tree)| (depth, Some(name), tree)));
                }
            }
        }
        Ok(())
    }
}

/// The path of a tree in itself.
const ROOT: &[&[u8]] = &[];

fn at<S: AsRef<[u8]>>(path: &[S]) -> impl FnOnce(LoadError) -> TreeError {
    move |cause| TreeError { path: path.iter().map(|s| s.as_ref().to_vec()).collect(), cause }
}
