//! The memory of a run as the machine keeps it in its state.

use super::ready::{Place, fits, instance};
use super::{HandoverError, Ready};
use crate::eval::Evaluator;
use crate::init::Initialiser;
use crate::lazy::Chunks;
use crate::state::StateError;
use soru_merkle::Tree;

impl Ready {
    /// The same, all of it in a tree: from now on a copy costs nothing, and what is written is what has changed since.
    pub fn settled(mut self) -> Result<Self, StateError> {
        let (place, tree) = match &mut self.place {
            Place::Start(initialiser) => {
                let tree = initialiser.write()?;
                (Place::Start(Box::new(Initialiser::read(&tree)?)), tree)
            }
            Place::Run(evaluator) => {
                let tree = evaluator.write()?;
                (Place::Run(Box::new(Evaluator::read(&tree)?)), tree)
            }
        };
        tree.hash()?;
        self.place = place;
        Ok(self)
    }

    /// What is written in memory 0 of the instance: the subtree in which the machine keeps it, in chunks of 512 bytes by their
    /// numbers. A chunk that is not there is all zeros.
    pub fn memory(&self) -> Result<Tree, HandoverError> {
        let mut settled = self.clone().settled()?;
        let instance = instance(settled.place.parts_mut()?.1)?;
        if instance.memories.length() == 0 {
            return Ok(Tree::empty());
        }
        let memory = fits(instance.memories.look(0), "memory 0")?;
        Ok(memory.chunks.contents().cloned().unwrap_or_default())
    }

    /// The same with such a subtree in memory 0, of so many pages.
    pub fn with_memory(&self, pages: u32, contents: &Tree) -> Result<Self, HandoverError> {
        let mut ready = self.clone();
        let instance = instance(ready.place.parts_mut()?.1)?;
        if instance.memories.length() == 0 {
            return Ok(ready);
        }
        let memory = fits(instance.memories.get_mut(0), "memory 0")?;
        let contents = (!contents.is_empty().map_err(StateError::from)?).then(|| contents.clone());
        memory.min = pages as i32;
        memory.chunks = Chunks::with_contents(i64::from(pages) << 16, contents);
        Ok(ready)
    }
}
