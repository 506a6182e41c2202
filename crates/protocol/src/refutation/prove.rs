use super::examine::{RefusedProofError, proved_tick};
use super::request::{InputError, Request, given_by};
use super::{Game, InputProof, RefutationProof, RevealProof};
use crate::inbox::{InboxProof, InboxProofError, InboxSource};
use soru_base::Binary;
use soru_merkle::Tree;
use soru_pvm::Machine;
use soru_pvm::reveal::{Metadata, PreimageSource, RevealError, RollupReveals};
use soru_pvm::state::StateError;
use soru_pvm::step_proof::{StepError, StepProof};
use thiserror::Error;

/// Why a tick cannot be proved.
#[derive(Debug, Clone, Error)]
pub enum ProveError {
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The next message cannot be proved.
    #[error("the proof of the inbox: {0}")]
    Inbox(#[from] InboxProofError),
    /// The page that the kernel asks for is not there.
    #[error("the proof of a page: {0}")]
    Page(#[from] RevealError),
    /// The input would be refused.
    #[error("the proof of the input would be refused: {0}")]
    Input(#[from] InputError),
    /// The state has no next one.
    #[error("the proof of the step: {0}")]
    Step(#[from] StepError),
    /// The proof would be refused.
    #[error("the proof would be refused: {0}")]
    Refused(#[from] RefusedProofError),
}

/// Makes the proof of the tick that leads on from `state` in `game`, with the inbox and the pages that it needs.
///
/// The proof was examined: what comes out is [valid](super::Verdict::Valid) in this game.
pub fn prove(
    state: &Tree,
    game: &Game,
    metadata: Metadata,
    inbox: &dyn InboxSource,
    preimages: &mut dyn PreimageSource,
) -> Result<RefutationProof, ProveError> {
    let machine = Machine::from_tree(state)?;
    let input_proof = match Request::of(&machine.status(), machine.last_input) {
        Request::Nothing => None,
        Request::FirstMessage => Some(InputProof::FirstInput),
        Request::MessageAfter(place) => {
            let next = place.counter.checked_add(1).ok_or(InputError::Counter { counter: place.counter })?;
            let (proof, _) = InboxProof::produce(inbox, &game.inbox_snapshot, place.level, next)?;
            Some(InputProof::InboxProof {
                level: place.level,
                message_counter: place.counter,
                serialized_proof: proof.to_bytes(),
            })
        }
        Request::Page(hash) => {
            let page = RollupReveals { metadata, preimages }.page(hash)?;
            Some(InputProof::RevealProof(RevealProof::RawDataProof(page)))
        }
        Request::Metadata => Some(InputProof::RevealProof(RevealProof::MetadataProof)),
    };
    let input = given_by(input_proof.as_ref(), game, metadata)?;
    let step = StepProof::produce(state, input)?;
    let proof = RefutationProof { pvm_step: step.proof.to_bytes(), input_proof };
    proved_tick(game, &proof, metadata)?;
    Ok(proof)
}
