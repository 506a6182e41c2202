//! A map from numbers to items, one subtree each.

use super::Item;
use crate::state::StateError;
use soru_merkle::Tree;
use std::collections::BTreeMap;

/// A map whose entries are read when asked for. Keys are written in decimal.
#[derive(Debug, Clone)]
pub(crate) struct LazyMap<V> {
    origin: Tree,
    // `None`: removed.
    changes: BTreeMap<i64, Option<V>>,
}

impl<V> Default for LazyMap<V> {
    fn default() -> Self {
        Self::of_tree(Tree::empty())
    }
}

impl<V> LazyMap<V> {
    /// The map that a subtree holds.
    pub(crate) fn of_tree(origin: Tree) -> Self {
        Self { origin, changes: BTreeMap::new() }
    }
}

impl<V: Item> LazyMap<V> {
    /// The entry at `key`, if there is one.
    pub(crate) fn get(&self, key: i64) -> Result<Option<V>, StateError> {
        if let Some(change) = self.changes.get(&key) {
            return Ok(change.clone());
        }
        self.origin.find_tree(&[key.to_string()])?.map(|tree| V::decode(&tree)).transpose()
    }

    /// Puts an entry.
    pub(crate) fn set(&mut self, key: i64, value: V) {
        self.changes.insert(key, Some(value));
    }

    /// Removes an entry.
    pub(crate) fn remove(&mut self, key: i64) {
        self.changes.insert(key, None);
    }

    /// Its subtree.
    pub(crate) fn encode(&self) -> Result<Tree, StateError> {
        let mut tree = self.origin.clone();
        for (key, change) in &self.changes {
            let path = [key.to_string()];
            match change {
                Some(value) => tree.insert_tree(&path, value.encode()?)?,
                None => tree.remove(&path)?,
            }
        }
        Ok(tree)
    }
}
