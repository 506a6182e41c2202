//! A directory of very many leaves that are named by numbers.

mod shape;

use crate::cell::{Cell, Source};
use crate::error::LoadError;
use crate::hashing::{self, put_branch, put_entries_head, put_entry};
use crate::inode::{Branch, Entry, Inode, Role};
use crate::tree::{Root, Tree};
use bytes::Bytes;
use shape::{Key, Node, Shape};
use soru_base::{ContextHash, blake2b};
use std::fmt;
use std::sync::Arc;

/// Where the bytes of leaves are.
pub trait Leaves: Send + Sync {
    /// The bytes of the leaf of that number, if there is one.
    fn leaf(&self, number: u32) -> Option<&[u8]>;
}

/// A directory of leaves whose names are numbers from 0 on, in decimal, without the bytes of these leaves: for a directory of
/// hundreds of thousands, most of which change between one hash and the next.
///
/// It is the same directory as that of a [`Tree`] to which each leaf was added, and costs a fraction of that: hashes are
/// kept in rows, and made many at once. A table of places is as long as the largest number.
#[derive(Clone, Default)]
pub struct Numbered {
    table: Arc<Table>,
    /// By node: whether something below has changed.
    stale: Vec<bool>,
    /// Leaves that are still to be hashed.
    waiting: Batch,
    /// By number, one after the other: those that are new, and with nothing those that go.
    moved: Vec<(u32, Option<ContextHash>)>,
    removes: bool,
}

impl fmt::Debug for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numbered").field("leaves", &self.table.leaves.len()).finish_non_exhaustive()
    }
}

/// The hashes, and what they are of.
#[derive(Clone)]
struct Table {
    shape: Arc<Shape>,
    /// By place.
    leaves: Vec<ContextHash>,
    /// By node.
    nodes: Vec<ContextHash>,
}

impl Default for Table {
    fn default() -> Self {
        let shape = Shape::of(Vec::new()).expect("a trie without names has no levels");
        Self { shape: Arc::new(shape), leaves: Vec::new(), nodes: vec![ContextHash::ZERO] }
    }
}

impl Numbered {
    /// Puts the bytes of a leaf.
    pub fn put(&mut self, number: u32, bytes: &[u8]) {
        let out = self.waiting.begin(number);
        out.extend_from_slice(&hashing::leaf_head(bytes));
        out.extend_from_slice(bytes);
        if self.waiting.is_full() {
            self.hash_waiting();
        }
    }

    /// Removes a leaf, if it is there.
    pub fn remove(&mut self, number: u32) {
        self.hash_waiting();
        self.moved.push((number, None));
        self.removes = true;
    }

    /// The directory, whose bytes are in `leaves`: where they are others than those that were put, reading them is an error.
    pub fn tree(&mut self, leaves: Arc<dyn Leaves>) -> Result<Tree, LoadError> {
        self.settle()?;
        if self.table.leaves.is_empty() {
            return Ok(Tree::empty());
        }
        let held = Arc::new(Held { table: self.table.clone(), leaves });
        Ok(Tree(Root::Directory(held.cell(0))))
    }

    fn hash_waiting(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let Self { table, stale, waiting, moved, removes } = self;
        let Table { shape, leaves, .. } = Arc::make_mut(table);
        stale.resize(shape.nodes.len(), false);
        waiting.hash(|number, hash| match shape.place(number).filter(|_| !*removes) {
            Some(place) if leaves[place] == hash => (),
            Some(place) => {
                leaves[place] = hash;
                stale[shape.holder(place)] = true;
            }
            None => moved.push((number, Some(hash))),
        });
    }

    /// Makes all hashes.
    fn settle(&mut self) -> Result<(), LoadError> {
        self.hash_waiting();
        if !self.moved.is_empty() {
            self.table = Arc::new(self.table.with(&self.moved)?);
            self.moved.clear();
            self.removes = false;
            self.stale = vec![true; self.table.nodes.len()];
        }
        if !self.stale.is_empty() {
            Arc::make_mut(&mut self.table).rehash(&mut self.stale);
            self.stale.clear();
        }
        Ok(())
    }
}

impl Table {
    /// The same with other leaves, the last one of a number being the one that counts; the hashes of its nodes are to be made.
    fn with(&self, moved: &[(u32, Option<ContextHash>)]) -> Result<Self, LoadError> {
        let mut moved = moved.to_vec();
        moved.reverse();
        moved.sort_by_key(|(number, _)| *number);
        moved.dedup_by_key(|(number, _)| *number);
        let is_moved = |number: u32| moved.binary_search_by_key(&number, |(number, _)| *number);
        let stays = self.shape.keys.iter().zip(&self.leaves);
        let stays = stays.filter(|(key, _)| is_moved(key.number).is_err());
        let comes: Vec<u32> =
            moved.iter().filter(|(_, hash)| hash.is_some()).map(|(number, _)| *number).collect();
        let comes = Key::sorted(&comes);
        let of_moved = |key: &Key| is_moved(key.number).ok().and_then(|at| moved[at].1);
        let mut comes = comes.iter().filter_map(|key| Some((*key, of_moved(key)?))).peekable();

        let mut keys = Vec::with_capacity(self.leaves.len() + moved.len());
        let mut leaves = Vec::with_capacity(keys.capacity());
        let mut push = |(key, hash): (Key, ContextHash)| {
            keys.push(key);
            leaves.push(hash);
        };
        for (key, hash) in stays {
            while let Some(new) = comes.next_if(|(new, _)| new < key) {
                push(new);
            }
            push((*key, *hash));
        }
        comes.for_each(push);
        let shape = Arc::new(Shape::of(keys)?);
        let nodes = vec![ContextHash::ZERO; shape.nodes.len()];
        Ok(Self { shape, leaves, nodes })
    }

    /// Makes the hashes of the nodes below which something has changed, and above them, from the lowest level to the top.
    fn rehash(&mut self, stale: &mut [bool]) {
        let Self { shape, leaves, nodes } = self;
        let mut batch = Batch::default();
        let mut end = shape.nodes.len();
        for (depth, start) in shape.levels.iter().enumerate().rev() {
            let (above, here) = stale[..end].split_at_mut(*start);
            for (index, _) in (*start..).zip(here).filter(|(_, is_stale)| **is_stale) {
                let node = &shape.nodes[index];
                put_node(batch.begin(index as u32), shape, depth as u32, node, leaves, nodes);
                if let Some(parent) = above.get_mut(node.parent as usize) {
                    *parent = true;
                }
                if batch.is_full() {
                    batch.hash(|index, hash| nodes[index as usize] = hash);
                }
            }
            batch.hash(|index, hash| nodes[index as usize] = hash);
            end = *start;
        }
    }
}

/// What is hashed of a node. The directory itself is at depth 0.
fn put_node(
    out: &mut Vec<u8>,
    shape: &Shape,
    depth: u32,
    node: &Node,
    leaves: &[ContextHash],
    nodes: &[ContextHash],
) {
    if !node.is_end() {
        let hashes = node.children.map(|child| child.map(|child| nodes[child as usize]));
        return put_branch(out, depth, node.count() as u64, hashes);
    }
    let role = role(depth);
    put_entries_head(out, role, node.count());
    for (place, name) in shape.entries(node) {
        put_entry(out, role, name.as_bytes(), true, leaves[place]);
    }
}

fn role(depth: u32) -> Role {
    if depth == 0 { Role::Root } else { Role::Inner }
}

/// A directory that was asked for.
struct Held {
    table: Arc<Table>,
    leaves: Arc<dyn Leaves>,
}

impl Held {
    fn cell(self: &Arc<Self>, node: u32) -> Arc<Cell<Inode>> {
        Cell::lazy(self.table.nodes[node as usize], self.clone(), u64::from(node), None)
    }
}

impl Source for Held {
    fn leaf(&self, id: u64, hash: &ContextHash) -> Result<Bytes, LoadError> {
        let found = u32::try_from(id).ok().and_then(|number| self.leaves.leaf(number));
        match found.filter(|bytes| hashing::leaf(bytes) == *hash) {
            Some(bytes) => Ok(Bytes::copy_from_slice(bytes)),
            None => Err(LoadError::Malformed(
                "the bytes of a numbered leaf are others than those that were hashed",
            )),
        }
    }

    fn inode(self: Arc<Self>, id: u64, _: &ContextHash) -> Result<Inode, LoadError> {
        let Table { shape, leaves, .. } = &*self.table;
        let node = usize::try_from(id).ok().and_then(|id| shape.nodes.get(id));
        let node = node.ok_or(LoadError::Malformed("there is no such level of a numbered directory"))?;
        let depth = shape.levels.partition_point(|start| *start as u64 <= id) as u32 - 1;
        if node.is_end() {
            let entries = shape.entries(node).map(|(place, name)| {
                let number = u64::from(shape.keys[place].number);
                let cell = Cell::lazy(leaves[place], self.clone(), number, None);
                Entry { name: name.as_bytes().into(), child: Tree(Root::Leaf(cell)) }
            });
            return Ok(Inode::Entries { role: role(depth), entries: entries.collect() });
        }
        let children = node.children.map(|child| child.map(|child| self.cell(child)));
        Ok(Inode::Branch(Branch { depth, count: node.count() as u64, children }))
    }
}

/// What is to be hashed together.
#[derive(Clone, Default)]
struct Batch {
    bytes: Vec<u8>,
    /// Whose it is, and where it begins.
    parts: Vec<(u32, usize)>,
}

impl Batch {
    const PARTS: usize = 32;

    fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn is_full(&self) -> bool {
        self.parts.len() >= Self::PARTS
    }

    /// Where the bytes of the next one go.
    fn begin(&mut self, whose: u32) -> &mut Vec<u8> {
        self.parts.push((whose, self.bytes.len()));
        &mut self.bytes
    }

    /// Hashes all of them.
    fn hash(&mut self, mut each: impl FnMut(u32, ContextHash)) {
        let ends = self.parts.iter().skip(1).map(|(_, start)| *start).chain([self.bytes.len()]);
        let inputs = self.parts.iter().zip(ends).map(|((_, start), end)| &self.bytes[*start..end]);
        let hashes = blake2b::hash32_many(inputs);
        for ((whose, _), hash) in self.parts.drain(..).zip(hashes) {
            each(whose, ContextHash(hash));
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    struct Kept(BTreeMap<u32, Vec<u8>>);

    impl Leaves for Kept {
        fn leaf(&self, number: u32) -> Option<&[u8]> {
            self.0.get(&number).map(Vec::as_slice)
        }
    }

    fn one_by_one(leaves: &BTreeMap<u32, Vec<u8>>) -> Tree {
        let mut tree = Tree::empty();
        for (number, bytes) in leaves {
            tree.insert(&[number.to_string()], bytes.clone()).unwrap();
        }
        tree
    }

    fn listed(tree: &Tree) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        let visited = tree.for_each_leaf::<crate::TreeError>(|path, bytes| {
            found.push((path.concat(), bytes.to_vec()));
            Ok(())
        });
        visited.unwrap();
        found
    }

    /// What is put, or removed, before the directory is asked for.
    fn changes() -> impl Strategy<Value = Vec<Vec<(u32, Option<u8>)>>> {
        let number = prop_oneof![3 => 0u32..40, 1 => 0u32..100_000];
        let change = (number, prop_oneof![3 => any::<u8>().prop_map(Some), 1 => Just(None)]);
        proptest::collection::vec(proptest::collection::vec(change, 0..120), 1..6)
    }

    proptest! {
        /// The directory is the same as that of leaves added one by one, and reads and changes as that does.
        #[test]
        fn it_is_the_directory_of_its_leaves(rounds in changes(), also in 0u32..50) {
            let (mut numbered, mut leaves) = (Numbered::default(), BTreeMap::new());
            let mut before = Vec::new();
            for changes in rounds {
                for (number, byte) in changes {
                    match byte {
                        Some(byte) => {
                            let bytes = vec![byte; usize::from(byte) * 4];
                            numbered.put(number, &bytes);
                            leaves.insert(number, bytes);
                        }
                        None => {
                            numbered.remove(number);
                            leaves.remove(&number);
                        }
                    }
                }
                let tree = numbered.tree(Arc::new(Kept(leaves.clone()))).unwrap();
                before.push((tree, one_by_one(&leaves)));
            }
            for (mut tree, mut expected) in before {
                prop_assert_eq!(tree.hash().unwrap(), expected.hash().unwrap());
                prop_assert_eq!(listed(&tree), listed(&expected));
                for tree in [&mut tree, &mut expected] {
                    tree.insert(&[also.to_string()], "another").unwrap();
                    tree.remove(&[(also + 1).to_string()]).unwrap();
                }
                prop_assert_eq!(tree.hash().unwrap(), expected.hash().unwrap());
            }
        }
    }

    #[test]
    fn many_leaves_are_hashed_as_one_by_one() {
        let mut leaves: BTreeMap<u32, Vec<u8>> = (0..5_000).map(|n| (n, vec![n as u8; 512])).collect();
        let mut numbered = Numbered::default();
        leaves.iter().for_each(|(number, bytes)| numbered.put(*number, bytes));
        let first = numbered.tree(Arc::new(Kept(leaves.clone()))).unwrap();
        assert_eq!(first.hash().unwrap(), one_by_one(&leaves).hash().unwrap());
        for number in (0..6_000).step_by(7) {
            let bytes = vec![1, 2, number as u8];
            numbered.put(number, &bytes);
            leaves.insert(number, bytes);
        }
        let second = numbered.tree(Arc::new(Kept(leaves.clone()))).unwrap();
        assert_eq!(second.hash().unwrap(), one_by_one(&leaves).hash().unwrap());
        // The first one is what it was.
        assert_eq!(first.find(&["14"]).unwrap().unwrap().len(), 512);
        assert_ne!(first.hash().unwrap(), second.hash().unwrap());
    }

    #[test]
    fn other_bytes_than_those_that_were_hashed_are_an_error() {
        let mut numbered = Numbered::default();
        for number in 0..10 {
            numbered.put(number, b"right");
        }
        let wrong = BTreeMap::from([(3, b"wrong".to_vec()), (4, b"right".to_vec())]);
        let tree = numbered.tree(Arc::new(Kept(wrong))).unwrap();
        assert_eq!(tree.find(&["4"]).unwrap().as_deref(), Some(&b"right"[..]));
        assert!(tree.find(&["3"]).is_err());
        assert!(tree.find(&["5"]).is_err());
        assert_eq!(tree.find(&["10"]).unwrap(), None);
    }
}
