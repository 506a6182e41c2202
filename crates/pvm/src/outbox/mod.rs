//! Outboxes of a state, and proofs that a message is in one.
//!
//! A proof is what executes an outbox message on the layer-1: it starts from the hash of a cemented state, and reading
//! the message at its place in the tree of the proof has to give the message.

use crate::buffers::OutputBuffer;
use crate::host::MESSAGE_MAX;
use crate::state::{self, StateError};
use bytes::Bytes;
use soru_base::bin::{Binary, DecodeError, Reader, put_n64};
use soru_base::hash::StateHash;
use soru_base::level::Level;
use soru_merkle::Tree;
use soru_merkle::proof::{self, Proof, ProofError};
use thiserror::Error;

/// The messages in the outbox of a level. Nothing if that outbox is not there: too old, or not yet opened.
pub fn outbox(tree: &Tree, level: Level) -> Result<Option<Vec<Bytes>>, StateError> {
    output_buffer(tree)?.map_or(Ok(None), |output| output.outbox(level))
}

/// One message of an outbox, if it is there.
pub fn get_output(tree: &Tree, level: Level, index: u64) -> Result<Option<Bytes>, StateError> {
    output_buffer(tree)?.map_or(Ok(None), |output| output.message(level, index))
}

// Both buffers are read, as the reference does: a proof of its verifier's needs has to hold them.
fn output_buffer(tree: &Tree) -> Result<Option<OutputBuffer>, StateError> {
    Ok(state::buffers(tree)?.map(|(_, output)| output))
}

/// A message and its place in the outboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Level of the outbox.
    pub level: Level,
    /// Index in that outbox.
    pub index: u64,
    /// The bytes that the kernel wrote.
    pub message: Bytes,
}

/// A proof that a state holds an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputProof {
    /// The part of the state in which the output is.
    pub proof: Proof,
    /// The output.
    pub output: Output,
}

/// Why there is no proof of an output, or why it proves nothing.
#[derive(Debug, Clone, Error)]
pub enum OutputError {
    /// There is no such message.
    #[error("the outbox of level {level} has no message {index}")]
    NoMessage {
        /// Level of the outbox.
        level: Level,
        /// Index in that outbox.
        index: u64,
    },
    /// There is another message at that place.
    #[error("message {index} of the outbox of level {level} is another one")]
    OtherMessage {
        /// Level of the outbox.
        level: Level,
        /// Index in that outbox.
        index: u64,
    },
    /// The proof is bad.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

impl OutputProof {
    /// Makes the proof that message `index` of the outbox of `level` is in the state `tree`.
    pub fn produce(tree: &Tree, level: Level, index: u64) -> Result<Self, OutputError> {
        let (proof, message) = proof::produce(tree, |tree| -> Result<_, OutputError> {
            let message = get_output(&tree, level, index)?.ok_or(OutputError::NoMessage { level, index })?;
            Ok((tree, message))
        })?;
        Ok(Self { proof, output: Output { level, index, message } })
    }

    /// The state that the proof speaks of. Whether it is a good one is for others to know.
    pub fn state_hash(&self) -> StateHash {
        self.proof.before().into()
    }

    /// Checks that the state of the proof holds the output.
    pub fn verify(&self) -> Result<&Output, OutputError> {
        let Output { level, index, message } = &self.output;
        let (level, index) = (*level, *index);
        let (_, found) = proof::verify(&self.proof, |tree| -> Result<_, OutputError> {
            let found = get_output(&tree, level, index)?;
            Ok((tree, found))
        })?;
        match found {
            Some(found) if found == *message => Ok(&self.output),
            Some(_) => Err(OutputError::OtherMessage { level, index }),
            None => Err(OutputError::NoMessage { level, index }),
        }
    }
}

/// The proof, then level, index and message; the message takes the rest.
impl Binary for OutputProof {
    fn write(&self, out: &mut Vec<u8>) {
        self.proof.write(out);
        self.output.level.write(out);
        put_n64(out, self.output.index);
        out.extend_from_slice(&self.output.message);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let proof = Proof::read(r)?;
        let (level, index) = (Level::read(r)?, r.n64("index of the message")?);
        if r.remaining() > MESSAGE_MAX {
            let reason = format!("{} bytes are more than the limit of {MESSAGE_MAX}", r.remaining());
            return Err(r.invalid("outbox message", reason));
        }
        let message = Bytes::copy_from_slice(r.rest());
        Ok(Self { proof, output: Output { level, index, message } })
    }
}

#[cfg(test)]
mod tests;
