//! The containers a state is made of, each with its form in the tree.
//!
//! They are lazy: a container keeps the subtree it came from, reads an entry when asked, and writes what has changed.
//! This is more than economy: what a vector no longer counts among its elements stays in its subtree and in the hash,
//! and what is never read stays out of a proof.

mod bytes;
mod chunks;
mod entries;
mod leaf;
mod map;
mod mapping;
mod names;
pub(crate) mod node;
mod vector;
mod vector32;

pub use bytes::ByteVector;
pub(crate) use chunks::{Chunks, ChunksError};
pub(crate) use leaf::{read_leaf, require_leaf};
pub(crate) use map::LazyMap;
pub(crate) use mapping::{Joining, Mapping};
pub(crate) use names::Names;
pub(crate) use node::{Leaf, Maybe, Node, Text, leaf_nodes, record, union};
pub(crate) use vector::LazyVector;
pub(crate) use vector32::{Filling, Place, Vec32, VectorError, WRITTEN_MAX};

use crate::state::StateError;
use soru_merkle::Tree;

/// What a lazy container can hold: something with a form as a subtree.
pub(crate) trait Item: Clone {
    /// Reads it from its subtree.
    fn decode(tree: &Tree) -> Result<Self, StateError>;
    /// Its subtree.
    fn encode(&self) -> Result<Tree, StateError>;
}
