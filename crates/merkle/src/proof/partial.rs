//! A tree out of a proof.

use super::{PartialInode, PartialTree, ProofError, wrap};
use crate::cell::{Cell, Source};
use crate::error::LoadError;
use crate::hashing::{self, NameBits};
use crate::inode::{Branch, Entry, Inode, InodeCell, MAX_ENTRIES, Role};
use crate::tree::{Kind, Name, Root, Tree};
use bytes::Bytes;
use soru_base::ContextHash;
use std::collections::BTreeMap;
use std::ptr;
use std::sync::Arc;

const TOO_DEEP: &str = "a trie deeper than the bits of a hash";

/// Everything that a proof opens, by its hash.
///
/// Reading goes by hash, as in the reference: what is blinded in one place can be read if it is open in another.
#[derive(Default)]
struct Opened {
    leaves: BTreeMap<ContextHash, Bytes>,
    /// Whole directories; what is in them is blinded here.
    directories: BTreeMap<ContextHash, Inode>,
}

/// The tree of a proof; what it does not hold is blinded.
pub(super) fn tree(partial: &PartialTree) -> Result<Tree, ProofError> {
    if matches!(partial, PartialTree::Directory(PartialInode::Entries(entries)) if entries.is_empty()) {
        return Ok(Tree::empty());
    }
    let mut opened = Opened::default();
    let mut hashes = Hashes::new();
    let mut root = None;
    // Children before their parents, without recursion: a proof may nest deeply.
    for partial in parents_first(partial).into_iter().rev() {
        let found = opened.add(partial, &hashes)?;
        hashes.insert(ptr::from_ref(partial), found);
        root = Some(found);
    }
    let (kind, hash) = root.ok_or(ProofError::Malformed("nothing at all"))?;
    Ok(lazy(&Arc::new(opened), kind, hash))
}

/// What is known of the trees in a proof, by where they are in memory.
type Hashes = BTreeMap<*const PartialTree, (Kind, ContextHash)>;

fn parents_first(root: &PartialTree) -> Vec<&PartialTree> {
    enum Ahead<'a> {
        Tree(&'a PartialTree),
        Inode(&'a PartialInode),
    }
    let mut all = Vec::new();
    let mut ahead = vec![Ahead::Tree(root)];
    while let Some(next) = ahead.pop() {
        let inode = match next {
            Ahead::Tree(tree) => {
                all.push(tree);
                match tree {
                    PartialTree::Directory(inode) => inode,
                    PartialTree::Leaf(_) | PartialTree::BlindedLeaf(_) => continue,
                }
            }
            Ahead::Inode(inode) => inode,
        };
        match inode {
            PartialInode::Blinded(_) => {}
            PartialInode::Entries(entries) => {
                ahead.extend(entries.iter().rev().map(|(_, tree)| Ahead::Tree(tree)))
            }
            PartialInode::Branch { children, .. } => {
                ahead.extend(children.iter().rev().flatten().map(|child| Ahead::Inode(child)));
            }
            PartialInode::Extender { below, .. } => ahead.push(Ahead::Inode(below)),
        }
    }
    all
}

fn lazy(opened: &Arc<Opened>, kind: Kind, hash: ContextHash) -> Tree {
    Tree(match kind {
        Kind::Leaf => Root::Leaf(Cell::lazy(hash, opened.clone(), 0, None)),
        Kind::Directory => Root::Directory(Cell::lazy(hash, opened.clone(), 0, None)),
    })
}

impl Opened {
    /// Adds a tree whose children were added before. Of several with one hash the first one added stays, the last one of
    /// the proof: the reference keeps that one.
    fn add(&mut self, partial: &PartialTree, hashes: &Hashes) -> Result<(Kind, ContextHash), ProofError> {
        Ok(match partial {
            PartialTree::BlindedLeaf(hash) => (Kind::Leaf, *hash),
            PartialTree::Directory(PartialInode::Blinded(hash)) => (Kind::Directory, *hash),
            PartialTree::Leaf(bytes) => {
                let hash = hashing::leaf(bytes);
                self.leaves.insert(hash, bytes.clone());
                (Kind::Leaf, hash)
            }
            PartialTree::Directory(partial) => {
                let inode = inode(hashes, Role::Root, partial, &mut Vec::new())?;
                let hash = hashing::inode(&inode).map_err(wrap)?;
                self.directories.entry(hash).or_insert(inode);
                (Kind::Directory, hash)
            }
        })
    }
}

/// One level of a trie, `way` from the top.
fn inode(
    hashes: &Hashes,
    role: Role,
    partial: &PartialInode,
    way: &mut Vec<bool>,
) -> Result<Inode, ProofError> {
    match partial {
        PartialInode::Blinded(_) => Err(ProofError::Malformed("a blinded level where an open one is needed")),
        PartialInode::Entries(entries) => {
            let entries = entries.iter().map(|(name, tree)| entry(hashes, name, tree, way));
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            if entries.is_empty() || entries.len() > MAX_ENTRIES {
                return Err(ProofError::Malformed("entries are one or two"));
            }
            if !entries.is_sorted_by(|a, b| a.name < b.name) {
                return Err(ProofError::Malformed("entries are in the order of their names"));
            }
            Ok(Inode::Entries { role, entries })
        }
        PartialInode::Branch { count, children } => {
            let depth = way.len() as u32;
            let mut child = |bit: bool| match &children[usize::from(bit)] {
                Some(child) => cell(hashes, child, way, bit).map(Some),
                None => Ok(None),
            };
            let children = [child(false)?, child(true)?];
            branch(depth, *count, children)
        }
        PartialInode::Extender { count, segment, below } => {
            let Some((last, above)) = segment.split_last() else {
                return Err(ProofError::Malformed("a run of no levels"));
            };
            let top = way.len();
            if top + segment.len() > NameBits::COUNT as usize {
                return Err(ProofError::Malformed(TOO_DEEP));
            }
            way.extend(above);
            let mut only = cell(hashes, below, way, *last)?;
            way.truncate(top);
            let alone = |bit: bool, cell| if bit { [None, Some(cell)] } else { [Some(cell), None] };
            for (depth, bit) in (top as u32..).zip(segment).skip(1).collect::<Vec<_>>().into_iter().rev() {
                only = Cell::new(branch(depth, *count, alone(*bit, only))?);
            }
            branch(top as u32, *count, alone(segment[0], only))
        }
    }
}

/// The child `bit` of the level at `way`.
fn cell(
    hashes: &Hashes,
    partial: &PartialInode,
    way: &mut Vec<bool>,
    bit: bool,
) -> Result<Arc<InodeCell>, ProofError> {
    if let PartialInode::Blinded(hash) = partial {
        return Ok(Cell::blinded(*hash));
    }
    if way.len() >= NameBits::COUNT as usize {
        return Err(ProofError::Malformed(TOO_DEEP));
    }
    way.push(bit);
    let inode = inode(hashes, Role::Inner, partial, way)?;
    way.pop();
    Ok(Cell::new(inode))
}

fn entry(hashes: &Hashes, name: &Name, partial: &PartialTree, way: &[bool]) -> Result<Entry, ProofError> {
    if !way.is_empty() {
        let bits = NameBits::of(name);
        if !(0..).zip(way).all(|(depth, bit)| bits.at(depth) == usize::from(*bit)) {
            return Err(ProofError::Malformed("a name is not where its hash leads to"));
        }
    }
    let Some(&(kind, hash)) = hashes.get(&ptr::from_ref(partial)) else {
        return Err(ProofError::Malformed("an entry that is not in the proof"));
    };
    let child = Tree(match kind {
        Kind::Leaf => Root::Leaf(Cell::blinded(hash)),
        Kind::Directory => Root::Directory(Cell::blinded(hash)),
    });
    Ok(Entry { name: name.clone(), child })
}

/// A branch whose count fits to what is known of its children.
fn branch(depth: u32, count: u64, children: [Option<Arc<InodeCell>>; 2]) -> Result<Inode, ProofError> {
    if count <= MAX_ENTRIES as u64 {
        return Err(ProofError::Malformed("a branch of entries that need none"));
    }
    let known = |child: &Option<Arc<InodeCell>>| match child {
        None => (0, true),
        Some(cell) => cell.loaded().map_or((1, false), |inode| (inode.count(), true)),
    };
    let [(zeros, all_zeros), (ones, all_ones)] = [known(&children[0]), known(&children[1])];
    match zeros.checked_add(ones) {
        Some(sum) if sum == count || (sum < count && !(all_zeros && all_ones)) => {}
        _ => return Err(ProofError::Malformed("the counts of the levels of a trie do not add up")),
    }
    Ok(Inode::Branch(Branch { depth, count, children }))
}

impl Source for Opened {
    fn leaf(&self, _: u64, hash: &ContextHash) -> Result<Bytes, LoadError> {
        self.leaves.get(hash).cloned().ok_or(LoadError::Blinded { hash: *hash })
    }

    fn inode(self: Arc<Self>, _: u64, hash: &ContextHash) -> Result<Inode, LoadError> {
        match self.directories.get(hash) {
            Some(inode) => linked(inode, &self),
            None => Err(LoadError::Blinded { hash: *hash }),
        }
    }
}

/// The level with children that are looked up in the proof when read.
fn linked(inode: &Inode, opened: &Arc<Opened>) -> Result<Inode, LoadError> {
    Ok(match inode {
        Inode::Entries { role, entries } => {
            let entry = |e: &Entry| {
                let child = lazy(opened, e.child.kind(), e.child.load_hash()?);
                Ok(Entry { name: e.name.clone(), child })
            };
            Inode::Entries {
                role: *role,
                entries: entries.iter().map(entry).collect::<Result<_, LoadError>>()?,
            }
        }
        Inode::Branch(Branch { depth, count, children }) => {
            let below = |child: &Option<Arc<InodeCell>>| {
                let Some(cell) = child else { return Ok(None) };
                let hash = cell.hash()?;
                Ok(Some(match cell.loaded() {
                    Some(inode) => Cell::hashed(linked(inode, opened)?, hash),
                    None => Cell::blinded(hash),
                }))
            };
            Inode::Branch(Branch {
                depth: *depth,
                count: *count,
                children: [below(&children[0])?, below(&children[1])?],
            })
        }
    })
}
