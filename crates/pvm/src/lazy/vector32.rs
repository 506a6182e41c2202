//! A vector with int32 keys: `head`, `length`, `contents/<key>`.

use super::node::{Node, read_at, write_at};
use crate::state::StateError;
use soru_merkle::Tree;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A vector of the machine's own data. Element `i` is kept under the key `head + i`, both int32 that wrap.
///
/// An element that was never set has no entry; an entry that is no element any more stays.
#[derive(Debug, Clone)]
pub(crate) struct Vec32<V> {
    head: i32,
    length: i32,
    origin: Tree,
    // What was set, or read; `None`: removed.
    entries: BTreeMap<i32, Option<V>>,
}

impl<V> Default for Vec32<V> {
    fn default() -> Self {
        Self::with_length(0)
    }
}

impl<V> Vec32<V> {
    /// A vector of that length without any entry.
    pub(crate) fn with_length(length: i32) -> Self {
        Self { head: 0, length, origin: Tree::empty(), entries: BTreeMap::new() }
    }

    /// A vector of one element.
    pub(crate) fn singleton(value: V) -> Self {
        Self { head: 0, length: 1, origin: Tree::empty(), entries: BTreeMap::from([(0, Some(value))]) }
    }

    /// The number of elements, as the int32 it is.
    pub(crate) fn length(&self) -> i32 {
        self.length
    }

    fn key(&self, index: i32) -> Option<i32> {
        // Indices and lengths are compared as unsigned numbers.
        ((index as u32) < self.length as u32).then(|| self.head.wrapping_add(index))
    }

    /// Sets an element; false if there is none of that index.
    pub(crate) fn set(&mut self, index: i32, value: V) -> bool {
        let Some(key) = self.key(index) else { return false };
        self.entries.insert(key, Some(value));
        true
    }

    /// Adds an element at the front, before the first key.
    pub(crate) fn cons(&mut self, value: V) {
        self.head = self.head.wrapping_sub(1);
        self.length = self.length.wrapping_add(1);
        self.entries.insert(self.head, Some(value));
    }

    /// Adds an element at the end and gives its index.
    pub(crate) fn append(&mut self, value: V) -> i32 {
        let index = self.length;
        self.length = index.wrapping_add(1);
        self.entries.insert(self.head.wrapping_add(index), Some(value));
        index
    }
}

impl<V: Node> Vec32<V> {
    /// The element of that index, to look at or to change. Reads it if it was not read before.
    pub(crate) fn get(&mut self, index: i32) -> Result<&mut V, VectorError> {
        let key = self.key(index).ok_or(VectorError::Bounds)?;
        if let std::collections::btree_map::Entry::Vacant(entry) = self.entries.entry(key) {
            let name = key.to_string();
            let path = ["contents", name.as_str()];
            let Some(tree) = self.origin.find_tree(&path[1..]).map_err(StateError::from)? else {
                return Err(VectorError::NoEntry);
            };
            entry.insert(Some(V::read(&tree).map_err(|e| e.below(&path))?));
        }
        self.entries.get_mut(&key).and_then(Option::as_mut).ok_or(VectorError::NoEntry)
    }
}

/// An element cannot be had.
#[derive(Debug)]
pub(crate) enum VectorError {
    /// No such index.
    Bounds,
    /// The vector has no entry for it.
    NoEntry,
    /// The entry cannot be read.
    State(StateError),
}

impl From<StateError> for VectorError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl<V: Node> Node for Vec32<V> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        let head = read_at(tree, &["head"])?;
        let length = read_at(tree, &["length"])?;
        let origin = tree.find_tree(&["contents"])?.unwrap_or_default();
        Ok(Self { head, length, origin, entries: BTreeMap::new() })
    }

    fn write(&self, dir: &mut Tree) -> Result<(), StateError> {
        write_at(&self.head, dir, &["head"])?;
        write_at(&self.length, dir, &["length"])?;
        let mut contents = self.origin.clone();
        for (key, entry) in &self.entries {
            let path = [key.to_string()];
            let mut below = Tree::empty();
            if let Some(value) = entry {
                value.write(&mut below).map_err(|e| e.below(&["contents", &path[0]]))?;
            }
            contents.insert_tree(&path, below)?;
        }
        Ok(dir.insert_tree(&["contents"], contents)?)
    }
}

/// Bytes in chunks of 512 that are written one by one: `length`, `contents/<chunk>`.
#[derive(Debug, Clone)]
pub(crate) struct Chunks {
    length: i64,
    origin: Tree,
    chunks: BTreeMap<i64, Box<[u8; Self::SIZE]>>,
}

impl Chunks {
    const SIZE: usize = 512;

    /// So many zeros, for which no chunk is written.
    pub(crate) fn zeros(length: i64) -> Self {
        Self { length, origin: Tree::empty(), chunks: BTreeMap::new() }
    }

    /// Writes a byte inside of the value; false outside of it.
    pub(crate) fn store(&mut self, index: i64, byte: u8) -> Result<bool, StateError> {
        if index < 0 || index >= self.length {
            return Ok(false);
        }
        let (chunk, at) = (index / Self::SIZE as i64, (index % Self::SIZE as i64) as usize);
        if let std::collections::btree_map::Entry::Vacant(entry) = self.chunks.entry(chunk) {
            entry.insert(Box::new(padded(self.origin.find(&[chunk.to_string()])?.as_deref())));
        }
        if let Some(chunk) = self.chunks.get_mut(&chunk) {
            chunk[at] = byte;
        }
        Ok(true)
    }
}

fn padded(bytes: Option<&[u8]>) -> [u8; Chunks::SIZE] {
    let mut chunk = [0; Chunks::SIZE];
    let bytes = bytes.unwrap_or_default();
    let len = bytes.len().min(Chunks::SIZE);
    chunk[..len].copy_from_slice(&bytes[..len]);
    chunk
}

impl Node for Chunks {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        let length = read_at(tree, &["length"])?;
        let origin = tree.find_tree(&["contents"])?.unwrap_or_default();
        Ok(Self { length, origin, chunks: BTreeMap::new() })
    }

    fn write(&self, dir: &mut Tree) -> Result<(), StateError> {
        write_at(&self.length, dir, &["length"])?;
        let mut contents = self.origin.clone();
        for (index, chunk) in &self.chunks {
            contents.insert(&[index.to_string()], chunk.to_vec())?;
        }
        Ok(dir.insert_tree(&["contents"], contents)?)
    }
}

/// Where a vector lies beside its offset.
pub(crate) trait Place: Clone {
    /// The path.
    const PATH: &'static [&'static str];
}

/// Directly under `vector`.
#[derive(Debug, Clone)]
pub(crate) struct Here;

impl Place for Here {
    const PATH: &'static [&'static str] = &["vector"];
}

/// A vector that is filled, or gone through, from the front: `offset` elements are done.
#[derive(Debug, Clone)]
pub(crate) struct Filling<V, P = Here> {
    /// Elements done.
    pub(crate) offset: i32,
    /// The elements.
    pub(crate) vector: Vec32<V>,
    place: PhantomData<P>,
}

impl<V, P> Filling<V, P> {
    /// A vector to be filled with so many elements.
    pub(crate) fn of_length(length: i32) -> Self {
        Self::through(Vec32::with_length(length))
    }

    /// A vector to be gone through.
    pub(crate) fn through(vector: Vec32<V>) -> Self {
        Self { offset: 0, vector, place: PhantomData }
    }

    /// Whether all is done. Lengths count as signed here: one of 2^31 and more is no length.
    pub(crate) fn is_full(&self) -> bool {
        self.vector.length() <= self.offset
    }

    /// Puts the next element.
    pub(crate) fn push(&mut self, value: V) {
        self.vector.set(self.offset, value);
        self.offset = self.offset.wrapping_add(1);
    }
}

impl<V: Node, P: Place> Node for Filling<V, P> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        let (offset, vector) = (read_at(tree, &["offset"])?, read_at(tree, P::PATH)?);
        Ok(Self { offset, vector, place: PhantomData })
    }

    fn write(&self, dir: &mut Tree) -> Result<(), StateError> {
        write_at(&self.offset, dir, &["offset"])?;
        write_at(&self.vector, dir, P::PATH)
    }
}
