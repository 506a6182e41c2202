//! The tree as a value.

use crate::cell::Cell;
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
/// the whole tree, never inside of one.
#[derive(Clone)]
pub struct Tree(pub(crate) Root);

#[derive(Clone)]
pub(crate) enum Root {
    Leaf(Arc<Cell<Bytes>>),
    Directory(Arc<InodeCell>),
}

impl Default for Tree {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.kind(), self.hash())
    }
}

/// Trees are equal when their hashes are.
impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.is_leaf() == other.is_leaf() && self.hash() == other.hash()
    }
}

impl Eq for Tree {}

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
            Root::Directory(_) => Kind::Directory,
        }
    }

    /// Whether the tree is one leaf. Loads nothing.
    pub fn is_leaf(&self) -> bool {
        self.kind() == Kind::Leaf
    }

    /// Whether the tree is the directory without children. Loads nothing.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Root::Leaf(_) => false,
            Root::Directory(cell) => match cell.loaded() {
                Some(inode) => inode.count() == 0,
                None => cell.hash() == InodeCell::empty().hash(),
            },
        }
    }

    /// The Merkle hash. Costs what changed since it was last asked; loads nothing.
    pub fn hash(&self) -> ContextHash {
        match &self.0 {
            Root::Leaf(cell) => cell.hash(),
            Root::Directory(cell) => cell.hash(),
        }
    }

    /// The bytes of the leaf at `path`; nothing if there is no leaf.
    pub fn find<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<Option<Bytes>, TreeError> {
        let Some(tree) = self.find_tree(path)? else { return Ok(None) };
        match &tree.0 {
            Root::Leaf(cell) => cell.get().map(|bytes| Some(bytes.clone())).map_err(at(path)),
            Root::Directory(_) => Ok(None),
        }
    }

    /// The tree at `path`. Does not load the tree itself.
    pub fn find_tree<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<Option<Tree>, TreeError> {
        let mut tree = self.clone();
        for (depth, step) in path.iter().enumerate() {
            let Root::Directory(cell) = &tree.0 else { return Ok(None) };
            match cell.child(step.as_ref()).map_err(at(&path[..depth]))? {
                Some(child) => tree = child,
                None => return Ok(None),
            }
        }
        Ok(Some(tree))
    }

    /// Whether there is a leaf at `path`. Does not load it.
    pub fn contains<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<bool, TreeError> {
        Ok(self.find_tree(path)?.is_some_and(|t| t.is_leaf()))
    }

    /// Whether there is a leaf or a directory at `path`. Does not load it.
    pub fn contains_tree<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<bool, TreeError> {
        Ok(self.find_tree(path)?.is_some_and(|t| !t.is_empty()))
    }

    /// Puts a leaf at `path`, in place of what is there or of a leaf on the way.
    pub fn insert<S: AsRef<[u8]>>(&mut self, path: &[S], bytes: impl Into<Bytes>) -> Result<(), TreeError> {
        self.insert_tree(path, Tree::leaf(bytes))
    }

    /// Puts a tree at `path`, in place of what is there or of a leaf on the way. An empty tree removes.
    pub fn insert_tree<S: AsRef<[u8]>>(&mut self, path: &[S], tree: Tree) -> Result<(), TreeError> {
        if tree.is_empty() {
            return self.remove(path);
        }
        let mut ways = Vec::with_capacity(path.len());
        let mut here = self.clone();
        for (depth, step) in path.iter().enumerate() {
            let cell = match here.0 {
                Root::Directory(cell) => cell,
                Root::Leaf(_) => InodeCell::empty(),
            };
            here = cell.child(step.as_ref()).map_err(at(&path[..depth]))?.unwrap_or_default();
            ways.push(cell);
        }
        *self = rebuild(path, ways, Some(tree))?;
        Ok(())
    }

    /// Removes what is at `path`, if there is something; directories that become empty vanish.
    pub fn remove<S: AsRef<[u8]>>(&mut self, path: &[S]) -> Result<(), TreeError> {
        let mut ways = Vec::with_capacity(path.len());
        let mut here = self.clone();
        for (depth, step) in path.iter().enumerate() {
            let Root::Directory(cell) = here.0 else { return Ok(()) };
            match cell.child(step.as_ref()).map_err(at(&path[..depth]))? {
                Some(child) => here = child,
                None => return Ok(()),
            }
            ways.push(cell);
        }
        *self = rebuild(path, ways, None)?;
        Ok(())
    }

    /// Number of children of the directory at `path`; zero if there is none. Loads no child.
    pub fn length<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<u64, TreeError> {
        match self.directory(path)? {
            Some(cell) => Ok(cell.get().map_err(at(path))?.count()),
            None => Ok(0),
        }
    }

    /// The children of the directory at `path` in the order of their names: `limit` of them, from `offset` on.
    pub fn list<S: AsRef<[u8]>>(
        &self,
        path: &[S],
        offset: usize,
        limit: usize,
    ) -> Result<Vec<(Name, Tree)>, TreeError> {
        let mut all = self.list_in_tree_order(path, 0, usize::MAX)?;
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all.into_iter().skip(offset).take(limit).collect())
    }

    /// The children of the directory at `path` in the order of its trie (that of the bits of their hashed names; at most
    /// two that end a branch come by name): `limit` of them, from `offset` on.
    pub fn list_in_tree_order<S: AsRef<[u8]>>(
        &self,
        path: &[S],
        offset: usize,
        limit: usize,
    ) -> Result<Vec<(Name, Tree)>, TreeError> {
        let mut out = Vec::new();
        if limit == 0 {
            return Ok(out);
        }
        if let Some(cell) = self.directory(path)? {
            cell.each_from(&mut (offset as u64), &mut |e| {
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
        // Leaves and directories still to be visited, the next one last, each with its depth and name.
        let mut path: Vec<Name> = Vec::new();
        let mut ahead = vec![(0, None, self.clone())];
        while let Some((depth, name, tree)) = ahead.pop() {
            path.truncate(depth);
            path.extend(name);
            match &tree.0 {
                Root::Leaf(cell) => visit(&path, cell.get().map_err(at(&path))?)?,
                Root::Directory(_) => {
                    let none: [&[u8]; 0] = [];
                    let children = tree.list(&none, 0, usize::MAX).map_err(|e| at(&path)(e.cause))?;
                    ahead.extend(children.into_iter().rev().map(|(name, t)| (path.len(), Some(name), t)));
                }
            }
        }
        Ok(())
    }

    fn directory<S: AsRef<[u8]>>(&self, path: &[S]) -> Result<Option<Arc<InodeCell>>, TreeError> {
        Ok(match self.find_tree(path)?.map(|t| t.0) {
            Some(Root::Directory(cell)) => Some(cell),
            _ => None,
        })
    }
}

/// The tree with `bottom` at the end of `path`, where `ways` are the directories that the path went through.
fn rebuild<S: AsRef<[u8]>>(
    path: &[S],
    ways: Vec<Arc<InodeCell>>,
    bottom: Option<Tree>,
) -> Result<Tree, TreeError> {
    let mut below = bottom;
    for (depth, cell) in ways.iter().enumerate().rev() {
        let step = path[depth].as_ref();
        let changed = match below {
            Some(child) => cell.with(step, child),
            None => cell.without(step),
        };
        let tree = Tree(Root::Directory(changed.map_err(at(&path[..depth]))?));
        below = (!tree.is_empty()).then_some(tree);
    }
    Ok(below.unwrap_or_default())
}

fn at<S: AsRef<[u8]>>(path: &[S]) -> impl FnOnce(LoadError) -> TreeError {
    move |cause| TreeError { path: path.iter().map(|s| s.as_ref().to_vec()).collect(), cause }
}
