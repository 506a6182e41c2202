//! A tree out of a proof.

use super::parts::{Part, Parts};
use super::{ProofError, wrap};
use crate::cell::{Cell, Source};
use crate::error::LoadError;
use crate::hashing::{self, NameBits};
use crate::inode::{Branch, Entry, Inode, InodeCell, MAX_ENTRIES, Role};
use crate::tree::{Kind, Name, Root, Tree};
use bytes::Bytes;
use soru_base::ContextHash;
use std::collections::BTreeMap;
use std::sync::Arc;

const TOO_DEEP: &str = "a trie deeper than the bits of a hash";

/// Everything that a proof opens, by its hash.
///
/// Reading goes by hash, as in the reference: what is blinded in one place can be read if it is open in another.
#[derive(Default)]
struct Opened {
    leaves: BTreeMap<ContextHash, Bytes>,
    /// Whole directories; what is in them is blinded here.
    directories: BTreeMap<ContextHash, Arc<InodeCell>>,
}

/// The tree of a proof; what it does not hold is blinded.
pub(super) fn tree(parts: &Parts) -> Result<Tree, ProofError> {
    if matches!(&parts[Parts::ROOT], Part::Entries(entries) if entries.is_empty()) {
        return Ok(Tree::empty());
    }
    let mut opened = Opened::default();
    let mut hashes = vec![None; parts.len()];
    // Children are hashed before their parents. The levels of a trie are made with their directory.
    for index in trees(parts).into_iter().rev() {
        hashes[index] = Some(opened.add(parts, index, &hashes)?);
    }
    let (kind, hash) = hashes[Parts::ROOT].ok_or(ProofError::Malformed("nothing at all"))?;
    Ok(lazy(&Arc::new(opened), kind, hash))
}

/// What is known of the trees in a proof, by their index.
type Hashes = [Option<(Kind, ContextHash)>];

/// The parts that are whole trees, each before those below it.
fn trees(parts: &Parts) -> Vec<usize> {
    let entries = parts.iter().flat_map(|part| match part {
        Part::Entries(entries) => &entries[..],
        _ => &[],
    });
    let mut trees: Vec<_> = entries.map(|(_, index)| *index).chain([Parts::ROOT]).collect();
    trees.sort_unstable();
    trees
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
    fn add(
        &mut self,
        parts: &Parts,
        index: usize,
        hashes: &Hashes,
    ) -> Result<(Kind, ContextHash), ProofError> {
        Ok(match &parts[index] {
            Part::BlindedLeaf(hash) => (Kind::Leaf, *hash),
            Part::Blinded(hash) => (Kind::Directory, *hash),
            Part::Leaf(bytes) => {
                let hash = hashing::leaf(bytes);
                self.leaves.insert(hash, bytes.clone());
                (Kind::Leaf, hash)
            }
            Part::Entries(_) | Part::Branch { .. } | Part::Extender { .. } => {
                let levels = Levels { parts, hashes };
                let cell = Cell::new(levels.inode(Role::Root, index, &mut Vec::new())?);
                let hash = cell.hash().map_err(wrap)?;
                self.directories.entry(hash).or_insert(cell);
                (Kind::Directory, hash)
            }
        })
    }
}

/// What the levels of the trie of a directory are made from. There are at most as many, one below the other, as a hash
/// has bits: they are gone down by recursion.
struct Levels<'a> {
    parts: &'a Parts,
    hashes: &'a Hashes,
}

impl Levels<'_> {
    /// One level of a trie, `way` from the top.
    fn inode(&self, role: Role, index: usize, way: &mut Vec<bool>) -> Result<Inode, ProofError> {
        match &self.parts[index] {
            Part::Blinded(_) | Part::Leaf(_) | Part::BlindedLeaf(_) => {
                Err(ProofError::Malformed("a blinded level where an open one is needed"))
            }
            Part::Entries(entries) => {
                let entries = entries.iter().map(|(name, tree)| self.entry(name, *tree, way));
                let entries = entries.collect::<Result<Vec<_>, _>>()?;
                if entries.is_empty() || entries.len() > MAX_ENTRIES {
                    return Err(ProofError::Malformed("entries are one or two"));
                }
                if !entries.is_sorted_by(|a, b| a.name < b.name) {
                    return Err(ProofError::Malformed("entries are in the order of their names"));
                }
                Ok(Inode::Entries { role, entries })
            }
            Part::Branch { count, children } => {
                let depth = way.len() as u32;
                let mut child = |bit: bool| match children[usize::from(bit)] {
                    Some(child) => self.cell(child, way, bit).map(Some),
                    None => Ok(None),
                };
                let children = [child(false)?, child(true)?];
                branch(depth, *count, children)
            }
            Part::Extender { count, segment, below } => {
                let Some((last, above)) = segment.split_last() else {
                    return Err(ProofError::Malformed("a run of no levels"));
                };
                let top = way.len();
                if top + segment.len() > NameBits::COUNT as usize {
                    return Err(ProofError::Malformed(TOO_DEEP));
                }
                way.extend(above);
                let mut only = self.cell(*below, way, *last)?;
                way.truncate(top);
                let alone = |bit: bool, cell| if bit { [None, Some(cell)] } else { [Some(cell), None] };
                for (depth, bit) in (top as u32..).zip(segment).skip(1).collect::<Vec<_>>().into_iter().rev()
                {
                    only = Cell::new(branch(depth, *count, alone(*bit, only))?);
                }
                branch(top as u32, *count, alone(segment[0], only))
            }
        }
    }

    /// The child `bit` of the level at `way`.
    fn cell(&self, index: usize, way: &mut Vec<bool>, bit: bool) -> Result<Arc<InodeCell>, ProofError> {
        if let Part::Blinded(hash) = &self.parts[index] {
            return Ok(Cell::blinded(*hash));
        }
        if way.len() >= NameBits::COUNT as usize {
            return Err(ProofError::Malformed(TOO_DEEP));
        }
        way.push(bit);
        let inode = self.inode(Role::Inner, index, way)?;
        way.pop();
        Ok(Cell::new(inode))
    }

    fn entry(&self, name: &Name, index: usize, way: &[bool]) -> Result<Entry, ProofError> {
        if !way.is_empty() {
            let bits = NameBits::of(name);
            if !(0..).zip(way).all(|(depth, bit)| bits.at(depth) == usize::from(*bit)) {
                return Err(ProofError::Malformed("a name is not where its hash leads to"));
            }
        }
        let Some((kind, hash)) = self.hashes[index] else {
            return Err(ProofError::Malformed("an entry that is not in the proof"));
        };
        let child = Tree(match kind {
            Kind::Leaf => Root::Leaf(Cell::blinded(hash)),
            Kind::Directory => Root::Directory(Cell::blinded(hash)),
        });
        Ok(Entry { name: name.clone(), child })
    }
}

/// A branch whose count fits to what is known of its children.
fn branch(depth: u32, count: u64, children: [Option<Arc<InodeCell>>; 2]) -> Result<Inode, ProofError> {
    if depth >= NameBits::COUNT {
        return Err(ProofError::Malformed(TOO_DEEP));
    }
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
            Some(cell) => linked(cell.get()?, &self),
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
