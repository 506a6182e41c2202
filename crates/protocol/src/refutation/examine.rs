use super::request::{InputError, Request, given_by};
use super::{Game, InputProof, ProvedTick, RefutationProof, Verdict};
use crate::inbox::InboxProof;
use soru_base::{Binary, DecodeError, Level};
use soru_merkle::proof::Proof;
use soru_pvm::reveal::Metadata;
use soru_pvm::state::Status;
use soru_pvm::step_proof::{StepError, StepInput, StepProof};
use thiserror::Error;

/// Why a proof proves nothing.
#[derive(Debug, Clone, Error)]
pub enum RefusedProofError {
    /// The bytes are no proof of a step.
    #[error("no proof of a step: {0}")]
    Encoding(#[from] DecodeError),
    /// The input is not proved.
    #[error("the proof of the input: {0}")]
    Input(#[from] InputError),
    /// The step does not lead where the proof says.
    #[error("the proof of the step: {0}")]
    Step(#[from] StepError),
    /// The input is not what the machine asks for.
    #[error("the input is not the one that the machine asks for")]
    AnotherInput,
}

/// Examines a proof that was played in `game`, about the rollup that `metadata` tells of.
///
/// What cannot be seen here is whether the level that the proof reads has the length it claims: whoever knows the inbox
/// compares [`RefutationProof::claimed_last`] before.
///
/// Only bytes that are no proof of a step are malformed; everything else that is wrong makes a wrong proof, the bytes of
/// an inbox proof included. The work is bounded by the size of the proof.
pub fn examine(game: &Game, proof: &RefutationProof, metadata: Metadata) -> Verdict {
    match proved_tick(game, proof, metadata) {
        Ok(tick) => Verdict::Valid(tick),
        Err(RefusedProofError::Encoding(error)) => Verdict::Malformed(error.to_string()),
        Err(_) => Verdict::Invalid,
    }
}

impl RefutationProof {
    /// The level whose messages the proof of the inbox goes through, and the counter of its last message, as the proof has
    /// it: see [`InboxProof::claimed_last`]. `None` if there is no such proof.
    pub fn claimed_last(&self) -> Option<(Level, u64)> {
        match &self.input_proof {
            Some(InputProof::InboxProof { level, serialized_proof, .. }) => {
                let last = InboxProof::from_bytes(serialized_proof).ok()?.claimed_last()?;
                Some((*level, last))
            }
            _ => None,
        }
    }
}

/// The tick that a proof proves, or why it proves none.
pub(super) fn proved_tick(
    game: &Game,
    proof: &RefutationProof,
    metadata: Metadata,
) -> Result<ProvedTick, RefusedProofError> {
    let step = Proof::from_bytes(&proof.pvm_step)?;
    let input = given_by(proof.input_proof.as_ref(), game, metadata)?;
    let blocked = input == StepInput::Nothing;
    let proved = StepProof { proof: step, input }.verify()?;
    if !Request::of(&proved.status, proved.last_input).is_met_by(proof.input_proof.as_ref()) {
        return Err(RefusedProofError::AnotherInput);
    }
    let blocked = blocked && proved.status == Status::InputRequired;
    Ok(ProvedTick { start: proved.start, stop: (!blocked).then_some(proved.stop) })
}

#[cfg(test)]
#[path = "examine_tests.rs"]
mod tests;
