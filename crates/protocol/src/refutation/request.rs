//! What the machine takes in a tick, as prover and verifier see it: one set of rules for both.

use super::{Game, InputProof, RevealProof};
use crate::inbox::{InboxProof, InboxProofError, InternalMessage, ProvedMessage};
use soru_base::{Binary, DecodeError, Level};
use soru_pvm::reveal::{Metadata, PreimageHash, RevealRequest};
use soru_pvm::state::{InputPlace, Status};
use soru_pvm::step_proof::StepInput;
use thiserror::Error;

/// What the machine asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Nothing,
    /// The first message of all: the start of the level after the origination.
    FirstMessage,
    /// The message that follows.
    MessageAfter(InputPlace),
    Page(PreimageHash),
    Metadata,
}

/// Why an input proof gives the machine nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InputError {
    /// The bytes are no inbox proof.
    #[error("no inbox proof: {0}")]
    InboxEncoding(#[from] DecodeError),
    /// The inbox proof proves nothing.
    #[error(transparent)]
    Inbox(#[from] InboxProofError),
    /// There is no place behind it.
    #[error("no message follows the one with the counter {counter}")]
    Counter {
        /// The counter.
        counter: u64,
    },
    /// Longer than a page.
    #[error("a page of {size} bytes, where at most {} are allowed", RevealProof::RAW_DATA_MAX)]
    PageTooLarge {
        /// Its size.
        size: usize,
    },
    /// The data availability layer, which no rollup here can ask.
    #[error("a proof about the data availability layer, which is not active")]
    Dal,
}

impl Request {
    /// What a machine needs that took `last` before.
    pub(super) fn of(status: &Status, last: Option<InputPlace>) -> Self {
        match (status, last) {
            (Status::Computing, _) => Self::Nothing,
            (Status::InputRequired, None) => Self::FirstMessage,
            (Status::InputRequired, Some(place)) => Self::MessageAfter(place),
            // Before the first message no reveal is enabled.
            (Status::RevealRequired(_), None) => Self::empty_page(),
            (Status::RevealRequired(request), Some(_)) => match RevealRequest::parse(request) {
                RevealRequest::Preimage(hash) => Self::Page(hash),
                RevealRequest::Metadata => Self::Metadata,
                RevealRequest::Unknown => Self::empty_page(),
            },
        }
    }

    fn empty_page() -> Self {
        Self::Page(PreimageHash::of_page(&[]))
    }

    /// Whether `proof` is about that.
    pub(super) fn is_met_by(&self, proof: Option<&InputProof>) -> bool {
        match (self, proof) {
            (Self::Nothing, None)
            | (Self::FirstMessage, Some(InputProof::FirstInput))
            | (Self::Metadata, Some(InputProof::RevealProof(RevealProof::MetadataProof))) => true,
            (Self::MessageAfter(place), Some(InputProof::InboxProof { level, message_counter, .. })) => {
                *place == InputPlace { level: *level, counter: *message_counter }
            }
            (Self::Page(hash), Some(InputProof::RevealProof(RevealProof::RawDataProof(page)))) => {
                PreimageHash::of_page(page) == *hash
            }
            _ => false,
        }
    }
}

/// What the machine takes, by a proof of it.
pub(super) fn given_by(
    proof: Option<&InputProof>,
    game: &Game,
    metadata: Metadata,
) -> Result<StepInput, InputError> {
    let message = match proof {
        None => return Ok(StepInput::Nothing),
        Some(InputProof::RevealProof(proof)) => return answer(proof, metadata),
        Some(InputProof::FirstInput) => Some(ProvedMessage {
            level: metadata.origination_level.next(),
            counter: 0,
            message: InternalMessage::start_of_level(),
        }),
        Some(InputProof::InboxProof { level, message_counter: counter, serialized_proof }) => {
            let next = counter.checked_add(1).ok_or(InputError::Counter { counter: *counter })?;
            InboxProof::from_bytes(serialized_proof)?.verify(&game.inbox_snapshot, *level, next)?
        }
    };
    let covered = |level: Level| metadata.origination_level < level && level <= game.inbox_level;
    Ok(match message.filter(|message| covered(message.level)) {
        None => StepInput::Nothing,
        Some(ProvedMessage { level, counter, message }) => {
            StepInput::Message { place: InputPlace { level, counter }, message: message.0 }
        }
    })
}

fn answer(proof: &RevealProof, metadata: Metadata) -> Result<StepInput, InputError> {
    match proof {
        RevealProof::RawDataProof(page) if page.len() > RevealProof::RAW_DATA_MAX => {
            Err(InputError::PageTooLarge { size: page.len() })
        }
        RevealProof::RawDataProof(page) => Ok(StepInput::Reveal(page.clone())),
        RevealProof::MetadataProof => Ok(StepInput::Reveal(metadata.to_bytes())),
        RevealProof::DalPageProof { .. } | RevealProof::DalParametersProof => Err(InputError::Dal),
    }
}
