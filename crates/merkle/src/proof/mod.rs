//! Proofs: partial trees with the hash of the whole, and what a step on them leads to.

mod encoding;
mod partial;
mod parts;
mod recorder;
#[cfg(test)]
mod tests;
mod walk;

pub use walk::Seen;

use crate::error::TreeError;
use crate::tree::{Kind, Tree};
use parts::Parts;
use soru_base::ContextHash;
use thiserror::Error;

/// Why a proof could not be made, or proves nothing.
#[derive(Debug, Clone, Error)]
pub enum ProofError {
    /// The tree could not be read; in a proof mostly because it does not hold what is read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The hash of the partial tree is not the one it claims to start from.
    #[error("the proof starts from {claimed}, but its tree has the hash {found}")]
    Before {
        /// In the header of the proof.
        claimed: ContextHash,
        /// Of its tree.
        found: ContextHash,
    },
    /// The step does not lead where the proof claims.
    #[error("the proof claims to lead to {claimed}, but the step leads to {found}")]
    After {
        /// In the header of the proof.
        claimed: ContextHash,
        /// After the step.
        found: ContextHash,
    },
    /// The parts do not fit together.
    #[error("the proof is malformed: {0}")]
    Malformed(&'static str),
}

/// A claim that a step leads from the tree `before` to the tree `after`, with all of `before` that the step reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    before: (Kind, ContextHash),
    after: (Kind, ContextHash),
    tree: Parts,
}

/// Runs `step` on `tree` and makes the proof of what it does: it holds all that the step reads, and nothing else.
///
/// The step gets a tree that notes what is loaded, through clones and grafts, and gives back the tree it ends with. A proof
/// of more than 2^20 parts is refused.
pub fn produce<A, E: From<ProofError>>(
    tree: &Tree,
    step: impl FnOnce(Tree) -> Result<(Tree, A), E>,
) -> Result<(Proof, A), E> {
    let before = root_of(tree)?;
    let recorder = recorder::Recorder::new();
    let recorded = recorder.watch(tree).map_err(wrap)?;
    let (end, answer) = step(recorded)?;
    let after = root_of(&end)?;
    let tree = recorder.partial(tree).map_err(wrap)?;
    Ok((Proof { before, after, tree }, answer))
}

/// Runs `step` on the partial tree of `proof` and checks that it leads where the proof says. Gives the tree the step
/// ends with, and its answer.
pub fn verify<A, E: From<ProofError>>(
    proof: &Proof,
    step: impl FnOnce(Tree) -> Result<(Tree, A), E>,
) -> Result<(Tree, A), E> {
    let (end, answer) = step(proof.to_tree()?)?;
    let found = root_of(&end)?;
    if found != proof.after {
        return Err(ProofError::After { claimed: proof.after.1, found: found.1 }.into());
    }
    Ok((end, answer))
}

impl Proof {
    /// Hash of the tree the proof starts from.
    pub fn before(&self) -> ContextHash {
        self.before.1
    }

    /// Hash of the tree the proof leads to.
    pub fn after(&self) -> ContextHash {
        self.after.1
    }

    /// The partial tree, in which reading what the proof does not hold is an error. Its hash was checked to be
    /// [`before`](Self::before).
    pub fn to_tree(&self) -> Result<Tree, ProofError> {
        let tree = partial::tree(&self.tree)?;
        let found = root_of(&tree)?;
        if found != self.before {
            return Err(ProofError::Before { claimed: self.before.1, found: found.1 });
        }
        Ok(tree)
    }
}

fn root_of(tree: &Tree) -> Result<(Kind, ContextHash), ProofError> {
    Ok((tree.kind(), tree.hash()?))
}

fn wrap(cause: crate::error::LoadError) -> ProofError {
    TreeError { path: Vec::new(), cause }.into()
}
