//! A map by name: one subtree a name, directly below.

use super::node::Node;
use crate::state::StateError;
use soru_merkle::Tree;
use std::collections::BTreeMap;

/// A map whose entries are read when asked for. Names are any bytes.
#[derive(Debug, Clone)]
pub(crate) struct Names<V> {
    // As it was read or written last.
    origin: Tree,
    entries: BTreeMap<Vec<u8>, Named<V>>,
}

#[derive(Debug, Clone)]
struct Named<V> {
    value: V,
    is_changed: bool,
}

impl<V> Default for Names<V> {
    fn default() -> Self {
        Self { origin: Tree::empty(), entries: BTreeMap::new() }
    }
}

impl<V: Node> Names<V> {
    pub(crate) fn set(&mut self, name: &[u8], value: V) {
        self.entries.insert(name.to_vec(), Named { value, is_changed: true });
    }

    /// The entry of that name, if there is one, to look into: it must not be changed.
    pub(crate) fn look(&mut self, name: &[u8]) -> Result<Option<&mut V>, StateError> {
        self.look_up(name).map(|found| found.map(|named| &mut named.value))
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, name: &[u8]) -> Result<Option<&mut V>, StateError> {
        Ok(self.look_up(name)?.map(|named| {
            named.is_changed = true;
            &mut named.value
        }))
    }

    fn look_up(&mut self, name: &[u8]) -> Result<Option<&mut Named<V>>, StateError> {
        if !self.entries.contains_key(name) {
            let Some(tree) = self.origin.find_tree(&[name])? else { return Ok(None) };
            let value = V::read(&tree).map_err(|e| e.below(&[&String::from_utf8_lossy(name)]))?;
            self.entries.insert(name.to_vec(), Named { value, is_changed: false });
        }
        Ok(self.entries.get_mut(name))
    }
}

impl<V: Node> Node for Names<V> {
    fn read(tree: &Tree) -> Result<Self, StateError> {
        Ok(Self { origin: tree.clone(), entries: BTreeMap::new() })
    }

    fn write(&mut self, dir: &mut Tree) -> Result<(), StateError> {
        for (name, named) in &mut self.entries {
            if std::mem::take(&mut named.is_changed) {
                let mut below = Tree::empty();
                named.value.write(&mut below).map_err(|e| e.below(&[&String::from_utf8_lossy(name)]))?;
                self.origin.insert_tree(&[name.as_slice()], below)?;
            }
        }
        *dir = self.origin.clone();
        Ok(())
    }
}
