//! The memory of a run as the machine keeps it in its state, brought from one moment of the run to another.

use super::ready::{Place, fits, instance};
use super::{HandoverError, Ready};
use crate::eval::Evaluator;
use crate::init::Initialiser;
use crate::lazy::Chunks;
use crate::state::StateError;
use soru_base::ContextHash;
use soru_merkle::Tree;

/// What was written to memory 0, in chunks of 512 bytes, as the subtree that the machine keeps it in. A copy costs nothing, and
/// a hash what has changed.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree(Tree);

impl MemoryTree {
    /// Puts the bytes of a chunk.
    pub fn put(&mut self, chunk: u32, bytes: &[u8]) -> Result<(), StateError> {
        Ok(self.0.insert(&[chunk.to_string()], bytes.to_vec())?)
    }

    /// Makes a chunk one that was never written.
    pub fn remove(&mut self, chunk: u32) -> Result<(), StateError> {
        Ok(self.0.remove(&[chunk.to_string()])?)
    }

    /// The hash of the subtree.
    pub fn hash(&self) -> Result<ContextHash, StateError> {
        Ok(self.0.hash()?)
    }
}

impl Ready {
    /// The same, all of it in a tree: from now on a copy costs nothing, and what is written is what has changed since.
    pub fn settled(mut self) -> Result<Self, StateError> {
        let (place, tree) = match &mut self.place {
            Place::Start(initialiser) => {
                let tree = initialiser.write()?;
                (Place::Start(Initialiser::read(&tree)?), tree)
            }
            Place::Run(evaluator) => {
                let tree = evaluator.write()?;
                (Place::Run(Evaluator::read(&tree)?), tree)
            }
        };
        tree.hash()?;
        self.place = place;
        Ok(self)
    }

    /// Memory 0 of the instance.
    pub fn memory(&self) -> Result<MemoryTree, HandoverError> {
        let mut settled = self.clone().settled()?;
        let instance = instance(settled.place.parts_mut()?.1)?;
        if instance.memories.length() == 0 {
            return Ok(MemoryTree::default());
        }
        let memory = fits(instance.memories.look(0), "memory 0")?;
        Ok(MemoryTree(memory.chunks.contents().cloned().unwrap_or_default()))
    }

    /// The same with that in memory 0, of so many pages.
    pub fn with_memory(&self, pages: u32, contents: &MemoryTree) -> Result<Self, HandoverError> {
        let mut ready = self.clone();
        let instance = instance(ready.place.parts_mut()?.1)?;
        if instance.memories.length() == 0 {
            return Ok(ready);
        }
        let memory = fits(instance.memories.get_mut(0), "memory 0")?;
        let contents = (!contents.0.is_empty().map_err(StateError::from)?).then(|| contents.0.clone());
        memory.min = pages as i32;
        memory.chunks = Chunks::with_contents(i64::from(pages) << 16, contents);
        Ok(ready)
    }
}
