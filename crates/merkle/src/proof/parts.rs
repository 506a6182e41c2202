//! The partial tree of a proof.

use crate::tree::Name;
use bytes::Bytes;
use soru_base::ContextHash;
use std::ops::Index;

/// A partial tree, flat: each part comes before those below it, as in the encoding, and refers to them by their index. So
/// no proof is too deep to be compared, cloned or dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Parts(Vec<Part>);

/// A tree, or a level of the trie of a directory. Trees are the first part and what is below entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Leaf(Bytes),
    BlindedLeaf(ContextHash),
    /// A directory or a level.
    Blinded(ContextHash),
    Entries(Vec<(Name, usize)>),
    Branch {
        count: u64,
        children: [Option<usize>; 2],
    },
    /// A run of branches with one child each.
    Extender {
        count: u64,
        /// Which child, from the top down.
        segment: Vec<bool>,
        below: usize,
    },
}

/// Where a part belongs: at the root, or below another part.
pub(super) enum Slot {
    Root,
    Entry(usize, Name),
    Child(usize, bool),
    Below(usize),
}

impl Parts {
    /// The root.
    pub(super) const ROOT: usize = 0;

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Part> {
        self.0.iter()
    }

    /// Adds a part, without anything below it yet. Gives its index.
    pub(super) fn add(&mut self, slot: Slot, part: Part) -> usize {
        let index = self.0.len();
        match slot {
            Slot::Root => {}
            Slot::Entry(parent, name) => {
                if let Part::Entries(entries) = &mut self.0[parent] {
                    entries.push((name, index));
                }
            }
            Slot::Child(parent, bit) => {
                if let Part::Branch { children, .. } = &mut self.0[parent] {
                    children[usize::from(bit)] = Some(index);
                }
            }
            Slot::Below(parent) => {
                if let Part::Extender { below, .. } = &mut self.0[parent] {
                    *below = index;
                }
            }
        }
        self.0.push(part);
        index
    }
}

impl Index<usize> for Parts {
    type Output = Part;

    fn index(&self, index: usize) -> &Part {
        &self.0[index]
    }
}
