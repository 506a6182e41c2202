//! A vector with a head that can move: `head`, `length`, `contents/<key>`.

use super::{Item, LazyMap, require_leaf};
use crate::state::StateError;
use num_bigint::BigInt;
use soru_base::bin::{DecodeError, Reader, put_z};
use soru_merkle::Tree;

/// A vector whose elements are read when asked for. Element `i` is kept under the key `head + i`.
///
/// Head and length are written as numbers of variable length.
#[derive(Debug, Clone)]
pub(crate) struct LazyVector<V> {
    head: i64,
    length: i64,
    contents: LazyMap<V>,
}

impl<V> Default for LazyVector<V> {
    fn default() -> Self {
        Self { head: 0, length: 0, contents: LazyMap::default() }
    }
}

impl<V: Item> LazyVector<V> {
    /// Number of elements.
    pub(crate) fn len(&self) -> u64 {
        self.length as u64
    }

    /// Whether it has no element.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Element number `index`; nothing beyond the end.
    pub(crate) fn get(&self, index: u64) -> Result<Option<V>, StateError> {
        if index >= self.len() {
            return Ok(None);
        }
        let key = self.key(index as i64)?;
        let value = self.contents.get(key)?;
        value.ok_or_else(|| StateError::missing(&["contents", &key.to_string()])).map(Some)
    }

    /// Adds an element at the end and says its index.
    pub(crate) fn append(&mut self, value: V) -> Result<u64, StateError> {
        let key = self.key(self.length)?;
        let index = self.len();
        self.length = self.length.checked_add(1).ok_or_else(too_long)?;
        self.contents.set(key, value);
        Ok(index)
    }

    /// Takes the first element. Its entry is removed.
    pub(crate) fn pop(&mut self) -> Result<Option<V>, StateError> {
        let Some(value) = self.get(0)? else { return Ok(None) };
        self.contents.remove(self.head);
        self.head = self.head.checked_add(1).ok_or_else(too_long)?;
        self.length -= 1;
        Ok(Some(value))
    }

    /// The vector in the directory at `path`.
    pub(crate) fn decode_at(tree: &Tree, path: &[&str]) -> Result<Self, StateError> {
        let below = tree.find_tree(path)?.unwrap_or_default();
        let contents = LazyMap::of_tree(below.find_tree(&["contents"])?.unwrap_or_default());
        let length = require_leaf(&below, &["length"], number)?;
        let head = require_leaf(&below, &["head"], number)?;
        if length < 0 {
            return Err(StateError::malformed(&["length"], format!("{length} elements")));
        }
        Ok(Self { head, length, contents })
    }

    /// Writes the vector into the directory at `path`; other children of the directory stay.
    pub(crate) fn encode_at(&self, tree: &mut Tree, path: &[&str]) -> Result<(), StateError> {
        let mut below = tree.find_tree(path)?.unwrap_or_default();
        below.insert_tree(&["contents"], self.contents.encode()?)?;
        for (name, value) in [("length", self.length), ("head", self.head)] {
            let mut bytes = Vec::new();
            put_z(&mut bytes, &BigInt::from(value));
            below.insert(&[name], bytes)?;
        }
        Ok(tree.insert_tree(path, below)?)
    }

    fn key(&self, index: i64) -> Result<i64, StateError> {
        self.head.checked_add(index).ok_or_else(too_long)
    }
}

fn too_long() -> StateError {
    StateError::malformed(&["head"], "a key beyond 64 bits")
}

fn number(r: &mut Reader<'_>) -> Result<i64, DecodeError> {
    let z = r.z("number")?;
    i64::try_from(&z).map_err(|_| r.invalid("number", format!("{z} does not fit 64 bits")))
}

impl<V: Item> Item for LazyVector<V> {
    fn decode(tree: &Tree) -> Result<Self, StateError> {
        Self::decode_at(tree, &[])
    }

    fn encode(&self) -> Result<Tree, StateError> {
        let mut tree = Tree::empty();
        self.encode_at(&mut tree, &[])?;
        Ok(tree)
    }
}
