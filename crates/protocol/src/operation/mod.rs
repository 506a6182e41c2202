//! Manager operations: what an account asks the layer-1 to do, in the network's binary and JSON forms.

mod action;
mod binary;
mod json;
mod signed;

pub use action::{Action, Content, Parameters, PvmKind, RevealProof, Script};
pub use signed::SignedOperation;

use soru_base::{Binary, BlockHash, PublicKeyHash};

/// Bytes of a signed operation, at most.
pub const MAX_OPERATION_SIZE: usize = 32 * 1024;

/// An operation without its signature: contents of one source, applied all or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// A recent block: the operation is valid on chains that have it, and for a limited time.
    pub branch: BlockHash,
    /// What to do, in order; never empty when read.
    pub contents: Vec<Content>,
}

impl Operation {
    /// The bytes to sign (after the watermark).
    pub fn forge(&self) -> Vec<u8> {
        self.to_bytes()
    }

    /// The account that pays, if there is a content.
    pub fn source(&self) -> Option<PublicKeyHash> {
        self.contents.first().map(|c| c.source)
    }
}

#[cfg(test)]
mod tests;
